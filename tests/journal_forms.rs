//! Every form in which journalctl prints the same entries gives the same incidents, in either direction and in any
//! zone: the files of `samples/journal-forms`, each for itself. (Together they are a sample of their own: fifteen copies of
//! one log, one of each incident.)

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{conntriage, outcome, root};
use serde_json::{Value, json};

/// One incident in each of two boots, as the model that made the entries knows them: visible, suppressed.
const TRUTH: [(u64, u64); 2] = [(41, 2_121), (31, 85)];
/// Where they begin: wall time, to the second.
const STARTS: [&str; 2] = ["2026-11-23T22:42:05", "2026-11-23T23:02:05"];
const BOOTS: [&str; 2] = ["5d0e7c1a-93b4-4f27-8a6e-c21f04b98d73", "0c55d51f-2ab3-4b0f-9d3c-5cd2a1f8e611"];
const TURNED: &str = "runs from new to old; it was read from its end to its beginning";

fn forms(folder: &str) -> Vec<PathBuf> {
    let folder = root().join("samples/journal-forms").join(folder);
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn analyze(path: &Path, more: &[&str]) -> Value {
    let output = conntriage(root())
        .args(["analyze", "--format", "json", "--year", "2026"])
        .args(more)
        .arg(path)
        .output()
        .unwrap();
    let (stdout, stderr, code) = outcome(&output);
    assert_eq!((code, stderr.as_str()), (0, ""), "{}", path.display());
    serde_json::from_str(&stdout).unwrap()
}

/// What must be equal in every form: whose, how many, when (as exactly as the form says it).
fn check(path: &Path, report: &Value) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut incidents = report["incidents"].as_array().unwrap().clone();
    // Without wall time nothing says which boot was the first.
    incidents.sort_by_key(|incident| std::cmp::Reverse(incident["drops"]["visible"].as_u64()));
    let numbers: Vec<_> = incidents
        .iter()
        .map(|i| (i["drops"]["visible"].as_u64().unwrap(), i["drops"]["suppressed"].as_u64().unwrap()))
        .collect();
    assert_eq!(numbers, TRUTH, "{name}");
    for (at, incident) in incidents.iter().enumerate() {
        assert_eq!(incident["host"], "gw1", "{name}");
        assert_eq!(incident["drops"]["low"], TRUTH[at].0 + TRUTH[at].1, "{name}");
        let since_boot = &incident["since_boot"]["start_seconds"];
        if name.contains("monotonic") || name.contains("delta") {
            assert_eq!(incident["start"], Value::Null, "{name}");
            assert_eq!(*since_boot, json!([1_586.855_831, 94.991][at]), "{name}");
        } else {
            assert!(
                incident["start"].as_str().unwrap().starts_with(STARTS[at]),
                "{name}: {}",
                incident["start"]
            );
        }
        let has_fields = ["export", "json", "verbose"].iter().any(|form| name.contains(form));
        let (trust, boot) =
            if has_fields { ("as-recorded", json!(BOOTS[at])) } else { ("unverified", Value::Null) };
        assert_eq!((&incident["trust"], &incident["boot_id"]), (&json!(trust), &boot), "{name}");
    }
}

#[test]
fn every_form_gives_the_incidents_that_the_export_gives() {
    let forms = forms("input");
    assert_eq!(forms.len(), 15);
    for path in forms {
        let report = analyze(&path, &[]);
        check(&path, &report);
        assert_eq!(report["inputs"][0]["malformed"], 0);
        assert_eq!(report["inputs"][0]["note"], Value::Null);
    }
}

#[test]
fn a_reversed_form_gives_what_the_form_gives() {
    let forms = forms("reversed");
    assert_eq!(forms.len(), 15);
    for path in forms {
        let report = analyze(&path, &[]);
        check(&path, &report);
        assert_eq!(report["inputs"][0]["note"], TURNED, "{}", path.display());
        let forward = root().join("samples/journal-forms/input").join(path.file_name().unwrap());
        let forward = analyze(&forward, &[]);
        assert_eq!(report["incidents"], replaced_ids(&forward, &report)["incidents"], "{}", path.display());
    }
}

/// The first report with the stream id of the second one: they are two files.
fn replaced_ids(report: &Value, of: &Value) -> Value {
    let text = serde_json::to_string(report).unwrap();
    let id = |report: &Value| report["inputs"][0]["id"].as_str().unwrap().to_owned();
    serde_json::from_str(&text.replace(&id(report), &id(of))).unwrap()
}

#[test]
fn the_zone_in_which_it_was_printed_does_not_matter_once_it_is_known() {
    for path in forms("zone") {
        check(&path, &analyze(&path, &["--tz", "Asia/Shanghai"]));
    }
}

