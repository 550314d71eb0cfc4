//! One setting in a file of its own, as a copy of `/proc/sys` has it: only the path says which. And the one number of
//! `conntrack -C`, in a file that is called so.
//!
//! Paths: `…/proc/sys/net/netfilter/nf_conntrack_max`, `…/sys/net/…`, `…/sys/module/nf_conntrack/parameters/hashsize`, and
//! names that are a key's last word (`nf_conntrack_count`).

use super::{Head, Reading, decimal, sysctl};
use crate::model::blemish::BlemishKind;

/// What such a file tells.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// A setting, by its dotted key.
    Key(String),
    /// Entries, as the kernel counts them.
    Count,
}

/// One line, in a file whose path says what it is. What the tracker is told is always a number.
pub(super) fn looks_like(head: &Head<'_>) -> bool {
    match (head.lines, told(head.path)) {
        ([line], Some(Told::Key(key))) if key.contains("conntrack_") => line.trim().parse::<i64>().is_ok(),
        ([_], Some(Told::Key(key))) => sysctl::is_kept(&key),
        ([line], Some(Told::Count)) => decimal(line.trim()).is_some(),
        _ => false,
    }
}

pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let told = told(reading.path);
    reading.each_line(text, |text, line, reading| match &told {
        Some(Told::Key(key)) => sysctl::keep(key.clone(), text.trim(), line, reading),
        Some(Told::Count) => {
            reading.records += 1;
            match decimal(text.trim()) {
                Some(count) => reading.counters.count = Some(count),
                None => reading.damage(BlemishKind::ImpossibleNumber, line),
            }
        }
        None => reading.damage(BlemishKind::Unrecognised, line),
    });
    if told == Some(Told::Count) {
        return;
    }
    sysctl::conclude(reading);
}

fn told(path: &str) -> Option<Told> {
    let path = path.strip_suffix(".txt").unwrap_or(path);
    let name = path.rsplit(['/', '!']).next()?;
    if let Some((_, key)) = path.rsplit_once("proc/sys/") {
        return sysctl::dotted(key).map(Told::Key);
    }
    if let Some((_, key)) = path.rsplit_once("sys/net/") {
        return sysctl::dotted(&format!("net/{key}")).map(Told::Key);
    }
    if path.ends_with("conntrack/parameters/hashsize") {
        let old = path.ends_with("ip_conntrack/parameters/hashsize");
        let prefix = if old { "net.ipv4.netfilter.ip_" } else { "net.netfilter.nf_" };
        return Some(Told::Key(format!("{prefix}conntrack_buckets")));
    }
    if ["conntrack_-C", "conntrack-C", "conntrack_C", "conntrack_--count"].contains(&name) {
        return Some(Told::Count);
    }
    let bare = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?;
        let is_word = rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        (is_word && !rest.is_empty()).then_some(name)
    };
    let nf = bare("nf_conntrack_").map(|name| format!("net.netfilter.{name}"));
    let key = nf.or_else(|| bare("ip_conntrack_").map(|name| format!("net.ipv4.netfilter.{name}")));
    key.map(Told::Key)
}
