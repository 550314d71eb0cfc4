//! How an incident went, in steps on one grid.

use std::collections::BTreeMap;

use super::copies::Part;
use super::incidents::{Case, Known};
use crate::model::incident::{Timeline, TimelinePoint};
use crate::model::time::SECOND_US;

/// Points shown at most, as a span: steps between the first and the last.
const STEPS_MAX: i64 = 240;

/// The timeline of an incident, from the bins of the runs that count.
pub(super) fn of(case: &Case<'_>, known: &Known<'_>) -> Timeline {
    let whole = case.counted.iter().filter(|counted| counted.part == Part::Whole);
    let runs = || whole.clone().map(|counted| (counted.run, &known.runs[counted.run]));
    let Some(exponent) = runs().map(|(_, run)| run.run.bins.exponent).max() else {
        return Timeline::default();
    };
    let step_us = step(exponent, case.end.saturating_sub(case.start));
    let mut points: BTreeMap<i64, (Option<u64>, u64)> = BTreeMap::new();
    for (at, run) in runs() {
        // With several topics in a run its bins do not say whose lines they count.
        let alone = known.topics.shows_one(at, run);
        for (bin, (visible, suppressed)) in &run.run.bins.counts {
            let begin = run.on_scale(bin.saturating_mul(width_us(run.run.bins.exponent)));
            let step_begin = begin.div_euclid(step_us).saturating_mul(step_us);
            let point = points.entry(step_begin).or_insert((Some(0), 0));
            point.0 = point.0.filter(|_| alone).map(|sum| sum.saturating_add(*visible));
            point.1 = point.1.saturating_add(*suppressed);
        }
    }
    let points = points.into_iter().map(|(at_us, (visible, suppressed))| TimelinePoint {
        at_us,
        visible,
        suppressed: Some(suppressed),
        ..TimelinePoint::default()
    });
    Timeline { step_seconds: u64::try_from(step_us / SECOND_US).unwrap_or(0), points: points.collect() }
}

/// Microseconds of a bin that is 2^exponent seconds wide.
pub(super) fn width_us(exponent: u8) -> i64 {
    1_i64.checked_shl(u32::from(exponent)).filter(|s| *s > 0).unwrap_or(i64::MAX).saturating_mul(SECOND_US)
}

/// The least power of two of seconds that is no finer than the bins and spans the incident in few steps.
fn step(exponent: u8, span_us: i64) -> i64 {
    let mut step = width_us(exponent);
    while span_us / step > STEPS_MAX && step < i64::MAX / 2 {
        step = step.saturating_mul(2);
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_no_finer_than_bins_and_few() {
        assert_eq!(step(0, 10 * SECOND_US), SECOND_US);
        assert_eq!(step(3, 10 * SECOND_US), 8 * SECOND_US);
        assert_eq!(step(0, 1_000 * SECOND_US), 8 * SECOND_US);
        assert_eq!(width_us(200), i64::MAX);
        assert!(step(62, i64::MAX) > 0);
    }
}
