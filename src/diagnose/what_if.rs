//! The scenario the user asked for with `--what-if KEY=VALUE`: all keys of one call together. Timeouts free nothing
//! at once and act by ratio; a limit acts at once and frees nothing.

use std::collections::BTreeMap;

use crate::model::census::Class;
use crate::model::diagnosis::WhatIf;
use crate::model::era::{bare_key, timeout_name};
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::arith::rounded;
use super::facts::Case;
use super::headroom::headroom;

/// The scenario; empty where none was asked for.
pub(crate) fn scenarios(case: &Case<'_>) -> Vec<WhatIf> {
    let asked = &case.settings.what_if;
    if asked.is_empty() {
        return Vec::new();
    }
    let wanted: BTreeMap<&str, u64> = asked.iter().map(|(key, value)| (bare_key(key), *value)).collect();
    let mut assumptions = Vec::new();
    // The command line lets no other key through; a library's caller may.
    let unknown = wanted.keys().filter(|key| **key != "max" && case.kernel.default_timeout(key).is_none());
    assumptions.extend(unknown.map(|key| left_out(key)));
    let stateless = ["tcp_timeout_max_retrans", "tcp_timeout_unacknowledged"];
    assumptions.extend(stateless.into_iter().filter(|name| wanted.contains_key(name)).map(without_state));
    let by_timeouts = by_timeouts(case, &wanted, &mut assumptions);
    let limit = wanted.get("max").copied().filter(|max| *max > 0);
    let (steady_state_entries, full_again_seconds) = settle(case, by_timeouts, limit, &mut assumptions);
    vec![WhatIf {
        changes: asked.clone(),
        entries_freed_now: case.census.map(|_| 0),
        steady_state_entries,
        full_again_seconds,
        assumptions,
    }]
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

/// Entries in the long run under other timeouts, at the same rate.
fn by_timeouts(
    case: &Case<'_>,
    wanted: &BTreeMap<&str, u64>,
    assumptions: &mut Vec<Sentence>,
) -> Option<u64> {
    let census = case.census?;
    let timeouts = case.timeouts();
    let then = |class: &Class| {
        timeouts.of(class.l4, class.state, class.replied).filter(|now| now.seconds > 0)?;
        timeout_name(class.l4, class.state, class.replied).and_then(|name| wanted.get(name)).copied()
    };
    if census.who.classes.keys().any(|class| then(class).is_some()) {
        assumptions.push("timers that run keep their old end: a timeout frees no entry at once".into());
        assumptions.push("each state's entries change by the ratio of the timeouts; entries in use are renewed before that, so connections that last tell too few".into());
    }
    case.offered(then)
}

/// Where the table settles, and when a new limit is reached.
fn settle(
    case: &Case<'_>,
    by_timeouts: Option<u64>,
    limit: Option<u64>,
    assumptions: &mut Vec<Sentence>,
) -> (Option<u64>, Option<f64>) {
    let Some(limit) = limit else {
        let max = case.usage.max.map_or(u64::MAX, |max| max.max(case.entries()));
        return (by_timeouts.map(|n| n.min(max)), None);
    };
    let outlook = headroom(case, limit);
    if case.usage.held().is_some_and(|held| held >= limit) {
        assumptions.push(
            "the table holds that many already: new connections are refused at once, none is removed".into(),
        );
        return (by_timeouts.map(|n| n.min(limit)), Some(0.0));
    }
    assumptions.extend(outlook.assumptions);
    // Offered entries under the new timeouts: as many more as the loss adds under the old ones.
    let now = case.offered(|_| None).filter(|now| *now > 0);
    let steady = match (by_timeouts, outlook.steady_state, now) {
        (Some(shorter), Some(offered), Some(now)) => rounded(offered as f64 * shorter as f64 / now as f64),
        (shorter, offered, _) => shorter.or(offered),
    };
    let full_again = outlook.full_again_seconds.filter(|_| steady.is_some_and(|steady| steady > limit));
    (steady.map(|steady| steady.min(limit)), full_again)
}
