//! Keys of the tallies in compact form: one is hashed for each entry, and a hundred thousand of them are kept.
//!
//! An IPv4 address is kept as its mapped IPv6 address, so a mapped one (which no tracker prints: such sockets speak
//! IPv4) counts as the IPv4 address it is.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

use crate::model::census::{Pair, Peer};
use crate::model::flow::{L4, L4Part, Tuple};

/// An address: the halves of its 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AddressKey(u64, u64);

impl Hash for AddressKey {
    /// Both halves at once, which is one multiplication instead of two.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from(self.0) << 64 | u128::from(self.1));
    }
}

/// A peer: address, and port with protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PeerKey {
    address: AddressKey,
    service: u32,
}

/// Source and peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PairKey {
    source: AddressKey,
    peer: PeerKey,
}

/// The port that a tuple goes to, where its protocol has ports.
#[inline]
fn destination_port(tuple: &Tuple) -> Option<u16> {
    match tuple.l4 {
        L4Part::Ports { destination, .. } => Some(destination),
        _ => None,
    }
}

/// Port and protocol: the port in the upper half, a bit that there is one, the protocol number.
#[inline]
fn service(port: Option<u16>, l4: L4) -> u32 {
    port.map_or(0, |port| u32::from(port) << 16 | 1 << 8) | u32::from(l4.0)
}

/// The lower 64 bits.
#[inline]
fn half(bits: u128) -> u64 {
    u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(u64::MAX)
}

impl AddressKey {
    /// The address; an IPv4 one as such.
    pub(super) fn address(self) -> IpAddr {
        let bits = u128::from(self.0) << 64 | u128::from(self.1);
        IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical()
    }
}

impl From<IpAddr> for AddressKey {
    #[inline]
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(0, 0xffff_0000_0000 | u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                Self(half(bits >> 64), half(bits))
            }
        }
    }
}

impl PeerKey {
    /// Its address.
    #[inline]
    pub(super) fn address(self) -> AddressKey {
        self.address
    }

    /// The protocol.
    #[inline]
    pub(super) fn l4(self) -> L4 {
        L4(self.service.to_le_bytes()[0])
    }

    /// Its port.
    #[inline]
    pub(super) fn port(self) -> Option<u16> {
        let [high, low, has_port, _] = self.service.to_be_bytes();
        (has_port != 0).then_some(u16::from_be_bytes([high, low]))
    }

    /// The peer.
    pub(super) fn peer(self) -> Peer {
        let [.., l4] = self.service.to_be_bytes();
        Peer { address: self.address.address(), port: self.port(), l4: L4(l4) }
    }
}

impl From<Peer> for PeerKey {
    fn from(peer: Peer) -> Self {
        Self { address: peer.address.into(), service: service(peer.port, peer.l4) }
    }
}

impl PairKey {
    /// Of the original direction.
    #[inline]
    pub(super) fn of(original: &Tuple, l4: L4) -> Self {
        let address = AddressKey::from(original.destination);
        let peer = PeerKey { address, service: service(destination_port(original), l4) };
        Self { source: original.source.into(), peer }
    }

    /// Its source.
    #[inline]
    pub(super) fn source(self) -> AddressKey {
        self.source
    }

    /// Its peer.
    #[inline]
    pub(super) fn to(self) -> PeerKey {
        self.peer
    }

    /// The pair.
    pub(super) fn pair(self) -> Pair {
        Pair { source: self.source.address(), peer: self.peer.peer() }
    }
}

impl From<Pair> for PairKey {
    fn from(pair: Pair) -> Self {
        Self { source: pair.source.into(), peer: pair.peer.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_what_it_was_made_of() {
        for address in ["10.0.0.1", "0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1:2", "ffff:ffff::1"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(AddressKey::from(address).address(), address);
            for port in [None, Some(0), Some(1), Some(u16::MAX)] {
                let peer = Peer { address, port, l4: L4(132) };
                assert_eq!(PeerKey::from(peer).peer(), peer);
                let pair = Pair { source: "192.0.2.7".parse().unwrap(), peer };
                assert_eq!(PairKey::from(pair).pair(), pair);
            }
        }
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(AddressKey::from(mapped).address(), mapped.to_canonical());
    }
}
