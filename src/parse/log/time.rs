//! Stamps as logs write them → [`crate::model::time::Stamp`]: RFC 3164 in every padding of its day, the same with a
//! year behind or in front of it, RFC 3339 (which RFC 5424 takes over), and the `[seconds]` bracket of the printk clock.
//!
//! Byte parsers that hand back the rest; they run once per line. A text that is no stamp gives none; one that has the
//! shape of a stamp but names a date or time that does not exist gives [`Impossible`].

use crate::model::time::{DAY_US, SECOND_US, Stamp};

/// A stamp, and what one unit of it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// As written.
    pub stamp: Stamp,
    /// 1 to 1,000,000 µs.
    pub precision_us: u32,
}

/// It has the shape of a stamp, but there is no such date, time or zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impossible;

/// A stamp and the bytes behind it; none: another shape.
pub type Reading<'a> = Option<Result<(Written, &'a [u8]), Impossible>>;

/// Days before each month of a leap year.
const DAYS_BEFORE_MONTH: [i64; 12] = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335];
/// Days of each month of a leap year.
const DAYS_OF_MONTH: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// `Nov  6 02:39:55`, `Nov 6 …`, `Nov 06 …`, `Jun  28 …`, each with an optional fraction. Neither year nor zone.
pub fn rfc3164(bytes: &[u8]) -> Reading<'_> {
    let (day, clock, rest) = day_and_clock(bytes)?;
    yearless(day, &clock, rest)
}

/// `Sep  9 16:28:18 2017`: as [`rfc3164`], and the year behind it (`ctime`, without its weekday). Local.
pub fn year_last(bytes: &[u8]) -> Reading<'_> {
    let (day, clock, rest) = day_and_clock(bytes)?;
    let (year, rest) = year(rest.strip_prefix(b" ")?)?;
    local(year, day, &clock, rest)
}

/// `2026 May 14 05:41:28.000183`: the year, then as [`rfc3164`] (SONiC). Local.
pub fn year_first(bytes: &[u8]) -> Reading<'_> {
    let (year, rest) = year(bytes)?;
    let (day, clock, rest) = day_and_clock(rest.strip_prefix(b" ")?)?;
    local(year, day, &clock, rest)
}

/// A month and a day that a locale wrote, and the time of day as digits behind them: `02:15:44 2026`, or `02:15` alone.
pub(super) fn in_locale(month: u32, day: u32, clock_and_year: &[u8]) -> Option<Result<Written, Impossible>> {
    let day = Day { month, day };
    let read = if let [h0, h1, b':', m0, m1] = clock_and_year {
        let (hour, minute) = (two(*h0, *h1)?, two(*m0, *m1)?);
        let clock = Clock { hour, minute, second: 0, fraction_us: 0, precision_us: MINUTE_US };
        yearless(day, &clock, b"")
    } else {
        let (clock, rest) = clock(clock_and_year)?;
        let (year, rest) = year(rest.strip_prefix(b" ")?)?;
        local(year, day, &clock, rest)
    };
    Some(read?.map(|(written, _)| written))
}

/// What a stamp that ends with its minute is worth.
pub(super) const MINUTE_US: u32 = 60_000_000;

/// A date without its year.
#[derive(Clone, Copy)]
struct Day {
    month: u32,
    day: u32,
}

/// Month, day in any padding, time of day.
fn day_and_clock(bytes: &[u8]) -> Option<(Day, Clock, &[u8])> {
    let [m0, m1, m2, b' ', rest @ ..] = bytes else { return None };
    let month = month([*m0, *m1, *m2])?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let (day, rest) = match rest {
        [d0, b' ', rest @ ..] => (one(*d0)?, rest),
        [d0, d1, b' ', rest @ ..] => (two(*d0, *d1)?, rest),
        _ => return None,
    };
    let (clock, rest) = clock(rest)?;
    Some((Day { month, day }, clock, rest))
}

fn year(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let [y0, y1, y2, y3, rest @ ..] = bytes else { return None };
    Some((two(*y0, *y1)? * 100 + two(*y2, *y3)?, rest))
}

