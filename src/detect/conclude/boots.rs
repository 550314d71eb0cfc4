//! Step 5: boots, and the tie between the printk clock and wall time.
//!
//! Lines that carry both clocks tie them: the median of (wall − since boot) over what was kept of a boot. Boots that a
//! log names are known by their id, others are counted along their track, and two whose ties agree are one.
//! A log without wall time (dmesg, kmsg) takes it from the boot whose lines stand at the same seconds since boot, or
//! from the only boot its host has; else it stays relative.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::hosts::Hosts;
use super::notes::{Notes, quoted};
use super::successors::Track;
use crate::model::bundle::BootTie;
use crate::model::run::{Run, RunKey, Ticks};
use crate::model::time::{BootId, DAY_US, Moment, SECOND_US};
use crate::sentence;

/// Ties of one boot agree within this: clocks drift and are set by small steps.
const SAME_BOOT_US: i64 = 60 * SECOND_US;
/// Lines of two logs that stand so close on the printk clock are the same line.
const SAME_LINE_US: i64 = 5 * SECOND_US;
/// Runs that are looked at to find one at the same seconds since boot.
const NEAR_RUNS_MAX: usize = 64;
/// Samples kept of one boot.
const SAMPLES_MAX: usize = 65_536;

/// One boot of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot {
    /// Its id, where a log names it.
    pub(super) id: Option<BootId>,
    /// Wall time minus since boot.
    pub(super) tie: Option<Tie>,
}

/// How far wall time is ahead of the printk clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tie {
    /// Microseconds to add to since boot.
    pub(super) offset_us: i64,
    /// How far single lines are off that.
    pub(super) spread_us: i64,
}

/// A boot as one track knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Slot {
    host: usize,
    /// The lines name the boot; tracks then agree.
    named: Option<BootId>,
    /// Else: track and boot separators before it.
    counted: Option<(usize, u32)>,
}

impl Slot {
    fn of(track: usize, host: usize, key: &RunKey, boot_index: u32) -> Self {
        let counted = key.boot.is_none().then_some((track, boot_index));
        Self { host, named: key.boot, counted }
    }

    fn track<'a>(&self, tracks: &'a [Track]) -> Option<&'a Track> {
        self.counted.and_then(|(track, _)| tracks.get(track))
    }
}

/// All boots.
#[derive(Debug, Default)]
pub(super) struct Boots {
    /// In a fixed order.
    pub(super) list: Vec<Boot>,
    of: HashMap<Slot, usize>,
}

impl Boots {
    /// The boot of a run; none where its lines have no printk clock and name none.
    pub(super) fn of(&self, track: usize, host: usize, key: &RunKey, boot_index: u32) -> Option<usize> {
        self.of.get(&Slot::of(track, host, key, boot_index)).copied()
    }
}

/// What is gathered of one slot.
#[derive(Debug, Default)]
struct Gathered {
    samples: Vec<i64>,
    /// Runs on the printk clock.
    spans: Vec<(i64, i64)>,
}

/// Finds the boots and ties each to wall time where its lines allow it.
pub(super) fn tie(tracks: &[Track], hosts: &Hosts, notes: &mut Notes) -> Boots {
    let slots = gather(tracks, hosts);
    let mut finder = Finder::default();
    // Boots with an id first, then those that may be one of them, then those without wall time of their own.
    for (slot, got) in slots.iter().filter(|(slot, _)| slot.named.is_some()) {
        let at = finder.named(slot, median(&got.samples));
        finder.settle(slot, got, at);
    }
    for (slot, got) in slots.iter().filter(|(slot, _)| slot.named.is_none()) {
        let Some(tie) = median(&got.samples) else { continue };
        let known = finder.of_tie(slot.host, tie);
        if known.and_then(|at| finder.boots.list.get(at)).is_some_and(|boot| boot.id.is_some()) {
            let path = quoted(slot.track(tracks).map_or("", Track::path));
            notes.assume(
                "boot",
                sentence![path, "is of a boot that another log names: their clocks agree"],
                None,
            );
        }
        let at = known.unwrap_or_else(|| finder.begin(slot, Some(tie)));
        finder.settle(slot, got, at);
    }
    for (slot, got) in slots.iter().filter(|(slot, got)| slot.named.is_none() && got.samples.is_empty()) {
        let borrowed = finder.borrow(slot, got, tracks);
        let saved = borrowed.is_none().then(|| saved_tie(slot, tracks)).flatten();
        let tie = saved.map(|saved| Tie { offset_us: saved.offset_us, spread_us: 0 });
        let at = borrowed.unwrap_or_else(|| finder.begin(slot, tie));
        match saved {
            Some(saved) => {
                finder.boots.list.iter_mut().skip(at).take(1).for_each(|boot| boot.id = saved.boot);
                say_saved(slot, tracks, notes);
            }
            None => say_borrowed(slot, finder.boots.list.get(at), tracks, notes),
        }
        finder.settle(slot, got, at);
    }
    finder.boots
}