#[test]
fn words_alone_give_the_numbers_and_no_time() {
    let report = analyze(&root().join("samples/journal-forms/journal.cat.gz"), &[]);
    let incidents = report["incidents"].as_array().unwrap();
    let sum = |key: &str| incidents.iter().map(|i| i["drops"][key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("visible"), sum("suppressed")), (72, 2_206));
    assert!(incidents.iter().all(|i| i["start"] == Value::Null && i["since_boot"] == Value::Null));
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The report of bytes that come through a pipe.
fn piped(bytes: &[u8]) -> Value {
    let mut child = conntriage(root())
        .args(["analyze", "--format", "json", "--year", "2026", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || pipe.write_all(bytes).unwrap());
        serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
    })
}

/// Far more than is kept at a time, through a file and through a pipe, in a line form and in one of fields.
#[test]
fn a_long_reversed_log_is_turned_round_whole() {
    for form in ["short-iso-precise", "json"] {
        let own = unpacked(&root().join(format!("samples/journal-forms/input/journal.{form}.gz")));
        let template = match form {
            "json" => {
                r#"{"_TRANSPORT":"syslog","MESSAGE":"nothing {}","__REALTIME_TIMESTAMP":"{}000000","_BOOT_ID":"5d0e7c1a93b44f278a6ec21f04b98d73","_HOSTNAME":"gw1"}"#
            }
            _ => "{} gw1 cron[1]: nothing {}",
        };
        let before = 1_795_400_000_i64;
        let mut records: Vec<Vec<u8>> = (0..70_000)
            .map(|n| {
                let at = before + n;
                let words = format!("{n:08} {}", n * 7_919 % 10_007).repeat(3);
                let text = if form == "json" {
                    template.replacen("{}", &words, 1).replacen("{}", &at.to_string(), 1)
                } else {
                    let stamp =
                        chrono::DateTime::from_timestamp(at, 0).unwrap().format("%Y-%m-%dT%H:%M:%S+0000");
                    template.replacen("{}", &stamp.to_string(), 1).replacen("{}", &words, 1)
                };
                text.into_bytes()
            })
            .collect();
        records.extend(
            own.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec),
        );
        let forward = records.join(&b'\n');
        records.reverse();
        let reversed = records.join(&b'\n');
        assert!(reversed.len() > 4 * 1024 * 1024);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        std::fs::write(&path, &reversed).unwrap();
        for report in [analyze(&path, &[]), piped(&reversed)] {
            assert_eq!(report["inputs"][0]["note"], TURNED, "{form}");
            assert_eq!(report["inputs"][0]["records"], records.len(), "{form}");
            let forward = piped(&forward);
            assert_eq!(forward["inputs"][0]["note"], Value::Null, "{form}");
            assert_eq!(forward["incidents"].as_array().unwrap().len(), 2, "{form}");
            assert_eq!(report["incidents"], replaced_ids(&forward, &report)["incidents"], "{form}");
        }
    }
}

/// Big enough to be read in parts, and so busy that its head names one second only.
#[test]
fn a_big_reversed_file_with_a_level_head_is_turned_round_whole() {
    let own = unpacked(&root().join("samples/journal-forms/input/journal.short.gz"));
    let mut records: Vec<Vec<u8>> = own
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    for n in 0..120_000 {
        let second = n / 3_000;
        records.push(
            format!(
                "Nov 23 23:59:{second:02} gw1 cron[1]: nothing at all, for the {n:08}th time, and no more"
            )
            .into_bytes(),
        );
    }
    let forward = records.join(&b'\n');
    records.reverse();
    let reversed = records.join(&b'\n');
    assert!(reversed.len() > 8 * 1024 * 1024);
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes, note) in [("forward", &forward, Value::Null), ("reversed", &reversed, json!(TURNED))] {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let report = analyze(&path, &[]);
        assert_eq!(report["inputs"][0]["note"], note);
        let visible: Vec<_> =
            report["incidents"].as_array().unwrap().iter().map(|i| i["drops"]["visible"].clone()).collect();
        assert_eq!(visible, [41, 31]);
        assert_eq!(report["incidents"][0]["drops"]["low"], 2_162, "{name}");
    }
}

/// A clock that is set back now and then is no reversed log.
#[test]
fn a_log_whose_clock_steps_back_is_read_as_it_stands() {
    let line = |second: u32, words: &str| {
        format!("2026-11-23T22:{:02}:{:02}+00:00 gw1 {words}\n", second / 60, second % 60)
    };
    let mut text = line(600, "kernel: nf_conntrack: table full, dropping packet");
    for second in 0..100 {
        text += &line(second, "cron[1]: x");
    }
    let report = piped(text.as_bytes());
    assert_eq!(report["inputs"][0]["note"], Value::Null);
    assert_eq!(report["inputs"][0]["records"], 101);
}
