//! What a file system can hold against a reader: a clear word naming file and reason, everything else still analysed,
//! no panic, no hang, memory bounded.

#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

mod common;

use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{conntriage, outcome, skip};

const FULL: &str =
    "2026-11-23T04:00:01.000000+00:00 gw1 kernel: nf_conntrack: nf_conntrack: table full, dropping packet\n";

fn log(directory: &Path, name: &str) {
    std::fs::write(directory.join(name), FULL).unwrap();
}

fn analyze(directory: &Path, paths: &[&str]) -> (serde_json::Value, String, i32) {
    let output = conntriage(directory).args(["analyze", "--format", "json"]).args(paths).output().unwrap();
    let (stdout, stderr, code) = outcome(&output);
    (serde_json::from_str(&stdout).unwrap_or_default(), stderr, code)
}

fn incidents(report: &serde_json::Value) -> usize {
    report["incidents"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_file_that_is_not_there_is_named_and_the_rest_is_analysed() {
    let directory = tempfile::tempdir().unwrap();
    log(directory.path(), "messages");
    let (report, stderr, code) = analyze(directory.path(), &["messages", "nowhere"]);
    assert_eq!((incidents(&report), code), (1, 3));
    assert!(stderr.contains("nowhere: ") && stderr.contains("no such file"), "{stderr}");
}

#[test]
fn k08_suppressed_callbacks_alone_are_read_and_are_no_incident() {
    let directory = tempfile::tempdir().unwrap();
    let said = "gw kernel: net_ratelimit: 40 callbacks suppressed\n";
    let lines = format!("2026-11-23T04:00:01.000000+00:00 {said}2026-11-23T04:00:06.000000+00:00 {said}");
    std::fs::write(directory.path().join("messages"), lines).unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["messages"]);
    assert_eq!((incidents(&report), code), (0, 0), "{stderr}");
    assert_eq!(report["inputs"][0]["signals"], 2, "{report:#}");
}

#[test]
fn a_file_that_may_not_be_read_is_named_and_the_rest_is_analysed() {
    const NAME: &str = "a_file_that_may_not_be_read_is_named_and_the_rest_is_analysed";
    let directory = tempfile::tempdir().unwrap();
    log(directory.path(), "messages");
    log(directory.path(), "secret");
    std::fs::set_permissions(directory.path().join("secret"), PermissionsExt::from_mode(0o000)).unwrap();
    let as_root = std::fs::File::open(directory.path().join("secret")).is_ok();
    let output = if as_root {
        // Root reads everything: be somebody else for this one.
        if !Path::new("/usr/bin/setpriv").exists() {
            return skip(NAME, "setpriv is not installed, and root reads every file");
        }
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let copy = directory.path().join("program");
        std::fs::copy(env!("CARGO_BIN_EXE_conntriage"), &copy).unwrap();
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(copy)
            .args(["analyze", "--format", "json", "messages", "secret"])
            .current_dir(directory.path())
            .output()
            .unwrap()
    } else {
        conntriage(directory.path())
            .args(["analyze", "--format", "json", "messages", "secret"])
            .output()
            .unwrap()
    };
    let (stdout, stderr, code) = outcome(&output);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("secret: cannot be opened: permission denied"), "{stderr}");
    assert_eq!(incidents(&serde_json::from_str(&stdout).unwrap()), 1);
}

#[test]
fn a_fifo_met_in_a_directory_is_listed_and_never_opened() {
    let directory = tempfile::tempdir().unwrap();
    log(directory.path(), "messages");
    assert!(Command::new("mkfifo").arg(directory.path().join("pipe")).status().unwrap().success());
    let begin = Instant::now();
    let (report, stderr, code) = analyze(directory.path(), &["."]);
    assert!(begin.elapsed() < Duration::from_secs(8), "it waited for the FIFO");
    assert_eq!((incidents(&report), code, stderr.as_str()), (1, 0, ""));
    let inputs = report["inputs"].as_array().unwrap();
    assert!(inputs.iter().any(|i| i["note"].as_str().is_some_and(|n| n.contains("FIFO"))), "{inputs:#?}");
}

#[test]
fn a_fifo_that_is_named_is_read_when_somebody_writes_and_given_up_when_nobody_does() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, FULL).unwrap()
    });
    let (report, _, code) = analyze(directory.path(), &["pipe"]);
    writer.join().unwrap();
    assert_eq!((incidents(&report), code), (1, 0));
    let (_, stderr, code) = analyze(directory.path(), &["pipe"]);
    assert!(stderr.contains("pipe: is a FIFO into which nobody wrote"), "{stderr}");
    assert_eq!(code, 3);
}

#[test]
fn directories_that_contain_themselves_are_read_once() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("logs")).unwrap();
    log(&directory.path().join("logs"), "messages");
    std::os::unix::fs::symlink("..", directory.path().join("logs").join("up")).unwrap();
    std::os::unix::fs::symlink("loop", directory.path().join("loop")).unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["."]);
    assert_eq!((incidents(&report), code, stderr.as_str()), (1, 0, ""));
}

