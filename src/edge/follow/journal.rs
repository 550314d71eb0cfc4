//! The journal, through a `journalctl` of our own: the kernel's records, and what journald says of those it lost.
//!
//! The saved entry is asked for together with all behind it. Only if it comes first is the place found: a cursor whose
//! entry was vacuumed away leads somewhere near it and nobody says so. A child that ends, stops or prints what is no
//! export is replaced, after a pause that grows from one to thirty seconds.
//!
//! Without a place the last entry is the place. A journal that is not there yet has none: whatever is written before one
//! is found is asked for by the time at which this follower began.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::bell::Bell;
use super::hand::{Hand, Out};
use super::{LAST_PATIENCE, LOOK_EVERY, Options, clocks};
use crate::model::fold::{Part, RecordSink};
use crate::model::live::gap::{GapKind, Severity};
use crate::model::live::position::{CURSOR_BYTES_MAX, Place, Position};
use crate::model::record::{Content, Record, Trust};
use crate::model::signal::Signal;
use crate::model::time::{BootId, Moment, SECOND_US};
use crate::parse::log::export::ExportParser;

/// What is asked for: the kernel's records, and journald's `Missed %u kernel messages` (SD_MESSAGE_JOURNAL_MISSED).
const MATCHES: [&str; 4] =
    ["_TRANSPORT=kernel", "+", "_TRANSPORT=driver", "MESSAGE_ID=e9bf28e6e834481bb6f48f548ad13606"];
/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// The last words of a child that are kept.
const LAST_WORDS_BYTES: usize = 1_024;
/// The pause before the next child.
const PAUSE_US: (i64, i64) = (1_000_000, 30_000_000);
/// The clock of printk (`local_clock`) is not steered by NTP: parts per million by which it differs, at most.
const DRIFT_PPM: i64 = 20;
/// A child that lives this long is well.
const WELL_US: i64 = 2_000_000;

/// Follows the journal of this machine, or the one in a directory.
pub(super) fn run<S: RecordSink + Default>(
    directory: Option<&Path>,
    position: Option<Position>,
    options: &Options,
    bell: &Arc<Bell>,
    mut hand: Hand<S>,
) {
    let mut journal = Journal::new(position, options.from_beginning || options.once);
    let mut running: Option<Running> = None;
    let (mut pause_us, mut next_us) = (PAUSE_US.0, i64::MIN);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut given_up = None;
    while !hand.is_done() {
        let now = clocks::now();
        bell.beat(now.uptime_us);
        if running.is_none() && now.uptime_us >= next_us {
            match Running::start(directory, &journal, options, now.uptime_us) {
                Ok(child) => {
                    journal.begins();
                    running = Some(child);
                }
                Err(error) => {
                    let words = format!(
                        "{} cannot be run: {}",
                        options.journalctl.display(),
                        crate::edge::read::open::words(&error)
                    );
                    let hint = "install systemd's journalctl, or follow kmsg or a file instead";
                    hand.trouble(now, Severity::Deaf, words, Some(hint));
                    (next_us, pause_us) = (now.uptime_us + pause_us, (2 * pause_us).min(PAUSE_US.1));
                    given_up = Some("journalctl cannot be run".to_owned());
                    if options.once {
                        break;
                    }
                }
            }
        }
        let Some(child) = &mut running else {
            let patience = until(next_us, now.uptime_us);
            let _ = bell.wait(hand.due_in(now).unwrap_or(patience).min(patience), None);
            hand.hand_over_if_due(clocks::now(), || journal.position());
            continue;
        };
        let ended = child.pump(&mut chunk, &mut journal, &mut hand);
        let now = clocks::now();
        if std::mem::take(&mut journal.turned) {
            hand.hand_over(now, journal.position());
        } else {
            hand.hand_over_if_due(now, || journal.position());
        }
        match ended {
            Pumped::More => {}
            Pumped::Again => {
                child.end();
                running = None;
            }
            Pumped::Nothing => {
                if journal.gave || now.uptime_us - child.begun_us >= WELL_US {
                    hand.well(now);
                    pause_us = PAUSE_US.0;
                }
                let patience = hand.due_in(now).unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
                if bell.wait(patience, Some(child.output.as_fd())).is_err() {
                    std::thread::sleep(patience);
                }
            }
            Pumped::Ended(why) => {
                let status = child.end();
                running = None;
                if options.once && why.is_none() && status.as_deref() == Some("") {
                    given_up = None;
                    break;
                }
                let said = status.filter(|words| !words.is_empty());
                let why = why.or(said).unwrap_or_else(|| "ended by itself".to_owned());
                let words = format!("journalctl {why}");
                given_up = Some(words.clone());
                hand.trouble(now, Severity::Deaf, words, Some("it is started again"));
                if options.once {
                    break;
                }
                (next_us, pause_us) = (now.uptime_us + pause_us, (2 * pause_us).min(PAUSE_US.1));
            }
        }
    }
    if let Some(mut child) = running {
        child.end();
    }
    let why = given_up.filter(|_| options.once);
    hand.end(journal.position().as_ref(), why, LAST_PATIENCE);
}

