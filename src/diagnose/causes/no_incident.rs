//! A table that was read without any log line about it, and is not nearly full of what cannot be evicted.

use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::findings;
use super::super::scales::{Scales, Weight};
use super::{Candidate, Tier};

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let usage = case.usage.share()?;
    if case.incident.is_some() || usage >= NEAR_FULL {
        return None;
    }
    let (held, max) = (case.usage.held()?, case.usage.max?);
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
    scales.add([context("no-line", "no log line about a full table was given that this table fits".into())]);
    let mut how = sentence!["no packet was refused for lack of room, as far as these inputs say"];
    if let Some(mix) = case.mix() {
        let effective = mix.effective();
        let firm = effective.closing.saturating_add(effective.live);
        how = sentence![
            Word::Number(effective.evictable),
            "of them make room for new ones on demand; what counts is",
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
    if let Some(finding) = findings::of_case(case).into_iter().next() {
        let mut said = finding.summary.into_iter();
        how = said.next().unwrap_or(how);
        what = said.next().unwrap_or(what);
    }
    Some(Candidate {
        summary: vec![
            sentence![
                "the table is not full:",
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
        ..Candidate::new(Tier::Decided, 1.0, scales)
    })
}
