//! The second look: how the leaders hold the table. Only entries of a leader are described, and those exactly.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;

use super::class::{ClassCode, Words};
use super::distinct::{Addresses, Networks, Numbers};
use super::histogram::Histograms;
use super::key::{AddressKey, Keys, PairKey, PeerKey, destination_port};
use super::nat;
use super::seen::Seen;
use super::who::{reversed, summed};
use crate::model::census::{DISTINCT_MAX, Distinct, Leader, LeaderKey, Nat};
use crate::model::flow::{Flow, L4Part, Tuple};
use crate::model::fold::{FlowSink, Part, TableItem};

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
    sources: Index<AddressKey>,
    destinations: Index<AddressKey>,
    peers: Index<PeerKey>,
    pairs: Index<PairKey>,
}

/// Second look, a part of a table. The keys of parts that are joined need not be the same.
#[derive(Debug, Default)]
pub struct HowPart {
    words: Words,
    drafts: BTreeMap<LeaderKey, Draft>,
}

/// Leader → its place among the drafts.
type Index<K> = HashMap<K, usize, RandomState>;

/// A leader while it is being described. What its key already says (the one destination of a pair, the one port of a
/// peer) is not collected.
#[derive(Debug)]
struct Draft {
    entries: u64,
    nat: Nat,
    reversed: u64,
    packets_bytes: Option<(u64, u64)>,
    gathered: Vec<Note>,
    classes: HashMap<ClassCode, u64, RandomState>,
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

/// What a leader notes of an entry.
#[derive(Debug, Clone, Copy)]
struct Note {
    code: ClassCode,
    zone: u16,
    remaining: Option<i64>,
    original: Tuple,
}

/// What an entry is, worked out once for all its leaders.
#[derive(Clone, Copy)]
struct Facts<'a> {
    flow: &'a Flow,
    code: ClassCode,
    reversed: bool,
}

/// What of the entries is not the same in all of a leader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Varying {
    DestinationAndPort,
    SourceAndPort,
    Source,
    Neither,
}

impl HowSink {
    /// A worker of the second look, which describes exactly these keys.
    pub fn new(leaders: &[LeaderKey]) -> Self {
        let mut sink = Self::default();
        for key in leaders {
            let place = sink.drafts.len();
            let is_new = match *key {
                LeaderKey::Source(address) => insert(&mut sink.sources, address.into(), place),
                LeaderKey::Destination(address) => insert(&mut sink.destinations, address.into(), place),
                LeaderKey::Peer(peer) => insert(&mut sink.peers, peer.into(), place),
                LeaderKey::Pair(pair) => insert(&mut sink.pairs, pair.into(), place),
            };
            if is_new {
                sink.keys.push(*key);
                sink.drafts.push(Draft::default());
            }
        }
        sink
    }

    #[inline]
    fn add(&mut self, flow: &Flow) {
        let keys = Keys::of(&flow.original, flow.l4);
        let source = self.sources.get(&keys.source);
        let destination = self.destinations.get(&keys.destination);
        let peer = self.peers.get(&keys.peer);
        let pair = self.pairs.get(&keys.pair);
        if source.is_none() && destination.is_none() && peer.is_none() && pair.is_none() {
            return;
        }
        let code = self.words.code(flow.l3, flow.l4, flow.state, flow.replied);
        let facts = Facts { flow, code, reversed: reversed(flow) };
        let leaders = [
            (source, Varying::DestinationAndPort),
            (destination, Varying::SourceAndPort),
            (peer, Varying::Source),
            (pair, Varying::Neither),
        ];
        for (place, varying) in leaders {
            if let Some(draft) = place.and_then(|place| self.drafts.get_mut(*place)) {
                draft.add(facts, varying);
            }
        }
    }
}

