//! What ends the report: look-alikes, assumptions, gaps, inputs.

use super::super::escape;
use super::super::phrase::{cause, read};
use super::super::scene::Scene;
use super::super::spell::Rich;
use super::{Block, Cell, Item, Kind, Part, Section, Table, body};

pub(super) fn findings<'a>(scene: &Scene<'_>) -> Vec<Part<'a>> {
    let findings = scene.report.findings.iter().enumerate().map(|(at, finding)| {
        let mut blocks = vec![Block::Paragraph(scene.rich_all_prose(&finding.summary))];
        let facts = finding.evidence.iter();
        blocks.push(Block::Items(
            facts.map(|fact| Item::new(cause::sign(fact), cause::fact(scene, fact))).collect(),
        ));
        let mut sections = vec![Section::open("", blocks)];
        if !finding.remedies.is_empty() {
            let remedies = body::remedies(scene, &finding.remedies);
            sections.push(Section::open("What to do", vec![Block::Remedies(remedies)]));
        }
        let title = match &finding.host {
            Some(host) => format!("{}: also found", escape::text(host)),
            None => "Also found".to_owned(),
        };
        Part { anchor: format!("found-{}", at + 1), title, aside: finding.cause.0.to_owned(), sections }
    });
    findings.collect()
}

/// Assumptions, gaps and inputs.
pub(super) fn part<'a>(scene: &Scene<'_>) -> Option<Part<'a>> {
    let mut sections = Vec::new();
    let report = scene.report;
    let gaps: Vec<Item> = read::missing(scene)
        .into_iter()
        .map(|missing| Item { command: missing.command.map(escape::text), ..Item::new("·", missing.text) })
        .collect();
    let assumptions = report.assumptions.iter().map(|each| Item::new("·", read::assumption(scene, each)));
    for (title, items) in [("Assumed", assumptions.collect()), ("Not known", gaps)] {
        if !items.is_empty() {
            sections.push(Section::folded(title, vec![Block::Items(items)]));
        }
    }
    if !report.inputs.is_empty() {
        sections.push(inputs(scene));
    }
    let part = |sections| Part {
        anchor: "rests-on".to_owned(),
        title: "What this rests on".to_owned(),
        aside: String::new(),
        sections,
    };
    (!sections.is_empty()).then(|| part(sections))
}

fn inputs<'a>(scene: &Scene<'_>) -> Section<'a> {
    const KINDS: [Kind; 5] = [Kind::Key, Kind::Words, Kind::Number, Kind::Number, Kind::Words];
    let columns: Vec<(&'static str, Kind)> = read::TITLES.into_iter().zip(KINDS).collect();
    let mut table = Table::new(&columns);
    let (rows, rest) = read::shown(scene.report);
    for input in rows {
        let cells = read::cells(scene, input).map(Cell::Text);
        table.row(cells.into(), read::note(input).map(Rich::from));
    }
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(rest.map(|text| Block::Paragraph(text.into())));
    Section::folded("Inputs", blocks)
}
