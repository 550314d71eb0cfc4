//! A run: the signals of one host in one stream that stand close together, summed up in constant size.
//!
//! Every field joins, so that a run is the same however its stream was cut.
//! The join itself lives in `detect::join`. Times inside a run are microseconds on **one** clock, the run's
//! (see [`RunKey::ticks`]): since boot where every line of the run has it, else the stamp as written.

use std::collections::BTreeMap;

use super::record::Trust;
use super::signal::{Limiter, Subject};
use super::time::{BootId, Moment, StampKind};

/// Distinct subjects a run keeps apart: the first ones in the order of [`Subject`], so that the choice does not depend
/// on where a stream was cut. The others are added to [`Run::other_subjects`].
pub const SUBJECTS_MAX: usize = 256;
/// Bins of the small timeline that a run carries.
pub const BINS_MAX: usize = 64;
/// Raw lines kept from either end of a run.
pub const LINES_KEPT: usize = 3;
/// Bytes of a raw line that are kept.
pub const LINE_BYTES_MAX: usize = 512;
/// Tokens in the limiter's bucket: `net.core.message_burst`.
pub const BURST: usize = 10;
/// How long a window of the limiter is: `net.core.message_cost`.
pub const COST_US: i64 = 5 * super::time::SECOND_US;
/// What the kernel's tick and the way of a line into the log add to the length of a window: groups of lines of a hard
/// flood stand 5.00 to 5.06 s apart.
pub const SLACK_US: i64 = 100_000;
/// Tokens kept at either end of a stretch: two buckets, since any five seconds meet at most two windows.
pub const TOKENS_KEPT: usize = 2 * BURST;

/// Which clock the times of a run are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ticks {
    /// Microseconds since boot (printk clock).
    SinceBoot,
    /// Microseconds of the stamp.
    Stamp,
    /// The lines carry no time at all.
    Untimed,
}

/// What must be equal for two runs of a stream to be one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// The host word as written, lossily decoded; none where lines carry none.
    pub host: Option<Box<str>>,
    /// Trust of its lines.
    pub trust: Trust,
    /// Kind of its stamps.
    pub stamp: StampKind,
    /// Clock of its times.
    pub ticks: Ticks,
    /// The boot its lines name themselves.
    pub boot: Option<BootId>,
    /// Its lines carry the kernel's record numbers (/dev/kmsg), whose restarts part boots.
    pub numbered: bool,
}

/// Lines and expanded repetitions of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Visible {
    /// Lines that stand in the log.
    pub lines: u64,
    /// Lines that a repetition record stands for.
    pub repeated: u64,
    /// Least time of one of them, on the run's clock: a run holds lines of others, which may begin earlier.
    pub first: Option<i64>,
    /// Greatest time of one of them.
    pub last: Option<i64>,
}

/// Which callers of the limiter were seen in a stretch: an index into the arrays of [`Closed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Callers {
    /// Table-full lines were seen.
    pub full: bool,
    /// Other rate-limited lines were seen.
    pub other: bool,
}

impl Callers {
    /// All four, in the order of their indices.
    pub const ALL: [Self; 4] = [
        Self { full: false, other: false },
        Self { full: true, other: false },
        Self { full: false, other: true },
        Self { full: true, other: true },
    ];

    /// Index into the arrays of [`Closed`]: `full + 2·other`.
    pub fn index(self) -> usize {
        usize::from(self.full) + 2 * usize::from(self.other)
    }
}

/// One visible use of the limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// When, on the run's clock.
    pub at: i64,
    /// It comes from a repetition record, which carries the time of the last copy: `at` is the latest it can be.
    pub repeated: bool,
}

/// The first visible use of the limiter in a stretch: it may be the one that flushed the count in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// When, on the run's clock, if it has one.
    pub at: Option<i64>,
    /// By whom; never [`Flush::Unseen`].
    pub by: Flush,
}

/// The lines between two suppression lines (or before the first, or after the last).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stretch {
    /// Table-full lines, repetitions expanded.
    pub full: u64,
    /// Other rate-limited lines.
    pub other: u64,
    /// The very first of them.
    pub opening: Option<Opening>,
    /// The first [`TOKENS_KEPT`] of them in byte order (a repetition counts as often as it says). Empty in a run without
    /// clock.
    pub first: Vec<Token>,
    /// The last [`TOKENS_KEPT`] of them, likewise.
    pub last: Vec<Token>,
}

impl Stretch {
    /// Visible uses of the limiter.
    pub fn tokens(&self) -> u64 {
        self.full.saturating_add(self.other)
    }

    /// Who used it.
    pub fn callers(&self) -> Callers {
        Callers { full: self.full > 0, other: self.other > 0 }
    }

    /// Its last `tokens` visible uses lie within `span_us`: a window may have ended here with all of them used. Where
    /// the lines carry no time, only their number is known. At most [`TOKENS_KEPT`] can be asked for.
    pub fn ends_with(&self, tokens: usize, span_us: i64) -> bool {
        if self.tokens() < u64::try_from(tokens).unwrap_or(u64::MAX) {
            return false;
        }
        let first = self.last.len().checked_sub(tokens).and_then(|at| self.last.get(at));
        match (first, self.last.last()) {
            (Some(first), Some(last)) => last.at.saturating_sub(first.at) <= span_us,
            _ => true,
        }
    }
}

/// Who used the token that flushed a suppression count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flush {
    /// A table-full line.
    Full,
    /// Another rate-limited line.
    Other,
    /// Not seen (yet), or not at the same instant.
    Unseen,
}

