//! The law of the first lines: three of them (of a look-alike: two, for each thing that is said), each of which fits the page; the last one
//! says what is to be done; no number stands without its unit, no state of the kernel without its meaning.
#![allow(dead_code, reason = "each test program uses some of it")]

use conntriage::model::report::Report;
use conntriage::model::sentence::Sentence;
use conntriage::report::spell::{Clock, FIRM, readable};

/// Columns of a line where there is no terminal.
const COLUMNS: usize = 100;

/// What may stand behind a number.
const UNITS: [&str; 49] = [
    "%",
    "s",
    "ms",
    "min",
    "h",
    "d",
    "per",
    "B",
    "KiB",
    "MiB",
    "GiB",
    "TiB",
    "entry",
    "entries",
    "packet",
    "packets",
    "line",
    "lines",
    "source",
    "sources",
    "peer",
    "peers",
    "incident",
    "incidents",
    "connection",
    "connections",
    "bucket",
    "buckets",
    "port",
    "ports",
    "address",
    "addresses",
    "node",
    "nodes",
    "processor",
    "processors",
    "insert",
    "inserts",
    "lookups",
    "visitor",
    "visitors",
    "link",
    "links",
    "Kubernetes",
    "other",
    "others",
    "time",
    "times",
    "days",
];
/// What may stand between a number and the next one, which then has the unit: `30,611 of 65,536 entries`.
const BETWEEN: [&str; 9] = ["of", "the", "its", "and", "or", "to", "about", "than", "other"];
/// What stands before a kernel's release, which has none.
const BEFORE_RELEASES: [&str; 5] = ["from", "before", "to", "kernel", "than"];

/// Words that tell somebody to do something.
const DEEDS: [&str; 53] = [
    "answer",
    "ask",
    "boot",
    "bring",
    "check",
    "close",
    "commit",
    "delete",
    "drop",
    "find",
    "forget",
    "give",
    "hand",
    "keep",
    "leave",
    "let",
    "limit",
    "look",
    "lower",
    "make",
    "mirror",
    "move",
    "open",
    "pass",
    "put",
    "raise",
    "read",
    "refuse",
    "reload",
    "remove",
    "restart",
    "reuse",
    "save",
    "see",
    "send",
    "set",
    "shorten",
    "show",
    "size",
    "slow",
    "spread",
    "stop",
    "switch",
    "take",
    "translate",
    "unload",
    "upgrade",
    "use",
    "wait",
    "watch",
    "nothing",
    "free",
    "trace",
];

/// States of the kernel, and words of which one at least says beside them what that is.
const STATES: [(&str, &[&str]); 6] = [
    ("TIME_WAIT", &["over", "ended", "closed"]),
    ("CLOSE_WAIT", &["closed", "closing"]),
    ("FIN_WAIT", &["clos"]),
    ("LAST_ACK", &["clos"]),
    ("ESTABLISHED", &["established", "connections", "silent"]),
    ("SYN_SENT", &["unanswered", "wait", "SYN"]),
];

/// The first lines as they are printed, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head {
    pub(crate) slug: &'static str,
    pub(crate) is_finding: bool,
    pub(crate) lines: Vec<String>,
}

/// Of every incident, every table and every finding of a report.
pub(crate) fn heads(report: &Report) -> Vec<Head> {
    let incidents = report.incidents.iter().map(|view| &view.body.verdict);
    let tables = report.snapshots.iter().map(|view| &view.body.verdict);
    let verdicts = incidents.chain(tables).map(|verdict| head(verdict.cause.0, false, &verdict.summary));
    let findings = report.findings.iter().map(|finding| head(finding.cause.0, true, &finding.summary));
    verdicts.chain(findings).collect()
}

/// Of one verdict or finding.
pub(crate) fn head(slug: &'static str, is_finding: bool, summary: &[Sentence]) -> Head {
    Head { slug, is_finding, lines: printed(summary) }
}

/// As they are printed, but for the capital and the full stop.
pub(crate) fn printed(summary: &[Sentence]) -> Vec<String> {
    let clock = Clock::of("UTC");
    summary.iter().map(|sentence| readable(sentence, &clock).replace(FIRM, " ")).collect()
}