#[test]
fn devices_and_directories_of_devices_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    log(directory.path(), "messages");
    let (report, stderr, code) = analyze(directory.path(), &["messages", "/dev/zero"]);
    assert_eq!((incidents(&report), code), (1, 3));
    assert!(stderr.contains("/dev/zero: is a device"), "{stderr}");
}

#[test]
fn a_truncated_gzip_file_gives_what_stands_before_the_cut_and_says_how_much_that_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(FULL.as_bytes()).unwrap();
    for n in 0..20_000 {
        writeln!(encoder, "2026-11-23T04:00:02.000000+00:00 gw1 cron[{n}]: nothing").unwrap();
    }
    let mut packed = encoder.finish().unwrap();
    packed.truncate(packed.len() / 2);
    std::fs::write(directory.path().join("messages.1.gz"), packed).unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["messages.1.gz"]);
    assert_eq!((incidents(&report), code), (1, 3), "{stderr}");
    assert!(stderr.contains("messages.1.gz: gz stream ends in the middle (truncated)"), "{stderr}");
    assert!(stderr.contains("decoded bytes was analysed"), "{stderr}");
}

/// A log of one line, packed.
fn packed_log() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(FULL.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_no_gzip_behind_the_last_member_is_named_and_counted_and_is_no_truncation() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("messages.1.gz"), [packed_log(), b"<html>".to_vec()].concat())
        .unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["messages.1.gz"]);
    assert_eq!((incidents(&report), code), (1, 3), "{stderr}");
    let wanted = format!(
        "messages.1.gz: 6 bytes behind the last gzip member are not gzip; all {} decoded bytes were analysed",
        FULL.len()
    );
    assert!(stderr.contains(&wanted) && !stderr.contains("truncated"), "{stderr}");
}

#[test]
fn zeros_behind_the_last_gzip_member_are_padding_and_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("messages.1.gz"), [packed_log(), vec![0; 9_000]].concat()).unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["messages.1.gz"]);
    assert_eq!((incidents(&report), code), (1, 0), "{stderr}");
    assert_eq!((report["inputs"][0]["complete"].as_bool(), stderr.as_str()), (Some(true), ""));
}

#[test]
fn a_damaged_gzip_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    log(directory.path(), "messages");
    std::fs::write(directory.path().join("bad.gz"), b"\x1f\x8b\x08\x00not gzip at all, just its first bytes")
        .unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["."]);
    assert_eq!(incidents(&report), 1);
    assert!(code == 0 || code == 3, "{code} {stderr}");
    let (_, stderr, code) = analyze(directory.path(), &["bad.gz"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("bad.gz: "), "{stderr}");
}

#[test]
fn a_line_of_a_gigabyte_is_skipped_in_bounded_memory() {
    let directory = tempfile::tempdir().unwrap();
    // A sparse gigabyte is a line of NUL bytes; one of letters comes through a pipe.
    let path = directory.path().join("messages");
    log(directory.path(), "messages");
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(1 << 30).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
    write!(file, "\n{FULL}").unwrap();
    drop(file);
    let (peak_kib, stdout) = with_peak(directory.path(), "messages", None);
    assert_eq!(stdout["incidents"][0]["drops"]["visible"], 2);
    assert!(peak_kib < 96 * 1024, "{peak_kib} KiB");
    let (peak_kib, stdout) = with_peak(directory.path(), "-", Some(1 << 30));
    assert_eq!(stdout["incidents"][0]["drops"]["visible"], 2);
    assert!(peak_kib < 96 * 1024, "{peak_kib} KiB");
}

#[test]
fn a_table_of_a_million_strangers_is_read_in_bounded_memory() {
    const ENTRIES: u32 = 1_000_000;
    let directory = tempfile::tempdir().unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(directory.path().join("table")).unwrap());
    for number in 0..ENTRIES {
        // Multiplication by an odd number: no source and no destination comes twice.
        let source = Ipv4Addr::from_bits(number.wrapping_mul(2_654_435_761));
        let destination = Ipv4Addr::from_bits(number.wrapping_mul(2_246_822_519));
        let port = 1 + number % 65_535;
        writeln!(
            file,
            "udp      17 9 src={source} dst={destination} sport=53 dport={port} [UNREPLIED] src={destination} \
             dst={source} sport={port} dport=53 use=1"
        )
        .unwrap();
    }
    file.into_inner().unwrap();
    let (peak_kib, report) = with_peak(directory.path(), "table", None);
    assert_eq!(report["inputs"][0]["records"], ENTRIES);
    // 64 MiB on two cores; each further worker has tallies and a buffer of its own.
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let bound_kib = (64 + 18 * workers.saturating_sub(2)) * 1024;
    assert!(peak_kib <= bound_kib, "{peak_kib} KiB, {workers} workers");
}

