//! Who holds the table: sources, peers, pairs.

use crate::model::diagnosis::{Body, TopPeer, TopSource};

use super::super::phrase::source;
use super::super::scene::Scene;
use super::super::spell;
use super::super::words;
use super::bar::bar;
use super::page::{Page, Style};
use super::table::{Fit, Table};
use super::wrap::{Indent, width};

/// Columns of a bar.
const BAR: u64 = 10;

pub(super) fn set(scene: &Scene<'_>, body: &Body, page: &mut Page) {
    set_sources(scene, &body.top_sources, page);
    set_peers(&body.top_peers, page);
    set_pairs(body, page);
    if let Some(note) = source::inexact(body) {
        page.paragraph(Style::Dim, Indent::all(4), &note);
    }
}

fn set_sources(scene: &Scene<'_>, rows: &[TopSource], page: &mut Page) {
    if rows.is_empty() {
        return;
    }
    page.heading("Who holds it: sources");
    let mut table = Table::new(&[
        ("source", Fit::Whole),
        ("", Fit::Cut(9)),
        ("entries", Fit::Number),
        ("share", Fit::Number),
        ("", Fit::Optional),
        ("states", Fit::Cut(16)),
    ]);
    let most = rows.iter().map(|row| row.entries).max().unwrap_or(0);
    for row in rows {
        let (aside, note) = aside_and_note(scene, row);
        let cells = vec![
            words::address(row.address),
            aside,
            spell::number(row.entries),
            spell::share(row.share),
            bar(row.entries, most, BAR),
            words::states(&row.states, row.entries),
        ];
        table.row_with_note(cells, note);
    }
    table.set(page, 4);
}

/// What is known of a source: a few words for the row, and the rest to stand under it.
fn aside_and_note(scene: &Scene<'_>, row: &TopSource) -> (String, Option<String>) {
    let note = source::note(scene, row).map(|note| note.ticked());
    match (row.is_local == Some(true), note) {
        (true, note) => (source::OWN.to_owned(), note),
        (false, Some(short)) if width(&short) <= source::ASIDE_MAX => (short, None),
        (false, note) => (String::new(), note),
    }
}

fn set_peers(rows: &[TopPeer], page: &mut Page) {
    if rows.is_empty() {
        return;
    }
    page.heading("Whom they talk to: peers");
    let mut table = Table::new(&[
        ("peer", Fit::Whole),
        ("service", Fit::Cut(8)),
        ("entries", Fit::Number),
        ("share", Fit::Number),
        ("", Fit::Optional),
        ("states", Fit::Cut(16)),
    ]);
    let most = rows.iter().map(|row| row.entries).max().unwrap_or(0);
    for row in rows {
        table.row(vec![
            words::peer(&row.peer),
            row.service.unwrap_or_default().to_owned(),
            spell::number(row.entries),
            spell::share(row.share),
            bar(row.entries, most, BAR),
            words::states(&row.states, row.entries),
        ]);
    }
    table.set(page, 4);
}

fn set_pairs(body: &Body, page: &mut Page) {
    if body.top_pairs.is_empty() {
        return;
    }
    page.heading("Pairs");
    let mut table = Table::new(&[
        ("source", Fit::Whole),
        ("peer", Fit::Whole),
        ("entries", Fit::Number),
        ("share", Fit::Number),
        ("", Fit::Optional),
    ]);
    let most = body.top_pairs.iter().map(|row| row.entries).max().unwrap_or(0);
    for row in &body.top_pairs {
        table.row(vec![
            words::address(row.pair.source),
            words::peer(&row.pair.peer),
            spell::number(row.entries),
            spell::share(row.share),
            bar(row.entries, most, BAR),
        ]);
    }
    table.set(page, 4);
}
