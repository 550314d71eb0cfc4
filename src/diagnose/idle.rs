//! Idle ages: timeout − remaining = seconds since a flow's last packet. Arithmetic on bins, nothing else.

use std::collections::BTreeMap;

use crate::model::census::{Class, Remaining};
use crate::model::diagnosis::IdleBar;
use crate::model::era::timeout_name;
use crate::model::flow::{L4, Reply, State};

use super::arith::share;
use super::pace;
use super::timeouts::Timeouts;

/// Lower ends of the bars of the histogram, seconds.
const EDGES: [u64; 14] =
    [0, 10, 30, 60, 120, 300, 600, 3_600, 7_200, 21_600, 86_400, 172_800, 432_000, 1 << 20];
/// Bins above this many seconds are 64 s wide.
const FINE_BELOW: u32 = 1_024;
/// Half of a wide bin.
const HALF_BIN: u64 = 32;
/// Ages that are counted as one moment.
const MOMENT_SECONDS: u64 = 64;

/// Remaining times by protocol and state, with the classes that tell flags apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ages<'a> {
    /// Bins.
    pub(crate) remaining: &'a BTreeMap<(L4, Option<State>), Remaining>,
    /// Classes of the same entries.
    pub(crate) classes: &'a BTreeMap<Class, u64>,
}

