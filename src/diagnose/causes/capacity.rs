//! C24: honest demand of many, for which the table is too small. What must hold: no source, no peer, no half-open or
//! unanswered majority. Neighbours: tiny-default (a small machine's own limit, and few clients), limit-not-in-force (more
//! is configured), hot-node (one node of a cluster), established-leak (most connections are silent for hours).

use crate::model::census::PortKey;
use crate::model::diagnosis::{Evidence, Remedy};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::idle::older_than;
use super::super::limits::Origin;
use super::super::recurrence::growth;
use super::super::scales::{Scales, Weight};
use super::super::wanted::lost_limit;
use super::super::{containers, limits, node, open, remedies, will_not_help};
use super::tiny_default::{few_clients, small_by_birth};
use super::{Candidate, Tier};

/// The leading source has less than this.
const TOP_SOURCE_MAX: f64 = 0.05;
/// The leading address and port has less than this. A port alone may have more: most of the web is 443.
const TOP_PEER_MAX: f64 = 0.4;
/// Entries that were never answered are fewer than this.
const UNREPLIED_MAX: f64 = 0.5;
/// Fewer sources than this are no crowd.
const SOURCES_MIN: u64 = 20;
/// Connections silent for longer than this are not in use: keep-alives come every two hours at the latest.
const SILENT_SECONDS: u64 = 7_500;
/// From this share of silent ones on they are not in use.
const SILENT_MAX: f64 = 0.5;
/// Below this share of the table their age says nothing of it.
const WORTH_AGING: f64 = 0.2;
/// Below this share of the established connections those whose age is known do not stand for all.
const WORTH_TELLING: f64 = 0.5;
/// From this share of the table on a kind of use is worth a word.
const WORTH_SAYING: f64 = 0.1;
/// Port of the web, over UDP that of QUIC.
const HTTPS: u16 = 443;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let mix = case.mix()?;
    let census = case.census?;
    let top_source = case.top_source_share()?;
    let top_peer = share(census.who.peers.most(census.who.entries), case.entries());
    let unreplied = share(mix.replied(Reply::Unreplied), mix.total());
    let sources = census.who.sources.distinct;
    let crowd = sources.is_none_or(|n| n >= SOURCES_MIN);
    let wide = top_source < TOP_SOURCE_MAX && top_peer < TOP_PEER_MAX && crowd;
    let answered = unreplied < UNREPLIED_MAX && share(mix.half_open(), mix.total()) < UNREPLIED_MAX;
    if !wide || !answered {
        return None;
    }
    let full = case.usage.share().is_some_and(|usage| usage >= NEAR_FULL);
    let mut scales = Scales::default();
    for evidence in evidence(case, top_source, top_peer, unreplied) {
        scales.speaks_for(Weight::Strong, evidence);
    }
    in_use(case, &mut scales);
    scales.add(growth(&case.starts).map(|said| context("growth", said).read_in_log(case)));
    scales.add(kind_of_use(case));
    limits(case, &mut scales);
    match case.usage.share() {
        Some(usage) => scales.weigh(
            Weight::Deciding,
            full,
            || supports("demand-fills-it", "together they fill the table".into()),
            || contradicts("not-filled", sentence!["the table is at", Word::Share(usage), "of its limit"]),
        ),
        None => scales.not_known(Weight::Deciding, open::limit(case)),
    }
    let tier = if full || case.usage.max.is_none() { Tier::Demand } else { Tier::Partial };
    Some(Candidate {
        summary: summary(case, top_source, sources),
        loses: Some(
            "entries are spread over many sources, but another cause explains most of the table".into(),
        ),
        rate_per_second: case.admitted_per_second(),
        remedies: cures(case),
        will_not_help: will_not_help::for_capacity(),
        limit_contributes: true,
        ..Candidate::new(tier, 1.0 - top_source, scales)
    })
}

/// Whether the connections that last are in use.
fn in_use(case: &Case<'_>, scales: &mut Scales) {
    let (Some(mix), Some(ages)) = (case.mix(), case.ages()) else { return };
    let established = mix.tcp(State::Established);
    let ages = ages.of(L4::TCP, Some(State::Established), &case.timeouts());
    let known = ages.iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
    // Where the timer of most is not known, their age is not, either.
    if share(established, mix.total()) < WORTH_AGING || share(known, established) < WORTH_TELLING {
        return;
    }
    let silent = share(older_than(SILENT_SECONDS, &ages), known);
    scales.weigh(
        Weight::Strong,
        silent < SILENT_MAX,
        || {
            let said = if silent > 0.0 {
                sentence![
                    "only",
                    Word::Share(silent),
                    "of the established connections were silent for longer than"
                ]
            } else {
                sentence!["no established connection was silent for longer than"]
            };
            supports("in-use", said.with(Word::Duration(SILENT_SECONDS as f64)))
                .value("share", silent)
                .read_in_table(case)
        },
        || {
            contradicts(
                "silent",
                sentence![
                    Word::Share(silent),
                    "of the established connections were silent for longer than",
                    Word::Duration(SILENT_SECONDS as f64),
                    ": they are not in use"
                ],
            )
            .value("share", silent)
            .read_in_table(case)
        },
    );
}

