//! `[<PRI>]Nov  6 02:39:55 [host] tag: words`: sysklogd, rsyslog's traditional file and forward formats, syslog-ng's
//! default, `journalctl -o short`. The host word may be missing (BusyBox, and what people copy).

use crate::model::blemish::BlemishKind;

use super::header::{Header, Line, host, priority, settles};
use super::{speech, time};

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (facility, text) = priority(line);
    let Ok((stamp, rest)) = time::rfc3164(text)? else {
        return Some(Line::Damaged(BlemishKind::ImpossibleTime));
    };
    let (host, rest) = host(rest);
    let header = Header::of_text(rest, speech::tagged);
    Some(Line::Record(Header {
        stamp: Some(stamp),
        host,
        facility,
        settled_by_prefix: settles(host),
        ..header
    }))
}
