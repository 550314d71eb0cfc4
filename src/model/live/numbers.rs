//! What a watcher tells those who draw curves: numbers of this moment.

use crate::model::time::WallTime;

/// All of them. What is not known is not told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbers {
    /// The table of the namespace that the machine booted with.
    pub initial: Tables,
    /// Those of all other namespaces that can be looked at, together.
    pub others: Tables,
    /// Incidents that were ever opened with this state.
    pub opened: u64,
    /// Incidents that go on.
    pub open: u64,
    /// Messages; none: the outbox cannot be read.
    pub backlog: Option<Backlog>,
    /// Sources as configured, and when each last said something; none: not since this program was started.
    pub heard: Vec<(String, Option<WallTime>)>,
}

/// Counters of one table, or the sums of several.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tables {
    /// How many of them could be read.
    pub namespaces: u64,
    /// Entries.
    pub count: Option<u64>,
    /// `nf_conntrack_max`.
    pub max: Option<u64>,
    /// How full the fullest of them is, of 1.
    pub fullest: Option<f64>,
    /// Packets refused: of the initial one since the machine was booted, of the others since this program was started.
    pub dropped: Option<u64>,
}

/// Messages that did not get through yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Owed, waiting or on their way.
    pub waiting: u64,
    /// Given up.
    pub dead: u64,
}