fn until(next_us: i64, now_us: i64) -> Duration {
    Duration::from_micros(u64::try_from(next_us.saturating_sub(now_us)).unwrap_or(0)).min(LOOK_EVERY)
}

/// What came of reading once.
enum Pumped {
    More,
    Nothing,
    /// It must be asked otherwise.
    Again,
    /// No more will come; why, where that is known before the child is asked.
    Ended(Option<String>),
}

/// What came of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    All,
    /// The last entry is of a time since this follower began: others may be in front of it.
    NotTheFirst,
    NoExport,
}

/// A child.
struct Running {
    child: Child,
    output: File,
    complaints: File,
    last_words: Vec<u8>,
    begun_us: i64,
}

impl Running {
    fn start(
        directory: Option<&Path>,
        journal: &Journal,
        options: &Options,
        now_us: i64,
    ) -> io::Result<Self> {
        let mut command = Command::new(&options.journalctl);
        command.env_clear().env("LC_ALL", "C").current_dir("/");
        command.args(["--quiet", "--no-pager", "--output=export"]);
        if let Some(directory) = directory {
            command.arg("--directory").arg(directory);
        }
        if !options.once {
            command.arg("--follow");
        }
        match (&journal.cursor, journal.from) {
            (Some(cursor), _) => {
                command.arg(format!("--cursor={cursor}"));
                command.args(options.once.then_some("--lines=all").or(Some("--no-tail")));
            }
            (None, Start::Beginning) => {
                command.args((!options.once).then_some("--no-tail"));
            }
            // Something may have been written since this follower began, and no child has told of it.
            (None, Start::Begun) => {
                command
                    .arg(format!("--since=@{}", journal.begun.wall_us.div_euclid(SECOND_US)))
                    .arg("--no-tail");
            }
            // The last entry is asked for, so that there is a place to begin at.
            (None, Start::End) => {
                command.arg("--lines=1");
            }
        }
        command.args(MATCHES);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let output = non_blocking(child.stdout.take().ok_or_else(missing)?.into())?;
        let complaints = non_blocking(child.stderr.take().ok_or_else(missing)?.into())?;
        Ok(Self { child, output, complaints, last_words: Vec::new(), begun_us: now_us })
    }

    fn pump<S: RecordSink + Default>(
        &mut self,
        chunk: &mut [u8],
        journal: &mut Journal,
        hand: &mut Hand<S>,
    ) -> Pumped {
        self.hear_complaints();
        match self.output.read(chunk) {
            Ok(0) => Pumped::Ended(None),
            Ok(count) => {
                let bytes = chunk.get(..count).unwrap_or_default();
                match journal.take(bytes, &mut hand.out(clocks::now())) {
                    Taken::All => Pumped::More,
                    Taken::NotTheFirst => Pumped::Again,
                    Taken::NoExport => Pumped::Ended(Some("printed what is no journal export".to_owned())),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.is_stopped() {
                    return Pumped::Ended(Some("was stopped by a signal and heard nothing".to_owned()));
                }
                Pumped::Nothing
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Pumped::More,
            Err(error) => Pumped::Ended(Some(format!("cannot be read: {error}"))),
        }
    }

    /// A full pipe would stop it.
    fn hear_complaints(&mut self) {
        let mut words = [0; 4_096];
        while let Ok(count) = self.complaints.read(&mut words)
            && count > 0
        {
            self.last_words.extend_from_slice(words.get(..count).unwrap_or_default());
            let surplus = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
            self.last_words.drain(..surplus);
        }
    }

    fn is_stopped(&self) -> bool {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return false };
        // It is not reaped, whatever it did.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), options).is_ok_and(|status| status.is_some_and(|status| status.stopped()))
    }

    /// Ends it. In words how it ended by itself; empty where it ended well.
    fn end(&mut self) -> Option<String> {
        self.hear_complaints();
        // It closed its output; give it a moment to say how it ended.
        let mut status = None;
        for _ in 0..20 {
            status = self.child.try_wait().ok().flatten();
            if status.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let Some(status) = status else {
            let _ = self.child.kill();
            let _ = self.child.wait();
            return None;
        };
        if status.success() {
            return Some(String::new());
        }
        self.hear_complaints();
        let words = String::from_utf8_lossy(&self.last_words);
        let last = words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        Some(format!("ended ({status}): {last}"))
    }
}

fn non_blocking(pipe: OwnedFd) -> io::Result<File> {
    let flags = fcntl_getfl(&pipe)?;
    fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?;
    Ok(File::from(pipe))
}

/// Where the reader of the journal is.
struct Journal {
    cursor: Option<Box<str>>,
    /// From where the next child is asked, where there is no cursor.
    from: Start,
    /// When this follower began: what is written from then on is told, however late a child speaks.
    begun: Begun,
    stream: u64,
    parser: ExportParser,
    expects: Expects,
    /// The child gave an entry.
    gave: bool,
    turned: bool,
}

/// A moment on the clocks that records have.
#[derive(Debug, Clone, Copy)]
struct Begun {
    wall_us: i64,
    boot: Option<BootId>,
    monotonic_us: i64,
}

impl Begun {
    fn now() -> Self {
        Self {
            wall_us: clocks::now().wall.0,
            boot: clocks::boot_id().ok(),
            monotonic_us: clocks::monotonic_us(),
        }
    }
}

impl Begun {
    /// The least that the clock of printk can have shown: it is not steered as the monotonic one is.
    fn printk_us(&self) -> i64 {
        self.monotonic_us - self.monotonic_us / 1_000_000 * DRIFT_PPM
    }
}

/// Whether a record is of a time since the follower began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Before,
    Since,
    /// It was written since then; when it was said is not known.
    Unknown,
}

/// From where a journal without a cursor is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Beginning,
    /// From the last entry on, which gives a cursor.
    End,
    /// From the moment on in which this follower began.
    Begun,
}

