//! Taking traffic out of tracking: both directions, addresses, accepts first, old entries last. Refused where it would
//! break something, with the reason. Spelled in the language of the host's rules: [`iptables`], [`nft`], or both where
//! it is not known.

mod iptables;
mod nft;
mod traffic;

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Leader, LeaderKey, Nat, Pair, Peer};
use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::era::Era;
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::facts::Case;
use super::super::network::Network;
use super::super::outlook::{Change, outlook};
use super::super::{beside, platform};
use super::{family, here};
use traffic::{Clients, Here, Traffic};

/// Why it must not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Addresses of these flows are translated: without an entry they cannot be.
    Nat,
    /// Whether they are translated is not known.
    NatUnknown,
    /// Redirects to loopback are translation too, and are common there.
    Loopback,
    /// Whether an end is this host is not known, so the chains are not.
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
            Self::Loopback => "taking loopback out of tracking is not proposed: containers, redirects and service meshes translate addresses there; look at the nat table first. A unix socket makes no entry at all".into(),
            Self::PlaceUnknown => "taking these connections out of tracking is not proposed: whether one of their ends is this host is not known, and with it the chains".into(),
            Self::NotTcp => "taking these connections out of tracking is not proposed: they have no port that would tell them from others".into(),
        }
    }
}

/// The rules of one pair, in order, with their guards.
pub(crate) fn notrack(case: &Case<'_>, pair: Pair) -> Result<Remedy, Refusal> {
    let how = case.how(&LeaderKey::Pair(pair)).ok_or(Refusal::NatUnknown)?;
    let port = pair.peer.port.filter(|_| pair.peer.l4 == L4::TCP).ok_or(Refusal::NotTcp)?;
    untranslated(how)?;
    let (client, server) = (pair.source.to_canonical(), pair.peer.address.to_canonical());
    let own = (case.locals.is_local(client), case.locals.is_local(server));
    if is_loopback(client) || is_loopback(server) || own == (Some(true), Some(true)) {
        return Err(Refusal::Loopback);
    }
    // Packets for an address of this host pass INPUT, whoever sends them; forwarded they are only where both ends are
    // known to be others.
    let here = match own {
        (Some(true), _) => Here::Client,
        (_, Some(true)) => Here::Server,
        (Some(false), Some(false)) => Here::Between,
        (None, _) | (_, None) => return Err(Refusal::PlaceUnknown),
    };
    let traffic = Traffic { client: Clients::One(client), server, port, here };
    let title = sentence![
        "if reuse cannot be had: take the connections from",
        pair.source,
        "to",
        Word::Endpoint(pair.peer.address, pair.peer.port, pair.peer.l4),
        "out of tracking, both directions"
    ];
    let prediction = outlook(case, &Change { gone_pairs: vec![pair], ..Change::default() });
    Ok(remedy(case, &traffic, title, prediction.effect(case, DELETED.into())))
}

/// The same for what a network opens to one port of this host.
pub(crate) fn notrack_network(case: &Case<'_>, network: Network, peer: Peer) -> Result<Remedy, Refusal> {
    let how = case.how(&LeaderKey::Peer(peer)).ok_or(Refusal::NatUnknown)?;
    let port = peer.port.filter(|_| peer.l4 == L4::TCP).ok_or(Refusal::NotTcp)?;
    untranslated(how)?;
    let server = peer.address.to_canonical();
    if is_loopback(server) || is_loopback(network.address()) {
        return Err(Refusal::Loopback);
    }
    if case.locals.is_local(server) != Some(true) {
        return Err(Refusal::PlaceUnknown);
    }
    let traffic = Traffic { client: Clients::Of(network), server, port, here: Here::Server };
    let title = sentence![
        "or take the connections from",
        Word::Code(network.to_string()),
        "to",
        Word::Endpoint(peer.address, peer.port, peer.l4),
        "out of tracking, both directions, for as long as it runs"
    ];
    let effect = Effect {
        entries_freed_now: Some(how.entries),
        steady_state_entries: Some(case.entries().saturating_sub(how.entries)).filter(|left| *left > 0),
        note: sentence![DELETED, "; assumed: all else stays as it is"],
    };
    Ok(remedy(case, &traffic, title, effect))
}

