//! Addresses that others hide behind: the source of their connections is a program or a machine that passes them on.
//! Its name is a hop's, never a culprit's.

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::counters::Counters;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::locals::Locals;
use super::platform::is_docker_bridge;

/// Interfaces behind which containers or guests of this host stand, by the beginning of their name.
const BRIDGES: [&str; 13] = [
    "docker",
    "cni",
    "cbr",
    "podman",
    "virbr",
    "lxcbr",
    "lxdbr",
    "incusbr",
    "nerdctl",
    "kube-bridge",
    "flannel",
    "weave",
    "cilium_host",
];
/// Programs of container runtimes that accept connections and open others in their place.
const PROXIES: [&str; 5] = ["docker-proxy", "rootlessport", "slirp4netns", "pasta", "kube-proxy"];
/// Last octets that gateways of a small network have.
const GATEWAYS: [u8; 2] = [1, 254];

/// What stands between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hop {
    /// A program of this host that passes connections on.
    Proxy(Box<str>),
    /// This host's own address on a bridge of containers or guests, and no program is known that would be the one.
    Bridge(Box<str>),
    /// Another machine of this network that looks like its gateway: whoever stands behind it shares its address.
    Gateway,
    /// Another node of a cluster: with `externalTrafficPolicy: Cluster`, connections that came in there bear its address.
    Node,
}

impl Hop {
    /// Known for what it is, not only by its looks.
    pub(crate) fn is_sure(&self) -> bool {
        matches!(self, Self::Proxy(_) | Self::Bridge(_))
    }

    /// What it is, behind the address: ", docker-proxy of this host".
    pub(crate) fn words(&self) -> Sentence {
        match self {
            Self::Proxy(program) => sentence![
                Word::Untrusted(program.as_bytes().into()),
                "on this host passes on what others open: look who stands behind it"
            ],
            Self::Bridge(interface) => sentence![
                "this host's address on",
                Word::Untrusted(interface.as_bytes().into()),
                ": clients of docker-proxy bear it, and this host itself"
            ],
            Self::Gateway => {
                "perhaps the gateway of its network: others may stand behind it, so it may be no culprit"
                    .into()
            }
            Self::Node => {
                "perhaps another node of this cluster: clients from outside may stand behind it".into()
            }
        }
    }

    /// The command that shows who stands behind it, and where it is typed: none, on this host.
    pub(crate) fn command(&self, source: IpAddr) -> (String, Option<IpAddr>) {
        let source = source.to_canonical();
        match self {
            Self::Proxy(_) | Self::Bridge(_) => ("ss -tanp".to_owned(), None),
            Self::Gateway | Self::Node => ("conntrack -L -p tcp".to_owned(), Some(source)),
        }
    }
}

/// Docker gives its bridges the first address of 172.17.0.0/16 to 172.31.0.0/16: where no list names the interface,
/// such an address towards its own network is one.
fn looks_like_dockers(source: IpAddr, peer: Option<IpAddr>) -> bool {
    let (IpAddr::V4(source), Some(IpAddr::V4(peer))) = (source, peer.map(|peer| peer.to_canonical())) else {
        return false;
    };
    let ([a, b, 0, 1], [c, d, ..]) = (source.octets(), peer.octets()) else { return false };
    a == 172 && (17..=31).contains(&b) && (a, b) == (c, d)
}

/// The hop that an address is, where it is one. `peer`: whom it leads to.
pub(crate) fn hop(locals: &Locals, counters: &Counters, source: IpAddr, peer: Option<IpAddr>) -> Option<Hop> {
    let source = source.to_canonical();
    let own = locals.addresses.get(&source);
    let interface = own.and_then(|(local, _)| local.interface.as_deref());
    let dockers = interface.is_none() && looks_like_dockers(source, peer);
    if locals.is_local(source) == Some(true) || dockers {
        let program = program(counters, source, peer);
        if let Some(program) = program.clone().filter(|program| PROXIES.contains(&&**program)) {
            return Some(Hop::Proxy(program));
        }
        let bridge = interface.filter(|name| is_bridge(name)).or(dockers.then_some("a bridge of Docker"));
        return bridge.filter(|_| program.is_none()).map(|name| Hop::Bridge(name.into()));
    }
    let peer = peer.filter(|_| locals.known() && AddressKind::of(source) == AddressKind::Private)?;
    let beside = |of: &IpAddr, name: Option<&str>| same_24(*of, source) && !name.is_some_and(is_bridge);
    if !locals.addresses.iter().any(|(address, (local, _))| beside(address, local.interface.as_deref())) {
        return None;
    }
    if in_cluster(locals) && (locals.is_local(peer) == Some(true) || behind_a_bridge(locals, peer)) {
        return Some(Hop::Node);
    }
    let looks =
        matches!(source, IpAddr::V4(v4) if v4.octets().last().is_some_and(|last| GATEWAYS.contains(last)));
    (looks && locals.is_local(peer) == Some(true)).then_some(Hop::Gateway)
}

/// The program with most of the sockets between these two.
fn program(counters: &Counters, source: IpAddr, peer: Option<IpAddr>) -> Option<Box<str>> {
    let sockets = counters.sockets.as_ref()?;
    let mut by_program: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    let those = sockets
        .calls
        .iter()
        .filter(|(call, _)| call.local == source && peer.is_none_or(|peer| call.peer == peer.to_canonical()));
    for (call, calls) in those {
        let sum = by_program.entry(&call.program).or_default();
        *sum = sum.saturating_add(calls.sockets);
    }
    by_program.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0))).map(|(name, _)| name.into())
}

fn is_bridge(interface: &str) -> bool {
    // A router's own `br-lan` is no network of containers.
    BRIDGES.iter().any(|beginning| interface.starts_with(beginning)) || is_docker_bridge(interface)
}

/// Interfaces that only nodes of a Kubernetes cluster have.
fn in_cluster(locals: &Locals) -> bool {
    let names = locals.addresses.values().filter_map(|(local, _)| local.interface.as_deref());
    names.into_iter().any(|name| {
        ["cni", "flannel", "kube-", "cilium_", "nodelocaldns", "tunl0", "vxlan.calico"]
            .iter()
            .any(|beginning| name.starts_with(beginning))
    })
}

/// In the network of one of the bridges of this host.
fn behind_a_bridge(locals: &Locals, peer: IpAddr) -> bool {
    locals.addresses.iter().any(|(address, (local, _))| {
        local.interface.as_deref().is_some_and(is_bridge) && same_24(*address, peer)
    })
}

fn same_24(a: IpAddr, b: IpAddr) -> bool {
    match (a.to_canonical(), b.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets().iter().zip(b.octets()).take(3).all(|(a, b)| *a == b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
    }

    #[test]
    fn a_bridge_of_docker_is_known_by_its_address_towards_its_own_network() {
        let of = |source, peer| hop(&Locals::default(), &Counters::default(), ip(source), Some(ip(peer)));
        assert_eq!(of("172.17.0.1", "172.17.0.2"), Some(Hop::Bridge("a bridge of Docker".into())));
        assert_eq!(of("172.17.0.1", "172.18.0.2"), None);
        assert_eq!(of("172.17.0.7", "172.17.0.2"), None);
        assert_eq!(of("172.16.0.1", "172.16.0.2"), None);
        assert_eq!(of("192.0.2.1", "192.0.2.2"), None);
    }
}
