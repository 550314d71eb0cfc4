//! The census as the report shows it: rankings with rows, states and notes. Arithmetic and words, no judgement.

use crate::model::address_kind::AddressKind;
use crate::model::census::{Leader, LeaderKey, Nat};
use crate::model::diagnosis::{CensusView, IdleShape, Spread, StateLabel, TopPair, TopPeer, TopSource};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::services::service;

use super::arith::share;
use super::facts::Case;
use super::idle::{Ages, Shape};
use super::mix::Mix;

/// Rows of each ranking where the user set none.
const ROWS: usize = 10;
/// From this share of the table on, it is said how the ages of a state are spread.
const SHAPED: f64 = 0.05;
/// From this share of a leader's entries picked up mid-stream on, it is said.
const MOSTLY_REVERSED: f64 = 0.5;

fn rows(case: &Case<'_>) -> usize {
    if case.settings.top == 0 { ROWS } else { case.settings.top }
}

fn nat_total(nat: Nat) -> u64 {
    nat.source.saturating_add(nat.destination).saturating_add(nat.both)
}

/// The table in numbers; none without one.
pub(crate) fn census(case: &Case<'_>) -> Option<CensusView> {
    let census = case.census?;
    let who = &census.who;
    let mix = Mix(&who.classes);
    let ages = Ages { remaining: &who.remaining, classes: &who.classes };
    let error = who.sources.error.max(who.peers.error).max(who.pairs.error);
    Some(CensusView {
        entries: who.entries,
        by_protocol: mix.protocols(),
        by_state: mix.states(),
        assured: mix.replied(Reply::Assured),
        unreplied: mix.replied(Reply::Unreplied),
        offloaded: mix.replied(Reply::Offloaded),
        nat: nat_total(who.nat),
        zones: if who.zones.len() > 1 {
            who.zones.iter().map(|(zone, n)| (*zone, *n)).collect()
        } else {
            Vec::new()
        },
        reversed: who.reversed,
        local_share: case.locals.local_share(census),
        distinct_sources: who.sources.distinct,
        idle_age: ages.histogram(&case.timeouts()),
        idle_unknown: ages.left_out(&case.timeouts()),
        idle_shapes: idle_shapes(case, ages, mix),
        effective: mix.effective(),
        exact: error == 0 && !census.changed_between_looks,
        error,
        damaged: who.damaged.values().fold(0, |sum, b| sum.saturating_add(b.count)),
    })
}

/// How the ages of each state are spread that holds a good part of the table.
fn idle_shapes(case: &Case<'_>, ages: Ages<'_>, mix: Mix<'_>) -> Vec<IdleShape> {
    let timeouts = case.timeouts();
    let shape = |(of, _): (StateLabel, u64)| {
        let (l4, state) = match of {
            StateLabel::State(state) => (state_of(mix, state)?, Some(state)),
            StateLabel::Protocol(l4, _) => (l4, None),
        };
        let spread = match ages.shape(l4, state, &timeouts)? {
            Shape::OneEvent { age_seconds, youngest_seconds, span_seconds, entries } => {
                Spread::OneEvent { age_seconds, youngest_seconds, span_seconds, entries }
            }
            Shape::Comb { period_seconds, entries, .. } => Spread::Comb { period_seconds, entries },
            Shape::Flat => Spread::Flat,
        };
        // Of those whose age is known: beside all of a state, the others would look idle.
        let entries = ages.of(l4, state, &timeouts).iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        Some(IdleShape { of, entries, spread })
    };
    let large = mix.states().into_iter().filter(|(_, n)| share(*n, mix.total()) >= SHAPED);
    large.filter_map(shape).collect()
}

