//! Who holds the table: sources, peers, pairs.

use crate::model::diagnosis::{Body, Owner, TopPeer, TopSource};

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM};
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
    let error = body.top_sources.iter().map(|row| row.entries_error);
    let error = error.chain(body.top_peers.iter().map(|row| row.entries_error)).max().unwrap_or(0);
    if error > 0 {
        let note = format!(
            "Counts may be too low by up to {}: more keys than are counted exactly.",
            spell::number(error)
        );
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

/// A note of at most so many columns stands in the row itself.
const ASIDE_MAX: usize = 22;

/// What is known of a source: a few words for the row, and the rest to stand under it.
fn aside_and_note(scene: &Scene<'_>, row: &TopSource) -> (String, Option<String>) {
    const OWN: &str = "this host";
    let note = row.note.as_ref().map(|note| scene.say(note)).filter(|note| note.replace(FIRM, " ") != OWN);
    let note = match (row.owner.as_ref().map(opened_by), note) {
        (Some(owner), Some(note)) => Some(format!("{owner}; {note}")),
        (owner, note) => owner.or(note),
    };
    match (row.is_local == Some(true), note) {
        (true, note) => (OWN.to_owned(), note),
        (false, Some(short)) if width(&short) <= ASIDE_MAX => (short, None),
        (false, note) => (String::new(), note),
    }
}

/// `opened by php-fpm (process 4711)`
fn opened_by(owner: &Owner) -> String {
    let name = escape::text(&owner.name);
    match &owner.id {
        Some(id) => format!("opened by {name} ({} {})", owner.kind, escape::text(id)),
        None => format!("opened by {name}"),
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
