//! Popular advice that does nothing here, with the reason and the arithmetic, and whether it was followed already.

use crate::model::diagnosis::WillNotHelp;
use crate::model::flow::State;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::facts::{Case, Holder};
use super::outlook::{Growth, headroom};

mod churn;
mod limits;
mod one_way;

pub(crate) use churn::{
    blocking_checkers, connlimit, cookies_for_finished, for_ipvs, limit_for_a_test,
    more_connections_of_the_datastore, production_for_a_test, rate_limiting_visitors,
};
pub(crate) use limits::*;
pub(crate) use one_way::*;

/// A TIME_WAIT socket lasts this long on Linux (`TCP_TIMEWAIT_LEN`).
const SOCKET_TIME_WAIT_SECONDS: f64 = 60.0;

/// An idea and why it does not help here.
pub(crate) fn reason(id: &'static str, reason: Sentence) -> WillNotHelp {
    WillNotHelp { id, reason }
}

/// Appends that a key was set already, where the settings show it.
fn already(case: &Case<'_>, key: &str, set: impl Fn(u64) -> bool, out: Sentence) -> Sentence {
    match case.counters.number(key).filter(|value| set(*value)) {
        Some(value) => out
            .with("; it is set here already (")
            .with(Word::Code(format!("{key} = {value}")))
            .with("), and the table is as you see it"),
        None => out,
    }
}

/// Settings of TCP sockets: the tracker does not read them.
pub(crate) fn socket_settings(case: &Case<'_>) -> Vec<WillNotHelp> {
    let tracked = Word::Duration(case.time_wait_seconds() as f64);
    let socket = Word::Duration(SOCKET_TIME_WAIT_SECONDS);
    let reuse = sentence![
        "works on sockets of the side that closes first; an entry in TIME_WAIT stays in the tracker's table for",
        tracked.clone(),
        ", whatever the sockets do"
    ];
    let recycle = sentence![
        "works on sockets, not on entries, and refuses visitors who share an address behind NAT; the kernel has no such setting from 4.12 on"
    ];
    let buckets = sentence![
        "caps sockets in TIME_WAIT; the entries of those connections stay for",
        tracked.clone(),
        "all the same"
    ];
    let fin = sentence![
        "shortens FIN_WAIT_2 of sockets; a socket's TIME_WAIT is",
        socket,
        "and an entry's is",
        tracked,
        ", both out of its reach"
    ];
    vec![
        reason("tcp_tw_reuse", already(case, "net.ipv4.tcp_tw_reuse", |v| v > 0, reuse)),
        reason("tcp_tw_recycle", already(case, "net.ipv4.tcp_tw_recycle", |v| v > 0, recycle)),
        reason("tcp_max_tw_buckets", already(case, "net.ipv4.tcp_max_tw_buckets", |_| true, buckets)),
        reason("tcp_fin_timeout", already(case, "net.ipv4.tcp_fin_timeout", |v| v < 60, fin)),
    ]
}

/// The established timeout, where connections that are over fill the table.
pub(crate) fn established_for_churn(case: &Case<'_>) -> Option<WillNotHelp> {
    let mix = case.mix()?;
    let established = mix.tcp(State::Established);
    let out = sentence![
        "governs ESTABLISHED, which are",
        Word::Count(established, noun::ENTRY),
        "of",
        Word::Number(mix.total()),
        "; TIME_WAIT has a timeout of its own. A short one cuts idle connections that are in use"
    ];
    let out = match case.counters.setting("tcp_timeout_established").filter(|(_, value)| *value < 432_000) {
        Some((key, value)) => out
            .with(". It was lowered here already (")
            .with(Word::Code(format!("{key} = {value}")))
            .with("), and the table is as you see it"),
        None => out,
    };
    Some(reason("tcp_timeout_established", out))
}

/// The established timeout, where entries of other protocols fill the table.
pub(crate) fn established_for_datagrams(case: &Case<'_>) -> Option<WillNotHelp> {
    let mix = case.mix()?;
    let out = sentence![
        "governs established TCP, which is",
        Word::Count(mix.tcp(State::Established), noun::ENTRY),
        "of",
        Word::Number(mix.total()),
        "; other protocols have timeouts of their own"
    ];
    Some(reason("tcp_timeout_established", out))
}

