//! A file for node_exporter's textfile collector: whole at any time, and readable to others. It is not synced: what it says
//! is old after a crash anyway.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes it under another name, which the collector does not read (it takes `*.prom`), and renames it.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let fill = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        // The collector runs as another user, whatever the umask of this one.
        file.set_permissions(Permissions::from_mode(0o644))?;
        std::fs::rename(&temporary, path)
    };
    let written = fill();
    if written.is_err() {
        // The error of the write is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
