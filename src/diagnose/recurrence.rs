//! When it happens again: a rhythm in the starts of incidents, and whether they come closer together.

use crate::model::sentence::{Sentence, Word};
use crate::model::time::{SECOND_US, WallTime};
use crate::sentence;

use super::arith::seconds;

/// Starts that repeat must agree within this share of their distance.
const RHYTHM: f64 = 0.05;
/// A day, seconds.
const DAY_SECONDS: f64 = 86_400.0;
/// Incidents that are a day apart to within this share of it go with the day.
const DAILY: f64 = 0.15;
/// So many distances tell a trend.
const TREND_MIN: usize = 3;

/// What repeated starts say of demand that grows: daily peaks, or ever shorter distances. None where they say nothing.
pub(crate) fn growth(starts: &[WallTime]) -> Option<Sentence> {
    let gaps: Vec<f64> = starts
        .windows(2)
        .filter_map(|pair| Some(seconds(pair.get(1)?.0.saturating_sub(pair.first()?.0))))
        .filter(|gap| *gap > 0.0)
        .collect();
    let (first, last) = (*gaps.first()?, *gaps.last()?);
    let times = Word::Number(starts.len() as u64);
    let shorter = gaps.windows(2).all(|pair| pair.first() >= pair.last());
    if gaps.len() >= TREND_MIN && shorter && last < first / 2.0 {
        return Some(sentence![
            "it happened",
            times,
            "times, the first two",
            Word::Duration(first),
            "apart and the last two",
            Word::Duration(last),
            ": demand grows, and the next comes sooner than that"
        ]);
    }
    let daily = |gap: &f64| {
        let days = (gap / DAY_SECONDS).round();
        days >= 1.0 && (gap - days * DAY_SECONDS).abs() <= DAILY * DAY_SECONDS
    };
    (gaps.len() >= TREND_MIN - 1 && gaps.iter().all(daily)).then(|| {
        sentence![
            "it happened",
            times,
            "times, at the same time of the day: the daily peak no longer fits, and the next one will not either"
        ]
    })
}

/// A rhythm in the starts: equal distances, or the same minute of the hour.
pub(crate) fn recurrence(starts: &[WallTime]) -> Option<Sentence> {
    if starts.len() < 2 {
        return None;
    }
    let gaps: Vec<i64> =
        starts.windows(2).filter_map(|pair| Some(pair.get(1)?.0.saturating_sub(pair.first()?.0))).collect();
    let out = sentence!["it happened", Word::Number(starts.len() as u64), "times in these logs"];
    if gaps.len() < 2 {
        return Some(
            out.with(", the second").with(Word::Duration(seconds(*gaps.first()?))).with("after the first"),
        );
    }
    let (least, most) = (*gaps.iter().min()?, *gaps.iter().max()?);
    if seconds(most.saturating_sub(least)) <= RHYTHM * seconds(least) {
        return Some(
            out.with(", every")
                .with(Word::Duration(seconds(least)))
                .with(": a timer, or a leak from a fixed beginning"),
        );
    }
    let minute = |start: &WallTime| start.0.div_euclid(60 * SECOND_US).rem_euclid(60);
    let first = minute(starts.first()?);
    if starts.iter().all(|start| minute(start) == first) {
        return Some(out.with(", always in the same minute of the hour: look at what runs by the clock"));
    }
    Some(out.with(", with no rhythm"))
}
