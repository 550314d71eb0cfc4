//! Connections that one side closed: let the other close, keep them for a shorter time, delete them by tuple and state.

use crate::model::census::{Class, Leader, Peer};
use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::flow::{L4, State};
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::facts::Case;
use super::shorter::{Shorter, delete_in_state, deleted, saves, shorter};
use super::{HERE, here, in_file, set};

/// Not shorter under kube-proxy: connections that are closed on one side and still send on the other would lose their
/// translation.
const CLOSE_WAIT_SECONDS: u64 = 900;
/// Longer than a lost FIN takes to be sent again a few times (0.2, 0.4, … 12.8 s).
const FIN_WAIT_SECONDS: u64 = 30;
/// A NAT frees the port with the entry, while the other end may still hold the connection for 60 s.
const FIN_WAIT_NAT_SECONDS: u64 = 60;

/// The program that was closed on must close, too.
pub(crate) fn close_connections(case: &Case<'_>, peer: Option<Peer>) -> Remedy {
    let mut commands = vec![Command {
        place: format!("{HERE}, and inside the container of the service: names the program"),
        ..here("ss -tanp state close-wait".to_owned(), None)
    }];
    if let Some(peer) = peer
        && case.locals.is_local(peer.address) == Some(false)
        && let Some(first) = commands.first_mut()
    {
        first.place = format!("on {}: names the program that does not close", peer.address.to_canonical());
    }
    Remedy {
        id: "close-connections",
        title: match peer {
            Some(peer) => sentence![
                "the cure: let the programs that talk over",
                Word::Endpoint(peer.address, peer.port, L4::TCP),
                "close a connection that the other side has closed"
            ],
            None => "the cure: let the program close a connection that the other side has closed".into(),
        },
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: case.mix().map(|mix| mix.total().saturating_sub(mix.tcp(State::CloseWait))),
            note: "a connection that both sides close goes on to TIME_WAIT and leaves after two minutes"
                .into(),
        },
        side_effects: vec![
            "restarting the program closes them all at once, and hides the fault until it is back".into(),
        ],
        persists: true,
    }
}

/// A quarter of an hour instead of the hour that kube-proxy sets.
pub(crate) fn close_wait_timeout(case: &Case<'_>, entries: u64, now_seconds: u64) -> Option<Remedy> {
    if now_seconds <= CLOSE_WAIT_SECONDS {
        return None;
    }
    let waits = |class: &Class| class.l4 == L4::TCP && class.state == Some(State::CloseWait);
    if !saves(case, |class| waits(class).then_some(CLOSE_WAIT_SECONDS)) {
        return None;
    }
    let mut commands = set(&case.kernel, "tcp_timeout_close_wait", CLOSE_WAIT_SECONDS, Some(now_seconds));
    commands.push(in_file(
        "tcpCloseWaitTimeout: 15m0s",
        "kube-proxy's configuration, under conntrack (it sets the key anew at each start)",
    ));
    Some(Remedy {
        id: "close-wait-timeout",
        title: sentence![
            "keep what one side closed for",
            Word::Duration(CLOSE_WAIT_SECONDS as f64),
            "instead of",
            Word::Duration(now_seconds as f64)
        ],
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: case.settles_at(|class| waits(class).then_some(CLOSE_WAIT_SECONDS)),
            note: sentence!["the", Word::Count(entries, noun::ENTRY), "that wait now keep their old timers"],
        },
        side_effects: vec![
            "not shorter on a Kubernetes node: a connection that is closed on one side and still sends on the other would lose its translation".into(),
        ],
        persists: true,
    })
}

/// A shorter FIN_WAIT: for a host that translates nothing.
pub(crate) fn shorter_fin_wait(case: &Case<'_>) -> Option<Remedy> {
    let nat = case.census?.who.nat;
    let translated =
        nat.source > 0 || nat.destination > 0 || nat.both > 0 || super::super::beside::translates(case);
    let seconds = if translated { FIN_WAIT_NAT_SECONDS } else { FIN_WAIT_SECONDS };
    let now = case.timeouts().named_or_default("tcp_timeout_fin_wait")?;
    let what = Shorter {
        id: "shorter-fin-wait",
        keep: "beside the cure: keep half-closed connections for",
        state: State::FinWait,
        seconds,
        now,
    };
    Some(Remedy {
        side_effects: vec![
            "a download that goes on after its client closed one direction is silent for less than that, or is cut".into(),
            "with address translation not below 60 s: a port freed earlier meets a peer that still holds the connection".into(),
        ],
        ..shorter(case, &what)?
    })
}

/// Deletes those of one address and port in a closing state. Where the destination is translated, only those that were
/// given one server.
pub(crate) fn delete_closing(
    case: &Case<'_>,
    peer: Peer,
    state: State,
    entries: u64,
    how: &Leader,
) -> Option<Remedy> {
    let port = peer.port.filter(|_| entries > 0)?;
    let translated = how.nat.destination > 0 || how.nat.both > 0;
    let server = "the server whose program does not close";
    let commands = delete_in_state(state, (peer.address, port), translated, server)?;
    Some(Remedy {
        id: "delete-closing",
        title: sentence![
            "relief for now: delete connections in",
            state,
            "to",
            Word::Endpoint(peer.address, peer.port, L4::TCP)
        ],
        commands,
        effect: deleted(entries, case.settles_at(|_| None), "they come back at the same rate"),
        side_effects: vec![
            "one that still sends in the other direction is cut where its addresses are translated".into(),
            "needs conntrack-tools; it walks the whole table".into(),
        ],
        persists: false,
    })
}
