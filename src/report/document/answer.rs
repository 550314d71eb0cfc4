//! Who, how and what to do; and where there are several incidents or hosts, which and what they share.

use crate::model::diagnosis::Verdict;
use crate::model::sentence::noun;

use super::super::escape;
use super::super::phrase::{opening, when};
use super::super::scene::Scene;
use super::super::spell::{self, Rich};
use super::super::words;
use super::{Block, Cell, Kind, Section, Table, incident};

pub(super) fn title(scene: &Scene<'_>) -> String {
    match opening::main_incident(scene.report) {
        Some(view) => format!("{}: {}", scene.host(&view.incident), words::table(view.incident.table)),
        None => "No full table found".to_owned(),
    }
}

pub(super) fn answer(scene: &Scene<'_>) -> Vec<Rich> {
    if let Some(view) = opening::main_incident(scene.report) {
        return summary(scene, &view.body.verdict);
    }
    let mut said: Vec<Rich> = opening::nothing_found(scene.report).into_iter().map(Rich::from).collect();
    said.extend(opening::covered(scene).map(Rich::from));
    let (first, rest) = opening::without_incident(scene.report);
    said.extend(first.map(Rich::from));
    said.extend(rest.into_iter().map(|sentence| scene.rich_prose(sentence)));
    said
}

fn summary(scene: &Scene<'_>, verdict: &Verdict) -> Vec<Rich> {
    verdict.summary.iter().map(|sentence| scene.rich_prose(sentence)).collect()
}

pub(super) fn overview<'a>(scene: &Scene<'_>) -> Vec<Section<'a>> {
    let mut sections = Vec::new();
    if scene.report.incidents.len() > 1 {
        let count = spell::count(scene.report.incidents.len() as u64, noun::INCIDENT);
        let title = format!("{count} · times in {}", scene.clock.zone_name());
        sections.push(Section::open(title, vec![Block::Table(incidents(scene))]));
    }
    let shared = opening::shared(scene.report);
    if !shared.is_empty() {
        sections.push(Section::open(opening::SHARED, vec![Block::Table(shared_table(shared))]));
    }
    sections
}

fn incidents(scene: &Scene<'_>) -> Table {
    let mut table = Table::new(&[
        ("id", Kind::Key),
        ("host", Kind::Words),
        ("start", Kind::Words),
        ("packets dropped", Kind::Words),
        ("cause", Kind::Words),
        ("top source", Kind::Words),
    ]);
    for view in &scene.report.incidents {
        let source = view.body.top_sources.first();
        let cells = vec![
            Cell::Link(escape::text(&view.incident.id), incident::anchor(view)),
            Cell::text(scene.host(&view.incident)),
            Cell::text(when::start(scene, &view.incident.times)),
            Cell::text(words::drops(&view.incident.drops)),
            Cell::text(view.body.verdict.cause.0),
            Cell::text(source.map(|row| words::address(row.address)).unwrap_or_default()),
        ];
        table.row(cells, None);
    }
    table
}

fn shared_table(shared: Vec<[String; 4]>) -> Table {
    let mut table = Table::new(&[
        ("source or peer", Kind::Key),
        ("", Kind::Words),
        ("entries", Kind::Number),
        ("hosts", Kind::Words),
    ]);
    for row in shared {
        table.row(row.map(Cell::Text).into(), None);
    }
    table
}
