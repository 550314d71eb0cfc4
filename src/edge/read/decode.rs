//! Unpacking: by magic number, never by name, containers within containers up to a bound.

use std::io::{self, Read};

use super::bounded::{Bounded, Packed};
use super::identity::END_BYTES;
use super::packing::Packing;
use crate::model::time::WallTime;

/// Containers within containers that are opened.
pub const DEPTH_MAX: usize = 6;
/// NULs in front of a stream that are passed over. A longer hole is one of a sparse file, which is not read at all.
const PADDING_BYTES_MAX: u64 = 1 << 30;

/// A stream unpacked as far as it goes.
pub struct Decoded<'a> {
    /// Its bytes from the beginning.
    pub reader: Box<dyn Read + 'a>,
    /// What is known of it before it is read.
    pub face: Face,
    /// NULs in front of it that were passed over.
    pub padding: u64,
}

/// What is known of a stream before it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Face {
    /// Its first bytes (up to 64 KiB): they come again from the reader.
    pub head: Vec<u8>,
    /// How it was unpacked, outermost first.
    pub via: Vec<&'static str>,
    /// The time in the outermost container's header that has one.
    pub modified: Option<WallTime>,
}

/// Unpacks a stream that was unpacked `via` these already.
pub fn decode<'a>(raw: Box<dyn Read + 'a>, via: &[&'static str]) -> Decoded<'a> {
    let (packed, count) = Packed::new(raw);
    let mut face = Face { via: via.to_vec(), ..Face::default() };
    let (mut head, mut reader, mut error) = peek(Box::new(packed));
    let mut unpacked = false;
    while face.via.len() < DEPTH_MAX
        && let Some(packing) = Packing::of(&head)
    {
        face.modified = face.modified.or_else(|| packing.modified(&head));
        face.via.push(packing.name());
        unpacked = true;
        let plain = packing.unpack(replay(head, reader, error));
        (head, reader, error) = match plain {
            Ok(plain) => peek(plain),
            Err(why) => (Vec::new(), Box::new(io::empty()) as Box<dyn Read + 'a>, Some(why)),
        };
    }
    let whole = replay(head.clone(), reader, error);
    let reader = Box::new(Bounded::new(whole, unpacked.then_some(count)));
    Decoded { reader, face: Face { head, ..face }, padding: 0 }
}

impl Decoded<'_> {
    /// Without the NULs in front of it. A log that was cut short while its writer went on begins with a hole as long
    /// as the log was; what a crash leaves looks the same.
    #[must_use]
    pub fn without_padding(self) -> Self {
        let Self { mut reader, face, mut padding } = self;
        if face.head.is_empty() || face.head.iter().any(|byte| *byte != 0) {
            return Self { reader, face, padding };
        }
        let mut chunk = vec![0; END_BYTES];
        let (head, error) = loop {
            let count = match reader.read(&mut chunk) {
                Ok(0) => break (Vec::new(), None),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => break (Vec::new(), Some(error)),
            };
            let bytes = chunk.get(..count).unwrap_or_default();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            padding += zeros as u64;
            if zeros < count || padding > PADDING_BYTES_MAX {
                let mut head = bytes.get(zeros..).unwrap_or_default().to_vec();
                let room = END_BYTES.saturating_sub(head.len()) as u64;
                let error = (&mut reader).take(room).read_to_end(&mut head).err();
                break (head, error);
            }
        };
        Self { reader: replay(head.clone(), reader, error), face: Face { head, ..face }, padding }
    }
}

/// Reads the head of a stream. An error that comes after some bytes is kept, and those bytes too.
fn peek<'a>(mut reader: Box<dyn Read + 'a>) -> (Vec<u8>, Box<dyn Read + 'a>, Option<io::Error>) {
    let mut head = Vec::new();
    let error = (&mut reader).take(END_BYTES as u64).read_to_end(&mut head).err();
    (head, reader, error)
}

/// The head once more, then the rest (or the error that came instead of it).
fn replay<'a>(head: Vec<u8>, rest: Box<dyn Read + 'a>, error: Option<io::Error>) -> Box<dyn Read + 'a> {
    let head = io::Cursor::new(head);
    match error {
        Some(error) => Box::new(head.chain(Failing(Some(error)))),
        None => Box::new(head.chain(rest)),
    }
}

