//! Step 7: which run a suppression count belongs to that stands first in a run.
//!
//! The kernel prints a count at the first limited message behind the window it counts, however late that comes. A run
//! that begins with a suppression line (nothing of the limiter before it) therefore reports refusals of the run
//! before it in its log. The limiter is one for the whole host, so the run before is that of any topic; another boot
//! has another limiter. Here the runs of a log are lined up; what the counts mean is for `interval` to say.

use std::collections::BTreeMap;

use super::place::Placed;

/// The limited runs of every log and host in byte order.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// By track and host.
    lists: BTreeMap<(usize, usize), Vec<usize>>,
    /// Of each run: its place in its list.
    places: Vec<usize>,
}

/// Runs of one log that follow one another under one limiter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Indices of placed runs, in byte order, at least one.
    pub(super) runs: Vec<usize>,
    /// The limited run before them.
    pub(super) before: Option<usize>,
    /// The limited run behind them.
    pub(super) after: Option<usize>,
}

impl Order {
    /// Lines up all limited runs.
    pub(super) fn of(runs: &[Placed]) -> Self {
        let mut order = Self { lists: BTreeMap::new(), places: vec![0; runs.len()] };
        for (at, run) in runs.iter().enumerate().filter(|(_, run)| run.is_limited()) {
            order.lists.entry((run.track, run.host)).or_default().push(at);
        }
        for list in order.lists.values_mut() {
            list.sort_by_key(|&at| (runs[at].run.head.offset, at));
            for (place, &at) in list.iter().enumerate() {
                order.places[at] = place;
            }
        }
        order
    }

    /// Joins `wanted` runs with the limited runs between them. A run for which `breaks` holds (it counts elsewhere), or
    /// another boot, ends a segment.
    pub(super) fn segments(
        &self,
        runs: &[Placed],
        wanted: &[usize],
        breaks: &dyn Fn(usize) -> bool,
    ) -> Vec<Segment> {
        let mut wanted = wanted.to_vec();
        wanted.sort_by_key(|&at| (runs[at].track, runs[at].host, self.places[at]));
        let mut segments: Vec<Segment> = Vec::new();
        for at in wanted {
            let between = segments.last().and_then(|segment| self.between(runs, segment, at));
            match (segments.last_mut(), between) {
                (Some(segment), Some(between)) if !between.iter().any(|at| breaks(*at)) => {
                    segment.runs.extend(between);
                    segment.runs.push(at);
                }
                _ => segments.push(Segment { runs: vec![at], before: None, after: None }),
            }
        }
        for segment in &mut segments {
            segment.before = segment.runs.first().and_then(|at| self.neighbour(runs, *at, -1));
            segment.after = segment.runs.last().and_then(|at| self.neighbour(runs, *at, 1));
        }
        segments
    }

    /// The runs between the end of a segment and `at`, if all of them stand under one limiter.
    fn between(&self, runs: &[Placed], segment: &Segment, at: usize) -> Option<Vec<usize>> {
        let end = *segment.runs.last()?;
        if (runs[end].track, runs[end].host) != (runs[at].track, runs[at].host) {
            return None;
        }
        let list = self.lists.get(&(runs[at].track, runs[at].host))?;
        let stretch = list.get(self.places[end]..=self.places[at])?;
        let one = stretch.windows(2).all(|pair| same_limiter(&runs[pair[0]], &runs[pair[1]]));
        one.then(|| stretch.get(1..stretch.len().saturating_sub(1)).unwrap_or_default().to_vec())
    }

    fn neighbour(&self, runs: &[Placed], at: usize, step: isize) -> Option<usize> {
        let list = self.lists.get(&(runs[at].track, runs[at].host))?;
        let found = *list.get(self.places[at].checked_add_signed(step)?)?;
        same_limiter(&runs[at], &runs[found]).then_some(found)
    }
}

/// Two runs of one log stand under one limiter: no boot is known to lie between them.
fn same_limiter(a: &Placed, b: &Placed) -> bool {
    let other_boot = match (a.boot, b.boot) {
        (Some(a), Some(b)) => a != b,
        _ => a.run.boot_index != b.run.boot_index,
    };
    a.scale == b.scale && !other_boot
}

#[cfg(test)]
mod tests {
    use super::super::testing::{placed, run, suppressed_first};
    use super::*;
    use crate::model::record::Trust;

    fn segments(runs: &[Placed], wanted: &[usize], breaks: &[usize]) -> Vec<Segment> {
        Order::of(runs).segments(runs, wanted, &|at| breaks.contains(&at))
    }

    #[test]
    fn a_run_that_begins_with_a_count_stands_behind_the_one_it_reports() {
        let runs = [
            placed(0, Trust::Unverified, run(100, 104, 10)),
            placed(0, Trust::Unverified, suppressed_first(run(1_000, 1_000, 0), 90)),
        ];
        assert_eq!(segments(&runs, &[0], &[]), [Segment { runs: vec![0], before: None, after: Some(1) }]);
        assert_eq!(segments(&runs, &[1], &[]), [Segment { runs: vec![1], before: Some(0), after: None }]);
    }

    #[test]
    fn runs_between_belong_to_the_segment_unless_they_count_elsewhere() {
        let runs = [
            placed(0, Trust::Unverified, run(100, 104, 10)),
            placed(0, Trust::Unverified, run(200, 204, 10)),
            placed(0, Trust::Unverified, run(300, 304, 10)),
        ];
        assert_eq!(
            segments(&runs, &[2, 0], &[]),
            [Segment { runs: vec![0, 1, 2], before: None, after: None }]
        );
        let apart = segments(&runs, &[0, 2], &[1]);
        assert_eq!(apart[0], Segment { runs: vec![0], before: None, after: Some(1) });
        assert_eq!(apart[1], Segment { runs: vec![2], before: Some(1), after: None });
    }

    #[test]
    fn another_log_or_another_boot_has_another_limiter() {
        let first = placed(0, Trust::Unverified, run(100, 104, 10));
        let elsewhere = placed(1, Trust::Unverified, suppressed_first(run(200, 200, 1), 90));
        let mut rebooted = placed(0, Trust::Unverified, suppressed_first(run(200, 200, 1), 90));
        rebooted.run.boot_index = 1;
        for later in [elsewhere, rebooted] {
            let found = segments(&[first.clone(), later], &[0, 1], &[]);
            assert_eq!(found.len(), 2);
            assert!(found.iter().all(|segment| segment.before.is_none() && segment.after.is_none()));
        }
    }
}
