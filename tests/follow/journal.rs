//! The journal, with a `journalctl` that does what a test wants, and with a real one. That a real journald is followed
//! while the table is full belongs to the watcher's own test.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use conntriage::edge::follow::Options;
use conntriage::model::live::gap::GapKind;
use conntriage::model::live::position::{Place, Position};
use conntriage::model::live::source::Source;
use conntriage::model::record::Trust;
use conntriage::parse::log::export::ExportParser;

use super::{Run, Seen, message};
use crate::common::skip;

const BOOT: &str = "5d0e7c1a93b44f278a6ec21f04b98d73";

fn cursor(number: u64) -> String {
    format!("s=aa;i={number:x};b={BOOT};m={:x};t={:x};x={number:x}", number * 1_000, number * 1_000_000)
}

/// An entry as journalctl prints it.
fn entry(number: u64, more: &str) -> String {
    format!(
        "__CURSOR={}\n__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={BOOT}\n_HOSTNAME=gw1\n{more}\
         PRIORITY=4\nMESSAGE={}\n\n",
        cursor(number),
        number * 1_000_000,
        number * 1_000,
        message(number)
    )
}

fn of_kernel(number: u64) -> String {
    entry(number, "_TRANSPORT=kernel\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n")
}

fn place(number: u64) -> Position {
    Position { stream: 77, place: Place::Journal { cursor: cursor(number).into() } }
}

/// A `journalctl` for tests: a script, beside files that it may print.
struct Fake {
    directory: tempfile::TempDir,
}

