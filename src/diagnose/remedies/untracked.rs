//! Taking datagrams out of tracking: both directions, with addresses, accepts first. In the words of nft where only
//! nft's rules were given, else of iptables. Refused where addresses are translated or the chains are not known.

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{LeaderKey, Pair};
use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::beside;
use super::super::datagrams::translated;
use super::super::facts::Case;
use super::notrack::Refusal;
use super::{here, in_file};

/// Pairs of addresses that one remedy names, at most: two to four lines each.
const PAIRS_MAX: usize = 8;
/// Ports of DHCP, its server's and its clients'.
const DHCP: [u16; 2] = [67, 68];
/// The table of nft that holds the rules; deleting it takes all of them back.
const NFT_TABLE: &str = "no_tracking";

/// The port that tells these packets from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Source(u16),
    Destination(u16),
}

/// Where packets of a direction pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passes {
    /// Made on this host.
    Leaves,
    /// For this host.
    Arrives,
    /// Forwarded.
    Through,
}

/// One direction of what is taken out.
#[derive(Debug, Clone, Copy)]
struct Direction {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    port: Side,
    passes: Passes,
}

impl Direction {
    fn raw(self) -> &'static str {
        if self.passes == Passes::Leaves { "OUTPUT" } else { "PREROUTING" }
    }

    fn filter(self) -> &'static str {
        match self.passes {
            Passes::Leaves => "OUTPUT",
            Passes::Arrives => "INPUT",
            Passes::Through => "FORWARD",
        }
    }

    fn iptables(self) -> String {
        let mut words = vec!["-p udp".to_owned()];
        words.extend(self.source.map(|source| format!("-s {source}")));
        words.extend(self.destination.map(|destination| format!("-d {destination}")));
        words.push(match self.port {
            Side::Source(port) => format!("--sport {port}"),
            Side::Destination(port) => format!("--dport {port}"),
        });
        words.join(" ")
    }

    fn nft(self, family: &str) -> String {
        let mut words = Vec::new();
        words.extend(self.source.map(|source| format!("{family} saddr {source}")));
        words.extend(self.destination.map(|destination| format!("{family} daddr {destination}")));
        words.push(match self.port {
            Side::Source(port) => format!("udp sport {port}"),
            Side::Destination(port) => format!("udp dport {port}"),
        });
        words.join(" ")
    }
}

/// A service of this host over UDP, at its own address and port.
pub(crate) fn untrack_service(
    case: &Case<'_>,
    address: IpAddr,
    port: u16,
    held: u64,
    is_translated: bool,
) -> Result<Remedy, Refusal> {
    possible(case, address, is_translated)?;
    let address = address.to_canonical();
    let directions = [
        Direction {
            source: None,
            destination: Some(address),
            port: Side::Destination(port),
            passes: Passes::Arrives,
        },
        Direction {
            source: Some(address),
            destination: None,
            port: Side::Source(port),
            passes: Passes::Leaves,
        },
    ];
    let title = sentence![
        "take what is asked of",
        Word::Endpoint(address, Some(port), L4::UDP),
        "and its answers out of tracking: a server needs no entry for them"
    ];
    Ok(remedy(case, title, &directions, held))
}

/// A program of this host that sends everything from one port of its own.
pub(crate) fn untrack_own_port(
    case: &Case<'_>,
    address: IpAddr,
    port: u16,
    held: u64,
    is_translated: bool,
) -> Result<Remedy, Refusal> {
    let title = sentence![
        "take what",
        address,
        "sends from and receives on",
        Word::Port(port, L4::UDP),
        "out of tracking"
    ];
    untrack_service(case, address, port, held, is_translated).map(|remedy| Remedy { title, ..remedy })
}

/// An address that everybody hears, called on a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Called {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) entries: u64,
}

