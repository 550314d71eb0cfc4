//! The faults of files, each by its number in the test plan, on real threads and clocks.
//!
//! Not here, since one source is one path: F18 (globs), F28 (many files by a glob). F19 (two paths of one file) is the
//! conclusion's: it tells copies from their content. NFS (F22) is a directory that tells of nothing: polling alone. F23
//! (a queue that overflows): its length is one setting for the whole machine, so that the event is tested where it is
//! read (edge/follow/file/mod.rs), and that lines come without any event is F22.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conntriage::edge::follow::file::{Follower, Manner};
use conntriage::edge::follow::{Options, Out, clocks};
use conntriage::model::live::gap::{GapKind, Severity};
use conntriage::model::live::position::{Place, Position};
use conntriage::model::live::source::Source;

use super::{Run, Seen, line};
use crate::common::skip;

struct Log {
    directory: tempfile::TempDir,
    next: u64,
}

impl Log {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), next: 1 }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("messages")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn open(&self) -> File {
        OpenOptions::new().append(true).create(true).open(self.path()).unwrap()
    }

    fn write(&mut self, count: u64) {
        let mut file = self.open();
        self.write_to(&mut file, count);
    }

    fn write_to(&mut self, file: &mut File, count: u64) {
        for _ in 0..count {
            file.write_all(line(self.next).as_bytes()).unwrap();
            self.next += 1;
        }
    }

    fn last(&self) -> u64 {
        self.next - 1
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.at(from), self.at(to)).unwrap();
    }

    /// As gzip does: the time is kept, the plain file is removed.
    fn compress(&self, name: &str) {
        compress(&self.at(name));
    }

    /// Copy and cut.
    fn copy_truncate(&self, copy: &str) {
        std::fs::copy(self.path(), self.at(copy)).unwrap();
        OpenOptions::new().write(true).open(self.path()).unwrap().set_len(0).unwrap();
    }
}

fn compress(plain: &Path) {
    let modified = std::fs::metadata(plain).unwrap().modified().unwrap();
    let mut name = plain.as_os_str().to_owned();
    name.push(".gz");
    let mut writer = flate2::write::GzEncoder::new(File::create(name).unwrap(), flate2::Compression::fast());
    writer.write_all(&std::fs::read(plain).unwrap()).unwrap();
    writer.finish().unwrap().set_modified(modified).unwrap();
    std::fs::remove_file(plain).unwrap();
}

fn from_beginning() -> Options {
    Options { from_beginning: true, ..Options::default() }
}

fn impatient() -> Options {
    Options { linger: Duration::from_millis(300), ..from_beginning() }
}

/// Writes 20,000 lines a second for a while beside a rotation every 60 ms; the writer reopens some lines after the
/// rename, as a log daemon does on SIGHUP.
fn rotating(rotate: impl Fn(&Log, u64) + Sync) {
    let log = Log::new();
    let path = log.path();
    let mut run = Run::file(&path, None, &from_beginning());
    let (written, reopen, done) = (AtomicU64::new(0), AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let open = || OpenOptions::new().append(true).create(true).open(&path).unwrap();
            let mut file = open();
            while !done.load(Ordering::Acquire) {
                for _ in 0..20 {
                    let number = written.load(Ordering::Relaxed) + 1;
                    file.write_all(line(number).as_bytes()).unwrap();
                    written.store(number, Ordering::Release);
                }
                if reopen.swap(false, Ordering::AcqRel) {
                    file = open();
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        for round in 0..12 {
            run.during(Duration::from_millis(60));
            std::fs::rename(&path, log.at("messages.new")).unwrap();
            reopen.store(true, Ordering::Release);
            while reopen.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            rotate(&log, round);
        }
        done.store(true, Ordering::Release);
    });
    let last = written.load(Ordering::Acquire);
    run.until("all lines", |run| run.seen.numbers.len() as u64 >= last);
    run.stop();
    let mut numbers = run.seen.numbers.clone();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "each line once");
    assert!(run.gaps.is_empty(), "{:?}", run.gaps);
}

fn shift(log: &Log) {
    for n in (1..30).rev() {
        for end in ["", ".gz"] {
            let (from, to) =
                (log.at(&format!("messages.{n}{end}")), log.at(&format!("messages.{}{end}", n + 1)));
            if from.exists() {
                std::fs::rename(from, to).unwrap();
            }
        }
    }
}

#[test]
fn f01_rotation_by_create_loses_and_doubles_nothing() {
    rotating(|log, _| {
        shift(log);
        log.rename("messages.new", "messages.1");
    });
}

