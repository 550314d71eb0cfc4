//! C13: this host answers names or time for many, and tracks every question, for which a server has no use.
//! Look-alikes: lookups that pass through (the address asked is another machine's), forged questions (few sources,
//! answers far longer than the questions).

use crate::model::census::{Leader, Peer};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{
    Ends, Flags, MANY_ENDS, MOST, WORTH_NAMING, amplification, at_least, counted, holds, is_udp, joined,
    per_second, translated, udp_seconds,
};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::{datagrams as cures, raise_limit, untracked};
use super::super::scales::{Scales, Weight};
use super::super::{open, will_not_help};
use super::Candidate;
use super::reflection_attack::AMPLIFIED;

/// Names and time.
const PORTS: [u16; 2] = [53, 123];

struct Server<'a> {
    peer: Peer,
    how: &'a Leader,
    flags: Flags,
    part: f64,
    own: Option<bool>,
    rate: Option<f64>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let server = measure(case)?;
    Some(Candidate {
        summary: summary(case, &server),
        loses: Some(sentence!["what is asked of it holds only", Word::Share(server.part), "of the table"]),
        rate_per_second: server.rate,
        remedies: remedies(case, &server),
        will_not_help: useless(case),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(server.part), server.part, scales(case, &server))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Server<'a>> {
    let ends = Ends::of(case, &PORTS);
    // Which of them is this host's, or else, where that is not known, the one that is asked most.
    let (peer, how) = ends.own_peer(case).or_else(|| {
        ends.peers.first().copied().filter(|(peer, _)| case.locals.is_local(peer.address).is_none())
    })?;
    let part = share(how.entries, case.entries());
    let own = case.locals.is_local(peer.address);
    // Asked by one or two machines, it is a resolver of theirs, not a server of many.
    if part < WORTH_NAMING || (own.is_none() && !at_least(how.other_ends, MANY_ENDS)) {
        return None;
    }
    Some(Server {
        peer,
        how,
        flags: Flags::udp(&how.classes),
        part,
        own,
        rate: per_second(case, &how.classes, is_udp),
    })
}

fn summary(case: &Case<'_>, server: &Server<'_>) -> Vec<Sentence> {
    let peer = Word::Endpoint(server.peer.address, server.peer.port, L4::UDP);
    let what: &'static str =
        if server.peer.port == Some(53) { "DNS questions to" } else { "NTP questions to" };
    let whose: &'static str =
        if server.own == Some(true) { ", this host itself," } else { ", perhaps this host," };
    let who = sentence![
        what,
        peer.clone(),
        whose,
        "hold",
        Word::Share(server.part),
        "of the table (",
        Word::Count(server.how.entries, noun::ENTRY),
        ")"
    ];
    let mut how = counted(server.how.other_ends, noun::SOURCE).with("ask");
    if let Some(rate) = server.rate {
        how = how.with("at").with(Word::Rate(rate));
    }
    how = how.with("; each question is an entry for").with(Word::Duration(udp_seconds(case) as f64));
    let what = sentence!["take", peer, "out of tracking, both directions: a server needs no entry to answer"];
    vec![who, how, what]
}

fn scales(case: &Case<'_>, server: &Server<'_>) -> Scales {
    let mut scales = Scales::default();
    let peer = Word::Endpoint(server.peer.address, server.peer.port, L4::UDP);
    scales.speaks_for(
        Weight::Strong,
        holds(case, "questions", sentence!["questions to", peer], server.how.entries),
    );
    match server.own {
        Some(true) => scales.speaks_for(
            Weight::Deciding,
            supports("asks-this-host", sentence![server.peer.address, "is an address of this host"])
                .read_in_table(case),
        ),
        _ => scales.not_known(Weight::Deciding, open::is_local(case, server.peer.address)),
    }
    let many = at_least(server.how.other_ends, MANY_ENDS);
    scales.weigh(
        Weight::Strong,
        many,
        || {
            supports(
                "many-ask",
                joined("it is asked by".into(), counted(server.how.other_ends, noun::SOURCE)),
            )
            .read_in_table(case)
        },
        || {
            contradicts(
                "few-ask",
                joined("it is asked by only".into(), counted(server.how.other_ends, noun::SOURCE)),
            )
            .read_in_table(case)
        },
    );
    let answered = server.flags.answered();
    scales.weigh(
        Weight::Strong,
        answered >= MOST,
        || {
            supports("answered", sentence![Word::Share(answered), "of the questions were answered"])
                .value("share", answered)
                .read_in_table(case)
        },
        || {
            contradicts(
                "not-answered",
                sentence!["only", Word::Share(answered), "of the questions were answered"],
            )
            .value("share", answered)
            .read_in_table(case)
        },
    );
    let moved = share(translated(server.how), server.how.entries);
    if moved >= MOST {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "asks-pass-through",
                sentence![
                    "the addresses of",
                    Word::Share(moved),
                    "of the questions are translated: another machine or a container answers"
                ],
            )
            .value("share", moved)
            .read_in_table(case),
        );
    }
    // Signed answers are ten times as long as the question at times: only with few sources does it mean more.
    if let Some(times) = amplification(server.how).filter(|times| *times >= AMPLIFIED && !many) {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "answers-far-longer",
                sentence![
                    "few ask, and answers are",
                    Word::Number(super::super::arith::rounded(times).unwrap_or(0)),
                    "times as long as the questions: forged questions look like that"
                ],
            )
            .value("times", times)
            .read_in_table(case),
        );
    }
    scales
}

fn remedies(case: &Case<'_>, server: &Server<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    if let Some(port) = server.peer.port {
        let moved = translated(server.how) > 0;
        out.extend(
            untracked::untrack_service(case, server.peer.address, port, server.how.entries, moved).ok(),
        );
    }
    out.extend(cures::shorter_exchange(case));
    out.extend(raise_limit(case));
    out
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![
        will_not_help::reason(
            "fail2ban",
            "no source stands out: each asks a little, and addresses in UDP may be forged, so a ban hits whom a stranger chooses".into(),
        ),
        will_not_help::reason(
            "short-udp-timeout",
            "below 30 s an answer that takes longer (a slow recursion) finds no entry; the table only holds fewer seconds of the same questions".into(),
        ),
    ];
    out.extend(will_not_help::limit_alone(case));
    out
}
