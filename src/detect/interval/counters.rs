//! The kernel's own counters, before and after.

use crate::model::counters::StatCounters;

/// Drops between two readings of `/proc/net/stat/nf_conntrack` (or `conntrack -S`) of one boot and namespace: at least,
/// at most. None where a counter is missing or went backwards (another boot, another namespace, a counter that wrapped).
///
/// `drop` is the upper end: from 4.7 on a clash that could not be resolved counts there, too, and in `insert_failed` at
/// the same time (`__nf_conntrack_confirm`). A failed insert for a too long chain is a drop of its own kind, not a clash.
pub fn from_counters(before: &StatCounters, after: &StatCounters) -> Option<(u64, u64)> {
    let high = after.drop?.checked_sub(before.drop?)?;
    let failed = after.insert_failed?.checked_sub(before.insert_failed?)?;
    let chains = match (before.chain_too_long, after.chain_too_long) {
        (Some(before), Some(after)) => after.checked_sub(before)?,
        // Kernels before 5.15 have no such column, and no such drop.
        (None, None) => 0,
        _ => return None,
    };
    Some((high.saturating_sub(failed.saturating_sub(chains)), high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(drop: u64, insert_failed: u64, chain_too_long: Option<u64>) -> StatCounters {
        StatCounters {
            drop: Some(drop),
            insert_failed: Some(insert_failed),
            chain_too_long,
            ..StatCounters::default()
        }
    }

    #[test]
    fn clashes_widen_downwards_and_long_chains_do_not() {
        let before = reading(100, 10, Some(1));
        assert_eq!(from_counters(&before, &reading(1100, 60, Some(11))), Some((960, 1000)));
        assert_eq!(from_counters(&reading(0, 0, None), &reading(7, 9, None)), Some((0, 7)));
    }

    #[test]
    fn a_missing_counter_or_one_that_went_backwards_gives_nothing() {
        let before = reading(100, 10, Some(5));
        assert_eq!(from_counters(&before, &reading(99, 10, Some(5))), None);
        assert_eq!(from_counters(&before, &reading(101, 9, Some(5))), None);
        assert_eq!(from_counters(&before, &reading(101, 11, Some(4))), None);
        assert_eq!(from_counters(&before, &reading(101, 11, None)), None);
        assert_eq!(from_counters(&before, &StatCounters { drop: None, ..before }), None);
        assert_eq!(from_counters(&StatCounters { insert_failed: None, ..before }, &before), None);
    }
}
