//! What may happen while watching. Each event comes with the moment it was handed over (see [`super::clock::Now`]).

use super::intent::{CaptureNo, CheckNo};
use super::sample::{Netns, Sample};
use crate::model::record::Trust;
use crate::model::signal::Subject;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A second went by. Whatever is due is due at the first event after its time; ticks see to it that there is one.
    Tick,
    /// A source told of a full table.
    Lines(Lines),
    /// One poll of one namespace.
    Sample(Sample),
    /// The answer to [`Intent::Verify`](super::intent::Intent::Verify).
    Checked(Checked),
    /// The end of what [`Intent::Capture`](super::intent::Intent::Capture) asked for.
    Captured(Captured),
}

/// Table-full lines of one subject from one source: one run of them, however many. A run that began long ago and still
/// goes on may be told of again and again, each time only with the lines since the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// How far the source may be believed. Only [`Trust::Kernel`] is believed without a look at the counters.
    pub trust: Trust,
    /// What they are about.
    pub subject: Subject,
    /// The kernel is 6.18 or later, which names each namespace but the initial one: a line without one means the initial
    /// one. Otherwise it may mean any.
    pub names_namespaces: bool,
    /// How many, repetitions expanded.
    pub lines: u64,
    /// When the first was printed, on the clock of [`Now::uptime_us`](super::clock::Now::uptime_us); none: not known,
    /// taken to be when it was handed over. Below zero for lines of earlier boots.
    pub first_us: Option<i64>,
    /// The same of the last.
    pub last_us: Option<i64>,
}

/// What a check of the counters found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Which check.
    pub check: CheckNo,
    /// Fresh samples of all namespaces that were asked for and could be read.
    pub samples: Vec<Sample>,
    /// Namespaces that are there and could not be read.
    pub unreadable: Vec<Netns>,
    /// Every namespace of the machine could be found. If not, there may be others than those above.
    pub all_found: bool,
}

/// How a capture ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// Something worth keeping is on disk, complete or labelled.
    Kept,
    /// Nothing came of it.
    Failed,
    /// The watcher ended in the middle of it. Told by the next one, at its start, of each capture that
    /// [`Memory`](super::life::Memory) holds as running.
    Interrupted,
    /// The namespace is not there, or is not the one that was meant.
    Gone,
}

/// The end of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured {
    /// Which.
    pub capture: CaptureNo,
    /// How it ended.
    pub ending: Ending,
}