#[test]
fn f02_packing_at_once_with_numbers_used_again_loses_and_doubles_nothing() {
    rotating(|log, _| {
        shift(log);
        log.rename("messages.new", "messages.1");
        log.compress("messages.1");
    });
}

#[test]
fn f03_dates_in_names_and_packing_one_round_later_lose_and_double_nothing() {
    rotating(|log, round| {
        log.rename("messages.new", &format!("messages-202607{:02}", 10 + round));
        if round > 0 {
            log.compress(&format!("messages-202607{:02}", 9 + round));
        }
    });
}

#[test]
fn f04_copy_and_cut_doubles_nothing_and_is_told_as_a_gap() {
    let mut log = Log::new();
    log.write(3);
    let mut run = Run::file(&log.path(), None, &from_beginning());
    for round in 0..5 {
        run.until_number(log.last());
        // Read and not read.
        log.write(round);
        shift(&log);
        log.copy_truncate("messages.1");
        log.write(2 + round);
    }
    run.until_number(log.last());
    run.stop();
    run.assert_each_once(log.last());
    assert!(!run.gaps.is_empty() && run.gap_kinds().iter().all(|kind| *kind == GapKind::Truncated));
    assert_eq!(run.seen.losses, run.gaps.len() as u64);
}

#[test]
fn f05_a_hole_that_a_writer_left_is_passed_over() {
    let mut log = Log::new();
    // Longer than the longest line.
    log.write(2_000);
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(2_000);
    let file = OpenOptions::new().write(true).open(log.path()).unwrap();
    let end = file.metadata().unwrap().len();
    log.copy_truncate("messages.1");
    file.write_all_at(line(2_001).as_bytes(), end).unwrap();
    run.until_number(2_001);
    run.stop();
    run.assert_each_once(2_001);
    assert_eq!((run.seen.too_long, run.seen.malformed), (0, 0));
}

/// One look at a time.
struct Hand {
    follower: Follower,
    seen: Seen,
    gaps: Vec<conntriage::model::live::gap::Gap>,
}

impl Hand {
    fn on(path: &Path, position: Option<Position>) -> Self {
        let manner = Manner { from_beginning: true, linger: Duration::from_mins(1) };
        Self { follower: Follower::new(path, position, manner), seen: Seen::default(), gaps: Vec::new() }
    }

    fn look(&mut self) -> Option<String> {
        loop {
            let now = clocks::now();
            let mut out = Out { sink: &mut self.seen, gaps: &mut self.gaps, now };
            let look = self.follower.look(now, &mut out);
            if let Some(failure) = look.trouble {
                return Some(failure.words);
            }
            if !look.more {
                return None;
            }
        }
    }
}

#[test]
fn f06_a_file_cut_and_filled_beyond_the_old_place_between_two_looks_is_read_anew() {
    let mut log = Log::new();
    log.write(5);
    let mut hand = Hand::on(&log.path(), None);
    assert_eq!(hand.look(), None);
    OpenOptions::new().write(true).open(log.path()).unwrap().set_len(0).unwrap();
    log.write(50);
    assert_eq!(hand.look(), None);
    assert_eq!(hand.seen.numbers, (1..=55).collect::<Vec<_>>());
    assert_eq!(hand.gaps.len(), 1);
}

#[test]
fn f07_a_file_cut_and_filled_to_the_same_size_is_read_anew() {
    let mut log = Log::new();
    log.write(5);
    let size = std::fs::metadata(log.path()).unwrap().len();
    let mut hand = Hand::on(&log.path(), None);
    assert_eq!(hand.look(), None);
    // The first line is the old one, by chance.
    log.next = 1;
    std::fs::write(log.path(), "").unwrap();
    log.write(1);
    log.next = 6;
    log.write(4);
    assert_eq!(std::fs::metadata(log.path()).unwrap().len(), size);
    assert_eq!(hand.look(), None);
    assert_eq!(hand.seen.numbers, (1..=9).collect::<Vec<_>>());
}

