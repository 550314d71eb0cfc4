//! At which rate entries came: their number over the span of time in which they came, read off their idle ages. A
//! table in balance holds one lifetime of them; one that filled faster holds less than that, and its entries over the
//! lifetime would tell a rate that is too low by as much.

use std::collections::BTreeMap;

use crate::model::census::{Class, IdleAges, Remaining};
use crate::model::flow::{L4, Reply, State};

use super::arith::share;
use super::idle::Ages;
use super::timeouts::Timeouts;

/// Share of the ages left out at each end: stragglers, and timers a packet set back.
const STRAGGLERS: f64 = 0.01;
/// From this share of the lifetime on, ages reach over the whole of it: the set is in balance.
pub(crate) const WHOLE: f64 = 0.95;
/// Fewer entries than this may all be young by chance.
const SPAN_ENTRIES_MIN: u64 = 32;
/// Datagrams come in bursts: fewer entries of them than this tell no span.
const MANY: u64 = 256;
/// From this share of the passing entries on, handshakes are what the set is about. Fewer are in progress.
const MOSTLY: f64 = 0.5;
/// The part of the entries that were seen last, which tells how many came before some were evicted.
const YOUNGEST: f64 = 0.25;
/// From this share of the entries in the younger half of their ages on, they thin out with age.
const THINNING: f64 = 0.53;
/// Keepalive's default: who was silent for longer is not there any more.
const GONE_SECONDS: u64 = 7_200;
/// Parts into which the ages of those who are gone are divided, to see whether they went one by one.
const TAIL_PARTS: usize = 8;
/// Fewer entries than this make no tail.
const TAIL_ENTRIES_MIN: u64 = 32;

/// What one class of entries brings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Coming {
    /// Entries.
    pub(crate) entries: u64,
    /// New ones a second.
    pub(crate) per_second: f64,
    /// Seconds that the next ones stay.
    pub(crate) lifetime_seconds: u64,
}

/// The rate of a set of entries, class by class. Classes that last as long as their connection is used (ESTABLISHED,
/// UDP streams) tell no rate and are not in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Pace {
    /// By class.
    pub(crate) classes: BTreeMap<Class, Coming>,
    /// New ones a second of those that datagrams keep, by those whose timers end: in balance as many come.
    pub(crate) streams: BTreeMap<Class, f64>,
    /// Handshakes are what it is about: they end by their timers.
    pub(crate) about_handshakes: bool,
}

impl Pace {
    /// Of these entries.
    pub(crate) fn of(ages: Ages<'_>, timeouts: &Timeouts<'_>) -> Self {
        let mut out = Self::default();
        for (class, entries) in ages.classes.iter().filter(|(class, _)| !lasting(class)) {
            let timeout = timeouts.of(class.l4, class.state, class.replied);
            let Some(timeout) = timeout.filter(|timeout| timeout.seconds > 0) else { continue };
            let coming = Coming {
                entries: *entries,
                per_second: *entries as f64 / timeout.seconds as f64,
                lifetime_seconds: timeout.seconds,
            };
            out.classes.insert(*class, coming);
        }
        let passing = out.passing();
        let handshakes = out.entries_of(handshake);
        out.about_handshakes = share(handshakes, passing) >= MOSTLY;
        for (class, coming) in &mut out.classes {
            let told = over(class) || out.about_handshakes && handshake(class);
            if told && coming.entries >= SPAN_ENTRIES_MIN || class.l4 != L4::TCP && coming.entries >= MANY {
                coming.per_second = ages.per_second(coming.entries, class, timeouts);
            }
        }
        for (class, entries) in
            ages.classes.iter().filter(|(c, _)| lasting(c) && !matches!(c.l4, L4::TCP | L4::SCTP))
        {
            let alike = ages.classes.iter().filter(|(c, _)| c.l4 == class.l4 && c.state == class.state);
            let all = alike.filter(|(c, _)| lasting(c)).fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
            if let Some(ending) = ages.ending_per_second(class, timeouts) {
                out.streams.insert(*class, ending * share(*entries, all));
            }
        }
        out
    }

