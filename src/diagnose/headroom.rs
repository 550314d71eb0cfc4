//! What another limit would hold: where the table settles at this rate, and how long until it is full again.

use super::facts::Case;
use super::outlook::{Change, outlook};

/// What fills a larger table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Growth {
    /// The table is in balance: what is refused now.
    #[default]
    Lost,
    /// The table is young: what filled it.
    Filling,
}

impl Growth {
    /// At which rate, in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Lost => "at the rate of the packets lost",
            Self::Filling => "at the rate at which this one filled",
        }
    }
}

/// A prediction for a limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headroom {
    /// Entries in the long run, if nothing bounded them.
    pub(crate) steady_state: Option<u64>,
    /// Seconds until it is full again; none: not at this rate, or not known.
    pub(crate) full_again_seconds: Option<f64>,
    /// What fills it.
    pub(crate) growth: Growth,
}

/// The prediction for a limit of `max` entries and nothing else changed.
pub(crate) fn headroom(case: &Case<'_>, max: u64) -> Headroom {
    let out = outlook(case, &Change { limit: Some(max), ..Change::default() });
    Headroom { steady_state: out.offered, full_again_seconds: out.full_again_seconds, growth: out.growth }
}
