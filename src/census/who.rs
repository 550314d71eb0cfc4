//! The first look: who holds the table. Every entry is counted once, in exact sums and in four bounded tallies.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::class::{ClassCode, Words};
use super::histogram::Histograms;
use super::key::{AddressKey, Keys, PairKey, PeerKey};
use super::nat;
use super::seen::Seen;
use super::tally::Tally;
use crate::model::address_kind::AddressKind;
use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::census::{LEADERS_MAX, Nat, Ranking, Row, Who};
use crate::model::flow::{Flow, L4, L4Part};
use crate::model::fold::{FlowSink, Part, TableItem};
use crate::model::services;

/// Pages of remaining times: 9 MiB. Every protocol and state of the kernel together take below 20,000.
const PAGES_MAX: usize = 65_536;
/// Entries whose keys are gathered before they are counted. A tally is larger than the caches of a processor; counting
/// many keys in one of them after another lets it fetch several places at once.
const BATCH: usize = 256;
/// Kinds of addresses, in the order of [`AddressKind`].
const KINDS: [AddressKind; 9] = [
    AddressKind::Unspecified,
    AddressKind::Loopback,
    AddressKind::Private,
    AddressKind::LinkLocal,
    AddressKind::CarrierNat,
    AddressKind::Documentation,
    AddressKind::Multicast,
    AddressKind::Broadcast,
    AddressKind::Public,
];
/// Ports below this are given out by the system: what uses one is a service.
const SYSTEM_PORTS_END: u16 = 1024;

/// First look, one worker.
#[derive(Debug, Default)]
pub struct WhoSink {
    part: WhoPart,
    seen: Seen,
    gathered: Vec<Keys>,
}

/// First look, a part of a table. Holds four tallies of at most 2 × [`TALLY_KEYS`](crate::model::census::TALLY_KEYS)
/// keys, 17 MiB when full: a worker folds all it reads into one sink, and few parts are joined, not one per block.
#[derive(Debug)]
pub struct WhoPart {
    entries: u64,
    duplicates: u64,
    expectations: u64,
    reversed: u64,
    nat: Nat,
    words: Words,
    classes: HashMap<ClassCode, u64, RandomState>,
    remaining: Histograms,
    default_zone: u64,
    other_zones: HashMap<u16, u64, RandomState>,
    source_kinds: [u64; KINDS.len()],
    destination_kinds: [u64; KINDS.len()],
    damaged: BTreeMap<BlemishKind, Blemish>,
    sources: Tally<AddressKey>,
    destinations: Tally<AddressKey>,
    peers: Tally<PeerKey>,
    pairs: Tally<PairKey>,
}

impl Default for WhoPart {
    fn default() -> Self {
        Self {
            entries: 0,
            duplicates: 0,
            expectations: 0,
            reversed: 0,
            nat: Nat::default(),
            words: Words::default(),
            classes: HashMap::default(),
            remaining: Histograms::new(PAGES_MAX),
            default_zone: 0,
            other_zones: HashMap::default(),
            source_kinds: [0; KINDS.len()],
            destination_kinds: [0; KINDS.len()],
            damaged: BTreeMap::new(),
            sources: Tally::default(),
            destinations: Tally::default(),
            peers: Tally::default(),
            pairs: Tally::default(),
        }
    }
}

impl FlowSink for WhoSink {
    type Part = WhoPart;

    #[inline]
    fn take(&mut self, item: &TableItem) {
        match item {
            TableItem::Flow(flow) if self.seen.again(flow) => self.part.duplicates += 1,
            TableItem::Flow(flow) => {
                self.part.add(flow);
                self.gathered.push(Keys::of(&flow.original, flow.l4));
                if self.gathered.len() >= BATCH {
                    self.part.add_keys(&self.gathered);
                    self.gathered.clear();
                }
            }
            TableItem::Expectation => self.part.expectations += 1,
            TableItem::Damaged { kind, offset, raw } => {
                add_blemish(&mut self.part.damaged, *kind, 1, *offset, raw);
            }
        }
    }

    fn finish(mut self) -> WhoPart {
        self.part.add_keys(&self.gathered);
        self.part
    }
}

impl Part for WhoPart {
    fn join(mut self, right: Self) -> Self {
        self.entries = self.entries.saturating_add(right.entries);
        self.duplicates = self.duplicates.saturating_add(right.duplicates);
        self.expectations = self.expectations.saturating_add(right.expectations);
        self.reversed = self.reversed.saturating_add(right.reversed);
        self.default_zone = self.default_zone.saturating_add(right.default_zone);
        nat::join(&mut self.nat, right.nat);
        self.words.join(&right.words);
        for (code, count) in &right.classes {
            *self.classes.entry(self.words.moved(*code, &right.words)).or_default() += count;
        }
        self.remaining.join(&right.remaining, |code| self.words.moved_track(code, &right.words));
        for (zone, count) in right.other_zones {
            *self.other_zones.entry(zone).or_default() += count;
        }
        add_all(&mut self.source_kinds, &right.source_kinds);
        add_all(&mut self.destination_kinds, &right.destination_kinds);
        for (kind, blemish) in right.damaged {
            let Blemish { count, first_offset, first_raw } = blemish;
            add_blemish(&mut self.damaged, kind, count, first_offset, &first_raw);
        }
        self.sources = self.sources.join(right.sources);
        self.destinations = self.destinations.join(right.destinations);
        self.peers = self.peers.join(right.peers);
        self.pairs = self.pairs.join(right.pairs);
        self
    }
}

