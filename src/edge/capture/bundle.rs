//! Keeping evidence: files that are either whole or not there, in a directory that is either whole or named as a part.
//!
//! A file is written under a temporary name, synced and renamed; so is a capture's directory. Whatever dies in between
//! leaves nothing that could be taken for evidence, and [`sweep`] removes what it left.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::reading;
use crate::wire::bundle::{self, Manifest};

/// Files from this length on are compressed.
const PACKED_FROM_BYTES: usize = 16 * 1024;
/// zstd's fastest ordinary level.
const LEVEL: i32 = 1;
/// How often a file that is being written looks whether the disk has room.
const LOOK_EVERY_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of a file system that are left free, whatever evidence would need them.
pub const KEEP_FREE_BYTES: u64 = 256 * 1024 * 1024;
/// Of small file systems, so many hundredths instead.
const KEEP_FREE_PERCENT: u64 = 5;
/// How a name ends that is not yet to be believed.
pub const TEMPORARY: &str = ".partial";

/// A directory that files are being put into.
#[derive(Debug)]
pub struct Directory {
    /// Where it is now.
    path: PathBuf,
    /// Where it will be.
    wanted: PathBuf,
    /// Its files, by their path in it.
    files: Vec<bundle::File>,
}

impl Directory {
    /// Makes a new one, under a temporary name, readable by its owner alone. Directories above it are made too.
    pub fn create(wanted: &Path) -> io::Result<Self> {
        let mut name = wanted.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
        name.push(TEMPORARY);
        let path = wanted.with_file_name(name);
        if let Some(above) = wanted.parent() {
            private_directory(above)?;
        }
        // What an earlier run left half made.
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, wanted: wanted.to_path_buf(), files: Vec::new() })
    }

    /// Keeps these bytes; large ones compressed, under a name that ends with `.zst`. Not synced yet: what goes stale is
    /// read first, and [`Self::settle`] syncs it all.
    pub fn keep(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let packed = bytes.len() >= PACKED_FROM_BYTES;
        let name = if packed { format!("{name}.zst") } else { name.to_owned() };
        let mut file = self.begin(&name)?;
        if packed {
            let mut encoder = zstd::stream::write::Encoder::new(&mut file, LEVEL)?;
            encoder.include_checksum(true)?;
            encoder.write_all(bytes)?;
            encoder.finish()?;
        } else {
            file.write_all(bytes)?;
        }
        self.add(&name, file)
    }

    /// A file to be written to from its beginning. It has no name to be believed until [`Self::add`].
    pub fn begin(&self, name: &str) -> io::Result<Evidence> {
        let path = self.temporary(name);
        if let Some(above) = path.parent() {
            private_directory(above)?;
        }
        Evidence::create(&path)
    }

    /// Takes a written file in, under its own name.
    pub fn add(&mut self, name: &str, file: Evidence) -> io::Result<()> {
        let Evidence { file, hash, bytes, .. } = file;
        drop(file);
        fs::rename(self.temporary(name), self.path.join(name))?;
        let sha256 = hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        self.files.push(bundle::File { path: name.to_owned(), bytes: Some(bytes), sha256: Some(sha256) });
        Ok(())
    }

    /// Removes a file that was begun and will not be ended.
    pub fn drop_begun(&self, name: &str) {
        // It may never have been made.
        let _ = fs::remove_file(self.temporary(name));
    }

    fn temporary(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        let mut name = path.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        name.push(TEMPORARY);
        path.with_file_name(name)
    }

    /// All is there: the directory gets its name, and its files are handed over.
    pub fn settle(self) -> io::Result<Vec<bundle::File>> {
        let mut directories = std::collections::BTreeSet::from([self.path.clone()]);
        for file in &self.files {
            let path = self.path.join(&file.path);
            // An error of the disk comes out here, once: the file is not to be believed then.
            File::open(&path)?.sync_all()?;
            directories.extend(path.parent().map(Path::to_path_buf));
        }
        for directory in &directories {
            sync_directory(directory)?;
        }
        fs::rename(&self.path, &self.wanted)?;
        if let Some(above) = self.wanted.parent() {
            sync_directory(above)?;
        }
        Ok(self.files)
    }

    /// Nothing came of it.
    pub fn discard(self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A file of evidence on its way to the disk: what is written is hashed, and the disk is not filled.
#[derive(Debug)]
pub struct Evidence {
    file: File,
    hash: Sha256,
    bytes: u64,
    looked_at: u64,
}

impl Evidence {
    fn create(path: &Path) -> io::Result<Self> {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        room(&file)?;
        Ok(Self { file, hash: Sha256::new(), bytes: 0, looked_at: 0 })
    }
}

impl Write for Evidence {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.bytes.saturating_sub(self.looked_at) >= LOOK_EVERY_BYTES {
            room(&self.file)?;
            self.looked_at = self.bytes;
        }
        let written = self.file.write(buffer)?;
        self.hash.update(buffer.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// There is room beside what must stay free.
fn room(file: &File) -> io::Result<()> {
    let Ok(found) = rustix::fs::fstatvfs(file) else { return Ok(()) };
    let size = found.f_blocks.saturating_mul(found.f_frsize);
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let keep = KEEP_FREE_BYTES.min(size / 100 * KEEP_FREE_PERCENT);
    if size == 0 || free > keep {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::StorageFull,
        format!("{} MiB are free, and {} MiB of this file system stay free", free >> 20, keep >> 20),
    ))
}

/// Writes the manifest of a bundle: under a temporary name, synced, renamed.
pub fn keep_manifest(root: &Path, manifest: &Manifest) -> io::Result<()> {
    let temporary = root.join(format!("manifest.json{TEMPORARY}"));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bundle::write(manifest).as_bytes())?;
    file.sync_data()?;
    fs::rename(temporary, root.join("manifest.json"))?;
    sync_directory(root)
}

/// A directory that only its owner reads, and those above it, as far as they are not there.
pub fn private_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).recursive(true).create(path)
}