/// What kind of gateway it is, as context: translated sources, QUIC.
fn kind_of_use(case: &Case<'_>) -> Vec<Evidence> {
    let Some(census) = case.census else { return Vec::new() };
    let who = &census.who;
    let mut out = Vec::new();
    let translated = share(who.nat.source.saturating_add(who.nat.both), who.entries);
    if translated >= WORTH_SAYING {
        out.push(
            context(
                "nat-gateway",
                sentence![
                    Word::Share(translated),
                    "of the entries leave under a translated address: this is a NAT gateway"
                ],
            )
            .value("share", translated)
            .read_in_table(case),
        );
    }
    let quic = who.destination_ports.rows.iter().find(|row| row.key == PortKey { l4: L4::UDP, port: HTTPS });
    if let Some(part) = quic.map(|row| share(row.count, who.entries)).filter(|part| *part >= WORTH_SAYING) {
        out.push(
            context("quic", sentence![Word::Share(part), "are QUIC (web over UDP): each stays two minutes and more after its last packet, and a client that changes its address leaves one behind"])
                .value("share", part)
                .read_in_table(case),
        );
    }
    out
}

/// What the limit says: demand is what is left where the limit itself explains nothing.
fn limits(case: &Case<'_>, scales: &mut Scales) {
    if let Some((weight, evidence)) = lost_limit(case) {
        scales.speaks_against(weight, evidence);
    }
    // Few clients on a limit that a small machine is born with need a usual limit; a crowd needs more than any.
    if let Some(limit) = small_by_birth(case).filter(|_| few_clients(case)) {
        let said = sentence![
            "the limit of",
            Word::Count(limit.max, noun::ENTRY),
            "is what the kernel gives a small machine by itself"
        ];
        let weight = if limit.is_tiny() { Weight::Deciding } else { Weight::Strong };
        scales.speaks_against(weight, contradicts("small-by-birth", said));
    }
    if let Some(rule) = node::rule(case) {
        let idle = node::idle_elsewhere(case).is_some();
        let evidence = node::rule_evidence(case, rule);
        scales.speaks_against(if idle { Weight::Deciding } else { Weight::Strong }, evidence);
    }
    if let Some(below) = limits::limit(case)
        .filter(|limit| limit.origin == Origin::Lowered && containers::lowered_by(case).is_some())
        .and_then(|limit| limits::below_default(case, limit))
    {
        scales.speaks_against(Weight::Strong, below);
    }
}

fn summary(case: &Case<'_>, top_source: f64, sources: Option<u64>) -> Vec<Sentence> {
    let many = match sources {
        Some(n) => sentence![Word::Count(n, noun::SOURCE)],
        None => sentence!["more than 32,768 sources"],
    };
    let mut who = sentence![Word::Count(case.entries(), noun::ENTRY), "are shared by"];
    who.0.extend(many.0);
    who = match case.top_source() {
        Some(_) => who.with(", the largest with").with(Word::Share(top_source)),
        None => who.with(", none with more than").with(Word::Count(case.most_of_a_source(), noun::ENTRY)),
    };
    who = who.with(": nobody in particular");
    let how = match case.usage.max {
        Some(max) => sentence![
            "the mix is that of honest use; the limit of",
            Word::Count(max, noun::ENTRY),
            "is too small for it"
        ],
        None => sentence!["the mix is that of honest use: the limit is too small for it"],
    };
    let mut what = sentence!["raise the limit"];
    if let Some(limit) = case.larger_limit() {
        let (bytes, _) = case.entry_bytes();
        what = what
            .with("to")
            .with(Word::Count(limit, noun::ENTRY))
            .with("(up to")
            .with(Word::Bytes(limit.saturating_mul(bytes)))
            .with("at full)");
    }
    what = what.with(", to last, and on every gateway alike");
    vec![who, how, what]
}

fn evidence(case: &Case<'_>, top_source: f64, top_peer: f64, unreplied: f64) -> Vec<Evidence> {
    vec![
        supports(
            "no-leading-source",
            sentence!["the leading source has", Word::Share(top_source), "of the entries"],
        )
        .value("share", top_source)
        .read_in_table(case),
        supports(
            "no-leading-peer",
            sentence!["the leading address and port has", Word::Share(top_peer), "of the entries"],
        )
        .value("share", top_peer)
        .read_in_table(case),
        supports("answered", sentence!["only", Word::Share(unreplied), "of the entries were never answered"])
            .value("share", unreplied)
            .read_in_table(case),
    ]
}

fn cures(case: &Case<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    out.extend(remedies::raise_limit(case));
    out.extend(remedies::more_buckets(case));
    out
}
