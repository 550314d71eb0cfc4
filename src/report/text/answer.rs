//! The first lines: who, how and what to do; then what is missing, and an overview of several incidents.

use crate::model::sentence::{Sentence, noun};

use super::super::escape;
use super::super::phrase::{opening, when};
use super::super::scene::Scene;
use super::super::spell;
use super::super::words;
use super::page::{Page, Style};
use super::table::{Fit, Table};
use super::wrap::Indent;

pub(super) fn set(scene: &Scene<'_>, page: &mut Page) {
    match opening::main_incident(scene.report) {
        Some(view) => set_summary(scene, &opening::whose(scene, view), &view.body.verdict.summary, page),
        None => set_no_incident(scene, page),
    }
    if !scene.report.complete {
        page.gap();
        page.paragraph(Style::Bold, Indent { first: 0, rest: 2 }, opening::INCOMPLETE);
    }
    if scene.report.incidents.len() > 1 {
        set_overview(scene, page);
    }
    set_shared(scene, page);
}

fn set_summary<'a>(
    scene: &Scene<'_>,
    whose: &str,
    summary: impl IntoIterator<Item = &'a Sentence>,
    page: &mut Page,
) {
    let (mut style, mut front) = (Style::Bold, whose);
    for sentence in summary {
        page.paragraph(style, Indent { first: 0, rest: 2 }, &format!("{front}{}", scene.prose(sentence)));
        (style, front) = (Style::Plain, "");
    }
}

fn set_no_incident(scene: &Scene<'_>, page: &mut Page) {
    let hang = Indent { first: 0, rest: 2 };
    for text in opening::nothing_found(scene.report) {
        page.paragraph(Style::Bold, hang, &text);
    }
    if let Some(text) = opening::covered(scene) {
        page.paragraph(Style::Plain, hang, &text);
    }
    let (first, said) = opening::without_incident(scene.report);
    if let Some(text) = first {
        page.paragraph(Style::Bold, hang, &text);
    }
    set_summary(scene, "", said, page);
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
            when::start(scene, &view.incident.times),
            words::drops(&view.incident.drops),
            view.body.verdict.cause.0.to_owned(),
            source.map(|row| words::address(row.address)).unwrap_or_default(),
        ]);
    }
    table.set(page, 2);
}

/// Sources and peers that lead on several hosts.
fn set_shared(scene: &Scene<'_>, page: &mut Page) {
    let rows = opening::shared(scene.report);
    if rows.is_empty() {
        return;
    }
    page.banner(opening::SHARED, "");
    let mut table = Table::new(&[
        ("source or peer", Fit::Whole),
        ("", Fit::Whole),
        ("entries", Fit::Number),
        ("hosts", Fit::Cut(16)),
    ]);
    for row in rows {
        table.row(row.into());
    }
    table.set(page, 2);
}
