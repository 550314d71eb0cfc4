//! Every folder below `samples/` is a case: its input, and the whole text and JSON that must come out. Whoever adds a
//! format or a cause adds a folder; `CONNTRIAGE_BLESS=1 cargo test --test samples` writes what is expected.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use common::{args, conntriage, golden, name, outcome, samples, stage};
use serde_json::Value;

/// Formats, and the file of a sample that holds the report in each.
const FORMATS: [(&str, &str); 4] = [
    ("text", "expected.txt"),
    ("json", "expected.json"),
    ("markdown", "expected.md"),
    ("html", "expected.html"),
];

#[test]
fn three_samples_have_every_format() {
    for name in ["web8", "netns-6.18", "two-hosts"] {
        for (_, file) in FORMATS {
            assert!(common::root().join("samples").join(name).join(file).exists(), "{name}/{file}");
        }
    }
}

#[test]
fn every_sample_gives_its_whole_expected_report() {
    let mut wrong = Vec::new();
    for sample in samples() {
        let staged = stage(&sample);
        for (format, file) in FORMATS {
            // Three samples have every format; the others agree by `report_formats`.
            if matches!(format, "html" | "markdown") && !sample.join(file).exists() {
                continue;
            }
            let output = conntriage(staged.path())
                .args(["analyze", "input", "--format", format])
                .args(args(&sample))
                .output()
                .unwrap();
            let (stdout, stderr, code) = outcome(&output);
            let whole = if format == "text" {
                format!("{stdout}\n-- stderr\n{stderr}-- exit {code}\n")
            } else {
                stdout
            };
            wrong.extend(golden(&sample.join(file), &whole).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_report_is_valid_by_its_own_schema() {
    let schema = conntriage(common::root()).args(["schema", "report"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for sample in samples() {
        let report = analyze_json(&sample, &[]);
        let errors: Vec<String> =
            validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", name(&sample));
    }
}

#[test]
fn every_scan_is_valid_by_its_own_schema() {
    let schema = conntriage(common::root()).args(["schema", "signals"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for sample in samples() {
        let staged = stage(&sample);
        let scan = conntriage(staged.path()).args(["scan", "input"]).output().unwrap();
        for line in String::from_utf8(scan.stdout).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&line).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", name(&sample));
        }
    }
}

#[test]
fn the_interval_of_every_sample_holds_its_true_number_of_drops() {
    let mut held = 0;
    for sample in samples() {
        let Ok(truth) = std::fs::read_to_string(sample.join("truth.json")) else { continue };
        let truth: Value = serde_json::from_str(&truth).unwrap();
        let Some(drops) = truth["drops"].as_u64() else { continue };
        let report = analyze_json(&sample, &[]);
        let incidents = report["incidents"].as_array().unwrap();
        let low: u64 = incidents.iter().map(|i| i["drops"]["low"].as_u64().unwrap()).sum();
        let high: Option<u64> = incidents.iter().map(|i| i["drops"]["high"].as_u64()).sum();
        assert!(low <= drops, "{}: low {low} is above the truth {drops}", name(&sample));
        assert!(high.is_none_or(|high| drops <= high), "{}: high {high:?} is below {drops}", name(&sample));
        held += 1;
    }
    assert!(held >= 9, "only {held} samples know their truth");
}

#[test]
fn scanning_first_and_analysing_the_scans_gives_the_same_report() {
    for sample in samples() {
        let staged = stage(&sample);
        let scan = conntriage(staged.path()).args(["scan", "input"]).output().unwrap();
        assert_eq!(scan.status.code(), Some(0), "{}", name(&sample));
        // What is no log stays a file; the logs are replaced by their scan, but for those inside an archive, which are then
        // given twice.
        let logs = analyze_json(&sample, &[]);
        for input in logs["inputs"].as_array().unwrap() {
            if input["kind"] == "log" && input["member"].is_null() {
                std::fs::remove_file(staged.path().join(input["path"].as_str().unwrap())).unwrap();
            }
        }
        std::fs::write(staged.path().join("input").join("scan.jsonl"), &scan.stdout).unwrap();
        let again = analyze_in(staged.path(), &sample, &[]);
        assert_eq!(comparable(again), comparable(logs), "{}", name(&sample));
    }
}

#[test]
fn naming_the_files_in_any_order_and_twice_gives_the_same_report() {
    for sample in samples() {
        let staged = stage(&sample);
        let mut files = Vec::new();
        files_below(staged.path(), "input", &mut files);
        files.retain(|path| !path.ends_with("notes.txt"));
        files.sort();
        let report = |files: &[String]| {
            let output = conntriage(staged.path())
                .args(["analyze", "--format", "json"])
                .args(files)
                .args(args(&sample))
                .output()
                .unwrap();
            comparable(serde_json::from_slice(&output.stdout).unwrap())
        };
        let forward = report(&files);
        files.reverse();
        assert_eq!(report(&files), forward, "{}", name(&sample));
        files.extend(files.clone());
        assert_eq!(report(&files), forward, "{} twice", name(&sample));
    }
}

/// Every file below a directory, by its path from the root.
fn files_below(root: &std::path::Path, path: &str, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(root.join(path)).unwrap() {
        let entry = entry.unwrap();
        let within = format!("{path}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files_below(root, &within, files);
        } else {
            files.push(within);
        }
    }
}

#[test]
fn two_hosts_in_two_directories_each_keep_their_own_table() {
    let staged = stage(&common::root().join("samples/web8"));
    let other = stage(&common::root().join("samples/syn-flood"));
    let paths = [staged.path().join("input"), other.path().join("input")];
    let output = conntriage(staged.path())
        .args(["analyze", "--format", "json", "--year", "2008"])
        .args(&paths)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let causes: Vec<&str> = report["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["verdict"]["cause"].as_str().unwrap())
        .collect();
    assert_eq!(causes, ["syn-flood", "self-inflicted-churn", "self-inflicted-churn"]);
}

#[test]
fn a_table_and_its_settings_in_two_directories_are_one_case() {
    let staged = stage(&common::root().join("samples/netns-6.18"));
    let at = |path: &str| staged.path().join(path);
    for (from, to) in [("nf_conntrack.gz", "tables"), ("sysctl", "settings")] {
        std::fs::create_dir(at(to)).unwrap();
        std::fs::rename(at("input").join(from), at(to).join(from)).unwrap();
    }
    // By their names alone: nothing in them tells that they are files. The last one holds.
    for (file, max) in [("10-small.conf", 8_192), ("90-large.conf", 262_144)] {
        std::fs::write(at("settings").join(file), format!("net.netfilter.nf_conntrack_max = {max}\n"))
            .unwrap();
    }
    let output = conntriage(staged.path())
        .args(["analyze", "tables/nf_conntrack.gz", "settings", "--format", "json"])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let snapshots = report["snapshots"].as_array().unwrap();
    assert_eq!(snapshots.len(), 1, "{snapshots:#?}");
    let text = snapshots[0].to_string();
    assert!(text.contains("the table holds 4,000 of 4,000 entries"), "{text}");
    assert!(text.contains("nf_conntrack_max = 262144, and 4,000 runs"), "{text}");
    assert!(report["assumptions"].to_string().contains("settings"));
}

#[test]
fn a_table_pasted_twice_is_counted_once_and_that_is_said() {
    let staged = stage(&common::root().join("samples/netns-6.18"));
    let table = staged.path().join("input/nf_conntrack.gz");
    let twice = std::fs::read(&table).unwrap().repeat(2);
    std::fs::write(&table, twice).unwrap();
    let output = conntriage(staged.path())
        .args(["analyze", "input"])
        .args(args(&common::root().join("samples/netns-6.18")))
        .output()
        .unwrap();
    let (text, _, _) = outcome(&output);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("holds 100 %: 4,000 entries"), "{text}");
    assert!(text.contains("holds 2 lists of a table"), "{text}");
    assert!(!text.contains("200 %"), "{text}");
}

#[test]
fn decoys_yield_no_incident_and_no_finding_of_a_full_table() {
    let report = analyze_json(&common::root().join("samples/decoys"), &["--fail-on-incident"]);
    assert_eq!(report["incidents"], Value::Array(Vec::new()));
}

fn analyze_json(sample: &std::path::Path, more: &[&str]) -> Value {
    let staged = stage(sample);
    analyze_in(staged.path(), sample, more)
}

fn analyze_in(directory: &std::path::Path, sample: &std::path::Path, more: &[&str]) -> Value {
    let output = conntriage(directory)
        .args(["analyze", "input", "--format", "json"])
        .args(args(sample))
        .args(more)
        .output()
        .unwrap();
    let (stdout, stderr, _) = outcome(&output);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{}: {error}\n{stderr}", name(sample)))
}

/// "Same report": equal JSON without when, by what, and from which files it was made.
fn comparable(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    for field in ["generated_at", "tool", "inputs"] {
        fields.remove(field);
    }
    report
}
