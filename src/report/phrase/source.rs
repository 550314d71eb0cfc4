//! What is known of a source.

use crate::model::diagnosis::{Body, Owner, TopSource};

use super::super::scene::Scene;
use super::super::spell::{self, FIRM, Rich};
use super::super::words;

/// An address of the host itself.
pub(in super::super) const OWN: &str = "this host";

/// A note of at most so many columns stands in the row itself.
pub(in super::super) const ASIDE_MAX: usize = 22;

/// What is known of a source beside its being of this host: who opens its connections, and a note.
pub(in super::super) fn note(scene: &Scene<'_>, row: &TopSource) -> Option<Rich> {
    let note = row.note.as_ref().map(|note| scene.rich(note));
    let note = note.filter(|note| note.ticked().replace(FIRM, " ") != OWN);
    let owner = row.owner.as_ref().map(|owner| Rich::from(opened_by(owner)));
    let known: Vec<Rich> = owner.into_iter().chain(note).collect();
    (!known.is_empty()).then(|| Rich::joined(&known, "; "))
}

/// `opened by php-fpm (process 4711)`
fn opened_by(owner: &Owner) -> String {
    format!("opened by {}", words::owner(owner))
}

/// How far the counts of rankings may be off, where they may be.
pub(in super::super) fn inexact(body: &Body) -> Option<String> {
    let error = body.top_sources.iter().map(|row| row.entries_error);
    let error = error.chain(body.top_peers.iter().map(|row| row.entries_error)).max().unwrap_or(0);
    let by = spell::number(error);
    (error > 0).then(|| format!("Counts may be too low by up to {by}: more keys than are counted exactly."))
}