fn yearless<'a>(day: Day, clock: &Clock, rest: &'a [u8]) -> Reading<'a> {
    if !matches!(rest.first(), None | Some(b' ' | b'\t')) {
        return None;
    }
    // 2000 is a leap year: 29 February is possible where the year is not known.
    let Some(day_of_year) = day_of_year(2000, day.month, day.day) else { return Some(Err(Impossible)) };
    let Some(time_us) = clock.us() else { return Some(Err(Impossible)) };
    let stamp = Stamp::Yearless(day_of_year * DAY_US + time_us);
    Some(Ok((Written { stamp, precision_us: clock.precision_us }, rest)))
}

fn local<'a>(year: u32, day: Day, clock: &Clock, rest: &'a [u8]) -> Reading<'a> {
    if !matches!(rest.first(), None | Some(b' ' | b'\t')) {
        return None;
    }
    let Some(day_of_year) = day_of_year(year, day.month, day.day) else { return Some(Err(Impossible)) };
    let Some(time_us) = clock.us() else { return Some(Err(Impossible)) };
    let stamp = Stamp::Local((days_before_year(i64::from(year)) + day_of_year) * DAY_US + time_us);
    Some(Ok((Written { stamp, precision_us: clock.precision_us }, rest)))
}

/// `2024-05-01T12:00:00.123456+08:00`: any number of decimals behind a point or comma; zone `Z`, `±hh:mm`, `±hhmm`,
/// `±hh`, or none at all (then the stamp is local).
pub fn rfc3339(bytes: &[u8]) -> Reading<'_> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b't', rest @ ..] = bytes else { return None };
    let year = two(*y0, *y1)? * 100 + two(*y2, *y3)?;
    let (month, day) = (two(*m0, *m1)?, two(*d0, *d1)?);
    let (clock, rest) = clock(rest)?;
    let (zone, rest) = zone(rest)?;
    if !matches!(rest.first(), None | Some(b' ' | b'\t')) {
        return None;
    }
    let days = match day_of_year(year, month, day) {
        Some(day_of_year) => days_before_year(i64::from(year)) + day_of_year,
        None => return Some(Err(Impossible)),
    };
    let Some(time_us) = clock.us() else { return Some(Err(Impossible)) };
    let civil = days * DAY_US + time_us;
    let stamp = match zone {
        Zone::Unsaid => Stamp::Local(civil),
        Zone::East(seconds) => Stamp::Absolute(civil - seconds * SECOND_US),
        Zone::Impossible => return Some(Err(Impossible)),
    };
    Some(Ok((Written { stamp, precision_us: clock.precision_us }, rest)))
}

/// `2024-05-01 12:00:00.123456`, as systemd and many databases write it: no zone, so the stamp is local.
pub fn civil(bytes: &[u8]) -> Reading<'_> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b' ', rest @ ..] = bytes else { return None };
    let year = two(*y0, *y1)? * 100 + two(*y2, *y3)?;
    let (month, day) = (two(*m0, *m1)?, two(*d0, *d1)?);
    let (clock, rest) = clock(rest)?;
    let Some(day_of_year) = day_of_year(year, month, day) else { return Some(Err(Impossible)) };
    let Some(time_us) = clock.us() else { return Some(Err(Impossible)) };
    let us = (days_before_year(i64::from(year)) + day_of_year) * DAY_US + time_us;
    Some(Ok((Written { stamp: Stamp::Local(us), precision_us: clock.precision_us }, rest)))
}

/// An epoch as JSON writes it, in seconds, milliseconds, microseconds or nanoseconds: which of them, its size says (the
/// four do not meet before the year 5138). Decimals of seconds are kept to the microsecond.
pub fn epoch(number: &[u8]) -> Option<Written> {
    let length = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, behind) = number.split_at_checked(length)?;
    let value: i64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
    let (fraction_us, precision_us) = match behind {
        [] => (0, 1_000_000),
        _ => {
            fraction(behind).filter(|(.., rest)| rest.is_empty()).map(|(us, precision, _)| (us, precision))?
        }
    };
    let (us, precision_us) = match value {
        0..100_000_000 => return None,
        100_000_000..100_000_000_000 => (value * SECOND_US + fraction_us, precision_us),
        100_000_000_000..100_000_000_000_000 => (value * 1000, 1000),
        100_000_000_000_000..100_000_000_000_000_000 => (value, 1),
        _ => (value / 1000, 1),
    };
    Some(Written { stamp: Stamp::Absolute(us), precision_us })
}

