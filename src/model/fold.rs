//! The one seam between reading and folding: a part that joins, and a sink for what comes one by one.
//!
//! `edge` reads bytes and asks `parse` for values; `detect` and `census` sum values up. Neither knows the
//! other: both know this page.

use super::flow::Flow;
use super::record::Record;

/// A summary of a range of input. `join` is associative and `Default` is its neutral element, so that a
/// big input may be read in parts on all cores and the result does not depend on the parts.
pub trait Part: Default + Send {
    /// This part followed by `right`, which begins where this one ends.
    #[must_use]
    fn join(self, right: Self) -> Self;
}

/// Takes the records of a log in byte order and ends as a part.
pub trait RecordSink {
    /// What it becomes.
    type Part: Part;
    /// One record.
    fn take(&mut self, record: &Record<'_>);
    /// All taken.
    fn finish(self) -> Self::Part;
}

/// What a table parser finds in one line (or element) of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableItem {
    /// One entry.
    Flow(Flow),
    /// An expectation (2.4.21 prints them in the same file): not an entry.
    Expectation,
    /// An event, or an entry of a list that is not the table (dying, unconfirmed): not an entry of the table.
    Other,
    /// What follows is another list, of the same table or of another: its entries are not to be added to those before.
    Listing,
    /// The tool that printed the list said that it has so many entries.
    Shown(u64),
    /// A damaged line, at this byte offset of the decoded stream, with its first bytes (at most 200).
    Damaged {
        /// Of which kind.
        kind: super::blemish::BlemishKind,
        /// Where.
        offset: u64,
        /// How it begins.
        raw: Box<[u8]>,
    },
}

/// Takes the items of a table in any order and ends as a part.
pub trait FlowSink {
    /// What it becomes.
    type Part: Part;
    /// One item.
    fn take(&mut self, item: &TableItem);
    /// All taken.
    fn finish(self) -> Self::Part;
}
