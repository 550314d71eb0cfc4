//! The first look: who holds the table. Every entry is counted once, in exact sums and in four bounded tallies.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::class::{ClassCode, Words};
use super::entry::Entry;
use super::histogram::Histograms;
use super::key::{AddressKey, PairKey, PeerKey};
use super::nat;
use super::notes::{Note, Notes};
use super::ports::Ports;
use super::seen::Seen;
use super::tallies::{Counted, Tallies};
use crate::model::address_kind::AddressKind;
use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::census::{LEADERS_MAX, Nat, Ranking, Row, Volumes, Who};
use crate::model::flow::{Flow, Volume};
use crate::model::fold::{FlowSink, Part, TableItem};
use crate::model::tally::Rows;
use crate::model::tally::Tally;

/// Pages of remaining times: 9 MiB. Every protocol and state of the kernel together take below 20,000.
const PAGES_MAX: usize = 65_536;
/// Entries that are gathered before they are counted, step by step: what one step needs stays in the cache for all of them.
const BATCH: usize = 256;
/// Kinds of addresses.
const KINDS: usize = AddressKind::ALL.len();

/// First look, one worker.
#[derive(Debug, Default)]
pub struct WhoSink {
    part: WhoPart,
    seen: Seen,
    gathered: Vec<(PairKey, Entry)>,
    /// The list with the most entries of those before this one.
    largest: Option<Box<WhoPart>>,
    /// Lists with entries before this one.
    lists: u64,
}

/// First look, a part of a table. Holds counts of ports (512 KiB for each protocol that has any) and four tallies of at most 2 × [`TALLY_KEYS`](crate::model::census::TALLY_KEYS)
/// keys, 11 MiB when full, or one of them and the notes of a million entries, 20 MiB: a worker folds all it reads into
/// one sink, and few parts are joined, not one per block.
#[derive(Debug)]
pub struct WhoPart {
    /// Which of the lists of the stream is counted, from 0, and how many others with entries there are.
    listing: u64,
    listings: u64,
    shown: Option<u64>,
    others: u64,
    entries: u64,
    duplicates: u64,
    expectations: u64,
    reversed: u64,
    nat: Nat,
    words: Words,
    classes: Rows<ClassCode>,
    remaining: Histograms,
    default_zone: u64,
    other_zones: HashMap<u16, u64, RandomState>,
    source_kinds: [u64; KINDS],
    destination_kinds: [u64; KINDS],
    damaged: BTreeMap<BlemishKind, Blemish>,
    tallies: Tallies,
    destination_ports: Ports,
    source_ports: Ports,
    volumes: HashMap<ClassCode, Volumes, RandomState>,
    notes: Notes,
}

impl Default for WhoPart {
    fn default() -> Self {
        Self {
            listing: 0,
            listings: 0,
            shown: None,
            others: 0,
            entries: 0,
            duplicates: 0,
            expectations: 0,
            reversed: 0,
            nat: Nat::default(),
            words: Words::default(),
            classes: Rows::default(),
            remaining: Histograms::new(PAGES_MAX),
            default_zone: 0,
            other_zones: HashMap::default(),
            source_kinds: [0; KINDS],
            destination_kinds: [0; KINDS],
            damaged: BTreeMap::new(),
            tallies: Tallies::default(),
            destination_ports: Ports::default(),
            source_ports: Ports::default(),
            volumes: HashMap::default(),
            notes: Notes::default(),
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
                let entry = self.part.add(flow);
                self.gathered.push((PairKey::of(&flow.original, flow.l4), entry));
                if self.gathered.len() >= BATCH {
                    self.part.add_all(&self.gathered);
                    self.gathered.clear();
                }
            }
            TableItem::Expectation => self.part.expectations += 1,
            TableItem::Other => self.part.others += 1,
            TableItem::Listing => self.next_list(),
            TableItem::Shown(count) => self.part.add_shown(Some(*count)),
            TableItem::Damaged { kind, offset, raw } => {
                add_blemish(&mut self.part.damaged, *kind, 1, *offset, raw);
            }
        }
    }

    fn finish(mut self) -> WhoPart {
        self.end_list();
        let lists = self.lists.saturating_sub(1);
        let mut counted = self.largest.map_or(self.part, |largest| *largest);
        counted.listings = lists;
        counted
    }
}

