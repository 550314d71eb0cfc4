//! A journal's bytes by position, through a small cache, and the objects in them.

use super::Bytes;
use super::hash::Hash;
use super::payload::{self, Unpacked};

/// Bytes read at a time where entries are found by index: they stand far apart.
pub(super) const INDEX_BLOCK_BYTES: usize = 4 * 1024;
/// Bytes read at a time where all is read.
pub(super) const WALK_BLOCK_BYTES: usize = 128 * 1024;
/// Bytes of blocks kept.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of values hashed and unpacked, for each byte of the file, at most. In a real file the values of the entries that are
/// read are those bytes themselves, the packed ones grown by a factor of ten …
pub(super) const WORK_PER_BYTE: u64 = 64;
/// … and so many whatever its length.
const WORK_AT_LEAST: u64 = 64 * 1024 * 1024;

/// Bytes of an object's header.
const HEAD_BYTES: u64 = 16;
/// Bytes of a DATA object before its payload, in classic files; compact ones have eight more.
const DATA_BYTES: u64 = 64;
/// Bytes of a FIELD object before its payload.
const FIELD_BYTES: u64 = 40;
/// Bytes of an ENTRY object before its items.
const ENTRY_BYTES: u64 = 64;
/// Bytes of an ENTRY_ARRAY object before its items.
const ARRAY_BYTES: u64 = 24;
/// Bytes of a TAG object.
const TAG_BYTES: u64 = 64;
/// Fields of one entry (`ENTRY_FIELD_COUNT_MAX`).
const ITEMS_MAX: u64 = 1024;

/// The bound on work is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exhausted;

/// Why a value cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoValue {
    /// It is damaged, or is none.
    Damaged,
    /// The bound on work is reached.
    Exhausted,
}

impl From<Exhausted> for NoValue {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}

/// How objects are laid out in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where the first one is.
    pub(super) first_object: u64,
    /// Hash of their payloads.
    pub(super) hash: Hash,
    /// Offsets in items have 32 bits.
    pub(super) is_compact: bool,
}

impl Layout {
    /// Bytes of an entry array's item.
    pub(super) fn array_item(self) -> u64 {
        if self.is_compact { 4 } else { 8 }
    }

    fn entry_item(self) -> u64 {
        if self.is_compact { 4 } else { 16 }
    }

    fn data_bytes(self) -> u64 {
        if self.is_compact { DATA_BYTES + 8 } else { DATA_BYTES }
    }
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Field,
    Entry,
    HashTable,
    EntryArray,
    Tag,
    /// Unknown, to be skipped.
    Other,
}

/// The header of an object that lies within the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) at: u64,
    pub(super) kind: Kind,
    flags: u8,
    /// Bytes in all.
    pub(super) size: u64,
}

impl Object {
    /// One past its last byte, where the next one begins.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.size).checked_next_multiple_of(8).unwrap_or(u64::MAX)
    }
}

/// A DATA object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Data {
    object: Object,
    pub(super) hash: u64,
    pub(super) next_of_hash: u64,
    pub(super) next_of_field: u64,
    /// First entry that refers to it, array of the others, how many in all.
    pub(super) entry: u64,
    pub(super) entry_array: u64,
    pub(super) entries: u64,
    payload: u64,
    payload_bytes: u64,
}

impl Data {
    /// Where it stands.
    pub(super) fn at(&self) -> u64 {
        self.object.at
    }
}

/// An ENTRY object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) object: Object,
    /// Microseconds since the epoch.
    pub(super) realtime_us: u64,
    /// Microseconds since that boot.
    pub(super) monotonic_us: u64,
    pub(super) boot: [u8; 16],
    /// How many items it has.
    pub(super) items: u64,
}

/// The bytes and a cache of them.
pub(super) struct Store<'a> {
    bytes: &'a mut dyn Bytes,
    length: u64,
    block_bytes: usize,
    /// By the number of the block, modulo their number.
    blocks: Vec<Block>,
    work_left: u64,
}

#[derive(Debug, Clone, Default)]
struct Block {
    /// Number of the block, plus one.
    number: u64,
    bytes: Vec<u8>,
}

impl<'a> Store<'a> {
    pub(super) fn new(bytes: &'a mut dyn Bytes, block_bytes: usize) -> Self {
        let length = bytes.length();
        let work_left = length.saturating_mul(WORK_PER_BYTE).max(WORK_AT_LEAST);
        let mut store = Self { bytes, length, block_bytes, blocks: Vec::new(), work_left };
        store.turn_to_blocks_of(block_bytes);
        store
    }

    /// Reads so many bytes at a time from now on.
    pub(super) fn turn_to_blocks_of(&mut self, block_bytes: usize) {
        self.block_bytes = block_bytes.max(1);
        self.blocks = vec![Block::default(); (CACHE_BYTES / self.block_bytes).max(1)];
    }

