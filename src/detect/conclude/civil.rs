//! Civil time ↔ UTC: zones by name, hours that a clock change skips or repeats, and stamps without a year.

use std::str::FromStr;

use chrono::{DateTime, Datelike, Duration, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::model::time::{SECOND_US, Stamp, YEARLESS_BASE_US};

/// What a skipped or repeated hour leaves open.
pub(super) const CLOCK_CHANGE_US: i64 = 3_600 * SECOND_US;

/// The zone of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::detect) enum Zone {
    /// Seconds east of Greenwich.
    Fixed(i32),
    /// A zone with its rules.
    Named(Tz),
}

/// What a civil time means in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::detect) struct Reading {
    /// Microseconds since the epoch: of two meanings the earlier.
    pub(in crate::detect) us: i64,
    /// The later meaning, in the hour that is repeated when summer time ends.
    pub(in crate::detect) later: Option<i64>,
    /// The hour is repeated or skipped.
    pub(super) doubtful: bool,
}

impl Reading {
    fn sure(us: i64) -> Self {
        Self { us, later: None, doubtful: false }
    }

    /// Of two meanings the first that is not before `floor` (what stands earlier in the same stream).
    pub(super) fn not_before(self, floor: Option<i64>) -> i64 {
        match (self.later, floor) {
            (Some(later), Some(floor)) if self.us < floor => later,
            _ => self.us,
        }
    }
}

impl Zone {
    /// `Europe/Berlin`, `UTC`, `+02:00`, `-0530`, `Z`; none for words that name no zone.
    pub(in crate::detect) fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        if name.eq_ignore_ascii_case("z") || name.eq_ignore_ascii_case("utc") {
            return Some(Self::Fixed(0));
        }
        fixed_offset(name).map(Self::Fixed).or_else(|| Tz::from_str(name).ok().map(Self::Named))
    }

    /// What a clock in this zone means when it shows `civil`.
    pub(in crate::detect) fn read(self, civil: NaiveDateTime) -> Reading {
        let shown = civil.and_utc().timestamp_micros();
        match self {
            Self::Fixed(east) => Reading::sure(shown.saturating_sub(i64::from(east) * SECOND_US)),
            Self::Named(zone) => match zone.from_local_datetime(&civil) {
                LocalResult::Single(at) => Reading::sure(at.timestamp_micros()),
                LocalResult::Ambiguous(a, b) => {
                    let (a, b) = (a.timestamp_micros(), b.timestamp_micros());
                    Reading { us: a.min(b), later: Some(a.max(b)), doubtful: true }
                }
                LocalResult::None => Reading { us: skipped(zone, civil), later: None, doubtful: true },
            },
        }
    }
}

/// A clock that shows a time which does not exist was not put forward yet: the offset before the change holds.
fn skipped(zone: Tz, civil: NaiveDateTime) -> i64 {
    let shown = civil.and_utc().timestamp_micros();
    let before = civil.checked_sub_signed(Duration::hours(3)).unwrap_or(civil);
    match zone.offset_from_local_datetime(&before).earliest() {
        Some(offset) => shown.saturating_sub(i64::from(offset.fix().local_minus_utc()) * SECOND_US),
        None => shown,
    }
}

fn fixed_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        1 | 2 => (i32::from_str(&digits).ok()?, 0),
        4 => (i32::from_str(digits.get(..2)?).ok()?, i32::from_str(digits.get(2..)?).ok()?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Civil microseconds as a date and time; none beyond the calendar.
pub(in crate::detect) fn civil(us: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(us).map(|at| at.naive_utc())
}

/// A stamp without year, put into `year`; none on February 29 of a common year.
pub(in crate::detect) fn in_year(yearless_us: i64, year: i32) -> Option<NaiveDateTime> {
    let shown = civil(YEARLESS_BASE_US.checked_add(yearless_us)?)?;
    if shown.year() != 2_000 {
        return None;
    }
    NaiveDate::from_ymd_opt(year, shown.month(), shown.day()).map(|day| day.and_time(shown.time()))
}

/// A stamp without year that stands on February 29.
pub(super) fn is_leap_day(yearless_us: i64) -> bool {
    YEARLESS_BASE_US
        .checked_add(yearless_us)
        .and_then(civil)
        .is_some_and(|at| at.year() == 2_000 && at.month() == 2 && at.day() == 29)
}

/// The year has a February 29.
pub(super) fn is_leap_year(year: i32) -> bool {
    NaiveDate::from_ymd_opt(year, 2, 29).is_some()
}

/// The civil year of a point in time, in UTC.
pub(super) fn year_of(us: i64) -> Option<i32> {
    civil(us).map(|at| at.year())
}

/// How the stamps of one stream become wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// Zone of stamps that name none.
    pub(super) zone: Zone,
    /// Year of the stream's last stamp without year, where known.
    pub(super) newest_year: Option<i32>,
    /// Turns of the year that the stream saw.
    pub(super) rollovers: u32,
}

