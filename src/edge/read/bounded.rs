//! A bound on what one packed stream may become: a few kilobytes can be made to unpack into terabytes.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Decoded bytes of one stream that are read at most, however it is packed.
pub const DECODED_BYTES_MAX: u64 = 1 << 40;
/// So many decoded bytes raise no suspicion, whatever they were packed to.
const UNSUSPECTED_BYTES: u64 = 1 << 30;
/// Decoded bytes for each packed one, above that. DEFLATE itself cannot pack better than 1,032 to 1, and logs, whose
/// lines carry times, are packed 10 to 100 to 1 by the best.
const RATIO_MAX: u64 = 1_200;

/// Counts packed bytes on their way to a decoder.
pub struct Packed<'a> {
    inner: Box<dyn Read + 'a>,
    count: Rc<Cell<u64>>,
}

/// Decoded bytes, held to the bounds.
pub struct Bounded<'a> {
    inner: Box<dyn Read + 'a>,
    packed: Option<Rc<Cell<u64>>>,
    decoded: u64,
}

impl<'a> Packed<'a> {
    /// Around packed bytes, and their count.
    pub fn new(inner: Box<dyn Read + 'a>) -> (Self, Rc<Cell<u64>>) {
        let count = Rc::new(Cell::new(0));
        (Self { inner, count: Rc::clone(&count) }, count)
    }
}

impl Read for Packed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get().saturating_add(count as u64));
        Ok(count)
    }
}

impl<'a> Bounded<'a> {
    /// Around decoded bytes; `packed` counts what they came from (none: they are not packed).
    pub fn new(inner: Box<dyn Read + 'a>, packed: Option<Rc<Cell<u64>>>) -> Self {
        Self { inner, packed, decoded: 0 }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.decoded = self.decoded.saturating_add(count as u64);
        if self.decoded > DECODED_BYTES_MAX {
            return Err(io::Error::other(format!("is longer than {DECODED_BYTES_MAX} bytes")));
        }
        let Some(packed) = &self.packed else { return Ok(count) };
        if self.decoded > UNSUSPECTED_BYTES && self.decoded / RATIO_MAX > packed.get() {
            return Err(io::Error::other(format!(
                "unpacks to more than {RATIO_MAX} times its size, which no log does: it was not read on"
            )));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(packed_bytes: u64, decoded_bytes: u64) -> Result<u64, String> {
        let zeros = io::repeat(0).take(decoded_bytes);
        let packed = Rc::new(Cell::new(packed_bytes));
        let mut bounded = Bounded::new(Box::new(zeros), Some(packed));
        io::copy(&mut bounded, &mut io::sink()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_unpacks_without_measure_is_not_read_to_its_end() {
        assert_eq!(read_all(1_000, 1 << 20), Ok(1 << 20));
        let two_gib = 2 << 30;
        assert_eq!(read_all(two_gib / 1_000, two_gib), Ok(two_gib));
        assert!(read_all(1_000, two_gib).is_err_and(|why| why.contains("1200 times")));
    }
}
