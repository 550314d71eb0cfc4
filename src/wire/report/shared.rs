//! Sources and peers that lead on several hosts: one generator, one dead upstream, many victims.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::Peer;
use crate::model::diagnosis::Body;
use crate::model::report::Report;

use super::shape::{Endpoint, Shared};

/// What may be shared. Sources come before peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Source(IpAddr),
    Peer(Peer),
}

/// Rows of the rankings that occur on more than one host, by entries descending.
pub(super) fn of(report: &Report) -> Vec<Shared> {
    let mut seen = BTreeMap::<Key, BTreeMap<&str, u64>>::new();
    for (host, body) in bodies(report) {
        for (key, entries) in rows(body) {
            let most = seen.entry(key).or_default().entry(host).or_default();
            *most = entries.max(*most);
        }
    }
    let mut shared: Vec<(u64, Key, Vec<&str>)> = seen
        .into_iter()
        .filter(|(_, hosts)| hosts.len() > 1)
        .map(|(key, hosts)| {
            let entries = hosts.values().fold(0_u64, |sum, entries| sum.saturating_add(*entries));
            (entries, key, hosts.into_keys().collect())
        })
        .collect();
    shared.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    shared.into_iter().map(row).collect()
}

/// Every body with the name of its host.
fn bodies(report: &Report) -> impl Iterator<Item = (&str, &Body)> {
    let of_incidents = report
        .incidents
        .iter()
        .filter_map(|view| Some((&*report.hosts.get(view.incident.host)?.host.name, &view.body)));
    let of_tables = report.snapshots.iter().filter_map(|view| Some((view.host.as_deref()?, &view.body)));
    of_incidents.chain(of_tables)
}

/// Rows that mean the same machine wherever they are seen: not loopback, not link-local, not the host itself.
fn rows(body: &Body) -> impl Iterator<Item = (Key, u64)> {
    let sources = body
        .top_sources
        .iter()
        .filter(|row| row.is_local != Some(true) && is_one_machine(row.address))
        .map(|row| (Key::Source(row.address), row.entries));
    let peers = body
        .top_peers
        .iter()
        .filter(|row| is_one_machine(row.peer.address))
        .map(|row| (Key::Peer(row.peer), row.entries));
    sources.chain(peers)
}

fn is_one_machine(address: IpAddr) -> bool {
    !matches!(
        AddressKind::of(address),
        AddressKind::Loopback | AddressKind::LinkLocal | AddressKind::Unspecified
    )
}

fn row((entries, key, hosts): (u64, Key, Vec<&str>)) -> Shared {
    let hosts = hosts.into_iter().map(str::to_owned).collect();
    match key {
        Key::Source(address) => Shared { source: Some(address.to_string()), peer: None, hosts, entries },
        Key::Peer(peer) => {
            let endpoint =
                Endpoint { address: peer.address.to_string(), port: peer.port, protocol: peer.l4.label() };
            Shared { source: None, peer: Some(endpoint), hosts, entries }
        }
    }
}
