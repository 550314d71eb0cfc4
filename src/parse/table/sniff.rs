//! What a head looks like: read as a table, most of it is one.

use memchr::memmem;

use super::form::Form;
use super::reader::TableReader;
use super::{LineEnd, TableDialect, lines, trim, xml};
use crate::model::flow::L3;
use crate::model::fold::{FlowSink, Part, TableItem};

/// Lines of a head that are looked at.
const LINES_MAX: usize = 64;

/// What is found in a head.
#[derive(Debug, Default)]
struct Head {
    flows: usize,
    expectations: usize,
    others: usize,
    damaged: usize,
    /// Something only the tool prints.
    tool: bool,
}

impl Part for Head {
    fn join(self, _: Self) -> Self {
        self
    }
}

impl FlowSink for Head {
    type Part = Self;

    fn take(&mut self, item: &TableItem) {
        match item {
            TableItem::Flow(flow) => {
                self.flows += 1;
                self.tool |= flow.id.is_some();
            }
            TableItem::Expectation => self.expectations += 1,
            TableItem::Other => self.others += 1,
            TableItem::Damaged { .. } => self.damaged += 1,
            TableItem::Shown(_) => self.tool = true,
            TableItem::Listing => {}
        }
    }

    fn finish(self) -> Self {
        self
    }
}

/// The head of an input looks like a table: at least one line is an entry (an expectation, an event), and at least half
/// of the lines are, headings aside. A log never does: its lines begin with a time.
pub fn sniff(head: &[u8]) -> Option<TableDialect> {
    if let Some(dialect) = xml::looks_like(head) {
        return Some(dialect);
    }
    let looked_at = beginning(head);
    let (mut reader, mut found) = (TableReader::new(TableDialect::ProcNfConntrack), Head::default());
    reader.block(looked_at, 0, &mut found);
    let known = found.flows + found.expectations + found.others;
    if known == 0 || known < found.damaged {
        return None;
    }
    if found.others > found.flows {
        return Some(TableDialect::Events);
    }
    if found.flows == 0 {
        let old = memmem::find(looked_at, b"EXPECTING:").is_some();
        return Some(if old { TableDialect::ProcIpConntrack } else { TableDialect::Expectations });
    }
    Some(match reader.form() {
        Form::Save => TableDialect::ConntrackSave,
        _ if found.tool || tools(looked_at) => TableDialect::ConntrackList,
        Form::Layer3 => TableDialect::ProcNfConntrack,
        Form::Layer4 => TableDialect::ProcIpConntrack,
    })
}

/// The first lines. The last line of a head is usually cut by the head's own end, and is looked at only where it is the
/// only one.
fn beginning(head: &[u8]) -> &[u8] {
    let end = memchr::memchr_iter(b'\n', head).take(LINES_MAX).last();
    end.and_then(|end| head.get(..=end)).unwrap_or(head)
}

/// Something that only the tool prints: a start time, labels, a helper; and where no layer 3 name stands in front, what
/// no kernel with `/proc/net/ip_conntrack` has: an IPv6 address, or a mark without a security mark or context beside it
/// (the mark alone is 2.6.18 as built without them, which no distribution did).
fn tools(head: &[u8]) -> bool {
    let has = |line: &[u8], word: &[u8]| memmem::find(line, word).is_some();
    lines(head).any(|(line, _)| {
        let line = trim(line);
        let plain = match &Form::Layer4.line(line, LineEnd::Newline) {
            Ok(TableItem::Flow(flow)) => flow.l3 == L3::V6 || flow.mark.is_some() && !has(line, b" sec"),
            _ => false,
        };
        plain || [&b" [start="[..], b" labels=", b" helper="].iter().any(|word| has(line, word))
    })
}
