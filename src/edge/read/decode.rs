//! Unpacking: by magic number, never by name; each container to its very last member.

use std::io::{self, Read};

use super::ahead::ReadAhead;
use super::gzip::{MAGIC, Members};
use super::identity::END_BYTES;
use crate::model::time::WallTime;

/// Containers within containers that are opened.
pub const DEPTH_MAX: usize = 3;
/// Decoded bytes of one stream that are read; a bomb ends here.
pub const DECODED_BYTES_MAX: u64 = 1 << 40;

/// A stream unpacked as far as it goes.
pub struct Decoded {
    /// Its bytes from the beginning.
    pub reader: Box<dyn Read + Send>,
    /// Its first bytes (up to 64 KiB): they come again from `reader`.
    pub head: Vec<u8>,
    /// How it was unpacked, outermost first.
    pub via: Vec<&'static str>,
    /// The time in the outermost gzip header that has one.
    pub modified: Option<WallTime>,
}

/// Unpacks.
pub fn decode(raw: Box<dyn Read + Send>) -> Decoded {
    let mut modified = None;
    let mut via = Vec::new();
    let (mut head, mut reader, mut error) = peek(raw);
    while via.len() < DEPTH_MAX && is_gzip(&head) {
        modified = modified.or_else(|| gzip_time(&head));
        let packed = replay(head, reader, error);
        via.push("gz");
        (head, reader, error) = peek(Box::new(Members::new(packed)));
    }
    let whole = replay(head.clone(), reader, error);
    let reader: Box<dyn Read + Send> = if via.is_empty() { whole } else { Box::new(ReadAhead::new(whole)) };
    Decoded { reader: Box::new(reader.take(DECODED_BYTES_MAX)), head, via, modified }
}

fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// MTIME of a gzip header (RFC 1952 §2.3.1): seconds since the epoch, 0 where it is not known.
fn gzip_time(head: &[u8]) -> Option<WallTime> {
    let bytes: [u8; 4] = head.get(4..8)?.try_into().ok()?;
    let seconds = i64::from(u32::from_le_bytes(bytes));
    (seconds > 0).then_some(WallTime(seconds * 1_000_000))
}

/// Reads the head of a stream. An error that comes after some bytes is kept, and those bytes too.
fn peek(mut reader: Box<dyn Read + Send>) -> (Vec<u8>, Box<dyn Read + Send>, Option<io::Error>) {
    let mut head = Vec::new();
    let error = (&mut reader).take(END_BYTES as u64).read_to_end(&mut head).err();
    (head, reader, error)
}

/// The head once more, then the rest (or the error that came instead of it).
fn replay(head: Vec<u8>, rest: Box<dyn Read + Send>, error: Option<io::Error>) -> Box<dyn Read + Send> {
    let head = io::Cursor::new(head);
    match error {
        Some(error) => Box::new(head.chain(Failing(Some(error)))),
        None => Box::new(head.chain(rest)),
    }
}

/// Gives its error once, then the end.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_file_is_read_to_its_last_member() {
        let packed = [gz(b"one\n"), gz(b"two\n"), gz(b"three\n")].concat();
        let mut decoded = decode(Box::new(io::Cursor::new(packed)));
        let mut text = String::new();
        decoded.reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), decoded.via.as_slice()), ("one\ntwo\nthree\n", &["gz"][..]));
    }

    #[test]
    fn what_stands_before_a_cut_is_kept() {
        let plain: Vec<u8> = (0..400_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let mut packed = gz(&plain);
        packed.truncate(packed.len() / 2);
        let mut decoded = decode(Box::new(io::Cursor::new(packed)));
        let mut bytes = Vec::new();
        assert!(decoded.reader.read_to_end(&mut bytes).is_err());
        assert!(bytes.len() > 500_000 && plain.starts_with(&bytes), "{}", bytes.len());
    }
}
