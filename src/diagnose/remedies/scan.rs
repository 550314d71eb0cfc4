//! Against a scanner: find it, and keep its packets from being tracked. Its entries leave by themselves within two
//! minutes, and are the first that the kernel evicts, so none is deleted.

use std::net::IpAddr;

use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::sentence;

use super::super::facts::Case;
use super::{bracketed, here};

/// Where to look, on this host or for the machine behind it.
pub(crate) fn find_scanner(case: &Case<'_>, address: IpAddr, is_local: Option<bool>) -> Remedy {
    let ip = address.to_canonical();
    let own = vec![
        Command {
            place: "this host: programs that wait for an answer".to_owned(),
            ..here(format!("ss -tanp state syn-sent src {}", bracketed(ip)), None)
        },
        Command {
            place: "this host: programs that make packets themselves".to_owned(),
            ..here("ss -wap".to_owned(), None)
        },
    ];
    let behind = vec![
        Command {
            place: "this host: the interface it is behind (bridge, veth, tap: a container or guest)"
                .to_owned(),
            ..here(format!("ip route get {ip}"), None)
        },
        Command {
            place: "this host: its hardware address".to_owned(),
            ..here(format!("ip neigh show {ip}"), None)
        },
    ];
    let commands = match is_local {
        Some(true) => own,
        Some(false) => behind,
        None => behind.into_iter().chain(own).collect(),
    };
    Remedy {
        id: "find-scanner",
        title: sentence![
            "the cure: find what scans from",
            address,
            ", take it off the network and look into it before it is started again"
        ],
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: case.mix().map(|mix| mix.total().saturating_sub(mix.half_open())),
            note: "its entries leave by themselves within two minutes of its last SYN".into(),
        },
        side_effects: vec!["restarting the machine destroys what would tell how it came to scan".into()],
        persists: true,
    }
}

/// Dropped in the raw table, which stands before the tracker. `ports`: those tried; none: any.
pub(crate) fn drop_before_tracking(
    case: &Case<'_>,
    address: IpAddr,
    is_local: Option<bool>,
    ports: &[u16],
    unanswered: u64,
) -> Remedy {
    let ip = address.to_canonical();
    let tool = if ip.is_ipv4() { "iptables" } else { "ip6tables" };
    let to = match ports {
        [] => String::new(),
        [port] => format!(" --dport {port}"),
        ports => {
            let list: Vec<String> = ports.iter().map(ToString::to_string).collect();
            format!(" -m multiport --dports {}", list.join(","))
        }
    };
    let chains: &[&str] = match is_local {
        Some(true) => &["OUTPUT"],
        Some(false) => &["PREROUTING"],
        None => &["PREROUTING", "OUTPUT"],
    };
    let rule = |chain: &&str| {
        let tail = format!("-s {ip} -p tcp --syn{to} -j DROP");
        here(format!("{tool} -t raw -I {chain} 1 {tail}"), Some(format!("{tool} -t raw -D {chain} {tail}")))
    };
    Remedy {
        id: "drop-before-tracking",
        title: sentence![
            "until it is found: drop the SYNs of",
            address,
            "in the raw table, where no entry is made yet"
        ],
        commands: chains.iter().map(rule).collect(),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(unanswered)),
            note: "what is there now runs out within two minutes".into(),
        },
        side_effects: vec![
            "no new connection from there to those ports comes about, not even an honest one".into(),
            "rules given on a command line are lost at a restart of the firewall".into(),
        ],
        persists: false,
    }
}
