//! What a set of logs amounts to: hosts, incidents, what they cost, and everything that had to be assumed.

use super::counters::Counters;
use super::record::Trust;
use super::sentence::Sentence;
use super::signal::{Limiter, Table, Wording};
use super::time::{BootId, WallTime};

/// A host, as `conclude` made it out of host words, boots and machine ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    /// The name shown.
    pub name: Box<str>,
    /// Other words that mean it.
    pub also_written_as: Vec<Box<str>>,
    /// Its boots.
    pub boot_ids: Vec<BootId>,
}

/// Which namespace was full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Namespace {
    /// The initial one (a 6.18 kernel names none for it).
    Initial,
    /// A network namespace by inode.
    Netns(u64),
    /// A container id as written.
    Container(Box<str>),
    /// The kernel does not say (before 6.18).
    Unknown,
}

/// Where the times of an incident come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeBasis {
    /// Stamped with date, time and zone.
    Stamped,
    /// Date and time stamped; the zone is assumed.
    AssumedZone,
    /// Neither year nor zone stamped.
    InferredYear,
    /// Wall time through the tie of `[seconds]` to another log of the same boot.
    BootTied,
    /// Only relative to boot, or none.
    Relative,
}

/// Times of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// First line.
    pub start: Option<WallTime>,
    /// Last line (or suppression line that counts towards it).
    pub end: Option<WallTime>,
    /// The same on the printk clock, microseconds.
    pub since_boot_us: Option<(i64, i64)>,
    /// Where they come from.
    pub basis: TimeBasis,
    /// Unit of the stamps, microseconds.
    pub precision_us: u32,
    /// How far all of them may be off, microseconds; none: not known.
    pub uncertainty_us: Option<i64>,
}

/// What `high` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HighIs {
    /// A bound.
    Bound,
    /// The last, unreported window was extrapolated, or lines were lost, or the era miscounts.
    Estimate,
    /// There is none.
    Unknown,
}

/// How the cost was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// From the kernel's counters before and after.
    Counters,
    /// From the log alone.
    Log,
}

/// What makes the interval wide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Widening {
    /// The last window was full and nothing after it says what it hid.
    LastWindowUnreported,
    /// Somebody else used the limiter: tokens of theirs are visible.
    OthersVisible,
    /// Windows show fewer than ten tokens: somebody unseen used the limiter.
    UnseenUsers,
    /// The first count belongs to a window before our first line.
    WindowBefore,
    /// A count was printed in front of somebody else's message.
    FlushedByOther,
    /// A count came late, after the incident.
    LateFlush,
    /// Records were lost: so many, where known.
    LinesLost(Option<u64>),
    /// Eras B to D: contended calls are neither printed nor counted.
    Contended,
    /// Several namespaces were full at once and share the limiter.
    SharedByNamespaces,
    /// The clock stepped within it.
    ClockStep,
    /// Era of the limiter is not known.
    EraUnknown,
    /// The limiter's settings (`net.core.message_burst`, `message_cost`) are not the kernel's own: known from sysctl, or
    /// shown by more lines than they allow.
    LimiterChanged,
    /// `maximum limit` lines of 2.4.0 are not drops.
    NotDrops,
    /// Incidents closer than this many seconds are shown as one (the stream had too many runs).
    Coarse(u64),
}

/// Counters that a watcher sampled of an incident's table.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The last look before it, and the last one of it.
    pub sides: (Counters, Counters),
    /// The second one is so late that nothing more of it can have been refused. Else they are a lower end only, as of a
    /// namespace that was gone before the limiter's window was over.
    pub whole: bool,
}

/// What one stream says of the incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDrops {
    /// Stream id.
    pub input: Box<str>,
    /// Lines and repetitions.
    pub visible: u64,
    /// Sum of counts.
    pub suppressed: u64,
    /// It leads; the others are copies of it where they cover the same time.
    pub leads: bool,
}

/// The drop interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drops {
    /// Table-full lines, repetitions expanded.
    pub visible: u64,
    /// Of them, from repetition records.
    pub repeated: u64,
    /// Sum of the suppression counts charged to it (shared with others of the limiter).
    pub suppressed: u64,
    /// At least.
    pub low: u64,
    /// At most; none: no upper end.
    pub high: Option<u64>,
    /// What `high` is.
    pub high_is: HighIs,
    /// How found.
    pub method: Method,
    /// What makes it wide, in order.
    pub widened_by: Vec<Widening>,
    /// By stream, leader first.
    pub streams: Vec<StreamDrops>,
    /// With several namespaces full at once: the interval of all of them together.
    pub host_total: Option<(u64, Option<u64>)>,
}

