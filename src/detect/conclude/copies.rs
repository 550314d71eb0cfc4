//! Step 6, second half: one line in several logs counts once.
//!
//! Runs of one host that stand within five seconds of each other, by the printk clock of one boot or else by wall
//! time, tell of the same seconds. Of the tracks that show a topic there one leads: the most trusted, of these the
//! one that shows most. Logs lose lines and never invent them, so the fullest is nearest the truth; adding
//! them up, or matching single lines by second and text, is wrong as soon as a daemon sums up repetitions. The
//! others count only for the time that the leader does not cover.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::place::{Placed, Scale};
use super::successors::{OVERLAP_US, Reach, ReachScale, Track};
use super::topics::{Topic, Topics};
use crate::model::record::Trust;
use crate::model::run::{Flush, Run, Ticks};
use crate::model::time::{DAY_US, StampKind};

/// A run that counts for a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    /// Index of the placed run.
    pub(super) run: usize,
    /// How much of it.
    pub(super) part: Part,
    /// Copies of it: indices of the runs of other tracks that show the topic in the same seconds.
    pub(super) group: usize,
}

/// How much of a run counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All.
    Whole,
    /// What stands outside the time that a better log covers.
    Outside {
        /// Lines surely about the topic.
        low: u64,
        /// Lines and refusals that may be about it.
        high: u64,
        /// Ends of that part on the scale.
        lo: i64,
        hi: i64,
    },
}

/// What counts, and what is a copy of what.
#[derive(Debug, Default)]
pub(super) struct Counting {
    /// By host, scale and topic, in order of time.
    pub(super) counted: BTreeMap<(usize, Scale, Topic), Vec<Counted>>,
    /// Groups of runs that tell of the same seconds.
    pub(super) groups: Vec<Vec<usize>>,
}

/// Decides which runs count.
pub(super) fn choose(runs: &[Placed], tracks: &[Track], topics: &Topics) -> Counting {
    let groups = group(runs);
    let mut counting = Counting::default();
    for (number, members) in groups.iter().enumerate() {
        let mut shown: BTreeSet<(Topic, Scale)> = BTreeSet::new();
        for &run in members {
            shown.extend(topics.shown(run).map(|topic| (topic.clone(), runs[run].scale)));
        }
        for (topic, scale) in shown {
            let Some(&first) = members.first() else { continue };
            let host = runs[first].host;
            let group = Group { runs, tracks, topics, members, number };
            let counted = group.count(&topic, scale);
            counting.counted.entry((host, scale, topic)).or_default().extend(counted);
        }
    }
    for ((_, _, topic), list) in &mut counting.counted {
        list.sort_by_key(|counted| {
            let (lo, hi) = ends(runs, topics, topic, counted);
            (lo, hi, counted.run)
        });
    }
    counting.groups = groups;
    counting
}

/// First and last time of what counts of a run.
pub(super) fn ends(runs: &[Placed], topics: &Topics, topic: &Topic, counted: &Counted) -> (i64, i64) {
    match counted.part {
        Part::Whole => topics.span(counted.run, &runs[counted.run], topic),
        Part::Outside { lo, hi, .. } => (lo, hi),
    }
}

/// Runs that tell of the same seconds, as groups of indices.
fn group(runs: &[Placed]) -> Vec<Vec<usize>> {
    let mut forest = Forest((0..runs.len()).collect());
    let limited: Vec<usize> = (0..runs.len()).filter(|at| runs[*at].is_limited()).collect();
    let on_scale =
        limited.iter().map(|&at| ((runs[at].host, Some(runs[at].scale), None), runs[at].lo, runs[at].hi, at));
    let since_boot = limited.iter().filter_map(|&at| {
        let (lo, hi) = runs[at].since_boot()?;
        Some(((runs[at].host, None, Some(runs[at].boot?)), lo, hi, at))
    });
    for mut spans in [on_scale.collect::<Vec<_>>(), since_boot.collect::<Vec<_>>()] {
        spans.sort_unstable();
        let mut open = None;
        for (clock, lo, hi, at) in spans {
            match &mut open {
                Some((of, until, first)) if *of == clock && lo <= i64::saturating_add(*until, OVERLAP_US) => {
                    *until = hi.max(*until);
                    forest.unite(*first, at);
                }
                _ => open = Some((clock, hi, at)),
            }
        }
    }
    for (before, at) in torn_repetitions(runs, &limited) {
        forest.unite(before, at);
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in limited {
        groups.entry(forest.root(at)).or_default().push(at);
    }
    groups.into_values().collect()
}

/// Runs that begin with a repetition record, each with the run before it in its log. The record carries the time of
/// the last copy and stands for copies at any time since the line before it, so it may tell of what other logs
/// show in the seconds of that earlier run.
fn torn_repetitions(runs: &[Placed], limited: &[usize]) -> Vec<(usize, usize)> {
    let mut order = limited.to_vec();
    order.sort_by_key(|&at| (runs[at].track, runs[at].host, runs[at].run.head.offset));
    let follows = |before: usize, at: usize| {
        let (before, run) = (&runs[before], &runs[at]);
        let repeats = run.run.lead.first.first().is_some_and(|token| token.repeated);
        repeats && (before.track, before.host) == (run.track, run.host)
    };
    let pairs = order.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
    pairs.filter(|(before, at)| follows(*before, *at)).collect()
}

struct Forest(Vec<usize>);

impl Forest {
    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// What makes a track lead, greatest first. Behind trust and fullness stand signs of an original: all uses of the
/// limiter, the finer clock, no step back, counts at the instant of
/// their messages.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    trust: Trust,
    visible: u64,
    tokens: u64,
    suppression_lines: u64,
    clock: Reverse<(Ticks, StampKind, u32, bool)>,
    torn_counts: Reverse<u64>,
    clock_steps: Reverse<u64>,
    track: Reverse<usize>,
}

/// Runs that tell of the same seconds, and what is known of them.
struct Group<'a> {
    runs: &'a [Placed],
    tracks: &'a [Track],
    topics: &'a Topics,
    members: &'a [usize],
    number: usize,
}

