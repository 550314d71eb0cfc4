//! Every message and line shape of the field that we understand, and those that look alike and are not meant: rows in
//! `catalogue/*.tsv`, one function that checks a row. A new row needs no code.
//!
//! A row is `section TAB input TAB expected`; `#` begins a comment. In the input `\n`, `\r`, `\t`, `\0`, `\xNN` and `\\`
//! are escapes. Sections say who reads the input: `message` one kernel message (expected `-` where it says nothing),
//! `lines` the line family (records joined by ` | `, see `records`), `deltas` the same reading `dmesg -e` from its
//! beginning, `dmesg-json` the documents of `dmesg -J`, `looks` what the input's head looks like (`lines`, `deltas`,
//! `dmesg-json`, `export` or `-`), `json`, `verbose` and `wrapped` the other dialects of logs, `sniff` what an input is
//! taken for.

mod records;

use std::path::Path;

use conntriage::parse::{kernel, log, sniff};
use records::Collector;

#[test]
fn every_row_of_the_catalogue_is_understood_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalogue");
    let mut rows = 0;
    let mut wrong = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "tsv")) {
        let text = std::fs::read_to_string(path).unwrap();
        for (number, row) in
            text.lines().enumerate().filter(|(_, row)| !row.is_empty() && !row.starts_with('#'))
        {
            rows += 1;
            wrong.extend(check(row).err().map(|why| format!("{}:{}: {why}", path.display(), number + 1)));
        }
    }
    assert!(rows > 100, "only {rows} rows found in {}", folder.display());
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// Reads one row and holds what is understood against what is expected.
fn check(row: &str) -> Result<(), String> {
    let mut columns = row.split('\t');
    let (Some(section), Some(input), Some(expected), None) =
        (columns.next(), columns.next(), columns.next(), columns.next())
    else {
        return Err(format!("a row has three columns: {row:?}"));
    };
    let bytes = unescaped(input);
    let found = match section {
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
        "sniff" => sniff::sniff(&bytes, "").map_or("-".into(), |dialect| format!("{dialect:?}")),
        "looks" if log::dmesg_json::looks_like(&bytes) => "dmesg-json".into(),
        "looks" if log::lines::are_deltas(&bytes) => "deltas".into(),
        "looks" if log::export::looks_like(&bytes) => "export".into(),
        "looks" if log::lines::looks_like(&bytes) => "lines".into(),
        "looks" => "-".into(),
        _ => return Err(format!("no such section: {section}")),
    };
    if found == expected {
        Ok(())
    } else {
        Err(format!("{input}\n  expected {expected}\n  found    {found}"))
    }
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
