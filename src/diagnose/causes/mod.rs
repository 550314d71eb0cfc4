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

mod asymmetric_routing;
mod bridge_tracked;
mod capacity;
mod close_wait_pileup;
mod count_list_mismatch;
mod counter_wrap;
mod datastore_churn;
mod dead_upstream;
mod dns_storm;
mod established_leak;
mod event_listener_backlog;
mod expectation_table;
mod failover_injected;
mod half_tracked;
mod health_check_churn;
mod hot_node;
mod hung_closing;
mod icmp_flood;
mod immortal_syn_sent;
mod inbound_short_connections;
mod insufficient_evidence;
pub(crate) mod ipvs_port_reuse;
mod limit_lowered;
mod limit_not_in_force;
mod load_generator;
mod long_lived_other_protocol;
mod mid_stream_pickup;
mod multicast_discovery;
mod no_incident;
mod noisy_tenant;
mod offload_pinned;
mod one_way_udp;
mod other_namespace;
mod outbound_scan;
mod p2p_crawler;
mod reflection_attack;
mod self_inflicted_churn;
mod syn_flood;
mod tiny_default;
mod too_few_buckets;
mod tracked_dns_server;
mod tracked_tunnel;
mod zone_multiplication;

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
    /// It is about numbers that contradict one another: what every other cause must doubt is what it says.
    pub(crate) settles_doubts: bool,
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
            settles_doubts: false,
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
pub(crate) const HOT_NODE: Cause = Cause("hot-node");
pub(crate) const LIMIT_LOWERED: Cause = Cause("limit-lowered-by-container");
pub(crate) const TOO_FEW_BUCKETS: Cause = Cause("too-few-buckets");
pub(crate) const EXPECTATION_TABLE: Cause = Cause("expectation-table");
pub(crate) const TW_RECYCLE: Cause = Cause("tw-recycle");
pub(crate) const TIMEOUT_TOO_LOW: Cause = Cause("timeout-too-low");
pub(crate) const INSERT_RACE: Cause = Cause("insert-race");
pub(crate) const SNAT_PORT_EXHAUSTION: Cause = Cause("snat-port-exhaustion");
pub(crate) const CLOUD_ALLOWANCE: Cause = Cause("cloud-allowance");
pub(crate) const OTHER_KERNEL_TABLE: Cause = Cause("other-kernel-table");
pub(crate) const EBPF_MAP: Cause = Cause("ebpf-map");
pub(crate) const IPVS_PORT_REUSE: Cause = Cause("ipvs-port-reuse");
pub(crate) const GC_LAG: Cause = Cause("gc-lag");
pub(crate) const STALE_NAT: Cause = Cause("stale-nat");

/// Every cause there is a rule for, by family, the special before the general.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    [DECIDED, CHURN, HALF_OPEN, DATAGRAMS, LASTING, LIMITS, UNDECIDED].into_iter().flatten()
}

/// Decided by the line itself, by numbers that contradict one another in one way only, or by a table that is not full.
const DECIDED: &[Rule] = &[
    Rule { cause: EXPECTATION_TABLE, judge: expectation_table::judge },
    Rule { cause: Cause("counter-wrap"), judge: counter_wrap::judge },
    Rule { cause: Cause("event-listener-backlog"), judge: event_listener_backlog::judge },
    Rule { cause: Cause("count-list-mismatch"), judge: count_list_mismatch::judge },
    Rule { cause: Cause("other-namespace"), judge: other_namespace::judge },
    Rule { cause: LIMIT_NOT_IN_FORCE, judge: limit_not_in_force::judge },
    Rule { cause: TOO_FEW_BUCKETS, judge: too_few_buckets::judge },
    Rule { cause: Cause("no-incident"), judge: no_incident::judge },
];

/// Connections that are over: many short ones.
const CHURN: &[Rule] = &[
    Rule { cause: IPVS_PORT_REUSE, judge: ipvs_port_reuse::judge },
    Rule { cause: Cause("health-check-churn"), judge: health_check_churn::judge },
    Rule { cause: Cause("datastore-churn"), judge: datastore_churn::judge },
    Rule { cause: Cause("self-inflicted-churn"), judge: self_inflicted_churn::judge },
    Rule { cause: Cause("load-generator"), judge: load_generator::judge },
    Rule { cause: Cause("inbound-short-connections"), judge: inbound_short_connections::judge },
    Rule { cause: Cause("noisy-tenant"), judge: noisy_tenant::judge },
];

/// TCP of which one direction is seen: handshakes that are not finished, and connections met in their middle.
const HALF_OPEN: &[Rule] = &[
    Rule { cause: Cause("syn-flood"), judge: syn_flood::judge },
    Rule { cause: Cause("outbound-scan"), judge: outbound_scan::judge },
    Rule { cause: Cause("half-tracked"), judge: half_tracked::judge },
    Rule { cause: Cause("immortal-syn-sent"), judge: immortal_syn_sent::judge },
    Rule { cause: Cause("dead-upstream"), judge: dead_upstream::judge },
    Rule { cause: Cause("mid-stream-pickup"), judge: mid_stream_pickup::judge },
    Rule { cause: Cause("asymmetric-routing"), judge: asymmetric_routing::judge },
];

/// UDP, ICMP and other protocols; tunnels; entries made several times over.
const DATAGRAMS: &[Rule] = &[
    Rule { cause: Cause("zone-multiplication"), judge: zone_multiplication::judge },
    Rule { cause: Cause("bridge-tracked"), judge: bridge_tracked::judge },
    Rule { cause: Cause("tracked-tunnel"), judge: tracked_tunnel::judge },
    Rule { cause: Cause("reflection-attack"), judge: reflection_attack::judge },
    Rule { cause: Cause("tracked-dns-server"), judge: tracked_dns_server::judge },
    Rule { cause: Cause("dns-storm"), judge: dns_storm::judge },
    Rule { cause: Cause("p2p-crawler"), judge: p2p_crawler::judge },
    Rule { cause: Cause("multicast-discovery"), judge: multicast_discovery::judge },
    Rule { cause: Cause("one-way-udp"), judge: one_way_udp::judge },
    Rule { cause: Cause("icmp-flood"), judge: icmp_flood::judge },
    Rule { cause: Cause("long-lived-other-protocol"), judge: long_lived_other_protocol::judge },
];

/// Entries that live too long.
const LASTING: &[Rule] = &[
    Rule { cause: Cause("failover-injected"), judge: failover_injected::judge },
    Rule { cause: Cause("established-leak"), judge: established_leak::judge },
    Rule { cause: Cause("close-wait-pileup"), judge: close_wait_pileup::judge },
    Rule { cause: Cause("hung-closing"), judge: hung_closing::judge },
    Rule { cause: Cause("offload-pinned"), judge: offload_pinned::judge },
];

/// Limits, sizes, namespaces, and what the kernel counts.
const LIMITS: &[Rule] = &[
    Rule { cause: LIMIT_LOWERED, judge: limit_lowered::judge },
    Rule { cause: HOT_NODE, judge: hot_node::judge },
    Rule { cause: TINY_DEFAULT, judge: tiny_default::judge },
    Rule { cause: Cause("capacity"), judge: capacity::judge },
];

/// What is said where nothing decides.
const UNDECIDED: &[Rule] =
    &[Rule { cause: Cause("insufficient-evidence"), judge: insufficient_evidence::judge }];
