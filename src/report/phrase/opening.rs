//! What the report opens with where it is not a verdict: nothing found, something missing, something shared.

use std::fmt::Write as _;

use crate::model::input::InputKind;
use crate::model::report::{IncidentView, Report};
use crate::model::shared::{self, Key};

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM};
use super::super::words;

/// Something named was not read whole.
pub(in super::super) const INCOMPLETE: &str = "Incomplete: something named was not read whole, see Inputs.";

/// `No full table was found in 2 logs (1,234 records).`, and what was not looked at.
pub(in super::super) fn nothing_found(report: &Report) -> Vec<String> {
    let mut said = vec![format!("No full table was found in {}.", what_was_read(report))];
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

/// The incident the report opens with: one whose cause is known before others, then the dearest, then the latest.
pub(in super::super) fn main_incident(report: &Report) -> Option<&IncidentView> {
    report.incidents.iter().max_by_key(|view| {
        let is_decided = view.body.verdict.cause.0 != words::UNDECIDED;
        (is_decided, view.incident.drops.low, view.incident.times.start)
    })
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