    /// For how long a TCP connection is used before it is over: those on their way over those that end each second.
    pub(crate) fn in_use_seconds(&self, ages: Ages<'_>, timeouts: &Timeouts<'_>) -> f64 {
        let ending: f64 =
            self.classes.iter().filter(|(class, _)| over(class)).map(|(_, coming)| coming.per_second).sum();
        let on_the_way = ages.classes.iter().filter(|(class, _)| class.l4 == L4::TCP && !self.ends(class));
        let on_the_way: f64 = on_the_way.map(|(class, n)| *n as f64 * present(ages, class, timeouts)).sum();
        if ending > 0.0 { on_the_way / ending } else { 0.0 }
    }

    /// New entries a second, those that datagrams keep among them; none where no class tells.
    pub(crate) fn admitted_per_second(&self) -> Option<f64> {
        let rate = self.per_second().unwrap_or(0.0) + self.streams.values().sum::<f64>();
        (rate > 0.0).then_some(rate)
    }

    /// Of these entries of a table that is full. There the kernel evicts what is not assured to make room, so that
    /// entries thin out with age and their number over the lifetime tells too low a rate: the youngest tell it.
    pub(crate) fn of_full(ages: Ages<'_>, timeouts: &Timeouts<'_>) -> Self {
        let mut out = Self::of(ages, timeouts);
        let about_handshakes = out.about_handshakes;
        for (class, coming) in &mut out.classes {
            let evictable = matches!(class.replied, Reply::Unreplied | Reply::Replied);
            if evictable && (class.l4 != L4::TCP || about_handshakes && handshake(class)) {
                let young = ages.per_second_of_the_young(coming.entries, class, timeouts);
                coming.per_second = young.map_or(coming.per_second, |young| young.max(coming.per_second));
            }
        }
        out
    }

    /// Its entries came in less than their lifetime: none of them had to leave yet.
    pub(crate) fn young(&self, class: &Class) -> bool {
        let coming = self.classes.get(class).filter(|_| self.ends(class));
        coming.is_some_and(|c| c.entries as f64 <= WHOLE * c.per_second * c.lifetime_seconds as f64)
    }

    /// Its entries come at a rate and leave by their timers alone.
    pub(crate) fn ends(&self, class: &Class) -> bool {
        self.classes.contains_key(class)
            && (class.l4 != L4::TCP || over(class) || self.about_handshakes && handshake(class))
    }

    /// New entries a second; none where no class tells.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let rate: f64 = self.classes.values().map(|coming| coming.per_second).sum();
        (rate > 0.0).then_some(rate)
    }

    /// Entries that tell a rate.
    pub(crate) fn passing(&self) -> u64 {
        self.entries_of(|_| true)
    }

    /// Where these classes settle at this rate, if no limit stopped them: rate × lifetime.
    pub(crate) fn settles_at(&self) -> f64 {
        self.classes.values().map(|coming| coming.per_second * coming.lifetime_seconds as f64).sum()
    }

    /// The entries came in less than a lifetime: none of them had to leave yet, and at this rate more will stand
    /// here than now.
    pub(crate) fn still_growing(&self) -> bool {
        self.passing() as f64 <= WHOLE * self.settles_at()
    }

    fn entries_of(&self, holds: impl Fn(&Class) -> bool) -> u64 {
        let those = self.classes.iter().filter(|(class, _)| holds(class));
        those.fold(0, |sum, (_, coming)| sum.saturating_add(coming.entries))
    }
}

/// The entry lasts as long as its connection is used: its number tells no rate.
pub(crate) fn lasting(class: &Class) -> bool {
    match class.l4 {
        L4::TCP | L4::SCTP => class.state == Some(State::Established),
        _ => class.replied == Reply::Assured,
    }
}

/// The share of a class whose ends are still there, as far as silence tells.
pub(crate) fn present(ages: Ages<'_>, class: &Class, timeouts: &Timeouts<'_>) -> f64 {
    if lasting(class) { ages.share_within(class, GONE_SECONDS, timeouts).unwrap_or(1.0) } else { 1.0 }
}

