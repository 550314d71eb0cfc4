//! The second look: how the leaders hold the table. Only entries of a leader are described, and those exactly.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;

use super::class::{ClassCode, Words};
use super::distinct::{Addresses, Networks, Numbers};
use super::entry::Entry;
use super::histogram::Histograms;
use super::key::{AddressKey, PairKey, PeerKey};
use super::nat;
use super::seen::Seen;
use super::who::{WhoPart, summed, volumes};
use crate::model::census::{DISTINCT_MAX, Distinct, Leader, LeaderKey, Nat, PortKey, Volumes};
use crate::model::flow::{Flow, L4};
use crate::model::fold::{FlowSink, Part, TableItem};
use crate::model::tally::Rows;

/// Pages of remaining times of one leader: 150 KiB. ESTABLISHED over five days, evenly, takes 247.
const PAGES_MAX: usize = 1024;
/// Destination ports that are told as the commonest.
const COMMON_PORTS: usize = 8;
/// Entries of one leader that are gathered before they are described: what one leader holds then stays in the cache
/// for all of them.
const BATCH: usize = 32;

/// Second look, one worker.
#[derive(Debug, Default)]
pub struct HowSink {
    keys: Vec<LeaderKey>,
    drafts: Vec<Draft>,
    words: Words,
    seen: Seen,
    /// Which of the lists of the stream is described, and which one is being read.
    listing: u64,
    at_listing: u64,
    sources: Index<AddressKey>,
    destinations: Index<AddressKey>,
    peers: Index<PeerKey>,
    pairs: Index<PairKey>,
    destination_port_places: Index<(L4, u16)>,
    source_port_places: Index<(L4, u16)>,
}

/// Second look, a part of a table. The keys of parts that are joined need not be the same.
#[derive(Debug, Default)]
pub struct HowPart {
    words: Words,
    drafts: BTreeMap<LeaderKey, Draft>,
}

/// Leader → its place among the drafts.
type Index<K> = HashMap<K, u32, RandomState>;

/// What stands for the place of a leader that there is not.
const NOWHERE: u32 = u32::MAX;

/// A leader while it is being described. What its key already says (the one destination of a pair, the one port of a
/// peer) is not collected.
#[derive(Debug)]
struct Draft {
    entries: u64,
    nat: Nat,
    reversed: u64,
    volumes: Option<Volumes>,
    gathered: Vec<(PairKey, Entry)>,
    classes: Rows<ClassCode>,
    remaining: Histograms,
    other_ends: Addresses,
    source_networks: Networks,
    destination_ports: PortCounts,
    source_ports: Numbers,
    zones: Numbers,
}

/// Destination ports with their counts; above [`DISTINCT_MAX`] ports only which ones.
#[derive(Debug, Default)]
struct PortCounts {
    counts: HashMap<u16, u64, RandomState>,
    without_counts: Option<Numbers>,
}

/// What of the entries is not the same in all of a leader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Varying {
    DestinationAndPort,
    SourceAndPort,
    Source,
    Neither,
}

impl Varying {
    /// Of a source, a destination, a peer, a pair, a destination port and a source port.
    const ALL: [Self; 6] = [
        Self::DestinationAndPort,
        Self::SourceAndPort,
        Self::Source,
        Self::Neither,
        Self::Source,
        Self::DestinationAndPort,
    ];
}

impl HowSink {
    /// A worker of the second look, which describes exactly these keys.
    pub fn new(leaders: &[LeaderKey]) -> Self {
        let mut sink = Self::default();
        for key in leaders {
            let place = u32::try_from(sink.drafts.len()).unwrap_or(NOWHERE);
            let is_new = match *key {
                LeaderKey::Source(address) => insert(&mut sink.sources, address.into(), place),
                LeaderKey::Destination(address) => insert(&mut sink.destinations, address.into(), place),
                LeaderKey::Peer(peer) => insert(&mut sink.peers, peer.into(), place),
                LeaderKey::Pair(pair) => insert(&mut sink.pairs, pair.into(), place),
                LeaderKey::DestinationPort(key) => {
                    insert(&mut sink.destination_port_places, (key.l4, key.port), place)
                }
                LeaderKey::SourcePort(key) => insert(&mut sink.source_port_places, (key.l4, key.port), place),
            };
            if is_new {
                sink.keys.push(*key);
                sink.drafts.push(Draft::default());
            }
        }
        sink
    }

