//! HTML, Markdown and text say the same, and none obeys what came from input. The HTML is looked at in a browser.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;
mod report_synthetic;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use common::{args, conntriage, name, samples, skip, stage};
use conntriage::model::report::Report;
use conntriage::report::text::{Look, render as text};
use conntriage::report::{html, markdown};
use proptest::prelude::*;
use report_synthetic::hostile::{filled, hostile};
use report_synthetic::{everything, quiet, web8};

/// Numbers by the title of the section they stand in; everything without a title is one section.
type Numbers = BTreeMap<String, BTreeSet<String>>;

/// Every number of a text, with the punctuation that stands inside it.
fn numbers(text: &str, into: &mut BTreeSet<String>) {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '-' | '/' | '…');
    for word in text.split(|c| !is_part(c)) {
        let word = word.trim_matches(|c: char| !c.is_ascii_digit() && c != '…');
        // What is cut says nothing whole.
        if word.chars().any(|c| c.is_ascii_digit()) && !word.contains('…') {
            into.insert(word.to_owned());
        }
    }
}

/// HTML as sections of bare text: title and words.
fn sections_of_html(page: &str) -> Vec<(String, String)> {
    let body = page.split("<main>").nth(1).unwrap().split("<footer>").next().unwrap();
    let mut sections = Vec::new();
    for section in body.replace("<article", "<section").split("<section") {
        let (title, rest) = match section.split_once("<h3>").and_then(|(_, rest)| rest.split_once("</h3>")) {
            Some((title, rest)) => (bare(title), rest),
            None => (String::new(), section),
        };
        let title = if title == "Timeline" { String::new() } else { title };
        sections.push((title, bare(rest)));
    }
    sections
}

/// Without tags, and with characters for references.
fn bare(html: &str) -> String {
    let mut out = String::new();
    for (at, piece) in html.split('<').enumerate() {
        let words = if at == 0 { piece } else { piece.split_once('>').map_or("", |(_, words)| words) };
        out.push_str(words);
        out.push(' ');
    }
    unreferenced(&out).replace('\u{a0}', " ").trim().to_owned()
}

fn unreferenced(text: &str) -> String {
    let pairs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#8203;", ""), ("&amp;", "&")];
    pairs.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn numbers_of_html(page: &str) -> Numbers {
    let mut all = Numbers::new();
    for (title, words) in sections_of_html(page) {
        numbers(&words, all.entry(title).or_default());
    }
    all
}

fn numbers_of_markdown(page: &str) -> Numbers {
    let (mut all, mut title, mut in_code) = (Numbers::new(), String::new(), false);
    let page = page.rsplit_once("---\n").unwrap().0;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        let plain = if in_code { line.to_owned() } else { unreferenced(line).replace('\\', "") };
        if let Some(heading) = plain.strip_prefix("### ") {
            title = if heading == "Timeline" { String::new() } else { heading.to_owned() };
        } else if let Some(summary) = plain.strip_prefix("<summary>") {
            summary.trim_end_matches("</summary>").clone_into(&mut title);
        } else if let Some(remedy) = plain.strip_prefix("#### ") {
            let words = remedy.split_once(". ").map_or(remedy, |(_, words)| words);
            numbers(words, all.entry(title.clone()).or_default());
        } else {
            if plain.starts_with("## ") || plain == "</details>" {
                title.clear();
            }
            numbers(&plain, all.entry(title.clone()).or_default());
        }
    }
    all
}

/// The text page by the titles that the other formats use.
fn numbers_of_text(page: &str, titles: &Numbers) -> (Numbers, BTreeSet<String>) {
    let (mut all, mut title, mut cut) = (Numbers::new(), String::new(), BTreeSet::new());
    for line in page.lines() {
        if line.contains("───") {
            title.clear();
        } else if !line.is_empty() && titles.contains_key(line.trim()) {
            line.trim().clone_into(&mut title);
            continue;
        } else if line.starts_with("Who holds the table") || line.starts_with("  Who holds the table") {
            title.clear();
        }
        if line.contains('…') {
            cut.insert(title.clone());
        }
        // The number of a remedy is counted by the format itself.
        let line = line.trim_start();
        let is_ordinal =
            line.split_once(". ").is_some_and(|(head, _)| head.len() <= 2 && head.parse::<u8>().is_ok());
        let words = if is_ordinal { line.split_once(". ").unwrap().1 } else { line };
        numbers(words, all.entry(title.clone()).or_default());
    }
    (all, cut)
}

