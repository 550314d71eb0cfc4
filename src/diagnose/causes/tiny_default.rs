//! C25: the limit is what a small machine is born with, and ordinary use is above it. What must hold: the limit is the
//! kernel's own for little memory, or as small as the boxes at customers' premises are shipped with; the table is full;
//! no source holds half of it. Neighbours: capacity (hundreds of users need more than any default), limit-not-in-force
//! (more is configured), limit-lowered-by-container (less than the default runs).

use crate::model::era::SHIPPED_LIMITS;
use crate::model::flow::Reply;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::limits::{Limit, Origin, default_evidence, limit};
use super::super::scales::{Scales, Weight};
use super::super::wanted::lost_limit;
use super::super::{remedies, will_not_help};
use super::{Candidate, Tier};

/// A default below this is that of a machine with little memory.
pub(super) const SMALL: u64 = 65_536;
/// Where the busiest 64 sources hold less than this, many hundreds share the table: every default is too small for them.
const BUSIEST_MIN: f64 = 0.5;
/// The leading source has less than this.
const TOP_SOURCE_MAX: f64 = 0.5;
/// Entries that were never answered are fewer than this.
const UNREPLIED_MAX: f64 = 0.5;
/// Buckets far above the limit: somebody sized the table, and gave it that limit on purpose.
const BUCKETS_MAX: u64 = 4;
/// Connections that a browser holds, with what it has just closed.
const A_BROWSER: u64 = 100;
/// Memory of which the table takes less than this has room for a larger one.
const HARDLY_ANY: f64 = 0.02;

/// The limit is one that nobody chose for this use.
pub(super) fn small_by_birth(case: &Case<'_>) -> Option<Limit> {
    let limit = limit(case)?;
    let sized = case.usage.buckets.is_some_and(|buckets| buckets / BUCKETS_MAX > limit.max);
    // Somebody who chooses a limit rarely chooses just that; whoever ships a box does.
    let shipped = limit.is_tiny()
        && limit.max.is_power_of_two()
        && limit.max >= *SHIPPED_LIMITS.start()
        && !sized
        && matches!(limit.origin, Origin::GivenAtLoad | Origin::Unknown);
    let born = limit.origin == Origin::KernelDefault && limit.max < SMALL;
    (shipped || born).then_some(limit)
}

/// Share of the table that its busiest sources hold, 64 at most.
fn busiest(case: &Case<'_>) -> f64 {
    let Some(who) = case.census.map(|census| &census.who) else { return 0.0 };
    let sum = who.sources.leading(who.entries).iter().fold(0u64, |sum, row| sum.saturating_add(row.count));
    share(sum, who.entries)
}

/// Few clients hold most of the table.
pub(super) fn few_clients(case: &Case<'_>) -> bool {
    busiest(case) >= BUSIEST_MIN
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let limit = small_by_birth(case)?;
    let (mix, census) = (case.mix()?, case.census?);
    let top_source = case.top_source_share()?;
    let unreplied = share(mix.replied(Reply::Unreplied), mix.total());
    let half_open = share(mix.half_open(), mix.total());
    let full = case.usage.share().is_some_and(|usage| usage >= NEAR_FULL);
    if !full || top_source >= TOP_SOURCE_MAX || unreplied >= UNREPLIED_MAX || half_open >= UNREPLIED_MAX {
        return None;
    }
    let scales = weighed(case, limit, top_source);
    let sources = census.who.sources.distinct;
    Some(Candidate {
        summary: summary(case, limit, sources),
        loses: Some("the limit is small, but something holds most of the table".into()),
        rate_per_second: case.admitted_per_second(),
        remedies: remedies::raise_limit(case).into_iter().chain(remedies::more_buckets(case)).collect(),
        will_not_help: will_not_help::for_capacity(),
        limit_contributes: true,
        ..Candidate::new(Tier::Demand, 1.0, scales)
    })
}

/// Everything that was looked at.
fn weighed(case: &Case<'_>, limit: Limit, top_source: f64) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "nobody-leads",
            sentence!["the leading source has", Word::Share(top_source), "of the entries"],
        )
        .value("share", top_source)
        .read_in_table(case),
    );
    if let Some(evidence) = default_evidence(case, limit).filter(|_| limit.origin == Origin::KernelDefault) {
        scales.speaks_for(Weight::Strong, evidence);
    }
    scales.weigh(
        if limit.is_tiny() { Weight::Deciding } else { Weight::Slight },
        limit.max < SMALL,
        || {
            supports(
                "tiny",
                sentence![
                    "a browser holds some 100 connections: the limit of",
                    Word::Count(limit.max, noun::ENTRY),
                    "is full with some",
                    Word::Number((limit.max / A_BROWSER).max(1)),
                    "busy clients"
                ],
            )
            .value("max", limit.max as f64)
        },
        || contradicts("not-tiny", sentence!["the limit of", Word::Number(limit.max), "is no small one"]),
    );
    let busiest = busiest(case);
    scales.weigh(
        Weight::Deciding,
        busiest >= BUSIEST_MIN,
        || {
            supports(
                "few-clients",
                sentence![
                    "the busiest 64 sources hold",
                    Word::Share(busiest),
                    "of it: there are few clients"
                ],
            )
            .value("share", busiest)
            .read_in_table(case)
        },
        || {
            contradicts(
                "crowd",
                sentence![
                    "the busiest 64 sources hold only",
                    Word::Share(busiest),
                    ": so many clients need more than any default of the kernel"
                ],
            )
            .value("share", busiest)
            .read_in_table(case)
        },
    );
    if let Some((weight, evidence)) = lost_limit(case) {
        scales.speaks_against(weight, evidence);
    }
    memory(case, &mut scales, limit);
    scales
}

/// Whether the machine has the memory for a larger one.
fn memory(case: &Case<'_>, scales: &mut Scales, limit: Limit) {
    if let Some(memory) = case.counters.memory_bytes {
        let (bytes, _) = case.entry_bytes();
        let taken = share(limit.max.saturating_mul(bytes), memory);
        scales.weigh(
            Weight::Slight,
            taken < HARDLY_ANY,
            || {
                supports(
                    "memory-has-room",
                    sentence![
                        "the full table takes",
                        Word::Share(taken),
                        "of the memory: there is room for a larger one"
                    ],
                )
                .value("share", taken)
                .read_in_table(case)
            },
            || {
                contradicts(
                    "memory-is-short",
                    sentence!["the full table takes", Word::Share(taken), "of the memory"],
                )
            },
        );
    }
}

fn summary(case: &Case<'_>, limit: Limit, sources: Option<u64>) -> Vec<Sentence> {
    let whence: &'static str = match limit.origin {
        Origin::KernelDefault => "is the kernel's default for little memory: nobody has chosen it",
        _ => "is as small as home routers are shipped with",
    };
    let who = sentence!["the limit of", Word::Count(limit.max, noun::ENTRY), whence];
    let how = match sources {
        Some(n) => sentence![
            "ordinary use by",
            Word::Count(n, noun::SOURCE),
            "fills it; nobody holds more than",
            Word::Count(case.most_of_a_source(), noun::ENTRY)
        ],
        None => sentence!["ordinary use by more than 32,768 sources fills it; nobody leads"],
    };
    let mut what = sentence!["raise the limit"];
    if let Some(larger) = case.larger_limit() {
        let (bytes, _) = case.entry_bytes();
        what = what
            .with("to")
            .with(Word::Count(larger, noun::ENTRY))
            .with("(up to")
            .with(Word::Bytes(larger.saturating_mul(bytes)))
            .with("at full), in a way that lasts");
    }
    vec![who, how, what]
}
