//! What is to be done. An intent is an order, not a wish: it is given once, and whoever gives effect to it commits the
//! [`Memory`](super::life::Memory) that remembers it in the same transaction.

use super::clock::Now;
use super::life::{Drops, Key, Phase};
use super::sample::Sample;
use crate::model::record::Trust;
use crate::model::report::Role;
use crate::model::signal::NamespaceWord;

/// An incident, numbered within the state file and never used twice. Its public id is made of its
/// [`Life`](super::life::Life): host, key and start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentNo(pub u64);

/// A capture, numbered within the state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaptureNo(pub u64);

/// A check of counters, numbered within the state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckNo(pub u64);

/// A message to people, numbered within the state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeNo(pub u64);

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// An incident begins.
    Open(Opening),
    /// One that was closed less than an hour ago goes on.
    Reopen {
        /// Which.
        incident: IncidentNo,
        /// Why.
        trigger: Trigger,
    },
    /// An incident is in another phase now. Opening, re-opening and closing have their own intents.
    Turn {
        /// Which.
        incident: IncidentNo,
        /// The phase.
        phase: Phase,
    },
    /// An incident is over.
    Close(Closing),
    /// Look at a table.
    Capture(CaptureOrder),
    /// Keep samples with the evidence of an incident: at its opening those of the ten minutes before it, then one by
    /// one.
    Keep {
        /// Which.
        incident: IncidentNo,
        /// Ascending.
        samples: Vec<Sample>,
    },
    /// Read the counters at once and answer with [`Checked`](super::event::Checked).
    Verify {
        /// Which check.
        check: CheckNo,
        /// Whose counters.
        whom: Whom,
    },
    /// An incident was looked at for the first time: programs that keep an alert up may say who it was, whatever people's
    /// mail is limited to.
    Known(IncidentNo),
    /// Tell people.
    Notify(Notice),
    /// Lines were not believed. For the journal and the list of incidents, not for people's mail.
    Unconfirmed(Unconfirmed),
    /// Lines of former times came in: nothing can be captured of them any more. Told once their flow has ceased.
    Backlog(Backlog),
    /// The table of the initial namespace has room again: messages that waited for the network may be tried at once.
    RetryOutbox,
}

/// What made an incident open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// A line that the kernel itself gave us.
    KernelLine,
    /// A line that anybody could have written, and counters that agree.
    ConfirmedLine,
    /// Counters alone: the lines may have been refused by the limiter, or nobody passes them on.
    Counters,
}

/// Counters that agree with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfirmedBy {
    /// The table is as full as that makes one near full.
    Count,
    /// Packets were refused.
    Drops,
    /// A line that the kernel itself gave us.
    KernelLine,
}

/// An incident begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its number.
    pub incident: IncidentNo,
    /// Which table.
    pub key: Key,
    /// When it began: its first line or the poll that saw it.
    pub start: Now,
    /// Why it was opened.
    pub trigger: Trigger,
    /// How far its best source may be believed; counters are the kernel's.
    pub trust: Trust,
    /// What agrees.
    pub confirmed_by: Vec<ConfirmedBy>,
    /// The early look at this table as it filled up, if one was taken within the hour: it belongs to this incident.
    pub before: Option<CaptureNo>,
}

/// An incident is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Which.
    pub incident: IncidentNo,
    /// When the last of it was seen.
    pub end: Now,
    /// Why it is over.
    pub ended: Ended,
    /// What it cost by the kernel's counters, if they could be read.
    pub drops: Option<Drops>,
}

/// Why an incident is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ended {
    /// Nothing was seen of it for the quiet time.
    Quiet,
    /// The machine was booted anew.
    Rebooted,
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// The cheap facts, then a dump of the table.
    Full,
    /// The cheap facts only, without entering another namespace.
    Light(Spared),
}

