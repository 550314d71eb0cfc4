//! The timeout of established connections: a day, which no pool of idle connections minds; never a few minutes.

use crate::model::census::Class;
use crate::model::diagnosis::Remedy;
use crate::model::flow::{L4, State};
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::facts::Case;
use super::super::outlook::{Change, outlook};
use super::set;

/// A day: what kube-proxy sets. RFC 5382 asks for 7,440 s at least.
const DAY_SECONDS: u64 = 86_400;

/// A day instead of five, for `stale` entries nobody uses any more.
pub(crate) fn established_timeout(case: &Case<'_>, stale: u64) -> Option<Remedy> {
    let now = case.timeouts().named_or_default("tcp_timeout_established")?;
    if now <= DAY_SECONDS {
        return None;
    }
    let established = |class: &Class| class.l4 == L4::TCP && class.state == Some(State::Established);
    let change = Change::of_lifetimes(case, |class| established(class).then_some(DAY_SECONDS));
    Some(Remedy {
        id: "established-timeout",
        title: sentence![
            "let connections that nobody uses go after",
            Word::Duration(DAY_SECONDS as f64),
            "instead of",
            Word::Duration(now as f64)
        ],
        commands: set(&case.kernel, "tcp_timeout_established", DAY_SECONDS, Some(now)),
        effect: outlook(case, &change).effect(
            case,
            sentence![
                "the",
                Word::Count(stale, noun::ENTRY),
                "that are silent now keep their old timers: this frees none of them"
            ],
        ),
        side_effects: vec![sentence![
            "a connection that is silent for longer loses its entry: programs need keepalive below that; never go below",
            Word::Duration(7_440.0),
            "for other people's connections (RFC 5382)"
        ]],
        persists: true,
    })
}
