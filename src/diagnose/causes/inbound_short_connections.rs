//! C03: a service here is visited with a new connection for each request. Either a crowd of visitors, or a few
//! machines in front (load balancers, a CDN) that keep no connection open. Look-alikes: a flood (nothing is finished),
//! a load test (one source, which began at once), the host's own churn, checks by a timer, IPVS.

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Distinct, Leader, LeaderKey, Pair, Peer, Row};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, State};
use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::model::services::is_datastore;
use crate::sentence;

use super::super::arith::share;
use super::super::churn::{self, WORTH_NAMING, at_least};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::hops::{self, Hop};
use super::super::idle::Shape;
use super::super::mix::Mix;
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;
use super::load_generator::replay;

/// Sources that are a crowd, where the server is not known to be here.
const CROWD: u64 = 64;
/// A browser without keep-alive opens a connection for each object of a page; more than this in two minutes is a
/// machine.
const PER_VISITOR: f64 = 100.0;
/// Share of a peer's entries that own addresses open, from which on it is the host's own churn.
const OWN: f64 = 0.5;

/// Who visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clients {
    /// Many, each with a few.
    Crowd,
    /// A few, each with many.
    Few(u64),
    /// One.
    One(IpAddr),
}

struct Visits<'a> {
    peer: Peer,
    how: &'a Leader,
    clients: Clients,
    hop: Option<(IpAddr, Hop)>,
    entries: u64,
    ended: u64,
    half_open: u64,
    share_of_table: f64,
    rate: Option<f64>,
    pairs: Vec<(Pair, u64)>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let visits = measure(case)?;
    Some(Candidate {
        summary: summary(case, &visits),
        loses: Some(sentence![
            "short connections to a service here explain only",
            Word::Share(visits.share_of_table),
            "of the table"
        ]),
        rate_per_second: visits.rate,
        remedies: cures(case, &visits),
        will_not_help: useless(case, &visits),
        limit_contributes: true,
        ..Candidate::new(
            Candidate::tier_of(visits.share_of_table),
            visits.share_of_table,
            scales(case, &visits),
        )
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Visits<'a>> {
    let who = &case.census?.who;
    let served: Vec<(Peer, &Leader)> =
        who.peers.leading(who.entries).iter().filter_map(|row| served(case, row)).collect();
    let sum =
        |of: &dyn Fn(&Leader) -> u64| served.iter().fold(0u64, |sum, (_, how)| sum.saturating_add(of(how)));
    let entries = sum(&|how| how.entries);
    let share_of_table = share(entries, who.entries);
    if share_of_table < WORTH_NAMING {
        return None;
    }
    let (peer, how) = *served.first()?;
    let rates = served.iter().filter_map(|(_, how)| churn::per_second(case, how));
    let pairs = who.pairs.leading(who.entries).iter().filter(|row| row.key.peer == peer);
    let pairs: Vec<(Pair, u64)> = pairs.map(|row| (row.key, row.count)).collect();
    let clients = match how.other_ends {
        Distinct::Exactly(1) => Clients::One(pairs.first()?.0.source),
        Distinct::Exactly(n) if how.entries as f64 / n.max(1) as f64 >= PER_VISITOR => Clients::Few(n),
        _ => Clients::Crowd,
    };
    let hop = pairs.first().and_then(|(pair, n)| {
        let hop = hops::hop(case.locals, &case.counters, pair.source, Some(peer.address))?;
        // One that only looks like a hop is spoken of beside the verdict.
        (hop.is_sure() && share(*n, how.entries) >= OWN).then_some((pair.source, hop))
    });
    Some(Visits {
        peer,
        how,
        clients,
        hop,
        entries,
        ended: sum(&|how| Mix(&how.classes).ended()),
        half_open: sum(&|how| Mix(&how.classes).half_open()),
        share_of_table,
        rate: rates.reduce(|a, b| a + b),
        pairs,
    })
}

/// A service that others use, and most of whose connections are over. Here, or behind a hop of this host; where it is
/// not known whether it is here, or where it stands behind this host, only if a crowd uses it.
fn served<'a>(case: &Case<'a>, row: &Row<Peer>) -> Option<(Peer, &'a Leader)> {
    let peer = row.key;
    let how = case.how(&LeaderKey::Peer(peer))?;
    if peer.l4 != L4::TCP || peer.port.is_none() || AddressKind::of(peer.address) == AddressKind::Loopback {
        return None;
    }
    let who = &case.census?.who;
    let first = who.pairs.leading(who.entries).iter().find(|row| row.key.peer == peer);
    let own = first.filter(|row| {
        case.locals.is_local(row.key.source) == Some(true) && share(row.count, how.entries) >= OWN
    });
    let passed_on = own.is_some_and(|row| {
        hops::hop(case.locals, &case.counters, row.key.source, Some(peer.address))
            .is_some_and(|hop| hop.is_sure())
    });
    let here = case.locals.is_local(peer.address) == Some(true);
    let used = if own.is_some() { passed_on } else { here || at_least(how.other_ends) >= CROWD };
    (used && churn::over(how) >= churn::ENDED).then_some((peer, how))
}

