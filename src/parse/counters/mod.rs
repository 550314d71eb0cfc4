//! Counters and settings beside a table. One file per source.

use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::counters::Counters;

/// Bytes of one such input that are read; they are small by nature.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Forms of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CounterDialect {
    /// `sysctl -a`, or `key = value` in general; all eras.
    Sysctl,
    /// `/proc/net/stat/nf_conntrack`, `/proc/net/stat/ip_conntrack`.
    Stat,
    /// `/proc/slabinfo`, 1.x and 2.x.
    Slabinfo,
    /// `ip -o addr`.
    IpAddr,
    /// `uname -a`.
    Uname,
}

impl CounterDialect {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sysctl => "sysctl",
            Self::Stat => "proc-stat-conntrack",
            Self::Slabinfo => "slabinfo",
            Self::IpAddr => "ip-addr",
            Self::Uname => "uname",
        }
    }
}

/// The head of an input looks like counters.
pub fn sniff(head: &[u8]) -> Option<CounterDialect> {
    let _ = head;
    None
}

/// Reads a whole input. Returns what it says, how many records (keys, rows) it has, and what was wrong.
pub fn parse(dialect: CounterDialect, text: &[u8]) -> (Counters, u64, Vec<(BlemishKind, Blemish)>) {
    let _ = (dialect, text);
    (Counters::default(), 0, Vec::new())
}
