//! Entries over time under a change: how many are left of those there are, how many come, and when a limit is reached.

use crate::model::census::{Class, Remaining};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::{rounded, share};
use super::super::facts::Case;
use super::super::idle::Ages;
use super::super::pace::{Tail, WHOLE, lasting, over, present};
use super::super::portion::Portion;
use super::super::timeouts::Timeouts;
use super::parts::Parts;
use super::{Change, Rate, WORTH_SAYING};

/// First moment that is looked at, seconds.
const FIRST_SECONDS: f64 = 0.25;
/// Each moment that is looked at is later than the one before by this factor.
const STEP: f64 = 1.02;
/// Nothing changes any more after the longest default timeout, twice.
const LAST_SECONDS: f64 = 864_000.0;

/// Entries over time under a change.
pub(super) struct Course {
    /// What its timers alone remove: those there are.
    old: Vec<Leaving>,
    /// What its timers alone remove: those that come, (a second, seconds they stay).
    coming: Vec<(f64, f64)>,
    /// What stays as many.
    constant: f64,
    /// What has been silent for longer than its new timeout: how many are left at the end of their timers.
    silent: Vec<Leaving>,
    /// What grows at a rate until a moment.
    growing: Vec<(f64, f64)>,
    /// Nothing is known of the long run, because.
    pub(super) unknown: Option<Sentence>,
}

/// Entries whose timers run out: bins (lower end of the remaining seconds, width, entries), ascending, and how many of
/// them are meant for each one in the bins.
struct Leaving {
    bins: Vec<(f64, f64, f64)>,
    entries: f64,
}

impl Leaving {
    /// `entries` that leave as the entries of the bins do; without bins evenly over a lifetime.
    fn of(entries: f64, bins: Vec<(f64, f64, f64)>, lifetime: f64) -> Self {
        let bins = if bins.is_empty() { vec![(0.0, lifetime.max(1.0), 1.0)] } else { bins };
        Self { bins, entries }
    }

    fn left(&self, seconds: f64) -> f64 {
        let (mut all, mut left) = (0.0, 0.0);
        for (low, width, n) in &self.bins {
            all += n;
            left += n * ((low + width - seconds) / width).clamp(0.0, 1.0);
        }
        if all > 0.0 { self.entries * left / all } else { 0.0 }
    }
}

impl Course {
    pub(super) fn of(case: &Case<'_>, parts: &Parts, change: &Change, rate: &Rate) -> Self {
        let timeouts = case.timeouts();
        let mut out = Self {
            old: Vec::new(),
            coming: Vec::new(),
            constant: parts.pool as f64,
            silent: Vec::new(),
            growing: Vec::new(),
            unknown: None,
        };
        let ages = parts.rest.ages();
        // The rate of the rest, told by the rest alone.
        let pace = if parts.freed == 0 && parts.pool == 0 { rate.pace.clone() } else { case.pace_of(ages) };
        out.drain(&parts.drains, &timeouts);
        let ends = |class: &Class| pace.ends(class);
        let in_use_seconds = pace.in_use_seconds(ages, &timeouts);
        let more = rate.factor - 1.0;
        for (class, entries) in &parts.rest.classes {
            let entries = *entries as f64;
            let known = timeouts.of(class.l4, class.state, class.replied).filter(|t| t.seconds > 0);
            let now = known.map(|timeout| timeout.seconds as f64);
            let then = change.lifetimes.get(class).map(|then| *then as f64);
            match (pace.classes.get(class).filter(|_| ends(class)), now) {
                (Some(coming), Some(now)) => {
                    let stays = then.unwrap_or(now);
                    out.old.push(Leaving::of(entries, bins_of(&parts.rest, class, now), now));
                    out.coming.push((coming.per_second, stays));
                    let lost = if pace.young(class) { 0.0 } else { more * coming.per_second };
                    let ahead = if over(class) { in_use_seconds } else { 0.0 };
                    out.growing.push((lost, ahead + stays));
                }
                _ => out.used(Used {
                    case,
                    class,
                    entries,
                    now,
                    then,
                    parts,
                    stream: pace.streams.get(class).copied(),
                    more,
                }),
            }
        }
        out
    }

