//! Popular advice that does nothing for entries that saw one direction only, that never end, or that were put in from
//! outside; with the reason.

use crate::model::diagnosis::WillNotHelp;
use crate::model::flow::State;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::facts::Case;
use super::super::mix::Mix;

fn reason(id: &'static str, reason: impl Into<Sentence>) -> WillNotHelp {
    WillNotHelp { id, reason: reason.into() }
}

/// A larger limit against a scanner.
pub(crate) fn limit_against_scan(rate_per_second: Option<f64>) -> WillNotHelp {
    let out = sentence!["a scanner fills any size"];
    reason(
        "raise-limit",
        match rate_per_second {
            Some(rate) => {
                out.with(": at").with(Word::Rate(rate)).with("and two minutes each, and it may send faster")
            }
            None => out,
        },
    )
}

/// The targets are many because they are scanned.
pub(crate) fn blocking_targets() -> WillNotHelp {
    reason(
        "block-destinations",
        "the many addresses are its targets, not attackers: it goes on with the next ones",
    )
}

/// A larger limit while nothing answers.
pub(crate) fn limit_against_silence(rate_per_second: Option<f64>) -> WillNotHelp {
    let out = sentence!["clients try as long as nothing answers"];
    reason(
        "raise-limit-only",
        match rate_per_second {
            Some(rate) => out
                .with(", now at")
                .with(Word::Rate(rate))
                .with("; more clients, or faster retries, fill the larger table, too"),
            None => out.with(", and fill a larger table, too"),
        },
    )
}

/// Those who wait are victims.
pub(crate) fn blocking_clients() -> WillNotHelp {
    reason(
        "block-top-source",
        "those who try are the clients of what does not answer: they are not the cause",
    )
}

/// Half-open entries have a timeout of their own.
pub(crate) fn established_for_half_open(case: &Case<'_>) -> WillNotHelp {
    let established = case.mix().map_or(0, Mix::established_assured);
    reason(
        "tcp_timeout_established",
        sentence![
            "governs",
            Word::Count(established, noun::ENTRY),
            "here; SYNs without an answer have a timeout of their own (",
            Word::Code("tcp_timeout_syn_sent".to_owned()),
            ")"
        ],
    )
}

/// The other established timeout, that of pickups.
pub(crate) fn established_for_pickups() -> WillNotHelp {
    reason(
        "tcp_timeout_established",
        "entries without an answer stand under a timeout of five minutes (tcp_timeout_unacknowledged) on this kernel",
    )
}

/// Many addresses that never answer look like an attack.
pub(crate) fn no_attack() -> WillNotHelp {
    reason(
        "hunt-attacker",
        "the addresses are those of connections that exist or existed: the tracker sees half of them, nobody attacks",
    )
}

/// More room for entries that mean nothing.
pub(crate) fn limit_for_halves() -> WillNotHelp {
    reason(
        "raise-limit-only",
        "more of the same entries fill it: each connection leaves one, whatever the limit",
    )
}

/// Switching off mid-stream pickup.
pub(crate) fn loose() -> WillNotHelp {
    reason(
        "tcp_loose",
        "without mid-stream pickup such entries are not made, and at the next flush, reload or failover every connection that runs is cut, this login too; beside two paths or a pair it cuts at once",
    )
}

/// Laxer checks of sequence numbers.
pub(crate) fn liberal() -> WillNotHelp {
    reason(
        "tcp_be_liberal",
        "keeps packets outside the window from being called invalid; an entry that sees one direction stays as it is",
    )
}

/// Longer timeouts for what is cut.
pub(crate) fn longer_timeouts() -> WillNotHelp {
    reason("longer-timeouts", "entries that no answer ever reaches only stay longer")
}

/// Waiting, or stopping to look.
pub(crate) fn waiting() -> WillNotHelp {
    reason("waiting", "each SYN that is sent again gives its entry the whole timeout anew")
}

/// A larger limit for what stays an hour.
pub(crate) fn limit_for_pileup(rate_per_second: f64, lifetime_seconds: u64) -> WillNotHelp {
    reason(
        "raise-limit-only",
        sentence![
            "at",
            Word::Rate(rate_per_second),
            "and",
            Word::Duration(lifetime_seconds as f64),
            "each it holds what it holds now: every rise of the rate needs as much more room"
        ],
    )
}

/// A socket's timeout.
pub(crate) fn fin_timeout() -> WillNotHelp {
    reason(
        "tcp_fin_timeout",
        "shortens FIN_WAIT_2 of sockets whose program is done with them; entries have timers of their own",
    )
}

/// A socket's setting.
pub(crate) fn tw_reuse() -> WillNotHelp {
    reason("tcp_tw_reuse", "works on sockets in TIME_WAIT, and these connections did not get that far")
}

/// The established timeout, where connections are closing.
pub(crate) fn established_for_closing(case: &Case<'_>) -> WillNotHelp {
    let established = case.mix().map_or(0, |mix| mix.tcp(State::Established));
    reason(
        "tcp_timeout_established",
        sentence![
            "governs ESTABLISHED, which are",
            Word::Count(established, noun::ENTRY),
            "here; closing states have timeouts of their own"
        ],
    )
}

/// The tracker's timeouts, for what the flowtable holds.
pub(crate) fn timeouts_for_offloaded() -> WillNotHelp {
    reason(
        "tracker-timeouts",
        "no timer of the tracker runs on an entry that is handed over: its timeouts do not reach it",
    )
}

/// Handing over more.
pub(crate) fn more_offload() -> WillNotHelp {
    reason("flowtable", "an offloaded connection still has its entry, and one that is harder to get rid of")
}

/// The tracker's timeouts, for what was put in with timers of its own.
pub(crate) fn timeouts_for_injected() -> WillNotHelp {
    reason(
        "shorter-timeouts",
        "entries that were committed came with timers of their own: a setting takes hold only with the next packet of each",
    )
}

/// Emptying one table of a pair.
pub(crate) fn flush_of_pair() -> WillNotHelp {
    reason("flush", "emptying the table of the machine that serves cuts every translated connection of both")
}
