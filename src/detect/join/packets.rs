//! Packet-log lines: one more, and two sums joined.
//!
//! As with runs, slots of time get wider until they fit: the least width that fits does not depend on the order of
//! joins. Rows of who and where to are tallies with a bound on their error; while none was cut the order changes
//! nothing.

use std::collections::{BTreeMap, HashSet};

use super::Bounds;
use super::event::Said;
use crate::model::packets::{
    ClockId, Packet, PacketClock, PacketRow, Packets, Place, SLOT_DOUBLINGS_MAX, SLOT_US,
};
use crate::model::piece::Piece;
use crate::model::run::RunKey;
use crate::model::time::{Moment, Stamp};

/// Counts packets of one line, or of a line and its repetitions, at the end of a piece.
pub(crate) fn add(piece: &mut Piece, bounds: &Bounds, said: &Said<'_>, packet: &Packet, times: u64) {
    let packets = &mut piece.packets;
    let slot = slot(&said.moment, packets.doublings);
    let place = (said.boot_index, said.rollover);
    let is_behind_all = sorts_behind_all(packets, bounds, said.key, place);
    let known = packets.clocks.get_mut(said.key).and_then(|places| places.get_mut(&place));
    let (id, fresh) = match known {
        Some((id, clock)) => {
            clock.last = said.moment;
            (*id, count(clock, slot, packet, times))
        }
        None if is_behind_all => {
            packets.left_out = packets.left_out.saturating_add(times);
            return widen(packets, SLOT_DOUBLINGS_MAX);
        }
        None => {
            let slots = BTreeMap::new();
            let mut clock = PacketClock { first: said.moment, last: said.moment, slots };
            count(&mut clock, slot, packet, times);
            (insert(packets, said.key.clone(), place, clock), true)
        }
    };
    packets.slots += usize::from(fresh);
    packets.pairs.add_uncut(PacketRow::new(id, slot, packet), times);
    if fresh || packets.pairs.rows().len() > 2 * bounds.packet_rows {
        fit(packets, bounds);
    }
}

/// There are as many clocks as there may be, and all of them come before this one.
fn sorts_behind_all(packets: &Packets, bounds: &Bounds, key: &RunKey, place: Place) -> bool {
    if packets.held < bounds.packet_clocks {
        return false;
    }
    let last = packets.clocks.last_key_value();
    let last = last.and_then(|(key, places)| Some((key, *places.last_key_value()?.0)));
    last.is_some_and(|last| last < (key, place))
}

/// Adds to a slot; true if there was none.
fn count(clock: &mut PacketClock, slot: i64, packet: &Packet, times: u64) -> bool {
    let before = clock.slots.len();
    if let Some(sum) = clock.slots.entry(slot).or_default().get_mut(packet.fate as usize) {
        *sum = sum.saturating_add(times);
    }
    clock.slots.len() > before
}

fn insert(packets: &mut Packets, key: RunKey, place: Place, clock: PacketClock) -> ClockId {
    let id = packets.next;
    packets.next = packets.next.saturating_add(1);
    packets.held += 1;
    packets.clocks.entry(key).or_default().insert(place, (id, clock));
    id
}

/// The slot of a moment: by its stamp, which needs no boot to be placed, else by the printk clock.
fn slot(moment: &Moment, doublings: u8) -> i64 {
    let us = moment.stamp.map(Stamp::us).or(moment.since_boot_us).unwrap_or(0);
    us.div_euclid(SLOT_US) >> doublings.min(SLOT_DOUBLINGS_MAX)
}

/// Packets of the piece behind.
pub(crate) fn join(left: &mut Packets, mut right: Packets, bounds: &Bounds) {
    left.left_out = left.left_out.saturating_add(right.left_out);
    let doublings = left.doublings.max(right.doublings);
    widen(left, doublings);
    widen(&mut right, doublings);
    let mut names: BTreeMap<ClockId, ClockId> = BTreeMap::new();
    for (key, places) in std::mem::take(&mut right.clocks) {
        for (place, (old, clock)) in places {
            let known = left.clocks.get_mut(&key).and_then(|places| places.get_mut(&place));
            let id = match known {
                Some((id, ours)) => {
                    ours.last = clock.last;
                    absorb(ours, clock);
                    *id
                }
                None => insert(left, key.clone(), place, clock),
            };
            names.insert(old, id);
        }
    }
    left.slots = left.clocks().map(|(_, _, _, clock)| clock.slots.len()).sum();
    let from = right.tallies().map(std::clone::Clone::clone);
    for (ours, theirs) in left.tallies_mut().into_iter().zip(from) {
        ours.join_error(&theirs);
        for (row, count) in theirs.rows() {
            if let Some(clock) = names.get(&row.clock) {
                ours.add_uncut(PacketRow { clock: *clock, ..row }, count);
            }
        }
    }
    fit(left, bounds);
}

