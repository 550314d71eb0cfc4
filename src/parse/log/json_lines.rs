//! Logs in JSON: `journalctl -o json`, `json-pretty`, `json-sse`, `json-seq`, and what containers and collectors wrap
//! around lines. A stream dialect.
//!
//! | who | what |
//! |---|---|
//! | journald, and collectors that pass its fields on | an object with its fields: an entry of the journal, as in the export format |
//! | Docker json-file | `{"log":"line\n","stream":"stdout","time":"…"}`; a long line in pieces, the last of which ends in `\n` |
//! | Loki | `{"labels":{…},"line":"…","timestamp":"…"}` (`logcli -o jsonl`), `{"stream":{…},"values":[["ns","line"],…]}` (API, pushes) |
//! | Elasticsearch, Filebeat | `{"@timestamp":"…","message":"…","host":{"name":…}}`, the same below `_source`, in `hits.hits` of an answer, in pairs of `_bulk` |
//! | CloudWatch | `{"timestamp":ms,"message":"…"}`, in `events` or `logEvents` |
//! | Cloud Logging | `{"timestamp":"…","textPayload":"…"}`, `{"jsonPayload":{"MESSAGE":…}}` |
//! | vector, fluentd, Fluent Bit | `{"message":…,"host":…,"timestamp":…}`, `[epoch, {…}]`, `[[epoch, {…}], {…}]` |
//!
//! A wrapped line is read by the line family. Its own time and host win over the wrapper's. Where the wrapper names the
//! program that spoke, the line is its words; else only a line that names the kernel itself, or is a whole kernel
//! message, is the kernel's. A wrapper that names no message is searched for a string that is such a line, never for a
//! part of one. All of that is `Unverified`; an entry of the journal is `AsRecorded`.

use crate::model::blemish::BlemishKind;
use crate::model::fold::RecordSink;
use crate::model::record::{Content, Record, Trust};
use crate::model::time::{Moment, Stamp};
use crate::parse::json::{Event, Reader};
use crate::parse::json_frames::{Frame, Frames, LISTS};

use super::journal_entry::{Entry, Recorder};
use super::json_leaves::{Leaf, Leaves};
use super::lines::{self, Around, LineParser};
use super::pieces::Pieces;
use super::speech::{self, Speaker};
use super::time::{self, Written};

/// Bytes of a damaged value kept for the reader.
const RAW_BYTES_MAX: usize = 512;
/// JSON within a string of JSON (a container that logs JSON) is read so deep.
const WRAPPERS_MAX: usize = 3;

/// Names of the time, best first.
const TIMES: [&[u8]; 12] = [
    b"@timestamp",
    b"timestamp",
    b"Timestamp",
    b"time",
    b"ts",
    b"date",
    b"datetime",
    b"timereported",
    b"eventTime",
    b"event.created",
    b"receiveTimestamp",
    b"ingestionTime",
];
/// Names of the words.
const MESSAGES: [&[u8]; 14] = [
    b"MESSAGE",
    b"message",
    b"Message",
    b"@message",
    b"msg",
    b"log",
    b"line",
    b"textPayload",
    b"event.original",
    b"log.original",
    b"full_message",
    b"short_message",
    b"body.stringValue",
    b"body",
];
/// Names of the host.
const HOSTS: [&[u8]; 18] = [
    b"_HOSTNAME",
    b"host.hostname",
    b"host.name",
    b"hostname",
    b"host",
    b"Hostname",
    b"syslog.hostname",
    b"fromhost",
    b"source_host",
    b"node_name",
    b"nodename",
    b"node",
    b"kubernetes.node.name",
    b"kubernetes.host",
    b"agent.hostname",
    b"beat.hostname",
    b"instance",
    b"logStreamName",
];
/// Names of the program that speaks, where syslog or the journal gave it to the collector.
const PROGRAMS: [&[u8]; 10] = [
    b"SYSLOG_IDENTIFIER",
    b"syslog.identifier",
    b"log.syslog.appname",
    b"syslog_identifier",
    b"appname",
    b"app_name",
    b"programname",
    b"program",
    b"ident",
    b"syslogtag",
];
/// Names of the facility.
const FACILITIES: [&[u8]; 7] = [
    b"SYSLOG_FACILITY",
    b"syslog.facility",
    b"log.syslog.facility.code",
    b"log.syslog.facility.name",
    b"syslog_facility",
    b"facility_label",
    b"facility",
];
/// Fields that only the journal has.
const OF_JOURNAL: [&[u8]; 7] = [
    b"__CURSOR",
    b"__REALTIME_TIMESTAMP",
    b"__MONOTONIC_TIMESTAMP",
    b"_SOURCE_MONOTONIC_TIMESTAMP",
    b"_BOOT_ID",
    b"_TRANSPORT",
    b"_MACHINE_ID",
];

