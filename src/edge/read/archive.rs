//! Archives: the members of a tar file, one after another as they stand, never written anywhere under their names.
//!
//! Links, devices and FIFOs inside are listed and otherwise left alone. The `tar` crate ends a member quietly where
//! the archive is cut inside of it; here that is an error.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::bounded::Bounded;
use crate::model::time::WallTime;

/// Members that are read of one archive.
pub const MEMBERS_MAX: u64 = 200_000;
/// Where `ustar` stands in a header (POSIX.1-1988), and where the checksum does.
const MAGIC_AT: usize = 257;
const CHECKSUM: std::ops::Range<usize> = 148..156;
/// Bytes of a header.
const HEADER_BYTES: usize = 512;

/// What a member is.
pub enum Member<'a> {
    /// A file: its bytes.
    File(Box<dyn Read + 'a>),
    /// A directory, which holds nothing itself.
    Directory,
    /// Something else: in a word.
    Other(&'static str),
}

/// A member with its name.
pub struct Named<'a> {
    /// Path within the archive, as text.
    pub path: Box<str>,
    /// When it was last written.
    pub modified: Option<WallTime>,
    /// What it is.
    pub member: Member<'a>,
}

/// A stream begins like a tar archive: its first header's checksum is right. (That of a header full of zeros is not.)
pub fn looks_like(head: &[u8]) -> bool {
    let Some(header) = head.get(..HEADER_BYTES) else { return false };
    let stated = header.get(CHECKSUM).map(<[u8]>::trim_ascii).unwrap_or_default();
    let digits = stated.split(|byte| *byte == 0 || *byte == b' ').next().unwrap_or_default();
    let stated = std::str::from_utf8(digits).ok().and_then(|text| u32::from_str_radix(text, 8).ok());
    let place = |at: usize| if CHECKSUM.contains(&at) { b' ' } else { header.get(at).copied().unwrap_or(0) };
    let sum: u32 = (0..HEADER_BYTES).map(|at| u32::from(place(at))).sum();
    // Old archives have no magic; then the name must be text.
    let has_magic = header.get(MAGIC_AT..MAGIC_AT + 5) == Some(b"ustar");
    let has_name = header.first().is_some_and(|first| *first >= b' ');
    stated == Some(sum) && (has_magic || has_name)
}

/// Reads the members to the end of the archive, or to its first fault. `take` gets each one as it comes and must read
/// what it wants of it there and then. The number of members.
pub fn each_member(reader: Box<dyn Read + '_>, mut take: impl FnMut(Named<'_>)) -> (u64, io::Result<()>) {
    let mut archive = tar::Archive::new(reader);
    // Archives that were appended to each other, and padding to a block of a tape.
    archive.set_ignore_zeros(true);
    let mut members = 0;
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return (members, Err(error)),
    };
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return (members, Err(fault(&error))),
        };
        if members >= MEMBERS_MAX {
            let why = format!("holds more than {MEMBERS_MAX} members; the rest was not read");
            return (members, Err(io::Error::other(why)));
        }
        members += 1;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into();
        let seconds = entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
        let modified =
            seconds.filter(|seconds| *seconds > 0).and_then(|s| s.checked_mul(1_000_000)).map(WallTime);
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            take(Named { path, modified, member: Member::Directory });
            continue;
        }
        if let Some(what) = what_else(kind) {
            take(Named { path, modified, member: Member::Other(what) });
            continue;
        }
        // The holes of a sparse member take no room in the archive: what they unpack to is held to its bound.
        let stored = kind.is_gnu_sparse().then(|| entry.header().entry_size().unwrap_or(0));
        let missing = entry.size();
        let bytes =
            Bounded::new(Box::new(Whole { inner: &mut entry, missing }), stored.map(Cell::new).map(Rc::new));
        take(Named { path, modified, member: Member::File(Box::new(bytes)) });
    }
    (members, Ok(()))
}

/// The crate has no kind of error for an archive that ends in the middle.
fn fault(error: &io::Error) -> io::Error {
    let text = error.to_string();
    if text.contains("unexpected EOF") || text.contains("failed to read entire block") {
        return io::ErrorKind::UnexpectedEof.into();
    }
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// In a word, what is no file.
fn what_else(kind: tar::EntryType) -> Option<&'static str> {
    if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
        return None;
    }
    Some(match kind {
        tar::EntryType::Symlink | tar::EntryType::Link => "link",
        tar::EntryType::Block | tar::EntryType::Char => "device",
        tar::EntryType::Fifo => "FIFO",
        _ => "member of an unknown kind",
    })
}

/// A member that must be as long as its header says.
struct Whole<R> {
    inner: R,
    missing: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && self.missing > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.missing = self.missing.saturating_sub(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mtime(1_700_000_000);
            header.set_cksum();
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn read(bytes: &[u8]) -> (Vec<(String, Vec<u8>)>, io::Result<()>) {
        let mut found = Vec::new();
        let (_, result) = each_member(Box::new(bytes), |named| {
            let mut content = Vec::new();
            if let Member::File(mut reader) = named.member {
                let _ = reader.read_to_end(&mut content);
            }
            found.push((named.path.to_string(), content));
        });
        (found, result)
    }

    #[test]
    fn archives_that_were_appended_to_each_other_are_read_to_the_last_member() {
        let long = format!("{}/messages", "d".repeat(180));
        let both = [archive(&[("a", b"one"), (&long, b"two")]), archive(&[("c", b"three")])].concat();
        assert!(looks_like(&both));
        let (found, result) = read(&both);
        assert!(result.is_ok());
        let expected = [("a", "one"), (&long, "two"), ("c", "three")];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())));
    }

    #[test]
    fn a_member_that_is_cut_is_an_error_and_not_a_short_file() {
        let whole = archive(&[("a", &[b'x'; 5_000])]);
        let (found, result) = read(&whole[..3_000]);
        assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::UnexpectedEof));
        assert_eq!(found[0].1.len(), 3_000 - HEADER_BYTES);
    }

    #[test]
    fn neither_zeros_nor_text_are_an_archive() {
        assert!(!looks_like(&[0; 1_024]));
        assert!(!looks_like(&[b'a'; 1_024]));
        assert!(!looks_like(b"short"));
    }
}
