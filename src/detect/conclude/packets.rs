//! Packet-log lines near an incident, as facts: whose packets never became entries, whose may have, and whether the
//! lines grew fewer while the table was full.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::boots::Boots;
use super::hosts::Hosts;
use super::place::{self, Scale};
use super::successors::Track;
use crate::model::flow::L4;
use crate::model::incident::Around;
use crate::model::packets::{ClockId, Fate, PacketRow};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::model::time::{SECOND_US, WallTime};
use crate::sentence;

/// How far around an incident packets are told of.
const NEAR_US: i64 = 600 * SECOND_US;
/// How far around it the usual rate is measured.
const USUAL_US: i64 = 1_800 * SECOND_US;
/// Sources told for each fate.
const SOURCES_TOLD: usize = 2;
/// A source is told by its name if it sent so many packets, …
const TELLING_PACKETS: u64 = 100;
/// … or one in so many.
const TELLING_SHARE: u64 = 5;
/// First packets of TCP to one port are from all over if there are so many of them, …
const FLOOD_PACKETS: u64 = 100;
/// … from so many sources, …
const FLOOD_SOURCES: usize = 32;
/// … of which none sent more than one in so many.
const FLOOD_SHARE: u64 = 5;
/// A dip is told where at least so many lines were to be expected.
const DIP_EXPECTED: u64 = 20;
/// Ports kept apart for one source.
const PORTS_MAX: usize = 4_096;

/// Packets of all tracks, to be asked by time.
#[derive(Debug, Default)]
pub(super) struct Traffic<'a> {
    /// By host and scale, ascending by their begin.
    slots: BTreeMap<(usize, Scale), Vec<Slot<'a>>>,
    /// By track, clock and slot.
    rows: BTreeMap<(usize, ClockId, i64), Vec<(Row, u64)>>,
}

#[derive(Debug, Clone, Copy)]
struct Slot<'a> {
    begin: i64,
    end: i64,
    track: usize,
    clock: ClockId,
    number: i64,
    counts: &'a [u64; 4],
    /// Where its clock begins in the track.
    offset: u64,
}

