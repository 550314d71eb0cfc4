//! LZ4 frames, one after another. The decoder of the `lz4_flex` crate ends after each frame, and ends in the same way
//! where a frame is cut between two blocks: here a frame must end with its end mark, and the next one is begun.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

/// `LZ4F_MAGIC` of lz4's doc/lz4_Frame_format.md.
const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Bit of the descriptor byte: the end mark is followed by a checksum of four bytes.
const CONTENT_CHECKSUM: u8 = 0b0000_0100;
/// Bytes of a frame that say whether there is a checksum: magic and descriptor byte.
const DESCRIBED_BYTES: usize = 5;
/// Bytes that end a frame at most: end mark and checksum.
const END_BYTES: usize = 8;

/// Reads all frames of a stream.
pub struct Lz4Frames<R: BufRead> {
    decoder: FrameDecoder<Remembering<R>>,
}

impl<R: BufRead> Lz4Frames<R> {
    /// Around packed bytes that begin with a frame.
    pub fn new(packed: R) -> Self {
        Self { decoder: FrameDecoder::new(Remembering { inner: packed, head: Vec::new(), tail: Vec::new() }) }
    }
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let packed = self.decoder.get_mut();
            let more = !packed.inner.fill_buf()?.is_empty();
            // Where more follows, only an end mark can have ended the frame.
            if !more && !packed.frame_ended() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if !more {
                return Ok(0);
            }
            packed.head.clear();
            packed.tail.clear();
        }
        Ok(0)
    }
}

/// Passes packed bytes on and remembers how the frame begins and ends.
struct Remembering<R> {
    inner: R,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl<R> Remembering<R> {
    /// What has passed of this frame ends with an end mark (a block size of zero). Legacy frames have none.
    fn frame_ended(&self) -> bool {
        if self.head.is_empty() {
            return true;
        }
        let Some(rest) = self.head.strip_prefix(&MAGIC) else { return self.head.len() >= MAGIC.len() };
        let Some(descriptor) = rest.first() else { return false };
        let behind = if descriptor & CONTENT_CHECKSUM == 0 { 0 } else { 4 };
        let end = self.tail.len().saturating_sub(behind);
        self.tail.get(..end).is_some_and(|tail| tail.ends_with(&[0; 4]))
    }
}

impl<R: BufRead> Read for Remembering<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        let missing = DESCRIBED_BYTES.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(missing));
        self.tail.extend(bytes.get(count.saturating_sub(END_BYTES)..).unwrap_or_default());
        self.tail.drain(..self.tail.len().saturating_sub(END_BYTES));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};

    use super::*;

    fn frame(plain: &[u8], checksum: bool) -> Vec<u8> {
        let info = FrameInfo::new().block_size(BlockSize::Max64KB).content_checksum(checksum);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn plain() -> Vec<u8> {
        (0..30_000_u32).flat_map(|n| format!("{}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    fn unpack(packed: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let mut bytes = Vec::new();
        let result = Lz4Frames::new(packed).read_to_end(&mut bytes);
        (bytes, result)
    }

    #[test]
    fn frames_are_read_to_the_last_one() {
        for checksum in [false, true] {
            let packed =
                [frame(b"one\n", checksum), frame(&plain(), checksum), frame(b"", checksum)].concat();
            let (bytes, result) = unpack(&packed);
            assert!(result.is_ok() && bytes == [b"one\n".to_vec(), plain()].concat());
        }
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_said_to_be() {
        for checksum in [false, true] {
            let packed = frame(&plain(), checksum);
            for length in (5..packed.len()).step_by(997).chain(packed.len() - 9..packed.len()) {
                let (bytes, result) = unpack(&packed[..length]);
                let kind = result.map_err(|error| error.kind());
                assert_eq!(kind, Err(io::ErrorKind::UnexpectedEof), "{length} of {}", packed.len());
                assert!(plain().starts_with(&bytes));
            }
        }
    }
}
