//! C21: the other side closed, and the program that was closed never does: CLOSE_WAIT. Under kube-proxy the tracker
//! keeps such an entry for an hour instead of a minute, so that a thousand a second need millions of entries.
//! Look-alikes: hung closings (FIN_WAIT, LAST_ACK: the network eats the end), churn (TIME_WAIT: both sides closed),
//! half-tracked traffic (unreplied).

use crate::model::census::{Leader, Peer};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::churn;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::mix::Mix;
use super::super::one_way;
use super::super::scales::{Scales, Weight};
use super::super::timeouts::longest;
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// The tracker's own default.
const DEFAULT_SECONDS: u64 = 60;
/// Share of them at one address and port: one program.
const ONE_PROGRAM: f64 = 0.5;
/// Share that was never answered, above which the tracker sees half of them.
const ONE_WAY: f64 = 0.5;
/// Sockets for each entry: from this share on, the program is on this host.
const HERE: f64 = 0.1;

struct Pileup<'a> {
    entries: u64,
    one_way: u64,
    leading: Option<(Peer, u64, &'a Leader)>,
    lifetime_seconds: u64,
    rate_per_second: f64,
    share_of_table: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let pileup = measure(case)?;
    Some(Candidate {
        summary: summary(&pileup),
        loses: Some(sentence![
            "connections in",
            State::CloseWait,
            "explain only",
            Word::Share(pileup.share_of_table),
            "of the table"
        ]),
        rate_per_second: Some(pileup.rate_per_second),
        remedies: cures(case, &pileup),
        will_not_help: useless(case, &pileup),
        limit_contributes: true,
        ..Candidate::new(
            Candidate::tier_of(pileup.share_of_table),
            pileup.share_of_table,
            scales(case, &pileup),
        )
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Pileup<'a>> {
    let (mix, census) = (case.mix()?, case.census?);
    let entries = mix.tcp(State::CloseWait);
    let share_of_table = share(entries, mix.total());
    if share_of_table < WORTH_NAMING {
        return None;
    }
    let setting = case.timeouts().named("tcp_timeout_close_wait");
    let seen = census.who.remaining.get(&(L4::TCP, Some(State::CloseWait))).and_then(longest);
    let lifetime_seconds = setting.max(seen).unwrap_or(DEFAULT_SECONDS).max(1);
    Some(Pileup {
        entries,
        one_way: mix.unreplied(State::CloseWait),
        leading: one_way::leading_peer(case, |mix| mix.tcp(State::CloseWait)),
        lifetime_seconds,
        rate_per_second: entries as f64 / lifetime_seconds as f64,
        share_of_table,
    })
}

/// The address and port that holds most of them.
fn program<'a>(pileup: &Pileup<'a>) -> Option<(Peer, u64, &'a Leader)> {
    pileup.leading.filter(|(_, n, _)| share(*n, pileup.entries) >= ONE_PROGRAM)
}

fn summary(pileup: &Pileup<'_>) -> Vec<Sentence> {
    let mut who = sentence![
        Word::Count(pileup.entries, noun::ENTRY),
        "(",
        Word::Share(pileup.share_of_table),
        ") wait in",
        State::CloseWait
    ];
    if let Some((peer, n, _)) = program(pileup) {
        who = churn::mostly_to(who, share(n, pileup.entries), 0.0, peer);
    }
    let how = sentence![
        "one side closed, the other never did; each stays for up to",
        Word::Duration(pileup.lifetime_seconds as f64),
        ", at",
        Word::Rate(pileup.rate_per_second)
    ];
    let what = if kube_proxy(pileup) {
        sentence!["let the program close its connections; set kube-proxy's close-wait timeout to 15 min"]
    } else {
        sentence![
            "let the program that was closed on close its side, too:",
            Word::Code("ss -tanp state close-wait".to_owned()),
            "names it"
        ]
    };
    vec![who, how, what]
}

/// The timeout is not the tracker's own: kube-proxy sets an hour.
fn kube_proxy(pileup: &Pileup<'_>) -> bool {
    pileup.lifetime_seconds > DEFAULT_SECONDS.saturating_mul(2)
}

fn scales(case: &Case<'_>, pileup: &Pileup<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "close-wait",
            sentence![
                Word::Number(pileup.entries),
                "of",
                Word::Count(case.entries(), noun::ENTRY),
                "are in",
                State::CloseWait,
                ": one side closed and the other did not"
            ],
        )
        .value("entries", pileup.entries as f64)
        .value("share", pileup.share_of_table)
        .read_in_table(case),
    );
    lifetime(case, pileup, &mut scales);
    // The end that does not close is either of the two: one source of most of them is one program as well.
    let from =
        case.top_source().map(|source| (source.address, Mix(&source.how.classes).tcp(State::CloseWait)));
    let from = from.filter(|(_, n)| share(*n, pileup.entries) >= ONE_PROGRAM);
    if let Some((source, n)) = from.filter(|_| program(pileup).is_none()) {
        let fact = sentence![Word::Share(share(n, pileup.entries)), "of them come from", source];
        scales.speaks_for(
            Weight::Slight,
            supports("one-program", fact).value("entries", n as f64).read_in_table(case),
        );
    } else if let Some((peer, n, _)) = pileup.leading {
        let said = |alone: bool| {
            let part = sentence![
                Word::Share(share(n, pileup.entries)),
                "of them go to",
                Word::Endpoint(peer.address, peer.port, L4::TCP)
            ];
            let fact = if alone {
                part
            } else {
                part.with(": no more, so it is not one program alone that leaves them")
            };
            context("one-program", fact).value("entries", n as f64).read_in_table(case)
        };
        let alone = share(n, pileup.entries) >= ONE_PROGRAM;
        scales.weigh(Weight::Slight, alone, || said(true), || said(false));
    }
    let half = share(pileup.one_way, pileup.entries);
    if half >= ONE_WAY {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "one-way",
                sentence![
                    Word::Share(half),
                    "of them saw packets in one direction only: the tracker sees half of each connection"
                ],
            )
            .value("share", half)
            .read_in_table(case),
        );
    }
    sockets(case, pileup, &mut scales);
    scales
}

