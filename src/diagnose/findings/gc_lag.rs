//! Entries that have expired stay in the count until the garbage collector comes by, up to a minute later. With short
//! timers and many new flows that is a good part of the table: count above list, and no leak.

use crate::model::diagnosis::{Effect, Finding, Remedy};
use crate::model::era::Release;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::arith::{rounded, share};
use super::super::causes::GC_LAG;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;
use super::super::remedies::here;

/// A round of the collector over the whole table (`GC_SCAN_INTERVAL_MAX`).
const ROUND_SECONDS: f64 = 60.0;
/// What the rate of a table leaves open.
const TOLERANCE: f64 = 1.25;
/// From this share of the count on it is worth a word.
const WORTH_A_WORD: f64 = 0.05;
/// Of the gap, what new entries may leave of it after the list was read.
const LEFT_MAX: f64 = 0.5;
/// Timers of their own for each entry were taken out then.
const COLLECTOR_SINCE: Release = Release(4, 9, 0);

pub(super) fn find(case: &Case<'_>) -> Option<Finding> {
    if case.kernel.release.is_some_and(|release| release < COLLECTOR_SINCE) {
        return None;
    }
    // Reading the list collects what it passes: of two counts the greater one is of before, the other of after.
    let (count, listed) = (case.usage.count?, case.usage.listed?);
    let after = case.counters.counts().min().filter(|after| *after < count);
    let gap = count.checked_sub(listed)?;
    let left = after.map(|after| after.saturating_sub(listed));
    // What is counted after the list as well has not merely expired.
    if left.is_some_and(|left| share(left, gap) > LEFT_MAX) {
        return None;
    }
    let rate = case.admitted_per_second()?;
    let at_most = rounded(rate * ROUND_SECONDS * TOLERANCE)?;
    // Both must be of one moment, and the list whole: half of it missing is another story.
    let whole = after.is_some() || listed >= count / 2;
    if share(gap, count) < WORTH_A_WORD || gap > at_most || !whole {
        return None;
    }
    let key = case.kernel.key("count");
    Some(Finding {
        host: None,
        cause: GC_LAG,
        summary: vec![
            sentence![
                Word::Count(gap, noun::ENTRY),
                "are counted and not listed: they have expired and wait up to a minute for collection"
            ],
            sentence![
                "this is no leak: size the limit for a minute more of new entries; reading the list collects them"
            ],
        ],
        evidence: vec![
            supports(
                "count-and-list",
                sentence![
                    "the kernel counts",
                    Word::Number(count),
                    "and lists",
                    Word::Count(listed, noun::ENTRY)
                ],
            )
            .value("count", count as f64)
            .value("listed", listed as f64)
            .read_in_table(case),
            supports(
                "rate-explains-it",
                sentence![
                    "new entries come at",
                    Word::Rate(rate),
                    ", so up to",
                    Word::Count(at_most, noun::ENTRY),
                    "may wait"
                ],
            )
            .value("per_second", rate)
            .read_in_table(case),
            match after {
                Some(after) => supports(
                    "counted-again",
                    sentence![
                        "after the list was read the kernel counts",
                        Word::Number(after),
                        ": reading it collected the rest, so nothing leaks"
                    ],
                )
                .value("count", after as f64)
                .read_in_table(case),
                None => context(
                    "counted-once",
                    "the count was taken once: where it stays as high after the list, it is a leak".into(),
                ),
            },
            context(
                "capture-relieves",
                "whoever lists the table collects what has expired: the count falls with it".into(),
            ),
        ],
        remedies: vec![Remedy {
            id: "count-again",
            title:
                "take the count once more right after the list: where it has come down to it, nothing leaks"
                    .into(),
            commands: vec![here(
                format!("sysctl {key}; conntrack -L 2>/dev/null | wc -l; sysctl {key}"),
                None,
            )],
            effect: Effect { note: "frees what has expired, and only that".into(), ..Effect::default() },
            side_effects: Vec::new(),
            persists: false,
        }],
    })
}