impl Flush {
    /// Index into the arrays of [`Closed`].
    pub fn index(self) -> usize {
        match self {
            Self::Full => 0,
            Self::Other => 1,
            Self::Unseen => 2,
        }
    }
}

/// One suppression line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Where and when.
    pub moment: Moment,
    /// Its time on the run's clock, if it has one.
    pub at: Option<i64>,
    /// Calls refused, never negative (a negative number printed by an overflown `%d` counts as a loss, not here).
    pub count: u64,
    /// Printed by.
    pub limiter: Limiter,
    /// Printed in front of.
    pub flush: Flush,
}

/// Sums over the suppression lines that have a stretch of their own run before them, i.e. all but the first. The last
/// one counts as unseen until the line behind it is seen; then it moves (see [`Run::last_callers`]).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closed {
    /// Sum of counts, by callers seen in the stretch before ([`Callers::index`]) and by flush ([`Flush::index`]).
    pub counts: [[u64; 3]; 4],
    /// Suppression lines with a count above zero, same indices.
    pub windows: [[u64; 3]; 4],
    /// Of them: windows in which fewer than ten tokens are visible close together, so that somebody unseen used some.
    pub short_windows: u64,
    /// Of them: windows in which fewer than nine are. Up to 4.9 the time of a window runs from its second call, so the
    /// first token may stand long before the others.
    pub short_windows_but_first: u64,
}

impl Closed {
    /// Sum of all counts.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Visible and suppressed on an absolute grid of the run's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bins {
    /// Width is 2^exponent seconds, the least with which the run's least and greatest time stand fewer than
    /// [`BINS_MAX`] bins apart.
    pub exponent: u8,
    /// Bin number (time divided by width, rounded down) → (visible, suppressed).
    pub counts: BTreeMap<i64, (u64, u64)>,
}

/// A raw line kept for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLine {
    /// Offset in the stream.
    pub offset: u64,
    /// At most [`LINE_BYTES_MAX`] bytes.
    pub raw: Box<[u8]>,
}

/// A run. What each field means under join stands in `detect::join::run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Boot separators of its host (or of no host) seen in the stream before it.
    pub boot_index: u32,
    /// Rollovers of yearless stamps (December to January) seen in the stream up to its head; 0 with other stamps.
    pub rollover: u32,
    /// First signal in byte order.
    pub head: Moment,
    /// Last signal in byte order.
    pub tail: Moment,
    /// Least time on the run's clock.
    pub lo: Option<i64>,
    /// Greatest time on the run's clock.
    pub hi: Option<i64>,
    /// A line was earlier than the one before it.
    pub back: bool,
    /// Table-full lines by subject.
    pub visible: BTreeMap<Subject, Visible>,
    /// Those beyond [`SUBJECTS_MAX`] subjects.
    pub other_subjects: Visible,
    /// Other rate-limited lines.
    pub other: u64,
    /// Lines before the first suppression line (all lines where there is none).
    pub lead: Stretch,
    /// Lines after the last suppression line; none where there is no suppression line.
    pub trail: Option<Stretch>,
    /// The first suppression line.
    pub first_suppression: Option<Suppression>,
    /// The last suppression line; equal to the first where there is only one.
    pub last_suppression: Option<Suppression>,
    /// Callers seen in the stretch before the last suppression line, unless that is the first: where `closed` has it.
    pub last_callers: Option<Callers>,
    /// All but the first.
    pub closed: Closed,
    /// The last three counts above zero in byte order, without the first suppression line's.
    pub recent: Vec<u64>,
    /// Greatest count but the first.
    pub count_max: u64,
    /// Suppression lines, the first included.
    pub suppression_lines: u64,
    /// More than twenty limited lines stood within less than five seconds without a suppression line between. Any five
    /// seconds meet at most two windows, so `message_burst` or `message_cost` was changed, or the limiter is off.
    pub dense: bool,
    /// Limiters named, as a set.
    pub limiters: std::collections::BTreeSet<Limiter>,
    /// Timeline.
    pub bins: Bins,
    /// First lines of the run.
    pub first_lines: Vec<KeptLine>,
    /// Last lines of the run (those not among the first).
    pub last_lines: Vec<KeptLine>,
    /// Its lines, repetitions expanded.
    pub lines: u64,
    /// Bytes of the longest of them, as far as bytes are kept.
    pub longest: u16,
}

/// Bytes of a run with one line and what every map, list and set in it takes however little it holds.
const BARE_BYTES: usize = size_of::<Run>() + 1_280;
/// Bytes of one subject, its counts and the room that a tree leaves around them.
const SUBJECT_BYTES: usize = 2 * size_of::<(Subject, Visible)>();
/// Bytes of one bin, likewise.
const BIN_BYTES: usize = 2 * size_of::<(i64, (u64, u64))>();

impl Run {
    /// About how many bytes of memory it takes, never much less. It grows with every line and with nothing else, however
    /// many of its lines are kept, so that the runs of a part never take more than those of the whole: the bound on
    /// their sum then does not depend on where a stream was cut.
    pub fn bytes(&self) -> usize {
        let lines = |most: usize| usize::try_from(self.lines).map_or(most, |lines| lines.min(most));
        BARE_BYTES
            + self.visible.len() * SUBJECT_BYTES
            + lines(BINS_MAX) * BIN_BYTES
            + lines(TOKENS_KEPT) * 4 * size_of::<Token>()
            + lines(2 * LINES_KEPT) * (size_of::<KeptLine>() + usize::from(self.longest))
    }
}
