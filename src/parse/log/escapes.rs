//! Terminal escapes (ECMA-48): what `dmesg -L`, `grep --color`, `ccze` and their like write between the letters. They
//! are taken out before a line is read.

/// Begins every one of them.
const ESC: u8 = 0x1b;

/// The line without its escapes; none if it holds none.
pub(super) fn removed(line: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(ESC, line)?;
    let mut plain = Vec::with_capacity(line.len());
    let (before, mut rest) = line.split_at_checked(first)?;
    plain.extend_from_slice(before);
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte == ESC {
            rest = behind_escape(behind);
        } else {
            plain.push(*byte);
        }
    }
    Some(plain)
}

/// What stands behind the escape whose first byte is taken.
fn behind_escape(rest: &[u8]) -> &[u8] {
    let behind = |length: usize| rest.get(length..).unwrap_or_default();
    match rest {
        // A control sequence ends with its first byte from `@` on.
        [b'[', parameters @ ..] => {
            let length = parameters.iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
            let ends = parameters.get(length).is_some_and(|byte| (0x40..0x7f).contains(byte));
            behind(1 + length + usize::from(ends))
        }
        // A command to the terminal (a link, a title) ends with BEL or `ESC \`.
        [b']', text @ ..] => match memchr::memchr2(0x07, ESC, text) {
            Some(end) if text.get(end) == Some(&0x07) => behind(1 + end + 1),
            Some(end) if text.get(end + 1) == Some(&b'\\') => behind(1 + end + 2),
            _ => behind(1),
        },
        // A choice of characters: `ESC ( B`.
        [b'(' | b')', _, ..] => behind(2),
        [0x30..0x7f, ..] => behind(1),
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_escape_is_taken_out() {
        for (text, plain) in [
            ("\u{1b}[32m[12.5] \u{1b}[0mx", "[12.5] x"),
            ("nf_\u{1b}[01;31m\u{1b}[Kconntrack\u{1b}[m\u{1b}[K: x", "nf_conntrack: x"),
            ("\u{1b}[0m\u{1b}[1m\u{1b}[31mx\u{1b}(B\u{1b}[m", "x"),
            ("\u{1b}]8;;http://a\u{7}x\u{1b}]8;;\u{1b}\\y", "xy"),
            ("x\u{1b}", "x"),
            ("x\u{1b}[", "x"),
            ("x\u{1b}[12", "x"),
            ("\u{1b}]never ended", "never ended"),
        ] {
            assert_eq!(removed(text.as_bytes()).as_deref(), Some(plain.as_bytes()), "{text:?}");
        }
        assert_eq!(removed(b"plain"), None);
    }
}
