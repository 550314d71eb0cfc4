//! A gzip stream member by member (RFC 1952 §2.2: members simply follow one another). What stands behind the last one
//! is told apart: nothing, padding with zeros as tapes and `dd` leave it, the torn beginning of another member, or
//! bytes that are no gzip at all.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// ID1, ID2, CM (RFC 1952 §2.3.1): the only method there is.
pub const MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];
/// Bytes that are asked for at a time.
const BLOCK_BYTES: usize = 256 * 1024;
/// Strange bytes behind the last member that are counted; a pipe may have no end.
const STRANGE_BYTES_MAX: u64 = 1 << 30;

/// What stands behind the last member is not gzip. Everything before it was decoded and its checksums hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Strange {
    /// How many.
    pub bytes: u64,
    /// They were counted to the end.
    pub is_all: bool,
}

impl std::fmt::Display for Strange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more: &str = if self.is_all { "" } else { "more than " };
        write!(f, "{more}{} bytes behind the last gzip member are not gzip", self.bytes)
    }
}

impl std::error::Error for Strange {}

/// All members of a stream, decoded.
pub struct Members<'a> {
    /// None: the last member has ended.
    decoder: Option<GzDecoder<Packed<'a>>>,
}

impl<'a> Members<'a> {
    /// Of a stream that begins with a member.
    pub fn new(packed: Box<dyn Read + 'a>) -> Self {
        let packed = Packed { inner: packed, buffer: vec![0; BLOCK_BYTES], taken: 0, filled: 0 };
        Self { decoder: Some(GzDecoder::new(packed)) }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(mut packed) = self.decoder.take().map(GzDecoder::into_inner) else { return Ok(0) };
            if !packed.at_member()? {
                return Ok(0);
            }
            self.decoder = Some(GzDecoder::new(packed));
        }
    }
}

/// Packed bytes, some of which can be looked at before they are taken.
struct Packed<'a> {
    inner: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    taken: usize,
    filled: usize,
}

impl Packed<'_> {
    /// The next bytes, at least so many unless the stream ends before.
    fn ahead(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.filled - self.taken < wanted {
            self.buffer.copy_within(self.taken..self.filled, 0);
            (self.filled, self.taken) = (self.filled - self.taken, 0);
        }
        while self.filled - self.taken < wanted {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match self.inner.read(room) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.buffer.get(self.taken..self.filled).unwrap_or_default())
    }

    /// Steps over padding to the next member; false: the stream ends here.
    fn at_member(&mut self) -> io::Result<bool> {
        loop {
            let next = self.ahead(1)?;
            let zeros = next.iter().take_while(|byte| **byte == 0).count();
            if next.is_empty() {
                return Ok(false);
            }
            if zeros == 0 {
                break;
            }
            self.consume(zeros);
        }
        let next = self.ahead(MAGIC.len())?;
        if next.starts_with(&MAGIC) {
            return Ok(true);
        }
        if MAGIC.starts_with(next) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let strange = self.strange()?;
        Err(io::Error::new(io::ErrorKind::InvalidData, strange))
    }

    /// Counts what is left.
    fn strange(&mut self) -> io::Result<Strange> {
        let mut bytes = 0;
        while bytes <= STRANGE_BYTES_MAX {
            let count = self.ahead(1)?.len();
            if count == 0 {
                return Ok(Strange { bytes, is_all: true });
            }
            self.consume(count);
            bytes += count as u64;
        }
        Ok(Strange { bytes, is_all: false })
    }
}

impl Read for Packed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let count = ready.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Packed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.ahead(1)
    }

    fn consume(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count).min(self.filled);
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

    /// Gives one byte at a time: no look-ahead may depend on how a stream is cut.
    struct Trickle(io::Cursor<Vec<u8>>);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    fn decoded(packed: &[u8]) -> (String, Option<io::Error>) {
        let whole = || io::Cursor::new(packed.to_vec());
        let all: [Box<dyn Read + Send>; 2] = [Box::new(whole()), Box::new(Trickle(whole()))];
        let [fast, slow] = all.map(|reader| {
            let mut text = Vec::new();
            let error = Members::new(reader).read_to_end(&mut text).err();
            (String::from_utf8(text).unwrap(), error)
        });
        assert_eq!(fast.0, slow.0);
        assert_eq!(fast.1.as_ref().map(ToString::to_string), slow.1.as_ref().map(ToString::to_string));
        fast
    }

    fn strange(error: Option<io::Error>) -> Option<Strange> {
        let inner = error?.into_inner()?;
        inner.downcast::<Strange>().ok().map(|strange| *strange)
    }

    #[test]
    fn members_follow_one_another_even_empty_ones_and_across_padding() {
        let packed = [gz(b"one\n"), gz(b""), vec![0; 700_000], gz(b"two\n")].concat();
        let (text, error) = decoded(&packed);
        assert_eq!((text.as_str(), error.is_none()), ("one\ntwo\n", true));
    }

    #[test]
    fn zeros_behind_the_last_member_are_no_damage() {
        for zeros in [1, 511, 10_240] {
            let (text, error) = decoded(&[gz(b"one\n"), vec![0; zeros]].concat());
            assert_eq!((text.as_str(), error.is_none()), ("one\n", true), "{zeros}");
        }
    }

    #[test]
    fn bytes_that_are_no_gzip_are_counted_from_the_first_that_is_no_padding() {
        for (tail, bytes) in
            [(&b"x"[..], 1), (b"not gzip", 8), (b"\0\0\0\0junk", 4), (b"\x1f\x8b\x09more", 7)]
        {
            let (text, error) = decoded(&[gz(b"one\n"), tail.to_vec()].concat());
            assert_eq!(text, "one\n");
            assert_eq!(strange(error), Some(Strange { bytes, is_all: true }), "{tail:?}");
        }
    }

    #[test]
    fn a_torn_member_is_truncated_and_not_strange() {
        let second = gz(b"two\n");
        for length in [1, 2, 3, 9, second.len() - 1] {
            let (_, error) = decoded(&[gz(b"one\n"), second[..length].to_vec()].concat());
            assert_eq!(error.unwrap().kind(), io::ErrorKind::UnexpectedEof, "{length}");
        }
    }
}
