//! Writes journal files of every shape that the format knows, so that they can be read without a journald, cut and damaged
//! at known places, and held against `journalctl`, which judges the writer too.

use std::collections::HashMap;
use std::hash::Hasher;
use std::io::Write;

/// How values are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Xz,
    Lz4,
    Zstd,
}

/// The shape of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub is_compact: bool,
    pub is_keyed: bool,
    pub is_sealed: bool,
    pub packing: Packing,
}

/// All shapes.
pub fn shapes() -> Vec<Shape> {
    let mut all = Vec::new();
    for packing in [Packing::None, Packing::Xz, Packing::Lz4, Packing::Zstd] {
        for bits in 0..8 {
            let (is_compact, is_keyed, is_sealed) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
            all.push(Shape { is_compact, is_keyed, is_sealed, packing });
        }
    }
    all
}

/// One entry to be written.
#[derive(Debug, Clone)]
pub struct Entry {
    pub realtime_us: u64,
    pub monotonic_us: u64,
    pub boot: [u8; 16],
    pub fields: Vec<Vec<u8>>,
}

impl Entry {
    /// As `journalctl -o export` writes it.
    pub fn export(&self) -> Vec<u8> {
        let boot = u128::from_be_bytes(self.boot);
        let mut text = format!(
            "__CURSOR=s=1;i={:x}\n__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={boot:032x}\n",
            self.realtime_us, self.realtime_us, self.monotonic_us
        )
        .into_bytes();
        for field in &self.fields {
            if field.contains(&b'\n') {
                let equals = field.iter().position(|byte| *byte == b'=').unwrap();
                text.extend_from_slice(&field[..equals]);
                text.push(b'\n');
                text.extend_from_slice(&((field.len() - equals - 1) as u64).to_le_bytes());
                text.extend_from_slice(&field[equals + 1..]);
            } else {
                text.extend_from_slice(field);
            }
            text.push(b'\n');
        }
        text.push(b'\n');
        text
    }
}

const FILE_ID: [u8; 16] = *b"conntriage-files";
const HEADER_BYTES: usize = 272;
/// Few, so that chains are long.
const DATA_CELLS: u64 = 233;
const FIELD_CELLS: u64 = 11;
/// Values longer than this are packed.
const PACKED_FROM_BYTES: usize = 256;

/// The tail of a chain of entry arrays.
#[derive(Debug, Clone, Copy, Default)]
struct Tail {
    array: u64,
    used: u64,
    capacity: u64,
}

/// A file in the making.
pub struct Writer {
    pub bytes: Vec<u8>,
    shape: Shape,
    values: HashMap<Vec<u8>, u64>,
    names: HashMap<Vec<u8>, u64>,
    tails: HashMap<u64, Tail>,
    entries: Vec<u64>,
}

impl Writer {
    pub fn new(shape: Shape) -> Self {
        let mut writer = Self {
            bytes: vec![0; HEADER_BYTES],
            shape,
            values: HashMap::new(),
            names: HashMap::new(),
            tails: HashMap::new(),
            entries: Vec::new(),
        };
        let packing = match shape.packing {
            Packing::None => 0,
            Packing::Xz => 1,
            Packing::Lz4 => 2,
            Packing::Zstd => 8,
        };
        let flags = packing | u32::from(shape.is_keyed) << 2 | u32::from(shape.is_compact) << 4;
        writer.bytes[..8].copy_from_slice(b"LPKSHHRH");
        writer.bytes[8..12].copy_from_slice(&u32::from(shape.is_sealed).to_le_bytes());
        writer.bytes[12..16].copy_from_slice(&flags.to_le_bytes());
        writer.bytes[16] = 2;
        writer.bytes[24..40].copy_from_slice(&FILE_ID);
        writer.bytes[40..56].copy_from_slice(b"machine-of-tests");
        writer.bytes[72..88].copy_from_slice(b"numbers-of-tests");
        writer.put(88, HEADER_BYTES as u64);
        let field_table = writer.object(5, 0, &vec![0; usize::try_from(FIELD_CELLS * 16).unwrap()]);
        let data_table = writer.object(4, 0, &vec![0; usize::try_from(DATA_CELLS * 16).unwrap()]);
        writer.put(104, data_table + 16);
        writer.put(112, DATA_CELLS * 16);
        writer.put(120, field_table + 16);
        writer.put(128, FIELD_CELLS * 16);
        writer
    }

