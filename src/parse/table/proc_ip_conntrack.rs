//! `/proc/net/ip_conntrack` of 2.4.21 to 2.6.18, and its copy for old tools of 2.6.32 to 4.9
//! (`CONFIG_NF_CONNTRACK_PROC_COMPAT`): a line begins with the layer 4 name and number.
//!
//! 2.4.21 prints expectations into the same file, as lines that begin with `EXPECTING:`.

use super::cursor::Cursor;
use super::expect::is_expectation;
use super::{LineEnd, protocol, rest};
use crate::model::blemish::BlemishKind;
use crate::model::flow::L4;
use crate::model::fold::TableItem;

/// Reads one line.
#[inline]
pub(super) fn line(line: &[u8], end: LineEnd) -> Result<TableItem, BlemishKind> {
    let mut cursor = Cursor(line);
    // How nearly every line begins. Only a shorter way to what the reading by words finds too.
    if cursor.strip(b"tcp      6 ") {
        return rest(cursor, end, None, L4::TCP);
    }
    if cursor.strip(b"udp      17 ") {
        return rest(cursor, end, None, L4::UDP);
    }
    // An offloaded entry with its layer 3 name would pass for one of another protocol.
    if line.starts_with(b"ipv") {
        return Err(BlemishKind::Unrecognised);
    }
    if let Some(l4) = protocol(&mut cursor) {
        return rest(cursor, end, None, l4);
    }
    if is_expectation(line) { Ok(TableItem::Expectation) } else { Err(BlemishKind::Unrecognised) }
}