#[test]
fn f08_generations_made_while_nobody_watched_are_read_as_far_as_they_are_there() {
    for (generations, gone) in [(1, 0), (3, 0), (10, 0), (3, 2), (10, 9)] {
        let mut log = Log::new();
        log.write(4);
        let mut hand = Hand::on(&log.path(), None);
        assert_eq!(hand.look(), None);
        let position = hand.follower.position();
        log.write(3);
        for round in 0..generations {
            shift(&log);
            log.rename("messages", "messages.1");
            if round % 2 == 0 {
                log.compress("messages.1");
            }
            log.write(3);
        }
        for oldest in (generations - gone + 1)..=generations {
            for end in ["", ".gz"] {
                let _ = std::fs::remove_file(log.at(&format!("messages.{oldest}{end}")));
            }
        }
        let mut hand = Hand::on(&log.path(), position);
        assert_eq!(hand.look(), None);
        // The first generation holds 5 to 7, each further one three lines.
        let first = if gone == 0 { 5 } else { 5 + 3 * gone };
        assert_eq!(hand.seen.numbers, (first..=log.last()).collect::<Vec<_>>(), "{generations} {gone}");
        let kinds: Vec<GapKind> = hand.gaps.iter().map(|gap| gap.kind).collect();
        assert_eq!(kinds, if gone == 0 { vec![] } else { vec![GapKind::FileGone] }, "{generations} {gone}");
    }
}

#[test]
fn f09_a_writer_that_holds_the_renamed_file_is_heard() {
    let mut log = Log::new();
    let mut held = log.open();
    log.write_to(&mut held, 2);
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(2);
    log.rename("messages", "messages.1");
    log.write(1);
    run.until_number(3);
    for _ in 0..3 {
        log.write_to(&mut held, 1);
        run.until_number(log.last());
    }
    run.stop();
    run.assert_each_once(log.last());
    // And after a restart.
    log.write_to(&mut held, 1);
    let mut again = Run::file(&log.path(), run.position.clone(), &from_beginning());
    again.until_number(log.last());
    again.stop();
    assert_eq!(again.seen.numbers, [log.last()]);
}

#[test]
fn f10_a_removed_file_is_read_as_long_as_it_grows() {
    let mut log = Log::new();
    let mut held = log.open();
    log.write_to(&mut held, 1);
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(1);
    std::fs::remove_file(log.path()).unwrap();
    for _ in 0..3 {
        log.write_to(&mut held, 1);
        run.until_number(log.last());
    }
    run.until("words about it", |run| run.is_deaf_with("is gone"));
    log.write(1);
    run.until_number(log.last());
    run.until("it is there again", |run| run.recovered == 1);
    run.stop();
    run.assert_each_once(log.last());
}

#[test]
fn f11_a_file_removed_and_made_anew_with_the_same_number_is_another_file() {
    let mut log = Log::new();
    let (mut reused, mut before) = (0, 0);
    let mut position = None;
    let mut all = Vec::new();
    for _ in 0..50 {
        log.write(3);
        let inode = std::fs::metadata(log.path()).unwrap().ino();
        reused += u64::from(inode == before);
        before = inode;
        let mut hand = Hand::on(&log.path(), position);
        assert_eq!(hand.look(), None);
        position = hand.follower.position();
        all.extend(hand.seen.numbers);
        drop(hand.follower);
        std::fs::remove_file(log.path()).unwrap();
    }
    assert_eq!(all, (1..=log.last()).collect::<Vec<_>>());
    if reused == 0 {
        skip("f11 (the number used again)", "this file system used no number again");
    }
}

#[test]
fn f12_a_line_without_end_waits_until_it_has_one() {
    let mut log = Log::new();
    let text = line(2);
    log.write(1);
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(1);
    for part in text.as_bytes().chunks(7) {
        log.open().write_all(part).unwrap();
        run.during(Duration::from_millis(15));
    }
    run.until_number(2);
    run.stop();
    run.assert_each_once(2);
    assert_eq!(run.seen.records, 2);
}

#[test]
fn f13_a_line_without_end_is_read_once_after_a_crash_in_its_middle() {
    let mut log = Log::new();
    log.write(1);
    let text = line(2);
    let (first, second) = text.split_at(40);
    log.open().write_all(first.as_bytes()).unwrap();
    let mut hand = Hand::on(&log.path(), None);
    assert_eq!(hand.look(), None);
    let position = hand.follower.position();
    log.open().write_all(second.as_bytes()).unwrap();
    let mut again = Hand::on(&log.path(), position);
    assert_eq!(again.look(), None);
    assert_eq!((hand.seen.numbers, again.seen.numbers), (vec![1], vec![2]));
    assert_eq!(again.seen.offsets, [line(1).len() as u64]);
}

