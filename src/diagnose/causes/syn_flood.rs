//! C06: handshakes that are never finished, to one address and port, nearly every one from another source. The table
//! is full of entries that may be evicted, so few lines say "full" while evictions go into the millions.
//! Answered here they are SYN_RECV (60 s, neither flag), forwarded and not answered SYN_SENT (120 s, unreplied).
//! Look-alikes: a dead upstream (the same clients again and again, SYN_SENT), half-tracked traffic (the connections
//! work), a scan (many destinations), a crowd (assured entries).

use crate::model::census::{Distinct, Leader, Peer};
use crate::model::diagnosis::Remedy;
use crate::model::flow::{L4, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::idle::Ages;
use super::super::mix::Mix;
use super::super::one_way;
use super::super::pace::Pace;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Distinct sources for each half-open entry, at least: forged or very many.
const SOURCES_PER_ENTRY: f64 = 0.5;
/// A single source above this share of them is no flood of strangers.
const TOP_SOURCE_MAX: f64 = 0.1;
/// From this share of answered ones on, the port is open and answers.
const ANSWERED: f64 = 0.5;
/// From so many packets an entry on, SYNs are tried again: by clients that want a connection.
const RETRIED: f64 = 1.5;
/// Open connections for each half-open one: from this share on, they work, only the tracker does not see it.
const WORKS: f64 = 0.1;

/// From this share of sources with public addresses on, strangers send them.
const OUTSIDE: f64 = 0.5;

struct Flood<'a> {
    peer: Peer,
    how: &'a Leader,
    top_source: u64,
    half_open: u64,
    answered: u64,
    sources: Distinct,
    share_of_table: f64,
    rate_per_second: Option<f64>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let flood = measure(case)?;
    let scales = scales(case, &flood);
    Some(Candidate {
        summary: summary(case, &flood),
        loses: Some(sentence![
            "half-open connections explain only",
            Word::Share(flood.share_of_table),
            "of the table"
        ]),
        rate_per_second: flood.rate_per_second,
        remedies: cures(case, flood.peer),
        will_not_help: will_not_help::for_flood(case),
        ..Candidate::new(Candidate::tier_of(flood.share_of_table), flood.share_of_table, scales)
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Flood<'a>> {
    let (peer, how) = most_half_open(case)?;
    let mix = Mix(&how.classes);
    let half_open = mix.half_open();
    let share_of_table = share(half_open, case.entries());
    let strangers = match how.other_ends {
        Distinct::Exactly(n) => share(n, how.entries) >= SOURCES_PER_ENTRY,
        Distinct::More => many_sources(case, half_open),
    };
    let top_source = most_of_a_source(case, peer);
    if share_of_table < WORTH_NAMING || !strangers || share(top_source, half_open) > TOP_SOURCE_MAX {
        return None;
    }
    let half = mix.0.iter().filter(|(c, _)| matches!(c.state, Some(State::SynRecv | State::SynSent)));
    let half: std::collections::BTreeMap<_, _> = half.map(|(class, n)| (*class, *n)).collect();
    Some(Flood {
        peer,
        how,
        top_source,
        half_open,
        answered: mix.tcp(State::SynRecv),
        sources: how.other_ends,
        share_of_table,
        rate_per_second: Pace::of(Ages { remaining: &how.remaining, classes: &half }, &case.timeouts())
            .per_second(),
    })
}

/// The peer with most half-open connections among the leaders.
fn most_half_open<'a>(case: &Case<'a>) -> Option<(Peer, &'a Leader)> {
    let who = &case.census?.who;
    let rows = who.peers.leading(who.entries);
    rows.iter()
        .filter(|row| row.key.l4 == L4::TCP)
        .filter_map(|row| Some((row.key, case.how(&crate::model::census::LeaderKey::Peer(row.key))?)))
        .max_by(|a, b| Mix(&a.1.classes).half_open().cmp(&Mix(&b.1.classes).half_open()).then(b.0.cmp(&a.0)))
}

/// Entries to that peer that no source has more than.
fn most_of_a_source(case: &Case<'_>, peer: Peer) -> u64 {
    let Some(who) = case.census.map(|census| &census.who) else { return 0 };
    let pairs = who.pairs.leading(who.entries);
    pairs.iter().filter(|row| row.key.peer == peer).map(|row| row.count).max().unwrap_or(0)
}

/// Above what is counted for one peer: by the sources of the whole table, which are no fewer.
fn many_sources(case: &Case<'_>, half_open: u64) -> bool {
    let distinct = case.census.and_then(|c| c.who.sources.distinct);
    distinct.is_none_or(|n| share(n, half_open) >= SOURCES_PER_ENTRY)
}

/// The kernel itself said that this port is flooded.
fn flood_line(case: &Case<'_>, peer: Peer) -> bool {
    case.incident.is_some_and(|incident| {
        incident
            .around
            .iter()
            .any(|a| a.kind == RelatedKind::SynFlood && (a.port.is_none() || a.port == peer.port))
    })
}

/// Evictions and drops of the counters, where evictions are far more.
fn evictions(case: &Case<'_>) -> Option<(u64, u64)> {
    let stat = case.counters.stat?;
    let (evicted, dropped) = (stat.early_drop?, stat.drop?);
    (evicted > 0 && evicted >= dropped.saturating_mul(10)).then_some((evicted, dropped))
}

fn summary(case: &Case<'_>, flood: &Flood<'_>) -> Vec<Sentence> {
    let peer = Word::Endpoint(flood.peer.address, flood.peer.port, flood.peer.l4);
    let who = sentence![
        "half-open connections to",
        peer,
        "hold",
        Word::Number(flood.half_open),
        "of",
        Word::Count(case.entries(), noun::ENTRY),
        "(",
        Word::Share(flood.share_of_table),
        ")"
    ];
    let mut how = match flood.sources {
        Distinct::Exactly(n) => sentence![Word::Count(n, noun::SOURCE), "sent attempts (SYNs)"],
        Distinct::More => sentence!["over 4,096 sources sent attempts (SYNs)"],
    };
    if let Some(rate) = flood.rate_per_second {
        how = how.with("at").with(Word::Rate(rate));
    }
    how = how.with("; the addresses may be forged");
    let what = sentence![
        "stop the SYNs before they are tracked: upstream, or by the rules below; a larger limit fills too"
    ];
    vec![who, how, what]
}

fn scales(case: &Case<'_>, flood: &Flood<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "half-open",
            sentence![
                Word::Number(flood.half_open),
                "half-open connections go to one address and port;",
                Word::Number(flood.answered),
                "of them were answered (",
                State::SynRecv,
                ")"
            ],
        )
        .value("half_open", flood.half_open as f64)
        .value("share", flood.share_of_table)
        .read_in_table(case),
    );
    strangers(case, flood, &mut scales);
    answers(case, flood, &mut scales);
    let outside = one_way::from_outside(case);
    if outside < OUTSIDE {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "sources-inside",
                sentence![
                    "only",
                    Word::Share(outside),
                    "of the entries come from public addresses: forged and hired sources are of the whole world"
                ],
            )
            .value("share", outside)
            .read_in_table(case),
        );
    }
    if let Some((evicted, dropped)) = evictions(case) {
        scales.speaks_for(
            Weight::Strong,
            supports(
                "evictions",
                sentence![
                    Word::Count(evicted, noun::ENTRY),
                    "were evicted to make room and",
                    Word::Count(dropped, noun::PACKET),
                    "dropped since boot: the table was full far longer than the log's lines say"
                ],
            )
            .value("early_drop", evicted as f64)
            .value("drop", dropped as f64)
            .read_in_table(case),
        );
    }
    if flood_line(case, flood.peer) {
        scales.speaks_for(
            Weight::Deciding,
            supports("syn-flood-line", "the kernel's own line speaks of SYN flooding on that port".into())
                .read_in_log(case),
        );
    } else {
        scales.add([context("no-syn-flood-line", "no kernel line about SYN flooding stands near it; it is printed once a minute at most, and by the server itself only".into())]);
    }
    scales
}

