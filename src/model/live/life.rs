//! What must not be forgotten over a restart: one plain value, bounded in each of its parts.
//!
//! All moments are on the clock of the boot named in [`Memory::boot`]; with another boot the whole of it is moved
//! (see `steer::resume`). What is not in here, the samples of the last minutes, may be lost: it comes again within
//! seconds.

use super::clock::Now;
use super::intent::{
    Backlog, CaptureNo, CheckNo, ConfirmedBy, Depth, IncidentNo, SuppressedList, Trigger, Whom,
};
use super::policy::FOLLOW_UPS_MAX;
use super::sample::{Netns, Sample};
use crate::model::incident::Namespace;
use crate::model::record::Trust;
use crate::model::report::Role;
use crate::model::signal::{NamespaceWord, Table};
use crate::model::time::BootId;

/// Incidents remembered, those closed within the hour among them.
pub const LIVES_MAX: usize = 128;
/// Captures that are due or running: each incident's first look with a light one in its place, its follow-ups and the
/// last look, and the early looks.
pub const CAPTURES_MAX: usize = LIVES_MAX * (FOLLOW_UPS_MAX + 4) + TABLES_MAX;
/// Unverified lines that wait for an answer, by the namespace they name.
pub const SUSPICIONS_MAX: usize = 64;
/// Tables remembered as near full, or as dumped within the cooldown.
pub const TABLES_MAX: usize = 256;
/// Suppressed messages listed in the next one; more are counted.
pub const SUPPRESSED_MAX: usize = 64;
/// Stretches of a backlog told one by one; more are counted.
pub const STRETCHES_MAX: usize = 64;
/// Messages of one day, whatever the configuration says.
pub const NOTICES_A_DAY_MAX: usize = 1_000;
/// Messages of one day of one incident, whatever the configuration says.
pub const NOTICES_OF_ONE_MAX: usize = 48;

/// In which namespace a table is, so far as known. Inodes are recycled within minutes, so that the namespace's own age
/// belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The initial one.
    Initial,
    /// Another one.
    Netns {
        /// Its inode.
        inode: u64,
        /// Not there before this moment of the boot, as in [`Netns::born_us`].
        born_us: Option<i64>,
    },
    /// A container of OpenVZ, by its id.
    Container(Box<str>),
    /// The kernel did not say, and no count points at one.
    Unknown,
}

impl Place {
    /// Where a sampled namespace is.
    pub fn of(netns: Netns) -> Self {
        if netns.initial { Self::Initial } else { Self::Netns { inode: netns.inode, born_us: netns.born_us } }
    }

    /// The namespace as an incident of the report names it.
    pub fn namespace(&self) -> Namespace {
        match self {
            Self::Initial => Namespace::Initial,
            Self::Netns { inode, .. } => Namespace::Netns(*inode),
            Self::Container(id) => Namespace::Container(id.clone()),
            Self::Unknown => Namespace::Unknown,
        }
    }

    /// Nothing says that they are two: the same inode, and no two different ages.
    pub fn may_be(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Netns { inode: a, born_us: born_a }, Self::Netns { inode: b, born_us: born_b }) => {
                a == b && (born_a.is_none() || born_b.is_none() || born_a == born_b)
            }
            (a, b) => a == b,
        }
    }
}

/// Which table an incident is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The boot.
    pub boot: BootId,
    /// Entries or expectations.
    pub table: Table,
    /// The namespace.
    pub place: Place,
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// One sign of it was seen.
    Opened,
    /// It went on.
    Growing,
    /// Nothing was seen of it for a while. A further sign makes it grow again.
    Quiet,
    /// The quiet time is over and the last look at the table is being taken. A further sign makes it grow again.
    Ending,
    /// It is over. A further sign within the hour opens it again.
    Closed,
}

