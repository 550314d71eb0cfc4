//! The scenario the user asked for with `--what-if KEY=VALUE`: all keys of one call together, held against this very
//! table by [`super::outlook`].

use std::collections::BTreeMap;

use crate::model::census::Class;
use crate::model::diagnosis::WhatIf;
use crate::model::era::{bare_key, timeout_name};
use crate::model::scenario::Deed;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::facts::Case;
use super::outlook::{Change, outlook};

/// Below this an expired entry that waits to be collected counts for more than a live one.
const SHORT_SECONDS: u64 = 60;

/// The scenario; empty where none was asked for.
pub(crate) fn scenarios(case: &Case<'_>) -> Vec<WhatIf> {
    let (asked, deeds) = (&case.settings.what_if, &case.settings.what_if_traffic);
    if asked.is_empty() && deeds.is_empty() {
        return Vec::new();
    }
    let wanted: BTreeMap<&str, u64> = asked.iter().map(|(key, value)| (bare_key(key), *value)).collect();
    let mut assumptions = Vec::new();
    // The command line lets no other key through; a library's caller may.
    let unknown = wanted.keys().filter(|key| **key != "max" && case.kernel.default_timeout(key).is_none());
    assumptions.extend(unknown.map(|key| left_out(key)));
    let stateless = ["tcp_timeout_max_retrans", "tcp_timeout_unacknowledged"];
    assumptions.extend(stateless.into_iter().filter(|name| wanted.contains_key(name)).map(without_state));
    assumptions.extend(governs_nothing(case, &wanted));
    assumptions.extend(collected_late(case, &wanted));
    let prediction = outlook(case, &change(case, &wanted, deeds));
    assumptions.extend(prediction.assumptions);
    vec![WhatIf {
        changes: asked.clone(),
        traffic: deeds.clone(),
        entries_freed_now: prediction.freed_now,
        steady_state_entries: prediction.steady_state,
        full_again_seconds: prediction.full_again_seconds,
        assumptions,
    }]
}

/// What was typed, as what is changed.
fn change(case: &Case<'_>, wanted: &BTreeMap<&str, u64>, deeds: &[Deed]) -> Change {
    let timeouts = case.timeouts();
    let then = |class: &Class| {
        let name = timeout_name(class.l4, class.state, class.replied)?;
        let wanted = wanted.get(name).copied()?;
        // A value that runs already changes nothing.
        let now = timeouts.of(class.l4, class.state, class.replied);
        Some(wanted).filter(|wanted| now.is_none_or(|now| now.seconds != *wanted))
    };
    let mut out = Change::of_lifetimes(case, then);
    out.limit = wanted.get("max").copied().filter(|max| *max > 0);
    for deed in deeds {
        match *deed {
            Deed::Remove(source) => out.gone_sources.push(source),
            Deed::Reuse(peer) => out.reused_peers.push(peer),
            Deed::Untrack(pair) => out.gone_pairs.push(pair),
        }
    }
    out
}

fn left_out(key: &str) -> Sentence {
    sentence![
        Word::Untrusted(key.as_bytes().into()),
        "is no timeout of the tracker and not its limit: left out"
    ]
}

/// Timeouts that take over from that of a state, for entries that no table tells apart.
fn without_state(name: &'static str) -> Sentence {
    sentence![
        Word::Code(name.to_owned()),
        "governs connections with unanswered packets, whatever their state: how many those are is not in a table, so it changes nothing in this answer"
    ]
}

/// Timeouts that no entry of this table is under.
fn governs_nothing(case: &Case<'_>, wanted: &BTreeMap<&str, u64>) -> Vec<Sentence> {
    let Some(census) = case.census else { return Vec::new() };
    let governed = |name: &str| {
        census
            .who
            .classes
            .keys()
            .any(|class| timeout_name(class.l4, class.state, class.replied) == Some(name))
    };
    let idle = crate::model::era::TIMEOUTS.into_iter().filter(|name| {
        let stateless = matches!(*name, "tcp_timeout_max_retrans" | "tcp_timeout_unacknowledged");
        wanted.contains_key(name) && !stateless && !governed(name)
    });
    idle.map(|name| sentence![Word::Code(name.to_owned()), "governs no entry of this table"]).collect()
}

/// From 5.14 on entries that have expired are counted until a pass of the collector, which comes once a minute.
fn collected_late(case: &Case<'_>, wanted: &BTreeMap<&str, u64>) -> Option<Sentence> {
    let late = match (case.kernel.release, case.kernel.era) {
        (Some(release), _) => release >= crate::model::era::Release(5, 14, 0),
        (None, era) => era == Some(crate::model::era::Era::E),
    };
    let short = wanted.iter().any(|(key, value)| *key != "max" && *value < SHORT_SECONDS);
    (late && short).then(|| {
        "this kernel collects expired entries once a minute: until then they are counted, so that the count may stand above the entries told here".into()
    })
}
