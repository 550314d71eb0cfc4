//! Puts every run of every track on a scale: wall time where it can be known, else the best clock that is left.

use super::boots::Boots;
use super::civil::CLOCK_CHANGE_US;
use super::hosts::Hosts;
use super::successors::Track;
use crate::model::incident::TimeBasis;
use crate::model::piece::{BACK_US, Mark};
use crate::model::run::{Run, RunKey, Ticks};
use crate::model::time::{DAY_US, Moment, Stamp, StampKind};

/// A clock on which runs of one host may be compared. Runs on different scales never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scale {
    /// UTC.
    Wall,
    /// Since the boot of that index.
    Boot(usize),
    /// Stamps of an unknown year, counted back from the end of their log.
    Yearless,
    /// No clock at all.
    Untimed,
}

/// A run with its place.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// Index of the track.
    pub(super) track: usize,
    /// Index of the host.
    pub(super) host: usize,
    /// Index of the boot, where known.
    pub(super) boot: Option<usize>,
    /// Its key.
    pub(super) key: RunKey,
    /// The run.
    pub(super) run: Run,
    /// Its clock.
    pub(super) scale: Scale,
    /// Microseconds to add to the run's own clock to be on the scale.
    pub(super) shift_us: i64,
    /// First and last signal on the scale.
    pub(super) lo: i64,
    pub(super) hi: i64,
    /// Where its times come from.
    pub(super) basis: TimeBasis,
    /// How far they may be off.
    pub(super) doubt_us: i64,
}

impl Placed {
    /// A time of the run's own clock on the scale.
    pub(super) fn on_scale(&self, tick: i64) -> i64 {
        tick.saturating_add(self.shift_us)
    }

    /// First and last signal since boot, where the run has that clock.
    pub(super) fn since_boot(&self) -> Option<(i64, i64)> {
        match self.key.ticks {
            Ticks::SinceBoot => Some((self.run.lo?, self.run.hi?)),
            Ticks::Stamp | Ticks::Untimed => None,
        }
    }

    /// Visible table-full lines, all subjects.
    pub(super) fn full(&self) -> u64 {
        let all = self.run.visible.values().chain([&self.run.other_subjects]);
        all.fold(0, |sum: u64, v| sum.saturating_add(v.lines).saturating_add(v.repeated))
    }

    /// Uses of the limiter that it shows.
    pub(super) fn tokens(&self) -> u64 {
        self.full().saturating_add(self.run.other)
    }

    /// Says anything of the limiter.
    pub(super) fn is_limited(&self) -> bool {
        self.tokens() > 0 || self.run.suppression_lines > 0
    }
}

/// All runs in the order of (host, scale, time, track, offset).
pub(super) fn all(tracks: &mut [Track], hosts: &Hosts, boots: &Boots) -> Vec<Placed> {
    let mut placed = Vec::new();
    for (index, track) in tracks.iter_mut().enumerate() {
        let runs = std::mem::take(&mut track.piece.runs);
        let mut runs: Vec<(RunKey, Run)> = runs
            .into_iter()
            .flat_map(|(key, runs)| runs.into_iter().map(move |run| (key.clone(), run)))
            .collect();
        runs.sort_by_key(|(_, run)| run.head.offset);
        let mut floor: Option<i64> = None;
        for (key, run) in runs {
            let Some(host) = track.host_of(&key, hosts) else { continue };
            let boot = boots.of(index, host, &key, run.boot_index);
            let laid = Laid { key: &key, head: &run.head, ends: run.lo.zip(run.hi), rollover: run.rollover };
            let spot = place(track, &laid, boot.map(|at| (at, boots)), floor);
            if spot.scale == Scale::Wall {
                floor = Some(floor.map_or(spot.lo, |old| old.max(spot.lo)));
            }
            let Spot { scale, shift_us, lo, hi, basis, doubt_us } = spot;
            placed.push(Placed {
                track: index,
                host,
                boot,
                key,
                run,
                scale,
                shift_us,
                lo,
                hi,
                basis,
                doubt_us,
            });
        }
    }
    placed.sort_by_key(|run| (run.host, run.scale, run.lo, run.hi, run.track, run.run.head.offset));
    placed
}

/// What has to be placed: a run or a mark.
struct Laid<'a> {
    key: &'a RunKey,
    head: &'a Moment,
    /// Least and greatest time on its own clock.
    ends: Option<(i64, i64)>,
    rollover: u32,
}

struct Spot {
    scale: Scale,
    shift_us: i64,
    lo: i64,
    hi: i64,
    basis: TimeBasis,
    doubt_us: i64,
}

impl Spot {
    fn untimed() -> Self {
        Self { scale: Scale::Untimed, shift_us: 0, lo: 0, hi: 0, basis: TimeBasis::Relative, doubt_us: 0 }
    }
}

/// Where a mark's first and last line stand.
pub(super) fn mark(
    track: &Track,
    key: &RunKey,
    mark: &Mark,
    boot: Option<(usize, &Boots)>,
) -> Option<(Scale, i64, i64)> {
    let (first, last) = (on_own_clock(key, &mark.first)?, on_own_clock(key, &mark.last)?);
    let laid = Laid { key, head: &mark.first, ends: Some((first, last)), rollover: mark.rollover };
    let spot = place(track, &laid, boot, None);
    (spot.scale != Scale::Untimed).then_some((spot.scale, spot.lo, spot.hi))
}

