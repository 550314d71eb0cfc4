//! What ends the report: look-alikes, assumptions, gaps, inputs.

use crate::model::diagnosis::Finding;
use crate::model::input::{Input, InputKind};

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM};
use super::super::words;
use super::page::{Page, Style};
use super::table::{Fit, Table};
use super::wrap::Indent;
use super::{remedies, why};

pub(super) fn set(scene: &Scene<'_>, page: &mut Page) {
    for finding in &scene.report.findings {
        set_finding(scene, finding, page);
    }
    set_assumptions(scene, page);
    set_gaps(scene, page);
    set_inputs(scene, page);
}

fn set_finding(scene: &Scene<'_>, finding: &Finding, page: &mut Page) {
    let title = match &finding.host {
        Some(host) => format!("{}: also found", escape::text(host)),
        None => "Also found".to_owned(),
    };
    page.banner(&title, finding.cause.0);
    page.paragraph(Style::Plain, Indent::all(2), &scene.all_prose(&finding.summary));
    for fact in &finding.evidence {
        why::set_fact(scene, fact, page);
    }
    remedies::set(scene, &finding.remedies, page);
}

fn set_assumptions(scene: &Scene<'_>, page: &mut Page) {
    if scene.report.assumptions.is_empty() {
        return;
    }
    page.banner("Assumed", "");
    for assumption in &scene.report.assumptions {
        let from = assumption.from.as_deref().map(|from| format!(" [{}]", scene.input_name(from)));
        let text =
            format!("{}: {}{}", assumption.about, scene.say(&assumption.text), from.unwrap_or_default());
        page.item(2, "·", &text);
    }
}

fn set_gaps(scene: &Scene<'_>, page: &mut Page) {
    if scene.report.gaps.is_empty() {
        return;
    }
    page.banner("Not known", "");
    for gap in &scene.report.gaps {
        let (what, why) = (scene.say(&gap.what), scene.say(&gap.why));
        let text = if what.is_empty() { why } else { format!("{what}: {why}") };
        page.item(2, "·", &text);
        if let Some(command) = &gap.command {
            remedies::set_command(command, remedies::Copied::Shell, 6, page);
        }
    }
}

/// Strangers that were met, not named, are counted in one line where there are more than so many.
const STRANGERS_SHOWN: usize = 5;

fn set_inputs(scene: &Scene<'_>, page: &mut Page) {
    if scene.report.inputs.is_empty() {
        return;
    }
    page.banner("Inputs", "");
    let is_stranger = |input: &&Input| input.kind == InputKind::Unrecognised && !input.named;
    let strangers = scene.report.inputs.iter().filter(is_stranger).count();
    let hides_strangers = strangers > STRANGERS_SHOWN;
    let mut table = Table::new(&[
        ("input", Fit::Path(32)),
        ("kind", Fit::Cut(12)),
        ("records", Fit::Number),
        ("signals", Fit::Number),
        ("covers", Fit::Optional),
    ]);
    for input in scene.report.inputs.iter().filter(|input| !(hides_strangers && is_stranger(input))) {
        table.row_with_note(cells(scene, input), note(input));
    }
    table.set(page, 2);
    if hides_strangers {
        let text = format!("and {strangers}{FIRM}files of no known kind, met inside what was named");
        page.paragraph(Style::Dim, Indent::all(2), &text);
    }
}

fn cells(scene: &Scene<'_>, input: &Input) -> Vec<String> {
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
    vec![path, kind, records, signals, covers]
}

fn note(input: &Input) -> Option<String> {
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