/// Reads a stream of JSON as it comes, cut anywhere.
#[derive(Debug, Default)]
pub struct JsonParser {
    frames: Frames,
    values: Values,
}

impl JsonParser {
    /// The next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl RecordSink) {
        let Self { frames, values } = self;
        frames.push(bytes, &mut |frame, offset| values.frame(frame, offset, sink));
    }

    /// No more bytes.
    pub fn finish(self, sink: &mut impl RecordSink) {
        let Self { frames, mut values } = self;
        let mut end = 0;
        frames.finish(&mut |frame, offset| {
            values.frame(frame, offset, sink);
            end = offset;
        });
        values.finish(end, sink);
    }
}

/// Makes records of values.
#[derive(Debug, Default)]
pub(super) struct Values {
    entries: Recorder,
    pub(super) lines: LineParser,
    pub(super) pieces: Pieces,
    /// Offset of the last value.
    last: u64,
}

impl Values {
    fn frame(&mut self, frame: Frame<'_>, offset: u64, sink: &mut impl RecordSink) {
        self.last = offset;
        match frame {
            Frame::Value(text) => self.value(text, offset, &Around::default(), sink),
            Frame::Line(text) => self.lines.wrapped(text, offset, &Around::default(), sink),
            Frame::Damaged(kind, raw) => sink.take(&malformed(kind, raw, offset)),
        }
    }

    /// Lines of which the last piece did not come, as far as they go.
    pub(super) fn finish(mut self, offset: u64, sink: &mut impl RecordSink) {
        let offset = offset.max(self.last);
        for line in self.pieces.rest() {
            self.lines.wrapped(&line, offset, &Around::default(), sink);
        }
    }

    /// One value: one record, or one for each of its records if it is an envelope.
    pub(super) fn value(
        &mut self,
        text: &[u8],
        offset: u64,
        around: &Around<'_>,
        sink: &mut impl RecordSink,
    ) {
        self.last = offset;
        self.wrapper(text, around, Place { offset, depth: 0 }, sink);
    }

