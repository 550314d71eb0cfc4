//! The header of a journal file.

use super::Fault;
use super::hash::Hash;
use super::store::{Layout, Store, le32, le64};

/// Bytes of the header that every version has, up to `tail_entry_monotonic`.
const HEADER_BYTES_MIN: usize = 208;
/// Bytes that a header may have; today's has 272.
const HEADER_BYTES_MAX: u64 = 64 * 1024;

/// `HEADER_INCOMPATIBLE_…`: what a reader must know. Packed values are told by their objects' own flags.
const KEYED_HASH: u32 = 1 << 2;
const COMPACT: u32 = 1 << 4;
/// Those and xz, lz4, zstd.
const KNOWN: u32 = 0b1_1111;

/// What is needed of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Where the first object is.
    pub(super) size: u64,
    hash: Hash,
    is_compact: bool,
    /// Its writer has it open (`STATE_ONLINE`), or died with it open.
    pub(super) is_online: bool,
    /// The data hash table: its first item, and its bytes.
    pub(super) data_table: (u64, u64),
    /// The field hash table.
    pub(super) field_table: (u64, u64),
    /// The last object.
    pub(super) tail_object: u64,
    /// How many entries there are.
    pub(super) entries: u64,
    /// The first of the arrays that list all entries.
    pub(super) entry_array: u64,
}

impl Header {
    /// Reads it.
    pub(super) fn read(store: &mut Store<'_>) -> Result<Self, Fault> {
        let mut bytes = [0; HEADER_BYTES_MIN];
        if !store.read(0, &mut bytes) {
            return Err(Fault::Cut);
        }
        let unknown = le32(&bytes, 12) & !KNOWN;
        if unknown != 0 {
            return Err(Fault::Unknown(unknown));
        }
        let flags = le32(&bytes, 12);
        let id = bytes.get(24..40).and_then(|id| id.try_into().ok()).unwrap_or_default();
        let header = Self {
            size: le64(&bytes, 88),
            hash: if flags & KEYED_HASH == 0 { Hash::Jenkins } else { Hash::Keyed(id) },
            is_compact: flags & COMPACT != 0,
            is_online: bytes.get(16) == Some(&1),
            data_table: (le64(&bytes, 104), le64(&bytes, 112)),
            field_table: (le64(&bytes, 120), le64(&bytes, 128)),
            tail_object: le64(&bytes, 136),
            entries: le64(&bytes, 152),
            entry_array: le64(&bytes, 176),
        };
        let is_sane = (HEADER_BYTES_MIN as u64..=HEADER_BYTES_MAX).contains(&header.size)
            && header.size.is_multiple_of(8)
            && bytes.starts_with(super::MAGIC);
        if is_sane { Ok(header) } else { Err(Fault::Header) }
    }

    /// How its objects are laid out.
    pub(super) fn layout(&self) -> Layout {
        Layout { first_object: self.size, hash: self.hash, is_compact: self.is_compact }
    }

    /// The file ends before its last object does. (That it ends before the space that was set aside for it does no
    /// harm: archived files are cut there, and copies lose their trailing holes.)
    pub(super) fn is_cut(&self, store: &mut Store<'_>) -> bool {
        if self.tail_object < self.size {
            return false;
        }
        let mut head = [0; 16];
        if !store.read(self.tail_object, &mut head) {
            return true;
        }
        // A size that is none at all is damage and not a cut.
        let size = le64(&head, 8);
        size < 1 << 40 && self.tail_object.saturating_add(size) > store.length()
    }
}
