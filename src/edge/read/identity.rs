//! Streams are named by their content: SHA-256 over the first 64 KiB, the last 64 KiB and the length of the decoded
//! bytes, so that `messages.1` and `messages.1.gz` are one stream given twice.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// Bytes of either end that go into the name.
pub const END_BYTES: usize = 64 * 1024;

/// 12 hex digits of the digest of (first, last, length).
pub fn stream_id(first: &[u8], last: &[u8], length: u64) -> Box<str> {
    let mut hash = Sha256::new();
    hash.update(first);
    hash.update(last);
    hash.update(length.to_le_bytes());
    hex12(&hash.finalize())
}

/// An id for something that could not be read: by its path.
pub fn path_id(path: &str) -> Box<str> {
    hex12(&Sha256::digest(path.as_bytes()))
}

fn hex12(digest: &[u8]) -> Box<str> {
    use std::fmt::Write as _;
    digest
        .iter()
        .take(6)
        .fold(String::with_capacity(12), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
        .into_boxed_str()
}

/// Passes bytes through and remembers what the name needs.
#[derive(Debug)]
pub struct Identified<R> {
    inner: R,
    first: Vec<u8>,
    last: Vec<u8>,
    length: u64,
}

impl<R: Read> Identified<R> {
    /// Around a reader.
    pub fn new(inner: R) -> Self {
        Self { inner, first: Vec::new(), last: Vec::new(), length: 0 }
    }

    /// Bytes passed so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The name of what has passed.
    pub fn id(&self) -> Box<str> {
        let from = self.last.len().saturating_sub(END_BYTES);
        stream_id(&self.first, self.last.get(from..).unwrap_or_default(), self.length)
    }

    fn remember(&mut self, bytes: &[u8]) {
        let room = END_BYTES - self.first.len().min(END_BYTES);
        self.first.extend(bytes.iter().take(room));
        self.length += bytes.len() as u64;
        if bytes.len() >= END_BYTES {
            self.last.clear();
        } else if self.last.len() > 8 * END_BYTES {
            self.last.drain(..self.last.len() - END_BYTES);
        }
        let from = bytes.len().saturating_sub(END_BYTES);
        self.last.extend_from_slice(bytes.get(from..).unwrap_or_default());
    }
}

impl<R: Read> Read for Identified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.remember(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_does_not_depend_on_how_the_bytes_arrive() {
        let bytes: Vec<u8> = (0..700_000_u32).map(|n| (n % 251) as u8).collect();
        let id_with = |step: usize| {
            let mut reader = Identified::new(&bytes[..]);
            let mut buffer = vec![0; step];
            while reader.read(&mut buffer).unwrap() > 0 {}
            (reader.id(), reader.length())
        };
        let expected = stream_id(&bytes[..END_BYTES], &bytes[bytes.len() - END_BYTES..], bytes.len() as u64);
        for step in [1000, 65_536, 65_537, 300_000, 700_000] {
            assert_eq!(id_with(step), (expected.clone(), 700_000));
        }
    }
}