    /// A line that some program wrote, which may be JSON again.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        around: &Around<'_>,
        place: Place,
        sink: &mut impl RecordSink,
    ) {
        let line = line.trim_ascii_end();
        let is_json = line.starts_with(b"{") && line.ends_with(b"}") && around.speaker.is_none();
        if is_json && place.depth < WRAPPERS_MAX {
            return self.wrapper(line, around, Place { depth: place.depth + 1, ..place }, sink);
        }
        self.lines.wrapped(line, place.offset, around, sink);
    }

    fn wrapper(&mut self, text: &[u8], around: &Around<'_>, place: Place, sink: &mut impl RecordSink) {
        match elements(text) {
            Some(elements) => {
                for element in in_order_of_time(elements, |element| Said::of(&Leaves::of(element)).stamp) {
                    self.element(element, around, place, sink);
                }
            }
            None => self.element(text, around, place, sink),
        }
    }

    /// What is no envelope, but may be a stream of Loki's.
    fn element(&mut self, text: &[u8], around: &Around<'_>, place: Place, sink: &mut impl RecordSink) {
        let Some((stream, values)) = of_loki(text) else {
            return self.record(text, around, place, sink);
        };
        let labels = Leaves::of(stream);
        let said = Said::of(&labels);
        for (stamp, line) in in_order_of_time(values, |(stamp, _)| Some(*stamp)) {
            let around = Around { stamp: Some(stamp), ..said.around() }.within(*around);
            self.line(&line, &around, place, sink);
        }
    }

    /// One record.
    fn record(&mut self, text: &[u8], around: &Around<'_>, place: Place, sink: &mut impl RecordSink) {
        let leaves = Leaves::of(text);
        if let Some(kind) = leaves.damage {
            return sink.take(&malformed(kind, text, place.offset));
        }
        let said = Said::of(&leaves);
        let around = said.around().within(*around);
        if let Some(object) = journal_object(&leaves) {
            let entry = entry(&leaves, object, &said, &around, place.offset);
            return self.entries.record(&entry, place.trust(), sink);
        }
        match said.message {
            Some(message) if &*message.key == b"log" && leaves.first(&[b"stream"]).is_some() => {
                let stream = leaves.first(&[b"stream"]).map(|leaf| &*leaf.value).unwrap_or_default();
                if let Some(line) = self.pieces.join(stream, &message.value, message.value.ends_with(b"\n")) {
                    self.line(&line, &around, place, sink);
                }
            }
            Some(message) => self.line(&message.value, &around, place, sink),
            None => {
                let strings = leaves.all.iter().filter(|leaf| !leaf.is_number);
                let line =
                    strings.map(|leaf| leaf.value.trim_ascii_end()).find(|text| lines::is_of_interest(text));
                self.lines.wrapped(line.unwrap_or_default(), place.offset, &around, sink);
            }
        }
    }
}

/// Where a value stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Offset of the value, or of the line, that it stands in.
    pub(super) offset: u64,
    /// Strings within strings.
    pub(super) depth: usize,
}

impl Place {
    /// A line that a program wrote may hold the journal's fields too: whoever wrote it, it was not journald.
    fn trust(self) -> Trust {
        if self.depth == 0 { Trust::AsRecorded } else { Trust::Unverified }
    }
}

/// The entry that an object holds.
fn entry(leaves: &Leaves<'_>, object: usize, said: &Said<'_, '_>, around: &Around<'_>, offset: u64) -> Entry {
    let mut entry = Entry::default();
    entry.begins_at(offset);
    for leaf in leaves.all.iter().filter(|leaf| leaf.object == object) {
        entry.field(&leaf.key, &leaf.value);
    }
    let stamp = around.stamp.and_then(|written| match written.stamp {
        Stamp::Absolute(us) => Some(us),
        Stamp::Local(_) | Stamp::Yearless(_) => None,
    });
    entry.otherwise(stamp, around.host, said.message.map(|leaf| &*leaf.value));
    entry
}

/// What a wrapper says of its line.
struct Said<'l, 'a> {
    message: Option<&'l Leaf<'a>>,
    stamp: Option<Written>,
    host: Option<&'l [u8]>,
    speaker: Option<Speaker>,
}

impl<'l, 'a> Said<'l, 'a> {
    fn of(leaves: &'l Leaves<'a>) -> Self {
        let text =
            |names: &[&[u8]]| leaves.first(names).filter(|leaf| !leaf.is_number).map(|leaf| &*leaf.value);
        let stamp = leaves.first(&TIMES).and_then(|leaf| stamp(&leaf.value));
        Self {
            message: leaves.first(&MESSAGES).filter(|leaf| !leaf.is_number),
            // Fluent Bit: the first number of `[epoch, {…}]`.
            stamp: stamp.or_else(|| {
                leaves
                    .all
                    .first()
                    .filter(|leaf| leaf.key.is_empty())
                    .and_then(|leaf| time::epoch(&leaf.value))
            }),
            host: text(&HOSTS),
            speaker: text(&PROGRAMS).map(|name| speaker(name, leaves.first(&FACILITIES))),
        }
    }

    fn around(&self) -> Around<'l> {
        Around { stamp: self.stamp, host: self.host, speaker: self.speaker }
    }
}

/// Who speaks under this name; with any other facility than the kernel's it is not the kernel.
fn speaker(name: &[u8], facility: Option<&Leaf<'_>>) -> Speaker {
    let (name, _) = speech::tag(name);
    let of_kernel = facility.is_none_or(|leaf| matches!(&*leaf.value, b"0" | b"kern" | b"kernel"));
    speech::speaker(Some(u8::from(!of_kernel)), name)
}

