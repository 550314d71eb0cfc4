//! `[<PRI>]2024-04-17T00:26:33.540821+05:30 [host] tag: words`: rsyslog's file and forward formats with high precision,
//! syslog-ng's `ts-format(iso)`, `journalctl -o short-iso`. Where no zone is written the stamp is local.
//! `dmesg --time-format iso` writes a comma in front of six decimals, no host and no tag.

use crate::model::blemish::BlemishKind;

use super::header::{Facility, Header, Line, host, priority, settles};
use super::{dmesg, speech, time};

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (facility, text) = priority(line);
    let Ok((stamp, rest)) = time::rfc3339(text)? else {
        return Some(Line::Damaged(BlemishKind::ImpossibleTime));
    };
    if is_of_dmesg(text) {
        let header = Header { stamp: Some(stamp), facility, ..Header::of_text(rest, dmesg::open_behind) };
        let further =
            rest.strip_prefix(b" ").and_then(|behind| dmesg::stamped(facility, behind, dmesg::STAMPS_MAX));
        return Some(Line::Record(match further {
            Some(Line::Record(further)) => dmesg::both(&header, &further),
            _ => header,
        }));
    }
    let (host, rest) = host(rest);
    let header = Header::of_text(rest, tagged_or_structured);
    Some(Line::Record(Header {
        stamp: Some(stamp),
        host,
        facility,
        settled_by_prefix: settles(host),
        ..header
    }))
}

/// Behind the decoded priority of `dmesg -x`.
pub(super) fn of_dmesg(facility: Option<Facility>, text: &[u8]) -> Option<Line<'_>> {
    match line(text)? {
        Line::Record(header) if is_of_dmesg(text) => Some(Line::Record(Header { facility, ..header })),
        _ => None,
    }
}

/// `2026-11-27T02:15:44,678901+00:00`, by some versions without the colon.
fn is_of_dmesg(text: &[u8]) -> bool {
    let byte = |at: usize| text.get(at).copied();
    let zone = matches!(byte(26), Some(b'+' | b'-')) && matches!(byte(29), Some(b':' | b'0'..=b'9'));
    byte(19) == Some(b',') && zone
}

/// rsyslog's protocol-23 template without its `<PRI>1 ` leaves `host kernel - - - words`.
fn tagged_or_structured(facility: Option<u8>, rest: &[u8]) -> speech::Speech<'_> {
    super::rfc5424::structured(facility, rest).unwrap_or_else(|| speech::tagged(facility, rest))
}