    /// What is over, and followed by no more.
    fn drain(&mut self, drains: &Portion, timeouts: &Timeouts<'_>) {
        for (class, entries) in &drains.classes {
            let lifetime =
                timeouts.of(class.l4, class.state, class.replied).map_or(120.0, |t| t.seconds as f64);
            self.old.push(Leaving::of(*entries as f64, bins_of(drains, class, lifetime), lifetime));
        }
    }

    /// A class that traffic keeps or moves on.
    fn used(&mut self, used: Used<'_, '_>) {
        let Used { case, class, entries, now, then, parts, stream, more } = used;
        let timeouts = case.timeouts();
        let ages = parts.rest.ages();
        let tail = Tail::of(ages, class, &timeouts).filter(|_| lasting(class));
        let kept = match (now, then) {
            (Some(now), Some(then)) if then < now => match kept_within(ages, class, then, &timeouts) {
                Some(kept) => kept,
                None if !lasting(class) => then / now,
                None => {
                    self.cannot(case, class, entries);
                    1.0
                }
            },
            _ => 1.0,
        };
        let stays = entries * kept;
        self.constant += stays;
        if kept < 1.0 {
            self.silent.push(Leaving::of(
                entries - stays,
                silent_bins(&parts.rest, class, now, then),
                now.unwrap_or(1.0),
            ));
        }
        let part = share(rounded(entries).unwrap_or(0), parts.rest.alike(class));
        match (tail, now, then) {
            // Nobody uses those of the tail any more, and nothing stops more of them from coming.
            (Some(tail), Some(now), _) => {
                let until = then.unwrap_or(now);
                if until > tail.oldest_seconds && (then.is_some() || tail.oldest_seconds < WHOLE * now) {
                    self.growing.push((part * tail.per_second, until - tail.oldest_seconds));
                }
            }
            // Those that reach the end of their timers would stay for the difference.
            (None, Some(now), Some(then)) if then > now => {
                let leaving = stream.or_else(|| Some(part * ages.leaving_per_second(class, &timeouts)?));
                let unknown = if lasting(class) { 0.0 } else { entries / now };
                self.growing.push((leaving.unwrap_or(unknown), then - now));
            }
            _ => {}
        }
        // Those of TCP that come in addition are on their way to their end, which counts them.
        if class.l4 != L4::TCP {
            let in_use = stays.min(entries * present(ages, class, &timeouts));
            let lifetime = match stream {
                Some(rate) if rate > 0.0 => Some(entries / rate),
                _ => now.map(|now| now.max(1.0)),
            };
            // On what is handed to a flowtable no timer runs: how long it stays is not known, and so it stays as many.
            if let Some(lifetime) = lifetime {
                self.growing.push((more * in_use / lifetime, lifetime));
            }
        }
    }

    fn cannot(&mut self, case: &Case<'_>, class: &Class, entries: f64) {
        if entries >= WORTH_SAYING * case.entries() as f64 {
            self.unknown = Some(sentence![
                "how long the",
                Word::Count(rounded(entries).unwrap_or(0), noun::ENTRY),
                "of",
                Word::Protocol(class.l4),
                "that are in use have been silent cannot be told: where they settle is not known"
            ]);
        }
    }

    pub(super) fn known(&self) -> bool {
        self.unknown.is_none()
    }

    /// Entries in the long run.
    pub(super) fn settles_at(&self) -> f64 {
        let coming: f64 = self.coming.iter().map(|(rate, stays)| rate * stays).sum();
        let growing: f64 = self.growing.iter().map(|(rate, until)| rate * until).sum();
        self.constant + coming + growing
    }

