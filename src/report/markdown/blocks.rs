//! Blocks as Markdown.

use std::fmt::Write as _;

use super::super::chart::{
    grid::{COLUMNS_MAX, Grid},
    label,
};
use super::super::document::{Block, Cell, Item, Kind, RemedyBlock, Series, Table};
use super::super::spell::{self, Clock, Rich, Tone};
use super::super::text::bar;
use super::escape::{code, fenced, text};

/// Columns of a bar.
const BAR: u64 = 10;

/// Text in stretches.
pub(super) fn rich(rich: &Rich) -> String {
    let spans = rich.spans().iter().map(|span| match span.tone {
        Tone::Code => code(&span.text),
        Tone::Plain | Tone::Moment(_) => text(&span.text),
    });
    spans.collect()
}

pub(super) fn block(out: &mut String, clock: Clock, block: &Block<'_>) {
    match block {
        Block::Paragraph(words) => {
            let _ = write!(out, "{}\n\n", rich(words));
        }
        Block::Facts(facts) => {
            for fact in facts {
                let _ = writeln!(out, "- **{}** {}", fact.label, rich(&fact.text));
                for detail in &fact.details {
                    let _ = writeln!(out, "  - {}", rich(detail));
                }
            }
            out.push('\n');
        }
        Block::Timeline(series) => set_timeline(out, clock, series),
        Block::Table(table) => set_table(out, table),
        Block::Items(items) => set_items(out, items),
        Block::Remedies(remedies) => set_remedies(out, remedies),
        Block::Lines(lines) => out.push_str(&fenced("", lines, "")),
    }
}

fn set_timeline(out: &mut String, clock: Clock, series: &Series<'_>) {
    let Some(grid) = Grid::over(series.points, series.step_seconds, COLUMNS_MAX) else { return };
    let mut lines = vec![label::span(clock, series.incident, &grid)];
    for (name, _, values) in grid.series(series.points) {
        let greatest = values.iter().flatten().copied().max().unwrap_or(0);
        lines.push(format!("{name:<12} {}  peak {}", bar::sparkline(&values), spell::number(greatest)));
    }
    out.push_str(&fenced("", &lines, ""));
}

fn set_table(out: &mut String, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    let shown = table.shown();
    let has_notes = table.rows.iter().any(|row| row.note.is_some());
    let mut titles: Vec<String> = shown.iter().map(|(_, title, _)| text(title)).collect();
    let mut rules: Vec<&str> =
        shown.iter().map(|(_, _, kind)| if *kind == Kind::Number { "--:" } else { "---" }).collect();
    if has_notes {
        titles.push("note".to_owned());
        rules.push("---");
    }
    let _ = write!(out, "| {} |\n| {} |\n", titles.join(" | "), rules.join(" | "));
    for row in &table.rows {
        let cells = shown.iter().map(|(at, _, _)| row.cells.get(*at).map(cell).unwrap_or_default());
        let mut cells: Vec<String> = cells.collect();
        if has_notes {
            cells.push(row.note.as_ref().map(rich).unwrap_or_default());
        }
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(words) | Cell::Link(words, _) => text(words),
        Cell::Bar(part, whole) => bar::bar(*part, *whole, BAR),
    }
}

fn set_items(out: &mut String, items: &[Item]) {
    for item in items {
        let mark = if item.mark == "·" { String::new() } else { format!("{} ", text(item.mark)) };
        let _ = writeln!(out, "- {mark}{}", rich(&item.text));
        if let Some(under) = &item.under {
            let _ = writeln!(out, "  - {}", rich(under));
        }
        if let Some(command) = &item.command {
            out.push_str(&fenced("sh", std::slice::from_ref(command), "  "));
        }
    }
    out.push('\n');
}

fn set_remedies(out: &mut String, remedies: &[RemedyBlock]) {
    for (at, remedy) in remedies.iter().enumerate() {
        let _ = write!(out, "#### {}. {}\n\n", at + 1, rich(&remedy.title));
        if !remedy.effect.is_empty() {
            let _ = write!(out, "Effect: {}\n\n", rich(&remedy.effect));
        }
        for commands in &remedy.commands {
            let language = if commands.is_shell { "sh" } else { "" };
            let _ = write!(out, "{}:\n\n", text(&commands.place));
            out.push_str(&fenced(language, &commands.lines, ""));
        }
        if !remedy.side_effects.is_empty() {
            let _ = write!(out, "Side effects: {}\n\n", rich(&remedy.side_effects));
        }
        if let Some(persists) = remedy.persists {
            let _ = write!(out, "{persists}\n\n");
        }
    }
}
