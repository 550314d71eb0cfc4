//! Streams cut into blocks of whole lines, so that line parsers never see half a line.
//!
//! A line longer than [`LINE_BYTES_MAX`] is handed on cut to that length (plus one byte, so that a parser sees that
//! it was longer) and its rest is skipped: memory stays bounded whatever a file holds.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::parse::log::lines::{LINE_BYTES_MAX, LOOK_BACK_BYTES};

/// Bytes read at a time.
const BUFFER_BYTES: usize = 1024 * 1024;
/// Bytes of one part of a big file.
pub const PART_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a stream to its end, or to its first error, in blocks of whole lines. `take` gets each block and the offset of
/// its first byte; that of the first one is `offset`.
pub fn each_block(
    reader: &mut dyn Read,
    mut offset: u64,
    mut take: impl FnMut(&[u8], u64),
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut filled = 0;
    let mut skipping = false;
    loop {
        let read = match reader.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                give(&mut take, buffer.get(..filled).unwrap_or_default(), offset, skipping);
                return Err(error);
            }
        };
        filled += read;
        let whole = buffer.get(..filled).unwrap_or_default();
        if read == 0 {
            give(&mut take, whole, offset, skipping);
            return Ok(());
        }
        let used = match memchr::memrchr(b'\n', whole) {
            Some(end) => {
                give(&mut take, whole.get(..=end).unwrap_or_default(), offset, skipping);
                skipping = false;
                end + 1
            }
            None if filled == BUFFER_BYTES => {
                give(&mut take, whole, offset, skipping);
                skipping = true;
                filled
            }
            None => 0,
        };
        offset += used as u64;
        buffer.copy_within(used..filled, 0);
        filled -= used;
    }
}

/// Hands a block on, without the rest of an over-long line at its head, and with over-long lines cut.
fn give(take: &mut impl FnMut(&[u8], u64), block: &[u8], offset: u64, skipping: bool) {
    let begin = if skipping { memchr::memchr(b'\n', block).map_or(block.len(), |at| at + 1) } else { 0 };
    let block = block.get(begin..).unwrap_or_default();
    if block.is_empty() {
        return;
    }
    // Only a block's last line can be longer than the buffer; shorter giants are the parser's to cut.
    let last_line =
        memchr::memrchr(b'\n', block.get(..block.len() - 1).unwrap_or_default()).map_or(0, |at| at + 1);
    let keep = if block.last() == Some(&b'\n') {
        block.len()
    } else {
        block.len().min(last_line + LINE_BYTES_MAX + 1)
    };
    take(block.get(..keep).unwrap_or_default(), offset + begin as u64);
}

/// One part of a big file: the lines that begin in `[part · PART_BYTES, (part+1) · PART_BYTES)`.
#[derive(Debug)]
pub struct PartBlock {
    bytes: Vec<u8>,
    look_back: (usize, usize),
    lines: (usize, usize),
    first_byte: u64,
}

impl PartBlock {
    /// What stands before the part and its lines may refer to, and its offset. It may begin within a line.
    pub fn look_back(&self) -> (&[u8], u64) {
        let (from, to) = self.look_back;
        (self.bytes.get(from..to).unwrap_or_default(), self.first_byte + from as u64)
    }

    /// The part's own lines, and their offset.
    pub fn lines(&self) -> (&[u8], u64) {
        let (from, to) = self.lines;
        (self.bytes.get(from..to).unwrap_or_default(), self.first_byte + from as u64)
    }

