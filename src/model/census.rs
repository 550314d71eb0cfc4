//! What is summed up of a table: who holds it (every flow once) and how (the leaders exactly). FOLDS.md §B.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::address_kind::AddressKind;
use super::blemish::{Blemish, BlemishKind};
use super::flow::{L3, L4, Reply, State};

/// Candidates a tally keeps, at least.
pub const TALLY_KEYS: usize = 32_768;
/// Leaders of each tally that are described exactly in the second look.
pub const LEADERS_MAX: usize = 64;
/// Distinct values that are counted exactly for a leader; above it: "more than".
pub const DISTINCT_MAX: usize = 4_096;

/// A destination: who is talked to, and on which port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// Original destination.
    pub address: IpAddr,
    /// Original destination port; none where the protocol has none.
    pub port: Option<u16>,
    /// Protocol.
    pub l4: L4,
}

/// Source and peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// Original source.
    pub source: IpAddr,
    /// Peer.
    pub peer: Peer,
}

/// One row of a tally: a key and its count. The true count lies in `count ..= count + error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<K> {
    /// Key.
    pub key: K,
    /// Entries.
    pub count: u64,
}

/// A tally ended: rows in descending order of (count, then key ascending).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking<K> {
    /// At most [`LEADERS_MAX`] rows.
    pub rows: Vec<Row<K>>,
    /// How far a count may be below the truth. 0: exact.
    pub error: u64,
    /// Distinct keys; none when the tally overflowed its bound (then: more than [`TALLY_KEYS`]).
    pub distinct: Option<u64>,
}

impl<K> Default for Ranking<K> {
    fn default() -> Self {
        Self { rows: Vec::new(), error: 0, distinct: Some(0) }
    }
}

/// A class of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// Layer 3.
    pub l3: L3,
    /// Layer 4.
    pub l4: L4,
    /// State, none for protocols without.
    pub state: Option<State>,
    /// Flags.
    pub replied: Reply,
}

/// Remaining times of a set of entries, in bins that add: 1 s below 1,024 s, 64 s below 2^20 s, one above, one for
/// entries without timeout. Negative (expired) times stand in bin 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remaining {
    /// Lower end of the bin in seconds → entries. Lower ends below 1,024 are exact seconds, above multiples of 64;
    /// `1 << 20` is "that much or more" (wrapped timers too).
    pub bins: BTreeMap<u32, u64>,
    /// Entries without timeout (offloaded).
    pub untimed: u64,
}

/// Address translation seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nat {
    /// Entries with source NAT only.
    pub source: u64,
    /// Entries with destination NAT only.
    pub destination: u64,
    /// Entries with both.
    pub both: u64,
}

/// Who: every flow once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// Entries (duplicates by id removed).
    pub entries: u64,
    /// By class.
    pub classes: BTreeMap<Class, u64>,
    /// By layer 4 protocol and state.
    pub remaining: BTreeMap<(L4, Option<State>), Remaining>,
    /// NAT.
    pub nat: Nat,
    /// Entries whose original source port is a service and whose destination port is not: picked up mid-stream.
    pub reversed: u64,
    /// Entries by zone of the original direction.
    pub zones: BTreeMap<u16, u64>,
    /// Expectations printed among the entries.
    pub expectations: u64,
    /// Damaged lines.
    pub damaged: BTreeMap<BlemishKind, Blemish>,
    /// Entries whose source is of that kind.
    pub source_kinds: BTreeMap<AddressKind, u64>,
    /// Entries whose destination is of that kind.
    pub destination_kinds: BTreeMap<AddressKind, u64>,
    /// Duplicate ids (or identical tuples) met and not counted.
    pub duplicates: u64,
    /// By original source.
    pub sources: Ranking<IpAddr>,
    /// By original destination.
    pub destinations: Ranking<IpAddr>,
    /// By peer.
    pub peers: Ranking<Peer>,
    /// By pair.
    pub pairs: Ranking<Pair>,
}

/// A key that is described exactly in the second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaderKey {
    /// An original source.
    Source(IpAddr),
    /// An original destination.
    Destination(IpAddr),
    /// A peer.
    Peer(Peer),
    /// A pair.
    Pair(Pair),
}

/// A number of distinct values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distinct {
    /// Exactly so many.
    Exactly(u64),
    /// More than [`DISTINCT_MAX`].
    More,
}

/// A leader, described exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Entries.
    pub entries: u64,
    /// By protocol, state and flags.
    pub classes: BTreeMap<Class, u64>,
    /// Remaining times by protocol and state.
    pub remaining: BTreeMap<(L4, Option<State>), Remaining>,
    /// Distinct other ends: destinations of a source or pair, sources of a destination or peer.
    pub other_ends: Distinct,
    /// Distinct original destination ports.
    pub destination_ports: Distinct,
    /// Distinct original source ports.
    pub source_ports: Distinct,
    /// Distinct zones.
    pub zones: Distinct,
    /// The eight commonest destination ports with their counts (exact while distinct ports are).
    pub common_ports: Vec<(u16, u64)>,
    /// NAT.
    pub nat: Nat,
    /// Reversed entries.
    pub reversed: u64,
    /// Packets and bytes in both directions, where accounting is on.
    pub packets_bytes: Option<(u64, u64)>,
    /// Distinct /24 (IPv4) or /64 (IPv6) networks of the sources.
    pub source_networks: Distinct,
}

/// Both looks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Who.
    pub who: Who,
    /// How: the leaders of each tally and every local address that occurs.
    pub how: BTreeMap<LeaderKey, Leader>,
    /// The second look read other bytes than the first (the file changed meanwhile).
    pub changed_between_looks: bool,
}
