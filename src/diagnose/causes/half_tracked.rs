//! C09: connections that work, of which the tracker is shown one direction: a rule takes the other one out of tracking,
//! or it goes another way round (eBPF, DSR, TPROXY). Out of tracking on the way back: SYN_SENT with SYNs only. Out of
//! tracking on the way in: connections met in their middle, turned around (source port is the service's), and the
//! kernel's `invalid` counter rises. Look-alikes: a dead upstream and a flood (nothing works), a pickup after a reload
//! (one event), asymmetric routing (everything is one-way, not one port).

use crate::model::census::{Leader, LeaderKey, PortKey, Ranking};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, State};
use crate::model::rules::Untracked;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::mix::Mix;
use super::super::one_way::{self, OneWay};
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Share of the port's entries that are one-way.
const MOSTLY: f64 = 0.5;
/// Open connections for each one-way entry: from this share on, the connections work.
const WORKS: f64 = 0.1;
/// Connections seen in both directions for each one-way entry, from which on the port is tracked as others are.
const OTHERS: f64 = 0.05;
/// Up to so many packets, an answer was met once; a service sends more in each connection.
const ONCE: f64 = 1.5;
/// A handshake of which only the SYN counts has one packet, or a few where it is sent again.
const SYNS_ONLY: f64 = 3.0;

/// Which half is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    /// The SYNs of clients; the answers are not.
    Requests,
    /// What the service sends; what comes in is not.
    Answers,
}

struct Halves<'a> {
    port: u16,
    half: Half,
    how: &'a Leader,
    one_way: u64,
    rule: Option<Untracked>,
    open: Option<u64>,
    share_of_table: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let halves = [Half::Requests, Half::Answers].into_iter().filter_map(|half| measure(case, half));
    let halves = halves.max_by(|a, b| a.one_way.cmp(&b.one_way).then(b.port.cmp(&a.port)))?;
    Some(Candidate {
        summary: summary(&halves),
        loses: Some(sentence![
            "one-way entries of",
            Word::Port(halves.port, L4::TCP),
            "explain only",
            Word::Share(halves.share_of_table),
            "of the table"
        ]),
        remedies: cures(case, &halves),
        will_not_help: useless(case),
        ..Candidate::new(
            Candidate::tier_of(halves.share_of_table),
            halves.share_of_table,
            scales(case, &halves),
        )
    })
}

fn measure<'a>(case: &Case<'a>, half: Half) -> Option<Halves<'a>> {
    let who = &case.census?.who;
    let leading = |ports: &'a Ranking<PortKey>, key: fn(PortKey) -> LeaderKey, of: fn(OneWay) -> u64| {
        ports
            .leading(who.entries)
            .iter()
            .filter(|row| row.key.l4 == L4::TCP)
            .filter_map(|row| {
                let how = case.how(&key(row.key))?;
                Some((row.key.port, of(OneWay::of(Mix(&how.classes))), how))
            })
            .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
    };
    let (port, one_way, how) = match half {
        Half::Requests => leading(&who.destination_ports, LeaderKey::DestinationPort, |seen| seen.syn)?,
        Half::Answers => leading(&who.source_ports, LeaderKey::SourcePort, OneWay::met_in_the_middle)?,
    };
    let share_of_table = share(one_way, who.entries);
    if share_of_table < WORTH_NAMING || share(one_way, how.entries) < MOSTLY {
        return None;
    }
    let rule = case.counters.rules.as_ref().and_then(|rules| rules.untracked_one_way(port));
    let open = one_way::open_beyond_known(case, port);
    let works = open.is_some_and(|open| share(open, one_way) >= WORKS);
    // Answers without requests are this alone, or a pickup: worth asking for the rules. SYNs without an answer are so
    // many things that something must point here.
    let own_service = half == Half::Answers && reversed(how) && case.counters.rules.is_none();
    (rule.is_some() || works || own_service).then_some(Halves {
        port,
        half,
        how,
        one_way,
        rule,
        open,
        share_of_table,
    })
}

/// Nearly all are turned around: the port is a service's.
fn reversed(how: &Leader) -> bool {
    share(how.reversed, how.entries) >= MOSTLY
}

