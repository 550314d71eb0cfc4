//! Blocks as HTML.

use std::fmt::Write as _;

use super::super::chart::{
    svg::{self, Paint},
    timeline::{self, Words},
};
use super::super::document::{Block, Cell, Commands, Fact, Item, Kind, RemedyBlock, Row, Series, Table};
use super::super::spell::{Clock, Rich, Tone};
use super::escape::text;

/// Widths of the picture on a screen and on a phone.
const WIDE: u16 = 720;
const NARROW: u16 = 320;
/// A key of at most so many bytes is never broken.
const WHOLE_MAX: usize = 26;

/// Text in stretches.
pub(super) fn rich(rich: &Rich) -> String {
    let mut out = String::new();
    for span in rich.spans() {
        let words = text(&span.text);
        let _ = match span.tone {
            Tone::Plain => write!(out, "{words}"),
            Tone::Code => write!(out, "<code>{words}</code>"),
            Tone::Moment(at) => match at.rfc3339() {
                Some(utc) => write!(out, "<time datetime=\"{utc}\">{words}</time>"),
                None => write!(out, "{words}"),
            },
        };
    }
    out
}

pub(super) fn block(out: &mut String, clock: Clock, block: &Block<'_>) {
    match block {
        Block::Paragraph(words) => {
            let _ = writeln!(out, "<p>{}</p>", rich(words));
        }
        Block::Facts(facts) => set_facts(out, facts),
        Block::Timeline(series) => set_timeline(out, clock, series),
        Block::Table(table) => set_table(out, table),
        Block::Items(items) => set_items(out, items),
        Block::Remedies(remedies) => set_remedies(out, remedies),
        Block::Lines(lines) => {
            let _ = writeln!(out, "<pre class=\"log\">{}</pre>", text(&lines.join("\n")));
        }
    }
}

fn set_facts(out: &mut String, facts: &[Fact]) {
    out.push_str("<dl>\n");
    for fact in facts {
        let _ = write!(out, "<dt>{}</dt><dd>{}", text(fact.label), rich(&fact.text));
        for detail in &fact.details {
            let _ = write!(out, "<div class=\"dim\">{}</div>", rich(detail));
        }
        out.push_str("</dd>\n");
    }
    out.push_str("</dl>\n");
}

fn set_timeline(out: &mut String, clock: Clock, series: &Series<'_>) {
    for (width, class) in [(WIDE, "chart wide"), (NARROW, "chart narrow")] {
        if let Some(drawing) = timeline::draw(series.incident, clock, width, Words::Inside) {
            let _ = writeln!(out, "{}", svg::write(&drawing, Paint::Classes, class));
        }
    }
}

fn set_table(out: &mut String, table: &Table) {
    let shown = table.shown();
    if table.rows.is_empty() {
        return;
    }
    out.push_str("<table>\n<thead><tr>");
    for (_, title, kind) in &shown {
        let _ = write!(out, "<th class=\"{}\">{}</th>", class(*kind), text(title));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        set_row(out, row, &shown);
    }
    out.push_str("</tbody>\n</table>\n");
}

fn set_row(out: &mut String, row: &Row, shown: &[(usize, &'static str, Kind)]) {
    out.push_str("<tr>");
    for (at, title, kind) in shown {
        let cell = row.cells.get(*at).map(cell).unwrap_or_default();
        // An address with its port is not broken where there is room for it.
        let whole = if *kind == Kind::Key && cell.len() <= WHOLE_MAX { " whole" } else { "" };
        // On a phone no heading stands above: what a cell is stands in it. A share says so itself.
        let named = matches!(kind, Kind::Words | Kind::Number) && !title.is_empty() && !cell.ends_with('%');
        let name = if named { format!(" data-name=\"{}\"", text(title)) } else { String::new() };
        let _ = write!(out, "<td class=\"{}{whole}\"{name}>{cell}</td>", class(*kind));
    }
    out.push_str("</tr>\n");
    if let Some(note) = &row.note {
        let columns = shown.len();
        let _ = writeln!(out, "<tr class=\"note\"><td colspan=\"{columns}\">{}</td></tr>", rich(note));
    }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Key => "key",
        Kind::Words => "words",
        Kind::Number => "number",
        Kind::Bar => "bar",
    }
}

/// Bars are pictures, not backgrounds: those are left out on paper.
fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(words) => text(words),
        Cell::Link(words, anchor) => format!("<a href=\"#{}\">{}</a>", text(anchor), text(words)),
        Cell::Bar(part, whole) => {
            let share = *part as f64 / (*whole).max(1) as f64 * 100.0;
            let wide = if *part == 0 { 0.0 } else { share.max(0.8) };
            format!(
                "<svg viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"c-entries \
                 fill\" width=\"{wide:.1}\" height=\"8\"/></svg>"
            )
        }
    }
}

fn set_items(out: &mut String, items: &[Item]) {
    if items.is_empty() {
        return;
    }
    out.push_str("<ul>\n");
    for item in items {
        let mark = text(item.mark);
        let _ = write!(out, "<li><span class=\"mark\">{mark}</span> {}", rich(&item.text));
        if let Some(under) = &item.under {
            let _ = write!(out, "<div class=\"dim\">{}</div>", rich(under));
        }
        if let Some(command) = &item.command {
            let _ = write!(out, "<pre class=\"copy\">{}</pre>", text(command));
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

fn set_remedies(out: &mut String, remedies: &[RemedyBlock]) {
    out.push_str("<ol class=\"remedies\">\n");
    for remedy in remedies {
        let _ = writeln!(out, "<li><h4>{}</h4>", rich(&remedy.title));
        if !remedy.effect.is_empty() {
            let _ = writeln!(out, "<p>Effect: {}</p>", rich(&remedy.effect));
        }
        for commands in &remedy.commands {
            set_commands(out, commands);
        }
        if !remedy.side_effects.is_empty() {
            let _ = writeln!(out, "<p>Side effects: {}</p>", rich(&remedy.side_effects));
        }
        if let Some(persists) = remedy.persists {
            let _ = writeln!(out, "<p class=\"dim\">{}</p>", text(persists));
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ol>\n");
}

fn set_commands(out: &mut String, commands: &Commands) {
    let class = if commands.is_undo { "copy undo" } else { "copy" };
    let (place, lines) = (text(&commands.place), text(&commands.lines.join("\n")));
    let _ = writeln!(out, "<p class=\"place\">{place}:</p>\n<pre class=\"{class}\">{lines}</pre>");
}