    /// Bytes of the file when it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Fills the buffer from `offset`; false where the file has no such bytes.
    pub(super) fn read(&mut self, offset: u64, into: &mut [u8]) -> bool {
        let mut filled = 0;
        while filled < into.len() {
            let at = offset.saturating_add(filled as u64);
            let block_bytes = self.block_bytes as u64;
            let (number, within) = (at / block_bytes, usize::try_from(at % block_bytes).unwrap_or(0));
            let block = self.block(number);
            let rest = block.get(within..).unwrap_or_default();
            let room = into.get_mut(filled..).unwrap_or_default();
            let count = rest.len().min(room.len());
            if count == 0 {
                return false;
            }
            if let (Some(to), Some(from)) = (room.get_mut(..count), rest.get(..count)) {
                to.copy_from_slice(from);
            }
            filled += count;
        }
        true
    }

    fn block(&mut self, number: u64) -> &[u8] {
        let slots = self.blocks.len() as u64;
        let slot = usize::try_from(number % slots.max(1)).unwrap_or(0);
        let offset = number.saturating_mul(self.block_bytes as u64);
        let Some(block) = self.blocks.get_mut(slot) else { return &[] };
        if block.number != number.wrapping_add(1) {
            block.number = number.wrapping_add(1);
            let room = self.length.saturating_sub(offset).min(self.block_bytes as u64);
            block.bytes.resize(usize::try_from(room).unwrap_or(0), 0);
            let count = if room == 0 { 0 } else { self.bytes.read_at(offset, &mut block.bytes) };
            block.bytes.truncate(count);
        }
        &block.bytes
    }

    fn word(&mut self, offset: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(offset, &mut bytes).then(|| u64::from_le_bytes(bytes))
    }

    /// The item of a hash table at `offset`: the first object of the chain.
    pub(super) fn chain(&mut self, offset: u64) -> Option<u64> {
        self.word(offset)
    }

    /// The object at `at`, if one can be there.
    pub(super) fn object(&mut self, at: u64, layout: Layout) -> Option<Object> {
        let object = self.beginning_of_object(at, layout)?;
        at.checked_add(object.size).is_some_and(|end| end <= self.length).then_some(object)
    }

    /// The same, though the file may end within it.
    fn beginning_of_object(&mut self, at: u64, layout: Layout) -> Option<Object> {
        let mut head = [0; 16];
        if at < layout.first_object || !at.is_multiple_of(8) || !self.read(at, &mut head) {
            return None;
        }
        let [kind, flags, reserved @ .., _, _, _, _, _, _, _, _] = head;
        let size = le64(&head, 8);
        if reserved != [0; 6] || size < HEAD_BYTES {
            return None;
        }
        let items = |before: u64, item: u64| size >= before && (size - before).is_multiple_of(item);
        let (kind, is_sane) = match kind {
            1 => (Kind::Data, size > layout.data_bytes() && matches!(flags, 0 | 1 | 2 | 4)),
            2 => (Kind::Field, size > FIELD_BYTES),
            3 => (
                Kind::Entry,
                items(ENTRY_BYTES, layout.entry_item())
                    && size > ENTRY_BYTES
                    && (size - ENTRY_BYTES) / layout.entry_item() <= ITEMS_MAX,
            ),
            4 | 5 => (Kind::HashTable, items(HEAD_BYTES, 16)),
            6 => (Kind::EntryArray, items(ARRAY_BYTES, layout.array_item())),
            7 => (Kind::Tag, size == TAG_BYTES),
            0 => (Kind::Other, false),
            _ => (Kind::Other, true),
        };
        (is_sane && (kind == Kind::Data || flags == 0)).then_some(Object { at, kind, flags, size })
    }

    /// An object begins at `at`, or the file ends there, or the space that was set aside for more does.
    pub(super) fn is_between_objects(&mut self, at: u64, layout: Layout) -> bool {
        at.saturating_add(HEAD_BYTES) > self.length
            || self.beginning_of_object(at, layout).is_some()
            || self.is_empty(at)
    }

    /// No object is at `at` yet.
    pub(super) fn is_empty(&mut self, at: u64) -> bool {
        let mut head = [0; 16];
        self.read(at, &mut head) && head == [0; 16]
    }

    /// The DATA object at `at`.
    pub(super) fn data(&mut self, at: u64, layout: Layout) -> Option<Data> {
        let object = self.object(at, layout).filter(|object| object.kind == Kind::Data)?;
        let mut bytes = [0; 64];
        self.read(at, &mut bytes).then(|| Data {
            object,
            hash: le64(&bytes, 16),
            next_of_hash: le64(&bytes, 24),
            next_of_field: le64(&bytes, 32),
            entry: le64(&bytes, 40),
            entry_array: le64(&bytes, 48),
            entries: le64(&bytes, 56),
            payload: at + layout.data_bytes(),
            payload_bytes: object.size - layout.data_bytes(),
        })
    }

