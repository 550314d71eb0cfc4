//! Lines of `journalctl -o short-full`, `with-unit`, `short-unix`, `short-monotonic` and `short-delta` (systemd's
//! `output_short`). The other short forms are those of `rfc3164` and `rfc3339`.
//!
//! | form | header |
//! |---|---|
//! | short-full, with-unit | `Wed 2024-05-01 12:00:00 CST host tag: `, weekday always English, the zone's name left out where it is too long |
//! | short-unix | `1714536000.123456 host tag: ` |
//! | short-monotonic | `[ 1586.855831] host tag: `, printk's clock for the kernel's records |
//! | short-delta | `[ 1586.855831 <    0.000100 >] host tag: `; `*` for the last blank where the delta is that of two boots; blanks for `< … >` in the first line |
//!
//! A zone's name does not say where the zone lies (CST is three of them), so only UTC, GMT and numbers are believed.

use crate::model::blemish::BlemishKind;
use crate::model::time::{SECOND_US, Stamp};

use super::header::{Header, Line, host, settles};
use super::{speech, time};

/// The line, if it is of these shapes.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    match line {
        [b'[', ..] => since_boot(line),
        [b'0'..=b'9', ..] if line.get(10) == Some(&b'.') => epoch(line),
        [b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ', b'0'..=b'9', ..] => weekday(line),
        _ => None,
    }
}

/// Bytes of a weekday and the blank behind it.
const WEEKDAY_BYTES: usize = 4;
const WEEKDAYS: [&[u8]; 7] = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];

fn weekday(line: &[u8]) -> Option<Line<'_>> {
    let (stamp, rest) = match weekday_stamp(line)? {
        Ok(read) => read,
        Err(time::Impossible) => return Some(Line::Damaged(BlemishKind::ImpossibleTime)),
    };
    Some(hosted(Some(stamp), None, rest))
}

/// `Wed 2024-05-01 12:00:00.123456 CST`, and what stands behind it.
pub(super) fn weekday_stamp(line: &[u8]) -> time::Reading<'_> {
    let (day, text) = line.split_at_checked(WEEKDAY_BYTES)?;
    if !WEEKDAYS.contains(&day) {
        return None;
    }
    let (written, rest) = match time::civil(text)? {
        Ok(read) => read,
        Err(fault) => return Some(Err(fault)),
    };
    let Some((zone, behind)) = zone(rest) else { return Some(Ok((written, rest))) };
    let stamp = match (zone, written.stamp) {
        (Some(east_seconds), Stamp::Local(us)) => Stamp::Absolute(us - east_seconds * SECOND_US),
        (_, stamp) => stamp,
    };
    Some(Ok((time::Written { stamp, ..written }, behind)))
}

/// The zone behind a time, if there is one: its distance from UTC in seconds, where its name says that.
fn zone(rest: &[u8]) -> Option<(Option<i64>, &[u8])> {
    let text = rest.strip_prefix(b" ")?;
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let (name, behind) = text.split_at_checked(end)?;
    let distance = match name {
        b"UTC" | b"GMT" => Some(0),
        [b'+' | b'-', ..] => Some(numeric_zone(name)?),
        // Names of zones are capital letters. A host so called would be followed by a tag.
        _ if (3..=5).contains(&name.len()) && name.iter().all(u8::is_ascii_uppercase) => None,
        _ => return None,
    };
    Some((distance, behind))
}

/// `+08`, `-0330`: zones that have no letters.
fn numeric_zone(name: &[u8]) -> Option<i64> {
    let (sign, digits) = name.split_first()?;
    let digit = |at: usize| {
        digits.get(at).filter(|digit| digit.is_ascii_digit()).map(|digit| i64::from(digit - b'0'))
    };
    let hours = digit(0)? * 10 + digit(1)?;
    let minutes = match digits.len() {
        2 => 0,
        4 => digit(2)? * 10 + digit(3)?,
        _ => return None,
    };
    let seconds = hours * 3600 + minutes * 60;
    Some(if *sign == b'-' { -seconds } else { seconds })
}

/// Bytes of `1714536000.123456`.
const EPOCH_BYTES: usize = 17;

fn epoch(line: &[u8]) -> Option<Line<'_>> {
    let (number, rest) = line.split_at_checked(EPOCH_BYTES)?;
    let us = number
        .iter()
        .filter(|byte| **byte != b'.')
        .try_fold(0_i64, |us, digit| digit.is_ascii_digit().then(|| us * 10 + i64::from(digit - b'0')))?;
    let rest = rest.strip_prefix(b" ")?;
    let stamp = time::Written { stamp: Stamp::Absolute(us), precision_us: 1 };
    Some(hosted(Some(stamp), None, rest))
}

