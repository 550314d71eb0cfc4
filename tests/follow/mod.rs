//! What the tests of following have in common: lines with numbers, a sink that notes them, and sources on their threads.

mod faults;
mod journal;
mod kmsg;

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use conntriage::edge::follow::{Follow, Following, Heard, Options, follow};
use conntriage::model::blemish::BlemishKind;
use conntriage::model::fold::{Part, RecordSink};
use conntriage::model::live::gap::{Gap, GapKind, Trouble};
use conntriage::model::live::position::Position;
use conntriage::model::live::source::Source;
use conntriage::model::record::{Content, Record, Trust};
use conntriage::model::signal::{NamespaceWord, Signal};

/// A line of syslog with this number.
pub(crate) fn line(number: u64) -> String {
    format!("Jul 12 03:00:00 gw1 kernel: {}\n", message(number))
}

/// What the kernel says in it.
pub(crate) fn message(number: u64) -> String {
    format!("nf_conntrack: nf_conntrack: table full in netns {number}, dropping packet")
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Numbers of the lines, in the order in which they were read.
    pub(crate) numbers: Vec<u64>,
    pub(crate) records: u64,
    pub(crate) too_long: u64,
    pub(crate) malformed: u64,
    /// Loss records in the part.
    pub(crate) losses: u64,
    /// printk's clock of what is believed to be the kernel's.
    pub(crate) kernel_us: Vec<i64>,
    /// Trust of what says something.
    pub(crate) trusts: Vec<Trust>,
    /// Offsets of records.
    pub(crate) offsets: Vec<u64>,
}

impl Part for Seen {
    fn join(mut self, right: Self) -> Self {
        self.numbers.extend(right.numbers);
        self.kernel_us.extend(right.kernel_us);
        self.trusts.extend(right.trusts);
        self.offsets.extend(right.offsets);
        self.records += right.records;
        self.too_long += right.too_long;
        self.malformed += right.malformed;
        self.losses += right.losses;
        self
    }
}

impl RecordSink for Seen {
    type Part = Self;

    fn take(&mut self, record: &Record<'_>) {
        self.records += 1;
        self.offsets.push(record.moment.offset);
        if record.trust == Trust::Kernel {
            self.kernel_us.extend(record.moment.since_boot_us);
        }
        match &record.content {
            Content::Signal(Signal::Full(subject)) => {
                if let NamespaceWord::Inode(number) = subject.namespace {
                    self.numbers.push(number);
                    self.trusts.push(record.trust);
                }
            }
            Content::Signal(Signal::Lost { .. }) => self.losses += 1,
            Content::Malformed(BlemishKind::LineTooLong) => self.too_long += 1,
            Content::Malformed(_) => self.malformed += 1,
            _ => {}
        }
    }

    fn finish(self) -> Self {
        self
    }
}

/// One source on its thread, and all it told.
pub(crate) struct Run {
    following: Option<Following>,
    heard: Receiver<Heard<Seen>>,
    pub(crate) seen: Seen,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) recovered: usize,
    pub(crate) parts: usize,
    pub(crate) ended: bool,
    /// Why it could not go on.
    pub(crate) why: Option<String>,
    pub(crate) position: Option<Position>,
}

impl Run {
    pub(crate) fn of(source: Source, position: Option<Position>, options: &Options) -> Self {
        Self::through(64, source, position, options)
    }

    pub(crate) fn through(
        bound: usize,
        source: Source,
        position: Option<Position>,
        options: &Options,
    ) -> Self {
        let (to, heard) = sync_channel(bound);
        let sources = vec![Follow { source, position: position.clone() }];
        let following = follow::<Seen>(sources, options, &to).unwrap();
        Self {
            following: Some(following),
            heard,
            seen: Seen::default(),
            gaps: Vec::new(),
            troubles: Vec::new(),
            recovered: 0,
            parts: 0,
            ended: false,
            why: None,
            position,
        }
    }

    pub(crate) fn file(path: &Path, position: Option<Position>, options: &Options) -> Self {
        Self::of(Source::File(path.to_owned()), position, options)
    }

    /// Receives until it is so, ten seconds at most.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "{what}: not within ten seconds; numbers {:?} gaps {:?} troubles {:?} ended {:?}",
                self.seen.numbers,
                self.gaps,
                self.troubles,
                self.ended
            );
            self.receive(Duration::from_millis(20));
        }
    }

    /// Receives for so long.
    pub(crate) fn during(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.receive(Duration::from_millis(5));
        }
    }

    fn receive(&mut self, patience: Duration) {
        match self.heard.recv_timeout(patience) {
            Ok(heard) => self.absorb(heard),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => assert!(self.ended, "ended without a word"),
        }
    }

    fn absorb(&mut self, heard: Heard<Seen>) {
        match heard {
            Heard::Part(part) => {
                self.parts += 1;
                self.seen = std::mem::take(&mut self.seen).join(part.part);
                self.gaps.extend(part.gaps);
                self.position = Some(part.position);
            }
            Heard::Trouble { trouble, .. } => self.troubles.push(trouble),
            Heard::Recovered { .. } => self.recovered += 1,
            Heard::Ended { why, .. } => (self.ended, self.why) = (true, why),
        }
    }

    /// All lines up to this number.
    pub(crate) fn until_number(&mut self, number: u64) {
        self.until("lines", |run| run.seen.numbers.last() >= Some(&number));
    }

    pub(crate) fn is_deaf_with(&self, words: &str) -> bool {
        self.troubles.iter().any(|trouble| trouble.words.contains(words))
    }

    /// Stops it, takes what it says at its end, and says how long that took.
    pub(crate) fn stop(&mut self) -> Duration {
        let begun = Instant::now();
        let following = self.following.take().unwrap();
        following.stop();
        while !following.have_ended() {
            self.receive(Duration::from_millis(5));
            assert!(begun.elapsed() < Duration::from_secs(5), "it does not stop");
        }
        let took = begun.elapsed();
        while let Ok(heard) = self.heard.try_recv() {
            self.absorb(heard);
        }
        took
    }

    pub(crate) fn ended_well(&self) -> bool {
        self.ended && self.why.is_none()
    }

    pub(crate) fn looked(&self) -> Option<i64> {
        self.following.as_ref().unwrap().looked()[0]
    }

    pub(crate) fn assert_each_once(&self, last: u64) {
        assert_eq!(self.seen.numbers, (1..=last).collect::<Vec<_>>());
    }

    pub(crate) fn gap_kinds(&self) -> Vec<GapKind> {
        self.gaps.iter().map(|gap| gap.kind).collect()
    }
}
