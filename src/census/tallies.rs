//! The four tallies of a table, of which the pairs alone are counted entry by entry.
//!
//! A pair says its source and its peer, and a peer says its destination; so these are counted from the pairs when all
//! entries are known. Where there are more pairs than their tally may hold, what a cut takes from a pair is handed to
//! its source and its peer, and what a cut takes from a peer is handed to its destination: nothing is lost on the way,
//! and each tally is as exact as if it had counted every entry itself.

use super::key::{AddressKey, PairKey, PeerKey};
use crate::model::tally::{AT_ONCE, Tally};

/// Counts of pairs, and of what stands for entries that no pair counts any more.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pairs: Tally<PairKey>,
    others: Others,
}

/// The tallies that are counted from pairs.
#[derive(Debug, Default)]
struct Others {
    sources: Tally<AddressKey>,
    peers: Tally<PeerKey>,
    destinations: Tally<AddressKey>,
}

/// All four, counted to the end.
pub(super) struct Counted<'a> {
    pub(super) sources: Tally<AddressKey>,
    pub(super) destinations: Tally<AddressKey>,
    pub(super) peers: Tally<PeerKey>,
    pub(super) pairs: &'a Tally<PairKey>,
}

impl Tallies {
    /// One entry of the pair of each item, whose place is told, and holds until pairs are cut.
    pub(super) fn add_all<T>(
        &mut self,
        all: &[T],
        pair: impl Fn(&T) -> PairKey,
        mut told: impl FnMut(&T, u32),
    ) {
        for some in all.chunks(AT_ONCE) {
            if self.pairs.has_room_for(some.len()) {
                self.pairs.add_each_uncut(some, &pair, &mut told);
            } else {
                for item in some {
                    let place = self.add(pair(item));
                    told(item, place);
                }
            }
        }
    }

    /// One entry of this pair. Gives the place of the pair, which holds until pairs are cut.
    #[inline]
    pub(super) fn add(&mut self, pair: PairKey) -> u32 {
        let place = self.pairs.add_uncut(pair, 1);
        if self.pairs.is_over() {
            self.cut();
        }
        place
    }

    /// These and those of another part. Gives the places here of the other's pairs.
    pub(super) fn join(&mut self, right: &Self) -> Vec<u32> {
        self.pairs.join_error(&right.pairs);
        let places = right.pairs.rows().map(|(pair, count)| self.pairs.add_uncut(pair, count)).collect();
        if self.pairs.is_over() {
            self.cut();
        }
        self.others.sources.join(&right.others.sources);
        self.others.destinations.join(&right.others.destinations);
        self.others.join_peers(&right.others.peers);
        places
    }

    #[cold]
    fn cut(&mut self) {
        let others = &mut self.others;
        self.pairs.cut(|pair, count| others.add(pair, count));
    }

    /// No pair was cut: every entry is counted by its pair.
    #[inline]
    pub(super) fn is_exact(&self) -> bool {
        self.pairs.error() == 0
    }

    /// The pairs in the order of their places.
    pub(super) fn pairs(&self) -> impl ExactSizeIterator<Item = (PairKey, u64)> {
        self.pairs.rows()
    }

    /// All four, counted to the end.
    pub(super) fn counted(&self) -> Counted<'_> {
        let mut others = Others::default();
        for (pair, count) in self.pairs.rows() {
            others.add(pair, count);
        }
        others.sources.join(&self.others.sources);
        others.destinations.join(&self.others.destinations);
        others.join_peers(&self.others.peers);
        for (peer, count) in others.peers.rows() {
            others.destinations.add(peer.address(), count);
        }
        let Others { sources, peers, destinations } = others;
        Counted { sources, destinations, peers, pairs: &self.pairs }
    }
}

impl Others {
    /// So many entries of this pair.
    #[inline]
    fn add(&mut self, pair: PairKey, count: u64) {
        self.sources.add(pair.source(), count);
        self.add_peer(pair.to(), count);
    }

    #[inline]
    fn add_peer(&mut self, peer: PeerKey, count: u64) {
        self.peers.add_uncut(peer, count);
        if self.peers.is_over() {
            self.cut_peers();
        }
    }

    fn join_peers(&mut self, right: &Tally<PeerKey>) {
        self.peers.join_error(right);
        for (peer, count) in right.rows() {
            self.add_peer(peer, count);
        }
    }

    #[cold]
    fn cut_peers(&mut self) {
        let destinations = &mut self.destinations;
        self.peers.cut(|peer, count| destinations.add(peer.address(), count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flow::{L4, L4Part, Tuple};
    use std::net::{IpAddr, Ipv4Addr};

    fn pair(source: u32, destination: u32, port: u16) -> PairKey {
        let address = |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(bits));
        let l4 = L4Part::Ports { source: 1, destination: port };
        PairKey::of(&Tuple { source: address(source), destination: address(destination), l4 }, L4::TCP)
    }

    #[test]
    fn what_pairs_lose_their_sources_and_destinations_keep() {
        let (mut left, mut right) = (Tallies::default(), Tallies::default());
        // 250,000 pairs and peers, but 500 sources and 4 destinations.
        for number in 0..250_000_u32 {
            let port = u16::try_from(number % 62_500).unwrap();
            let half = if number < 180_000 { &mut left } else { &mut right };
            half.add(pair(number % 500, number / 62_500, port));
        }
        assert!(!left.is_exact());
        left.join(&right);
        let counted = left.counted();
        assert!(counted.pairs.error() > 0 && counted.peers.error() > 0);
        for (tally, keys, count) in [(counted.sources, 500, 500), (counted.destinations, 4, 62_500)] {
            assert_eq!((tally.distinct(), tally.error()), (Some(keys), 0));
            assert!(tally.rows().all(|(_, sum)| sum == count));
        }
    }
}