    /// Entries after so many seconds, of which `deleted` are gone from those that leave by their timers.
    fn at(&self, seconds: f64, deleted: f64) -> f64 {
        let left = |leaving: &[Leaving]| leaving.iter().map(|old| old.left(seconds)).sum::<f64>();
        let whole: f64 = self.old.iter().map(|old| old.entries).sum();
        let stays = if whole > 0.0 { (1.0 - deleted / whole).max(0.0) } else { 1.0 };
        let up_to =
            |those: &[(f64, f64)]| those.iter().map(|(rate, end)| rate * seconds.min(*end)).sum::<f64>();
        self.constant
            + stays * left(&self.old)
            + left(&self.silent)
            + up_to(&self.coming)
            + up_to(&self.growing)
    }

    /// When a limit is reached, if it is; `held` are counted now.
    pub(super) fn reaches(&self, limit: f64, held: f64, deleted: f64) -> Option<f64> {
        if held >= limit {
            return Some(0.0);
        }
        // Expired entries that are not collected yet are counted and not listed.
        let unlisted = (held - self.at(0.0, deleted)).max(0.0);
        let held_at = |seconds: f64| self.at(seconds, deleted) + unlisted;
        let settled = self.settled_after();
        let (mut before, mut low, mut seconds) = (0.0, held_at(0.0), FIRST_SECONDS);
        while before < settled {
            let high = held_at(seconds);
            if high >= limit {
                let part = if high > low { ((limit - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
                return Some(before + part * (seconds - before));
            }
            (before, low) = (seconds, high);
            seconds *= STEP;
        }
        None
    }

    /// Seconds after which nothing changes any more.
    fn settled_after(&self) -> f64 {
        let ends = |those: &[(f64, f64)]| those.iter().map(|(_, end)| *end).fold(0.0, f64::max);
        let leaving = self.old.iter().chain(&self.silent).flat_map(|old| &old.bins);
        let last = leaving.map(|(low, width, _)| low + width).fold(0.0, f64::max);
        last.max(ends(&self.coming)).max(ends(&self.growing)).min(LAST_SECONDS)
    }
}

/// What is needed to say what becomes of a class that is in use.
#[derive(Clone, Copy)]
struct Used<'a, 'c> {
    case: &'a Case<'c>,
    class: &'a Class,
    entries: f64,
    now: Option<f64>,
    then: Option<f64>,
    parts: &'a Parts,
    /// New ones a second, where datagrams keep them.
    stream: Option<f64>,
    more: f64,
}

/// The share of a class whose last packet is at most so long ago.
fn kept_within(ages: Ages<'_>, class: &Class, seconds: f64, timeouts: &Timeouts<'_>) -> Option<f64> {
    let seconds = rounded(seconds)?;
    ages.share_within(class, seconds, timeouts)
}

/// Remaining times of the state of a class, as they are. Where its entries are under several timeouts, those that only a
/// longer one can have are not of this class.
fn bins_of(portion: &Portion, class: &Class, now: f64) -> Vec<(f64, f64, f64)> {
    let alone = portion.classes.get(class).copied().unwrap_or(0) == portion.alike(class);
    bins(portion, class).into_iter().filter(|(low, _, _)| alone || *low < now).collect()
}

/// Remaining times of a state.
fn bins(portion: &Portion, class: &Class) -> Vec<(f64, f64, f64)> {
    let remaining = portion.remaining.get(&(class.l4, class.state));
    let bins = remaining.into_iter().flat_map(|remaining| &remaining.bins);
    bins.filter_map(|(bin, n)| {
        let width = Remaining::width_seconds(*bin)?;
        Some((f64::from(*bin), f64::from(width), *n as f64))
    })
    .collect()
}

/// The same of those that have been silent for longer than `then`.
fn silent_bins(
    portion: &Portion,
    class: &Class,
    now: Option<f64>,
    then: Option<f64>,
) -> Vec<(f64, f64, f64)> {
    let (Some(now), Some(then)) = (now, then) else { return Vec::new() };
    bins(portion, class).into_iter().filter(|(low, _, _)| *low < now - then).collect()
}
