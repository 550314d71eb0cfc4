//! How many distinct values there are: exactly, up to a bound, above which the values are forgotten.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::model::census::{DISTINCT_MAX, Distinct};

/// Values that a set of small numbers holds as a list before it becomes a map of bits.
const FEW: usize = 16;
/// Words of a map of 65,536 bits.
const BIT_WORDS: usize = 1024;

/// Distinct 16-bit numbers: ports, zones. Never forgotten, since a map of all of them is 8 KiB.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    few: Vec<u16>,
    bits: Option<Box<[u64; BIT_WORDS]>>,
}

impl Numbers {
    /// One number, new or not.
    #[inline]
    pub(super) fn insert(&mut self, number: u16) {
        if let Some(bits) = &mut self.bits {
            set(bits, number);
        } else if !self.few.contains(&number) {
            self.insert_new(number);
        }
    }

    fn insert_new(&mut self, number: u16) {
        self.few.push(number);
        if self.few.len() > FEW {
            let mut bits = Box::new([0; BIT_WORDS]);
            self.few.drain(..).for_each(|number| set(&mut bits, number));
            self.bits = Some(bits);
        }
    }

    /// These and others.
    pub(super) fn join(&mut self, mut right: Self) {
        if self.bits.is_none() {
            std::mem::swap(self, &mut right);
        }
        right.few.iter().for_each(|number| self.insert(*number));
        if let (Some(to), Some(from)) = (&mut self.bits, &right.bits) {
            to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to |= from);
        }
    }

    /// How many.
    pub(super) fn distinct(&self) -> Distinct {
        let in_bits = self.bits.iter().flat_map(|bits| bits.iter());
        let count: u32 = in_bits.map(|word| word.count_ones()).sum();
        Distinct::Exactly(u64::from(count) + self.few.len() as u64)
    }
}

#[inline]
fn set(bits: &mut [u64; BIT_WORDS], number: u16) {
    if let Some(word) = bits.get_mut(usize::from(number >> 6)) {
        *word |= 1 << (number & 63);
    }
}

/// Distinct IPv4 values of 32 bits and IPv6 values of another size: addresses, networks.
#[derive(Debug)]
struct Values<V6> {
    v4: HashSet<u32, RandomState>,
    v6: HashSet<V6, RandomState>,
    forgotten: bool,
}

impl<V6> Default for Values<V6> {
    fn default() -> Self {
        Self { v4: HashSet::default(), v6: HashSet::default(), forgotten: false }
    }
}

impl<V6: Copy + Eq + Hash> Values<V6> {
    #[inline]
    fn insert_v4(&mut self, value: u32) {
        if !self.forgotten && self.v4.insert(value) {
            self.check();
        }
    }

    fn insert_v6(&mut self, value: V6) {
        if !self.forgotten && self.v6.insert(value) {
            self.check();
        }
    }

    /// Forgets the values when there are too many.
    fn check(&mut self) {
        if self.v4.len() + self.v6.len() > DISTINCT_MAX {
            *self = Self { forgotten: true, ..Self::default() };
        }
    }

    fn join(&mut self, right: &Self) {
        if right.forgotten {
            *self = Self { forgotten: true, ..Self::default() };
        }
        right.v4.iter().for_each(|value| self.insert_v4(*value));
        right.v6.iter().for_each(|value| self.insert_v6(*value));
    }

    fn distinct(&self) -> Distinct {
        if self.forgotten {
            Distinct::More
        } else {
            Distinct::Exactly((self.v4.len() + self.v6.len()) as u64)
        }
    }
}

/// Distinct addresses.
#[derive(Debug, Default)]
pub(super) struct Addresses(Values<u128>);

impl Addresses {
    /// One address, new or not.
    #[inline]
    pub(super) fn insert(&mut self, address: IpAddr) {
        match address.to_canonical() {
            IpAddr::V4(address) => self.0.insert_v4(address.to_bits()),
            IpAddr::V6(address) => self.0.insert_v6(address.to_bits()),
        }
    }

    /// These and others.
    pub(super) fn join(&mut self, right: &Self) {
        self.0.join(&right.0);
    }

    /// How many.
    pub(super) fn distinct(&self) -> Distinct {
        self.0.distinct()
    }
}

/// Distinct networks: /24 of IPv4, /64 of IPv6.
#[derive(Debug, Default)]
pub(super) struct Networks(Values<u64>);

impl Networks {
    /// The network of an address, new or not.
    #[inline]
    pub(super) fn insert(&mut self, address: IpAddr) {
        match address.to_canonical() {
            IpAddr::V4(address) => self.0.insert_v4(address.to_bits() >> 8),
            IpAddr::V6(address) => {
                self.0.insert_v6(u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX));
            }
        }
    }

    /// These and others.
    pub(super) fn join(&mut self, right: &Self) {
        self.0.join(&right.0);
    }

    /// How many.
    pub(super) fn distinct(&self) -> Distinct {
        self.0.distinct()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_exactly_however_many() {
        for count in [0u16, 1, 16, 17, 40_000] {
            let (mut left, mut right) = (Numbers::default(), Numbers::default());
            for number in 0..count {
                left.insert(number);
                left.insert(number);
                right.insert(number.wrapping_mul(3));
            }
            assert_eq!(left.distinct(), Distinct::Exactly(u64::from(count)));
            let both: HashSet<u16> = (0..count).chain((0..count).map(|n| n.wrapping_mul(3))).collect();
            left.join(right);
            assert_eq!(left.distinct(), Distinct::Exactly(both.len() as u64));
        }
    }

    #[test]
    fn addresses_are_counted_up_to_the_bound_and_then_forgotten() {
        let filled = |from: u32, count: u32| {
            let mut addresses = Addresses::default();
            (from..from + count).for_each(|bits| addresses.insert(IpAddr::V4(bits.into())));
            addresses
        };
        let bound = u32::try_from(DISTINCT_MAX).unwrap();
        assert_eq!(filled(0, bound).distinct(), Distinct::Exactly(u64::from(bound)));
        assert_eq!(filled(0, bound + 1).distinct(), Distinct::More);
        let mut joined = filled(0, bound);
        joined.join(&filled(1, bound - 1));
        assert_eq!(joined.distinct(), Distinct::Exactly(u64::from(bound)));
        joined.join(&filled(bound, 1));
        assert_eq!(joined.distinct(), Distinct::More);
        assert!(joined.0.v4.capacity() == 0);
    }

    #[test]
    fn a_network_is_a_24_or_a_64() {
        let mut networks = Networks::default();
        for address in ["10.0.0.1", "10.0.0.200", "10.0.1.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
        {
            networks.insert(address.parse().unwrap());
        }
        assert_eq!(networks.distinct(), Distinct::Exactly(4));
    }
}