/// A time as wrappers write it: RFC 3339, the same with a blank for its T, an epoch.
fn stamp(text: &[u8]) -> Option<Written> {
    let text = text.trim_ascii();
    if text.first()?.is_ascii_digit() && text.get(4) != Some(&b'-') {
        return time::epoch(text);
    }
    if let Some(Ok((written, rest))) = time::rfc3339(text) {
        return rest.is_empty().then_some(written);
    }
    let (written, rest) = time::civil(text)?.ok()?;
    let stamp = match (rest, written.stamp) {
        (b"Z" | b" UTC" | b" +0000" | b"+00:00" | b" +00:00", Stamp::Local(us)) => Stamp::Absolute(us),
        (b"", stamp) => stamp,
        _ => return None,
    };
    Some(Written { stamp, ..written })
}

/// The object that is an entry of the journal: it has at least two fields that nothing else has.
fn journal_object(leaves: &Leaves<'_>) -> Option<usize> {
    let mut of_object = vec![0_u8; leaves.objects()];
    for leaf in leaves.all.iter().filter(|leaf| OF_JOURNAL.contains(&&*leaf.key)) {
        let count = of_object.get_mut(leaf.object)?;
        *count = count.saturating_add(1);
    }
    of_object.iter().position(|count| *count >= 2)
}

/// Records of an answer come from new to old as often as not; the fold wants them as they happened.
fn in_order_of_time<T>(mut records: Vec<T>, stamp: impl Fn(&T) -> Option<Written>) -> Vec<T> {
    let us = |record: Option<&T>| record.and_then(&stamp).map(|written| written.stamp.us());
    if us(records.first()) > us(records.last()) {
        records.reverse();
    }
    records
}

/// The elements of an envelope's list; none: it is no envelope.
fn elements(text: &[u8]) -> Option<Vec<&[u8]>> {
    // Most values hold none of the names, and are not looked at twice.
    let may_be =
        LISTS.iter().any(|list| list.first().is_some_and(|name| memchr::memmem::find(text, name).is_some()));
    if !may_be {
        return None;
    }
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
            Event::ArrayBegins if LISTS.contains(&path.as_slice()) => return objects(reader),
            Event::ArrayBegins => reader.skip_container().ok()?,
            Event::ArrayEnds | Event::String(_) | Event::Number(_) | Event::Word(_) => {}
        }
    }
    None
}

/// The objects of an array, from behind its bracket; none if it holds anything else.
fn objects(mut reader: Reader<'_>) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    loop {
        let before = reader.rest();
        match reader.next()?.ok()? {
            Event::ObjectBegins => {}
            Event::ArrayEnds => return Some(found),
            _ => return None,
        }
        reader.skip_container().ok()?;
        let length = before.len().checked_sub(reader.rest().len())?;
        let element = before.get(..length)?;
        found.push(element.get(memchr::memchr(b'{', element)?..)?);
    }
}

/// Labels, and times and lines, of a stream of Loki's.
type LokiStream<'a> = (&'a [u8], Vec<(Written, Vec<u8>)>);

fn of_loki(text: &[u8]) -> Option<LokiStream<'_>> {
    memchr::memmem::find(text, b"\"values\"")?;
    let mut reader = Reader::new(text);
    let mut labels = b"{}".as_slice();
    let mut values = None;
    let Some(Ok(Event::ObjectBegins)) = reader.next() else { return None };
    while let Event::Key(key) = reader.next()?.ok()? {
        let before = reader.rest();
        let begin = reader.next()?.ok()?;
        match (key.0, begin) {
            (b"values", Event::ArrayBegins) => values = Some(loki_values(&mut reader)?),
            (b"stream" | b"metric", Event::ObjectBegins) => {
                reader.skip_container().ok()?;
                let all = before.get(..before.len().checked_sub(reader.rest().len())?)?;
                labels = all.get(memchr::memchr(b'{', all)?..)?;
            }
            (_, Event::ObjectBegins | Event::ArrayBegins) => reader.skip_container().ok()?,
            _ => {}
        }
    }
    Some((labels, values?))
}

