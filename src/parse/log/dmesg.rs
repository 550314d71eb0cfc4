//! What util-linux's dmesg prints, with each of its options. No host; the words are the kernel's.
//!
//! | option | in front of the words |
//! |---|---|
//! | none, `-r` | `[12345.678901] `, `<4>[12345.678901] ` |
//! | `-d`, `-t -d` | `[12345.678901 <    0.000098>] `, `[<    0.000098>] ` |
//! | `-T`, `-T -d` | `[Fri Nov 27 02:15:44 2026] `, `[Fri Nov 27 02:15:44 2026 <    0.000098>] ` |
//! | `-e` | `[Nov27 02:15] ` where the minute changes, else the time since the line before: `[  +0.000098] ` |
//! | `--time-format iso` | `2026-11-27T02:15:44,678901+00:00 ` (with a comma, which nobody else writes) |
//! | `-x` | `kern  :warn  : ` in front of any of these |
//! | several `--time-format` (newer versions) | one of these behind another |
//!
//! Behind the bracket the caller may stand in one of its own. `-T` and `-e` write the names of months as the locale has
//! them, in local time without its zone; decimals of `-d` may have a comma. All of this was seen in the output of
//! dmesg 2.38. Lines without any of it (`-t`) are `bare`. `-J` is `dmesg_json`.
//!
//! With `-e` a line's time follows from the lines before it, so [`super::lines::LineParser::reading_deltas`] reads such
//! a stream from its beginning; met anywhere else such a line has no time.

use crate::model::blemish::BlemishKind;

use super::header::{Facility, Header, Line, priority};
use super::speech::{self, Speaker, Speech};
use super::time::{self, Impossible, Written};
use super::{months, rfc3339};

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (facility, text) = match line.first()? {
        b'[' => (None, line),
        b'<' => priority(line),
        // `-x`: only lines that begin with the name of a facility.
        b'a'..=b'z' => decoded(line)?,
        _ => return None,
    };
    stamped(facility, text, STAMPS_MAX).or_else(|| undated(facility, line, text))
}

/// Stamps that one line may have: as many as there are formats.
pub(super) const STAMPS_MAX: u8 = 5;

/// `[…] words`, where several times may stand one behind another.
pub(super) fn stamped(facility: Option<Facility>, text: &[u8], stamps: u8) -> Option<Line<'_>> {
    let first = bracketed(facility, text)?;
    let behind = || {
        let end = memchr::memchr(b']', text.get(..BRACKET_BYTES_MAX).unwrap_or(text))?;
        let behind = text.get(end + 1..)?.strip_prefix(b" ")?;
        match behind.first()? {
            b'[' if stamps > 1 => stamped(facility, behind, stamps - 1),
            b'0'..=b'9' => rfc3339::of_dmesg(facility, behind),
            _ => None,
        }
    };
    match (first, behind()) {
        (Line::Record(first), Some(Line::Record(second))) => Some(Line::Record(both(&first, &second))),
        (first, _) => Some(first),
    }
}

/// A line with two times: each says what the other does not, and of two stamps the finer one is kept.
pub(super) fn both<'a>(first: &Header<'_>, second: &Header<'a>) -> Header<'a> {
    let finer = [first.stamp, second.stamp].into_iter().flatten().min_by_key(|stamp| stamp.precision_us);
    Header {
        stamp: finer,
        since_boot_us: first.since_boot_us.or(second.since_boot_us),
        delta_us: first.delta_us.or(second.delta_us),
        ..*second
    }
}

/// Lines of `dmesg -x` whose stamp stands in no bracket, or that have none.
fn undated<'a>(facility: Option<Facility>, line: &[u8], text: &'a [u8]) -> Option<Line<'a>> {
    if !line.first()?.is_ascii_lowercase() {
        return None;
    }
    let iso = rfc3339::of_dmesg(facility, text);
    iso.or_else(|| Some(Line::Record(Header { facility, ..Header::of_text(text, open) })))
}

/// `[…] words`.
fn bracketed(facility: Option<Facility>, text: &[u8]) -> Option<Line<'_>> {
    if let Some((since_boot_us, behind)) = time::seconds_bracket(text) {
        if !matches!(behind.first(), Some(b' ' | b'[')) {
            return None;
        }
        let header = Header::of_text(text, open);
        return Some(Line::Record(Header { since_boot_us: Some(since_boot_us), facility, ..header }));
    }
    let inner = text.strip_prefix(b"[")?;
    let end = memchr::memchr(b']', inner.get(..BRACKET_BYTES_MAX).unwrap_or(inner))?;
    let (inner, behind) = inner.split_at_checked(end)?;
    let rest = behind.strip_prefix(b"]")?;
    if !matches!(rest.first(), Some(b' ' | b'[')) {
        return None;
    }
    let header = Header { facility, ..Header::of_text(rest, open_behind) };
    let inner = match without_delta(inner) {
        Some(b"") => return Some(Line::Record(header)),
        Some(before) => before,
        None => inner,
    };
    if let Some(delta_us) = delta(inner) {
        return Some(Line::Record(Header { delta_us: Some(delta_us), ..header }));
    }
    if let Some((us, b"")) = time::seconds(inner.trim_ascii_start()) {
        return Some(Line::Record(Header { since_boot_us: Some(time::before_wrap(us)), ..header }));
    }
    match civil(inner)? {
        Ok(stamp) => Some(Line::Record(Header { stamp: Some(stamp), ..header })),
        Err(Impossible) => Some(Line::Damaged(BlemishKind::ImpossibleTime)),
    }
}

