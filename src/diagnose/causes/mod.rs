//! The closed list of causes. Each is one file: a function from the case to a candidate, or to nothing where the
//! case does not look like it. A further cause is one file and one row of [`RULES`].
//!
//! Ranking, in this order: the tier, the share of the table that the cause explains, the place in the list (the
//! special stands before the general). Limits and settings never outrank a concentration: they contribute.

use crate::model::diagnosis::{Cause, Confidence, Evidence, Remedy, WillNotHelp};
use crate::model::sentence::Sentence;

use super::facts::Case;

mod capacity;
mod established_leak;
mod expectation_table;
mod insufficient_evidence;
mod no_incident;
mod self_inflicted_churn;
mod syn_flood;

/// How a candidate came to be one. Later ones outrank earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// Says only what is not known.
    Fallback,
    /// Seen in the table, but explains less than half of it.
    Partial,
    /// Honest demand: nothing is concentrated.
    Demand,
    /// Explains at least half of the table.
    Concentration,
    /// The log line itself, or the lack of any full table, decides.
    Decided,
}

/// What a rule says of a case.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Rank, first.
    pub(crate) tier: Tier,
    /// Rank, second: share of the table explained, 0 to 1.
    pub(crate) explains: f64,
    /// How sure the rule is, before the doubts that are common to all rules.
    pub(crate) confidence: Confidence,
    /// Who, how, what to do.
    pub(crate) summary: Vec<Sentence>,
    /// Said if it loses: what it lacks.
    pub(crate) why_not: Sentence,
    /// New entries a second of what it names.
    pub(crate) rate_per_second: Option<f64>,
    /// For, against, context.
    pub(crate) evidence: Vec<Evidence>,
    /// The best first.
    pub(crate) remedies: Vec<Remedy>,
    /// With the reason.
    pub(crate) will_not_help: Vec<WillNotHelp>,
    /// A limit that is small or was lost makes it worse.
    pub(crate) limit_contributes: bool,
}

impl Candidate {
    /// The tier of a cause that explains such a share of the table.
    pub(crate) fn tier_of(explains: f64) -> Tier {
        if explains >= 0.5 { Tier::Concentration } else { Tier::Partial }
    }
}

/// One row of the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// Slug.
    pub(crate) cause: Cause,
    /// What it makes of a case.
    pub(crate) judge: fn(&Case<'_>) -> Option<Candidate>,
}

/// Slugs that are named in more than one place.
pub(crate) const LIMIT_NOT_IN_FORCE: Cause = Cause("limit-not-in-force");
pub(crate) const TINY_DEFAULT: Cause = Cause("tiny-default");
pub(crate) const EXPECTATION_TABLE: Cause = Cause("expectation-table");
pub(crate) const TW_RECYCLE: Cause = Cause("tw-recycle");
pub(crate) const TIMEOUT_TOO_LOW: Cause = Cause("timeout-too-low");

/// Every cause there is a rule for, the special before the general.
pub(crate) const RULES: [Rule; 7] = [
    Rule { cause: EXPECTATION_TABLE, judge: expectation_table::judge },
    Rule { cause: Cause("no-incident"), judge: no_incident::judge },
    Rule { cause: Cause("syn-flood"), judge: syn_flood::judge },
    Rule { cause: Cause("self-inflicted-churn"), judge: self_inflicted_churn::judge },
    Rule { cause: Cause("established-leak"), judge: established_leak::judge },
    Rule { cause: Cause("capacity"), judge: capacity::judge },
    Rule { cause: Cause("insufficient-evidence"), judge: insufficient_evidence::judge },
];