/// What the first entry of a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// That at the cursor; it was read before.
    Saved,
    /// The last one of all.
    Last,
    /// One of the second in which this follower began, or behind it.
    SinceBegun,
    /// Nothing in particular; but what is at or in front of the cursor is passed over.
    Behind,
    /// Anything.
    New,
}

impl Journal {
    fn new(position: Option<Position>, from_beginning: bool) -> Self {
        let stream = position.as_ref().map_or(0, |position| position.stream);
        let cursor = match position.map(|position| position.place) {
            Some(Place::Journal { cursor }) => Some(cursor),
            _ => None,
        };
        Self {
            cursor,
            from: if from_beginning { Start::Beginning } else { Start::End },
            begun: Begun::now(),
            stream,
            parser: ExportParser::default(),
            expects: Expects::New,
            gave: false,
            turned: false,
        }
    }

    fn position(&self) -> Option<Position> {
        let cursor = self.cursor.clone()?;
        Some(Position { stream: self.stream, place: Place::Journal { cursor } })
    }

    /// A new child begins to speak.
    fn begins(&mut self) {
        self.parser = ExportParser::of_own_journal(self.stream);
        self.gave = false;
        self.expects = match (&self.cursor, self.from) {
            (Some(_), _) => Expects::Saved,
            (None, Start::Beginning) => Expects::New,
            (None, Start::Begun) => Expects::SinceBegun,
            (None, Start::End) => Expects::Last,
        };
        // A child that ends without an entry, as in a journal that is not there yet, leaves a time that nobody told of.
        if self.from == Start::End {
            self.from = Start::Begun;
        }
    }

    fn take<S: RecordSink>(&mut self, bytes: &[u8], out: &mut Out<'_, S>) -> Taken {
        let mut rest = bytes;
        while !rest.is_empty() {
            let ended = if self.expects == Expects::New {
                let (taken, ended) = self.parser.push_entry(rest, out.sink);
                rest = rest.get(taken..).unwrap_or_default();
                ended
            } else {
                let mut held = Held::default();
                let (taken, ended) = self.parser.push_entry(rest, &mut held);
                rest = rest.get(taken..).unwrap_or_default();
                if ended && self.expects == Expects::Last && held.is_written_since(&self.begun) {
                    return Taken::NotTheFirst;
                }
                if ended && self.is_new(&held, out) {
                    held.give(out.sink);
                }
                ended
            };
            if self.parser.is_lost() {
                return Taken::NoExport;
            }
            if ended {
                self.pass();
            }
        }
        Taken::All
    }

    /// Goes on behind the entry that ended.
    fn pass(&mut self) {
        self.gave = true;
        self.stream = self.parser.offset();
        let cursor = self.parser.last_cursor().filter(|cursor| cursor.len() <= CURSOR_BYTES_MAX);
        let Some(cursor) = cursor.and_then(|cursor| std::str::from_utf8(cursor).ok()) else { return };
        if self.expects != Expects::Behind {
            self.cursor = Some(cursor.into());
        }
    }

