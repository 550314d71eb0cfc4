//! Unanswered SYNs: refused at once where nobody answers, kept for a shorter time, deleted by tuple and state.

use crate::model::census::Peer;
use crate::model::diagnosis::{Effect, Remedy};
use crate::model::flow::{L4, State};
use crate::model::sentence::Word;
use crate::sentence;

use super::super::facts::Case;
use super::here;
use super::shorter::{Shorter, delete_in_state, deleted, shorter};

/// Seconds that a SYN may wait for an answer: five times sent, at 0, 1, 3, 7 and 15 s.
const SYN_SENT_SECONDS: u64 = 30;

/// Refused with a reset: the client knows at once, and no entry is made (a SYN that the filter refuses is never
/// confirmed). Not where the destination is translated: there the service has servers that answer.
pub(crate) fn refuse_at_once(
    case: &Case<'_>,
    peer: Peer,
    unanswered: u64,
    translated: bool,
) -> Option<Remedy> {
    let port = peer.port.filter(|_| !translated)?;
    let ip = peer.address.to_canonical();
    let tool = if ip.is_ipv4() { "iptables" } else { "ip6tables" };
    let chains: &[&str] =
        if case.locals.is_local(peer.address) == Some(true) { &["INPUT"] } else { &["OUTPUT", "FORWARD"] };
    let rule = |chain: &&str| {
        let tail = format!("-p tcp -d {ip} --dport {port} --syn -j REJECT --reject-with tcp-reset");
        here(format!("{tool} -I {chain} 1 {tail}"), Some(format!("{tool} -D {chain} {tail}")))
    };
    Some(Remedy {
        id: "refuse-at-once",
        title: sentence![
            "until it is back: refuse connections to",
            Word::Endpoint(peer.address, peer.port, L4::TCP),
            "with a reset instead of letting them wait"
        ],
        commands: chains.iter().map(rule).collect(),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(unanswered)),
            note: "a refused SYN has no entry; those that wait now run out within two minutes".into(),
        },
        side_effects: vec![
            "nobody behind these rules reaches it, not even when it is back: take them out then".into(),
            "rules given on a command line are lost at a restart of the firewall".into(),
        ],
        persists: false,
    })
}

/// Deletes SYNs without an answer to an address and port. Where the destination is translated, only those that were
/// given the server that is gone: the address of the service alone would take those of the others, too.
pub(crate) fn delete_syns_to(peer: Peer, entries: u64, translated: bool) -> Option<Remedy> {
    let port = peer.port.filter(|_| entries > 0)?;
    let server = "the server that is gone";
    let commands = delete_in_state(State::SynSent, (peer.address, port), translated, server)?;
    Some(Remedy {
        id: "delete-syn-sent",
        title: sentence![
            "relief for now: delete the SYNs to",
            Word::Endpoint(peer.address, peer.port, L4::TCP),
            "that saw no answer"
        ],
        commands,
        effect: deleted(entries, None, "they come back as long as clients try and no answer is seen"),
        side_effects: vec!["needs conntrack-tools; it walks the whole table".into()],
        persists: false,
    })
}

/// Unanswered SYNs kept for a shorter time.
pub(crate) fn shorter_syn_sent(case: &Case<'_>) -> Option<Remedy> {
    let mix = case.mix()?;
    let now = case.timeouts().named_or_default("tcp_timeout_syn_sent")?;
    if mix.unreplied(State::SynSent) == 0 {
        return None;
    }
    let what = Shorter {
        id: "shorter-syn-sent",
        keep: "keep unanswered SYNs for",
        state: State::SynSent,
        seconds: SYN_SENT_SECONDS,
        now,
    };
    Some(Remedy {
        side_effects: vec![
            "an answer that takes longer finds no entry, and its connection begins anew".into(),
        ],
        ..shorter(case, &what)?
    })
}

/// A kernel that lets such entries run down.
pub(crate) fn newer_kernel() -> Remedy {
    Remedy {
        id: "newer-kernel",
        title: "the cure: a kernel from 5.14 on, which does not set the timer back when a SYN is sent again"
            .into(),
        commands: Vec::new(),
        effect: Effect {
            note: "entries that nothing answers then end after their timeout, whoever tries".into(),
            ..Effect::default()
        },
        side_effects: Vec::new(),
        persists: true,
    }
}
