//! Tables: text forms of the connection-tracking table (formats.md §5).

use crate::model::fold::FlowSink;

/// Forms of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableDialect {
    /// `/proc/net/ip_conntrack` of 2.4 to 3.x: begins with the layer 4 name.
    ProcIpConntrack,
    /// `/proc/net/nf_conntrack`: begins with the layer 3 name.
    ProcNfConntrack,
}

impl TableDialect {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcIpConntrack => "proc-ip_conntrack",
            Self::ProcNfConntrack => "proc-nf_conntrack",
        }
    }
}

/// The head of an input looks like a table.
pub fn sniff(head: &[u8]) -> Option<TableDialect> {
    let _ = head;
    None
}

/// Reads a block of whole lines; `offset` is that of its first byte in the decoded stream.
pub fn block(dialect: TableDialect, block: &[u8], offset: u64, sink: &mut impl FlowSink) {
    let _ = (dialect, block, offset, sink);
}
