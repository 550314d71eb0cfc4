//! C08: one address and port does not answer, and the clients that need it keep trying: SYNs without an answer from a few
//! known sources to one target, while the rest of the table is well. Look-alikes: a flood (nearly every SYN from another
//! source), a scan (always another target), half-tracked traffic (the connections work, the tracker sees one
//! direction), asymmetric routing (everything is one-way).

use std::net::IpAddr;

use crate::model::census::{Distinct, Leader, LeaderKey, Peer};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::idle::Ages;
use super::super::mix::Mix;
use super::super::one_way::{self, lone_syn};
use super::super::pace::Pace;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::{Candidate, immortal_syn_sent};

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Share of the target's entries that are unanswered SYNs: it answers hardly anybody.
const UNANSWERED: f64 = 0.7;
/// Sources for each unanswered SYN: up to here the same clients try again and again, above [`STRANGERS`] it is not they,
/// unless they are machines of the own network.
const FEW: f64 = 0.2;
const STRANGERS: f64 = 0.5;
/// From this share of sources with public addresses on, strangers are among them.
const OUTSIDE: f64 = 0.5;
/// A host is silent as a whole where it has so much more than its worst port.
const WHOLE_HOST: f64 = 1.5;
/// From this share of answered connections on, the rest of the table is well.
const WELL: f64 = 0.5;
/// Below this share of the table the rest is too small to say anything.
const A_REST: f64 = 0.02;
/// From so many packets an entry on, the SYNs are tried again, as a connecting program does.
const RETRIED: f64 = 1.5;
/// Open connections for each unanswered SYN: from this share on, it answers, only the tracker does not see it.
const WORKS: f64 = 0.1;

struct Dead<'a> {
    address: IpAddr,
    /// None: the whole address.
    port: Option<u16>,
    how: &'a Leader,
    unanswered: u64,
    sources_per_entry: f64,
    is_local: Option<bool>,
    share_of_table: f64,
    rate_per_second: Option<f64>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let dead = measure(case)?;
    Some(Candidate {
        summary: summary(case, &dead),
        loses: Some(sentence![
            "SYNs that",
            target(&dead),
            "did not answer explain only",
            Word::Share(dead.share_of_table),
            "of the table"
        ]),
        rate_per_second: dead.rate_per_second,
        remedies: cures(case, &dead),
        will_not_help: useless(case, &dead),
        ..Candidate::new(Candidate::tier_of(dead.share_of_table), dead.share_of_table, scales(case, &dead))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Dead<'a>> {
    let who = &case.census?.who;
    let of_peer = one_way::leading_peer(case, |mix| mix.unreplied(State::SynSent));
    let of_host = who
        .destinations
        .leading(who.entries)
        .iter()
        .filter_map(|row| {
            let how = case.how(&LeaderKey::Destination(row.key))?;
            Some((row.key, Mix(&how.classes).unreplied(State::SynSent), how))
        })
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
    let host_is_worse = |host: u64, peer: u64| host as f64 >= WHOLE_HOST * peer as f64;
    let (address, port, unanswered, how) = match (of_peer, of_host) {
        (Some((_, n, _)), Some((address, all, how))) if host_is_worse(all, n) => (address, None, all, how),
        (Some((peer, n, how)), _) => (peer.address, peer.port, n, how),
        (None, Some((address, all, how))) => (address, None, all, how),
        (None, None) => return None,
    };
    let share_of_table = share(unanswered, who.entries);
    let sources_per_entry = one_way::spread(how.other_ends, who.sources.distinct, how.entries);
    // Port after port of one host is a scan of it.
    let swept = port.is_none() && one_way::spread(how.destination_ports, None, how.entries) > FEW;
    let answers = share(unanswered, how.entries) < UNANSWERED;
    let strangers = sources_per_entry > STRANGERS && one_way::from_outside(case) >= OUTSIDE;
    if share_of_table < WORTH_NAMING || answers || strangers || swept {
        return None;
    }
    let syns = how.classes.iter().filter(|(class, _)| lone_syn(class)).map(|(c, n)| (*c, *n)).collect();
    let ages = Ages { remaining: &how.remaining, classes: &syns };
    Some(Dead {
        address,
        port,
        how,
        unanswered,
        sources_per_entry,
        is_local: case.locals.is_local(address),
        share_of_table,
        rate_per_second: Pace::of(ages, &case.timeouts()).per_second(),
    })
}

fn target(dead: &Dead<'_>) -> Word {
    match dead.port {
        Some(port) => Word::Endpoint(dead.address, Some(port), L4::TCP),
        None => Word::Address(dead.address),
    }
}

fn summary(case: &Case<'_>, dead: &Dead<'_>) -> Vec<Sentence> {
    let who = sentence![
        target(dead),
        "does not answer:",
        Word::Count(dead.unanswered, noun::ENTRY),
        "(",
        Word::Share(dead.share_of_table),
        ") are attempts (SYNs) that wait for it"
    ];
    let mut how = match dead.how.other_ends {
        Distinct::Exactly(n) => sentence![Word::Count(n, noun::SOURCE), "keep trying"],
        Distinct::More => sentence!["more than 4,096 sources keep trying"],
    };
    if let Some(rate) = dead.rate_per_second {
        how = how.with("at").with(Word::Rate(rate));
    }
    if let Some(seconds) = case.timeouts().named_or_default("tcp_timeout_syn_sent") {
        how = how.with("; each attempt stays").with(Word::Duration(seconds as f64));
    }
    let what = match dead.is_local {
        Some(true) => {
            sentence!["see why the service on this host does not accept; until it does, refuse at once"]
        }
        _ => sentence!["bring it back, or the way to it; until then refuse its connections at once (reset)"],
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, dead: &Dead<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "one-silent-target",
            sentence![
                Word::Number(dead.unanswered),
                "of the",
                Word::Count(dead.how.entries, noun::ENTRY),
                "to",
                target(dead),
                "are SYNs without an answer"
            ],
        )
        .value("unanswered", dead.unanswered as f64)
        .value("share", dead.share_of_table)
        .read_in_table(case),
    );
    sources(case, dead, &mut scales);
    rest_of_table(case, dead, &mut scales);
    sockets(case, dead, &mut scales);
    rules(case, dead, &mut scales);
    if immortal_syn_sent::kept_alive(case, dead.how).is_some() {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "never-run-down",
                "its SYNs come from ports that their clients do not change, and do not run down".into(),
            )
            .read_in_table(case),
        );
    }
    retries(case, dead, &mut scales);
    log(case, dead, &mut scales);
    scales
}

