//! Counters of all namespaces as two numbers each: of the initial one, and of the others together.
//!
//! Others come and go, and each takes its counter with it: what was refused in them is summed as it rises, so that the sum
//! never falls while this program runs.

use std::collections::BTreeMap;

use crate::model::live::numbers::Tables;
use crate::model::live::sample::{Netns, Sample};

/// What is remembered from look to look; never more than there were samples in the last.
#[derive(Debug, Default)]
pub struct Seen {
    /// Drops of each other namespace at the last look.
    drops: BTreeMap<Netns, u64>,
    /// Packets refused in others, since the first look.
    dropped: u64,
}

impl Seen {
    /// One look at all: the initial one, and the others.
    pub fn look(&mut self, samples: &[Sample]) -> (Tables, Tables) {
        let mut drops = BTreeMap::new();
        for sample in samples.iter().filter(|sample| !sample.netns.initial) {
            let Some(drop) = sample.drop else { continue };
            // What a namespace had lost before it was first seen is nobody's news; one that began anew begins at zero.
            let before = self.drops.get(&sample.netns).copied().unwrap_or(drop);
            self.dropped = self.dropped.saturating_add(drop.checked_sub(before).unwrap_or(drop));
            drops.insert(sample.netns, drop);
        }
        self.drops = drops;
        let (initial, others): (Vec<&Sample>, Vec<&Sample>) =
            samples.iter().partition(|sample| sample.netns.initial);
        let own = Tables { dropped: initial.first().and_then(|sample| sample.drop), ..together(&initial) };
        (own, Tables { dropped: Some(self.dropped), ..together(&others) })
    }
}

fn together(samples: &[&Sample]) -> Tables {
    let sum = |of: fn(&Sample) -> Option<u64>| {
        let known = samples.iter().filter_map(|sample| of(sample));
        known.fold(None, |sum: Option<u64>, value| Some(sum.unwrap_or(0).saturating_add(value)))
    };
    let fill = |sample: &&Sample| {
        let max = sample.max.filter(|max| *max > 0)?;
        Some(sample.count? as f64 / max as f64)
    };
    Tables {
        namespaces: samples.len() as u64,
        count: sum(|sample| sample.count),
        max: sum(|sample| sample.max),
        fullest: samples.iter().filter_map(fill).reduce(f64::max),
        dropped: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::live::clock::Now;
    use crate::model::time::WallTime;

    fn sample(inode: u64, count: Option<u64>, max: Option<u64>, drop: Option<u64>) -> Sample {
        Sample {
            at: Now { uptime_us: 0, wall: WallTime(0) },
            netns: Netns { inode, initial: inode == 1, born_us: None },
            count,
            max,
            drop,
            early_drop: None,
            insert_failed: None,
            chain_too_long: None,
            new: None,
        }
    }

    #[test]
    fn the_sum_of_others_never_falls_when_one_goes_or_begins_anew() {
        let mut seen = Seen::default();
        let (_, first) = seen.look(&[sample(2, None, None, Some(100)), sample(3, None, None, Some(7))]);
        assert_eq!(first.dropped, Some(0), "what was lost before nobody saw");
        let (_, risen) = seen.look(&[sample(2, None, None, Some(110)), sample(3, None, None, Some(9))]);
        assert_eq!(risen.dropped, Some(12));
        assert_eq!(seen.look(&[sample(3, None, None, Some(9))]).1.dropped, Some(12));
        assert_eq!(seen.look(&[sample(3, None, None, Some(4))]).1.dropped, Some(16));
    }

    #[test]
    fn what_cannot_be_read_is_no_zero() {
        let (initial, others) = Seen::default().look(&[sample(1, None, Some(10), None)]);
        assert_eq!((initial.count, initial.dropped, initial.fullest), (None, None, None));
        assert_eq!((initial.max, initial.namespaces), (Some(10), 1));
        assert_eq!((others.count, others.namespaces), (None, 0));
        let (_, others) = Seen::default().look(&[
            sample(2, Some(5), Some(10), None),
            sample(3, Some(9), Some(10), None),
            sample(4, Some(9), Some(0), None),
        ]);
        assert_eq!((others.count, others.max, others.fullest), (Some(23), Some(20), Some(0.9)));
    }
}