    /// Whether the entry that ended is behind the place.
    fn is_new<S: RecordSink>(&mut self, held: &Held, out: &mut Out<'_, S>) -> bool {
        let first = self.parser.last_cursor().map(String::from_utf8_lossy).unwrap_or_default();
        match self.expects {
            Expects::New => true,
            Expects::Last => {
                self.expects = Expects::New;
                self.turned = true;
                false
            }
            Expects::SinceBegun => {
                let age = held.age(&self.begun);
                // What has no kernel's time says nothing of what comes behind it.
                if age == Age::Since {
                    self.expects = Expects::New;
                }
                self.turned = true;
                age != Age::Before
            }
            Expects::Saved => {
                let saved = self.cursor.clone().unwrap_or_default();
                if same_entry(&saved, &first) {
                    self.expects = Expects::New;
                    return false;
                }
                let words = "the saved place in the journal is gone (vacuumed, or another journal); records behind it \
                             may be lost"
                    .to_owned();
                out.gap(GapKind::CursorGone, None, words, self.stream);
                self.expects = Expects::Behind;
                self.is_new(held, out)
            }
            Expects::Behind => {
                let saved = self.cursor.clone().unwrap_or_default();
                // Of one journal's numbering the numbers decide; else everything is new.
                let new = match (numbered(&saved), numbered(&first)) {
                    (Some((id, then)), Some((same, now))) if id == same => now > then,
                    _ => true,
                };
                if new {
                    self.expects = Expects::New;
                }
                new
            }
        }
    }
}

/// The value of one part of a cursor, `s=…;i=…;b=…;m=…;t=…;x=…`.
fn part<'a>(cursor: &'a str, name: &str) -> Option<&'a str> {
    cursor.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

/// Two cursors mean one entry: its boot, both its times and the hash of its fields are the same. (Its number is another
/// one in another file, such as that into which /run is flushed.)
fn same_entry(a: &str, b: &str) -> bool {
    a == b
        || ["b", "m", "t", "x"].iter().all(|name| part(a, name).is_some() && part(a, name) == part(b, name))
}

/// Whose numbering, and the number.
fn numbered(cursor: &str) -> Option<(&str, u64)> {
    Some((part(cursor, "s")?, u64::from_str_radix(part(cursor, "i")?, 16).ok()?))
}

/// The one record of one entry, until it is known whether it is new.
#[derive(Debug, Default)]
struct Held(Option<HeldRecord>);

#[derive(Debug)]
struct HeldRecord {
    moment: Moment,
    host: Option<Vec<u8>>,
    boot: Option<BootId>,
    trust: Trust,
    content: Content,
    raw: Vec<u8>,
}

impl Held {
    /// By the time at which it was written.
    fn is_written_since(&self, begun: &Begun) -> bool {
        let at = self.0.as_ref().and_then(|record| record.moment.stamp);
        at.is_none_or(|stamp| stamp.us() >= begun.wall_us)
    }

    /// A journald that has just begun reads the whole ring and stamps all that stands in it with the moment in which it
    /// read it: the kernel's own clock tells what is older.
    fn age(&self, begun: &Begun) -> Age {
        let Some(record) = &self.0 else { return Age::Unknown };
        // What journald says of itself it says now, whatever it speaks of.
        let is_loss = matches!(record.content, Content::Signal(Signal::Lost { .. }));
        let own = !is_loss && record.boot.is_some() && record.boot == begun.boot;
        let printed = record.moment.since_boot_us.filter(|_| own);
        match printed {
            Some(at) if at < begun.printk_us() => Age::Before,
            Some(_) => Age::Since,
            None if self.is_written_since(begun) => Age::Unknown,
            None => Age::Before,
        }
    }

    fn give<S: RecordSink>(self, sink: &mut S) {
        if let Some(held) = self.0 {
            let HeldRecord { moment, host, boot, trust, content, raw } = held;
            sink.take(&Record { moment, host: host.as_deref(), boot, trust, content, raw: &raw });
        }
    }
}

impl Part for Held {
    fn join(self, right: Self) -> Self {
        if right.0.is_some() { right } else { self }
    }
}

impl RecordSink for Held {
    type Part = Self;

    fn take(&mut self, record: &Record<'_>) {
        self.0 = Some(HeldRecord {
            moment: record.moment,
            host: record.host.map(<[u8]>::to_vec),
            boot: record.boot,
            trust: record.trust,
            content: record.content.clone(),
            raw: record.raw.to_vec(),
        });
    }

    fn finish(self) -> Self {
        self
    }
}
