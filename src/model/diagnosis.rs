//! What is said about an incident or a table: the verdict, what speaks for and against it, what fixes it and what
//! does not. Values only; sentences are spelled by `report`.

use std::net::IpAddr;

use super::census::{Pair, Peer};
use super::flow::State;
use super::scenario::Deed;
use super::sentence::Sentence;

/// How sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Confidence {
    Low,
    Medium,
    High,
}

/// A cause, by its stable slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause(pub &'static str);

/// A fact, and which way it points.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Stable name within the body: `share-of-top-source`.
    pub id: &'static str,
    /// In words.
    pub fact: Sentence,
    /// Speaks for the verdict; false: against it; none: context.
    pub speaks_for: Option<bool>,
    /// The numbers in it, by name.
    pub values: Vec<(&'static str, f64)>,
    /// Input ids or names of what it was read from.
    pub from: Vec<Box<str>>,
}

/// A command of a remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The line to type.
    pub line: String,
    /// Where: `this host`, `/etc/sysctl.d/90-conntrack.conf` …
    pub place: String,
    /// How to take it back: a command for a shell on the host, for lines of files too.
    pub undo: Option<String>,
}

/// What a remedy does, computed from this very table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effect {
    /// Entries freed at once.
    pub entries_freed_now: Option<u64>,
    /// Entries in the long run, at the same rate.
    pub steady_state_entries: Option<u64>,
    /// What the prediction rests on.
    pub note: Sentence,
}

/// Something that helps.
#[derive(Debug, Clone, PartialEq)]
pub struct Remedy {
    /// Stable name.
    pub id: &'static str,
    /// In words.
    pub title: Sentence,
    /// Commands, in order.
    pub commands: Vec<Command>,
    /// Effect.
    pub effect: Effect,
    /// Side effects.
    pub side_effects: Vec<Sentence>,
    /// It survives a reboot and a module reload as given.
    pub persists: bool,
}

/// Something popular that does not help here.
#[derive(Debug, Clone, PartialEq)]
pub struct WillNotHelp {
    /// Stable name: `tcp_tw_reuse`.
    pub id: &'static str,
    /// Why not, in words.
    pub reason: Sentence,
}

/// The verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Cause.
    pub cause: Cause,
    /// Causes that contribute.
    pub contributing: Vec<Cause>,
    /// How sure.
    pub confidence: Confidence,
    /// Who, how and what to do, one sentence each: the first lines of every report.
    pub summary: Vec<Sentence>,
    /// New entries per second of what the verdict names.
    pub rate_per_second: Option<f64>,
}

/// A cause that lost.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerUp {
    /// Cause.
    pub cause: Cause,
    /// How sure it would have been.
    pub confidence: Confidence,
    /// Why it lost.
    pub why_not: Sentence,
}

/// A state (or other class) and its entries, for the rows below.
pub type StateCounts = Vec<(StateLabel, u64)>;

/// How a class is called in rows: state with flags where they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateLabel {
    /// A state of TCP, SCTP or DCCP.
    State(State),
    /// A protocol without states: replied or not.
    Protocol(super::flow::L4, super::flow::Reply),
}

/// Who holds an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    /// `process`, `unit`, `container`, `namespace`.
    pub kind: &'static str,
    /// Its name, as the input has it.
    pub name: Box<str>,
    /// Its id, where it is one.
    pub id: Option<Box<str>>,
    /// How that is known, in words.
    pub from: Sentence,
}

/// A source.
#[derive(Debug, Clone, PartialEq)]
pub struct TopSource {
    /// Address.
    pub address: IpAddr,
    /// Entries.
    pub entries: u64,
    /// The true number may be higher by this much.
    pub entries_error: u64,
    /// Share of all entries.
    pub share: f64,
    /// It is an address of this host; none: not known.
    pub is_local: Option<bool>,
    /// Its entries by state.
    pub states: StateCounts,
    /// Who on this host opens its connections, where it is an own address and a list of sockets says so.
    pub owner: Option<Owner>,
    /// What kind of address it is, or a warning (`a bridge gateway: clients hide behind it`).
    pub note: Option<Sentence>,
}

/// A peer.
#[derive(Debug, Clone, PartialEq)]
pub struct TopPeer {
    /// Address, port, protocol.
    pub peer: Peer,
    /// Entries.
    pub entries: u64,
    /// The true number may be higher by this much.
    pub entries_error: u64,
    /// Share of all entries.
    pub share: f64,
    /// Service of the port.
    pub service: Option<&'static str>,
    /// Its entries by state.
    pub states: StateCounts,
}

/// A pair.
#[derive(Debug, Clone, PartialEq)]
pub struct TopPair {
    /// Source and peer.
    pub pair: Pair,
    /// Entries.
    pub entries: u64,
    /// Share of all entries.
    pub share: f64,
}

