//! Special ranges of addresses: what kind of place an address is. A table, no logic.

use std::net::IpAddr;

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum AddressKind {
    Unspecified,
    Loopback,
    Private,
    LinkLocal,
    CarrierNat,
    Documentation,
    Multicast,
    Broadcast,
    Public,
}

impl AddressKind {
    /// The kind of an address. An IPv4 address mapped into IPv6 is what its IPv4 address is.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(a) => {
                let o = a.octets();
                if a.is_unspecified() {
                    Self::Unspecified
                } else if a.is_loopback() {
                    Self::Loopback
                } else if a.is_private() {
                    Self::Private
                } else if a.is_link_local() {
                    Self::LinkLocal
                } else if o[0] == 100 && (64..128).contains(&o[1]) {
                    Self::CarrierNat
                } else if a.is_documentation() {
                    Self::Documentation
                } else if a.is_multicast() {
                    Self::Multicast
                } else if a.is_broadcast() {
                    Self::Broadcast
                } else {
                    Self::Public
                }
            }
            IpAddr::V6(a) => {
                let s = a.segments();
                if a.is_unspecified() {
                    Self::Unspecified
                } else if a.is_loopback() {
                    Self::Loopback
                } else if a.is_multicast() {
                    Self::Multicast
                } else if s[0] & 0xfe00 == 0xfc00 {
                    Self::Private
                } else if s[0] & 0xffc0 == 0xfe80 {
                    Self::LinkLocal
                } else if s[0] == 0x2001 && s[1] == 0xdb8 {
                    Self::Documentation
                } else {
                    Self::Public
                }
            }
        }
    }

    /// In words: "a … address".
    pub fn words(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::CarrierNat => "carrier NAT",
            Self::Documentation => "documentation",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Public => "public",
        }
    }
}