/// The only protocol that has entries in a state; none where several do.
fn state_of(mix: Mix<'_>, state: State) -> Option<L4> {
    let mut found = mix.0.keys().filter(|class| class.state == Some(state)).map(|class| class.l4);
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// Entries exactly where the leader is described, else as tallied with its error.
fn exactly(how: Option<&Leader>, tallied: u64, error: u64) -> (u64, u64) {
    how.map_or((tallied, error), |how| (how.entries, 0))
}

/// Sources, descending.
pub(crate) fn top_sources(case: &Case<'_>) -> Vec<TopSource> {
    let Some(census) = case.census else { return Vec::new() };
    let sources = &census.who.sources;
    let row = |row: &crate::model::census::Row<std::net::IpAddr>| {
        let how = case.how(&LeaderKey::Source(row.key));
        let (entries, entries_error) = exactly(how, row.count, sources.error);
        let is_local = case.locals.is_local(row.key);
        TopSource {
            address: row.key,
            entries,
            entries_error,
            share: share(entries, census.who.entries),
            is_local,
            states: how.map(|how| Mix(&how.classes).states()).unwrap_or_default(),
            owner: super::beside::owner(case, row.key),
            note: Some(source_note(case, row.key, is_local, how)),
        }
    };
    let mut out: Vec<TopSource> = sources.leading(census.who.entries).iter().map(row).collect();
    out.sort_by(|a, b| b.entries.cmp(&a.entries).then(a.address.cmp(&b.address)));
    out.truncate(rows(case));
    out
}

fn source_note(
    case: &Case<'_>,
    address: std::net::IpAddr,
    is_local: Option<bool>,
    how: Option<&Leader>,
) -> Sentence {
    let kind = AddressKind::of(address);
    let peer = case.pairs_of(address).first().map(|(pair, _)| pair.peer.address);
    let hop = super::hops::hop(case.locals, &case.counters, address, peer);
    let mut out = match (is_local, kind) {
        _ if hop.is_some() => hop.map(|hop| hop.words()).unwrap_or_default(),
        (Some(true), _) => Sentence::from("this host"),
        (_, kind) => kind.words().into(),
    };
    if let Some(how) = how.filter(|how| share(how.reversed, how.entries) >= MOSTLY_REVERSED) {
        out = out
            .with(";")
            .with(Word::Count(how.reversed, noun::ENTRY))
            .with("were first seen by an answer and stand the wrong way round: it is the server of them, not the client");
    }
    out
}

/// Peers, descending.
pub(crate) fn top_peers(case: &Case<'_>) -> Vec<TopPeer> {
    let Some(census) = case.census else { return Vec::new() };
    let peers = &census.who.peers;
    let mut out: Vec<TopPeer> = peers
        .leading(census.who.entries)
        .iter()
        .map(|row| {
            let how = case.how(&LeaderKey::Peer(row.key));
            let (entries, entries_error) = exactly(how, row.count, peers.error);
            TopPeer {
                peer: row.key,
                entries,
                entries_error,
                share: share(entries, census.who.entries),
                service: row.key.port.and_then(|port| service(port, row.key.l4)),
                states: how.map(|how| Mix(&how.classes).states()).unwrap_or_default(),
            }
        })
        .collect();
    out.sort_by(|a, b| b.entries.cmp(&a.entries).then(a.peer.cmp(&b.peer)));
    out.truncate(rows(case));
    out
}

/// Pairs, descending.
pub(crate) fn top_pairs(case: &Case<'_>) -> Vec<TopPair> {
    let Some(census) = case.census else { return Vec::new() };
    let mut out: Vec<TopPair> = census
        .who
        .pairs
        .leading(census.who.entries)
        .iter()
        .map(|row| {
            let entries = case.how(&LeaderKey::Pair(row.key)).map_or(row.count, |how| how.entries);
            TopPair { pair: row.key, entries, share: share(entries, census.who.entries) }
        })
        .collect();
    out.sort_by(|a, b| b.entries.cmp(&a.entries).then(a.pair.cmp(&b.pair)));
    out.truncate(rows(case));
    out
}

/// The first lines, each address with what it is where it is named first: this host, or a range that says something.
pub(crate) fn introduced(case: &Case<'_>, summary: Vec<Sentence>) -> Vec<Sentence> {
    let mut known: Vec<std::net::IpAddr> = Vec::new();
    summary.into_iter().map(|sentence| introduce(case, sentence, &mut known)).collect()
}

fn introduce(case: &Case<'_>, sentence: Sentence, known: &mut Vec<std::net::IpAddr>) -> Sentence {
    let begins = |word: &Word, with: char| matches!(word, Word::Text(text) if text.starts_with(with));
    let says_host =
        sentence.0.iter().any(|word| matches!(word, Word::Text(text) if text.contains("this host")));
    let mut out: Vec<Word> = Vec::new();
    let mut words = sentence.0.into_iter().peekable();
    while let Some(word) = words.next() {
        let named = match &word {
            Word::Address(address) | Word::Endpoint(address, ..) => Some(address.to_canonical()),
            _ => None,
        };
        let enclosed = matches!(out.last(), Some(Word::Text(text)) if text.ends_with('('))
            || words.peek().is_some_and(|next| begins(next, '('));
        out.push(word);
        let Some(address) = named.filter(|address| !known.contains(address)) else { continue };
        known.push(address);
        let kind = AddressKind::of(address);
        let own = case.locals.is_local(address) == Some(true) && kind != AddressKind::Loopback;
        let aside = if own { Some("(this host)").filter(|_| !says_host) } else { kind.aside() };
        out.extend(aside.filter(|_| !enclosed).map(Word::Text));
    }
    Sentence(out)
}
