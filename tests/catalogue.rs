//! Every message and line shape of the field that we understand, and those that look alike and are not meant: rows in
//! `catalogue/*.tsv`, one function that checks a row. A new row needs no code.
//!
//! A row is `reader TAB input TAB expected`; `#` begins a comment, and `# §1.5` says to which of the [`SECTIONS`] of the
//! field the rows below belong: each row has one, and each section has rows. In the input `\n`, `\r`, `\t`, `\0`, `\xNN`
//! and `\\` are escapes. Who reads the input: `message` one kernel message (expected `-` where it says nothing), `lines` the
//! line family (records joined by ` | `, see `records`), `deltas` the same reading `dmesg -e` from its beginning,
//! `dmesg-json` the documents of `dmesg -J`, `json`, `verbose`, `wrapped` and `export` the other dialects of logs, `table` a
//! table of whatever form it is taken for (see `items`), `counters` counters of whatever form (see `facts`; `counters:PATH`
//! where their path says what they are), `looks` what the head of a log looks like (`lines`, `deltas`, `dmesg-json`,
//! `export` or `-`), `sniff` what an input is taken for. `CONNTRIAGE_BLESS=1` writes what is understood into the rows.

#![allow(clippy::disallowed_methods, reason = "a test that reads its rows")]

mod facts;
mod items;
mod records;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use conntriage::model::fold::FlowSink;
use conntriage::parse::{counters, kernel, log, sniff, table};
use records::Collector;

/// What there is in the field, as far as it is text: each has its rows.
const SECTIONS: [(&str, &str); 23] = [
    ("1.1", "the table is full"),
    ("1.3", "the expectation table, and other lines of the tracker"),
    ("1.4", "capacity lines"),
    ("1.5", "suppression lines"),
    ("1.6", "a suppression line and the line behind it"),
    ("1.7", "consoles"),
    ("1.8", "related evidence of the kernel"),
    ("2.1", "the kernel's own record"),
    ("2.2", "dmesg"),
    ("2.3", "/dev/kmsg and netconsole"),
    ("2.4", "files of syslog daemons and appliances"),
    ("2.5", "journalctl's texts"),
    ("2.6", "containers, collectors, and what copying does to a line"),
    ("3", "repetitions and losses"),
    ("4", "the journal's export and its JSON"),
    ("5.1", "/proc/net/ip_conntrack"),
    ("5.2", "/proc/net/nf_conntrack"),
    ("5.3", "conntrack(8)"),
    ("5.5", "/proc/net/stat and conntrack -S"),
    ("5.6", "slabinfo and vmstat -m"),
    ("5.7", "settings by era"),
    ("6.1", "evidence of other programs and drivers"),
    ("6.2", "the packet filter's log"),
];
/// What an input is taken for belongs to no section of the field.
const OF_RECOGNITION: (&str, &str) = ("6.3", "what an input is taken for");

