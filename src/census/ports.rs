//! Entries by port of one side of the connection. A protocol has 65,536 ports and no more, so each is counted exactly.

use crate::model::census::{LEADERS_MAX, PortKey, Ranking, Row};
use crate::model::flow::L4;

use super::who::order;

/// Protocols whose connections have ports. Others that claim to are not counted: 256 KiB each is not theirs to take.
const PROTOCOLS: [L4; 5] = [L4::TCP, L4::UDP, L4::UDPLITE, L4::SCTP, L4::DCCP];
/// Ports of a protocol.
const PORTS: usize = 1 << 16;

/// Counts of one side, 256 KiB for each protocol that occurs: it stays in the cache.
#[derive(Debug, Default)]
pub(super) struct Ports {
    counts: [Option<Box<[u32]>>; PROTOCOLS.len()],
}

impl Ports {
    /// One entry.
    #[inline]
    pub(super) fn add(&mut self, l4: L4, port: u16) {
        let Some(place) = PROTOCOLS.iter().position(|known| *known == l4) else { return };
        let Some(counts) = self.counts.get_mut(place) else { return };
        let counts = counts.get_or_insert_with(|| vec![0; PORTS].into_boxed_slice());
        if let Some(count) = counts.get_mut(usize::from(port)) {
            *count = count.saturating_add(1);
        }
    }

    /// These and those of another part.
    pub(super) fn join(&mut self, right: Self) {
        for (left, right) in self.counts.iter_mut().zip(right.counts) {
            match (left, right) {
                (Some(left), Some(right)) => {
                    left.iter_mut().zip(&*right).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
                }
                (left, Some(right)) => *left = Some(right),
                (_, None) => {}
            }
        }
    }

    /// The leading ports.
    pub(super) fn ended(&self) -> Ranking<PortKey> {
        let mut rows: Vec<Row<PortKey>> = Vec::new();
        for (l4, counts) in PROTOCOLS.into_iter().zip(&self.counts) {
            let ports = (0..=u16::MAX).zip(counts.iter().flat_map(|counts| counts.iter()));
            let used = ports.filter(|(_, count)| **count > 0);
            rows.extend(
                used.map(|(port, count)| Row { key: PortKey { l4, port }, count: u64::from(*count) }),
            );
        }
        let distinct = Some(rows.len() as u64);
        if rows.len() > LEADERS_MAX {
            rows.select_nth_unstable_by(LEADERS_MAX, order);
            rows.truncate(LEADERS_MAX);
        }
        rows.sort_unstable_by(order);
        Ranking { rows, error: 0, distinct }
    }
}
