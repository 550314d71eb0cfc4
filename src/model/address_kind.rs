//! Special ranges of addresses: what kind of place an address is. A table, no logic.
//!
//! The ranges are those of IANA's two registries of special-purpose addresses (RFC 6890 and what came after it, up to
//! RFC 9780), of its registries of multicast, and the retired ones that are still met: 6to4's relays (RFC 7526) and site-local
//! addresses (RFC 3879).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// No address at all: 0.0.0.0, ::.
    Unspecified,
    /// "This network": the rest of 0/8 (RFC 791).
    ThisNetwork,
    /// 127/8, ::1.
    Loopback,
    /// RFC 1918, and unique local addresses of IPv6 (RFC 4193).
    Private,
    /// 169.254/16 (where clouds keep their metadata), fe80::/10.
    LinkLocal,
    /// Site-local addresses of IPv6, retired: fec0::/10.
    SiteLocal,
    /// Shared by the customers of a carrier: 100.64/10 (RFC 6598).
    CarrierNat,
    /// Never on a wire: 192.0.2/24 and its like, 2001:db8::/32, 3fff::/20.
    Documentation,
    /// For measurements of devices: 198.18/15, 2001:2::/48.
    Benchmark,
    /// Handed to a protocol by the IETF: 192.0.0/24, 2001::/23, AS112, AMT.
    Assigned,
    /// IPv6 in IPv4 packets: 2002::/16, and the relays of old at 192.88.99/24.
    SixToFour,
    /// IPv6 in UDP: 2001::/32.
    Teredo,
    /// An IPv4 address as IPv6 hosts write it behind a translator: 64:ff9b::/96, 64:ff9b:1::/48.
    Nat64,
    /// Where packets are sent to be lost: 100::/64.
    Discard,
    /// Names of hosts and not places: ORCHID, 2001:10::/28, 2001:20::/28.
    Orchid,
    /// Segments of a provider's network: 5f00::/16.
    Segment,
    /// 224/4, ff00::/8.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
    /// For a future that did not come: the rest of 240/4.
    Reserved,
    /// Anybody's.
    Public,
}

impl AddressKind {
    /// All of them, in their order.
    pub const ALL: [Self; 20] = [
        Self::Unspecified,
        Self::ThisNetwork,
        Self::Loopback,
        Self::Private,
        Self::LinkLocal,
        Self::SiteLocal,
        Self::CarrierNat,
        Self::Documentation,
        Self::Benchmark,
        Self::Assigned,
        Self::SixToFour,
        Self::Teredo,
        Self::Nat64,
        Self::Discard,
        Self::Orchid,
        Self::Segment,
        Self::Multicast,
        Self::Broadcast,
        Self::Reserved,
        Self::Public,
    ];

    /// The kind of an address. An IPv4 address mapped into IPv6 is what its IPv4 address is.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        }
    }

    /// In words: "a … address".
    pub fn words(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::ThisNetwork => "this network",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::SiteLocal => "site-local",
            Self::CarrierNat => "carrier NAT",
            Self::Documentation => "documentation",
            Self::Benchmark => "benchmark",
            Self::Assigned => "protocol assignment",
            Self::SixToFour => "6to4",
            Self::Teredo => "Teredo",
            Self::Nat64 => "NAT64",
            Self::Discard => "discard",
            Self::Orchid => "ORCHID",
            Self::Segment => "segment routing",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Reserved => "reserved",
            Self::Public => "public",
        }
    }

    /// The same behind an address in a sentence, for kinds that are worth a word there.
    pub fn aside(self) -> Option<&'static str> {
        Some(match self {
            // Most machines have such an address, and say no more by it.
            Self::Private | Self::Public | Self::Documentation => return None,
            Self::Unspecified => "(unspecified)",
            Self::ThisNetwork => "(this network)",
            Self::Loopback => "(loopback)",
            Self::LinkLocal => "(link-local)",
            Self::SiteLocal => "(site-local)",
            Self::CarrierNat => "(carrier NAT)",
            Self::Benchmark => "(benchmark range)",
            Self::Assigned => "(protocol assignment)",
            Self::SixToFour => "(6to4)",
            Self::Teredo => "(Teredo)",
            Self::Nat64 => "(NAT64)",
            Self::Discard => "(discard)",
            Self::Orchid => "(ORCHID)",
            Self::Segment => "(segment routing)",
            Self::Multicast => "(multicast)",
            Self::Broadcast => "(broadcast)",
            Self::Reserved => "(reserved range)",
        })
    }
}

