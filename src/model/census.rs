//! What is summed up of a table: who holds it (every flow once) and how (the leaders exactly).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::address_kind::AddressKind;
use super::blemish::{Blemish, BlemishKind};
use super::flow::{L3, L4, Reply, State, Volume};

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

/// A port of one side of the connection, whatever the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortKey {
    /// Protocol.
    pub l4: L4,
    /// Port.
    pub port: u16,
}

/// What accounting says of a set of entries (`nf_conntrack_acct`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volumes {
    /// Entries that have volumes.
    pub entries: u64,
    /// Sum of their original directions.
    pub original: Volume,
    /// Sum of their reply directions.
    pub reply: Volume,
}

impl Volumes {
    /// These and those, saturating.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Volume, b: Volume| Volume {
            packets: a.packets.saturating_add(b.packets),
            bytes: a.bytes.saturating_add(b.bytes),
        };
        Self {
            entries: self.entries.saturating_add(other.entries),
            original: sum(self.original, other.original),
            reply: sum(self.reply, other.reply),
        }
    }
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
    /// How far the count of a row may be below the truth. 0: every row is exact, which after the second look is
    /// always so. It says nothing about keys that are not among the rows: while `distinct` is known, none of them
    /// has more entries than the last row; where it is not, at most so many and
    /// [`Who::entries`] / [`TALLY_KEYS`] more.
    pub error: u64,
    /// Distinct keys; none when the tally overflowed its bound (then: more than [`TALLY_KEYS`]).
    pub distinct: Option<u64>,
}

impl<K> Ranking<K> {
    /// Entries that a key may have which is not among the rows, where not all are counted exactly.
    fn unseen(&self, entries: u64) -> u64 {
        if self.distinct.is_some() { 0 } else { self.error.max(entries / TALLY_KEYS as u64) }
    }

    /// The rows that lead, in a table of so many entries: those above what keys may have that are not among the rows.
    /// Where every key occurs once, none does, and which ones are among the rows is an accident.
    pub fn leading(&self, entries: u64) -> &[Row<K>] {
        let many = usize::try_from(entries).is_ok_and(|entries| entries > LEADERS_MAX);
        let once = many && self.rows.first().is_some_and(|row| row.count <= 1);
        let end = self.rows.partition_point(|row| row.count > self.unseen(entries));
        self.rows.get(..end).filter(|_| !once).unwrap_or_default()
    }

    /// No key has more entries than this.
    pub fn most(&self, entries: u64) -> u64 {
        self.rows.first().map_or(0, |row| row.count).max(self.unseen(entries))
    }
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

/// Remaining times below this are kept to the second.
pub const REMAINING_EXACT_SECONDS: u32 = 1 << 10;
/// Width of the bins above [`REMAINING_EXACT_SECONDS`].
pub const REMAINING_BIN_SECONDS: u32 = 1 << 6;
/// Remaining times from here on (12 days) share one bin: wrapped timers of old kernels stand there.
pub const REMAINING_MAX_SECONDS: u32 = 1 << 20;

/// Entries by idle age, computed from their remaining times: idle age = timeout − remaining, because every packet sets
/// the timer back to the timeout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdleAges {
    /// Greatest idle age of a bin in seconds → entries. The true age lies below it by less than the bin's width
    /// ([`Remaining::width_seconds`] of `timeout − age`).
    pub bins: BTreeMap<u32, u64>,
    /// Entries with more time left than the timeout: their age is not known. The timeout was lowered after they were
    /// last seen, or a policy, an offload or a commit from outside gave them another one.
    pub above_timeout: u64,
    /// Entries without timeout: their age is not known.
    pub untimed: u64,
}

impl Remaining {
    /// Lower end of the bin that a remaining time falls into.
    pub fn bin(remaining_seconds: i64) -> u32 {
        let seconds = u32::try_from(remaining_seconds.max(0)).unwrap_or(u32::MAX);
        if seconds < REMAINING_EXACT_SECONDS {
            seconds
        } else if seconds < REMAINING_MAX_SECONDS {
            seconds - seconds % REMAINING_BIN_SECONDS
        } else {
            REMAINING_MAX_SECONDS
        }
    }

