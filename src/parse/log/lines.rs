//! The line family: syslog in all its headers, /dev/kmsg records, dmesg; the header grammar is tried per line.

use crate::model::fold::RecordSink;

/// Bytes of one line that are looked at; the rest of a longer line is skipped (and counted as a blemish).
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// How far back a line may refer (`last message repeated`).
pub const LOOK_BACK_BYTES: usize = 64 * 1024;

/// Reads lines in order. Holds what a later line may refer to: the last records of each host in the look-back.
#[derive(Debug, Default)]
pub struct LineParser {}

impl LineParser {
    /// Reads a block of whole lines (the last one may lack its line end at the end of a stream). `offset` is that of
    /// the block's first byte in the decoded stream.
    pub fn block(&mut self, block: &[u8], offset: u64, sink: &mut impl RecordSink) {
        let _ = (block, offset, sink);
    }

    /// Reads a block only to know what later lines may refer to; nothing is passed on.
    pub fn warm_up(&mut self, block: &[u8], offset: u64) {
        let _ = (block, offset);
    }
}

/// The head of an input looks like lines of this family.
pub fn looks_like(head: &[u8]) -> bool {
    let _ = head;
    false
}
