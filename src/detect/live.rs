//! What a part that has just been read says of full tables, for whoever must decide now and cannot wait for `conclude`.
//!
//! Only what is needed to decide is told here: which table, how far it may be believed, how many lines, when. What an
//! incident cost, and when exactly it began, is concluded from the same parts later.

use chrono::Datelike;

use super::conclude::civil::{Zone, civil, in_year};
use crate::model::live::clock::Now;
use crate::model::piece::Piece;
use crate::model::record::Trust;
use crate::model::run::{Run, RunKey, Ticks};
use crate::model::signal::Subject;
use crate::model::time::{BootId, StampKind};

/// The clocks by which the times of lines are understood.
#[derive(Debug, Clone)]
pub struct Clocks<'a> {
    /// When the part was handed over.
    pub now: Now,
    /// This boot.
    pub boot: Option<BootId>,
    /// Time that the machine slept in this boot, microseconds: the kernel's clock stood still meanwhile.
    pub asleep_us: i64,
    /// The zone in which log daemons of this machine write.
    pub zone: Option<&'a str>,
}

/// Table-full lines of one subject in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How far they may be believed.
    pub trust: Trust,
    /// What about.
    pub subject: Subject,
    /// How many, repetitions expanded.
    pub lines: u64,
    /// When the first and the last were printed, microseconds of `CLOCK_BOOTTIME`; none: not known.
    pub printed_us: Option<(i64, i64)>,
}

/// What a part says, in the order of its runs.
pub fn told(part: &Piece, clocks: &Clocks<'_>) -> Vec<Told> {
    let mut told = Vec::new();
    for (key, runs) in &part.runs {
        for run in runs {
            for (subject, visible) in &run.visible {
                let at = |tick: Option<i64>| tick.and_then(|tick| uptime(key, run, tick, clocks));
                told.push(Told {
                    trust: key.trust,
                    subject: subject.clone(),
                    lines: visible.lines.saturating_add(visible.repeated),
                    printed_us: at(visible.first).zip(at(visible.last)),
                });
            }
        }
    }
    told
}

/// It says anything that belongs to an incident or near one: lines, suppression counts, marks, losses.
pub fn says_something(part: &Piece) -> bool {
    part.signals > 0 || !part.losses.is_empty() || !part.runs.is_empty() || !part.head_repetitions.is_empty()
}

/// A time on the run's clock as uptime of this boot.
fn uptime(key: &RunKey, run: &Run, tick: i64, clocks: &Clocks<'_>) -> Option<i64> {
    match key.ticks {
        Ticks::SinceBoot => {
            let this_boot = key.boot.is_none() || key.boot == clocks.boot;
            let ticks = tick.saturating_add(clocks.asleep_us);
            // Of another boot, and of what is no time of this one, only the stamp tells when.
            if this_boot && ticks <= clocks.now.uptime_us.saturating_add(FUTURE_US) {
                return Some(ticks);
            }
            let stamp = run.head.stamp.map(crate::model::time::Stamp::us)?;
            wall(key.stamp, stamp, clocks).map(|wall| since_boot(wall, clocks))
        }
        Ticks::Stamp => wall(key.stamp, tick, clocks).map(|wall| since_boot(wall, clocks)),
        Ticks::Untimed => None,
    }
}

/// Clocks of log daemons may be so far ahead.
const FUTURE_US: i64 = 60 * crate::model::time::SECOND_US;

fn since_boot(wall_us: i64, clocks: &Clocks<'_>) -> i64 {
    let ago = clocks.now.wall.0.saturating_sub(wall_us);
    clocks.now.uptime_us.saturating_sub(ago)
}

/// Wall time of a stamp: one without year is of the year that brings it nearest to now.
fn wall(kind: StampKind, us: i64, clocks: &Clocks<'_>) -> Option<i64> {
    let zone = || clocks.zone.and_then(Zone::named).unwrap_or(Zone::Fixed(0));
    match kind {
        StampKind::Absolute => Some(us),
        StampKind::Local => Some(zone().read(civil(us)?).us),
        StampKind::Yearless => {
            let year = civil(clocks.now.wall.0)?.year();
            let readings = (year - 1..=year + 1).filter_map(|year| Some(zone().read(in_year(us, year)?)));
            readings
                .flat_map(|reading| [Some(reading.us), reading.later])
                .flatten()
                .min_by_key(|at| at.abs_diff(clocks.now.wall.0))
        }
        StampKind::Absent => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{DAY_US, SECOND_US, WallTime};

    const NEW_YEAR: i64 = 1_798_761_600 * SECOND_US;

    fn clocks(zone: &'static str) -> Clocks<'static> {
        let now = Now { uptime_us: 100 * SECOND_US, wall: WallTime(NEW_YEAR + SECOND_US) };
        Clocks { now, boot: Some(BootId([1; 16])), asleep_us: 0, zone: Some(zone) }
    }

    #[test]
    fn a_stamp_without_year_is_the_nearest_to_now() {
        let december = 366 * DAY_US - SECOND_US;
        assert_eq!(wall(StampKind::Yearless, december, &clocks("UTC")), Some(NEW_YEAR - SECOND_US));
        assert_eq!(wall(StampKind::Yearless, 0, &clocks("UTC")), Some(NEW_YEAR));
    }

    #[test]
    fn local_stamps_are_read_in_the_zone_of_the_machine() {
        let berlin = clocks("Europe/Berlin");
        assert_eq!(wall(StampKind::Local, NEW_YEAR + 3_600 * SECOND_US, &berlin), Some(NEW_YEAR));
        assert_eq!(since_boot(NEW_YEAR, &berlin), 99 * SECOND_US);
    }
}
