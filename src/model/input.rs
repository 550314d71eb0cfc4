//! What was given to us and what became of it, and the streams that came of it.

use super::bundle::BootTie;
use super::census::Census;
use super::counters::Counters;
use super::live::sample::Sample;
use super::piece::Piece;
use super::time::WallTime;

/// What an input turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputKind {
    /// A log.
    Log,
    /// A conntrack table.
    Table,
    /// Counters and settings.
    Counters,
    /// A bundle of ours.
    Bundle,
    /// Pieces that `scan` wrote.
    Signals,
    /// A stranger.
    Unrecognised,
}

/// One input of the report: a file, an archive member, a pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// First 12 hex digits of the stream id, or of the path's hash where nothing could be read.
    pub id: Box<str>,
    /// As given or found.
    pub path: Box<str>,
    /// Member of an archive.
    pub member: Option<Box<str>>,
    /// How it was unpacked, outermost first: `gz`.
    pub via: Vec<&'static str>,
    /// What it is.
    pub kind: InputKind,
    /// Its dialect: `syslog`, `journal-export`, `kmsg`, `proc-nf_conntrack` …; none for strangers.
    pub dialect: Option<&'static str>,
    /// Decoded bytes read.
    pub bytes: u64,
    /// Records, entries or keys found.
    pub records: u64,
    /// Signals found (logs only).
    pub signals: u64,
    /// Damaged records.
    pub malformed: u64,
    /// The first damage in words: where, what.
    pub first_malformed: Option<(super::blemish::BlemishKind, super::blemish::Blemish)>,
    /// First record's wall time, if known after `conclude`.
    pub first: Option<WallTime>,
    /// Last record's wall time.
    pub last: Option<WallTime>,
    /// Read to its end, undamaged.
    pub complete: bool,
    /// It was named on the command line (strangers met inside a directory are not partial results).
    pub named: bool,
    /// Why it is not complete, or what to know of it.
    pub note: Option<Box<str>>,
    /// Path of the input that it goes on from: both are read as one log (rotation).
    pub goes_on_from: Option<Box<str>>,
}

impl Input {
    /// Everything there is to know of it, in words.
    pub fn remarks(&self) -> Option<String> {
        let goes_on = self.goes_on_from.as_ref();
        let goes_on = goes_on.map(|path| format!("goes on where {path} ends; they are read as one log"));
        let remarks: Vec<String> = self.note.iter().map(ToString::to_string).chain(goes_on).collect();
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }
}

impl Input {
    /// Where it is: the path, and behind a `!` the member of the archive there. Not escaped.
    pub fn place(&self) -> String {
        place(&self.path, self.member.as_deref())
    }
}

/// A path, and behind a `!` the member of the archive there.
pub fn place(path: &str, member: Option<&str>) -> String {
    member.map_or_else(|| path.to_owned(), |member| format!("{path}!{member}"))
}

/// Names that a log's dialect may have.
pub const LOG_DIALECTS: [&str; 10] = [
    "lines",
    "syslog",
    "journal-export",
    "journal-file",
    "journal-json",
    "journal-verbose",
    "kmsg",
    "dmesg",
    "json-lines",
    "wrapped-lines",
];

/// What surrounds a stream and may help to understand it. Nothing here is believed over its content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hints {
    /// Path, for messages and for rotation order.
    pub path: Box<str>,
    /// When it was last written: the file's time, or the one in the gzip header.
    pub modified: Option<WallTime>,
    /// Name of the reader's time zone.
    pub reader_zone: Option<Box<str>>,
    /// The directory it stands in.
    pub directory: Option<Box<str>>,
    /// The bundle it stands in: what was saved together from one machine.
    pub bundle: Option<Box<str>>,
    /// The name that the bundle gives its machine.
    pub host: Option<Box<str>>,
    /// The tie between the machine's clocks that the bundle gives, for its last boot.
    pub tie: Option<BootTie>,
}

/// One log stream, read and summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// Stream id: 12 hex digits, equal to [`Input::id`].
    pub id: Box<str>,
    /// Hints.
    pub hints: Hints,
    /// Dialect, one of [`LOG_DIALECTS`].
    pub dialect: &'static str,
    /// What it says.
    pub piece: Piece,
}

/// Counters of one machine, once a second or so, as a watcher took them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleStream {
    /// Stream id.
    pub id: Box<str>,
    /// Hints.
    pub hints: Hints,
    /// Looks, as they stand.
    pub samples: Vec<Sample>,
}

/// Looks of one input that are kept: three days of one a second.
pub const SAMPLES_MAX: usize = 262_144;

/// One table, read and counted.
#[derive(Debug, Clone, PartialEq)]
pub struct TableStream {
    /// Stream id.
    pub id: Box<str>,
    /// Hints.
    pub hints: Hints,
    /// Dialect.
    pub dialect: &'static str,
    /// Both looks.
    pub census: Census,
}

/// Counters and settings found in one input.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterStream {
    /// Stream id.
    pub id: Box<str>,
    /// Hints.
    pub hints: Hints,
    /// Dialect.
    pub dialect: &'static str,
    /// What they say.
    pub counters: Counters,
}
