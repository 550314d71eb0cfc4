//! How an incident comes back: at equal distances, at one time of the day or the week, in one minute of the hour, or
//! with no rhythm that chance would not make as well.

use std::collections::BTreeSet;

use crate::model::diagnosis::Evidence;
use crate::model::report::Recurrence;
use crate::model::sentence::{Sentence, Word};
use crate::model::time::{SECOND_US, WallTime};
use crate::sentence;

use super::super::arith::seconds;
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

/// Two starts or more.
pub(crate) fn of(starts: &[WallTime]) -> Option<Recurrence> {
    if starts.len() < 2 {
        return None;
    }
    Some(Recurrence { pattern: pattern(starts)?, occurrences: starts.len() as u64 })
}

/// The same as a hint.
pub(super) fn hint(case: &Case<'_>) -> Option<Evidence> {
    let Recurrence { pattern, occurrences } = of(&case.starts)?;
    let mut said = sentence!["it happened", Word::Number(occurrences), "times in these logs,"];
    said.0.extend(pattern.0);
    Some(context("recurrence", said).value("occurrences", occurrences as f64).read_in_log(case))
}

fn pattern(starts: &[WallTime]) -> Option<Sentence> {
    let (first, last) = (starts.first()?, starts.last()?);
    if starts.len() < STARTS_MIN {
        let apart = Word::Duration(seconds(last.0.saturating_sub(first.0)));
        return Some(sentence!["the second", apart, "after the first"]);
    }
    let rhythms = [weekly, daily, every, hourly, busy];
    let apart = Word::Duration(seconds(last.0.saturating_sub(first.0)));
    let none = || sentence!["with no rhythm, within", apart];
    Some(rhythms.iter().find_map(|rhythm| rhythm(starts)).unwrap_or_else(none))
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
fn chance(starts: usize, arc: i64, round: i64) -> f64 {
    let share = (arc.max(MINUTE_US) as f64 / round as f64).min(1.0);
    let others = i32::try_from(starts.saturating_sub(1)).unwrap_or(i32::MAX);
    (starts as f64 * share.powi(others)).min(1.0)
}

/// Starts of different rounds: not one bad hour.
fn rounds(starts: &[WallTime], round: i64, begin: i64) -> usize {
    let numbers: BTreeSet<i64> =
        starts.iter().map(|start| start.0.saturating_sub(begin).div_euclid(round)).collect();
    numbers.len()
}

/// Within `width` at one place of the round, in as many rounds as there are starts.
fn at_one_place(starts: &[WallTime], round: i64, width: i64) -> Option<i64> {
    let (arc, begin) = arc(starts, round);
    let apart = rounds(starts, round, begin) == starts.len();
    (arc <= width && apart && chance(starts.len(), arc, round) < CHANCE_MAX).then_some(arc)
}

fn weekly(starts: &[WallTime]) -> Option<Sentence> {
    let arc = at_one_place(starts, WEEK_US, SAME_TIME_US)?;
    Some(
        within(sentence!["always on the same day of the week at the same time"], arc, starts)
            .with(": look at what runs by the clock"),
    )
}

fn daily(starts: &[WallTime]) -> Option<Sentence> {
    let arc = at_one_place(starts, DAY_US, SAME_TIME_US)?;
    Some(
        within(sentence!["always at the same time of the day"], arc, starts)
            .with(": look at what runs by the clock"),
    )
}

fn hourly(starts: &[WallTime]) -> Option<Sentence> {
    let arc = at_one_place(starts, HOUR_US, SAME_MINUTE_US)?;
    Some(
        within(sentence!["always in the same minute of the hour"], arc, starts)
            .with(": look at what runs by the clock"),
    )
}

/// In the same hours of many days: what a peak of demand looks like.
fn busy(starts: &[WallTime]) -> Option<Sentence> {
    let (arc, begin) = arc(starts, DAY_US);
    let days = rounds(starts, DAY_US, begin);
    let holds = arc <= BUSY_US && days >= BUSY_DAYS_MIN && chance(days, arc, DAY_US) < CHANCE_MAX;
    holds.then(|| {
        sentence![
            "on",
            Word::Number(days as u64),
            "days, always within the same",
            Word::Duration(seconds(arc)),
            "of the day: look at what is busy then"
        ]
    })
}

fn within(words: Sentence, arc: i64, starts: &[WallTime]) -> Sentence {
    let words =
        if arc >= SECOND_US { words.with(", within").with(Word::Duration(seconds(arc))) } else { words };
    match starts.last() {
        Some(last) => words.with("(the last:").with(*last).with(")"),
        None => words,
    }
}

/// Equal distances, of which some may be whole multiples.
fn every(starts: &[WallTime]) -> Option<Sentence> {
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
        return (missed <= 1.0 && agrees_closely(&apart, beat)).then(|| regular(beat, missed));
    }
    Some(regular(beat, missed))
}

/// Two distances alone must agree within a hundredth.
fn agrees_closely(apart: &[f64], beat: f64) -> bool {
    apart.iter().all(|seconds| (seconds - beat).abs() <= CHANCE_MAX * beat)
}

fn regular(beat: f64, missed: f64) -> Sentence {
    let out = sentence!["every", Word::Duration(beat)];
    let out = if missed > 1.0 { out.with("or a multiple of it") } else { out };
    out.with(": a timer, or a table that fills at a steady rate from a fixed beginning")
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
    fn starts_spread_over_the_day_claim_no_hour() {
        let starts: Vec<i64> = (0..8).map(|day| at(day, (day * 377) % 1_440)).collect();
        assert!(!said(&starts).contains("same time"), "{}", said(&starts));
    }
}
