//! A cursor over the bytes of one line: blanks, words, numbers, addresses. It knows no format; every step either
//! takes bytes or says that they are not what was asked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest text that an IPv6 address can have.
const ADDRESS_BYTES_MAX: usize = 45;

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// Steps over blanks.
    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    /// Steps over `prefix` if it stands here.
    #[inline]
    pub(super) fn strip<const N: usize>(&mut self, prefix: &[u8; N]) -> bool {
        // Of a known length, so that few instructions compare it.
        match self.0.split_first_chunk::<N>() {
            Some((found, rest)) if found == prefix => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// A word: everything up to the next blank. Empty at a blank and at the end.
    #[inline]
    pub(super) fn word(&mut self) -> &'a [u8] {
        let length = self.0.iter().position(|byte| is_blank(*byte)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        word
    }

    /// The line ends here, or a blank follows.
    #[inline]
    pub(super) fn at_gap(&self) -> bool {
        self.0.first().is_none_or(|byte| is_blank(*byte))
    }

    /// A decimal number that stands alone.
    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        let number = self.digits()?;
        self.at_gap().then_some(number)
    }

    /// A decimal number with an optional minus that stands alone.
    #[inline]
    pub(super) fn signed(&mut self) -> Option<i64> {
        if self.strip(b"-") {
            return i64::try_from(self.number()?).ok().map(|number| -number);
        }
        i64::try_from(self.number()?).ok()
    }

    /// A hexadecimal number with `0x` in front, or a decimal one, that stands alone.
    pub(super) fn key_number(&mut self) -> Option<u64> {
        if !self.strip(b"0x") {
            return self.number();
        }
        let word = std::str::from_utf8(self.word()).ok()?;
        if word.starts_with('+') { None } else { u64::from_str_radix(word, 16).ok() }
    }

    /// An address that stands alone, IPv4 or IPv6, compressed or in eight full groups.
    #[inline]
    pub(super) fn address(&mut self) -> Option<IpAddr> {
        let begin = *self;
        if let Some(address) = self.ipv4()
            && self.at_gap()
        {
            return Some(IpAddr::V4(address));
        }
        *self = begin;
        self.ipv6().map(IpAddr::V6)
    }

    /// Digits, as many as fit into a `u64` whatever they are.
    #[inline]
    pub(super) fn digits(&mut self) -> Option<u64> {
        let (value, length) = match self.0.first_chunk().and_then(|bytes| few_digits(*bytes)) {
            Some(found) => found,
            None => many_digits(self.0)?,
        };
        self.0 = self.0.get(length..)?;
        Some(value)
    }

    /// Four numbers below 256 with dots between.
    #[inline]
    pub(super) fn ipv4(&mut self) -> Option<Ipv4Addr> {
        let mut address = self.octet()?;
        for _ in 0..3 {
            let [b'.', rest @ ..] = self.0 else { return None };
            self.0 = rest;
            address = address << 8 | self.octet()?;
        }
        Some(Ipv4Addr::from_bits(address))
    }

    /// One to three digits, below 256.
    #[inline]
    fn octet(&mut self) -> Option<u32> {
        let [first @ b'0'..=b'9', rest @ ..] = self.0 else { return None };
        self.0 = rest;
        let mut value = u32::from(first - b'0');
        for _ in 0..2 {
            let [digit @ b'0'..=b'9', rest @ ..] = self.0 else { return Some(value) };
            self.0 = rest;
            value = value * 10 + u32::from(digit - b'0');
        }
        (value < 256).then_some(value)
    }

    fn ipv6(&mut self) -> Option<Ipv6Addr> {
        let word = self.word();
        full_groups(word).or_else(|| {
            let text = std::str::from_utf8(word.get(..word.len().min(ADDRESS_BYTES_MAX))?).ok()?;
            if word.len() > ADDRESS_BYTES_MAX { None } else { text.parse().ok() }
        })
    }
}

/// Zero in every byte that holds a digit, the upper bit in every other one.
#[inline]
fn strangers(word: u64) -> u64 {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const UPPER: u64 = 0x8080_8080_8080_8080;
    let value = word ^ ZEROS;
    // 0x76 is what lifts ten, but not nine, into the upper bit; without upper bits no byte carries into the next.
    (((value & !UPPER) + 0x7676_7676_7676_7676) | value) & UPPER
}

/// The number of one to seven digits that these bytes begin with, and how many digits. All eight bytes are worked on
/// at once, because a loop whose length nobody can foresee costs more than the whole sum.
#[inline]
fn few_digits(bytes: [u8; 8]) -> Option<(u64, usize)> {
    let word = u64::from_le_bytes(bytes);
    let bits = strangers(word).trailing_zeros() & !7;
    if bits == 0 || bits == 64 {
        return None;
    }
    // The digits move to the upper end, zeros come in front of them; then neighbours are added: 8 → 4 → 2 → 1.
    let digits = (word & 0x0f0f_0f0f_0f0f_0f0f) << (64 - bits);
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let value = (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff;
    Some((value, usize::try_from(bits / 8).ok()?))
}

/// The number of any length that a line goes on with, and how many digits.
#[cold]
fn many_digits(line: &[u8]) -> Option<(u64, usize)> {
    /// Decimal digits that never overflow a `u64`.
    const DIGITS_MAX: usize = 19;
    let length = line.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(line.len());
    let digits = line.get(..length)?;
    let value =
        digits.iter().fold(0u64, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit & 15)));
    (1..=DIGITS_MAX).contains(&length).then_some((value, length))
}

/// Eight groups of four hexadecimal digits: how the kernel prints IPv6 (`%pI6`).
fn full_groups(word: &[u8]) -> Option<Ipv6Addr> {
    let word: &[u8; 39] = word.try_into().ok()?;
    let mut bits = 0u128;
    for (place, byte) in word.iter().enumerate() {
        if place % 5 == 4 {
            if *byte != b':' {
                return None;
            }
            continue;
        }
        bits = bits << 4 | u128::from(char::from(*byte).to_digit(16)?);
    }
    Some(Ipv6Addr::from_bits(bits))
}

/// Blanks between the fields of a line.
#[inline]
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Cursor(text.as_bytes()).address()
    }

    #[test]
    fn addresses_are_read_in_every_form_and_nothing_else_is() {
        for text in ["10.0.0.1", "255.255.255.255", "fe80::1", "::", "::ffff:10.0.0.1"] {
            assert_eq!(address(text), text.parse().ok(), "{text}");
        }
        let full = "fe80:0000:0000:0000:0000:0000:0000:0001";
        assert_eq!(address(full), "fe80::1".parse().ok());
        assert_eq!(address("10.0.0.1 dst="), "10.0.0.1".parse().ok());
        for text in
            ["", "10.0.0", "10.0.0.256", "10.0.0.1x", "1.2.3.4.5", "x.x.x.x", "fe80:::1", "gggg::", "1234"]
        {
            assert_eq!(address(text), None, "{text}");
        }
        assert_eq!(address(&"1:".repeat(4000)), None);
    }

    #[test]
    fn a_number_that_does_not_fit_is_no_number() {
        let number = |text: &str| Cursor(text.as_bytes()).number();
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!(number("99999999999999999999"), None);
        assert_eq!(number("12x"), None);
        assert_eq!(number(""), None);
        assert_eq!(Cursor(b"-5 ").signed(), Some(-5));
        assert_eq!(Cursor(b"--5").signed(), None);
        assert_eq!(Cursor(b"0x8a2f ").key_number(), Some(0x8a2f));
        assert_eq!(Cursor(b"0x+1").key_number(), None);
    }
}
