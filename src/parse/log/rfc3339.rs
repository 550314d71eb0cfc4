//! `[<PRI>]2024-04-17T00:26:33.540821+05:30 [host] tag: words`: rsyslog's file and forward formats with high precision,
//! syslog-ng's `ts-format(iso)`, `journalctl -o short-iso`. Where no zone is written the stamp is local.

use crate::model::blemish::BlemishKind;

use super::header::{Header, Line, host, priority, settles};
use super::{speech, time};

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (facility, text) = priority(line);
    let Ok((stamp, rest)) = time::rfc3339(text)? else {
        return Some(Line::Damaged(BlemishKind::ImpossibleTime));
    };
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

/// rsyslog's protocol-23 template without its `<PRI>1 ` leaves `host kernel - - - words`.
fn tagged_or_structured(facility: Option<u8>, rest: &[u8]) -> speech::Speech<'_> {
    super::rfc5424::structured(facility, rest).unwrap_or_else(|| speech::tagged(facility, rest))
}