    /// The same of this one of several lists in the stream ([`WhoPart::listing`]).
    #[must_use]
    pub fn of_listing(self, listing: u64) -> Self {
        Self { listing, ..self }
    }

    /// The places of the leaders that a pair belongs to.
    #[inline]
    fn places(&self, pair: PairKey) -> [u32; 5] {
        let peer = pair.to();
        [
            self.sources.get(&pair.source()),
            self.destinations.get(&peer.address()),
            self.peers.get(&peer),
            self.pairs.get(&pair),
            peer.port().and_then(|port| self.destination_port_places.get(&(peer.l4(), port))),
        ]
        .map(|place| place.copied().unwrap_or(NOWHERE))
    }

    /// The place of the source port of an entry of that protocol.
    #[inline]
    fn source_port_place(&self, l4: L4, entry: Entry) -> u32 {
        let port = entry.source_port();
        port.and_then(|port| self.source_port_places.get(&(l4, port))).copied().unwrap_or(NOWHERE)
    }

    #[inline]
    fn add(&mut self, flow: &Flow) {
        let pair = PairKey::of(&flow.original, flow.l4);
        let entry = Entry::of(flow, &mut self.words);
        let of_port = self.source_port_place(flow.l4, entry);
        let places = self.places(pair).into_iter().chain([of_port]);
        for (place, varying) in places.zip(Varying::ALL) {
            if let Some(draft) = self.drafts.get_mut(place as usize) {
                draft.add_volumes(flow);
                draft.gather(pair, entry, varying);
            }
        }
    }

    /// Describes the leaders from what the first look noted, one of so many parts of it. None where it did not note every
    /// entry.
    pub(super) fn described_by_notes(mut self, who: &WhoPart, part: usize, parts: usize) -> Option<HowPart> {
        let (pairs, notes) = who.noted()?;
        let begins = |part: usize| part * notes.len() / parts.max(1);
        let notes = notes.get(begins(part)..begins(part + 1)).unwrap_or_default();
        let mut places = Vec::with_capacity(pairs.len());
        for (pair, count) in pairs {
            let of_pair = self.places(pair);
            // What the pairs say the first part says for all.
            for (place, varying) in of_pair.into_iter().zip(Varying::ALL).filter(|_| part == 0) {
                if let Some(draft) = self.drafts.get_mut(place as usize) {
                    draft.add_pair(pair, count, varying);
                }
            }
            places.push(of_pair);
        }
        let pairs: Vec<PairKey> = if self.source_port_places.is_empty() {
            Vec::new()
        } else {
            who.noted().into_iter().flat_map(|(pairs, _)| pairs).map(|(pair, _)| pair).collect()
        };
        for note in notes {
            for place in places.get(note.pair as usize).into_iter().flatten() {
                if let Some(draft) = self.drafts.get_mut(*place as usize) {
                    draft.add_entry(note.entry);
                }
            }
            let Some(pair) = pairs.get(note.pair as usize) else { continue };
            let place = self.source_port_place(pair.to().l4(), note.entry);
            if let Some(draft) = self.drafts.get_mut(place as usize) {
                draft.add_entry(note.entry);
                draft.add_pair(*pair, 1, Varying::DestinationAndPort);
            }
        }
        Some(self.finish())
    }
}

/// Notes the place of a key; false if it has one.
fn insert<K: Eq + Hash>(index: &mut Index<K>, key: K, place: u32) -> bool {
    match index.entry(key) {
        std::collections::hash_map::Entry::Occupied(_) => false,
        std::collections::hash_map::Entry::Vacant(free) => {
            free.insert(place);
            true
        }
    }
}