/// Left by its timer alone: the age is the time since the connection ended.
pub(crate) fn over(class: &Class) -> bool {
    class.l4 == L4::TCP && matches!(class.state, Some(State::TimeWait | State::Close))
}

/// A handshake. Retransmissions do not set its timer back; an answer ends the state long before the timer does.
fn handshake(class: &Class) -> bool {
    class.l4 == L4::TCP && matches!(class.state, Some(State::SynSent | State::SynRecv))
}

/// Established connections whose ends are gone, where they went one by one and not in one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tail {
    /// Entries.
    pub(crate) entries: f64,
    /// So many more a second.
    pub(crate) per_second: f64,
    /// Since the first one went.
    pub(crate) oldest_seconds: f64,
}

impl Tail {
    /// Of a class that traffic renews.
    pub(crate) fn of(ages: Ages<'_>, class: &Class, timeouts: &Timeouts<'_>) -> Option<Self> {
        let known = ages.of(class.l4, class.state, timeouts);
        let gone: Vec<(u64, u64)> = known.into_iter().filter(|(age, _)| *age > GONE_SECONDS).collect();
        let entries = gone.iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        let oldest = gone.iter().map(|(age, _)| *age).max()?;
        let span = oldest - GONE_SECONDS;
        // Shorter, and it may be an idle time that a program ends.
        if entries < TAIL_ENTRIES_MIN || span < GONE_SECONDS {
            return None;
        }
        let mut parts = [0u64; TAIL_PARTS];
        for (age, n) in &gone {
            let place = (age - GONE_SECONDS).saturating_mul(TAIL_PARTS as u64) / span.saturating_add(1);
            if let Some(part) = usize::try_from(place).ok().and_then(|place| parts.get_mut(place)) {
                *part = part.saturating_add(*n);
            }
        }
        let even = entries as f64 / TAIL_PARTS as f64;
        let one_by_one = parts.iter().all(|part| (0.3 * even..=2.0 * even).contains(&(*part as f64)));
        one_by_one.then(|| Self {
            entries: entries as f64,
            per_second: entries as f64 / span as f64,
            oldest_seconds: oldest as f64,
        })
    }
}

/// New entries a second before any was evicted, told by the youngest. None where the entries neither thin out with
/// age nor end before their timers do.
pub(crate) fn young_per_second(entries: u64, ages: &IdleAges, timeout_seconds: u32) -> Option<f64> {
    let at = |part| age_at(ages, timeout_seconds, part);
    let (young, old) = (at(STRAGGLERS)?, at(1.0 - STRAGGLERS)?);
    let up_to = |part: f64| -> u64 {
        let end = young + part * (old - young);
        ages.bins.iter().filter(|(age, _)| f64::from(**age) <= end).map(|(_, n)| *n).sum()
    };
    let all = ages.entries();
    let (first, half, third) = (up_to(0.25), up_to(0.5), up_to(0.75));
    let thins_out = share(half, all) >= THINNING
        && first >= half.saturating_sub(first)
        && third.saturating_sub(half) >= all.saturating_sub(third);
    if !thins_out && old >= WHOLE * f64::from(timeout_seconds) {
        return None;
    }
    let widest = ages.bins.keys().filter_map(|age| width(*age, timeout_seconds)).max()?;
    let span = (at(YOUNGEST)? - young).max((YOUNGEST - STRAGGLERS) * f64::from(widest));
    Some((YOUNGEST - STRAGGLERS) * entries as f64 / span)
}

/// New entries a second: `entries` over the span of their ages. Ages must be those under a timeout of
/// `lifetime_seconds`. Where they reach over the whole lifetime, or are not known, it is entries over lifetime.
pub(crate) fn per_second(entries: u64, ages: &IdleAges, lifetime_seconds: u32) -> f64 {
    let lifetime = f64::from(lifetime_seconds.max(1));
    let known = ages.entries();
    let span = if known > 0 && known >= ages.above_timeout.saturating_add(ages.untimed) {
        span_seconds(ages, lifetime_seconds).map_or(lifetime, |span| span.min(lifetime))
    } else {
        lifetime
    };
    entries as f64 / if span >= WHOLE * lifetime { lifetime } else { span }
}

