//! How an incident comes back: at equal distances, at one time of the day or the week, in one minute of the hour, or
//! with no rhythm that chance would not make as well.

use std::collections::BTreeSet;

use crate::model::diagnosis::Evidence;
use crate::model::report::Recurrence;
use crate::model::sentence::{Sentence, Word};
use crate::model::time::{SECOND_US, WallTime};
use crate::sentence;

use super::super::arith::{rounded, seconds};
use super::super::evidence::{Cited, context};
use super::super::facts::Case;

const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;
const WEEK_US: i64 = 7 * DAY_US;

/// Starts that make a rhythm, at least.
const STARTS_MIN: usize = 3;
/// Distances that are equal agree within this share of their length, …
const EQUAL: f64 = 0.05;
/// … with so many of them that may be whole multiples, since a beat can be missed.
const MISSED_MAX: f64 = 6.0;
/// A time of the day or the week is the same within so much in all: what begins by the clock fills a table some minutes
/// later, now sooner and now later.
const SAME_TIME_US: i64 = 30 * MINUTE_US;
/// A minute of the hour is the same within so much in all.
const SAME_MINUTE_US: i64 = 2 * MINUTE_US;
/// Hours of the day in which a network is busy are so many at most, …
const BUSY_US: i64 = 10 * HOUR_US;
/// … on so many days at least.
const BUSY_DAYS_MIN: usize = 5;
/// Above this chance that starts at random look so, no rhythm is claimed.
const CHANCE_MAX: f64 = 0.01;

/// What the starts have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rhythm {
    /// At one place of a round of the clock: how wide that place is, and where it begins.
    Clock { round: Round, arc_us: i64, begin_us: i64 },
    /// In the same hours of so many days: how many hours, and where they begin.
    Busy { days: usize, arc_us: i64, begin_us: i64 },
    /// At equal distances, of which some may be whole multiples.
    Every { seconds: f64, missed: bool },
    /// Two, so far apart: too few.
    Twice { seconds: f64 },
    /// More, with nothing in common but that they lie within so much.
    None { seconds: f64 },
}

/// A round of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Week,
    Day,
    Hour,
}

impl Round {
    fn micros(self) -> i64 {
        match self {
            Self::Week => WEEK_US,
            Self::Day => DAY_US,
            Self::Hour => HOUR_US,
        }
    }
}

/// Two starts or more.
pub(crate) fn of(starts: &[WallTime]) -> Option<Recurrence> {
    let last = *starts.last()?;
    let rhythm = rhythm(starts)?;
    Some(Recurrence { pattern: pattern(rhythm, last), occurrences: starts.len() as u64 })
}

/// The same as a hint.
pub(super) fn hint(case: &Case<'_>) -> Option<Evidence> {
    let Recurrence { pattern, occurrences } = of(&case.starts)?;
    let mut said = sentence!["it happened", Word::Number(occurrences), "times in these logs,"];
    said.0.extend(pattern.0);
    Some(context("recurrence", said).value("occurrences", occurrences as f64).read_in_log(case))
}

/// How often it came and when the next one is due, and where to look: two of the first lines of an incident of which
/// nothing but the log is known. None: it came once.
pub(crate) fn lines(case: &Case<'_>) -> Option<(Sentence, Option<&'static str>)> {
    let last = *case.starts.last()?;
    let rhythm = rhythm(&case.starts)?;
    let so_far = Word::Number(case.starts.len() as u64);
    let comes =
        |how: &'static str| sentence!["it comes", how, "(", so_far.clone(), "times so far): next due"];
    let due = |said: Sentence, before: &'static str, behind: &'static str| match next(rhythm, last) {
        Some(at) => sentence![before, at, behind].0.into_iter().fold(said, Sentence::with),
        None => said,
    };
    let clock = Some("see what runs by the clock then");
    Some(match rhythm {
        Rhythm::Clock { round: Round::Week, .. } => (due(comes("once a week"), "from", "on"), clock),
        Rhythm::Clock { round: Round::Day, .. } => {
            (due(comes("at one time of the day"), "from", "on"), clock)
        }
        Rhythm::Clock { round: Round::Hour, .. } => {
            (due(comes("in one minute of the hour"), "from", "on"), clock)
        }
        Rhythm::Busy { .. } => {
            (due(comes("in the same hours of the day"), "from", "on"), Some("see what is busy then"))
        }
        Rhythm::Every { seconds, .. } => {
            let said =
                sentence!["it comes every", Word::Duration(seconds), "(", so_far, "times so far): next due"];
            (due(said, "about", ""), Some("see which timer does that"))
        }
        Rhythm::Twice { seconds } => (
            sentence!["it came twice,", Word::Duration(seconds), "apart: from two no rhythm can be told"],
            None,
        ),
        Rhythm::None { seconds } => (
            sentence![
                "it came",
                so_far,
                "times within",
                Word::Duration(seconds),
                ", with no rhythm: it may come at any time"
            ],
            None,
        ),
    })
}

