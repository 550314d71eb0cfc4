//! C14: somebody forges questions in a victim's name to servers whose answers are long. Seen by the victim: answers that
//! nobody here asked for, from all over, from the port of such a service. Seen by a reflector: its own service asked
//! in the name of a few, with answers far longer than the questions. Look-alikes: a server of names or time that many
//! ask, and answers to this host's own questions where those go untracked.

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Leader, LeaderKey, Peer};
use crate::model::diagnosis::WillNotHelp;
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::{rounded, share};
use super::super::datagrams::{
    Flags, MANY_ENDS, MOST, NEARLY_ALL, WORTH_NAMING, amplification, at_least, at_most, counted, holds,
    is_udp, joined, peers_on, per_second, ports_from, translated,
};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::datagrams as cures;
use super::super::scales::{Scales, Weight};
use super::super::{open, will_not_help};
use super::Candidate;

/// Services whose answers are far longer than the question: character generator, quote of the day, names, portmapper,
/// time, NetBIOS, SNMP, CLDAP, SSDP, WS-Discovery, memcached.
const AMPLIFIERS: [u16; 11] = [17, 19, 53, 111, 123, 137, 161, 389, 1_900, 3_702, 11_211];
/// Of them, what strangers ask for rightly.
const PUBLIC: [u16; 2] = [53, 123];
/// Bytes back for each byte there, from which on an answer is worth forging the question for. An honest answer of DNS
/// is some four times as long, of NTP as long as the question.
pub(super) const AMPLIFIED: f64 = 8.0;
/// Addresses that are attacked at a time: a host, its aliases, a subnet.
const VICTIMS_MAX: u64 = 256;
/// Forged sources are few, since each is a victim.
const FORGED_MAX: u64 = 64;
/// Servers of ours that may answer from such a port and are let through by address.
const EXEMPT_MAX: usize = 6;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    match (victim(case), reflector(case)) {
        (Some(a), Some(b)) => Some(if b.explains > a.explains { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Answers from one such port to an address.
struct Answers<'a> {
    port: u16,
    how: &'a Leader,
    flags: Flags,
    to: IpAddr,
    /// The description of that address.
    at: &'a Leader,
    explains: f64,
}

fn victim(case: &Case<'_>) -> Option<Candidate> {
    let answers = answers(case)?;
    let (port, how) = (answers.port, answers.how);
    let rate = per_second(case, &how.classes, is_udp);
    Some(Candidate {
        summary: victim_summary(&answers, rate),
        loses: Some(sentence!["such answers hold only", Word::Share(answers.explains), "of the table"]),
        rate_per_second: rate,
        remedies: vec![cures::drop_from_port(case, answers.to, port, how.entries, &own_servers(case, port))],
        will_not_help: victim_useless(case),
        ..Candidate::new(
            Candidate::tier_of(answers.explains),
            answers.explains,
            victim_scales(case, &answers),
        )
    })
}

fn answers<'a>(case: &Case<'a>) -> Option<Answers<'a>> {
    let ports = ports_from(case);
    let (port, how) = ports.into_iter().find(|(port, how)| {
        let to_itself = how.common_ports.iter().find(|(to, _)| to == port).map_or(0, |(_, n)| *n);
        AMPLIFIERS.contains(port)
            && share(to_itself, how.entries) < MOST
            && Flags::udp(&how.classes).unanswered() >= MOST
            && at_most(how.other_ends, VICTIMS_MAX)
    })?;
    let explains = share(how.entries, case.entries());
    if explains < WORTH_NAMING {
        return None;
    }
    let who = &case.census?.who;
    let (to, at) = who
        .destinations
        .leading(who.entries)
        .iter()
        .filter_map(|row| Some((row.key, case.how(&LeaderKey::Destination(row.key))?)))
        .max_by_key(|(address, at)| (Flags::udp(&at.classes).unreplied, std::cmp::Reverse(*address)))?;
    Some(Answers { port, how, flags: Flags::udp(&how.classes), to, at, explains })
}

/// Servers that this host or those behind it do ask on that port: their answers are let through.
fn own_servers(case: &Case<'_>, port: u16) -> Vec<IpAddr> {
    let asked = peers_on(case, &[port]).into_iter().filter(|(peer, how)| {
        case.locals.is_local(peer.address) != Some(true) && Flags::udp(&how.classes).answered() >= MOST
    });
    asked.map(|(peer, _)| peer.address).take(EXEMPT_MAX).collect()
}