    /// Reads part number `part` of the first `length` bytes of a file, reusing `bytes`.
    pub fn read(file: &File, length: u64, part: u64, mut bytes: Vec<u8>) -> io::Result<Self> {
        let start = (part * PART_BYTES).min(length);
        let end = (start + PART_BYTES).min(length);
        let first_byte = start.saturating_sub(LOOK_BACK_BYTES as u64);
        let last_byte = (end + LINE_BYTES_MAX as u64 + 1).min(length);
        // What is left of the part before is overwritten, not cleared first.
        bytes.resize(usize::try_from(last_byte - first_byte).unwrap_or(0), 0);
        read_exactly_at(file, &mut bytes, first_byte)?;
        let at = |offset: u64| usize::try_from(offset - first_byte).unwrap_or(usize::MAX).min(bytes.len());
        let own = line_start(&bytes, at(start), first_byte + at(start) as u64);
        let behind = line_start(&bytes, at(end), first_byte + at(end) as u64);
        let behind = if end == length { bytes.len() } else { behind };
        Ok(Self { look_back: (0, own), lines: (own, behind.max(own)), first_byte, bytes })
    }

    /// Gives the buffer back.
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

/// The first line start at or behind `at`; the end of the bytes where there is none.
fn line_start(bytes: &[u8], at: usize, offset: u64) -> usize {
    if offset == 0 || at > 0 && bytes.get(at - 1) == Some(&b'\n') {
        return at;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(bytes.len(), |next| at + next + 1)
}

/// Reads until the buffer is full. A file that became shorter meanwhile is an error: its rest is not zeroes.
fn read_exactly_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("became shorter while it was read"),
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn blocks(bytes: &[u8], step: usize) -> Vec<u8> {
        struct Steps<'a>(&'a [u8], usize);
        impl Read for Steps<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = buffer.len().min(self.1);
                self.0.read(&mut buffer[..count])
            }
        }
        let mut all = Vec::new();
        each_block(&mut Steps(bytes, step), 0, |block, offset| {
            assert!(bytes[usize::try_from(offset).unwrap()..].starts_with(block));
            all.extend_from_slice(block);
        })
        .unwrap();
        all
    }

    #[test]
    fn blocks_together_are_the_stream() {
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        for step in [999, 65_536, 2_000_000] {
            assert!(blocks(&bytes, step) == bytes);
        }
    }

    #[test]
    fn a_line_longer_than_memory_is_cut_and_what_follows_is_read() {
        let mut bytes = b"first\n".to_vec();
        bytes.resize(5_000_000, b'x');
        bytes.extend_from_slice(b"\nlast\n");
        let all = blocks(&bytes, 65_536);
        assert!(all.starts_with(b"first\nxxx") && all.ends_with(b"xlast\n"));
        assert!(all.len() < 2 * BUFFER_BYTES, "{}", all.len());
    }

    #[test]
    fn parts_of_a_file_are_its_lines_once_each() {
        let mut bytes: Vec<u8> =
            (0..1_200_000_u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        bytes.extend_from_slice(b"no line end");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let length = bytes.len() as u64;
        let mut all = Vec::new();
        for part in 0..length.div_ceil(PART_BYTES) {
            let block = PartBlock::read(&file, length, part, Vec::new()).unwrap();
            let (lines, offset) = block.lines();
            assert_eq!(offset, all.len() as u64);
            let (back, back_offset) = block.look_back();
            let from = usize::try_from(back_offset).unwrap();
            assert_eq!(&bytes[from..from + back.len()], back);
            assert_eq!(from + back.len(), all.len());
            all.extend_from_slice(lines);
        }
        assert!(all == bytes);
    }

    #[test]
    fn a_giant_line_over_several_parts_belongs_to_the_part_it_begins_in() {
        let mut bytes = b"first\n".to_vec();
        bytes.resize(3 * usize::try_from(PART_BYTES).unwrap(), b'x');
        bytes.extend_from_slice(b"\nlast\n");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let length = bytes.len() as u64;
        let mut all = Vec::new();
        for part in 0..length.div_ceil(PART_BYTES) {
            all.extend_from_slice(PartBlock::read(&file, length, part, Vec::new()).unwrap().lines().0);
        }
        assert!(all.starts_with(b"first\nxxx") && all.ends_with(b"last\n"));
    }
}
