//! The report in Markdown, GitHub's dialect, for tickets and chat: tables, code to copy, details folded.

mod blocks;
pub mod escape;

use std::fmt::Write as _;

use crate::model::report::Report;

use super::document::{self, Section};
use super::scene::Scene;
use super::spell::{Clock, FIRM};
use blocks::{block, rich};
use escape::text;

/// The whole report.
pub fn render(report: &Report) -> String {
    let document = document::of(&Scene::of(report));
    let mut out = format!("# {}\n\n", text(&document.title));
    for (at, sentence) in document.answer.iter().enumerate() {
        let words = rich(sentence);
        let _ = if at == 0 { write!(out, "**{words}**\n\n") } else { write!(out, "{words}\n\n") };
    }
    if let Some(incomplete) = document.incomplete {
        let _ = write!(out, "**{}**\n\n", text(incomplete));
    }
    for section in &document.overview {
        set(&mut out, document.clock, section);
    }
    for part in &document.parts {
        let aside = if part.aside.is_empty() { String::new() } else { format!(" ({})", text(&part.aside)) };
        let _ = write!(out, "## {}{aside}\n\n", text(&part.title));
        for section in &part.sections {
            set(&mut out, document.clock, section);
        }
    }
    let _ = writeln!(out, "---\n\n{}", text(&document.foot));
    out.replace(FIRM, " ")
}

fn set(out: &mut String, clock: Clock, section: &Section<'_>) {
    if section.folded {
        // A blank line behind the summary: what follows is Markdown again.
        let _ = write!(out, "<details>\n<summary>{}</summary>\n\n", text(&section.title));
    } else if !section.title.is_empty() {
        let _ = write!(out, "### {}\n\n", text(&section.title));
    }
    for each in &section.blocks {
        block(out, clock, each);
    }
    if section.folded {
        out.push_str("</details>\n\n");
    }
}
