//! Step 5: boots, and the tie between the printk clock and wall time.
//!
//! Lines that carry both clocks tie them: the median of (wall − since boot) over what was kept of a boot. Boots that a
//! log names are known by their id, others are counted along their track, and two whose ties agree are one.
//! A log without wall time (dmesg, kmsg) takes it from the boot whose lines stand at the same seconds since boot, or
//! from the only boot its host has; else it stays relative.

use std::collections::{BTreeMap, HashMap};

use super::hosts::Hosts;
use super::notes::{Notes, quoted};
use super::successors::Track;
use crate::model::run::{Run, RunKey, Ticks};
use crate::model::time::{BootId, DAY_US, Moment, SECOND_US};
use crate::sentence;

/// Ties of one boot agree within this: clocks drift and are set by small steps.
const SAME_BOOT_US: i64 = 60 * SECOND_US;
/// Lines of two logs that stand so close on the printk clock are the same line.
const SAME_LINE_US: i64 = 5 * SECOND_US;
/// Samples kept of one boot.
const SAMPLES_MAX: usize = 65_536;

/// One boot of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot {
    /// Host.
    pub(super) host: usize,
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
    let mut boots = Boots::default();
    let mut spans: Vec<Vec<(i64, i64)>> = Vec::new();
    let tied = slots.iter().filter_map(|(slot, got)| Some((slot, got, median(&got.samples)?)));
    let (named, counted): (Vec<_>, Vec<_>) = tied.partition(|(slot, ..)| slot.named.is_some());
    for (slot, got, tie) in named.into_iter().chain(counted) {
        let same = boots.list.iter().position(|boot| {
            boot.host == slot.host
                && (slot.named.is_none() || boot.id == slot.named)
                && boot.tie.is_some_and(|known| {
                    known.offset_us.abs_diff(tie.offset_us) <= SAME_BOOT_US.unsigned_abs()
                })
        });
        let at = same.unwrap_or_else(|| {
            boots.list.push(Boot { host: slot.host, id: slot.named, tie: Some(tie) });
            spans.push(Vec::new());
            boots.list.len() - 1
        });
        if let (Some(_), Some((track, _))) = (same.filter(|at| boots.list[*at].id.is_some()), slot.counted) {
            let path = quoted(tracks.get(track).map_or("", Track::path));
            notes.assume(
                "boot",
                sentence![path, "is of a boot that another log names: their clocks agree"],
                None,
            );
        }
        spans[at].extend(&got.spans);
        boots.of.insert(slot.clone(), at);
    }
    for (slot, got) in slots.iter().filter(|(_, got)| got.samples.is_empty()) {
        let at = borrow(slot, got, &boots, &spans, tracks).unwrap_or_else(|| {
            boots.list.push(Boot { host: slot.host, id: slot.named, tie: None });
            spans.push(Vec::new());
            boots.list.len() - 1
        });
        say_borrowed(slot, &boots.list[at], tracks, notes);
        spans[at].extend(&got.spans);
        boots.of.insert(slot.clone(), at);
    }
    boots
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

/// The boot a slot without wall time belongs to.
fn borrow(
    slot: &Slot,
    got: &Gathered,
    boots: &Boots,
    spans: &[Vec<(i64, i64)>],
    tracks: &[Track],
) -> Option<usize> {
    let of_host = || boots.list.iter().enumerate().filter(|(_, boot)| boot.host == slot.host);
    if slot.named.is_some() {
        return of_host().find(|(_, boot)| boot.id == slot.named).map(|(at, _)| at);
    }
    let mut matching: Vec<(usize, usize)> = of_host()
        .map(|(at, _)| (coincidences(&got.spans, spans.get(at).map_or(&[], Vec::as_slice)), at))
        .filter(|(same, _)| *same > 0)
        .collect();
    matching.sort_unstable_by(|a, b| b.cmp(a));
    match matching.as_slice() {
        [(_, at)] => return Some(*at),
        [(most, at), (next, _), ..] if most > next => return Some(*at),
        [] => {}
        _ => return None,
    }
    let mut all = of_host();
    let (at, boot) = all.next().filter(|_| all.next().is_none())?;
    let fits = boot.tie.is_some_and(|tie| ends_before_written(slot, got, tie, tracks));
    fits.then_some(at)
}

/// How many of these runs have a counterpart at the same seconds since boot.
fn coincidences(open: &[(i64, i64)], known: &[(i64, i64)]) -> usize {
    let mut known = known.to_vec();
    known.sort_unstable();
    let met = |(lo, hi): &&(i64, i64)| {
        let until = hi.saturating_add(SAME_LINE_US);
        let before = known.partition_point(|(begin, _)| *begin <= until);
        known.iter().take(before).rev().take(64).any(|(_, end)| end.saturating_add(SAME_LINE_US) >= *lo)
    };
    open.iter().filter(met).count()
}

/// With that tie, the slot's last line is not younger than the file it stands in.
fn ends_before_written(slot: &Slot, got: &Gathered, tie: Tie, tracks: &[Track]) -> bool {
    let track = slot.counted.and_then(|(track, _)| tracks.get(track));
    let modified = track.and_then(|t| t.members.last()).and_then(|member| member.hints.modified);
    let last = got.spans.iter().map(|(_, hi)| *hi).max();
    match (modified, last) {
        (Some(modified), Some(last)) => {
            last.saturating_add(tie.offset_us) <= modified.0.saturating_add(DAY_US)
        }
        _ => true,
    }
}

fn say_borrowed(slot: &Slot, boot: &Boot, tracks: &[Track], notes: &mut Notes) {
    let Some(track) = slot.counted.and_then(|(track, _)| tracks.get(track)) else { return };
    if boot.tie.is_some() {
        let text = sentence![
            quoted(track.path()),
            "counts seconds since boot only; its times come from another log of what is taken to be the same boot"
        ];
        notes.assume("boot", text, track.members.first().map(|member| &*member.id));
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
        let known = [(100 * SECOND_US, 110 * SECOND_US), (900 * SECOND_US, 900 * SECOND_US)];
        assert_eq!(
            coincidences(&[(114 * SECOND_US, 120 * SECOND_US), (500 * SECOND_US, 501 * SECOND_US)], &known),
            1
        );
        assert_eq!(coincidences(&[(80 * SECOND_US, 94 * SECOND_US)], &known), 0);
    }
}