#[test]
fn f14_a_line_whose_end_never_comes_is_given_out_when_its_writer_is_done() {
    let mut log = Log::new();
    log.write(1);
    log.open().write_all(line(2).trim_end().as_bytes()).unwrap();
    log.next = 3;
    let mut run = Run::file(&log.path(), None, &impatient());
    run.until_number(1);
    run.during(Duration::from_millis(500));
    assert_eq!(run.seen.numbers, [1], "it is the newest file's, whose writer may go on");
    log.rename("messages", "messages.1");
    log.write(1);
    run.until("all lines", |run| run.seen.numbers.len() == 3);
    run.during(Duration::from_millis(500));
    run.stop();
    assert_eq!(run.seen.numbers, [1, 3, 2]);
}

#[test]
fn f15_a_giant_line_counts_once_takes_no_memory_and_the_next_one_is_read() {
    let mut log = Log::new();
    log.write(1);
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(1);
    let before = resident_kib();
    let mut file = log.open();
    for _ in 0..64 {
        file.write_all(&vec![b'x'; 1024 * 1024]).unwrap();
    }
    run.during(Duration::from_millis(300));
    // Also over a restart in its middle.
    run.stop();
    let position = run.position.clone();
    let Some(Position { place: Place::File(places), .. }) = &position else { panic!("{position:?}") };
    assert!(places[0].inside_long_line && places[0].offset > 1024 * 1024);
    file.write_all(b"x\n").unwrap();
    log.write(1);
    let mut again = Run::file(&log.path(), position, &from_beginning());
    again.until_number(2);
    again.stop();
    assert_eq!((run.seen.too_long, again.seen.too_long), (1, 0));
    assert_eq!(again.seen.offsets.last(), Some(&((64 << 20) + 2 + line(1).len() as u64)));
    assert!(resident_kib() < before + 64 * 1024, "{before} {}", resident_kib());
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn f16_bytes_that_are_no_text_disturb_nothing() {
    let mut log = Log::new();
    let mut file = log.open();
    file.write_all(b"\xef\xbb\xbf\xff\xfe\x80 no text \x00\x00\x00\r\n\r\n\0\0\0\0").unwrap();
    log.write_to(&mut file, 1);
    file.write_all(line(2).replace('\n', "\r\n").as_bytes()).unwrap();
    file.write_all(b"\r\r\r\n\0\n\n\n").unwrap();
    log.next = 3;
    log.write_to(&mut file, 1);
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(3);
    run.stop();
    run.assert_each_once(3);
}

#[test]
fn f17_a_link_that_is_turned_to_another_file_is_followed_there_and_back() {
    let mut log = Log::new();
    let link = |target: &str| {
        let new = log.at("link.new");
        std::os::unix::fs::symlink(target, &new).unwrap();
        std::fs::rename(new, log.path()).unwrap();
    };
    let write = |name: &str, number: u64| {
        let mut file = OpenOptions::new().append(true).create(true).open(log.at(name)).unwrap();
        file.write_all(line(number).as_bytes()).unwrap();
    };
    write("a.log", 1);
    link("a.log");
    let mut run = Run::file(&log.path(), None, &impatient());
    run.until_number(1);
    write("a.log", 2);
    write("b.log", 3);
    link("b.log");
    run.until_number(3);
    write("b.log", 4);
    // Long enough for the first file to be let go.
    run.during(Duration::from_millis(500));
    write("a.log", 5);
    link("a.log");
    run.until_number(5);
    run.stop();
    // Found again although nothing beside the link tells of it.
    write("a.log", 6);
    write("b.log", 7);
    link("b.log");
    let mut again = Run::file(&log.path(), run.position.clone(), &impatient());
    again.until("the rest of the old file", |run| run.seen.numbers.first() == Some(&6));
    again.stop();
    log.next = 6;
    run.assert_each_once(5);
}

#[test]
fn f20_a_file_that_is_not_there_yet_is_read_from_its_beginning() {
    let mut log = Log::new();
    let mut run = Run::file(&log.path(), None, &Options::default());
    run.until("words about it", |run| run.is_deaf_with("is not there"));
    run.until("a position all the same", |run| run.position.is_some());
    log.write(3);
    run.until_number(3);
    run.until("it is there", |run| run.recovered == 1);
    run.stop();
    run.assert_each_once(3);
}

#[test]
fn f20_a_file_that_may_not_be_read_is_read_when_it_may() {
    const NAME: &str = "f20_a_file_that_may_not_be_read_is_read_when_it_may";
    if is_child() {
        let path = PathBuf::from(std::env::var_os("CONNTRIAGE_TEST_PATH").unwrap());
        let mut hand = Hand::on(&path, None);
        let words = hand.look().unwrap();
        assert!(words.contains("permission denied"), "{words}");
        std::fs::write(path.with_extension("seen"), "").unwrap();
        let begun = Instant::now();
        while hand.look().is_some() {
            assert!(begun.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(hand.seen.numbers, [1, 2]);
        return;
    }
    if !is_root() || !Path::new("/usr/bin/setpriv").exists() {
        return skip(NAME, "needs root and setpriv, to be another user");
    }
    let mut log = Log::new();
    log.write(2);
    let mode = |path: &Path, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(log.directory.path(), 0o777);
    mode(&log.path(), 0o000);
    let copy = log.at("test");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    mode(&copy, 0o755);
    let mut child = Command::new("/usr/bin/setpriv");
    child.args(["--reuid", "65534", "--clear-groups"]).arg(&copy);
    let mut child = as_child(&mut child, &format!("follow::faults::{NAME}"))
        .env("CONNTRIAGE_TEST_PATH", log.path())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !log.path().with_extension("seen").exists() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(10));
    }
    mode(&log.path(), 0o644);
    assert!(child.wait().unwrap().success());
}

/// This test binary runs itself once more for what belongs to a process.
fn is_child() -> bool {
    std::env::var_os("CONNTRIAGE_TEST_CHILD").is_some()
}

fn as_child<'a>(command: &'a mut Command, test: &str) -> &'a mut Command {
    command.args(["--exact", test, "--nocapture"]).env("CONNTRIAGE_TEST_CHILD", "1")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[test]