/// Bytes of the longest bracket: weekday and month in a wide script, and a delta.
const BRACKET_BYTES_MAX: usize = 96;

/// Without ` <    0.000098>` at the end; none if it has none.
fn without_delta(inner: &[u8]) -> Option<&[u8]> {
    let inner = inner.strip_suffix(b">")?;
    let (before, delta) = inner.split_at_checked(memchr::memrchr(b'<', inner)?)?;
    time::seconds(delta.strip_prefix(b"<")?.trim_ascii_start()).filter(|(_, rest)| rest.is_empty())?;
    Some(before.trim_ascii_end())
}

/// `  +0.000098`.
fn delta(inner: &[u8]) -> Option<i64> {
    let (us, rest) = time::seconds(inner.trim_ascii_start().strip_prefix(b"+")?)?;
    rest.is_empty().then_some(us)
}

/// `Fri Nov 27 02:15:44 2026` or `Nov27 02:15`, names in any language.
fn civil(inner: &[u8]) -> Option<Result<Written, Impossible>> {
    let with_year = || {
        let (date, clock) = inner.split_at_checked(inner.len().checked_sub(b"02:15:44 2026".len())?)?;
        let (_weekday, date) = date.trim_ascii_start().split_at_checked(memchr::memchr(b' ', date)?)?;
        in_locale(date.strip_suffix(b" ")?, clock)
    };
    let of_minute = || {
        let (date, clock) = inner.split_at_checked(inner.len().checked_sub(b"02:15".len())?)?;
        in_locale(date.strip_suffix(b" ")?, clock)
    };
    with_year().or_else(of_minute)
}

/// A month's name and a day of two places, the first of which may be blank.
fn in_locale(date: &[u8], clock_and_year: &[u8]) -> Option<Result<Written, Impossible>> {
    let (name, day) = date.split_at_checked(date.len().checked_sub(2)?)?;
    let day = std::str::from_utf8(day).ok()?.trim_ascii_start().parse().ok()?;
    time::in_locale(months::number(name.trim_ascii())?, day, clock_and_year)
}

/// `kern  :warn  : `: the facility, and what stands behind. Both names are padded to six places.
fn decoded(line: &[u8]) -> Option<(Option<Facility>, &[u8])> {
    let (facility, rest) = padded_name(line)?;
    let facility = speech::facility_of_name(facility)?;
    let (severity, rest) = padded_name(rest)?;
    let rest = rest.strip_prefix(b" ").filter(|_| speech::is_severity(severity))?;
    Some((Some(facility), rest))
}

/// A name, filled up with blanks to six places, and a colon.
fn padded_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b':', text.get(..=NAME_BYTES_MAX).unwrap_or(text))?;
    let (name, rest) = text.split_at_checked(end)?;
    let is_padded = name.len() == PADDED_BYTES || (name.len() > PADDED_BYTES && !name.ends_with(b" "));
    is_padded.then_some((name.trim_ascii_end(), rest.strip_prefix(b":")?))
}

/// Places that a name fills at least.
const PADDED_BYTES: usize = 6;
/// `authpriv`.
const NAME_BYTES_MAX: usize = 8;

fn open(facility: Option<Facility>, text: &[u8]) -> Speech<'_> {
    match facility {
        None | Some(0) => speech::kernel(text),
        Some(_) => Speech::new(Speaker::Other, text),
    }
}

/// Opens what stands behind a stamp.
pub(super) fn open_behind(facility: Option<Facility>, text: &[u8]) -> Speech<'_> {
    open(facility, speech::without_caller(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bracket_that_is_no_stamp_is_none_of_ours() {
        for text in [
            "[UFW BLOCK] IN=eth0",
            "[1.5]",
            "[] x",
            "[<>] x",
            "[< x>] x",
            "[+] x",
            "[ 02:15] x",
            "[Nov27 02:1] x",
            "[Fri Xyz 27 02:15:44 2026] x",
            "[Fri Nov 27 02:15:44 2026]x",
            "[12:15:44 2026] x",
        ] {
            assert!(bracketed(None, text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn only_padded_names_are_those_of_dmesg() {
        assert_eq!(decoded(b"kern  :warn  : x"), Some((Some(0), b"x".as_slice())));
        assert_eq!(decoded(b"authpriv:info  : x"), Some((Some(10), b"x".as_slice())));
        for text in ["kern:warn: x", "kern  :warn: x", "kern  :other : x", "kernel: x: y", "abc   :warn  : x"]
        {
            assert_eq!(decoded(text.as_bytes()), None, "{text}");
        }
    }
}