/// `[12345.678901]`, `[    1.234567]`, `[ 8842.115]`: microseconds of the printk clock (`print_time`, width 5 and six
/// decimals), and what stands behind the bracket.
pub fn seconds_bracket(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (us, rest) = seconds(bytes.strip_prefix(b"[")?.trim_ascii_start())?;
    Some((before_wrap(us), rest.strip_prefix(b"]")?))
}

/// `12345.678901`: microseconds, and the rest.
pub(super) fn seconds(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (seconds, rest) = digits(bytes, SECONDS_DIGITS_MAX)?;
    let (fraction_us, _, rest) = fraction(rest)?;
    Some((seconds * SECOND_US + fraction_us, rest))
}

/// What one jiffy is worth where the kernel was built with HZ = 1000, 250 or 100.
const JIFFIES_US: [i64; 3] = [1_000, 4_000, 10_000];
/// The counter of jiffies begins so far in front of its 32-bit wrap (`INITIAL_JIFFIES`).
const BEFORE_WRAP_US: i64 = 300 * SECOND_US;

/// Before 2.6.2x the printk clock was the raw 32-bit counter of jiffies, which begins five minutes before its wrap: the
/// first lines of a boot say 4294667 s (HZ = 1000), 17179569 s (250) or 42949372 s (100), and then comes 0. So that time
/// runs forwards through one boot, they become −300 to 0 s. A younger kernel comes by these numbers for five minutes
/// after 49, 198 or 497 days; its microseconds are not whole jiffies, by which the two are told apart.
pub(super) fn before_wrap(us: i64) -> i64 {
    let wrapped = |jiffy: &i64| {
        let left = us - (1 << 32) * jiffy;
        ((-BEFORE_WRAP_US..0).contains(&left) && us % jiffy == 0).then_some(left)
    };
    JIFFIES_US.iter().find_map(wrapped).unwrap_or(us)
}

/// Seconds since boot never have more digits; this many fit into microseconds.
const SECONDS_DIGITS_MAX: usize = 12;

/// Time of day as written.
struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    fraction_us: i64,
    precision_us: u32,
}

impl Clock {
    /// Microseconds since midnight. Second 60 is a leap second and counts as the next minute's first.
    fn us(&self) -> Option<i64> {
        if self.hour > 23 || self.minute > 59 || self.second > 60 {
            return None;
        }
        let seconds = i64::from(self.hour * 3600 + self.minute * 60 + self.second);
        Some(seconds * SECOND_US + self.fraction_us)
    }
}

pub(super) fn month_of_name(name: &[u8]) -> Option<u32> {
    month(<[u8; 3]>::try_from(name).ok()?)
}

fn clock(bytes: &[u8]) -> Option<(Clock, &[u8])> {
    let [h0, h1, b':', m0, m1, b':', s0, s1, rest @ ..] = bytes else { return None };
    let (hour, minute, second) = (two(*h0, *h1)?, two(*m0, *m1)?, two(*s0, *s1)?);
    let (fraction_us, precision_us, rest) = fraction(rest).unwrap_or((0, 1_000_000, rest));
    Some((Clock { hour, minute, second, fraction_us, precision_us }, rest))
}

/// `.123456` or `,123`: microseconds (what is finer is cut), the worth of the last decimal, the rest.
fn fraction(bytes: &[u8]) -> Option<(i64, u32, &[u8])> {
    let [b'.' | b',', rest @ ..] = bytes else { return None };
    let mut value = 0;
    let mut worth = SECOND_US;
    let mut length = 0;
    for digit in rest.iter().take_while(|byte| byte.is_ascii_digit()) {
        length += 1;
        if worth > 1 {
            worth /= 10;
            value += i64::from(digit - b'0') * worth;
        }
    }
    if length == 0 {
        return None;
    }
    Some((value, u32::try_from(worth).unwrap_or(1), rest.get(length..)?))
}

/// Distance from UTC.
enum Zone {
    /// Seconds east of it.
    East(i64),
    /// Not written.
    Unsaid,
    /// More than a day's half and a bit away.
    Impossible,
}