impl WhoPart {
    /// Counts one entry, but for its keys.
    #[inline]
    fn add(&mut self, flow: &Flow) {
        self.entries += 1;
        let code = self.words.code(flow.l3, flow.l4, flow.state, flow.replied);
        *self.classes.entry(code).or_default() += 1;
        self.remaining.add(code.track(), flow.remaining);
        nat::add(&mut self.nat, flow);
        self.reversed += u64::from(reversed(flow));
        match flow.zones.original {
            0 => self.default_zone += 1,
            zone => *self.other_zones.entry(zone).or_default() += 1,
        }
        add_kind(&mut self.source_kinds, AddressKind::of(flow.original.source));
        add_kind(&mut self.destination_kinds, AddressKind::of(flow.original.destination));
    }

    /// Counts the keys of entries.
    fn add_keys(&mut self, all: &[Keys]) {
        for keys in all {
            self.sources.add(keys.source);
        }
        for keys in all {
            self.destinations.add(keys.destination);
        }
        for keys in all {
            self.peers.add(keys.peer);
        }
        for keys in all {
            self.pairs.add(keys.pair);
        }
    }

    /// What it amounts to. The counts of the rankings are bounded, not exact, where a tally overflowed.
    pub(super) fn ended(&self) -> Who {
        let classes = self.classes.iter().map(|(code, count)| (self.words.class(*code), *count));
        let zones = self.other_zones.iter().map(|(zone, count)| (*zone, *count));
        Who {
            entries: self.entries,
            classes: summed(classes),
            remaining: self.remaining.ended(&self.words),
            nat: self.nat,
            reversed: self.reversed,
            zones: zones.chain((self.default_zone > 0).then_some((0, self.default_zone))).collect(),
            expectations: self.expectations,
            damaged: self.damaged.clone(),
            source_kinds: kinds(&self.source_kinds),
            destination_kinds: kinds(&self.destination_kinds),
            duplicates: self.duplicates,
            sources: ranking(&self.sources, AddressKey::address),
            destinations: ranking(&self.destinations, AddressKey::address),
            peers: ranking(&self.peers, PeerKey::peer),
            pairs: ranking(&self.pairs, PairKey::pair),
        }
    }
}

/// The entry was picked up in the middle: its first packet came from the side of the service.
#[inline]
pub(super) fn reversed(flow: &Flow) -> bool {
    match flow.original.l4 {
        L4Part::Ports { source, destination } => {
            destination >= SYSTEM_PORTS_END
                && is_service(source, flow.l4)
                && !is_service(destination, flow.l4)
        }
        _ => false,
    }
}

#[inline]
fn is_service(port: u16, l4: L4) -> bool {
    port < SYSTEM_PORTS_END || services::service(port, l4).is_some()
}

/// Sums by key; unknown state words may have become one class.
pub(super) fn summed<K: Ord>(rows: impl Iterator<Item = (K, u64)>) -> BTreeMap<K, u64> {
    let mut sums = BTreeMap::new();
    for (key, count) in rows {
        *sums.entry(key).or_default() += count;
    }
    sums
}

/// The first rows of a tally, in an order that does not depend on the hash.
fn ranking<K: Copy + Eq + std::hash::Hash, M: Ord>(tally: &Tally<K>, model: fn(K) -> M) -> Ranking<M> {
    let mut rows: Vec<Row<M>> = tally.rows().map(|(key, count)| Row { key: model(key), count }).collect();
    if rows.len() > LEADERS_MAX {
        rows.select_nth_unstable_by(LEADERS_MAX, order);
        rows.truncate(LEADERS_MAX);
    }
    rows.sort_unstable_by(order);
    Ranking { rows, error: tally.error(), distinct: tally.distinct() }
}

/// Descending count, then ascending key.
pub(super) fn order<M: Ord>(a: &Row<M>, b: &Row<M>) -> std::cmp::Ordering {
    b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key))
}

/// Adds damage of one kind; the first place is the one with the least offset.
fn add_blemish(
    damaged: &mut BTreeMap<BlemishKind, Blemish>,
    kind: BlemishKind,
    count: u64,
    offset: u64,
    raw: &[u8],
) {
    let first = || Blemish { count: 0, first_offset: offset, first_raw: raw.into() };
    let blemish = damaged.entry(kind).or_insert_with(first);
    blemish.count = blemish.count.saturating_add(count);
    if offset < blemish.first_offset {
        *blemish = Blemish { count: blemish.count, ..first() };
    }
}

#[inline]
fn add_kind(kinds: &mut [u64; KINDS.len()], kind: AddressKind) {
    if let Some(count) = kinds.get_mut(kind as usize) {
        *count += 1;
    }
}

fn add_all(to: &mut [u64; KINDS.len()], from: &[u64; KINDS.len()]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.saturating_add(*from);
    }
}

/// The kinds that occur.
fn kinds(counts: &[u64; KINDS.len()]) -> BTreeMap<AddressKind, u64> {
    KINDS.into_iter().zip(*counts).filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_the_order_of_their_numbers() {
        for (place, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
