//! Lines that are right elsewhere and wrong on this host: it translates addresses, runs containers, has a partner.

use std::net::IpAddr;

use crate::model::census::{LeaderKey, Nat, Pair, Peer};
use crate::model::diagnosis::{Command, Remedy};
use crate::model::era::bare_key;
use crate::model::flow::L4;

use super::super::super::beside;
use super::super::super::facts::{Case, NEAR_FULL};
use super::super::super::platform;
use super::super::buckets::AFTERWARDS;
use super::line::{self, ORIGINAL_DESTINATION, ORIGINAL_SOURCE, REPLY, behind, deletions, setting};
use super::rule::{Handshakes, Rule};

/// A NAT frees the port with the entry, while a Linux peer holds the connection in TIME_WAIT for 60 s.
const NAT_TIME_WAIT_SECONDS: u64 = 60;
/// Half-closed connections of containers are in use for minutes (kubernetes#32551).
const KUBE_CLOSE_WAIT_SECONDS: u64 = 900;

/// Why a remedy is wrong here.
pub(super) fn refused(case: &Case<'_>, remedy: &Remedy) -> Option<&'static str> {
    remedy.commands.iter().find_map(|command| {
        let line = command.line.as_str();
        resized_while_full(case, command)
            .or_else(|| too_low(case, line))
            .or_else(|| untracks_translated(case, line))
            .or_else(|| deletes_a_service(case, line))
    })
}

/// A resize stops all packets while every lock of the table is held, the longer the fuller it is: it is for later, and its
/// place says so.
fn resized_while_full(case: &Case<'_>, command: &Command) -> Option<&'static str> {
    let full = case.usage.share().is_none_or(|usage| usage >= NEAR_FULL);
    (full && line::resizes(&command.line) && !command.place.ends_with(AFTERWARDS))
        .then_some("a resize stops all packets of a full table while every lock is held")
}

/// A rule takes more out of tracking than the one traffic. Loopback is out of the question unless the rules given
/// translate nothing and nothing of containers is seen.
pub(super) fn untracks_strangers(case: &Case<'_>, line: &str) -> Option<&'static str> {
    let rule = Rule::of(line).filter(Rule::untracks)?;
    if rule.is_loopback() && loopback_is_plain(case) {
        return None;
    }
    rule.too_wide(|machine| case.locals.is_local(machine) == Some(true))
}

/// Rules were given, none of them translates, no entry is translated, and no containers are seen.
fn loopback_is_plain(case: &Case<'_>) -> bool {
    let given = case.counters.rules.as_ref().is_some_and(|rules| rules.rules > 0);
    given && !translates(case) && !platform::of(case).containers
}

fn too_low(case: &Case<'_>, line: &str) -> Option<&'static str> {
    let (key, value) = setting(line)?;
    if bare_key(key) == "tcp_loose" && value == 0 {
        return platform::loses_entries(case);
    }
    below_floor(bare_key(key), value, translates(case), platform::of(case).kube_proxy)
}

fn below_floor(bare: &str, value: u64, translates: bool, kube_proxy: bool) -> Option<&'static str> {
    match bare {
        "tcp_timeout_time_wait" if value < NAT_TIME_WAIT_SECONDS && translates => {
            Some("a port freed by NAT meets a peer that is still in TIME_WAIT")
        }
        "tcp_timeout_close_wait" if value < KUBE_CLOSE_WAIT_SECONDS && kube_proxy => {
            Some("half-closed connections through services would be cut (kubernetes#32551)")
        }
        _ => None,
    }
}

/// Entries or rules that translate addresses.
fn translates(case: &Case<'_>) -> bool {
    let in_table = case.census.is_some_and(|census| total(census.who.nat) > 0);
    in_table || beside::translates(case)
}

fn total(nat: Nat) -> u64 {
    nat.source.saturating_add(nat.destination).saturating_add(nat.both)
}

fn address(word: &str) -> Option<IpAddr> {
    word.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Some of those packets are translated: without an entry they are not.
fn untracks_translated(case: &Case<'_>, line: &str) -> Option<&'static str> {
    let rule = Rule::of(line).filter(|rule| rule.untracks() && rule.handshakes != Handshakes::Only)?;
    let l4 = if rule.protocol == Some("udp") { L4::UDP } else { L4::TCP };
    let (source, destination) = (rule.source.and_then(address), rule.destination.and_then(address));
    let port = rule.port.and_then(|port| port.parse().ok());
    let leaders = leaders(source, destination, port, l4);
    let nat = leaders.iter().find_map(|key| case.how(key)).map(|how| total(how.nat));
    (nat.unwrap_or(0) > 0).then_some("these packets are translated, which needs an entry")
}

/// The keys under which such packets are described, the narrowest first.
fn leaders(source: Option<IpAddr>, destination: Option<IpAddr>, port: Option<u16>, l4: L4) -> Vec<LeaderKey> {
    let mut out = Vec::new();
    if let Some(address) = destination {
        let peer = Peer { address, port, l4 };
        out.extend(source.map(|source| LeaderKey::Pair(Pair { source, peer })));
        if source.is_none() {
            out.push(LeaderKey::Peer(peer));
            out.push(LeaderKey::Destination(address));
        }
    }
    out
}

/// Deleting by the address of a service takes the connections of all its clients; dead servers behind it are told by
/// the source of the reply.
fn deletes_a_service(case: &Case<'_>, line: &str) -> Option<&'static str> {
    deletions(line).iter().find_map(|call| selects_a_service(case, call))
}

fn selects_a_service(case: &Case<'_>, words: &[&str]) -> Option<&'static str> {
    if behind(words, &ORIGINAL_SOURCE).is_some() || behind(words, &REPLY).is_some() {
        return None;
    }
    let destination = behind(words, &ORIGINAL_DESTINATION).and_then(address)?;
    let port = behind(words, &["--dport", "--orig-port-dst"]).and_then(|port| port.parse().ok());
    let l4 = if behind(words, &["-p", "--proto"]) == Some("udp") { L4::UDP } else { L4::TCP };
    let leaders = leaders(None, Some(destination), port, l4);
    let nat = leaders.iter().find_map(|key| case.how(key)).map(|how| how.nat)?;
    (nat.destination > 0 || nat.both > 0).then_some("deletes the connections of every client of that service")
}

#[cfg(test)]
mod tests {
    use super::below_floor;

    #[test]
    fn never_time_wait_below_a_minute_on_a_nat() {
        assert!(below_floor("tcp_timeout_time_wait", 30, true, false).is_some());
        assert_eq!(below_floor("tcp_timeout_time_wait", 60, true, false), None);
        assert_eq!(below_floor("tcp_timeout_time_wait", 30, false, false), None);
    }

    #[test]
    fn never_close_wait_below_a_quarter_of_an_hour_beside_kube_proxy() {
        assert!(below_floor("tcp_timeout_close_wait", 60, false, true).is_some());
        assert_eq!(below_floor("tcp_timeout_close_wait", 900, false, true), None);
        assert_eq!(below_floor("tcp_timeout_close_wait", 60, false, false), None);
    }
}
