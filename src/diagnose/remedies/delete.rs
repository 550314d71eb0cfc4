//! Deleting entries by tuple, state and port, with the number that goes. Never by flag, never the whole table.

use std::net::IpAddr;

use crate::model::census::{Class, LeaderKey, Pair, Peer};
use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::flow::{L4, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::facts::Case;
use super::super::idle::{Ages, older_than};
use super::super::mix::Mix;
use super::super::outlook::{Change, outlook};
use super::{family, here};

/// Command lines that one remedy prints, at most.
const LINES_MAX: usize = 8;
/// From this share of a peer's entries on that its named clients hold, it is not worth naming them one by one.
const MOST: f64 = 0.5;
/// From this share of entries idle on, a peer is taken for gone.
const MOSTLY: f64 = 0.9;

/// Deletes the TIME_WAIT entries of these pairs now.
pub(crate) fn delete_time_wait(case: &Case<'_>, pairs: &[(Pair, u64)]) -> Option<Remedy> {
    let mut freed: u64 = 0;
    let mut commands = Vec::new();
    let mut whole: Vec<Peer> = Vec::new();
    for (pair, _) in pairs.iter().filter(|(pair, _)| pair.peer.l4 == L4::TCP) {
        if commands.len() >= LINES_MAX {
            break;
        }
        if whole.contains(&pair.peer) {
            continue;
        }
        let of_all = mostly_of(case, pair.peer, pairs);
        let entries = of_all.unwrap_or_else(|| over(case, &LeaderKey::Pair(*pair)));
        let Some(port) = pair.peer.port.filter(|_| entries > 0) else { continue };
        freed = freed.saturating_add(entries);
        let (source, peer) = (pair.source.to_canonical(), pair.peer.address.to_canonical());
        let from = if of_all.is_some() { String::new() } else { format!("-s {source} ") };
        if of_all.is_some() {
            whole.push(pair.peer);
        }
        commands.push(here(
            format!("conntrack {}-D -p tcp --state TIME_WAIT {from}-d {peer} --dport {port}", family(peer)),
            None,
        ));
    }
    (freed > 0).then(|| Remedy {
        id: "delete-time-wait",
        title: "relief for now: delete the entries of connections that are over".into(),
        commands,
        effect: outlook(case, &Change { deleted: freed, ..Change::default() }).effect(
            case,
            sentence!["they come back within", Word::Duration(back_seconds(case, pairs)), "at the same rate"],
        ),
        side_effects: vec![
            "needs conntrack-tools; it walks the whole table".into(),
            "a last packet of such a connection that comes late makes an entry again".into(),
        ],
        persists: false,
    })
}

/// Entries of a leader in TIME_WAIT.
fn over(case: &Case<'_>, key: &LeaderKey) -> u64 {
    case.how(key).map_or(0, |how| Mix(&how.classes).tcp(State::TimeWait))
}

/// All entries of a peer in TIME_WAIT, where several of these pairs hold most of them: one line takes the place of one for
/// each client. None where only one client is meant, or where the destination is translated (it may be that of a service).
fn mostly_of(case: &Case<'_>, peer: Peer, pairs: &[(Pair, u64)]) -> Option<u64> {
    let of_it: Vec<&Pair> = pairs.iter().map(|(pair, _)| pair).filter(|pair| pair.peer == peer).collect();
    let nat = case.how(&LeaderKey::Peer(peer))?.nat;
    if of_it.len() < 2 || nat.destination > 0 || nat.both > 0 {
        return None;
    }
    let all = over(case, &LeaderKey::Peer(peer));
    let meant = of_it.iter().fold(0u64, |sum, pair| sum.saturating_add(over(case, &LeaderKey::Pair(**pair))));
    (share(meant, all) >= MOST).then_some(all)
}

/// How long it took the connections of these pairs to come: a lifetime, or less where the table filled faster.
fn back_seconds(case: &Case<'_>, pairs: &[(Pair, u64)]) -> f64 {
    let lifetime = case.time_wait_seconds() as f64;
    let leaders = pairs.iter().filter_map(|(pair, _)| case.how(&LeaderKey::Pair(*pair)));
    leaders
        .map(|how| how.entries as f64 / case.churn_per_second(how))
        .fold(None, |most: Option<f64>, seconds| Some(most.map_or(seconds, |most| most.max(seconds))))
        .filter(|seconds| seconds.is_finite())
        .map_or(lifetime, |seconds| seconds.min(lifetime))
}

/// Lines that delete the associations of SCTP between these addresses, and how many entries they take: those of the pairs
/// that are described, each with its port. (Only for what is no longer tracked: a packet in the middle of an association
/// makes no entry.)
pub(super) fn associations(case: &Case<'_>, between: &[(IpAddr, IpAddr)]) -> (Vec<Command>, u64) {
    let rows = case.census.map_or(&[][..], |census| census.who.pairs.leading(census.who.entries));
    let meant = |pair: &Pair| {
        let (source, peer) = (pair.source.to_canonical(), pair.peer.address.to_canonical());
        pair.peer.l4 == L4::SCTP && (between.contains(&(source, peer)) || between.contains(&(peer, source)))
    };
    let mut freed: u64 = 0;
    let mut commands = Vec::new();
    for pair in rows.iter().map(|row| row.key).filter(meant).take(LINES_MAX) {
        let of = |class: &Class| class.l4 == L4::SCTP && class.state == Some(State::Established);
        let entries = case.how(&LeaderKey::Pair(pair)).map_or(0, |how| Mix(&how.classes).count(of));
        let Some(port) = pair.peer.port.filter(|_| entries > 0) else { continue };
        freed = freed.saturating_add(entries);
        let (source, peer) = (pair.source.to_canonical(), pair.peer.address.to_canonical());
        commands.push(here(
            format!(
                "conntrack {}-D -p sctp --state ESTABLISHED -s {source} -d {peer} --dport {port}",
                family(source)
            ),
            None,
        ));
    }
    (commands, freed)
}

/// Deletes the established entries towards peers that have been silent for longer than `idle_seconds`.
pub(crate) fn delete_established_to(case: &Case<'_>, idle_seconds: u64) -> Option<Remedy> {
    let census = case.census?;
    let mut freed: u64 = 0;
    let mut commands = Vec::new();
    let mut others: u64 = 0;
    for row in census.who.peers.leading(census.who.entries) {
        let Some(silent) = silent(case, row.key, idle_seconds) else { continue };
        if commands.len() >= LINES_MAX {
            others = others.saturating_add(1);
            continue;
        }
        let Some(port) = row.key.port else { continue };
        freed = freed.saturating_add(silent);
        let address = row.key.address.to_canonical();
        commands.push(here(
            format!("conntrack {}-D -p tcp --state ESTABLISHED -d {address} --dport {port}", family(address)),
            None,
        ));
    }
    (freed > 0).then(|| Remedy {
        id: "delete-established",
        title: "delete the entries of peers that are gone, after making sure that they are".into(),
        commands,
        effect: Effect {
            entries_freed_now: Some(freed),
            steady_state_entries: left_without(case, freed),
            note: note(others).with("; assumed: the rest stays as it is"),
        },
        side_effects: vec![
            "a connection that is alive after all is taken up again with its next packet, unless address translation or a firewall rule needs the old entry: then it breaks".into(),
            "needs conntrack-tools; each line walks the whole table".into(),
        ],
        persists: false,
    })
}

/// Where the table settles without so many entries that do not come back.
fn left_without(case: &Case<'_>, freed: u64) -> Option<u64> {
    let left = case.offered(|_| None)?.saturating_sub(freed);
    Some(case.usage.max.map_or(left, |max| left.min(max)))
}

fn note(others: u64) -> Sentence {
    if others == 0 {
        return "they do not come back".into();
    }
    sentence![
        "at least",
        Word::Count(others, noun::PEER),
        "more are as silent and can be deleted in the same way"
    ]
}

/// Established entries of a peer, where nearly all of them are silent and none is reached through a changed
/// destination (deleting by the address of a service would take every client of it).
fn silent(case: &Case<'_>, peer: Peer, idle_seconds: u64) -> Option<u64> {
    if peer.l4 != L4::TCP {
        return None;
    }
    let how = case.how(&LeaderKey::Peer(peer))?;
    if how.nat.destination > 0 || how.nat.both > 0 {
        return None;
    }
    let ages = Ages { remaining: &how.remaining, classes: &how.classes };
    let timeouts = case.timeouts();
    let established = Mix(&how.classes).tcp(State::Established);
    let silent = older_than(idle_seconds, &ages.of(L4::TCP, Some(State::Established), &timeouts));
    (silent > 0 && share(silent, established) >= MOSTLY).then_some(established)
}
