//! What is said where no full table was found, and what is missing.

use std::fmt::Write as _;

use crate::model::input::InputKind;
use crate::model::report::Report;

use super::super::scene::Scene;
use super::super::spell::{self, FIRM};

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
