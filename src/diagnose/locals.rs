//! Which addresses are the host's own. Not known is `None`, and stays so: a table alone never proves it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Census, LeaderKey};
use crate::model::counters::LocalAddress;
use crate::model::report::{Settings, Snapshot};

/// What is known of a host's addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locals {
    /// Address and whence it is known, by address.
    pub(crate) addresses: BTreeMap<IpAddr, (LocalAddress, Box<str>)>,
    /// A whole list was read, so that an address outside of it is another machine's.
    pub(crate) complete: bool,
    /// The same, of IPv4 only.
    pub(crate) complete_v4: bool,
}

impl Locals {
    /// From all snapshots of one host and namespace, and `--local`.
    pub(crate) fn of<'a>(snapshots: impl Iterator<Item = &'a Snapshot>, settings: &Settings) -> Self {
        let mut locals = Self::default();
        for snapshot in snapshots {
            locals.complete |= snapshot.counters.addresses_known;
            locals.complete_v4 |= snapshot.counters.addresses_known_v4;
            for local in &snapshot.counters.addresses {
                let entry = (local.clone(), snapshot.id.clone());
                locals.addresses.entry(local.address.to_canonical()).or_insert(entry);
            }
        }
        for address in &settings.local {
            let local = LocalAddress { address: *address, interface: None };
            locals.addresses.entry(address.to_canonical()).or_insert((local, "--local".into()));
        }
        locals
    }

    /// It is the host's own; none: not known. Loopback is its own always.
    pub(crate) fn is_local(&self, address: IpAddr) -> Option<bool> {
        let own = AddressKind::of(address) == AddressKind::Loopback
            || self.addresses.contains_key(&address.to_canonical());
        let complete = self.complete || (self.complete_v4 && address.to_canonical().is_ipv4());
        if own { Some(true) } else { complete.then_some(false) }
    }

    /// Anything at all is known.
    pub(crate) fn known(&self) -> bool {
        self.complete || self.complete_v4 || !self.addresses.is_empty()
    }

    /// Share of entries whose source is an own address; none where no address is known. Own addresses are among the
    /// leaders whenever they occur.
    pub(crate) fn local_share(&self, census: &Census) -> Option<f64> {
        if !self.known() {
            return None;
        }
        let own = census.how.iter().fold(0u64, |sum, (key, leader)| match key {
            LeaderKey::Source(address) if self.is_local(*address) == Some(true) => {
                sum.saturating_add(leader.entries)
            }
            _ => sum,
        });
        Some(super::arith::share(own, census.who.entries))
    }
}

/// The one address that both opens connections to others and is connected to by others, where there is exactly one
/// among the leaders: likely the host's own. A hint, no proof: any server behind a router looks the same.
pub(crate) fn likely_own(census: &Census) -> Option<IpAddr> {
    let mut both = census
        .who
        .sources
        .rows
        .iter()
        .map(|row| row.key)
        .filter(|address| census.who.destinations.rows.iter().any(|row| row.key == *address));
    let only = both.next()?;
    both.next().is_none().then_some(only)
}