/// The rules of what this host itself opens to one port of a server, by nftables and by iptables: one of the two is used.
pub(crate) fn own_way(client: IpAddr, server: IpAddr, port: u16) -> [Vec<Command>; 2] {
    let traffic = Traffic { client: Clients::One(client), server, port, here: Here::Client };
    let [mut by_nft, mut by_iptables] =
        [nft::commands(&traffic, ""), iptables::commands(&traffic, "CT --notrack", "")];
    for commands in [&mut by_nft, &mut by_iptables] {
        commands.push(here(traffic.deletion(family(server)), None));
    }
    [by_nft, by_iptables]
}

/// What becomes of the entries that are there.
const DELETED: &str = "the last line removes the old entries; without it they stay until their timers end";

fn untranslated(how: &Leader) -> Result<(), Refusal> {
    let Nat { source, destination, both } = how.nat;
    if source > 0 || destination > 0 || both > 0 { Err(Refusal::Nat) } else { Ok(()) }
}

fn is_loopback(address: IpAddr) -> bool {
    AddressKind::of(address) == AddressKind::Loopback
}

fn remedy(case: &Case<'_>, traffic: &Traffic, title: Sentence, effect: Effect) -> Remedy {
    let language = language(case);
    Remedy {
        id: "notrack",
        title,
        commands: commands(case, traffic, language),
        effect,
        side_effects: side_effects(case, language),
        persists: false,
    }
}

/// The language that the rules of a host are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Iptables,
    Nft,
    Unknown,
}

/// By the list that was read; else by the age of the kernel. A host with a list of iptables has that command, whatever
/// stands behind it.
fn language(case: &Case<'_>) -> Language {
    let listed = |program: &str| {
        case.counters.rules.as_ref().is_some_and(|rules| rules.rules > 0 && rules.from.contains(&program))
    };
    let old = case.kernel.era.is_some_and(|era| era < Era::D);
    match (listed("iptables"), listed("nft")) {
        (true, _) => Language::Iptables,
        (false, true) => Language::Nft,
        (false, false) if old || platform::of(case).containers => Language::Iptables,
        (false, false) => Language::Unknown,
    }
}

fn commands(case: &Case<'_>, traffic: &Traffic, language: Language) -> Vec<Command> {
    let jump = if case.kernel.old_notrack() { "NOTRACK" } else { "CT --notrack" };
    let mut commands = match language {
        Language::Iptables => iptables::commands(traffic, jump, ""),
        Language::Nft => nft::commands(traffic, ""),
        Language::Unknown => {
            let mut both = iptables::commands(traffic, jump, ", if its rules are those of iptables");
            both.extend(nft::commands(traffic, ", if its rules are those of nftables"));
            both
        }
    };
    commands.push(here(traffic.deletion(family(traffic.server)), None));
    commands
}

fn side_effects(case: &Case<'_>, language: Language) -> Vec<Sentence> {
    let translation = if beside::translates(case) {
        "rules of this host translate addresses: none of them may match this pair, now or later; no such entry is in this table"
    } else {
        "nothing may translate the addresses of this pair, now or later: no such entry is in this table"
    };
    let mut out: Vec<Sentence> = vec![
        "no firewall rule that asks for a state sees these packets any more: the accepts let them through without one".into(),
        translation.into(),
    ];
    if beside::drops_invalid(case) {
        out.push("a rule of this host drops what fits no connection: errors about untracked packets are such, so the first line must stand before it or large packets vanish".into());
    }
    if language != Language::Iptables {
        out.push("nftables: `inet filter` with its chains stands for your own table; an accept counts in its own chain only, so it belongs into the one that drops".into());
    }
    out.push(kept(case, language).into());
    out
}

/// Where such rules are kept on that host.
fn kept(case: &Case<'_>, language: Language) -> &'static str {
    if platform::of(case).firewalld {
        return "firewalld forgets rules that are not its own at its next reload: keep these as direct rules (firewall-cmd --permanent --direct --add-rule)";
    }
    match (language, case.kernel.enterprise) {
        (Language::Iptables, Some(5..=7)) => {
            "rules given on a command line are lost at a restart of the firewall: keep them with `service iptables save`"
        }
        (Language::Nft, _) => {
            "rules given on a command line are lost at a restart of the firewall: keep them in the file it loads (/etc/nftables.conf, /etc/sysconfig/nftables.conf)"
        }
        _ => {
            "rules given on a command line are lost at a restart of the firewall: put them where yours are kept"
        }
    }
}
