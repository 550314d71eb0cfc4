//! Address translation of an entry, summed up.

use super::entry::Entry;
use crate::model::census::Nat;

/// Counts one entry.
#[inline]
pub(super) fn add(nat: &mut Nat, entry: Entry) {
    match entry.nat() {
        (false, false) => {}
        (true, false) => nat.source += 1,
        (false, true) => nat.destination += 1,
        (true, true) => nat.both += 1,
    }
}

/// Adds the sums of another part.
pub(super) fn join(nat: &mut Nat, right: Nat) {
    nat.source = nat.source.saturating_add(right.source);
    nat.destination = nat.destination.saturating_add(right.destination);
    nat.both = nat.both.saturating_add(right.both);
}