/// What is broadcast on these ports, dropped before it makes an entry. Never DHCP, by which machines get their addresses.
pub(crate) fn drop_calls(case: &Case<'_>, calls: &[Called]) -> Option<Remedy> {
    let named: Vec<&Called> = calls
        .iter()
        .filter(|call| !DHCP.contains(&call.port) && call.address.to_canonical().is_ipv4())
        .take(PAIRS_MAX)
        .collect();
    let first = named.first()?;
    let held = named.iter().fold(0u64, |sum, call| sum.saturating_add(call.entries));
    let rules: Vec<Rule> = named
        .iter()
        .map(|call| {
            let (to, port) = (call.address.to_canonical(), call.port);
            Rule {
                iptables: format!("-p udp -d {to} --dport {port} -j DROP"),
                nft: format!("ip daddr {to} udp dport {port} drop"),
            }
        })
        .collect();
    let mut title = sentence![
        "where no program of this host listens there: drop what is broadcast to",
        Word::Endpoint(first.address, Some(first.port), L4::UDP)
    ];
    if named.len() > 1 {
        title = title.with("and the other such ports");
    }
    Some(Remedy {
        id: "drop-broadcasts",
        title: title.with("before it is tracked"),
        commands: before_tracking(case, true, false, &rules),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(held)),
            note: "the entries that are there leave by their timers, and no new ones come".into(),
        },
        side_effects: vec![
            "file servers and name services of this host that answer such calls (Samba) are no longer found by them".into(),
            "rules given on a command line are lost at a restart of the firewall: put them where yours are kept".into(),
        ],
        persists: false,
    })
}

/// What goes to a multicast group on one port. Answers come from other addresses, and stay tracked.
pub(crate) fn untrack_group(case: &Case<'_>, groups: &[Called]) -> Option<Remedy> {
    let named: Vec<&Called> = groups.iter().take(PAIRS_MAX).collect();
    let held = named.iter().fold(0u64, |sum, call| sum.saturating_add(call.entries));
    let directions: Vec<Direction> = named
        .iter()
        .flat_map(|call| {
            [Passes::Arrives, Passes::Leaves].map(|passes| Direction {
                source: None,
                destination: Some(call.address.to_canonical()),
                port: Side::Destination(call.port),
                passes,
            })
        })
        .collect();
    let first = named.first()?;
    let mut title =
        sentence!["take what is sent to", Word::Endpoint(first.address, Some(first.port), L4::UDP)];
    if named.len() > 1 {
        title = title.with("and the other groups");
    }
    Some(remedy(case, title.with("out of tracking"), &directions, held))
}

/// Between pairs of addresses. `tunnel`: both ends send to the port; else the second answers from it.
pub(crate) fn untrack_between(
    case: &Case<'_>,
    pairs: &[Pair],
    tunnel: bool,
    held: u64,
) -> Result<Remedy, Refusal> {
    let mut ends: Vec<(IpAddr, IpAddr, u16)> = Vec::new();
    for pair in pairs {
        let port = pair.peer.port.filter(|_| pair.peer.l4 == L4::UDP).ok_or(Refusal::NotTcp)?;
        let (source, peer) = (pair.source.to_canonical(), pair.peer.address.to_canonical());
        let how = case.how(&LeaderKey::Pair(*pair)).ok_or(Refusal::NatUnknown)?;
        if translated(how) > 0 {
            return Err(Refusal::Nat);
        }
        if [source, peer].into_iter().any(|end| AddressKind::of(end) == AddressKind::Loopback) {
            return Err(Refusal::Loopback);
        }
        let known = ends.iter().any(|(a, b, p)| *p == port && tunnel && (*a, *b) == (peer, source));
        if !known {
            ends.push((source, peer, port));
        }
    }
    let others = ends.len().saturating_sub(PAIRS_MAX) as u64;
    ends.truncate(PAIRS_MAX);
    let mut directions = Vec::new();
    for (source, peer, port) in &ends {
        let (there, back) = match (case.locals.is_local(*source), case.locals.is_local(*peer)) {
            (Some(true), _) => (Passes::Leaves, Passes::Arrives),
            (_, Some(true)) => (Passes::Arrives, Passes::Leaves),
            (Some(false), Some(false)) => (Passes::Through, Passes::Through),
            (None, _) | (_, None) => return Err(Refusal::PlaceUnknown),
        };
        let of = |from: IpAddr, to: IpAddr, port, passes| Direction {
            source: Some(from),
            destination: Some(to),
            port,
            passes,
        };
        directions.push(of(*source, *peer, Side::Destination(*port), there));
        let answer = if tunnel { Side::Destination(*port) } else { Side::Source(*port) };
        directions.push(of(*peer, *source, answer, back));
    }
    let (source, peer, port) = ends.first().ok_or(Refusal::NatUnknown)?;
    let mut title = sentence![
        "take what goes between",
        *source,
        "and",
        Word::Endpoint(*peer, Some(*port), L4::UDP),
        "out of tracking, both directions"
    ];
    if ends.len() > 1 {
        title = title
            .with(", and so for")
            .with(Word::Count(ends.len().saturating_sub(1) as u64, noun::PEER))
            .with("more");
    }
    let mut out = remedy(case, title, &directions, held);
    if others > 0 {
        out.side_effects.push(sentence![
            Word::Count(others, noun::PEER),
            "more need the same lines with their own addresses"
        ]);
    }
    Ok(out)
}