impl WhoSink {
    /// The list ends. Of several the one with the most entries is counted, the first one of equal ones: they are of one
    /// table at different times, or of one time in different forms, and their sum would be of no time at all.
    fn end_list(&mut self) {
        self.part.add_all(&self.gathered);
        self.gathered.clear();
        if let Some(largest) = &mut self.largest
            && self.part.entries == 0
        {
            return largest.add_beside(&self.part);
        }
        self.lists += 1;
        if self.largest.as_ref().is_none_or(|largest| largest.entries < self.part.entries) {
            self.largest = Some(Box::new(std::mem::take(&mut self.part)));
        }
    }

    /// Another list begins.
    #[cold]
    fn next_list(&mut self) {
        let next = self.part.listing + 1;
        self.part.add_all(&self.gathered);
        self.gathered.clear();
        if self.part.entries > 0 {
            self.end_list();
            (self.part, self.seen) = (WhoPart::default(), Seen::default());
        }
        self.part.listing = next;
    }
}

impl Part for WhoPart {
    fn join(mut self, right: Self) -> Self {
        self.listings = self.listings.saturating_add(right.listings);
        self.others = self.others.saturating_add(right.others);
        self.add_shown(right.shown);
        self.entries = self.entries.saturating_add(right.entries);
        self.duplicates = self.duplicates.saturating_add(right.duplicates);
        self.expectations = self.expectations.saturating_add(right.expectations);
        self.reversed = self.reversed.saturating_add(right.reversed);
        self.default_zone = self.default_zone.saturating_add(right.default_zone);
        nat::join(&mut self.nat, right.nat);
        self.words.join(&right.words);
        for (code, count) in right.classes.iter() {
            self.classes.add(self.words.moved(code, &right.words), count);
        }
        self.remaining.join(&right.remaining, |code| self.words.moved_track(code, &right.words));
        for (zone, count) in right.other_zones {
            *self.other_zones.entry(zone).or_default() += count;
        }
        add_kinds(&mut self.source_kinds, &right.source_kinds);
        add_kinds(&mut self.destination_kinds, &right.destination_kinds);
        for (kind, blemish) in right.damaged {
            let Blemish { count, first_offset, first_raw } = blemish;
            add_blemish(&mut self.damaged, kind, count, first_offset, &first_raw);
        }
        self.destination_ports.join(right.destination_ports);
        self.source_ports.join(right.source_ports);
        for (code, volumes) in right.volumes {
            add_volumes(&mut self.volumes, self.words.moved(code, &right.words), volumes);
        }
        let places = self.tallies.join(&right.tallies);
        self.notes.join(right.notes, &places);
        self.check_notes();
        self
    }
}

impl WhoPart {
    /// How many.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Which of the lists of the stream is counted, from 0.
    pub fn listing(&self) -> u64 {
        self.listing
    }

    /// Adds what stands in a stretch without entries: lines that are no entries, and damage.
    fn add_beside(&mut self, beside: &Self) {
        self.others = self.others.saturating_add(beside.others);
        self.expectations = self.expectations.saturating_add(beside.expectations);
        for (kind, blemish) in &beside.damaged {
            add_blemish(&mut self.damaged, *kind, blemish.count, blemish.first_offset, &blemish.first_raw);
        }
    }

    /// The tool said that it showed so many.
    fn add_shown(&mut self, shown: Option<u64>) {
        if let Some(shown) = shown {
            self.shown = Some(self.shown.unwrap_or(0).saturating_add(shown));
        }
    }

    /// Counts of one entry what is not counted in batches.
    #[inline]
    fn add(&mut self, flow: &Flow) -> Entry {
        let entry = Entry::of(flow, &mut self.words);
        match entry.zone {
            0 => self.default_zone += 1,
            zone => *self.other_zones.entry(zone).or_default() += 1,
        }
        add_kind(&mut self.source_kinds, AddressKind::of(flow.original.source));
        add_kind(&mut self.destination_kinds, AddressKind::of(flow.original.destination));
        let volumes = volumes(flow);
        if let Some(volumes) = volumes {
            add_volumes(&mut self.volumes, entry.code, volumes);
        }
        if !entry.code.is_fixed() || volumes.is_some() {
            self.notes.give_up();
        }
        entry
    }

