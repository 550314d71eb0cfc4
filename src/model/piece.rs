//! A piece: what one range of one stream says, as written. Pieces of a stream join.

use std::collections::BTreeMap;

use super::blemish::{Blemish, BlemishKind};
use super::packets::Packets;
use super::run::{Run, RunKey};
use super::signal::{About, Capacity, RelatedKind, Signal};
use super::time::Moment;

/// Runs kept for one key. Above it the linking distance doubles until they fit.
pub const RUNS_PER_KEY_MAX: usize = 4_096;
/// Runs kept for one stream.
pub const RUNS_PER_STREAM_MAX: usize = 262_144;
/// Bytes that the runs of one stream may take, as [`Run::bytes`] reckons them. Above it LINK doubles, too. A reader that
/// joins two parts and writes what comes of it holds several times as much for a moment.
pub const RUN_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Keys (host words times boots) kept for one stream: the first ones in the order of [`RunKey`], so that the choice does
/// not depend on where a stream was cut. Signals of the others are counted in [`Piece::keys_left_out`].
pub const KEYS_MAX: usize = 4_096;
/// With so many doublings of LINK (2,000 years) everything of a key is one run, whatever lies between.
pub const DOUBLINGS_MAX: u8 = 30;
/// Marks kept for one stream, and keys they may have. Above it the distance within which marks merge doubles.
pub const MARKS_MAX: usize = 4_096;
/// Things named by the lines of one mark that are kept apart.
pub const NAMED_MAX: usize = 4;
/// Repetitions behind one record that are understood without the parser's look-back; further ones are losses.
pub const HEAD_REPETITIONS_MAX: usize = 16;
/// Bytes of a host word that are looked at (RFC 5424: 255); as text at most three times as many.
pub const HOST_BYTES_MAX: usize = 255;
/// Bytes of a damaged record that are kept.
pub const BLEMISH_BYTES_MAX: usize = 200;
/// Distance within which two runs of a stream are one: where LINK starts.
pub const LINK_US: i64 = 60 * super::time::SECOND_US;
/// A step back of at most this much is the same run (clock slew, several writers). Doubles with LINK.
pub const BACK_US: i64 = 5 * super::time::SECOND_US;
/// A yearless stamp that falls back by more than this is a new year.
pub const ROLLOVER_US: i64 = 183 * super::time::DAY_US;
/// Losses kept one by one, the first ones in byte order; more are counted in [`Piece::losses_left_out`].
pub const LOSSES_MAX: usize = 4_096;

/// A loss of log lines that the log itself tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Where and when.
    pub moment: Moment,
    /// Host word of the line.
    pub host: Option<Box<str>>,
    /// Rollovers before it.
    pub rollover: u32,
    /// Boot separators before it.
    pub boot_index: u32,
    /// How many records, if said.
    pub count: Option<u64>,
    /// What kind of loss.
    pub kind: LossKind,
}

/// How lines were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossKind {
    /// Kernel records, counted by their numbers or by journald.
    KernelRecords,
    /// Lines of a log daemon.
    LogLines,
    /// A `last message repeated` whose message is not known.
    UnknownRepetition,
    /// A suppression count below zero was printed: more than 2^31 refusals. The count is that of a counter that wrapped
    /// once.
    NegativeSuppression,
}

/// First and last moment of a stream's records, with or without signal: how far it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchors {
    /// First record with a time, in byte order.
    pub first: Moment,
    /// The same, passing over repetition records, and the rollovers up to it: those records carry the time of the last
    /// copy and are written when another message comes, so that a file may begin with one that is older than the end of
    /// the file before it.
    pub first_told: Option<(Moment, u32)>,
    /// Last record with a time, in byte order.
    pub last: Moment,
    /// Where that is a repetition record: the last that is none, and the rollovers up to it.
    pub last_told: Option<(Moment, u32)>,
}

impl Anchors {
    /// When the file was begun, as far as its lines tell, and the rollovers up to there.
    pub fn begin(&self) -> (Moment, u32) {
        self.first_told.unwrap_or((self.first, 0))
    }

    /// When it ends, and the rollovers up to there, of `rollovers` in all.
    pub fn end(&self, rollovers: u32) -> (Moment, u32) {
        self.last_told.unwrap_or((self.last, rollovers))
    }
}

/// The numbers that the kernel gave to records (/dev/kmsg). A gap is a loss, a restart is another boot, within a piece
/// and where two are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// First numbered record.
    pub first: Moment,
    /// Boot separators for all hosts before it.
    pub boots_before: u32,
    /// Last numbered record.
    pub last: Moment,
}

/// The last record of the piece that is not an unresolved repetition, kept so that a repetition line at the head of what
/// follows finds its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRecord {
    /// Host word.
    pub host: Option<Box<str>>,
    /// What it said (or repeated), if it was a signal.
    pub signal: Option<Signal>,
}

