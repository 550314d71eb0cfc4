//! What a watcher keeps: positions, open runs, incidents and messages in one SQLite file ([`state`], [`outbox`]), evidence
//! in one directory for each incident ([`evidence`]). One process at a time ([`lock`]).

pub mod evidence;
pub mod examine;
mod lock;
pub mod outbox;
mod schema;
pub mod state;

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// A directory of our own: made with mode 0700 where it is missing, refused where others could have put something in
/// its place.
pub fn private_directory(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let meta = std::fs::symlink_metadata(path)?;
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned()));
    if !meta.is_dir() {
        return refuse("is no directory (a symbolic link is not followed)");
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me {
        return refuse(&format!("belongs to user {}, and this program runs as {me}", meta.uid()));
    }
    if meta.mode() & 0o022 != 0 {
        return refuse("can be written to by others: chmod 700 it");
    }
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}
