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
    pub(super) fn strip(&mut self, prefix: &[u8]) -> bool {
        self.0.strip_prefix(prefix).map(|rest| self.0 = rest).is_some()
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
    fn digits(&mut self) -> Option<u64> {
        /// Decimal digits that never overflow a `u64`.
        const DIGITS_MAX: usize = 19;
        let mut rest = self.0;
        let mut value = 0u64;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            rest = after;
        }
        let length = self.0.len() - rest.len();
        self.0 = rest;
        (1..=DIGITS_MAX).contains(&length).then_some(value)
    }

    /// Four numbers below 256 with dots between.
    #[inline]
    fn ipv4(&mut self) -> Option<Ipv4Addr> {
        let a = self.octet()?;
        let b = self.dotted_octet()?;
        let c = self.dotted_octet()?;
        let d = self.dotted_octet()?;
        Some(Ipv4Addr::from_bits(a << 24 | b << 16 | c << 8 | d))
    }

    #[inline]
    fn dotted_octet(&mut self) -> Option<u32> {
        let [b'.', rest @ ..] = self.0 else { return None };
        self.0 = rest;
        self.octet()
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
