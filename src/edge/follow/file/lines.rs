//! The lines of a source: one parser over all generations of a file, and the offset that goes on through them.

use crate::model::fold::RecordSink;
use crate::parse::log::lines::LineParser;

/// See above.
#[derive(Debug, Default)]
pub(super) struct Lines {
    parser: LineParser,
    /// Bytes passed since the source was first followed: the offset of the next line.
    pub(super) stream: u64,
}

impl Lines {
    pub(super) fn at(stream: u64) -> Self {
        Self { parser: LineParser::default(), stream }
    }

    pub(super) fn block<S: RecordSink>(&mut self, block: &[u8], offset: u64, sink: &mut S) {
        self.parser.block(block, offset, sink);
    }

    /// What stood in front of the place where reading begins: a later line may refer to it.
    pub(super) fn warm_up(&mut self, look_back: &[u8]) {
        // Only a stream's own beginning is a line's beginning for certain.
        let offset = self.stream.saturating_sub(look_back.len() as u64);
        self.parser.warm_up(look_back, offset);
    }
}