    /// A FIELD object's name, the next of its hash chain, and the first DATA object of that name.
    pub(super) fn field(&mut self, at: u64, layout: Layout) -> Option<(Vec<u8>, u64, u64)> {
        let object = self.object(at, layout).filter(|object| object.kind == Kind::Field)?;
        let mut bytes = [0; 40];
        let mut name = vec![0; usize::try_from((object.size - FIELD_BYTES).min(64)).ok()?];
        (self.read(at, &mut bytes) && self.read(at + FIELD_BYTES, &mut name))
            .then(|| (name, le64(&bytes, 24), le64(&bytes, 32)))
    }

    /// The ENTRY object at `at`.
    pub(super) fn entry(&mut self, at: u64, layout: Layout) -> Option<Entry> {
        let object = self.object(at, layout).filter(|object| object.kind == Kind::Entry)?;
        let mut bytes = [0; 64];
        self.read(at, &mut bytes).then(|| Entry {
            object,
            realtime_us: le64(&bytes, 24),
            monotonic_us: le64(&bytes, 32),
            boot: bytes.get(40..56).and_then(|id| id.try_into().ok()).unwrap_or_default(),
            items: (object.size - ENTRY_BYTES) / layout.entry_item(),
        })
    }

    /// Item `index` of an entry: the offset of a DATA object, and its hash where the file says it twice.
    pub(super) fn item(&mut self, entry: &Entry, index: u64, layout: Layout) -> Option<(u64, Option<u64>)> {
        let at = entry.object.at.checked_add(ENTRY_BYTES + index.checked_mul(layout.entry_item())?)?;
        if layout.is_compact {
            let mut bytes = [0; 4];
            return self.read(at, &mut bytes).then(|| (u64::from(u32::from_le_bytes(bytes)), None));
        }
        let mut bytes = [0; 16];
        self.read(at, &mut bytes).then(|| (le64(&bytes, 0), Some(le64(&bytes, 8))))
    }

    /// The ENTRY_ARRAY object at `at`: the next one, where its items are, how many it has room for, where it ends.
    pub(super) fn array(&mut self, at: u64, layout: Layout) -> Option<Array> {
        let object = self.object(at, layout).filter(|object| object.kind == Kind::EntryArray)?;
        let next = self.word(at + HEAD_BYTES)?;
        let capacity = (object.size - ARRAY_BYTES) / layout.array_item();
        Some(Array { next, items: at + ARRAY_BYTES, capacity, end: object.end() })
    }

    /// Item `index` of an entry array; 0 where it is not used yet.
    pub(super) fn array_item(&mut self, array: &Array, index: u64, layout: Layout) -> Option<u64> {
        let at = array.items.checked_add(index.checked_mul(layout.array_item())?)?;
        if layout.is_compact {
            let mut bytes = [0; 4];
            return self.read(at, &mut bytes).then(|| u64::from(u32::from_le_bytes(bytes)));
        }
        self.word(at)
    }

    /// `NAME=value` of a DATA object, unpacked, at most `keep` bytes of it. A whole one has the hash that it should have.
    pub(super) fn payload(&mut self, data: &Data, keep: usize, layout: Layout) -> Result<Unpacked, NoValue> {
        let packed = data.object.flags;
        let most = if packed == 0 { keep as u64 } else { payload::PACKED_BYTES_MAX };
        let stored = data.payload_bytes;
        self.work(stored.min(most))?;
        let mut bytes = vec![0; usize::try_from(stored.min(most)).unwrap_or(0)];
        if !self.read(data.payload, &mut bytes) {
            return Err(NoValue::Damaged);
        }
        let unpacked = if packed == 0 {
            Unpacked { bytes, is_whole: stored <= most }
        } else if stored > most {
            // Nothing that long is of use, and half of a packed value says nothing for certain.
            Unpacked { bytes: Vec::new(), is_whole: false }
        } else {
            let unpacked = payload::unpack(packed, &bytes, keep).ok_or(NoValue::Damaged)?;
            self.work(unpacked.bytes.len() as u64)?;
            unpacked
        };
        if unpacked.is_whole && layout.hash.of(&unpacked.bytes) != data.hash {
            return Err(NoValue::Damaged);
        }
        Ok(unpacked)
    }

    /// Charges the reading of so many bytes of a value (and of its object).
    pub(super) fn work(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.work_left = self.work_left.checked_sub(bytes.saturating_add(64)).ok_or(Exhausted)?;
        Ok(())
    }
}

/// One array of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Array {
    /// The next one; 0: none.
    pub(super) next: u64,
    items: u64,
    /// How many entries it has room for.
    pub(super) capacity: u64,
    /// Where it ends.
    pub(super) end: u64,
}

/// Eight bytes, little-endian; zero where there are none.
pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
    word.map_or(0, |word| u64::from_le_bytes(*word))
}

/// Four bytes, little-endian.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    word.map_or(0, |word| u32::from_le_bytes(*word))
}
