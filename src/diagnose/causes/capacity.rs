//! C24: honest demand of many, for which the table is too small. Only where nothing is concentrated: no source, no
//! peer, no half-open or unanswered majority.

use crate::model::diagnosis::{Evidence, Remedy};
use crate::model::flow::Reply;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::{Candidate, Tier};

/// The leading source has less than this.
const TOP_SOURCE_MAX: f64 = 0.05;
/// The leading address and port has less than this. A port alone may have more: most of the web is 443.
const TOP_PEER_MAX: f64 = 0.4;
/// Entries that were never answered are fewer than this.
const UNREPLIED_MAX: f64 = 0.5;
/// Fewer sources than this are no crowd.
const SOURCES_MIN: u64 = 20;

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
    match case.usage.share() {
        Some(usage) => scales.weigh(
            Weight::Deciding,
            full,
            || supports("demand-fills-it", "the table is full of it".into()),
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
            .with(Word::Number(limit))
            .with("(up to")
            .with(Word::Bytes(limit.saturating_mul(bytes)))
            .with("at full)");
    }
    what = what.with(", persistently and on every gateway alike");
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
