//! A replay: traffic that was recorded elsewhere is played at a service here (tcpcopy and its kin). Its connections bear
//! sources that the player chose: a network of which it uses every address alike and which is routed back to its helper,
//! or those that it recorded, which only a program of it tells from visitors.
//! Look-alikes: visitors of one network (few of its addresses, and each with another number of connections), machines
//! in front of the service (fewer), the addresses behind which a provider hides its customers.

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Distinct, Leader, LeaderKey, Peer, Row};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::super::arith::share;
use super::super::super::churn::{self, WORTH_NAMING};
use super::super::super::evidence::{Cited, contradicts, supports};
use super::super::super::facts::Case;
use super::super::super::network::Network;
use super::super::super::open::{Open, inside, is_local};
use super::super::super::scales::{Scales, Weight};
use super::super::super::{remedies, will_not_help};
use super::super::Candidate;

/// Share of the leading sources that are of the one network: this host and a few others may stand among them.
const OF_ONE_NETWORK: f64 = 0.9;
/// Fewer leading sources say nothing of a network.
const LEADING_MIN: usize = 32;
/// More addresses of one network than the things that share one have: a node runs 110 pods, if it is not told otherwise,
/// and an office of as many seats has its own.
const ADDRESSES_MIN: u64 = 110;
/// Chosen by turns or by chance, no source has more than this times as many as the last of the leading ones, beyond
/// chance. What people open differs tenfold.
const EVENLY: f64 = 1.5;
/// Standard deviations that chance is given, since it is the largest of hundreds.
const CHANCE: f64 = 3.0;
/// A server that is overrun leaves handshakes and open connections as well.
const ENDED: f64 = 0.5;
/// Programs that stand on the server side of a replay: tcpcopy's helper, which took the place of its module.
const HELPERS: [&str; 2] = ["intercept", "tcpcopy"];

pub(crate) struct Replay<'a> {
    peer: Peer,
    how: &'a Leader,
    /// None: its sources are of many networks, as they were when it was recorded.
    one: Option<OneNetwork>,
    helper: Option<Box<str>>,
    share_of_table: f64,
    rate: Option<f64>,
}

/// The network that the sources are of.
#[derive(Debug, Clone, Copy)]
struct OneNetwork {
    network: Network,
    /// Addresses of it that are used, at least.
    addresses: u64,
    /// Entries of the first and the last of its leading sources.
    first_and_last: (u64, u64),
}

impl OneNetwork {
    /// All of its sources have about as many.
    fn is_even(self) -> bool {
        let (first, last) = self.first_and_last;
        first as f64 <= EVENLY * last as f64 + CHANCE * (last as f64).sqrt()
    }
}

impl Replay<'_> {
    /// It is played at that peer, as far as the table tells, or a program.
    pub(crate) fn is_of(&self, peer: Peer) -> bool {
        self.peer == peer && (self.is_known() || self.one.is_some_and(OneNetwork::is_even))
    }

    /// A program of this host stands in a replay.
    pub(crate) fn is_known(&self) -> bool {
        self.helper.is_some()
    }
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let replay = measure(case)?;
    Some(Candidate {
        summary: summary(&replay),
        loses: Some("no program is seen here that plays recorded traffic".into()),
        rate_per_second: replay.rate,
        remedies: cures(case, &replay),
        will_not_help: useless(case),
        ..Candidate::new(
            Candidate::tier_of(replay.share_of_table),
            replay.share_of_table,
            scales(case, &replay),
        )
    })
}

/// What looks like a replay.
pub(crate) fn measure<'a>(case: &Case<'a>) -> Option<Replay<'a>> {
    let who = &case.census?.who;
    let peer = who.peers.leading(who.entries).first()?.key;
    let how = case.how(&LeaderKey::Peer(peer))?;
    let share_of_table = share(how.entries, who.entries);
    let (one, helper) = (one_network(case, how), helper(case));
    let fits = peer.l4 == L4::TCP
        && peer.port.is_some()
        && case.locals.is_local(peer.address) != Some(false)
        && AddressKind::of(peer.address) != AddressKind::Loopback
        && translated(how) == 0
        && share_of_table >= WORTH_NAMING
        && churn::over(how) >= ENDED;
    (fits && (one.is_some() || helper.is_some())).then(|| Replay {
        rate: churn::per_second(case, how),
        peer,
        how,
        one,
        helper,
        share_of_table,
    })
}