/// `["1714536000000000000","line"]` and so on, behind the first bracket. A third element holds structured metadata.
fn loki_values(reader: &mut Reader<'_>) -> Option<Vec<(Written, Vec<u8>)>> {
    let mut values = Vec::new();
    while let Event::ArrayBegins = reader.next()?.ok()? {
        let (Event::String(ns), Event::String(line)) = (reader.next()?.ok()?, reader.next()?.ok()?) else {
            return None;
        };
        values.push((time::epoch(ns.0)?, line.unescaped().into_owned()));
        reader.skip_container().ok()?;
    }
    Some(values)
}

fn malformed(kind: BlemishKind, raw: &[u8], offset: u64) -> Record<'_> {
    Record {
        moment: Moment { offset, stamp: None, precision_us: 0, since_boot_us: None, seq: None },
        host: None,
        boot: None,
        trust: Trust::Unverified,
        content: Content::Malformed(kind),
        raw: raw.get(..RAW_BYTES_MAX).unwrap_or(raw),
    }
}

/// Which log a head is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JsonLog {
    /// Entries of the journal.
    Journal,
    /// Wrapped lines.
    Wrapped,
}

/// The head of an input looks like a log in JSON: among its values is an entry of the journal, a line with its time, or
/// a string that is a line of the kernel about connection tracking; and most of it is values.
pub fn looks_like(head: &[u8]) -> Option<JsonLog> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if !matches!(text.first(), Some(b'{' | b'[' | 0x1e | b'd')) || is_of_dmesg(text) {
        return None;
    }
    let (mut values, mut others, mut found) = (0_u32, 0_u32, None);
    let mut whole = 0;
    let mut frames = Frames::default();
    frames.push(text, &mut |frame, offset| match frame {
        Frame::Value(value) => {
            values += 1;
            whole = usize::try_from(offset).unwrap_or(usize::MAX).saturating_add(value.len());
            found = found.or_else(|| what(value));
        }
        Frame::Line(_) | Frame::Damaged(..) => others += 1,
    });
    if values == 0 && others == 0 {
        // One value may be longer than the head.
        let cut = text.get(whole..).unwrap_or_default();
        let start = memchr::memchr2(b'{', b'[', cut).unwrap_or(0);
        return what_of_cut(cut.get(start..).unwrap_or_default());
    }
    found.filter(|_| values >= others)
}

/// `dmesg -J`.
fn is_of_dmesg(text: &[u8]) -> bool {
    let mut events = Reader::new(text);
    events.next();
    matches!(events.next(), Some(Ok(Event::Key(key))) if key.0 == b"dmesg")
}

fn what(value: &[u8]) -> Option<JsonLog> {
    if let Some(elements) = elements(value) {
        return elements.iter().take(ELEMENTS_LOOKED_AT).find_map(|element| what(element));
    }
    if of_loki(value).is_some_and(|(_, values)| !values.is_empty()) {
        return Some(JsonLog::Wrapped);
    }
    of_leaves(&Leaves::of(value))
}

/// Elements of an envelope's list that decide what it is.
const ELEMENTS_LOOKED_AT: usize = 50;

fn what_of_cut(value: &[u8]) -> Option<JsonLog> {
    of_leaves(&Leaves::of(value))
}

fn of_leaves(leaves: &Leaves<'_>) -> Option<JsonLog> {
    // A report of ours quotes log lines.
    if leaves.first(&[b"schema"]).is_some_and(|leaf| leaf.value.starts_with(b"conntriage.")) {
        return None;
    }
    if journal_object(leaves).is_some() {
        return Some(JsonLog::Journal);
    }
    let said = Said::of(leaves);
    let line_with_time = said.stamp.is_some() && said.message.is_some();
    let of_kernel = || {
        leaves.all.iter().any(|leaf| !leaf.is_number && lines::is_of_interest(leaf.value.trim_ascii_end()))
    };
    (line_with_time || of_kernel()).then_some(JsonLog::Wrapped)
}
