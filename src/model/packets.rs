//! Lines that the packet filter logs (`[UFW BLOCK] IN=eth0 OUT= … SRC=… DST=…`), summed up: who sent packets to which
//! port, and what became of them.
//!
//! What they can mean: a packet that a rule refused never became an entry, since an entry is confirmed behind the last
//! rule; one that was let through may have; one that fits no entry (`INVALID`) is picked up or dropped, and many first
//! packets of TCP to one port from all over are a flood. And while the table is full new packets die in front of
//! routing and filter, so that their lines grow *fewer*. The sums say nothing of packets for which no rule logs.
//!
//! Counts are exact while there are at most `2 · PACKET_ROWS` rows (time slot × fate × source × port). Above, they are
//! those of the census's tallies: never above the truth, and below it by at most the tally's error, whatever the order;
//! which ones are kept then depends on where a stream was cut.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use super::flow::L4;
use super::run::RunKey;
use super::tally::Tally;
use super::time::Moment;

/// Rows that a cut leaves of each tally.
pub const PACKET_ROWS: usize = 16_384;
/// Time slots kept for one stream. Above it their width doubles.
pub const PACKET_SLOTS_MAX: usize = 8_192;
/// Clocks (host words, boots, turns of the year) kept for one stream: the first ones in their order. Packets of the
/// others are counted in [`Packets::left_out`].
pub const PACKET_CLOCKS_MAX: usize = 1_024;
/// Width of a slot before any doubling.
pub const SLOT_US: i64 = 64 * super::time::SECOND_US;
/// With so many doublings all of time is two slots, one before 1970 and one behind it.
pub const SLOT_DOUBLINGS_MAX: u8 = 37;

/// What became of a packet, by the words of the rule's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// BLOCK, DROP, REJECT, DENY: it never became an entry.
    Refused,
    /// ALLOW, ACCEPT, AUDIT: it may be one.
    Passed,
    /// INVALID: it fits no entry.
    Invalid,
    /// The prefix does not say.
    Unknown,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Passed, Self::Invalid, Self::Unknown];
}

/// One logged packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    /// What became of it.
    pub fate: Fate,
    /// Its source.
    pub source: IpAddr,
    /// Its protocol.
    pub l4: L4,
    /// Its destination port, where the protocol has ports and the packet is not a later fragment.
    pub port: Option<u16>,
    /// The first packet of a TCP connection: SYN without ACK.
    pub opens: bool,
}

/// Packets of one clock: of one host word, boot and year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketClock {
    /// First line in byte order.
    pub first: Moment,
    /// Last line in byte order.
    pub last: Moment,
    /// Packets by slot of time (the stamp's, else since boot) and [`Fate`].
    pub slots: BTreeMap<i64, [u64; 4]>,
}

/// A clock's number within one [`Packets`].
pub(crate) type ClockId = u32;

/// Boot separators and turns of the year before a clock's packets.
pub(crate) type Place = (u32, u32);

/// Sums of a stream's packets.
#[derive(Debug, Clone, Default)]
pub struct Packets {
    /// By the key that a run of such lines would have, and by boot separators and rollovers before them.
    pub(crate) clocks: BTreeMap<RunKey, BTreeMap<Place, (ClockId, PacketClock)>>,
    /// The next clock's number.
    pub(crate) next: ClockId,
    /// How many clocks there are.
    pub(crate) held: usize,
    /// Rows of clocks that were left out may still be there.
    pub(crate) stale: bool,
    /// Slots of all clocks.
    pub(crate) slots: usize,
    /// The width of slots was doubled this many times.
    pub doublings: u8,
    /// Packets of clocks beyond [`PACKET_CLOCKS_MAX`].
    pub left_out: u64,
    /// By slot, fate, source and port.
    pub(crate) pairs: Tally<PacketRow>,
    /// What was cut from pairs, by source; and by port.
    pub(crate) sources: Tally<PacketRow>,
    pub(crate) ports: Tally<PacketRow>,
}

/// A row of a tally. In the tally of sources `port`, `l4` and `opens` are unset, in that of ports `source` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PacketRow {
    pub(crate) source: (u64, u64),
    pub(crate) slot: i64,
    pub(crate) clock: ClockId,
    pub(crate) port: u32,
    pub(crate) fate: Fate,
    pub(crate) l4: L4,
    pub(crate) opens: bool,
}

/// No port.
const NO_PORT: u32 = 1 << 16;

