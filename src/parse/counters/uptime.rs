//! How long the machine has been up: `uptime` (and the first line of `w`), `uptime -p`, `/proc/uptime`.

use super::{Head, Reading, decimal};
use crate::model::blemish::BlemishKind;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    match head.lines {
        [line] => seconds(line).is_some(),
        [line, second, ..] => second.starts_with("USER ") && spoken(line).is_some(),
        [] => false,
    }
}

/// The first line is the record; what `w` says of users is passed over.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        if reading.records > 0 {
            return;
        }
        reading.records += 1;
        match seconds(text) {
            Some(seconds) => reading.counters.machine.uptime_seconds = Some(seconds),
            None => reading.damage(BlemishKind::Unrecognised, line),
        }
    });
}

fn seconds(line: &str) -> Option<u64> {
    counted(line).or_else(|| spoken(line)).or_else(|| pretty(line))
}

/// `2771.37 673.53`: since boot, and idle on all processors together.
fn counted(line: &str) -> Option<u64> {
    let value = |word: &str| {
        let (whole, part) = word.split_once('.')?;
        decimal(part).filter(|_| part.len() == 2)?;
        decimal(whole)
    };
    let mut words = line.split_whitespace();
    let (up, _) = (value(words.next()?)?, value(words.next()?)?);
    words.next().is_none().then_some(up)
}

/// ` 23:36:10 up 3 days,  4:05,  0 user,  load average: 5.19, 5.11, 3.69`
fn spoken(line: &str) -> Option<u64> {
    let (clock, rest) = line.trim_start().split_once(" up ")?;
    let clock = clock.trim().trim_end_matches("am").trim_end_matches("pm");
    let is_clock = clock.contains(':') && clock.split(':').all(|part| decimal(part).is_some_and(|n| n < 60));
    if !is_clock || !line.contains("load average") {
        return None;
    }
    let parts = rest.split(',').map(str::trim);
    let mut total = 0u64;
    for part in parts.take_while(|part| !part.contains("user") && !part.contains("load")) {
        let span = match part.split_once(':') {
            Some((hours, minutes)) => {
                decimal(hours)?.checked_mul(HOUR)?.checked_add(decimal(minutes)? * MINUTE)?
            }
            None => named(part)?,
        };
        total = total.checked_add(span)?;
    }
    Some(total)
}

/// `up 2 weeks, 3 days, 4 hours, 5 minutes`
fn pretty(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("up ")?;
    rest.split(',').map(|part| named(part.trim())).try_fold(0u64, |sum, span| sum.checked_add(span?))
}

fn named(part: &str) -> Option<u64> {
    let (number, unit) = part.split_once(' ')?;
    let unit = match unit.trim_end_matches('s') {
        "sec" | "second" => 1,
        "min" | "minute" => MINUTE,
        "hr" | "hour" => HOUR,
        "day" => DAY,
        "week" => 7 * DAY,
        "year" => 365 * DAY,
        "decade" => 3_650 * DAY,
        _ => return None,
    };
    decimal(number)?.checked_mul(unit)
}
