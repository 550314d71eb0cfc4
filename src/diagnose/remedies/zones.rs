//! Entries that are made several times over: zones of Open vSwitch, bridged frames.

use std::net::IpAddr;

use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::arith::rounded;
use super::super::facts::Case;
use super::delete::associations;
use super::{here, in_file};

/// Zones that a command names, at most.
const ZONES_MAX: usize = 8;
/// Pairs that are taken out of tracking by one remedy.
const PAIRS_MAX: usize = 4;

/// What a stateless rule of OVN spares.
pub(crate) fn fewer_zones(case: &Case<'_>, times: f64) -> Remedy {
    Remedy {
        id: "fewer-zones",
        title: "track a connection once: stateless rules (OVN: allow-stateless) where no state is asked for, no stateful rule on both its ports".into(),
        commands: vec![here("ovn-nbctl list ACL | grep -c allow-related".to_owned(), None)],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: rounded(case.entries() as f64 / times.max(1.0)),
            note: "at best: each connection once instead of in every zone that it crosses".into(),
        },
        side_effects: vec![
            "a stateless rule lets both directions pass by address and port: answers need a rule of their own".into(),
        ],
        persists: true,
    }
}

/// A limit for each zone, so that one tenant does not take all.
pub(crate) fn zone_limits(case: &Case<'_>, zones: &[(u16, u64)]) -> Option<Remedy> {
    let max = case.usage.max?;
    let (first, _) = zones.first()?;
    let share = max / (zones.len().max(1) as u64);
    let names: Vec<String> = zones.iter().take(ZONES_MAX).map(|(zone, _)| zone.to_string()).collect();
    Some(Remedy {
        id: "zone-limits",
        title: "give each zone a limit of its own, so that one of them cannot fill the table for all (Open vSwitch 2.10 on)".into(),
        commands: vec![
            here(format!("ovs-appctl dpctl/ct-get-limits zone={}", names.join(",")), None),
            here(
                format!("ovs-appctl dpctl/ct-set-limits zone={first},limit={share}"),
                Some(format!("ovs-appctl dpctl/ct-del-limits zone={first}")),
            ),
        ],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "it decides who is refused, and gives nobody room".into(),
        },
        side_effects: vec![
            "a zone at its limit refuses new connections while the table has room for others".into(),
            "the limit is lost when the datapath is made anew".into(),
        ],
        persists: false,
    })
}

/// Frames between two guests, taken out of tracking by their addresses.
pub(crate) fn untrack_bridged(case: &Case<'_>, pairs: &[(IpAddr, IpAddr)], held: u64) -> Option<Remedy> {
    let jump = if case.kernel.old_notrack() { "NOTRACK" } else { "CT --notrack" };
    let mut commands: Vec<Command> = Vec::new();
    commands.extend(too_large(pairs, "FORWARD"));
    for (one, other) in pairs.iter().take(PAIRS_MAX) {
        let (one, other) = (one.to_canonical(), other.to_canonical());
        let tool = if one.is_ipv4() { "iptables" } else { "ip6tables" };
        for (from, to) in [(one, other), (other, one)] {
            let accept = format!("FORWARD 1 -s {from} -d {to} -j ACCEPT");
            commands.push(here(
                format!("{tool} -I {accept}"),
                Some(format!("{tool} -D {}", accept.replacen(" 1 ", " ", 1))),
            ));
        }
        for (from, to) in [(one, other), (other, one)] {
            let tail = format!("PREROUTING -s {from} -d {to} -j {jump}");
            commands.push(here(format!("{tool} -t raw -A {tail}"), Some(format!("{tool} -t raw -D {tail}"))));
        }
    }
    let (one, other) = pairs.first()?;
    let mut title = sentence!["take the frames between", *one, "and", *other];
    if pairs.len() > 1 {
        title = title.with(", and of the next pairs,");
    }
    Some(Remedy {
        id: "notrack",
        title: title.with("out of tracking: they only cross this host"),
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(held)),
            note: "the entries that are there leave by their timers, and no new ones come".into(),
        },
        side_effects: vec![
            "rules of this host that ask for the state of these connections (security groups of guests) no longer see one: not where such rules guard them".into(),
            "rules given on a command line are lost at a restart of the firewall: put them where yours are kept".into(),
        ],
        persists: false,
    })
}

/// Errors about packets that are too large pass first: to a rule that drops what fits no connection, an error about an
/// untracked one is such.
fn too_large(pairs: &[(IpAddr, IpAddr)], chain: &str) -> Vec<Command> {
    let has = |v4: bool| pairs.iter().any(|(one, _)| one.to_canonical().is_ipv4() == v4);
    let families = [
        (true, "iptables", "-p icmp --icmp-type fragmentation-needed"),
        (false, "ip6tables", "-p icmpv6 --icmpv6-type packet-too-big"),
    ];
    let of = |(_, tool, which): (bool, &str, &str)| {
        let undo = format!("{tool} -D {chain} {which} -j ACCEPT");
        here(format!("{tool} -I {chain} 1 {which} -j ACCEPT"), Some(undo))
    };
    families.into_iter().filter(|(v4, ..)| has(*v4)).map(of).collect()
}