fn lifetime(case: &Case<'_>, pileup: &Pileup<'_>, scales: &mut Scales) {
    let long = kube_proxy(pileup);
    let said = |tail: &'static str| {
        context(
            "close-wait-timeout",
            sentence![
                "such an entry stays for",
                Word::Duration(pileup.lifetime_seconds as f64),
                ":",
                Word::Text(tail)
            ],
        )
        .value("seconds", pileup.lifetime_seconds as f64)
        .read_in_table(case)
    };
    if long {
        scales.speaks_for(Weight::Strong, said("not the tracker's minute; kube-proxy sets an hour"));
    } else {
        scales.add([said("the tracker's own default")]);
    }
}

/// Sockets in that state name the program; where there are none it is in a container, or gone.
fn sockets(case: &Case<'_>, pileup: &Pileup<'_>, scales: &mut Scales) {
    let Some(sockets) = case.counters.sockets.as_ref() else {
        return scales.not_known(
            Weight::Slight,
            one_way::ask_sockets(
                case,
                program(pileup).and_then(|(peer, ..)| peer.port),
                "which program does not close its connections",
            ),
        );
    };
    let waiting = sockets.tcp("CLOSE_WAIT");
    let said = |tail: &'static str| {
        context(
            "waiting-sockets",
            sentence![
                Word::Number(waiting),
                "sockets of this host are in",
                State::CloseWait,
                ":",
                Word::Text(tail)
            ],
        )
        .value("sockets", waiting as f64)
        .read_in_table(case)
    };
    if share(waiting, pileup.entries) >= HERE {
        scales.speaks_for(Weight::Strong, said("the program that does not close is on this host"));
    } else {
        scales.add([said(
            "the program is in a container or on another machine, or its sockets are gone already",
        )]);
    }
}

fn cures(case: &Case<'_>, pileup: &Pileup<'_>) -> Vec<Remedy> {
    let named = program(pileup);
    let mut out = vec![remedies::close_connections(case, named.map(|(peer, ..)| peer))];
    out.extend(remedies::close_wait_timeout(case, pileup.entries, pileup.lifetime_seconds));
    out.extend(named.and_then(|(peer, n, how)| {
        // Deleting by state and port takes what never finished closing, and nothing that is in use.
        let assured =
            Mix(&how.classes).count(|c| c.state == Some(State::CloseWait) && c.replied != Reply::Unreplied);
        (assured > 0).then(|| remedies::delete_closing(case, peer, State::CloseWait, n, how)).flatten()
    }));
    out.extend(remedies::raise_limit(case));
    out
}

fn useless(case: &Case<'_>, pileup: &Pileup<'_>) -> Vec<WillNotHelp> {
    vec![
        will_not_help::limit_for_pileup(pileup.rate_per_second, pileup.lifetime_seconds),
        will_not_help::fin_timeout(),
        will_not_help::established_for_closing(case),
    ]
}
