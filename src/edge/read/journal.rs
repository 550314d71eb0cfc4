//! Native journal files, handed to their reader by position: a file as it lies there; what comes through a pipe or out
//! of an archive is kept first, packed in blocks, since its index leads back and forth.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::looks::file_id;
use super::one::{StreamRead, Understood, cut_short};
use super::open::Opened;
use crate::model::fold::RecordSink;
use crate::model::piece::Piece;
use crate::parse::journal_file::{self, Bytes, Fault, MAGIC};

/// Packed bytes of one journal that are kept at most. journald's own bound for a file is 128 MiB, of which these blocks
/// keep a fifth (measured).
const KEPT_BYTES_MAX: usize = 40 * 1024 * 1024;
/// Bytes packed together.
const BLOCK_BYTES: usize = 128 * 1024;
/// zstd's fastest ordinary level.
const LEVEL: i32 = 1;

/// Reads a file that begins like a journal; none where it does not.
pub fn read_file<S, P>(opened: &Opened) -> Option<StreamRead<P>>
where
    S: RecordSink<Part = Piece> + Default,
{
    let length = opened.length?;
    let mut magic = [0; MAGIC.len()];
    opened.file.read_exact_at(&mut magic, 0).ok()?;
    if magic != *MAGIC {
        return None;
    }
    let mut sink = S::default();
    let mut bytes = Positioned { file: &opened.file, length, error: None };
    let mut result = journal_file::read(&mut bytes, &mut sink).map_err(io::Error::other);
    if let Some(error) = bytes.error {
        result = Err(error);
    }
    Some(StreamRead {
        member: None,
        what: Understood::Log("journal-file", Box::new(sink.finish())),
        id: file_id(&opened.file, length).ok()?,
        bytes: length,
        via: Vec::new(),
        modified: None,
        padding: 0,
        note: None,
        error: result.err().map(|error| cut_short(&error, &[], length)),
    })
}

/// Reads a journal that comes byte after byte.
pub fn read_passing<S, P>(reader: &mut impl Read) -> (Understood<P>, io::Result<()>)
where
    S: RecordSink<Part = Piece> + Default,
{
    let mut sink = S::default();
    let (mut kept, ended) = Kept::keep(reader);
    let read = journal_file::read(&mut kept, &mut sink).map_err(io::Error::other);
    // That the stream was cut or damaged is why the journal is.
    (Understood::Log("journal-file", Box::new(sink.finish())), ended.and(read))
}

/// The words of an error that is a journal's own.
pub fn fault(error: &io::Error) -> Option<String> {
    let fault = error.get_ref()?.downcast_ref::<Fault>()?;
    Some(match fault {
        Fault::Cut => format!("{fault}; what stands before that was analysed"),
        Fault::Header | Fault::Unknown(_) | Fault::Bomb => fault.to_string(),
    })
}

/// A file by position.
struct Positioned<'a> {
    file: &'a File,
    length: u64,
    error: Option<io::Error>,
}

impl Bytes for Positioned<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(room) = into.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.file.read_at(room, offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error.get_or_insert(error);
                    break;
                }
            }
        }
        filled
    }
}

/// A journal in memory, packed in blocks.
struct Kept {
    blocks: Vec<Box<[u8]>>,
    length: u64,
    /// The block that was read last, unpacked, and its number.
    open: (usize, Vec<u8>),
}

impl Kept {
    /// All bytes of a reader, or those up to an error or the bound.
    fn keep(reader: &mut impl Read) -> (Self, io::Result<()>) {
        let mut kept = Self { blocks: Vec::new(), length: 0, open: (usize::MAX, Vec::new()) };
        let mut packed_bytes = 0;
        loop {
            let mut block = Vec::with_capacity(BLOCK_BYTES);
            let read = reader.take(BLOCK_BYTES as u64).read_to_end(&mut block);
            if !block.is_empty() {
                let packed = match zstd::bulk::compress(&block, LEVEL) {
                    Ok(packed) => packed,
                    Err(error) => return (kept, Err(error)),
                };
                packed_bytes += packed.len();
                if packed_bytes > KEPT_BYTES_MAX {
                    let why = "is a journal too long to be kept in memory: unpack it and give the file";
                    return (kept, Err(io::Error::other(why)));
                }
                kept.length += block.len() as u64;
                // The packer sets aside what the worst bytes would need.
                kept.blocks.push(packed.into_boxed_slice());
            }
            match read {
                Ok(BLOCK_BYTES) => {}
                Ok(_) => return (kept, Ok(())),
                Err(error) => return (kept, Err(error)),
            }
        }
    }

    fn block(&mut self, number: usize) -> &[u8] {
        if self.open.0 != number {
            let unpacked = self.blocks.get(number).map(|packed| zstd::bulk::decompress(packed, BLOCK_BYTES));
            self.open = (number, unpacked.and_then(Result::ok).unwrap_or_default());
        }
        &self.open.1
    }
}

impl Bytes for Kept {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < into.len() {
            let at = offset.saturating_add(filled as u64);
            let number = usize::try_from(at / BLOCK_BYTES as u64).unwrap_or(usize::MAX);
            let within = usize::try_from(at % BLOCK_BYTES as u64).unwrap_or(0);
            let rest = self.block(number).get(within..).unwrap_or_default();
            let Some(room) = into.get_mut(filled..) else { break };
            let count = rest.len().min(room.len());
            if count == 0 {
                break;
            }
            if let (Some(to), Some(from)) = (room.get_mut(..count), rest.get(..count)) {
                to.copy_from_slice(from);
            }
            filled += count;
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_passed() {
        let bytes: Vec<u8> = (0..500_000_u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
        let (mut kept, ended) = Kept::keep(&mut &bytes[..]);
        assert!(ended.is_ok());
        assert_eq!(kept.length(), bytes.len() as u64);
        for (offset, count) in
            [(0, 10), (131_070, 300_000), (1_999_990, 10), (1_999_990, 100), (3_000_000, 8)]
        {
            let mut into = vec![1; count];
            let filled = kept.read_at(offset, &mut into);
            let from = usize::try_from(offset).unwrap().min(bytes.len());
            let expected = &bytes[from..bytes.len().min(from + count)];
            assert_eq!(&into[..filled], expected);
        }
    }
}
