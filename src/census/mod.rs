//! Flows → census, in two looks: who holds the table, and how the leaders hold it.
//!
//! The looks are two because memory is bounded: the first one learns who the leaders are and keeps entries only while
//! they are few ([`noted`] then is the second look), the second one describes the leaders exactly. Both are folds: parts of a table may be read by several workers and joined in
//! any bracketing; while no tally overflowed, any cut gives the same census, and where one did, a count is never above
//! the truth. A caller that reads the second look from another reading of the file must know that the bytes are the
//! same (by length and hash) and say so in [`Census::changed_between_looks`] if not.
//!
//! Remaining times are kept as printed, since the timeouts may stand in another input; idle ages are arithmetic at the
//! end ([`Remaining::idle_ages`](crate::model::census::Remaining::idle_ages)).

mod class;
mod distinct;
mod entry;
mod histogram;
mod how;
mod key;
mod nat;
mod notes;
mod ports;
mod seen;
mod tallies;
mod who;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use how::{HowPart, HowSink};
pub use who::{WhoPart, WhoSink};

use crate::model::census::{Census, Leader, LeaderKey, PortKey, Ranking, Who};

/// Local addresses that are described; a host with more is one that answers for whole networks.
pub const LOCAL_ADDRESSES_MAX: usize = 1_024;

/// The keys the second look describes: the leaders of each tally, and every local address as source and destination.
/// In ascending order, each once.
pub fn leaders(who: &WhoPart, local: &[IpAddr]) -> Vec<LeaderKey> {
    let who = who.ended();
    let local: BTreeSet<IpAddr> = local.iter().map(IpAddr::to_canonical).collect();
    let local = local.into_iter().take(LOCAL_ADDRESSES_MAX);
    let keys: BTreeSet<LeaderKey> = local
        .flat_map(|address| [LeaderKey::Source(address), LeaderKey::Destination(address)])
        .chain(who.sources.rows.iter().map(|row| LeaderKey::Source(row.key)))
        .chain(who.destinations.rows.iter().map(|row| LeaderKey::Destination(row.key)))
        .chain(who.peers.rows.iter().map(|row| LeaderKey::Peer(row.key)))
        .chain(who.pairs.rows.iter().map(|row| LeaderKey::Pair(row.key)))
        .chain(who.destination_ports.rows.iter().map(|row| LeaderKey::DestinationPort(row.key)))
        .chain(constant(&who).map(LeaderKey::SourcePort))
        .collect();
    keys.into_iter().collect()
}

/// These keys and those a question is about, in ascending order, each once.
pub fn and_asked(leaders: Vec<LeaderKey>, asked: &[LeaderKey]) -> Vec<LeaderKey> {
    let keys: BTreeSet<LeaderKey> = leaders.into_iter().chain(asked.iter().copied()).collect();
    keys.into_iter().collect()
}

/// Says of keys that were looked for and do not occur that they hold nothing: that is known, and not a gap.
pub fn note_absent(census: &mut Census, asked: &[LeaderKey]) {
    for key in asked {
        census.how.entry(*key).or_insert_with(Leader::nothing);
    }
}

/// Source ports that at least a hundredth of the entries share. Below that they are those of a client's range, where
/// which one comes first is an accident.
fn constant(who: &Who) -> impl Iterator<Item = PortKey> {
    let entries = who.entries;
    who.source_ports
        .rows
        .iter()
        .filter(move |row| row.count.saturating_mul(100) >= entries)
        .map(|row| row.key)
}

/// The second look, where the first one noted every entry and the table need not be read again; none where it did not. It
/// is one of `parts`, which may be made side by side and are joined.
pub fn noted(who: &WhoPart, leaders: &[LeaderKey], part: usize, parts: usize) -> Option<HowPart> {
    HowSink::new(leaders).described_by_notes(who, part, parts)
}

/// Both looks together. Rows of the rankings that the second look described get their exact counts.
#[expect(clippy::needless_pass_by_value, reason = "the parts are large and of no use afterwards")]
pub fn census(who: WhoPart, how: HowPart) -> Census {
    let mut ended = who.ended();
    drop(who);
    let how = how.ended();
    settle(&mut ended.sources, &how, LeaderKey::Source);
    settle(&mut ended.destinations, &how, LeaderKey::Destination);
    settle(&mut ended.peers, &how, LeaderKey::Peer);
    settle(&mut ended.pairs, &how, LeaderKey::Pair);
    Census { who: ended, how, changed_between_looks: false }
}

/// Puts the exact counts into the rows, and the rows into their order. The error is 0 once every row is exact.
fn settle<K: Copy + Ord>(
    ranking: &mut Ranking<K>,
    how: &BTreeMap<LeaderKey, Leader>,
    leader: impl Fn(K) -> LeaderKey,
) {
    if ranking.error == 0 {
        return;
    }
    let mut all = true;
    for row in &mut ranking.rows {
        match how.get(&leader(row.key)) {
            Some(exact) => row.count = exact.entries,
            None => all = false,
        }
    }
    if all {
        ranking.error = 0;
    }
    ranking.rows.sort_unstable_by(who::order);
}
