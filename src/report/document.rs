//! The report as sections and blocks: the same facts in the same order as on the text page, before anybody decides how
//! a table or a command looks. HTML and Markdown are printed from it.

mod answer;
mod body;
mod ending;
mod incident;

use crate::model::incident::{Incident, TimelinePoint};
use crate::model::report::Report;

use super::phrase::opening;
use super::scene::Scene;
use super::spell::{Clock, Rich};

/// The whole report.
pub(super) struct Document<'a> {
    /// For the window and the head of the page: `web8: conntrack table full`.
    pub(super) title: String,
    /// Who, how and what to do.
    pub(super) answer: Vec<Rich>,
    /// Something is missing.
    pub(super) incomplete: Option<&'static str>,
    /// Several incidents, several hosts, what they share.
    pub(super) overview: Vec<Section<'a>>,
    /// Incidents, tables, findings, and what ends the report.
    pub(super) parts: Vec<Part<'a>>,
    /// When and by what it was made.
    pub(super) foot: String,
    /// The reader's clock.
    pub(super) clock: Clock,
}

/// An incident, a table, a finding; or what ends the report.
pub(super) struct Part<'a> {
    /// Name to link to: letters, digits and `-` only.
    pub(super) anchor: String,
    pub(super) title: String,
    pub(super) aside: String,
    pub(super) sections: Vec<Section<'a>>,
}

/// A headed run of blocks.
pub(super) struct Section<'a> {
    /// None: what stands at once under the part's title.
    pub(super) title: String,
    /// Detail that a ticket folds away.
    pub(super) folded: bool,
    pub(super) blocks: Vec<Block<'a>>,
}

/// A piece of a section.
pub(super) enum Block<'a> {
    Paragraph(Rich),
    Facts(Vec<Fact>),
    Timeline(Series<'a>),
    Table(Table),
    Items(Vec<Item>),
    Remedies(Vec<RemedyBlock>),
    /// Lines from a log.
    Lines(Vec<String>),
}

/// The points of an incident's timeline.
pub(super) struct Series<'a> {
    pub(super) incident: &'a Incident,
    pub(super) points: &'a [TimelinePoint],
    pub(super) step_seconds: u64,
}

/// A label, what is said behind it, and under it.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) text: Rich,
    pub(super) details: Vec<Rich>,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the row is about.
    Key,
    Words,
    Number,
    Bar,
}

/// Rows under named columns; columns of empty cells are left out by whoever prints.
pub(super) struct Table {
    pub(super) columns: Vec<(&'static str, Kind)>,
    pub(super) rows: Vec<Row>,
}

pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) note: Option<Rich>,
}

pub(super) enum Cell {
    Text(String),
    /// A link within the page.
    Link(String, String),
    /// So much of so much.
    Bar(u64, u64),
}

/// A mark and what is said.
pub(super) struct Item {
    pub(super) mark: &'static str,
    pub(super) text: Rich,
    pub(super) under: Option<Rich>,
    pub(super) command: Option<String>,
}

/// A remedy with its commands by place.
pub(super) struct RemedyBlock {
    pub(super) title: Rich,
    pub(super) effect: Rich,
    pub(super) commands: Vec<Commands>,
    pub(super) side_effects: Rich,
    pub(super) persists: Option<&'static str>,
}

/// Lines to copy.
pub(super) struct Commands {
    pub(super) place: String,
    pub(super) is_shell: bool,
    pub(super) is_undo: bool,
    pub(super) lines: Vec<String>,
}

impl Table {
    fn new(columns: &[(&'static str, Kind)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    fn row(&mut self, cells: Vec<Cell>, note: Option<Rich>) {
        self.rows.push(Row { cells, note });
    }

    /// Columns in which any row has something, by place, title and kind.
    pub(super) fn shown(&self) -> Vec<(usize, &'static str, Kind)> {
        let has = |at: usize| self.rows.iter().any(|row| row.cells.get(at).is_some_and(|c| !c.is_empty()));
        self.columns
            .iter()
            .enumerate()
            .filter(|(at, _)| has(*at))
            .map(|(at, (title, kind))| (at, *title, *kind))
            .collect()
    }
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl<'a> Section<'a> {
    fn open(title: impl Into<String>, blocks: Vec<Block<'a>>) -> Self {
        Self { title: title.into(), folded: false, blocks }
    }

    fn folded(title: impl Into<String>, blocks: Vec<Block<'a>>) -> Self {
        Self { title: title.into(), folded: true, blocks }
    }
}

impl Item {
    fn new(mark: &'static str, text: Rich) -> Self {
        Self { mark, text, under: None, command: None }
    }
}

/// Builds it.
pub(super) fn of<'a>(scene: &Scene<'a>) -> Document<'a> {
    let report: &'a Report = scene.report;
    let mut parts = Vec::new();
    for (at, view) in report.incidents.iter().enumerate() {
        let earlier = report.incidents.get(..at).unwrap_or_default();
        parts.push(incident::part(scene, view, earlier));
    }
    parts.extend(report.snapshots.iter().map(|view| incident::snapshot(scene, view)));
    parts.extend(ending::findings(scene));
    parts.extend(ending::part(scene));
    Document {
        title: answer::title(scene),
        answer: answer::answer(scene),
        incomplete: (!report.complete).then_some(opening::INCOMPLETE),
        overview: answer::overview(scene),
        parts,
        foot: format!(
            "Made by conntriage {} at {}. Times in {} and in UTC.",
            env!("CARGO_PKG_VERSION"),
            scene.clock.moment(report.generated_at),
            scene.clock.zone_name()
        ),
        clock: scene.clock,
    }
}
