//! A bounded tally: how often each key occurred, with a bound on memory and a bound on the error (Misra and Gries,
//! 1982, in the mergeable form of Agarwal and others, 2012).
//!
//! Exact while there are at most `2k` keys. Above, the (k+1)-th largest count is taken from all and what is left
//! without count is dropped. Each such cut takes at least `k+1` times its height from the total, so all cuts together
//! are not higher than `N / (k+1)`: no count is ever above the truth, and none is further below it.

use std::hash::Hash;

use super::census::TALLY_KEYS;
pub(crate) use super::rows::{AT_ONCE, Rows};

/// Key → count.
#[derive(Debug, Clone)]
pub(crate) struct Tally<K> {
    counts: Rows<K>,
    /// Height of all cuts.
    error: u64,
    /// Candidates that a cut leaves at most.
    keys: usize,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { counts: Rows::default(), error: 0, keys: TALLY_KEYS }
    }
}

impl<K: Copy + Eq + Hash> Tally<K> {
    /// A tally of another size.
    #[cfg(test)]
    pub(crate) fn with_keys(keys: usize) -> Self {
        Self { keys, ..Self::default() }
    }

    /// So many more of this key.
    #[inline]
    pub(crate) fn add(&mut self, key: K, count: u64) {
        self.add_uncut(key, count);
        if self.is_over() {
            self.cut(|_, _| {});
        }
    }

    /// So many more of this key, whose place among the rows it gives. The caller sees to it that the tally is cut.
    #[inline]
    pub(crate) fn add_uncut(&mut self, key: K, count: u64) -> u32 {
        self.counts.add(key, count)
    }

    /// One more for each of several items, at most [`AT_ONCE`], and the place of each. The caller sees to it that there is
    /// room.
    #[inline]
    pub(crate) fn add_each_uncut<T>(
        &mut self,
        items: &[T],
        key: impl Fn(&T) -> K,
        told: impl FnMut(&T, u32),
    ) {
        self.counts.add_each(items, key, told);
    }

    /// So many keys more can come before it must be cut.
    #[inline]
    pub(crate) fn has_room_for(&self, keys: usize) -> bool {
        self.counts.len() + keys <= 2 * self.keys
    }

    /// There are more keys than it may hold.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.counts.len() > 2 * self.keys
    }

    /// This tally and another one.
    pub(crate) fn join(&mut self, right: &Self) {
        self.join_error(right);
        for (key, count) in right.rows() {
            self.add_uncut(key, count);
        }
        if self.is_over() {
            self.cut(|_, _| {});
        }
    }

    /// The error of another tally whose rows are added one by one.
    pub(crate) fn join_error(&mut self, right: &Self) {
        self.error = self.error.saturating_add(right.error);
    }

    /// Takes the (k+1)-th largest count from all. What is taken from each key is given to `taken`.
    #[cold]
    pub(crate) fn cut(&mut self, taken: impl FnMut(K, u64)) {
        self.cut_to(self.keys, taken);
    }

    /// The same, leaving so many keys at most.
    #[cold]
    pub(crate) fn cut_to(&mut self, keys: usize, mut taken: impl FnMut(K, u64)) {
        let mut counts: Vec<u64> = self.counts.iter().map(|(_, count)| count).collect();
        if counts.len() <= keys {
            return;
        }
        let (_, height, _) = counts.select_nth_unstable_by(keys, |a, b| b.cmp(a));
        let height = *height;
        self.error = self.error.saturating_add(height);
        for (key, count) in self.counts.iter() {
            taken(key, count.min(height));
        }
        self.counts.take(height);
    }

    /// Keys with their counts, in the order in which they came.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = (K, u64)> {
        self.counts.iter()
    }

    /// Gives every key its new name, or none: then its count is no longer here.
    pub(crate) fn rename(&mut self, mut name: impl FnMut(K) -> Option<K>) {
        let old = std::mem::take(&mut self.counts);
        for (key, count) in old.iter() {
            if let Some(key) = name(key) {
                self.counts.add(key, count);
            }
        }
    }

    /// A tally of rows that another one had, with its error.
    pub(crate) fn of_rows(rows: impl IntoIterator<Item = (K, u64)>, error: u64) -> Self {
        let mut tally = Self { error, ..Self::default() };
        for (key, count) in rows {
            tally.add_uncut(key, count);
        }
        tally
    }

    /// How far a count may be below the truth.
    #[inline]
    pub(crate) fn error(&self) -> u64 {
        self.error
    }

    /// Distinct keys, while none was dropped.
    pub(crate) fn distinct(&self) -> Option<u64> {
        (self.error == 0).then_some(self.counts.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn tally(keys: usize, words: &[u16]) -> Tally<u16> {
        let mut tally = Tally::with_keys(keys);
        for word in words {
            tally.add(*word, 1);
        }
        tally
    }

    fn joined(mut left: Tally<u16>, right: &Tally<u16>) -> Tally<u16> {
        left.join(right);
        left
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
            for tally in [tally(KEYS, &words), joined(tally(KEYS, left), &tally(KEYS, right))] {
                prop_assert!(tally.counts.len() <= 2 * KEYS);
                prop_assert!(tally.error() <= bound);
                let counts: HashMap<u16, u64> = tally.rows().collect();
                for (key, true_count) in &truth {
                    let count = counts.get(key).copied().unwrap_or(0);
                    prop_assert!(count <= *true_count && *true_count <= count + tally.error());
                    prop_assert!(*true_count <= 2 * bound || count > 0);
                }
            }
        }

        #[test]
        fn with_few_keys_any_cut_gives_the_naive_counts(words in words(), cut in 0usize..1500) {
            let (left, right) = words.split_at(cut.min(words.len()));
            let joined = joined(tally(200, left), &tally(200, right));
            let truth = truth(&words);
            prop_assert_eq!(joined.distinct(), Some(truth.len() as u64));
            prop_assert_eq!(joined.rows().collect::<HashMap<_, _>>(), truth);
        }
    }

    #[test]
    fn what_a_cut_takes_is_told_to_the_last_entry() {
        let mut tally = Tally::with_keys(2);
        for (key, count) in [(1u16, 9), (2, 7), (3, 2), (4, 5), (5, 1)] {
            tally.add_uncut(key, count);
        }
        assert!(tally.is_over());
        let mut taken = Vec::new();
        tally.cut(|key, count| taken.push((key, count)));
        assert_eq!(taken, [(1, 5), (2, 5), (3, 2), (4, 5), (5, 1)]);
        assert_eq!(tally.rows().collect::<Vec<_>>(), [(1, 4), (2, 2)]);
        assert_eq!(tally.error(), 5);
    }

    #[test]
    fn all_distinct_keys_stay_within_the_bound() {
        let mut tally = Tally::with_keys(100);
        for key in 0u32..100_000 {
            tally.add(key, 1);
            assert!(tally.counts.len() <= 200);
        }
        assert!(tally.error() <= 1000);
        assert_eq!(tally.distinct(), None);
    }
}
