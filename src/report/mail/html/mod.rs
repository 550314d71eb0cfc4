//! The report as HTML for mail programs. They drop scripts and style sheets, show no SVG, know little of layout but tables,
//! and turn pages dark as they see fit.
//!
//! So the style stands in the elements themselves; nothing is coloured but bars and pictures, whose colours are seen on white
//! and on black, so that whatever page the program lays under the words, they keep its contrast; nothing is remote, and
//! nothing is a link. Markup is written by this room alone, and text goes in through [`escape::text`] alone.

mod blocks;

use std::fmt::Write as _;

use crate::model::report::Report;

use super::super::document::{self, Block, Document, Part, Section};
use super::super::html::escape;
use super::super::scene::Scene;
use super::super::spell::Rich;
use blocks::{Pictures, rich};
use escape::text;

pub(super) use blocks::Picture;

/// Bytes of the page at most; sections that find no room are left out, and the page says so.
pub(super) const BYTES_MAX: usize = 64 << 10;
/// Room for what ends the page.
const END_MAX: usize = 6 << 10;

const BODY: &str = "margin:0;padding:0";
const PAGE: &str = "max-width:720px;margin:0 auto;padding:12px;font:15px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif;\
                    overflow-wrap:anywhere;word-break:break-word";
const TITLE: &str = "margin:0 0 4px;font-size:14px;opacity:.8";
const FIRST: &str = "margin:0 0 6px;font-size:20px;line-height:1.35;font-weight:bold";
const ANSWER: &str = "margin:0 0 6px;font-size:16px";
const WARNING: &str = "margin:12px 0 0;padding:2px 0 2px 10px;border-left:4px solid #d94a3d;font-weight:bold";
const PART: &str =
    "margin:28px 0 10px;padding:10px 0 0;border-top:2px solid #7d868f;font-size:18px;line-height:1.35";
const SECTION: &str = "margin:22px 0 6px;font-size:15px";
const SMALL: &str = "font-size:13px;font-weight:normal;opacity:.8";
const FOOT: &str = "margin:28px 0 0;padding:8px 0 0;border-top:1px solid #9aa3ab;font-size:13px;opacity:.8";

/// A page, and the pictures that it shows.
pub(super) struct Page {
    pub(super) html: String,
    pub(super) pictures: Vec<Picture>,
}

/// What stands on a page beside the report: paragraphs, each of lines.
pub(super) struct Around<'a> {
    /// In place of a report.
    pub(super) before: Option<&'a str>,
    /// After it.
    pub(super) after: &'a str,
    /// What has that for which there is no room.
    pub(super) rest: &'a str,
}

/// The page of a message. `id` is its Message-ID: pictures are named after it.
pub(super) fn render(report: Option<&Report>, around: &Around<'_>, id: &str) -> Page {
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n</head>\n<body style=\"{BODY}\">\n\
         <div style=\"{PAGE}\">\n"
    );
    let mut pictures = Pictures::new(id);
    if let Some(before) = around.before {
        paragraphs(&mut out, before, ANSWER);
    }
    if let Some(report) = report {
        let document = document::of(&Scene::of(report));
        head(&mut out, &document);
        let mut left_out =
            set_sections(&mut out, &document, (String::new(), &document.overview), &mut pictures);
        for part in &document.parts {
            let sections = (title_of(part), &*part.sections);
            left_out += set_sections(&mut out, &document, sections, &mut pictures);
        }
        if left_out > 0 {
            let _ = writeln!(
                out,
                "<p style=\"{WARNING}\">{left_out} more sections are longer than this page may be: {} has them.</p>",
                rich(&Rich::marked(around.rest))
            );
        }
        let _ = writeln!(out, "<p style=\"{FOOT}\">{}</p>", text(&document.foot));
    }
    paragraphs(&mut out, around.after, FOOT);
    out.push_str("</div>\n</body>\n</html>\n");
    Page { html: out, pictures: pictures.all }
}

/// Words of ours, in which code stands in backticks and a host's name was escaped: an empty line parts paragraphs.
fn paragraphs(out: &mut String, words: &str, style: &str) {
    for paragraph in words.split("\n\n").filter(|words| !words.trim().is_empty()) {
        let lines: Vec<String> =
            paragraph.trim_matches('\n').lines().map(|line| rich(&Rich::marked(line.trim_end()))).collect();
        let _ = writeln!(out, "<p style=\"{style}\">{}</p>", lines.join("<br>\n"));
    }
}

fn head(out: &mut String, document: &Document<'_>) {
    let _ = writeln!(out, "<h1 style=\"{TITLE}\">{}</h1>", text(&document.title));
    for (at, sentence) in document.answer.iter().enumerate() {
        let style = if at == 0 { FIRST } else { ANSWER };
        let _ = writeln!(out, "<p style=\"{style}\">{}</p>", rich(sentence));
    }
    if let Some(incomplete) = document.incomplete {
        let _ = writeln!(out, "<p style=\"{WARNING}\">{}</p>", text(incomplete));
    }
}

/// Sets sections as far as there is room for them, under their title; how many of them there was none for.
fn set_sections(
    out: &mut String,
    document: &Document<'_>,
    (mut title, sections): (String, &[Section<'_>]),
    pictures: &mut Pictures<'_>,
) -> usize {
    let mut left_out = 0;
    for section in sections {
        let mut set = title.clone();
        let shown = pictures.all.len();
        set_section(&mut set, document, section, pictures);
        if out.len() + set.len() + END_MAX > BYTES_MAX {
            pictures.all.truncate(shown);
            left_out += 1;
        } else {
            out.push_str(&set);
            title.clear();
        }
    }
    left_out
}

fn title_of(part: &Part<'_>) -> String {
    let mut title = format!("<h2 style=\"{PART}\">{}", text(&part.title));
    if !part.aside.is_empty() {
        let _ = write!(title, " <span style=\"{SMALL}\">{}</span>", text(&part.aside));
    }
    title + "</h2>\n"
}

fn set_section(
    out: &mut String,
    document: &Document<'_>,
    section: &Section<'_>,
    pictures: &mut Pictures<'_>,
) {
    if !section.title.is_empty() {
        let _ = writeln!(out, "<h3 style=\"{SECTION}\">{}</h3>", text(&section.title));
    }
    for block in &section.blocks {
        match block {
            Block::Timeline(series) => pictures.timeline(out, series, document.clock),
            other => blocks::block(out, other),
        }
    }
}
