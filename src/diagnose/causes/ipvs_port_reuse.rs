//! C31: IPVS in front of services, with its connections tracked as well: each leaves an entry for two minutes beside
//! IPVS's own, and a client that uses its port again meets the old one. Look-alikes: translation by the packet filter,
//! visitors of a service without IPVS.

use crate::model::census::{Leader, LeaderKey, Pair, Peer};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::era::Release;
use crate::model::flow::{L4, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::churn::{self, WORTH_NAMING, at_least};
use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;
use super::super::mix::Mix;
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

/// Share of a service's entries whose destination is another one in the reply.
const TRANSLATED: f64 = 0.5;
/// From this share of a client's ports on it uses some of them again before their entries end: the kernel chooses them by
/// chance, so at a half every second new connection meets an old one.
const AGAIN: f64 = 0.5;
/// From this kernel on a reused port no longer costs a second (`ipvs: allow connection reuse for unconfirmed
/// conntrack`).
const REUSE_CURED: Release = Release(5, 9, 0);

/// Source ports of a client that are in use towards one service through IPVS.
pub(crate) struct Reused {
    pub(crate) pair: Pair,
    pub(crate) ports: u64,
    /// Of those that a client has.
    pub(crate) share: f64,
}

/// A client that uses most of its ports within the lifetime of an entry, and so uses them again before it ends.
pub(crate) fn reused(case: &Case<'_>) -> Option<Reused> {
    if churn::ipvs(case) != Some(true) {
        return None;
    }
    let who = &case.census?.who;
    let (ceiling, _) = case.port_ceiling();
    let of = |pair: Pair| {
        let how = case.how(&LeaderKey::Pair(pair))?;
        let translated = how.nat.destination.saturating_add(how.nat.both);
        let ports = at_least(how.source_ports);
        let fits = pair.peer.l4 == L4::TCP
            && share(translated, how.entries) >= TRANSLATED
            && churn::over(how) >= churn::ENDED
            && share(ports, ceiling) >= AGAIN;
        fits.then(|| Reused { pair, ports, share: share(ports, ceiling) })
    };
    who.pairs.leading(who.entries).iter().find_map(|row| of(row.key))
}

struct Services<'a> {
    peer: Peer,
    how: &'a Leader,
    entries: u64,
    ended: u64,
    translated: u64,
    share_of_table: f64,
    rate: Option<f64>,
    pairs: Vec<(Pair, u64)>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let known = churn::ipvs(case);
    if known == Some(false) || known.is_none() && !churn::ipvs_loaded(case) {
        return None;
    }
    let services = measure(case)?;
    Some(Candidate {
        summary: summary(case, &services),
        loses: Some(sentence![
            "connections through IPVS explain only",
            Word::Share(services.share_of_table),
            "of the table"
        ]),
        rate_per_second: services.rate,
        remedies: cures(case, &services),
        will_not_help: useless(case),
        limit_contributes: true,
        ..Candidate::new(
            Candidate::tier_of(services.share_of_table),
            services.share_of_table,
            scales(case, &services),
        )
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Services<'a>> {
    let who = &case.census?.who;
    let service = |peer: Peer| {
        let how = case.how(&LeaderKey::Peer(peer))?;
        let translated = how.nat.destination.saturating_add(how.nat.both);
        let fits = peer.l4 == L4::TCP
            && share(translated, how.entries) >= TRANSLATED
            && churn::over(how) >= churn::ENDED;
        fits.then_some((peer, how))
    };
    let peers = who.peers.leading(who.entries).iter();
    let services: Vec<(Peer, &Leader)> = peers.filter_map(|row| service(row.key)).collect();
    let sum =
        |of: &dyn Fn(&Leader) -> u64| services.iter().fold(0u64, |sum, (_, how)| sum.saturating_add(of(how)));
    let entries = sum(&|how| how.entries);
    let share_of_table = share(entries, who.entries);
    if share_of_table < WORTH_NAMING {
        return None;
    }
    let (peer, how) = *services.first()?;
    let pairs = who.pairs.leading(who.entries).iter().filter(|row| row.key.peer == peer);
    let rates = services.iter().filter_map(|(_, how)| churn::per_second(case, how));
    Some(Services {
        peer,
        how,
        entries,
        ended: sum(&|how| Mix(&how.classes).ended()),
        translated: sum(&|how| how.nat.destination.saturating_add(how.nat.both)),
        share_of_table,
        rate: rates.reduce(|a, b| a + b),
        pairs: pairs.map(|row| (row.key, row.count)).take(4).collect(),
    })
}

/// A port that is used again within the lifetime of its entry costs the first SYN, and so a second.
pub(crate) fn loses_first_syn(case: &Case<'_>) -> bool {
    let old = case.kernel.release.is_some_and(|release| release < REUSE_CURED);
    old && case.counters.number("net.ipv4.vs.conn_reuse_mode").is_some_and(|mode| mode != 0)
}

fn summary(case: &Case<'_>, services: &Services<'_>) -> Vec<Sentence> {
    let at = Word::Endpoint(services.peer.address, services.peer.port, services.peer.l4);
    let who = sentence![
        Word::Count(services.entries, noun::ENTRY),
        "(",
        Word::Share(services.share_of_table),
        ") are connections through this host's IPVS balancer, most to",
        at
    ];
    let (state, seconds) = churn::stays(case, services.how);
    let how = match services.rate.filter(|_| loses_first_syn(case)) {
        Some(rate) => sentence![
            "once over, each stays",
            Word::Duration(seconds as f64),
            "(",
            state,
            "),",
            Word::Rate(rate),
            "; ports used again by then lose their SYN"
        ],
        None => churn::how_line((state, seconds), services.rate, ", tracked twice"),
    };
    let what = "let clients keep connections open; take IPVS traffic out of tracking where no rule needs it";
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, services: &Services<'_>) -> Scales {
    let mut scales = Scales::default();
    match churn::ipvs(case) {
        Some(true) => scales.speaks_for(
            Weight::Deciding,
            supports(
                "ipvs-tracks",
                sentence![
                    Word::Code("net.ipv4.vs.conntrack = 1".to_owned()),
                    ": each connection through IPVS has an entry here as well"
                ],
            )
            .read_in_table(case),
        ),
        _ => scales.not_known(Weight::Deciding, open::ipvs(case)),
    }
    scales.speaks_for(
        Weight::Strong,
        supports(
            "translated-services",
            sentence![
                Word::Number(services.translated),
                "of",
                Word::Count(services.entries, noun::ENTRY),
                "are answered by another machine than they are addressed to;",
                Word::Share(share(services.ended, services.entries)),
                "of all are over"
            ],
        )
        .value("translated", services.translated as f64)
        .value("ended", services.ended as f64)
        .read_in_table(case),
    );
    translated_by_rules(case, &mut scales);
    reuse(case, services, &mut scales);
    scales
}

/// The packet filter translates destinations as well: then it may be that.
fn translated_by_rules(case: &Case<'_>, scales: &mut Scales) {
    let Some(rules) = case.counters.rules.as_ref().filter(|rules| rules.rules > 0) else {
        scales
            .not_known(Weight::Slight, open::rules(case, "whether they translate destinations as IPVS does"));
        return;
    };
    let by_rules = rules.nat.destination.saturating_add(rules.nat.redirect);
    let said = |some: bool| {
        let said: Sentence = if some {
            sentence![
                "at least",
                Word::Number(by_rules),
                "rules of the packet filter translate destinations too: these may be theirs"
            ]
        } else {
            "no rule of the packet filter that was given translates destinations: IPVS does".into()
        };
        supports("rules-translate", said).value("rules", by_rules as f64).read_in_table(case)
    };
    scales.weigh(Weight::Strong, by_rules == 0, || said(false), || said(true));
}

/// Ports used again: one client has used most of its ports towards one service.
fn reuse(case: &Case<'_>, services: &Services<'_>, scales: &mut Scales) {
    let (ceiling, _) = case.port_ceiling();
    let Some((pair, _)) = services.pairs.first() else { return };
    let Some(how) = case.how(&LeaderKey::Pair(*pair)) else { return };
    let ports = at_least(how.source_ports);
    if share(ports, ceiling) >= AGAIN {
        scales.speaks_for(
            Weight::Slight,
            supports(
                "ports-used-again",
                sentence![
                    pair.source,
                    "uses",
                    Word::Number(ports),
                    "source ports towards it within one lifetime: it uses them again before the old entries end"
                ],
            )
            .value("ports", ports as f64)
            .read_in_table(case),
        );
    }
    if loses_first_syn(case) {
        let said = "this kernel, before 5.9, drops the first SYN on a port that IPVS still knows: the client tries again a second later";
        scales.add([context("first-syn-lost", said.into()).read_in_table(case)]);
    }
}

fn cures(case: &Case<'_>, services: &Services<'_>) -> Vec<Remedy> {
    let over = services.ended;
    let mut out = vec![remedies::reuse_in_front(case, services.peer, &services.pairs, over)];
    out.extend(remedies::untracked_ipvs(case, services.entries));
    out.extend(remedies::newer_kernel_for_ipvs(case, loses_first_syn(case)));
    out.extend(remedies::raise_limit(case));
    let waiting = Mix(&services.how.classes).tcp(State::TimeWait);
    if waiting > 0 {
        out.extend(remedies::shorter_time_wait(case));
    }
    out.extend(remedies::more_buckets(case));
    out
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = will_not_help::for_ipvs();
    out.extend(will_not_help::socket_settings(case));
    out.extend(will_not_help::established_for_churn(case));
    out.extend(will_not_help::limit_alone(case));
    out
}
