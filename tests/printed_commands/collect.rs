//! Every remedy of every sample and of every labelled case.

use std::path::Path;
use std::sync::Arc;

use conntriage::model::diagnosis::Remedy;
use conntriage::model::report::Report;
use serde_json::Value;

use crate::case::Case;
use crate::{common, field, neighbours, own, run, table, write};

/// The seed of the cases: not the first one, whose tables are as large as they were in the field.
const SEED: u64 = 1;

/// A line as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) place: String,
    pub(crate) undo: Option<String>,
}

/// A remedy as it is printed.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    /// The sample or the case.
    pub(crate) from: String,
    pub(crate) id: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) freed: Option<u64>,
    /// The table that it is about, as `conntrack -R` reads it; only where it deletes.
    pub(crate) table: Option<Arc<str>>,
}

/// Those of the expected reports.
pub(crate) fn of_samples() -> Vec<Printed> {
    let mut out = Vec::new();
    for sample in common::samples() {
        let Ok(text) = std::fs::read_to_string(sample.join("expected.json")) else { continue };
        let report: Value = serde_json::from_str(&text).unwrap();
        remedies(&common::name(&sample), &report, &mut out);
    }
    out
}

/// Remedies anywhere in a JSON value.
fn remedies(from: &str, value: &Value, out: &mut Vec<Printed>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| remedies(from, value, out)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Array(list) if name == "remedies" => {
                        out.extend(list.iter().map(|remedy| of_json(from, remedy)));
                    }
                    _ => remedies(from, value, out),
                }
            }
        }
        _ => {}
    }
}

fn of_json(from: &str, remedy: &Value) -> Printed {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let line = |command: &Value| Line {
        text: text(&command["line"]).unwrap(),
        place: text(&command["where"]).unwrap(),
        undo: text(&command["undo"]),
    };
    Printed {
        from: from.to_owned(),
        id: text(&remedy["id"]).unwrap(),
        lines: remedy["commands"].as_array().unwrap().iter().map(line).collect(),
        freed: remedy["effect"]["entries_freed_now"].as_u64(),
        table: None,
    }
}

/// Those of the labelled cases, with the tables that they delete from.
pub(crate) fn of_cases() -> Vec<Printed> {
    let cases = [field::cases(), own::cases(), neighbours::cases()].concat();
    run::each(cases.len(), |at| of_case(&cases[at])).concat()
}

fn of_case(case: &Case) -> Vec<Printed> {
    let mut scene = (case.make)(case.name, SEED);
    let directory = tempfile::tempdir().unwrap();
    write::bundle(&mut scene, directory.path());
    let report = read(directory.path());
    // A bundle of several machines has several tables: of which one a remedy speaks is not told here.
    let alone = scene.others.is_empty() && scene.moments.is_empty();
    let table: Option<Arc<str>> = alone.then(|| table::restorable(&scene)).flatten().map(Into::into);
    let mut out: Vec<Printed> = all(&report).map(|remedy| printed(case.name, remedy)).collect();
    for remedy in &mut out {
        let deletes =
            remedy.lines.iter().any(|line| line.text.contains("conntrack") && line.text.contains("-D "));
        remedy.table = table.clone().filter(|_| deletes);
    }
    out
}

fn read(directory: &Path) -> Report {
    run::analyze(directory)
}

fn all(report: &Report) -> impl Iterator<Item = &Remedy> {
    let incidents = report.incidents.iter().flat_map(|view| &view.body.remedies);
    let tables = report.snapshots.iter().flat_map(|view| &view.body.remedies);
    incidents.chain(tables).chain(report.findings.iter().flat_map(|finding| &finding.remedies))
}

fn printed(from: &str, remedy: &Remedy) -> Printed {
    let lines = remedy.commands.iter().map(|command| Line {
        text: command.line.clone(),
        place: command.place.clone(),
        undo: command.undo.clone(),
    });
    Printed {
        from: from.to_owned(),
        id: remedy.id.to_owned(),
        lines: lines.collect(),
        freed: remedy.effect.entries_freed_now,
        table: None,
    }
}