fn zone(bytes: &[u8]) -> Option<(Zone, &[u8])> {
    let (sign, h, m, rest) = match bytes {
        [b'Z' | b'z', rest @ ..] => return Some((Zone::East(0), rest)),
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1, rest @ ..] => {
            (sign, two(*h0, *h1)?, two(*m0, *m1)?, rest)
        }
        [sign @ (b'+' | b'-'), h0, h1, m0, m1, rest @ ..] if m0.is_ascii_digit() => {
            (sign, two(*h0, *h1)?, two(*m0, *m1)?, rest)
        }
        [sign @ (b'+' | b'-'), h0, h1, rest @ ..] => (sign, two(*h0, *h1)?, 0, rest),
        _ => return Some((Zone::Unsaid, bytes)),
    };
    // Kiritimati is at +14:00; some archives hold +15:56 (old Manila). More than that is damage.
    if h > 16 || m > 59 {
        return Some((Zone::Impossible, rest));
    }
    let seconds = i64::from(h * 3600 + m * 60);
    Some((Zone::East(if *sign == b'-' { -seconds } else { seconds }), rest))
}

fn month(name: [u8; 3]) -> Option<u32> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days since 1 January of the year; none if there is no such day.
fn day_of_year(year: u32, month: u32, day: u32) -> Option<i64> {
    let index = usize::try_from(month).ok()?.checked_sub(1)?;
    let before = *DAYS_BEFORE_MONTH.get(index)?;
    let length = *DAYS_OF_MONTH.get(index)?;
    let leap = is_leap(year);
    if day == 0 || day > length || (month == 2 && day == 29 && !leap) {
        return None;
    }
    let missing = i64::from(month > 2 && !leap);
    Some(before + i64::from(day) - 1 - missing)
}

/// Days from 1970-01-01 to 1 January of a (Gregorian) year of four digits.
fn days_before_year(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400) - 719_162
}

fn one(digit: u8) -> Option<u32> {
    digit.is_ascii_digit().then(|| u32::from(digit - b'0'))
}

fn two(tens: u8, units: u8) -> Option<u32> {
    Some(one(tens)? * 10 + one(units)?)
}

