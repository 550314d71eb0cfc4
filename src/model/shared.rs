//! Sources and peers that lead on several hosts: one generator, one dead upstream, many victims.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::address_kind::AddressKind;
use super::census::Peer;
use super::diagnosis::Body;
use super::report::Report;

/// What may be shared. Sources come before peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A source.
    Source(IpAddr),
    /// A peer.
    Peer(Peer),
}

/// A source or a peer that leads on several hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared<'a> {
    /// Which.
    pub key: Key,
    /// On which hosts, by name.
    pub hosts: Vec<&'a str>,
    /// Entries, summed over the hosts (of each its greatest table).
    pub entries: u64,
}

/// Rows of the rankings that occur on more than one host, by entries descending.
pub fn of(report: &Report) -> Vec<Shared<'_>> {
    let mut seen = BTreeMap::<Key, BTreeMap<&str, u64>>::new();
    for (host, body) in bodies(report) {
        for (key, entries) in rows(body) {
            let most = seen.entry(key).or_default().entry(host).or_default();
            *most = entries.max(*most);
        }
    }
    let mut shared: Vec<Shared<'_>> = seen
        .into_iter()
        .filter(|(_, hosts)| hosts.len() > 1)
        .map(|(key, hosts)| {
            let entries = hosts.values().fold(0_u64, |sum, entries| sum.saturating_add(*entries));
            Shared { key, hosts: hosts.into_keys().collect(), entries }
        })
        .collect();
    shared.sort_by(|a, b| b.entries.cmp(&a.entries).then(a.key.cmp(&b.key)));
    shared
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