impl Clock {
    /// What a stamp means; `rollover` is the number of turns of the year before it.
    pub(super) fn read(&self, stamp: Stamp, rollover: u32) -> Option<Reading> {
        match stamp {
            Stamp::Absolute(us) => Some(Reading::sure(us)),
            Stamp::Local(us) => Some(self.zone.read(civil(us)?)),
            Stamp::Yearless(us) => Some(self.zone.read(in_year(us, self.year(rollover)?)?)),
        }
    }

    /// The year after so many turns.
    fn year(&self, rollover: u32) -> Option<i32> {
        let back = i32::try_from(self.rollovers.saturating_sub(rollover)).ok()?;
        self.newest_year?.checked_sub(back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::DAY_US;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a test writes valid times")
    }

    fn utc(text: &str) -> i64 {
        at(text).and_utc().timestamp_micros()
    }

    fn berlin() -> Zone {
        Zone::named("Europe/Berlin").expect("the zone table has it")
    }

    #[test]
    fn zones_are_read_by_name_and_by_offset() {
        assert_eq!(Zone::named("UTC"), Some(Zone::Fixed(0)));
        assert_eq!(Zone::named("+02:00"), Some(Zone::Fixed(7_200)));
        assert_eq!(Zone::named("-0530"), Some(Zone::Fixed(-19_800)));
        assert_eq!(Zone::named("Nowhere/Land"), None);
        assert_eq!(Zone::named("+é"), None);
        assert_eq!(Zone::named(""), None);
        assert_eq!(berlin().read(at("2024-07-01 12:00:00")), Reading::sure(utc("2024-07-01 10:00:00")));
    }

    #[test]
    fn the_repeated_hour_has_two_meanings_and_order_chooses() {
        let reading = berlin().read(at("2024-10-27 02:30:00"));
        let (first, second) = (utc("2024-10-27 00:30:00"), utc("2024-10-27 01:30:00"));
        assert_eq!((reading.us, reading.later, reading.doubtful), (first, Some(second), true));
        assert_eq!(reading.not_before(None), first);
        assert_eq!(reading.not_before(Some(utc("2024-10-27 00:59:00"))), second);
    }

    #[test]
    fn the_skipped_hour_is_read_with_the_offset_before_it() {
        let reading = berlin().read(at("2024-03-31 02:30:00"));
        assert_eq!((reading.us, reading.doubtful), (utc("2024-03-31 01:30:00"), true));
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_trouble() {
        for zone in [berlin(), Zone::Fixed(50_400), Zone::Fixed(-43_200)] {
            for civil in [NaiveDateTime::MAX, NaiveDateTime::MIN] {
                let shown = civil.and_utc().timestamp_micros();
                assert!(zone.read(civil).us.abs_diff(shown) <= DAY_US.unsigned_abs());
            }
        }
        assert_eq!(civil(i64::MAX), None);
        let clock = Clock { zone: berlin(), newest_year: Some(i32::MIN), rollovers: u32::MAX };
        for us in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(clock.read(Stamp::Yearless(us), 0), None);
        }
    }

    #[test]
    fn a_stamp_without_year_keeps_its_day_in_any_year() {
        let first_of_march = at("2000-03-01 00:00:00").and_utc().timestamp_micros() - YEARLESS_BASE_US;
        assert_eq!(in_year(first_of_march, 2023), Some(at("2023-03-01 00:00:00")));
        let leap_day = first_of_march - 1;
        assert!(is_leap_day(leap_day));
        assert_eq!(in_year(leap_day, 2023), None);
        assert!(in_year(leap_day, 2024).is_some());
        assert_eq!(in_year(i64::MAX, 2024), None);
        assert_eq!(in_year(-1, 2024), None);
    }
}