/// Where a time slot of packets begins: a time on their stamps' clock, or since boot where they have none.
pub(super) fn slot(
    track: &Track,
    key: &RunKey,
    rollover: u32,
    us: i64,
    boot: Option<(usize, &Boots)>,
) -> Option<(Scale, i64)> {
    let stamp = match key.stamp {
        StampKind::Absolute => Some(Stamp::Absolute(us)),
        StampKind::Local => Some(Stamp::Local(us)),
        StampKind::Yearless => Some(Stamp::Yearless(us)),
        StampKind::Absent => None,
    };
    let ticks = match (stamp, key.ticks) {
        (Some(_), _) => Ticks::Stamp,
        (None, ticks) => ticks,
    };
    let since_boot_us = stamp.is_none().then_some(us);
    let head = Moment { offset: 0, stamp, precision_us: 0, since_boot_us, seq: None };
    let key = RunKey { host: None, ticks, ..key.clone() };
    let spot = place(track, &Laid { key: &key, head: &head, ends: Some((us, us)), rollover }, boot, None);
    (spot.scale != Scale::Untimed).then_some((spot.scale, spot.lo))
}

/// The time of a moment on the clock that a key's runs use.
fn on_own_clock(key: &RunKey, moment: &Moment) -> Option<i64> {
    match key.ticks {
        Ticks::SinceBoot => moment.since_boot_us,
        Ticks::Stamp => moment.stamp.map(Stamp::us),
        Ticks::Untimed => None,
    }
}

fn place(track: &Track, laid: &Laid<'_>, boot: Option<(usize, &Boots)>, floor: Option<i64>) -> Spot {
    let key = laid.key;
    let (Some((lo, hi)), Some(head)) = (laid.ends, on_own_clock(key, laid.head)) else {
        return Spot::untimed();
    };
    let at = |scale, shift_us: i64, basis, doubt_us| Spot {
        scale,
        shift_us,
        lo: lo.saturating_add(shift_us),
        hi: hi.saturating_add(shift_us),
        basis,
        doubt_us,
    };
    if let Some(reading) = laid.head.stamp.and_then(|stamp| track.clock.read(stamp, laid.rollover)) {
        let wall = reading.not_before(floor.map(|floor| floor.saturating_sub(BACK_US)));
        let doubt = if reading.doubtful { CLOCK_CHANGE_US } else { 0 };
        return at(Scale::Wall, wall.saturating_sub(head), basis_of(key.stamp), doubt);
    }
    let boot = boot.and_then(|(index, boots)| Some((index, boots.list.get(index)?)));
    match (key.ticks, boot) {
        (Ticks::SinceBoot, Some((index, boot))) => match boot.tie {
            Some(tie) => at(Scale::Wall, tie.offset_us, TimeBasis::BootTied, tie.spread_us),
            None => at(Scale::Boot(index), 0, TimeBasis::Relative, 0),
        },
        // The year is not known: turns of the year are counted back from the end.
        (Ticks::Stamp, _) => {
            let turns = i64::from(track.piece.rollovers.saturating_sub(laid.rollover));
            at(Scale::Yearless, turns.saturating_mul(-366 * DAY_US), TimeBasis::Relative, 0)
        }
        _ => Spot::untimed(),
    }
}

fn basis_of(kind: StampKind) -> TimeBasis {
    match kind {
        StampKind::Absolute => TimeBasis::Stamped,
        StampKind::Local => TimeBasis::AssumedZone,
        StampKind::Yearless => TimeBasis::InferredYear,
        StampKind::Absent => TimeBasis::BootTied,
    }
}

#[cfg(test)]
mod tests {
    use super::super::civil::{Clock, Zone};
    use super::super::testing::{key, moment, run, track};
    use super::*;
    use crate::model::record::Trust;
    use crate::model::time::SECOND_US;

    #[test]
    fn a_run_whose_year_is_not_known_stays_off_the_wall() {
        let mut log = track("m", 0, 100);
        log.clock = Clock { zone: Zone::Fixed(0), newest_year: None, rollovers: 2 };
        log.piece.rollovers = 2;
        let mut one = run(10, 20, 1);
        one.head.stamp = Some(Stamp::Yearless(10 * SECOND_US));
        let key = RunKey { stamp: StampKind::Yearless, ..key(Trust::Unverified) };
        let laid = Laid { key: &key, head: &one.head, ends: one.lo.zip(one.hi), rollover: 1 };
        let spot = place(&log, &laid, None, None);
        assert_eq!((spot.scale, spot.shift_us), (Scale::Yearless, -366 * DAY_US));
        assert_eq!(spot.basis, TimeBasis::Relative);
    }

    #[test]
    fn a_run_without_any_clock_has_no_time() {
        let log = track("m", 0, 100);
        let key = RunKey { ticks: Ticks::Untimed, stamp: StampKind::Absent, ..key(Trust::Unverified) };
        let laid = Laid { key: &key, head: &moment(5), ends: None, rollover: 0 };
        assert_eq!(place(&log, &laid, None, None).scale, Scale::Untimed);
    }

    #[test]
    fn zones_move_local_stamps_and_leave_absolute_ones() {
        let mut log = track("m", 0, 100);
        log.clock.zone = Zone::Fixed(3_600);
        let one = run(7_200, 7_210, 1);
        let absolute = key(Trust::Unverified);
        let laid = Laid { key: &absolute, head: &one.head, ends: one.lo.zip(one.hi), rollover: 0 };
        assert_eq!(place(&log, &laid, None, None).lo, 7_200 * SECOND_US);
        let mut head = one.head;
        head.stamp = head.stamp.map(|stamp| Stamp::Local(stamp.us()));
        let local = RunKey { stamp: StampKind::Local, ..absolute };
        let laid = Laid { key: &local, head: &head, ends: one.lo.zip(one.hi), rollover: 0 };
        let spot = place(&log, &laid, None, None);
        assert_eq!((spot.lo, spot.basis), (3_600 * SECOND_US, TimeBasis::AssumedZone));
    }
}