/// Those who need it are few and come again; forged SYNs come from everywhere.
fn sources(case: &Case<'_>, dead: &Dead<'_>, scales: &mut Scales) {
    let said = |tail: &'static str| {
        context(
            "few-sources",
            one_way::number_of(sentence!["they come from"], dead.how.other_ends).with("sources").with(tail),
        )
        .value("sources_per_entry", dead.sources_per_entry)
        .read_in_table(case)
    };
    scales.weigh(
        Weight::Deciding,
        dead.sources_per_entry <= FEW || one_way::from_outside(case) < OUTSIDE,
        || said(": of this network, or the same ones again and again"),
        || said(", hardly any of which tries more than a few times"),
    );
}

/// Where everything is one-way, it is the path and not this target.
fn rest_of_table(case: &Case<'_>, dead: &Dead<'_>, scales: &mut Scales) {
    let Some(mix) = case.mix() else { return };
    let rest = mix.total().saturating_sub(dead.how.entries);
    if share(rest, mix.total()) < A_REST {
        return;
    }
    let of_target = Mix(&dead.how.classes).count(|c| c.replied != Reply::Unreplied);
    let answered = mix.count(|c| c.replied != Reply::Unreplied).saturating_sub(of_target);
    let part = share(answered, rest);
    let said = || {
        context(
            "rest-of-table",
            sentence![
                Word::Share(part),
                "of the",
                Word::Count(rest, noun::ENTRY),
                "to other targets were answered"
            ],
        )
        .value("share", part)
        .read_in_table(case)
    };
    scales.weigh(Weight::Strong, part >= WELL, said, said);
}

