//! C05 from the other side: recorded traffic is played to a server here, under the addresses of clients that are all of
//! one network, since the replayer must get their answers back. Look-alikes: a crowd of visitors (many networks), a load
//! generator (one source), a flood (nothing assured).

use std::net::IpAddr;

use crate::model::census::{Distinct, Leader, LeaderKey, Peer};
use crate::model::diagnosis::{Effect, Remedy};
use crate::model::flow::{L4, Reply};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::{rounded, share};
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::mix::Mix;
use super::super::scales::{Scales, Weight};
use super::super::{churn, open, remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Fewer addresses are a few clients.
const ADDRESSES_MIN: u64 = 50;
/// Sources that lead, all of which must be of one network.
const LEADING: usize = 48;
/// So many times more than the last of them the first may have: an office's machines are not alike.
const ALIKE: u64 = 3;
/// Entries of it that are assured, at least: a flood has none.
const ASSURED: f64 = 0.5;
/// Programs that play traffic, or catch its answers (`intercept` is tcpcopy's).
const REPLAYERS: [&str; 6] = ["intercept", "tcpcopy", "gor", "goreplay", "tcpreplay", "tcpliveplay"];

struct Replay<'a> {
    peer: Peer,
    how: &'a Leader,
    addresses: u64,
    program: Option<&'a str>,
    /// Seconds before the table was read.
    began: Option<u64>,
    share_of_table: f64,
    rate: Option<f64>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let replay = measure(case)?;
    Some(Candidate {
        summary: summary(case, &replay),
        loses: Some("neither a program nor a beginning tells that it is played".into()),
        rate_per_second: replay.rate,
        remedies: cures(case, &replay),
        will_not_help: vec![will_not_help::limit_for_a_test(replay.rate.and_then(rounded))],
        ..Candidate::new(
            Candidate::tier_of(replay.share_of_table),
            replay.share_of_table,
            scales(case, &replay),
        )
    })
}

fn measure<'a>(case: &'a Case<'_>) -> Option<Replay<'a>> {
    let (peer, entries, _) = case.top_peer()?;
    let how = case.how(&LeaderKey::Peer(peer))?;
    let share_of_table = share(entries, case.entries());
    let Distinct::Exactly(addresses) = how.other_ends else { return None };
    let assured = Mix(&how.classes).replied(Reply::Assured);
    if peer.l4 != L4::TCP
        || share_of_table < WORTH_NAMING
        || addresses < ADDRESSES_MIN
        || !one_network(case)
        || share(assured, entries) < ASSURED
    {
        return None;
    }
    let replay = Replay {
        program: program(case),
        began: churn::began(case, how),
        rate: churn::per_second(case, how),
        peer,
        how,
        addresses,
        share_of_table,
    };
    // The clients of one office are of one network as well: a sign of a replay beside it, at least.
    (replay.program.is_some() || replay.began.is_some()).then_some(replay)
}

/// The leading sources are all of one network, and have about as much each. Others may be among the rest.
fn one_network(case: &Case<'_>) -> bool {
    let Some(who) = case.census.map(|census| &census.who) else { return false };
    let rows = who.sources.leading(who.entries);
    let (Some(first), Some(last)) = (rows.first(), rows.get(LEADING - 1)) else { return false };
    let home = network(first.key);
    first.count <= last.count.saturating_mul(ALIKE)
        && rows.iter().take(LEADING).all(|row| network(row.key) == home)
}

/// The /24 of an address, or its /64.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits() >> 8),
        IpAddr::V6(v6) => v6.to_bits() >> 64,
    }
}

/// A program of this host that plays traffic or catches its answers.
fn program<'a>(case: &'a Case<'_>) -> Option<&'a str> {
    let calls = &case.counters.sockets.as_ref()?.calls;
    let known = |name: &str| REPLAYERS.contains(&name.to_ascii_lowercase().as_str());
    calls.keys().map(|call| &*call.program).find(|name| known(name))
}

fn summary(case: &Case<'_>, replay: &Replay<'_>) -> Vec<Sentence> {
    let to = Word::Endpoint(replay.peer.address, replay.peer.port, replay.peer.l4);
    let mut who = sentence!["traffic played to", to];
    if case.locals.is_local(replay.peer.address) == Some(true) {
        who = who.with("(this host)");
    }
    who = who
        .with("holds")
        .with(Word::Share(replay.share_of_table))
        .with("of the table:")
        .with(Word::Count(replay.how.entries, noun::ENTRY));
    let mut how = sentence!["it comes from addresses of one network"];
    if let Some(seconds) = replay.began {
        how = how.with("and began").with(Word::Duration(seconds as f64)).with("before the table was read");
    }
    if let Some(rate) = replay.rate {
        how = how.with(", at").with(Word::Rate(rate));
    }
    let what = "stop it, or let it pass untracked; a table for real visitors is not too small for it";
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, replay: &Replay<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "one-network",
            sentence![
                "the leading ones of its",
                Word::Count(replay.addresses, noun::SOURCE),
                "are all of one network (a /24, or a /64 of IPv6) and hold about as much each: visitors come from many"
            ],
        )
        .value("sources", replay.addresses as f64)
        .read_in_table(case),
    );
    match (replay.program, &case.counters.sockets) {
        (Some(program), _) => scales.speaks_for(
            Weight::Deciding,
            supports(
                "replay-program",
                sentence![
                    Word::Untrusted(program.as_bytes().into()),
                    "runs here: a program that plays recorded traffic, or catches its answers"
                ],
            )
            .read_in_table(case),
        ),
        (None, Some(_)) => scales.speaks_against(
            Weight::Slight,
            contradicts(
                "no-replay-program",
                "the list of sockets names no program that plays traffic: it may run on another machine"
                    .into(),
            )
            .read_in_table(case),
        ),
        (None, None) => scales.not_known(Weight::Deciding, open::program(case, replay.peer.address)),
    }
    let young = |seconds: u64| {
        context("began-at-once", sentence!["it began at once,", Word::Duration(seconds as f64), "before"])
            .value("seconds", seconds as f64)
            .read_in_table(case)
    };
    match replay.began {
        Some(seconds) => scales.speaks_for(Weight::Strong, young(seconds)),
        None => scales.speaks_against(
            Weight::Slight,
            contradicts(
                "no-beginning",
                "no beginning is seen: it goes on for longer than its entries last".into(),
            )
            .read_in_table(case),
        ),
    }
    scales
}

fn cures(case: &Case<'_>, replay: &Replay<'_>) -> Vec<Remedy> {
    let stop = Remedy {
        id: "stop-the-test",
        title: "stop the replay on the machine that sends it; its entries leave by their timers".into(),
        commands: Vec::new(),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(replay.how.entries)),
            note: "connections that are over leave within their timeout; open ones whose ends are gone stay for the established timeout".into(),
        },
        side_effects: Vec::new(),
        persists: false,
    };
    std::iter::once(stop).chain(remedies::raise_limit(case)).collect()
}
