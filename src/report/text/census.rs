//! What the table holds: states, idle ages, what could be evicted, and other counts worth knowing.

use crate::model::diagnosis::{CensusView, IdleBar, IdleShape};
use crate::model::sentence::noun;

use super::super::phrase::holds;
use super::super::spell;
use super::super::words;
use super::bar::bar;
use super::page::Page;
use super::table::{Fit, Table};

/// Columns of a bar.
const BAR: u64 = 24;

pub(super) fn set(view: &CensusView, page: &mut Page) {
    page.heading(&format!("What it holds: {}", spell::count(view.entries, noun::ENTRY)));
    set_states(view, page);
    page.gap();
    set_counts(view, page);
    set_idle_ages(&view.idle_age, view.entries, page);
    set_idle_shapes(&view.idle_shapes, page);
    if let Some(left_out) = holds::ageless(view).filter(|_| !view.idle_age.is_empty()) {
        page.item(4, "·", &left_out);
    }
}

fn set_states(view: &CensusView, page: &mut Page) {
    let mut table =
        Table::new(&[("", Fit::Cut(12)), ("", Fit::Number), ("", Fit::Number), ("", Fit::Optional)]);
    for (name, entries) in holds::states(view) {
        table.row(vec![
            name,
            spell::number(entries),
            words::part(entries, view.entries),
            bar(entries, view.entries, BAR),
        ]);
    }
    table.set(page, 4);
}

fn set_idle_ages(bars: &[IdleBar], entries: u64, page: &mut Page) {
    if bars.is_empty() {
        return;
    }
    page.heading("How long since the last packet");
    let most = bars.iter().map(|idle| idle.entries).max().unwrap_or(0);
    let mut table =
        Table::new(&[("", Fit::Whole), ("", Fit::Number), ("", Fit::Number), ("", Fit::Optional)]);
    for idle in bars {
        table.row(vec![
            holds::ages(*idle),
            spell::number(idle.entries),
            words::part(idle.entries, entries),
            bar(idle.entries, most, BAR),
        ]);
    }
    table.set(page, 4);
}

/// What made the ages what they are, a line for each state.
fn set_idle_shapes(shapes: &[IdleShape], page: &mut Page) {
    for shape in shapes {
        page.item(4, "·", &holds::shape(shape));
    }
}

fn set_counts(view: &CensusView, page: &mut Page) {
    let counts = [
        ("Usage", holds::usage(view)),
        ("Protocols", holds::protocols(view)),
        ("Besides", holds::others(view)),
        ("Zones", holds::zones(view)),
    ];
    for (label, text) in counts.iter().filter(|(_, text)| !text.is_empty()) {
        page.labelled(label, text);
    }
    if let Some(text) = holds::inexact(view) {
        page.aside(&text);
    }
}
