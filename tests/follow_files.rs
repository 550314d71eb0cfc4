//! Following a file, against a model: random writes, rotations of all kinds, restarts and crashes, and each line once.
//!
//! Lines carry numbers. The model knows which of them a reader can still see: a line that was cut away or removed before
//! anybody read it may be missing, and no other. No line ever comes twice, and all but those that were written to a file
//! after it was rotated away come in order.

#![allow(clippy::disallowed_methods, reason = "a test that writes files")]

mod common;
#[path = "follow/mod.rs"]
mod follow;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conntriage::edge::follow::Out;
use conntriage::edge::follow::file::{Follower, Manner};
use conntriage::model::live::clock::Now;
use conntriage::model::live::gap::{Gap, GapKind};
use conntriage::model::live::position::{Place, Position};
use conntriage::model::time::WallTime;
use follow::{Seen, line};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

#[derive(Debug, Clone, Copy)]
enum Op {
    /// So many lines to the newest file (made if it is not there).
    Write(u8),
    /// The first half of a line, or its second half.
    Half,
    /// Rename and make anew.
    RotateCreate,
    /// Rename only.
    RotateRename,
    /// The newest rotated file is packed, at once.
    Compress,
    /// Copy and cut; the writer appends.
    CopyTruncate,
    /// Copy and cut; the writer goes on where it was.
    CopyTruncateHole,
    /// Cut to nothing.
    Truncate,
    /// Removed and made anew (the file system may give the same number).
    Recreate,
    /// Removed.
    Delete,
    /// A line to the file that was rotated last, by a writer that still holds it.
    Late,
    /// The follower looks.
    Look,
    /// What it read is kept, with the position.
    Commit,
    /// It is gone and begins again from what was kept.
    Crash,
    /// A minute and more goes by.
    Wait,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1_u8..5).prop_map(Op::Write),
        3 => Just(Op::Half),
        3 => Just(Op::RotateCreate),
        1 => Just(Op::RotateRename),
        2 => Just(Op::Compress),
        2 => Just(Op::CopyTruncate),
        1 => Just(Op::CopyTruncateHole),
        1 => Just(Op::Truncate),
        1 => Just(Op::Recreate),
        1 => Just(Op::Delete),
        2 => Just(Op::Late),
        6 => Just(Op::Look),
        4 => Just(Op::Commit),
        2 => Just(Op::Crash),
        1 => Just(Op::Wait),
    ]
}

struct World {
    directory: tempfile::TempDir,
    now_us: i64,
    next: u64,
    /// Numbers in the newest file.
    newest: Vec<u64>,
    /// A half line: its writer, its number, whether the file it is in is still the newest.
    half: Option<(File, u64)>,
    /// The file rotated last, while its writer may hold it.
    rotated: Option<File>,
    follower: Follower,
    taken: Vec<u64>,
    gaps: Vec<Gap>,
    /// Everything kept so far, and the position behind it.
    kept: Vec<u64>,
    position: Option<Position>,
    all_gaps: Vec<Gap>,
    late: BTreeSet<u64>,
    /// May be missing.
    lost: BTreeSet<u64>,
    /// The newest file begins with a hole. Should it be cut and left with another hole, nothing tells one from the other.
    begins_with_hole: bool,
    /// Begun from a place where there was no file, or not begun yet: nobody can tell generations made since from older
    /// ones.
    blind: bool,
    /// May be missing if the follower is gone before it kept them.
    lost_with_follower: BTreeSet<u64>,
}

const MANNER: Manner = Manner { from_beginning: true, linger: Duration::from_mins(1) };

