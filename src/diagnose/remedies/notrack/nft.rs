//! In the language of nftables. What untracks stands in a table of its own, so that it is taken back by deleting that; an
//! accept must stand in the chain that drops, since a verdict of one table does not bind another.

use crate::model::diagnosis::Command;

use super::super::HERE;
use super::traffic::Traffic;

/// The table that is made.
const TABLE: &str = "inet conntriage";
/// In front of the tracker (`NF_IP_PRI_RAW`); the word `raw` came later than the number.
const PRIORITY: i32 = -300;

/// As [`super::iptables::commands`].
pub(super) fn commands(traffic: &Traffic, place: &str) -> Vec<Command> {
    let Traffic { server, port, client, .. } = traffic;
    let (ip, too_big) = if server.is_ipv4() {
        ("ip", "icmp type destination-unreachable icmp code frag-needed")
    } else {
        ("ip6", "icmpv6 type packet-too-big")
    };
    let there = format!("{ip} saddr {client} {ip} daddr {server} tcp dport {port}");
    let back = format!("{ip} saddr {server} {ip} daddr {client} tcp sport {port}");
    let command =
        |line: String, undo: Option<String>| Command { line, place: format!("{HERE}{place}"), undo };
    let accept = |chain: &str, what: &str| {
        command(
            format!("nft insert rule inet filter {chain} {what} accept comment conntriage"),
            Some(taken_back(chain)),
        )
    };
    let mut out = vec![
        accept(traffic.errors(), too_big),
        accept(traffic.there().filter, &there),
        accept(traffic.back().filter, &format!("{back} 'tcp flags & (fin|syn|rst|ack) != syn'")),
        command(format!("nft add table {TABLE}"), Some(format!("nft delete table {TABLE}"))),
    ];
    let mut chains = vec![traffic.there().raw, traffic.back().raw];
    chains.dedup();
    out.extend(chains.into_iter().map(|chain| {
        let kind = format!("{{ type filter hook {chain} priority {PRIORITY}; }}");
        command(format!("nft add chain {TABLE} {chain} '{kind}'"), None)
    }));
    for (chain, what) in [(traffic.there().raw, there), (traffic.back().raw, back)] {
        out.push(command(format!("nft add rule {TABLE} {chain} {what} notrack"), None));
    }
    out
}

/// Rules are deleted by their handle, which is found by their remark.
fn taken_back(chain: &str) -> String {
    format!(
        "nft -a list chain inet filter {chain} | sed -n \"s/.*conntriage\\\" # handle /delete rule inet filter {chain} handle /p\" | nft -f -"
    )
}
