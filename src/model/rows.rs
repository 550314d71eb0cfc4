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
/// Items that are added at once.
pub(crate) const AT_ONCE: usize = 64;
/// Slots of the first row.
const SLOTS_MIN: usize = 64;

/// Key → count, by open addressing: a slot says which row, and the rows stand beside one another.
#[derive(Debug, Clone)]
pub(crate) struct Rows<K> {
    list: Vec<(K, u64)>,
    /// A power of two, at least a quarter of them free. 0 is a free slot.
    slots: Vec<u32>,
    hasher: RandomState,
    /// The row that was found last by [`Self::add_often`].
    last: usize,
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self { list: Vec::new(), slots: Vec::new(), hasher: RandomState::default(), last: 0 }
    }
}

impl<K: Copy + Eq + Hash> Rows<K> {
    /// Adds to the count of a key. Gives the place of its row.
    #[inline]
    pub(crate) fn add(&mut self, key: K, count: u64) -> u32 {
        self.add_hashed(key, count, self.hasher.hash_one(key))
    }

    /// The same where most keys are that of the last time.
    #[inline]
    pub(crate) fn add_often(&mut self, key: K, count: u64) {
        match self.list.get_mut(self.last) {
            Some((known, sum)) if *known == key => *sum = sum.saturating_add(count),
            _ => self.last = self.add(key, count) as usize,
        }
    }

    /// Adds one for each of several items, at most [`AT_ONCE`], and tells the place of the row of each. Rows lie far apart:
    /// looking at the slots of all, and then at the rows of all, lets a processor fetch many of them at the same time.
    #[inline]
    pub(crate) fn add_each<T>(&mut self, items: &[T], key: impl Fn(&T) -> K, mut told: impl FnMut(&T, u32)) {
        let (mut hashes, mut slots) = ([0_u64; AT_ONCE], [0_u32; AT_ONCE]);
        let mask = self.slots.len().wrapping_sub(1);
        for (hash, item) in hashes.iter_mut().zip(items) {
            *hash = self.hasher.hash_one(key(item));
        }
        for (slot, hash) in slots.iter_mut().zip(&hashes).take(items.len()) {
            *slot = self.slots.get(low_bits(*hash) & mask).copied().unwrap_or(0);
        }
        let row =
            |slot: &u32| self.list.get((slot & NUMBER).wrapping_sub(1) as usize).map_or(0, |(_, sum)| *sum);
        std::hint::black_box(slots.iter().take(items.len()).map(row).fold(0, u64::wrapping_add));
        for (item, hash) in items.iter().zip(hashes) {
            let place = self.add_hashed(key(item), 1, hash);
            told(item, place);
        }
    }

    #[inline]
    fn add_hashed(&mut self, key: K, count: u64, hash: u64) -> u32 {
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
            let mut at_once = Rows::default();
            for (key, count) in &steps {
                for _ in 0..*count {
                    at_once.add_often(*key, 1);
                }
            }
            prop_assert_eq!(at_once.iter().collect::<Vec<_>>(), expected(0));
            let (keys, mut each, mut places) = (steps.iter().map(|(key, _)| *key), Rows::default(), Vec::new());
            let keys: Vec<u16> = keys.collect();
            for some in keys.chunks(AT_ONCE) {
                each.add_each(some, |key| *key, |key, place| places.push((*key, place as usize)));
            }
            prop_assert_eq!(each.iter().map(|(key, _)| key).collect::<Vec<_>>(), order.clone());
            prop_assert!(places.iter().all(|(key, place)| order.get(*place) == Some(key)));
            prop_assert_eq!(each.iter().map(|(_, count)| count).sum::<u64>(), keys.len() as u64);
            rows.take(height);
            prop_assert_eq!(rows.iter().collect::<Vec<_>>(), expected(height));
            for (place, (key, _)) in expected(height).into_iter().enumerate() {
                prop_assert_eq!(rows.add(key, 1) as usize, place);
            }
        }
    }
}
