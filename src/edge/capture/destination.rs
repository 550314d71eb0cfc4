//! Where a bundle goes: a directory, an archive, or standard output; whole, or not there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::bundle::{self, TEMPORARY};
use super::{clock, facts};
use crate::wire::bundle::Manifest;

/// How the name of an archive ends.
const ARCHIVE: &str = ".tar.zst";

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A directory that is not there yet.
    Directory(PathBuf),
    /// A `.tar.zst`.
    Archive(PathBuf),
    /// A `.tar.zst` on standard output.
    Stdout,
}

impl Destination {
    /// What was typed; nothing: an archive in this directory, named by host and time.
    pub fn of(typed: Option<&Path>) -> Self {
        match typed {
            Some(path) if path == Path::new("-") => Self::Stdout,
            Some(path) if path.to_string_lossy().ends_with(ARCHIVE) => Self::Archive(path.to_path_buf()),
            Some(path) => Self::Directory(path.to_path_buf()),
            None => Self::Archive(PathBuf::from(default_name() + ARCHIVE)),
        }
    }
}

/// `conntriage-web8-20261127T040000Z`. The name of a host is what somebody gave it: only harmless characters stay.
fn default_name() -> String {
    let harmless = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let host: String = facts::host_name().chars().filter(harmless).take(64).collect();
    let host = host.trim_start_matches('.');
    let time = clock::now().wall.rfc3339().unwrap_or_default();
    let time: String = time.chars().take_while(|c| *c != '.').filter(char::is_ascii_alphanumeric).collect();
    format!("conntriage-{}-{}Z", if host.is_empty() { "host" } else { host }, time.trim_end_matches('Z'))
}

/// A bundle that is being made: in a directory of its own until it is whole. One that is dropped leaves nothing.
#[derive(Debug)]
pub struct Unfinished {
    root: PathBuf,
    destination: Destination,
}

impl Unfinished {
    /// Begins one.
    pub fn begin(destination: Destination) -> io::Result<Self> {
        let root = match &destination {
            Destination::Directory(path) if fs::symlink_metadata(path).is_ok() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "is there already: a bundle is never added to",
                ));
            }
            Destination::Directory(path) | Destination::Archive(path) => beside(path)?,
            Destination::Stdout => {
                std::env::temp_dir().join(format!("conntriage-{}{TEMPORARY}", std::process::id()))
            }
        };
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        if let Some(above) = root.parent() {
            bundle::private_directory(above)?;
        }
        fs::DirBuilder::new().create(&root)?;
        let unfinished = Self { root, destination };
        fs::set_permissions(&unfinished.root, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        Ok(unfinished)
    }

    /// Its directory meanwhile.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts a file at its top.
    pub fn keep(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = private_file(&self.root.join(name))?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }

    /// Ends it: the manifest, and the bundle under its name. Tells where it is; none: on standard output.
    pub fn finish(self, manifest: &Manifest) -> io::Result<Option<PathBuf>> {
        bundle::keep_manifest(&self.root, manifest)?;
        match &self.destination {
            Destination::Directory(path) => {
                fs::rename(&self.root, path)?;
                if let Some(above) = path.parent() {
                    bundle::sync_directory(above)?;
                }
                Ok(Some(path.clone()))
            }
            Destination::Archive(path) => {
                let name =
                    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                let temporary = path.with_file_name(format!("{name}{TEMPORARY}"));
                let packed = pack_into(&self.root, name.trim_end_matches(ARCHIVE), &temporary)
                    .and_then(|()| fs::rename(&temporary, path));
                if packed.is_err() {
                    let _ = fs::remove_file(&temporary);
                }
                packed.map(|()| Some(path.clone()))
            }
            Destination::Stdout => {
                bundle::pack(&self.root, "conntriage", io::stdout().lock())?;
                Ok(None)
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Under its final name it is not here any more.
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn pack_into(root: &Path, name: &str, path: &Path) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 20, private_file(path)?);
    bundle::pack(root, name, &mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// A directory beside a path, on the same file system, so that a rename ends it.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    Ok(path.with_file_name(format!(".{name}.{}{TEMPORARY}", std::process::id())))
}

fn private_file(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}