const VISITOR: Noun = Noun("visitor", "visitors");

fn summary(case: &Case<'_>, visits: &Visits<'_>) -> Vec<Sentence> {
    let at = Word::Endpoint(visits.peer.address, visits.peer.port, visits.peer.l4);
    let here: Option<&'static str> = match case.locals.is_local(visits.peer.address) {
        Some(true) => Some("on this host"),
        Some(false) => Some("behind this host"),
        None => None,
    };
    let who = match (&visits.hop, visits.clients) {
        (Some((source, _)), _) => sentence!["clients of", at, "behind the hop", *source],
        (None, Clients::Crowd) => match visits.how.other_ends {
            Distinct::Exactly(n) => sentence![Word::Count(n, VISITOR), "of", at],
            Distinct::More => sentence!["over 4,096 visitors of", at],
        },
        (None, Clients::Few(n)) => sentence![Word::Count(n, noun::SOURCE), "in front of", at],
        (None, Clients::One(source)) => sentence![source, "in front of", at],
    };
    let who = here.filter(|_| visits.hop.is_none()).into_iter().fold(who, Sentence::with);
    let one = visits.hop.is_none() && matches!(visits.clients, Clients::One(_));
    let who = who
        .with(if one { "holds" } else { "hold" })
        .with(Word::Share(visits.share_of_table))
        .with("of the table:")
        .with(Word::Count(visits.entries, noun::ENTRY));
    let how = churn::how_line(churn::stays(case, visits.how), visits.rate, ", each used once");
    let what = match visits.clients {
        Clients::Crowd => {
            "let the server keep connections open (keep-alive); size the limit for what is left"
        }
        Clients::Few(_) | Clients::One(_) => {
            "let what stands in front keep its connections to this service open and use them again"
        }
    };
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, visits: &Visits<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "ended-connections",
            sentence![
                Word::Share(share(visits.ended, visits.entries)),
                "of the connections to that service are over,",
                Word::Share(share(visits.half_open, visits.entries)),
                "are handshakes: they are used, and not a flood"
            ],
        )
        .value("ended", visits.ended as f64)
        .value("half_open", visits.half_open as f64)
        .read_in_table(case),
    );
    unfinished(case, visits, &mut scales);
    place(case, visits, &mut scales);
    clients(case, visits, &mut scales);
    neighbours(case, visits, &mut scales);
    scales
}

/// Closings that hang are not connections that are over: their last packets never come.
fn unfinished(case: &Case<'_>, visits: &Visits<'_>, scales: &mut Scales) {
    let mix = Mix(&visits.how.classes);
    let hung = mix.tcp(State::FinWait).saturating_add(mix.tcp(State::LastAck));
    let finished = mix.tcp(State::TimeWait).saturating_add(mix.tcp(State::Close));
    if hung <= finished {
        return;
    }
    scales.speaks_against(
        Weight::Deciding,
        contradicts(
            "closings-hang",
            sentence![
                Word::Count(hung, noun::CONNECTION),
                "of them wait for the end of the other side, and only",
                Word::Number(finished),
                "were closed by both"
            ],
        )
        .value("hung", hung as f64)
        .value("finished", finished as f64)
        .read_in_table(case),
    );
}

/// Where the server is.
fn place(case: &Case<'_>, visits: &Visits<'_>, scales: &mut Scales) {
    let address = visits.peer.address;
    match case.locals.is_local(address) {
        Some(true) => scales.speaks_for(
            Weight::Deciding,
            supports("served-here", sentence![address, ", which they go to, is an address of this host"])
                .read_in_table(case),
        ),
        Some(false) if visits.hop.is_some() => {}
        Some(false) => scales.speaks_against(
            Weight::Slight,
            contradicts(
                "served-behind",
                sentence![
                    address,
                    ", which they go to, is no address of this host: the server stands behind it"
                ],
            )
            .read_in_table(case),
        ),
        None => scales.not_known(Weight::Deciding, open::is_local(case, address)),
    }
    let translated = visits.how.nat.source.saturating_add(visits.how.nat.both);
    if share(translated, visits.how.entries) >= 0.5 && case.locals.is_local(address) != Some(true) {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "leaves-by-nat",
                "this host puts its own address on them: they are users of this gateway on their way out"
                    .into(),
            )
            .read_in_table(case),
        );
    }
}

