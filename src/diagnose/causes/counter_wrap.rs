//! C34: the number of entries itself is wrong: it fell below zero or never came down. What must hold: a count that no
//! table can have, or a table that is full within a minute of the boot and lists next to nothing. (4.2 release
//! candidates freed templates into the wrong cache, and the count wrapped.) Neighbours: count-list-mismatch (a count
//! that is possible, of entries that exist), limit-not-in-force (the limit is small just after the boot).

use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::hidden::{impossible, impossible_words};
use super::super::open::Open;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::{Candidate, Tier};

/// Nothing fills a table of common size within so many seconds of the boot.
const BOOT_SECONDS: f64 = 60.0;
/// A table that lists less than this share of the limit is not full.
const NEXT_TO_NOTHING: f64 = 0.1;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let absurd = impossible(case);
    let uptime = case.counters.machine.uptime_seconds.map(|seconds| seconds as f64);
    let young = case.seconds_after_boot().or(uptime).filter(|seconds| *seconds < BOOT_SECONDS);
    let listed = case.usage.listed;
    let nothing = match (listed, case.usage.max) {
        (Some(listed), Some(max)) => share(listed, max) < NEXT_TO_NOTHING,
        _ => false,
    };
    if absurd.is_none() && !(young.is_some() && nothing && case.incident.is_some()) {
        return None;
    }
    let mut scales = Scales::default();
    if let Some(count) = absurd {
        let mut said = sentence!["the kernel counts", impossible_words(count), "entries"];
        if let Some(max) = case.usage.max {
            said = said.with("at a limit of").with(Word::Number(max));
        }
        scales.speaks_for(
            Weight::Deciding,
            supports("impossible-count", said.with(": no table can hold that many"))
                .value("count", count as f64)
                .read_in_table(case),
        );
    }
    if let Some(seconds) = young {
        scales.speaks_for(
            Weight::Strong,
            supports("just-booted", sentence!["it was full", Word::Duration(seconds), "after the boot"])
                .value("seconds", seconds)
                .read_in_log(case),
        );
    }
    if let Some(listed) = listed {
        scales.weigh(
            Weight::Strong,
            nothing,
            || {
                supports("next-to-nothing", sentence!["the list has", Word::Count(listed, noun::ENTRY)])
                    .value("listed", listed as f64)
                    .read_in_table(case)
            },
            || contradicts("many-listed", sentence!["the list has", Word::Count(listed, noun::ENTRY)]),
        );
    }
    match case.counters.slab_total() {
        Some(slab) => {
            let few = case.usage.max.is_none_or(|max| slab.active < max);
            let said = sentence!["the kernel's memory holds", Word::Count(slab.active, noun::ENTRY)];
            scales.weigh(
                Weight::Strong,
                few,
                || supports("few-in-memory", said.clone()).read_in_table(case),
                || contradicts("many-in-memory", said.clone()),
            );
        }
        None => scales.not_known(
            Weight::Slight,
            Open {
                what: "slabinfo",
                why: "how many entries are in memory was not given: it tells a wrong counter from a leak"
                    .into(),
                command: Some("grep conntrack /proc/slabinfo".to_owned()),
            },
        ),
    }
    Some(Candidate {
        summary: summary(absurd, young, case.usage.max, listed),
        remedies: vec![remedies::upgrade_kernel()],
        will_not_help: will_not_help::for_wrong_counter(),
        settles_doubts: true,
        ..Candidate::new(Tier::Decided, 1.0, scales)
    })
}

fn summary(absurd: Option<i64>, young: Option<f64>, max: Option<u64>, listed: Option<u64>) -> Vec<Sentence> {
    let mut who = match absurd {
        Some(count) => {
            sentence!["the kernel's own count is wrong: it says", impossible_words(count), "entries"]
        }
        None => sentence!["the kernel's own count must be wrong: the line came"],
    };
    if let (None, Some(seconds)) = (absurd, young) {
        who = who.with(Word::Duration(seconds)).with("after the boot");
    }
    if let Some(max) = max {
        who = who.with(", with a limit of").with(Word::Count(max, noun::ENTRY));
    }
    let how = match listed {
        Some(listed) => {
            sentence![
                "the list has",
                Word::Count(listed, noun::ENTRY),
                ": it is the counter, not the traffic"
            ]
        }
        None => "no table holds that many: it is the counter, not the traffic".into(),
    };
    vec![who, how, "upgrade the kernel; a reboot sets the count back until then".into()]
}
