//! The time of a chart in columns of equal width, and what falls into each.

use crate::model::incident::TimelinePoint;
use crate::model::time::SECOND_US;

/// Columns of a timeline at most, in every format: with other columns the peaks would be others.
pub(in super::super) const COLUMNS_MAX: usize = 62;

/// How two values of one column join.
pub(in super::super) type Join = fn(u64, u64) -> u64;
/// What is read of a point.
pub(in super::super) type Read = fn(&TimelinePoint) -> Option<u64>;

/// What is summed within a column.
pub(in super::super) const SUMS: [(&str, Read); 4] = [
    ("visible", |point| point.visible),
    ("suppressed", |point| point.suppressed),
    ("drops", |point| point.drops),
    ("early drops", |point| point.early_drops),
];
/// What is a level: the greatest within a column.
pub(in super::super) const LEVELS: [(&str, Read); 2] =
    [("entries", |point| point.count), ("limit", |point| point.max)];

/// Columns of equal width over the time that the points cover.
pub(in super::super) struct Grid {
    pub(in super::super) from_us: i64,
    pub(in super::super) column_us: i64,
    pub(in super::super) columns: usize,
}

impl Grid {
    /// None where there are fewer than two steps to show.
    pub(in super::super) fn over(
        points: &[TimelinePoint],
        step_seconds: u64,
        columns_max: usize,
    ) -> Option<Self> {
        let step_us = i64::try_from(step_seconds.max(1)).ok()?.checked_mul(SECOND_US)?;
        let from_us = points.iter().map(|point| point.at_us).min()?;
        let to_us = points.iter().map(|point| point.at_us).max()?;
        let steps = to_us.checked_sub(from_us)?.checked_div(step_us)?.checked_add(1)?;
        let columns_max = i64::try_from(columns_max.max(1)).ok()?;
        let steps_per_column = steps.checked_add(columns_max - 1)? / columns_max;
        let column_us = step_us.checked_mul(steps_per_column)?;
        let columns = usize::try_from(steps.checked_add(steps_per_column - 1)? / steps_per_column).ok()?;
        (columns > 1).then_some(Self { from_us, column_us, columns })
    }

    /// Values by column, from what a column without points holds and how two values join. Empty where no point
    /// has a value.
    pub(in super::super) fn fill(
        &self,
        points: &[TimelinePoint],
        read: Read,
        (empty, join): (Option<u64>, Join),
    ) -> Vec<Option<u64>> {
        let is_known = points.iter().any(|point| read(point).is_some());
        let mut values = vec![empty; if is_known { self.columns } else { 0 }];
        for point in points {
            let at = point.at_us.saturating_sub(self.from_us).checked_div(self.column_us);
            let slot = at.and_then(|at| usize::try_from(at).ok()).and_then(|at| values.get_mut(at));
            if let (Some(slot), Some(value)) = (slot, read(point)) {
                *slot = Some(slot.map_or(value, |before: u64| join(before, value)));
            }
        }
        values
    }

    /// Where the last column ends.
    pub(in super::super) fn end_us(&self) -> i64 {
        let width_us = self.column_us.saturating_mul(i64::try_from(self.columns).unwrap_or(i64::MAX));
        self.from_us.saturating_add(width_us)
    }

    /// Every series of which something is known and greater than zero: name, whether it is a level, values by column.
    pub(in super::super) fn series(
        &self,
        points: &[TimelinePoint],
    ) -> Vec<(&'static str, bool, Vec<Option<u64>>)> {
        let sums =
            SUMS.map(|(name, read)| (name, false, self.fill(points, read, (Some(0), u64::saturating_add))));
        let levels = LEVELS.map(|(name, read)| (name, true, self.fill(points, read, (None, u64::max))));
        let all = sums.into_iter().chain(levels);
        all.filter(|(_, _, values)| values.iter().flatten().any(|value| *value > 0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_seconds: i64, visible: u64) -> TimelinePoint {
        TimelinePoint { at_us: at_seconds * SECOND_US, visible: Some(visible), ..TimelinePoint::default() }
    }

    #[test]
    fn steps_share_a_column_where_there_are_more_than_fit() {
        let points: Vec<TimelinePoint> = (0..100).map(|at| point(at, 1)).collect();
        let grid = Grid::over(&points, 1, 10).unwrap();
        assert_eq!((grid.columns, grid.column_us), (10, 10 * SECOND_US));
        assert_eq!(grid.fill(&points, |p| p.visible, (Some(0), u64::saturating_add)), vec![Some(10); 10]);
    }

    #[test]
    fn a_grid_over_all_of_time_stays_small() {
        let points = [
            TimelinePoint { at_us: i64::MIN / 4, ..point(0, 1) },
            TimelinePoint { at_us: i64::MAX / 4, ..point(0, 2) },
        ];
        let grid = Grid::over(&points, 1, 64).unwrap();
        assert!(grid.columns <= 64, "{}", grid.columns);
        let values = grid.fill(&points, |p| p.visible, (Some(0), u64::saturating_add));
        assert_eq!(values.iter().flatten().sum::<u64>(), 3);
    }

    #[test]
    fn a_step_left_out_is_nothing_for_a_sum_and_unknown_for_a_level() {
        let points = [point(0, 5), point(2, 7)];
        let grid = Grid::over(&points, 1, 64).unwrap();
        assert_eq!(
            grid.fill(&points, |p| p.visible, (Some(0), u64::saturating_add)),
            [Some(5), Some(0), Some(7)]
        );
        assert_eq!(grid.fill(&points, |p| p.visible, (None, u64::max)), [Some(5), None, Some(7)]);
        assert!(grid.fill(&points, |p| p.drops, (Some(0), u64::saturating_add)).is_empty());
    }

    #[test]
    fn times_that_cannot_be_subtracted_give_no_timeline() {
        let ends = [i64::MIN, i64::MAX].map(|at_us| TimelinePoint { at_us, ..point(0, 1) });
        assert!(Grid::over(&ends, 1, 64).is_none());
        assert!(Grid::over(&[point(0, 1)], 1, 64).is_none());
        assert!(Grid::over(&[], 0, 0).is_none());
    }
}
