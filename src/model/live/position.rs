//! Where to go on reading: what is remembered of a source over a restart.
//!
//! A position stands between two records: all in front of it has been handed over, nothing behind it. It is kept in the
//! same transaction as what was handed over with it.

use crate::model::time::BootId;

/// Places of a followed file that are remembered: the one being read and the older generations that are still written to.
pub const PLACES_MAX: usize = 8;
/// Bytes in front of a place that are compared to know it again.
pub const BEFORE_BYTES: usize = 4_096;
/// Bytes of a journal's cursor; systemd's have about 130.
pub const CURSOR_BYTES_MAX: usize = 1_024;

/// Where to go on in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Bytes of all records in front of it, since the source was first followed: what the offsets of its records count
    /// from, so that pieces of one source stay in order over rotations and restarts.
    pub stream: u64,
    /// The place.
    pub place: Place,
}

/// The place itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Behind this record of the kernel's ring.
    Kmsg {
        /// The boot whose ring it is: numbers begin again with each.
        boot: BootId,
        /// The record's number.
        seq: u64,
    },
    /// Behind the journal entry with this cursor, at most [`CURSOR_BYTES_MAX`] bytes.
    Journal {
        /// As journald wrote it.
        cursor: Box<str>,
    },
    /// In files, from old to new, at most [`PLACES_MAX`]: the last one is that which the path named, the others were
    /// rotated away and may still be written to. None: there was no file, and whatever the path names is unread.
    File(Vec<FilePlace>),
    /// In a FIFO or on standard input: nothing can be read again.
    Stream,
}

/// A place in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlace {
    /// Which file.
    pub file: FileIdentity,
    /// Bytes read, up to the start of a line that has no end yet; of unpacked bytes where the file is packed.
    pub offset: u64,
    /// Hash of the up to [`BEFORE_BYTES`] bytes in front of it: a file is known again by its content.
    pub before: BeforeHash,
    /// The place is inside a line that is too long; its beginning has been given out.
    pub inside_long_line: bool,
    /// When the file was last written to, as far as it was read: nanoseconds since the Unix epoch. What was written
    /// later is newer.
    pub modified_ns: i64,
    /// The path no longer named this file.
    pub rotated: bool,
}

/// A file, by more than its number: file systems give numbers to the next file at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileIdentity {
    /// `st_dev`. Not the same after every boot.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
    /// What tells it from an earlier file of that number.
    pub generation: Generation,
}

/// What tells a file from an earlier one that had its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// The file system's own generation number (`FS_IOC_GETVERSION`).
    Number(u32),
    /// When it was made (`statx`, `STATX_BTIME`), nanoseconds since the Unix epoch.
    Born(i64),
    /// The file system tells neither: only its content can tell.
    Unknown,
}

impl FileIdentity {
    /// The same file, on a disk that may have another device number by now.
    pub fn same_but_for_device(&self, other: &Self) -> bool {
        self.inode == other.inode
            && self.generation == other.generation
            && self.generation != Generation::Unknown
    }
}

/// The first 16 bytes of SHA-256 over the bytes in front of a place; of none at the beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BeforeHash(pub [u8; 16]);