/// A very short established timeout, where stale entries fill the table.
pub(crate) fn very_short_established() -> WillNotHelp {
    reason(
        "tcp_timeout_established_minutes",
        sentence![
            "an established timeout of some minutes frees no entry that is idle now, since running timers keep their end, and it cuts pools of idle connections (load balancers idle for 240 to 600 s); not below",
            Word::Duration(7_440.0)
        ],
    )
}

/// Raising the limit and nothing else.
pub(crate) fn limit_alone(case: &Case<'_>) -> Option<WillNotHelp> {
    let max = case.usage.max?;
    let doubled = max.checked_mul(2)?;
    let outlook = headroom(case, doubled);
    let out = sentence!["doubling it to", Word::Number(doubled), "buys room, not a cure"];
    let out = match (outlook.full_again_seconds, outlook.offered) {
        (Some(seconds), _) => out
            .with(":")
            .with(outlook.growth.words())
            .with("it is full again after")
            .with(Word::Duration(seconds)),
        (None, Some(steady)) => out
            .with(": at this rate the table settles at")
            .with(Word::Count(steady, noun::ENTRY))
            .with(", and fills with whatever the rate grows by")
            .with(match (outlook.growth, case.lost_per_second()) {
                (Growth::Filling, _) => "(the packets lost are taken for the same connections)",
                (Growth::Lost, Some(_)) => "(the packets lost are counted in)",
                (Growth::Lost, None) => "(the packets lost are not counted in: their rate is not known)",
            }),
        (None, None) => out,
    };
    Some(reason(
        "raise-limit-only",
        out.with(". A value written by hand is lost when the module is loaded anew"),
    ))
}

/// Blocking the leading source, which is this very host.
pub(crate) fn blocking_oneself(holder: &Holder<'_>) -> Option<WillNotHelp> {
    (holder.is_local == Some(true)).then(|| {
        reason(
            "block-top-source",
            sentence!["the source with the most entries,", holder.address, ", is this host itself"],
        )
    })
}

/// Cookies and limits against a flood with forged sources.
pub(crate) fn for_flood(case: &Case<'_>) -> Vec<WillNotHelp> {
    let cookies = sentence![
        "protect the backlog of the socket; the tracker makes its entry before the socket sees the SYN"
    ];
    vec![
        reason("tcp_syncookies", already(case, "net.ipv4.tcp_syncookies", |v| v > 0, cookies)),
        reason("connlimit", "counts by source, and here nearly every entry has another one".into()),
        reason(
            "block-top-source",
            "nearly every half-open entry has another source, and forged ones may be anybody's".into(),
        ),
        reason("raise-limit", "a flood fills any size; a larger table is also slower to search".into()),
        reason("tcp_timeout_established", "half-open entries have timeouts of their own".into()),
    ]
}

/// Ideas around an honest gateway.
pub(crate) fn for_capacity() -> Vec<WillNotHelp> {
    vec![
        reason("hunt-attacker", "no source, peer or state stands out: there is nobody to block".into()),
        reason(
            "short-timeouts",
            "an established timeout of some minutes disconnects users who are idle for a while, and frees nothing now".into(),
        ),
        reason("more-snat-addresses", "give more ports, not more entries: every connection has one entry whatever its address".into()),
        reason("flowtable", "an offloaded connection still has its entry".into()),
        reason(
            "ports-are-enough",
            "that there are 65,536 ports limits connections to one address and port, not the table".into(),
        ),
    ]
}

/// Taking out of tracking, where that is refused.
pub(crate) fn no_notrack(refusal: super::remedies::Refusal) -> WillNotHelp {
    reason("notrack", refusal.reason())
}

/// The limit of the other table.
pub(crate) fn for_expectations(case: &Case<'_>) -> Vec<WillNotHelp> {
    let out = Sentence::from("is the limit of another table: expectations have their own");
    let out = match (case.usage.held(), case.usage.max) {
        (Some(held), Some(max)) => out
            .with("; the conntrack table holds")
            .with(Word::Number(held))
            .with("of")
            .with(Word::Count(max, noun::ENTRY)),
        _ => out,
    };
    vec![
        reason("raise-limit", out),
        reason("timeouts", "expectations do not live by the timeouts of entries".into()),
    ]
}
