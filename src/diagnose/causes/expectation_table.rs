//! L1: the line is about the table of expectations, which has a limit of its own. The log line decides.

use crate::model::sentence::{Word, noun};
use crate::model::signal::Table;
use crate::sentence;

use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::{Candidate, Tier};

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let incident = case.incident.filter(|incident| incident.table == Table::Expectation)?;
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Deciding,
        supports("its-own-line", "the kernel's line says expectation table full, not table full".into())
            .read_in_log(case),
    );
    if let (Some(held), Some(max)) = (case.usage.held(), case.usage.max) {
        scales.add([context(
            "conntrack-table",
            sentence!["the conntrack table holds", Word::Number(held), "of", Word::Count(max, noun::ENTRY)],
        )
        .value("entries", held as f64)
        .value("max", max as f64)
        .read_in_table(case)]);
    }
    let mut which = sentence!["the table of expectations is full, not the table of connections"];
    if let Some((_, limit)) = case.counters.setting("expect_max") {
        which = which.with("; its limit is").with(Word::Count(limit, noun::ENTRY));
    }
    Some(Candidate {
        summary: vec![
            which,
            sentence![
                "a helper (of SIP, FTP and the like) announces more connections than fit;",
                Word::Count(incident.drops.visible, noun::LINE),
                "say so"
            ],
            sentence![
                "raise the limit of expectations or remove an unneeded helper; leave the conntrack limit alone"
            ],
        ],
        remedies: remedies::expectation_limit(case),
        will_not_help: will_not_help::for_expectations(case),
        ..Candidate::new(Tier::Decided, 1.0, scales)
    })
}
