//! Sources and peers that lead on several hosts, as rows.

use crate::model::shared::{self, Key};

use super::shape::{Endpoint, Shared};

/// A row of the report.
pub(super) fn row(shared: shared::Shared<'_>) -> Shared {
    let (hosts, entries) = (shared.hosts.into_iter().map(str::to_owned).collect(), shared.entries);
    match shared.key {
        Key::Source(address) => Shared { source: Some(address.to_string()), peer: None, hosts, entries },
        Key::Peer(peer) => {
            let endpoint =
                Endpoint { address: peer.address.to_string(), port: peer.port, protocol: peer.l4.label() };
            Shared { source: None, peer: Some(endpoint), hosts, entries }
        }
    }
}