/// Gives its error once, then the end.
pub(super) struct Failing(pub(super) Option<io::Error>);

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

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zst(bytes: &[u8]) -> Vec<u8> {
        // As zstd(1) does: without a checksum damage may go unseen.
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bz2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn lz4(bytes: &[u8]) -> Vec<u8> {
        use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
        let info = FrameInfo::new().block_size(BlockSize::Max64KB).content_checksum(true);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    type Packer = fn(&[u8]) -> Vec<u8>;
    const PACKERS: [(&str, Packer); 5] = [("gz", gz), ("xz", xz), ("zst", zst), ("bz2", bz2), ("lz4", lz4)];

    fn unpack(packed: &[u8]) -> (Vec<u8>, Vec<&'static str>, io::Result<usize>) {
        let mut decoded = decode(Box::new(packed), &[]);
        let mut bytes = Vec::new();
        let result = decoded.reader.read_to_end(&mut bytes);
        (bytes, decoded.face.via, result)
    }

    #[test]
    fn every_container_is_read_to_its_last_member() {
        for (name, pack) in PACKERS {
            let packed = [pack(b"one\n"), pack(b"two\n"), pack(b"three\n")].concat();
            let (bytes, via, result) = unpack(&packed);
            assert!(result.is_ok(), "{name}: {result:?}");
            assert_eq!((bytes.as_slice(), via), (b"one\ntwo\nthree\n".as_slice(), vec![name]));
        }
    }

    #[test]
    fn what_stands_before_a_cut_is_kept_and_the_cut_is_an_error() {
        let plain: Vec<u8> = (0..400_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        for (name, pack) in PACKERS {
            let packed = pack(&plain);
            for part in [2, 3] {
                let (bytes, _, result) = unpack(&packed[..packed.len() / part]);
                let kind = result.map_err(|error| error.kind());
                assert_eq!(kind, Err(io::ErrorKind::UnexpectedEof), "{name}");
                assert!(bytes.len() > 100_000 && plain.starts_with(&bytes), "{name}: {}", bytes.len());
            }
        }
    }

    #[test]
    fn damage_within_a_container_is_an_error_and_never_an_end() {
        let plain: Vec<u8> = (0..100_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        for (name, pack) in PACKERS {
            let mut packed = pack(&plain);
            let middle = packed.len() / 2;
            for byte in &mut packed[middle..middle + 64] {
                *byte ^= 0x5a;
            }
            let (bytes, _, result) = unpack(&packed);
            assert!(result.is_err() || bytes == plain, "{name}: {} bytes without a word", bytes.len());
        }
    }

    #[test]
    fn a_hole_in_front_of_a_log_is_passed_over_and_counted() {
        for hole in [END_BYTES, END_BYTES + 1, 3 * END_BYTES + 77] {
            let bytes = [vec![0; hole], b"Nov  6 02:39:55 a b: c\n".repeat(10_000)].concat();
            let mut decoded = decode(Box::new(&bytes[..]), &[]).without_padding();
            assert_eq!((decoded.padding, decoded.face.head.len()), (hole as u64, END_BYTES));
            let mut rest = Vec::new();
            decoded.reader.read_to_end(&mut rest).unwrap();
            assert!(rest == bytes[hole..]);
        }
        let nothing = vec![0; 200_000];
        let decoded = decode(Box::new(&nothing[..]), &[]).without_padding();
        assert_eq!((decoded.padding, decoded.face.head.len()), (200_000, 0));
    }

    #[test]
    fn containers_within_containers_are_opened_up_to_the_bound() {
        let (bytes, via, _) = unpack(&gz(&xz(&zst(b"deep\n"))));
        assert_eq!((bytes.as_slice(), via), (b"deep\n".as_slice(), vec!["gz", "xz", "zst"]));
        let (bytes, via, _) = unpack(&(0..=DEPTH_MAX).fold(b"too deep\n".to_vec(), |packed, _| gz(&packed)));
        assert!(via.len() == DEPTH_MAX && bytes.starts_with(&[0x1f, 0x8b]));
    }
}