/// Whether a service at an own address can do without entries.
fn possible(case: &Case<'_>, address: IpAddr, is_translated: bool) -> Result<(), Refusal> {
    if is_translated {
        return Err(Refusal::Nat);
    }
    if AddressKind::of(address) == AddressKind::Loopback {
        return Err(Refusal::Loopback);
    }
    match case.locals.is_local(address) {
        Some(true) => Ok(()),
        _ => Err(Refusal::PlaceUnknown),
    }
}

fn remedy(case: &Case<'_>, title: Sentence, directions: &[Direction], held: u64) -> Remedy {
    Remedy {
        id: "notrack",
        title,
        commands: commands(case, directions),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(held)),
            note: "the entries that are there leave by their timers, and no new ones come".into(),
        },
        side_effects: side_effects(case),
        persists: false,
    }
}

fn side_effects(case: &Case<'_>) -> Vec<Sentence> {
    let mut out: Vec<Sentence> = vec![
        "no rule that asks for the state of a connection sees these packets any more: they are accepted by address and port alone, answers too".into(),
    ];
    out.push(if beside::translates(case) {
        "rules of this host translate addresses: none of them may match these packets, now or later; no such entry is in this table".into()
    } else {
        "nothing may translate these addresses, now or later (also not for containers): no such entry is in this table".into()
    });
    if beside::drops_invalid(case) {
        out.push("a rule of this host drops what fits no connection: errors about untracked packets are such, so the line that accepts them must stand before it or large packets vanish".into());
    }
    out.push(
        "rules given on a command line are lost at a restart of the firewall: put them where yours are kept"
            .into(),
    );
    out
}

/// Only nft's rules were given.
fn speaks_nft(case: &Case<'_>) -> bool {
    case.counters.rules.as_ref().is_some_and(|rules| rules.from == ["nft"])
}

/// A rule in the words of either program, with its verdict.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) iptables: String,
    pub(super) nft: String,
}

/// Rules before tracking, in this order. `made_here`: for packets of this host's own.
pub(super) fn before_tracking(case: &Case<'_>, v4: bool, made_here: bool, rules: &[Rule]) -> Vec<Command> {
    if rules.is_empty() {
        return Vec::new();
    }
    if speaks_nft(case) {
        let family = if v4 { "ip" } else { "ip6" };
        let mut out = nft_table(family);
        let chain = if made_here { "made_here" } else { "before" };
        out.extend(
            rules
                .iter()
                .map(|rule| here(format!("nft add rule {family} {NFT_TABLE} {chain} {}", rule.nft), None)),
        );
        return out;
    }
    let tool = if v4 { "iptables" } else { "ip6tables" };
    let chain = if made_here { "OUTPUT" } else { "PREROUTING" };
    rules
        .iter()
        .zip(1..)
        .map(|(rule, number)| {
            let tail = &rule.iptables;
            here(
                format!("{tool} -t raw -I {chain} {number} {tail}"),
                Some(format!("{tool} -t raw -D {chain} {tail}")),
            )
        })
        .collect()
}

