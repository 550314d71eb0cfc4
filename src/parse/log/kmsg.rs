//! Records of `/dev/kmsg`, saved as they were read: `4,802,65338577,-;words`, then lines that begin with one blank
//! (the record's dictionary). Source: `info_print_ext_header`, Documentation/ABI/testing/dev-kmsg.
//!
//! Linux 3.5 has no flags; later fields (`caller=T1`) are ignored. The facility is in the first number: the kernel
//! forces that of a user's record to `user`, so facility 0 is the kernel for certain.

use std::borrow::Cow;

use crate::model::blemish::BlemishKind;
use crate::model::record::Trust;

use super::header::{Facility, Header, Line};
use super::speech::{Speaker, Speech};

/// The longest prefix that is looked at: three numbers of twenty digits, flags, caller and what may be added.
const PREFIX_BYTES_MAX: usize = 256;

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    if !line.first()?.is_ascii_digit() {
        return None;
    }
    let end = memchr::memchr(b';', line.get(..PREFIX_BYTES_MAX).unwrap_or(line))?;
    let (prefix, rest) = line.split_at_checked(end)?;
    let rest = rest.strip_prefix(b";")?;
    let mut fields = prefix.split(|byte| *byte == b',');
    let (priority, seq, since_boot_us) =
        (number(fields.next())?, number(fields.next())?, number(fields.next())?);
    let (Ok(priority), Ok(seq), Ok(since_boot_us)) = (priority, seq, since_boot_us) else {
        return Some(Line::Damaged(BlemishKind::ImpossibleNumber));
    };
    let Ok(since_boot_us) = i64::try_from(since_boot_us) else {
        return Some(Line::Damaged(BlemishKind::ImpossibleNumber));
    };
    Some(Line::Record(Header {
        since_boot_us: Some(since_boot_us),
        seq: Some(seq),
        facility: Some(Facility::try_from(priority / 8).unwrap_or(Facility::MAX)),
        trust: Trust::AsRecorded,
        ..Header::of_text(rest, open)
    }))
}

/// A decimal number; inside: whether it fits.
fn number(field: Option<&[u8]>) -> Option<Result<u64, std::num::ParseIntError>> {
    let field = field?;
    if field.is_empty() || !field.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(std::str::from_utf8(field).ok()?.parse())
}

fn open(facility: Option<Facility>, rest: &[u8]) -> Speech<'_> {
    let speaker = if facility == Some(0) { Speaker::Kernel } else { Speaker::Other };
    Speech { speaker, since_boot_us: None, text: unescaped(rest) }
}

/// Bytes below 32, above 126 and the backslash itself were written as `\xNN`.
fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        if let [b'\\', b'x', high, low, behind @ ..] = rest
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
            && let Ok(byte) = u8::try_from(high * 16 + low)
        {
            bytes.push(byte);
            rest = behind;
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_what_is_none_stays() {
        assert_eq!(&*unescaped(br"a\x0ab\x5cx\xzz\x4"), b"a\nb\\x\\xzz\\x4");
    }

    #[test]
    fn a_record_has_its_number_and_its_clock() {
        for text in ["6,802,65338577;x", "6,802,65338577,-;x", "6,802,65338577,c,caller=T1,cpu=10;x"] {
            let Some(Line::Record(header)) = line(text.as_bytes()) else { panic!("{text}") };
            assert_eq!((header.seq, header.since_boot_us), (Some(802), Some(65_338_577)));
            assert_eq!(header.open().speaker, Speaker::Kernel);
        }
        let Some(Line::Record(header)) = line(b"12,340,5690716,-;nf_conntrack: table full, dropping packet")
        else {
            panic!()
        };
        assert_eq!(header.open().speaker, Speaker::Other);
        for text in ["6,802;x", "6,802,1", "1,2,3 x;", "a,1,2,-;x", "6,,2,-;x"] {
            assert!(line(text.as_bytes()).is_none(), "{text}");
        }
        assert!(matches!(line(b"6,99999999999999999999,1,-;x"), Some(Line::Damaged(_))));
    }
}
