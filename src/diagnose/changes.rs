//! What changed between two tables of one incident: who grew, who went away.
//!
//! Only what both tables count exactly is compared. A source that is not among the leaders of a table may have entries
//! there all the same, unless the ranking is known to be whole: then it has none.

use std::collections::BTreeMap;

use crate::model::census::{Census, Ranking};
use crate::model::flow::{L4, State};
use crate::model::report::{Change, ChangeKind};
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::correlate::Fit;

/// Changes below this share of the larger table are not worth a line.
const WORTH_NAMING: f64 = 0.01;

/// The largest changes from the first table to the last, at most `top` of each kind, the largest first. Empty where
/// there are not two tables whose times are known.
pub(crate) fn between(fits: &[Fit<'_>], top: usize) -> Vec<Change> {
    let mut tables: Vec<_> = fits
        .iter()
        .filter_map(|fit| Some((fit.snapshot.taken_at?, &fit.snapshot.id, fit.snapshot.census.as_ref()?)))
        .collect();
    tables.sort_by_key(|(at, id, _)| (*at, (*id).clone()));
    let (Some((from, _, before)), Some((to, _, after))) = (tables.first(), tables.last()) else {
        return Vec::new();
    };
    if from == to {
        return Vec::new();
    }
    let entries = before.who.entries.max(after.who.entries);
    let endpoint =
        |peer: &crate::model::census::Peer| sentence![Word::Endpoint(peer.address, peer.port, peer.l4)];
    let kinds = [
        (ChangeKind::Source, compared(&before.who.sources, &after.who.sources, |key| sentence![*key])),
        (ChangeKind::Peer, compared(&before.who.peers, &after.who.peers, endpoint)),
        (ChangeKind::State, states(before, after)),
    ];
    let worth = |change: &Change| {
        let by = change.before.abs_diff(change.after);
        by > 0 && by as f64 >= WORTH_NAMING * entries as f64
    };
    let rows = kinds.into_iter().flat_map(|(kind, rows)| {
        let mut changes: Vec<Change> = rows
            .into_iter()
            .map(|(key, before, after)| Change { kind, key, before, after })
            .filter(worth)
            .collect();
        // The rows come in the order of their keys, and the sort keeps it among equals.
        changes.sort_by_key(|change| std::cmp::Reverse(change.before.abs_diff(change.after)));
        changes.truncate(top);
        changes
    });
    rows.collect()
}

/// A key in words, its entries before and after.
type Compared = (Sentence, u64, u64);

fn compared<K: Ord>(
    before: &Ranking<K>,
    after: &Ranking<K>,
    words: impl Fn(&K) -> Sentence,
) -> Vec<Compared> {
    let mut keys: Vec<&K> = before.rows.iter().chain(&after.rows).map(|row| &row.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let both = |key: &K| Some((words(key), count(before, key)?, count(after, key)?));
    keys.into_iter().filter_map(both).collect()
}

/// Entries of a key, where they are known exactly.
fn count<K: PartialEq>(ranking: &Ranking<K>, key: &K) -> Option<u64> {
    if ranking.error > 0 {
        return None;
    }
    let row = ranking.rows.iter().find(|row| row.key == *key);
    let whole = ranking.distinct == Some(ranking.rows.len() as u64);
    row.map(|row| row.count).or_else(|| whole.then_some(0))
}

/// States of TCP, and protocols without states.
fn states(before: &Census, after: &Census) -> Vec<Compared> {
    let sums = |census: &Census| {
        let mut sums: BTreeMap<(L4, Option<State>), u64> = BTreeMap::new();
        for (class, count) in &census.who.classes {
            let state = class.state.filter(|_| class.l4 == L4::TCP);
            *sums.entry((class.l4, state)).or_default() += count;
        }
        sums
    };
    let (before, after) = (sums(before), sums(after));
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let of = |sums: &BTreeMap<_, u64>, key| sums.get(key).copied().unwrap_or(0);
    let words = |(l4, state): &(L4, Option<State>)| match state {
        Some(state) => sentence![*state],
        None => sentence![Word::Protocol(*l4)],
    };
    keys.iter().map(|key| (words(key), of(&before, key), of(&after, key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::census::Row;

    fn ranking(rows: &[(u8, u64)], distinct: Option<u64>) -> Ranking<u8> {
        let rows = rows.iter().map(|(key, count)| Row { key: *key, count: *count }).collect();
        Ranking { rows, error: 0, distinct }
    }

    #[test]
    fn who_is_in_no_row_has_no_entries_only_where_all_rows_are_known() {
        let words = |key: &u8| sentence![Word::Number(u64::from(*key))];
        let (before, after) = (ranking(&[(1, 50)], Some(1)), ranking(&[(2, 70), (1, 40)], Some(2)));
        let found: Vec<_> = compared(&before, &after, words).into_iter().map(|row| (row.1, row.2)).collect();
        assert_eq!(found, [(50, 40), (0, 70)]);
        let cut = ranking(&[(1, 50)], Some(9));
        let found: Vec<_> = compared(&cut, &after, words).into_iter().map(|row| (row.1, row.2)).collect();
        assert_eq!(found, [(50, 40)]);
        assert_eq!(compared(&Ranking { error: 3, ..cut }, &after, words), []);
    }
}
