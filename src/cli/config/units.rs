//! Durations, sizes and percentages as a person writes them: `10m`, `2GiB`, `90%`.

use crate::model::live::config::DURATIONS_US;
use crate::model::time::{DAY_US, SECOND_US};

/// Units of time, the largest first.
const TIMES: [(&str, i64); 4] =
    [("d", DAY_US), ("h", 3_600 * SECOND_US), ("m", 60 * SECOND_US), ("s", SECOND_US)];
/// Units of size, the largest first.
const SIZES: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// `90s`, `10m`, `2h`, `90d` → microseconds.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no time: write 90s, 10m, 2h or 90d, from 1s to 3650d");
    let (number, unit) = split(text);
    let unit = TIMES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1;
    let us = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(wrong)?;
    DURATIONS_US.contains(&us).then_some(us).ok_or_else(wrong)
}

/// The same in words that are read again.
pub(super) fn duration_words(us: i64) -> String {
    let unit = TIMES.iter().find(|(_, unit)| us % unit == 0).unwrap_or(&TIMES[3]);
    format!("{}{}", us / unit.1, unit.0)
}

/// `100MiB`, `2GiB` → bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write 500MiB, 2GiB or 1TiB");
    let (number, unit) = split(text);
    let unit = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1;
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| *n > 0).ok_or_else(wrong)
}

/// The same in words that are read again.
pub(super) fn size_words(bytes: u64) -> String {
    let unit = SIZES.iter().find(|(_, unit)| bytes.is_multiple_of(*unit)).unwrap_or(&SIZES[3]);
    format!("{}{}", bytes / unit.1, unit.0)
}

/// `90%` → 90, within a range.
pub(super) fn percent(text: &str, range: std::ops::RangeInclusive<u8>) -> Result<u8, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<u8>().ok());
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("`{text}` is not from {}% to {}%", range.start(), range.end()))
}

fn split(text: &str) -> (&str, &str) {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_read() {
        for text in ["1s", "90s", "10m", "2h", "90d"] {
            assert_eq!(duration_words(duration(text).unwrap()), text);
        }
        for text in ["1KiB", "100MiB", "2GiB", "1TiB"] {
            assert_eq!(size_words(size(text).unwrap()), text);
        }
        for text in ["", "0s", "10", "m", "10 weeks", "99999999999999999999d", "-1s", "4000d"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "10", "10GB", "0MiB", "99999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(percent("90%", 1..=99), Ok(90));
        assert!(percent("90", 1..=99).is_err() && percent("100%", 1..=99).is_err());
    }
}
