//! C08: everything is one-way, whatever the port and the peer, and data flows: this machine forwards one direction, and
//! the other one takes another path. Look-alikes: a dead upstream (one target), half-tracked traffic (one port, by a
//! rule), a pickup after an event (a packet or two each, and then nothing), floods and scans (SYNs only).

use crate::model::census::LeaderKey;
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::one_way::{self, ALSO_ONE_WAY, OneWay, pickup};
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Share of TCP that is one-way.
const MOSTLY: f64 = 0.6;
/// Share of the one-way entries that saw more than SYNs: data flows.
const BEYOND_SYNS: f64 = 0.2;
/// From so many packets an entry on, data flows.
const DATA: f64 = 5.0;
/// Up to so many packets an entry, it was met once and never seen again.
const ONCE: f64 = 3.0;
/// Above this share of the table, one source, one peer or one port of the other side is what it is about.
const CONCENTRATED: f64 = 0.5;
/// Below this share of UDP without an answer the other direction passes here.
const ANSWERED: f64 = 0.3;
/// From this share of the timeout on an entry was seen a moment ago, and the share of such entries that says that traffic
/// keeps them.
const FRESH: f64 = 0.8;
const KEPT: f64 = 0.5;

/// From this share of the one-way connections on that were met in their middle, packets are counted of those alone.
const MOSTLY_MET: f64 = 0.5;

struct Path {
    seen: OneWay,
    one_way: u64,
    tcp: u64,
    packets_each: Option<f64>,
    /// Entries that the packets were counted of.
    counted: u64,
    share_of_table: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let path = measure(case)?;
    Some(Candidate {
        summary: summary(&path),
        loses: Some(sentence![
            "one-way connections explain only",
            Word::Share(path.share_of_table),
            "of the table"
        ]),
        remedies: cures(case),
        will_not_help: useless(),
        ..Candidate::new(Candidate::tier_of(path.share_of_table), path.share_of_table, scales(case, &path))
    })
}

fn measure(case: &Case<'_>) -> Option<Path> {
    let mix = case.mix()?;
    let seen = OneWay::of(mix);
    let (one_way, tcp) = (seen.total(), mix.all_tcp());
    let share_of_table = share(one_way, mix.total());
    // Of a SYN nobody counts on more packets than its repetitions: where most were met in their middle, those tell.
    let mostly_met = share(seen.met_in_the_middle(), one_way) >= MOSTLY_MET;
    let packets_each = one_way::packets_each(case, |class| {
        if mostly_met {
            one_way::pickup(class)
        } else {
            class.l4 == L4::TCP && class.replied == Reply::Unreplied
        }
    });
    // More than SYNs goes one way: connections met in their middle again and again, data, or UDP as well.
    let met_once = packets_each.is_some_and(|n| n <= ONCE);
    let beyond_syns = share(seen.met_in_the_middle(), one_way) >= BEYOND_SYNS && !met_once;
    let data = packets_each.is_some_and(|n| n >= DATA);
    let also_udp = one_way::udp_unanswered(mix).is_some_and(|(_, part)| part >= ALSO_ONE_WAY);
    let more = beyond_syns || data || also_udp;
    (share_of_table >= WORTH_NAMING && share(one_way, tcp) >= MOSTLY && more).then_some(Path {
        seen,
        one_way,
        tcp,
        packets_each,
        counted: if mostly_met { seen.met_in_the_middle() } else { one_way },
        share_of_table,
    })
}

fn summary(path: &Path) -> Vec<Sentence> {
    let who = sentence![
        Word::Number(path.one_way),
        "of",
        Word::Count(path.tcp, noun::CONNECTION),
        "show one direction only (",
        Word::Share(path.share_of_table),
        "of the table), to many targets"
    ];
    let how = match path.packets_each {
        Some(each) if each >= DATA && path.counted < path.one_way => sentence![
            "data flows in",
            Word::Count(path.counted, noun::CONNECTION),
            "(about",
            one_way::about_packets(each),
            "each), so their answers take another way"
        ],
        Some(each) if each >= DATA => sentence![
            "data flows in them (about",
            one_way::about_packets(each),
            "each), so their answers take another way"
        ],
        _ if path.seen.syn > path.seen.met_in_the_middle() => {
            sentence!["most are SYNs whose answers were not seen, and UDP is not answered here either"]
        }
        _ => sentence!["they were met in their middle and never answered here: the way back goes elsewhere"],
    };
    let what =
        sentence!["send both directions through this machine, or stop tracking what passes only one way"];
    vec![who, how, what]
}

fn scales(case: &Case<'_>, path: &Path) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "one-way",
            sentence![
                Word::Number(path.one_way),
                "of",
                Word::Count(path.tcp, noun::ENTRY),
                "of TCP saw no packet in reply direction;",
                Word::Number(path.seen.met_in_the_middle()),
                "of them saw more than SYNs"
            ],
        )
        .value("one_way", path.one_way as f64)
        .value("share", path.share_of_table)
        .read_in_table(case),
    );
    data(case, path, &mut scales);
    everywhere(case, &mut scales);
    other_protocols(case, &mut scales);
    kept(case, path, &mut scales);
    if rules_explain(case) {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "one-way-rule",
                "a rule takes one direction of its leading port out of tracking".into(),
            )
            .read_in_table(case),
        );
    }
    for kind in [RelatedKind::LinkChanged, RelatedKind::Failover] {
        if let Some(around) = case.marks(kind).next() {
            scales.speaks_for(
                Weight::Slight,
                supports("path-changed", around.fact.clone().with(": packets take another way from then on"))
                    .read_in_log(case),
            );
        }
    }
    scales
}