impl PacketRow {
    pub(crate) fn new(clock: ClockId, slot: i64, packet: &Packet) -> Self {
        let bits = match packet.source {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        Self {
            source: (half(bits >> 64), half(bits)),
            slot,
            clock,
            port: packet.port.map_or(NO_PORT, u32::from),
            fate: packet.fate,
            l4: packet.l4,
            opens: packet.opens,
        }
    }

    /// The packet that it counts.
    pub(crate) fn packet(&self) -> Packet {
        let bits = u128::from(self.source.0) << 64 | u128::from(self.source.1);
        Packet {
            fate: self.fate,
            source: IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical(),
            l4: self.l4,
            port: u16::try_from(self.port).ok(),
            opens: self.opens,
        }
    }

    /// The row of its source.
    pub(crate) fn of_source(self) -> Self {
        Self { port: NO_PORT, l4: L4(0), opens: false, ..self }
    }

    /// The row of its port.
    pub(crate) fn of_port(self) -> Self {
        Self { source: (0, 0), ..self }
    }
}

impl Packets {
    /// Nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.clocks.is_empty()
    }

    /// Microseconds of a slot.
    pub fn width_us(&self) -> i64 {
        SLOT_US.saturating_mul(1_i64.checked_shl(u32::from(self.doublings)).unwrap_or(i64::MAX))
    }

    /// Clocks in their order: key, boot separators and rollovers before, number, sums.
    pub(crate) fn clocks(&self) -> impl Iterator<Item = (&RunKey, Place, ClockId, &PacketClock)> {
        self.clocks.iter().flat_map(|(key, places)| {
            places.iter().map(move |(place, (id, clock))| (key, *place, *id, clock))
        })
    }

    /// The same, to be changed.
    pub(crate) fn clocks_mut(&mut self) -> impl Iterator<Item = &mut PacketClock> {
        self.clocks.values_mut().flat_map(|places| places.values_mut().map(|(_, clock)| clock))
    }

    /// Keys of its clocks.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &RunKey> {
        self.clocks.keys()
    }

    /// The three tallies: pairs, sources, ports.
    pub(crate) fn tallies(&self) -> [&Tally<PacketRow>; 3] {
        [&self.pairs, &self.sources, &self.ports]
    }

    /// The three tallies, to be changed.
    pub(crate) fn tallies_mut(&mut self) -> [&mut Tally<PacketRow>; 3] {
        [&mut self.pairs, &mut self.sources, &mut self.ports]
    }

    /// How far the counts of rows may be below the truth.
    pub fn error(&self) -> u64 {
        self.tallies().iter().fold(0, |sum: u64, tally| sum.saturating_add(tally.error()))
    }

    /// Rows of all tallies.
    pub fn rows(&self) -> usize {
        self.tallies().iter().map(|tally| tally.rows().len()).sum()
    }

    /// Packets counted, by the slots: exact always.
    pub fn count(&self) -> u64 {
        let all = self.clocks().flat_map(|(_, _, _, clock)| clock.slots.values().flatten());
        all.fold(self.left_out, |sum, count| sum.saturating_add(*count))
    }

    /// Packets of a source, as far as the rows know.
    pub fn count_of(&self, source: IpAddr) -> u64 {
        let of_source = |tally: &Tally<PacketRow>| {
            let rows = self.in_order(tally).into_iter().filter(|(row, _)| row.packet().source == source);
            rows.fold(0, |sum: u64, (_, count)| sum.saturating_add(count))
        };
        of_source(&self.pairs).saturating_add(of_source(&self.sources))
    }

    /// Rows of a tally in an order that neither numbers nor history change: the clocks are numbered by their order.
    pub(crate) fn in_order(&self, tally: &Tally<PacketRow>) -> Vec<(PacketRow, u64)> {
        let numbers: BTreeMap<ClockId, ClockId> =
            self.clocks().zip(0..).map(|((_, _, id, _), number)| (id, number)).collect();
        let renumbered = |(row, count): (PacketRow, u64)| {
            // Rows of a clock that was left out count no more.
            Some((PacketRow { clock: *numbers.get(&row.clock)?, ..row }, count))
        };
        let mut rows: Vec<(PacketRow, u64)> = tally.rows().filter_map(renumbered).collect();
        rows.sort_unstable();
        rows
    }
}

/// Equal are packets that say the same, however their clocks are numbered.
impl PartialEq for Packets {
    fn eq(&self, other: &Self) -> bool {
        let bare = |packets: &Self| (packets.doublings, packets.left_out, packets.slots);
        let clocks = || {
            let bare = |(key, place, _, clock)| (key, place, clock);
            self.clocks().map(bare).eq(other.clocks().map(bare))
        };
        let tallies = || {
            self.tallies().into_iter().zip(other.tallies()).all(|(ours, theirs)| {
                ours.error() == theirs.error() && self.in_order(ours) == other.in_order(theirs)
            })
        };
        bare(self) == bare(other) && clocks() && tallies()
    }
}

impl Eq for Packets {}