impl Group<'_> {
    fn of_track(&self, track: usize) -> impl Iterator<Item = usize> + Clone {
        self.members.iter().copied().filter(move |at| self.runs[*at].track == track)
    }

    fn rank(&self, topic: &Topic, track: usize) -> Option<Rank> {
        let shows = |at: &usize| self.topics.visible(*at, topic) > 0;
        let showing = || self.of_track(track).filter(shows).map(|at| &self.runs[at]);
        let sum = |value: &dyn Fn(usize) -> u64| {
            self.of_track(track).fold(0, |sum: u64, at| sum.saturating_add(value(at)))
        };
        let clock = |run: &Placed| (run.key.ticks, run.key.stamp, run.run.head.precision_us, run.run.back);
        Some(Rank {
            trust: showing().map(|run| run.key.trust).max()?,
            visible: sum(&|at| self.topics.visible(at, topic)),
            tokens: sum(&|at| self.runs[at].tokens()),
            suppression_lines: sum(&|at| self.runs[at].run.suppression_lines),
            clock: Reverse(showing().map(clock).max()?),
            torn_counts: Reverse(sum(&|at| torn_counts(&self.runs[at].run))),
            clock_steps: Reverse(self.tracks.get(track).map_or(0, |track| track.piece.clock_steps)),
            track: Reverse(track),
        })
    }

    /// What counts of a topic on a scale: all of the leader, and of the others what it does not cover.
    fn count(&self, topic: &Topic, scale: Scale) -> Vec<Counted> {
        let involved: BTreeSet<usize> = self.members.iter().map(|at| self.runs[*at].track).collect();
        let mut ranks: Vec<Rank> = involved.into_iter().filter_map(|track| self.rank(topic, track)).collect();
        ranks.sort_by(|a, b| b.cmp(a));
        let mut counted = Vec::new();
        let mut covered: Vec<(i64, i64)> = Vec::new();
        for Rank { track: Reverse(track), .. } in ranks {
            let own = self.of_track(track).filter(|at| self.runs[*at].scale == scale);
            for run in own.clone().filter(|at| self.topics.visible(*at, topic) > 0) {
                let placed = &self.runs[run];
                let alone = self.topics.shows_one(run, placed);
                let part = part_outside(placed, alone, &covered);
                counted.extend(part.map(|part| Counted { run, part, group: self.number }));
            }
            let span = own.clone().map(|at| (self.runs[at].lo, self.runs[at].hi)).reduce(wider);
            let first = own.clone().next().map(|at| &self.runs[at]);
            let reach = first.and_then(|run| coverage(self.tracks.get(track)?, run));
            if let Some((lo, hi)) = hull(span, reach) {
                covered.push((lo.saturating_sub(OVERLAP_US), hi.saturating_add(OVERLAP_US)));
            }
        }
        counted
    }
}

/// Suppression lines that do not stand at the instant of their message, as the kernel prints them.
fn torn_counts(run: &Run) -> u64 {
    let unseen = Flush::Unseen.index();
    let closed = run.closed.windows.iter().filter_map(|by_flush| by_flush.get(unseen));
    let first = run.first_suppression.as_ref().is_some_and(|first| first.flush == Flush::Unseen);
    closed.fold(u64::from(first), |sum, windows| sum.saturating_add(*windows))
}