    /// Width in seconds of the bin with this lower end; none for the last one, which is open.
    pub fn width_seconds(lower_end: u32) -> Option<u32> {
        match lower_end {
            0..REMAINING_EXACT_SECONDS => Some(1),
            REMAINING_EXACT_SECONDS..REMAINING_MAX_SECONDS => Some(REMAINING_BIN_SECONDS),
            _ => None,
        }
    }

    /// Adds one entry.
    pub fn add(&mut self, remaining_seconds: Option<i64>) {
        match remaining_seconds {
            Some(seconds) => *self.bins.entry(Self::bin(seconds)).or_default() += 1,
            None => self.untimed += 1,
        }
    }

    /// All entries.
    pub fn entries(&self) -> u64 {
        self.bins.values().fold(self.untimed, |sum, count| sum.saturating_add(*count))
    }

    /// Idle ages under a timeout, which may be learnt long after the table was read. A bin that only begins at or
    /// below the timeout counts as below.
    pub fn idle_ages(&self, timeout_seconds: u32) -> IdleAges {
        let mut ages = IdleAges { untimed: self.untimed, ..IdleAges::default() };
        for (lower_end, count) in &self.bins {
            let age = timeout_seconds.checked_sub(*lower_end).filter(|_| *lower_end < REMAINING_MAX_SECONDS);
            let sum = match age {
                Some(age) => ages.bins.entry(age).or_default(),
                None => &mut ages.above_timeout,
            };
            *sum = sum.saturating_add(*count);
        }
        ages
    }
}

impl IdleAges {
    /// Entries idle for at least so long, to the width of a bin.
    pub fn at_least(&self, age_seconds: u32) -> u64 {
        self.bins.range(age_seconds..).map(|(_, count)| count).sum()
    }

    /// Entries with a known age.
    pub fn entries(&self) -> u64 {
        self.bins.values().sum()
    }
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
    /// Events and entries of lists that are not the table, printed among the entries and not counted.
    pub others: u64,
    /// Other lists in the same input, which had fewer entries and are not counted.
    pub listings: u64,
    /// Entries that the tool said it had shown; none where its last line was not kept.
    pub shown: Option<u64>,
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
    /// By original destination port: always exact.
    pub destination_ports: Ranking<PortKey>,
    /// By original source port: always exact. One port here is what a scanner, a peer-to-peer program or the answers of
    /// a service look like.
    pub source_ports: Ranking<PortKey>,
    /// What accounting says, by class; empty where it is off.
    pub volumes: BTreeMap<Class, Volumes>,
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
    /// An original destination port.
    DestinationPort(PortKey),
    /// An original source port.
    SourcePort(PortKey),
}

/// A number of distinct values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distinct {
    /// Exactly so many.
    Exactly(u64),
    /// More than [`DISTINCT_MAX`]. (Ports and zones, of which there are only 65,536, are always counted exactly.)
    More,
}

/// A leader, described exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Entries.
    pub entries: u64,
    /// By protocol, state and flags.
    pub classes: BTreeMap<Class, u64>,
    /// Remaining times by protocol and state. Empty, that is not known, where a hostile table spreads them over more
    /// bins than a leader may hold.
    pub remaining: BTreeMap<(L4, Option<State>), Remaining>,
    /// Distinct other ends: destinations of a source, pair or source port; sources of a destination, peer or
    /// destination port.
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
    /// Packets and bytes, where accounting is on.
    pub volumes: Option<Volumes>,
    /// Distinct /24 (IPv4) or /64 (IPv6) networks of the sources; not collected (0) for a source port.
    pub source_networks: Distinct,
}

impl Leader {
    /// A key that was looked for and has no entry.
    pub fn nothing() -> Self {
        let none = Distinct::Exactly(0);
        Self {
            entries: 0,
            classes: BTreeMap::new(),
            remaining: BTreeMap::new(),
            other_ends: none,
            destination_ports: none,
            source_ports: none,
            zones: none,
            common_ports: Vec::new(),
            nat: Nat::default(),
            reversed: 0,
            volumes: None,
            source_networks: none,
        }
    }
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