/// A table of nft of its own, with a chain for each way in front of the tracker (which runs at −200).
fn nft_table(family: &str) -> Vec<Command> {
    let mut out = vec![here(
        format!("nft add table {family} {NFT_TABLE}"),
        Some(format!("nft delete table {family} {NFT_TABLE}")),
    )];
    for (chain, hook) in [("before", "prerouting"), ("made_here", "output")] {
        out.push(here(
            format!(
                "nft 'add chain {family} {NFT_TABLE} {chain} {{ type filter hook {hook} priority -300; }}'"
            ),
            None,
        ));
    }
    out
}

fn commands(case: &Case<'_>, directions: &[Direction]) -> Vec<Command> {
    let of_family = |v4: bool| -> Vec<Direction> {
        let address = |d: &Direction| d.source.or(d.destination);
        directions.iter().filter(|d| address(d).is_some_and(|a| a.is_ipv4() == v4)).copied().collect()
    };
    let mut out = Vec::new();
    for v4 in [true, false] {
        let directions = of_family(v4);
        if directions.is_empty() {
            continue;
        }
        out.extend(if speaks_nft(case) {
            with_nft(&directions, v4)
        } else {
            with_iptables(case, &directions, v4)
        });
    }
    out
}

fn with_iptables(case: &Case<'_>, directions: &[Direction], v4: bool) -> Vec<Command> {
    let (tool, too_big) = if v4 {
        ("iptables", "-p icmp --icmp-type fragmentation-needed")
    } else {
        ("ip6tables", "-p icmpv6 --icmpv6-type packet-too-big")
    };
    let jump = if case.kernel.old_notrack() { "NOTRACK" } else { "CT --notrack" };
    let accept = |chain: &str, tail: &str| {
        here(
            format!("{tool} -I {chain} 1 {tail} -j ACCEPT"),
            Some(format!("{tool} -D {chain} {tail} -j ACCEPT")),
        )
    };
    let mut out = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for direction in directions.iter().filter(|d| d.passes != Passes::Leaves) {
        if !told.contains(&direction.filter()) {
            told.push(direction.filter());
            out.push(accept(direction.filter(), too_big));
        }
    }
    out.extend(directions.iter().map(|direction| accept(direction.filter(), &direction.iptables())));
    out.extend(directions.iter().map(|direction| {
        let tail = format!("{} {} -j {jump}", direction.raw(), direction.iptables());
        here(format!("{tool} -t raw -A {tail}"), Some(format!("{tool} -t raw -D {tail}")))
    }));
    out
}

fn with_nft(directions: &[Direction], v4: bool) -> Vec<Command> {
    let (family, too_big) = if v4 {
        ("ip", "icmp type destination-unreachable accept")
    } else {
        ("ip6", "icmpv6 type packet-too-big accept")
    };
    let mut out: Vec<Command> = Vec::new();
    // An accept in another chain does not outweigh a drop in theirs: these lines belong into the chain that filters.
    out.push(in_file(too_big, "your filter chains of nftables, before any rule that asks for a state"));
    out.extend(directions.iter().map(|direction| {
        in_file(
            &format!("{} accept", direction.nft(family)),
            "your filter chains of nftables, before any rule that asks for a state",
        )
    }));
    out.extend(nft_table(family));
    out.extend(directions.iter().map(|direction| {
        let chain = if direction.passes == Passes::Leaves { "made_here" } else { "before" };
        here(format!("nft add rule {family} {NFT_TABLE} {chain} {} notrack", direction.nft(family)), None)
    }));
    out
}