/// Connections that are open to that port work, whatever the tracker saw of them.
fn sockets(case: &Case<'_>, dead: &Dead<'_>, scales: &mut Scales) {
    let Some(port) = dead.port else { return };
    let Some(open) = one_way::open_beyond_known(case, port) else {
        let near =
            dead.is_local == Some(true) || case.top_source().is_some_and(|top| top.is_local == Some(true));
        if near {
            scales.not_known(
                Weight::Slight,
                one_way::ask_sockets(
                    case,
                    Some(port),
                    "connections that are open there work, and the tracker sees half of them",
                ),
            );
        }
        return;
    };
    let said = |tail: &'static str| {
        context(
            "open-connections",
            sentence![
                Word::Count(open, noun::CONNECTION),
                "with",
                Word::Port(port, L4::TCP),
                "are open on this host that the tracker does not know as open:",
                Word::Text(tail)
            ],
        )
        .value("open", open as f64)
        .read_in_table(case)
    };
    if share(open, dead.unanswered) >= WORKS {
        scales.speaks_against(Weight::Deciding, said("it answers, and the tracker does not see it"));
    } else if case.counters.sockets.as_ref().is_some_and(|sockets| sockets.tcp("SYN_SENT") > 0) {
        scales.speaks_for(Weight::Slight, said("its clients wait"));
    }
}

/// A rule that takes one direction out of tracking makes this picture of connections that work.
fn rules(case: &Case<'_>, dead: &Dead<'_>, scales: &mut Scales) {
    let (Some(port), Some(rules)) = (dead.port, case.counters.rules.as_ref()) else { return };
    if rules.untracked_one_way(port).is_some() {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "one-way-rule",
                sentence![
                    "a rule takes one direction of",
                    Word::Port(port, L4::TCP),
                    "out of tracking: the answers may well come"
                ],
            )
            .read_in_table(case),
        );
    }
}

fn retries(case: &Case<'_>, dead: &Dead<'_>, scales: &mut Scales) {
    let Some(each) = one_way::packets_of(dead.how) else { return };
    let said = |tail: &'static str| {
        context(
            "packets-each",
            sentence!["each entry has about", one_way::about_packets(each), "on average:", Word::Text(tail)],
        )
        .value("packets", each)
        .read_in_table(case)
    };
    scales.weigh(
        Weight::Strong,
        each >= RETRIED,
        || said("the SYN is sent again, as a connecting program does"),
        || said("nobody sends the SYN again, as forged and scanning ones are"),
    );
}

/// Programs of this host that wait for it say so; the kernel that is flooded says so, too.
fn log(case: &Case<'_>, dead: &Dead<'_>, scales: &mut Scales) {
    let named = |kind| {
        case.marks(kind).any(|around| {
            around.about.iter().any(|(about, _)| {
                about.peer.is_some_and(|(address, port)| {
                    address.to_canonical() == dead.address.to_canonical()
                        && (port.is_none() || dead.port.is_none() || port == dead.port)
                })
            })
        })
    };
    if named(RelatedKind::UpstreamTimeout) {
        scales.speaks_for(
            Weight::Deciding,
            supports(
                "upstream-timeout",
                sentence!["a program of this host says that it waited for", target(dead), "in vain"],
            )
            .read_in_log(case),
        );
    }
    if named(RelatedKind::IpvsNoDestination) {
        scales.speaks_for(
            Weight::Deciding,
            supports("no-server", sentence!["IPVS had no server left for", target(dead)]).read_in_log(case),
        );
    }
    let flooded = case.marks(RelatedKind::SynFlood).any(|a| a.port.is_none() || a.port == dead.port);
    if flooded {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "syn-flood-line",
                "a kernel line speaks of SYN flooding on that port: it listens there".into(),
            )
            .read_in_log(case),
        );
    }
}

fn cures(case: &Case<'_>, dead: &Dead<'_>) -> Vec<Remedy> {
    let mut out = vec![remedies::reach_upstream(dead.address, dead.port, dead.is_local)];
    let translated = dead.how.nat.destination.saturating_add(dead.how.nat.both) > 0;
    if let Some(port) = dead.port {
        let peer = Peer { address: dead.address, port: Some(port), l4: L4::TCP };
        out.extend(remedies::refuse_at_once(case, peer, dead.unanswered, translated));
        out.extend(remedies::delete_syns_to(peer, dead.unanswered, translated));
    }
    out.extend(remedies::shorter_syn_sent(case));
    out
}

fn useless(case: &Case<'_>, dead: &Dead<'_>) -> Vec<WillNotHelp> {
    vec![
        will_not_help::limit_against_silence(dead.rate_per_second),
        will_not_help::blocking_clients(),
        will_not_help::established_for_half_open(case),
    ]
}
