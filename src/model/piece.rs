//! A piece: what one range of one stream says, as written (FOLDS.md §A). Pieces of a stream join.

use std::collections::BTreeMap;

use super::blemish::{Blemish, BlemishKind};
use super::run::{Run, RunKey};
use super::signal::Signal;
use super::time::Moment;

/// Runs kept for one key. Above it the linking distance doubles until they fit.
pub const RUNS_PER_KEY_MAX: usize = 4_096;
/// Runs kept for one stream.
pub const RUNS_PER_STREAM_MAX: usize = 262_144;
/// Keys (host words times boots) kept for one stream; later ones are counted in [`Piece::keys_left_out`].
pub const KEYS_MAX: usize = 65_536;
/// Distance within which two runs of a stream are one: where LINK starts.
pub const LINK_US: i64 = 60 * super::time::SECOND_US;
/// A step back of at most this much is the same run (clock slew, several writers).
pub const BACK_US: i64 = 5 * super::time::SECOND_US;
/// A yearless stamp that falls back by more than this is a new year.
pub const ROLLOVER_US: i64 = 183 * super::time::DAY_US;
/// Losses kept one by one; more are only counted.
pub const LOSSES_MAX: usize = 4_096;
/// Repetitions of an unknown line kept at the head of a piece; more are losses.
pub const HEAD_REPETITIONS_MAX: usize = 16;

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
    /// A suppression count below zero was printed: more than 2^31 refusals.
    NegativeSuppression,
}

/// First and last moment of a stream's records, with or without signal: how far it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchors {
    /// First record with a time, in byte order.
    pub first: Moment,
    /// Last record with a time, in byte order.
    pub last: Moment,
}

/// The last record of the piece, kept so that a repetition line at the head of what follows finds its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRecord {
    /// Host word.
    pub host: Option<Box<str>>,
    /// What it said, if it was a signal.
    pub signal: Option<Signal>,
}

/// A `last message repeated` at the very head of the piece, which refers to what came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRepetition {
    /// The run key it would have, and its moment.
    pub key: RunKey,
    /// Where and when.
    pub moment: Moment,
    /// How many copies.
    pub times: u64,
}

/// One range of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Piece {
    /// Offset of the first record's first byte, and one past that of the last record's first byte. Both zero when empty.
    pub range: (u64, u64),
    /// Records seen.
    pub records: u64,
    /// First and last yearless, local, absolute moments: one pair for each kind of stamp seen, keyed by
    /// `StampKind as u8`, so that mixed files keep each clock's ends.
    pub anchors: BTreeMap<super::time::StampKind, Anchors>,
    /// December to January.
    pub rollovers: u32,
    /// Boot separators.
    pub boots: u32,
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
    /// Runs of all keys.
    pub run_count: u64,
    /// Signals of keys beyond [`KEYS_MAX`].
    pub keys_left_out: u64,
    /// LINK was doubled this many times for the runs of a key to fit.
    pub link_doublings: u8,
    /// Signals (table-full lines, repetitions expanded, and suppression lines).
    pub signals: u64,
    /// Repetitions of an unknown line at its head, with nothing before them: at most [`HEAD_REPETITIONS_MAX`].
    pub head_repetitions: Vec<HeadRepetition>,
    /// Its last record that is no repetition of an unknown line.
    pub last_record: Option<LastRecord>,
}
