//! Entries that the kernel counts and does not list: expired ones that wait to be collected, destroyed ones that wait for
//! a listener, leaked ones. Reading the list collects the expired, so only a count taken after it tells.

use crate::model::era::bare_key;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::model::time::SECOND_US;
use crate::sentence;

use super::arith::{rounded, share};
use super::facts::Case;

/// Seconds between two passes of the garbage collector over the whole table, at most (`GC_SCAN_INTERVAL_MAX`).
const COLLECTED_WITHIN_SECONDS: f64 = 60.0;
/// The rate that a list tells is that of the entries in it: half as much again may have expired.
const RATE_DOUBT: f64 = 1.5;
/// From this share of the count on, what is missing is what fills the table.
const MOSTLY: f64 = 0.5;
/// Fewer than this are no riddle.
const MISSING_MIN: u64 = 256;
/// A count of this many or more is no count: no machine has the memory (2^31 entries are half a TiB).
const IMPOSSIBLE: u64 = 1 << 31;
/// A second reading so long after the first still speaks of the same entries.
const READ_AGAIN_US: i64 = 600 * SECOND_US;
/// Common limits are these powers of two: 4,096 to 4,194,304.
const LIMITS_FROM: u32 = 12;
const LIMITS_TO: u32 = 22;
/// A count that many times the limit is none either: an entry is refused at the limit.
const ABOVE_THE_LIMIT: u64 = 10;

/// The count against the list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hidden {
    /// Entries listed.
    pub(crate) listed: u64,
    /// Entries counted.
    pub(crate) counted: u64,
    /// The count is known to be of a moment after the list.
    pub(crate) after: bool,
    /// Entries that may have expired and wait; none: the rate is not known.
    pub(crate) waiting: Option<u64>,
}

impl Hidden {
    /// Counted and not listed.
    pub(crate) fn missing(&self) -> u64 {
        self.counted.saturating_sub(self.listed)
    }

    /// Expired entries explain it. After the list was read they are collected.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.after && self.waiting.is_some_and(|waiting| self.missing() <= waiting)
    }

    /// Most of what is counted is in no list, and not because it expired.
    pub(crate) fn is_most(&self) -> bool {
        self.missing() >= MISSING_MIN && share(self.missing(), self.counted) >= MOSTLY && !self.is_waiting()
    }
}

/// The count against the list; none where one is not known, or the list is known not to be whole.
pub(crate) fn hidden(case: &Case<'_>) -> Option<Hidden> {
    let who = &case.census?.who;
    let damaged = who.damaged.values().fold(0u64, |sum, blemish| sum.saturating_add(blemish.count));
    let listed = who.entries;
    let cut =
        who.shown.is_some_and(|shown| shown > listed.saturating_add(who.duplicates).saturating_add(damaged));
    if cut || share(damaged, listed) > 0.1 {
        return None;
    }
    let pair = case.lead.and_then(|fit| fit.snapshot.before_after.as_ref());
    // The second of two readings of one moment is the lesser one, where the list was read between them.
    let between = || {
        let (least, most) = (case.counters.counts().min()?, case.counters.counts().max()?);
        (least < most).then_some(least)
    };
    let later = pair.and_then(|(_, after)| after.counts().min()).or_else(between);
    let waiting =
        case.admitted_per_second().and_then(|rate| rounded(rate * COLLECTED_WITHIN_SECONDS * RATE_DOUBT));
    if let Some((listed, counted)) =
        later.map(|counted| (listed, counted)).or_else(|| read_again(case, listed))
    {
        return Some(Hidden { listed, counted, after: true, waiting });
    }
    Some(Hidden { listed, counted: case.usage.count?, after: false, waiting })
}

/// List and count of the next reading within a few minutes: what had expired was collected by the first one.
fn read_again(case: &Case<'_>, listed: u64) -> Option<(u64, u64)> {
    let first = case.lead?.snapshot.taken_at?.0;
    let mut later: Vec<(i64, u64, u64)> = case
        .others
        .moments
        .iter()
        .filter_map(|snapshot| {
            let at = snapshot.taken_at?.0;
            let usage = super::facts::usage(&snapshot.counters, snapshot.census.as_ref());
            (at > first && at.saturating_sub(first) <= READ_AGAIN_US).then_some((
                at,
                usage.listed.unwrap_or(listed),
                usage.count?,
            ))
        })
        .collect();
    later.sort_unstable();
    later.first().map(|(_, listed, counted)| (*listed, *counted))
}

/// The count, where it cannot be one: below zero (the key is printed as a signed number, and compared as an unsigned
/// one), above what memory holds, or above what the limit lets in.
pub(crate) fn impossible(case: &Case<'_>) -> Option<i64> {
    let max = case.usage.max;
    let Some(count) = case.usage.count else {
        let mut keys = case
            .counters
            .sysctl
            .iter()
            .filter(|(key, _)| bare_key(key) == "count" && key.contains("conntrack"));
        return keys.find_map(|(_, value)| value.trim().parse::<i64>().ok()).filter(|count| *count < 0);
    };
    let absurd = count >= IMPOSSIBLE
        || max.is_some_and(|max| {
            count / ABOVE_THE_LIMIT >= max && case.usage.listed.is_none_or(|listed| listed <= max)
        });
    absurd.then_some(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Such a count in words.
pub(crate) fn impossible_words(count: i64) -> Word {
    u64::try_from(count).map_or_else(|_| Word::Code(count.to_string()), Word::Number)
}

/// The limit that the table was held by, where it holds just as many as a common limit below today's lets in: the limit
/// was probably raised between the incident and the reading.
pub(crate) fn raised_since(case: &Case<'_>) -> Option<u64> {
    let (held, max) = (case.usage.held()?, case.usage.max?);
    let begun = case.marks(RelatedKind::Capacity).filter_map(|mark| Some(mark.capacity?.max));
    let usual = (LIMITS_FROM..=LIMITS_TO).map(|power| 1u64 << power);
    let just = |limit: &u64| {
        // An entry is counted before it is refused, so somewhat more than the limit may be held.
        *limit < max && held >= limit - limit / 50 && held <= limit + limit / 200
    };
    usual.chain(begun).find(just)
}

/// Whether the gap is greater at the last moment that has both numbers than at the first; none where it is the same, or
/// there is one moment only.
pub(crate) fn grows(case: &Case<'_>) -> Option<bool> {
    let lead = case.lead.map(|fit| fit.snapshot);
    let mut gaps: Vec<(i64, u64)> = lead
        .into_iter()
        .chain(case.others.moments.iter().copied())
        .filter_map(|snapshot| {
            let at = snapshot.taken_at?.0;
            let usage = super::facts::usage(&snapshot.counters, snapshot.census.as_ref());
            Some((at, usage.count?.saturating_sub(usage.listed?)))
        })
        .collect();
    gaps.sort_unstable();
    let (first, last) = (gaps.first()?, gaps.last()?);
    // Within one in fifty it is the same gap.
    let differs = first.1.abs_diff(last.1) > first.1.max(last.1) / 50;
    (differs && last.0 > first.0).then_some(last.1 > first.1)
}

/// Both numbers in words.
pub(crate) fn words(hidden: Hidden) -> Sentence {
    let counted = sentence!["the kernel counts", Word::Count(hidden.counted, noun::ENTRY)];
    let counted = if hidden.after { counted.with("after the list was read") } else { counted };
    counted.with(", and the list has").with(Word::Number(hidden.listed))
}