/// The network of nearly all leading sources, where more of its addresses are used than others use of theirs.
fn one_network(case: &Case<'_>, how: &Leader) -> Option<OneNetwork> {
    let who = &case.census?.who;
    let leading = who.sources.leading(who.entries);
    let (Distinct::Exactly(ends), Distinct::Exactly(networks)) = (how.other_ends, how.source_networks) else {
        return None;
    };
    let last = leading.last()?.count;
    let network = most_common(leading.iter().map(|row| Network::of(row.key)))?;
    // Of those that have as many as the last one, which are among the rows is an accident of their order.
    let telling: Vec<&Row<IpAddr>> = leading.iter().filter(|row| row.count > last || networks == 1).collect();
    let of_it = telling.iter().filter(|row| Network::of(row.key) == network);
    let counts: Vec<u64> = of_it.map(|row| row.count).collect();
    let all = counts.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
    // The leading ones have more than the others: there are at least so many.
    let alike = how.entries.saturating_mul(counts.len() as u64).checked_div(all)?;
    // Each further network has an address of its own at least.
    let addresses = alike.min(ends.saturating_sub(networks.saturating_sub(1)));
    let fits = telling.len() >= LEADING_MIN
        && share(counts.len() as u64, telling.len() as u64) >= OF_ONE_NETWORK
        && (ADDRESSES_MIN..=network.room()).contains(&addresses);
    let first_and_last = (*counts.first()?, last);
    fits.then_some(OneNetwork { network, addresses, first_and_last })
}

fn most_common(networks: impl Iterator<Item = Network>) -> Option<Network> {
    let mut counts: std::collections::BTreeMap<Network, u64> = std::collections::BTreeMap::new();
    for network in networks {
        *counts.entry(network).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, n)| *n).map(|(network, _)| network)
}

fn translated(how: &Leader) -> u64 {
    how.nat.source.saturating_add(how.nat.destination).saturating_add(how.nat.both)
}

/// The program of a replay among those of this host that have connections.
fn helper(case: &Case<'_>) -> Option<Box<str>> {
    let mut calls = case.counters.sockets.as_ref()?.calls.keys();
    calls.find(|call| HELPERS.contains(&&*call.program)).map(|call| call.program.clone())
}

fn word(network: Network) -> Word {
    Word::Code(network.to_string())
}

fn summary(replay: &Replay<'_>) -> Vec<Sentence> {
    let at = Word::Endpoint(replay.peer.address, replay.peer.port, replay.peer.l4);
    let begins: &'static str = if replay.is_known() { "replayed traffic to" } else { "traffic to" };
    let mut who = sentence![begins, at, "holds", Word::Share(replay.share_of_table), "of the table"];
    if !replay.is_known() {
        who = who.with(": a replay, it seems");
    }
    let mut how = sentence![Word::Count(replay.how.entries, noun::ENTRY), "from"];
    match replay.one {
        Some(one) => {
            how = how.with(Word::Number(one.addresses)).with("addresses or more of").with(word(one.network));
            if one.is_even() {
                how = how.with(", all alike");
            }
        }
        None => {
            how = how.with(Word::Number(churn::at_least(replay.how.other_ends))).with("sources, as recorded");
        }
    }
    if let Some(rate) = replay.rate {
        how = how.with(":").with(Word::Rate(rate));
    }
    let what = match replay.one {
        Some(_) => "stop it, or take it out of tracking on this host; production is not too small for it",
        None => "stop it, or give this host the room for it; production is not too small for it",
    };
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, replay: &Replay<'_>) -> Scales {
    let mut scales = Scales::default();
    if let Some(one) = replay.one {
        sources(case, one, &mut scales);
        place(case, replay.peer, one.network, &mut scales);
    } else {
        let said =
            "its sources are of many networks, as visitors are; a replay may keep those it was recorded with";
        scales.speaks_against(Weight::Slight, contradicts("many-networks", said.into()).read_in_table(case));
    }
    if let Some(seconds) = churn::began(case, replay.how) {
        scales.speaks_for(
            Weight::Strong,
            supports(
                "began-at-once",
                sentence!["it began at once,", Word::Duration(seconds as f64), "before the table was read"],
            )
            .value("seconds", seconds as f64)
            .read_in_table(case),
        );
    }
    match (&replay.helper, replay.one) {
        (Some(helper), _) => {
            let said =
                sentence![Word::Untrusted(helper.as_bytes().into()), "runs here, a program of replays"];
            scales.speaks_for(Weight::Deciding, supports("replay-program", said).read_in_table(case));
        }
        (None, Some(one)) => scales.not_known(Weight::Deciding, ask(case, one.network)),
        (None, None) => {}
    }
    scales
}

