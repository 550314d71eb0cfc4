//! What the table holds.

use crate::model::diagnosis::{Ageless, CensusView, IdleBar, IdleShape, NoAge, Spread};
use crate::model::sentence::noun;

use super::super::escape;
use super::super::spell::{self, FIRM};
use super::super::words;

/// From this age on a timer that was shorter from the beginning is as likely as a silence.
const LONG_AGO_SECONDS: u64 = 86_400;
/// States shown; the others are summed.
const STATES_SHOWN: usize = 8;
/// Zones shown; more are said to be there.
const ZONES_SHOWN: usize = 12;

/// States and their entries, the most first, those of no entry left out.
pub(in super::super) fn states(view: &CensusView) -> Vec<(String, u64)> {
    let shown = view.by_state.iter().take(STATES_SHOWN).map(|(label, n)| (label.label(escape::bytes), *n));
    let others = view.by_state.iter().skip(STATES_SHOWN).fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
    shown.chain([("others".to_owned(), others)]).filter(|(_, entries)| *entries > 0).collect()
}

/// `2 min to 5 min`
pub(in super::super) fn ages(idle: IdleBar) -> String {
    let from = spell::duration(idle.from_seconds as f64);
    // Beyond a hundred years "below" says nothing.
    if idle.to_seconds >= 100 * 365 * 86_400 {
        format!("{from} and more")
    } else {
        format!("{from} to {}", spell::duration(idle.to_seconds as f64))
    }
}

/// Entries that the ages leave out, and why; nothing where they are of all entries.
pub(in super::super) fn ageless(view: &CensusView) -> Option<String> {
    let left_out = view.idle_unknown.iter().fold(0_u64, |sum, row| sum.saturating_add(row.entries));
    let why = |row: &Ageless| {
        let why = match row.why {
            NoAge::SeveralTimers => {
                "entries of their kind run on different timers (a lone exchange, a stream)"
            }
            NoAge::ShorterTimer => {
                "so little is left that they may run on a shorter timer (data not acknowledged, sent again)"
            }
            NoAge::AboveTimeout => {
                "more is left than the setting gives (it was lowered, or a program put them in)"
            }
            NoAge::TimeoutUnknown => "the timeout of their kind is not known",
            NoAge::NoTimer => "a flowtable has them, without a timer",
        };
        if view.idle_unknown.len() > 1 {
            format!("{} because {why}", spell::number(row.entries))
        } else {
            format!("because {why}")
        }
    };
    let reasons: Vec<String> = view.idle_unknown.iter().map(why).collect();
    (left_out > 0).then(|| {
        format!(
            "left out, for their age is not known: {}, {}",
            spell::count(left_out, noun::ENTRY),
            reasons.join("; ")
        )
    })
}

/// What made the ages of one state what they are.
pub(in super::super) fn shape(shape: &IdleShape) -> String {
    let of = shape.of.label(escape::bytes);
    let text = match shape.spread {
        Spread::OneEvent { age_seconds, youngest_seconds, span_seconds, entries } => {
            let window = (youngest_seconds, span_seconds);
            one_event(age_seconds, window, entries, shape.entries)
        }
        Spread::Comb { period_seconds, entries } => format!(
            "a comb: {} of {} stand {} apart, so a timer opens them",
            spell::number(entries),
            spell::number(shape.entries),
            spell::duration(period_seconds as f64)
        ),
        Spread::Flat => "flat: no moment and no period stands out, they come at any time".to_owned(),
    };
    format!("{of}: {text}")
}

/// Ages say when the last packet came, not that a connection ended; a timer that began shorter looks like a long silence.
///
/// # Arguments
/// `window`: the age of the youngest of them, and over how many seconds they reach. Long timeouts are kept in wide bins, so
/// that "together" is some minutes there.
fn one_event(age_seconds: u64, window: (u64, u64), entries: u64, of: u64) -> String {
    let part = format!("{} of {}", spell::number(entries), spell::number(of));
    let (age, span) = (spell::duration(age_seconds as f64), spell::duration(window.1 as f64));
    if window.0 == 0 {
        return format!(
            "in use, or just over: {part} had a packet within the last {span} before the table was read"
        );
    }
    let together = format!(
        "one event: {part} had their last packet within {span} of one another, about {age} before the table was read"
    );
    if age_seconds >= LONG_AGO_SECONDS {
        format!("{together}, or were given a shorter timer than the usual one")
    } else {
        together
    }
}

/// `live 368 (1.2 %), closing 30,147 (99 %), evictable 83 (0.3 %)`; nothing for an empty table.
pub(in super::super) fn usage(view: &CensusView) -> String {
    let effective = view.effective;
    let of_all = |words: &str, n: u64| {
        format!("{words}{FIRM}{}{FIRM}({})", spell::number(n), words::part(n, view.entries))
    };
    if view.entries == 0 {
        return String::new();
    }
    let parts = [
        of_all("live", effective.live),
        of_all("closing", effective.closing),
        of_all("evictable", effective.evictable),
    ];
    parts.join(", ")
}

/// `tcp 30,566, udp 32`
pub(in super::super) fn protocols(view: &CensusView) -> String {
    let shown = view.by_protocol.iter().map(|(l4, n)| {
        format!("{} {}", spell::protocol(*l4), spell::number(*n)).replace(' ', &FIRM.to_string())
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Other counts worth knowing.
pub(in super::super) fn others(view: &CensusView) -> String {
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
    parts.join(", ")
}

/// `0: 3, 7: 1`, or nothing.
pub(in super::super) fn zones(view: &CensusView) -> String {
    let shown = view.zones.iter().take(ZONES_SHOWN);
    let mut shown: Vec<String> =
        shown.map(|(zone, n)| format!("{zone}:{FIRM}{}", spell::number(*n))).collect();
    let left = view.zones.len().saturating_sub(ZONES_SHOWN);
    if left > 0 {
        shown.push(format!("and {left} more"));
    }
    shown.join(", ")
}

/// How far counts by address may be off, where they may be.
pub(in super::super) fn inexact(view: &CensusView) -> Option<String> {
    let by = spell::number(view.error);
    (!view.exact).then(|| format!("counts by address may be low by up to {by}"))
}
