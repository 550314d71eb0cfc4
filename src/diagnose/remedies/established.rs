//! The timeout of established connections: a day, which no pool of idle connections minds; never a few minutes.

use crate::model::diagnosis::{Effect, Remedy};
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::arith::scaled;
use super::super::facts::Case;
use super::set;

/// A day: what kube-proxy sets. RFC 5382 asks for 7,440 s at least.
const DAY_SECONDS: u64 = 86_400;

/// A day instead of five, for `stale` entries nobody uses any more.
pub(crate) fn established_timeout(case: &Case<'_>, stale: u64) -> Option<Remedy> {
    let now = case.timeouts().named_or_default("tcp_timeout_established")?;
    if now <= DAY_SECONDS {
        return None;
    }
    let left = scaled(stale, DAY_SECONDS, now)?;
    Some(Remedy {
        id: "established-timeout",
        title: sentence![
            "let connections that nobody uses go after",
            Word::Duration(DAY_SECONDS as f64),
            "instead of",
            Word::Duration(now as f64)
        ],
        commands: set(&case.kernel, "tcp_timeout_established", DAY_SECONDS, Some(now)),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(stale).saturating_add(left)),
            note: sentence![
                "the",
                Word::Count(stale, noun::ENTRY),
                "that are silent now keep their old timers: this frees none of them"
            ],
        },
        side_effects: vec![sentence![
            "a connection that is silent for longer loses its entry: programs need keepalive below that; never go below",
            Word::Duration(7_440.0),
            "for other people's connections (RFC 5382)"
        ]],
        persists: true,
    })
}
