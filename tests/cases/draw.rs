//! What a case draws from its seed: numbers, shares, addresses. The same seed gives the same bundle.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use conntriage::model::address_kind::AddressKind;

use crate::limiter::Dice;

/// A range of whole numbers, both ends included.
pub(crate) type Whole = (u64, u64);
/// A range of shares.
pub(crate) type Share = (f64, f64);

/// The whole part of a number that is known to be small and not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of entries and seconds")]
pub(crate) fn floor(number: f64) -> u64 {
    number.max(0.0) as u64
}

/// A length as a place in memory.
pub(crate) fn place(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// A number that fits a port.
pub(crate) fn port(number: u64) -> u16 {
    u16::try_from(number).unwrap()
}

/// So many of a whole.
pub(crate) fn part(of: u64, share: f64) -> u64 {
    floor((of as f64 * share).round())
}

/// Drawing.
pub(crate) trait Draw {
    /// Both ends included.
    fn whole(&mut self, range: Whole) -> u64;
    /// A share out of a range.
    fn share(&mut self, range: Share) -> f64;
    /// True so often.
    fn chance(&mut self, share: f64) -> bool;
    /// A span with this mean, the short ones the most frequent.
    fn span(&mut self, mean: f64) -> f64;
    /// One of a list.
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T;
    /// An address of the public internet, of IPv4.
    fn public_v4(&mut self) -> IpAddr;
    /// The same of IPv6.
    fn public_v6(&mut self) -> IpAddr;
    /// A network of the internet, of IPv4.
    fn public_net(&mut self) -> Net;
    /// A private network of IPv4.
    fn private_v4(&mut self) -> Net;
    /// The same of IPv6.
    fn private_v6(&mut self) -> Net;
}

impl Draw for Dice {
    fn whole(&mut self, (low, high): Whole) -> u64 {
        low + self.roll() % (high - low + 1)
    }

    fn share(&mut self, (low, high): Share) -> f64 {
        self.between(low, high)
    }

    fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    fn span(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[place(self.roll() % of.len() as u64)]
    }

    fn public_v4(&mut self) -> IpAddr {
        loop {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the low half of a roll is as random as the whole"
            )]
            let address = IpAddr::V4(Ipv4Addr::from_bits(self.roll() as u32));
            let IpAddr::V4(v4) = address else { continue };
            let o = v4.octets();
            let reserved = o[0] == 0 || o[0] >= 224 || (o[0] == 198 && matches!(o[1], 18 | 19));
            let end = matches!(o[3], 0 | 255);
            if !reserved && !end && AddressKind::of(address) == AddressKind::Public {
                return address;
            }
        }
    }

    fn public_v6(&mut self) -> IpAddr {
        let front = (0x2600 + u128::from(self.roll() % 0x400)) << 112;
        let behind = (u128::from(self.roll()) << 64 | u128::from(self.roll())) >> 16;
        IpAddr::V6(Ipv6Addr::from_bits(front | behind))
    }

    fn public_net(&mut self) -> Net {
        loop {
            if let IpAddr::V4(v4) = self.public_v4() {
                return Net(IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & 0xffff_ff00)));
            }
        }
    }

    fn private_v4(&mut self) -> Net {
        let middle = u32::try_from(self.roll() % 256).unwrap();
        let last = u32::try_from(self.roll() % 256).unwrap();
        let base = match self.roll() % 3 {
            0 => 0x0a00_0000 | middle << 16 | last << 8,
            1 => 0xac10_0000 | (middle % 16) << 16 | last << 8,
            _ => 0xc0a8_0000 | last << 8,
        };
        Net(IpAddr::V4(Ipv4Addr::from_bits(base)))
    }

    fn private_v6(&mut self) -> Net {
        let front = 0xfd00_u128 << 112 | u128::from(self.roll() >> 16) << 64;
        Net(IpAddr::V6(Ipv6Addr::from_bits(front)))
    }
}

/// A network, by its first address; hosts in it are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net(pub(crate) IpAddr);

impl Net {
    /// The host with a number. A network of IPv4 has 254 of them; more run on into the next one.
    pub(crate) fn host(self, number: u64) -> IpAddr {
        match self.0 {
            IpAddr::V4(base) => {
                let number = u32::try_from(number).unwrap();
                let (net, host) = ((number - 1) / 254, (number - 1) % 254 + 1);
                IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() + net * 256 + host))
            }
            IpAddr::V6(base) => IpAddr::V6(Ipv6Addr::from_bits(base.to_bits() + u128::from(number))),
        }
    }
}
