//! Tables: text forms of the connection-tracking table. One file per form knows how its line begins; [`entry`] reads
//! what all of them share, by key and never by column.
//!
//! A line gives one item or, where it is blank or a heading, none. Of a table as a kernel prints it nothing is remembered
//! from one line to the next, so it may be cut at any line end and read in stretches; where something is (an entry broken
//! over lines, one list behind another), the [reader](TableReader) says so, and it is read from its beginning.

mod common;
pub mod ctnetlink;
mod cursor;
mod dialect;
mod entry;
mod events;
mod expect;
mod form;
mod listing;
mod peel;
mod proc_ip_conntrack;
mod proc_nf_conntrack;
mod reader;
mod rubric;
mod save;
mod sniff;
mod state;
mod summary;
mod xml;

pub use dialect::TableDialect;
pub use reader::TableReader;
pub use sniff::sniff;

use cursor::Cursor;
use entry::Entry;

use crate::model::blemish::BlemishKind;
use crate::model::flow::{L3, L4};
use crate::model::fold::{FlowSink, TableItem};

/// What a capture of ours calls the list that it read from the kernel; more may follow (`.zst`).
pub const CAPTURED: &str = "conntrack-L-extended-id";
/// Bytes of one line that are read. The longest line of a kernel is below 600 bytes; the rest of a longer one is not
/// looked at.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a damaged line that are kept.
const RAW_BYTES_MAX: usize = 200;
/// What ends a line. The last line of a cut file has no line end, and its last number may be half a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    Newline,
    EndOfInput,
    /// Taken away together with the end of the entry.
    Open,
}

/// Name and number of a protocol: a word in small letters, blanks, a number below 256.
#[inline]
fn protocol(cursor: &mut Cursor<'_>) -> Option<L4> {
    cursor.skip_blanks();
    let name = cursor.word();
    if !matches!(name, [b'a'..=b'z', ..]) {
        return None;
    }
    cursor.skip_blanks();
    u8::try_from(cursor.number()?).ok().map(L4)
}

/// Reads what follows the protocol number.
#[inline]
fn rest(mut cursor: Cursor<'_>, end: LineEnd, l3: Option<L3>, l4: L4) -> Result<TableItem, BlemishKind> {
    cursor.skip_blanks();
    if matches!(l3, None | Some(L3::V4))
        && let Some(flow) = common::read(cursor, l4)
    {
        return Ok(TableItem::Flow(flow));
    }
    // A protocol behind the first one: that was the layer 3 name.
    let mut ahead = cursor;
    if l3.is_none() && protocol(&mut ahead).is_some() {
        return Err(BlemishKind::Unrecognised);
    }
    by_keys(cursor, end, l3, l4)
}

/// Reads what follows the protocol number, whatever its order.
fn by_keys(mut cursor: Cursor<'_>, end: LineEnd, l3: Option<L3>, l4: L4) -> Result<TableItem, BlemishKind> {
    let mut entry = Entry::default();
    let read = entry.read(&mut cursor);
    let ended = entry.ended || end == LineEnd::Open;
    if end == LineEnd::EndOfInput && !ended {
        return Err(BlemishKind::Truncated);
    }
    read?;
    let flow = entry.finish(l3, l4)?;
    if ended { Ok(TableItem::Flow(flow)) } else { Err(BlemishKind::Truncated) }
}

/// Reads a whole stream at once.
pub fn block(dialect: TableDialect, block: &[u8], offset: u64, sink: &mut impl FlowSink) {
    let mut reader = TableReader::new(dialect);
    reader.block(block, offset, sink);
    reader.finish(sink);
}

/// Lines without their line ends.
fn lines(block: &[u8]) -> impl Iterator<Item = (&[u8], LineEnd)> {
    let mut ends = memchr::memchr_iter(b'\n', block);
    let mut begin = 0;
    std::iter::from_fn(move || {
        if let Some(end) = ends.next() {
            let line = block.get(begin..end)?;
            begin = end + 1;
            return Some((line, LineEnd::Newline));
        }
        let line = block.get(begin..)?;
        begin = block.len();
        (!line.is_empty()).then_some((line, LineEnd::EndOfInput))
    })
}

/// A line without trailing blanks and carriage return. (2.4.21 ends its lines with a blank.)
fn trim(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t' | b'\r'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests;