/// Nearly every one from another source: what separates it from clients that try again and again.
fn strangers(case: &Case<'_>, flood: &Flood<'_>, scales: &mut Scales) {
    let said = match flood.sources {
        Distinct::Exactly(n) => sentence![Word::Count(n, noun::SOURCE), "send them"],
        Distinct::More => sentence!["more than 4,096 sources send them"],
    };
    let said = match flood.how.source_networks {
        Distinct::Exactly(n) => said.with(", in").with(Word::Number(n)).with("networks (/24, /64)"),
        Distinct::More => said.with(", in more than 4,096 networks (/24, /64)"),
    };
    let said = said.with("; none sends more than").with(Word::Count(flood.top_source.max(1), noun::ENTRY));
    scales.speaks_for(
        Weight::Deciding,
        supports("no-leading-source", said).value("top_source", flood.top_source as f64).read_in_table(case),
    );
}

/// An open port answers; where it does not, clients that want a connection try again, forged SYNs do not.
fn answers(case: &Case<'_>, flood: &Flood<'_>, scales: &mut Scales) {
    let answered = share(flood.answered, flood.half_open);
    let said = |tail: &'static str| {
        context("answered-syns", sentence![Word::Share(answered), "of them were answered:", Word::Text(tail)])
            .value("share", answered)
            .read_in_table(case)
    };
    if answered >= ANSWERED {
        return scales.speaks_for(Weight::Strong, said("the port is open, and the senders do not go on"));
    }
    scales.speaks_against(
        Weight::Slight,
        said("a port that is dead or hidden from the tracker looks like this, too"),
    );
    match one_way::packets_of(flood.how) {
        Some(each) => {
            let said = |tail: &'static str| {
                context(
                    "packets-each",
                    sentence![
                        "each entry has about",
                        one_way::about_packets(each),
                        "on average:",
                        Word::Text(tail)
                    ],
                )
                .value("packets", each)
                .read_in_table(case)
            };
            scales.weigh(
                Weight::Strong,
                each < RETRIED,
                || said("nobody sends the SYN again"),
                || said("the SYN is sent again, by clients that want a connection"),
            );
        }
        None => scales.not_known(
            Weight::Slight,
            one_way::ask_packets(
                case,
                "whether SYNs are sent again, by clients that want a connection, or not, as forged ones",
            ),
        ),
    }
    let Some(port) = flood.peer.port else { return };
    if case.counters.rules.as_ref().is_some_and(|rules| rules.untracked_one_way(port).is_some()) {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "one-way-rule",
                "a rule takes one direction of that port out of tracking: the answers may well come".into(),
            )
            .read_in_table(case),
        );
    }
    if let Some(open) =
        one_way::open_beyond_known(case, port).filter(|open| share(*open, flood.half_open) >= WORKS)
    {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "open-connections",
                sentence![Word::Count(open, noun::CONNECTION), "with that port are open: they work"],
            )
            .value("open", open as f64)
            .read_in_table(case),
        );
    }
}

fn cures(case: &Case<'_>, peer: Peer) -> Vec<Remedy> {
    let mut out = vec![remedies::stop_before_tracking(case, peer)];
    out.extend(remedies::synproxy(case, peer));
    out.extend(remedies::shorter_handshake(case));
    out.extend(remedies::shorter_syn_sent(case));
    out
}
