//! Tables: text forms of the connection-tracking table. One file per form knows how its line begins; [`entry`] reads
//! what all of them share, by key and never by column.
//!
//! A line gives one item or, where it is blank, none. Nothing is remembered from one line to the next, so a table may
//! be cut at any line end.

mod common;
mod cursor;
mod entry;
mod proc_ip_conntrack;
mod proc_nf_conntrack;
mod state;

use cursor::Cursor;
use entry::Entry;

use crate::model::blemish::BlemishKind;
use crate::model::flow::{L3, L4};
use crate::model::fold::{FlowSink, TableItem};

/// Bytes of one line that are read. The longest line of a kernel is below 600 bytes; the rest of a longer one is not
/// looked at.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a damaged line that are kept.
const RAW_BYTES_MAX: usize = 200;
/// Lines of a head that [`sniff`] looks at.
const SNIFF_LINES_MAX: usize = 64;

/// Forms of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableDialect {
    /// `/proc/net/ip_conntrack` of 2.4 to 3.x: begins with the layer 4 name.
    ProcIpConntrack,
    /// `/proc/net/nf_conntrack`: begins with the layer 3 name.
    ProcNfConntrack,
}

impl TableDialect {
    /// All of them, in the order in which they are tried.
    const ALL: [Self; 2] = [Self::ProcNfConntrack, Self::ProcIpConntrack];

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcIpConntrack => "proc-ip_conntrack",
            Self::ProcNfConntrack => "proc-nf_conntrack",
        }
    }

    /// Reads one line.
    #[inline]
    fn line(self, line: &[u8], end: LineEnd) -> Result<TableItem, BlemishKind> {
        match self {
            Self::ProcIpConntrack => proc_ip_conntrack::line(line, end),
            Self::ProcNfConntrack => proc_nf_conntrack::line(line, end),
        }
    }
}

/// What ends a line. The last line of a cut file has no line end, and its last number may be half a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    Newline,
    EndOfInput,
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
    by_keys(cursor, end, l3, l4)
}

/// Reads what follows the protocol number, whatever its order.
fn by_keys(mut cursor: Cursor<'_>, end: LineEnd, l3: Option<L3>, l4: L4) -> Result<TableItem, BlemishKind> {
    let mut entry = Entry::default();
    let read = entry.read(&mut cursor);
    if end == LineEnd::EndOfInput && !entry.ended {
        return Err(BlemishKind::Truncated);
    }
    read?;
    entry.finish(l3, l4).map(TableItem::Flow)
}

/// The head of an input looks like a table: at least one line is an entry (or an expectation), and at least half of
/// the lines are. A log never does: its lines begin with a time.
pub fn sniff(head: &[u8]) -> Option<TableDialect> {
    TableDialect::ALL.into_iter().find(|dialect| {
        let (mut known, mut strange) = (0usize, 0usize);
        for (line, end) in lines(head).take(SNIFF_LINES_MAX) {
            // The last line of a head is usually cut by the head's own end.
            if trim(line).is_empty() || (end == LineEnd::EndOfInput && known + strange > 0) {
                continue;
            }
            match dialect.line(trim(line), end) {
                Ok(_) => known += 1,
                Err(_) => strange += 1,
            }
        }
        known > 0 && known >= strange
    })
}

/// Reads a block of whole lines (the last one may lack its line end at the end of a stream); `offset` is that of its
/// first byte in the decoded stream.
pub fn block(dialect: TableDialect, block: &[u8], offset: u64, sink: &mut impl FlowSink) {
    let mut place = offset;
    for (line, end) in lines(block) {
        let at = place;
        place = place.saturating_add(line.len() as u64).saturating_add(1);
        let text = trim(line);
        if text.is_empty() {
            continue;
        }
        let found =
            if line.len() > LINE_BYTES_MAX { Err(BlemishKind::LineTooLong) } else { dialect.line(text, end) };
        match found {
            Ok(item) => sink.take(&item),
            Err(kind) => sink.take(&damaged(kind, at, line)),
        }
    }
}

/// A damaged line with its beginning.
#[cold]
fn damaged(kind: BlemishKind, offset: u64, line: &[u8]) -> TableItem {
    let raw = line.get(..RAW_BYTES_MAX).unwrap_or(line).into();
    TableItem::Damaged { kind, offset, raw }
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
