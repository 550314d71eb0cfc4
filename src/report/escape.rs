//! Bytes of strangers are escaped at the door of each format. Here: for a terminal and for plain text.
//!
//! What may pass is listed, not what may not: printable ASCII, and letters and digits of scripts that are written
//! from left to right. Everything else is shown by its number: control characters (they move a terminal's cursor),
//! bidi overrides and right-to-left letters (they reorder what stands beside them), zero-width and combining marks
//! (they hide), blanks that are none, bytes that are not UTF-8.

use std::fmt::Write as _;

/// Bytes from input, as text that is safe on a terminal: `\x1b`, `\u{202e}`.
pub fn bytes(raw: &[u8]) -> String {
    let mut out = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        push_text(&mut out, chunk.valid());
        for byte in chunk.invalid() {
            push_byte(&mut out, *byte);
        }
    }
    out
}

/// Text from input (a host name, a path), the same way.
pub fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    push_text(&mut out, raw);
    out
}

fn push_text(out: &mut String, raw: &str) {
    for c in raw.chars() {
        match c {
            ' '..='~' => out.push(c),
            '\0'..='\x1f' | '\x7f' => push_byte(out, u8::try_from(u32::from(c)).unwrap_or(0)),
            c if c.is_alphanumeric() && !is_right_to_left(c) && !is_filler(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
}

fn push_byte(out: &mut String, byte: u8) {
    let _ = write!(out, "\\x{byte:02x}");
}

/// Blocks of scripts written from right to left (Unicode bidi classes R and AL), as whole blocks.
fn is_right_to_left(c: char) -> bool {
    matches!(u32::from(c), 0x0590..=0x08ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff | 0x1_0800..=0x1_0fff | 0x1_e800..=0x1_efff)
}

/// Letters that are blank or join what stands beside them: Hangul fillers and conjoining jamo, combining letters.
fn is_filler(c: char) -> bool {
    matches!(u32::from(c), 0x0300..=0x036f | 0x1100..=0x11ff | 0x3164 | 0xffa0 | 0xd7b0..=0xd7ff | 0x1dc0..=0x1dff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_passes_unchanged() {
        assert_eq!(bytes(b"Apr 12 web8 kernel: a\\b ~"), "Apr 12 web8 kernel: a\\b ~");
        assert_eq!(text("/srv/m\u{fc}ller/\u{65e5}"), "/srv/m\u{fc}ller/\u{65e5}");
    }

    #[test]
    fn control_characters_are_shown_by_number() {
        assert_eq!(bytes(b"\x1b[2J\n\x7f\t"), "\\x1b[2J\\x0a\\x7f\\x09");
        assert_eq!(text("\u{85}\u{9b}"), "\\u{85}\\u{9b}");
    }

    #[test]
    fn what_reorders_or_hides_is_shown_by_number() {
        let hostile = "\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{5d0}\u{301}\u{3164}\u{2028}\u{a0}\u{e0041}";
        let shown = text(hostile);
        assert!(shown.is_ascii(), "{shown}");
        assert!(shown.starts_with("\\u{202e}\\u{2066}\\u{200b}"));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_shown_one_by_one() {
        assert_eq!(bytes(b"a\xff\xc3(\xe2\x82"), "a\\xff\\xc3(\\xe2\\x82");
    }
}
