//! Words beside a timeline.

use crate::model::incident::Incident;
use crate::model::time::WallTime;

use super::super::phrase::when;
use super::super::spell::Clock;
use super::grid::Grid;

/// A moment on the clock of the timeline: time of day, or how long after boot.
pub(in super::super) fn moment(clock: Clock, incident: &Incident, us: i64) -> String {
    if incident.times.start.is_some() { clock.time_of_day(WallTime(us)) } else { when::after_boot(us) }
}

/// `11:17:55 to 11:42:09, 24 s a column`
pub(in super::super) fn span(clock: Clock, incident: &Incident, grid: &Grid) -> String {
    let place = |us| moment(clock, incident, us);
    format!("{} to {}, {} a column", place(grid.from_us), place(grid.end_us()), when::seconds(grid.column_us))
}
