//! A message as a file that mail programs open.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::model::live::message::Letter;

/// Writes `DIRECTORY/ID.eml`, whole or not at all: under another name, synced, renamed. Writing it again gives the same
/// file.
pub fn write(directory: &Path, letter: &Letter) -> io::Result<PathBuf> {
    std::fs::create_dir_all(directory)?;
    let path = directory.join(format!("{}.eml", file_name(&letter.id)));
    let temporary = path.with_extension("eml.tmp");
    // What an attempt before left behind is removed; what anybody puts there since is not written to, nor followed.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&letter.bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, &path)?;
    File::open(directory)?.sync_all()?;
    Ok(path)
}

/// A Message-ID holds a host's name: nothing of it leads out of the directory.
fn file_name(id: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || ".-@".contains(c) { c } else { '_' };
    id.trim_start_matches('.').chars().map(safe).collect()
}
