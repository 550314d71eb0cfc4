//! The timeline as sparklines: one column for each step, or for as many steps as fit.

use crate::model::incident::Incident;

use super::super::chart::grid::{COLUMNS_MAX, Grid};
use super::super::chart::label;
use super::super::scene::Scene;
use super::super::spell;
use super::bar;
use super::page::{LABEL_COLUMNS, Page};
use super::table::{Fit, Table};

pub(super) fn set(scene: &Scene<'_>, incident: &Incident, page: &mut Page) {
    let timeline = &incident.timeline;
    let columns = page.width.saturating_sub(LABEL_COLUMNS + 26).clamp(8, COLUMNS_MAX);
    let Some(grid) = Grid::over(&timeline.points, timeline.step_seconds, columns) else { return };
    page.labelled("Timeline", &label::span(scene.clock, incident, &grid));
    let mut table = Table::new(&[("", Fit::Whole), ("", Fit::Whole), ("", Fit::Optional)]);
    for (name, _, values) in grid.series(&timeline.points) {
        let greatest = values.iter().flatten().copied().max().unwrap_or(0);
        let most = format!("peak {}", spell::number(greatest));
        table.row(vec![name.to_owned(), bar::sparkline(&values), most]);
    }
    table.set(page, LABEL_COLUMNS);
}