fn wider(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn hull(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(wider(a, b)),
        (a, b) => a.or(b),
    }
}

/// From when to when a track tells of everything, on the scale of one of its runs.
pub(super) fn coverage(track: &Track, run: &Placed) -> Option<(i64, i64)> {
    if run.scale == Scale::Wall
        && let Some(reach) = Reach::on_wall(&track.piece, &track.clock)
    {
        return Some((reach.begin, reach.end));
    }
    let reach = Reach::of(&track.piece, &track.clock)?;
    match (reach.scale, run.scale) {
        // Anchors do not say which boot they are of; with one boot there is no question.
        (ReachScale::SinceBoot, Scale::Wall | Scale::Boot(_)) if track.piece.boots == 0 => {
            Some((run.on_scale(reach.begin), run.on_scale(reach.end)))
        }
        (ReachScale::Yearless, Scale::Yearless) => {
            let turns = i64::from(track.piece.rollovers).saturating_mul(-366 * DAY_US);
            Some((reach.begin.saturating_add(turns), reach.end))
        }
        _ => None,
    }
}

/// What of a run stands outside the covered time; none if nothing does. `alone`: all its lines are of the topic.
fn part_outside(run: &Placed, alone: bool, covered: &[(i64, i64)]) -> Option<Part> {
    let disjoint = |lo: i64, hi: i64| covered.iter().all(|(begin, end)| hi < *begin || lo > *end);
    if disjoint(run.lo, run.hi) {
        return Some(Part::Whole);
    }
    let width = super::timeline::width_us(run.run.bins.exponent);
    let (mut low, mut high) = (0_u64, 0_u64);
    let mut span: Option<(i64, i64)> = None;
    for (bin, (visible, suppressed)) in &run.run.bins.counts {
        let begin = run.on_scale(bin.saturating_mul(width)).max(run.lo);
        let end = run.on_scale(bin.saturating_add(1).saturating_mul(width)).saturating_sub(1).min(run.hi);
        if !disjoint(begin, end) {
            continue;
        }
        low = low.saturating_add(if alone { *visible } else { 0 });
        high = high.saturating_add(*visible).saturating_add(*suppressed);
        span = hull(span, Some((begin, end)));
    }
    let (lo, hi) = span?;
    (high > 0).then_some(Part::Outside { low, high, lo, hi })
}

#[cfg(test)]
mod tests {
    use super::super::hosts::Hosts;
    use super::super::notes::Notes;
    use super::super::testing::{placed, run, track};
    use super::*;

    fn counted(runs: &[Placed], tracks: &[Track]) -> Vec<(usize, Part)> {
        let counting = choose(runs, tracks, &Topics::learn(runs, &Hosts::default(), &mut Notes::default()));
        counting.counted.into_values().flatten().map(|counted| (counted.run, counted.part)).collect()
    }

    #[test]
    fn the_fullest_of_equally_trusted_logs_leads() {
        let tracks = [track("a", 0, 1_000), track("b", 0, 1_000)];
        let runs = [
            placed(0, Trust::Unverified, run(100, 110, 12)),
            placed(1, Trust::Unverified, run(103, 112, 20)),
        ];
        assert_eq!(counted(&runs, &tracks), [(1, Part::Whole)]);
    }

    #[test]
    fn a_trusted_log_leads_a_fuller_one() {
        let tracks = [track("a", 0, 1_000), track("b", 0, 1_000)];
        let runs = [
            placed(0, Trust::AsRecorded, run(100, 110, 12)),
            placed(1, Trust::Unverified, run(100, 110, 20)),
        ];
        assert_eq!(counted(&runs, &tracks), [(0, Part::Whole)]);
    }

    #[test]
    fn runs_apart_are_no_copies_although_a_log_covers_both() {
        let tracks = [track("a", 0, 1_000), track("b", 0, 1_000)];
        let runs = [
            placed(0, Trust::Unverified, run(100, 110, 12)),
            placed(1, Trust::Unverified, run(116, 120, 20)),
        ];
        assert_eq!(counted(&runs, &tracks), [(0, Part::Whole), (1, Part::Whole)]);
    }

    #[test]
    fn behind_the_end_of_the_leader_a_copy_counts() {
        let tracks = [track("a", 0, 110), track("b", 0, 1_000)];
        let runs = [
            placed(0, Trust::AsRecorded, run(100, 110, 12)),
            placed(1, Trust::Unverified, run(100, 130, 40)),
        ];
        let outside = Part::Outside { low: 24, high: 24, lo: 116_000_000, hi: 130_000_000 };
        assert_eq!(counted(&runs, &tracks), [(0, Part::Whole), (1, outside)]);
    }
}