/// Peak resident memory in KiB (VmHWM), and the report.
fn with_peak(directory: &Path, path: &str, feed_bytes: Option<usize>) -> (u64, serde_json::Value) {
    let out = directory.join("report.json");
    let mut child = conntriage(directory)
        .args(["analyze", "--format", "json", "-o"])
        .arg(&out)
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        let Some(bytes) = feed_bytes else { return };
        stdin.write_all(FULL.as_bytes()).unwrap();
        let block = vec![b'x'; 1 << 20];
        for _ in 0..bytes / block.len() {
            stdin.write_all(&block).unwrap();
        }
        stdin.write_all(b"\n").unwrap();
        stdin.write_all(FULL.as_bytes()).unwrap();
    });
    let mut peak = 0;
    let status = format!("/proc/{}/status", child.id());
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    feeder.join().unwrap();
    assert!(peak > 0, "the peak was not seen");
    (peak, serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap())
}

#[test]
fn strangers_met_in_a_directory_are_listed_and_strangers_that_were_named_make_it_partial() {
    let directory = tempfile::tempdir().unwrap();
    log(directory.path(), "messages");
    std::fs::write(directory.path().join("picture.png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
    std::fs::write(directory.path().join("empty"), b"").unwrap();
    let (report, stderr, code) = analyze(directory.path(), &["."]);
    assert_eq!((incidents(&report), code, stderr.as_str()), (1, 0, ""));
    assert_eq!(report["inputs"].as_array().unwrap().len(), 3);
    let (_, stderr, code) = analyze(directory.path(), &["picture.png"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("picture.png: not recognised"), "{stderr}");
}

#[test]
fn a_report_that_cannot_be_written_is_a_failure_and_leaves_nothing_half_written() {
    let directory = tempfile::tempdir().unwrap();
    log(directory.path(), "messages");
    let output = conntriage(directory.path())
        .args(["analyze", "messages", "-o", "no/such/place/report.txt"])
        .output()
        .unwrap();
    let (_, stderr, code) = outcome(&output);
    assert_eq!(code, 1);
    assert!(stderr.contains("no/such/place/report.txt"), "{stderr}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn wrong_usage_is_answered_by_two_and_a_word() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["analyze"][..],
        &["analyze", "x", "--tz", "Mars/Olympus"],
        &["analyze", "x", "--since", "soon"],
        &["analyze", "x", "--what-if", "max"],
        &["analyze", "x", "--what-if", "nf_conntrack_maxx=1000"],
        &["analyze", "x", "--what-if", "max=0"],
        &["analyze", "x", "--what-if", "max=1000", "--what-if", "nf_conntrack_max=2000"],
        &["analyze", "x", "--what-if", "remove=web8"],
        &["analyze", "x", "--what-if", "reuse=192.0.2.2"],
        &["analyze", "x", "--what-if", "notrack=192.0.2.1"],
        &["analyze", "x", "--what-if", "remove=192.0.2.1", "--what-if", "remove=192.0.2.1"],
        &["analyze", "x", "--format", "poem"],
        &["frobnicate"],
    ] {
        let (stdout, stderr, code) = outcome(&conntriage(directory.path()).args(arguments).output().unwrap());
        assert_eq!((stdout.as_str(), code), ("", 2), "{arguments:?}");
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_setting_that_cannot_be_tried_in_thought_is_named_with_the_nearest_and_all_that_can() {
    let directory = tempfile::tempdir().unwrap();
    let output = conntriage(directory.path())
        .args(["analyze", "x", "--what-if", "net.netfilter.nf_conntrack_tcp_timeout_timewait=30"])
        .output()
        .unwrap();
    let (_, stderr, code) = outcome(&output);
    assert_eq!(code, 2);
    for word in [
        "nf_conntrack_tcp_timeout_timewait",
        "the nearest it can is tcp_timeout_time_wait",
        "udp_timeout_stream",
    ] {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
}

#[test]
fn fail_on_incident_answers_ten_and_outranks_partial() {
    let directory = tempfile::tempdir().unwrap();
    log(directory.path(), "messages");
    let code =
        |arguments: &[&str]| outcome(&conntriage(directory.path()).args(arguments).output().unwrap()).2;
    assert_eq!(code(&["analyze", "messages"]), 0);
    assert_eq!(code(&["analyze", "messages", "--fail-on-incident"]), 10);
    assert_eq!(code(&["analyze", "messages", "nowhere", "--fail-on-incident"]), 10);
}

#[test]
fn names_full_of_control_characters_reach_no_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let name = "evil\u{1b}[31m\u{202e}name";
    std::fs::write(directory.path().join(name), FULL.replace("gw1", "g\u{1b}]0;x\u{7}w1")).unwrap();
    let output = conntriage(directory.path()).args(["analyze", ".", "nowhere\u{1b}[2J"]).output().unwrap();
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(bytes);
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c)),
            "{text:?}"
        );
    }
}
