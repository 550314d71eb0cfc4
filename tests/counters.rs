//! Every form of counters and settings that is read: a folder `counters/NAME` with `input`, where its path matters `path`,
//! and `expected`, all that is understood of it. Whoever adds a form adds a folder;
//! `CONNTRIAGE_BLESS=1 cargo test --test counters` writes what is expected.
//!
//! Inputs are outputs of the programs themselves in a network namespace made for it (iproute2 6.1, net-tools 2.10,
//! conntrack-tools 1.4.7, nftables 1.0.6, iptables 1.8.9, procps 4.0 on 6.18), or written after their source where it says
//! so in a remark of `expected`'s neighbour `about`.

#![allow(clippy::disallowed_methods, reason = "a test that reads its cases")]

mod common;
mod facts;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::{golden, root};
use conntriage::parse::counters::{self, CounterDialect};
use conntriage::parse::sniff::{Dialect, sniff};
use conntriage::parse::{log, table};
use facts::understood;

/// Forms that another form holds, too: a file of settings reads like a list of them.
const WITHIN: [(CounterDialect, CounterDialect); 1] = [(CounterDialect::SysctlConf, CounterDialect::Sysctl)];

#[test]
fn every_form_is_understood_as_expected() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (input, path) = (bytes(&case), path_of(&case));
        let printed = match counters::sniff(&input, &path) {
            Some(dialect) => understood(dialect, &path, &input),
            None => "a stranger\n".to_owned(),
        };
        wrong.extend(golden(&case.join("expected"), &printed).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_form_has_a_case_and_is_taken_for_itself_alone() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        let (input, path) = (bytes(&case), path_of(&case));
        let fits = counters::all_that_fit(&input, &path);
        let Some(dialect) = fits.first().copied() else {
            assert!(name(&case).starts_with("stranger-"), "{} is a stranger", name(&case));
            continue;
        };
        let others: Vec<_> =
            fits.iter().skip(1).filter(|other| !WITHIN.contains(&(dialect, **other))).collect();
        assert!(others.is_empty(), "{} is {dialect:?} and {others:?}", name(&case));
        assert_eq!(table::sniff(&input), None, "{}", name(&case));
        assert!(!log::export::looks_like(&input), "{}", name(&case));
        assert_eq!(sniff(&input, &path), Some(Dialect::Counters(dialect)), "{}", name(&case));
        seen.insert(dialect);
    }
    let missing: Vec<_> = CounterDialect::all().filter(|dialect| !seen.contains(dialect)).collect();
    assert!(missing.is_empty(), "forms without a case: {missing:?}");
}

#[test]
fn no_log_of_the_catalogue_is_taken_for_counters() {
    let mut rows = 0;
    for file in ["shapes.tsv", "messages.tsv", "references.tsv"] {
        let text = std::fs::read_to_string(root().join("tests/catalogue").join(file)).unwrap();
        for row in text.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
            let input = row.split('\t').nth(1).unwrap();
            let line = input.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r");
            for head in [line.clone(), format!("{line}\n").repeat(3)] {
                rows += 1;
                assert_eq!(counters::sniff(head.as_bytes(), "var/log/messages"), None, "{file}: {input}");
            }
        }
    }
    assert!(rows > 100, "only {rows} rows were found");
}

#[test]
fn a_form_cut_anywhere_is_read_as_far_as_it_goes_and_says_where_it_is_damaged() {
    for case in cases() {
        let (input, path) = (bytes(&case), path_of(&case));
        let Some(dialect) = counters::sniff(&input, &path) else { continue };
        let step = (input.len() / 97).max(1);
        for cut in (0..input.len()).step_by(step) {
            let (_, records, damaged) = counters::parse(dialect, &path, &input[..cut]);
            assert!(records <= input[..cut].split(|byte| *byte == b'\n').count() as u64, "{}", name(&case));
            for (_, blemish) in damaged {
                let place = usize::try_from(blemish.first_offset).unwrap();
                assert!(place <= cut && blemish.count > 0, "{} cut at {cut}", name(&case));
            }
        }
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = root().join("tests/counters");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(found.len() > 30, "only {} cases were found", found.len());
    found
}

fn bytes(case: &Path) -> Vec<u8> {
    std::fs::read(case.join("input")).unwrap()
}

/// The path that the input is said to have; by default one that says nothing.
fn path_of(case: &Path) -> String {
    std::fs::read_to_string(case.join("path"))
        .map_or_else(|_| "input".to_owned(), |path| path.trim().to_owned())
}

/// The folder's name.
fn name(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}