impl World {
    fn new(base: &Path) -> Self {
        let directory = tempfile::tempdir_in(base).unwrap();
        let follower = Follower::new(&directory.path().join("messages"), None, MANNER);
        Self {
            directory,
            now_us: 0,
            next: 1,
            newest: Vec::new(),
            half: None,
            rotated: None,
            follower,
            taken: Vec::new(),
            gaps: Vec::new(),
            kept: Vec::new(),
            position: None,
            all_gaps: Vec::new(),
            late: BTreeSet::new(),
            lost: BTreeSet::new(),
            begins_with_hole: false,
            lost_with_follower: BTreeSet::new(),
            blind: true,
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("messages")
    }

    fn numbered(&self, number: usize, packed: bool) -> PathBuf {
        self.directory.path().join(format!("messages.{number}{}", if packed { ".gz" } else { "" }))
    }

    fn appending(&self) -> File {
        OpenOptions::new().append(true).create(true).open(self.path()).unwrap()
    }

    fn write(&mut self, count: u8) {
        self.finish_half();
        let mut file = self.appending();
        for _ in 0..count {
            file.write_all(line(self.next).as_bytes()).unwrap();
            self.newest.push(self.next);
            self.next += 1;
        }
    }

    fn half(&mut self) {
        if self.half.is_some() {
            return self.finish_half();
        }
        let mut file = self.appending();
        let text = line(self.next);
        file.write_all(&text.as_bytes()[..text.len() / 2]).unwrap();
        self.half = Some((file, self.next));
        self.newest.push(self.next);
        self.next += 1;
    }

    fn finish_half(&mut self) {
        if let Some((mut file, number)) = self.half.take() {
            let text = line(number);
            file.write_all(&text.as_bytes()[text.len() / 2..]).unwrap();
        }
    }

    /// A half line is in the newest file, whose end goes away: its rest comes too late.
    fn spoil_half(&mut self) {
        if let Some((_, number)) = self.half.take_if(|(_, number)| self.newest.contains(number)) {
            self.lost.insert(number);
        }
    }

    /// `messages.1` is free.
    fn shift(&self) {
        let last = (1..1_000)
            .find(|n| !self.numbered(*n, false).exists() && !self.numbered(*n, true).exists())
            .unwrap();
        for n in (1..last).rev() {
            for packed in [false, true] {
                if self.numbered(n, packed).exists() {
                    std::fs::rename(self.numbered(n, packed), self.numbered(n + 1, packed)).unwrap();
                }
            }
        }
    }

    fn rotate(&mut self, create: bool) {
        if !self.path().exists() {
            return;
        }
        self.lose_if_blind();
        self.shift();
        let held = self.appending();
        std::fs::rename(self.path(), self.numbered(1, false)).unwrap();
        if let Some((_, number)) = &self.half {
            self.late.insert(*number);
        }
        self.newest.clear();
        self.begins_with_hole = false;
        self.rotated = Some(held).filter(|_| !self.blind);
        if create {
            File::create(self.path()).unwrap();
        }
    }

    fn compress(&mut self) {
        let plain = self.numbered(1, false);
        if !plain.exists() {
            return;
        }
        self.finish_half();
        self.rotated = None;
        let bytes = std::fs::read(&plain).unwrap();
        if bytes.is_empty() {
            return;
        }
        let modified = std::fs::metadata(&plain).unwrap().modified().unwrap();
        let packed = File::create(self.numbered(1, true)).unwrap();
        let mut writer = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        writer.write_all(&bytes).unwrap();
        writer.finish().unwrap().set_modified(modified).unwrap();
        std::fs::remove_file(plain).unwrap();
    }

    fn copy_truncate(&mut self, hole: bool) {
        if !self.path().exists() {
            return;
        }
        if hole && self.begins_with_hole {
            self.lost.extend(self.unread());
        }
        self.begins_with_hole = hole;
        self.spoil_half();
        self.lose_if_blind();
        self.rotated = None;
        self.shift();
        std::fs::copy(self.path(), self.numbered(1, false)).unwrap();
        a_tick_passes();
        let file = OpenOptions::new().write(true).open(self.path()).unwrap();
        let size = file.metadata().unwrap().len();
        file.set_len(0).unwrap();
        self.newest.clear();
        if hole {
            file.set_len(size).unwrap();
        }
    }

    fn unread(&self) -> impl Iterator<Item = u64> + use<> {
        let read: BTreeSet<u64> = self.kept.iter().chain(&self.taken).copied().collect();
        self.newest.iter().copied().filter(|n| !read.contains(n)).collect::<Vec<_>>().into_iter()
    }

    fn unkept(&self) -> impl Iterator<Item = u64> + use<> {
        let kept: BTreeSet<u64> = self.kept.iter().copied().collect();
        self.newest.iter().copied().filter(|n| !kept.contains(n)).collect::<Vec<_>>().into_iter()
    }

    fn lose_if_blind(&mut self) {
        if self.blind {
            self.lost.extend(self.unkept());
        }
    }

    fn truncate(&mut self) {
        if !self.path().exists() {
            return;
        }
        self.spoil_half();
        self.lost.extend(self.unread());
        self.lost_with_follower.extend(self.unkept());
        OpenOptions::new().write(true).open(self.path()).unwrap().set_len(0).unwrap();
        self.newest.clear();
        self.begins_with_hole = false;
    }

    fn delete(&mut self) {
        if !self.path().exists() {
            return;
        }
        self.spoil_half();
        // The follower may not have it open.
        self.lost.extend(self.unread());
        self.lost_with_follower.extend(self.unkept());
        std::fs::remove_file(self.path()).unwrap();
        self.newest.clear();
        self.begins_with_hole = false;
        a_tick_passes();
    }

    fn late(&mut self) {
        if let Some(file) = &self.rotated {
            if matches!(&self.half, Some((half, _)) if same_file(half, file)) {
                self.finish_half();
            }
            let Some(file) = &mut self.rotated else { return };
            file.write_all(line(self.next).as_bytes()).unwrap();
            self.late.insert(self.next);
            self.next += 1;
        }
    }

    fn look(&mut self) {
        self.blind &= !self.path().exists();
        loop {
            self.now_us += 1_000;
            let now = Now { uptime_us: self.now_us, wall: WallTime(0) };
            let mut sink = Seen::default();
            let look = self.follower.look(now, &mut Out { sink: &mut sink, gaps: &mut self.gaps, now });
            self.taken.extend(sink.numbers);
            if let Some(failure) = look.trouble {
                assert!(
                    failure.words.contains("is not there") || failure.words.contains("is gone"),
                    "{failure:?}"
                );
            }
            if !look.more {
                return;
            }
        }
    }

    fn commit(&mut self) {
        self.kept.append(&mut self.taken);
        self.all_gaps.append(&mut self.gaps);
        self.position = self.follower.position();
    }

    fn crash(&mut self) {
        self.taken.clear();
        self.gaps.clear();
        let kept: BTreeSet<u64> = self.kept.iter().copied().collect();
        let lost = std::mem::take(&mut self.lost_with_follower);
        self.lost.extend(lost.into_iter().filter(|number| !kept.contains(number)));
        let places = self.position.as_ref().map(|position| &position.place);
        self.blind = match places {
            None => true,
            Some(Place::File(places)) => places.is_empty(),
            Some(_) => false,
        };
        if self.blind {
            // As far as anybody remembers there was no file: it begins with what the path names now.
            let unkept =
                (1..self.next).filter(|number| !kept.contains(number) && !self.newest.contains(number));
            self.lost.extend(unkept);
            self.rotated = None;
        }
        self.follower = Follower::new(&self.path(), self.position.clone(), MANNER);
    }

    fn wait(&mut self) {
        self.look();
        // No writer holds a file longer than that.
        if self.half.is_some() {
            self.finish_half();
            self.look();
        }
        self.rotated = None;
        self.now_us += 61_000_000;
        self.look();
    }

    fn run(&mut self, op: Op) {
        let other_generations =
            !matches!(op, Op::Write(_) | Op::Half | Op::Look | Op::Commit | Op::Crash | Op::Wait);
        if other_generations {
            a_tick_passes();
        }
        match op {
            Op::Write(count) => self.write(count),
            Op::Half => self.half(),
            Op::RotateCreate => self.rotate(true),
            Op::RotateRename => self.rotate(false),
            Op::Compress => self.compress(),
            Op::CopyTruncate => self.copy_truncate(false),
            Op::CopyTruncateHole => self.copy_truncate(true),
            Op::Truncate => self.truncate(),
            Op::Recreate => {
                self.delete();
                File::create(self.path()).unwrap();
            }
            Op::Delete => self.delete(),
            Op::Late => self.late(),
            Op::Look => self.look(),
            Op::Commit => {
                self.look();
                self.commit();
            }
            Op::Crash => self.crash(),
            Op::Wait => self.wait(),
        }
    }

    fn check(mut self) -> Result<(), TestCaseError> {
        self.finish_half();
        self.look();
        self.wait();
        self.commit();
        let mut seen = BTreeSet::new();
        for number in &self.kept {
            prop_assert!(seen.insert(*number), "line {number} came twice: {:?}", self.kept);
        }
        for number in 1..self.next {
            // What is lost where two things happen between two looks is told.
            let told =
                self.all_gaps.iter().any(|gap| matches!(gap.kind, GapKind::Truncated | GapKind::FileGone));
            let known = seen.contains(&number) || self.lost.contains(&number) || told;
            prop_assert!(
                known,
                "line {number} is missing: {:?} lost {:?} gaps {:?}",
                self.kept,
                self.lost,
                self.all_gaps
            );
        }
        let in_order: Vec<u64> = self.kept.iter().copied().filter(|n| !self.late.contains(n)).collect();
        prop_assert!(in_order.is_sorted(), "not in order: {:?} late {:?}", self.kept, self.late);
        Ok(())
    }
}

/// Times of files tell which is newer only from one tick of the clock to the next.
fn a_tick_passes() {
    std::thread::sleep(Duration::from_millis(11));
}

fn same_file(a: &File, b: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (a, b) = (a.metadata().unwrap(), b.metadata().unwrap());
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

fn run_all(ops: &[Op]) -> Result<(), TestCaseError> {
    let mut world = World::new(&std::env::temp_dir());
    // Begun before there is a file, so that everything is new.
    world.look();
    world.commit();
    for op in ops {
        world.run(*op);
    }
    world.check()
}

#[test]
fn corners_that_were_lost_or_came_twice_once() {
    use Op::*;
    let corners: &[&[Op]] = &[
        &[Half, RotateCreate, Wait, Commit, Write(1), Crash],
        &[Half, CopyTruncate, CopyTruncate, Half, RotateCreate, Look],
        &[Recreate, Look, Write(1), CopyTruncate, Delete],
        &[Half, Commit, Write(1), CopyTruncate, Crash, RotateCreate],
        &[Write(1), RotateCreate, Commit, Write(1), CopyTruncate, Write(1), RotateCreate, Crash],
        &[
            Write(3),
            Write(3),
            Commit,
            CopyTruncateHole,
            Write(1),
            CopyTruncateHole,
            Write(1),
            Crash,
            RotateCreate,
        ],
        &[Write(1), CopyTruncateHole, Write(1), Look, CopyTruncate, Write(1)],
        &[Half, Look, CopyTruncate, Write(1), CopyTruncate, Write(1), Compress, Write(1)],
        &[Half, CopyTruncate, Commit, Write(1), CopyTruncate, Compress, Crash],
        &[Write(1), Look, Recreate, RotateCreate, Write(1), Commit, Late, Compress, Crash],
        &[Write(1), CopyTruncateHole, Half, Look, Write(1), CopyTruncate],
        &[Write(1), Look, RotateCreate, Write(1), CopyTruncateHole, RotateCreate, Look, Late],
        &[Half, Look, Recreate, Write(2), Wait, Commit, RotateCreate, Crash],
    ];
    for ops in corners {
        run_all(ops).unwrap_or_else(|error| panic!("{ops:?}: {error}"));
    }
}

/// Cases run beside each other, since most of their time is spent waiting for ticks.
const THREADS: u8 = 16;

#[test]
fn each_line_comes_once_and_in_order_whatever_becomes_of_the_file() {
    // As many as `PROPTEST_CASES` says, where it says something.
    let cases = ProptestConfig { cases: 1_600, failure_persistence: None, ..ProptestConfig::default() };
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = ProptestConfig { cases: asked.unwrap_or(cases.cases).div_ceil(u32::from(THREADS)), ..cases };
    // The same runs every time, unless more are asked for.
    let run = |thread| {
        let ops = prop::collection::vec(op(), 1..40);
        let mut runner = match asked {
            None => TestRunner::new_with_rng(
                config.clone(),
                TestRng::from_seed(RngAlgorithm::ChaCha, &[thread; 32]),
            ),
            Some(_) => TestRunner::new(config.clone()),
        };
        runner.run(&ops, |ops| run_all(&ops))
    };
    let run = &run;
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let failed: Vec<String> =
        outcomes.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
