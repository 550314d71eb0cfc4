//! Native files of the systemd journal (`*.journal`, `*.journal~`): systemd's JOURNAL_FILE_FORMAT, journal-def.h and
//! journal-file.c, classic and compact, with either hash, sealed or not, with values packed by xz, lz4 or zstd.
//!
//! A journal holds everything that a machine says; wanted are the kernel's records, journald's own (they tell of
//! losses), and the first and the last record of all, which say how far the journal covers. [`index`] finds them through
//! the data hash table and the entry arrays, so that of a file of gigabytes a few kilobytes are read. Where the index is
//! damaged, or the file cut, [`walk`] goes through its objects one after another instead, which is complete and slow.
//!
//! Each entry found is written as `journalctl -o export` would write it and given to the parser of that format
//! ([`super::log::export`]): a journal given as a file and as its export is the same records, by construction. Offsets
//! are those of the entries in the file.
//!
//! The bytes come by position through [`Bytes`], so that this room stays one of values. Any bytes are read without
//! panic, in bounded time and memory: lists must ascend (a cycle cannot), objects must not overlap, and what is hashed
//! and unpacked in all is held to a multiple of the file's length ([`store::WORK_PER_BYTE`]). Sums are checked: a value whose
//! hash is not that of its object is damage and not a fact. Seals are not checked, which needs the machine's key.

mod entry;
mod hash;
mod header;
mod index;
mod payload;
mod store;
mod walk;

use crate::model::fold::RecordSink;

use entry::Entries;
use header::Header;
use store::Store;

/// The first bytes of a journal file (`HEADER_SIGNATURE`).
pub const MAGIC: &[u8; 8] = b"LPKSHHRH";

/// A file's bytes, by position.
pub trait Bytes {
    /// How many there are.
    fn length(&self) -> u64;
    /// Reads from `offset` on, as many bytes as there are and fit; fewer only at the end of the file or where it cannot
    /// be read on.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> usize;
}

/// Why a journal file was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file is shorter than its header says it was.
    #[error("journal file ends in the middle (truncated)")]
    Cut,
    /// The header cannot be that of a journal.
    #[error("journal file has a damaged header; nothing of it could be read")]
    Header,
    /// Written by a systemd newer than this program.
    #[error(
        "journal file uses features that are not known here (incompatible flags {0:#x}); `journalctl -o export` of the \
         system that wrote it makes a file that can be read"
    )]
    Unknown(u32),
    /// What it claims to hold is out of all proportion to its length.
    #[error("journal file unpacks to far more than a journal of its length can hold; it was not read on")]
    Bomb,
}

/// An input begins like a journal file.
pub fn looks_like(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Reads a journal file: the records of the kernel and of journald, and the first and last record of all, in order.
pub fn read(bytes: &mut dyn Bytes, sink: &mut impl RecordSink) -> Result<(), Fault> {
    let mut store = Store::new(bytes, store::INDEX_BLOCK_BYTES);
    let header = Header::read(&mut store)?;
    let mut entries = Entries::new(header.layout());
    let is_cut = header.is_cut(&mut store);
    // The arrays that would list the last whole entries may be missing.
    let plan = if is_cut { Err(None) } else { index::plan(&mut store, &header).map_err(Some) };
    let (places, damaged) = match plan {
        Ok(plan) => match index::read(&plan, &mut store, &header, &mut entries, sink) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(damaged)) => (plan.places(), Some(damaged)),
            Err(store::Exhausted) => return Err(Fault::Bomb),
        },
        Err(damaged) => (Vec::new(), damaged),
    };
    store.turn_to_blocks_of(store::WALK_BLOCK_BYTES);
    let noted = damaged.map(|index::Damaged(at)| at);
    let read = walk::read(&mut store, &header, places, noted, &mut entries, sink);
    read.map_err(|store::Exhausted| Fault::Bomb)?;
    if is_cut { Err(Fault::Cut) } else { Ok(()) }
}
