//! `/proc/net/fib_trie`: the IPv4 addresses of the host are the leaves `/32 host LOCAL`. Kernels that keep the two tables
//! in one trie (4.1 on) print it twice, under `Main:` and under `Local:`.
//!
//! ```text
//!            |-- 192.0.2.2
//!               /32 host LOCAL
//! ```

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::{Head, Reading};
use crate::model::blemish::BlemishKind;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    ["Main:", "Local:"].contains(&head.first())
        && head.lines.get(1).is_some_and(|line| line.trim_start().starts_with("+-- "))
}

/// Every leaf and every prefix of one is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut leaf: Option<Ipv4Addr> = None;
    let mut known = BTreeSet::new();
    reading.each_line(text, |text, line, reading| {
        let text = text.trim_start();
        reading.records += 1;
        if let Some(address) = text.strip_prefix("|-- ") {
            leaf = address.trim().parse().ok();
            if leaf.is_none() {
                reading.damage(BlemishKind::BadAddress, line);
            }
        } else if text.starts_with("/32 ") && text.ends_with("LOCAL") {
            if let Some(address) = leaf.filter(|address| known.insert(*address)) {
                reading.own(IpAddr::V4(address), None, line);
            }
        } else if !text.starts_with(['/', '+']) && !text.ends_with(':') {
            reading.damage(BlemishKind::Unrecognised, line);
        }
    });
    reading.counters.addresses_known_v4 = !known.is_empty() && reading.damaged.is_empty();
}
