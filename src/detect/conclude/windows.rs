//! Step 7: which run a suppression count belongs to that stands first in a run.
//!
//! The kernel prints a count at the first limited message behind the window it counts, however late that comes. A run
//! that begins with a suppression line (nothing of the limiter before it) therefore reports refusals of the run
//! before it. The limiter is one for the whole host, so the run before is that of any topic; another boot has
//! another limiter.

use std::collections::HashMap;

use super::place::{Placed, Scale};
use super::successors::is_empty;

/// What the neighbours of a run in its log say about the windows at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Neighbours {
    /// The limited run before it in the same log and boot.
    pub(super) before: Option<Near>,
    /// The limited run behind it that begins with a suppression line, hence reports this one's last window.
    pub(super) reported_by: Option<Near>,
}

/// A run nearby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Near {
    /// Index of the placed run.
    pub(super) run: usize,
    /// Microseconds between the end of the earlier and the beginning of the later.
    pub(super) apart_us: i64,
}

/// The neighbours of every run.
pub(super) fn neighbours(runs: &[Placed]) -> Vec<Neighbours> {
    let mut order: Vec<usize> = (0..runs.len()).filter(|at| runs[*at].is_limited()).collect();
    order.sort_by_key(|&at| (runs[at].track, runs[at].host, runs[at].run.head.offset));
    let mut found = vec![Neighbours::default(); runs.len()];
    let mut last: HashMap<(usize, usize), usize> = HashMap::new();
    for at in order {
        let this = &runs[at];
        let Some(before) = last.insert((this.track, this.host), at) else { continue };
        let earlier = &runs[before];
        if !same_limiter(earlier, this) {
            continue;
        }
        let apart_us = this.lo.saturating_sub(earlier.hi);
        found[at].before = Some(Near { run: before, apart_us });
        if this.run.first_suppression.is_some() && is_empty(&this.run.lead) {
            found[before].reported_by = Some(Near { run: at, apart_us });
        }
    }
    found
}

/// Two runs of one log stand under one limiter: no boot is known to lie between them.
fn same_limiter(a: &Placed, b: &Placed) -> bool {
    let other_boot = match (a.boot, b.boot) {
        (Some(a), Some(b)) => a != b,
        _ => a.run.boot_index != b.run.boot_index,
    };
    a.scale == b.scale && a.scale != Scale::Untimed && !other_boot
}

#[cfg(test)]
mod tests {
    use super::super::testing::{placed, run, suppressed_first};
    use super::*;
    use crate::model::record::Trust;
    use crate::model::time::SECOND_US;

    #[test]
    fn a_count_that_stands_first_reports_the_run_before_it() {
        let runs = [
            placed(0, Trust::Unverified, run(100, 104, 10)),
            placed(0, Trust::Unverified, suppressed_first(run(1_000, 1_000, 1), 90)),
        ];
        let found = neighbours(&runs);
        let apart_us = 896 * SECOND_US;
        assert_eq!(found[0], Neighbours { before: None, reported_by: Some(Near { run: 1, apart_us }) });
        assert_eq!(found[1], Neighbours { before: Some(Near { run: 0, apart_us }), reported_by: None });
    }

    #[test]
    fn another_log_or_another_boot_reports_nothing() {
        let later = || suppressed_first(run(200, 200, 1), 90);
        let other_log =
            [placed(0, Trust::Unverified, run(100, 104, 10)), placed(1, Trust::Unverified, later())];
        assert_eq!(neighbours(&other_log), [Neighbours::default(); 2]);
        let mut after_boot = placed(0, Trust::Unverified, later());
        after_boot.run.boot_index = 1;
        let other_boot = [placed(0, Trust::Unverified, run(100, 104, 10)), after_boot];
        assert_eq!(neighbours(&other_boot), [Neighbours::default(); 2]);
    }

    #[test]
    fn a_count_behind_a_line_of_its_own_run_reports_that_run() {
        let mut later = suppressed_first(run(200, 210, 4), 90);
        later.lead.full = 2;
        let runs = [placed(0, Trust::Unverified, run(100, 104, 10)), placed(0, Trust::Unverified, later)];
        assert_eq!(neighbours(&runs)[0].reported_by, None);
    }
}
