//! What it cost: packets, and what makes their number wide.

use std::fmt::Write as _;

use crate::model::incident::{Drops, Incident};
use crate::model::report::IncidentView;
use crate::model::sentence::noun;

use super::super::scene::Scene;
use super::super::spell::{self, FIRM, Rich};
use super::super::words;

/// `5 to 12 packets of new connections dropped (a bound from the log)`
pub(in super::super) fn cost(incident: &Incident) -> String {
    let drops = &incident.drops;
    let noun = if drops.low == 1 && drops.high.is_none_or(|high| high == 1) { "packet" } else { "packets" };
    format!(
        "{}{FIRM}{noun} {} dropped ({})",
        words::drops(drops),
        words::refused(incident.table),
        words::drops_method(drops)
    )
}

/// What stands under it: the lines it was counted from, what makes it wide, and each stream.
pub(in super::super) fn details(scene: &Scene<'_>, drops: &Drops) -> Vec<Rich> {
    let mut seen = format!("{} in the log", spell::count(drops.visible, noun::LINE));
    if drops.repeated > 0 {
        let _ = write!(seen, " ({} of them as repetitions)", spell::number(drops.repeated));
    }
    let _ = write!(seen, ", {} more reported as suppressed", spell::number(drops.suppressed));
    let mut details = vec![Rich::from(seen)];
    if !drops.widened_by.is_empty() {
        let why: Vec<Rich> = drops.widened_by.iter().map(|why| Rich::marked(&words::widening(why))).collect();
        details.push(Rich::from("wide because ").and(&Rich::joined(&why, "; ")));
    }
    if let Some((low, high)) = drops.host_total {
        let high = high.map_or_else(|| "an unknown number".to_owned(), spell::number);
        let all = format!("all namespaces of the host together: {} to {high}", spell::number(low));
        details.push(all.into());
    }
    if drops.streams.len() > 1 {
        details.extend(drops.streams.iter().map(|stream| {
            let leads = if stream.leads { " (leads)" } else { "" };
            Rich::from(format!(
                "{}: {}, {} suppressed{leads}",
                scene.input_name(&stream.input),
                spell::count(stream.visible, noun::LINE),
                spell::number(stream.suppressed)
            ))
        }));
    }
    details
}

/// By how much the kernel's counters grew, those that did; a counter that fell was reset or wrapped.
pub(in super::super) fn counters(view: &IncidentView) -> String {
    let Some((before, after)) = &view.counters else { return String::new() };
    let (Some(before), Some(after)) = (before.stat, after.stat) else { return String::new() };
    let grown = [
        ("drop", before.drop, after.drop),
        ("early_drop", before.early_drop, after.early_drop),
        ("insert_failed", before.insert_failed, after.insert_failed),
        ("chaintoolong", before.chain_too_long, after.chain_too_long),
        ("invalid", before.invalid, after.invalid),
    ];
    let parts: Vec<String> = grown
        .into_iter()
        .filter_map(|(name, before, after)| match after?.checked_sub(before?) {
            Some(0) => None,
            Some(growth) => Some(format!("{name}{FIRM}+{}", spell::number(growth))),
            None => Some(format!("{name}{FIRM}fell")),
        })
        .collect();
    parts.join(", ")
}
