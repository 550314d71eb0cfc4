//! A small pull reader of JSON (RFC 8259): events over bytes that lie in memory, nothing built, nothing copied but
//! strings with escapes.
//!
//! It is our own since this room names no serde, and since what logs need is less and other than what JSON crates give:
//! strings that are not UTF-8 stay bytes (journalctl and collectors pass on what programs wrote), a number stays the
//! digits as written (a nanosecond count does not fit a float), nesting has a bound, and an error is a value.
//! [`super::json_frames`] finds the values in a stream.

use std::borrow::Cow;

/// Containers within containers; what is nested deeper is not read.
pub const DEPTH_MAX: usize = 64;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// `{`
    ObjectBegins,
    /// `}`
    ObjectEnds,
    /// `[`
    ArrayBegins,
    /// `]`
    ArrayEnds,
    /// The name of an object's member; its value comes next.
    Key(Text<'a>),
    /// A string.
    String(Text<'a>),
    /// A number, as written.
    Number(&'a [u8]),
    /// `true`, `false`, `null`, as written.
    Word(&'a [u8]),
}

/// A string between its quotes, escapes not yet undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    /// The bytes it stands for. A lone surrogate becomes U+FFFD; bytes that are not UTF-8 stay as they are.
    pub fn unescaped(self) -> Cow<'a, [u8]> {
        if memchr::memchr(b'\\', self.0).is_none() {
            return Cow::Borrowed(self.0);
        }
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut rest = self.0;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, b""));
            bytes.extend_from_slice(plain);
            rest = unescape(escape.get(1..).unwrap_or_default(), &mut bytes);
        }
        bytes.extend_from_slice(rest);
        Cow::Owned(bytes)
    }
}

/// Undoes one escape (behind its backslash); what is none stands for itself.
fn unescape<'a>(escape: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let [kind, rest @ ..] = escape else { return escape };
    let byte = match kind {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unescape_unit(rest, bytes),
        other => *other,
    };
    bytes.push(byte);
    rest
}

fn unescape_unit<'a>(digits: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let Some((unit, rest)) = four_hex(digits) else { return digits };
    let pair = || {
        let (low, behind) = four_hex(rest.strip_prefix(b"\\u")?)?;
        char::decode_utf16([unit, low])
            .next()?
            .ok()
            .filter(|_| (0xd800..0xdc00).contains(&unit))
            .map(|c| (c, behind))
    };
    let (character, rest) =
        pair().unwrap_or((char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER), rest));
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn four_hex(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let value =
        digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))?;
    Some((u16::try_from(value).ok()?, rest))
}

/// The text is no JSON, is cut, or is nested deeper than [`DEPTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoJson;

/// What the grammar allows next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    /// A whole value was read.
    Nothing,
}

/// Reads one value, event by event. After the value (or the first fault) come no more events.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    next: Next,
    /// One for each open container: it is an object.
    open: Vec<bool>,
}

