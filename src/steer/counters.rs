//! What the counters of a table say: how full, what was refused between two looks, when it will be full.

use super::{HOUR_US, MINUTE_US};
use crate::model::live::intent::Forecast;
use crate::model::live::sample::Sample;

/// A forecast is laid through the samples of the last minute: what came before it dilutes a burst.
const FORECAST_OVER_US: i64 = MINUTE_US;
/// No forecast beyond this.
const FORECAST_MAX_US: i64 = 24 * HOUR_US;

/// How full, in thousandths of the limit. None where count or limit is not known or there is no limit (0 means that).
pub(super) fn fill_permille(sample: &Sample) -> Option<u64> {
    let max = sample.max.filter(|max| *max > 0)?;
    Some(u64::try_from(u128::from(sample.count?) * 1_000 / u128::from(max)).unwrap_or(u64::MAX))
}

/// At least so many percent of the limit are used.
pub(super) fn reaches(sample: &Sample, percent: u8) -> Option<bool> {
    fill_permille(sample).map(|fill| fill >= u64::from(percent) * 10)
}

/// Rise of the drop counter between two samples of one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rise {
    /// Packets refused for want of room, at least: from Linux 4.7 on the counter rises with an unresolved clash too, and
    /// `insert_failed` with it. None where that one is not known.
    pub(super) low: Option<u64>,
    /// The whole rise.
    pub(super) high: u64,
}

impl Rise {
    /// Of two samples, the earlier first. None where the counter is not known or has begun anew.
    pub(super) fn between(earlier: &Sample, later: &Sample) -> Option<Self> {
        let high = later.drop?.checked_sub(earlier.drop?)?;
        let rise = |of: fn(&Sample) -> Option<u64>| of(later)?.checked_sub(of(earlier)?);
        let failed = rise(|sample| sample.insert_failed);
        // A chain that is too long raises `insert_failed` and not `drop`. Kernels without that counter know no such limit.
        let long = rise(|sample| sample.chain_too_long).unwrap_or(0);
        Some(Self { low: failed.map(|failed| high.saturating_sub(failed.saturating_sub(long))), high })
    }

    /// Something was refused, so far as these counters can tell.
    pub(super) fn refused(self) -> bool {
        self.low.unwrap_or(self.high) > 0
    }
}

/// Two samples that alone, without any line, show a table that was full: packets refused beside a count near the limit.
/// Where clashes cannot be told apart, the count must have been at the limit.
pub(super) fn full_between(earlier: &Sample, later: &Sample, percent: u8) -> bool {
    let Some(rise) = Rise::between(earlier, later).filter(|rise| rise.refused()) else { return false };
    let percent = if rise.low.is_some() { percent } else { 100 };
    [earlier, later].into_iter().any(|sample| reaches(sample, percent) == Some(true))
}

/// When the table will be full, by least squares through the counts of the last minute. None where it does not fill up.
pub(super) fn forecast<'a>(samples: impl DoubleEndedIterator<Item = &'a Sample>) -> Option<Forecast> {
    let mut samples = samples.rev().peekable();
    let last = **samples.peek()?;
    let (count, max) = (last.count?, last.max?);
    let (mut many, mut over_us) = (0_i128, 0);
    // Sums over times and counts, over times squared, and over time times count.
    let (mut times, mut counts, mut squares, mut products) = (0_i128, 0_i128, 0_i128, 0_i128);
    for sample in samples {
        let age_us = last.at.uptime_us.saturating_sub(sample.at.uptime_us);
        if age_us > FORECAST_OVER_US {
            break;
        }
        let Some(count) = sample.count else { continue };
        // Milliseconds before the last sample: at most 60,000, so that no sum of counts of 64 bits overflows.
        let (time, count) = (-i128::from(age_us / 1_000), i128::from(count));
        many += 1;
        times += time;
        counts += count;
        squares += time * time;
        products += time * count;
        over_us = age_us;
    }
    let (rise, run) = (many * products - times * counts, many * squares - times * times);
    if rise <= 0 || run <= 0 {
        return None;
    }
    let room = i128::from(max.saturating_sub(count));
    let full_in_us = i64::try_from(room * run / rise).ok()?.checked_mul(1_000)?;
    let per_hour = u64::try_from(rise * 3_600_000 / run).ok().filter(|per_hour| *per_hour > 0)?;
    (full_in_us <= FORECAST_MAX_US).then_some(Forecast { per_hour, full_in_us, over_us })
}
