//! Native journal files. Bytes that begin like one are read as one; any others are fields, of which a file is written in
//! some shape: it must give the records of its export, and damaged, it must still be read to an end.

use conntriage::model::record::Content;
use conntriage::parse::journal_file::{self, Bytes, Fault, MAGIC};

use crate::dice::Dice;
use crate::records::{Collector, Owned, laws_of_pieces, same};
use crate::streams::exported;
use crate::writer::{Entry, Shape, Writer, shapes};

/// Bytes that may be read of a file, for each byte of it: its tables, every object several times, and a block each time.
const READ_PER_BYTE: u64 = 4_096;

/// Bytes in memory; counts what is read.
struct Memory<'a> {
    bytes: &'a [u8],
    read: u64,
}

impl Bytes for Memory<'_> {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> usize {
        let rest = usize::try_from(offset).ok().and_then(|from| self.bytes.get(from..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.read += count as u64;
        count
    }
}

/// Holds the properties against one file, or against the file of these fields.
pub fn hold(bytes: &[u8]) {
    let mut dice = Dice::of(bytes);
    if bytes.starts_with(MAGIC) {
        let (seen, _) = read(bytes);
        return laws_of_pieces(&seen, &mut dice);
    }
    let entries = entries(bytes, &mut dice);
    let shapes = shapes();
    let shape = shapes[dice.below(shapes.len())];
    let mut file = Writer::file(shape, &entries);
    let (seen, ended) = read(&file);
    assert_eq!(ended, Ok(()), "{shape:?}");
    let export: Vec<u8> = entries.iter().flat_map(Entry::export).collect();
    let exported = exported(&[&export]);
    assert_eq!(exported.len(), entries.len(), "records of an export");
    same(&wanted(&entries, exported), &placeless(seen.into_iter()), "a file and its export");
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(file.len());
        file[at] = u8::try_from(dice.below(256)).unwrap();
    }
    if dice.below(4) == 0 {
        file.truncate(dice.below(file.len()));
    }
    let (seen, _) = read(&file);
    laws_of_pieces(&seen, &mut dice);
}

/// A file of this shape with these fields, for a seed.
pub fn file_of(text: &[u8], shape: Shape) -> Vec<u8> {
    Writer::file(shape, &entries(text, &mut Dice::of(text)))
}

fn read(bytes: &[u8]) -> (Vec<Owned>, Result<(), Fault>) {
    let (mut memory, mut seen) = (Memory { bytes, read: 0 }, Collector::default());
    let ended = journal_file::read(&mut memory, &mut seen);
    assert!(memory.read <= READ_PER_BYTE * (bytes.len() as u64 + 4_096), "{} bytes were read", memory.read);
    let damaged = seen.0.iter().any(|record| matches!(record.content, Content::Malformed(_)));
    let places = seen.0.iter().map(|record| record.moment.offset);
    assert!(damaged || places.is_sorted(), "records are out of order and nothing was said of damage");
    (seen.0, ended)
}

/// What a file is read for, as the reader says: the kernel's entries, journald's own, the first and the last of all.
const WANTED: [&[u8]; 3] =
    [b"_TRANSPORT=kernel", b"_TRANSPORT=driver", b"MESSAGE_ID=e9bf28e6e834481bb6f48f548ad13606"];

/// Of an export's records those that a file is read for.
fn wanted(entries: &[Entry], exported: Vec<Owned>) -> Vec<Owned> {
    let last = entries.len().saturating_sub(1);
    let is_wanted = |at: usize, entry: &Entry| {
        at == 0 || at == last || entry.fields.iter().any(|field| WANTED.contains(&field.as_slice()))
    };
    let all = entries.iter().enumerate().zip(exported);
    placeless(all.filter(|((at, entry), _)| is_wanted(*at, entry)).map(|(_, record)| record))
}

/// Records, wherever they stand.
fn placeless(records: impl Iterator<Item = Owned>) -> Vec<Owned> {
    let placeless = |mut record: Owned| {
        record.moment.offset = 0;
        record
    };
    records.map(placeless).collect()
}

/// Entries of a machine over two boots: each line of the text is a field; an empty one ends an entry.
fn entries(text: &[u8], dice: &mut Dice) -> Vec<Entry> {
    let mut entries = Vec::new();
    let (mut realtime_us, mut monotonic_us, mut boot) =
        (1_763_000_000_000_000_u64, 40_000_000_u64, [0x0b; 16]);
    for block in text.split(|byte| *byte == b'\n').collect::<Vec<_>>().split(|line| line.is_empty()).take(64)
    {
        let step = dice.below(3_000_000) as u64;
        (realtime_us, monotonic_us) = (realtime_us + step, monotonic_us + step);
        if dice.below(32) == 0 {
            (boot, monotonic_us) = ([0x0c; 16], 1_000_000);
        }
        let mut fields: Vec<Vec<u8>> = vec![b"_HOSTNAME=gw1".to_vec()];
        // A file has each field of an entry once, and journald gives them names in capitals.
        for line in block {
            let name = line.split(|byte| *byte == b'=').next().unwrap_or_default();
            let is_name = !name.is_empty()
                && name.len() <= 64
                && !name[0].is_ascii_digit()
                && !name.starts_with(b"__")
                && name
                    .iter()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
            let is_new =
                !fields.iter().any(|field| field.starts_with(name) && field.get(name.len()) == Some(&b'='));
            if is_name && is_new && name != b"_BOOT_ID" && line.len() > name.len() {
                fields.push(line.iter().map(|byte| if *byte == 0x1f { b'\n' } else { *byte }).collect());
            }
        }
        entries.push(Entry { realtime_us, monotonic_us, boot, fields });
    }
    entries
}