fn rhythm(starts: &[WallTime]) -> Option<Rhythm> {
    let (first, last) = (starts.first()?, starts.last()?);
    let apart = seconds(last.0.saturating_sub(first.0));
    if starts.len() < 2 {
        return None;
    }
    if starts.len() < STARTS_MIN {
        return Some(Rhythm::Twice { seconds: apart });
    }
    let clock = |round, width| at_one_place(starts, round, width);
    Some(
        clock(Round::Week, SAME_TIME_US)
            .or_else(|| clock(Round::Day, SAME_TIME_US))
            .or_else(|| every(starts))
            .or_else(|| clock(Round::Hour, SAME_MINUTE_US))
            .or_else(|| busy(starts))
            .unwrap_or(Rhythm::None { seconds: apart }),
    )
}

/// When the next one is due, at the earliest.
fn next(rhythm: Rhythm, last: WallTime) -> Option<WallTime> {
    let behind = |round: i64, begin: i64| {
        let rounds = last.0.saturating_sub(begin).div_euclid(round).saturating_add(1);
        WallTime(rounds.saturating_mul(round).saturating_add(begin))
    };
    match rhythm {
        Rhythm::Clock { round, begin_us, .. } => Some(behind(round.micros(), begin_us)),
        Rhythm::Busy { begin_us, .. } => Some(behind(DAY_US, begin_us)),
        Rhythm::Every { seconds, .. } => Some(WallTime(last.0.saturating_add(rounded_us(seconds)))),
        Rhythm::Twice { .. } | Rhythm::None { .. } => None,
    }
}

/// To the second.
fn rounded_us(seconds: f64) -> i64 {
    let whole = rounded(seconds).and_then(|seconds| i64::try_from(seconds).ok());
    whole.unwrap_or(0).saturating_mul(SECOND_US)
}

fn pattern(rhythm: Rhythm, last: WallTime) -> Sentence {
    match rhythm {
        Rhythm::Clock { round, arc_us, .. } => {
            let said: &'static str = match round {
                Round::Week => "always on the same day of the week at the same time",
                Round::Day => "always at the same time of the day",
                Round::Hour => "always in the same minute of the hour",
            };
            let said = if arc_us >= SECOND_US {
                sentence![said, ", within", Word::Duration(seconds(arc_us))]
            } else {
                sentence![said]
            };
            ends(said, rhythm, last).with(": look at what runs by the clock")
        }
        Rhythm::Busy { days, arc_us, .. } => {
            let said = sentence![
                "on",
                Word::Number(days as u64),
                "days, always within the same",
                Word::Duration(seconds(arc_us)),
                "of the day"
            ];
            ends(said, rhythm, last).with(": look at what is busy then")
        }
        Rhythm::Every { seconds, missed } => {
            let said = sentence!["every", Word::Duration(seconds)];
            let said = if missed { said.with("or a multiple of it") } else { said };
            ends(said, rhythm, last)
                .with(": a timer, or a table that fills at a steady rate from a fixed beginning")
        }
        Rhythm::Twice { seconds } => sentence!["the second", Word::Duration(seconds), "after the first"],
        Rhythm::None { seconds } => sentence!["with no rhythm, within", Word::Duration(seconds)],
    }
}

/// The last, and when the next is due.
fn ends(said: Sentence, rhythm: Rhythm, last: WallTime) -> Sentence {
    let said = said.with("(the last:").with(last);
    match next(rhythm, last) {
        Some(at) => said.with("; the next is due from").with(at).with("on)"),
        None => said.with(")"),
    }
}

/// How much of a circle of `round` the starts take up; and the one that stands first on that arc.
fn arc(starts: &[WallTime], round: i64) -> (i64, i64) {
    let mut at: Vec<i64> = starts.iter().map(|start| start.0.rem_euclid(round)).collect();
    at.sort_unstable();
    let wrapped = at.first().map(|first| first.saturating_add(round));
    let next = at.iter().skip(1).copied().chain(wrapped);
    // All of the circle but its widest gap.
    let gap = at.iter().zip(next).map(|(a, b)| (b.saturating_sub(*a), b)).max().unwrap_or((0, 0));
    (round.saturating_sub(gap.0), gap.1.rem_euclid(round))
}

