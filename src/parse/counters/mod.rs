//! Counters and settings beside a table. One file per source; what they share is the reading of lines and the book of
//! what was damaged.
//!
//! A value that cannot be read is damage and stays unknown. It never becomes a zero.

mod ip_addr;
mod slabinfo;
mod stat;
mod sysctl;
mod uname;

use std::collections::BTreeMap;

use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::counters::Counters;

/// Bytes of one such input that are read; they are small by nature.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a damaged line that are kept.
const RAW_BYTES_MAX: usize = 200;
/// Lines of a head that are looked at to recognise it.
const SNIFF_LINES_MAX: usize = 64;

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

/// The head of an input looks like counters. A file that holds one bare number is not recognised: it does not say
/// what it counts.
pub fn sniff(head: &[u8]) -> Option<CounterDialect> {
    let lines: Vec<&str> = lines(head)
        .filter_map(|line| line.text.ok())
        .filter(|text| !text.trim().is_empty())
        .take(SNIFF_LINES_MAX)
        .collect();
    if stat::looks_like(&lines) {
        Some(CounterDialect::Stat)
    } else if slabinfo::looks_like(&lines) {
        Some(CounterDialect::Slabinfo)
    } else if ip_addr::looks_like(&lines) {
        Some(CounterDialect::IpAddr)
    } else if uname::looks_like(&lines) {
        Some(CounterDialect::Uname)
    } else {
        sysctl::looks_like(&lines).then_some(CounterDialect::Sysctl)
    }
}

/// Reads a whole input. Returns what it says, how many records (keys, rows) it has, and what was wrong.
pub fn parse(dialect: CounterDialect, text: &[u8]) -> (Counters, u64, Vec<(BlemishKind, Blemish)>) {
    let mut reading = Reading::default();
    let read = text.get(..BYTES_MAX).unwrap_or(text);
    match dialect {
        CounterDialect::Sysctl => sysctl::read(read, &mut reading),
        CounterDialect::Stat => stat::read(read, &mut reading),
        CounterDialect::Slabinfo => slabinfo::read(read, &mut reading),
        CounterDialect::IpAddr => ip_addr::read(read, &mut reading),
        CounterDialect::Uname => uname::read(read, &mut reading),
    }
    if read.len() < text.len() {
        reading.damage(BlemishKind::Truncated, &Line { offset: BYTES_MAX as u64, raw: b"", text: Ok("") });
    }
    (reading.counters, reading.records, reading.damaged.into_iter().collect())
}

/// What an input has said so far.
#[derive(Debug, Default)]
struct Reading {
    counters: Counters,
    records: u64,
    damaged: BTreeMap<BlemishKind, Blemish>,
}

impl Reading {
    /// Notes a damaged line.
    fn damage(&mut self, kind: BlemishKind, line: &Line<'_>) {
        let raw = line.raw.get(..RAW_BYTES_MAX).unwrap_or(line.raw);
        let first = || Blemish { count: 0, first_offset: line.offset, first_raw: raw.into() };
        self.damaged.entry(kind).or_insert_with(first).count += 1;
    }
}

/// One line.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    offset: u64,
    raw: &'a [u8],
    /// Without trailing blanks; damaged if it is not text.
    text: Result<&'a str, BlemishKind>,
}

/// Lines with their places. A line with a NUL, or that is not UTF-8, is no text.
fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut offset = 0u64;
    text.split(|byte| *byte == b'\n').map(move |raw| {
        let at = offset;
        offset = offset.saturating_add(raw.len() as u64).saturating_add(1);
        let text = std::str::from_utf8(raw).ok().filter(|text| !text.contains('\0')).map(str::trim_end);
        Line { offset: at, raw, text: text.ok_or(BlemishKind::Unrecognised) }
    })
}

#[cfg(test)]
mod tests;
