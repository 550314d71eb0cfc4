//! Taking one connection pair over loopback out of tracking. Redirects and published ports of containers translate
//! addresses there, which needs an entry: it is proposed only where rules were given that translate nothing, no entry
//! of the pair is translated, and nothing of a container runtime is seen.

use crate::model::address_kind::AddressKind;
use crate::model::census::{LeaderKey, Pair};
use crate::model::diagnosis::{Effect, Remedy};
use crate::model::flow::L4;
use crate::model::incident::Namespace;
use crate::model::sentence::Word;
use crate::sentence;

use super::super::facts::Case;
use super::notrack::Refusal;
use super::{family, here};

/// Interfaces of container runtimes and meshes, which translate on loopback.
const RUNTIMES: [&str; 7] = ["docker", "br-", "cni", "podman", "kube-", "flannel", "cilium"];

/// The rules for both ways of one pair over loopback, and the old entries.
pub(crate) fn notrack_loopback(case: &Case<'_>, pair: Pair) -> Result<Remedy, Refusal> {
    let how = case.how(&LeaderKey::Pair(pair)).ok_or(Refusal::NatUnknown)?;
    let port = pair.peer.port.filter(|_| pair.peer.l4 == L4::TCP).ok_or(Refusal::NotTcp)?;
    let (source, peer) = (pair.source.to_canonical(), pair.peer.address.to_canonical());
    let local = |address| case.locals.is_local(address) == Some(true);
    if !local(source) || !local(peer) {
        return Err(Refusal::PlaceUnknown);
    }
    if how.nat.source > 0 || how.nat.destination > 0 || how.nat.both > 0 {
        return Err(Refusal::Nat);
    }
    let rules = case.counters.rules.as_ref().filter(|rules| rules.rules > 0).ok_or(Refusal::NatUnknown)?;
    let names = case.locals.addresses.values().filter_map(|(local, _)| local.interface.as_deref());
    let runtime = names.into_iter().any(|name| RUNTIMES.iter().any(|beginning| name.starts_with(beginning)));
    let routed = case.counters.number("net.ipv4.conf.all.route_localnet").is_some_and(|value| value != 0);
    let inside = !matches!(case.namespace(), Namespace::Initial | Namespace::Unknown);
    if rules.nat.total() > 0 || runtime || routed || inside {
        return Err(Refusal::Loopback);
    }
    let tool = if source.is_ipv4() { "iptables" } else { "ip6tables" };
    let jump = if case.kernel.old_notrack() { "NOTRACK" } else { "CT --notrack" };
    let rule = |table: &str, add: &str, tail: &str| {
        let bare = tail.replacen(" 1 ", " ", 1);
        here(format!("{tool} {table}{add} {tail}"), Some(format!("{tool} {table}-D {bare}")))
    };
    let there = format!("-p tcp -s {source} -d {peer} --dport {port}");
    let back = format!("-p tcp -s {peer} --sport {port} -d {source}");
    let mut commands = vec![here(format!("{tool}-save -t nat; nft list ruleset"), None)];
    for (chain, way) in [("OUTPUT", "-o lo"), ("INPUT", "-i lo")] {
        commands.push(rule("", "-I", &format!("{chain} 1 {way} {there} -j ACCEPT")));
        commands.push(rule("", "-I", &format!("{chain} 1 {way} {back} ! --syn -j ACCEPT")));
    }
    for (chain, way) in [("OUTPUT", "-o lo"), ("PREROUTING", "-i lo")] {
        commands.push(rule("-t raw ", "-A", &format!("{chain} {way} {there} -j {jump}")));
        commands.push(rule("-t raw ", "-A", &format!("{chain} {way} {back} -j {jump}")));
    }
    commands.push(here(
        format!("conntrack {}-D -p tcp -s {source} -d {peer} --dport {port}", family(source)),
        None,
    ));
    let lo = AddressKind::of(source) == AddressKind::Loopback;
    Ok(Remedy {
        id: "notrack-loopback",
        title: sentence![
            "if neither can be had: take the connections from",
            pair.source,
            "to",
            Word::Endpoint(pair.peer.address, pair.peer.port, pair.peer.l4),
            "out of tracking, which never leave this host"
        ],
        commands,
        effect: Effect {
            entries_freed_now: Some(how.entries),
            steady_state_entries: Some(case.entries().saturating_sub(how.entries)),
            note: "the last line removes the old entries; without it they stay until their timers end".into(),
        },
        side_effects: vec![
            "look at what the first line shows: where any rule redirects or translates on lo (published ports of containers, NodePort on localhost, Istio, Tor), do not do it".into(),
            if lo {
                "in a container's namespace 127.0.0.11 is Docker's resolver, which is translated: only the initial namespace is meant".into()
            } else {
                "connections between two own addresses pass lo, whatever interface has them".into()
            },
            "rules given on a command line are lost at a restart of the firewall: put them where yours are kept".into(),
        ],
        persists: false,
    })
}