/// A `last message repeated` before any other record of the piece: it refers to what came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRepetition {
    /// The run key it would have.
    pub key: RunKey,
    /// Where and when.
    pub moment: Moment,
    /// Rollovers up to it, within the piece.
    pub rollover: u32,
    /// Where it is numbered itself: restarts of the kernel's record numbers up to it, within the piece.
    pub restarts: u32,
    /// How many copies.
    pub times: u64,
    /// The line, at most [`super::run::LINE_BYTES_MAX`] bytes.
    pub raw: Box<[u8]>,
}

/// Which evidence lines may be one mark. It has a run's key so that a mark is placed in time as a run is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkKey {
    /// Key of a run that such a line would be in.
    pub key: RunKey,
    /// Of which kind.
    pub kind: RelatedKind,
}

/// Evidence lines of one kind that stand close together. They matter where there is no run, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// As [`Run::boot_index`]; `Linux version` lines count themselves.
    pub boot_index: u32,
    /// As [`Run::rollover`].
    pub rollover: u32,
    /// The first in byte order.
    pub first: Moment,
    /// The last in byte order.
    pub last: Moment,
    /// How many lines, repetitions expanded.
    pub count: u64,
    /// With capacity lines: what the last one said.
    pub capacity: Option<Capacity>,
    /// With SYN flood lines: the port of the last one.
    pub port: Option<u16>,
    /// What its lines name, with the number of lines that do: the first [`NAMED_MAX`] in their order, so that the choice
    /// does not depend on where a stream was cut.
    pub about: BTreeMap<About, u64>,
}

/// One range of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Piece {
    /// Where it stands in the stream: offset of its first record, and one past that of its last (or of its last byte,
    /// where the reader says so). Both zero when empty.
    pub range: (u64, u64),
    /// Records seen.
    pub records: u64,
    /// First and last yearless, local, absolute moments: one pair for each kind of stamp seen, keyed by
    /// `StampKind as u8`, so that mixed files keep each clock's ends.
    pub anchors: BTreeMap<super::time::StampKind, Anchors>,
    /// December to January.
    pub rollovers: u32,
    /// Boot separators: all of them.
    pub boots: u32,
    /// Of them: those that name no host and hold for all.
    pub boots_of_all: u32,
    /// Of them: those of one host each, by [`host_slot`], since in the log of many hosts the boot of one says nothing
    /// about the others.
    pub boots_by_host: BTreeMap<u16, u32>,
    /// Of them: restarts of the kernel's record numbers, which hold for numbered records.
    pub restarts: u32,
    /// The kernel's record numbers, where there are any.
    pub numbers: Option<Numbers>,
    /// Records whose time was earlier than that of the record before (same kind of stamp), by more than a second.
    pub clock_steps: u64,
    /// Damage by kind.
    pub malformed: BTreeMap<BlemishKind, Blemish>,
    /// Losses.
    pub losses: Vec<Loss>,
    /// Losses beyond [`LOSSES_MAX`].
    pub losses_left_out: u64,
    /// Runs by key, each list in byte order.
    pub runs: BTreeMap<RunKey, Vec<Run>>,
    /// Signals of keys beyond [`KEYS_MAX`].
    pub keys_left_out: u64,
    /// LINK was doubled this many times for the runs to fit.
    pub link_doublings: u8,
    /// Evidence lines by key, each list in byte order.
    pub marks: BTreeMap<MarkKey, Vec<Mark>>,
    /// Evidence lines of keys beyond [`MARKS_MAX`].
    pub marks_left_out: u64,
    /// LINK was doubled this many times for the marks to fit.
    pub mark_doublings: u8,
    /// Lines of the packet filter's log, summed up.
    pub packets: Packets,
    /// Signals (table-full lines, repetitions expanded, and suppression lines).
    pub signals: u64,
    /// Repetitions at its head whose meaning is not known yet, at most [`HEAD_REPETITIONS_MAX`].
    pub head_repetitions: Vec<HeadRepetition>,
    /// Its last record that is not such a repetition; none where all are (or there is none).
    pub last_record: Option<LastRecord>,
    /// `last message repeated` records of unknown meaning behind `last_record` (or since the beginning), understood by
    /// now or not.
    pub repetitions_behind: u64,
}

impl Piece {
    /// Boot separators that hold for a host, for its records that are numbered or for those that are not.
    pub fn boots_of(&self, host: Option<&str>, numbered: bool) -> u32 {
        let own = host.and_then(|host| self.boots_by_host.get(&host_slot(host)));
        let restarts = if numbered { self.restarts } else { 0 };
        self.boots_of_all.saturating_add(own.copied().unwrap_or(0)).saturating_add(restarts)
    }

    /// Boot separators that hold for the runs of a key.
    pub fn boots_of_key(&self, key: &RunKey) -> u32 {
        self.boots_of(key.host.as_deref(), key.numbered)
    }
}

/// Sixteen bits of a host word (FNV-1a, folded). Two hosts in one slot share their boot separators, which splits runs
/// that could be one and does nothing else; in return the bound needs no choice among hosts.
pub fn host_slot(host: &str) -> u16 {
    let hash = host.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    });
    let [a, b, c, d] = hash.to_be_bytes();
    u16::from_be_bytes([a ^ c, b ^ d])
}