/// What tells it from connections that were met once.
fn data(case: &Case<'_>, path: &Path, scales: &mut Scales) {
    let Some(each) = path.packets_each else {
        return scales.not_known(
            Weight::Deciding,
            one_way::ask_packets(
                case,
                "whether data flows in one direction, or a packet or two were seen and then nothing",
            ),
        );
    };
    let said = |tail: &'static str| {
        context(
            "packets-each",
            sentence![
                "each has about",
                one_way::about_packets(each),
                "in one direction and none in the other:",
                Word::Text(tail)
            ],
        )
        .value("packets", each)
        .read_in_table(case)
    };
    if each >= DATA {
        scales.speaks_for(Weight::Deciding, said("data flows, and is answered elsewhere"));
    } else if each <= ONCE {
        scales.speaks_against(Weight::Deciding, said("met once, as after a lost entry"));
    } else {
        scales.add([said("few")]);
    }
}

/// The path, not one end of it.
fn everywhere(case: &Case<'_>, scales: &mut Scales) {
    let Some(census) = case.census else { return };
    let who = &census.who;
    let most = who.peers.most(who.entries).max(who.destinations.most(who.entries));
    let part = share(most, who.entries);
    let from = case.top_source_share().unwrap_or(0.0);
    let said = || {
        context(
            "everywhere",
            sentence![
                "the leading target has",
                Word::Share(part),
                "and the leading source",
                Word::Share(from),
                "of the table"
            ],
        )
        .value("target", part)
        .value("source", from)
        .read_in_table(case)
    };
    scales.weigh(Weight::Strong, part < CONCENTRATED && from < CONCENTRATED, said, said);
}

/// UDP takes the same path.
fn other_protocols(case: &Case<'_>, scales: &mut Scales) {
    let Some(mix) = case.mix() else { return };
    let Some((udp, part)) = one_way::udp_unanswered(mix) else { return };
    let said = |lead: &'static str, tail: &'static str| {
        let fact = sentence![Word::Text(lead), Word::Share(part), "of", Word::Count(udp, noun::ENTRY)];
        context("udp-one-way", fact.with(tail)).value("share", part).read_in_table(case)
    };
    if part >= ALSO_ONE_WAY {
        scales.speaks_for(
            Weight::Strong,
            said("of UDP, which takes the same path,", "were not answered either"),
        );
    } else if part < ANSWERED {
        let tail = "of UDP were not answered: a path that loses answers loses theirs as well";
        scales.speaks_against(Weight::Strong, said("only", tail));
    }
}

/// Connections in use renew their entries; those of a past event run out.
fn kept(case: &Case<'_>, path: &Path, scales: &mut Scales) {
    let Some(mix) = case.mix() else { return };
    // Remaining times do not tell flags apart: they speak where nearly all of the state are such entries.
    if share(path.seen.established, mix.tcp(State::Established)) < 0.9 {
        return;
    }
    let timeouts = case.timeouts();
    let short = one_way::with_at_most(case, State::Established, one_way::UNACKNOWLEDGED_SECONDS);
    let timeout = if share(short, path.seen.established) >= 0.9 {
        timeouts.named_or_default("tcp_timeout_unacknowledged")
    } else {
        timeouts.named_or_default("tcp_timeout_established")
    };
    let Some(timeout) = timeout else { return };
    let Some(part) = one_way::fresh(case, State::Established, timeout, FRESH) else { return };
    let said = || {
        let fact = sentence![
            Word::Share(part),
            "of the established ones had their last packet within",
            Word::Duration((timeout as f64 * (1.0 - FRESH)).round()),
            "before the table was read"
        ];
        context("seen-just-now", fact).value("share", part).read_in_table(case)
    };
    scales.weigh(Weight::Slight, part >= KEPT, said, said);
}

/// A rule that takes one direction of the leading port out of tracking explains it better.
fn rules_explain(case: &Case<'_>) -> bool {
    let (Some(rules), Some(census)) = (case.counters.rules.as_ref(), case.census) else { return false };
    let who = &census.who;
    let first = |ports: &crate::model::census::Ranking<crate::model::census::PortKey>| {
        ports.leading(who.entries).first().map(|row| row.key.port)
    };
    [first(&who.destination_ports), first(&who.source_ports)]
        .into_iter()
        .flatten()
        .any(|port| rules.untracked_one_way(port).is_some())
}

fn cures(case: &Case<'_>) -> Vec<Remedy> {
    let mut examples = Vec::new();
    if let Some(census) = case.census {
        for row in census.who.destinations.leading(census.who.entries) {
            if let Some(how) = case.how(&LeaderKey::Destination(row.key))
                && how.classes.iter().any(|(class, _)| pickup(class) || one_way::lone_syn(class))
            {
                examples.push(row.key);
            }
        }
    }
    let mut out = vec![remedies::both_directions(examples.first().copied())];
    out.push(remedies::without_state());
    out
}

fn useless() -> Vec<WillNotHelp> {
    vec![
        will_not_help::limit_for_halves(),
        will_not_help::liberal(),
        will_not_help::loose(),
        will_not_help::longer_timeouts(),
    ]
}