/// So many of one network, and each as often as the others.
fn sources(case: &Case<'_>, one: OneNetwork, scales: &mut Scales) {
    scales.speaks_for(
        Weight::Strong,
        supports(
            "one-network",
            sentence![
                "at least",
                Word::Number(one.addresses),
                "addresses of",
                word(one.network),
                "go to one port here: more than an office or a node of a cluster has in one network"
            ],
        )
        .value("addresses", one.addresses as f64)
        .read_in_table(case),
    );
    let (first, last) = one.first_and_last;
    let said = |tail: &'static str| {
        sentence![
            "the first of the leading sources has",
            Word::Count(first, noun::ENTRY),
            ", the last",
            Word::Number(last),
            ":",
            Word::Text(tail)
        ]
    };
    scales.weigh(
        Weight::Strong,
        one.is_even(),
        || {
            supports("dealt-out-evenly", said("a program deals out addresses like that, people do not"))
                .read_in_table(case)
        },
        || contradicts("uneven", said("as people differ who visit a service")).read_in_table(case),
    );
}

/// What is played back is routed to the helper, so its network is none of this host's own.
fn place(case: &Case<'_>, peer: Peer, network: Network, scales: &mut Scales) {
    if !case.locals.known() {
        scales.not_known(Weight::Slight, is_local(case, peer.address));
        return;
    }
    let own = case.locals.addresses.keys().any(|address| Network::of(*address) == network);
    scales.weigh(
        if own { Weight::Strong } else { Weight::Slight },
        !own,
        || {
            let said = sentence!["this host has no address in", word(network), ": it is routed to it"];
            supports("routed-network", said).read_in_table(case)
        },
        || {
            let said = sentence!["this host has an address in", word(network), ": they are its neighbours"];
            contradicts("own-network", said).read_in_table(case)
        },
    );
}

/// Whose network it is.
fn ask(case: &Case<'_>, network: Network) -> Open {
    Open {
        what: "client",
        why: sentence![
            "whether visitors stand behind",
            word(network),
            "or a test is not known: a replay has it routed to its helper, and a program of it runs there or here"
        ],
        command: Some(inside(case, format!("ip route get {}; ss -tanp", network.address()))),
    }
}

fn cures(case: &Case<'_>, replay: &Replay<'_>) -> Vec<Remedy> {
    let network = replay.one.map(|one| one.network);
    let mut out = vec![remedies::stop_the_replay(case, network, replay.peer, replay.how.entries)];
    out.extend(network.and_then(|network| remedies::notrack_network(case, network, replay.peer).ok()));
    out.extend(remedies::raise_limit(case));
    out
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![will_not_help::production_for_a_test()];
    out.extend(will_not_help::socket_settings(case));
    out.extend(will_not_help::established_for_churn(case));
    out
}
