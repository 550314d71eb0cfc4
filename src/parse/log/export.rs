//! The journal's export format, with its binary fields (formats.md §4). A stream dialect: read from its beginning.

use crate::model::fold::RecordSink;

/// Reads an export stream as it comes, cut anywhere.
#[derive(Debug, Default)]
pub struct ExportParser {}

impl ExportParser {
    /// The next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl RecordSink) {
        let _ = (bytes, sink);
    }

    /// No more bytes. An entry without its final blank line is complete if its framing is; else it is malformed.
    pub fn finish(self, sink: &mut impl RecordSink) {
        let _ = sink;
    }
}

/// The head of an input looks like a journal export.
pub fn looks_like(head: &[u8]) -> bool {
    let _ = head;
    false
}