fn absorb(clock: &mut PacketClock, right: PacketClock) {
    for (slot, counts) in right.slots {
        let sums = clock.slots.entry(slot).or_default();
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum = sum.saturating_add(count);
        }
    }
}

/// Boot separators and rollovers of the left piece stand before all packets of the right one.
pub(crate) fn move_up(packets: &mut Packets, by: impl Fn(&RunKey) -> Place) {
    for (key, places) in &mut packets.clocks {
        let (boots, turns) = by(key);
        if (boots, turns) != (0, 0) {
            let moved = std::mem::take(places).into_iter();
            let moved = moved.map(|((boot, turn), clock)| {
                ((boot.saturating_add(boots), turn.saturating_add(turns)), clock)
            });
            *places = moved.collect();
        }
    }
}

fn fit(packets: &mut Packets, bounds: &Bounds) {
    while packets.held > bounds.packet_clocks {
        leave_last_out(packets);
    }
    while packets.slots > bounds.packet_slots && packets.doublings < SLOT_DOUBLINGS_MAX {
        widen(packets, packets.doublings + 1);
    }
    cut(packets, bounds.packet_rows);
}

/// Leaves out the clock that sorts last. From then on a slot has no bound, as with runs: a width found while clocks were
/// there that went later would depend on the order of joins. Its rows stay until there is need for room.
fn leave_last_out(packets: &mut Packets) {
    let Some((key, mut places)) = packets.clocks.pop_last() else { return };
    if let Some((_, (_, clock))) = places.pop_last() {
        let all = clock.slots.values().flatten();
        packets.left_out = all.fold(packets.left_out, |sum, count| sum.saturating_add(*count));
        packets.slots = packets.slots.saturating_sub(clock.slots.len());
        packets.held = packets.held.saturating_sub(1);
        packets.stale = true;
    }
    if !places.is_empty() {
        packets.clocks.insert(key, places);
    }
    widen(packets, SLOT_DOUBLINGS_MAX);
}

fn widen(packets: &mut Packets, doublings: u8) {
    let by = doublings.saturating_sub(packets.doublings);
    if by == 0 {
        return;
    }
    packets.doublings = doublings;
    for clock in packets.clocks_mut() {
        let mut wide = PacketClock { first: clock.first, last: clock.last, slots: BTreeMap::new() };
        for (slot, counts) in std::mem::take(&mut clock.slots) {
            let slots = [(slot >> by, counts)].into();
            absorb(&mut wide, PacketClock { first: clock.first, last: clock.last, slots });
        }
        *clock = wide;
    }
    packets.slots = packets.clocks().map(|(_, _, _, clock)| clock.slots.len()).sum();
    for tally in packets.tallies_mut() {
        tally.rename(|row| Some(PacketRow { slot: row.slot >> by, ..row }));
    }
}

/// Cuts what holds more than twice as many rows. What a pair loses, its source and its port keep.
fn cut(packets: &mut Packets, rows: usize) {
    let mut most = 2 * rows;
    if packets.stale && packets.tallies().iter().any(|tally| tally.rows().len() > most) {
        let there: HashSet<ClockId> = packets.clocks().map(|(_, _, id, _)| id).collect();
        for tally in packets.tallies_mut() {
            tally.rename(|row| there.contains(&row.clock).then_some(row));
        }
        packets.stale = false;
        // Sweeping for the sake of a few rows again and again would take as long as a stranger likes.
        most -= rows / 2;
    }
    let Packets { pairs, sources, ports, .. } = packets;
    if pairs.rows().len() > most {
        pairs.cut_to(rows, |row, taken| {
            sources.add_uncut(row.of_source(), taken);
            ports.add_uncut(row.of_port(), taken);
        });
    }
    for tally in [sources, ports] {
        if tally.rows().len() > most {
            tally.cut_to(rows, |_, _| {});
        }
    }
}
