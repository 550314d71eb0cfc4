//! The manual page and the README are what the program says.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::path::Path;

use common::{conntriage, golden, outcome, root};

#[test]
fn the_manual_page_is_the_one_the_program_prints() {
    let output = conntriage(root()).arg("man").output().unwrap();
    let (page, errors, code) = outcome(&output);
    assert_eq!((errors.as_str(), code), ("", 0));
    golden(&root().join("man/conntriage.1"), &page).unwrap();
}

#[test]
fn every_command_and_option_of_the_help_stands_in_the_manual() {
    let manual = outcome(&conntriage(root()).arg("man").output().unwrap()).0.replace('\\', "");
    for command in ["analyze", "scan", "capture", "doctor", "check", "schema", "completions", "man"] {
        let help = outcome(&conntriage(root()).args([command, "--help"]).output().unwrap()).0;
        for word in help.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help") {
            let option = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            assert!(manual.contains(option), "{option} of {command} is not in the manual");
        }
    }
}

/// What stands between the README's first code fence and the next is the head of a real report; a line `…` says that it
/// goes on.
#[test]
fn the_report_in_the_readme_is_the_one_of_the_first_sample() {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let readme = read(&root().join("README.md"));
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let (shown, rest) = shown.split_once("\n\u{2026}\n").unwrap();
    assert_eq!(rest, "", "the report goes on behind the dots");
    assert!(shown.lines().count() >= 30);
    let expected = read(&root().join("samples/web8/expected.txt"));
    assert!(expected.starts_with(shown), "the README shows:\n{shown}");
}

#[test]
fn the_first_lines_of_a_report_answer_who_how_and_what_to_do() {
    for sample in common::samples() {
        let text = std::fs::read_to_string(sample.join("expected.txt")).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(sample.join("expected.json")).unwrap()).unwrap();
        if json["incidents"].as_array().unwrap().is_empty() {
            continue;
        }
        let head: Vec<&str> = text.lines().take(4).collect();
        let whole = head[..3].iter().all(|line| !line.starts_with(' ') && !line.is_empty());
        assert!(whole && head[3].is_empty(), "{}: {head:#?}", common::name(&sample));
    }
}