/// What is wrong with them.
pub(crate) fn wrong(head: &Head) -> Vec<String> {
    let Head { slug, is_finding, lines } = head;
    let mut out = Vec::new();
    let number = lines.len();
    if if *is_finding { number < 2 } else { number != 3 } {
        out.push(format!("{slug}: {number} lines: {lines:?}"));
    }
    for line in lines {
        // The full stop.
        let columns = line.split(' ').map(width).sum::<usize>() + line.matches(' ').count() + 1;
        if columns > COLUMNS {
            out.push(format!("{slug}: {columns} columns: {line}"));
        }
        if let Some(number) = bare_number(line) {
            out.push(format!("{slug}: {number} has no unit: {line}"));
        }
    }
    let deed = |line: &String| words(line).any(|word| DEEDS.contains(&word));
    if !lines.last().is_some_and(deed) {
        out.push(format!("{slug}: nothing to do: {lines:?}"));
    }
    let all = lines.join(" ");
    for (state, meanings) in STATES {
        if words(&all).any(|word| word == state) && !meanings.iter().any(|meaning| all.contains(meaning)) {
            out.push(format!("{slug}: {state} is not said in words: {lines:?}"));
        }
    }
    out
}

/// Columns of a word. A long address of IPv6 counts as one of IPv4: nothing makes it shorter.
fn width(word: &str) -> usize {
    let columns = word.chars().count();
    let as_of_four = if word.starts_with('[') { "[255.255.255.255]:65535" } else { "255.255.255.255" };
    if word.matches(':').count() > 2 { columns.min(as_of_four.len()) } else { columns }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || "_-%".contains(c))).filter(|word| !word.is_empty())
}

/// A number behind which no unit stands. What is set apart as code is not looked at.
fn bare_number(line: &str) -> Option<String> {
    let spoken: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" CODE ");
    let tokens: Vec<&str> = spoken.split_whitespace().collect();
    let opened = |at: usize| tokens.get(at).copied().unwrap_or_default().trim_start_matches('(');
    let is_number = |at: usize| {
        let token = opened(at).trim_end_matches([',', ';', ':', ')', '.']);
        token.starts_with(|c: char| c.is_ascii_digit())
            && token.chars().all(|c| c.is_ascii_digit() || c == ',' || c == '.')
            // An address.
            && token.matches('.').count() < 2
    };
    let ends = |at: usize| opened(at).ends_with([',', ';', ':', ')', '.']);
    let before = |at: usize| at.checked_sub(1).map(opened).unwrap_or_default();
    let bare = |at: &usize| {
        let is_release = BEFORE_RELEASES.contains(&before(*at)) && opened(*at).contains('.');
        if !is_number(*at) || is_release || before(*at) == "RFC" {
            return false;
        }
        let mut next = *at;
        loop {
            // Behind punctuation no unit belongs to it any more.
            if ends(next) {
                return true;
            }
            next += 1;
            let word = opened(next).trim_end_matches([',', ';', ':', ')', '.']);
            if UNITS.contains(&word) {
                return false;
            }
            if !(is_number(next) || BETWEEN.contains(&word)) {
                return true;
            }
        }
    };
    (0..tokens.len()).find(bare).map(|at| tokens[at].to_owned())
}

#[test]
fn a_number_without_a_unit_is_seen_and_one_with_it_is_not() {
    for line in [
        "it holds 30,611 of 65,536 entries (96 %), ≈ 245 per second",
        "10.0.0.1 holds it, most to 192.168.1.107:3128 and :3128 (squid/http proxy)",
        "between 2,188 and 2,232 packets; stays 2 min in TIME_WAIT, over 4,096 sources",
        "a kernel from 5.14 on cures it; set it now (`sysctl -w net.nf_conntrack_max=65536`)",
    ] {
        assert_eq!(bare_number(line), None, "{line}");
    }
    for line in [
        "the limit is 65,536",
        "12,000 in FIN_WAIT hang",
        "4096 of 262144: full",
        "it holds (30,611), of entries",
    ] {
        assert!(bare_number(line).is_some(), "{line}");
    }
}
