//! The network that an address is of, as networks are handed out: a /24 (IPv4) or a /64 (IPv6).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A /24 or a /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network(IpAddr);

impl Network {
    /// The one that an address is of.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !0xff)),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        })
    }

    /// Its first address.
    pub(crate) fn address(self) -> IpAddr {
        self.0
    }

    /// Addresses that it has.
    pub(crate) fn room(self) -> u64 {
        if self.0.is_ipv4() { 256 } else { u64::MAX }
    }

    /// Its mask, in the words of `conntrack --mask-src`.
    pub(crate) fn mask(self) -> &'static str {
        if self.0.is_ipv4() { "255.255.255.0" } else { "ffff:ffff:ffff:ffff::" }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}", self.0, if self.0.is_ipv4() { 24 } else { 64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_spelled_with_its_length() {
        let of = |address: &str| Network::of(address.parse().unwrap()).to_string();
        assert_eq!(of("62.135.200.254"), "62.135.200.0/24");
        assert_eq!(of("::ffff:62.135.200.7"), "62.135.200.0/24");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    }
}
