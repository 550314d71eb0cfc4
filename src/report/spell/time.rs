//! Durations and points in time in words.

use chrono::{DateTime, Datelike, Offset, TimeZone, Utc};
use chrono_tz::Tz;

use crate::model::time::WallTime;

use super::FIRM;
use super::value::{number, saturating_round};

/// `0.3 s`, `42 s`, `2 min`, `1 h 02 min`, `5 days`: two units at most.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return format!("an unknown{FIRM}time");
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let length = seconds.abs();
    if length < 0.001 {
        return format!("0{FIRM}s");
    }
    if length < 0.9995 {
        return format!("{sign}{:.0}{FIRM}ms", length * 1_000.0);
    }
    if length < 9.95 && (length - length.round()).abs() >= 0.05 {
        return format!("{sign}{length:.1}{FIRM}s");
    }
    format!("{sign}{}", whole(saturating_round(length)))
}

fn whole(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if minutes == 0 {
        format!("{seconds}{FIRM}s")
    } else if hours == 0 {
        two(minutes, "min", seconds % 60, "s")
    } else if days == 0 {
        two(hours, "h", minutes % 60, "min")
    } else {
        let unit = if days == 1 { "day" } else { "days" };
        match hours % 24 {
            rest if rest == 0 || days >= 10 => format!("{}{FIRM}{unit}", number(days)),
            rest => format!("{days}{FIRM}{unit}{FIRM}{rest}{FIRM}h"),
        }
    }
}

fn two(big: u64, big_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{big}{FIRM}{big_unit}")
    } else {
        format!("{big}{FIRM}{big_unit}{FIRM}{small:02}{FIRM}{small_unit}")
    }
}

/// The clock on the reader's wall: a time zone.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zone: Tz,
}

impl Clock {
    /// The zone of that IANA name; UTC where there is none.
    pub fn of(name: &str) -> Self {
        Self { zone: name.parse().unwrap_or(Tz::UTC) }
    }

    /// Its IANA name.
    pub fn zone_name(&self) -> &'static str {
        self.zone.name()
    }

    /// `2012-04-12 11:17:55 +02:00 (09:17:55 UTC)`; where local time is UTC only that.
    pub fn moment(&self, at: WallTime) -> String {
        let Some(utc) = instant(at) else { return format!("an impossible{FIRM}time") };
        let local = utc.with_timezone(&self.zone);
        if local.offset().fix().local_minus_utc() == 0 {
            return format!("{}{FIRM}UTC", utc.format("%Y-%m-%d %H:%M:%S"));
        }
        let there =
            if local.date_naive() == utc.date_naive() { "%H:%M:%S" } else { "%Y-%m-%d\u{a0}%H:%M:%S" };
        format!("{} ({}{FIRM}UTC)", local.format("%Y-%m-%d %H:%M:%S\u{a0}%:z"), utc.format(there))
    }

    /// `2012-04-12 11:17:55`, local, for rows under a head that names the zone.
    pub fn local(&self, at: WallTime) -> String {
        self.format(at, "%Y-%m-%d\u{a0}%H:%M:%S")
    }

    /// `11:17:55`, local.
    pub fn time_of_day(&self, at: WallTime) -> String {
        self.format(at, "%H:%M:%S")
    }

    /// `Thu 2012-04-12 11:17:55 to 11:42:09 +02:00 (09:17:55 to 09:42:09 UTC)`; dates are repeated only where the
    /// day changes.
    pub fn span(&self, start: WallTime, end: WallTime) -> String {
        let (Some(from), Some(to)) = (instant(start), instant(end)) else {
            return format!("an impossible{FIRM}time");
        };
        if from == to {
            return format!("{} {}", from.with_timezone(&self.zone).format("%a"), self.moment(start));
        }
        let (a, b) = (from.with_timezone(&self.zone), to.with_timezone(&self.zone));
        let head = a.format("%a %Y-%m-%d");
        if b.offset().fix().local_minus_utc() == 0 && a.offset().fix().local_minus_utc() == 0 {
            return format!("{head} {}{FIRM}UTC", times(&a, &b));
        }
        let day = if a.date_naive() == from.date_naive() {
            String::new()
        } else {
            from.format("%Y-%m-%d\u{a0}").to_string()
        };
        format!("{head} {}{FIRM}{} ({day}{}{FIRM}UTC)", times(&a, &b), b.format("%:z"), times(&from, &to))
    }

    fn format(self, at: WallTime, how: &str) -> String {
        instant(at)
            .map_or_else(|| "?".to_owned(), |utc| utc.with_timezone(&self.zone).format(how).to_string())
    }
}

/// `11:17:55 to 11:42:09`, with the second date where it is another.
fn times<Z: TimeZone<Offset: std::fmt::Display>>(from: &DateTime<Z>, to: &DateTime<Z>) -> String {
    let end = if from.date_naive() == to.date_naive() { "%H:%M:%S" } else { "%Y-%m-%d\u{a0}%H:%M:%S" };
    format!("{} to {}", from.format("%H:%M:%S"), to.format(end))
}

/// A point in time within the years that are written with four digits.
fn instant(at: WallTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(at.0).filter(|at| (1..=9998).contains(&at.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(FIRM, " ")
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let spelled =
            [0.0, 0.25, 1.5, 42.0, 59.99, 120.0, 125.0, 3_720.0, 7_200.0, 432_000.0, 97_200.0, -30.0]
                .map(|x| plain(&duration(x)));
        let wanted = [
            "0 s",
            "250 ms",
            "1.5 s",
            "42 s",
            "1 min",
            "2 min",
            "2 min 05 s",
            "1 h 02 min",
            "2 h",
            "5 days",
            "1 day 3 h",
            "-30 s",
        ];
        assert_eq!(spelled, wanted);
        assert_eq!(plain(&duration(f64::NAN)), "an unknown time");
        assert!(duration(f64::MAX).ends_with("days"));
    }

    #[test]
    fn a_span_repeats_a_date_only_where_the_day_changes() {
        let clock = Clock::of("Europe/Berlin");
        let start = WallTime(1_334_222_275_000_000);
        assert_eq!(
            plain(&clock.span(start, WallTime(start.0 + 1_454_000_000))),
            "Thu 2012-04-12 11:17:55 to 11:42:09 +02:00 (09:17:55 to 09:42:09 UTC)"
        );
        assert_eq!(
            plain(&clock.span(start, WallTime(start.0 + 86_400_000_000))),
            "Thu 2012-04-12 11:17:55 to 2012-04-13 11:17:55 +02:00 (09:17:55 to 2012-04-13 09:17:55 UTC)"
        );
    }

    #[test]
    fn where_local_time_is_utc_it_is_said_once() {
        let clock = Clock::of("no/such zone");
        assert_eq!(plain(&clock.moment(WallTime(0))), "1970-01-01 00:00:00 UTC");
        assert_eq!(
            plain(&clock.span(WallTime(0), WallTime(1_000_000))),
            "Thu 1970-01-01 00:00:00 to 00:00:01 UTC"
        );
    }

    #[test]
    fn an_impossible_time_is_said_to_be_one() {
        let clock = Clock::of("Pacific/Kiritimati");
        assert_eq!(plain(&clock.moment(WallTime(i64::MAX))), "an impossible time");
        assert_eq!(plain(&clock.span(WallTime(i64::MIN), WallTime(0))), "an impossible time");
        assert_eq!(clock.local(WallTime(i64::MIN)), "?");
    }
}