/// A number of one to `length_max` digits, and the rest.
fn digits(bytes: &[u8], length_max: usize) -> Option<(i64, &[u8])> {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || length > length_max {
        return None;
    }
    let (number, rest) = bytes.split_at_checked(length)?;
    let value = number.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    fn yearless(text: &str) -> Option<Stamp> {
        Some(rfc3164(text.as_bytes())?.ok()?.0.stamp)
    }

    #[test]
    fn every_padding_of_the_day_is_the_same_day() {
        let expected = Some(Stamp::Yearless(us("2000-11-06T02:39:55Z") - us("2000-01-01T00:00:00Z")));
        for text in ["Nov  6 02:39:55", "Nov 6 02:39:55", "Nov 06 02:39:55", "Nov  06 02:39:55 doom"] {
            assert_eq!(yearless(text), expected, "{text}");
        }
        assert!(yearless("Jun  28 10:00:00").is_some());
        assert_eq!(yearless("Nov   6 02:39:55"), None);
    }

    #[test]
    fn a_fraction_says_its_precision() {
        let Some(Ok((written, rest))) = rfc3164(b"Jan 18 00:11:22.123 host") else { panic!() };
        assert_eq!((written.precision_us, rest), (1_000, b" host".as_slice()));
        let Some(Ok((written, _))) = rfc3339(b"2013-06-13T22:11:00,123456789+0100") else { panic!() };
        assert_eq!(written.stamp, Stamp::Absolute(us("2013-06-13T22:11:00.123456+01:00")));
        assert_eq!(written.precision_us, 1);
    }

    #[test]
    fn the_leap_day_is_possible_and_the_day_after_it_is_not() {
        assert!(yearless("Feb 29 00:00:00").is_some());
        for text in ["Feb 30 00:00:00", "Apr 31 00:00:00", "Jan  0 00:00:00", "Jan  1 24:00:00"] {
            assert_eq!(rfc3164(text.as_bytes()), Some(Err(Impossible)), "{text}");
        }
        assert!(yearless("Dec 31 23:59:60").is_some());
        assert_eq!(rfc3339(b"2023-02-29T00:00:00Z"), Some(Err(Impossible)));
        assert_eq!(rfc3339(b"2024-13-01T00:00:00Z"), Some(Err(Impossible)));
        assert_eq!(rfc3339(b"2024-01-01T00:00:00+23:00"), Some(Err(Impossible)));
    }

    #[test]
    fn days_of_all_centuries_agree_with_chrono() {
        for year in (0..10_000).step_by(7) {
            for month_day in ["01-01", "02-28", "03-01", "12-31"] {
                let text = format!("{year:04}-{month_day}T01:02:03.5-03:30");
                let Some(Ok((written, _))) = rfc3339(text.as_bytes()) else { panic!("{text}") };
                assert_eq!(written.stamp, Stamp::Absolute(us(&text)), "{text}");
            }
        }
    }

    #[test]
    fn a_stamp_without_zone_is_local() {
        let Some(Ok((written, _))) = rfc3339(b"2024-05-01T12:00:00 web8") else { panic!() };
        assert_eq!(written.stamp, Stamp::Local(us("2024-05-01T12:00:00Z")));
    }

    #[test]
    fn a_year_may_stand_on_either_side() {
        let Some(Ok((written, rest))) = year_last(b"Sep  9 16:28:18 2017 kern.warn") else { panic!() };
        assert_eq!(
            (written.stamp, rest),
            (Stamp::Local(us("2017-09-09T16:28:18Z")), b" kern.warn".as_slice())
        );
        let Some(Ok((written, rest))) = year_first(b"2026 May 14 05:41:28.000183 gold") else { panic!() };
        assert_eq!(
            (written.stamp, rest),
            (Stamp::Local(us("2026-05-14T05:41:28.000183Z")), b" gold".as_slice())
        );
        assert_eq!(written.precision_us, 1);
        assert_eq!(year_last(b"Feb 29 16:28:18 2017 x"), Some(Err(Impossible)));
        assert_eq!(year_last(b"Sep  9 16:28:18 20175 x"), None);
        assert_eq!(year_first(b"2026 05 14 05:41:28 x"), None);
    }

    #[test]
    fn before_its_wrap_the_old_clock_counts_down_to_zero() {
        for (text, expected_us) in [
            ("[4294667.296000]", -300_000_000),
            ("[4294727.676000]", -239_620_000),
            ("[17179733.376000]", -135_808_000),
            ("[42949672.950000]", -10_000),
            // A younger kernel, seven weeks up.
            ("[4294727.676123]", 4_294_727_676_123),
            ("[4294967.296000]", 4_294_967_296_000),
            ("[4294667.295000]", 4_294_667_295_000),
            ("[    0.000000]", 0),
        ] {
            assert_eq!(seconds_bracket(text.as_bytes()), Some((expected_us, b"".as_slice())), "{text}");
        }
    }

    #[test]
    fn an_epoch_says_its_unit_by_its_size() {
        let us =
            |text: &str| epoch(text.as_bytes()).map(|written| (written.stamp.us(), written.precision_us));
        assert_eq!(us("1714536000"), Some((1_714_536_000_000_000, 1_000_000)));
        assert_eq!(us("1714536000.123456789"), Some((1_714_536_000_123_456, 1)));
        assert_eq!(us("1714536000123"), Some((1_714_536_000_123_000, 1000)));
        assert_eq!(us("1714536000123456"), Some((1_714_536_000_123_456, 1)));
        assert_eq!(us("1714536000123456789"), Some((1_714_536_000_123_456, 1)));
        for text in ["", "7", "-1714536000", "1714536000.", "1714536000.1x", "99999999999999999999", "1.7e9"]
        {
            assert_eq!(us(text), None, "{text}");
        }
    }

    #[test]
    fn the_seconds_bracket_has_any_width_and_decimals() {
        assert_eq!(seconds_bracket(b"[    1.234567] x"), Some((1_234_567, b" x".as_slice())));
        assert_eq!(seconds_bracket(b"[20763743.334180]"), Some((20_763_743_334_180, b"".as_slice())));
        assert_eq!(seconds_bracket(b"[ 8842.115] "), Some((8_842_115_000, b" ".as_slice())));
        for text in ["[UFW BLOCK]", "[12]", "[1.]", "[ 99999999999999.0]", "[1.2"] {
            assert_eq!(seconds_bracket(text.as_bytes()), None, "{text}");
        }
    }
}
