//! Remaining times by protocol and state, in the bins of [`Remaining`], kept in pages of 32 bins that are made when
//! first used: a TIME_WAIT pile of 120 s takes four, five days of ESTABLISHED take 247.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::class::{TrackCode, Words};
use crate::model::census::{
    REMAINING_BIN_SECONDS, REMAINING_EXACT_SECONDS, REMAINING_MAX_SECONDS, Remaining,
};
use crate::model::flow::{L4, State};

/// Bins of one page.
const PAGE_BINS: usize = 32;
/// Places that are remembered.
const RECENT: usize = 8;
/// The open bin above all others, and the one of entries without timeout.
const LAST_BIN: u32 =
    REMAINING_EXACT_SECONDS + (REMAINING_MAX_SECONDS - REMAINING_EXACT_SECONDS) / REMAINING_BIN_SECONDS;
const UNTIMED_BIN: u32 = LAST_BIN + 1;

/// Histograms. Above `pages_max` pages they are given up, whatever the order of the entries was.
#[derive(Debug)]
pub(super) struct Histograms {
    places: HashMap<(TrackCode, u16), u32, RandomState>,
    pages: Vec<[u32; PAGE_BINS]>,
    /// Places found last, by the low bits of the page: most entries have one of few states and little time left.
    recent: [Option<(TrackCode, u16, u32)>; RECENT],
    pages_max: usize,
    given_up: bool,
}

impl Histograms {
    /// None yet.
    pub(super) fn new(pages_max: usize) -> Self {
        Self {
            places: HashMap::default(),
            pages: Vec::new(),
            recent: [None; RECENT],
            pages_max,
            given_up: false,
        }
    }

    /// One entry, by the number of its bin.
    #[inline]
    pub(super) fn add(&mut self, track: TrackCode, bin: u16) {
        let (page, place) = (bin >> 5, usize::from(bin & 31));
        if let Some(count) = self.page(track, page).and_then(|page| page.get_mut(place)) {
            *count = count.saturating_add(1);
        }
    }

    /// The page for these bins; none once given up.
    #[inline]
    fn page(&mut self, track: TrackCode, page: u16) -> Option<&mut [u32; PAGE_BINS]> {
        let remembered = usize::from(page) % RECENT;
        if let Some(Some((code, number, place))) = self.recent.get(remembered)
            && (*code, *number) == (track, page)
        {
            return self.pages.get_mut(usize::try_from(*place).ok()?);
        }
        if self.given_up {
            return None;
        }
        let next = self.pages.len();
        let place = *self.places.entry((track, page)).or_insert(u32::try_from(next).unwrap_or(u32::MAX));
        if let Some(recent) = self.recent.get_mut(remembered) {
            *recent = Some((track, page, place));
        }
        let place = usize::try_from(place).ok()?;
        if place == next {
            if next >= self.pages_max {
                self.give_up();
                return None;
            }
            self.pages.push([0; PAGE_BINS]);
        }
        self.pages.get_mut(place)
    }

    #[cold]
    fn give_up(&mut self) {
        *self = Self { given_up: true, ..Self::new(self.pages_max) };
    }

    /// These and those of another part, whose codes `track` translates.
    pub(super) fn join(&mut self, right: &Self, track: impl Fn(TrackCode) -> TrackCode) {
        if right.given_up {
            self.give_up();
        }
        for ((code, number), place) in &right.places {
            let Some(from) = usize::try_from(*place).ok().and_then(|place| right.pages.get(place)) else {
                continue;
            };
            let Some(to) = self.page(track(*code), *number) else { return };
            for (to, from) in to.iter_mut().zip(from) {
                *to = to.saturating_add(*from);
            }
        }
    }

    /// By protocol and state. Empty when given up.
    pub(super) fn ended(&self, words: &Words) -> BTreeMap<(L4, Option<State>), Remaining> {
        let mut ended: BTreeMap<_, Remaining> = BTreeMap::new();
        for ((code, number), place) in &self.places {
            let Some(page) = usize::try_from(*place).ok().and_then(|place| self.pages.get(place)) else {
                continue;
            };
            let remaining = ended.entry(words.track(*code)).or_default();
            for (bin, count) in (u32::from(*number) << 5..).zip(page) {
                match (bin, u64::from(*count)) {
                    (_, 0) => {}
                    (UNTIMED_BIN, count) => remaining.untimed += count,
                    (bin, count) => *remaining.bins.entry(lower_end(bin)).or_default() += count,
                }
            }
        }
        ended
    }
}

/// The number of the bin of a remaining time; entries without timeout have their own.
#[inline]
pub(super) fn bin_number(remaining_seconds: Option<i64>) -> u16 {
    let number = remaining_seconds.map_or(UNTIMED_BIN, |seconds| {
        let lower_end = Remaining::bin(seconds);
        match lower_end.checked_sub(REMAINING_EXACT_SECONDS) {
            None => lower_end,
            Some(above) => REMAINING_EXACT_SECONDS + above / REMAINING_BIN_SECONDS,
        }
    });
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// The lower end of the bin with this number.
fn lower_end(bin_number: u32) -> u32 {
    match bin_number.checked_sub(REMAINING_EXACT_SECONDS) {
        None => bin_number,
        Some(above) => REMAINING_EXACT_SECONDS + above * REMAINING_BIN_SECONDS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flow::{L3, Reply};

    fn track(words: &mut Words) -> TrackCode {
        words.code(L3::V4, L4::TCP, Some(State::TimeWait), Reply::Assured).track()
    }

    #[test]
    fn bins_are_those_of_the_model() {
        let times = [-5, 0, 1, 1023, 1024, 1087, 1088, 431_999, (1 << 20) - 1, 1 << 20, 42_949_672, i64::MAX];
        let (mut words, mut expected) = (Words::default(), Remaining::default());
        let mut histograms = Histograms::new(1000);
        for time in times.into_iter().map(Some).chain([None]) {
            histograms.add(track(&mut words), bin_number(time));
            expected.add(time);
        }
        let ended = histograms.ended(&words);
        assert_eq!(ended.get(&(L4::TCP, Some(State::TimeWait))), Some(&expected));
    }

    #[test]
    fn too_many_pages_are_given_up_in_any_order() {
        let mut words = Words::default();
        let mut filled = |times: [i64; 3]| {
            let mut histograms = Histograms::new(2);
            for time in times {
                histograms.add(track(&mut words), bin_number(Some(time)));
            }
            histograms
        };
        let (full, half) = (filled([0, 40, 80]), filled([0, 1, 40]));
        let mut joined = filled([80, 81, 82]);
        joined.join(&half, |code| code);
        assert!(full.ended(&Words::default()).is_empty() && joined.ended(&Words::default()).is_empty());
        assert!(!half.ended(&Words::default()).is_empty());
    }
}