/// Who visits: a crowd, a few that stand in front, or one of which it cannot be told what it is.
fn clients(case: &Case<'_>, visits: &Visits<'_>, scales: &mut Scales) {
    let sources = at_least(visits.how.other_ends);
    let each = visits.how.entries as f64 / sources.max(1) as f64;
    if let Some((source, hop)) = &visits.hop {
        let said = sentence![*source, ":"];
        let said = Sentence(said.0.into_iter().chain(hop.words().0).collect());
        let said = supports("hidden-clients", said).read_in_table(case);
        if matches!(hop, Hop::Bridge(_)) {
            // A program of this host that talks to its containers looks the same.
            scales.speaks_for(Weight::Strong, said);
            scales.not_known(Weight::Deciding, open::program(case, *source));
        } else {
            scales.speaks_for(Weight::Deciding, said);
        }
        return;
    }
    match visits.clients {
        Clients::Crowd => scales.speaks_for(
            Weight::Deciding,
            supports(
                "crowd",
                sentence![
                    Word::Count(sources, noun::SOURCE),
                    "or more visit it, with some",
                    Word::Number(super::super::arith::rounded(each.max(1.0)).unwrap_or(1)),
                    "connections each: no single one is to blame"
                ],
            )
            .value("sources", sources as f64)
            .read_in_table(case),
        ),
        Clients::Few(n) => scales.speaks_for(
            Weight::Strong,
            supports(
                "few-in-front",
                sentence![
                    Word::Count(n, noun::SOURCE),
                    "hold",
                    Word::Number(super::super::arith::rounded(each).unwrap_or(0)),
                    "connections each: load balancers, a CDN or other servers, not visitors"
                ],
            )
            .value("sources", n as f64)
            .read_in_table(case),
        ),
        Clients::One(source) => {
            scales.not_known(Weight::Deciding, open::who_is(case, source));
            if let Some(seconds) = churn::began(case, visits.how) {
                scales.speaks_against(
                    Weight::Strong,
                    contradicts(
                        "began-at-once",
                        sentence![
                            "one source alone began it",
                            Word::Duration(seconds as f64),
                            "before the table was read: a test does that"
                        ],
                    )
                    .read_in_table(case),
                );
            }
        }
    }
}

/// What would make it another cause.
fn neighbours(case: &Case<'_>, visits: &Visits<'_>, scales: &mut Scales) {
    let port = visits.peer.port.unwrap_or(0);
    if is_datastore(port, visits.peer.l4) {
        let said = sentence![
            Word::Port(port, visits.peer.l4),
            "is that of a datastore: its clients are programs, not visitors"
        ];
        scales.speaks_against(Weight::Deciding, contradicts("datastore-port", said).read_in_table(case));
    }
    if let Some(replay) = replay::measure(case).filter(|replay| replay.is_of(visits.peer)) {
        let weight = if replay.is_known() { Weight::Deciding } else { Weight::Strong };
        let said = "all of one network come, each as often as the others: traffic is replayed like that";
        scales.speaks_against(weight, contradicts("one-network", said.into()).read_in_table(case));
    }
    let translated = visits.how.nat.destination.saturating_add(visits.how.nat.both);
    if churn::ipvs(case) == Some(true) && share(translated, visits.how.entries) >= 0.5 {
        let said = "IPVS of this host passes them on and tracks each of them as well";
        scales.speaks_against(Weight::Deciding, contradicts("through-ipvs", said.into()).read_in_table(case));
    }
    if churn::ipvs(case).is_none() && churn::ipvs_loaded(case) && share(translated, visits.how.entries) >= 0.5
    {
        scales.not_known(Weight::Deciding, open::ipvs(case));
    }
    let Some(shape) = churn::shape(case, visits.how) else { return };
    let said = churn::shape_said(case, shape);
    match shape {
        Shape::Comb { .. } => scales.speaks_against(Weight::Strong, said),
        Shape::Flat => scales.speaks_for(Weight::Slight, said),
        Shape::OneEvent { .. } => scales.add([said]),
    }
}

fn cures(case: &Case<'_>, visits: &Visits<'_>) -> Vec<Remedy> {
    let crowd = visits.clients == Clients::Crowd;
    let mut out = Vec::new();
    out.push(if crowd {
        remedies::server_keep_alive(case, visits.peer, visits.ended)
    } else {
        remedies::reuse_in_front(case, visits.peer, &visits.pairs, visits.ended)
    });
    if !crowd {
        out.extend(remedies::delete_time_wait(case, &visits.pairs));
    }
    out.extend(remedies::raise_limit(case));
    out.extend(remedies::shorter_time_wait(case));
    out.extend(remedies::more_buckets(case));
    out
}

fn useless(case: &Case<'_>, visits: &Visits<'_>) -> Vec<WillNotHelp> {
    let mut out = will_not_help::socket_settings(case);
    out.extend(will_not_help::established_for_churn(case));
    out.extend(will_not_help::limit_alone(case));
    out.push(will_not_help::rate_limiting_visitors(visits.clients == Clients::Crowd));
    out.push(will_not_help::cookies_for_finished(case, visits.half_open));
    out
}
