//! What changed between the tables of one incident: who grew, who went away.
//!
//! Only what all of them count exactly is compared. A source that is not among the leaders of a table may have entries
//! there all the same, unless the ranking is known to be whole: then it has none.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::census::{Census, Peer, Ranking};
use crate::model::flow::{L4, State};
use crate::model::report::{Change, ChangeKind};
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::correlate::Fit;

/// Changes below this share of the largest table are not worth a line.
const WORTH_NAMING: f64 = 0.01;

/// The largest changes from the first table over the leading one to the last, at most `top` of each kind, the largest
/// first. Empty where there are not two tables whose times are known.
pub(crate) fn between(fits: &[Fit<'_>], top: usize) -> Vec<Change> {
    let timed = |fit: &Fit<'_>| Some((fit.snapshot.taken_at?, fit.snapshot.id.clone()));
    let mut tables: Vec<_> =
        fits.iter().filter_map(|fit| Some((timed(fit)?, fit.snapshot.census.as_ref()?))).collect();
    let lead = tables.first().map(|(place, _)| place.clone());
    tables.sort_by(|a, b| a.0.cmp(&b.0));
    let (Some(first), Some(last)) = (tables.first(), tables.last()) else { return Vec::new() };
    if first.0.0 == last.0.0 {
        return Vec::new();
    }
    let between = tables.iter().find(|(place, _)| Some(place) == lead.as_ref());
    let between = between.filter(|(place, _)| *place != first.0 && *place != last.0);
    let censuses: Vec<&Census> =
        [Some(first), between, Some(last)].into_iter().flatten().map(|of| of.1).collect();
    let entries = censuses.iter().map(|census| census.who.entries).max().unwrap_or(0);
    let endpoint = |peer: &Peer| sentence![Word::Endpoint(peer.address, peer.port, peer.l4)];
    let rankings: Vec<_> = censuses.iter().map(|census| &census.who.sources).collect();
    let peers: Vec<_> = censuses.iter().map(|census| &census.who.peers).collect();
    let kinds = [
        (ChangeKind::Source, compared(&rankings, |key| sentence![*key])),
        (ChangeKind::Peer, compared(&peers, endpoint)),
        (ChangeKind::State, states(&censuses)),
    ];
    let rows = kinds.into_iter().flat_map(|(kind, rows)| {
        let mut rows: Vec<Compared> =
            rows.into_iter().filter(|row| swing(row) as f64 >= WORTH_NAMING * entries as f64).collect();
        rows.retain(|row| swing(row) > 0);
        // The rows come in the order of their keys, and the sort keeps it among equals.
        rows.sort_by_key(|row| std::cmp::Reverse(swing(row)));
        rows.truncate(top);
        rows.into_iter().filter_map(move |row| change(kind, row))
    });
    rows.collect()
}

fn change(kind: ChangeKind, (key, counts): Compared) -> Option<Change> {
    let (before, after) = (*counts.first()?, *counts.last()?);
    let at = counts.get(1).copied().filter(|_| counts.len() > 2);
    Some(Change { kind, key, before, at, after })
}

/// How far the counts of a key are apart.
fn swing((_, counts): &Compared) -> u64 {
    let (least, most) = (counts.iter().min(), counts.iter().max());
    most.zip(least).map_or(0, |(most, least)| most - least)
}

/// A key in words, and its entries in each table.
type Compared = (Sentence, Vec<u64>);

fn compared<K: Ord>(rankings: &[&Ranking<K>], words: impl Fn(&K) -> Sentence) -> Vec<Compared> {
    let mut keys: Vec<&K> = rankings.iter().flat_map(|ranking| &ranking.rows).map(|row| &row.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let counts = |key: &K| rankings.iter().map(|ranking| count(ranking, key)).collect::<Option<Vec<u64>>>();
    keys.into_iter().filter_map(|key| Some((words(key), counts(key)?))).collect()
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
fn states(censuses: &[&Census]) -> Vec<Compared> {
    let sums = |census: &&Census| {
        let mut sums: BTreeMap<(L4, Option<State>), u64> = BTreeMap::new();
        for (class, count) in &census.who.classes {
            let state = class.state.filter(|_| class.l4 == L4::TCP);
            *sums.entry((class.l4, state)).or_default() += count;
        }
        sums
    };
    let sums: Vec<_> = censuses.iter().map(sums).collect();
    let keys: BTreeSet<_> = sums.iter().flat_map(BTreeMap::keys).copied().collect();
    let words = |(l4, state): &(L4, Option<State>)| match state {
        Some(state) => sentence![*state],
        None => sentence![Word::Protocol(*l4)],
    };
    let counts = |key| sums.iter().map(|sums| sums.get(key).copied().unwrap_or(0)).collect();
    keys.iter().map(|key| (words(key), counts(key))).collect()
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
        let counts = |rankings: &[&Ranking<u8>]| {
            compared(rankings, words).into_iter().map(|row| row.1).collect::<Vec<_>>()
        };
        assert_eq!(counts(&[&before, &after]), [[50, 40], [0, 70]]);
        assert_eq!(counts(&[&before, &after, &before]), [[50, 40, 50], [0, 70, 0]]);
        let cut = ranking(&[(1, 50)], Some(9));
        assert_eq!(counts(&[&cut, &after]), [[50, 40]]);
        assert!(counts(&[&Ranking { error: 3, ..cut }, &after]).is_empty());
    }
}
