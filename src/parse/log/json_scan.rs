//! As much of JSON (RFC 8259) as one flat object on a line needs: its names and values, and a string's characters.
//! Nothing is checked that need not be: what is not understood gives nothing.

use std::borrow::Cow;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// What stands between the quotes, escapes and all.
    Text(&'a [u8]),
    /// Anything else, as written.
    Other(&'a [u8]),
}

/// The members of an object that fills the whole of `text`, in order, up to what is not understood.
pub(super) fn members(text: &[u8]) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    let mut rest = text.trim_ascii().strip_prefix(b"{").unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, behind) = string(rest.trim_ascii_start())?;
        let (value, behind) = value(behind.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())?;
        let behind = behind.trim_ascii_start();
        rest = behind.strip_prefix(b",").unwrap_or_default();
        Some((name, value))
    })
}

fn value(text: &[u8]) -> Option<(Value<'_>, &[u8])> {
    if text.starts_with(b"\"") {
        return string(text).map(|(value, rest)| (Value::Text(value), rest));
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let (_, rest) = string(text.get(at..)?)?;
                at = text.len().checked_sub(rest.len())?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => break,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    let (value, rest) = text.split_at_checked(at).filter(|(value, _)| !value.is_empty())?;
    Some((Value::Other(value.trim_ascii_end()), rest))
}

/// A string's inside and what stands behind its closing quote.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', inner.get(from..)?)?;
        if inner.get(at) == Some(&b'"') {
            return Some((inner.get(..at)?, inner.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// The characters of a string. An escape that is none stays as it is.
pub(super) fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, behind) = match behind {
            [b'n', behind @ ..] => (b'\n', behind),
            [b't', behind @ ..] => (b'\t', behind),
            [b'r', behind @ ..] => (b'\r', behind),
            [b'b', behind @ ..] => (0x08, behind),
            [b'f', behind @ ..] => (0x0c, behind),
            [same @ (b'"' | b'\\' | b'/'), behind @ ..] => (*same, behind),
            [b'u', a, b, c, d, behind @ ..] if code([*a, *b, *c, *d]).is_some() => {
                let unit = code([*a, *b, *c, *d]).unwrap_or_default();
                rest = character(unit, behind, &mut bytes);
                continue;
            }
            _ => (b'\\', behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    Cow::Owned(bytes)
}

/// Writes one character; a surrogate takes its partner with it.
fn character<'a>(unit: u32, behind: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let (character, behind) = match (unit, behind) {
        (0xd800..0xdc00, [b'\\', b'u', a, b, c, d, rest @ ..]) => match code([*a, *b, *c, *d]) {
            Some(low @ 0xdc00..0xe000) => (0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00), rest),
            _ => (unit, behind),
        },
        _ => (unit, behind),
    };
    let character = char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER);
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    behind
}

fn code(digits: [u8; 4]) -> Option<u32> {
    let digit = |value: u32, byte: &u8| Some(value * 16 + char::from(*byte).to_digit(16)?);
    digits.iter().try_fold(0, digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_in_order_and_nested_ones_are_passed_over() {
        let found: Vec<_> = members(br#" {"a":"x\"y", "b" : {"c":["}",1]}, "d":-1.5 ,"e":null} "#).collect();
        assert_eq!(
            found,
            [
                (b"a".as_slice(), Value::Text(br#"x\"y"#)),
                (b"b", Value::Other(br#"{"c":["}",1]}"#)),
                (b"d", Value::Other(b"-1.5")),
                (b"e", Value::Other(b"null")),
            ]
        );
        for text in ["", "{", "{}", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"x", "[1]", "{1:2}", "{\"a\":}"] {
            assert_eq!(members(text.as_bytes()).count(), 0, "{text}");
        }
    }

    #[test]
    fn escapes_become_characters() {
        assert_eq!(&*unescaped(br#"a\n\t\"\\\/\u0041\u00e9\ud83d\ude00"#), "a\n\t\"\\/Aé😀".as_bytes());
        assert_eq!(&*unescaped(br"\x\u12\ud800"), "\\x\\u12\u{fffd}".as_bytes());
        assert_eq!(&*unescaped(b"\\"), b"\\");
    }
}
