//! Taking one pair of machines out of tracking: both directions, both addresses, accepts first, old entries last.
//! Refused where it would break something, with the reason.

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{LeaderKey, Pair};
use crate::model::diagnosis::{Command, Remedy};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::beside;
use super::super::facts::Case;
use super::super::outlook::{Change, outlook};
use super::{family, here};

/// Why it must not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Addresses of these flows are translated: without an entry they cannot be.
    Nat,
    /// Whether they are translated is not known.
    NatUnknown,
    /// Redirects to loopback are translation too, and are common there.
    Loopback,
    /// Whether the source is this host is not known, so the chains are not.
    PlaceUnknown,
    /// Not TCP with a port.
    NotTcp,
}

impl Refusal {
    /// In words.
    pub(crate) fn reason(self) -> Sentence {
        match self {
            Self::Nat => "taking these connections out of tracking would break them: their addresses are translated, which needs an entry".into(),
            Self::NatUnknown => "taking these connections out of tracking is not proposed: whether their addresses are translated is not known".into(),
            Self::Loopback => "taking loopback out of tracking is not proposed: containers, redirects and service meshes translate addresses there; look at the nat table first".into(),
            Self::PlaceUnknown => "taking these connections out of tracking is not proposed: whether the source is this host is not known, and with it the chains".into(),
            Self::NotTcp => "taking these connections out of tracking is not proposed: they have no port that would tell them from others".into(),
        }
    }
}

/// The four rules of one pair, in order, with their guards.
pub(crate) fn notrack(case: &Case<'_>, pair: Pair) -> Result<Remedy, Refusal> {
    let how = case.how(&LeaderKey::Pair(pair)).ok_or(Refusal::NatUnknown)?;
    let port = pair.peer.port.filter(|_| pair.peer.l4 == L4::TCP).ok_or(Refusal::NotTcp)?;
    if how.nat.source > 0 || how.nat.destination > 0 || how.nat.both > 0 {
        return Err(Refusal::Nat);
    }
    if AddressKind::of(pair.source) == AddressKind::Loopback
        || AddressKind::of(pair.peer.address) == AddressKind::Loopback
    {
        return Err(Refusal::Loopback);
    }
    let own = case.locals.is_local(pair.source).ok_or(Refusal::PlaceUnknown)?;
    let rules = Rules {
        ends: Ends { source: pair.source.to_canonical(), peer: pair.peer.address.to_canonical(), port },
        own,
        jump: if case.kernel.old_notrack() { "NOTRACK" } else { "CT --notrack" },
    };
    let prediction = outlook(case, &Change { gone_pairs: vec![pair], ..Change::default() });
    Ok(Remedy {
        id: "notrack",
        title: sentence![
            "if reuse cannot be had: take the connections from",
            pair.source,
            "to",
            Word::Endpoint(pair.peer.address, pair.peer.port, pair.peer.l4),
            "out of tracking, both directions"
        ],
        commands: rules.commands(),
        effect: prediction.effect(
            case,
            "the last line removes the old entries; without it they stay until their timers end".into(),
        ),
        side_effects: side_effects(case),
        persists: false,
    })
}

fn side_effects(case: &Case<'_>) -> Vec<Sentence> {
    let translation = if beside::translates(case) {
        "rules of this host translate addresses: none of them may match this pair, now or later; no such entry is in this table"
    } else {
        "nothing may translate the addresses of this pair, now or later: no such entry is in this table"
    };
    let mut out: Vec<Sentence> = vec![
        "no firewall rule that asks for a state sees these connections any more: the first three lines accept them without one".into(),
        translation.into(),
    ];
    if beside::drops_invalid(case) {
        out.push("a rule of this host drops what fits no connection: errors about untracked packets are such, so the first line must stand before it or large packets vanish".into());
    }
    out.push(
        "rules given on a command line are lost at a restart of the firewall: put them where yours are kept"
            .into(),
    );
    out
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    source: IpAddr,
    peer: IpAddr,
    port: u16,
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    ends: Ends,
    own: bool,
    jump: &'static str,
}

/// Where a rule goes.
#[derive(Debug, Clone, Copy)]
struct Place {
    table: &'static str,
    add: &'static str,
    chain: &'static str,
    number: &'static str,
}

impl Rules {
    fn commands(&self) -> Vec<Command> {
        let Ends { source, peer, port } = self.ends;
        let tool = if source.is_ipv4() { "iptables" } else { "ip6tables" };
        let too_big = if source.is_ipv4() {
            "-p icmp --icmp-type fragmentation-needed"
        } else {
            "-p icmpv6 --icmpv6-type packet-too-big"
        };
        // Where the packets pass: made here and answered here, or forwarded both ways.
        let (there_filter, back_filter, there_raw) =
            if self.own { ("OUTPUT", "INPUT", "OUTPUT") } else { ("FORWARD", "FORWARD", "PREROUTING") };
        let there = format!("-p tcp -s {source} -d {peer} --dport {port}");
        let back = format!("-p tcp -s {peer} --sport {port} -d {source}");
        // A rule, and the same one taken back. `-I CHAIN 1` puts it first, `-A CHAIN` last.
        let rule = |place: Place, tail: &str| {
            let Place { table, add, chain, number } = place;
            here(
                format!("{tool} {table}{add} {chain}{number} {tail}"),
                Some(format!("{tool} {table}-D {chain} {tail}")),
            )
        };
        let accept = |chain| Place { table: "", add: "-I", chain, number: " 1" };
        let raw = |chain| Place { table: "-t raw ", add: "-A", chain, number: "" };
        vec![
            rule(accept(back_filter), &format!("{too_big} -j ACCEPT")),
            rule(accept(there_filter), &format!("{there} -j ACCEPT")),
            rule(accept(back_filter), &format!("{back} ! --syn -j ACCEPT")),
            rule(raw(there_raw), &format!("{there} -j {}", self.jump)),
            rule(raw("PREROUTING"), &format!("{back} -j {}", self.jump)),
            here(format!("conntrack {}-D -p tcp -s {source} -d {peer} --dport {port}", family(source)), None),
        ]
    }
}