/// A header and what stands behind its time: host word, tag, words.
fn hosted(stamp: Option<time::Written>, since_boot_us: Option<i64>, rest: &[u8]) -> Line<'_> {
    let (host, rest) = host(rest);
    let header = Header::of_text(rest, speech::tagged);
    Line::Record(Header { stamp, since_boot_us, host, settled_by_prefix: settles(host), ..header })
}

/// Longest bracket: two times of twelve digits and six decimals.
const BRACKET_BYTES_MAX: usize = 48;
/// Tags behind the host word that tell such a line from dmesg's, whose messages may begin with any two words. What other
/// programs say behind a host word means nothing to us, so those lines may stay dmesg's.
const TAGS: [&[u8]; 4] = [b"kernel: ", b"kernel[", b"systemd-journal", b"rsyslogd"];

fn since_boot(line: &[u8]) -> Option<Line<'_>> {
    let end = memchr::memchr(b']', line.get(..BRACKET_BYTES_MAX).unwrap_or(line))?;
    let rest = line.get(end + 1..)?.strip_prefix(b" ")?;
    let inner = line.get(1..end)?;
    // A delta stands in no other form but dmesg's own, which has no blank (or star) in front of its bracket.
    let delta = inner.strip_suffix(b" >").or_else(|| inner.strip_suffix(b"*>"));
    let first_of_delta = inner.strip_suffix(DELTA_OF_FIRST);
    let tag = rest.get(memchr::memchr(b' ', rest)? + 1..)?;
    if delta.is_none() && first_of_delta.is_none() && !TAGS.iter().any(|known| tag.starts_with(known)) {
        return None;
    }
    let seconds = match delta {
        Some(both) => both.get(..memchr::memchr(b'<', both)?)?.trim_ascii_end(),
        None => first_of_delta.unwrap_or(inner),
    };
    let (since_boot_us, b"") = time::seconds(seconds.trim_ascii_start())? else { return None };
    Some(hosted(None, Some(since_boot_us), rest))
}

/// What stands in place of the delta in the first line (`%16s`).
const DELTA_OF_FIRST: &[u8] = b"                ";

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Header<'_> {
        let Some(Line::Record(header)) = line(text.as_bytes()) else { panic!("{text}") };
        header
    }

    #[test]
    fn only_zones_that_say_where_they_lie_are_believed() {
        let noon = 1_714_564_800 * SECOND_US;
        let stamp =
            |zone: &str| header(&format!("Wed 2024-05-01 12:00:00{zone} gw1 kernel: x")).stamp.unwrap().stamp;
        assert_eq!(stamp(" UTC"), Stamp::Absolute(noon));
        assert_eq!(stamp(" +08"), Stamp::Absolute(noon - 8 * 3600 * SECOND_US));
        assert_eq!(stamp(" -0330"), Stamp::Absolute(noon + 12_600 * SECOND_US));
        for zone in [" CST", " CEST", ""] {
            assert_eq!(stamp(zone), Stamp::Local(noon), "{zone}");
        }
    }

    #[test]
    fn the_host_is_found_in_every_form() {
        for text in [
            "Wed 2024-05-01 12:00:00 CST gw1 kernel: x",
            "Wed 2024-05-01 12:00:00.123456 gw1 kernel: x",
            "1714536000.123456 gw1 kernel: x",
            "[ 1586.855831] gw1 kernel: x",
            "[ 1586.855831 <    0.000100 >] gw1 kernel: x",
            "[    0.091000 < 1076.800000*>] gw1 kernel: x",
            "[ 1556.864831                ] gw1 kernel: x",
        ] {
            let header = header(text);
            assert_eq!(
                (header.host, header.rest),
                (Some(b"gw1".as_slice()), b"kernel: x".as_slice()),
                "{text}"
            );
        }
        for text in [
            "Wed 2024-05-01 12:00:00 UTC kernel: x",
            "1714536000.123456 kernel: x",
            "Wed 2024-05-01 12:00:00 kernel: x",
        ] {
            assert_eq!(header(text).host, None, "{text}");
        }
    }

    #[test]
    fn dmesg_and_others_stay_what_they_are() {
        for text in [
            "[   12.000001] usb 1-1: new device",
            "[   12.000001 <    0.000001>] usb 1-1: new device",
            "[UFW BLOCK] IN=eth0 kernel: x",
            "Wed Nov  6 02:39:55 2024 gw1 kernel: x",
            "1714536000.12345 gw1 kernel: x",
            "Abc 2024-05-01 12:00:00 gw1 kernel: x",
            "[",
            "[] a kernel: x",
        ] {
            assert!(line(text.as_bytes()).is_none(), "{text}");
        }
        assert!(matches!(line(b"Wed 2024-02-30 12:00:00 UTC gw1 kernel: x"), Some(Line::Damaged(_))));
    }
}
