//! A bounded tally: how often each key occurred, with a bound on memory and a bound on the error (Misra and Gries,
//! 1982, in the mergeable form of Agarwal and others, 2012).
//!
//! Exact while there are at most `2k` keys. Above, the (k+1)-th largest count is taken from all and what is left
//! without count is dropped. Each such cut takes at least `k+1` times its height from the total, so all cuts together
//! are not higher than `N / (k+1)`: no count is ever above the truth, and none is further below it.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

use crate::model::census::TALLY_KEYS;

/// Key → count. Hashed with a seed of this process, because addresses are chosen by strangers; nothing that leaves
/// depends on the order of the hash.
#[derive(Debug)]
pub(super) struct Tally<K> {
    counts: HashMap<K, u64, RandomState>,
    /// Height of all cuts.
    error: u64,
    /// Candidates that a cut leaves at most.
    keys: usize,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { counts: HashMap::default(), error: 0, keys: TALLY_KEYS }
    }
}

impl<K: Copy + Eq + Hash> Tally<K> {
    /// A tally of another size.
    #[cfg(test)]
    pub(super) fn with_keys(keys: usize) -> Self {
        Self { keys, ..Self::default() }
    }

    /// One more of this key.
    #[inline]
    pub(super) fn add(&mut self, key: K) {
        *self.counts.entry(key).or_default() += 1;
        if self.counts.len() > 2 * self.keys {
            self.cut();
        }
    }

    /// This tally and another one.
    pub(super) fn join(mut self, right: Self) -> Self {
        if self.counts.len() < right.counts.len() {
            return right.join(self);
        }
        for (key, count) in right.counts {
            let sum = self.counts.entry(key).or_default();
            *sum = sum.saturating_add(count);
        }
        self.error = self.error.saturating_add(right.error);
        if self.counts.len() > 2 * self.keys {
            self.cut();
            self.counts.shrink_to(2 * self.keys);
        }
        self
    }

    /// Takes the (k+1)-th largest count from all.
    #[cold]
    fn cut(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        if counts.len() <= self.keys {
            return;
        }
        let (_, height, _) = counts.select_nth_unstable_by(self.keys, |a, b| b.cmp(a));
        let height = *height;
        self.error = self.error.saturating_add(height);
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(height);
            *count > 0
        });
    }

    /// Keys with their counts, in no order.
    pub(super) fn rows(&self) -> impl Iterator<Item = (K, u64)> {
        self.counts.iter().map(|(key, count)| (*key, *count))
    }

    /// How far a count may be below the truth.
    pub(super) fn error(&self) -> u64 {
        self.error
    }

    /// Distinct keys, while none was dropped.
    pub(super) fn distinct(&self) -> Option<u64> {
        (self.error == 0).then_some(self.counts.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tally(keys: usize, words: &[u16]) -> Tally<u16> {
        let mut tally = Tally::with_keys(keys);
        for word in words {
            tally.add(*word);
        }
        tally
    }

    fn truth(words: &[u16]) -> HashMap<u16, u64> {
        let mut counts = HashMap::new();
        for word in words {
            *counts.entry(*word).or_default() += 1;
        }
        counts
    }

    /// Few keys often, many keys seldom.
    fn words() -> impl Strategy<Value = Vec<u16>> {
        prop::collection::vec(prop_oneof![0u16..6, 0u16..400], 0..1500)
    }

    proptest! {
        #[test]
        fn a_count_is_never_above_the_truth_and_at_most_n_over_k_below_it(words in words(), cut in 0usize..1500) {
            const KEYS: usize = 16;
            let (left, right) = words.split_at(cut.min(words.len()));
            let truth = truth(&words);
            let bound = (words.len() / KEYS) as u64;
            for tally in [tally(KEYS, &words), tally(KEYS, left).join(tally(KEYS, right))] {
                prop_assert!(tally.counts.len() <= 2 * KEYS);
                prop_assert!(tally.error() <= bound);
                for (key, true_count) in &truth {
                    let count = tally.counts.get(key).copied().unwrap_or(0);
                    prop_assert!(count <= *true_count && *true_count <= count + tally.error());
                    prop_assert!(*true_count <= 2 * bound || count > 0);
                }
            }
        }

        #[test]
        fn with_few_keys_any_cut_gives_the_naive_counts(words in words(), cut in 0usize..1500) {
            let (left, right) = words.split_at(cut.min(words.len()));
            let joined = tally(200, left).join(tally(200, right));
            let truth = truth(&words);
            prop_assert_eq!(joined.distinct(), Some(truth.len() as u64));
            prop_assert_eq!(joined.rows().collect::<HashMap<_, _>>(), truth);
        }
    }

    #[test]
    fn all_distinct_keys_stay_within_the_bound() {
        let mut tally = Tally::with_keys(100);
        for key in 0u32..100_000 {
            tally.add(key);
            assert!(tally.counts.len() <= 200);
        }
        assert!(tally.error() <= 1000);
        assert_eq!(tally.distinct(), None);
    }
}
