//! The samples of the last ten minutes, so that an incident has a before.

use std::collections::{BTreeMap, VecDeque};

use super::counters::fill_permille;
use super::{MINUTE_US, SKEW_US};
use crate::model::live::life::Place;
use crate::model::live::sample::{Netns, Sample};

/// Samples of one namespace: ten minutes at one a second.
pub const SAMPLES_MAX: usize = 600;
/// Namespaces of which samples are kept.
pub const NAMESPACES_MAX: usize = 64;
/// Older samples are not kept.
const KEPT_US: i64 = 10 * MINUTE_US;

/// Samples by namespace.
#[derive(Debug, Clone, Default)]
pub(super) struct Ring {
    tables: BTreeMap<Netns, VecDeque<Sample>>,
}

impl Ring {
    /// Takes in one sample. `held` says of which namespaces an incident is open: these stay, and of the others the
    /// fullest and most recent. Whether it is newer than what was known, and there was room for its namespace.
    pub(super) fn push(&mut self, sample: Sample, held: impl Fn(Netns) -> bool) -> bool {
        let newest = sample.at.uptime_us;
        // The same inode with another age is another namespace, and the one before it is no more.
        self.tables.retain(|netns, samples| {
            let recycled = netns.inode == sample.netns.inode && *netns != sample.netns;
            let last = samples.back().map_or(i64::MIN, |last| last.at.uptime_us);
            !recycled && newest.saturating_sub(last) <= KEPT_US
        });
        let samples = self.tables.entry(sample.netns).or_default();
        if samples.back().is_some_and(|last| last.at.uptime_us >= newest) {
            return false;
        }
        samples.push_back(sample);
        let old = |first: &Sample| newest.saturating_sub(first.at.uptime_us) > KEPT_US;
        while samples.len() > SAMPLES_MAX || samples.front().is_some_and(old) {
            samples.pop_front();
        }
        if self.tables.len() > NAMESPACES_MAX {
            let claim = |(netns, samples): &(&Netns, &VecDeque<Sample>)| {
                let last = samples.back();
                let fill = last.and_then(fill_permille);
                (held(**netns), fill, last.map(|last| last.at.uptime_us), **netns)
            };
            let least = self.tables.iter().min_by_key(claim).map(|(netns, _)| *netns);
            least.and_then(|netns| self.tables.remove(&netns));
        }
        self.tables.contains_key(&sample.netns)
    }

    /// The samples of a place, ascending.
    pub(super) fn of(&self, place: &Place) -> impl Iterator<Item = &Sample> + '_ {
        let tables = self.tables.iter().find(|(netns, _)| Place::of(**netns).may_be(place));
        tables.into_iter().flat_map(|(_, samples)| samples)
    }

    /// The last of a namespace.
    pub(super) fn last(&self, netns: Netns) -> Option<&Sample> {
        self.tables.get(&netns)?.back()
    }

    /// The one before the last of a namespace.
    pub(super) fn last_but_one(&self, netns: Netns) -> Option<&Sample> {
        let samples = self.tables.get(&netns)?;
        samples.get(samples.len().checked_sub(2)?)
    }

    /// The last `polls` samples of a namespace, if there are as many.
    pub(super) fn streak(&self, netns: Netns, polls: usize) -> Option<impl Iterator<Item = &Sample> + '_> {
        let samples = self.tables.get(&netns)?;
        Some(samples.range(samples.len().checked_sub(polls)?..))
    }

    /// The last sample of a namespace that is not later than a moment, else the first at all.
    pub(super) fn before(&self, netns: Netns, moment_us: i64) -> Option<&Sample> {
        let samples = self.tables.get(&netns)?;
        samples.iter().rev().find(|sample| sample.at.uptime_us <= moment_us).or(samples.front())
    }

    /// Namespaces known, ascending.
    pub(super) fn known(&self) -> impl Iterator<Item = Netns> + '_ {
        self.tables.keys().copied()
    }

    /// The namespace with an inode, unless it is younger than a moment.
    pub(super) fn named(&self, inode: u64, not_younger_than_us: i64) -> Option<Netns> {
        self.known().find(|netns| netns.inode == inode && !younger(*netns, not_younger_than_us))
    }
}

/// A namespace that was not there yet.
pub(super) fn younger(netns: Netns, moment_us: i64) -> bool {
    netns.born_us.is_some_and(|born| born > moment_us.saturating_add(SKEW_US))
}