impl<'a> Reader<'a> {
    /// At the beginning of a text that holds one value, perhaps behind blanks.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: text, next: Next::Value, open: Vec::new() }
    }

    /// What stands behind the events given so far.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Passes over what is left of the container that is open now (its end is the last event passed over); at the
    /// beginning, over the whole value.
    pub fn skip_container(&mut self) -> Result<(), NoJson> {
        let depth = self.open.len().saturating_sub(1);
        while let Some(event) = self.next() {
            if matches!(event?, Event::ObjectEnds | Event::ArrayEnds) && self.open.len() <= depth {
                break;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Event<'a>>, NoJson> {
        self.rest = self.rest.trim_ascii_start();
        let Some((first, behind)) = self.rest.split_first() else { return Err(NoJson) };
        match (self.next, first) {
            (Next::CommaOrEnd, b',') => {
                self.rest = behind;
                self.next = if self.open.last() == Some(&true) { Next::Key } else { Next::Value };
                Ok(None)
            }
            (Next::Colon, b':') => {
                (self.rest, self.next) = (behind, Next::Value);
                Ok(None)
            }
            // Fluent Bit's stdout writes `"name"=>value`.
            (Next::Colon, b'=') => {
                (self.rest, self.next) = (behind.strip_prefix(b">").ok_or(NoJson)?, Next::Value);
                Ok(None)
            }
            (Next::CommaOrEnd | Next::KeyOrEnd, b'}') if self.open.last() == Some(&true) => {
                Ok(Some(self.close(behind, Event::ObjectEnds)))
            }
            (Next::CommaOrEnd | Next::ValueOrEnd, b']') if self.open.last() == Some(&false) => {
                Ok(Some(self.close(behind, Event::ArrayEnds)))
            }
            (Next::Key | Next::KeyOrEnd, b'"') => {
                let text = self.string(behind)?;
                self.next = Next::Colon;
                Ok(Some(Event::Key(text)))
            }
            (Next::Value | Next::ValueOrEnd, _) => self.value(*first, behind).map(Some),
            _ => Err(NoJson),
        }
    }

    fn value(&mut self, first: u8, behind: &'a [u8]) -> Result<Event<'a>, NoJson> {
        match first {
            b'{' | b'[' => {
                if self.open.len() >= DEPTH_MAX {
                    return Err(NoJson);
                }
                let object = first == b'{';
                self.open.push(object);
                self.rest = behind;
                self.next = if object { Next::KeyOrEnd } else { Next::ValueOrEnd };
                return Ok(if object { Event::ObjectBegins } else { Event::ArrayBegins });
            }
            b'"' => {
                let text = self.string(behind)?;
                self.value_ends();
                return Ok(Event::String(text));
            }
            _ => {}
        }
        let length = self.rest.iter().take_while(|byte| of_scalar(**byte)).count();
        let (scalar, rest) = self.rest.split_at_checked(length).ok_or(NoJson)?;
        let event = match scalar {
            b"true" | b"false" | b"null" => Event::Word(scalar),
            [b'-' | b'0'..=b'9', ..] if is_number(scalar) => Event::Number(scalar),
            _ => return Err(NoJson),
        };
        self.rest = rest;
        self.value_ends();
        Ok(event)
    }

    fn close(&mut self, behind: &'a [u8], event: Event<'a>) -> Event<'a> {
        self.open.pop();
        self.rest = behind;
        self.value_ends();
        event
    }

    fn value_ends(&mut self) {
        self.next = if self.open.is_empty() { Next::Nothing } else { Next::CommaOrEnd };
    }

    /// A string, from behind its first quote.
    fn string(&mut self, text: &'a [u8]) -> Result<Text<'a>, NoJson> {
        let mut end = 0;
        loop {
            let rest = text.get(end..).unwrap_or_default();
            end += memchr::memchr2(b'"', b'\\', rest).ok_or(NoJson)?;
            if text.get(end) == Some(&b'"') {
                break;
            }
            end += 2;
        }
        let (string, behind) = text.split_at_checked(end).ok_or(NoJson)?;
        self.rest = behind.strip_prefix(b"\"").ok_or(NoJson)?;
        Ok(Text(string))
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Event<'a>, NoJson>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next != Next::Nothing {
            match self.step() {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(fault) => {
                    self.next = Next::Nothing;
                    return Some(Err(fault));
                }
            }
        }
        None
    }
}

/// May stand in a number or a word.
pub(super) fn of_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

fn is_number(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Result<Vec<String>, NoJson> {
        let spelt = |event: Event<'_>| match event {
            Event::ObjectBegins => "{".to_owned(),
            Event::ObjectEnds => "}".to_owned(),
            Event::ArrayBegins => "[".to_owned(),
            Event::ArrayEnds => "]".to_owned(),
            Event::Key(text) => format!("{}:", String::from_utf8_lossy(&text.unescaped())),
            Event::String(text) => format!("'{}'", String::from_utf8_lossy(&text.unescaped())),
            Event::Number(text) | Event::Word(text) => String::from_utf8_lossy(text).into_owned(),
        };
        Reader::new(text.as_bytes()).map(|event| event.map(spelt)).collect()
    }

    #[test]
    fn a_value_is_its_events() {
        let text = "\t{\"a\" : [1, -2.5e3,true ,null,[]],\n\"b\\n\":{}, \"c\":\"x\\\"y\\\\\"}\n trailing";
        let expected = [
            "{", "a:", "[", "1", "-2.5e3", "true", "null", "[", "]", "]", "b\n:", "{", "}", "c:", "'x\"y\\'",
            "}",
        ];
        assert_eq!(events(text).unwrap(), expected);
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none_wherever_it_is_cut() {
        let whole = r#"{"a":[1,"b\\\"",{"c":null}],"d":-0.5}"#;
        assert!(events(whole).is_ok());
        for end in 0..whole.len() {
            assert_eq!(events(&whole[..end]), Err(NoJson), "{}", &whole[..end]);
        }
        for text in
            ["{\"a\" 1}", "{a:1}", "[1 2]", "[1,]", "{\"a\":1,}", "nul", "+1", "]", "{]", "[}", "inf", "\"\\"]
        {
            assert_eq!(events(text), Err(NoJson), "{text}");
        }
    }

    #[test]
    fn escapes_stand_for_characters_and_lone_surrogates_for_none() {
        let text = |escaped: &'static str| Text(escaped.as_bytes()).unescaped().into_owned();
        assert_eq!(text(r"\u00e9\ud83d\ude00\/\t"), "é😀/\t".as_bytes());
        assert_eq!(text(r"\ud83dx\ude00"), "\u{fffd}x\u{fffd}".as_bytes());
        assert_eq!(text(r"\u12\"), b"12");
        assert_eq!(Text(b"\xff\\n").unescaped().as_ref(), b"\xff\n");
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| events(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(nested(DEPTH_MAX).is_ok());
        assert_eq!(nested(DEPTH_MAX + 1), Err(NoJson));
        assert_eq!(nested(1_000_000), Err(NoJson));
    }

    #[test]
    fn a_container_is_skipped_to_its_end() {
        let mut reader = Reader::new(br#"{"a":{"b":[{}]},"c":1}"#);
        for _ in 0..3 {
            reader.next();
        }
        assert_eq!(reader.skip_container(), Ok(()));
        assert!(matches!(reader.next(), Some(Ok(Event::Key(Text(b"c"))))));
    }
}