/// Chance that so many starts at random lie within an arc as wide.
fn chance(starts: usize, arc_us: i64, round: i64) -> f64 {
    let share = (arc_us.max(MINUTE_US) as f64 / round as f64).min(1.0);
    let others = i32::try_from(starts.saturating_sub(1)).unwrap_or(i32::MAX);
    (starts as f64 * share.powi(others)).min(1.0)
}

/// Starts of different rounds: not one bad hour.
fn rounds(starts: &[WallTime], round: i64, begin: i64) -> usize {
    let numbers: BTreeSet<i64> =
        starts.iter().map(|start| start.0.saturating_sub(begin).div_euclid(round)).collect();
    numbers.len()
}

/// Within `width_us` at one place of the round, in as many rounds as there are starts.
fn at_one_place(starts: &[WallTime], round: Round, width_us: i64) -> Option<Rhythm> {
    let (arc_us, begin_us) = arc(starts, round.micros());
    let apart = rounds(starts, round.micros(), begin_us) == starts.len();
    let holds = arc_us <= width_us && apart && chance(starts.len(), arc_us, round.micros()) < CHANCE_MAX;
    holds.then_some(Rhythm::Clock { round, arc_us, begin_us })
}

/// In the same hours of many days: what a peak of demand looks like.
fn busy(starts: &[WallTime]) -> Option<Rhythm> {
    let (arc_us, begin_us) = arc(starts, DAY_US);
    let days = rounds(starts, DAY_US, begin_us);
    let holds = arc_us <= BUSY_US && days >= BUSY_DAYS_MIN && chance(days, arc_us, DAY_US) < CHANCE_MAX;
    holds.then_some(Rhythm::Busy { days, arc_us, begin_us })
}

/// Equal distances, of which some may be whole multiples.
fn every(starts: &[WallTime]) -> Option<Rhythm> {
    let apart: Vec<f64> = starts
        .windows(2)
        .filter_map(|pair| Some(seconds(pair.get(1)?.0.saturating_sub(pair.first()?.0))))
        .collect();
    let least = apart.iter().copied().fold(f64::INFINITY, f64::min);
    if !least.is_finite() || least < seconds(MINUTE_US) {
        return None;
    }
    let beats = apart.iter().map(|seconds| (seconds / least).round()).collect::<Vec<f64>>();
    let beat = apart.iter().sum::<f64>() / beats.iter().sum::<f64>();
    let fits = |(seconds, beats): (&f64, &f64)| {
        *beats <= MISSED_MAX && (seconds / beats - beat).abs() <= EQUAL * beat
    };
    if !apart.iter().zip(&beats).all(fits) {
        return None;
    }
    // Distances at random agree so well one by one with this chance.
    let others = i32::try_from(apart.len().saturating_sub(1)).unwrap_or(i32::MAX);
    let missed = beats.iter().copied().fold(1.0, f64::max);
    if (2.0 * EQUAL * missed).powi(others) >= CHANCE_MAX && apart.len() < STARTS_MIN {
        return (missed <= 1.0 && agrees_closely(&apart, beat))
            .then_some(Rhythm::Every { seconds: beat, missed: false });
    }
    Some(Rhythm::Every { seconds: beat, missed: missed > 1.0 })
}

