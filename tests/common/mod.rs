//! What several tests need: the program, samples copied to where file times can be set, and honest skipping.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::disallowed_methods, reason = "tests run programs and read files")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time at which every report of a test is made: 2027-01-01 00:00:00 UTC.
pub const NOW_SECONDS: u64 = 1_798_761_600;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program, in a directory, with nothing of this machine's environment that could change a report.
pub fn conntriage(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conntriage"));
    command.current_dir(directory).env_clear();
    command.env("TZ", "UTC").env("SOURCE_DATE_EPOCH", NOW_SECONDS.to_string());
    command.env("CONNTRIAGE_TEST_CLOCK", NOW_SECONDS.to_string());
    command
}

/// Both streams as text, and the exit code.
pub fn outcome(output: &Output) -> (String, String, i32) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1))
}

/// A copy of a sample's `input` in a directory of its own, all file times set to `NOW_SECONDS`: a checkout has none
/// worth believing.
pub fn stage(sample: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(&sample.join("input"), &directory.path().join("input"));
    directory
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
        set_modified(to, NOW_SECONDS);
    }
}

/// Sets a file's time.
pub fn set_modified(path: &Path, seconds: u64) {
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Every sample: a folder with `input`.
pub fn samples() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root().join("samples"), &mut found);
    found.sort();
    assert!(found.len() >= 10, "the samples were not found");
    found
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    if directory.join("input").is_dir() {
        found.push(directory.to_path_buf());
        return;
    }
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        }
    }
}

/// The extra arguments of a sample.
pub fn args(sample: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(sample.join("args")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// A name for messages: `bursts/3-three-thousand`.
pub fn name(sample: &Path) -> String {
    sample.strip_prefix(root().join("samples")).unwrap().display().to_string()
}

/// Says on the stderr handle itself (the print macros of a passing test are swallowed) that a test could not run.
/// Where everything is required (`CONNTRIAGE_REQUIRE_ALL=1`) that is a failure.
pub fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("CONNTRIAGE_REQUIRE_ALL").is_none(), "{test} could not run: {why}");
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Compares with a checked-in text, or rewrites it when `CONNTRIAGE_BLESS=1`.
pub fn golden(path: &Path, actual: &str) -> Result<(), String> {
    if std::env::var_os("CONNTRIAGE_BLESS").is_some() {
        std::fs::write(path, actual).unwrap();
        return Ok(());
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    let differs = expected.lines().zip(actual.lines()).enumerate().find(|(_, (a, b))| a != b);
    let (line, expected_line, actual_line) = match differs {
        Some((at, (a, b))) => (at + 1, a.to_owned(), b.to_owned()),
        None => (expected.lines().count().min(actual.lines().count()) + 1, String::new(), String::new()),
    };
    Err(format!(
        "{} differs at line {line}:\n  expected: {expected_line}\n  actual:   {actual_line}\n\
         (CONNTRIAGE_BLESS=1 cargo test writes what is printed now; read the difference before you commit it)",
        path.strip_prefix(root()).unwrap_or(path).display()
    ))
}