fn summary(halves: &Halves<'_>) -> Vec<Sentence> {
    let port = Word::Port(halves.port, L4::TCP);
    let who = sentence![
        "the tracker sees one direction only of",
        port.clone(),
        ":",
        Word::Count(halves.one_way, noun::ENTRY),
        "(",
        Word::Share(halves.share_of_table),
        ")"
    ];
    let how = match (halves.half, halves.rule) {
        (_, Some(Untracked::To)) => {
            sentence!["a rule takes what goes to", port, "out of tracking, and not what comes from it"]
        }
        (_, Some(Untracked::From)) => {
            sentence!["a rule takes what comes from", port, "out of tracking, and not what goes to it"]
        }
        (Half::Requests, None) => {
            sentence!["its connections are open, and their answers pass the tracker by"]
        }
        (Half::Answers, None) => {
            sentence!["what it sends is tracked, and what it receives passes the tracker by"]
        }
    };
    let what = match halves.rule {
        Some(_) => sentence!["mirror that rule (both directions, in PREROUTING and OUTPUT), or take it out"],
        None => sentence![
            "find what takes the other direction past it (notrack rule, eBPF): let it take both, or none"
        ],
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, halves: &Halves<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "one-way-port",
            sentence![
                Word::Number(halves.one_way),
                "of the",
                Word::Count(halves.how.entries, noun::ENTRY),
                "of",
                Word::Port(halves.port, L4::TCP),
                "saw packets in one direction only"
            ],
        )
        .value("one_way", halves.one_way as f64)
        .value("share", halves.share_of_table)
        .read_in_table(case),
    );
    rules(case, halves, &mut scales);
    sockets(case, halves, &mut scales);
    others(case, halves, &mut scales);
    match halves.half {
        Half::Requests => syns_only(case, halves, &mut scales),
        Half::Answers => turned_around(case, halves, &mut scales),
    }
    scales
}

fn rules(case: &Case<'_>, halves: &Halves<'_>, scales: &mut Scales) {
    let Some(rules) = case.counters.rules.as_ref() else {
        return scales.not_known(
            Weight::Deciding,
            open::rules(case, "whether one direction of that port is taken out of tracking"),
        );
    };
    if halves.rule.is_some() {
        let text = rules.untracked.iter().find(|rule| rule.contains(&halves.port.to_string()));
        let mut said = sentence!["one direction is taken out of tracking, and its mirror image is not there"];
        if let Some(text) = text {
            said = said.with(":").with(Word::Untrusted(text.as_bytes().into()));
        }
        return scales.speaks_for(Weight::Deciding, supports("one-way-rule", said).read_in_table(case));
    }
    // Something other than a rule may do it: eBPF, direct server return.
    scales.speaks_against(
        Weight::Strong,
        contradicts(
            "no-one-way-rule",
            sentence![
                "no rule given takes one direction of",
                Word::Port(halves.port, L4::TCP),
                "out of tracking"
            ],
        )
        .read_in_table(case),
    );
}

fn sockets(case: &Case<'_>, halves: &Halves<'_>, scales: &mut Scales) {
    let Some(open) = halves.open else {
        return scales.not_known(
            Weight::Strong,
            one_way::ask_sockets(
                case,
                Some(halves.port),
                "whether the connections work that the tracker sees half of",
            ),
        );
    };
    let said = |tail: &'static str| {
        context(
            "open-connections",
            sentence![
                Word::Count(open, noun::CONNECTION),
                "with",
                Word::Port(halves.port, L4::TCP),
                "are open on this host that the tracker does not know as open:",
                Word::Text(tail)
            ],
        )
        .value("open", open as f64)
        .read_in_table(case)
    };
    scales.weigh(
        Weight::Deciding,
        share(open, halves.one_way) >= WORKS,
        || said("they work, while their entries say that nothing was answered"),
        || said("hardly any for so many entries"),
    );
}

