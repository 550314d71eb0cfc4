//! Idle ages: timeout − remaining = seconds since a flow's last packet. Arithmetic on bins, nothing else.

use std::collections::BTreeMap;

use crate::model::census::{Class, Remaining};
use crate::model::diagnosis::{Ageless, IdleBar, NoAge};
use crate::model::era::timeout_name;
use crate::model::flow::{L4, Reply, State};

use super::arith::share;
use super::pace;
use super::timeouts::{Timeouts, longest};

/// Lower ends of the bars of the histogram, seconds.
const EDGES: [u64; 14] =
    [0, 10, 30, 60, 120, 300, 600, 3_600, 7_200, 21_600, 86_400, 172_800, 432_000, 1 << 20];
/// Bins above this many seconds are 64 s wide.
const FINE_BELOW: u32 = 1_024;
/// Half of a wide bin.
const HALF_BIN: u64 = 32;
/// Ages that are counted as one moment.
const MOMENT_SECONDS: u64 = 64;
/// Fewer ages than this have no shape.
const SHAPE_MIN: u64 = 8;
/// Bins that entries of one event stand in: they end over a few seconds, and the table is read meanwhile.
const EVENT_BINS: u64 = 5;
/// Periods looked for, in bins: up to two minutes of seconds, or two hours of minutes.
const PERIOD_MAX: u64 = 120;
/// Teeth that a comb has, at least.
const TEETH_MIN: u64 = 3;
/// How much of what chance would leave outside of a window must stand in it.
const CLEAR: f64 = 0.5;
/// No tooth holds more of a comb than this.
const ONE_TOOTH: f64 = 0.5;
/// A period within this of the clearest one is as good.
const NEARLY_AS_CLEAR: f64 = 0.97;
/// Standard deviations above chance, since many periods are tried.
const BEYOND_CHANCE: f64 = 5.0;

/// Over fewer seconds than this the ends of timers tell no rate.
const ENDING_SPAN_MIN: u64 = 5;

/// Remaining times by protocol and state, with the classes that tell flags apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ages<'a> {
    /// Bins.
    pub(crate) remaining: &'a BTreeMap<(L4, Option<State>), Remaining>,
    /// Classes of the same entries.
    pub(crate) classes: &'a BTreeMap<Class, u64>,
}

/// How ages are spread: what opened the connections, or ended them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Most share one age: one event ended them.
    OneEvent {
        /// That age, seconds.
        age_seconds: u64,
        /// The youngest of them, seconds.
        youngest_seconds: u64,
        /// The oldest one is older by this much, at most.
        span_seconds: u64,
        /// Entries of it.
        entries: u64,
    },
    /// Most stand at ages that are a period apart: a timer opens them.
    Comb {
        /// Seconds from one tooth to the next.
        period_seconds: u64,
        /// Teeth that are not empty.
        teeth: u64,
        /// Entries that stand in them.
        entries: u64,
    },
    /// Neither: they come at any time.
    Flat,
}