    /// A file of these entries.
    pub fn file(shape: Shape, entries: &[Entry]) -> Vec<u8> {
        let mut writer = Self::new(shape);
        for (number, entry) in entries.iter().enumerate() {
            writer.entry(entry);
            if shape.is_sealed && number % 100 == 0 {
                writer.object(7, 0, &[7; 48]);
            }
        }
        writer.bytes
    }

    fn get(&self, at: u64) -> u64 {
        let at = usize::try_from(at).unwrap();
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    fn put(&mut self, at: u64, value: u64) {
        let at = usize::try_from(at).unwrap();
        self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn put32(&mut self, at: u64, value: u64) {
        let at = usize::try_from(at).unwrap();
        self.bytes[at..at + 4].copy_from_slice(&u32::try_from(value).unwrap().to_le_bytes());
    }

    fn count(&mut self, at: u64) {
        self.put(at, self.get(at) + 1);
    }

    /// Appends an object; the counters of the header follow.
    fn object(&mut self, kind: u8, flags: u8, content: &[u8]) -> u64 {
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&[kind, flags, 0, 0, 0, 0, 0, 0]);
        self.bytes.extend_from_slice(&(16 + content.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.put(136, at);
        self.put(96, (self.bytes.len() - HEADER_BYTES) as u64);
        self.count(144);
        match kind {
            1 => self.count(208),
            2 => self.count(216),
            6 => self.count(232),
            7 => self.count(224),
            _ => {}
        }
        at
    }

    fn hash(&self, payload: &[u8]) -> u64 {
        if self.shape.is_keyed { siphash(payload) } else { jenkins(payload) }
    }

    /// Hangs an object into its chain.
    fn chain(&mut self, table: u64, cells: u64, hash: u64, at: u64) {
        let cell = self.get(table) + hash % cells * 16;
        match self.get(cell + 8) {
            0 => self.put(cell, at),
            tail => self.put(tail + 24, at),
        }
        self.put(cell + 8, at);
    }

    fn value(&mut self, payload: &[u8]) -> u64 {
        if let Some(at) = self.values.get(payload) {
            return *at;
        }
        let hash = self.hash(payload);
        let (flags, stored) = match self.shape.packing {
            packing if payload.len() >= PACKED_FROM_BYTES => pack(packing, payload),
            _ => (0, payload.to_vec()),
        };
        let mut content = vec![0; if self.shape.is_compact { 56 } else { 48 }];
        content[..8].copy_from_slice(&hash.to_le_bytes());
        content.extend_from_slice(&stored);
        let at = self.object(1, flags, &content);
        self.chain(104, DATA_CELLS, hash, at);
        let equals = payload.iter().position(|byte| *byte == b'=').unwrap();
        let name = self.name(&payload[..equals]);
        self.put(at + 32, self.get(name + 32));
        self.put(name + 32, at);
        self.values.insert(payload.to_vec(), at);
        at
    }

    fn name(&mut self, name: &[u8]) -> u64 {
        if let Some(at) = self.names.get(name) {
            return *at;
        }
        let hash = self.hash(name);
        let mut content = vec![0; 24];
        content[..8].copy_from_slice(&hash.to_le_bytes());
        content.extend_from_slice(name);
        let at = self.object(2, 0, &content);
        self.chain(120, FIELD_CELLS, hash, at);
        self.names.insert(name.to_vec(), at);
        at
    }

    /// Appends an entry and lists it.
    pub fn entry(&mut self, entry: &Entry) -> u64 {
        let mut items: Vec<(u64, u64)> =
            entry.fields.iter().map(|field| (self.value(field), self.hash(field))).collect();
        items.sort_unstable();
        let xor = entry
            .fields
            .iter()
            .fold(0, |xor, field| xor ^ if self.shape.is_keyed { jenkins(field) } else { self.hash(field) });
        let number = self.entries.len() as u64 + 1;
        let mut content = Vec::new();
        for word in [number, entry.realtime_us, entry.monotonic_us] {
            content.extend_from_slice(&word.to_le_bytes());
        }
        content.extend_from_slice(&entry.boot);
        content.extend_from_slice(&xor.to_le_bytes());
        for (at, hash) in &items {
            if self.shape.is_compact {
                content.extend_from_slice(&u32::try_from(*at).unwrap().to_le_bytes());
            } else {
                content.extend_from_slice(&at.to_le_bytes());
                content.extend_from_slice(&hash.to_le_bytes());
            }
        }
        let at = self.object(3, 0, &content);
        self.list(0, at);
        for (value, _) in items {
            if self.get(value + 40) == 0 {
                self.put(value + 40, at);
            } else {
                self.list(value, at);
            }
            self.count(value + 56);
        }
        self.entries.push(at);
        self.count(152);
        self.put(160, number);
        self.put(168, 1);
        if number == 1 {
            self.put(184, entry.realtime_us);
        }
        self.put(192, entry.realtime_us);
        self.put(200, entry.monotonic_us);
        self.bytes[56..72].copy_from_slice(&entry.boot);
        self.put(264, at);
        at
    }

    /// Puts an entry into the arrays of a DATA object, or (0) of the file.
    fn list(&mut self, of: u64, entry: u64) {
        let mut tail = self.tails.get(&of).copied().unwrap_or_default();
        let width = if self.shape.is_compact { 4 } else { 8 };
        if tail.used == tail.capacity {
            let capacity = (tail.capacity * 2).max(4);
            let room = vec![0; usize::try_from(8 + capacity * width).unwrap()];
            let array = self.object(6, 0, &room);
            let before = match (tail.array, of) {
                (0, 0) => 176,
                (0, of) => of + 48,
                (array, _) => array + 16,
            };
            self.put(before, array);
            tail = Tail { array, used: 0, capacity };
        }
        let at = tail.array + 24 + tail.used * width;
        if self.shape.is_compact {
            self.put32(at, entry);
        } else {
            self.put(at, entry);
        }
        tail.used += 1;
        let told = match (of, self.shape.is_compact) {
            (0, _) => Some(256),
            (of, true) => Some(of + 64),
            (_, false) => None,
        };
        if let Some(told) = told {
            self.put32(told, tail.array);
            self.put32(told + 4, tail.used);
        }
        self.tails.insert(of, tail);
    }

    /// Where the value stands.
    pub fn place(&self, payload: &[u8]) -> usize {
        usize::try_from(self.values[payload]).unwrap()
    }

    /// Where the entries stand.
    pub fn places(&self) -> &[u64] {
        &self.entries
    }
}

fn pack(packing: Packing, payload: &[u8]) -> (u8, Vec<u8>) {
    match packing {
        Packing::None => (0, payload.to_vec()),
        Packing::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(payload).unwrap();
            (1, encoder.finish().unwrap())
        }
        Packing::Lz4 => {
            let length = (payload.len() as u64).to_le_bytes();
            (2, [&length[..], &lz4_flex::block::compress(payload)].concat())
        }
        Packing::Zstd => (4, zstd::bulk::compress(payload, 3).unwrap()),
    }
}

#[allow(deprecated, reason = "the standard library still has SipHash-2-4, by another hand than ours")]
fn siphash(bytes: &[u8]) -> u64 {
    let half = |at: usize| u64::from_le_bytes(FILE_ID[at..at + 8].try_into().unwrap());
    let mut hasher = std::hash::SipHasher::new_with_keys(half(0), half(8));
    hasher.write(bytes);
    hasher.finish()
}

/// lookup3 over words that are filled up with zeroes.
fn jenkins(bytes: &[u8]) -> u64 {
    let mut words: Vec<u32> = bytes
        .chunks(4)
        .map(|chunk| chunk.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        .collect();
    words.resize(words.len().next_multiple_of(3), 0);
    let mut state = [0xdead_beef_u32.wrapping_add(u32::try_from(bytes.len()).unwrap()); 3];
    let blocks = words.len() / 3;
    for (number, block) in words.chunks(3).enumerate() {
        for (word, more) in state.iter_mut().zip(block) {
            *word = word.wrapping_add(*more);
        }
        let [a, b, c] = &mut state;
        if number + 1 < blocks {
            for (x, y, z, turn) in
                [(0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4)]
            {
                state[x] = state[x].wrapping_sub(state[y]) ^ state[y].rotate_left(turn);
                state[y] = state[y].wrapping_add(state[z]);
            }
        } else {
            for turn in [(14, 11, 25), (16, 4, 14)] {
                *c = (*c ^ *b).wrapping_sub(b.rotate_left(turn.0));
                *a = (*a ^ *c).wrapping_sub(c.rotate_left(turn.1));
                *b = (*b ^ *a).wrapping_sub(a.rotate_left(turn.2));
            }
            *c = (*c ^ *b).wrapping_sub(b.rotate_left(24));
        }
    }
    u64::from(state[2]) << 32 | u64::from(state[1])
}