/// The time over which the ages stretch, without stragglers, never below the width of a bin.
fn span_seconds(ages: &IdleAges, timeout_seconds: u32) -> Option<f64> {
    let young = age_at(ages, timeout_seconds, STRAGGLERS)?;
    let old = age_at(ages, timeout_seconds, 1.0 - STRAGGLERS)?;
    let widest = ages.bins.keys().filter_map(|age| width(*age, timeout_seconds)).max()?;
    Some(((old - young) / (1.0 - 2.0 * STRAGGLERS)).max(f64::from(widest)))
}

/// The age that such a share of the entries is below, with the entries of a bin spread evenly over it.
fn age_at(ages: &IdleAges, timeout_seconds: u32, part: f64) -> Option<f64> {
    let wanted = part * ages.entries() as f64;
    let mut below = 0.0;
    for (age, count) in &ages.bins {
        let count = *count as f64;
        if below + count >= wanted && count > 0.0 {
            let width = f64::from(width(*age, timeout_seconds)?);
            return Some(f64::from(*age) - width * (1.0 - (wanted - below) / count));
        }
        below += count;
    }
    None
}

/// Width of the bin whose greatest age this is.
fn width(age: u32, timeout_seconds: u32) -> Option<u32> {
    Remaining::width_seconds(timeout_seconds.saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evenly(from: u32, to: u32, each: u64) -> IdleAges {
        IdleAges { bins: (from..to).map(|age| (age + 1, each)).collect(), ..IdleAges::default() }
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 0.02 * b, "{a} is not near {b}");
    }

    #[test]
    fn ages_over_the_whole_lifetime_tell_entries_over_lifetime() {
        let rate = per_second(29_457, &evenly(0, 120, 241), 120);
        assert!((rate - 29_457.0 / 120.0).abs() < 1e-9, "{rate}");
    }

    #[test]
    fn ages_of_ten_seconds_tell_entries_over_ten_seconds() {
        near(per_second(4_000, &evenly(4, 14, 400), 120), 400.0);
    }

    #[test]
    fn a_few_stragglers_do_not_stretch_the_span() {
        let mut ages = evenly(4, 14, 400);
        ages.bins.insert(1, 20);
        ages.bins.insert(119, 20);
        near(per_second(4_040, &ages, 120), 400.0);
    }

    #[test]
    fn one_bin_is_never_less_than_its_width() {
        let second = IdleAges { bins: BTreeMap::from([(5, 1_000)]), ..IdleAges::default() };
        near(per_second(1_000, &second, 120), 1_000.0);
        // 64 s wide above 1,024 s.
        let minute = IdleAges { bins: BTreeMap::from([(1_936, 6_400)]), ..IdleAges::default() };
        near(per_second(6_400, &minute, 10_000), 100.0);
    }

    #[test]
    fn entries_that_thin_out_with_age_tell_the_rate_by_the_youngest() {
        // 1,000 a second, of which one in twenty is evicted each second.
        let thinning: IdleAges = IdleAges {
            bins: (0..60_u32)
                .map(|age| (age + 1, arith_rounded(1_000.0 * (-0.05 * (f64::from(age) + 0.5)).exp())))
                .collect(),
            ..IdleAges::default()
        };
        let rate = young_per_second(thinning.entries(), &thinning, 60).unwrap();
        assert!((rate - 1_000.0).abs() < 150.0, "{rate}");
        assert_eq!(young_per_second(6_000, &evenly(0, 60, 100), 60), None);
    }

    fn arith_rounded(value: f64) -> u64 {
        super::super::arith::rounded(value).unwrap()
    }

    #[test]
    fn unknown_ages_tell_entries_over_lifetime() {
        let unknown = IdleAges { above_timeout: 1_200, ..IdleAges::default() };
        near(per_second(1_200, &unknown, 120), 10.0);
        near(per_second(1_200, &IdleAges::default(), 120), 10.0);
    }
}