/// What was renamed in a directory is on the disk.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

/// Removes what a run that died left half made below a directory: names that end with [`TEMPORARY`]. Tells how many.
pub fn sweep(root: &Path) -> usize {
    let Ok(entries) = fs::read_dir(root) else { return 0 };
    let mut removed = 0;
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        let is_directory = kind.is_ok_and(|kind| kind.is_dir());
        if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
            let gone = if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed += usize::from(gone.is_ok());
        } else if is_directory {
            removed += sweep(&path);
        }
    }
    removed
}

/// Writes a bundle as one `.tar.zst`, its files below `name/`. Files and directories only.
pub fn pack(root: &Path, name: &str, out: impl Write) -> io::Result<()> {
    let mut encoder = zstd::stream::write::Encoder::new(out, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(false);
    let mut waiting = vec![(root.to_path_buf(), PathBuf::from(name))];
    while let Some((from, to)) = waiting.pop() {
        let mut entries: Vec<_> = fs::read_dir(&from)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (path, inside) = (entry.path(), to.join(entry.file_name()));
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                waiting.push((path, inside));
            } else if metadata.is_file() && !entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
                let mut header = tar::Header::new_gnu();
                header.set_size(metadata.len());
                header.set_mode(0o600);
                let modified =
                    metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
                header.set_mtime(modified.map_or(0, |since| since.as_secs()));
                let file = File::open(&path)?;
                archive.append_data(&mut header, inside, file.take(metadata.len()))?;
            }
        }
    }
    archive.into_inner()?.finish()?.flush()
}

/// Why something could not be kept, in words.
pub fn words(error: &io::Error) -> String {
    reading::words(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_its_name_only_when_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let wanted = root.path().join("capture/1-at");
        let mut directory = Directory::create(&wanted).unwrap();
        directory.keep("sysctl", b"a = 1\n").unwrap();
        directory.keep("sysctl.d/10-x.conf", b"b = 2\n").unwrap();
        directory.keep("slabinfo", &[b'x'; PACKED_FROM_BYTES]).unwrap();
        let mut begun = directory.begin("table.zst").unwrap();
        begun.write_all(b"half").unwrap();
        assert!(!wanted.exists());
        drop(begun);
        directory.drop_begun("table.zst");
        let files = directory.settle().unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["sysctl", "sysctl.d/10-x.conf", "slabinfo.zst"]);
        for file in &files {
            let bytes = fs::read(wanted.join(&file.path)).unwrap();
            assert_eq!(file.bytes, Some(bytes.len() as u64));
            let sha256 =
                Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
            assert_eq!(file.sha256.as_deref(), Some(sha256.as_str()));
        }
    }

    #[test]
    fn what_a_run_that_died_left_is_swept_away_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let whole = Directory::create(&root.path().join("capture/1-at")).unwrap();
        whole.settle().unwrap();
        let mut half = Directory::create(&root.path().join("capture/2-at")).unwrap();
        half.keep("sysctl", b"a = 1\n").unwrap();
        drop(half);
        fs::write(root.path().join("manifest.json.partial"), b"{").unwrap();
        assert_eq!(sweep(root.path()), 2);
        let left: Vec<_> =
            fs::read_dir(root.path().join("capture")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["1-at"]);
        assert_eq!(sweep(root.path()), 0);
    }

    #[test]
    fn an_archive_holds_the_files_of_the_directory_below_one_name() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("capture")).unwrap();
        fs::write(root.path().join("capture/uname"), b"Linux\n").unwrap();
        fs::write(root.path().join("capture/x.partial"), b"half").unwrap();
        fs::write(root.path().join("manifest.json"), b"{}").unwrap();
        let mut packed = Vec::new();
        pack(root.path(), "b", &mut packed).unwrap();
        let unpacked = zstd::stream::decode_all(&packed[..]).unwrap();
        let mut archive = tar::Archive::new(&unpacked[..]);
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["b/manifest.json", "b/capture/uname"]);
    }
}