/// What the kernel's counters say it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Drops {
    /// Packets refused, at least: those that unresolved clashes can have cost are taken away.
    pub low: u64,
    /// Packets refused, at most: the whole rise of the counter.
    pub high: u64,
    /// A stretch was not seen: the watcher was not running, or the counters began anew. There may be more.
    pub gaps: bool,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its number.
    pub incident: IncidentNo,
    /// Which table.
    pub key: Key,
    /// When it began. With host and key this makes its public id, so that it never changes.
    pub start: Now,
    /// When it was opened or last opened again, uptime.
    pub opened_us: i64,
    /// Why.
    pub trigger: Trigger,
    /// How far its best source may be believed.
    pub trust: Trust,
    /// What agrees, ascending.
    pub confirmed_by: Vec<ConfirmedBy>,
    /// Where it stands.
    pub phase: Phase,
    /// When the last of it was seen.
    pub last_sign: Now,
    /// When the phase began, uptime.
    pub since_us: i64,
    /// Lines believed, each source's counted for itself: what it cost is reckoned elsewhere.
    pub lines: u64,
    /// By the counters.
    pub drops: Option<Drops>,
    /// The last sample that went into the drops.
    pub last_sample: Option<Sample>,
    /// Where to look. The same place as in the key, save that the key of an incident whose line named no namespace stays
    /// as it is when a count points at one later.
    pub look: Place,
    /// The early look that belongs to it.
    pub before: Option<CaptureNo>,
    /// Its messages.
    pub told: Told,
}

/// What was said of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// How many messages ever.
    pub count: u32,
    /// When, uptime, those of the last 24 hours, ascending; at most [`NOTICES_OF_ONE_MAX`].
    pub sent_us: Vec<i64>,
    /// The message about its evidence was sent or suppressed.
    pub evidence: bool,
    /// So many digests were sent, suppressed or missed since it was (last) opened.
    pub digests: u32,
    /// It was told to be over.
    pub closed: bool,
}

/// A capture that is due or running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// For which incident.
    pub incident: Option<IncidentNo>,
    /// Which table.
    pub key: Key,
    /// Seen from the incident.
    pub role: Role,
    /// When it is due, uptime.
    pub due_us: i64,
    /// As in [`CaptureOrder`](super::intent::CaptureOrder).
    pub not_younger_than_us: i64,
    /// A light one was taken in its place until this one can be.
    pub light_taken: bool,
    /// It is the second attempt.
    pub again: bool,
    /// It was ordered.
    pub running: Option<Running>,
}

/// A capture that was ordered and of which nothing was heard yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Its number.
    pub capture: CaptureNo,
    /// How closely it looks.
    pub depth: Depth,
    /// When it was ordered, uptime.
    pub since_us: i64,
}

/// Lines that wait for the counters: whether to be believed, or, with the kernel's own, where the table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// In which boot they came in.
    pub boot: BootId,
    /// The namespace they name.
    pub namespace: NamespaceWord,
    /// The namespaces they may mean.
    pub whom: Whom,
    /// How far the best source may be believed.
    pub trust: Trust,
    /// How many lines.
    pub lines: u64,
    /// When the first and the last were printed, uptime.
    pub printed_us: (i64, i64),
    /// When the first came in.
    pub first: Now,
    /// When the last came in.
    pub last: Now,
    /// The check that was asked for and when, uptime.
    pub asked: Option<(CheckNo, i64)>,
    /// How many checks were asked for.
    pub asks: u32,
    /// When to ask (again), uptime.
    pub next_us: i64,
}

/// Lines not believed, of which the telling waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disbelief {
    /// What will be told.
    pub told: super::intent::Unconfirmed,
    /// When, uptime.
    pub due_us: i64,
}

/// What is remembered of one table beside its incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableState {
    /// Which.
    pub key: Key,
    /// It is near full, and the early look was ordered (or spared) then, uptime.
    pub near_since_us: Option<i64>,
    /// That look.
    pub before: Option<CaptureNo>,
    /// When it was last dumped as it filled up, uptime.
    pub before_us: Option<i64>,
    /// When it was last dumped as it was full, uptime; follow-ups do not count.
    pub at_us: Option<i64>,
    /// When an incident of it was counted as not opened, uptime.
    pub unopened_us: Option<i64>,
}