/// Notes the place of a key; false if it has one.
fn insert<K: Eq + Hash>(index: &mut Index<K>, key: K, place: usize) -> bool {
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
        if let TableItem::Flow(flow) = item
            && !self.seen.again(flow)
        {
            self.add(flow);
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
        LeaderKey::Source(_) => Varying::DestinationAndPort,
        LeaderKey::Destination(_) => Varying::SourceAndPort,
        LeaderKey::Peer(_) => Varying::Source,
        LeaderKey::Pair(_) => Varying::Neither,
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            entries: 0,
            nat: Nat::default(),
            reversed: 0,
            packets_bytes: None,
            gathered: Vec::new(),
            classes: HashMap::default(),
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
    /// Counts an entry, and notes it.
    #[inline]
    fn add(&mut self, facts: Facts<'_>, varying: Varying) {
        let Facts { flow, code, reversed } = facts;
        self.entries += 1;
        nat::add(&mut self.nat, flow);
        self.reversed += u64::from(reversed);
        for volume in [flow.original_volume, flow.reply_volume].into_iter().flatten() {
            let (packets, bytes) = self.packets_bytes.unwrap_or_default();
            self.packets_bytes =
                Some((packets.saturating_add(volume.packets), bytes.saturating_add(volume.bytes)));
        }
        let (zone, remaining, original) = (flow.zones.original, flow.remaining, flow.original);
        self.gathered.push(Note { code, zone, remaining, original });
        if self.gathered.len() >= BATCH {
            self.describe(varying);
        }
    }

    /// Takes in what was noted.
    fn describe(&mut self, varying: Varying) {
        let notes = std::mem::take(&mut self.gathered);
        for run in notes.chunk_by(|a, b| a.code == b.code) {
            if let Some(first) = run.first() {
                *self.classes.entry(first.code).or_default() += run.len() as u64;
            }
        }
        for note in &notes {
            self.remaining.add(note.code.track(), note.remaining);
            self.zones.insert(note.zone);
            if let L4Part::Ports { source, .. } = note.original.l4 {
                self.source_ports.insert(source);
            }
        }
        if varying == Varying::DestinationAndPort {
            for note in &notes {
                self.other_ends.insert(note.original.destination);
            }
        }
        if matches!(varying, Varying::SourceAndPort | Varying::Source) {
            for note in &notes {
                self.other_ends.insert(note.original.source);
            }
            for note in &notes {
                self.source_networks.insert(note.original.source);
            }
        }
        if matches!(varying, Varying::DestinationAndPort | Varying::SourceAndPort) {
            let ports = notes.iter().filter_map(|note| destination_port(&note.original));
            for port in ports {
                self.destination_ports.add(port, 1);
            }
        }
        self.gathered = notes;
        self.gathered.clear();
    }

    fn join(&mut self, right: Self, words: &Words, right_words: &Words) {
        self.entries = self.entries.saturating_add(right.entries);
        for (code, count) in right.classes {
            *self.classes.entry(words.moved(code, right_words)).or_default() += count;
        }
        self.remaining.join(&right.remaining, |code| words.moved_track(code, right_words));
        self.other_ends.join(&right.other_ends);
        self.source_networks.join(&right.source_networks);
        self.destination_ports.join(right.destination_ports);
        self.source_ports.join(right.source_ports);
        self.zones.join(right.zones);
        nat::join(&mut self.nat, right.nat);
        self.reversed = self.reversed.saturating_add(right.reversed);
        self.packets_bytes = match (self.packets_bytes, right.packets_bytes) {
            (Some((p, b)), Some((q, c))) => Some((p.saturating_add(q), b.saturating_add(c))),
            (left, right) => left.or(right),
        };
    }

    /// The leader. Where the key has one value, that is the only distinct one.
    fn ended(&self, key: LeaderKey, words: &Words) -> Leader {
        let one = Distinct::Exactly(1);
        let port = match key {
            LeaderKey::Peer(peer) => Some(peer.port),
            LeaderKey::Pair(pair) => Some(pair.peer.port),
            LeaderKey::Source(_) | LeaderKey::Destination(_) => None,
        };
        let (destination_ports, common_ports) = match port {
            None => (self.destination_ports.distinct(), self.destination_ports.commonest()),
            Some(None) => (Distinct::Exactly(0), Vec::new()),
            Some(Some(port)) => (one, vec![(port, self.entries)]),
        };
        Leader {
            entries: self.entries,
            classes: summed(self.classes.iter().map(|(code, count)| (words.class(*code), *count))),
            remaining: self.remaining.ended(words),
            other_ends: if matches!(key, LeaderKey::Pair(_)) { one } else { self.other_ends.distinct() },
            destination_ports,
            source_ports: self.source_ports.distinct(),
            zones: self.zones.distinct(),
            common_ports,
            nat: self.nat,
            reversed: self.reversed,
            packets_bytes: self.packets_bytes,
            source_networks: match key {
                LeaderKey::Source(_) | LeaderKey::Pair(_) => one,
                LeaderKey::Destination(_) | LeaderKey::Peer(_) => self.source_networks.distinct(),
            },
        }
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