/// The three say the same numbers in the same sections; where text leaves out or cuts a column the others say more.
fn assert_agreement(name: &str, text: &str, html: &str, markdown: &str) {
    let (of_html, of_markdown) = (numbers_of_html(html), numbers_of_markdown(markdown));
    assert!(of_html.len() >= 2, "{name}: no sections were found");
    let (of_text, cut) = numbers_of_text(text, &of_html);
    let mut wrong = Vec::new();
    for (title, in_html) in &of_html {
        let none = BTreeSet::new();
        let in_markdown = of_markdown.get(title).unwrap_or(&none);
        let in_text = of_text.get(title).unwrap_or(&none);
        let mut differ = |what: &str, a: &BTreeSet<String>, b: &BTreeSet<String>| {
            let missing: Vec<_> = a.difference(b).collect();
            if !missing.is_empty() {
                wrong.push(format!("{name}, section {title:?}: {what}: {missing:?}"));
            }
        };
        differ("in HTML, not in Markdown", in_html, in_markdown);
        differ("in Markdown, not in HTML", in_markdown, in_html);
        differ("in text, not in HTML", in_text, in_html);
        if !cut.contains(title) && title != "Inputs" {
            differ("in HTML, not in text", in_html, in_text);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn report_in(directory: &Path, sample: &Path, format: &str) -> String {
    let mut command = conntriage(directory);
    command.args(["analyze", "input", "--format", format]).args(args(sample));
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
fn every_number_agrees_in_all_formats_of_every_sample() {
    for sample in samples() {
        let staged = stage(&sample);
        let [text, html, markdown] =
            ["text", "html", "markdown"].map(|format| report_in(staged.path(), &sample, format));
        assert_agreement(&name(&sample), &text, &html, &markdown);
        let json = report_in(staged.path(), &sample, "json");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        for incident in json["incidents"].as_array().unwrap() {
            for number in told(incident) {
                for (format, page) in [("text", &text), ("html", &html), ("markdown", &markdown)] {
                    assert!(page.contains(&number), "{}: {number} is not in {format}", name(&sample));
                }
            }
        }
    }
}

/// Numbers of an incident in JSON that every page must show, with commas as pages have them.
fn told(incident: &serde_json::Value) -> Vec<String> {
    let drops = &incident["drops"];
    let mut found = vec![&drops["low"], &drops["high"], &drops["visible"], &drops["suppressed"]];
    for list in ["top_sources", "top_peers", "top_pairs"] {
        found.extend(incident[list].as_array().unwrap().iter().map(|row| &row["entries"]));
    }
    let census = &incident["census"];
    found.extend(["live", "closing", "evictable"].map(|class| &census["effective"][class]));
    found.into_iter().filter_map(serde_json::Value::as_u64).map(conntriage::report::spell::number).collect()
}

#[test]
fn every_number_agrees_in_reports_made_by_hand() {
    for (name, report) in [("web8", web8::report()), ("quiet", quiet())] {
        let text = text(&report, Look { width: 100, colour: false });
        assert_agreement(name, &text, &html::render(&report), &markdown::render(&report));
    }
}

#[test]
fn the_comparison_finds_a_number_that_differs() {
    let report = web8::report();
    let text = text(&report, Look { width: 100, colour: false });
    let (html, markdown) = (html::render(&report), markdown::render(&report));
    for broken in [html.replace("29,457", "29,458"), html.replacen("245", "254", 1)] {
        assert_ne!(broken, html);
        let found = std::panic::catch_unwind(|| assert_agreement("planted", &text, &broken, &markdown));
        assert!(found.is_err());
    }
}

#[test]
fn html_asks_for_nothing_and_runs_nothing() {
    for report in [web8::report(), everything::report(), quiet()] {
        let page = html::render(&report);
        for word in ["<script", "src=", "@import", "url(", "javascript:", "<link", "<iframe", " on"] {
            let in_markup = tags(&page).into_iter().any(|tag| tag.contains(word));
            assert!(!in_markup, "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}

/// Every tag of a page, from `<` to `>`.
fn tags(page: &str) -> Vec<String> {
    page.split('<').skip(1).map(|piece| format!("<{}", piece.split('>').next().unwrap_or_default())).collect()
}

/// Elements that our own pages hold.
const ELEMENTS: [&str; 43] = [
    "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "h3", "h4",
    "small", "div", "p", "article", "section", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td",
    "svg", "rect", "polyline", "text", "ul", "ol", "li", "span", "pre", "code", "time", "a", "footer",
    "details", "summary", "br",
];

fn assert_harmless(report: &Report) {
    let page = html::render(report);
    for tag in tags(&page) {
        let element = tag.trim_start_matches(['<', '/']).split([' ', '\n']).next().unwrap().to_owned();
        assert!(ELEMENTS.contains(&element.as_str()), "{tag}");
        assert!(!tag.contains(" on") && !tag.contains("src="), "{tag}");
    }
    let page = markdown::render(report);
    let mut fence: Option<String> = None;
    for line in page.lines() {
        let ticks: String = line.trim_start().chars().take_while(|c| *c == '`').collect();
        match &fence {
            None if ticks.len() >= 3 && !line.trim_start()[ticks.len()..].contains('`') => {
                fence = Some(ticks);
            }
            None => {
                let ours = ["<details>", "</details>"].contains(&line) || line.starts_with("<summary>");
                let outside_code: String = line.split('`').step_by(2).collect();
                assert!(ours || line.contains('`') || !outside_code.contains('<'), "{line}");
                assert!(line.contains('`') || !line.contains("@e") && !line.contains("://"), "{line}");
            }
            Some(open) if ticks == *open && line.trim() == ticks => fence = None,
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "a block of code was not closed");
    for page in [html::render(report), markdown::render(report)] {
        let strange =
            page.chars().find(|c| c.is_control() && *c != '\n' || "\u{202e}\u{2066}\u{200b}".contains(*c));
        assert_eq!(strange, None);
    }
}

#[test]
fn hostile_names_and_lines_stay_text() {
    assert_harmless(&filled(&hostile()));
    for word in hostile() {
        assert_harmless(&filled(&[word]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_was_read_it_stays_text(words in prop::collection::vec("[<>\"'&`|@#\\[\\]()!\\\\\n\u{202e}a-c=/ ]{0,24}", 1..5)) {
        assert_harmless(&filled(&words));
    }
}

/// Where Debian has the browser, and where others have it.
const BROWSERS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

#[test]
fn pages_are_right_in_a_browser_on_a_phone_and_a_screen_light_and_dark() {
    let Some(browser) = BROWSERS.into_iter().find(|path| Path::new(path).exists()) else {
        return skip("pages in a browser", "no Chromium is installed");
    };
    let directory = tempfile::tempdir().unwrap();
    let mut pages = vec![
        ("web8", html::render(&web8::report())),
        ("everything", html::render(&everything::report())),
        ("quiet", html::render(&quiet())),
        ("hostile", html::render(&filled(&hostile()))),
    ];
    for sample in ["syn-flood", "two-hosts"] {
        let path = common::root().join("samples").join(sample);
        pages.push((sample, report_in(stage(&path).path(), &path, "html")));
    }
    for (name, page) in pages {
        let path = directory.path().join(format!("{name}.html"));
        std::fs::write(&path, page).unwrap();
        let (output, code) = looked_at(browser, &path);
        assert!(code == Some(0) && output.is_empty(), "{name}: {output}");
    }
    // The eye sees: each of these is found.
    let bad = "<!DOCTYPE html><title>x</title><main style=\"width:2000px;color:#aaa;background:#fff\">a<p>b</p></main>\
               <script>console.error('x')</script>";
    let path = directory.path().join("bad.html");
    std::fs::write(&path, bad).unwrap();
    let (output, _) = looked_at(browser, &path);
    for found in ["wide in a window", "contrast of", "console: "] {
        assert!(output.contains(found), "{found}: {output}");
    }
}

fn looked_at(browser: &str, page: &Path) -> (String, Option<i32>) {
    let tool = common::root().join("tests/tools/look_at_page.py");
    let output = Command::new("python3").arg(tool).arg(browser).arg(page).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), output.status.code())
}
