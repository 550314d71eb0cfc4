//! What an input is, told from its first bytes (at most 64 KiB, already decompressed), never from its name.

/// A dialect that some parser of this room reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// The line family: every line carries its own header grammar (`parse::log::lines`).
    Lines,
    /// Journal export with binary fields (`parse::log::export`).
    JournalExport,
    /// A native journal file, read by position (`parse::journal_file`).
    JournalFile,
    /// A table (`parse::table`).
    Table(super::table::TableDialect),
    /// Counters and settings (`parse::counters`).
    Counters(super::counters::CounterDialect),
}

/// Recognises an input by its content; none: a stranger.
pub fn sniff(head: &[u8]) -> Option<Dialect> {
    if super::journal_file::looks_like(head) {
        return Some(Dialect::JournalFile);
    }
    if let Some(dialect) = super::table::sniff(head) {
        return Some(Dialect::Table(dialect));
    }
    if let Some(dialect) = super::counters::sniff(head) {
        return Some(Dialect::Counters(dialect));
    }
    if super::log::export::looks_like(head) {
        return Some(Dialect::JournalExport);
    }
    super::log::lines::looks_like(head).then_some(Dialect::Lines)
}
