//! Aligned columns that fit the page. Cells are cut as far as their column allows; where that is not enough optional
//! columns are left out; where even that is not, rows are set as paragraphs. Addresses stand in columns that are
//! never cut.

use super::page::{Page, Style};
use super::wrap::{Indent, cut, cut_front, width};

/// What may happen to a column that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is never cut.
    Whole,
    /// As `Whole`, set to the right.
    Number,
    /// Its cells may be cut to so many columns.
    Cut(usize),
    /// As `Cut`, in front: the end of a path says most.
    Path(usize),
    /// It is left out.
    Optional,
}

/// A row, and what is to be said under it.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    pub(super) note: Option<String>,
}

/// A table. Columns whose cells are all empty are left out.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<(&'static str, Fit)>,
    rows: Vec<Row>,
}

const BETWEEN: usize = 2;
/// What is known of a row stands this far to the right of its first cell.
const NOTE_INDENT: usize = 2;

impl Table {
    /// Columns: title (empty titles throughout: no head line) and fit.
    pub(super) fn new(columns: &[(&'static str, Fit)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(Row { cells, note: None });
    }

    pub(super) fn row_with_note(&mut self, cells: Vec<String>, note: Option<String>) {
        self.rows.push(Row { cells, note });
    }

    /// Sets it on the page, so many columns from the left.
    pub(super) fn set(self, page: &mut Page, indent: usize) {
        if self.rows.is_empty() {
            return;
        }
        let Some(widths) = self.widths(page.width.saturating_sub(indent)) else {
            return self.set_as_paragraphs(page, indent);
        };
        let margin = " ".repeat(indent);
        if self.columns.iter().any(|(title, _)| !title.is_empty()) {
            let titles: Vec<String> = self.columns.iter().map(|(title, _)| (*title).to_owned()).collect();
            page.line(Style::Dim, format!("{margin}{}", self.line(&titles, &widths)));
        }
        for row in &self.rows {
            page.line(Style::Plain, format!("{margin}{}", self.line(&row.cells, &widths)));
            set_note(page, indent, row);
        }
    }

    fn set_as_paragraphs(&self, page: &mut Page, indent: usize) {
        for row in &self.rows {
            let cells: Vec<&str> = self
                .columns
                .iter()
                .zip(&row.cells)
                .filter(|((_, fit), cell)| *fit != Fit::Optional && !cell.is_empty())
                .map(|(_, cell)| cell.as_str())
                .collect();
            let shape = Indent { first: indent, rest: indent + NOTE_INDENT };
            page.paragraph(Style::Plain, shape, &cells.join(" · "));
            set_note(page, indent, row);
        }
    }

    fn cells_of(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.cells.get(column)).map(String::as_str)
    }

    /// Columns of each column, 0 for those left out; none where not even cut cells fit.
    fn widths(&self, available: usize) -> Option<Vec<usize>> {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|column| self.cells_of(column).map(width).max().unwrap_or(0))
            .zip(&self.columns)
            .map(|(cells, (title, _))| if cells == 0 { 0 } else { cells.max(width(title)) })
            .collect();
        for (at, (_, fit)) in self.columns.iter().enumerate().rev() {
            let is_tight = total(&self.least(&widths)) > available;
            if let Some(wide) = widths.get_mut(at).filter(|_| *fit == Fit::Optional && is_tight) {
                *wide = 0;
            }
        }
        self.shrink(&mut widths, available);
        (total(&widths) <= available).then_some(widths)
    }

    /// What the columns take when all that may be cut are.
    fn least(&self, widths: &[usize]) -> Vec<usize> {
        let least = |(wide, (_, fit)): (&usize, &(&str, Fit))| match fit {
            Fit::Cut(least) | Fit::Path(least) => (*wide).min(*least),
            _ => *wide,
        };
        widths.iter().zip(&self.columns).map(least).collect()
    }

    /// Cuts the widest column that may be cut until the line fits, or none may be cut further.
    fn shrink(&self, widths: &mut [usize], available: usize) {
        while total(widths) > available {
            let widest = widths
                .iter()
                .zip(&self.columns)
                .enumerate()
                .filter_map(|(at, (wide, (_, fit)))| match fit {
                    Fit::Cut(least) | Fit::Path(least) if wide > least => Some((*wide, at)),
                    _ => None,
                })
                .max();
            let Some(wide) = widest.and_then(|(_, at)| widths.get_mut(at)) else { return };
            *wide -= 1;
        }
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut out = String::new();
        for ((cell, wide), (_, fit)) in cells.iter().zip(widths).zip(&self.columns) {
            if *wide == 0 {
                continue;
            }
            if !out.is_empty() {
                out.push_str(&" ".repeat(BETWEEN));
            }
            let cell = match fit {
                Fit::Path(_) => cut_front(cell, *wide),
                _ => cut(cell, *wide),
            };
            let pad = " ".repeat(wide.saturating_sub(width(&cell)));
            if *fit == Fit::Number {
                out.push_str(&pad);
                out.push_str(&cell);
            } else {
                out.push_str(&cell);
                out.push_str(&pad);
            }
        }
        out
    }
}

fn set_note(page: &mut Page, indent: usize, row: &Row) {
    if let Some(note) = &row.note {
        page.paragraph(Style::Dim, Indent::all(indent + NOTE_INDENT), note);
    }
}

fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|wide| **wide > 0).count();
    widths.iter().sum::<usize>() + BETWEEN * shown.saturating_sub(1)
}
