//! Lines that are right only together: what a remedy lacks.

use crate::model::diagnosis::Remedy;

use super::line::{is_deletion, setting};
use super::rule::{Handshakes, Rule};

/// What is missing in a remedy; none: it is whole.
pub(super) fn incomplete(remedy: &Remedy) -> Option<&'static str> {
    half_untracked(remedy).or_else(|| uncounted(remedy)).or_else(|| silent_hashsize(remedy))
}

/// Traffic taken out of tracking: answers too, accepted without a state before, errors about its size accepted before,
/// old entries deleted behind. A proxy for handshakes leaves the connections themselves tracked and needs none of it.
fn half_untracked(remedy: &Remedy) -> Option<&'static str> {
    let lines = || remedy.commands.iter().map(|command| command.line.as_str());
    let rules: Vec<(usize, Rule<'_>)> =
        lines().enumerate().filter_map(|(at, line)| Some((at, Rule::of(line)?))).collect();
    let untracked: Vec<&(usize, Rule<'_>)> =
        rules.iter().filter(|(_, rule)| rule.untracks() && rule.handshakes != Handshakes::Only).collect();
    let (first, last) = (untracked.first()?.0, untracked.last()?.0);
    let mirrored = |rule: &Rule<'_>| untracked.iter().any(|(_, other)| rule.is_mirrored_by(other));
    if !untracked.iter().all(|(_, rule)| rule.is_to_a_group() || mirrored(rule)) {
        return Some("one direction alone makes an unreplied entry of every connection");
    }
    let before = |at: usize| rules.iter().filter(move |(other, rule)| *other < at && rule.accepts());
    // Loopback's packets are never too large.
    let travels = untracked.iter().any(|(_, rule)| !rule.is_loopback());
    if travels && !before(first).any(|(_, rule)| rule.too_big) {
        return Some(
            "errors about packets that are too large find no entry: where INVALID is dropped, large packets vanish",
        );
    }
    if !untracked.iter().all(|(at, rule)| before(*at).any(|(_, accept)| accept.selects_as(rule))) {
        return Some("what is not tracked must be accepted without a state first");
    }
    // Entries of other protocols are gone within minutes.
    let lasting = untracked.iter().any(|(_, rule)| rule.protocol == Some("tcp"));
    let deleted = lines().enumerate().any(|(at, line)| at > last && is_deletion(line));
    (lasting && !deleted)
        .then_some("the old entries stay for up to five days: they must be deleted in the same breath")
}

/// A deletion says how many entries go.
fn uncounted(remedy: &Remedy) -> Option<&'static str> {
    let deletes = remedy.commands.iter().any(|command| is_deletion(&command.line));
    (deletes && remedy.effect.entries_freed_now.is_none_or(|entries| entries == 0))
        .then_some("a deletion must say how many entries it frees")
}

/// `hashsize` is no knob without its conditions.
fn silent_hashsize(remedy: &Remedy) -> Option<&'static str> {
    let given =
        |line: &str| line.starts_with("options ") && setting(line).is_some_and(|(key, _)| key == "hashsize");
    let sets = remedy.commands.iter().any(|command| given(&command.line));
    (sets && remedy.side_effects.is_empty()).then_some(
        "hashsize has no effect on a built-in tracker or one of the initial ramdisk, and that must be said",
    )
}
