//! The way of packets: to a target that is silent, back from it, and past the tracker. What is wrong there no setting
//! of the tracker cures; these remedies say where to look.

use std::net::IpAddr;

use crate::model::census::Peer;
use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::era::Names;
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::facts::Case;
use super::{IPTABLES_CONFIG, here, in_file};

/// Nothing is freed by looking.
fn looking(note: &'static str) -> Effect {
    Effect { entries_freed_now: Some(0), steady_state_entries: None, note: note.into() }
}

/// Says what a command shows.
fn shows(line: String, what: &str) -> Command {
    Command { place: format!("{}: {what}", super::HERE), ..here(line, None) }
}

/// Bring the target back, or the way to it.
pub(crate) fn reach_upstream(address: IpAddr, port: Option<u16>, is_local: Option<bool>) -> Remedy {
    let ip = address.to_canonical();
    let mut commands = Vec::new();
    if is_local == Some(true) {
        let filter = port.map_or_else(String::new, |port| format!(" 'sport = :{port}'"));
        commands.push(shows(
            format!("ss -ltn{filter}"),
            "who listens, and how many wait to be accepted (Recv-Q against Send-Q)",
        ));
        commands.push(shows(
            "nstat -az TcpExtListenOverflows TcpExtListenDrops".to_owned(),
            "whether connections are turned away for a full queue",
        ));
    } else {
        commands.push(shows(format!("ip route get {ip}"), "the way to it"));
        if let Some(port) = port {
            commands
                .push(shows(format!("nc -vz -w 3 {ip} {port}"), "whether it answers, refuses, or is silent"));
        }
        commands.push(shows(format!("ip neigh show {ip}"), "FAILED: nobody in that network has the address"));
    }
    Remedy {
        id: "reach-upstream",
        title: match port {
            Some(port) => sentence![
                "the cure: bring",
                Word::Endpoint(address, Some(port), L4::TCP),
                "back or take it out of service; let clients wait longer between attempts"
            ],
            None => sentence![
                "the cure: bring",
                address,
                "back or take it out of service; let clients wait longer between attempts"
            ],
        },
        commands,
        effect: looking("once it answers, or nobody tries, its entries run out within two minutes"),
        side_effects: Vec::new(),
        persists: true,
    }
}

/// Both directions through this machine, or neither.
pub(crate) fn both_directions(example: Option<IpAddr>) -> Remedy {
    let mut commands = Vec::new();
    if let Some(ip) = example.map(|address| address.to_canonical()) {
        commands.push(shows(format!("ip route get {ip}"), "where packets to one of them go"));
        commands.push(shows(
            format!("tcpdump -nni any -c 50 host {ip}"),
            "whether its answers come in at all, and where",
        ));
    }
    commands.push(shows("ip rule".to_owned(), "rules that send packets another way"));
    commands.push(shows(
        "sysctl -a --pattern 'rp_filter$'".to_owned(),
        "1 drops answers that come in by another interface",
    ));
    Remedy {
        id: "both-directions",
        title: "the cure: route both directions through this machine (or its pair with synchronised tables)"
            .into(),
        commands,
        effect: looking("each connection whose answers are seen is tracked as one, and ends when it ends"),
        side_effects: vec![
            "routes decide for everybody: change them where the other direction branches off".into(),
        ],
        persists: true,
    }
}

/// Where one direction is meant to pass by.
pub(crate) fn without_state() -> Remedy {
    Remedy {
        id: "without-state",
        title: "where the other way is meant: do not track what passes here one way only (notrack for those networks, both source and destination named), and filter it without state".into(),
        commands: Vec::new(),
        effect: looking("what is not tracked has no entry; old entries leave by their timers"),
        side_effects: vec![
            "rules that ask for a connection's state do not see that traffic any more: accept it before them".into(),
            "address translation needs tracking: none of that traffic may be translated here".into(),
            "accept ICMP errors that say a packet is too big before dropping what is invalid, or large packets vanish".into(),
        ],
        persists: false,
    }
}

/// A rule for one direction gets its mirror image, or goes.
pub(crate) fn mirror_untracking(case: &Case<'_>, port: u16) -> Remedy {
    let mut commands = vec![
        shows(
            "iptables-save -t raw".to_owned(),
            "rules that take traffic out of tracking (ip6tables-save for IPv6)",
        ),
        shows("nft list ruleset".to_owned(), "the same, in rules with notrack"),
    ];
    if case.counters.rules.as_ref().is_some_and(|rules| rules.untracked_rules == 0) {
        commands.push(shows("bpftool net".to_owned(), "programs that pass packets by the tracker"));
    }
    Remedy {
        id: "mirror-untracking",
        title: sentence![
            "the cure: take both directions of",
            Word::Port(port, L4::TCP),
            "out of tracking (what goes to it and what comes from it, in PREROUTING and in OUTPUT), or none"
        ],
        commands,
        effect: looking("with both directions out no entry is made, with none out each ends when its connection ends"),
        side_effects: vec![
            "name the service's address in every such rule: a port alone is everybody's".into(),
            "accept ICMP errors that say a packet is too big before dropping what is invalid, or large packets vanish".into(),
            "traffic whose addresses are translated must stay tracked".into(),
        ],
        persists: true,
    }
}

/// A reload of the rules that leaves the entries where they are.
pub(crate) fn keep_entries(case: &Case<'_>) -> Remedy {
    let unloads = case.kernel.names == Names::Ip || matches!(case.kernel.enterprise, Some(5..=7));
    let commands =
        if unloads { vec![in_file("IPTABLES_MODULES_UNLOAD=\"no\"", IPTABLES_CONFIG)] } else { Vec::new() };
    let title: Sentence = if unloads {
        "the cure: a restart of the firewall must not unload the tracker, which loses every entry".into()
    } else {
        "the cure: reload rules in place (nft -f, iptables-restore), never by unloading modules or flushing entries; synchronise entries between the machines of a pair".into()
    };
    Remedy {
        id: "keep-entries",
        title,
        commands,
        effect: looking("connections keep their entries, and nothing has to be met in its middle"),
        side_effects: Vec::new(),
        persists: true,
    }
}

/// Where the last packets of connections are lost.
pub(crate) fn find_lost_ends(peer: Option<Peer>) -> Remedy {
    let mut commands = Vec::new();
    if let Some(peer) = peer {
        let ip = peer.address.to_canonical();
        let port = peer.port.map_or_else(String::new, |port| format!(" and port {port}"));
        // The filter's language reads the flags of TCP over IPv4 only; over IPv6 they are byte 13 behind a header of 40.
        let ends = if ip.is_ipv4() {
            "tcp[tcpflags] & (tcp-fin|tcp-rst) != 0"
        } else {
            "ip6[6] == 6 and ip6[53] & 5 != 0"
        };
        commands.push(shows(
            format!("tcpdump -nni any -c 100 'host {ip}{port} and {ends}'"),
            "whether FIN and RST come back, and on which interface they stop",
        ));
    }
    commands.push(shows(
        "ss -tan state fin-wait-1 state fin-wait-2 state last-ack".to_owned(),
        "which of its own connections hang",
    ));
    Remedy {
        id: "find-lost-ends",
        title: "the cure: find where FIN or RST is lost on the way (a firewall, a NAT, a carrier), or which peers vanish".into(),
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            // What ends as it should stands in TIME_WAIT for as long: how many are left then is not told by this table.
            steady_state_entries: None,
            note: "a closing whose end is seen goes on to TIME_WAIT, and no FIN sent again sets its timer back".into(),
        },
        side_effects: Vec::new(),
        persists: true,
    }
}
