//! Evidence lines near an incident, as facts. The same kinds far away from any incident are not told, but for what was
//! said of the limit since the machine booted.

use std::collections::{BTreeMap, BTreeSet};

use super::boots::Boots;
use super::forerunners::Events;
use super::hosts::Hosts;
use super::named;
use super::place::{self, Scale};
use super::successors::{OVERLAP_US, Track};
use crate::model::incident::{Around, Forerunner, Incident};
use crate::model::piece::{Mark, MarkKey};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::model::time::{SECOND_US, WallTime};
use crate::sentence;

/// How far around an incident evidence is looked for.
const NEAR_US: i64 = 600 * SECOND_US;
/// Earlier evidence that is looked through for one incident.
const EARLIER_MAX: usize = 4_096;
/// Facts listed for one incident.
const FACTS_MAX: usize = 64;

/// Evidence lines of all tracks, to be asked by time.
#[derive(Debug, Default)]
pub(super) struct Evidence<'a> {
    sums: Vec<Found<'a>>,
    /// First and last time of each, by host and scale, ascending.
    points: BTreeMap<(usize, Scale), Vec<(i64, usize)>>,
    /// What may come before incidents.
    events: Events,
}

#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    track: usize,
    kind: RelatedKind,
    mark: &'a Mark,
    first: i64,
    last: i64,
}

impl<'a> Evidence<'a> {
    /// Gathers the evidence lines of all tracks.
    pub(super) fn gather(tracks: &'a [Track], hosts: &Hosts, boots: &Boots) -> Self {
        let mut evidence = Self::default();
        for (index, track) in tracks.iter().enumerate() {
            for (MarkKey { key, kind }, marks) in &track.piece.marks {
                let Some(host) = track.host_of(key, hosts) else { continue };
                for mark in marks {
                    let boot = boots.of(index, host, key, mark.boot_index).map(|at| (at, boots));
                    let Some((scale, first, last)) = place::mark(track, key, mark, boot) else { continue };
                    evidence.events.add(host, scale, *kind, mark, first);
                    let found = Found { track: index, kind: *kind, mark, first, last };
                    evidence.add(host, scale, found);
                }
            }
        }
        for points in evidence.points.values_mut() {
            points.sort_unstable();
        }
        evidence
    }

    /// What came before incidents.
    pub(super) fn forerunners(&self, incidents: &[Incident]) -> Vec<Forerunner> {
        self.events.before(incidents)
    }

    fn add(&mut self, host: usize, scale: Scale, found: Found<'a>) {
        let at = self.sums.len();
        let points = self.points.entry((host, scale)).or_default();
        points.extend([(found.first, at), (found.last, at)]);
        self.sums.push(found);
    }

    /// What stands within ten minutes of `span`, and what was said of the limit earlier in that boot; of two logs that tell the same, `leader` is believed.
    pub(super) fn near(
        &self,
        host: usize,
        scale: Scale,
        span: (i64, i64),
        leader: usize,
        tracks: &[Track],
    ) -> Vec<Around> {
        let (begin, end) = (span.0.saturating_sub(NEAR_US), span.1.saturating_add(NEAR_US));
        let points = self.points.get(&(host, scale)).map_or(&[][..], Vec::as_slice);
        let from = points.partition_point(|(at, _)| *at < begin);
        let to = points.partition_point(|(at, _)| *at <= end);
        let near: BTreeSet<usize> =
            points.get(from..to).unwrap_or_default().iter().map(|(_, found)| *found).collect();
        let mut near: Vec<&Found<'_>> = near.into_iter().filter_map(|at| self.sums.get(at)).collect();
        near.extend(self.of_this_boot(points.get(..from).unwrap_or_default(), begin));
        near.sort_by_key(|found| (found.track != leader, found.track, found.first, found.kind));
        let mut kept: Vec<&Found<'_>> = Vec::new();
        for found in near {
            if kept.len() < FACTS_MAX && !kept.iter().any(|other| told(other, found)) {
                kept.push(found);
            }
        }
        kept.sort_by_key(|found| (found.first, found.kind, found.track));
        kept.into_iter().map(|found| fact(found, scale, (begin, end), tracks)).collect()
    }
}

/// Lines of other tables of the kernel, which are told of a host that has no incident at all.
const OTHER_TABLES: [RelatedKind; 7] = [
    RelatedKind::NeighbourOverflow,
    RelatedKind::TcpMemory,
    RelatedKind::OrphanedSockets,
    RelatedKind::TimeWaitOverflow,
    RelatedKind::ZoneLimit,
    RelatedKind::HashlimitFull,
    RelatedKind::IpvsNoDestination,
];

impl Evidence<'_> {
    /// Lines of other tables that are full, of hosts without an incident: (host, all lines of one kind). Logs may tell the
    /// same, so the one with most of them is believed.
    pub(super) fn of_other_tables(&self, incidents: &[Incident], tracks: &[Track]) -> Vec<(usize, Around)> {
        let mut logs: BTreeMap<(usize, RelatedKind, usize), Lines> = BTreeMap::new();
        for ((host, scale), points) in &self.points {
            if incidents.iter().any(|incident| incident.host == *host) {
                continue;
            }
            // Each sum has two points, its first and its last.
            for at in points.iter().map(|(_, at)| *at).collect::<BTreeSet<_>>() {
                let Some(found) = self.sums.get(at).filter(|found| OTHER_TABLES.contains(&found.kind)) else {
                    continue;
                };
                let lines = Lines { count: 0, first: at, scale: *scale };
                let lines = logs.entry((*host, found.kind, found.track)).or_insert(lines);
                lines.count = lines.count.saturating_add(found.mark.count);
            }
        }
        let mut fullest: BTreeMap<(usize, RelatedKind), Lines> = BTreeMap::new();
        for ((host, kind, _), lines) in logs {
            let most = fullest.entry((host, kind)).or_insert(lines);
            if lines.count > most.count {
                *most = lines;
            }
        }
        let told = |((host, _), lines): ((usize, RelatedKind), Lines)| {
            let found = self.sums.get(lines.first)?;
            let around = fact(found, lines.scale, (found.first, found.first), tracks);
            Some((host, Around { count: lines.count, ..around }))
        };
        fullest.into_iter().filter_map(told).collect()
    }
}

