//! Every form in which a table reaches us, as its file: folders in `tables/`, each with `input/` and `expected.txt`. One
//! test reads all of them; a further form is a further folder. `CONNTRIAGE_BLESS=1` writes what is found.
//!
//! `expected.txt` has for each file what the program says of the input (its form, records, damage, note) and what is read
//! line by line. `tables/one-table` and `tables/one-table-plain` are one real table each in every form (made by
//! `tools/table_forms.py`, conntrack 1.4.7 on 6.18): whatever the form, the census must be the same.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]
#![allow(clippy::format_collect, reason = "tests may build their text as it reads best")]

mod common;
mod items;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{conntriage, root, skip};
use conntriage::census::{HowSink, WhoSink, census, leaders};
use conntriage::model::census::Census;
use conntriage::model::fold::FlowSink;
use conntriage::parse::table::{TableDialect, TableReader, block, sniff};
use items::Said;
use serde_json::Value;

/// Items of a file, read in one piece, and the same cut at every line end: the pieces must give what the whole gives.
fn items_of(dialect: TableDialect, bytes: &[u8]) -> Vec<String> {
    let mut whole = Said::default();
    block(dialect, bytes, 0, &mut whole);
    let (mut reader, mut pieces, mut offset) = (TableReader::new(dialect), Said::default(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        reader.block(line, offset, &mut pieces);
        offset += line.len() as u64;
    }
    reader.finish(&mut pieces);
    assert_eq!(whole.0, pieces.0, "cut at line ends");
    whole.0
}

fn folders() -> Vec<PathBuf> {
    let all = std::fs::read_dir(root().join("tests/tables")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| path.join("input").is_dir()).collect();
    all.sort();
    all
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let input = folder.join("input");
    let all = std::fs::read_dir(&input).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = all
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

/// What the program says of a file that is given to it alone.
fn input(folder: &Path, name: &str) -> String {
    let output =
        conntriage(&folder.join("input")).args(["analyze", "--format", "json", name]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let input = &report["inputs"][0];
    let mut out = format!("{}, exit {}\n", input["kind"].as_str().unwrap(), output.status.code().unwrap());
    for key in ["dialect", "records", "malformed", "complete", "note"] {
        if !input[key].is_null() {
            writeln!(out, "{key}: {}", input[key]).unwrap();
        }
    }
    out
}

#[test]
fn every_form_is_read_as_written() {
    let bless = std::env::var_os("CONNTRIAGE_BLESS").is_some();
    let mut wrong = Vec::new();
    for folder in folders() {
        let mut found = String::new();
        for (name, bytes) in files(&folder) {
            write!(found, "== {name}\n{}", input(&folder, &name)).unwrap();
            match sniff(bytes.get(..65_536).unwrap_or(&bytes)) {
                Some(dialect) => {
                    for item in items_of(dialect, &bytes) {
                        writeln!(found, "  {item}").unwrap();
                    }
                }
                None => found.push_str("  no table\n"),
            }
        }
        let path = folder.join("expected.txt");
        if bless {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if found != expected {
            let differing = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
            wrong.push(format!("{}: {differing:?}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Both looks at a file.
fn counted(bytes: &[u8]) -> Census {
    let dialect = sniff(bytes.get(..65_536).unwrap_or(bytes))
        .unwrap_or_else(|| panic!("no table: {}", String::from_utf8_lossy(bytes)));
    let mut sink = WhoSink::default();
    block(dialect, bytes, 0, &mut sink);
    let who = sink.finish();
    let mut sink = HowSink::new(&leaders(&who, &[])).of_listing(who.listing());
    block(dialect, bytes, 0, &mut sink);
    census(who, sink.finish())
}

/// Without what only some forms tell: volumes, and how many the tool said there are.
fn comparable(mut census: Census) -> Census {
    census.who.shown = None;
    census.who.volumes.clear();
    for leader in census.how.values_mut() {
        leader.volumes = None;
    }
    census
}

/// Every file of a folder gives this census.
fn all_the_same(all: &BTreeMap<String, Vec<u8>>) {
    let kernel = comparable(counted(&all["nf_conntrack"]));
    assert!(kernel.who.entries >= 19 && kernel.who.damaged.is_empty());
    assert!(all.len() >= 15);
    for (name, bytes) in all {
        let census = counted(bytes);
        if let Some(shown) = census.who.shown {
            assert_eq!(shown, kernel.who.entries, "{name}");
        }
        let census = comparable(census);
        assert_eq!(census.who, kernel.who, "{name}");
        assert_eq!(census.how, kernel.how, "{name}");
    }
}

#[test]
fn one_table_is_one_census_in_every_form() {
    for folder in ["one-table", "one-table-plain"] {
        let files = files(&root().join("tests/tables").join(folder));
        all_the_same(&files.into_iter().collect());
    }
}

#[test]
fn one_table_is_one_census_however_it_was_copied() {
    let files = files(&root().join("tests/tables/one-table"));
    let lists = files
        .iter()
        .filter(|(name, _)| !name.contains("xml") && !name.contains("save") && !name.contains("then"));
    for (name, bytes) in lists {
        let expected = comparable(counted(bytes));
        let text = String::from_utf8(bytes.clone()).unwrap();
        let numbered = |width: usize, between: &str| {
            let lines = text.lines().enumerate();
            lines.map(|(at, line)| format!("{:>width$}{between}{line}\n", at + 1)).collect::<String>()
        };
        let lines = |change: &dyn Fn(&str) -> String| text.lines().map(change).collect::<String>();
        let mut sorted: Vec<&str> = text.lines().collect();
        sorted.sort_unstable();
        let copies = [
            ("cat -n", numbered(6, "\t")),
            ("grep -n", numbered(0, ":")),
            ("uniq -c", numbered(7, " ")),
            ("grep -H", lines(&|line| format!("/proc/net/nf_conntrack:{line}\n"))),
            ("quoted", lines(&|line| format!("> > {line}\n"))),
            ("indented", lines(&|line| format!("    {line}\n"))),
            ("CRLF", lines(&|line| format!("{line}\r\n"))),
            ("double spaced", lines(&|line| format!("{line}\n\n"))),
            ("sorted", sorted.join("\n") + "\n"),
            ("in a shell", format!("[root@gw ~]# conntrack -L\n{text}[root@gw ~]# ")),
            ("twice", format!("{text}{text}")),
            ("80 columns", lines(&|line| broken(line, 80))),
            ("132 columns", lines(&|line| broken(line, 132))),
            ("mail", lines(&|line| broken_at_blanks(line, 72))),
            (
                "mail, quoted",
                lines(&|line| broken_at_blanks(line, 72).lines().map(|line| format!("> {line}\n")).collect()),
            ),
        ];
        for (how, copy) in copies {
            let census = counted(copy.as_bytes());
            let mut census = comparable(census);
            census.who.listings = 0;
            assert_eq!(census, expected, "{name}, {how}:\n{copy}");
        }
    }
}

/// As a terminal of so many columns breaks it.
fn broken(line: &str, columns: usize) -> String {
    line.as_bytes().chunks(columns).map(|piece| String::from_utf8_lossy(piece).into_owned() + "\n").collect()
}

/// As a mail program breaks it.
fn broken_at_blanks(line: &str, columns: usize) -> String {
    let (mut out, mut width) = (String::new(), 0);
    for word in line.split(' ') {
        if width + 1 + word.len() > columns && width > 0 {
            out.push('\n');
            width = 0;
        } else if width > 0 || word.is_empty() {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += word.len();
    }
    out + "\n"
}

const NEEDED: [&str; 5] =
    ["/usr/bin/python3", "/usr/sbin/ip", "/usr/sbin/nft", "/usr/sbin/sysctl", "/usr/sbin/conntrack"];

#[test]
fn a_table_of_this_kernel_is_one_census_in_every_form() {
    const NAME: &str = "a_table_of_this_kernel_is_one_census_in_every_form";
    let uid = Command::new("id").arg("-u").output().map(|output| output.stdout).unwrap_or_default();
    if uid != b"0\n" {
        return skip(NAME, "needs root (network namespaces)");
    }
    if let Some(program) = NEEDED.iter().find(|program| !Path::new(program).exists()) {
        return skip(NAME, &format!("{program} is not installed"));
    }
    if !Path::new("/proc/net/nf_conntrack").exists() {
        return skip(NAME, "this kernel has no /proc/net/nf_conntrack");
    }
    let directory = tempfile::tempdir().unwrap();
    let made = Command::new("python3")
        .arg(root().join("tests/tools/table_forms.py"))
        .arg("--out")
        .arg(directory.path().join("input"))
        .status()
        .unwrap();
    assert!(made.success(), "the table could not be made");
    all_the_same(&files(directory.path()).into_iter().collect());
}