fn victim_summary(answers: &Answers<'_>, rate: Option<f64>) -> Vec<Sentence> {
    let who = sentence![
        "unasked answers from",
        Word::Port(answers.port, L4::UDP),
        "to",
        answers.to,
        "hold",
        Word::Share(answers.explains),
        "of the table"
    ];
    let mut how = joined(
        "forged questions in that address's name made".into(),
        counted(answers.at.other_ends, noun::SOURCE),
    )
    .with("answer it");
    if let Some(rate) = rate {
        how = how.with(":").with(Word::Rate(rate));
    }
    let what = sentence![
        "drop UDP from",
        Word::Port(answers.port, L4::UDP),
        "before it is tracked (raw table); have the provider filter it"
    ];
    vec![who, how, what]
}

fn victim_scales(case: &Case<'_>, answers: &Answers<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        holds(
            case,
            "answers-from-a-service",
            sentence!["datagrams from", Word::Port(answers.port, L4::UDP), "to other ports"],
            answers.how.entries,
        ),
    );
    let unanswered = answers.flags.unanswered();
    scales.weigh(
        Weight::Strong,
        unanswered >= NEARLY_ALL,
        || {
            supports(
                "nobody-asked",
                sentence![Word::Share(unanswered), "of them met no entry and no answer: nobody here asked"],
            )
            .value("share", unanswered)
            .read_in_table(case)
        },
        || {
            contradicts(
                "some-answered",
                sentence!["only", Word::Share(unanswered), "of them were left without an answer"],
            )
            .value("share", unanswered)
            .read_in_table(case)
        },
    );
    let many = at_least(answers.at.other_ends, MANY_ENDS);
    scales.weigh(
        Weight::Deciding,
        many,
        || {
            supports(
                "from-all-over",
                joined("they come from".into(), counted(answers.at.other_ends, noun::SOURCE))
                    .with(", more than anybody asks"),
            )
            .read_in_table(case)
        },
        || {
            contradicts(
                "from-few",
                joined("they come from only".into(), counted(answers.at.other_ends, noun::SOURCE))
                    .with(": rather this host's own servers, whose questions went untracked"),
            )
            .read_in_table(case)
        },
    );
    if case.counters.rules.is_none() {
        scales.not_known(
            Weight::Slight,
            open::rules(case, "whether one takes this host's own questions out of tracking is not known"),
        );
    }
    if untracks(case, answers.port) {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "questions-untracked",
                sentence![
                    "a rule of this host takes",
                    Word::Port(answers.port, L4::UDP),
                    "out of tracking: answers to its own questions may find no entry"
                ],
            )
            .read_in_table(case),
        );
    }
    scales
}

/// A rule takes that port out of tracking, in one direction perhaps.
fn untracks(case: &Case<'_>, port: u16) -> bool {
    let Some(rules) = &case.counters.rules else { return false };
    let port = port.to_string();
    rules.untracked.iter().any(|rule| rule.split(|c: char| !c.is_ascii_digit()).any(|number| number == port))
}

fn victim_useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![
        will_not_help::reason(
            "block-top-source",
            "the sources are servers that answer a forged question, thousands of them, and another set tomorrow".into(),
        ),
        will_not_help::reason(
            "short-udp-timeout",
            "a flood fills what a shorter timeout frees, and your own slow answers are lost".into(),
        ),
        will_not_help::reason("raise-limit", "a flood fills any size; a larger table is also slower to search".into()),
    ];
    out.extend(will_not_help::established_for_datagrams(case));
    out
}

/// Our own service, used against others.
struct Mirror<'a> {
    peer: Peer,
    how: &'a Leader,
    explains: f64,
    times: Option<f64>,
}

fn reflector(case: &Case<'_>) -> Option<Candidate> {
    let mirror = mirror(case)?;
    let port = mirror.peer.port?;
    let rate = per_second(case, &mirror.how.classes, is_udp);
    Some(Candidate {
        summary: mirror_summary(&mirror, rate),
        loses: Some(sentence!["such questions hold only", Word::Share(mirror.explains), "of the table"]),
        rate_per_second: rate,
        remedies: vec![cures::close_service(case, mirror.peer.address, port, mirror.how.entries)],
        will_not_help: vec![
            will_not_help::reason(
                "block-top-source",
                "the addresses that seem to ask are the victims; blocked, others take their place".into(),
            ),
            will_not_help::reason(
                "raise-limit",
                "more room for forged questions sends more answers to the victim".into(),
            ),
            will_not_help::reason(
                "short-udp-timeout",
                "frees entries sooner and answers as many forged questions".into(),
            ),
        ],
        ..Candidate::new(Candidate::tier_of(mirror.explains), mirror.explains, mirror_scales(case, &mirror))
    })
}

