//! `2026 May 14 05:41:28.000183 host WARNING kernel: words`: SONiC's file template. Local time without a zone; the
//! severity stands as a word in front of the tag (`speech` takes it off, as older SONiC writes the same without a year).

use crate::model::blemish::BlemishKind;

use super::header::{Header, Line, host, settles};
use super::{speech, time};

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let Ok((stamp, rest)) = time::year_first(line)? else {
        return Some(Line::Damaged(BlemishKind::ImpossibleTime));
    };
    let (host, rest) = host(rest);
    let header = Header::of_text(rest, speech::tagged);
    Some(Line::Record(Header { stamp: Some(stamp), host, settled_by_prefix: settles(host), ..header }))
}
