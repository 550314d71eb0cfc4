//! The body of `conntriage.report/1`: what is said about one incident or one table, and how it is made.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::diagnosis;

use super::super::value::Number;
use super::Door;
use super::shape::shapes;
use super::words::{Confidence, ForOrAgainst, NoAge, SpreadKind};

shapes! {
    /// A table, counted. Maps go from the kernel's word to entries.
    Census {
        /// Entries listed, duplicates left out.
        entries: u64,
        /// Entries by protocol.
        by_protocol: BTreeMap<String, u64>,
        /// Entries by state; protocols without states by protocol and flag: `udp unreplied`.
        by_state: BTreeMap<String, u64>,
        /// Assured: never evicted by early drop.
        assured: u64,
        /// No packet was seen in reply direction.
        unreplied: u64,
        /// Handled by a flowtable.
        offloaded: u64,
        /// With address translation.
        nat: u64,
        /// Entries by zone, where there is more than one.
        zones: Vec<Zone>,
        /// Picked up mid-stream: source and peer are swapped.
        reversed: u64,
        /// Share of entries whose source is an address of the host.
        #[schemars(extend("minimum" = 0, "maximum" = 1))]
        local_share: Option<Number>,
        /// Distinct sources; null: more than are counted.
        distinct_sources: Option<u64>,
        /// Entries by time since their last packet.
        idle_age: Vec<IdleBar>,
        /// Entries whose time since their last packet is not known, by reason: `idle_age` leaves them out.
        idle_age_unknown: Vec<Ageless>,
        /// How these times are spread, for each state that holds a good part of the table.
        idle_shapes: Vec<IdleShape>,
        /// Entries by what could be done with them.
        effective: Effective,
        /// Counts by source, peer and pair are exact.
        exact: bool,
        /// Else they may be too low by this much.
        error: u64,
        /// Damaged lines left out.
        damaged: u64,
    }

    /// A conntrack zone.
    Zone {
        /// Its number.
        zone: u16,
        /// Entries.
        entries: u64,
    }

    /// One bar of the idle ages.
    IdleBar {
        /// At least so long since the last packet.
        from_seconds: u64,
        /// Less than so long; null: no upper end.
        to_seconds: Option<u64>,
        /// Entries.
        entries: u64,
    }

    /// Entries whose time since their last packet is not known.
    Ageless {
        /// Why.
        reason: NoAge,
        /// How many.
        entries: u64,
    }

    /// How the times since the last packet of one state are spread.
    IdleShape {
        /// The state, or the protocol with its flag.
        state: String,
        /// Its entries.
        entries: u64,
        /// What made it: one event, a timer, or neither.
        shape: SpreadKind,
        /// Entries of the event or of the timer; null: neither.
        of_it: Option<u64>,
        /// The event was so long before the table was read.
        age_seconds: Option<u64>,
        /// The timer's period.
        period_seconds: Option<u64>,
    }

    /// Entries by what could be done with them.
    Effective {
        /// Not assured: early drop may evict them.
        evictable: u64,
        /// Assured, in a closing state.
        closing: u64,
        /// Assured and live.
        live: u64,
    }

    /// The cause.
    Verdict {
        /// By its slug.
        cause: String,
        /// Causes that contribute.
        contributing: Vec<String>,
        /// How sure.
        confidence: Confidence,
        /// Who, how and what to do: one sentence a line.
        summary: String,
        /// New entries of what the verdict names.
        rate_per_second: Option<Number>,
    }

    /// A cause that lost.
    RunnerUp {
        /// By its slug.
        cause: String,
        /// How sure it would have been.
        confidence: Confidence,
        /// Why it lost.
        why_not: String,
    }

    /// An original source.
    TopSource {
        /// Address.
        address: String,
        /// Entries.
        entries: u64,
        /// The true number may be higher by this much.
        entries_error: u64,
        /// Share of all entries.
        #[schemars(extend("minimum" = 0, "maximum" = 1))]
        share: Number,
        /// It is an address of the host; null: not known.
        is_local: Option<bool>,
        /// Its entries by state.
        states: BTreeMap<String, u64>,
        /// Who holds the address.
        owner: Option<Owner>,
        /// What kind of address it is, or a warning.
        note: Option<String>,
    }

    /// Who holds an address.
    Owner {
        /// `container`, `process`, `unit` …
        kind: String,
        /// Name.
        name: String,
        /// Id.
        id: Option<String>,
        /// How that is known.
        from: String,
    }

    /// An original destination with its port.
    TopPeer {
        /// Address.
        address: String,
        /// Port; null where the protocol has none.
        port: Option<u16>,
        /// Protocol.
        protocol: String,
        /// Entries.
        entries: u64,
        /// The true number may be higher by this much.
        entries_error: u64,
        /// Share of all entries.
        #[schemars(extend("minimum" = 0, "maximum" = 1))]
        share: Number,
        /// What usually listens there.
        service: Option<String>,
        /// Its entries by state.
        states: BTreeMap<String, u64>,
    }

    /// A source with a peer.
    TopPair {
        /// Address of the source.
        source: String,
        /// Address of the peer.
        peer: String,
        /// Port of the peer; null where the protocol has none.
        port: Option<u16>,
        /// Protocol.
        protocol: String,
        /// Entries.
        entries: u64,
        /// Share of all entries.
        #[schemars(extend("minimum" = 0, "maximum" = 1))]
        share: Number,
    }

    /// A fact.
    Evidence {
        /// Its name, unique within the body.
        id: String,
        /// In words.
        fact: String,
        /// Which way it points.
        for_or_against: ForOrAgainst,
        /// The numbers in it, by name.
        values: BTreeMap<String, Option<Number>>,
        /// Input ids or names of what it was read from.
        from: Vec<String>,
    }

    /// Something that helps.
    Remedy {
        /// Its name.
        id: String,
        /// In words.
        title: String,
        /// What to type, in order.
        commands: Vec<Command>,
        /// What it does to this very table.
        effect: Effect,
        /// What else it does.
        side_effects: Vec<String>,
        /// It survives a reboot and a module reload as given.
        persists: bool,
    }

    /// A line to type.
    Command {
        /// The line.
        line: String,
        /// On which host or in which file.
        #[serde(rename = "where")]
        place: String,
        /// How to take it back.
        undo: Option<String>,
    }

    /// What a remedy does.
    Effect {
        /// Entries freed at once.
        entries_freed_now: Option<u64>,
        /// Entries in the long run, at the same rate.
        steady_state_entries: Option<u64>,
        /// What this rests on.
        note: String,
    }

    /// A scenario.
    WhatIf {
        /// Keys and values changed.
        changes: BTreeMap<String, u64>,
        /// What is done to traffic, as typed: `remove=ADDRESS`, `reuse=ADDRESS:PORT`, `notrack=SOURCE>ADDRESS:PORT`.
        traffic: Vec<String>,
        /// Entries freed at once.
        entries_freed_now: Option<u64>,
        /// Entries in the long run.
        steady_state_entries: Option<u64>,
        /// Until full again; null: never, or not known.
        full_again_seconds: Option<Number>,
        /// What this rests on.
        assumptions: Vec<String>,
    }

    /// Something popular that does not help here.
    WillNotHelp {
        /// Its name.
        id: String,
        /// Why not.
        reason: String,
    }
}

