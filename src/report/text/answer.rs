//! The first lines: who, how and what to do; then what is missing, and an overview of several incidents.

use std::fmt::Write as _;

use crate::model::incident::Times;
use crate::model::input::InputKind;
use crate::model::report::{IncidentView, Report};
use crate::model::sentence::{Sentence, noun};

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM};
use super::super::words;
use super::page::{Page, Style};
use super::table::{Fit, Table};
use super::wrap::Indent;

pub(super) fn set(scene: &Scene<'_>, page: &mut Page) {
    match main_incident(scene.report) {
        Some(view) => set_summary(scene, &view.body.verdict.summary, page),
        None => set_no_incident(scene, page),
    }
    if !scene.report.complete {
        page.gap();
        page.paragraph(
            Style::Bold,
            Indent { first: 0, rest: 2 },
            "Incomplete: something named was not read whole, see Inputs.",
        );
    }
    if scene.report.incidents.len() > 1 {
        set_overview(scene, page);
    }
}

/// The incident the report opens with: one whose cause is known before others, then the dearest, then the latest.
fn main_incident(report: &Report) -> Option<&IncidentView> {
    report.incidents.iter().max_by_key(|view| {
        let is_decided = view.body.verdict.cause.0 != words::UNDECIDED;
        (is_decided, view.incident.drops.low, view.incident.times.start)
    })
}

fn set_summary(scene: &Scene<'_>, summary: &[Sentence], page: &mut Page) {
    let mut style = Style::Bold;
    for sentence in summary {
        page.paragraph(style, Indent { first: 0, rest: 2 }, &scene.prose(sentence));
        style = Style::Plain;
    }
}

fn set_no_incident(scene: &Scene<'_>, page: &mut Page) {
    let hang = Indent { first: 0, rest: 2 };
    page.paragraph(
        Style::Bold,
        hang,
        &format!("No full table was found in {}.", what_was_read(scene.report)),
    );
    let settings = &scene.report.settings;
    if !settings.hosts.is_empty() || settings.since.is_some() || settings.until.is_some() {
        let text = "Only what --host, --since and --until let through was looked at: others may stand in these inputs.";
        page.paragraph(Style::Bold, hang, text);
    }
    let logs = || scene.report.inputs.iter().filter(|input| input.kind == InputKind::Log);
    let ends = (logs().filter_map(|log| log.first).min(), logs().filter_map(|log| log.last).max());
    if let (Some(first), Some(last)) = ends {
        page.paragraph(Style::Plain, hang, &format!("The logs cover {}.", scene.clock.span(first, last)));
    }
    if let [only] = &*scene.report.snapshots {
        set_summary(scene, &only.body.verdict.summary, page);
    }
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

fn set_overview(scene: &Scene<'_>, page: &mut Page) {
    let incidents = &scene.report.incidents;
    let title = format!(
        "{} · times in {}",
        spell::count(incidents.len() as u64, noun::INCIDENT),
        scene.clock.zone_name()
    );
    page.banner(&title, "");
    let mut table = Table::new(&[
        ("id", Fit::Whole),
        ("host", Fit::Cut(8)),
        ("start", Fit::Whole),
        ("packets dropped", Fit::Cut(22)),
        ("cause", Fit::Cut(21)),
        ("top source", Fit::Optional),
    ]);
    for view in incidents {
        let source = view.body.top_sources.first();
        table.row(vec![
            escape::text(&view.incident.id),
            scene.host(&view.incident),
            start(scene, &view.incident.times),
            words::drops(&view.incident.drops),
            view.body.verdict.cause.0.to_owned(),
            source.map(|row| words::address(row.address)).unwrap_or_default(),
        ]);
    }
    table.set(page, 2);
}

fn start(scene: &Scene<'_>, times: &Times) -> String {
    match (times.start, times.since_boot_us) {
        (Some(at), _) => scene.clock.local(at),
        (None, Some((from, _))) => format!("boot{FIRM}+{FIRM}{}", spell::duration(from as f64 / 1e6)),
        (None, None) => "?".to_owned(),
    }
}
