//! C28: chains of the hash table are so long that inserts fail (5.15 on) or every packet searches long, while the
//! table is below its limit. What must hold: sixteen entries and more for each bucket. (The kernel gives up at chains of
//! 50 to 79, drawn anew for each insert, and each entry is in the table twice: nothing fails below sixteen, one insert
//! in twenty at twenty.) Neighbours: insert races (`insert_failed` with short chains), capacity (the table is full).

use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::sentence;

use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, FULL};
use super::super::limits::{chain_drops, chains};
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::{Candidate, Tier};

const LINK: Noun = Noun("link", "links");
const INSERT: Noun = Noun("insert", "inserts");
/// Restarted lookups of which there are so many for each entry are no background noise.
const RESTARTS_PER_ENTRY: u64 = 10;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let long = chains(case)?;
    let usage = case.usage.share()?;
    let (held, buckets) = (case.usage.held()?, case.usage.buckets?);
    let stat = case.counters.stat;
    let dropped = chain_drops(case);
    let failed = stat.and_then(|stat| stat.insert_failed).filter(|n| *n > 0);
    if case.incident.is_some() && usage >= FULL && dropped.is_none() {
        return None;
    }
    let mut scales = Scales::default();
    scales.speaks_for(Weight::Strong, long);
    match (dropped, case.kernel.bounds_chains()) {
        (Some(dropped), _) => scales.speaks_for(
            Weight::Deciding,
            supports(
                "chain-too-long",
                sentence![
                    "the kernel gave up",
                    Word::Count(dropped, INSERT),
                    "because their chain was too long (chaintoolong)"
                ],
            )
            .value("chain_too_long", dropped as f64)
            .read_in_table(case),
        ),
        (None, Some(false)) => scales.speaks_against(
            Weight::Strong,
            contradicts(
                "chains-unbounded",
                "this kernel bounds no chain (before 5.15): long ones cost time, and no packet".into(),
            ),
        ),
        (None, _) if stat.is_some_and(|stat| stat.chain_too_long == Some(0)) => scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "no-chain-too-long",
                "the kernel has given up no insert for its chain (chaintoolong is 0)".into(),
            )
            .read_in_table(case),
        ),
        (None, _) => scales.not_known(
            Weight::Deciding,
            open::statistics(case, "whether inserts fail for too long chains (chaintoolong) is not known"),
        ),
    }
    if let (Some(failed), None) = (failed, dropped) {
        scales.speaks_for(
            Weight::Slight,
            supports(
                "insert-failed",
                sentence![Word::Count(failed, INSERT), "failed below the limit (clashes count there too)"],
            )
            .value("insert_failed", failed as f64)
            .read_in_table(case),
        );
    }
    if let Some(restarts) =
        stat.and_then(|stat| stat.search_restart).filter(|n| n / RESTARTS_PER_ENTRY >= held)
    {
        scales.speaks_for(
            Weight::Slight,
            supports("search-restart", sentence!["lookups were begun anew", Word::Number(restarts), "times"])
                .value("search_restart", restarts as f64)
                .read_in_table(case),
        );
    }
    scales.weigh(
        Weight::Strong,
        usage < FULL,
        || {
            supports(
                "below-the-limit",
                sentence!["the table is at", Word::Share(usage), "of its limit: for room nothing is refused"],
            )
        },
        || {
            contradicts(
                "at-the-limit",
                sentence![
                    "the table is at",
                    Word::Share(usage),
                    "of its limit: packets are refused for that"
                ],
            )
        },
    );
    let tier = match (dropped, usage < FULL) {
        (Some(_), true) => Tier::Decided,
        _ => Tier::Partial,
    };
    Some(Candidate {
        summary: summary(held, buckets, usage, dropped),
        rate_per_second: case.admitted_per_second(),
        remedies: remedies::enough_buckets(case).into_iter().collect(),
        will_not_help: will_not_help::for_chains(),
        settles_doubts: true,
        ..Candidate::new(tier, 1.0, scales)
    })
}

fn summary(held: u64, buckets: u64, usage: f64, dropped: Option<u64>) -> Vec<Sentence> {
    let who = sentence![
        Word::Count(held, noun::ENTRY),
        "share",
        Word::Count(buckets, noun::BUCKET),
        ": chains of",
        Word::Count(held.saturating_mul(2).checked_div(buckets).unwrap_or(0), LINK),
        ", where two to four are usual"
    ];
    let how = match dropped {
        Some(dropped) => sentence![
            Word::Count(dropped, noun::PACKET),
            "were dropped for too long chains, at",
            Word::Share(usage),
            "of the limit and without a log line"
        ],
        None => {
            sentence!["every packet searches long, and newer kernels drop it at chains of 50 to 79 links"]
        }
    };
    vec![
        who,
        how,
        "give the table more buckets, in a quiet hour: a resize stops packets while it lasts".into(),
    ]
}