impl Fake {
    fn new(script: &str, files: &[(&str, String)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let path = directory.path().join("journalctl");
        let script = format!("#!/bin/sh\ncd {}\nPATH=/usr/bin:/bin\n{script}\n", directory.path().display());
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    fn options(&self) -> Options {
        Options {
            journalctl: self.directory.path().join("journalctl"),
            from_beginning: true,
            ..Options::default()
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

#[test]
fn the_saved_entry_comes_first_and_is_not_read_again() {
    let text: String = (5..9).map(of_kernel).collect();
    let fake = Fake::new("echo \"$@\" > asked; cat entries; exec sleep 1000", &[("entries", text)]);
    let mut run = Run::of(Source::Journal(None), Some(place(5)), &fake.options());
    run.until_number(8);
    assert!(run.stop() < Duration::from_secs(1));
    assert_eq!(run.seen.numbers, [6, 7, 8]);
    assert!(run.seen.trusts.iter().all(|trust| *trust == Trust::Kernel));
    assert!(run.gaps.is_empty());
    assert_eq!(run.position.as_ref().unwrap().place, place(8).place);
    let asked = std::fs::read_to_string(fake.path("asked")).unwrap();
    for word in ["--follow", "--output=export", "_TRANSPORT=kernel", &format!("--cursor={}", cursor(5))] {
        assert!(asked.contains(word), "{word}: {asked}");
    }
}

#[test]
fn j03_a_saved_place_that_was_vacuumed_away_is_a_gap_and_reading_goes_on() {
    let text: String = (20..22).map(of_kernel).collect();
    let fake = Fake::new("cat entries; exec sleep 1000", &[("entries", text)]);
    let mut run = Run::of(Source::Journal(None), Some(place(5)), &fake.options());
    run.until_number(21);
    run.stop();
    assert_eq!((run.seen.numbers.clone(), run.gap_kinds()), (vec![20, 21], vec![GapKind::CursorGone]));
    assert_eq!(run.seen.losses, 1);
}

#[test]
fn j04_entries_in_front_of_the_saved_place_are_not_read_again() {
    let text: String = (3..9).map(of_kernel).collect();
    let fake =
        Fake::new("cat entries; exec sleep 1000", &[("entries", text.replace(&cursor(6), &cursor(66)))]);
    let mut run = Run::of(Source::Journal(None), Some(place(6)), &fake.options());
    run.until_number(8);
    run.stop();
    assert_eq!(run.seen.numbers, [6, 7, 8], "the one with another number is another one");
    assert_eq!(run.gap_kinds(), [GapKind::CursorGone]);
}

#[test]
fn j05_an_entry_that_moved_to_another_file_is_still_the_saved_one() {
    let text: String = (5..8).map(of_kernel).collect();
    let text = text.replace("s=aa;i=5;", "s=bb;i=99;");
    let fake = Fake::new("cat entries; exec sleep 1000", &[("entries", text)]);
    let mut run = Run::of(Source::Journal(None), Some(place(5)), &fake.options());
    run.until_number(7);
    run.stop();
    assert_eq!((run.seen.numbers.clone(), run.gap_kinds()), (vec![6, 7], vec![]));
}

#[test]
fn j06_a_child_that_dies_is_started_again_behind_what_it_gave() {
    // Each child gives the saved entry and one more.
    let script = r#"n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n > count
        cat "$n"; echo "Failed to iterate through journal: Bad message" >&2; exit 1"#;
    let files: Vec<(String, String)> = (1..4)
        .map(|n| (n.to_string(), if n == 1 { of_kernel(1) } else { of_kernel(n - 1) + &of_kernel(n) }))
        .collect();
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let fake = Fake::new(script, &files);
    let mut run = Run::of(Source::Journal(None), None, &fake.options());
    let begun = Instant::now();
    run.until_number(3);
    assert!(
        begun.elapsed() > Duration::from_secs(2),
        "a pause of one second, then of two: {:?}",
        begun.elapsed()
    );
    assert!(run.is_deaf_with("Bad message"), "{:?}", run.troubles);
    assert!(run.stop() < Duration::from_secs(1));
    run.assert_each_once(3);
    assert!(run.gaps.is_empty(), "{:?}", run.gaps);
}

#[test]
fn j06_a_child_that_is_stopped_or_prints_garbage_is_replaced() {
    let script = r"if mkdir first 2>/dev/null; then cat 1; kill -STOP $$; fi
        if mkdir second 2>/dev/null; then cat 2; printf 'no export at all\n\n\0\0\0'; exec sleep 1000; fi
        cat 3; exec sleep 1000";
    let files =
        [("1", of_kernel(1)), ("2", of_kernel(1) + &of_kernel(2)), ("3", of_kernel(2) + &of_kernel(3))];
    let fake = Fake::new(script, &files);
    let mut run = Run::of(Source::Journal(None), None, &fake.options());
    run.until_number(3);
    assert!(run.is_deaf_with("was stopped") && run.is_deaf_with("no journal export"), "{:?}", run.troubles);
    run.until("it is well again", |run| run.recovered >= 1);
    assert!(run.stop() < Duration::from_secs(1));
    run.assert_each_once(3);
}

#[test]
fn j06_without_journalctl_it_says_so_and_tries_again() {
    let options = Options { journalctl: PathBuf::from("/usr/bin/no-such-journalctl"), ..Options::default() };
    let mut run = Run::of(Source::Journal(None), None, &options);
    run.until("words about it", |run| run.is_deaf_with("cannot be run"));
    assert!(run.troubles[0].hint.is_some());
    assert!(run.stop() < Duration::from_secs(1));
    assert_eq!(run.position, None);
}

#[test]
fn j08_j09_lengths_that_lie_and_entries_that_are_cut_do_no_harm() {
    let mut bytes = of_kernel(1).into_bytes();
    bytes.extend_from_slice(
        b"__CURSOR=s=aa;i=2\n_TRANSPORT=kernel\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffx\n\n",
    );
    bytes.extend_from_slice(of_kernel(3).as_bytes());
    for cut in (0..=bytes.len()).step_by(7) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("export");
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let options = Options { once: true, ..Options::default() };
        let mut run = Run::of(Source::JournalExport(path), None, &options);
        run.until("its end", Run::ended_well);
        assert_eq!(
            run.seen.numbers.iter().filter(|n| **n == 1).count(),
            usize::from(cut >= of_kernel(1).len() - 1),
            "{cut}"
        );
        // Whatever stands behind broken framing is nobody's.
        assert!(run.seen.trusts.iter().all(|trust| *trust < Trust::Kernel));
    }
}

#[test]
fn j10_j11_what_others_wrote_says_nothing_whatever_they_call_themselves() {
    let forged = [
        entry(1, "_TRANSPORT=journal\nSYSLOG_IDENTIFIER=kernel\n"),
        entry(2, "_TRANSPORT=kernel\nSYSLOG_FACILITY=1\nSYSLOG_IDENTIFIER=kernel\n"),
        entry(3, "_TRANSPORT=kernel\n_TRANSPORT=stdout\nSYSLOG_IDENTIFIER=kernel\n"),
        entry(4, "_TRANSPORT=syslog\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n"),
        of_kernel(5),
    ];
    let fake = Fake::new("cat entries; exec sleep 1000", &[("entries", forged.concat())]);
    let mut run = Run::of(Source::Journal(None), None, &fake.options());
    run.until_number(5);
    run.stop();
    assert_eq!((run.seen.numbers, run.seen.records), (vec![5], 5));
}

#[test]
fn j09_an_export_cut_anywhere_gives_each_whole_entry_once() {
    let text: String = (1..12).map(of_kernel).collect();
    let text = text + &entry(12, "_TRANSPORT=kernel\nBLOB\n\u{8}\0\0\0\0\0\0\0a\nb\n\nc\nd\n");
    let ends: Vec<usize> = memchr::memmem::find_iter(text.as_bytes(), "MESSAGE=")
        .map(|at| at + memchr::memmem::find(&text.as_bytes()[at..], b"\n\n").unwrap() + 2)
        .collect();
    assert_eq!((ends.len(), *ends.last().unwrap()), (12, text.len()));
    for cut in 0..=text.len() {
        let mut seen = Seen::default();
        let mut parser = ExportParser::of_own_journal(0);
        let mut rest = &text.as_bytes()[..cut];
        while !rest.is_empty() {
            let (taken, _) = parser.push_entry(rest, &mut seen);
            assert!(taken > 0, "stands still at {cut}");
            rest = &rest[taken..];
        }
        let whole = ends.iter().filter(|end| **end <= cut).count() as u64;
        assert_eq!(seen.numbers, (1..=whole).collect::<Vec<_>>(), "cut at {cut}");
    }
}

#[test]
fn j11_what_a_user_forges_in_the_kernels_name_is_none_of_its_lines() {
    let forged = |transport: &str| {
        entry(2, &format!("_TRANSPORT={transport}\n_UID=1000\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n"))
    };
    for transport in ["syslog", "journal", "stdout"] {
        let text = of_kernel(1) + &forged(transport) + &of_kernel(3);
        let fake = Fake::new("cat entries; exec sleep 1000", &[("entries", text)]);
        let mut run = Run::of(Source::Journal(None), None, &fake.options());
        run.until_number(3);
        run.stop();
        assert_eq!(run.seen.numbers, [1, 3], "{transport}");
    }
}

#[test]
fn j12_what_journald_says_it_missed_is_a_loss() {
    let missed = format!(
        "__CURSOR={}\n__REALTIME_TIMESTAMP=1\n_BOOT_ID={BOOT}\n_TRANSPORT=driver\nSYSLOG_IDENTIFIER=systemd-journald\n\
         MESSAGE_ID=e9bf28e6e834481bb6f48f548ad13606\nMESSAGE=Missed 17 kernel messages\n\n",
        cursor(1)
    );
    let fake = Fake::new("cat entries; exec sleep 1000", &[("entries", missed + &of_kernel(2))]);
    let mut run = Run::of(Source::Journal(None), None, &fake.options());
    run.until_number(2);
    run.stop();
    assert_eq!(run.seen.losses, 1);
}

#[test]
fn begun_without_a_place_the_last_entry_is_the_place_and_is_not_read() {
    let fake = Fake::new(
        "echo \"$@\" > asked; cat old; sleep 0.3; cat new; exec sleep 1000",
        &[("old", of_kernel(1)), ("new", of_kernel(2))],
    );
    let options = Options { from_beginning: false, ..fake.options() };
    let mut run = Run::of(Source::Journal(None), None, &options);
    run.until("a place", |run| run.position.is_some());
    assert_eq!(run.position.as_ref().unwrap().place, place(1).place);
    run.until_number(2);
    run.stop();
    assert_eq!(run.seen.numbers, [2]);
    assert!(std::fs::read_to_string(fake.path("asked")).unwrap().contains("--lines=1"));
}

/// Prints the file `entries` with the present time in the place of 1 s, 2 s … after 1970.
const NOW: &str = "sed \"s/^__REALTIME_TIMESTAMP=.*/__REALTIME_TIMESTAMP=$(date +%s%6N)/\" entries";

#[test]
fn what_is_written_before_the_journal_is_found_is_told_when_it_is() {
    let script = format!(
        "echo \"$@\" >> asked; if mkdir first 2>/dev/null; then echo 'No journal files were found.' >&2; exit 1; fi
        {NOW}; exec sleep 1000"
    );
    let fake = Fake::new(&script, &[("entries", of_kernel(1) + &of_kernel(2))]);
    let options = Options { from_beginning: false, ..fake.options() };
    let mut run = Run::of(Source::Journal(None), None, &options);
    run.until_number(2);
    run.stop();
    run.assert_each_once(2);
    let asked = std::fs::read_to_string(fake.path("asked")).unwrap();
    assert!(asked.lines().nth(1).unwrap().contains("--since=@"), "{asked}");
}

#[test]
fn a_last_entry_that_is_new_already_is_not_taken_for_the_first_new_one() {
    let script = format!(
        "echo \"$@\" >> asked; sleep 0.1; if mkdir first 2>/dev/null; then
        {NOW} | tail -n {lines}; exec sleep 1000; fi; {NOW}; exec sleep 1000",
        lines = of_kernel(3).lines().count()
    );
    let fake = Fake::new(&script, &[("entries", (1..4).map(of_kernel).collect())]);
    let options = Options { from_beginning: false, ..fake.options() };
    let mut run = Run::of(Source::Journal(None), None, &options);
    run.until_number(3);
    run.stop();
    run.assert_each_once(3);
    assert!(run.troubles.is_empty(), "{:?}", run.troubles);
}

#[test]
fn what_a_journald_that_has_just_begun_takes_from_the_ring_is_not_new() {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let boot = boot.trim().replace('-', "");
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
    let printed = |number: u64, seconds: f64| {
        let at = format!("_SOURCE_MONOTONIC_TIMESTAMP={:.0}\n_TRANSPORT=kernel\n", seconds * 1e6);
        entry(number, &(at + "SYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n")).replace(BOOT, &boot)
    };
    // All are written now. The ring held the first; journald says that it lost some; the last is of the time to come.
    let driver = "_TRANSPORT=driver\nMESSAGE_ID=e9bf28e6e834481bb6f48f548ad13606\nN_MESSAGES=3\n";
    let lost =
        entry(2, driver).replace(&format!("MESSAGE={}", message(2)), "MESSAGE=Missed 3 kernel messages");
    let entries = printed(1, uptime * 0.5) + &lost + &printed(3, uptime * 0.9) + &printed(4, uptime + 60.0);
    let script = format!(
        "if mkdir first 2>/dev/null; then echo 'No journal files were found.' >&2; exit 1; fi
        {NOW}; exec sleep 1000"
    );
    let fake = Fake::new(&script, &[("entries", entries)]);
    let options = Options { from_beginning: false, ..fake.options() };
    let mut run = Run::of(Source::Journal(None), None, &options);
    run.until_number(4);
    run.stop();
    assert_eq!((run.seen.numbers.clone(), run.seen.losses), (vec![4], 1));
}

/// Journal files of our own, made by systemd-journal-remote from exports.
struct Real {
    directory: tempfile::TempDir,
}

const REMOTE: &str = "/lib/systemd/systemd-journal-remote";
const JOURNALCTL: &str = "/usr/bin/journalctl";

impl Real {
    fn new(test: &str) -> Option<Self> {
        let missing = [REMOTE, JOURNALCTL].into_iter().find(|path| !Path::new(path).exists());
        if let Some(path) = missing {
            skip(test, &format!("{path} is not installed"));
            return None;
        }
        Some(Self { directory: tempfile::tempdir().unwrap() })
    }

    /// Appends entries to a file.
    fn add(&self, name: &str, numbers: std::ops::Range<u64>) {
        let text: String = numbers.map(of_kernel).collect();
        let mut remote = Command::new(REMOTE)
            .arg("--output")
            .arg(self.directory.path().join(name))
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        remote.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(remote.wait().unwrap().success());
    }

    fn source(&self) -> Source {
        Source::Journal(Some(self.directory.path().to_owned()))
    }
}

#[test]
fn j01_real_journal_files_are_followed_through_rotation_restart_and_vacuum() {
    let Some(real) = Real::new("j01_real_journal_files_are_followed_through_rotation_restart_and_vacuum")
    else {
        return;
    };
    real.add("a.journal", 1..4);
    let options = Options { from_beginning: true, ..Options::default() };
    let mut run = Run::of(real.source(), None, &options);
    run.until_number(3);
    // Another file, as after a rotation, while it is followed.
    real.add("b.journal", 4..6);
    run.until_number(5);
    real.add("b.journal", 6..8);
    run.until_number(7);
    assert!(run.stop() < Duration::from_secs(1));
    run.assert_each_once(7);
    assert!(run.gaps.is_empty() && run.troubles.is_empty(), "{:?} {:?}", run.gaps, run.troubles);
    // While nobody follows.
    real.add("c.journal", 8..10);
    let mut again = Run::of(real.source(), run.position.clone(), &options);
    again.until_number(9);
    again.stop();
    assert_eq!((again.seen.numbers.clone(), again.gap_kinds()), (vec![8, 9], vec![]));
    // The saved entry and what follows it are removed.
    real.add("d.journal", 10..12);
    std::fs::remove_file(real.directory.path().join("c.journal")).unwrap();
    let mut later = Run::of(real.source(), again.position.clone(), &options);
    later.until_number(11);
    later.stop();
    assert_eq!((later.seen.numbers.clone(), later.gap_kinds()), (vec![10, 11], vec![GapKind::CursorGone]));
}

/// What is vacuumed away before it was read is lost without a word: numbers of entries are those of all records, of which
/// only the kernel's are asked for, so that nobody can tell from them what is missing.
#[test]
fn j02_a_journal_that_is_vacuumed_all_the_while_is_read_on_and_nothing_twice() {
    const NAME: &str = "j02_a_journal_that_is_vacuumed_all_the_while_is_read_on_and_nothing_twice";
    const EACH: u64 = 20;
    let Some(real) = Real::new(NAME) else { return };
    real.add("a.journal", 1..EACH);
    let options = Options { from_beginning: true, ..Options::default() };
    let mut run = Run::of(real.source(), None, &options);
    run.until_number(EACH - 1);
    let mut removed = 0;
    for round in 1..12 {
        // journald's name of a file that is archived; only such are vacuumed.
        let name =
            format!("system@{:032x}-{:016x}-{:016x}.journal", 0xaa, round * EACH, round * EACH * 1_000_000);
        real.add(&name, round * EACH..(round + 1) * EACH);
        let done = Command::new(JOURNALCTL)
            .arg("--directory")
            .arg(real.directory.path())
            .arg("--vacuum-files=1")
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        removed += String::from_utf8_lossy(&done.stderr).matches("Deleted archived journal").count();
        run.during(Duration::from_millis(50));
    }
    assert!(removed >= 8, "{removed} files were vacuumed");
    run.until_number(12 * EACH - 1);
    assert!(run.stop() < Duration::from_secs(1));
    let numbers = &run.seen.numbers;
    assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{numbers:?}");
}

#[test]
fn j07_a_damaged_journal_file_does_not_end_it() {
    let Some(real) = Real::new("j07_a_damaged_journal_file_does_not_end_it") else { return };
    real.add("a.journal", 1..50);
    let path = real.directory.path().join("a.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = memchr::memmem::find(&bytes, message(25).as_bytes()).unwrap_or(bytes.len() / 2);
    bytes[middle.saturating_sub(300)..middle].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let options = Options { from_beginning: true, ..Options::default() };
    let mut run = Run::of(real.source(), None, &options);
    run.during(Duration::from_millis(500));
    real.add("b.journal", 50..52);
    run.until_number(51);
    assert!(run.stop() < Duration::from_secs(1));
    let mut once = run.seen.numbers.clone();
    once.dedup();
    assert_eq!(once, run.seen.numbers);
}

#[test]
fn an_export_that_grows_is_followed_and_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("export");
    let add = |text: &str| {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    add(&of_kernel(1));
    let (half, rest) = (of_kernel(2)[..60].to_owned(), of_kernel(2)[60..].to_owned());
    add(&half);
    let options = Options { from_beginning: true, ..Options::default() };
    let source = Source::JournalExport(path.clone());
    let mut run = Run::of(source.clone(), None, &options);
    run.until_number(1);
    run.during(Duration::from_millis(100));
    // A restart in the middle of an entry.
    run.stop();
    let position = run.position.clone();
    add(&rest);
    let mut again = Run::of(source, position, &options);
    again.until_number(2);
    add(&of_kernel(3));
    again.until_number(3);
    again.stop();
    assert_eq!((run.seen.numbers.clone(), again.seen.numbers.clone()), (vec![1], vec![2, 3]));
    assert_eq!(run.seen.malformed, 0);
}