/// Two distances alone must agree within a hundredth.
fn agrees_closely(apart: &[f64], beat: f64) -> bool {
    apart.iter().all(|seconds| (seconds - beat).abs() <= CHANCE_MAX * beat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(starts: &[i64]) -> String {
        let starts: Vec<WallTime> = starts.iter().map(|us| WallTime(*us)).collect();
        let Some(found) = of(&starts) else { return String::new() };
        assert_eq!(found.occurrences, starts.len() as u64);
        let text = found.pattern.0.iter().filter_map(|word| match word {
            Word::Text(text) => Some((*text).to_owned()),
            Word::Duration(seconds) => Some(format!("{seconds} s")),
            _ => None,
        });
        text.collect::<Vec<_>>().join(" ")
    }

    /// 2023-11-13, a Monday, at midnight.
    const MONDAY: i64 = 1_699_833_600 * SECOND_US;

    fn at(days: i64, minutes: i64) -> i64 {
        MONDAY + days * DAY_US + minutes * MINUTE_US
    }

    #[test]
    fn one_start_does_not_come_back() {
        assert_eq!(said(&[]), "");
        assert_eq!(said(&[MONDAY]), "");
        assert!(said(&[MONDAY, MONDAY + HOUR_US]).starts_with("the second 3600 s after the first"));
    }

    #[test]
    fn the_same_hour_each_night_is_said_over_midnight_too() {
        for nights in [[0, 1, 2, 4], [0, 3, 4, 9]] {
            let starts: Vec<i64> =
                nights.iter().zip([0, 4, -3, 6]).map(|(day, late)| at(*day, 1_438 + late)).collect();
            assert!(said(&starts).contains("same time of the day"), "{}", said(&starts));
        }
    }

    #[test]
    fn the_same_weekday_is_said_before_the_same_hour() {
        assert!(said(&[at(0, 600), at(7, 605), at(21, 598)]).contains("same day of the week"));
    }

    #[test]
    fn every_twenty_minutes_is_a_timer_even_where_a_beat_is_missed() {
        let all: Vec<i64> = [0, 20, 40, 60, 80].iter().map(|minutes| at(0, *minutes)).collect();
        assert!(said(&all).starts_with("every 1200 s"), "{}", said(&all));
        let missed: Vec<i64> = [0, 20, 40, 80, 100, 160].iter().map(|minutes| at(0, *minutes)).collect();
        assert!(said(&missed).contains("multiple"), "{}", said(&missed));
    }

    #[test]
    fn the_same_minute_of_the_hour_is_a_clock() {
        assert!(said(&[at(0, 65), at(0, 305), at(1, 125), at(2, 785)]).contains("minute of the hour"));
    }

    #[test]
    fn the_same_busy_hours_of_many_days_are_demand() {
        let noons: Vec<i64> = [(0, 680), (1, 750), (2, 705), (2, 801), (3, 777), (4, 690), (7, 731)]
            .iter()
            .map(|(day, minute)| at(*day, *minute))
            .collect();
        assert!(said(&noons).contains("look at what is busy then"), "{}", said(&noons));
        assert!(!said(&noons[..4]).contains("busy"), "too few days");
    }

    #[test]
    fn what_chance_makes_as_well_is_no_rhythm() {
        for starts in [
            vec![at(0, 13), at(0, 71), at(0, 400)],
            vec![at(0, 600), at(0, 610), at(0, 640)],
            vec![at(0, 600), at(1, 900), at(2, 20), at(5, 1_200)],
        ] {
            assert!(said(&starts).starts_with("with no rhythm"), "{}", said(&starts));
        }
    }

    #[test]
    fn the_next_one_is_due_at_the_first_moment_of_the_next_round() {
        let due = |starts: &[i64]| {
            let starts: Vec<WallTime> = starts.iter().map(|us| WallTime(*us)).collect();
            next(rhythm(&starts).unwrap(), *starts.last().unwrap()).map(|at| at.0)
        };
        // Each night about 23:58, now a little sooner and now later, also over midnight.
        assert_eq!(due(&[at(0, 1_438), at(1, 1_442), at(2, 1_435), at(4, 1_444)]), Some(at(5, 1_435)));
        assert_eq!(due(&[at(0, 600), at(7, 605), at(21, 598)]), Some(at(28, 598)));
        assert_eq!(due(&[at(0, 0), at(0, 20), at(0, 40), at(0, 60), at(0, 80)]), Some(at(0, 100)));
        assert_eq!(due(&[at(0, 65), at(0, 305), at(1, 125), at(2, 785)]), Some(at(2, 845)));
        let noons = [(0, 680), (1, 750), (2, 705), (2, 801), (3, 777), (4, 690), (7, 731)];
        let noons: Vec<i64> = noons.iter().map(|(day, minute)| at(*day, *minute)).collect();
        assert_eq!(due(&noons), Some(at(8, 680)));
        // Of two, and without a rhythm, nothing is promised.
        assert_eq!(due(&[MONDAY, MONDAY + HOUR_US]), None);
        assert_eq!(due(&[at(0, 13), at(0, 71), at(0, 400)]), None);
    }

    #[test]
    fn starts_spread_over_the_day_claim_no_hour() {
        let starts: Vec<i64> = (0..8).map(|day| at(day, (day * 377) % 1_440)).collect();
        assert!(!said(&starts).contains("same time"), "{}", said(&starts));
    }
}
