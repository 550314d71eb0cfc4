//! The report as one HTML file: no script, nothing remote; for a phone, a screen and paper, light and dark.
//!
//! Markup is written by this room alone, and text goes in through [`escape::text`] alone, so that nothing from input
//! can become markup; the page's own policy refuses scripts and remote content besides.

mod blocks;
pub mod escape;

use std::fmt::Write as _;

use crate::model::report::Report;

use super::document::{self, Document, Part, Section};
use super::scene::Scene;
use blocks::{block, rich};
use escape::text;

/// Colours, type, small screens, paper.
const STYLE: &str = include_str!("style.css");

/// The whole report.
pub fn render(report: &Report) -> String {
    let document = document::of(&Scene::of(report));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
         form-action 'none'\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        text(&document.title)
    );
    head(&mut out, &document);
    for part in &document.parts {
        set_part(&mut out, &document, part);
    }
    let _ = write!(out, "<footer>{}</footer>\n</main>\n</body>\n</html>\n", text(&document.foot));
    out
}

fn head(out: &mut String, document: &Document<'_>) {
    let _ = writeln!(out, "<header>\n<h1>{}</h1>\n<div class=\"answer\">", text(&document.title));
    for sentence in &document.answer {
        let _ = writeln!(out, "<p>{}</p>", rich(sentence));
    }
    out.push_str("</div>\n");
    if let Some(incomplete) = document.incomplete {
        let _ = writeln!(out, "<p class=\"warning\">{}</p>", text(incomplete));
    }
    out.push_str("</header>\n");
    for section in &document.overview {
        set_section(out, document, section);
    }
}

fn set_part(out: &mut String, document: &Document<'_>, part: &Part<'_>) {
    let _ = write!(out, "<article id=\"{}\">\n<h2>{}", text(&part.anchor), text(&part.title));
    if !part.aside.is_empty() {
        let _ = write!(out, " <small>{}</small>", text(&part.aside));
    }
    out.push_str("</h2>\n");
    for section in &part.sections {
        set_section(out, document, section);
    }
    out.push_str("</article>\n");
}

fn set_section(out: &mut String, document: &Document<'_>, section: &Section<'_>) {
    out.push_str("<section>\n");
    if !section.title.is_empty() {
        let _ = writeln!(out, "<h3>{}</h3>", text(&section.title));
    }
    for each in &section.blocks {
        block(out, document.clock, each);
    }
    out.push_str("</section>\n");
}