fn f21_a_path_that_becomes_something_else_is_told_and_does_not_hang() {
    let mut log = Log::new();
    log.write(1);
    let mut run = Run::file(&log.path(), None, &impatient());
    run.until_number(1);
    std::fs::remove_file(log.path()).unwrap();
    std::fs::create_dir(log.path()).unwrap();
    run.until("words about a directory", |run| run.is_deaf_with("is a directory"));
    std::fs::remove_dir(log.path()).unwrap();
    let made = Command::new("mkfifo").arg(log.path()).status().unwrap();
    assert!(made.success());
    run.until("words about a FIFO", |run| run.is_deaf_with("FIFO"));
    std::fs::remove_file(log.path()).unwrap();
    log.write(1);
    run.until_number(2);
    assert!(run.stop() < Duration::from_secs(1));
    run.assert_each_once(2);
}

#[test]
fn f22_without_any_notification_lines_come_within_two_seconds() {
    let mut log = Log::new();
    let mut run = Run::file(&log.path(), None, &Options { only_polling: true, ..from_beginning() });
    for _ in 0..2 {
        let begun = Instant::now();
        log.write(1);
        run.until_number(log.last());
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        log.rename("messages", &format!("messages.{}", 9 - log.next));
    }
    run.stop();
    run.assert_each_once(2);
}

