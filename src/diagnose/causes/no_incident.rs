//! A table that was read without any log line about it, and is not nearly full of what cannot be evicted.

use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::findings;
use super::super::hidden::{Hidden, hidden, words};
use super::super::scales::{Scales, Weight};
use super::{Candidate, Tier};

/// Of a table that makes room, what cannot be evicted is less than this.
const FIRM_MAX: f64 = 0.5;
/// Below this chance of a drop, a table at its limit takes in whatever comes.
const HARDLY: f64 = 0.001;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let usage = case.usage.share()?;
    if case.incident.is_some() || usage >= NEAR_FULL && !makes_room(case) {
        return None;
    }
    let (held, max) = (case.usage.held()?, case.usage.max?);
    // A table at its limit that makes room is a verdict only where nothing else explains it better.
    let tier = if usage >= NEAR_FULL { Tier::Demand } else { Tier::Decided };
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Deciding,
        supports(
            "usage",
            sentence![
                Word::Number(held),
                "of",
                Word::Count(max, noun::ENTRY),
                "(",
                Word::Share(usage),
                ") are taken"
            ],
        )
        .value("entries", held as f64)
        .value("max", max as f64)
        .read_in_table(case),
    );
    counters(case, &mut scales);
    if let Some(hidden) = hidden(case).filter(Hidden::is_most) {
        scales.speaks_against(
            Weight::Deciding,
            contradicts("count-above-list", words(hidden).with(": most of what is counted is nobody's"))
                .value("count", hidden.counted as f64)
                .value("listed", hidden.listed as f64)
                .read_in_table(case),
        );
    }
    scales.add([context("no-line", "no log line about a full table was given that this table fits".into())]);
    let mut how = sentence!["no packet was refused for lack of room, as far as these inputs say"];
    // Of no entries at all there is nothing more to say.
    if let Some(mix) = case.mix().filter(|_| held > 0) {
        let effective = mix.effective();
        let firm = effective.closing.saturating_add(effective.live);
        how = sentence![
            Word::Count(effective.evictable, noun::ENTRY),
            "make room for new ones on demand; what counts is",
            Word::Count(firm, noun::ENTRY),
            "(",
            Word::Share(share(firm, max)),
            ")"
        ];
        scales.add([context(
            "effective-usage",
            sentence![
                "evictable",
                Word::Number(effective.evictable),
                ", closing",
                Word::Number(effective.closing),
                ", live",
                Word::Number(effective.live)
            ],
        )
        .value("evictable", effective.evictable as f64)
        .value("closing", effective.closing as f64)
        .value("live", effective.live as f64)
        .read_in_table(case)]);
    }
    let mut what =
        sentence!["nothing to do; watch what cannot be evicted, and the drop counter, not the plain count"];
    // Something else that looks like a full table is what the reader has come for.
    if let Some(finding) = findings::that_cost(case) {
        let mut said = finding.summary.into_iter();
        how = said.next().unwrap_or(how);
        what = said.next().unwrap_or(what);
    }
    Some(Candidate {
        loses: Some(sentence![
            "at",
            Word::Share(usage),
            "of the limit what fills the table counts, though no line says that packets were refused"
        ]),
        summary: vec![
            sentence![
                if usage >= NEAR_FULL {
                    "the table is at its limit and makes room:"
                } else {
                    "the table is not full:"
                },
                Word::Number(held),
                "of",
                Word::Count(max, noun::ENTRY),
                "(",
                Word::Share(usage),
                ")"
            ],
            how,
            what,
        ],
        rate_per_second: case.admitted_per_second(),
        ..Candidate::new(tier, 1.0, scales)
    })
}

/// At its limit, and yet no new flow is refused: nearly all of it can be evicted, and no drop is counted.
fn makes_room(case: &Case<'_>) -> bool {
    let firm = case.mix().map(|mix| {
        let effective = mix.effective();
        share(effective.closing.saturating_add(effective.live), mix.total())
    });
    let dropped = case.counters.stat.and_then(|stat| stat.drop).is_some_and(|drop| drop > 0);
    !dropped
        && firm.is_some_and(|firm| firm < FIRM_MAX)
        && case.drop_chance().is_none_or(|chance| chance < HARDLY)
}

/// What the kernel's counters say since the boot.
fn counters(case: &Case<'_>, scales: &mut Scales) {
    let Some(stat) = case.counters.stat else { return };
    if let Some(chains) = stat.chain_too_long.filter(|n| *n > 0) {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "chain-too-long",
                sentence![
                    "the kernel refused",
                    Word::Count(chains, noun::PACKET),
                    "for too long chains (chaintoolong)"
                ],
            )
            .value("chain_too_long", chains as f64)
            .read_in_table(case),
        );
    }
    match stat.drop {
        Some(0) => scales.speaks_for(
            Weight::Strong,
            supports("no-drops", "the kernel's drop counter is 0: nothing was refused since the boot".into())
                .value("drop", 0.0)
                .read_in_table(case),
        ),
        Some(drop) => scales.speaks_against(
            Weight::Slight,
            contradicts(
                "drops-since-boot",
                sentence![
                    "the drop counter stands at",
                    Word::Number(drop),
                    "since the boot: it was full at some time, or clashes were lost (they count there too)"
                ],
            )
            .value("drop", drop as f64)
            .read_in_table(case),
        ),
        None => {}
    }
}
