//! What an input is, told from its first bytes (at most 64 KiB, already decompressed). Its name decides only where the
//! content cannot: a file that holds one number is what its path says (`…/proc/sys/net/netfilter/nf_conntrack_max`).

use super::table::{self, TableDialect};

/// A dialect that some parser of this room reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// The line family: every line carries its own header grammar (`parse::log::lines`).
    Lines,
    /// `dmesg -e`, whose lines have their times from those before them (`parse::log::lines`, read from its beginning).
    DmesgDeltas,
    /// `dmesg -J` (`parse::log::dmesg_json`).
    DmesgJson,
    /// Journal export with binary fields (`parse::log::export`).
    JournalExport,
    /// Journal entries field by field (`parse::log::journal_verbose`).
    JournalVerbose,
    /// A log in JSON (`parse::log::json_lines`).
    Json(super::log::json_lines::JsonLog),
    /// Lines that a container's runtime or a collector's tool wrapped (`parse::log::wrapped_lines`).
    Wrapped,
    /// A native journal file, read by position (`parse::journal_file`).
    JournalFile,
    /// A table (`parse::table`).
    Table(TableDialect),
    /// Counters and settings (`parse::counters`).
    Counters(super::counters::CounterDialect),
}

/// Recognises an input by its content, and by its path where that says nothing; none: a stranger.
pub fn sniff(head: &[u8], path: &str) -> Option<Dialect> {
    // Nothing at all is only then a table when a capture of ours says that it read one: whoever else's list is empty may
    // have been refused.
    if head.is_empty() && path.rsplit('/').next().is_some_and(|name| name.starts_with(table::CAPTURED)) {
        return Some(Dialect::Table(TableDialect::ConntrackList));
    }
    if super::log::journal_verbose::looks_like(head) {
        return Some(Dialect::JournalVerbose);
    }
    if super::log::dmesg_json::looks_like(head) {
        return Some(Dialect::DmesgJson);
    }
    // rsyslog's own templates say more than JSON of anybody: the facility, and when the message was made.
    if super::log::rsyslog_json::looks_like(head) {
        return Some(Dialect::Lines);
    }
    if let Some(log) = super::log::json_lines::looks_like(head) {
        return Some(Dialect::Json(log));
    }
    if super::journal_file::looks_like(head) {
        return Some(Dialect::JournalFile);
    }
    if let Some(dialect) = table::sniff(head) {
        return Some(Dialect::Table(dialect));
    }
    if let Some(dialect) = super::counters::sniff(head, path) {
        return Some(Dialect::Counters(dialect));
    }
    if super::log::export::looks_like(head) {
        return Some(Dialect::JournalExport);
    }
    if super::log::lines::are_deltas(head) {
        return Some(Dialect::DmesgDeltas);
    }
    if super::log::wrapped_lines::looks_like(head) {
        return Some(Dialect::Wrapped);
    }
    super::log::lines::looks_like(head).then_some(Dialect::Lines)
}
