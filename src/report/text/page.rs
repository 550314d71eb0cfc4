//! A page: lines of styled text, painted at the very end.

use super::super::spell::FIRM;
use super::wrap::{Indent, width, wrap};

/// How a stretch of text looks where there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Dim,
}

impl Style {
    /// SGR sequence that turns it on.
    fn sgr(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
        }
    }
}

/// Column at which the text behind a label stands.
pub(super) const LABEL_COLUMNS: usize = 12;

type Line = Vec<(Style, String)>;

/// A page of so many columns.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) width: usize,
    lines: Vec<Line>,
}

impl Page {
    pub(super) fn new(width: usize) -> Self {
        Self { width, lines: Vec::new() }
    }

    /// One line as it is.
    pub(super) fn line(&mut self, style: Style, text: impl Into<String>) {
        self.lines.push(vec![(style, text.into())]);
    }

    /// An empty line, unless there is one already.
    pub(super) fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(Vec::new());
        }
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, style: Style, indent: Indent, text: &str) {
        for line in wrap(text, self.width, indent) {
            self.line(style, line);
        }
    }

    /// A label in the margin and a paragraph beside it.
    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        self.beside(label, Style::Plain, text);
    }

    /// A paragraph under the one of a label, dimmed.
    pub(super) fn aside(&mut self, text: &str) {
        self.beside("", Style::Dim, text);
    }

    fn beside(&mut self, label: &str, style: Style, text: &str) {
        let mut label = Some(label).filter(|label| !label.is_empty());
        for line in wrap(text, self.width, Indent::all(LABEL_COLUMNS)) {
            match (label.take(), line.get(LABEL_COLUMNS..)) {
                (Some(label), Some(text)) if line.starts_with(&" ".repeat(LABEL_COLUMNS)) => {
                    let margin = format!("  {label:<rest$}", rest = LABEL_COLUMNS - 2);
                    self.lines.push(vec![(Style::Bold, margin), (style, text.to_owned())]);
                }
                (Some(label), _) => {
                    self.line(Style::Bold, format!("  {label}"));
                    self.line(style, line);
                }
                (None, _) => self.line(style, line),
            }
        }
    }

    /// A heading across the page: what it is about, and a word at the right.
    pub(super) fn banner(&mut self, left: &str, right: &str) {
        self.gap();
        let used = width(left) + width(right) + 2;
        if right.is_empty() || used + 3 > self.width {
            self.paragraph(Style::Bold, Indent { first: 0, rest: 2 }, left);
            if !right.is_empty() {
                self.paragraph(Style::Dim, Indent::all(0), right);
            }
            return;
        }
        let rule = "─".repeat(self.width - used);
        self.lines.push(vec![
            (Style::Bold, format!("{left} ")),
            (Style::Dim, rule),
            (Style::Plain, format!(" {right}")),
        ]);
    }

    /// A heading within it.
    pub(super) fn heading(&mut self, text: &str) {
        self.gap();
        self.paragraph(Style::Bold, Indent::all(2), text);
    }

    /// A list item: a mark and a paragraph that hangs behind it.
    pub(super) fn item(&mut self, columns: usize, mark: &str, text: &str) {
        let rest = columns + width(mark) + 1;
        self.paragraph(Style::Plain, Indent { first: columns, rest }, &format!("{mark}{FIRM}{text}"));
    }

    /// The page as text; with colour, by SGR sequences.
    pub(super) fn paint(mut self, colour: bool) -> String {
        while self.lines.last().is_some_and(Vec::is_empty) {
            self.lines.pop();
        }
        let mut out = String::new();
        for line in &self.lines {
            let mut text = String::new();
            for (style, words) in line {
                let is_styled = colour && *style != Style::Plain && !words.trim().is_empty();
                if is_styled {
                    text.push_str(style.sgr());
                }
                text.push_str(words);
                if is_styled {
                    text.push_str("\x1b[0m");
                }
            }
            out.push_str(text.replace(FIRM, " ").trim_end());
            out.push('\n');
        }
        out
    }
}