/// Boots found so far, and what they are found by.
#[derive(Debug, Default)]
struct Finder {
    boots: Boots,
    by_id: HashMap<BootId, usize>,
    /// (host, tie, boot)
    by_tie: BTreeSet<(usize, i64, usize)>,
    /// Runs on the printk clock: (host, first, last, boot).
    spans: BTreeSet<(usize, i64, i64, usize)>,
    by_host: HashMap<usize, Vec<usize>>,
}

impl Finder {
    fn begin(&mut self, slot: &Slot, tie: Option<Tie>) -> usize {
        let at = self.boots.list.len();
        self.boots.list.push(Boot { id: slot.named, tie });
        self.by_host.entry(slot.host).or_default().push(at);
        self.by_tie.extend(tie.map(|tie| (slot.host, tie.offset_us, at)));
        at
    }

    fn named(&mut self, slot: &Slot, tie: Option<Tie>) -> usize {
        let known = slot.named.and_then(|id| self.by_id.get(&id).copied());
        let at = known.unwrap_or_else(|| self.begin(slot, tie));
        self.by_id.extend(slot.named.map(|id| (id, at)));
        at
    }

    /// The boot of a host whose tie is nearest, if it is near.
    fn of_tie(&self, host: usize, tie: Tie) -> Option<usize> {
        let from = (host, tie.offset_us.saturating_sub(SAME_BOOT_US), 0);
        let to = (host, tie.offset_us.saturating_add(SAME_BOOT_US), usize::MAX);
        let near = self.by_tie.range(from..=to).map(|(_, offset, at)| (offset.abs_diff(tie.offset_us), *at));
        near.min().map(|(_, at)| at)
    }

    fn settle(&mut self, slot: &Slot, got: &Gathered, at: usize) {
        self.spans.extend(got.spans.iter().map(|(lo, hi)| (slot.host, *lo, *hi, at)));
        self.boots.of.insert(slot.clone(), at);
    }

    /// The boot that lines without wall time belong to: the one whose lines stand at the same seconds, else the only
    /// one of the host if its tie does not put them behind the time their file was written.
    fn borrow(&self, slot: &Slot, got: &Gathered, tracks: &[Track]) -> Option<usize> {
        let mut met: Vec<(usize, usize)> =
            self.coincidences(slot.host, &got.spans).into_iter().map(|(at, times)| (times, at)).collect();
        met.sort_unstable_by(|a, b| b.cmp(a));
        match met.as_slice() {
            [] => {}
            [(most, _), (next, _), ..] if most == next => return None,
            [(_, at), ..] => return Some(*at),
        }
        let [only] = self.by_host.get(&slot.host)?.as_slice() else { return None };
        let tie = self.boots.list.get(*only)?.tie?;
        ends_before_written(slot, got, tie, tracks).then_some(*only)
    }

    /// How many of these runs have a counterpart at the same seconds since boot, by boot.
    fn coincidences(&self, host: usize, spans: &[(i64, i64)]) -> BTreeMap<usize, usize> {
        let mut times: BTreeMap<usize, usize> = BTreeMap::new();
        for (lo, hi) in spans {
            let until = (host, hi.saturating_add(SAME_LINE_US), i64::MAX, usize::MAX);
            let before = self.spans.range((host, i64::MIN, i64::MIN, 0)..=until).rev().take(NEAR_RUNS_MAX);
            let meets = before.filter(|(_, _, end, _)| end.saturating_add(SAME_LINE_US) >= *lo);
            let boots: BTreeSet<usize> = meets.map(|(.., at)| *at).collect();
            for at in boots {
                *times.entry(at).or_default() += 1;
            }
        }
        times
    }
}

fn gather(tracks: &[Track], hosts: &Hosts) -> BTreeMap<Slot, Gathered> {
    let mut slots: BTreeMap<Slot, Gathered> = BTreeMap::new();
    for (index, track) in tracks.iter().enumerate() {
        for (key, runs) in &track.piece.runs {
            let Some(host) = track.host_of(key, hosts) else { continue };
            for run in runs {
                let clocked = run.head.since_boot_us.is_some() || key.ticks == Ticks::SinceBoot;
                if !clocked && key.boot.is_none() {
                    continue;
                }
                let got = slots.entry(Slot::of(index, host, key, run.boot_index)).or_default();
                sample(track, run, &mut got.samples);
                if let (Ticks::SinceBoot, Some(lo), Some(hi)) = (key.ticks, run.lo, run.hi) {
                    got.spans.push((lo, hi));
                }
            }
        }
    }
    for (index, track) in tracks.iter().enumerate() {
        for (key, marks) in &track.piece.marks {
            let Some(host) = track.host_of(&key.key, hosts) else { continue };
            for mark in marks.iter().filter(|mark| mark.first.since_boot_us.is_some()) {
                let got = slots.entry(Slot::of(index, host, &key.key, mark.boot_index)).or_default();
                if got.samples.len() < SAMPLES_MAX {
                    got.samples.extend(tie_of(track, &mark.first, mark.rollover));
                }
            }
        }
    }
    slots
}

