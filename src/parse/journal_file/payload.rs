//! Packed values (`OBJECT_COMPRESSED_XZ`, `…_LZ4`, `…_ZSTD`), unpacked as far as they are of use.

use std::io::Read;

use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;
use zstd::stream::read::Decoder;

/// Bytes of a packed value that is unpacked at all: a kernel message has at most 8 KiB.
pub(super) const PACKED_BYTES_MAX: u64 = 256 * 1024;
/// Memory for xz: journald packs with dictionaries of at most 8 MiB.
const XZ_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The base-2 logarithm of zstd's largest window: 8 MiB; journald's packer makes none above the value's own length
/// and 2 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Bytes that an lz4 value may say it has. It cannot be unpacked in part.
const LZ4_BYTES_MAX: u64 = 1024 * 1024;

/// A value, unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// Its first bytes.
    pub(super) bytes: Vec<u8>,
    /// They are all.
    pub(super) is_whole: bool,
}

/// Unpacks by the object's flag, at most `keep` bytes; none: damaged.
pub(super) fn unpack(flag: u8, packed: &[u8], keep: usize) -> Option<Unpacked> {
    match flag {
        1 => {
            let stream = Stream::new_stream_decoder(XZ_BYTES_MAX, 0).ok()?;
            first_of(XzDecoder::new_stream(packed, stream), keep)
        }
        2 => unpack_lz4(packed, keep),
        4 => {
            let mut decoder = Decoder::with_buffer(packed).ok()?.single_frame();
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).ok()?;
            first_of(decoder, keep)
        }
        _ => None,
    }
}

fn first_of(reader: impl Read, keep: usize) -> Option<Unpacked> {
    let mut bytes = Vec::new();
    reader.take(keep as u64 + 1).read_to_end(&mut bytes).ok()?;
    let is_whole = bytes.len() <= keep;
    bytes.truncate(keep);
    Some(Unpacked { bytes, is_whole })
}

/// An lz4 block behind the length of what it unpacks to (`compress_blob_lz4`).
fn unpack_lz4(packed: &[u8], keep: usize) -> Option<Unpacked> {
    let (length, block) = packed.split_first_chunk::<8>()?;
    let length = u64::from_le_bytes(*length);
    if length > LZ4_BYTES_MAX {
        return Some(Unpacked { bytes: Vec::new(), is_whole: false });
    }
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    let count = lz4_flex::block::decompress_into(block, &mut bytes).ok()?;
    if count as u64 != length {
        return None;
    }
    let is_whole = bytes.len() <= keep;
    bytes.truncate(keep);
    Some(Unpacked { bytes, is_whole })
}
