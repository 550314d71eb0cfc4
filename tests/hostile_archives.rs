//! What archives and packed files can hold against a reader: cuts, damage, bombs, links out of them, holes of a
//! terabyte. Nothing is written to disk under a member's name.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{conntriage, outcome};
use serde_json::Value;

const FULL: &str =
    "2026-11-23T04:00:01.000000+00:00 gw1 kernel: nf_conntrack: nf_conntrack: table full, dropping packet\n";
const ENTRY: &str = "ipv4     2 tcp      6 100 TIME_WAIT src=10.0.0.1 dst=192.0.2.7 sport=4000 dport=443 \
                     src=192.0.2.7 dst=10.0.0.1 sport=443 dport=4000 [ASSURED] mark=0 zone=0 use=2\n";

/// A table of so many entries.
fn table(entries: u16) -> String {
    (0..entries).map(|n| ENTRY.replace("4000", &(4000 + n).to_string())).collect()
}

fn analyze(directory: &Path, paths: &[&str]) -> (Value, String, i32) {
    let output = conntriage(directory).args(["analyze", "--format", "json"]).args(paths).output().unwrap();
    let (stdout, stderr, code) = outcome(&output);
    (serde_json::from_str(&stdout).unwrap_or_default(), stderr, code)
}

/// `path[/member]: kind, note` of every input.
fn inputs(report: &Value) -> Vec<String> {
    let row = |input: &Value| {
        let text = |field: &str| input[field].as_str().unwrap_or("").to_owned();
        let member = input["member"].as_str().map_or(String::new(), |member| format!("!{member}"));
        format!("{}{member}: {} {}", text("path"), text("kind"), text("note"))
    };
    report["inputs"].as_array().map_or(Vec::new(), |inputs| inputs.iter().map(row).collect())
}

fn incidents(report: &Value) -> usize {
    report["incidents"].as_array().map_or(0, Vec::len)
}

fn header(kind: tar::EntryType, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mtime(1_700_000_000);
    header
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        builder.append_data(&mut header(tar::EntryType::Regular, bytes.len()), name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

#[test]
fn members_of_an_archive_within_an_archive_are_read_where_they_stand() {
    let directory = tempfile::tempdir().unwrap();
    let table = table(3);
    let inner = archive(&[("messages.1.gz", &gz(FULL.as_bytes())), ("nf_conntrack", table.as_bytes())]);
    let outer = xz(&archive(&[("logs/inner.tar.zst", &zst(&inner)), ("logs/README", b"nothing of ours\n")]));
    std::fs::write(directory.path().join("all.tar.xz"), outer).unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["all.tar.xz"]);
    assert_eq!((incidents(&report), code, stderr.as_str()), (1, 0, ""));
    let rows = inputs(&report);
    let expected = [
        "all.tar.xz: bundle ",
        "all.tar.xz!logs/README: unrecognised not recognised",
        "all.tar.xz!logs/inner.tar.zst: bundle ",
        "all.tar.xz!logs/inner.tar.zst!messages.1.gz: log ",
        "all.tar.xz!logs/inner.tar.zst!nf_conntrack: table ",
    ];
    assert_eq!(rows.len(), expected.len(), "{rows:#?}");
    assert!(rows.iter().zip(expected).all(|(row, start)| row.starts_with(start)), "{rows:#?}");
    let via = &report["inputs"][3]["via"];
    assert_eq!(via, &serde_json::json!(["xz", "tar", "zst", "tar", "gz"]));
    assert_eq!(report["incidents"][0]["snapshots"][0]["listed"], 3);
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "something was unpacked");
}

#[test]
fn an_archive_that_is_cut_gives_what_it_has_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let whole = archive(&[("first", FULL.as_bytes()), ("second", FULL.repeat(200).as_bytes())]);
    for (name, bytes) in [("plain.tar", whole[..4_000].to_vec()), ("packed.tar.gz", gz(&whole[..4_000]))] {
        std::fs::write(directory.path().join(name), bytes).unwrap();
        let (report, stderr, code) = analyze(directory.path(), &[name]);
        assert_eq!((incidents(&report), code), (1, 3), "{stderr}");
        assert!(stderr.contains(&format!("{name}: archive ends in the middle (truncated)")), "{stderr}");
        assert!(stderr.contains("!second: member ends in the middle"), "{stderr}");
    }
}

#[test]
fn links_and_devices_inside_an_archive_are_listed_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret"), FULL).unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_link(&mut header(tar::EntryType::Symlink, 0), "messages", "../secret").unwrap();
    builder.append_link(&mut header(tar::EntryType::Link, 0), "hard", "/etc/passwd").unwrap();
    for (kind, name) in [(tar::EntryType::Char, "null"), (tar::EntryType::Fifo, "pipe")] {
        builder.append_data(&mut header(kind, 0), name, std::io::empty()).unwrap();
    }
    // A name that leads out of the archive is a name like any other: nothing is written under it. The builder refuses
    // to write such a name, so it is put in by hand.
    let mut away = header(tar::EntryType::Regular, FULL.len());
    away.as_mut_bytes()[..13].copy_from_slice(b"../../escaped");
    away.set_cksum();
    builder.append(&away, FULL.as_bytes()).unwrap();
    std::fs::write(directory.path().join("links.tar"), builder.into_inner().unwrap()).unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["links.tar"]);
    assert_eq!((incidents(&report), code, stderr.as_str()), (1, 0, ""));
    let rows = inputs(&report);
    for said in ["messages: unrecognised link inside", "hard: unrecognised link", "null: unrecognised device"]
    {
        assert!(rows.iter().any(|row| row.contains(said)), "{said}: {rows:#?}");
    }
    assert!(!directory.path().parent().unwrap().join("escaped").exists());
}