impl Ages<'_> {
    /// The shape of the ages of one protocol and state; none: too few, or not known.
    pub(crate) fn shape(&self, l4: L4, state: Option<State>, timeouts: &Timeouts<'_>) -> Option<Shape> {
        let ages = self.of(l4, state, timeouts);
        let wide = self.remaining.get(&(l4, state))?.bins.keys().any(|bin| *bin >= FINE_BELOW);
        shape(&ages, if wide { MOMENT_SECONDS } else { 1 })
    }

    /// Idle ages of one protocol and state: (seconds, entries), not sorted. Without entries whose timer may be another
    /// one than that of their state; empty where the timeout is not known, or where entries of one state stand on
    /// different timeouts (UDP with and without stream).
    pub(crate) fn of(&self, l4: L4, state: Option<State>, timeouts: &Timeouts<'_>) -> Vec<(u64, u64)> {
        self.told(l4, state, timeouts).into_iter().map(|(age, _, entries)| (age, entries)).collect()
    }

    /// The same, with whether the bin is a wide one, whose middle is given; of a second, its end is.
    fn told(&self, l4: L4, state: Option<State>, timeouts: &Timeouts<'_>) -> Vec<(u64, bool, u64)> {
        let read = self.read(l4, state, timeouts).into_iter();
        read.filter_map(|(age, wide, entries)| Some((age.ok()?, wide, entries))).collect()
    }

    /// Every bin of one protocol and state: its age or why it has none, whether it is a wide one, and its entries.
    fn read(
        &self,
        l4: L4,
        state: Option<State>,
        timeouts: &Timeouts<'_>,
    ) -> Vec<(Result<u64, NoAge>, bool, u64)> {
        let Some(remaining) = self.remaining.get(&(l4, state)) else { return Vec::new() };
        let all = |why: NoAge| {
            remaining.bins.iter().map(|(bin, entries)| (Err(why), *bin >= FINE_BELOW, *entries)).collect()
        };
        let Some(flag) = self.one_timeout(l4, state) else { return all(NoAge::SeveralTimers) };
        let Some(timeout) = timeouts.of(l4, state, flag) else { return all(NoAge::TimeoutUnknown) };
        let short = timeouts.in_place_of(l4, timeout.seconds);
        // Of connections met in their middle and never answered all have the shorter timer, on kernels that know it.
        let met = flag == Reply::Unreplied && state == Some(State::Established);
        let shorter_for_all =
            short.filter(|short| met && longest(remaining).is_some_and(|left| left <= *short));
        let (seconds, floor) = match (shorter_for_all, short) {
            (Some(short), _) => (short, None),
            (None, short) => (timeout.seconds, short),
        };
        // Who puts entries in gives them timers of his own: one above the setting tells nothing then.
        let older = timeouts.default_of(l4, state, flag).filter(|_| !timeouts.inserted());
        remaining
            .bins
            .iter()
            .map(|(bin, entries)| {
                let wide = *bin >= FINE_BELOW;
                let left = u64::from(*bin).saturating_add(if wide { HALF_BIN } else { 0 });
                // As little may be left of the timer of the state, or of the shorter one that stands in for it.
                if floor.is_some_and(|floor| left <= floor) {
                    return (Err(NoAge::ShorterTimer), wide, *entries);
                }
                // A timer above the setting was started under an older, longer one.
                let age = seconds.checked_sub(left).or_else(|| older?.checked_sub(left));
                (age.ok_or(NoAge::AboveTimeout), wide, *entries)
            })
            .collect()
    }

    /// Entries whose age is not told, by reason, the most first. With the bars of the histogram they are all entries.
    pub(crate) fn left_out(&self, timeouts: &Timeouts<'_>) -> Vec<Ageless> {
        let mut by_reason: BTreeMap<NoAge, u64> = BTreeMap::new();
        for ((l4, state), remaining) in self.remaining {
            let without = self.read(*l4, *state, timeouts).into_iter();
            let without = without.filter_map(|(age, _, entries)| Some((age.err()?, entries)));
            for (why, entries) in without.chain([(NoAge::NoTimer, remaining.untimed)]) {
                let sum = by_reason.entry(why).or_default();
                *sum = sum.saturating_add(entries);
            }
        }
        let mut out: Vec<Ageless> = by_reason
            .into_iter()
            .filter(|(_, entries)| *entries > 0)
            .map(|(why, entries)| Ageless { why, entries })
            .collect();
        out.sort_by(|a, b| b.entries.cmp(&a.entries).then(a.why.cmp(&b.why)));
        out
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

    /// Entries of a class that reach the end of their timers each second, over the next half of its timeout: those that
    /// no packet has renewed for as long. None where entries of the same state under other timeouts reach as far.
    pub(crate) fn ending_per_second(&self, class: &Class, timeouts: &Timeouts<'_>) -> Option<f64> {
        let half = timeouts.of(class.l4, class.state, class.replied)?.seconds / 2;
        let others = self.classes.keys().filter(|c| c.l4 == class.l4 && c.state == class.state);
        let others = others.filter(|c| c.replied != class.replied);
        let others = others.filter_map(|c| timeouts.of(c.l4, c.state, c.replied)).map(|t| t.seconds);
        let floor = others.max().unwrap_or(0);
        let span = half.checked_sub(floor).filter(|span| *span >= ENDING_SPAN_MIN)?;
        let bins = &self.remaining.get(&(class.l4, class.state))?.bins;
        let ending = bins.iter().filter(|(bin, _)| (floor..half).contains(&u64::from(**bin)));
        let ending = ending.fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        Some(ending as f64 / span as f64)
    }

    /// Entries of the state of a class whose last packet was between so many seconds ago, a second; none where ages
    /// are not known.
    pub(crate) fn between_per_second(
        &self,
        class: &Class,
        ages: (f64, f64),
        timeouts: &Timeouts<'_>,
    ) -> Option<f64> {
        self.one_timeout(class.l4, class.state)?;
        // Entries of a bin lie anywhere in it: of one that reaches over an end, its part counts.
        let part = |(age, wide, entries): (u64, bool, u64)| {
            let (age, half) = (age as f64, HALF_BIN as f64);
            let (young, old) = if wide { (age - half, age + half) } else { (age - 1.0, age) };
            let within = (old.min(ages.1) - young.max(ages.0)).max(0.0);
            entries as f64 * within / (old - young)
        };
        let those: f64 = self.told(class.l4, class.state, timeouts).into_iter().map(part).sum();
        (ages.1 > ages.0).then(|| those / (ages.1 - ages.0))
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

/// The shape of ages in bins of `width` seconds; none: too few of them.
pub(crate) fn shape(ages: &[(u64, u64)], width: u64) -> Option<Shape> {
    let width = width.max(1);
    let mut bins: BTreeMap<u64, u64> = BTreeMap::new();
    for (age, entries) in ages {
        let sum = bins.entry(age / width).or_default();
        *sum = sum.saturating_add(*entries);
    }
    let all = total(&bins);
    if all < SHAPE_MIN {
        return None;
    }
    if let Some(event) = one_event(&bins) {
        return Some(Shape::OneEvent {
            age_seconds: event.fullest.saturating_mul(width),
            youngest_seconds: event.first.saturating_mul(width),
            span_seconds: EVENT_BINS.saturating_mul(width),
            entries: event.entries,
        });
    }
    let longest = bins.keys().next_back().copied().unwrap_or(0);
    let periods = 2..=PERIOD_MAX.min(longest / (TEETH_MIN - 1));
    let combs: Vec<Comb> = periods.filter_map(|period| comb(&bins, period)).collect();
    let clearest = combs.iter().map(|comb| comb.beyond_chance).fold(0.0, f64::max);
    // What divides the period fits as well as the period, and what is near it fits somewhat: the longest of the best.
    let best = combs.iter().rev().find(|comb| comb.beyond_chance >= NEARLY_AS_CLEAR * clearest);
    Some(match best {
        Some(Comb { period, teeth, entries, .. }) => {
            Shape::Comb { period_seconds: period.saturating_mul(width), teeth: *teeth, entries: *entries }
        }
        None => Shape::Flat,
    })
}

fn total(bins: &BTreeMap<u64, u64>) -> u64 {
    bins.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// A share of all that is far more than chance would give.
fn far_above(found: f64, chance: f64) -> bool {
    found - chance >= CLEAR * (1.0 - chance)
}

/// A few bins that hold most.
struct Event {
    /// The first of them.
    first: u64,
    /// The one with the most entries.
    fullest: u64,
    /// Entries of all.
    entries: u64,
}

/// The few bins that hold most, where the others reach over far more.
fn one_event(bins: &BTreeMap<u64, u64>) -> Option<Event> {
    let window = |first: u64| bins.range(first..first.saturating_add(EVENT_BINS));
    let held = |first: u64| window(first).fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
    let (first, entries) =
        bins.keys().map(|first| (*first, held(*first))).max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let (youngest, oldest) = (bins.keys().next()?, bins.keys().next_back()?);
    let span = (oldest - youngest).saturating_add(1);
    let chance = if span <= EVENT_BINS { 0.0 } else { share(EVENT_BINS, span) };
    let fullest = window(first).max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)))?;
    let event = Event { first, fullest: *fullest.0, entries };
    far_above(share(entries, total(bins)), chance).then_some(event)
}

