//! Ways a stream may be packed, told by magic number and each read to its very last member, stream or frame.

use std::io::{self, BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use super::gzip::{self, Members};
use super::lz4::Lz4Frames;
use crate::model::time::WallTime;

/// Memory that one decoder may take: the dictionary of `xz -9` is 64 MiB, and nothing that a log is packed with by
/// default takes more. (zstd's own default bound is a window of 128 MiB.)
const DECODER_BYTES_MAX: u64 = 192 * 1024 * 1024;
/// Packed bytes read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// How a stream is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1952.
    Gzip,
    /// The .xz format.
    Xz,
    /// RFC 8878, pzstd's skippable head included.
    Zstd,
    /// bzip2.
    Bzip2,
    /// LZ4 frames, and the legacy ones of `lz4 -l`.
    Lz4,
}

impl Packing {
    /// What the first bytes of a stream say.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            _ if head.starts_with(&gzip::MAGIC) => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            // An empty stream begins with its end.
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Self::Bzip2),
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            _ => None,
        }
    }

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Xz => "xz",
            Self::Zstd => "zst",
            Self::Bzip2 => "bz2",
            Self::Lz4 => "lz4",
        }
    }

    /// The unpacked stream.
    pub fn unpack<'a>(self, packed: Box<dyn Read + 'a>) -> io::Result<Box<dyn Read + 'a>> {
        let buffered = |packed| BufReader::with_capacity(BUFFER_BYTES, packed);
        Ok(match self {
            Self::Gzip => Box::new(Members::new(packed)),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(DECODER_BYTES_MAX, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(buffered(packed), stream))
            }
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered(packed))?),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(buffered(packed))),
            Self::Lz4 => Box::new(Lz4Frames::new(buffered(packed))),
        })
    }

    /// The time that the container's header says its content was written.
    pub fn modified(self, head: &[u8]) -> Option<WallTime> {
        match self {
            Self::Gzip => gzip_time(head),
            Self::Xz | Self::Zstd | Self::Bzip2 | Self::Lz4 => None,
        }
    }
}

/// MTIME of a gzip header (RFC 1952 §2.3.1): seconds since the epoch, 0 where it is not known.
fn gzip_time(head: &[u8]) -> Option<WallTime> {
    let bytes: [u8; 4] = head.get(4..8)?.try_into().ok()?;
    let seconds = i64::from(u32::from_le_bytes(bytes));
    (seconds > 0).then_some(WallTime(seconds * 1_000_000))
}