/// Whether bridged frames need the packet filter at all.
pub(crate) fn bridge_without_filter() -> Remedy {
    Remedy {
        id: "bridge-without-filter",
        title: "the cure on a host that only bridges: let bridged frames pass beside the packet filter (what br_netfilter switches on); never on a node of Docker or Kubernetes, whose services and policies need it".into(),
        commands: vec![
            here("sysctl net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables".to_owned(), None),
            here("lsmod | grep -E '^br_netfilter'".to_owned(), None),
        ],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "these lines only show it: who switched it on (containers, a firewall, libvirt) decides whether it may go".into(),
        },
        side_effects: vec!["rules that filter between guests of a bridge do nothing without it".into()],
        persists: false,
    }
}

/// Between two addresses of a protocol without ports.
///
/// # Arguments
/// `pairs`: the leading ones with their entries. What is predicted is of those that the lines name, not of all.
pub(crate) fn untrack_protocol(case: &Case<'_>, pairs: &[((IpAddr, IpAddr), u64)], l4: L4) -> Option<Remedy> {
    let named = || pairs.iter().take(PAIRS_MAX);
    let held = named().fold(0u64, |sum, (_, held)| sum.saturating_add(*held));
    let pairs: Vec<(IpAddr, IpAddr)> = named().map(|(ends, _)| *ends).collect();
    let pairs = &pairs[..];
    let jump = if case.kernel.old_notrack() { "NOTRACK" } else { "CT --notrack" };
    let mut commands: Vec<Command> = Vec::new();
    for (one, other) in pairs {
        let (one, other) = (one.to_canonical(), other.to_canonical());
        let tool = if one.is_ipv4() { "iptables" } else { "ip6tables" };
        let (own_one, own_other) = (case.locals.is_local(one)?, case.locals.is_local(other)?);
        if commands.is_empty() {
            commands.extend(too_large(pairs, if own_one || own_other { "INPUT" } else { "FORWARD" }));
        }
        for (from, to, own, arrives) in [(one, other, own_one, own_other), (other, one, own_other, own_one)] {
            let filter = match (own, arrives) {
                (true, _) => "OUTPUT",
                (_, true) => "INPUT",
                _ => "FORWARD",
            };
            let ends = format!("-p {} -s {from} -d {to}", l4.0);
            commands.push(here(
                format!("{tool} -I {filter} 1 {ends} -j ACCEPT"),
                Some(format!("{tool} -D {filter} {ends} -j ACCEPT")),
            ));
            let raw = if own { "OUTPUT" } else { "PREROUTING" };
            commands.push(here(
                format!("{tool} -t raw -A {raw} {ends} -j {jump}"),
                Some(format!("{tool} -t raw -D {raw} {ends} -j {jump}")),
            ));
        }
    }
    if commands.is_empty() {
        return None;
    }
    let mut freed = 0;
    if l4 == L4::SCTP {
        let named: Vec<(IpAddr, IpAddr)> =
            pairs.iter().map(|(a, b)| (a.to_canonical(), b.to_canonical())).collect();
        let (lines, entries) = associations(case, &named);
        commands.extend(lines);
        freed = entries;
    }
    let title: Sentence =
        sentence!["take", Word::Protocol(l4), "between these addresses out of tracking, both directions"];
    Some(Remedy {
        id: "notrack",
        title,
        commands,
        effect: Effect {
            entries_freed_now: Some(freed),
            steady_state_entries: Some(case.entries().saturating_sub(held)),
            note: if freed > 0 {
                "of these addresses no new ones come; the last lines delete what is there, which would stay for days; further pairs in the same way".into()
            } else if l4 == L4::SCTP {
                "of these addresses no new ones come; those that are there stay until their timers end, for days; further pairs in the same way".into()
            } else {
                "the entries that are there leave by their timers, and no new ones come of these addresses; further pairs in the same way".into()
            },
        },
        side_effects: vec![
            "no rule that asks for the state of a connection sees these packets any more".into(),
            "nothing may translate these addresses, now or later".into(),
            "rules given on a command line are lost at a restart of the firewall: put them where yours are kept".into(),
        ],
        persists: false,
    })
}

/// A line that a program's configuration takes, kept here for the resolver's race.
pub(crate) fn one_lookup_at_a_time() -> Remedy {
    Remedy {
        id: "one-lookup-at-a-time",
        title: "let programs ask for the two kinds of address one after the other, or from two sockets; or answer lookups on the node (NodeLocal DNSCache)".into(),
        commands: vec![in_file("options single-request-reopen", "resolv.conf of those who ask (glibc; musl has no such option)")],
        effect: Effect { note: "frees no entry: the table is not full".into(), ..Effect::default() },
        side_effects: vec!["a lookup of both kinds takes two trips instead of one".into()],
        persists: true,
    }
}
