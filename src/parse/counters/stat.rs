//! `/proc/net/stat/nf_conntrack` and `/proc/net/stat/ip_conntrack`: a header, then one row per possible processor,
//! all values hexadecimal. Columns are found by their names, because 6.x gave two of them another meaning in the same
//! place (`clashres` for `searched`, `chainlength` for `delete_list`), and other builds of the kernel have names of their
//! own. Several such files in one (`grep . /proc/net/stat/*` without names, `cat`): the first one of the tracker counts.
//!
//! Source: `ct_cpu_seq_show` of net/netfilter/nf_conntrack_standalone.c, 2.6.9 to 6.18.

use super::{Head, Line, Reading, lines};
use crate::model::blemish::BlemishKind;
use crate::model::counters::StatCounters;

/// Columns of a header that are read; kernels print 16 or 17.
const COLUMNS_MAX: usize = 64;

/// A column while it is summed: none once a row could not be read.
pub(super) type Sum = Option<u64>;

/// The first line is the header.
pub(super) fn looks_like(head: &Head<'_>) -> bool {
    is_header(head.first())
}

fn is_header(line: &str) -> bool {
    let names: Vec<&str> = line.split_whitespace().collect();
    names.first() == Some(&"entries")
        && ["found", "insert_failed", "early_drop"].iter().all(|n| names.contains(n))
}

/// The header of any file of `/proc/net/stat`.
fn is_any_header(line: &str) -> bool {
    line.split_whitespace()
        .any(|name| name.len() > 1 && name.starts_with(|c: char| c.is_ascii_lowercase() && c > 'f'))
        || line.starts_with("entries ")
}

/// Reads header and rows.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut ours = false;
    let mut names: Vec<&str> = Vec::new();
    let mut sums: Vec<Sum> = Vec::new();
    let mut entries = None;
    for line in lines(text) {
        let words = match line.text {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) if is_header(text) && names.is_empty() => {
                names = text.split_whitespace().take(COLUMNS_MAX).collect();
                sums = vec![Some(0); names.len()];
                ours = true;
                continue;
            }
            Ok(text) if is_any_header(text) => {
                ours = false;
                continue;
            }
            Ok(_) if !ours => continue,
            Ok(text) => text,
            Err(kind) => {
                reading.damage(kind, &line);
                sums.fill(None);
                continue;
            }
        };
        let row = row(words, names.len());
        if let (Some(first), None) = (row.first(), entries) {
            entries = Some(*first);
        }
        add(&mut sums, &row, &line, reading);
    }
    if reading.records > 0 {
        let stat = counters(&names, &sums, entries.flatten());
        reading.counters.stat = Some(StatCounters { rows: reading.records, ..stat });
    }
}

/// The values of a row; empty where it has not as many as the header.
fn row(words: &str, columns: usize) -> Vec<Option<u64>> {
    let digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = |word: &str| u64::from_str_radix(word, 16).ok().filter(|_| digits(word));
    let row: Vec<_> = words.split_whitespace().take(COLUMNS_MAX + 1).map(value).collect();
    if row.len() == columns { row } else { Vec::new() }
}

/// Adds a row. A column with a value that is none is not known as a sum; a row that is cut makes all unknown.
fn add(sums: &mut [Sum], row: &[Option<u64>], line: &Line<'_>, reading: &mut Reading<'_>) {
    if row.is_empty() {
        reading.damage(BlemishKind::MissingField, line);
        sums.fill(None);
        return;
    }
    reading.records += 1;
    if row.contains(&None) {
        reading.damage(BlemishKind::ImpossibleNumber, line);
    }
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum = sum.and_then(|sum| sum.checked_add((*value)?));
    }
}

/// Columns by their names. `entries` is one global number that every row repeats, so the first one stands.
pub(super) fn counters(names: &[&str], sums: &[Sum], entries: Option<u64>) -> StatCounters {
    let sum = |wanted: &[&str]| {
        let place = names.iter().position(|name| wanted.contains(name))?;
        sums.get(place).copied().flatten()
    };
    StatCounters {
        entries,
        drop: sum(&["drop"]),
        early_drop: sum(&["early_drop"]),
        insert_failed: sum(&["insert_failed"]),
        chain_too_long: sum(&["chainlength", "chaintoolong"]),
        clash_resolve: sum(&["clashres", "clash_resolve", "clashes"]),
        invalid: sum(&["invalid"]),
        found: sum(&["found"]),
        search_restart: sum(&["search_restart"]),
        insert: sum(&["insert"]),
        ..StatCounters::default()
    }
}
