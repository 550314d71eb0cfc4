//! Blocks as a mail program can show them: what stands side by side is a table, and fits a phone.

use std::fmt::Write as _;

use super::super::super::chart::drawing::Role;
use super::super::super::chart::png;
use super::super::super::chart::timeline::{self, Words};
use super::super::super::document::{
    Block, Cell, Commands, Fact, Item, Kind, RemedyBlock, Row, Series, Table,
};
use super::super::super::spell::{Clock, Rich, Tone};
use super::escape::text;

/// Pictures of one message: mail programs list each among what is attached.
const PICTURES_MAX: usize = 6;
/// Pixels.
const WIDTH: u16 = 696;

const CODE: &str = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.9em";
const TABLE: &str = "width:100%;border-collapse:collapse;font-size:14px;line-height:1.45";
const HEAD: &str =
    "padding:0 0 3px;border-bottom:1px solid #9aa3ab;font-size:13px;font-weight:normal;opacity:.8";
const CELL: &str = "padding:5px 0;border-bottom:1px solid #9aa3ab;vertical-align:top";
const NUMBER: &str = "padding:5px 0 5px 12px;border-bottom:1px solid #9aa3ab;vertical-align:top;text-align:right;white-space:nowrap";
const SMALL: &str = "font-size:13px;opacity:.8";
const PRE: &str = "margin:4px 0 10px;padding:8px 10px;border:1px solid #9aa3ab;border-radius:4px;white-space:pre-wrap;\
                   overflow-wrap:anywhere;font:13px/1.45 ui-monospace,Menlo,Consolas,monospace";

/// A picture of a message.
pub(in super::super) struct Picture {
    /// Content-ID, without brackets.
    pub(in super::super) id: String,
    /// PNG.
    pub(in super::super) bytes: Vec<u8>,
}

/// Those that were shown so far.
pub(super) struct Pictures<'a> {
    message: &'a str,
    pub(super) all: Vec<Picture>,
}

impl<'a> Pictures<'a> {
    pub(super) fn new(message: &'a str) -> Self {
        Self { message, all: Vec::new() }
    }

    /// The timeline: what its strips show, the picture, and when it begins and ends.
    pub(super) fn timeline(&mut self, out: &mut String, series: &Series<'_>, clock: Clock) {
        let drawn = timeline::draw(series.incident, clock, WIDTH, Words::Beside);
        let room = self.all.len() < PICTURES_MAX;
        let Some((drawing, bytes)) =
            drawn.filter(|_| room).and_then(|drawing| png::write(&drawing).map(|bytes| (drawing, bytes)))
        else {
            let _ = writeln!(out, "<p style=\"{SMALL}\">It stands in the text of this message.</p>");
            return;
        };
        let keys: Vec<String> = drawing.keys.iter().map(|(role, words)| key(*role, words)).collect();
        let id = format!("timeline-{}.{}", self.all.len() + 1, self.message);
        let (width, height) = (drawing.width.ceil(), drawing.height.ceil());
        let _ = writeln!(
            out,
            "<p style=\"margin:0 0 6px;font-size:13px\">{}</p>\n<img src=\"cid:{}\" width=\"{width}\" height=\"{height}\" \
             alt=\"{}\" style=\"display:block;width:{width}px;max-width:100%;height:auto;border:0\">",
            keys.join("&nbsp; "),
            text(&id),
            text(&drawing.title)
        );
        if let Some((start, end)) = &drawing.ends {
            let _ = writeln!(
                out,
                "<table role=\"presentation\" style=\"width:{}px;max-width:100%;border-collapse:collapse;{SMALL}\"><tr>\
                 <td style=\"padding:0\">{}</td><td style=\"padding:0;text-align:right\">{}</td></tr></table>",
                width.max(240.0),
                text(start),
                text(end)
            );
        }
        self.all.push(Picture { id, bytes });
    }
}