/// Why there is no dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spared {
    /// There were as many this hour as there may be.
    Budget,
    /// This table was dumped a short while ago.
    Cooldown,
    /// Another dump is running. A full one follows when it ends.
    Busy,
    /// It is a table in another namespace, and the policy says not to enter, or it is not known in which.
    NotEntered,
    /// The incident is about expectations, which a dump of entries does not show.
    NotEntries,
}

/// Look at a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOrder {
    /// Its number.
    pub capture: CaptureNo,
    /// For which incident. An early look ([`Role::Before`]) has none yet.
    pub incident: Option<IncidentNo>,
    /// Which table.
    pub key: Key,
    /// Seen from the incident.
    pub role: Role,
    /// How closely.
    pub depth: Depth,
    /// The namespace must have been there at this moment of the boot, microseconds: one that is younger was not meant.
    pub not_younger_than_us: i64,
    /// With an early look: how the table will go on.
    pub forecast: Option<Forecast>,
}

/// A straight line through the counts of the last minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Forecast {
    /// Entries more in an hour. Always above zero.
    pub per_hour: u64,
    /// Microseconds until the table is full.
    pub full_in_us: i64,
    /// Microseconds that the line is laid through.
    pub over_us: i64,
}

/// Whose counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Those of the initial namespace.
    Initial,
    /// Those of the namespace with this inode.
    Inode(u64),
    /// Those of every namespace known.
    Everybody,
}

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub notice: NoticeNo,
    /// What about.
    pub about: About,
    /// Which message of its incident this is, from 1: the first begins the thread.
    pub ordinal: u32,
    /// What was not sent since the last message.
    pub suppressed: SuppressedList,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// An incident began.
    Opened(IncidentNo),
    /// Its table was captured.
    Evidence(IncidentNo),
    /// It lasts.
    Digest(IncidentNo),
    /// It is over.
    Closed(IncidentNo),
    /// It was told to be over, and goes on.
    Reopened(IncidentNo),
    /// Old incidents were found at once: one message for all of them.
    Backlog,
    /// Nothing but the list of what was not sent.
    Summary,
}

impl About {
    /// The incident, where it is about one.
    pub fn incident(self) -> Option<IncidentNo> {
        match self {
            Self::Opened(incident)
            | Self::Evidence(incident)
            | Self::Digest(incident)
            | Self::Closed(incident)
            | Self::Reopened(incident) => Some(incident),
            Self::Backlog | Self::Summary => None,
        }
    }
}

/// A message that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppressed {
    /// What about.
    pub about: About,
    /// When.
    pub at: Now,
    /// Why.
    pub why: Limit,
}

/// Which limit a message met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Of its incident.
    Incident,
    /// Of all messages together.
    All,
}

/// What was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SuppressedList {
    /// The first of them, in order.
    pub listed: Vec<Suppressed>,
    /// How many more.
    pub more: u64,
    /// Incidents that were not even opened, since too many were open.
    pub unopened: u64,
}

/// Lines that were not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The namespace they name; none: too many different ones to tell apart.
    pub namespace: Option<NamespaceWord>,
    /// How many.
    pub lines: u64,
    /// When the first came in.
    pub first: Now,
    /// When the last came in.
    pub last: Now,
    /// Why they were not believed.
    pub why: Doubt,
}

/// Why lines were not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// The counters of every namespace that could be meant say otherwise.
    Disagrees,
    /// They could not be read, or there is no such namespace (any more). That is not to say that the lines are wrong.
    CannotCheck,
    /// It is the table of expectations, for which no counter exists.
    NoCounter,
}

/// What came in of former times.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// The first of the stretches that stand further apart than the quiet time, in the order they came in.
    pub stretches: Vec<Stretch>,
    /// How many more runs of lines, each source's counted for itself.
    pub more: u64,
}

/// Lines of former times that stand close together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The namespace they name.
    pub namespace: NamespaceWord,
    /// Of the best source.
    pub trust: Trust,
    /// How many, each source's counted for itself.
    pub lines: u64,
    /// The first, microseconds of this boot's clock; below zero for earlier boots.
    pub first_us: i64,
    /// The last.
    pub last_us: i64,
}