/// Both limits are those of a user namespace of its own: nobody else is disturbed.
#[test]
fn f24_without_watches_or_instances_a_file_is_followed_by_looking_and_the_setting_is_named() {
    const NAME: &str =
        "f24_without_watches_or_instances_a_file_is_followed_by_looking_and_the_setting_is_named";
    if is_child() {
        let mut log = Log::new();
        log.write(1);
        let mut run = Run::file(&log.path(), None, &from_beginning());
        run.until_number(1);
        run.until("words about it", |run| !run.troubles.is_empty());
        for trouble in &run.troubles {
            assert_eq!(trouble.severity, Severity::Slower);
            let hint = trouble.hint.unwrap_or_default();
            assert!(hint.contains(&std::env::var("CONNTRIAGE_TEST_SETTING").unwrap()), "{trouble:?}");
        }
        log.write(1);
        log.rename("messages", "messages.1");
        log.write(1);
        run.until_number(3);
        run.stop();
        return run.assert_each_once(3);
    }
    for (limit, setting) in
        [("max_inotify_instances", "max_user_instances"), ("max_inotify_watches", "max_user_watches")]
    {
        let script = format!("echo 0 >/proc/sys/user/{limit} || exit 77; exec \"$0\" \"$@\"");
        let mut child = Command::new("unshare");
        child.args(["--user", "--map-root-user", "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
        let child =
            as_child(&mut child, &format!("follow::faults::{NAME}")).env("CONNTRIAGE_TEST_SETTING", setting);
        let Ok(output) = child.output() else { return skip(NAME, "unshare is not installed") };
        let words = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(77) || words.contains("unshare failed") {
            return skip(NAME, "no user namespace with limits of its own can be made here");
        }
        assert!(output.status.success(), "{words} {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn d14_a_clock_that_steps_between_generations_loses_and_doubles_nothing() {
    let day = Duration::from_hours(24);
    // Back and forth, by days and by years.
    for steps in [[day, Duration::ZERO, day * 2], [Duration::ZERO, day * 4_000, day], [day * 3, day * 2, day]]
    {
        let mut log = Log::new();
        let at = |path: &Path, step: Duration| {
            let time = std::time::SystemTime::UNIX_EPOCH + day * 20_000 + step;
            OpenOptions::new().append(true).open(path).unwrap().set_modified(time).unwrap();
        };
        log.write(2);
        at(&log.path(), steps[0]);
        let mut hand = Hand::on(&log.path(), None);
        assert_eq!(hand.look(), None);
        let position = hand.follower.position();
        for step in &steps[1..] {
            shift(&log);
            log.rename("messages", "messages.1");
            log.write(2);
            at(&log.path(), *step);
        }
        // One that goes on, and one that begins again.
        assert_eq!(hand.look(), None);
        let mut again = Hand::on(&log.path(), position);
        assert_eq!(again.look(), None);
        assert_eq!(hand.seen.numbers, [1, 2, 3, 4, 5, 6], "{steps:?}");
        assert_eq!(again.seen.numbers, [3, 4, 5, 6], "{steps:?}");
        assert!(hand.gaps.is_empty() && again.gaps.is_empty());
    }
}

/// In a mount namespace of its own.
#[test]
fn f27_a_file_system_that_is_taken_away_is_told_and_read_on_when_it_is_back() {
    const NAME: &str = "f27_a_file_system_that_is_taken_away_is_told_and_read_on_when_it_is_back";
    if is_child() {
        let mut log = Log::new();
        let directory = log.directory.path().to_owned();
        let mount = |options: &[&str]| {
            assert!(Command::new("mount").args(options).arg(&directory).status().unwrap().success());
        };
        mount(&["-t", "tmpfs", "tmpfs"]);
        log.write(2);
        let mut run = Run::file(&log.path(), None, &impatient());
        run.until_number(2);
        mount(&["-o", "remount,ro"]);
        mount(&["-o", "remount,rw"]);
        log.write(1);
        run.until_number(3);
        assert!(Command::new("umount").arg("-l").arg(&directory).status().unwrap().success());
        run.until("words about it", |run| run.is_deaf_with("is gone") || run.is_deaf_with("is not there"));
        mount(&["-t", "tmpfs", "tmpfs"]);
        log.write(1);
        run.until_number(4);
        run.until("it is there again", |run| run.recovered == 1);
        run.stop();
        run.assert_each_once(4);
        assert!(Command::new("umount").arg("-l").arg(&directory).status().unwrap().success());
        return;
    }
    if !is_root() {
        return skip(NAME, "needs root, to mount");
    }
    let mut child = Command::new("unshare");
    child.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    let Ok(output) = as_child(&mut child, &format!("follow::faults::{NAME}")).output() else {
        return skip(NAME, "unshare is not installed");
    };
    let words = String::from_utf8_lossy(&output.stderr);
    if words.contains("unshare failed") {
        return skip(NAME, "no mount namespace can be made here");
    }
    assert!(output.status.success(), "{words} {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn f25_too_many_open_files_are_told_and_nothing_is_lost() {
    const NAME: &str = "f25_too_many_open_files_are_told_and_nothing_is_lost";
    if !is_child() {
        let mut child = Command::new("sh");
        child.args(["-c", "ulimit -n 60; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        let status = as_child(&mut child, &format!("follow::faults::{NAME}")).status().unwrap();
        return assert!(status.success());
    }
    let mut log = Log::new();
    log.write(2);
    let mut hand = Hand::on(&log.path(), None);
    assert_eq!(hand.look(), None);
    log.write(1);
    log.rename("messages", "messages.1");
    log.write(1);
    let mut full = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        full.push(file);
    }
    let words = hand.look().unwrap();
    assert!(words.contains("too many open files"), "{words}");
    assert_eq!(hand.seen.numbers, [1, 2, 3], "what is open is read all the same");
    let position = hand.follower.position();
    drop(full);
    assert_eq!(hand.look(), None);
    assert_eq!(hand.seen.numbers, [1, 2, 3, 4]);
    let mut again = Hand::on(&log.path(), position);
    assert_eq!(again.look(), None);
    assert_eq!(again.seen.numbers, [4]);
}

#[test]
fn f26_a_read_that_fails_is_tried_again_at_the_same_place() {
    const NAME: &str = "f26_a_read_that_fails_is_tried_again_at_the_same_place";
    if is_child() {
        let path = PathBuf::from(std::env::var_os("CONNTRIAGE_TEST_PATH").unwrap());
        let mut hand = Hand::on(&path, None);
        let mut failures = 0;
        for _ in 0..12 {
            failures += u64::from(hand.look().is_some_and(|words| words.contains("input/output error")));
            OpenOptions::new()
                .append(true)
                .open(&path)
                .unwrap()
                .write_all(line(failures).as_bytes())
                .unwrap();
        }
        assert!(failures >= 2, "{failures}");
        assert_eq!(hand.look(), None);
        assert_eq!(hand.seen.numbers.len(), 12);
        return;
    }
    if !Path::new("/usr/bin/strace").exists() {
        return skip(NAME, "strace is not installed");
    }
    let log = Log::new();
    drop(log.open());
    let mut child = Command::new("/usr/bin/strace");
    child.args(["-f", "-o", "/dev/null", "-P"]).arg(log.path());
    child.args(["-e", "inject=pread64:error=EIO:when=3+4"]).arg(std::env::current_exe().unwrap());
    let output = as_child(&mut child, &format!("follow::faults::{NAME}"))
        .env("CONNTRIAGE_TEST_PATH", log.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    if words.contains("Operation not permitted") {
        return skip(NAME, "strace may not trace here");
    }
    assert!(output.status.success(), "{words} {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn f29_places_beyond_four_gigabytes_are_places() {
    let mut log = Log::new();
    log.write(1);
    let five = 5_u64 << 30;
    log.open().set_len(five).unwrap();
    let mut run = Run::file(&log.path(), None, &Options::default());
    run.until("a position", |run| run.position.is_some());
    log.write(1);
    run.until_number(2);
    run.stop();
    assert_eq!((&run.seen.numbers, &run.seen.offsets), (&vec![2], &vec![five]));
    log.write(1);
    let mut again = Run::file(&log.path(), run.position.clone(), &Options::default());
    again.until_number(3);
    again.stop();
    assert_eq!(again.seen.numbers, [3]);
}

#[test]
fn a_source_without_a_place_begins_with_what_is_new() {
    let mut log = Log::new();
    log.write(5);
    log.open().write_all(&line(6).as_bytes()[..30]).unwrap();
    let mut run = Run::file(&log.path(), None, &Options::default());
    run.until("a position", |run| run.position.is_some());
    log.open().write_all(&line(6).as_bytes()[30..]).unwrap();
    log.next = 7;
    log.write(1);
    run.until_number(7);
    run.stop();
    assert_eq!(run.seen.numbers, [6, 7]);
}

#[test]
fn generations_from_before_are_not_read_however_late_they_were_written_to() {
    let mut log = Log::new();
    // The file was rotated a moment ago, and its writer wrote on.
    let mut held = log.open();
    log.write_to(&mut held, 1);
    log.rename("messages", "messages.1");
    drop(log.open());
    std::thread::sleep(Duration::from_millis(10));
    log.write_to(&mut held, 1);
    let mut hand = Hand::on(&log.path(), None);
    assert_eq!(hand.look(), None);
    let mut again = Hand::on(&log.path(), hand.follower.position());
    log.write(1);
    assert_eq!(again.look(), None);
    assert_eq!(again.seen.numbers, [3]);
    // And where there was no file when it began.
    std::fs::remove_file(log.path()).unwrap();
    let mut hand = Hand::on(&log.path(), None);
    assert!(hand.look().is_some());
    log.write(1);
    assert_eq!(hand.look(), None);
    assert_eq!(hand.seen.numbers, [4]);
}

#[test]
fn a_source_read_once_ends_at_the_end() {
    let mut log = Log::new();
    log.write(3);
    log.open().write_all(line(4).trim_end().as_bytes()).unwrap();
    let mut run = Run::file(&log.path(), None, &Options { once: true, ..Options::default() });
    run.until("its end", Run::ended_well);
    run.assert_each_once(4);
    let nothing = Options { once: true, ..Options::default() };
    let mut run = Run::file(&log.at("nothing"), None, &nothing);
    run.until("its end", |run| run.ended);
    assert!(run.why.is_some_and(|why| why.contains("is not there")));
}

#[test]
fn a_source_never_waits_for_the_loop_and_hands_over_everything_later() {
    let mut log = Log::new();
    log.write(1);
    let mut run = Run::through(1, Source::File(log.path()), None, &from_beginning());
    // Nobody receives.
    for _ in 0..20 {
        log.write(500);
        std::thread::sleep(Duration::from_millis(15));
    }
    std::thread::sleep(Duration::from_millis(500));
    run.until_number(log.last());
    run.stop();
    run.assert_each_once(log.last());
    // Of 10,000 lines; on a busy machine the rest is still being read when somebody receives again.
    assert!(run.parts <= 100, "{} parts", run.parts);
}

#[test]
fn a_line_is_heard_within_fifty_milliseconds() {
    let mut log = Log::new();
    log.write(1);
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(1);
    let mut slow = 0;
    for _ in 0..20 {
        run.during(Duration::from_millis(20));
        let begun = Instant::now();
        log.write(1);
        run.until_number(log.last());
        slow += u64::from(begun.elapsed() > Duration::from_millis(50));
    }
    run.stop();
    // The machine may be busy now and then.
    assert!(slow <= 4, "{slow} of 20");
}

#[test]
fn idle_sources_look_every_second_and_hardly_wake() {
    const NAME: &str = "idle_sources_look_every_second_and_hardly_wake";
    if !is_child() {
        // Threads of other tests would be counted.
        let status =
            as_child(&mut Command::new(std::env::current_exe().unwrap()), &format!("follow::faults::{NAME}"))
                .status()
                .unwrap();
        return assert!(status.success());
    }
    let mut log = Log::new();
    log.write(1);
    let pipe = log.at("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut fifo = Run::file(&pipe, None, &from_beginning());
    // A writer came and went.
    OpenOptions::new().write(true).open(&pipe).unwrap().write_all(line(1).as_bytes()).unwrap();
    fifo.until_number(1);
    // Others write beside the file.
    let mut other = File::create(log.at("other")).unwrap();
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(1);
    run.during(Duration::from_millis(200));
    let (looked, begun) = (run.looked().unwrap(), sleeps());
    for _ in 0..250 {
        other.write_all(b"x").unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    let (looked_then, slept) = (run.looked().unwrap(), sleeps());
    assert!(looked_then > looked, "{looked} {looked_then}");
    assert_eq!(begun.len(), 2);
    for (thread, before) in begun {
        let woke = slept[&thread] - before;
        assert!(woke <= 6, "{woke} wake-ups in 2.5 s");
    }
}

/// How often each thread named `follow-file` went to sleep by itself.
fn sleeps() -> std::collections::BTreeMap<std::ffi::OsString, u64> {
    let mut found = std::collections::BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        if read("comm").trim() == "follow-file" {
            let status = read("status");
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            found.insert(task.file_name(), line.unwrap().trim().parse().unwrap());
        }
    }
    found
}

#[test]
fn a_fifo_is_read_through_writers_that_come_and_go() {
    let log = Log::new();
    assert!(Command::new("mkfifo").arg(log.path()).status().unwrap().success());
    let mut run = Run::file(&log.path(), None, &Options::default());
    for number in 1..=4 {
        let mut writer = OpenOptions::new().write(true).open(log.path()).unwrap();
        let text = line(number);
        // The last one leaves its line without an end.
        writer.write_all(if number == 4 { text.trim_end().as_bytes() } else { text.as_bytes() }).unwrap();
        drop(writer);
        run.until_number(number);
    }
    assert!(run.stop() < Duration::from_secs(1));
    run.assert_each_once(4);
    assert_eq!(run.troubles.iter().filter(|trouble| trouble.severity == Severity::Deaf).count(), 0);
}

#[test]
#[ignore = "measures, by hand: cargo test --release --test follow_files -- --ignored --nocapture"]
fn speed_of_a_backlog() {
    let log = Log::new();
    let mut file = std::io::BufWriter::new(log.open());
    let lines = 5_000_000_u64;
    for number in 1..=lines {
        // A tenth of them say something.
        if number % 10 == 0 {
            file.write_all(line(number).as_bytes()).unwrap();
        } else {
            writeln!(
                file,
                "Jul 12 03:00:00 gw1 sshd[{number}]: Accepted publickey for root from 10.0.0.1 port 4711"
            )
            .unwrap();
        }
    }
    file.flush().unwrap();
    let begun = Instant::now();
    let mut run = Run::file(&log.path(), None, &from_beginning());
    run.until_number(lines);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{:.2} M lines/s", 5.0 / seconds);
    run.stop();
}
