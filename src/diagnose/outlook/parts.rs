//! A table divided by what a change does to it: what goes on as before, what is deleted, what drains, what is kept open.
//! Each entry is in one of them.

use crate::model::census::{Class, Distinct, Leader, LeaderKey, Pair, Peer};
use crate::model::flow::State;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::facts::Case;
use super::super::mix::{Mix, closing};
use super::super::portion::Portion;
use super::Change;

/// The table, divided by what happens to it.
pub(super) struct Parts {
    /// What goes on as before.
    pub(super) rest: Portion,
    /// What is over and is not followed by more: it drains.
    pub(super) drains: Portion,
    /// Connections kept open.
    pub(super) pool: u64,
    /// Deleted.
    pub(super) freed: u64,
    /// What that rests on.
    pub(super) assumptions: Vec<Sentence>,
}

impl Parts {
    pub(super) fn of(case: &Case<'_>, whole: Portion, change: &Change) -> Result<Self, Sentence> {
        let mut out =
            Self { rest: whole, drains: Portion::default(), pool: 0, freed: 0, assumptions: Vec::new() };
        for key in change.gone() {
            let part = Portion::of(held_by(case, &key)?);
            out.freed = out.freed.saturating_add(part.entries());
            out.rest.take_away(&part);
            out.assumptions.push(gone_said(&key, part.entries()));
        }
        for (key, without) in change.reused() {
            let leader = held_by(case, &key)?;
            let mut part = Portion::of(leader);
            for pair in without {
                part.take_away(&Portion::of(held_by(case, &LeaderKey::Pair(pair))?));
            }
            out.rest.take_away(&part);
            let open = Mix(&part.classes).count(|class| !ended(class));
            let clients = match (&key, leader.other_ends) {
                (LeaderKey::Peer(_), Distinct::Exactly(clients)) => clients,
                _ => 1,
            };
            // Who has entries there keeps one connection at least.
            let kept = open.max(clients).min(part.entries());
            part.classes.retain(|class, _| ended(class));
            out.drains.add(&part);
            out.pool = out.pool.saturating_add(kept);
            out.assumptions.push(pool_said(&key, kept));
        }
        Ok(out)
    }
}

impl Change {
    /// What is deleted, each entry under one key.
    fn gone(&self) -> Vec<LeaderKey> {
        let mut keys: Vec<LeaderKey> =
            self.gone_sources.iter().map(|source| LeaderKey::Source(*source)).collect();
        let pairs = self.gone_pairs.iter().filter(|pair| !self.gone_sources.contains(&pair.source));
        keys.extend(pairs.map(|pair| LeaderKey::Pair(*pair)));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What is kept open, each entry under one key; with the pairs of it that are deleted.
    fn reused(&self) -> Vec<(LeaderKey, Vec<Pair>)> {
        let is_gone =
            |pair: &Pair| self.gone_sources.contains(&pair.source) || self.gone_pairs.contains(pair);
        let mut out: Vec<(LeaderKey, Vec<Pair>)> = Vec::new();
        for peer in &self.reused_peers {
            let sources = self.gone_sources.iter().map(|source| Pair { source: *source, peer: *peer });
            let pairs = self.gone_pairs.iter().copied().filter(|pair| pair.peer == *peer);
            let mut without: Vec<Pair> = sources.chain(pairs).collect();
            without.sort_unstable();
            without.dedup();
            out.push((LeaderKey::Peer(*peer), without));
        }
        let pairs =
            self.reused_pairs.iter().filter(|pair| !is_gone(pair) && !self.reused_peers.contains(&pair.peer));
        out.extend(pairs.map(|pair| (LeaderKey::Pair(*pair), Vec::new())));
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// A connection that was used and is over.
fn ended(class: &Class) -> bool {
    closing(class.l4, class.state) && class.state != Some(State::CloseWait)
}

/// What a key holds; where that is not known, in words.
fn held_by<'a>(case: &Case<'a>, key: &LeaderKey) -> Result<&'a Leader, Sentence> {
    case.how(key).ok_or_else(|| {
        named(key).with(
            "is not among the leaders of this table, which alone are described: what it holds is not known",
        )
    })
}

fn named(key: &LeaderKey) -> Sentence {
    let end = |peer: &Peer| Word::Endpoint(peer.address, peer.port, peer.l4);
    match key {
        LeaderKey::Source(source) | LeaderKey::Destination(source) => sentence![*source],
        LeaderKey::Peer(peer) => sentence![end(peer)],
        LeaderKey::Pair(pair) => sentence!["from", pair.source, "to", end(&pair.peer)],
        LeaderKey::DestinationPort(port) | LeaderKey::SourcePort(port) => {
            sentence![Word::Port(port.port, port.l4)]
        }
    }
}

fn gone_said(key: &LeaderKey, entries: u64) -> Sentence {
    match key {
        _ if entries == 0 => named(key).with("has no entry in this table"),
        LeaderKey::Pair(_) => sentence![
            "the connections"
        ]
        .and(named(key))
        .with("go on without entries; theirs are deleted, both directions are taken out, and nothing translates their addresses"),
        _ => named(key).with("opens no connection any more, its entries are deleted, and nobody opens them in its place"),
    }
}

fn pool_said(key: &LeaderKey, kept: u64) -> Sentence {
    let out = sentence![
        "as many connections stay open as are in use at once, one for each client at least:",
        Word::Count(kept, noun::CONNECTION)
    ];
    match key {
        LeaderKey::Pair(_) => out,
        _ => out.with("to").and(named(key)),
    }
    .with("; a pool sized for peaks is larger, and what is over now runs out by itself")
}
