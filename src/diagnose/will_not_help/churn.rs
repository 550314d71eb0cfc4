//! Popular advice around short connections that does nothing, or harm.

use std::net::IpAddr;

use crate::model::diagnosis::WillNotHelp;
use crate::model::flow::State;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::facts::{Case, Holder};
use super::super::mix::Mix;
use super::{already, reason};

/// A limit per source. It leaves out what is closed (`already_closed` in `nf_conncount.c`, and in `xt_connlimit.c`
/// before it), so it does not see what fills the table. None where most of them are open: there it does count.
pub(crate) fn connlimit(holder: &Holder<'_>) -> Option<WillNotHelp> {
    let mix = Mix(&holder.how.classes);
    let closed = mix.tcp(State::TimeWait).saturating_add(mix.tcp(State::Close));
    let counted = mix.total().saturating_sub(closed);
    if closed < counted {
        return None;
    }
    let out = sentence![
        "counts connections that are open:",
        Word::Number(closed),
        "of the",
        Word::Count(mix.total(), noun::ENTRY),
        "of",
        holder.address,
        "are in TIME_WAIT or CLOSE, which it leaves out; a limit on the rate of new connections, before the tracker, does count"
    ];
    Some(reason("connlimit", out))
}

/// Fewer requests for each visitor.
pub(crate) fn rate_limiting_visitors(crowd: bool) -> WillNotHelp {
    reason(
        "rate-limit-visitors",
        if crowd {
            "no visitor has more than a few connections: a limit for each refuses pages to those who came to see them, and leaves the others as they are".into()
        } else {
            "what stands in front opens the connections for everybody: a limit for it refuses requests of visitors who did nothing".into()
        },
    )
}

/// SYN cookies, where handshakes are finished.
pub(crate) fn cookies_for_finished(case: &Case<'_>, half_open: u64) -> WillNotHelp {
    let out = sentence![
        "protect the backlog of a socket from handshakes that are never finished, which are",
        Word::Count(half_open, noun::ENTRY),
        "here; the tracker makes its entry all the same"
    ];
    reason("tcp_syncookies", already(case, "net.ipv4.tcp_syncookies", |value| value > 0, out))
}

/// Blocking what checks.
pub(crate) fn blocking_checkers(checker: IpAddr, ends: u64) -> WillNotHelp {
    reason(
        "block-top-source",
        sentence![
            checker,
            "checks whether",
            Word::Number(ends),
            "addresses and ports answer: blocked, it takes all of them for dead and sends nobody there"
        ],
    )
}

/// A larger table for a test.
pub(crate) fn limit_for_a_test(per_second: Option<u64>) -> WillNotHelp {
    let out = sentence!["a test fills any size: it is to find a limit, and finds this one"];
    reason(
        "raise-limit",
        match per_second {
            Some(rate) => out
                .with("; at")
                .with(Word::Rate(rate as f64))
                .with("it says nothing about what production needs"),
            None => out.with("; it says nothing about what production needs"),
        },
    )
}

/// What a test shows, applied to production.
pub(crate) fn production_for_a_test() -> WillNotHelp {
    reason(
        "production-limit",
        "what filled this table is played, not asked: it says nothing about what production needs".into(),
    )
}

/// More connections at the datastore.
pub(crate) fn more_connections_of_the_datastore() -> WillNotHelp {
    reason(
        "max_connections",
        "a larger limit of the datastore admits more at once; the entries are those of connections that are over already"
            .into(),
    )
}

/// What is said about IPVS.
pub(crate) fn for_ipvs() -> Vec<WillNotHelp> {
    vec![
        reason(
            "conn_reuse_mode",
            "0 takes away the wait of a second and sends a client that uses its port again to the server it had before, though that one was removed or is dead".into(),
        ),
        reason(
            "switch-to-ipvs",
            "IPVS does not avoid the tracker: with net.ipv4.vs.conntrack set each of its connections has an entry in both tables".into(),
        ),
    ]
}