#[test]
fn a_bomb_is_not_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    // Two gigabytes of one line, packed by the best: a thousandth part of a thousandth.
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    let block = FULL.repeat(10_000);
    for _ in 0..2_000_000_000_u64 / block.len() as u64 {
        encoder.write_all(block.as_bytes()).unwrap();
    }
    std::fs::write(directory.path().join("bomb.gz"), gz(&encoder.finish().unwrap())).unwrap();
    let begin = Instant::now();
    let (report, stderr, code) = analyze(directory.path(), &["bomb.gz"]);
    assert_eq!((incidents(&report), code), (1, 3), "{stderr}");
    assert!(stderr.contains("unpacks to more than 1200 times its size"), "{stderr}");
    assert!(begin.elapsed() < Duration::from_mins(4), "{:?}", begin.elapsed());
}

#[test]
fn holes_of_a_terabyte_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(directory.path().join("lastlog")).unwrap();
    let sparse = file.set_len(1 << 40).is_ok();
    assert!(sparse || file.set_len(1 << 34).is_ok(), "the file system takes no holes");
    // A log whose writer went on where it was before somebody emptied the file.
    let mut log = std::fs::File::create(directory.path().join("messages")).unwrap();
    std::io::Seek::seek(&mut log, std::io::SeekFrom::Start(3 << 30)).unwrap();
    log.write_all(FULL.as_bytes()).unwrap();
    let begin = Instant::now();
    let (report, stderr, code) = analyze(directory.path(), &["."]);
    assert_eq!((incidents(&report), code, stderr.as_str()), (1, 0, ""), "{:#?}", inputs(&report));
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let rows = inputs(&report);
    assert!(
        rows.iter().any(|row| row.starts_with("./messages: log begins with 32212") && row.contains("NUL")),
        "{rows:#?}"
    );
}

#[test]
fn every_packing_of_one_log_is_one_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = FULL.repeat(5);
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz2.write_all(log.as_bytes()).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(log.as_bytes()).unwrap();
    for (name, bytes) in [
        ("a.gz", gz(log.as_bytes())),
        ("b.xz", xz(log.as_bytes())),
        ("c.zst", zst(log.as_bytes())),
        ("d.bz2", bz2.finish().unwrap()),
        ("e.lz4", lz4.finish().unwrap()),
        ("f.tar", archive(&[("messages", log.as_bytes())])),
    ] {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    let (report, _, code) = analyze(directory.path(), &["."]);
    assert_eq!((incidents(&report), code), (1, 0));
    let ids: Vec<&Value> = report["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|i| i["kind"] == "log")
        .map(|i| &i["id"])
        .collect();
    assert!(ids.len() == 6 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(report["incidents"][0]["drops"]["visible"], 5);
}

#[test]
fn an_archive_of_two_machines_gives_each_its_own_table() {
    let directory = tempfile::tempdir().unwrap();
    let logs = ["gw1", "gw2"].map(|host| FULL.replace("gw1", host));
    let tables = [10, 20].map(table);
    let max = |max: u32| format!("net.netfilter.nf_conntrack_max = {max}\n");
    let settings = [max(10), max(20)];
    let bytes = archive(&[
        ("gw1/var/log/messages", logs[0].as_bytes()),
        ("gw1/proc/net/nf_conntrack", tables[0].as_bytes()),
        ("gw1/sysctl", settings[0].as_bytes()),
        ("gw2/var/log/messages", logs[1].as_bytes()),
        ("gw2/proc/net/nf_conntrack", tables[1].as_bytes()),
        ("gw2/sysctl", settings[1].as_bytes()),
    ]);
    std::fs::write(directory.path().join("both.tar.xz"), xz(&bytes)).unwrap();
    let (report, _, code) = analyze(directory.path(), &["both.tar.xz"]);
    assert_eq!((incidents(&report), code), (2, 0));
    for (incident, wanted) in report["incidents"].as_array().unwrap().iter().zip([("gw1", 10), ("gw2", 20)]) {
        let snapshots = incident["snapshots"].as_array().unwrap();
        let found: Vec<_> =
            snapshots.iter().map(|s| (s["listed"].as_u64().unwrap(), s["max"].as_u64().unwrap())).collect();
        assert_eq!((incident["host"].as_str().unwrap(), found), (wanted.0, vec![(wanted.1, wanted.1)]));
    }
}