impl Ages<'_> {
    /// Idle ages of one protocol and state: (seconds, entries), not sorted. Empty where the timeout is not known, or
    /// where entries of one state stand on different timeouts (UDP with and without stream).
    pub(crate) fn of(&self, l4: L4, state: Option<State>, timeouts: &Timeouts<'_>) -> Vec<(u64, u64)> {
        let (Some(remaining), Some(flag)) = (self.remaining.get(&(l4, state)), self.one_timeout(l4, state))
        else {
            return Vec::new();
        };
        let Some(timeout) = timeouts.of(l4, state, flag) else { return Vec::new() };
        let older = timeouts.default_of(l4, state, flag);
        remaining
            .bins
            .iter()
            .filter_map(|(bin, entries)| {
                let left = u64::from(*bin).saturating_add(if *bin >= FINE_BELOW { HALF_BIN } else { 0 });
                // A timer above the setting was started under an older, longer one.
                let age = timeout.seconds.checked_sub(left).or_else(|| older?.checked_sub(left))?;
                Some((age, *entries))
            })
            .collect()
    }

    /// New entries a second that `entries` of a class stand for, by the ages of its protocol and state; entries over
    /// lifetime where those are not known.
    pub(crate) fn per_second(&self, entries: u64, class: &Class, timeouts: &Timeouts<'_>) -> f64 {
        let lifetime = timeouts.of(class.l4, class.state, class.replied).map_or(1, |t| t.seconds.max(1));
        let told = || {
            let remaining = self.remaining.get(&(class.l4, class.state))?;
            self.one_timeout(class.l4, class.state)?;
            // Timers above the setting were started under an older, longer one, and so were their neighbours.
            let older = timeouts.default_of(class.l4, class.state, class.replied);
            let longest = super::timeouts::longest(remaining).unwrap_or(0);
            let under = older.filter(|older| longest > lifetime.saturating_add(1) && longest <= *older);
            let under = u32::try_from(under.unwrap_or(lifetime)).ok()?;
            Some(pace::per_second(entries, &remaining.idle_ages(under), under))
        };
        told().unwrap_or(entries as f64 / lifetime as f64)
    }

    /// The same of entries that were evicted before their time, told by the youngest; none where it does not look so.
    pub(crate) fn per_second_of_the_young(
        &self,
        entries: u64,
        class: &Class,
        timeouts: &Timeouts<'_>,
    ) -> Option<f64> {
        let timeout = timeouts.of(class.l4, class.state, class.replied)?;
        self.one_timeout(class.l4, class.state)?;
        let under = u32::try_from(timeout.seconds).ok()?;
        pace::young_per_second(
            entries,
            &self.remaining.get(&(class.l4, class.state))?.idle_ages(under),
            under,
        )
    }

    /// The share of a class whose last packet is at most so many seconds ago. None where that cannot be told: entries
    /// of the same state are under another timeout that reaches as far.
    pub(crate) fn share_within(&self, class: &Class, seconds: u64, timeouts: &Timeouts<'_>) -> Option<f64> {
        if self.one_timeout(class.l4, class.state).is_some() {
            let known = self.of(class.l4, class.state, timeouts);
            let all = known.iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
            return (all > 0).then(|| 1.0 - share(older_than(seconds, &known), all));
        }
        let timeout = timeouts.of(class.l4, class.state, class.replied)?.seconds;
        let floor = timeout.checked_sub(seconds)?;
        let others = self.classes.keys().filter(|c| c.l4 == class.l4 && c.state == class.state);
        let others = others.filter(|c| c.replied != class.replied);
        let reach = others.filter_map(|c| timeouts.of(c.l4, c.state, c.replied)).map(|t| t.seconds).max()?;
        if reach > floor {
            return None;
        }
        let bins = &self.remaining.get(&(class.l4, class.state))?.bins;
        let within = bins.iter().filter(|(bin, _)| u64::from(**bin) >= floor);
        let within = within.fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        let alike = self
            .classes
            .iter()
            .filter(|(c, _)| c.l4 == class.l4 && c.state == class.state && c.replied == class.replied);
        let alike = alike.fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        (alike > 0).then(|| share(within, alike).min(1.0))
    }

    /// Entries of the state of a class that reach the end of their timers each second, whatever their flags: those in
    /// the last tenth of the shortest of their timeouts.
    pub(crate) fn ending_per_second(&self, class: &Class, timeouts: &Timeouts<'_>) -> Option<f64> {
        let alike = self.classes.keys().filter(|c| c.l4 == class.l4 && c.state == class.state);
        let shortest =
            alike.filter_map(|c| timeouts.of(c.l4, c.state, c.replied)).map(|t| t.seconds).min()?;
        let last = (shortest / 10).max(1);
        let bins = &self.remaining.get(&(class.l4, class.state))?.bins;
        let ending = bins.iter().filter(|(bin, _)| u64::from(**bin) < last);
        let ending = ending.fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        Some(ending as f64 / last as f64)
    }

    /// Entries of a state that reach the end of their timers each second, by those in the last tenth of them.
    pub(crate) fn leaving_per_second(&self, class: &Class, timeouts: &Timeouts<'_>) -> Option<f64> {
        let timeout = timeouts.of(class.l4, class.state, class.replied)?.seconds;
        self.one_timeout(class.l4, class.state)?;
        let last = (timeout / 10).max(1);
        let from = timeout.saturating_sub(last);
        let leaving = older_than(from, &self.of(class.l4, class.state, timeouts));
        Some(leaving as f64 / last as f64)
    }

    /// The flag that decides the timeout, where all entries of the state are under the same one.
    fn one_timeout(&self, l4: L4, state: Option<State>) -> Option<Reply> {
        let mut found: Option<(Reply, Option<&'static str>)> = None;
        for class in
            self.classes.keys().filter(|c| c.l4 == l4 && c.state == state && c.replied != Reply::Offloaded)
        {
            let name = timeout_name(l4, state, class.replied);
            match found {
                None => found = Some((class.replied, name)),
                Some((_, other)) if other == name => {}
                Some(_) => return None,
            }
        }
        found.map(|(flag, _)| flag)
    }

    /// All that can be told, as bars; bars without entries are left out.
    pub(crate) fn histogram(&self, timeouts: &Timeouts<'_>) -> Vec<IdleBar> {
        let mut bars = [0u64; EDGES.len()];
        for (l4, state) in self.remaining.keys() {
            for (age, entries) in self.of(*l4, *state, timeouts) {
                let place = EDGES.iter().rposition(|edge| *edge <= age).unwrap_or(0);
                if let Some(bar) = bars.get_mut(place) {
                    *bar = bar.saturating_add(entries);
                }
            }
        }
        let ends = EDGES.iter().skip(1).copied().chain(std::iter::once(u64::MAX));
        EDGES
            .iter()
            .zip(ends)
            .zip(bars)
            .filter(|(_, entries)| *entries > 0)
            .map(|((from, to), entries)| IdleBar { from_seconds: *from, to_seconds: to, entries })
            .collect()
    }
}

/// Entries that are idle for longer than so many seconds.
pub(crate) fn older_than(seconds: u64, ages: &[(u64, u64)]) -> u64 {
    ages.iter().filter(|(age, _)| *age > seconds).fold(0, |sum, (_, n)| sum.saturating_add(*n))
}

/// The age above `floor` that most entries share, within about a minute: (seconds, entries).
pub(crate) fn spike(ages: &[(u64, u64)], floor: u64) -> Option<(u64, u64)> {
    let mut moments: BTreeMap<u64, u64> = BTreeMap::new();
    for (age, entries) in ages.iter().filter(|(age, _)| *age > floor) {
        let sum = moments.entry(age / MOMENT_SECONDS).or_default();
        *sum = sum.saturating_add(*entries);
    }
    let (moment, entries) = moments.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    Some((moment.saturating_mul(MOMENT_SECONDS).saturating_add(HALF_BIN), entries))
}