/// What a run's kept moments say of the tie.
fn sample(track: &Track, run: &Run, samples: &mut Vec<i64>) {
    let suppressions =
        [&run.first_suppression, &run.last_suppression].into_iter().flatten().map(|s| &s.moment);
    for moment in [&run.head, &run.tail].into_iter().chain(suppressions) {
        if samples.len() < SAMPLES_MAX {
            samples.extend(tie_of(track, moment, run.rollover));
        }
    }
}

fn tie_of(track: &Track, moment: &Moment, rollover: u32) -> Option<i64> {
    let wall = track.clock.read(moment.stamp?, rollover)?.us;
    wall.checked_sub(moment.since_boot_us?)
}

fn median(samples: &[i64]) -> Option<Tie> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let offset_us = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    let off = |sample: Option<&i64>| sample.map_or(0, |s| s.saturating_sub(offset_us).saturating_abs());
    Some(Tie { offset_us, spread_us: off(sorted.first()).max(off(sorted.last())) })
}

/// With that tie, the slot's last line is not younger than the file it stands in.
fn ends_before_written(slot: &Slot, got: &Gathered, tie: Tie, tracks: &[Track]) -> bool {
    let modified = slot.track(tracks).and_then(|t| t.members.last()).and_then(|member| member.hints.modified);
    let last = got.spans.iter().map(|(_, hi)| *hi).max();
    match (modified, last) {
        (Some(modified), Some(last)) => {
            last.saturating_add(tie.offset_us) <= modified.0.saturating_add(DAY_US)
        }
        _ => true,
    }
}

/// The tie that was saved beside a log, which holds for the last boot that the log counts.
fn saved_tie(slot: &Slot, tracks: &[Track]) -> Option<BootTie> {
    let (_, boot_index) = slot.counted?;
    let track = slot.track(tracks)?;
    let saved = track.members.last()?.hints.tie?;
    (boot_index == track.piece.boots).then_some(saved)
}

fn say_saved(slot: &Slot, tracks: &[Track], notes: &mut Notes) {
    let Some(track) = slot.track(tracks) else { return };
    let text = sentence![
        quoted(track.path()),
        "counts seconds since boot only; its times come from the clocks that were saved beside it"
    ];
    notes.assume("boot", text, track.members.first().map(|member| &*member.id));
}

fn say_borrowed(slot: &Slot, boot: Option<&Boot>, tracks: &[Track], notes: &mut Notes) {
    let Some(track) = slot.track(tracks) else { return };
    if boot.is_some_and(|boot| boot.tie.is_some()) {
        let text = sentence![
            quoted(track.path()),
            "counts seconds since boot only; its times come from another log of what is taken to be the same boot"
        ];
        notes.assume("boot", text, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tie_is_the_median_and_its_spread_what_single_lines_are_off() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[5, 1, 9]), Some(Tie { offset_us: 5, spread_us: 4 }));
        assert_eq!(median(&[i64::MIN, i64::MAX]).map(|tie| tie.offset_us), Some(i64::MIN));
    }

    #[test]
    fn runs_coincide_within_five_seconds() {
        let mut finder = Finder::default();
        let second = SECOND_US;
        finder.spans.extend([(0, 100 * second, 110 * second, 3), (0, 900 * second, 900 * second, 3)]);
        let open = [(114 * second, 120 * second), (500 * second, 501 * second)];
        assert_eq!(finder.coincidences(0, &open), [(3, 1)].into());
        assert_eq!(finder.coincidences(0, &[(80 * second, 94 * second)]), BTreeMap::new());
        assert_eq!(finder.coincidences(1, &open), BTreeMap::new(), "another host");
    }

    #[test]
    fn lines_without_wall_time_join_the_boot_whose_lines_they_meet() {
        let mut finder = Finder::default();
        let slot = |track| Slot { host: 0, named: None, counted: Some((track, 0)) };
        let got = |lo: i64| Gathered { samples: Vec::new(), spans: vec![(lo, lo)] };
        let tie = |offset_us| Some(Tie { offset_us, spread_us: 0 });
        for (track, lo) in [(0, 100 * SECOND_US), (1, 700 * SECOND_US)] {
            let at = finder.begin(&slot(track), tie(i64::try_from(track).expect("few") * DAY_US));
            finder.settle(&slot(track), &got(lo), at);
        }
        assert_eq!(finder.borrow(&slot(2), &got(701 * SECOND_US), &[]), Some(1));
        assert_eq!(finder.borrow(&slot(2), &got(400 * SECOND_US), &[]), None, "either boot could be meant");
    }
}
