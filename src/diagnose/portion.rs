//! A part of a table: classes of entries with their remaining times, of which other parts can be taken away. A table
//! without one source, or without the connections to one peer, is what is left of it.

use std::collections::BTreeMap;

use crate::model::census::{Census, Class, Leader, Remaining};
use crate::model::flow::{L4, State};

use super::idle::Ages;

/// Entries by class and by remaining time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Portion {
    pub(crate) classes: BTreeMap<Class, u64>,
    pub(crate) remaining: BTreeMap<(L4, Option<State>), Remaining>,
}

impl Portion {
    /// The whole table.
    pub(crate) fn of_table(census: &Census) -> Self {
        Self { classes: census.who.classes.clone(), remaining: census.who.remaining.clone() }
    }

    /// What a leader holds.
    pub(crate) fn of(leader: &Leader) -> Self {
        Self { classes: leader.classes.clone(), remaining: leader.remaining.clone() }
    }

    /// Both.
    pub(crate) fn add(&mut self, other: &Self) {
        for (class, n) in &other.classes {
            let sum = self.classes.entry(*class).or_default();
            *sum = sum.saturating_add(*n);
        }
        for (state, remaining) in &other.remaining {
            let sum = self.remaining.entry(*state).or_default();
            sum.untimed = sum.untimed.saturating_add(remaining.untimed);
            for (bin, n) in &remaining.bins {
                let count = sum.bins.entry(*bin).or_default();
                *count = count.saturating_add(*n);
            }
        }
    }

    /// What is left without those. Where the remaining times of a leader are not known (a hostile table spreads them
    /// too far), those of the whole stand for the rest.
    pub(crate) fn take_away(&mut self, other: &Self) {
        for (class, n) in &other.classes {
            if let Some(left) = self.classes.get_mut(class) {
                *left = left.saturating_sub(*n);
            }
        }
        for (state, remaining) in &other.remaining {
            let Some(sum) = self.remaining.get_mut(state) else { continue };
            sum.untimed = sum.untimed.saturating_sub(remaining.untimed);
            for (bin, n) in &remaining.bins {
                if let Some(count) = sum.bins.get_mut(bin) {
                    *count = count.saturating_sub(*n);
                }
            }
        }
        self.classes.retain(|_, n| *n > 0);
        for remaining in self.remaining.values_mut() {
            remaining.bins.retain(|_, n| *n > 0);
        }
    }

    /// Entries.
    pub(crate) fn entries(&self) -> u64 {
        self.classes.values().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Entries of the protocol and state of a class, whatever their flags.
    pub(crate) fn alike(&self, class: &Class) -> u64 {
        let those = self.classes.iter().filter(|(c, _)| c.l4 == class.l4 && c.state == class.state);
        those.fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// Their ages.
    pub(crate) fn ages(&self) -> Ages<'_> {
        Ages { remaining: &self.remaining, classes: &self.classes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flow::{L3, Reply};

    fn portion(entries: u64, bins: &[(u32, u64)]) -> Portion {
        let class = Class { l3: L3::V4, l4: L4::TCP, state: Some(State::TimeWait), replied: Reply::Assured };
        let remaining = Remaining { bins: bins.iter().copied().collect(), untimed: 0 };
        Portion {
            classes: BTreeMap::from([(class, entries)]),
            remaining: BTreeMap::from([((L4::TCP, Some(State::TimeWait)), remaining)]),
        }
    }

    #[test]
    fn a_part_taken_away_and_added_again_changes_nothing() {
        let whole = portion(10, &[(5, 6), (80, 4)]);
        let part = portion(4, &[(5, 3), (80, 1)]);
        let mut rest = whole.clone();
        rest.take_away(&part);
        assert_eq!(rest, portion(6, &[(5, 3), (80, 3)]));
        rest.add(&part);
        assert_eq!(rest, whole);
        assert_eq!(rest.entries(), 10);
    }

    #[test]
    fn a_part_whose_times_are_not_known_leaves_those_of_the_whole() {
        let mut rest = portion(10, &[(5, 6), (80, 4)]);
        rest.take_away(&Portion { remaining: BTreeMap::new(), ..portion(4, &[]) });
        assert_eq!(rest, portion(6, &[(5, 6), (80, 4)]));
    }
}