impl Slot<'_> {
    fn all(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// What a row counts.
#[derive(Debug, Clone, Copy)]
enum Row {
    Pair(PacketRow),
    Source(PacketRow),
    Port(PacketRow),
}

impl<'a> Traffic<'a> {
    /// Gathers the packets of all tracks.
    pub(super) fn gather(tracks: &'a [Track], hosts: &Hosts, boots: &Boots) -> Self {
        let mut traffic = Self::default();
        for (index, track) in tracks.iter().enumerate() {
            let packets = &track.piece.packets;
            let width = packets.width_us();
            for (key, (boot_index, rollover), id, clock) in packets.clocks() {
                let Some(host) = track.host_of(key, hosts) else { continue };
                let boot = boots.of(index, host, key, boot_index).map(|at| (at, boots));
                for (slot, counts) in &clock.slots {
                    let us = slot.saturating_mul(width);
                    let Some((scale, begin)) = place::slot(track, key, rollover, us, boot) else { continue };
                    traffic.slots.entry((host, scale)).or_default().push(Slot {
                        begin,
                        end: begin.saturating_add(width),
                        track: index,
                        clock: id,
                        number: *slot,
                        counts,
                        offset: clock.first.offset,
                    });
                }
            }
            let kinds: [fn(PacketRow) -> Row; 3] = [Row::Pair, Row::Source, Row::Port];
            for (tally, kind) in packets.tallies().into_iter().zip(kinds) {
                for (row, count) in tally.rows() {
                    traffic.rows.entry((index, row.clock, row.slot)).or_default().push((kind(row), count));
                }
            }
        }
        for slots in traffic.slots.values_mut() {
            slots.sort_by_key(|slot| (slot.begin, slot.track, slot.clock));
        }
        traffic
    }

    /// What stands around `span`; of several logs, that of `leader` if it has any packets, else the fullest one: the
    /// same lines often stand in three files.
    pub(super) fn near(
        &self,
        host: usize,
        scale: Scale,
        span: (i64, i64),
        leader: usize,
        tracks: &[Track],
    ) -> Vec<Around> {
        let slots = self.slots.get(&(host, scale)).map_or(&[][..], Vec::as_slice);
        let around = |reach: i64| {
            let (from, to) = (span.0.saturating_sub(reach), span.1.saturating_add(reach));
            let behind = slots.partition_point(|slot| slot.begin <= to);
            slots.iter().take(behind).filter(move |slot| slot.end > from)
        };
        let mut by_track: BTreeMap<usize, u64> = BTreeMap::new();
        for slot in around(NEAR_US) {
            let sum = by_track.entry(slot.track).or_default();
            *sum = sum.saturating_add(slot.all());
        }
        let fullest = || by_track.iter().max_by_key(|(track, sum)| (**sum, std::cmp::Reverse(**track)));
        let Some(chosen) = by_track.get_key_value(&leader).or_else(fullest).map(|(track, _)| *track) else {
            return Vec::new();
        };
        let Some(track) = tracks.get(chosen) else { return Vec::new() };
        let own: Vec<&Slot<'_>> = around(NEAR_US).filter(|slot| slot.track == chosen).collect();
        let usual: Vec<&Slot<'_>> = around(USUAL_US).filter(|slot| slot.track == chosen).collect();
        let mut facts = self.who(&own, track.piece.packets.error() > 0);
        facts.extend(dip(&usual, span));
        let begin = own.first().map_or(0, |slot| slot.begin);
        let from = own.first().map(|slot| track.id_at(slot.offset)).unwrap_or_default();
        let told = facts.into_iter().map(|fact| Around {
            at: (scale == Scale::Wall).then_some(WallTime(fact.at.unwrap_or(begin))),
            kind: fact.kind,
            fact: fact.words,
            from: from.clone(),
            count: fact.packets,
            port: fact.port,
            capacity: None,
            about: Vec::new(),
        });
        told.collect()
    }

    fn who(&self, slots: &[&Slot<'_>], inexact: bool) -> Vec<Fact> {
        let (Some(begin), Some(end)) =
            (slots.iter().map(|slot| slot.begin).min(), slots.iter().map(|slot| slot.end).max())
        else {
            return Vec::new();
        };
        let time = Word::Duration(end.saturating_sub(begin) as f64 / SECOND_US as f64);
        let mut sums = Sums::default();
        for slot in slots {
            for (sum, count) in sums.totals.iter_mut().zip(slot.counts) {
                *sum = sum.saturating_add(*count);
            }
            for (row, count) in self.rows.get(&(slot.track, slot.clock, slot.number)).into_iter().flatten() {
                sums.add(*row, *count);
            }
        }
        let mut facts = Vec::new();
        for fate in Fate::ALL {
            facts.extend(sums.of_fate(fate, &time, inexact));
        }
        facts.extend(sums.flood(&time));
        facts
    }
}

/// A fact in the making.
struct Fact {
    kind: RelatedKind,
    at: Option<i64>,
    words: Sentence,
    packets: u64,
    port: Option<u16>,
}

/// Packets around one incident.
#[derive(Debug, Default)]
struct Sums {
    totals: [u64; 4],
    sources: BTreeMap<(Fate, IpAddr), OfSource>,
    opening: BTreeMap<u16, OfPort>,
}

/// Packets of one source.
#[derive(Debug, Default)]
struct OfSource {
    packets: u64,
    ports: BTreeMap<(L4, u16), u64>,
}

/// First packets of TCP to one port.
#[derive(Debug, Default)]
struct OfPort {
    packets: u64,
    sources: BTreeMap<IpAddr, u64>,
}

impl Sums {
    fn add(&mut self, row: Row, count: u64) {
        let more = |sum: &mut u64| *sum = sum.saturating_add(count);
        let (Row::Pair(counted) | Row::Source(counted) | Row::Port(counted)) = row;
        let packet = counted.packet();
        if !matches!(row, Row::Port(_)) {
            let source = self.sources.entry((packet.fate, packet.source)).or_default();
            more(&mut source.packets);
            if let Some(port) = packet.port
                && source.ports.len() < PORTS_MAX
            {
                more(source.ports.entry((packet.l4, port)).or_default());
            }
        }
        // What was refused, or fits no entry, floods no table.
        let may_stay = matches!(packet.fate, Fate::Passed | Fate::Unknown);
        if let Some(port) = packet.port.filter(|_| packet.opens && may_stay) {
            let of_port = self.opening.entry(port).or_default();
            more(&mut of_port.packets);
            if matches!(row, Row::Pair(_)) {
                more(of_port.sources.entry(packet.source).or_default());
            }
        }
    }

    fn of_fate(&self, fate: Fate, time: &Word, inexact: bool) -> Vec<Fact> {
        let total = self.totals.get(fate as usize).copied().unwrap_or(0);
        if total == 0 {
            return Vec::new();
        }
        let mut sources: Vec<(IpAddr, &OfSource)> = self
            .sources
            .range((fate, IpAddr::from([0, 0, 0, 0]))..)
            .take_while(|((of, _), _)| *of == fate)
            .map(|((_, address), source)| (*address, source))
            .collect();
        sources.sort_by_key(|(address, source)| (std::cmp::Reverse(source.packets), *address));
        let telling = |source: &OfSource| {
            source.packets >= TELLING_PACKETS || source.packets.saturating_mul(TELLING_SHARE) >= total
        };
        let told: Vec<Fact> = sources
            .iter()
            .filter(|(_, source)| telling(source))
            .take(SOURCES_TOLD)
            .map(|(address, source)| source.fact(fate, *address, time, inexact))
            .collect();
        if !told.is_empty() {
            return told;
        }
        let words = sentence![Word::Count(total, noun::PACKET), "from many sources"];
        vec![finished(fate, words, total, None, time)]
    }

    fn flood(&self, time: &Word) -> Option<Fact> {
        let from_all_over = |of_port: &&OfPort| {
            let most = of_port.sources.values().max().copied().unwrap_or(0);
            of_port.packets >= FLOOD_PACKETS
                && of_port.sources.len() >= FLOOD_SOURCES
                && most.saturating_mul(FLOOD_SHARE) <= of_port.packets
        };
        let flooded = self.opening.iter().filter(|(_, of_port)| from_all_over(of_port));
        let (port, of_port) = flooded.max_by_key(|(port, of)| (of.packets, std::cmp::Reverse(**port)))?;
        Some(Fact {
            kind: RelatedKind::PacketsOpening,
            at: None,
            words: sentence![
                Word::Count(of_port.packets, noun::PACKET),
                "that open a connection came from at least",
                Word::Count(of_port.sources.len() as u64, noun::SOURCE),
                "to port",
                Word::Port(*port, L4::TCP),
                "within",
                time.clone()
            ],
            packets: of_port.packets,
            port: Some(*port),
        })
    }
}

impl OfSource {
    fn fact(&self, fate: Fate, address: IpAddr, time: &Word, inexact: bool) -> Fact {
        let mut words = Sentence::default();
        if inexact {
            words = words.with("at least");
        }
        words = words.with(Word::Count(self.packets, noun::PACKET)).with("from").with(address);
        let mut ports: Vec<(&(L4, u16), &u64)> = self.ports.iter().collect();
        ports.sort_by_key(|(port, count)| (std::cmp::Reverse(**count), **port));
        let mut only = None;
        if let Some(((l4, port), count)) = ports.first() {
            let nearly_all = count.saturating_mul(10) >= self.packets.saturating_mul(9);
            if nearly_all {
                words = words.with("to port").with(Word::Port(*port, *l4));
                only = Some(*port);
            } else {
                words = words.with("to");
                if inexact || ports.len() >= PORTS_MAX {
                    words = words.with("at least");
                }
                words = words.with(Word::Count(ports.len() as u64, noun::PORT));
            }
        }
        finished(fate, words, self.packets, only, time)
    }
}

/// The rest of a sentence: what became of the packets, and what follows.
fn finished(fate: Fate, words: Sentence, packets: u64, port: Option<u16>, time: &Word) -> Fact {
    let (kind, became, follows) = match fate {
        Fate::Refused => {
            (RelatedKind::PacketsRefused, "were refused by a firewall within", "and never became entries")
        }
        Fate::Passed => {
            (RelatedKind::PacketsPassed, "were logged and let through within", "and may have become entries")
        }
        Fate::Invalid => (
            RelatedKind::PacketsInvalid,
            "fitted no entry within",
            ", as packets do of connections that go on behind a flush, a restart or a short timeout",
        ),
        Fate::Unknown => (
            RelatedKind::PacketsLogged,
            "were logged within",
            "by a rule whose prefix does not say what became of them",
        ),
    };
    let words = words.with(became).with(time.clone()).with(follows);
    Fact { kind, at: None, words, packets, port }
}

/// Fewer lines while the table was full: half or less of what was usual before and behind, in a log that went on.
fn dip(slots: &[&Slot<'_>], (start, end): (i64, i64)) -> Option<Fact> {
    let first = slots.first()?;
    let width = first.end.saturating_sub(first.begin);
    let phase = first.begin.rem_euclid(width);
    let floor =
        |at: i64| at.saturating_sub(phase).div_euclid(width).saturating_mul(width).saturating_add(phase);
    // Whole slots only: what lies across the begin or the end is neither inside nor outside.
    let (inside_from, inside_to) = (floor(start.saturating_sub(1)).saturating_add(width), floor(end));
    let (outside_to, outside_from) = (floor(start), floor(end).saturating_add(width));
    let last = slots.iter().map(|slot| slot.end).max()?;
    let sum = |from: i64, to: i64| {
        let within = slots.iter().filter(|slot| slot.begin >= from && slot.end <= to);
        within.fold(0, |sum: u64, slot| sum.saturating_add(slot.all()))
    };
    let steps = |from: i64, to: i64| u64::try_from(to.saturating_sub(from) / width).unwrap_or(0);
    let inside = (sum(inside_from, inside_to), steps(inside_from, inside_to));
    let before = (sum(first.begin, outside_to), steps(first.begin, outside_to));
    let behind = (sum(outside_from, last), steps(outside_from, last));
    let usual = (before.0.saturating_add(behind.0), before.1.saturating_add(behind.1));
    if inside.1 < 2 || before.1 < 2 || behind.1 < 2 {
        return None;
    }
    let expected = usual.0.saturating_mul(inside.1) / usual.1;
    if expected < DIP_EXPECTED || inside.0.saturating_mul(2) > expected {
        return None;
    }
    let rate = |(count, steps): (u64, u64)| count as f64 / (steps as f64 * width as f64 / SECOND_US as f64);
    Some(Fact {
        kind: RelatedKind::PacketsDip,
        at: Some(start),
        words: sentence![
            "lines of the packet filter fell from",
            Word::Rate(rate(usual)),
            "to",
            Word::Rate(rate(inside)),
            "while the table was full, since new packets are lost before they come to its rules"
        ],
        packets: inside.0,
        port: None,
    })
}
