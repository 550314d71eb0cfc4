//! JSON values in a stream that comes in chunks: one a line, spread over many lines, behind `data: ` (server-sent events)
//! or 0x1E (RFC 7464), elements of one array, or of the list within the answer of a search.
//!
//! A value is found by its brackets and quotes alone; whether it is JSON is [`super::json`]'s to say. A line end within a
//! string, which no JSON holds, and what begins a record where only a part of one could stand (a line with `{` or
//! `data:` in front, 0x1E) mean that the value was cut: it is damaged, and what follows is read. Whatever is no value is handed on as a line.
//!
//! A value of more than [`VALUE_BYTES_MAX`] is damage too, unless it is an envelope ([`LISTS`]): then its elements are
//! the values.

use super::json::{Event, Reader};
use crate::model::blemish::BlemishKind;

/// Bytes of one value that are kept. journald's own JSON leaves out fields above 4 KiB, collectors cut lines at 16 KiB to
/// 1 MiB (CloudWatch).
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a line between values that are kept.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Where envelopes keep their records: Elasticsearch, CloudWatch (`get-log-events`, `filter-log-events`, subscriptions),
/// Loki (answers, pushes), Cloud Logging (`entries list`), Azure and others.
pub const LISTS: [&[&[u8]]; 7] = [
    &[b"hits", b"hits"],
    &[b"events"],
    &[b"logEvents"],
    &[b"data", b"result"],
    &[b"streams"],
    &[b"entries"],
    &[b"records"],
];

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// An object or an array whose brackets match.
    Value(&'a [u8]),
    /// A line that is none.
    Line(&'a [u8]),
    /// A damaged value, and how it begins.
    Damaged(BlemishKind, &'a [u8]),
}

/// Cuts a stream into frames.
#[derive(Debug, Default)]
pub struct Frames {
    /// Offset of the next byte.
    offset: u64,
    state: State,
    /// Offset of the frame's first byte.
    start: u64,
    kept: Vec<u8>,
    depth: u64,
    /// Elements of an envelope are being read, so far none of them was itself taken for one.
    in_envelope: bool,
    /// The last byte ended a line.
    at_line_start: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between values.
    #[default]
    Between,
    /// Behind a `[` that may begin a list of values or be a value itself.
    Bracket,
    /// In a value.
    Value(Within),
    /// In a value that is not kept.
    Skipped(Within),
    /// In a line that is no value.
    Line,
}

/// Where in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Structure,
    String,
    Escape,
}

impl Frames {
    /// The next bytes of the stream. `take` gets each frame and the offset of its first byte.
    pub fn push(&mut self, bytes: &[u8], take: &mut impl FnMut(Frame<'_>, u64)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match self.state {
                State::Between => self.between(rest),
                State::Bracket => self.bracket(rest),
                State::Value(within) | State::Skipped(within) => self.within(rest, within, take),
                State::Line => self.line(rest, take),
            };
            self.offset = self.offset.saturating_add(length(taken));
            rest = rest.get(taken..).unwrap_or_default();
            if self.kept.len() > VALUE_BYTES_MAX {
                self.too_long(take);
            }
        }
    }

    /// No more bytes.
    pub fn finish(mut self, take: &mut impl FnMut(Frame<'_>, u64)) {
        match self.state {
            State::Value(_) => self.damaged(BlemishKind::Truncated, take),
            State::Line => self.end_line(take),
            State::Between | State::Bracket | State::Skipped(_) => {}
        }
    }

    fn between(&mut self, bytes: &[u8]) -> usize {
        let padding =
            |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}' | 0x1e | 0);
        let passed = bytes.iter().take_while(|byte| padding(byte)).count();
        if passed > 0 {
            return passed;
        }
        self.start = self.offset;
        self.depth = 0;
        self.state = match bytes.first() {
            Some(b'{') => State::Value(Within::Structure),
            Some(b'[') => {
                self.state = State::Bracket;
                return 1;
            }
            _ => State::Line,
        };
        0
    }

    /// `[{` begins a list; `[1714536000.5, {` and `[[` are values.
    fn bracket(&mut self, bytes: &[u8]) -> usize {
        let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blanks > 0 {
            return blanks;
        }
        self.state = if matches!(bytes.first(), Some(b'{' | b']')) {
            State::Between
        } else {
            self.kept.push(b'[');
            self.depth = 1;
            State::Value(Within::Structure)
        };
        0
    }

    /// Takes at least one byte of a value.
    fn within(&mut self, bytes: &[u8], within: Within, take: &mut impl FnMut(Frame<'_>, u64)) -> usize {
        let starts_a_line = std::mem::take(&mut self.at_line_start);
        let (taken, now) = match within {
            Within::Escape => (1, Within::String),
            Within::String => match memchr::memchr3(b'"', b'\\', b'\n', bytes) {
                None => (bytes.len(), within),
                Some(at) => match bytes.get(at) {
                    Some(b'"') => (at + 1, Within::Structure),
                    Some(b'\\') => (at + 1, Within::Escape),
                    _ => return self.broken(bytes, at, take),
                },
            },
            Within::Structure => {
                let of_interest = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b'\n' | 0x1e);
                if starts_a_line && bytes.first() == Some(&b'd') {
                    return self.broken(bytes, 0, take);
                }
                match bytes.iter().position(of_interest) {
                    None => (bytes.len(), within),
                    Some(at) => {
                        match bytes.get(at) {
                            Some(b'"') => {
                                self.keep(bytes, at + 1);
                                self.go_on(Within::String);
                                return at + 1;
                            }
                            Some(b'{') if starts_a_line && at == 0 && self.depth > 0 => {
                                return self.broken(bytes, 0, take);
                            }
                            Some(0x1e) => return self.broken(bytes, at, take),
                            Some(b'{' | b'[') => self.depth = self.depth.saturating_add(1),
                            Some(b'\n') => self.at_line_start = true,
                            _ => self.depth = self.depth.saturating_sub(1),
                        }
                        (at + 1, within)
                    }
                }
            }
        };
        self.keep(bytes, taken);
        self.go_on(now);
        if self.depth == 0 && now == Within::Structure {
            if matches!(self.state, State::Value(_)) {
                take(Frame::Value(&self.kept), self.start);
            }
            self.begin_anew();
        }
        taken
    }

    fn keep(&mut self, bytes: &[u8], count: usize) {
        if matches!(self.state, State::Value(_)) {
            self.kept.extend_from_slice(bytes.get(..count).unwrap_or(bytes));
        }
    }

    fn go_on(&mut self, within: Within) {
        self.state = match self.state {
            State::Skipped(_) => State::Skipped(within),
            _ => State::Value(within),
        };
    }

    /// The value is cut in front of `at`.
    fn broken(&mut self, bytes: &[u8], at: usize, take: &mut impl FnMut(Frame<'_>, u64)) -> usize {
        self.keep(bytes, at);
        if matches!(self.state, State::Value(_)) {
            self.damaged(BlemishKind::BrokenFraming, take);
        }
        self.begin_anew();
        at
    }

    fn damaged(&mut self, kind: BlemishKind, take: &mut impl FnMut(Frame<'_>, u64)) {
        take(Frame::Damaged(kind, &self.kept), self.start);
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.state = State::Between;
        self.at_line_start = false;
        self.kept.clear();
        self.kept.shrink_to(64 * 1024);
    }

    fn line(&mut self, bytes: &[u8], take: &mut impl FnMut(Frame<'_>, u64)) -> usize {
        // Server-sent events; the blank behind the colon may be missing.
        if self.kept == b"data:" {
            self.begin_anew();
            return 0;
        }
        let end = memchr::memchr(b'\n', bytes);
        let colon = (self.kept.len() < 5).then(|| memchr::memchr(b':', bytes)).flatten();
        let taken = match (end, colon) {
            (Some(end), Some(colon)) => end.min(colon + 1),
            (Some(end), None) => end,
            (None, Some(colon)) => colon + 1,
            (None, None) => bytes.len(),
        };
        let room = LINE_BYTES_MAX.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..taken.min(room)).unwrap_or_default());
        if bytes.get(taken) == Some(&b'\n') {
            self.end_line(take);
            return taken + 1;
        }
        taken
    }

    fn end_line(&mut self, take: &mut impl FnMut(Frame<'_>, u64)) {
        take(Frame::Line(&self.kept), self.start);
        self.begin_anew();
    }

    /// The value is an envelope, or too long.
    fn too_long(&mut self, take: &mut impl FnMut(Frame<'_>, u64)) {
        if !self.in_envelope
            && let Some(list) = open_list(&self.kept)
        {
            let kept = std::mem::take(&mut self.kept);
            let elements = kept.get(list..).unwrap_or_default();
            let begin = self.start.saturating_add(length(list));
            *self = Self { offset: begin, in_envelope: true, ..Self::default() };
            return self.push(elements, take);
        }
        take(Frame::Damaged(BlemishKind::LineTooLong, &self.kept), self.start);
        if let State::Value(within) = self.state {
            self.state = State::Skipped(within);
        }
        self.kept = Vec::new();
    }
}

/// Where the elements of an envelope's list begin, if this is the beginning of an envelope.
fn open_list(text: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(text);
    let mut path: Vec<&[u8]> = Vec::new();
    while let Some(Ok(event)) = reader.next() {
        match event {
            Event::Key(key) => {
                path.pop();
                path.push(key.0);
            }
            Event::ObjectBegins => path.push(b""),
            Event::ObjectEnds => drop(path.pop()),
            Event::ArrayBegins if LISTS.contains(&path.as_slice()) => {
                return text.len().checked_sub(reader.rest().len());
            }
            Event::ArrayBegins => reader.skip_container().ok()?,
            Event::ArrayEnds | Event::String(_) | Event::Number(_) | Event::Word(_) => {}
        }
    }
    None
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(stream: &[u8], size: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut frames = Frames::default();
        let mut take = |frame: Frame<'_>, offset: u64| {
            let (kind, text) = match frame {
                Frame::Value(text) => ("value".to_owned(), text),
                Frame::Line(text) => ("line".to_owned(), text),
                Frame::Damaged(kind, text) => (format!("{kind:?}"), text),
            };
            let text = String::from_utf8_lossy(text.get(..40).unwrap_or(text)).into_owned();
            found.push(format!("{offset} {kind} {text}"));
        };
        for chunk in stream.chunks(size) {
            frames.push(chunk, &mut take);
        }
        frames.finish(&mut take);
        found
    }

    /// In chunks of any size the same.
    fn whole(stream: &str) -> Vec<String> {
        let found = frames(stream.as_bytes(), usize::MAX);
        for size in 1..9 {
            assert_eq!(frames(stream.as_bytes(), size), found, "chunks of {size}");
        }
        found
    }

    #[test]
    fn every_framing_gives_the_values() {
        let expected = |offsets: [u64; 2]| {
            [format!("{} value {{\"a\":\"}}\"}}", offsets[0]), format!("{} value {{}}", offsets[1])]
        };
        assert_eq!(whole("{\"a\":\"}\"}\n{}\n"), expected([0, 10]));
        assert_eq!(whole("\x1e{\"a\":\"}\"}\n\x1e{}\n"), expected([1, 12]));
        assert_eq!(whole("data: {\"a\":\"}\"}\n\ndata:{}\n\n"), expected([6, 22]));
        assert_eq!(whole("[\n  {\"a\":\"}\"},\n  {}\n]\n"), expected([4, 17]));
        assert_eq!(whole("[]\n{\"a\":\"}\"}{}"), expected([3, 12]));
        assert_eq!(
            whole("{\n\t\"a\" : [\n\t\t1\n\t]\n}\n{}"),
            ["0 value {\n\t\"a\" : [\n\t\t1\n\t]\n}", "20 value {}"]
        );
        assert_eq!(
            whole("[1.5, {\"a\":1}]\n[[1,{}],{}]"),
            ["0 value [1.5, {\"a\":1}]", "15 value [[1,{}],{}]"]
        );
    }

    #[test]
    fn what_is_cut_is_damage_and_what_follows_is_read() {
        assert_eq!(whole("{\"a\":\"x\n{}\n"), ["0 BrokenFraming {\"a\":\"x", "8 value {}"]);
        assert_eq!(whole("{\"a\":1,\n{}\n"), ["0 BrokenFraming {\"a\":1,\n", "8 value {}"]);
        assert_eq!(whole("data: {\"a\":1,\n\ndata: {}\n"), ["6 BrokenFraming {\"a\":1,\n\n", "21 value {}"]);
        assert_eq!(whole("\x1e{\"a\":1,\x1e{}\n"), ["1 BrokenFraming {\"a\":1,", "9 value {}"]);
        assert_eq!(whole("{}\n{\"a\":"), ["0 value {}", "3 Truncated {\"a\":"]);
        assert_eq!(
            whole("-- No entries --\n{}\nevent: x"),
            ["0 line -- No entries --", "17 value {}", "20 line event: x"]
        );
    }

    #[test]
    fn a_value_beyond_the_bound_is_damage_at_its_place() {
        let stream = format!("{{}}\n{{\"a\":\"{}\"}}\n{{\"b\":1}}\n", "x".repeat(3 * VALUE_BYTES_MAX));
        let found = frames(stream.as_bytes(), 65_536);
        assert_eq!(found[0], "0 value {}");
        assert!(found[1].starts_with("3 LineTooLong {\"a\":\"xxx"));
        assert_eq!(found[2], format!("{} value {{\"b\":1}}", stream.len() - 8));
        assert_eq!(found.len(), 3);
        let deep = "[[".repeat(2 * VALUE_BYTES_MAX);
        assert_eq!(frames(deep.as_bytes(), 65_536).len(), 1);
    }

    #[test]
    fn the_elements_of_a_giant_envelope_are_values() {
        let element = format!("{{\"_source\":{{\"message\":\"{}\"}}}}", "x".repeat(1000));
        let stream = format!(
            "{{\"took\":3,\"hits\":{{\"total\":{{\"value\":1}},\"hits\":[{}]}}}}\n",
            vec![element.as_str(); 3000].join(",")
        );
        let found = frames(stream.as_bytes(), 65_536);
        assert_eq!(found.iter().filter(|frame| frame.contains("value {\"_source\"")).count(), 3000);
        assert_eq!(found.len(), 3000);
    }
}
