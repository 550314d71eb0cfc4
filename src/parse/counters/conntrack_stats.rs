//! `conntrack -S`, which reads either netlink or `/proc/net/stat/nf_conntrack`.
//!
//! Up to 1.4.2: one counter a line, decimal, of the *first processor only*; such counters are lower ends. Later: one line
//! for each processor, `cpu=0` and then `name=value`, decimal. Counters that we have no use for, and those that the tool
//! itself does not know (`unknown1=`), are passed over.

use std::collections::BTreeMap;

use super::{Head, Line, Reading, decimal, stat};
use crate::model::blemish::BlemishKind;
use crate::model::counters::StatCounters;

/// Different counters that are read.
const NAMES_MAX: usize = 64;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    is_row(head.first()) || is_old(head)
}

/// `cpu=0`, a tab, and `found=0 invalid=0 insert=0 …`
fn is_row(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next().and_then(|word| word.strip_prefix("cpu=")).and_then(decimal).is_some()
        && line.contains("found=")
        && line.contains("drop=")
}

/// Lines of name and number that begin with `entries` and name the tracker's counters.
fn is_old(head: &Head<'_>) -> bool {
    let names: Vec<&str> = head.lines.iter().map_while(|line| Some(pair(line)?.0)).collect();
    names.len() == head.lines.len()
        && names.first() == Some(&"entries")
        && ["insert_failed", "drop", "early_drop"].iter().all(|name| names.contains(name))
}

fn pair(line: &str) -> Option<(&str, u64)> {
    let mut words = line.split_whitespace();
    let (name, value) = (words.next()?, decimal(words.next()?)?);
    words.next().is_none().then_some((name, value))
}

/// A processor's row, or a counter's line, is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let (mut first, mut rows) = (false, 0);
    // A counter that once could not be read is not known as a sum.
    let mut sums: BTreeMap<String, stat::Sum> = BTreeMap::new();
    reading.each_line(text, |text, line, reading| {
        if text.starts_with("cpu=") {
            reading.records += 1;
            rows += 1;
            for word in text.split_whitespace().skip(1) {
                match word.split_once('=') {
                    Some((name, value)) => add(name, decimal(value), &mut sums, line, reading),
                    None => reading.damage(BlemishKind::Unrecognised, line),
                }
            }
        } else if let Some((name, value)) = pair(text) {
            reading.records += 1;
            first = true;
            add(name, Some(value), &mut sums, line, reading);
        } else if !text.starts_with("conntrack v") {
            reading.damage(BlemishKind::Unrecognised, line);
        }
    });
    if reading.records == 0 {
        return;
    }
    let entries = sums.get("entries").copied().flatten().filter(|_| first);
    let names: Vec<&str> = sums.keys().map(String::as_str).collect();
    let values: Vec<stat::Sum> = sums.values().copied().collect();
    let stat = stat::counters(&names, &values, entries);
    let rows = if first { 1 } else { rows };
    reading.counters.stat = Some(StatCounters { rows, first_row_only: first, ..stat });
}

fn add(
    name: &str,
    value: Option<u64>,
    sums: &mut BTreeMap<String, stat::Sum>,
    line: &Line<'_>,
    reading: &mut Reading<'_>,
) {
    if value.is_none() {
        reading.damage(BlemishKind::ImpossibleNumber, line);
    }
    if sums.len() >= NAMES_MAX && !sums.contains_key(name) {
        reading.damage(BlemishKind::LineTooLong, line);
        return;
    }
    let sum = sums.entry(name.to_owned()).or_insert(Some(0));
    *sum = sum.and_then(|sum| sum.checked_add(value?));
}