    /// Counts entries.
    fn add_all(&mut self, all: &[(PairKey, Entry)]) {
        self.entries += all.len() as u64;
        for (_, entry) in all {
            self.classes.add_often(entry.code, 1);
            self.remaining.add(entry.code.track(), entry.bin);
            nat::add(&mut self.nat, *entry);
            self.reversed += u64::from(entry.reversed());
        }
        for (pair, entry) in all {
            let l4 = pair.to().l4();
            if let Some(port) = pair.to().port() {
                self.destination_ports.add(l4, port);
            }
            if let Some(port) = entry.source_port() {
                self.source_ports.add(l4, port);
            }
        }
        let notes = &mut self.notes;
        self.tallies.add_all(all, |(pair, _)| *pair, |(_, entry), place| notes.add(place, *entry));
        self.check_notes();
    }

    /// Where pairs were cut, places of pairs mean nothing.
    fn check_notes(&mut self) {
        if !self.tallies.is_exact() {
            self.notes.give_up();
        }
    }

    /// The pairs with their counts, and every entry by the place of its pair; none where not all was noted.
    pub(super) fn noted(&self) -> Option<(impl ExactSizeIterator<Item = (PairKey, u64)>, &[Note])> {
        Some((self.tallies.pairs(), self.notes.all()?))
    }

    /// What it amounts to. The counts of the rankings are bounded, not exact, where a tally overflowed.
    pub(super) fn ended(&self) -> Who {
        let Counted { sources, destinations, peers, pairs } = self.tallies.counted();
        let classes = self.classes.iter().map(|(code, count)| (self.words.class(code), count));
        let zones = self.other_zones.iter().map(|(zone, count)| (*zone, *count));
        Who {
            entries: self.entries,
            listings: self.listings,
            shown: self.shown,
            others: self.others,
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
            sources: ranking(&sources, AddressKey::address),
            destinations: ranking(&destinations, AddressKey::address),
            peers: ranking(&peers, PeerKey::peer),
            pairs: ranking(pairs, PairKey::pair),
            destination_ports: self.destination_ports.ended(),
            source_ports: self.source_ports.ended(),
            volumes: self.volumes.iter().fold(BTreeMap::new(), |mut sums, (code, volumes)| {
                let class = self.words.class(*code);
                let sum = sums.get(&class).map_or(*volumes, |sum: &Volumes| sum.plus(*volumes));
                sums.insert(class, sum);
                sums
            }),
        }
    }
}

/// What accounting says of one entry; none where it is off.
#[inline]
pub(super) fn volumes(flow: &Flow) -> Option<Volumes> {
    const NONE: Volume = Volume { packets: 0, bytes: 0 };
    if flow.original_volume.is_none() && flow.reply_volume.is_none() {
        return None;
    }
    Some(Volumes {
        entries: 1,
        original: flow.original_volume.unwrap_or(NONE),
        reply: flow.reply_volume.unwrap_or(NONE),
    })
}

fn add_volumes(sums: &mut HashMap<ClassCode, Volumes, RandomState>, code: ClassCode, volumes: Volumes) {
    sums.entry(code).and_modify(|sum| *sum = sum.plus(volumes)).or_insert(volumes);
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
fn add_kind(kinds: &mut [u64; KINDS], kind: AddressKind) {
    if let Some(count) = kinds.get_mut(kind as usize) {
        *count += 1;
    }
}

fn add_kinds(to: &mut [u64; KINDS], from: &[u64; KINDS]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.saturating_add(*from);
    }
}

/// The kinds that occur.
fn kinds(counts: &[u64; KINDS]) -> BTreeMap<AddressKind, u64> {
    AddressKind::ALL.into_iter().zip(*counts).filter(|(_, count)| *count > 0).collect()
}
