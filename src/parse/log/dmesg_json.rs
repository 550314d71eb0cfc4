//! `dmesg -J` and `dmesg -x -J`: one JSON document, an array of records over several lines each. A stream dialect: read
//! from its beginning, in chunks that may be cut anywhere.
//!
//! ```text
//! { "dmesg": [ { "pri": 4, "time": 12345.678901, "msg": "words" },{ … } ] }
//! ```
//!
//! With `-x` the facility stands as a word in `fac`; without it `pri` is the level alone (util-linux 2.38 ORs an unshifted
//! facility into it, which says nothing certain), so that only a `pri` above 7 names a facility. `time` is a raw number.
//! A message of several lines says what its first line says. Every object that holds a `msg` gives one record.

use crate::model::blemish::BlemishKind;
use crate::model::fold::RecordSink;
use crate::model::record::{Content, Record, Trust};
use crate::model::time::Moment;
use crate::parse::json::Text;

use super::header::{Facility, Header};
use super::lines::{Interest, LineParser, Source};
use super::speech::{self, Speaker, Speech};
use super::time;

/// Bytes of a name or value that are kept: the kernel's records are shorter (`LOG_LINE_MAX`, 8 KiB at most).
pub const VALUE_BYTES_KEPT: usize = 64 * 1024;

/// Reads such a document as it comes, cut anywhere.
#[derive(Debug, Default)]
pub struct DmesgJsonParser {
    /// Offset of the next byte.
    offset: u64,
    state: State,
    /// The name or value that is being read, or was last.
    token: Vec<u8>,
    /// Name of the member whose value comes.
    name: Vec<u8>,
    entry: Entry,
    /// What is said is understood as in a line.
    lines: LineParser,
}

/// What the next byte belongs to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between strings.
    #[default]
    Outside,
    /// A string.
    Inside,
    /// A string, behind a backslash.
    Escaped,
}

/// The members of one object that matter.
#[derive(Debug, Default)]
struct Entry {
    /// Offset of its brace.
    start: Option<u64>,
    facility: Option<Facility>,
    since_boot_us: Option<i64>,
    message: Option<Vec<u8>>,
    damage: Option<BlemishKind>,
}

impl DmesgJsonParser {
    /// The next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl RecordSink) {
        for byte in bytes {
            self.step(*byte, sink);
            self.offset = self.offset.saturating_add(1);
        }
    }

    /// No more bytes. An object that was not closed is damaged.
    pub fn finish(mut self, sink: &mut impl RecordSink) {
        if self.entry.start.is_some() && (self.entry.message.is_some() || self.state != State::Outside) {
            self.entry.damage = Some(BlemishKind::BrokenFraming);
            self.entry.message.get_or_insert_default();
            self.end_object(sink);
        }
    }

    fn step(&mut self, byte: u8, sink: &mut impl RecordSink) {
        match (self.state, byte) {
            (State::Outside, b'"') => {
                self.token.clear();
                self.state = State::Inside;
            }
            (State::Outside, b':') => self.name = std::mem::take(&mut self.token),
            (State::Outside, b',' | b'}') => {
                self.end_value();
                if byte == b'}' {
                    self.end_object(sink);
                }
            }
            (State::Outside, b'{') => {
                self.token.clear();
                self.entry = Entry { start: Some(self.offset), ..Entry::default() };
            }
            (State::Outside, b'[' | b']') => self.token.clear(),
            (State::Outside, byte) if byte.is_ascii_whitespace() => {}
            (State::Inside, b'"') => self.state = State::Outside,
            (State::Inside, b'\\') => {
                self.state = State::Escaped;
                self.keep(byte);
            }
            (State::Escaped, _) => {
                self.state = State::Inside;
                self.keep(byte);
            }
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.token.len() < VALUE_BYTES_KEPT {
            self.token.push(byte);
        } else {
            self.entry.damage = Some(BlemishKind::LineTooLong);
        }
    }

    fn end_value(&mut self) {
        let name = std::mem::take(&mut self.name);
        let value = std::mem::take(&mut self.token);
        self.entry.member(&name, value);
    }

    fn end_object(&mut self, sink: &mut impl RecordSink) {
        let entry = std::mem::take(&mut self.entry);
        let Some(message) = &entry.message else { return };
        let message = Text(message).unescaped();
        let words = message.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let source = Source { line: words, offset: entry.start.unwrap_or(self.offset) };
        if let Some(kind) = entry.damage {
            let moment = Moment {
                offset: source.offset,
                stamp: None,
                precision_us: 0,
                since_boot_us: entry.since_boot_us,
                seq: None,
            };
            let (content, raw) = (Content::Malformed(kind), words.get(..RAW_BYTES_MAX).unwrap_or(words));
            let trust = Trust::Unverified;
            return sink.take(&Record { moment, host: None, boot: None, trust, content, raw });
        }
        let header = Header::of_text(words, open);
        let header = Header { since_boot_us: entry.since_boot_us, facility: entry.facility, ..header };
        self.lines.headed(&header, source, Interest::Possible, &mut |record| sink.take(record));
    }
}

/// Bytes of the words kept for the reader.
const RAW_BYTES_MAX: usize = 512;

impl Entry {
    fn member(&mut self, name: &[u8], value: Vec<u8>) {
        match name {
            b"fac" => self.facility = Some(speech::facility_of_name(&value).unwrap_or(Facility::MAX)),
            b"pri" => {
                let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<u16>().ok());
                if let Some(facility) = number.map(|number| number / 8).filter(|facility| *facility > 0) {
                    self.facility = Some(Facility::try_from(facility).unwrap_or(Facility::MAX));
                }
            }
            b"time" => match time::seconds(&value) {
                Some((us, b"")) => self.since_boot_us = Some(time::before_wrap(us)),
                _ => self.damage = Some(BlemishKind::ImpossibleNumber),
            },
            b"msg" => self.message = Some(value),
            _ => {}
        }
    }
}

fn open(facility: Option<Facility>, words: &[u8]) -> Speech<'_> {
    match facility {
        None | Some(0) => speech::kernel(words),
        Some(_) => Speech::new(Speaker::Other, words),
    }
}

/// The head of an input looks like such a document.
pub fn looks_like(head: &[u8]) -> bool {
    let inner = head.trim_ascii_start().strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
    inner.strip_prefix(b"\"dmesg\"").is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}
