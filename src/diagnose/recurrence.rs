//! When it happens again: a rhythm in the starts of incidents, and whether they come closer together.

use crate::model::sentence::{Sentence, Word};
use crate::model::time::WallTime;
use crate::sentence;

use super::arith::seconds;

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
