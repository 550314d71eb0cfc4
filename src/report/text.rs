//! The report as text for a terminal or a file.

use crate::model::report::Report;

/// How it is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns; no line is wider.
    pub width: usize,
    /// Colour (SGR sequences).
    pub colour: bool,
}

/// The whole report.
pub fn render(report: &Report, look: Look) -> String {
    let _ = (report, look);
    String::new()
}