impl FlowSink for HowSink {
    type Part = HowPart;

    #[inline]
    fn take(&mut self, item: &TableItem) {
        match item {
            TableItem::Flow(flow) if self.at_listing == self.listing && !self.seen.again(flow) => {
                self.add(flow);
            }
            TableItem::Listing => self.at_listing += 1,
            _ => {}
        }
    }

    fn finish(mut self) -> HowPart {
        for (key, draft) in self.keys.iter().zip(&mut self.drafts) {
            draft.describe(varying(*key));
        }
        HowPart { words: self.words, drafts: self.keys.into_iter().zip(self.drafts).collect() }
    }
}

impl Part for HowPart {
    fn join(mut self, right: Self) -> Self {
        self.words.join(&right.words);
        for (key, draft) in right.drafts {
            self.drafts.entry(key).or_default().join(draft, &self.words, &right.words);
        }
        self
    }
}

impl HowPart {
    /// The leaders that occur.
    pub(super) fn ended(&self) -> BTreeMap<LeaderKey, Leader> {
        let occurring = self.drafts.iter().filter(|(_, draft)| draft.entries > 0);
        occurring.map(|(key, draft)| (*key, draft.ended(*key, &self.words))).collect()
    }
}

/// What varies among the entries of a leader.
fn varying(key: LeaderKey) -> Varying {
    match key {
        LeaderKey::Source(_) | LeaderKey::SourcePort(_) => Varying::DestinationAndPort,
        LeaderKey::Destination(_) => Varying::SourceAndPort,
        LeaderKey::Peer(_) | LeaderKey::DestinationPort(_) => Varying::Source,
        LeaderKey::Pair(_) => Varying::Neither,
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            entries: 0,
            nat: Nat::default(),
            reversed: 0,
            volumes: None,
            gathered: Vec::new(),
            classes: Rows::default(),
            remaining: Histograms::new(PAGES_MAX),
            other_ends: Addresses::default(),
            source_networks: Networks::default(),
            destination_ports: PortCounts::default(),
            source_ports: Numbers::default(),
            zones: Numbers::default(),
        }
    }
}

impl Draft {
    /// Adds what accounting says of an entry.
    #[inline]
    fn add_volumes(&mut self, flow: &Flow) {
        self.volumes = added(self.volumes, volumes(flow));
    }

    /// One entry, which is described with those beside it.
    #[inline]
    fn gather(&mut self, pair: PairKey, entry: Entry, varying: Varying) {
        self.gathered.push((pair, entry));
        if self.gathered.len() >= BATCH {
            self.describe(varying);
        }
    }

    /// Takes in what was gathered.
    fn describe(&mut self, varying: Varying) {
        let gathered = std::mem::take(&mut self.gathered);
        for (_, entry) in &gathered {
            self.add_entry(*entry);
        }
        for (pair, _) in &gathered {
            self.add_pair(*pair, 1, varying);
        }
        self.gathered = gathered;
        self.gathered.clear();
    }

    /// An entry, but for what its pair says.
    #[inline]
    fn add_entry(&mut self, entry: Entry) {
        self.entries += 1;
        self.classes.add_often(entry.code, 1);
        self.remaining.add(entry.code.track(), entry.bin);
        self.zones.insert(entry.zone);
        if let Some(port) = entry.source_port() {
            self.source_ports.insert(port);
        }
        nat::add(&mut self.nat, entry);
        self.reversed += u64::from(entry.reversed());
    }

    /// What the pair of so many entries says that the key does not.
    #[inline]
    fn add_pair(&mut self, pair: PairKey, count: u64, varying: Varying) {
        match varying {
            Varying::DestinationAndPort => self.other_ends.insert(pair.to().address().address()),
            Varying::SourceAndPort | Varying::Source => {
                let source = pair.source().address();
                self.other_ends.insert(source);
                self.source_networks.insert(source);
            }
            Varying::Neither => {}
        }
        if matches!(varying, Varying::DestinationAndPort | Varying::SourceAndPort)
            && let Some(port) = pair.to().port()
        {
            self.destination_ports.add(port, count);
        }
    }