fn mirror<'a>(case: &Case<'a>) -> Option<Mirror<'a>> {
    let (peer, how) = peers_on(case, &AMPLIFIERS)
        .into_iter()
        .find(|(peer, _)| case.locals.is_local(peer.address) == Some(true))?;
    let explains = share(how.entries, case.entries());
    let loopback = AddressKind::of(peer.address) == AddressKind::Loopback;
    if explains < WORTH_NAMING || loopback || translated(how) > how.entries / 2 {
        return None;
    }
    Some(Mirror { peer, how, explains, times: amplification(how) })
}

fn mirror_summary(mirror: &Mirror<'_>, rate: Option<f64>) -> Vec<Sentence> {
    let peer = Word::Endpoint(mirror.peer.address, mirror.peer.port, L4::UDP);
    let who = sentence![
        "this host's",
        peer.clone(),
        "is used against others: forged questions hold",
        Word::Share(mirror.explains),
        "of the table"
    ];
    let mut how = joined("they come in the name of".into(), counted(mirror.how.other_ends, noun::SOURCE));
    if let Some(rate) = rate {
        how = how.with("at").with(Word::Rate(rate));
    }
    if let Some(times) = mirror.times.and_then(rounded) {
        how = how.with("; answers are").with(Word::Number(times)).with("times as long");
    }
    let what =
        sentence!["close", peer, "to strangers, or limit its answers; a larger limit helps the attacker"];
    vec![who, how, what]
}

fn mirror_scales(case: &Case<'_>, mirror: &Mirror<'_>) -> Scales {
    let mut scales = Scales::default();
    let peer = Word::Endpoint(mirror.peer.address, mirror.peer.port, L4::UDP);
    scales.speaks_for(
        Weight::Slight,
        holds(case, "questions", sentence!["questions to", peer], mirror.how.entries),
    );
    let few = at_most(mirror.how.other_ends, FORGED_MAX);
    scales.weigh(
        Weight::Strong,
        few,
        || {
            supports(
                "few-repeated-sources",
                joined("they come from only".into(), counted(mirror.how.other_ends, noun::SOURCE))
                    .with(", again and again"),
            )
            .read_in_table(case)
        },
        || {
            contradicts(
                "many-ask",
                joined("they come from".into(), counted(mirror.how.other_ends, noun::SOURCE))
                    .with(", as of a server that many ask"),
            )
            .read_in_table(case)
        },
    );
    let closed = mirror.peer.port.is_some_and(|port| !PUBLIC.contains(&port));
    let strangers = kinds_outside(case);
    if closed && strangers >= MOST {
        scales.speaks_for(
            Weight::Strong,
            supports(
                "asked-by-strangers",
                sentence![
                    "no stranger has a reason to ask this service, and",
                    Word::Share(strangers),
                    "of all entries come from public addresses"
                ],
            )
            .value("share", strangers)
            .read_in_table(case),
        );
    }
    match mirror.times {
        Some(times) => scales.weigh(
            Weight::Deciding,
            times >= AMPLIFIED,
            || {
                supports(
                    "answers-far-longer",
                    sentence![
                        "its answers are",
                        Word::Number(rounded(times).unwrap_or(0)),
                        "times as long as the questions"
                    ],
                )
                .value("times", times)
                .read_in_table(case)
            },
            || {
                contradicts(
                    "answers-as-long",
                    sentence![
                        "its answers are only",
                        Word::Number(rounded(times).unwrap_or(0)),
                        "times as long as the questions: nothing to gain"
                    ],
                )
                .value("times", times)
                .read_in_table(case)
            },
        ),
        None => scales.not_known(Weight::Deciding, open::volumes(case)),
    }
    scales
}

/// Share of entries from public addresses. (Those of documentation stand for them in examples.)
fn kinds_outside(case: &Case<'_>) -> f64 {
    let Some(census) = case.census else { return 0.0 };
    let of = |kind| census.who.source_kinds.get(&kind).copied().unwrap_or(0);
    share(of(AddressKind::Public).saturating_add(of(AddressKind::Documentation)), census.who.entries)
}
