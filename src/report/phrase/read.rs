//! What was given, what had to be assumed, what is not known.

use crate::model::incident::{Assumption, Gap};
use crate::model::input::{Input, InputKind};
use crate::model::report::Report;

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM, Rich};
use super::super::words;

/// Strangers that were met, not named, are counted in one line where there are more than so many.
const STRANGERS_SHOWN: usize = 5;

/// So many gaps that one command closes are told one by one.
const GAPS_TOGETHER: usize = 4;

/// Inputs that have a row of their own, and how many strangers have none.
pub(in super::super) fn shown(report: &Report) -> (Vec<&Input>, Option<String>) {
    let is_stranger = |input: &&Input| input.kind == InputKind::Unrecognised && !input.named;
    let strangers = report.inputs.iter().filter(is_stranger).count();
    let hides = strangers > STRANGERS_SHOWN;
    let rows = report.inputs.iter().filter(|input| !(hides && is_stranger(input))).collect();
    let rest = format!("and {strangers}{FIRM}files of no known kind, met inside what was named");
    (rows, hides.then_some(rest))
}

/// Titles of the columns of [`cells`].
pub(in super::super) const TITLES: [&str; 5] = ["input", "kind", "records", "signals", "covers"];

/// An input's row.
pub(in super::super) fn cells(scene: &Scene<'_>, input: &Input) -> [String; 5] {
    let path = escape::text(&input.place());
    let kind = match input.dialect {
        Some(dialect) => format!("{} ({dialect})", words::input_kind(input.kind)),
        None => words::input_kind(input.kind).to_owned(),
    };
    let is_log = matches!(input.kind, InputKind::Log | InputKind::Signals);
    let covers = match (input.first, input.last) {
        (Some(first), Some(last)) => format!("{} – {}", scene.clock.local(first), scene.clock.local(last)),
        _ => String::new(),
    };
    let records =
        if input.kind == InputKind::Unrecognised { String::new() } else { spell::number(input.records) };
    let signals = if is_log { spell::number(input.signals) } else { String::new() };
    [path, kind, records, signals, covers]
}

/// What is to be known of an input.
pub(in super::super) fn note(input: &Input) -> Option<String> {
    let mut parts = Vec::new();
    if !input.complete && input.kind != InputKind::Unrecognised {
        parts.push("not read whole".to_owned());
    }
    if input.malformed > 0 {
        let first = input.first_malformed.as_ref().map(|(kind, blemish)| {
            format!(
                ", the first at byte {}, {}: {}",
                spell::number(blemish.first_offset),
                kind.words(),
                escape::bytes(&blemish.first_raw)
            )
        });
        parts.push(format!("{} damaged{}", spell::number(input.malformed), first.unwrap_or_default()));
    }
    parts.extend(input.remarks().as_deref().map(escape::text));
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `zone: times that name no zone are those of … [--tz]`
pub(in super::super) fn assumption(scene: &Scene<'_>, assumption: &Assumption) -> Rich {
    let from = assumption.from.as_deref().map(|from| format!(" [{}]", scene.input_name(from)));
    Rich::from(format!("{}: ", assumption.about))
        .and(&scene.rich(&assumption.text))
        .with(&from.unwrap_or_default())
}

/// What is not known, for people: what one command tells stands together.
pub(in super::super) struct Missing<'a> {
    pub(in super::super) text: Rich,
    pub(in super::super) command: Option<&'a str>,
}

/// Gaps in their order; those with one command under the first of them.
pub(in super::super) fn missing<'a>(scene: &Scene<'a>) -> Vec<Missing<'a>> {
    let report: &'a Report = scene.report;
    let mut groups: Vec<(Option<&'a str>, Vec<&'a Gap>)> = Vec::new();
    for gap in &report.gaps {
        let command = gap.command.as_deref();
        match groups.iter_mut().find(|(other, _)| command.is_some() && *other == command) {
            Some((_, gaps)) => gaps.push(gap),
            None => groups.push((command, vec![gap])),
        }
    }
    groups.into_iter().map(|(command, gaps)| Missing { text: together(scene, &gaps), command }).collect()
}

/// `limit: it is in none of the inputs; is this host or a client: …`
fn together(scene: &Scene<'_>, gaps: &[&Gap]) -> Rich {
    let mut said: Vec<Rich> = Vec::new();
    let mut label: Option<Rich> = None;
    for gap in gaps.iter().take(GAPS_TOGETHER) {
        let what = called(scene, gap);
        let why = scene.rich(&gap.why);
        let is_same = label.as_ref().is_some_and(|label| label.ticked() == what.ticked());
        said.push(if is_same { why } else { Rich::joined(&[what.clone(), why], ": ") });
        label = Some(what);
    }
    let rest = gaps.len().saturating_sub(GAPS_TOGETHER);
    if rest > 0 {
        said.push(format!("and so of {rest}{FIRM}more").into());
    }
    Rich::joined(&said, "; ")
}

/// The words for what is not known: fields are named in JSON only.
fn called(scene: &Scene<'_>, gap: &Gap) -> Rich {
    let field = scene.rich(&gap.what);
    let words = match field.ticked().replace(FIRM, " ").as_str() {
        "top_sources[].owner" => "program",
        "is_local" => "own addresses",
        "census" => "table",
        "max" => "limit",
        "snapshots" => "table of that time",
        "configured" => "settings files",
        "around" => "lines around it",
        "remaining" => "timers",
        "volumes" => "packets and bytes",
        _ => return field,
    };
    words.to_owned().into()
}
