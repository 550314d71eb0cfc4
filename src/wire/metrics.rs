//! Numbers in Prometheus's text format 0.0.4, as node_exporter's textfile collector reads them. No label names an address,
//! an incident or a namespace: the number of series does not grow with what happens.

use std::fmt::Write as _;

use crate::model::live::numbers::{Numbers, Tables};
use crate::model::time::WallTime;

/// One series: its labels, and its value as it is written.
type Series<'a> = (Vec<(&'static str, &'a str)>, Option<String>);

/// The whole file.
pub fn to_text(numbers: &Numbers) -> String {
    let mut out = String::new();
    let of = |value: fn(&Tables) -> Option<String>| {
        [("initial", &numbers.initial), ("others", &numbers.others)]
            .map(|(kind, tables)| (vec![("namespace", kind)], value(tables)))
            .to_vec()
    };
    let plain = |value: u64| vec![(vec![], Some(value.to_string()))];
    family(
        &mut out,
        ("conntriage_table_entries", "gauge"),
        "Entries of connection-tracking tables (nf_conntrack_count), of the initial network namespace and of all others together.",
        of(|tables| tables.count.map(|count| count.to_string())),
    );
    family(
        &mut out,
        ("conntriage_table_limit", "gauge"),
        "Entries that these tables may hold (nf_conntrack_max); of the others the sum.",
        of(|tables| tables.max.map(|max| max.to_string())),
    );
    family(
        &mut out,
        ("conntriage_table_fullest_ratio", "gauge"),
        "How full the fullest of these tables is, of 1.",
        of(|tables| tables.fullest.map(|ratio| format!("{ratio:.4}"))),
    );
    family(
        &mut out,
        ("conntriage_table_namespaces", "gauge"),
        "Network namespaces whose counters can be read.",
        of(|tables| Some(tables.namespaces.to_string())),
    );
    family(
        &mut out,
        ("conntriage_dropped_packets_total", "counter"),
        "The kernel's counter drop (packets refused; from Linux 4.7 on also unresolved clashes): of the initial namespace since boot, of the others since conntriage was started.",
        of(|tables| tables.dropped.map(|dropped| dropped.to_string())),
    );
    family(
        &mut out,
        ("conntriage_incidents_opened_total", "counter"),
        "Incidents of a full table that were ever opened.",
        plain(numbers.opened),
    );
    family(
        &mut out,
        ("conntriage_incidents_open", "gauge"),
        "Incidents of a full table that go on.",
        plain(numbers.open),
    );
    let backlog = |value: u64, state: &'static str| (vec![("state", state)], Some(value.to_string()));
    family(
        &mut out,
        ("conntriage_messages", "gauge"),
        "Messages that did not get through: waiting ones are tried again, dead ones were given up.",
        numbers
            .backlog
            .iter()
            .flat_map(|of| [backlog(of.waiting, "waiting"), backlog(of.dead, "dead")])
            .collect(),
    );
    family(
        &mut out,
        ("conntriage_last_record_timestamp_seconds", "gauge"),
        "When a source last said anything, since conntriage was started.",
        numbers.heard.iter().map(|(name, at)| (vec![("source", &**name)], at.map(seconds))).collect(),
    );
    family(
        &mut out,
        ("conntriage_build_info", "gauge"),
        "Version of conntriage; always 1.",
        vec![(vec![("version", env!("CARGO_PKG_VERSION"))], Some("1".to_owned()))],
    );
    out
}

/// A family of which nothing is known is left out.
fn family(out: &mut String, (name, kind): (&str, &str), help: &str, series: Vec<Series<'_>>) {
    let known: Vec<_> = series.into_iter().filter_map(|(labels, value)| Some((labels, value?))).collect();
    if known.is_empty() {
        return;
    }
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in known {
        let labels: Vec<String> =
            labels.into_iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(out, "{name}{labels} {value}");
    }
}

/// A label's value: backslash, quote and line end are escaped; the format knows no other.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(at: WallTime) -> String {
    format!("{}.{:03}", at.0.div_euclid(1_000_000), at.0.rem_euclid(1_000_000) / 1_000)
}