/// Other connections to the port that were seen in both directions: no rule hides one of them.
fn others(case: &Case<'_>, halves: &Halves<'_>, scales: &mut Scales) {
    let whole = one_way::seen_whole(case, halves.port);
    let said = |tail: &'static str| {
        context(
            "others-of-that-port",
            if whole == 0 {
                "no connection to that port was seen in both directions".into()
            } else {
                sentence![
                    Word::Count(whole, noun::CONNECTION),
                    "to that port were seen in both directions:",
                    Word::Text(tail)
                ]
            },
        )
        .value("entries", whole as f64)
        .read_in_table(case)
    };
    let weight = if halves.rule.is_some() { Weight::Slight } else { Weight::Deciding };
    if share(whole, halves.one_way) >= OTHERS {
        scales.speaks_against(weight, said("nothing hides one of them"));
    } else {
        scales.speaks_for(Weight::Strong, said("hardly any beside so many of which one was"));
    }
}

/// Only SYNs find their entry; what follows them is invalid to the tracker.
fn syns_only(case: &Case<'_>, halves: &Halves<'_>, scales: &mut Scales) {
    let Some(each) = one_way::packets_of(halves.how) else { return };
    let said = || {
        context(
            "packets-each",
            sentence![
                "each entry has about",
                one_way::about_packets(each),
                "on average: SYNs, and nothing after them"
            ],
        )
        .value("packets", each)
        .read_in_table(case)
    };
    if each <= SYNS_ONLY {
        scales.speaks_for(Weight::Slight, said());
    }
}

fn turned_around(case: &Case<'_>, halves: &Halves<'_>, scales: &mut Scales) {
    let said = |tail: &'static str| {
        context(
            "turned-around",
            sentence![
                Word::Number(halves.how.reversed),
                "of the entries from that port are turned around, its source being the service:",
                Word::Text(tail)
            ],
        )
        .value("reversed", halves.how.reversed as f64)
        .read_in_table(case)
    };
    scales.weigh(
        Weight::Strong,
        reversed(halves.how),
        || said("the first packet seen was an answer"),
        || said("too few for a service whose requests are not seen"),
    );
    if let Some(each) = one_way::packets_of(halves.how) {
        let said = |tail: &'static str| {
            context(
                "packets-each",
                sentence!["each has about", one_way::about_packets(each), ":", Word::Text(tail)],
            )
            .value("packets", each)
            .read_in_table(case)
        };
        scales.weigh(
            Weight::Strong,
            each > ONCE,
            || said("the service goes on answering what the tracker does not see"),
            || said("met once, and never seen again"),
        );
    }
    if let Some(invalid) = case.counters.stat.and_then(|stat| stat.invalid).filter(|n| *n >= halves.one_way) {
        scales.speaks_for(
            Weight::Slight,
            supports(
                "invalid",
                sentence![Word::Count(invalid, noun::PACKET), "fitted no connection since boot"],
            )
            .value("invalid", invalid as f64)
            .read_in_table(case),
        );
    }
    let ended = Mix(&halves.how.classes).unreplied(State::CloseWait);
    if ended > 0 {
        scales.add([context(
            "half-closed",
            sentence![
                Word::Count(ended, noun::ENTRY),
                "of it are in",
                State::CloseWait,
                ": the service closed, and the other side's part was not seen"
            ],
        )
        .value("entries", ended as f64)
        .read_in_table(case)]);
    }
}

fn cures(case: &Case<'_>, halves: &Halves<'_>) -> Vec<Remedy> {
    let mut out = vec![remedies::mirror_untracking(case, halves.port)];
    match halves.half {
        // Only the leading address and port: everything to it is one-way, so the selection takes nothing else.
        Half::Requests => {
            let peer = one_way::leading_peer(case, |mix| mix.unreplied(State::SynSent));
            let peer = peer.filter(|(peer, _, _)| peer.port == Some(halves.port));
            out.extend(peer.and_then(|(peer, entries, how)| {
                let translated = how.nat.destination.saturating_add(how.nat.both) > 0;
                remedies::delete_syns_to(peer, entries, translated)
            }));
        }
        Half::Answers => out.extend(remedies::delete_pickups(case, Some(halves.port), halves.one_way)),
    }
    out
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    vec![
        will_not_help::no_attack(),
        will_not_help::limit_for_halves(),
        will_not_help::established_for_half_open(case),
        will_not_help::loose(),
    ]
}