    fn join(&mut self, right: Self, words: &Words, right_words: &Words) {
        self.entries = self.entries.saturating_add(right.entries);
        for (code, count) in right.classes.iter() {
            self.classes.add(words.moved(code, right_words), count);
        }
        self.remaining.join(&right.remaining, |code| words.moved_track(code, right_words));
        self.other_ends.join(&right.other_ends);
        self.source_networks.join(&right.source_networks);
        self.destination_ports.join(right.destination_ports);
        self.source_ports.join(right.source_ports);
        self.zones.join(right.zones);
        nat::join(&mut self.nat, right.nat);
        self.reversed = self.reversed.saturating_add(right.reversed);
        self.volumes = added(self.volumes, right.volumes);
    }

    /// The leader. Where the key has one value, that is the only distinct one.
    fn ended(&self, key: LeaderKey, words: &Words) -> Leader {
        let one = Distinct::Exactly(1);
        let port = match key {
            LeaderKey::Peer(peer) => Some(peer.port),
            LeaderKey::Pair(pair) => Some(pair.peer.port),
            LeaderKey::DestinationPort(PortKey { port, .. }) => Some(Some(port)),
            LeaderKey::Source(_) | LeaderKey::Destination(_) | LeaderKey::SourcePort(_) => None,
        };
        let (destination_ports, common_ports) = match port {
            None => (self.destination_ports.distinct(), self.destination_ports.commonest()),
            Some(None) => (Distinct::Exactly(0), Vec::new()),
            Some(Some(port)) => (one, vec![(port, self.entries)]),
        };
        Leader {
            entries: self.entries,
            classes: summed(self.classes.iter().map(|(code, count)| (words.class(code), count))),
            remaining: self.remaining.ended(words),
            other_ends: if matches!(key, LeaderKey::Pair(_)) { one } else { self.other_ends.distinct() },
            destination_ports,
            source_ports: self.source_ports.distinct(),
            zones: self.zones.distinct(),
            common_ports,
            nat: self.nat,
            reversed: self.reversed,
            volumes: self.volumes,
            source_networks: match key {
                LeaderKey::Source(_) | LeaderKey::Pair(_) => one,
                LeaderKey::SourcePort(_) => Distinct::Exactly(0),
                LeaderKey::Destination(_) | LeaderKey::Peer(_) | LeaderKey::DestinationPort(_) => {
                    self.source_networks.distinct()
                }
            },
        }
    }
}

/// The sum of what is known of either.
fn added(left: Option<Volumes>, right: Option<Volumes>) -> Option<Volumes> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.plus(right)),
        (left, right) => left.or(right),
    }
}

impl PortCounts {
    #[inline]
    fn add(&mut self, port: u16, count: u64) {
        if let Some(ports) = &mut self.without_counts {
            ports.insert(port);
            return;
        }
        *self.counts.entry(port).or_default() += count;
        if self.counts.len() > DISTINCT_MAX {
            self.forget_counts();
        }
    }

    #[cold]
    fn forget_counts(&mut self) {
        let ports = self.without_counts.get_or_insert_default();
        for port in std::mem::take(&mut self.counts).into_keys() {
            ports.insert(port);
        }
    }

    fn join(&mut self, right: Self) {
        if let Some(ports) = right.without_counts {
            self.forget_counts();
            self.without_counts.get_or_insert_default().join(ports);
        }
        for (port, count) in right.counts {
            self.add(port, count);
        }
    }

    fn distinct(&self) -> Distinct {
        match &self.without_counts {
            Some(ports) => ports.distinct(),
            None => Distinct::Exactly(self.counts.len() as u64),
        }
    }

    /// The commonest ports in descending order of count, then ascending port. None when the counts are forgotten.
    fn commonest(&self) -> Vec<(u16, u64)> {
        let mut ports: Vec<_> = self.counts.iter().map(|(port, count)| (*port, *count)).collect();
        ports.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        ports.truncate(COMMON_PORTS);
        ports
    }
}
