//! Against a flood of half-open connections: nothing that makes the table larger, everything before the table.

use crate::model::census::{Class, Peer};
use crate::model::diagnosis::{Effect, Remedy};
use crate::model::era::{Era, Release};
use crate::model::flow::{L4, State};
use crate::model::sentence::Word;
use crate::sentence;

use super::super::facts::Case;
use super::super::outlook::{Change, outlook};
use super::shorter::saves;
use super::{here, set};

/// Seconds that a handshake may take: two retransmissions (1 s, 3 s) and the way there and back.
const HANDSHAKE_SECONDS: u64 = 20;

/// Dropped upstream, or before it is tracked.
pub(crate) fn stop_before_tracking(case: &Case<'_>, peer: Peer) -> Remedy {
    Remedy {
        id: "stop-before-tracking",
        title: sentence![
            "stop the SYNs to",
            Word::Endpoint(peer.address, peer.port, peer.l4),
            "before they are tracked: at the provider's scrubbing, at the network card (XDP), or in the raw table"
        ],
        commands: Vec::new(),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: case.mix().map(|mix| mix.total().saturating_sub(mix.half_open())),
            note: "half-open entries leave by themselves within their timeout; assumed: all of these SYNs are stopped, and other connections stay as they are".into(),
        },
        side_effects: vec!["a rule that counts by source address does nothing against forged sources".into()],
        persists: true,
    }
}

/// SYNPROXY answers handshakes itself and makes an entry only for those that are finished. From 3.12 on.
pub(crate) fn synproxy(case: &Case<'_>, peer: Peer) -> Option<Remedy> {
    let able = match (case.kernel.release, case.kernel.era) {
        (Some(release), _) => release >= Release(3, 12, 0) || case.kernel.enterprise == Some(7),
        (None, Some(era)) => era >= Era::D,
        (None, None) => false,
    };
    let port = peer.port.filter(|_| able)?;
    let address = peer.address.to_canonical();
    let tool = if address.is_ipv4() { "iptables" } else { "ip6tables" };
    let chain = if case.locals.is_local(address)? { "INPUT" } else { "FORWARD" };
    let to = format!("-p tcp -d {address} --dport {port}");
    let rule = format!("PREROUTING {to} --syn -j CT --notrack");
    let untracked = here(format!("{tool} -t raw -A {rule}"), Some(format!("{tool} -t raw -D {rule}")));
    // Before any rule that accepts: behind it they would see nothing.
    let first = |place: u8, tail: &str| {
        here(format!("{tool} -I {chain} {place} {tail}"), Some(format!("{tool} -D {chain} {tail}")))
    };
    Some(Remedy {
        id: "synproxy",
        title: sentence!["let SYNPROXY finish handshakes to", Word::Endpoint(peer.address, peer.port, peer.l4), "before the tracker sees them"],
        commands: vec![
            here(format!("sysctl -w {}=0", case.kernel.key("tcp_loose")), Some(format!("sysctl -w {}=1", case.kernel.key("tcp_loose")))),
            untracked,
            first(1, &format!("{to} -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460")),
            first(2, &format!("{to} -m conntrack --ctstate INVALID -j DROP")),
        ],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: case.mix().map(|mix| mix.total().saturating_sub(mix.half_open())),
            note: "connections that exist stay tracked; assumed: no half-open connection leaves an entry any more, and other connections stay as they are".into(),
        },
        side_effects: vec![
            "with tcp_loose off a connection whose entry is lost (flush, module reload, failover) is cut: not with a failover pair, not with asymmetric paths".into(),
            "the window scale and MSS given must be those of the server".into(),
        ],
        persists: false,
    })
}

/// Half-open entries kept for a shorter time.
pub(crate) fn shorter_handshake(case: &Case<'_>) -> Option<Remedy> {
    let mix = case.mix()?;
    let now = case.timeouts().named_or_default("tcp_timeout_syn_recv")?;
    let waiting = mix.tcp(State::SynRecv);
    if now <= HANDSHAKE_SECONDS || waiting == 0 {
        return None;
    }
    let answered = |class: &Class| class.l4 == L4::TCP && class.state == Some(State::SynRecv);
    if !saves(case, |class| answered(class).then_some(HANDSHAKE_SECONDS)) {
        return None;
    }
    Some(Remedy {
        id: "shorter-handshake",
        title: sentence![
            "keep half-open connections for",
            Word::Duration(HANDSHAKE_SECONDS as f64),
            "instead of",
            Word::Duration(now as f64)
        ],
        commands: set(&case.kernel, "tcp_timeout_syn_recv", HANDSHAKE_SECONDS, Some(now)),
        effect: outlook(
            case,
            &Change::of_lifetimes(case, |class| answered(class).then_some(HANDSHAKE_SECONDS)),
        )
        .effect(case, "at the same rate of SYNs; a stronger flood fills what this saves".into()),
        side_effects: vec!["a client on a very slow path has to begin its handshake again".into()],
        persists: true,
    })
}
