//! The timeline: a strip for each series under one another, on one axis of time, each as high as its own peak.

use crate::model::incident::Incident;

use super::super::phrase::when;
use super::super::spell::{self, Clock};
use super::drawing::{Anchor, Drawing, Role, Shape};
use super::grid::{COLUMNS_MAX, Grid};
use super::label;

/// Height of a strip of counts, and of one of levels.
const STRIP: f64 = 36.0;
/// Room for the words above a strip.
const WORDS: f64 = 24.0;
/// Room above the first strip, and between strips, where no words stand there.
const ABOVE: f64 = 2.0;
const BETWEEN: f64 = 10.0;
/// Room for times below.
const FOOT: f64 = 22.0;
/// Columns are no wider than this.
const COLUMN_MAX: f64 = 40.0;

/// Where the words of a picture stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// In it.
    Inside,
    /// With whoever shows it: [`Drawing::keys`] and [`Drawing::ends`].
    Beside,
}

/// The timeline of an incident, so many pixels wide; none where there are fewer than two steps.
pub fn draw(incident: &Incident, clock: Clock, width: u16, words: Words) -> Option<Drawing> {
    let timeline = &incident.timeline;
    let grid = Grid::over(&timeline.points, timeline.step_seconds, COLUMNS_MAX)?;
    let series = grid.series(&timeline.points);
    let counts: Vec<_> = series.iter().filter(|(_, is_level, _)| !is_level).collect();
    let levels: Vec<_> = series.iter().filter(|(_, is_level, _)| *is_level).collect();
    let column = (f64::from(width) / grid.columns as f64).min(COLUMN_MAX);
    let filled = column * grid.columns as f64;
    let mut page = Page { words, shapes: Vec::new(), keys: Vec::new(), top: 0.0 };
    if !levels.is_empty() {
        let greatest = levels.iter().flat_map(|(_, _, values)| values.iter().flatten()).max().copied();
        let greatest = greatest.unwrap_or(0).max(1) as f64;
        let level = |name: &str| if name == "limit" { Role::Limit } else { Role::Entries };
        page.name(levels.iter().map(|(name, _, values)| (level(name), peak(name, values))).collect());
        for (name, _, values) in &levels {
            page.shapes.extend(lines(level(name), values, (page.top, STRIP * 1.6, column), greatest));
        }
        page.ground(STRIP * 1.6, filled);
    }
    for (name, _, values) in counts {
        let role = match *name {
            "visible" => Role::Visible,
            "suppressed" => Role::Suppressed,
            _ => Role::Lost,
        };
        page.name(vec![(role, peak(name, values))]);
        page.shapes.extend(bars(role, values, (page.top, STRIP, column)));
        page.ground(STRIP, filled);
    }
    if let Some(mark) = first_line(incident, &grid, column, page.top) {
        page.shapes.push(mark);
        page.keys.push((Role::Mark, "first line".to_owned()));
    }
    let start = label::moment(clock, incident, grid.from_us);
    let start = format!("{start}, {} a column", when::seconds(grid.column_us));
    let last = label::moment(clock, incident, grid.end_us());
    let title = format!("Timeline, {}", label::span(clock, incident, &grid));
    Some(page.end(f64::from(width), filled, title, (start, last)))
}

/// A picture as it grows downwards.
struct Page {
    words: Words,
    shapes: Vec<Shape>,
    keys: Vec<(Role, String)>,
    top: f64,
}

impl Page {
    /// What the next strip shows.
    fn name(&mut self, keys: Vec<(Role, String)>) {
        match self.words {
            Words::Inside => {
                let parts: Vec<String> = keys.into_iter().map(|(_, words)| words).collect();
                self.text(Role::Text, 0.0, 17.0, Anchor::Start, parts.join(" · "));
                self.top += WORDS;
            }
            Words::Beside => {
                self.top += if self.keys.is_empty() { ABOVE } else { BETWEEN };
                self.keys.extend(keys);
            }
        }
    }

    /// The line on which a strip of this height stands.
    fn ground(&mut self, height: f64, width: f64) {
        self.top += height;
        self.shapes.push(Shape::Rect(Role::Grid, 0.0, self.top, width, 1.0));
    }

    fn text(&mut self, role: Role, left: f64, below: f64, anchor: Anchor, words: String) {
        self.shapes.push(Shape::Text(role, left, self.top + below, anchor, words));
    }

    fn end(mut self, width: f64, filled: f64, title: String, (start, last): (String, String)) -> Drawing {
        if self.words == Words::Beside {
            let (keys, ends, height) = (self.keys, Some((start, last)), self.top + 1.0);
            return Drawing { width: filled, height, title, keys, ends, shapes: self.shapes };
        }
        self.text(Role::Dim, 0.0, 15.0, Anchor::Start, start);
        self.text(Role::Dim, filled.max(240.0), 15.0, Anchor::End, last);
        let height = self.top + FOOT;
        Drawing { width, height, title, keys: vec![], ends: None, shapes: self.shapes }
    }
}

/// A hair where the first line stands, if time before it is shown.
fn first_line(incident: &Incident, grid: &Grid, column: f64, height: f64) -> Option<Shape> {
    let start = incident.times.start?.0;
    let before = start.checked_sub(grid.from_us).filter(|before| *before >= grid.column_us)?;
    let left = before as f64 / grid.column_us as f64 * column;
    (left <= column * grid.columns as f64).then_some(Shape::Rect(Role::Mark, left, 0.0, 1.0, height))
}

/// `lines suppressed, peak 1,234`
fn peak(name: &str, values: &[Option<u64>]) -> String {
    let greatest = values.iter().flatten().copied().max().unwrap_or(0);
    let what = match name {
        "visible" => "lines visible",
        "suppressed" => "lines suppressed",
        "drops" => "packets dropped",
        "early drops" => "entries evicted early",
        "entries" => "entries held",
        "limit" => "entries at most",
        other => other,
    };
    format!("{what}, peak {}", spell::number(greatest))
}

/// A bar for each column; anything above zero is at least a hair.
fn bars(role: Role, values: &[Option<u64>], (top, height, column): (f64, f64, f64)) -> Vec<Shape> {
    let greatest = values.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let filled = values.iter().enumerate().filter_map(|(at, value)| Some((at, value.filter(|v| *v > 0)?)));
    filled
        .map(|(at, value)| {
            let tall = (value as f64 / greatest * height).max(2.0);
            let gap = if column > 6.0 { 2.0 } else { 0.5 };
            Shape::Rect(role, at as f64 * column, top + height - tall, column - gap, tall)
        })
        .collect()
}

/// Lines through what is known; where nothing is known there is none. One value alone is a short dash.
fn lines(
    role: Role,
    values: &[Option<u64>],
    (top, height, column): (f64, f64, f64),
    greatest: f64,
) -> Vec<Shape> {
    let mut runs: Vec<Vec<(f64, f64)>> = vec![vec![]];
    for (at, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some(run)) => {
                let y = top + height - *value as f64 / greatest * (height - 2.0);
                run.push((at as f64 * column, y));
                run.push(((at + 1) as f64 * column, y));
            }
            _ => runs.push(vec![]),
        }
    }
    runs.into_iter().filter(|run| !run.is_empty()).map(|run| Shape::Line(role, run)).collect()
}