/// Entries by what could be done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effective {
    /// Not assured: early drop may evict them.
    pub evictable: u64,
    /// Assured, in a closing state (they leave by themselves within minutes).
    pub closing: u64,
    /// Assured and live.
    pub live: u64,
}

/// One bar of the idle-age histogram: `timeout − remaining`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleBar {
    /// At least so many seconds since the last packet.
    pub from_seconds: u64,
    /// Below so many.
    pub to_seconds: u64,
    /// Entries.
    pub entries: u64,
}

/// Why the idle age of an entry is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoAge {
    /// Entries of its protocol or state run on different timers, which the table does not tell apart (UDP with one packet
    /// each way, and as a stream).
    SeveralTimers,
    /// As little is left as a shorter timer would leave that TCP may have given it (`tcp_timeout_unacknowledged`).
    ShorterTimer,
    /// More is left than the timeout gives: it was put in with a timer of its own, or the setting was lowered.
    AboveTimeout,
    /// The timeout of its state is not known.
    TimeoutUnknown,
    /// It has no timer (a flowtable has it).
    NoTimer,
}

/// Entries whose idle age is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ageless {
    /// Why.
    pub why: NoAge,
    /// How many.
    pub entries: u64,
}

/// How the idle ages of one state are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleShape {
    /// Of which entries.
    pub of: StateLabel,
    /// How many they are.
    pub entries: u64,
    /// How.
    pub spread: Spread,
}

/// A spread of ages, and what made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Most ended at one moment.
    OneEvent {
        /// So many seconds before the table was read.
        age_seconds: u64,
        /// The last of them ended so many seconds before it, at least.
        youngest_seconds: u64,
        /// Over so many seconds, at most.
        span_seconds: u64,
        /// Entries of it.
        entries: u64,
    },
    /// Most ended a period apart from one another: a timer opens them.
    Comb {
        /// Seconds.
        period_seconds: u64,
        /// Entries of it.
        entries: u64,
    },
    /// They end at any time.
    Flat,
}

/// The census as the report shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CensusView {
    /// Entries listed.
    pub entries: u64,
    /// By protocol, descending.
    pub by_protocol: Vec<(super::flow::L4, u64)>,
    /// By state, descending.
    pub by_state: StateCounts,
    /// Assured entries.
    pub assured: u64,
    /// Unreplied entries.
    pub unreplied: u64,
    /// Offloaded entries.
    pub offloaded: u64,
    /// Entries with any NAT.
    pub nat: u64,
    /// By zone, where more than one.
    pub zones: Vec<(u16, u64)>,
    /// Picked up mid-stream.
    pub reversed: u64,
    /// Share of entries whose source is an address of this host; none: local addresses are not known.
    pub local_share: Option<f64>,
    /// Distinct sources; none: more than the tally keeps.
    pub distinct_sources: Option<u64>,
    /// Idle ages.
    pub idle_age: Vec<IdleBar>,
    /// Entries that they leave out, by reason, the most first.
    pub idle_unknown: Vec<Ageless>,
    /// How they are spread, for the states with the most entries.
    pub idle_shapes: Vec<IdleShape>,
    /// Effective usage.
    pub effective: Effective,
    /// Counts per source, peer and pair are exact.
    pub exact: bool,
    /// Else: they may be low by this much.
    pub error: u64,
    /// Damaged lines left out.
    pub damaged: u64,
}

/// What is said about one incident or one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// Census; none: no table fits.
    pub census: Option<CensusView>,
    /// Verdict.
    pub verdict: Verdict,
    /// Runners-up.
    pub runners_up: Vec<RunnerUp>,
    /// Sources, descending.
    pub top_sources: Vec<TopSource>,
    /// Peers, descending.
    pub top_peers: Vec<TopPeer>,
    /// Pairs, descending.
    pub top_pairs: Vec<TopPair>,
    /// Evidence: for, then against, then context.
    pub evidence: Vec<Evidence>,
    /// Remedies, the best first.
    pub remedies: Vec<Remedy>,
    /// What-if scenarios.
    pub what_if: Vec<WhatIf>,
    /// What will not help.
    pub will_not_help: Vec<WillNotHelp>,
}

/// A scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIf {
    /// Keys and values changed.
    pub changes: Vec<(String, u64)>,
    /// What is done to traffic.
    pub traffic: Vec<Deed>,
    /// Entries freed at once.
    pub entries_freed_now: Option<u64>,
    /// Entries in the long run.
    pub steady_state_entries: Option<u64>,
    /// Seconds until full again; none: never, or not known.
    pub full_again_seconds: Option<f64>,
    /// Assumptions.
    pub assumptions: Vec<Sentence>,
}

/// A look-alike or a warning that is not a full table.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Host, where known.
    pub host: Option<Box<str>>,
    /// Cause.
    pub cause: Cause,
    /// In words.
    pub summary: Vec<Sentence>,
    /// Evidence.
    pub evidence: Vec<Evidence>,
    /// Remedies.
    pub remedies: Vec<Remedy>,
}
