//! A run: the signals of one host in one stream that stand close together, summed up in constant size.
//!
//! FOLDS.md §A defines it. Every field joins, so that a run is the same however its stream was cut.
//! The join itself lives in `detect::join`. Times inside a run are microseconds on **one** clock, the run's
//! (see [`RunKey::ticks`]): since boot where every line of the run has it, else the stamp as written.

use std::collections::BTreeMap;

use super::record::Trust;
use super::signal::{Capacity, Limiter, RelatedKind, Subject};
use super::time::{BootId, Moment, StampKind};

/// Visible lines of distinct subjects a run keeps apart; further ones are added to [`Run::other_subjects`].
pub const SUBJECTS_MAX: usize = 256;
/// Bins of the small timeline that a run carries.
pub const BINS_MAX: usize = 64;
/// Raw lines kept from either end of a run.
pub const LINES_KEPT: usize = 3;
/// Bytes of a raw line that are kept.
pub const LINE_BYTES_MAX: usize = 512;
/// Tokens in the limiter's bucket: `net.core.message_burst`.
pub const BURST: usize = 10;

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
}

/// Lines and expanded repetitions of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Visible {
    /// Lines that stand in the log.
    pub lines: u64,
    /// Lines that a repetition record stands for.
    pub repeated: u64,
}

/// Which callers of the limiter were seen in a stretch: an index into the arrays of [`Closed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Callers {
    /// Table-full lines were seen.
    pub full: bool,
    /// Other rate-limited lines were seen.
    pub other: bool,
}

/// One use of the limiter: a line that it let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Time on the run's clock.
    pub at: i64,
    /// What one unit of that time is worth, microseconds.
    pub precision_us: u32,
    /// It stands in a repetition record, whose time is that of its last copy.
    pub copy: bool,
}

/// The lines between two suppression lines (or before the first, or after the last).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stretch {
    /// Table-full lines, repetitions expanded.
    pub full: u64,
    /// Other rate-limited lines.
    pub other: u64,
    /// Who comes first: the caller that flushes the suppression line before the stretch.
    pub opened_by: Option<Flush>,
    /// The first ten of them (a repetition counts as often as it says), in byte order. Empty in untimed runs.
    pub first: Vec<Token>,
    /// The last ten of them.
    pub last: Vec<Token>,
}

/// Who used the token that flushed a suppression count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flush {
    /// A table-full line.
    Full,
    /// Another rate-limited line.
    Other,
    /// Not seen.
    Unseen,
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
}

/// What the stretch before a suppression line shows of the window that the line counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Who was seen in the stretch.
    pub callers: Callers,
    /// Fewer than ten tokens of the window are visible, so that somebody unseen used some.
    pub short: bool,
}

/// Sums over the suppression lines whose window and flush both lie inside the run: all but the first and the last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closed {
    /// Sum of counts, by callers seen in the stretch before (index `full + 2·other`) and by flush
    /// (index 0 full, 1 other, 2 unseen).
    pub counts: [[u64; 3]; 4],
    /// Suppression lines with a count above zero.
    pub windows: u64,
    /// Of them: those whose window is short.
    pub short_windows: u64,
}

/// Count and ends of one kind of evidence line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedSum {
    /// How many.
    pub count: u64,
    /// The first in byte order.
    pub first: Moment,
    /// The last in byte order.
    pub last: Moment,
    /// With capacity lines: what the last one said.
    pub capacity: Option<Capacity>,
    /// With SYN flood lines: the port of the last one.
    pub port: Option<u16>,
}

/// Visible and suppressed on an absolute grid of the run's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bins {
    /// Width is 2^exponent seconds.
    pub exponent: u8,
    /// Bin number (time divided by width, rounded down) → (visible, suppressed). At most [`BINS_MAX`] wide.
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

/// A run. See FOLDS.md §A for the meaning of each field under join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Boot separators seen in the stream before it.
    pub boot_index: u32,
    /// Rollovers of yearless stamps (December to January) seen in the stream before it.
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
    /// Who flushed the first suppression line, once another one stands behind it.
    pub first_flush: Option<Flush>,
    /// The last suppression line and its window, where there are at least two.
    pub last_suppression: Option<(Suppression, Window)>,
    /// All between the first and the last.
    pub closed: Closed,
    /// The last three counts above zero in byte order, without the first suppression line.
    pub recent: Vec<u64>,
    /// Suppression lines, the first included.
    pub suppression_lines: u64,
    /// More than ten limited lines stood within five seconds without a suppression line between:
    /// `message_burst` or `message_cost` was changed, or the limiter is off.
    pub dense: bool,
    /// Limiters named, as a set.
    pub limiters: std::collections::BTreeSet<Limiter>,
    /// Evidence lines.
    pub related: BTreeMap<RelatedKind, RelatedSum>,
    /// Timeline.
    pub bins: Bins,
    /// First lines of the run.
    pub first_lines: Vec<KeptLine>,
    /// Last lines of the run (those not among the first).
    pub last_lines: Vec<KeptLine>,
}