/// The parts of a body, to be put behind the fields of an incident or a snapshot.
pub(super) struct Parts {
    pub(super) census: Option<Census>,
    pub(super) verdict: Verdict,
    pub(super) runners_up: Vec<RunnerUp>,
    pub(super) top_sources: Vec<TopSource>,
    pub(super) top_peers: Vec<TopPeer>,
    pub(super) top_pairs: Vec<TopPair>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) remedies: Vec<Remedy>,
    pub(super) what_if: Vec<WhatIf>,
    pub(super) will_not_help: Vec<WillNotHelp>,
}

impl Door<'_> {
    pub(super) fn body(&self, body: &diagnosis::Body) -> Parts {
        Parts {
            census: body.census.as_ref().map(|census| self.census(census)),
            verdict: self.verdict(&body.verdict),
            runners_up: body.runners_up.iter().map(|runner_up| self.runner_up(runner_up)).collect(),
            top_sources: body.top_sources.iter().map(|row| self.top_source(row)).collect(),
            top_peers: body.top_peers.iter().map(|row| self.top_peer(row)).collect(),
            top_pairs: body.top_pairs.iter().map(top_pair).collect(),
            evidence: self.evidence(&body.evidence),
            remedies: self.remedies(&body.remedies),
            what_if: body.what_if.iter().map(|scenario| self.what_if(scenario)).collect(),
            will_not_help: body.will_not_help.iter().map(|item| self.will_not_help(item)).collect(),
        }
    }

    fn census(&self, view: &diagnosis::CensusView) -> Census {
        let protocols = view.by_protocol.iter().map(|(l4, entries)| (l4.label(), *entries));
        Census {
            entries: view.entries,
            by_protocol: sums(protocols),
            by_state: self.states(&view.by_state),
            assured: view.assured,
            unreplied: view.unreplied,
            offloaded: view.offloaded,
            nat: view.nat,
            zones: view.zones.iter().map(|(zone, entries)| Zone { zone: *zone, entries: *entries }).collect(),
            reversed: view.reversed,
            local_share: view.local_share.map(Number::share),
            distinct_sources: view.distinct_sources,
            idle_age: view.idle_age.iter().map(idle_bar).collect(),
            idle_age_unknown: view.idle_unknown.iter().map(ageless).collect(),
            idle_shapes: view.idle_shapes.iter().map(|shape| self.idle_shape(shape)).collect(),
            effective: Effective {
                evictable: view.effective.evictable,
                closing: view.effective.closing,
                live: view.effective.live,
            },
            exact: view.exact,
            error: view.error,
            damaged: view.damaged,
        }
    }

    fn idle_shape(&self, shape: &diagnosis::IdleShape) -> IdleShape {
        let (of_it, age_seconds, period_seconds) = match shape.spread {
            diagnosis::Spread::OneEvent { age_seconds, entries, .. } => {
                (Some(entries), Some(age_seconds), None)
            }
            diagnosis::Spread::Comb { period_seconds, entries } => {
                (Some(entries), None, Some(period_seconds))
            }
            diagnosis::Spread::Flat => (None, None, None),
        };
        IdleShape {
            state: shape.of.label(|raw| self.untrusted(raw)),
            entries: shape.entries,
            shape: (&shape.spread).into(),
            of_it,
            age_seconds,
            period_seconds,
        }
    }

    fn states(&self, states: &diagnosis::StateCounts) -> BTreeMap<String, u64> {
        sums(states.iter().map(|(label, entries)| (label.label(|raw| self.untrusted(raw)), *entries)))
    }

    fn verdict(&self, verdict: &diagnosis::Verdict) -> Verdict {
        Verdict {
            cause: verdict.cause.0.to_owned(),
            contributing: verdict.contributing.iter().map(|cause| cause.0.to_owned()).collect(),
            confidence: (&verdict.confidence).into(),
            summary: self.lines(&verdict.summary),
            rate_per_second: verdict.rate_per_second.and_then(Number::of),
        }
    }

    fn runner_up(&self, runner_up: &diagnosis::RunnerUp) -> RunnerUp {
        RunnerUp {
            cause: runner_up.cause.0.to_owned(),
            confidence: (&runner_up.confidence).into(),
            why_not: self.say(&runner_up.why_not),
        }
    }

    fn top_source(&self, row: &diagnosis::TopSource) -> TopSource {
        TopSource {
            address: row.address.to_string(),
            entries: row.entries,
            entries_error: row.entries_error,
            share: Number::share(row.share),
            is_local: row.is_local,
            states: self.states(&row.states),
            owner: row.owner.as_ref().map(|owner| Owner {
                kind: owner.kind.to_owned(),
                name: owner.name.to_string(),
                id: owner.id.as_deref().map(str::to_owned),
                from: self.say(&owner.from),
            }),
            note: row.note.as_ref().map(|note| self.say(note)),
        }
    }

    fn top_peer(&self, row: &diagnosis::TopPeer) -> TopPeer {
        TopPeer {
            address: row.peer.address.to_string(),
            port: row.peer.port,
            protocol: row.peer.l4.label(),
            entries: row.entries,
            entries_error: row.entries_error,
            share: Number::share(row.share),
            service: row.service.map(str::to_owned),
            states: self.states(&row.states),
        }
    }

    pub(super) fn evidence(&self, evidence: &[diagnosis::Evidence]) -> Vec<Evidence> {
        let fact = |fact: &diagnosis::Evidence| Evidence {
            id: fact.id.to_owned(),
            fact: self.say(&fact.fact),
            for_or_against: fact.speaks_for.into(),
            values: fact
                .values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Number::of(*value)))
                .collect(),
            from: fact.from.iter().map(|from| String::from(&**from)).collect(),
        };
        evidence.iter().map(fact).collect()
    }

    pub(super) fn remedies(&self, remedies: &[diagnosis::Remedy]) -> Vec<Remedy> {
        let remedy = |remedy: &diagnosis::Remedy| Remedy {
            id: remedy.id.to_owned(),
            title: self.say(&remedy.title),
            commands: remedy.commands.iter().map(command).collect(),
            effect: Effect {
                entries_freed_now: remedy.effect.entries_freed_now,
                steady_state_entries: remedy.effect.steady_state_entries,
                note: self.say(&remedy.effect.note),
            },
            side_effects: remedy.side_effects.iter().map(|effect| self.say(effect)).collect(),
            persists: remedy.persists,
        };
        remedies.iter().map(remedy).collect()
    }

    fn what_if(&self, scenario: &diagnosis::WhatIf) -> WhatIf {
        WhatIf {
            changes: scenario.changes.iter().cloned().collect(),
            traffic: scenario.traffic.iter().map(ToString::to_string).collect(),
            entries_freed_now: scenario.entries_freed_now,
            steady_state_entries: scenario.steady_state_entries,
            full_again_seconds: scenario.full_again_seconds.and_then(Number::of),
            assumptions: scenario.assumptions.iter().map(|assumption| self.say(assumption)).collect(),
        }
    }

    fn will_not_help(&self, item: &diagnosis::WillNotHelp) -> WillNotHelp {
        WillNotHelp { id: item.id.to_owned(), reason: self.say(&item.reason) }
    }
}

/// Entries by name; two classes of one name are added.
fn sums(rows: impl Iterator<Item = (String, u64)>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::<String, u64>::new();
    for (name, entries) in rows {
        let sum = sums.entry(name).or_default();
        *sum = sum.saturating_add(entries);
    }
    sums
}

fn idle_bar(bar: &diagnosis::IdleBar) -> IdleBar {
    IdleBar {
        from_seconds: bar.from_seconds,
        to_seconds: Some(bar.to_seconds).filter(|seconds| *seconds != u64::MAX),
        entries: bar.entries,
    }
}

fn ageless(row: &diagnosis::Ageless) -> Ageless {
    Ageless { reason: (&row.why).into(), entries: row.entries }
}

fn top_pair(row: &diagnosis::TopPair) -> TopPair {
    TopPair {
        source: row.pair.source.to_string(),
        peer: row.pair.peer.address.to_string(),
        port: row.pair.peer.port,
        protocol: row.pair.peer.l4.label(),
        entries: row.entries,
        share: Number::share(row.share),
    }
}

fn command(command: &diagnosis::Command) -> Command {
    Command { line: command.line.clone(), place: command.place.clone(), undo: command.undo.clone() }
}