/// What came in of former times and was not told yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Late {
    /// So far.
    pub backlog: Backlog,
    /// Some of it is the kernel's own.
    pub believed: bool,
    /// When the first of it came in, uptime.
    pub since_us: i64,
    /// When the last of it came in, uptime.
    pub last_us: i64,
}

/// How many messages there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    /// When the bucket is full again, uptime: each message puts it off by the time in which one is refilled.
    pub full_us: i64,
    /// Messages of the last 24 hours, uptime, ascending; at most [`NOTICES_A_DAY_MAX`].
    pub sent_us: Vec<i64>,
}

/// Everything that must be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The boot on whose clock its moments are.
    pub boot: BootId,
    /// The last moment it knew of.
    pub last: Now,
    /// The next number of an incident.
    pub next_incident: u64,
    /// The next number of a capture.
    pub next_capture: u64,
    /// The next number of a check.
    pub next_check: u64,
    /// The next number of a message.
    pub next_notice: u64,
    /// Incidents, by number, at most [`LIVES_MAX`].
    pub lives: Vec<Life>,
    /// Captures due or running, in the order they were decided, at most [`CAPTURES_MAX`].
    pub captures: Vec<Due>,
    /// When dumps were ordered within the last hour, uptime, ascending.
    pub dumps_us: Vec<i64>,
    /// At most [`TABLES_MAX`].
    pub tables: Vec<TableState>,
    /// At most [`SUSPICIONS_MAX`].
    pub suspicions: Vec<Suspicion>,
    /// At most [`SUSPICIONS_MAX`].
    pub disbeliefs: Vec<Disbelief>,
    /// What came in late.
    pub late: Option<Late>,
    /// Messages.
    pub spent: Spent,
    /// Messages that were not sent, for the next one.
    pub suppressed: SuppressedList,
    /// Since when the oldest of them waits that only the limit of all held back, uptime.
    pub suppressed_since_us: Option<i64>,
    /// Not before this is a check asked for on behalf of unverified lines, uptime.
    pub next_ask_us: i64,
    /// When messages that waited were last sent on their way because the table had room again, uptime.
    pub retried_us: Option<i64>,
}

impl Memory {
    /// Incidents that were ever opened.
    pub fn opened(&self) -> u64 {
        self.next_incident.saturating_sub(1)
    }

    /// Nothing remembered.
    pub fn new(boot: BootId, now: Now) -> Self {
        Self {
            boot,
            last: now,
            next_incident: 1,
            next_capture: 1,
            next_check: 1,
            next_notice: 1,
            lives: Vec::new(),
            captures: Vec::new(),
            dumps_us: Vec::new(),
            tables: Vec::new(),
            suspicions: Vec::new(),
            disbeliefs: Vec::new(),
            late: None,
            spent: Spent { full_us: now.uptime_us, sent_us: Vec::new() },
            suppressed: SuppressedList::default(),
            suppressed_since_us: None,
            next_ask_us: now.uptime_us,
            retried_us: None,
        }
    }

    /// Something other than the clock differs from what was committed. Where it differs without an intent (the last sign
    /// of an open incident, the last sample), ten seconds later is soon enough to commit it.
    pub fn differs(&self, committed: &Self) -> bool {
        let mut committed = committed.clone();
        committed.last = self.last;
        *self != committed
    }

    /// An incident by its number.
    pub fn life(&self, incident: IncidentNo) -> Option<&Life> {
        self.lives.iter().find(|life| life.incident == incident)
    }

    /// Captures that were ordered and of which nothing was heard: after a restart, those that it interrupted.
    pub fn running(&self) -> impl Iterator<Item = Running> + '_ {
        self.captures.iter().filter_map(|due| due.running)
    }
}
