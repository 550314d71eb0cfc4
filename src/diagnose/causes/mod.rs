//! The closed list of causes. Each is one file: a function from the case to a candidate, or to nothing where the
//! case does not look like it. A further cause is one file and one row of its family.
//!
//! Ranking, in this order: the tier, then the share of the table that the cause explains times how likely the facts on
//! its scales make it. A rule therefore weighs what separates it from each neighbour, for and against; the place in
//! the list decides only between equals. Limits and settings never outrank a concentration: they contribute, but for
//! a limit that is not in force and would have been enough.

use crate::model::diagnosis::{Cause, Confidence, Remedy, WillNotHelp};
use crate::model::sentence::Sentence;

use super::facts::Case;
use super::scales::Scales;

mod capacity;
mod datastore_churn;
mod established_leak;
mod expectation_table;
mod health_check_churn;
mod inbound_short_connections;
mod insufficient_evidence;
mod ipvs_port_reuse;
mod load_generator;
mod no_incident;
mod noisy_tenant;
mod self_inflicted_churn;
mod syn_flood;

/// How a candidate came to be one. Later ones outrank earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// Says only what is not known.
    Fallback,
    /// Seen in the table, but explains less than half of it.
    Partial,
    /// Nothing is concentrated: honest demand, or a limit that is too small for it.
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
    /// Share of the table explained, 0 to 1. Rank, second: this times how likely the scales make it.
    pub(crate) explains: f64,
    /// What speaks for and against it, and what is not known.
    pub(crate) scales: Scales,
    /// Who, how, what to do.
    pub(crate) summary: Vec<Sentence>,
    /// Why it loses where nothing on its scales speaks against it: what it would need.
    pub(crate) loses: Option<Sentence>,
    /// New entries a second of what it names.
    pub(crate) rate_per_second: Option<f64>,
    /// The best first.
    pub(crate) remedies: Vec<Remedy>,
    /// With the reason.
    pub(crate) will_not_help: Vec<WillNotHelp>,
    /// A limit that is small or was lost makes it worse.
    pub(crate) limit_contributes: bool,
    /// Other causes that make it worse, by slug.
    pub(crate) contributing: Vec<Cause>,
}

impl Candidate {
    /// A candidate that says nothing yet but its place.
    pub(crate) fn new(tier: Tier, explains: f64, scales: Scales) -> Self {
        Self {
            tier,
            explains,
            scales,
            summary: Vec::new(),
            loses: None,
            rate_per_second: None,
            remedies: Vec::new(),
            will_not_help: Vec::new(),
            limit_contributes: false,
            contributing: Vec::new(),
        }
    }

    /// The tier of a cause that explains such a share of the table.
    pub(crate) fn tier_of(explains: f64) -> Tier {
        if explains >= 0.5 { Tier::Concentration } else { Tier::Partial }
    }

    /// How sure it is, before the doubts that are common to all causes.
    pub(crate) fn confidence(&self) -> Confidence {
        match self.tier {
            Tier::Fallback => Confidence::Low,
            _ => self.scales.confidence(self.explains),
        }
    }

    /// What candidates of one tier are compared by: the share explained, times how likely the facts make it.
    pub(crate) fn score(&self) -> f64 {
        self.explains * self.scales.likelihood()
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

/// Every cause there is a rule for, by family, the special before the general.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    [DECIDED, CHURN, HALF_OPEN, DATAGRAMS, LASTING, LIMITS, UNDECIDED].into_iter().flatten()
}

/// Decided by the line itself, or by a table that is not full.
const DECIDED: &[Rule] = &[
    Rule { cause: EXPECTATION_TABLE, judge: expectation_table::judge },
    Rule { cause: Cause("no-incident"), judge: no_incident::judge },
];

/// Connections that are over: many short ones.
const CHURN: &[Rule] = &[
    Rule { cause: Cause("ipvs-port-reuse"), judge: ipvs_port_reuse::judge },
    Rule { cause: Cause("health-check-churn"), judge: health_check_churn::judge },
    Rule { cause: Cause("datastore-churn"), judge: datastore_churn::judge },
    Rule { cause: Cause("self-inflicted-churn"), judge: self_inflicted_churn::judge },
    Rule { cause: Cause("load-generator"), judge: load_generator::judge },
    Rule { cause: Cause("inbound-short-connections"), judge: inbound_short_connections::judge },
    Rule { cause: Cause("noisy-tenant"), judge: noisy_tenant::judge },
];

/// TCP of which one direction is seen: handshakes that are not finished, and connections met in their middle.
const HALF_OPEN: &[Rule] = &[Rule { cause: Cause("syn-flood"), judge: syn_flood::judge }];

/// UDP, ICMP and other protocols; tunnels; entries made several times over.
const DATAGRAMS: &[Rule] = &[];

/// Entries that live too long.
const LASTING: &[Rule] = &[Rule { cause: Cause("established-leak"), judge: established_leak::judge }];

/// Limits, sizes, namespaces, and what the kernel counts.
const LIMITS: &[Rule] = &[Rule { cause: Cause("capacity"), judge: capacity::judge }];

/// What is said where nothing decides.
const UNDECIDED: &[Rule] =
    &[Rule { cause: Cause("insufficient-evidence"), judge: insufficient_evidence::judge }];
