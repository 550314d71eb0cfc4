//! `/proc/net/nf_conntrack` of 2.6.18 to 6.18: a line begins with the layer 3 name and number, then those of layer 4.

use super::cursor::Cursor;
use super::{LineEnd, protocol, rest};
use crate::model::blemish::BlemishKind;
use crate::model::flow::{L3, L4};
use crate::model::fold::TableItem;

/// Address family numbers as the kernel prints them (`AF_INET`, `AF_INET6`).
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Reads one line.
#[inline]
pub(super) fn line(line: &[u8], end: LineEnd) -> Result<TableItem, BlemishKind> {
    let mut cursor = Cursor(line);
    if let Some((l3, l4)) = common(&mut cursor) {
        return rest(cursor, end, Some(l3), l4);
    }
    let l3 = layer3(protocol(&mut cursor).ok_or(BlemishKind::Unrecognised)?.0);
    cursor.skip_blanks();
    let mut ahead = cursor;
    match cursor.0.first() {
        None => return Err(BlemishKind::Truncated),
        // The key of an offloaded entry without its layer 3 name, or the name of a protocol.
        Some(b'a'..=b'z') if !ahead.word().contains(&b'=') => {}
        Some(_) => return Err(BlemishKind::Unrecognised),
    }
    let l4 = protocol(&mut cursor).ok_or(BlemishKind::Truncated)?;
    rest(cursor, end, Some(l3), l4)
}

/// The address family with this number.
pub(super) fn layer3(number: u8) -> L3 {
    match number {
        AF_INET => L3::V4,
        AF_INET6 => L3::V6,
        _ => L3::Other,
    }
}

/// How nearly every line begins. Only a shorter way to what the reading by words finds too.
#[inline]
fn common(cursor: &mut Cursor<'_>) -> Option<(L3, L4)> {
    if cursor.strip(b"ipv4     2 tcp      6 ") {
        Some((L3::V4, L4::TCP))
    } else if cursor.strip(b"ipv4     2 udp      17 ") {
        Some((L3::V4, L4::UDP))
    } else if cursor.strip(b"ipv6     10 tcp      6 ") {
        Some((L3::V6, L4::TCP))
    } else {
        None
    }
}
