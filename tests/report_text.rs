//! The text report: whole pages held against golden files, and what must hold for every page.
//!
//! `CONNTRIAGE_BLESS=1 cargo test --test report_text` rewrites the golden files.

mod report_synthetic;

use std::path::Path;

use conntriage::model::report::Report;
use conntriage::report::escape;
use conntriage::report::text::{Look, render};

use conntriage::model::sentence::{Sentence, Word};
use proptest::prelude::*;

use report_synthetic::{everything, quiet, web8};

fn plain(report: &Report, width: usize) -> String {
    render(report, Look { width, colour: false })
}

fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("CONNTRIAGE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs; the page now is:\n{text}", path.display());
}

#[test]
fn the_story_of_web8_reads_as_agreed() {
    assert_golden("web8.txt", &plain(&web8::report(), 100));
}

#[test]
fn the_story_of_web8_fits_a_narrow_terminal() {
    assert_golden("web8-80.txt", &plain(&web8::report(), 80));
}

#[test]
fn everything_reads_as_agreed() {
    assert_golden("everything.txt", &plain(&everything::report(), 100));
}

#[test]
fn where_nothing_was_found_the_page_says_so_and_what_was_read() {
    assert_golden("quiet.txt", &plain(&quiet(), 100));
}

#[test]
fn the_answer_stands_in_the_first_three_lines() {
    let text = plain(&web8::report(), 100);
    let head: Vec<&str> = text.lines().take(3).collect();
    assert!(head[0].contains("29,457") && head[0].contains("192.168.1.107:3128"), "{}", head[0]);
    assert!(head[1].contains("TIME_WAIT") && head[1].contains("245 per second"), "{}", head[1]);
    assert!(head[2].contains("euse connections"), "{}", head[2]);
}

/// Columns of a line as a terminal shows it; everything in these reports is one column wide.
fn columns(line: &str) -> usize {
    line.chars().count()
}

#[test]
fn no_line_is_wider_than_the_page() {
    for report in [web8::report(), everything::report(), quiet()] {
        let commands = commands(&report);
        for width in 60..=140 {
            for line in plain(&report, width).lines().filter(|line| columns(line) > width) {
                // A line of a file, and a quoted word of a command, can be copied only whole.
                let text = line.trim_start().trim_end_matches(" \\");
                let is_command = commands.iter().any(|command| command.contains(text));
                assert!(is_command, "{} columns at {width}: {line}", columns(line));
            }
        }
    }
}

/// Every command of a report, as it may stand on a page.
fn commands(report: &Report) -> Vec<String> {
    let bodies =
        report.incidents.iter().map(|view| &view.body).chain(report.snapshots.iter().map(|view| &view.body));
    let remedies =
        bodies.flat_map(|body| &body.remedies).chain(report.findings.iter().flat_map(|f| &f.remedies));
    remedies
        .flat_map(|remedy| &remedy.commands)
        .flat_map(|command| [Some(command.line.clone()), command.undo.clone()])
        .chain(report.gaps.iter().map(|gap| gap.command.clone()))
        .flatten()
        .map(|line| escape::text(&line))
        .collect()
}

#[test]
fn without_colour_nothing_reaches_the_terminal_but_text() {
    for report in [web8::report(), everything::report(), quiet()] {
        for width in [60, 80, 140] {
            let strange = plain(&report, width)
                .chars()
                .find(|c| !(matches!(c, ' '..='~' | '\n') || "─█▉▊▋▌▍▎▏▁▂▃▄▅▆▇·✗−≈…–".contains(*c)));
            assert_eq!(strange, None);
        }
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    for report in [web8::report(), everything::report()] {
        let painted = render(&report, Look { width: 100, colour: true });
        assert!(painted.contains("\x1b[1m") && painted.contains("\x1b[2m"));
        let mut bare = painted.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "");
        assert!(!bare.contains('\x1b'));
        bare = bare.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n";
        assert_eq!(bare, plain(&report, 100));
    }
}

#[test]
fn no_address_and_no_command_is_broken() {
    let report = web8::report();
    for width in 60..=140 {
        let text = plain(&report, width);
        for whole in [
            "192.168.1.107:3128",
            "sysctl -w net.ipv4.netfilter.ip_conntrack_max=65536",
            "net.ipv4.netfilter.ip_conntrack_max = 65536",
        ] {
            assert!(text.contains(whole), "{whole} is broken at {width}");
        }
    }
    for width in 60..=140 {
        let text = plain(&everything::report(), width);
        assert!(text.contains("2001:db8:1234:5678:9abc:def0:1234:5678"), "at {width}");
        assert!(text.contains("[2001:db8:1234:5678:9abc:def0:1234:5678]:65535/udp"), "at {width}");
    }
}

#[test]
fn a_page_ends_with_one_line_end_and_has_no_double_gaps() {
    for report in [web8::report(), everything::report(), quiet()] {
        let text = plain(&report, 80);
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
        assert!(!text.contains("\n\n\n"));
        assert!(text.lines().all(|line| line.trim_end() == line));
    }
}

#[test]
fn absurd_widths_are_survived() {
    for width in [0, 1, 39, 100_000] {
        assert!(!plain(&everything::report(), width).is_empty());
    }
}

/// A report whose every text from input is one of these.
fn filled(words: &[Vec<u8>]) -> Report {
    let mut report = everything::report();
    let mut next = words.iter().cycle();
    let mut bytes = move || next.next().cloned().unwrap_or_default();
    let mut word = |text: &mut Box<str>| *text = String::from_utf8_lossy(&bytes()).into();
    for input in &mut report.inputs {
        word(&mut input.path);
        input.member.iter_mut().for_each(&mut word);
        input.note.iter_mut().for_each(&mut word);
    }
    for view in &mut report.hosts {
        word(&mut view.host.name);
    }
    report.findings.iter_mut().filter_map(|finding| finding.host.as_mut()).for_each(&mut word);
    for view in &mut report.incidents {
        view.incident.lines = words.iter().map(|word| word.clone().into()).collect();
        view.body.verdict.summary = words
            .iter()
            .map(|word| Sentence(vec![Word::Text("it was"), Word::Untrusted(word.clone().into())]))
            .collect();
    }
    report
}

/// Nothing that a terminal obeys, reorders or hides.
fn is_harmless(c: char) -> bool {
    let hides = matches!(c,
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{590}'..='\u{8ff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    c == '\n' || !(c.is_control() || hides)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_was_read_no_line_is_wider_and_nothing_reaches_the_terminal(
        words in prop::collection::vec(
            prop_oneof![prop::collection::vec(any::<u8>(), 0..80), any::<String>().prop_map(String::into_bytes)],
            1..6,
        ),
        width in 60_usize..=140,
    ) {
        let report = filled(&words);
        let commands = commands(&report);
        let text = plain(&report, width);
        prop_assert!(text.chars().all(is_harmless), "{text:?}");
        for line in text.lines().filter(|line| columns(line) > width) {
            let text = line.trim_start().trim_end_matches(" \\");
            prop_assert!(commands.iter().any(|command| command.contains(text)), "at {width}: {line}");
        }
    }
}