fn v4(address: Ipv4Addr) -> AddressKind {
    match address.octets() {
        [0, 0, 0, 0] => AddressKind::Unspecified,
        [0, ..] => AddressKind::ThisNetwork,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressKind::Private,
        [100, 64..=127, ..] => AddressKind::CarrierNat,
        [127, ..] => AddressKind::Loopback,
        [169, 254, ..] => AddressKind::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressKind::Documentation,
        [192, 88, 99, _] => AddressKind::SixToFour,
        // AS112 twice, AMT between them.
        [192, 0, 0, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 175, 48, _] => AddressKind::Assigned,
        [198, 18..=19, ..] => AddressKind::Benchmark,
        [224..=239, ..] => AddressKind::Multicast,
        [255, 255, 255, 255] => AddressKind::Broadcast,
        [240..=255, ..] => AddressKind::Reserved,
        _ => AddressKind::Public,
    }
}

fn v6(address: Ipv6Addr) -> AddressKind {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressKind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressKind::Loopback,
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => AddressKind::Nat64,
        // The second one names no place either (RFC 9780).
        [0x100, 0, 0, 0 | 1, ..] => AddressKind::Discard,
        [0x2001, 0, ..] => AddressKind::Teredo,
        [0x2001, 2, 0, ..] => AddressKind::Benchmark,
        [0x2001, 0x10..=0x2f, ..] => AddressKind::Orchid,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressKind::Documentation,
        [0x2001, 1..=0x1ff, ..] | [0x2620, 0x4f, 0x8000, ..] => AddressKind::Assigned,
        [0x2002, ..] => AddressKind::SixToFour,
        [0x5f00, ..] => AddressKind::Segment,
        [0xfc00..=0xfdff, ..] => AddressKind::Private,
        [0xfe80..=0xfebf, ..] => AddressKind::LinkLocal,
        [0xfec0..=0xfeff, ..] => AddressKind::SiteLocal,
        [0xff00..=0xffff, ..] => AddressKind::Multicast,
        _ => AddressKind::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_begins_and_ends_where_the_registry_has_it() {
        for (kind, addresses) in [
            (AddressKind::Unspecified, "0.0.0.0 ::"),
            (AddressKind::ThisNetwork, "0.0.0.1 0.255.255.255"),
            (AddressKind::Loopback, "127.0.0.0 127.255.255.255 ::1 ::ffff:127.0.0.1"),
            (
                AddressKind::Private,
                "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 fc00:: fdff:ffff::1 ::ffff:10.1.1.1",
            ),
            (AddressKind::LinkLocal, "169.254.0.0 169.254.169.254 169.254.255.255 fe80:: febf:ffff::1"),
            (AddressKind::SiteLocal, "fec0:: feff:ffff::1"),
            (AddressKind::CarrierNat, "100.64.0.0 100.127.255.255"),
            (
                AddressKind::Documentation,
                "192.0.2.0 192.0.2.255 198.51.100.0 203.0.113.255 2001:db8:: 2001:db8:ffff::1 3fff:: 3fff:fff::1",
            ),
            (AddressKind::Benchmark, "198.18.0.0 198.19.255.255 2001:2:: 2001:2:0:ffff::1"),
            (
                AddressKind::Assigned,
                "192.0.0.0 192.0.0.255 192.31.196.1 192.52.193.1 192.175.48.1 2001:1::1 2001:3::1 2001:4:112::1 2001:30::1 2001:1ff::1 2620:4f:8000::1",
            ),
            (AddressKind::SixToFour, "192.88.99.0 192.88.99.255 2002:: 2002:ffff::1"),
            (AddressKind::Teredo, "2001:: 2001:0:ffff::1"),
            (AddressKind::Nat64, "64:ff9b:: 64:ff9b::c000:201 64:ff9b:1:: 64:ff9b:1:ffff::1"),
            (AddressKind::Discard, "100:: 100::ffff 100:0:0:1::1"),
            (AddressKind::Orchid, "2001:10:: 2001:1f:ffff::1 2001:20:: 2001:2f:ffff::1"),
            (AddressKind::Segment, "5f00:: 5f00:ffff::1"),
            (AddressKind::Multicast, "224.0.0.0 239.255.255.255 ff00:: ff02::fb ffff:ffff::1"),
            (AddressKind::Broadcast, "255.255.255.255"),
            (AddressKind::Reserved, "240.0.0.0 255.255.255.254"),
            (
                AddressKind::Public,
                "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 2001:200:: 2001:db7::1 2001:db9::1 2003::1 2620:4f:8001::1 3ffe::1 3fff:1000::1 4000::1 64:ff9b:2::1 100:0:0:2::1",
            ),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(AddressKind::of(address.parse().unwrap()), kind, "{address}");
            }
        }
    }

    #[test]
    fn kinds_stand_in_the_order_of_their_numbers_and_are_named_apart() {
        let mut words = std::collections::BTreeSet::new();
        for (place, kind) in AddressKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            assert!(words.insert(kind.words()), "{kind:?}");
        }
    }
}
