//! Following: sources that go on while they are read, one thread each.
//!
//! A source folds its records into a sink of its own and hands the part over with the position behind it, through one
//! bounded channel (`hand`). It never waits for the loop. Gaps go with the part they lie in, since whoever keeps the
//! position has to keep them in the same commit; that a source hears nothing, and that it hears again, are messages of
//! their own. When it last looked can be asked at any time ([`Following::looked`]): a source that hangs says nothing.
//!
//! [`mod@file`] follows a path through rotations, `kmsg` reads the kernel's ring, `journal` a `journalctl` of its own,
//! `stream` FIFOs, standard input and journal exports.

mod bell;
pub mod clocks;
mod cut;
pub mod file;
mod hand;
mod journal;
mod kmsg;
mod stream;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bell::Bell;
use hand::Hand;
pub use hand::Out;

use crate::model::fold::{Part, RecordSink};
use crate::model::live::clock::Now;
use crate::model::live::gap::{Gap, Trouble};
use crate::model::live::position::Position;
use crate::model::live::source::Source;

/// A source's place in the list that was handed to [`follow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub usize);

/// What a source tells the loop.
#[derive(Debug)]
pub enum Heard<P> {
    /// Records.
    Part(Box<HeardPart<P>>),
    /// It hears nothing, or not as it should. Told again only when the words change.
    Trouble {
        /// Who.
        source: SourceId,
        /// What.
        trouble: Trouble,
    },
    /// That is over.
    Recovered {
        /// Who.
        source: SourceId,
        /// What it was.
        trouble: Trouble,
        /// Since when it is over.
        at: Now,
    },
    /// The last message of a source: its input ended, it was stopped, or it cannot go on (`why`).
    Ended {
        /// Who.
        source: SourceId,
        /// Why it cannot go on; none where it ended as it should.
        why: Option<String>,
    },
}

/// Records of one source, summed up, and where it goes on behind them.
#[derive(Debug)]
pub struct HeardPart<P> {
    /// Who.
    pub source: SourceId,
    /// What its records say; it ends at a record's end.
    pub part: P,
    /// How many records, gaps counted as one each where they are in the part. 0: only the position moved.
    pub records: u64,
    /// Where to go on behind it.
    pub position: Position,
    /// Losses within it. All but those that record numbers tell of are [`crate::model::signal::Signal::Lost`] records
    /// of the part too.
    pub gaps: Vec<Gap>,
    /// When it was handed over (its last record was read at most a second before, or it waited for the channel).
    pub at: Now,
}

/// A source and where to go on in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// What to follow.
    pub source: Source,
    /// Where it was left; none where it was never followed.
    pub position: Option<Position>,
}

/// How to follow.
#[derive(Debug, Clone)]
pub struct Options {
    /// A source that was never followed is read from its beginning, and not from its end.
    pub from_beginning: bool,
    /// A source ends when there is no more to read.
    pub once: bool,
    /// How long a file that was rotated away is read on after it last grew, since its writer may still hold it.
    pub linger: Duration,
    /// `journalctl`, by its whole path.
    pub journalctl: PathBuf,
    /// The kernel's ring.
    pub kmsg: PathBuf,
    /// No `notify`, only looking once a second.
    pub only_polling: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            from_beginning: false,
            once: false,
            linger: Duration::from_mins(1),
            journalctl: PathBuf::from("/usr/bin/journalctl"),
            kmsg: PathBuf::from("/dev/kmsg"),
            only_polling: false,
        }
    }
}

/// How long a stopped source tries to hand over what it has.
const LAST_PATIENCE: Duration = Duration::from_millis(700);
/// How long a source waits before it looks again, whether or not anything woke it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sources being followed. They are stopped when it is dropped.
#[derive(Debug)]
pub struct Following {
    running: Vec<(Arc<Bell>, Option<JoinHandle<()>>)>,
}

/// Follows sources, each on a thread of its own, until they are stopped or (`once`) end.
pub fn follow<S>(
    sources: Vec<Follow>,
    options: &Options,
    to: &SyncSender<Heard<S::Part>>,
) -> io::Result<Following>
where
    S: RecordSink + Default + 'static,
    S::Part: Part + 'static,
{
    let mut following = Following { running: Vec::new() };
    for (at, source) in sources.into_iter().enumerate() {
        let bell = Arc::new(Bell::new()?);
        let (own_bell, own_options, to) = (Arc::clone(&bell), options.clone(), to.clone());
        let name = format!("follow-{}", kind(&source.source));
        let run = move || {
            let hand = Hand::<S>::new(SourceId(at), to, Arc::clone(&own_bell));
            run(source, &own_options, &own_bell, hand);
        };
        let thread = std::thread::Builder::new().name(name).spawn(run)?;
        following.running.push((bell, Some(thread)));
    }
    Ok(following)
}

fn kind(source: &Source) -> &'static str {
    match source {
        Source::Kmsg => "kmsg",
        Source::Journal(_) => "journal",
        Source::File(_) => "file",
        Source::JournalExport(_) => "export",
    }
}

fn run<S: RecordSink + Default>(follow: Follow, options: &Options, bell: &Arc<Bell>, hand: Hand<S>) {
    let Follow { source, position } = follow;
    match source {
        Source::Kmsg => kmsg::run(position, options, bell, hand),
        Source::Journal(directory) => journal::run(directory.as_deref(), position, options, bell, hand),
        Source::File(path) if stream::is_stream(&path) => {
            stream::run(&path, stream::Dialect::Lines, position, options, bell, hand);
        }
        Source::File(path) => file::run(&path, position, options, bell, hand),
        Source::JournalExport(path) => {
            stream::run(&path, stream::Dialect::Export, position, options, bell, hand);
        }
    }
}

impl Following {
    /// For each source, the uptime (microseconds of `CLOCK_BOOTTIME`) at which it last looked and nothing failed; none
    /// before its first look. A source that is well looks at least every [`LOOK_EVERY`].
    pub fn looked(&self) -> Vec<Option<i64>> {
        self.running.iter().map(|(bell, _)| bell.looked_us()).collect()
    }

    /// Tells all sources to end. Each sends its last part, if the channel takes it within 700 ms, and
    /// [`Heard::Ended`]: go on receiving.
    pub fn stop(&self) {
        self.running.iter().for_each(|(bell, _)| bell.stop());
    }

    /// All have ended.
    pub fn have_ended(&self) -> bool {
        self.running.iter().all(|(_, thread)| thread.as_ref().is_none_or(JoinHandle::is_finished))
    }

    /// Stops all and waits for their threads, so long at most; false where one hangs (it is left behind).
    pub fn stop_and_wait(mut self, patience: Duration) -> bool {
        self.stop();
        let begun = Instant::now();
        while !self.have_ended() {
            if begun.elapsed() > patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for (_, thread) in &mut self.running {
            // Whoever panicked has said so.
            let _ = thread.take().map(JoinHandle::join);
        }
        true
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop();
    }
}
