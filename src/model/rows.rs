//! Rows with a count, found by their key and kept in the order in which the keys came.
//!
//! The order is what a hash map cannot give: what is done with the rows one by one depends on the input alone, and not
//! on the seed of the hash. The seed is there because addresses are chosen by strangers.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

use super::census::TALLY_KEYS;

/// Bits of a slot that hold the number of a row, counted from 1; the bits above hold a part of the key's hash, so that
/// a row is hardly ever looked at for another key's sake.
const NUMBER_BITS: u32 = 18;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;
/// Two full tallies fit while they are joined. (All classes of entries, the other use of rows, are below 2^18.)
const _: () = assert!(4 * TALLY_KEYS + 2 < NUMBER as usize);
/// Slots of the first row.
const SLOTS_MIN: usize = 64;

/// Key → count, by open addressing: a slot says which row, and the rows stand beside one another.
#[derive(Debug, Clone)]
pub(crate) struct Rows<K> {
    list: Vec<(K, u64)>,
    /// A power of two, at least a quarter of them free. 0 is a free slot.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self { list: Vec::new(), slots: Vec::new(), hasher: RandomState::default() }
    }
}

impl<K: Copy + Eq + Hash> Rows<K> {
    /// Adds to the count of a key. Gives the place of its row.
    #[inline]
    pub(crate) fn add(&mut self, key: K, count: u64) -> u32 {
        let hash = self.hasher.hash_one(key);
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = low_bits(hash) & mask;
        while let Some(slot) = self.slots.get(at).filter(|slot| **slot != 0) {
            let place = (*slot & NUMBER) - 1;
            if *slot >> NUMBER_BITS == tag(hash)
                && let Some((known, sum)) = self.list.get_mut(place as usize)
                && *known == key
            {
                *sum = sum.saturating_add(count);
                return place;
            }
            at = (at + 1) & mask;
        }
        self.add_new(key, count)
    }

    #[cold]
    fn add_new(&mut self, key: K, count: u64) -> u32 {
        self.list.push((key, count));
        if self.list.len() * 4 > self.slots.len() * 3 {
            self.index();
        } else {
            self.enter(self.list.len(), key);
        }
        u32::try_from(self.list.len() - 1).unwrap_or(NUMBER)
    }

    /// Makes the slots anew for the rows that there are.
    fn index(&mut self) {
        let slots = (self.list.len() * 4 / 3 + 1).next_power_of_two().max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.slots.shrink_to_fit();
        for place in 0..self.list.len() {
            if let Some((key, _)) = self.list.get(place) {
                self.enter(place + 1, *key);
            }
        }
    }

    /// Puts the number of a row into the first free slot for its key.
    #[inline]
    fn enter(&mut self, number: usize, key: K) {
        let hash = self.hasher.hash_one(key);
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = low_bits(hash) & mask;
        while self.slots.get(at).is_some_and(|slot| *slot != 0) {
            at = (at + 1) & mask;
        }
        if let (Some(slot), Ok(number)) = (self.slots.get_mut(at), u32::try_from(number)) {
            *slot = tag(hash) << NUMBER_BITS | number & NUMBER;
        }
    }

    /// Takes from every count, at most what there is; rows that nothing is left of are dropped.
    pub(crate) fn take(&mut self, height: u64) {
        self.list.retain_mut(|(_, count)| {
            *count = count.saturating_sub(height);
            *count > 0
        });
        self.index();
    }

    /// How many.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Keys with their counts.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (K, u64)> {
        self.list.iter().copied()
    }
}

/// Where the search for a key begins.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
fn low_bits(hash: u64) -> usize {
    hash as usize
}

/// The part of a hash that a slot keeps.
#[inline]
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> (32 + NUMBER_BITS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_what_a_map_says_in_the_order_of_their_coming(
            steps in prop::collection::vec((0u16..300, 1u64..4), 0..800), height in 0u64..9,
        ) {
            let (mut rows, mut map, mut order) = (Rows::default(), HashMap::new(), Vec::new());
            for (key, count) in &steps {
                let place = rows.add(*key, *count) as usize;
                if !order.contains(key) {
                    order.push(*key);
                }
                prop_assert_eq!(order.get(place), Some(key));
                *map.entry(*key).or_insert(0) += count;
            }
            let expected = |left: u64| -> Vec<(u16, u64)> {
                let left = |key: &u16| map[key].checked_sub(left).filter(|rest| *rest > 0);
                order.iter().filter_map(|key| Some((*key, left(key)?))).collect()
            };
            prop_assert_eq!(rows.iter().collect::<Vec<_>>(), expected(0));
            rows.take(height);
            prop_assert_eq!(rows.iter().collect::<Vec<_>>(), expected(height));
            for (place, (key, _)) in expected(height).into_iter().enumerate() {
                prop_assert_eq!(rows.add(key, 1) as usize, place);
            }
        }
    }
}
