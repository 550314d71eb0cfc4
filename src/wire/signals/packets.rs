//! Sums of packet-log lines on the wire: clocks in their order, and rows that name a clock by its place.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::flow::L4;
use crate::model::packets::{ClockId, Fate, Packet, PacketClock, PacketRow, Packets};
use crate::model::run::RunKey;
use crate::model::tally::Tally;
use crate::model::time::Moment;
use crate::wire::mirror::Mirror;

/// As [`Packets`].
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::wire) struct PacketsWire {
    doublings: u8,
    left_out: u64,
    clocks: Vec<ClockWire>,
    pairs: TallyWire,
    sources: TallyWire,
    ports: TallyWire,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClockWire {
    key: <RunKey as Mirror>::Wire,
    boot_index: u32,
    rollover: u32,
    first: <Moment as Mirror>::Wire,
    last: <Moment as Mirror>::Wire,
    /// Slot, and packets by fate: refused, passed, invalid, unknown.
    slots: Vec<(i64, [u64; 4])>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TallyWire {
    error: u64,
    rows: Vec<RowWire>,
}

/// Clock, slot, fate, source, protocol, port, whether it opens a connection, packets.
type RowWire = (ClockId, i64, <Fate as Mirror>::Wire, String, u8, Option<u16>, bool, u64);

impl Mirror for Packets {
    type Wire = PacketsWire;

    fn to_wire(&self) -> PacketsWire {
        let clock = |(key, (boot_index, rollover), _, clock): (&RunKey, _, _, &PacketClock)| ClockWire {
            key: key.to_wire(),
            boot_index,
            rollover,
            first: clock.first.to_wire(),
            last: clock.last.to_wire(),
            slots: clock.slots.iter().map(|(slot, counts)| (*slot, *counts)).collect(),
        };
        let [pairs, sources, ports] = self.tallies().map(|tally| TallyWire {
            error: tally.error(),
            rows: self.in_order(tally).into_iter().map(row_to_wire).collect(),
        });
        PacketsWire {
            doublings: self.doublings,
            left_out: self.left_out,
            clocks: self.clocks().map(clock).collect(),
            pairs,
            sources,
            ports,
        }
    }

    fn from_wire(wire: PacketsWire) -> Result<Self, String> {
        let mut packets = Self { doublings: wire.doublings, left_out: wire.left_out, ..Self::default() };
        for clock in wire.clocks {
            let key = RunKey::from_wire(clock.key)?;
            let given = clock.slots.len();
            let slots: BTreeMap<i64, [u64; 4]> = clock.slots.into_iter().collect();
            if given != slots.len() || given == 0 {
                return Err("a clock of packets without slots, or a slot that stands twice".to_owned());
            }
            let (first, last) = (Moment::from_wire(clock.first)?, Moment::from_wire(clock.last)?);
            packets.slots = packets.slots.saturating_add(given);
            let places = packets.clocks.entry(key).or_default();
            let clock_sums = (packets.next, PacketClock { first, last, slots });
            if places.insert((clock.boot_index, clock.rollover), clock_sums).is_some() {
                return Err("a clock of packets stands twice".to_owned());
            }
            packets.next = packets.next.saturating_add(1);
            packets.held = packets.held.saturating_add(1);
        }
        let known = packets.next;
        packets.pairs = tally(wire.pairs, known)?;
        packets.sources = tally(wire.sources, known)?;
        packets.ports = tally(wire.ports, known)?;
        Ok(packets)
    }
}

fn row_to_wire((row, count): (PacketRow, u64)) -> RowWire {
    let Packet { fate, source, l4, port, opens } = row.packet();
    (row.clock, row.slot, fate.to_wire(), source.to_wire(), l4.0, port, opens, count)
}

fn tally(wire: TallyWire, clocks: ClockId) -> Result<Tally<PacketRow>, String> {
    let mut rows = Vec::with_capacity(wire.rows.len());
    for (clock, slot, fate, source, l4, port, opens, count) in wire.rows {
        if clock >= clocks || count == 0 {
            return Err("a row of packets that counts nothing, or of no clock".to_owned());
        }
        let (fate, source) = (Fate::from_wire(fate)?, IpAddr::from_wire(source)?);
        rows.push((PacketRow::new(clock, slot, &Packet { fate, source, l4: L4(l4), port, opens }), count));
    }
    if rows.len() > 2 * crate::model::packets::PACKET_ROWS {
        return Err("more rows of packets than are kept".to_owned());
    }
    let given = rows.len();
    let tally = Tally::of_rows(rows, wire.error);
    if tally.rows().len() == given { Ok(tally) } else { Err("a row of packets stands twice".to_owned()) }
}