/// One point of the timeline.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimelinePoint {
    /// Beginning of the step: wall time in microseconds, or since boot where no wall time is known.
    pub at_us: i64,
    /// Visible lines.
    pub visible: Option<u64>,
    /// Refusals reported in this step.
    pub suppressed: Option<u64>,
    /// Kernel's drop counter, increase within the step (live only).
    pub drops: Option<u64>,
    /// Early drops within the step (live only).
    pub early_drops: Option<u64>,
    /// Entries (live only).
    pub count: Option<u64>,
    /// Limit (live only).
    pub max: Option<u64>,
}

/// The timeline.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    /// Width of a step.
    pub step_seconds: u64,
    /// Points, ascending; steps with nothing in them are left out.
    pub points: Vec<TimelinePoint>,
}

/// A related line near the incident, as a fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Around {
    /// When.
    pub at: Option<WallTime>,
    /// What kind.
    pub kind: super::signal::RelatedKind,
    /// In words.
    pub fact: Sentence,
    /// Stream id.
    pub from: Box<str>,
    /// How many such lines.
    pub count: u64,
    /// SYN flood lines: the port.
    pub port: Option<u16>,
    /// Capacity lines: the limits.
    pub capacity: Option<super::signal::Capacity>,
    /// What its lines name (peers, limits, programs), with the number of lines that do.
    pub about: Vec<(super::signal::About, u64)>,
}

/// One incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// 12 hex digits of SHA-256 over (host, boot id or -, table, namespace, start second).
    pub id: Box<str>,
    /// Index into [`Conclusion::hosts`].
    pub host: usize,
    /// Boot.
    pub boot: Option<BootId>,
    /// Table.
    pub table: Table,
    /// Wordings seen, ascending: they tell the kernel's era.
    pub wordings: Vec<Wording>,
    /// Limiters seen.
    pub limiters: Vec<Limiter>,
    /// Namespace.
    pub namespace: Namespace,
    /// Trust of its most trusted stream.
    pub trust: Trust,
    /// Times.
    pub times: Times,
    /// Cost.
    pub drops: Drops,
    /// Counters of its table around it, as a watcher sampled them.
    pub sampled: Option<Sampled>,
    /// Timeline.
    pub timeline: Timeline,
    /// Related lines within the incident and ten minutes around it.
    pub around: Vec<Around>,
    /// First and last raw lines of the leading stream.
    pub lines: Vec<Box<[u8]>>,
    /// The log ends within the quiet time behind its last line: it may go on.
    pub ongoing: bool,
}

/// Something that had to be assumed.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumption {
    /// About what: `year`, `zone`, `host`, `boot`, `copies`, `timeout`, `local-address`, `namespace`, `era` …
    pub about: &'static str,
    /// In words.
    pub text: Sentence,
    /// Whence: an option (`--tz`), or the id of an input that is no log. A log is named in the text by its newest file,
    /// because rotating it changes the ids of its files and nothing else.
    pub from: Option<Box<str>>,
}

/// Something that is not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// What: the name of the report's field it leaves null, or a short word.
    pub what: Sentence,
    /// Why.
    pub why: Sentence,
    /// The command that would tell.
    pub command: Option<String>,
}

/// Something that stands in the log in the ten minutes before incidents more often than chance has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Forerunner {
    /// Index into [`Conclusion::hosts`].
    pub host: usize,
    /// Table of the incidents.
    pub table: Table,
    /// Their namespace.
    pub namespace: Namespace,
    /// Of what kind.
    pub kind: super::signal::RelatedKind,
    /// Its name, without what changes each time.
    pub name: Option<Box<str>>,
    /// Incidents before which it stands.
    pub before: u64,
    /// Incidents in all.
    pub incidents: u64,
    /// How often it stands there without an incident behind it.
    pub alone: u64,
    /// Chance of that by accident, at most, over all names followed.
    pub chance: f64,
}

/// What all logs together amount to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conclusion {
    /// Hosts, by name.
    pub hosts: Vec<Host>,
    /// Incidents, ordered by (host name, start, table, namespace).
    pub incidents: Vec<Incident>,
    /// Assumptions, in the order of the steps that made them, without repetition.
    pub assumptions: Vec<Assumption>,
    /// Gaps.
    pub gaps: Vec<Gap>,
    /// Wall time of first and last record of each stream: id → (first, last).
    pub coverage: Vec<(Box<str>, Option<WallTime>, Option<WallTime>)>,
    /// Streams that go on where another ends and are read as one log with it: id → path of the one before.
    pub goes_on_from: Vec<(Box<str>, Box<str>)>,
    /// What came before incidents, the least likely by chance first.
    pub forerunners: Vec<Forerunner>,
    /// Lines of other tables of the kernel that were full, of hosts without an incident: index of host, and all lines of
    /// one kind.
    pub other_tables: Vec<(usize, Around)>,
    /// When a machine took over from another one, or entries of another one were put into its table, whether there is an
    /// incident near or not: index of host, and each line. A table that was read soon afterwards holds what it tells of.
    pub taken_over: Vec<(usize, Around)>,
    /// Host of each stream that speaks of exactly one host: id → index of host.
    pub stream_hosts: Vec<(Box<str>, usize)>,
}