/// What puts the traffic of another machine on this one, or its entries into this one's table.
const TAKING_OVER: [RelatedKind; 2] = [RelatedKind::Failover, RelatedKind::EntriesInjected];
/// Of them, so many are kept of one host: the last ones.
const TAKEN_OVER_MAX: usize = 64;

impl Evidence<'_> {
    /// When machines took over from others, in order of time: (host, line). Logs may tell the same, so each is told once.
    /// What has no wall time is near no table.
    pub(super) fn of_taking_over(&self, tracks: &[Track]) -> Vec<(usize, Around)> {
        let mut out = Vec::new();
        for ((host, scale), points) in &self.points {
            if *scale != Scale::Wall {
                continue;
            }
            let mut kept: Vec<&Found<'_>> = Vec::new();
            // A sum has two points, its first and its last; its last one comes first here.
            for (_, at) in points.iter().rev() {
                let Some(found) = self.sums.get(*at).filter(|found| TAKING_OVER.contains(&found.kind)) else {
                    continue;
                };
                let known = kept.iter().any(|other| std::ptr::eq(*other, found) || told(other, found));
                if !known && kept.len() < TAKEN_OVER_MAX {
                    kept.push(found);
                }
            }
            let lines = kept.into_iter().rev();
            // Of a sum of several lines the last one tells: it is the nearest to a table behind it.
            out.extend(lines.map(|found| (*host, fact(found, *scale, (found.last, found.last), tracks))));
        }
        out
    }
}

/// All lines of one kind in one log.
#[derive(Debug, Clone, Copy)]
struct Lines {
    count: u64,
    /// Place of the first sum.
    first: usize,
    scale: Scale,
}

impl<'a> Evidence<'a> {
    /// What was said of the limit earlier in the same boot: it holds until the next one. The last line of each kind.
    fn of_this_boot(&self, earlier: &[(i64, usize)], begin: i64) -> Vec<&Found<'a>> {
        let mut found: Vec<&Found<'a>> = Vec::new();
        for (_, at) in earlier.iter().rev().take(EARLIER_MAX) {
            let Some(sum) = self.sums.get(*at).filter(|sum| sum.last < begin) else { continue };
            match sum.kind {
                RelatedKind::BootBegins => break,
                RelatedKind::LimitSet | RelatedKind::SettingRefused
                    if !found.iter().any(|other| other.kind == sum.kind) =>
                {
                    found.push(sum);
                }
                _ => {}
            }
        }
        found
    }
}

/// Another log tells the same at the same time.
fn told(kept: &Found<'_>, found: &Found<'_>) -> bool {
    kept.track != found.track
        && kept.kind == found.kind
        && found.first <= kept.last.saturating_add(OVERLAP_US)
        && kept.first <= found.last.saturating_add(OVERLAP_US)
}

fn fact(found: &Found<'_>, scale: Scale, window: (i64, i64), tracks: &[Track]) -> Around {
    let inside = (window.0..=window.1).contains(&found.first);
    let (at, moment) = if inside { (found.first, &found.mark.first) } else { (found.last, &found.mark.last) };
    Around {
        at: (scale == Scale::Wall).then_some(WallTime(at)),
        kind: found.kind,
        fact: words(found.kind, found.mark),
        from: tracks.get(found.track).map(|track| track.id_at(moment.offset)).unwrap_or_default(),
        count: found.mark.count,
        port: found.mark.port,
        capacity: found.mark.capacity,
        about: found.mark.about.iter().map(|(about, lines)| (about.clone(), *lines)).collect(),
    }
}

fn words(kind: RelatedKind, mark: &Mark) -> Sentence {
    match kind {
        RelatedKind::Capacity => match mark.capacity {
            Some(capacity) => sentence![
                "connection tracking was loaded with",
                Word::Count(capacity.buckets, noun::BUCKET),
                "and a limit of",
                Word::Count(capacity.max, noun::ENTRY)
            ],
            None => "connection tracking was loaded".into(),
        },
        RelatedKind::TimeWaitOverflow => "the bucket table of TIME_WAIT sockets was full".into(),
        RelatedKind::SynFlood => match mark.port {
            Some(port) => sentence![
                "the kernel suspected a SYN flood on port",
                Word::Port(port, crate::model::flow::L4::TCP)
            ],
            None => "the kernel suspected a SYN flood".into(),
        },
        RelatedKind::OrphanedSockets => "too many sockets had lost their process".into(),
        RelatedKind::NeighbourOverflow => "the neighbour table was full".into(),
        RelatedKind::Vmalloc => "the hash table did not fit into contiguous memory".into(),
        RelatedKind::BootBegins => "the machine booted".into(),
        _ => named::words(kind, mark),
    }
}
