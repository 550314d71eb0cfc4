//! What the report opens with where it is not a verdict: nothing found, something missing, something shared.

use std::fmt::Write as _;

use crate::model::input::InputKind;
use crate::model::report::{IncidentView, Report, SnapshotView};
use crate::model::sentence::Sentence;
use crate::model::shared::{self, Key};

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM};
use super::super::words;
use super::table;

/// The table is not full.
const NOT_FULL: &str = "no-incident";

/// Something named was not read whole.
pub(in super::super) const INCOMPLETE: &str = "Incomplete: something named was not read whole, see Inputs.";

/// `No line about a full table was found in 2 logs (1,234 records).`, and what was not looked at. A table that is full
/// makes no incident without a line, so that tables alone are not said to be anything here.
pub(in super::super) fn nothing_found(report: &Report) -> Vec<String> {
    let lines =
        |input: &crate::model::input::Input| matches!(input.kind, InputKind::Log | InputKind::Signals);
    let read = what_was_read(report);
    let first = if report.inputs.iter().any(lines) {
        format!("No line about a full table was found in {read}.")
    } else if report.inputs.is_empty() {
        format!("No full table was found in {read}.")
    } else {
        format!("No log was given that could tell of a full table, only {read}.")
    };
    let mut said = vec![first];
    let settings = &report.settings;
    if !settings.hosts.is_empty() || settings.since.is_some() || settings.until.is_some() {
        let text = "Only what --host, --since and --until let through was looked at: others may stand in these inputs.";
        said.push(text.to_owned());
    }
    said
}

/// The time that the logs cover, where it is known.
pub(in super::super) fn covered(scene: &Scene<'_>) -> Option<String> {
    let logs = || scene.report.inputs.iter().filter(|input| input.kind == InputKind::Log);
    let first = logs().filter_map(|log| log.first).min()?;
    let last = logs().filter_map(|log| log.last).max()?;
    Some(format!("The logs cover {}.", scene.clock.span(first, last)))
}

/// `2 logs (1,234 records), 1 table (30,611 entries)`
fn what_was_read(report: &Report) -> String {
    let kinds = [
        (InputKind::Log, "log", "logs", ["record", "records"]),
        (InputKind::Signals, "file of signals", "files of signals", ["record", "records"]),
        (InputKind::Table, "table", "tables", ["entry", "entries"]),
        (InputKind::Counters, "file of counters", "files of counters", ["key", "keys"]),
        (InputKind::Bundle, "bundle", "bundles", ["file", "files"]),
        (InputKind::Unrecognised, "file of no known kind", "files of no known kind", ["", ""]),
    ];
    let mut parts = Vec::new();
    for (kind, one, many, units) in kinds {
        let inputs = || report.inputs.iter().filter(|input| input.kind == kind);
        let count = inputs().count();
        if count == 0 {
            continue;
        }
        let records = inputs().fold(0_u64, |sum, input| sum.saturating_add(input.records));
        let unit = units[usize::from(records != 1)];
        let mut part = format!("{count}{FIRM}{}", if count == 1 { one } else { many });
        if !unit.is_empty() {
            let _ = write!(part, " ({}{FIRM}{unit})", spell::number(records));
        }
        parts.push(part);
    }
    if parts.is_empty() { "nothing: no input was read".to_owned() } else { parts.join(", ") }
}

/// What is said where there is no incident: of the only table, or of the one of several that matters most; then of what
/// else lost packets.
pub(in super::super) fn without_incident(report: &Report) -> (Option<String>, Vec<&Sentence>) {
    let (mut first, mut said) = (None, Vec::new());
    if let Some(view) = main_table(report) {
        let summary = &view.body.verdict.summary;
        let several = report.snapshots.len() > 1;
        first = several.then(|| leads(report, view)).flatten();
        // How full it is was said.
        let known = usize::from(several && first.is_some() && view.body.verdict.cause.0 == NOT_FULL);
        said.extend(summary.iter().skip(known));
    }
    if let Some(finding) = report.findings.first() {
        let fresh = finding.summary.iter().take(2).filter(|sentence| !said.contains(sentence));
        let fresh: Vec<&Sentence> = fresh.collect();
        let told = report.snapshots.iter().any(|view| {
            finding.summary.first().is_some_and(|sentence| view.body.verdict.summary.contains(sentence))
        });
        if !told {
            said.extend(fresh);
        }
    }
    (first, said)
}

/// The table whose cause is known before others, then the fullest.
fn main_table(report: &Report) -> Option<&SnapshotView> {
    let usage = |view: &SnapshotView| {
        let held = view.facts.count.or(view.facts.listed)?;
        Some(held as f64 / view.facts.max.filter(|max| *max > 0)? as f64)
    };
    report.snapshots.iter().filter(|view| view.body.census.is_some() || report.snapshots.len() == 1).max_by(
        |a, b| {
            let decided =
                |view: &SnapshotView| !matches!(view.body.verdict.cause.0, NOT_FULL | words::UNDECIDED);
            let key = |view| usage(view).unwrap_or(0.0);
            decided(a).cmp(&decided(b)).then(key(a).total_cmp(&key(b))).then(b.id.cmp(&a.id))
        },
    )
}

/// `Of 5 tables that of ip-node-3 comes first: 2,467 of at most 131,072 entries (1.9 %).`
fn leads(report: &Report, view: &SnapshotView) -> Option<String> {
    let usage = table::usage(&view.facts);
    let tables = report.snapshots.iter().filter(|view| view.body.census.is_some()).count();
    let host = view.host.as_deref().map(escape::text);
    let whose = host.map_or_else(|| "one".to_owned(), |host| format!("that of {host}"));
    (tables > 1 && !usage.is_empty())
        .then(|| format!("Of {tables}{FIRM}tables {whose} comes first: {usage}."))
}

/// The incident the report opens with: one whose cause is known before others, then the dearest, then the latest.
pub(in super::super) fn main_incident(report: &Report) -> Option<&IncidentView> {
    report.incidents.iter().max_by_key(|view| {
        let is_decided = view.body.verdict.cause.0 != words::UNDECIDED;
        (is_decided, view.incident.drops.low, view.incident.times.start)
    })
}

/// `alpha: `, in front of the first line where no title names the host: of several, "this host" would be any of them.
pub(in super::super) fn whose(scene: &Scene<'_>, view: &IncidentView) -> String {
    let host = scene.host(&view.incident);
    let several = scene.report.incidents.iter().any(|other| scene.host(&other.incident) != host);
    if several { format!("{host}: ") } else { String::new() }
}

/// Title of what several hosts share.
pub(in super::super) const SHARED: &str = "On several hosts";

/// Sources and peers that lead on several hosts: which, of what kind, entries, hosts.
pub(in super::super) fn shared(report: &Report) -> Vec<[String; 4]> {
    let row = |row: shared::Shared<'_>| {
        let (name, what) = match &row.key {
            Key::Source(address) => (words::address(*address), "source"),
            Key::Peer(peer) => (words::peer(peer), "peer"),
        };
        let hosts: Vec<String> = row.hosts.iter().map(|host| escape::text(host)).collect();
        [name, what.to_owned(), spell::number(row.entries), hosts.join(", ")]
    };
    shared::of(report).into_iter().map(row).collect()
}
