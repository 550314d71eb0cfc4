//! The report as text for a terminal or a file: the answer first, then what it rests on. Empty sections are left out.
//!
//! Order: who, how and what to do (three sentences); what is missing; an overview where there are several incidents;
//! each incident; tables of no incident; look-alikes; assumptions, gaps, inputs.

mod answer;
pub(super) mod bar;
mod census;
mod columns;
mod ending;
mod incident;
pub mod incidents;
mod page;
pub mod queue;
mod remedies;
mod table;
mod timeline;
mod who;
mod why;
mod wrap;

use crate::model::report::Report;

use super::scene::Scene;

use page::Page;

/// Narrower pages are set as if they had so many columns.
const WIDTH_MIN: usize = 40;
/// Wider ones too: bars and long lines do not gain by more.
const WIDTH_MAX: usize = 200;

/// How it is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns; no line is wider, but for a command that cannot be continued on a second line. 40 to 200.
    pub width: usize,
    /// Colour (SGR sequences).
    pub colour: bool,
}

/// The whole report.
pub fn render(report: &Report, look: Look) -> String {
    let scene = Scene::of(report);
    let mut page = Page::new(look.width.clamp(WIDTH_MIN, WIDTH_MAX));
    answer::set(&scene, &mut page);
    for (at, view) in report.incidents.iter().enumerate() {
        let earlier = report.incidents.get(..at).unwrap_or_default();
        incident::set(&scene, view, earlier, &mut page);
    }
    for view in &report.snapshots {
        incident::set_snapshot(&scene, view, &mut page);
    }
    ending::set(&scene, &mut page);
    page.paint(look.colour)
}
