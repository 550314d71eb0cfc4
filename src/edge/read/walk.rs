//! Paths → files: directories are walked in order of name, within named bounds; links to directories are not followed.

use std::collections::HashSet;
use std::os::unix::fs::{DirEntryExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::open::words;

/// Directories within directories.
pub const DEPTH_MAX: usize = 32;
/// Files found in all.
pub const FILES_MAX: usize = 200_000;

/// Something found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where; `-` is standard input.
    pub path: PathBuf,
    /// It was named on the command line, not met in a directory.
    pub named: bool,
    /// Why it is not to be read, if so.
    pub refused: Option<String>,
    /// The directory named on the command line (or met in it) that it stands in.
    pub directory: Option<PathBuf>,
}

/// Files below the named paths, each once, in order of path.
pub fn walk(paths: &[PathBuf]) -> Vec<Found> {
    let mut walk = Walk::default();
    for path in paths {
        if path == Path::new("-") {
            walk.found.push(Found { path: path.clone(), named: true, refused: None, directory: None });
            continue;
        }
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => walk.directory(path, 0, true),
            Ok(_) => walk.file(path, true, None),
            Err(error) => walk.refuse(path, true, format!("cannot be read: {}", words(&error))),
        }
    }
    walk.found
}

#[derive(Default)]
struct Walk {
    found: Vec<Found>,
    seen: HashSet<(u64, u64)>,
    names: HashSet<PathBuf>,
}

impl Walk {
    fn file(&mut self, path: &Path, named: bool, refused: Option<String>) {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        if self.names.insert(path.to_path_buf()) {
            self.found.push(Found { path: path.to_path_buf(), named, refused, directory: Some(directory) });
        }
    }

    fn refuse(&mut self, path: &Path, named: bool, why: String) {
        self.file(path, named, Some(why));
    }

    fn directory(&mut self, path: &Path, depth: usize, named: bool) {
        let entries = match self.entries(path, depth) {
            Ok(entries) => entries,
            Err(why) => return self.refuse(path, named, why),
        };
        for entry in entries {
            if self.found.len() >= FILES_MAX {
                return self.refuse(
                    path,
                    named,
                    format!("more than {FILES_MAX} files; the rest was not read"),
                );
            }
            self.entry(&entry, depth);
        }
    }

    /// The entries of a directory by name; an error in words where it is not to be entered.
    fn entries(&mut self, path: &Path, depth: usize) -> Result<Vec<std::fs::DirEntry>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("directories deeper than {DEPTH_MAX} are not read"));
        }
        let cannot = |error: &std::io::Error| format!("directory cannot be read: {}", words(error));
        let meta = std::fs::metadata(path).map_err(|error| cannot(&error))?;
        if !self.seen.insert((meta.dev(), meta.ino())) {
            return Err("this directory was read already under another name".to_owned());
        }
        let mut entries: Vec<_> = std::fs::read_dir(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| cannot(&error))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        Ok(entries)
    }

    fn entry(&mut self, entry: &std::fs::DirEntry, depth: usize) {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            return self.refuse(&path, false, format!("kind of inode {} cannot be told", entry.ino()));
        };
        if kind.is_dir() {
            self.directory(&path, depth + 1, false);
        } else if kind.is_file() {
            self.file(&path, false, None);
        } else if kind.is_symlink() {
            match std::fs::metadata(&path) {
                Ok(meta) if meta.is_file() => self.file(&path, false, None),
                Ok(meta) if meta.is_dir() => {
                    self.refuse(&path, false, "link to a directory; not followed".to_owned());
                }
                Ok(_) => {
                    self.refuse(&path, false, "link to something that is no file; not followed".to_owned());
                }
                Err(error) => {
                    self.refuse(&path, false, format!("link that leads nowhere: {}", words(&error)));
                }
            }
        } else {
            let what = if kind.is_fifo() {
                "FIFO"
            } else if kind.is_socket() {
                "socket"
            } else {
                "device"
            };
            self.refuse(&path, false, format!("{what} inside a directory; not opened"));
        }
    }
}