/// A comb that was found.
struct Comb {
    /// Bins.
    period: u64,
    /// Teeth that are not empty.
    teeth: u64,
    /// Entries in them.
    entries: u64,
    /// Standard deviations.
    beyond_chance: f64,
}

/// What stands at ages that are `period` bins apart, where that is far more than chance. A tooth is as wide as a fifth of the period, and never narrower than a timer's own wandering over the edge of a bin.
fn comb(bins: &BTreeMap<u64, u64>, period: u64) -> Option<Comb> {
    let tooth = if period < 5 { 1 } else { period.div_ceil(5).max(2) };
    let mut phases: BTreeMap<u64, u64> = BTreeMap::new();
    for (bin, entries) in bins {
        let sum = phases.entry(bin % period).or_default();
        *sum = sum.saturating_add(*entries);
    }
    let inside = |first: u64, bin: u64| (bin % period + period - first) % period < tooth;
    let held = |first: u64| {
        phases
            .iter()
            .filter(|(phase, _)| inside(first, **phase))
            .fold(0u64, |sum, (_, n)| sum.saturating_add(*n))
    };
    let (first, entries) =
        (0..period).map(|first| (first, held(first))).max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let all = total(bins);
    let (found, chance) = (share(entries, all), share(tooth, period));
    let beyond = (found - chance) * (all as f64 / (chance * (1.0 - chance))).sqrt();
    if !far_above(found, chance) || beyond < BEYOND_CHANCE {
        return None;
    }
    let mut teeth: BTreeMap<u64, u64> = BTreeMap::new();
    for (bin, n) in bins.iter().filter(|(bin, _)| inside(first, **bin)) {
        let sum = teeth.entry((bin + period - first) / period).or_default();
        *sum = sum.saturating_add(*n);
    }
    // One tooth that holds most is an event, and the others are stragglers.
    let largest = teeth.values().max().copied().unwrap_or(0);
    let count = teeth.len() as u64;
    (count >= TEETH_MIN && share(largest, entries) <= ONE_TOOTH).then_some(Comb {
        period,
        teeth: count,
        entries,
        beyond_chance: beyond,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evenly(ages: impl Iterator<Item = u64>, each: u64) -> Vec<(u64, u64)> {
        ages.map(|age| (age, each)).collect()
    }

    #[test]
    fn a_timer_leaves_a_comb_of_its_period() {
        for period in [2u64, 3, 5, 10, 15, 30] {
            for phase in 0..period {
                let ages = evenly((phase..120).step_by(usize::try_from(period).unwrap()), 40);
                let found = shape(&ages, 1);
                let told =
                    matches!(found, Some(Shape::Comb { period_seconds, .. }) if period_seconds == period);
                assert!(told, "{period} + {phase}: {found:?}");
            }
        }
        assert!(matches!(
            shape(&evenly((7..120).step_by(10), 40), 1),
            Some(Shape::Comb { period_seconds: 10, teeth: 12, entries: 480 })
        ));
    }

    #[test]
    fn one_check_of_one_server_is_enough_to_tell_its_period() {
        let ages = evenly((3..120).step_by(10), 1);
        assert!(matches!(shape(&ages, 1), Some(Shape::Comb { period_seconds: 10, .. })));
    }

    #[test]
    fn a_timer_that_wanders_over_the_edge_of_a_second_is_still_a_comb() {
        let ages: Vec<(u64, u64)> =
            (0..24u64).map(|n| (n * 5 + u64::from(n % 3 == 0), 10)).chain([(11, 3), (52, 4)]).collect();
        assert!(matches!(shape(&ages, 1), Some(Shape::Comb { period_seconds: 5, .. })));
    }

    #[test]
    fn a_steady_stream_is_flat_and_so_is_an_uneven_one() {
        assert_eq!(shape(&evenly(0..120, 245), 1), Some(Shape::Flat));
        // A generator that is as good as chance: no period stands out.
        let mut seed = 7u64;
        let ages: Vec<(u64, u64)> = (0..120)
            .map(|age| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (age, 3 + (seed >> 33) % 9)
            })
            .collect();
        assert_eq!(shape(&ages, 1), Some(Shape::Flat));
        assert_eq!(shape(&evenly(4..14, 400), 1), Some(Shape::Flat));
    }

    #[test]
    fn most_at_one_age_are_one_event_with_its_age() {
        let mut ages = evenly(0..120, 2);
        ages.push((61, 900));
        ages.push((62, 300));
        let event = |age_seconds, youngest_seconds, span_seconds, entries| {
            Some(Shape::OneEvent { age_seconds, youngest_seconds, span_seconds, entries })
        };
        assert_eq!(shape(&ages, 1), event(61, 58, 5, 1_210));
        let days = [(86_400, 700), (86_464, 20), (1_000, 9)];
        assert_eq!(shape(&days, 64), event(86_400, 86_400, 320, 720));
    }

    #[test]
    fn a_job_of_every_hour_is_a_comb_of_minutes() {
        let ages = evenly((600..80_000).step_by(3_600), 50);
        let Some(Shape::Comb { period_seconds, .. }) = shape(&ages, 64) else { panic!("no comb") };
        assert!(period_seconds.abs_diff(3_600) <= 64, "{period_seconds}");
    }

    #[test]
    fn a_handful_has_no_shape() {
        assert_eq!(shape(&[(3, 7)], 1), None);
        assert_eq!(shape(&[], 1), None);
    }
}
