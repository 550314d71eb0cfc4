//! Tables that were read: how full, and when.

use crate::model::report::{Role, SnapshotUse};
use crate::model::sentence::noun;

use super::super::scene::Scene;
use super::super::spell::{self, FIRM};
use super::super::words;

/// `30,611 of at most 32,768 entries (93 %), 29,999 listed, 4,096 buckets`
pub(in super::super) fn usage(facts: &SnapshotUse) -> String {
    let mut parts = Vec::new();
    let held = facts.count.or(facts.listed);
    parts.extend(match (held, facts.max) {
        (Some(held), Some(max)) if held > max.saturating_add(max / 10) => {
            Some(format!("{} where at most {} fit", spell::number(held), spell::count(max, noun::ENTRY)))
        }
        (Some(held), Some(max)) => Some(format!(
            "{} of at most {} ({})",
            spell::number(held),
            spell::count(max, noun::ENTRY),
            words::part(held, max)
        )),
        (Some(held), None) => Some(format!("{}, limit not known", spell::count(held, noun::ENTRY))),
        (None, Some(max)) => Some(format!("limit {}, count not known", spell::count(max, noun::ENTRY))),
        (None, None) => None,
    });
    let listed = facts.listed.filter(|listed| facts.count.is_some_and(|count| count != *listed));
    parts.extend(listed.map(|listed| format!("{}{FIRM}listed", spell::number(listed))));
    parts.extend(facts.buckets.map(|buckets| spell::count(buckets, noun::BUCKET)));
    let duplicates = facts.duplicates_removed.filter(|n| *n > 0);
    parts.extend(duplicates.map(|n| format!("{}{FIRM}duplicates left out", spell::number(n))));
    if !facts.complete {
        parts.push("not read whole".to_owned());
    }
    parts.join(", ")
}

/// Those that say anything of a table: counters of other things (memory, sockets) are among the inputs.
pub(in super::super) fn of_tables(uses: &[SnapshotUse]) -> Vec<&SnapshotUse> {
    uses.iter()
        .filter(|facts| facts.listed.is_some() || facts.count.is_some() || facts.max.is_some())
        .collect()
}

/// One of the tables of an incident.
pub(in super::super) fn used(scene: &Scene<'_>, facts: &SnapshotUse, is_only: bool) -> String {
    let leads = if facts.leads && !is_only { "; what is said above rests on it" } else { "" };
    let name = scene.input_name(&facts.id);
    format!("{name} ({}): {}{leads}", role_and_offset(facts), usage(facts))
}

/// `at, 2 min after its first line`
fn role_and_offset(facts: &SnapshotUse) -> String {
    let role = words::role(facts.role);
    let at_start = facts.offset_seconds.filter(|seconds| *seconds != 0.0 || facts.role != Role::At);
    match at_start {
        Some(seconds) if seconds < 0.0 => {
            format!("{role}, {} before its first line", spell::duration(-seconds))
        }
        Some(seconds) => format!("{role}, {} after its first line", spell::duration(seconds)),
        None => role.to_owned(),
    }
}
