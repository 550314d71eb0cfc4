//! What the table holds: states, idle ages, what could be evicted, and other counts worth knowing.

use crate::model::diagnosis::{CensusView, IdleBar, IdleShape, Spread};
use crate::model::sentence::noun;

use super::super::escape;
use super::super::spell::{self, FIRM};
use super::super::words;
use super::bar::bar;
use super::page::Page;
use super::table::{Fit, Table};

/// Columns of a bar.
const BAR: u64 = 24;
/// A last packet that is no older than this came while the table was read.
const JUST_NOW_SECONDS: u64 = 5;
/// From this age on a timer that was shorter from the beginning is as likely as a silence.
const LONG_AGO_SECONDS: u64 = 86_400;
/// States shown; the others are summed.
const STATES_SHOWN: usize = 8;

pub(super) fn set(view: &CensusView, page: &mut Page) {
    page.heading(&format!("What it holds: {}", spell::count(view.entries, noun::ENTRY)));
    set_states(view, page);
    page.gap();
    set_usage(view, page);
    set_protocols(view, page);
    set_others(view, page);
    set_idle_ages(&view.idle_age, view.entries, page);
    set_idle_shapes(&view.idle_shapes, page);
}

fn set_states(view: &CensusView, page: &mut Page) {
    let mut table =
        Table::new(&[("", Fit::Cut(12)), ("", Fit::Number), ("", Fit::Number), ("", Fit::Optional)]);
    let mut row = |name: String, entries: u64| {
        if entries > 0 {
            let cells = vec![
                name,
                spell::number(entries),
                words::part(entries, view.entries),
                bar(entries, view.entries, BAR),
            ];
            table.row(cells);
        }
    };
    for (label, entries) in view.by_state.iter().take(STATES_SHOWN) {
        row(label.label(escape::bytes), *entries);
    }
    let others = view.by_state.iter().skip(STATES_SHOWN).fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
    row("others".to_owned(), others);
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
            ages(*idle),
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
        let of = shape.of.label(escape::bytes);
        let text = match shape.spread {
            Spread::OneEvent { age_seconds, entries } => one_event(age_seconds, entries, shape.entries),
            Spread::Comb { period_seconds, entries } => format!(
                "a comb: {} of {} stand {} apart, so a timer opens them",
                spell::number(entries),
                spell::number(shape.entries),
                spell::duration(period_seconds as f64)
            ),
            Spread::Flat => "flat: no moment and no period stands out, they come at any time".to_owned(),
        };
        page.item(4, "·", &format!("{of}: {text}"));
    }
}

/// Ages say when the last packet came, not that a connection ended; a timer that began shorter looks like a long silence.
fn one_event(age_seconds: u64, entries: u64, of: u64) -> String {
    let part = format!("{} of {}", spell::number(entries), spell::number(of));
    let age = spell::duration(age_seconds as f64);
    if age_seconds <= JUST_NOW_SECONDS {
        format!("in use, or just over: {part} had a packet in the last seconds before the table was read")
    } else if age_seconds >= LONG_AGO_SECONDS {
        format!(
            "one event: {part} had their last packet together, {age} before the table was read, or were given a shorter timer than the usual one"
        )
    } else {
        format!("one event: {part} had their last packet together, {age} before the table was read")
    }
}

fn ages(idle: IdleBar) -> String {
    let from = spell::duration(idle.from_seconds as f64);
    // Beyond a hundred years "below" says nothing.
    if idle.to_seconds >= 100 * 365 * 86_400 {
        format!("{from} and more")
    } else {
        format!("{from} to {}", spell::duration(idle.to_seconds as f64))
    }
}

fn set_usage(view: &CensusView, page: &mut Page) {
    let effective = view.effective;
    let of_all = |words: &str, n: u64| {
        format!("{words}{FIRM}{}{FIRM}({})", spell::number(n), words::part(n, view.entries))
    };
    if view.entries > 0 {
        let parts = [
            of_all("live", effective.live),
            of_all("closing", effective.closing),
            of_all("evictable", effective.evictable),
        ];
        page.labelled("Usage", &parts.join(", "));
    }
}

fn set_protocols(view: &CensusView, page: &mut Page) {
    let shown: Vec<String> = view
        .by_protocol
        .iter()
        .map(|(l4, n)| {
            format!("{} {}", spell::protocol(*l4), spell::number(*n)).replace(' ', &FIRM.to_string())
        })
        .collect();
    if !shown.is_empty() {
        page.labelled("Protocols", &shown.join(", "));
    }
}

fn set_others(view: &CensusView, page: &mut Page) {
    let mut parts = Vec::new();
    parts.extend(view.local_share.map(|share| format!("{} from this host", spell::share(share))));
    parts.push(match view.distinct_sources {
        Some(n) => spell::count(n, noun::SOURCE),
        None => "more sources than are counted".to_owned(),
    });
    for (n, what) in [
        (view.unreplied, "unreplied"),
        (view.nat, "with NAT"),
        (view.offloaded, "offloaded"),
        (view.reversed, "whose first packet seen was an answer"),
        (view.damaged, "damaged lines left out"),
    ] {
        if n > 0 {
            parts.push(format!("{} {what}", spell::number(n)));
        }
    }
    page.labelled("Besides", &parts.join(", "));
    if !view.zones.is_empty() {
        set_zones(view, page);
    }
    if !view.exact {
        page.aside(&format!("counts by address may be low by up to {}", spell::number(view.error)));
    }
}

/// Zones shown; more are said to be there.
const ZONES_SHOWN: usize = 12;

fn set_zones(view: &CensusView, page: &mut Page) {
    let mut shown: Vec<String> = view
        .zones
        .iter()
        .take(ZONES_SHOWN)
        .map(|(zone, n)| format!("{zone}:{FIRM}{}", spell::number(*n)))
        .collect();
    let left = view.zones.len().saturating_sub(ZONES_SHOWN);
    if left > 0 {
        shown.push(format!("and {left} more"));
    }
    page.labelled("Zones", &shown.join(", "));
}
