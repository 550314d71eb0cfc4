//! In the language of iptables. `-I CHAIN 1` puts a rule first, `-A CHAIN` last.

use crate::model::diagnosis::Command;

use super::super::HERE;
use super::traffic::Traffic;

/// Errors about size, both directions let through without a state, both taken out of tracking; each with its undoing.
pub(super) fn commands(traffic: &Traffic, jump: &str, place: &str) -> Vec<Command> {
    let Traffic { client, server, port, .. } = traffic;
    let (tool, too_big) = if server.is_ipv4() {
        ("iptables", "-p icmp --icmp-type fragmentation-needed")
    } else {
        ("ip6tables", "-p icmpv6 --icmpv6-type packet-too-big")
    };
    let there = format!("-p tcp -s {client} -d {server} --dport {port}");
    let back = format!("-p tcp -s {server} --sport {port} -d {client}");
    let command = |line: String, undo: String| Command {
        line: format!("{tool} {line}"),
        place: format!("{HERE}{place}"),
        undo: Some(format!("{tool} {undo}")),
    };
    let accept = |chain: &str, what: &str| {
        let chain = chain.to_ascii_uppercase();
        command(format!("-I {chain} 1 {what} -j ACCEPT"), format!("-D {chain} {what} -j ACCEPT"))
    };
    let untrack = |chain: &str, what: &str| {
        let rule = format!("{} {what} -j {jump}", chain.to_ascii_uppercase());
        command(format!("-t raw -A {rule}"), format!("-t raw -D {rule}"))
    };
    vec![
        accept(traffic.errors(), too_big),
        accept(traffic.there().filter, &there),
        accept(traffic.back().filter, &format!("{back} ! --syn")),
        untrack(traffic.there().raw, &there),
        untrack(traffic.back().raw, &back),
    ]
}
