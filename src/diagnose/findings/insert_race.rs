//! L2: two packets of one new connection race for its entry, and one is dropped: lookups of both kinds of address from one
//! socket, as a rule. The table is not full, and there is no line in the log.

use crate::model::diagnosis::Finding;
use crate::model::era::Release;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::causes::INSERT_RACE;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::remedies::zones::one_lookup_at_a_time;

/// Fewer clashes since boot are nobody's trouble.
const CLASHES_MIN: u64 = 100;
/// One in so many seconds, where the uptime is known.
const SECONDS_EACH: u64 = 600;

pub(super) fn find(case: &Case<'_>) -> Option<Finding> {
    let usage = case.usage.share().filter(|usage| *usage < NEAR_FULL)?;
    let (clashes, grown) = clashes(case)?;
    let often =
        case.counters.machine.uptime_seconds.is_none_or(|up| up <= clashes.saturating_mul(SECONDS_EACH));
    // Between two readings they are of now, however long the machine has been up.
    if clashes == 0 || (!grown && (clashes < CLASHES_MIN || !often)) {
        return None;
    }
    let since: &'static str = if grown { "between the two readings" } else { "since boot" };
    let (held, max) = (case.usage.held()?, case.usage.max?);
    let mut evidence = vec![
        supports(
            "inserts-failed",
            sentence![
                Word::Number(clashes),
                "inserts failed",
                since,
                "with",
                Word::Number(held),
                "of",
                Word::Count(max, noun::ENTRY),
                "taken"
            ],
        )
        .value("insert_failed", clashes as f64)
        .value("usage", usage)
        .read_in_table(case),
    ];
    evidence.push(match case.kernel.release {
        Some(release) if release < Release(4, 7, 0) && case.kernel.enterprise != Some(7) => context(
            "drop-counter",
            "this kernel counts them in insert_failed only: its drop counter is for want of an entry".into(),
        ),
        _ => context(
            "drop-counter",
            "kernels from 4.7 on (and Red Hat's of version 7) count such packets in drop, too: that counter rises here without any full table".into(),
        ),
    });
    Some(Finding {
        host: None,
        cause: INSERT_RACE,
        summary: vec![
            sentence![
                Word::Count(clashes, noun::PACKET),
                "lost a race for an entry",
                since,
                "; the table, at",
                Word::Share(usage),
                ", is not full"
            ],
            sentence![
                "two DNS lookups at once from one socket do that: ask one after the other, or answer on the node"
            ],
        ],
        evidence,
        remedies: vec![one_lookup_at_a_time()],
    })
}

/// Inserts that failed for a clash and not for a long chain; true: grown between two readings.
fn clashes(case: &Case<'_>) -> Option<(u64, bool)> {
    let of = |stat: &crate::model::counters::StatCounters| {
        Some(stat.insert_failed?.saturating_sub(stat.chain_too_long.unwrap_or(0)))
    };
    let sides = case.lead.and_then(|fit| fit.snapshot.before_after.as_ref());
    let grown =
        sides.and_then(|(before, after)| of(after.stat.as_ref()?)?.checked_sub(of(before.stat.as_ref()?)?));
    match grown {
        Some(grown) => Some((grown, true)),
        None => Some((of(case.counters.stat.as_ref()?)?, false)),
    }
}
