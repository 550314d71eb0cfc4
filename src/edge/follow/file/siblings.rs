//! The other generations of a followed file: `NAME.1`, `NAME-20260711.gz` beside `NAME`, and which of them are newer.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::identity::open_seen;
use super::reading::{head_of, same_lines};
use crate::model::live::position::FileIdentity;

/// Generations that are looked at, the newest ones.
const SIBLINGS_MAX: usize = 256;
/// Names of a directory that are looked at.
pub(super) const NAMES_MAX: usize = 100_000;

/// Another generation.
#[derive(Debug, Clone)]
pub(super) struct Sibling {
    pub(super) path: PathBuf,
    pub(super) identity: FileIdentity,
    pub(super) modified_ns: i64,
    /// Nothing stands in it.
    pub(super) is_empty: bool,
    pub(super) packed: bool,
    /// Its first bytes, unpacked. Empty where nothing can be read of it.
    pub(super) head: Vec<u8>,
    /// What stands behind the name of the followed file.
    suffix: Box<[u8]>,
}

/// All of them that are regular files, from old to new.
pub(super) fn siblings(directory: &Path, name: &OsStr) -> io::Result<Vec<Sibling>> {
    let mut found: Vec<(i64, PathBuf, Box<[u8]>)> = Vec::new();
    for entry in std::fs::read_dir(directory)?.take(NAMES_MAX) {
        let entry = entry?;
        let own_name = entry.file_name();
        let Some(suffix) = own_name.as_bytes().strip_prefix(name.as_bytes()) else { continue };
        if !matches!(suffix.first(), Some(b'.' | b'-' | b'_' | b'~')) {
            continue;
        }
        let path = entry.path();
        let Ok(stat) = rustix::fs::lstat(&path) else { continue };
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            found.push((super::identity::modified_ns(&stat), path, suffix.into()));
        }
    }
    found.sort();
    let surplus = found.len().saturating_sub(SIBLINGS_MAX);
    let mut siblings = Vec::new();
    for (_, path, suffix) in found.into_iter().skip(surplus) {
        let (file, seen) = match open_seen(&path) {
            Ok(opened) => opened,
            Err(error) if is_ours(&error) => return Err(error),
            // Packed and removed a moment ago, perhaps; or nobody's business.
            Err(_) => continue,
        };
        let (head, packed) = head_of(file);
        let (identity, modified_ns) = (seen.identity, seen.modified_ns);
        // A hole that a writer left in a file that was cut is nothing either.
        let is_empty = seen.size == 0 || !packed && head.is_empty();
        // Something that cannot be read at all is no generation.
        if is_empty || !head.is_empty() {
            siblings.push(Sibling { path, identity, modified_ns, is_empty, packed, head, suffix });
        }
    }
    order(&mut siblings);
    Ok(siblings)
}

/// We have no descriptors or memory left: it says nothing about the file.
fn is_ours(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE | rustix::io::Errno::NOMEM))
}

/// From old to new. Numbers count backwards, dates forwards; where names are of both kinds, the time of the last write
/// decides, which whoever packs a file keeps.
fn order(siblings: &mut [Sibling]) {
    if siblings.iter().all(|sibling| number(&sibling.suffix).is_some()) {
        // Of a file and its packed copy the packed one comes first.
        siblings.sort_by_key(|sibling| (std::cmp::Reverse(number(&sibling.suffix)), !sibling.packed));
    } else if siblings.iter().all(|sibling| date(&sibling.suffix).is_some()) {
        siblings.sort_by(|a, b| a.suffix.cmp(&b.suffix));
    } else {
        siblings.sort_by(|a, b| {
            (a.modified_ns, std::cmp::Reverse(number(&a.suffix)), &a.suffix).cmp(&(
                b.modified_ns,
                std::cmp::Reverse(number(&b.suffix)),
                &b.suffix,
            ))
        });
    }
}

/// `.3`, `.3.gz`: 3.
fn number(suffix: &[u8]) -> Option<u32> {
    let digits = suffix.strip_prefix(b".")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, behind) = digits.split_at_checked(end)?;
    let number = std::str::from_utf8(digits).ok().filter(|digits| digits.len() <= 5)?.parse().ok()?;
    (behind.is_empty() || behind.starts_with(b".")).then_some(number)
}

/// `-20260711`, `-20260711.gz`, `.2026-07-11`: at least eight digits, which stand in the same places in all names.
fn date(suffix: &[u8]) -> Option<usize> {
    let digits = suffix.iter().filter(|byte| byte.is_ascii_digit()).count();
    (digits >= 8).then_some(digits)
}

impl Sibling {
    /// It holds what a file with this beginning and this time of its last write holds. Packers keep the time; without
    /// it half a line may be that of any file.
    pub(super) fn is_copy_of(&self, head: &[u8], modified_ns: i64) -> bool {
        same_lines(&self.head, head)
            || self.modified_ns == modified_ns && !head.is_empty() && self.head == head
    }

    /// It is what is just being made of the other by a packer: named after it, and as far as it is there the same.
    pub(super) fn is_packed_from(&self, plain: &Self) -> bool {
        self.packed
            && !plain.packed
            && self.suffix.strip_prefix(&*plain.suffix).is_some_and(|end| end.starts_with(b"."))
            && plain.head.starts_with(&self.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(names: &[(&str, i64)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, seconds) in names {
            let path = directory.path().join(name);
            std::fs::write(&path, name).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.unsigned_abs());
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        let found = siblings(directory.path(), OsStr::new("messages")).unwrap();
        found.iter().map(|s| s.path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn numbers_count_backwards_and_dates_forwards() {
        assert_eq!(
            ordered(&[("messages.1", 5), ("messages.10", 9), ("messages.2", 1), ("messages", 1)]),
            ["messages.10", "messages.2", "messages.1"]
        );
        assert_eq!(
            ordered(&[("messages-20260711", 1), ("messages-20260704", 2)]),
            ["messages-20260704", "messages-20260711"]
        );
    }

    #[test]
    fn names_of_both_kinds_go_by_their_times_and_other_files_are_none() {
        assert_eq!(
            ordered(&[("messages.1", 3), ("messages-20260704", 2), ("messages2", 9), ("other", 9)]),
            ["messages-20260704", "messages.1"]
        );
    }
}
