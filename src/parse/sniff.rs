//! What an input is, told from its first bytes (at most 64 KiB, already decompressed). Its name decides only where the
//! content cannot: a file that holds one number is what its path says (`…/proc/sys/net/netfilter/nf_conntrack_max`).

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
    /// A table (`parse::table`).
    Table(super::table::TableDialect),
    /// Counters and settings (`parse::counters`).
    Counters(super::counters::CounterDialect),
}

/// Recognises an input by its content, and by its path where that says nothing; none: a stranger.
pub fn sniff(head: &[u8], path: &str) -> Option<Dialect> {
    if let Some(dialect) = super::table::sniff(head) {
        return Some(Dialect::Table(dialect));
    }
    if let Some(dialect) = super::counters::sniff(head, path) {
        return Some(Dialect::Counters(dialect));
    }
    if super::log::export::looks_like(head) {
        return Some(Dialect::JournalExport);
    }
    if super::log::dmesg_json::looks_like(head) {
        return Some(Dialect::DmesgJson);
    }
    if super::log::lines::are_deltas(head) {
        return Some(Dialect::DmesgDeltas);
    }
    super::log::lines::looks_like(head).then_some(Dialect::Lines)
}
