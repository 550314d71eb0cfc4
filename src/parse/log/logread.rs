//! `Sat Sep  9 16:28:18 2017 [1504974498.123] kern.warn kernel: [65503.710000] words`: OpenWrt's logread. Local time
//! without a zone, no host; with `-t` the time of reception since 1970 in a bracket, which says more.
//! Source: `log_notify` in ubox.

use crate::model::blemish::BlemishKind;
use crate::model::time::Stamp;

use super::header::{Header, Line};
use super::time::Written;
use super::{speech, time};

/// Weekdays as the C locale has them.
const WEEKDAYS: [&[u8; 4]; 7] = [b"Sun ", b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat "];

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (weekday, text) = line.split_first_chunk::<4>()?;
    if !WEEKDAYS.contains(&weekday) {
        return None;
    }
    let Ok((local, rest)) = time::year_last(text)? else {
        return Some(Line::Damaged(BlemishKind::ImpossibleTime));
    };
    let rest = rest.strip_prefix(b" ")?;
    let (stamp, rest) = since_1970(rest).unwrap_or((local, rest));
    Some(Line::Record(Header { stamp: Some(stamp), ..Header::of_text(rest, speech::tagged) }))
}

/// `[1504974498.123] `: three decimals.
fn since_1970(rest: &[u8]) -> Option<(Written, &[u8])> {
    let (us, behind) = time::seconds_bracket(rest)?;
    Some((Written { stamp: Stamp::Absolute(us), precision_us: 1_000 }, behind.strip_prefix(b" ")?))
}
