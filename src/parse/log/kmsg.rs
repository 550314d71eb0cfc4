//! Records of `/dev/kmsg`, saved as they were read: `4,802,65338577,-;words`, then lines that begin with one blank
//! (the record's dictionary). Source: `info_print_ext_header`, Documentation/ABI/testing/dev-kmsg.
//!
//! Linux 3.5 has no flags; later fields (`caller=T1`) are ignored. The facility is in the first number: the kernel
//! forces that of a user's record to `user`, so facility 0 is the kernel for certain.
//!
//! Extended netconsole sends the same, with the kernel's release in front (`6.7.0,4,802,65338577,-;words`) and long
//! records in fragments (`ncfrag=<offset>/<bytes>`), of which the first alone can say something. It is UDP: anybody
//! could have sent it. A syslog daemon that receives it puts a header of its own in front ([`sent`]).

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
    let read = match record(line)? {
        Ok(read) => read,
        Err(kind) => return Some(Line::Damaged(kind)),
    };
    Some(Line::Record(Header {
        since_boot_us: Some(read.since_boot_us),
        // The fragments of one record have one number.
        seq: Some(read.seq).filter(|_| read.part != Part::Later),
        facility: Some(read.facility),
        trust: if read.of_netconsole { Trust::Unverified } else { Trust::AsRecorded },
        ..Header::of_text(read.text, if read.part == Part::Later { open_nothing } else { open })
    }))
}

/// What the head of a record says that was just read from `/dev/kmsg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// 0: the kernel's own.
    pub facility: u8,
    /// The record's number in this boot.
    pub seq: u64,
    /// printk's clock, microseconds (`local_clock`: it stands still while the machine is suspended).
    pub since_boot_us: i64,
}

/// The head of a record, if it is one of `/dev/kmsg`.
pub fn numbered(line: &[u8]) -> Option<Numbered> {
    let read = record(line)?.ok()?;
    let numbered = Numbered { facility: read.facility, seq: read.seq, since_boot_us: read.since_boot_us };
    (!read.of_netconsole).then_some(numbered)
}

/// What netconsole sent and a syslog daemon wrote down behind its own header.
pub(super) fn sent(facility: Option<Facility>, rest: &[u8]) -> Option<Speech<'_>> {
    let read = record(rest)?.ok()?;
    // The receiver gives what has no priority one of its own, which says nothing about the sender: facility `user`.
    let believed = facility.is_none_or(|facility| facility <= 1) && read.part != Part::Later;
    let speech = if believed { open(Some(read.facility), read.text) } else { open_nothing(None, read.text) };
    Some(Speech { since_boot_us: Some(read.since_boot_us), ..speech })
}

/// One record.
struct Read<'a> {
    of_netconsole: bool,
    facility: Facility,
    seq: u64,
    since_boot_us: i64,
    part: Part,
    text: &'a [u8],
}

/// How much of a record this is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    First,
    Later,
}

/// None: no record. An error: a number that does not fit.
fn record(text: &[u8]) -> Option<Result<Read<'_>, BlemishKind>> {
    let end = memchr::memchr(b';', text.get(..PREFIX_BYTES_MAX).unwrap_or(text))?;
    let (prefix, rest) = text.split_at_checked(end)?;
    let rest = rest.strip_prefix(b";")?;
    let mut fields = prefix.split(|byte| *byte == b',');
    let mut first = fields.next()?;
    let of_netconsole = is_release(first);
    if of_netconsole {
        first = fields.next()?;
    }
    let (priority, seq, since_boot_us) =
        (number(Some(first))?, number(fields.next())?, number(fields.next())?);
    let part = match fields.find_map(|field| field.strip_prefix(b"ncfrag=")) {
        None => Part::Whole,
        Some(place) if place.starts_with(b"0/") => Part::First,
        Some(_) => Part::Later,
    };
    let (Ok(priority), Ok(seq), Ok(since_boot_us)) = (priority, seq, since_boot_us) else {
        return Some(Err(BlemishKind::ImpossibleNumber));
    };
    let Ok(since_boot_us) = i64::try_from(since_boot_us) else {
        return Some(Err(BlemishKind::ImpossibleNumber));
    };
    let facility = Facility::try_from(priority / 8).unwrap_or(Facility::MAX);
    let of_netconsole = of_netconsole || part != Part::Whole;
    Some(Ok(Read { of_netconsole, facility, seq, since_boot_us, part, text: rest }))
}

/// `6.7.0-rc1+`: the kernel's release, told from a priority by its points.
fn is_release(field: &[u8]) -> bool {
    field.first().is_some_and(u8::is_ascii_digit) && field.contains(&b'.') && !field.contains(&b' ')
}

fn open_nothing(_: Option<Facility>, rest: &[u8]) -> Speech<'_> {
    Speech::new(Speaker::Other, rest)
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
        assert!(matches!(line(b"6,1,9999999999999999999,-;x"), Some(Line::Damaged(_))));
    }

    #[test]
    fn what_netconsole_sends_may_have_a_release_and_fragments() {
        let said = |text: &'static str| {
            let Some(Line::Record(header)) = line(text.as_bytes()) else { panic!("{text}") };
            (header.trust, header.seq, header.open().speaker)
        };
        assert_eq!(said("6.7.0-rc1+,4,802,65338577,-;x"), (Trust::Unverified, Some(802), Speaker::Kernel));
        assert_eq!(said("4,802,65338577,-,ncfrag=0/1200;x"), (Trust::Unverified, Some(802), Speaker::Kernel));
        assert_eq!(
            said("6.7.0,4,802,1,-,caller=T1,ncfrag=960/1200;x"),
            (Trust::Unverified, None, Speaker::Other)
        );
        assert!(line(b"1.2.3.4 - - [x] GET /;x").is_none());
    }
}
