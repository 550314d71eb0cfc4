//! A real full table: namespaces of our own, a real journald and a real rsyslog, and the kernel's own drop counter that
//! the report is held against. Needs root; puts `nf_conntrack_max` back whatever happens.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{conntriage, root, skip};
use serde_json::Value;

const NEEDED: [&str; 6] = [
    "/usr/bin/python3",
    "/usr/sbin/ip",
    "/usr/sbin/nft",
    "/usr/sbin/sysctl",
    "/usr/sbin/rsyslogd",
    "/lib/systemd/systemd-journald",
];

/// Why it cannot run here, if so.
fn missing() -> Option<String> {
    let uid = Command::new("id").arg("-u").output().ok()?.stdout;
    if uid != b"0\n" {
        return Some("needs root (network namespaces and net.netfilter.nf_conntrack_max)".to_owned());
    }
    if let Some(program) = NEEDED.iter().find(|program| !Path::new(program).exists()) {
        return Some(format!("{program} is not installed"));
    }
    if std::fs::OpenOptions::new().write(true).open("/proc/sys/net/netfilter/nf_conntrack_max").is_err() {
        return Some("net.netfilter.nf_conntrack_max cannot be written here".to_owned());
    }
    (!Path::new("/proc/net/stat/nf_conntrack").exists())
        .then(|| "this kernel has no /proc/net/stat/nf_conntrack".to_owned())
}

fn burst(out: &Path, load: &str) -> Value {
    let status = Command::new("python3")
        .arg(root().join("tests/tools/burst.py"))
        .args(["--max", "400", "--flush", "1", "--load", load, "--out"])
        .arg(out)
        .arg("--journal-files")
        .arg(journals(out))
        .status()
        .unwrap();
    assert!(status.success(), "the burst could not be made");
    serde_json::from_str(&std::fs::read_to_string(out.join("truth.json")).unwrap()).unwrap()
}

/// Where journald's own files are kept: not beside the others, since they hold the kernel's whole ring.
fn journals(out: &Path) -> PathBuf {
    out.with_extension("journals")
}

/// Journald's file as it is, while it is written to and after, tells of the incidents that its export tells of.
fn native_files_tell_what_their_exports_tell(out: &Path, truth: &Value) {
    let directory = journals(out);
    for name in ["online", "offline"] {
        let (file, export) = (format!("{name}.journal"), format!("{name}.export"));
        let output = Command::new("journalctl")
            .args(["-q", "--no-pager", "-o", "export", "--file", &file])
            .current_dir(&directory)
            .output()
            .unwrap();
        std::fs::write(directory.join(&export), output.stdout).unwrap();
        let comparable = |input: &str| {
            let report = report(&[input], &directory);
            let incidents = serde_json::to_string(&report["incidents"]).unwrap();
            let id = report["inputs"][0]["id"].as_str().unwrap();
            serde_json::from_str::<Vec<Value>>(&incidents.replace(id, "the input")).unwrap()
        };
        let found = comparable(&file);
        let mut of_burst = found.iter().map(|i| &i["namespace"]["inode"]);
        assert!(of_burst.any(|inode| *inode == truth["netns_inode"]), "{name}");

        assert_eq!(found, comparable(&export), "{name}");
    }
}

fn incidents(inputs: &[&str], directory: &Path) -> Vec<Value> {
    report(inputs, directory)["incidents"].as_array().unwrap().clone()
}

fn report(inputs: &[&str], directory: &Path) -> Value {
    let output = conntriage(directory)
        .args(["analyze", "--format", "json", "--year", "2026"])
        .args(inputs)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_report_of_a_real_full_table_holds_the_kernels_own_count() {
    const NAME: &str = "the_report_of_a_real_full_table_holds_the_kernels_own_count";
    if let Some(why) = missing() {
        return skip(NAME, &why);
    }
    for load in ["40x0", "150x7"] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let truth = burst(&out, load);
        let drops = truth["drops"].as_u64().unwrap();
        assert!(drops > 20, "the table was not full: {truth}");
        native_files_tell_what_their_exports_tell(&out, &truth);
        // Each log for itself, then rsyslog's and journald's together: copies, not twice the cost.
        for inputs in [
            &["messages"][..],
            &["kern.log"],
            &["journal.export"],
            &["kern.log", "journal.export", "messages"],
        ] {
            let found = incidents(inputs, &out);
            assert_eq!(found.len(), 1, "{load} {inputs:?}");
            let (low, high) =
                (found[0]["drops"]["low"].as_u64().unwrap(), found[0]["drops"]["high"].as_u64());
            assert!(
                low <= drops && high.is_none_or(|high| drops <= high),
                "{load} {inputs:?}: {low} {drops} {high:?}"
            );
            assert_eq!(found[0]["namespace"]["inode"], truth["netns_inode"], "{load} {inputs:?}");
        }
        // With the kernel's counters beside the log, they decide.
        let found = incidents(&["."], &out);
        assert_eq!(found.len(), 1, "{load}");
        assert_eq!(found[0]["drops"]["method"], "counters", "{load}");
        let (low, high) = (found[0]["drops"]["low"].as_u64(), found[0]["drops"]["high"].as_u64());
        assert!(low <= Some(drops) && high == Some(drops), "{load}: {low:?} {drops} {high:?}");
    }
}