/// A patch of colour, and what it stands for: `■ lines visible, peak 5`
fn key(role: Role, words: &str) -> String {
    format!(
        "<span style=\"white-space:nowrap\"><span style=\"background:{}\" aria-hidden=\"true\">&nbsp;&nbsp;&nbsp;</span> {}</span>",
        hex(role),
        text(words)
    )
}

fn hex(role: Role) -> String {
    let [red, green, blue] = png::colour(role);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Text in stretches.
pub(super) fn rich(rich: &Rich) -> String {
    let mut out = String::new();
    for span in rich.spans() {
        let words = text(&span.text);
        let _ = match span.tone {
            Tone::Plain | Tone::Moment(_) => write!(out, "{words}"),
            Tone::Code => write!(out, "<code style=\"{CODE}\">{words}</code>"),
        };
    }
    out
}

pub(super) fn block(out: &mut String, block: &Block<'_>) {
    match block {
        Block::Paragraph(words) => {
            let _ = writeln!(out, "<p style=\"margin:6px 0\">{}</p>", rich(words));
        }
        Block::Facts(facts) => set_facts(out, facts),
        Block::Table(table) => set_table(out, table),
        Block::Items(items) => set_items(out, items),
        Block::Remedies(remedies) => set_remedies(out, remedies),
        Block::Lines(lines) => {
            let _ = writeln!(out, "<pre style=\"{PRE}\">{}</pre>", text(&lines.join("\n")));
        }
        // Whoever keeps the pictures sets it.
        Block::Timeline(_) => {}
    }
}

fn set_facts(out: &mut String, facts: &[Fact]) {
    if facts.is_empty() {
        return;
    }
    let _ = writeln!(out, "<table role=\"presentation\" style=\"{TABLE}\">");
    for fact in facts {
        let _ = write!(
            out,
            "<tr><td style=\"padding:3px 12px 3px 0;vertical-align:top;white-space:nowrap;font-weight:bold\">{}</td>\
             <td style=\"padding:3px 0;vertical-align:top;width:100%\">{}",
            text(fact.label),
            rich(&fact.text)
        );
        for detail in &fact.details {
            let _ = write!(out, "<div style=\"{SMALL}\">{}</div>", rich(detail));
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</table>\n");
}

/// Two columns and the numbers: what a row is about with its words and its bar below, and the numbers beside.
fn set_table(out: &mut String, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    let shown = table.shown();
    let of = |kind: Kind| shown.iter().filter(move |(_, _, other)| *other == kind);
    let keys: Vec<String> =
        of(Kind::Key).filter(|(_, title, _)| !title.is_empty()).map(|(_, title, _)| text(title)).collect();
    let _ = write!(
        out,
        "<table style=\"{TABLE}\">\n<tr><th style=\"{HEAD};text-align:left\">{}</th>",
        keys.join(" \u{2192} ")
    );
    for (_, title, _) in of(Kind::Number) {
        let _ = write!(
            out,
            "<th style=\"{HEAD};padding-left:12px;text-align:right;vertical-align:bottom;word-break:normal;overflow-wrap:normal\">{}</th>",
            text(title)
        );
    }
    out.push_str("</tr>\n");
    for row in &table.rows {
        set_row(out, row, &shown);
    }
    out.push_str("</table>\n");
}

fn set_row(out: &mut String, row: &Row, shown: &[(usize, &'static str, Kind)]) {
    let cells = |kind: Kind| {
        shown.iter().filter_map(move |(at, title, other)| {
            Some((*title, row.cells.get(*at)?)).filter(|_| *other == kind)
        })
    };
    let keys: Vec<String> =
        cells(Kind::Key).map(|(_, cell)| words_of(cell)).filter(|words| !words.is_empty()).collect();
    let _ = write!(
        out,
        "<tr><td style=\"{CELL};width:100%\"><span style=\"{CODE}\">{}</span>",
        keys.join(" \u{2192} ")
    );
    let words = cells(Kind::Words).filter_map(|(title, cell)| {
        let words = words_of(cell);
        let said = if title.is_empty() { words.clone() } else { format!("{}: {words}", text(title)) };
        (!words.is_empty()).then_some(said)
    });
    let words: Vec<String> = words.collect();
    if !words.is_empty() {
        let _ = write!(out, "<div style=\"{SMALL}\">{}</div>", words.join(" \u{b7} "));
    }
    if let Some(note) = &row.note {
        let _ = write!(out, "<div style=\"{SMALL}\">{}</div>", rich(note));
    }
    for (_, cell) in cells(Kind::Bar) {
        if let Cell::Bar(part, whole) = cell {
            bar(out, *part, *whole);
        }
    }
    out.push_str("</td>");
    for (_, cell) in cells(Kind::Number) {
        let _ = write!(out, "<td style=\"{NUMBER}\">{}</td>", words_of(cell));
    }
    out.push_str("</tr>\n");
}

fn words_of(cell: &Cell) -> String {
    match cell {
        Cell::Text(words) | Cell::Link(words, _) => text(words),
        Cell::Bar(..) => String::new(),
    }
}

/// A table of two cells: mail programs draw no other bar.
fn bar(out: &mut String, part: u64, whole: u64) {
    let share = part as f64 / whole.max(1) as f64 * 100.0;
    let wide = if part == 0 { 0.0 } else { share.clamp(0.8, 100.0) };
    let colour = hex(Role::Entries);
    let cell = "padding:0;height:6px;font-size:0;line-height:0";
    let _ = write!(
        out,
        "<table role=\"presentation\" style=\"width:100%;border-collapse:collapse;margin:3px 0 1px\"><tr>"
    );
    if wide > 0.0 {
        let _ = write!(
            out,
            "<td bgcolor=\"{colour}\" style=\"width:{wide:.1}%;background:{colour};{cell}\">&nbsp;</td>"
        );
    }
    let _ = write!(out, "<td style=\"{cell}\">&nbsp;</td></tr></table>");
}

fn set_items(out: &mut String, items: &[Item]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "<table role=\"presentation\" style=\"{TABLE}\">");
    for item in items {
        let _ = write!(
            out,
            "<tr><td style=\"padding:2px 8px 2px 0;vertical-align:top\">{}</td>\
             <td style=\"padding:2px 0;vertical-align:top;width:100%\">{}",
            text(item.mark),
            rich(&item.text)
        );
        if let Some(under) = &item.under {
            let _ = write!(out, "<div style=\"{SMALL}\">{}</div>", rich(under));
        }
        if let Some(command) = &item.command {
            let _ = write!(out, "<pre style=\"{PRE}\">{}</pre>", text(command));
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</table>\n");
}

fn set_remedies(out: &mut String, remedies: &[RemedyBlock]) {
    for (at, remedy) in remedies.iter().enumerate() {
        let title = rich(&remedy.title);
        let _ = writeln!(out, "<p style=\"margin:14px 0 4px;font-weight:bold\">{}. {title}</p>", at + 1);
        if !remedy.effect.is_empty() {
            let _ = writeln!(out, "<p style=\"margin:4px 0\">Effect: {}</p>", rich(&remedy.effect));
        }
        for commands in &remedy.commands {
            set_commands(out, commands);
        }
        if !remedy.side_effects.is_empty() {
            let _ =
                writeln!(out, "<p style=\"margin:4px 0\">Side effects: {}</p>", rich(&remedy.side_effects));
        }
        if let Some(persists) = remedy.persists {
            let _ = writeln!(out, "<p style=\"margin:4px 0;{SMALL}\">{}</p>", text(persists));
        }
    }
}

fn set_commands(out: &mut String, commands: &Commands) {
    let (place, lines) = (text(&commands.place), text(&commands.lines.join("\n")));
    let _ =
        writeln!(out, "<p style=\"margin:8px 0 0;{SMALL}\">{place}:</p>\n<pre style=\"{PRE}\">{lines}</pre>");
}
