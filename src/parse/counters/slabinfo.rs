//! `/proc/slabinfo` 1.x and 2.x, whole or only its lines about the tracker, and `vmstat -m`. All of them begin with
//! name, active objects, all objects, bytes of one object; what follows differs and is not needed.
//!
//! Cache names: `ip_conntrack` (2.4 to 2.6.18), `nf_conntrack:basic` (2.6.18), `nf_conntrack_<pointer>` (2.6.32) and
//! `nf_conntrack_<number>` (3.x) for each network namespace, `nf_conntrack` (4.10 on), and `…_expect`.

use super::{Head, Reading, lines};
use crate::model::blemish::BlemishKind;
use crate::model::counters::Slab;

/// Caches that are kept: 2.6.32 to 4.9 make one for each network namespace.
const SLABS_MAX: usize = 4_096;
/// Bytes of a cache name that are kept.
const NAME_BYTES_MAX: usize = 128;

/// Begins as slabinfo or `vmstat -m` do, or all lines are rows of the tracker's caches.
pub(super) fn looks_like(head: &Head<'_>) -> bool {
    is_header(head.first())
        || head.lines.iter().all(|line| is_ours(line) && line.contains(" : ") && row(line).is_some())
}

/// Reads the tracker's caches; every row counts as a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    for line in lines(text) {
        let text = match line.text {
            Ok(text) if text.trim().is_empty() || is_header(text) => continue,
            Ok(text) => text,
            Err(kind) => {
                reading.damage(kind, &line);
                continue;
            }
        };
        reading.records += 1;
        if !is_ours(text) {
            continue;
        }
        match row(text) {
            Some(_) if reading.counters.slabs.len() >= SLABS_MAX => {
                reading.damage(BlemishKind::LineTooLong, &line);
            }
            Some(slab) => reading.counters.slabs.push(slab),
            None => reading.damage(BlemishKind::ImpossibleNumber, &line),
        }
    }
}

fn is_header(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().take(5).collect();
    line.starts_with("slabinfo - version") || words.starts_with(&["#", "name"]) || words == VMSTAT
}

/// The header of `vmstat -m`.
const VMSTAT: [&str; 5] = ["Cache", "Num", "Total", "Size", "Pages"];

fn is_ours(line: &str) -> bool {
    line.starts_with("ip_conntrack") || line.starts_with("nf_conntrack")
}

fn row(line: &str) -> Option<Slab> {
    let mut words = line.split_whitespace();
    let name = words.next().filter(|name| name.len() <= NAME_BYTES_MAX)?;
    let mut number = || words.next()?.parse().ok();
    Some(Slab { name: name.into(), active: number()?, total: number()?, object_bytes: number()? })
}