#[test]
fn every_row_of_the_catalogue_is_understood_as_written() {
    let bless = std::env::var_os("CONNTRIAGE_BLESS").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalogue");
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "tsv")) {
        let text = std::fs::read_to_string(path).unwrap();
        let (mut section, mut blessed) = (None, String::new());
        for (number, row) in text.lines().enumerate() {
            let mut fault = |why| wrong.push(format!("{}:{}: {why}", path.display(), number + 1));
            let mut written = row.to_owned();
            if let Some(name) = row.strip_prefix("# §") {
                let name = name.split(' ').next().unwrap_or_default();
                section = SECTIONS.iter().chain([&OF_RECOGNITION]).find(|(known, _)| *known == name);
                if section.is_none() {
                    fault(format!("no such section: {name}"));
                }
            } else if !row.is_empty() && !row.starts_with('#') {
                match section {
                    Some((name, _)) => *rows.entry(name).or_default() += 1,
                    None => fault("a row without a section".to_owned()),
                }
                match found(row) {
                    Ok((expected, found)) if bless => {
                        written = row.strip_suffix(expected).unwrap_or(row).to_owned() + &found;
                    }
                    Ok((expected, found)) if found != expected => {
                        fault(format!("{row}\n  found    {found}"));
                    }
                    Ok(_) => {}
                    Err(why) => fault(why),
                }
            }
            blessed.extend([written.as_str(), "\n"]);
        }
        if bless {
            std::fs::write(path, blessed).unwrap();
        }
    }
    for (name, title) in SECTIONS.iter().chain([&OF_RECOGNITION]) {
        let count = rows.get(name).copied().unwrap_or(0);
        // On the handle itself: what a passing test prints is swallowed.
        let _ = writeln!(std::io::stderr(), "catalogue: §{name} {title}: {count} rows");
        if count == 0 {
            wrong.push(format!("§{name} {title} has no row"));
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a row expects, and what is found.
fn found(row: &str) -> Result<(&str, String), String> {
    let mut columns = row.split('\t');
    let (Some(reader), Some(input), Some(expected), None) =
        (columns.next(), columns.next(), columns.next(), columns.next())
    else {
        return Err(format!("a row has three columns: {row:?}"));
    };
    let bytes = unescaped(input);
    let (reader, path) = reader.split_once(':').unwrap_or((reader, "input"));
    let found = match reader {
        "message" => kernel::signal(&bytes).map_or("-".into(), |signal| records::signal(&signal)),
        "lines" => read(|seen| log::lines::LineParser::default().block(&bytes, 0, seen)),
        "deltas" => read(|seen| log::lines::LineParser::reading_deltas().block(&bytes, 0, seen)),
        "dmesg-json" => read(|seen| {
            let mut parser = log::dmesg_json::DmesgJsonParser::default();
            parser.push(&bytes, seen);
            parser.finish(seen);
        }),
        "json" => read(|seen| {
            let mut parser = log::json_lines::JsonParser::default();
            parser.push(&bytes, seen);
            parser.finish(seen);
        }),
        "verbose" => read(|seen| {
            let mut parser = log::journal_verbose::VerboseParser::default();
            parser.block(&bytes, 0, seen);
            parser.finish(seen);
        }),
        "wrapped" => read(|seen| {
            let mut parser = log::wrapped_lines::WrappedParser::default();
            parser.block(&bytes, 0, seen);
            parser.finish(seen);
        }),
        "export" => read(|seen| {
            let mut parser = log::export::ExportParser::default();
            parser.push(&bytes, seen);
            parser.finish(seen);
        }),
        "table" => table::sniff(&bytes).map_or("-".into(), |dialect| {
            let mut said = items::Said::default();
            table::block(dialect, &bytes, 0, &mut said);
            format!("{}: {}", dialect.name(), said.finish().0.join(" | "))
        }),
        "counters" => counters::sniff(&bytes, path).map_or("-".into(), |dialect| {
            facts::understood(dialect, path, &bytes).trim_end().replace('\n', " | ")
        }),
        "sniff" => sniff::sniff(&bytes, "").map_or("-".into(), |dialect| format!("{dialect:?}")),
        "looks" if log::dmesg_json::looks_like(&bytes) => "dmesg-json".into(),
        "looks" if log::lines::are_deltas(&bytes) => "deltas".into(),
        "looks" if log::export::looks_like(&bytes) => "export".into(),
        "looks" if log::lines::looks_like(&bytes) => "lines".into(),
        "looks" => "-".into(),
        _ => return Err(format!("nobody is called {reader}")),
    };
    Ok((expected, found))
}

/// All records, printed.
fn read(parse: impl Fn(&mut Collector)) -> String {
    let mut seen = Collector::default();
    parse(&mut seen);
    seen.0.into_iter().map(|record| record.printed).collect::<Vec<_>>().join(" | ")
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        match rest {
            [b'n', behind @ ..] => (bytes.push(b'\n'), rest = behind).0,
            [b'r', behind @ ..] => (bytes.push(b'\r'), rest = behind).0,
            [b't', behind @ ..] => (bytes.push(b'\t'), rest = behind).0,
            [b'0', behind @ ..] => (bytes.push(0), rest = behind).0,
            [b'\\', behind @ ..] => (bytes.push(b'\\'), rest = behind).0,
            [b'x', high, low, behind @ ..] => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = behind;
            }
            _ => panic!("unknown escape in {text}"),
        }
    }
    bytes
}
