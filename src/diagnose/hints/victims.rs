//! Who suffered. Name resolution is the first that fails with any full table: it tells nothing of the cause.

use crate::model::diagnosis::Evidence;
use crate::model::signal::RelatedKind;

use std::collections::BTreeSet;

use crate::model::sentence::Word;
use crate::sentence;

use super::super::evidence::{Cited, context};
use super::Near;

/// Programs that are named, at most.
const NAMED_MAX: usize = 5;

/// One hint for all of them: what it means is the same for each.
pub(super) fn hints(near: &Near<'_>) -> Option<Evidence> {
    let names: BTreeSet<&str> = near
        .of(RelatedKind::Victim)
        .flat_map(|around| &around.about)
        .filter_map(|(about, _)| about.name.as_deref())
        .collect();
    let lines = near.of(RelatedKind::Victim).fold(0u64, |sum, around| sum.saturating_add(around.count));
    if lines == 0 {
        return None;
    }
    let mut said = sentence!["programs of this host waited in vain"];
    for (at, name) in names.iter().take(NAMED_MAX).enumerate() {
        said = said.with(if at == 0 { "(" } else { "," }).with(Word::Untrusted(name.as_bytes().into()));
    }
    if !names.is_empty() {
        said = said.with(if names.len() > NAMED_MAX { "and others)" } else { ")" });
    }
    let meaning = ": they suffered from the full table and say nothing of what filled it; new connections fail, name resolution first";
    Some(context("around-victims", said.with(meaning)).value("lines", lines as f64).read_in_log(near.case))
}
