//! Lists of things that stand close together (runs, marks), by key: how they link, and how they stay few.
//!
//! Two neighbours of one list are one where the later begins near the end of the earlier. How near is doubled until
//! the lists fit their bounds. Since the links of a smaller distance are among those of a greater one, and more input
//! never makes lists fit a smaller distance, the least distance that fits does not depend on the order of joins.
//! Where there are too many keys, those that sort first are kept, and the distance has no limit: each key is one item
//! then. (A choice by first appearance, or a distance found while keys were there that went later, would depend on the
//! order.)

use std::collections::BTreeMap;

use super::Bounds;
use crate::model::piece::{BACK_US, DOUBLINGS_MAX, LINK_US, Mark, NAMED_MAX};
use crate::model::run::Run;
use crate::model::time::Moment;

/// Something that stands in a list and may be one with its neighbour.
pub(super) trait Linked {
    /// Its first line.
    fn head(&self) -> &Moment;
    /// Its last line.
    fn tail(&self) -> &Moment;
    /// Boot separators and rollovers before it.
    fn place(&self) -> (u32, u32);
    /// Lines in it that a report counts.
    fn weight(&self) -> u64;
    /// Bytes it takes, where they are bounded.
    fn bytes(&self) -> usize;
    /// Both as one.
    fn absorb(&mut self, right: Self);
}

impl Linked for Run {
    fn head(&self) -> &Moment {
        &self.head
    }

    fn tail(&self) -> &Moment {
        &self.tail
    }

    fn place(&self) -> (u32, u32) {
        (self.boot_index, self.rollover)
    }

    fn weight(&self) -> u64 {
        self.signals()
    }

    fn bytes(&self) -> usize {
        Run::bytes(self)
    }

    fn absorb(&mut self, right: Self) {
        Run::absorb(self, right);
    }
}

impl Linked for Mark {
    fn head(&self) -> &Moment {
        &self.first
    }

    fn tail(&self) -> &Moment {
        &self.last
    }

    fn place(&self) -> (u32, u32) {
        (self.boot_index, self.rollover)
    }

    fn weight(&self) -> u64 {
        self.count
    }

    fn bytes(&self) -> usize {
        // What they name is bounded, and so is their number.
        0
    }

    fn absorb(&mut self, right: Self) {
        self.count = self.count.saturating_add(right.count);
        self.last = right.last;
        self.capacity = right.capacity;
        self.port = right.port;
        for (about, lines) in right.about {
            let sum = self.about.entry(about).or_default();
            *sum = sum.saturating_add(lines);
        }
        while self.about.len() > NAMED_MAX {
            self.about.pop_last();
        }
    }
}

/// How many items there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    keys: usize,
    per_key: usize,
    total: usize,
    bytes: usize,
}

impl Room {
    pub(super) fn for_runs(bounds: &Bounds) -> Self {
        Self {
            keys: bounds.keys,
            per_key: bounds.runs_per_key,
            total: bounds.runs_per_stream.max(bounds.keys),
            bytes: bounds.run_bytes,
        }
    }

    pub(super) fn for_marks(bounds: &Bounds) -> Self {
        Self { keys: bounds.marks, per_key: bounds.marks, total: bounds.marks, bytes: usize::MAX }
    }
}

/// The lists of one kind of item, borrowed from a piece.
pub(super) struct Chains<'a, K, T> {
    pub(super) lists: &'a mut BTreeMap<K, Vec<T>>,
    pub(super) doublings: &'a mut u8,
    pub(super) left_out: &'a mut u64,
}

/// May a line at `moment`, behind these boot separators and rollovers, join an item that ends at `tail`?
pub(super) fn may_link(tail: &Moment, head: &Moment, same_place: bool, doublings: u8) -> bool {
    if doublings >= DOUBLINGS_MAX {
        return true;
    }
    let near = match (tail.best_us(), head.best_us()) {
        (Some(tail), Some(head)) => {
            let gap = head.saturating_sub(tail);
            (-(BACK_US << doublings)..=LINK_US << doublings).contains(&gap)
        }
        (None, None) => true,
        _ => false,
    };
    near && same_place
}

fn are_linked<T: Linked>(left: &T, right: &T, doublings: u8) -> bool {
    let same_place = left.place() == right.place();
    may_link(left.tail(), right.head(), same_place, doublings)
}

fn append<T: Linked>(list: &mut Vec<T>, items: impl IntoIterator<Item = T>, doublings: u8) {
    for item in items {
        match list.last_mut() {
            Some(before) if are_linked(before, &item, doublings) => before.absorb(item),
            _ => list.push(item),
        }
    }
}

fn coarsen<K: Ord, T: Linked>(lists: &mut BTreeMap<K, Vec<T>>, doublings: u8) {
    for list in lists.values_mut() {
        let items = std::mem::take(list);
        append(list, items, doublings);
    }
}

impl<K: Ord, T: Linked> Chains<'_, K, T> {
    /// Other lists behind these.
    pub(super) fn append(&mut self, mut right: Chains<'_, K, T>, room: Room) {
        *self.left_out = self.left_out.saturating_add(*right.left_out);
        let doublings = (*self.doublings).max(*right.doublings);
        self.link_up_to(doublings);
        right.link_up_to(doublings);
        for (key, items) in std::mem::take(right.lists) {
            append(self.lists.entry(key).or_default(), items, doublings);
        }
        self.fit(room);
    }

    fn link_up_to(&mut self, doublings: u8) {
        if *self.doublings < doublings {
            *self.doublings = doublings;
            coarsen(self.lists, doublings);
        }
    }

    /// Makes the lists fit.
    pub(super) fn fit(&mut self, room: Room) {
        while self.lists.len() > room.keys {
            let Some((_, items)) = self.lists.pop_last() else { break };
            let weight = items.iter().fold(0, |sum: u64, item| sum.saturating_add(item.weight()));
            *self.left_out = self.left_out.saturating_add(weight);
            self.link_up_to(DOUBLINGS_MAX);
        }
        while *self.doublings < DOUBLINGS_MAX && !self.fits(room) {
            self.link_up_to(*self.doublings + 1);
        }
    }

    fn fits(&self, room: Room) -> bool {
        let (mut total, mut bytes) = (0_usize, 0_usize);
        self.lists.values().all(|list| {
            total = total.saturating_add(list.len());
            bytes = list.iter().fold(bytes, |sum, item| sum.saturating_add(item.bytes()));
            list.len() <= room.per_key && total <= room.total && bytes <= room.bytes
        })
    }
}
