//! How single values are written: numbers, times, schemas.

use std::fmt::Write as _;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::time::WallTime;

/// A measured number: finite, to six decimals, written as an integer where it is one. One that somebody wrote with more
/// decimals is read with six, so that what is read is what is written again.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Number(f64);

/// Integers up to here are exact in a double (2^53).
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl Number {
    /// None for what is no number: not known.
    pub(super) fn of(value: f64) -> Option<Self> {
        // What is larger has no six decimals in a double.
        let value = if value.abs() < EXACT_MAX / 1e6 { (value * 1e6).round() / 1e6 } else { value };
        value.is_finite().then_some(Self(value))
    }

    /// As it is.
    pub(super) fn value(self) -> f64 {
        self.0
    }

    /// A share: 0 to 1; what is no number counts as nothing.
    pub(super) fn share(value: f64) -> Self {
        Self::of(value.clamp(0.0, 1.0)).unwrap_or(Self(0.0))
    }

    /// Seconds, from microseconds.
    pub(super) fn seconds(us: i64) -> Self {
        Self(us as f64 / 1e6)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Ok(Self::of(value).unwrap_or(Self(value)))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() < EXACT_MAX {
            #[expect(clippy::cast_possible_truncation, reason = "integral and below 2^53")]
            return serializer.serialize_i64(self.0 as i64);
        }
        serializer.serialize_f64(self.0)
    }
}

/// RFC 3339 in UTC; none where it is not known or cannot be written.
pub(super) fn moment(at: Option<WallTime>) -> Option<String> {
    at.and_then(WallTime::rfc3339)
}

/// Pretty-printed, with a final line end; safe to show on a terminal.
pub(super) fn pretty(value: &impl Serialize) -> String {
    // Our own structs have text keys and finite numbers: the two things that JSON could refuse.
    let mut text = escaped(&serde_json::to_string_pretty(value).unwrap_or_default());
    text.push('\n');
    text
}

/// The same JSON with every character that a terminal might obey, reorder or hide written as `\u202e`. All of JSON
/// that is not inside a string is ASCII, so whatever is escaped stands in one.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let passes = match c {
            // ASCII, and what our own sentences use.
            '\n' | ' '..='~' | '≈' | '…' | '–' | '−' | '·' => true,
            // Latin, Greek, Cyrillic, Armenian: left to right, one column, nothing combines.
            '\u{a1}'..='\u{2ff}' | '\u{370}'..='\u{58f}' => c.is_alphanumeric(),
            _ => false,
        };
        if passes {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// The JSON Schema (draft 2020-12) of what we write: every field is required, none may be added.
pub(super) fn schema_of<T: JsonSchema>() -> String {
    pretty(&SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: f64) -> String {
        serde_json::to_string(&Number::of(value)).unwrap()
    }

    #[test]
    fn a_number_is_written_as_short_as_it_is() {
        assert_eq!(written(29_457.0), "29457");
        assert_eq!(written(0.962_301_133_5), "0.962301");
        assert_eq!(written(-0.5), "-0.5");
        assert_eq!(written(1e300), "1e+300");
    }

    #[test]
    fn a_number_is_read_as_it_is_written_again() {
        for text in
            ["1.860064831", "0.1234565", "12345678901.1234567", "1e300", "-0.0000004", "9007199254740993.5"]
        {
            let read: Number = serde_json::from_str(text).unwrap();
            let again: Number = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
            assert_eq!(read, again, "{text}");
            assert_eq!(Number::of(read.value()), Some(read), "{text}");
        }
    }

    #[test]
    fn what_a_terminal_might_obey_is_escaped_and_means_the_same() {
        let hostile = "\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{200b}\u{1f600}\\ \u{e9} ≈";
        let json = pretty(&hostile);
        assert!(json.contains("\\u001b[2J\\u007f\\u009b\\u202e\\u200b\\ud83d\\ude00\\\\ \u{e9} ≈"), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn what_is_no_number_is_not_known() {
        assert_eq!(written(f64::NAN), "null");
        assert_eq!(written(f64::NEG_INFINITY), "null");
        assert_eq!(Number::share(f64::NAN), Number(0.0));
        assert_eq!(Number::share(1.000_000_1), Number(1.0));
    }
}
