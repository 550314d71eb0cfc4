//! A log read from its beginning, whatever its dialect; and from its end, where it runs from new to old.
//!
//! The fold takes records as they happened. `journalctl -r`, `tac` and most search tools write the newest first, and
//! then a suppression line stands behind the line that it belongs in front of. Such a stream is told by its moments: its
//! head does not rise, and at its end more than four of five steps fell. It is kept while it is read, in packed chunks that are cut
//! between records, and folded once more from its last record to its first.

use std::io::{self, Read};

use super::blocks::each_block;
use crate::model::fold::{Part, RecordSink};
use crate::model::piece::{Piece, ROLLOVER_US};
use crate::model::record::{Content, Record};
use crate::model::time::{BootId, Moment, Stamp, StampKind};
use crate::parse::log::dmesg_json::DmesgJsonParser;
use crate::parse::log::export::ExportParser;
use crate::parse::log::journal_verbose::VerboseParser;
use crate::parse::log::json_lines::{JsonLog, JsonParser};
use crate::parse::log::lines::LineParser;
use crate::parse::log::wrapped_lines::WrappedParser;
use crate::parse::sniff::Dialect;

/// Bytes of a chunk that is kept, more or less: it ends with a record.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Bytes of one record that are kept.
const RECORD_BYTES_MAX: usize = 8 * CHUNK_BYTES;
/// Packed bytes of one stream that are kept: logs of 300 MB to 1 GB.
const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// So many steps back for each step forward, and a stream runs from new to old.
const FALLS_FOR_A_RISE: u64 = 4;

/// A log's dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Lines,
    Export,
    Verbose,
    Json(JsonLog),
    Wrapped,
    Deltas,
    DmesgJson,
}

impl Form {
    /// None where the dialect is no log's.
    pub(super) fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Lines => Some(Self::Lines),
            Dialect::JournalExport => Some(Self::Export),
            Dialect::JournalVerbose => Some(Self::Verbose),
            Dialect::Json(log) => Some(Self::Json(log)),
            Dialect::Wrapped => Some(Self::Wrapped),
            Dialect::DmesgDeltas => Some(Self::Deltas),
            Dialect::DmesgJson => Some(Self::DmesgJson),
            Dialect::JournalFile | Dialect::Table(_) | Dialect::Counters(_) => None,
        }
    }

    /// Its name in the report.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Export => "journal-export",
            Self::Verbose => "journal-verbose",
            Self::Json(JsonLog::Journal) => "journal-json",
            Self::Json(JsonLog::Wrapped) => "json-lines",
            Self::Wrapped => "wrapped-lines",
            Self::Deltas | Self::DmesgJson => "dmesg",
        }
    }

    fn parser(self) -> Parser {
        match self {
            Self::Lines => Parser::Lines(LineParser::default()),
            Self::Export => Parser::Export(ExportParser::default()),
            Self::Verbose => Parser::Verbose(VerboseParser::default()),
            Self::Json(_) => Parser::Json(Box::default()),
            Self::Wrapped => Parser::Wrapped(Box::default()),
            Self::Deltas => Parser::Lines(LineParser::reading_deltas()),
            Self::DmesgJson => Parser::DmesgJson(DmesgJsonParser::default()),
        }
    }

    /// What ends a record of this form.
    fn end(self) -> &'static [u8] {
        match self {
            Self::Export => b"\n\n",
            Self::Lines | Self::Verbose | Self::Json(_) | Self::Wrapped | Self::Deltas | Self::DmesgJson => {
                b"\n"
            }
        }
    }
}

enum Parser {
    Lines(LineParser),
    Export(ExportParser),
    Verbose(VerboseParser),
    Json(Box<JsonParser>),
    Wrapped(Box<WrappedParser>),
    DmesgJson(DmesgJsonParser),
}

impl Parser {
    /// What is read by lines gets whole lines.
    fn push(&mut self, bytes: &[u8], offset: u64, sink: &mut impl RecordSink) {
        match self {
            Self::Lines(parser) => parser.block(bytes, offset, sink),
            Self::Export(parser) => parser.push(bytes, sink),
            Self::Verbose(parser) => parser.block(bytes, offset, sink),
            Self::Json(parser) => parser.push(bytes, sink),
            Self::Wrapped(parser) => parser.block(bytes, offset, sink),
            Self::DmesgJson(parser) => parser.push(bytes, sink),
        }
    }

    fn finish(self, sink: &mut impl RecordSink) {
        match self {
            Self::Lines(_) => {}
            Self::Export(parser) => parser.finish(sink),
            Self::Verbose(parser) => parser.finish(sink),
            Self::Json(parser) => parser.finish(sink),
            Self::Wrapped(parser) => parser.finish(sink),
            Self::DmesgJson(parser) => parser.finish(sink),
        }
    }
}

/// A log, read.
pub(super) struct LogRead {
    pub(super) piece: Piece,
    /// Why not to its end.
    pub(super) result: io::Result<()>,
    /// In which order it was read.
    pub(super) order: Order,
}

/// In which order the records of a stream stand, and were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they happened, or nobody knows.
    Forward,
    /// From new to old; it was read from its end.
    TurnedRound,
    /// From new to old; it is too long to be turned round, and nothing of it is believed.
    Refused,
}

impl Order {
    /// In words, if there is anything to say.
    pub(super) fn words(self) -> Option<&'static str> {
        match self {
            Self::Forward => None,
            Self::TurnedRound => Some("runs from new to old; it was read from its end to its beginning"),
            Self::Refused => Some(
                "runs from new to old and is too long to be turned round here, so nothing of it was used; write it \
                 without --reverse (-r), or give it through tac",
            ),
        }
    }
}

/// Reads a log to its end. `head` is how it begins; `first_byte` the offset of its first byte.
pub(super) fn read_log<S>(reader: &mut impl Read, form: Form, head: &[u8], first_byte: u64) -> LogRead
where
    S: RecordSink<Part = Piece> + Default,
{
    if heading(form, head) == Heading::Rises {
        let (mut parser, mut sink) = (form.parser(), S::default());
        let result =
            each_chunk(reader, form, first_byte, |bytes, offset| parser.push(bytes, offset, &mut sink));
        parser.finish(&mut sink);
        return LogRead { piece: sink.finish(), result, order: Order::Forward };
    }
    let (mut parser, mut sink, mut kept) = (form.parser(), Watched::<S>::default(), Some(Kept::default()));
    let result = each_chunk(reader, form, first_byte, |bytes, offset| {
        parser.push(bytes, offset, &mut sink);
        // What was level at its head mostly turns out to rise.
        kept = kept.take().filter(|_| sink.direction.forward <= sink.direction.back);
        match &mut kept {
            Some(kept) => kept.keep(bytes, offset, &mut sink.starts),
            None => sink.starts.clear(),
        }
    });
    parser.finish(&mut sink);
    if let Some(kept) = &mut kept {
        kept.note(&mut sink.starts);
    }
    let kept = kept.filter(|_| sink.direction.falls());
    let forward = sink.finish();
    let Some(kept) = kept else {
        return LogRead { piece: forward, result, order: Order::Forward };
    };
    match kept.backwards::<S>(form) {
        // Damage is the same from either end, but its place is counted from the beginning.
        Some(piece) => {
            let piece = Piece { malformed: forward.malformed, ..piece };
            LogRead { piece, result, order: Order::TurnedRound }
        }
        None => LogRead { piece: S::default().finish(), result, order: Order::Refused },
    }
}

/// What the moments of a head do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    Rises,
    Falls,
    /// They are all the same, or there are none.
    Level,
}

/// What the moments of a head do.
pub(super) fn heading(form: Form, head: &[u8]) -> Heading {
    let whole = match form {
        // What only counts from line to line, or stands in one document, has no other direction.
        Form::Deltas | Form::DmesgJson => return Heading::Rises,
        Form::Export | Form::Json(_) => head.len(),
        Form::Lines | Form::Verbose | Form::Wrapped => {
            memchr::memrchr(b'\n', head).map_or(head.len(), |end| end + 1)
        }
    };
    let (mut parser, mut sink) = (form.parser(), Watched::<Nowhere>::default());
    parser.push(head.get(..whole).unwrap_or(head), 0, &mut sink);
    match &sink.direction {
        Direction { forward: 0, back: 0, .. } => Heading::Level,
        direction if direction.falls() => Heading::Falls,
        _ => Heading::Rises,
    }
}

/// The first moment of a stream is later than its last one, on the same clock.
pub(super) fn ends_before_it_begins(piece: &Piece) -> bool {
    piece.anchors.values().any(|anchors| {
        let us = |moment: &Moment| moment.stamp.map(Stamp::us).or(moment.since_boot_us);
        us(&anchors.first) > us(&anchors.last)
    })
}

fn each_chunk(
    reader: &mut impl Read,
    form: Form,
    first_byte: u64,
    mut take: impl FnMut(&[u8], u64),
) -> io::Result<()> {
    if !matches!(form, Form::Export | Form::Json(_) | Form::DmesgJson) {
        return each_block(reader, first_byte, take);
    }
    let mut buffer = vec![0; 256 * 1024];
    let mut offset = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                take(buffer.get(..count).unwrap_or_default(), offset);
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether moments rise or fall from record to record.
#[derive(Debug, Default)]
struct Direction {
    last: Option<(StampKind, Option<BootId>, i64)>,
    forward: u64,
    back: u64,
}

impl Direction {
    fn note(&mut self, record: &Record<'_>) {
        if record.content == Content::BootSeparator {
            self.last = None;
            return;
        }
        let moment = record.moment;
        let known = moment.stamp.map(|stamp| (stamp.kind(), stamp.us()));
        let Some((kind, us)) = known.or(moment.since_boot_us.map(|us| (StampKind::Absent, us))) else {
            return;
        };
        let boot = record.boot.filter(|_| kind == StampKind::Absent);
        let Some((known, before_boot, before)) = self.last.replace((kind, boot, us)) else { return };
        if known != kind || before_boot != boot {
            return;
        }
        let step = us.saturating_sub(before);
        // From December to January, or the other way.
        let turned = matches!(moment.stamp, Some(Stamp::Yearless(_))) && step.saturating_abs() > ROLLOVER_US;
        match if turned { -step.signum() } else { step.signum() } {
            1 => self.forward += 1,
            -1 => self.back += 1,
            _ => {}
        }
    }

    fn falls(&self) -> bool {
        self.back > FALLS_FOR_A_RISE * self.forward
    }
}

/// Passes records on, and notes where they begin and whether they fall.
#[derive(Debug, Default)]
struct Watched<S> {
    sink: S,
    direction: Direction,
    /// Where records begin, rising; [`Kept`] takes them away.
    starts: Vec<u64>,
}

impl<S: RecordSink> RecordSink for Watched<S> {
    type Part = S::Part;

    fn take(&mut self, record: &Record<'_>) {
        self.direction.note(record);
        self.starts.push(record.moment.offset);
        self.sink.take(record);
    }

    fn finish(self) -> S::Part {
        self.sink.finish()
    }
}

/// A sink for heads.
#[derive(Debug, Default)]
struct Nowhere;

impl Part for Nowhere {
    fn join(self, _: Self) -> Self {
        self
    }
}

impl RecordSink for Nowhere {
    type Part = Self;

    fn take(&mut self, _: &Record<'_>) {}

    fn finish(self) -> Self {
        self
    }
}

/// A stream in packed chunks, each of whole records.
#[derive(Debug, Default)]
struct Kept {
    /// Packed bytes, and where records begin in them unpacked.
    chunks: Vec<(Vec<u8>, Vec<u32>)>,
    packed: usize,
    /// Not packed yet, and where records begin in it.
    open: Vec<u8>,
    starts: Vec<u32>,
    /// What has to be taken from an offset in the stream to get one in `open`. Over-long lines are shorter in here.
    before: u64,
    /// There was too much.
    given_up: bool,
}

impl Kept {
    fn keep(&mut self, bytes: &[u8], offset: u64, starts: &mut Vec<u64>) {
        if self.given_up {
            return starts.clear();
        }
        let expected = self.before.saturating_add(self.open.len() as u64);
        if offset != expected && !self.open.is_empty() {
            self.open.push(b'\n');
        }
        self.before = offset.saturating_sub(self.open.len() as u64);
        self.open.extend_from_slice(bytes);
        self.note(starts);
        if self.open.len() >= CHUNK_BYTES {
            self.pack();
        }
    }

    fn note(&mut self, starts: &mut Vec<u64>) {
        for start in starts.drain(..) {
            let within = start.checked_sub(self.before).and_then(|start| u32::try_from(start).ok());
            let Some(start) = within.filter(|start| self.open.get(*start as usize).is_some()) else {
                continue;
            };
            if self.starts.last().is_none_or(|last| *last < start) {
                self.starts.push(start);
            }
        }
    }

    /// Packs what ends in front of the last record, which may go on.
    fn pack(&mut self) {
        let last = self.starts.last().copied().filter(|last| *last > 0).unwrap_or(0) as usize;
        if last == 0 {
            if self.open.len() > RECORD_BYTES_MAX {
                *self = Self { given_up: true, ..Self::default() };
            }
            return;
        }
        let rest = self.open.split_off(last.min(self.open.len()));
        let whole = std::mem::replace(&mut self.open, rest);
        self.starts.pop();
        let starts = std::mem::replace(&mut self.starts, vec![0]);
        self.before = self.before.saturating_add(whole.len() as u64);
        match zstd::bulk::compress(&whole, 1) {
            Ok(packed) => {
                self.packed += packed.len() + starts.len() * size_of::<u32>();
                self.chunks.push((packed, starts));
            }
            Err(_) => self.given_up = true,
        }
        if self.given_up || self.packed > KEPT_BYTES_MAX {
            *self = Self { given_up: true, ..Self::default() };
        }
    }

    /// Folds the records from the last to the first; none where they were too many to keep. What stands in front of the
    /// first record belongs to none.
    fn backwards<S>(mut self, form: Form) -> Option<Piece>
    where
        S: RecordSink<Part = Piece> + Default,
    {
        if self.given_up {
            return None;
        }
        let (mut parser, mut sink, mut offset) = (form.parser(), S::default(), 0_u64);
        let mut fold = |bytes: &[u8], starts: &[u32]| {
            let mut end = bytes.len();
            for start in starts.iter().rev() {
                let record = bytes.get(*start as usize..end).unwrap_or_default();
                end = *start as usize;
                let missing = if record.ends_with(form.end()) { b"" } else { form.end() };
                let whole = [record, missing].concat();
                parser.push(&whole, offset, &mut sink);
                offset += whole.len() as u64;
            }
        };
        fold(&std::mem::take(&mut self.open), &std::mem::take(&mut self.starts));
        while let Some((packed, starts)) = self.chunks.pop() {
            fold(&zstd::bulk::decompress(&packed, RECORD_BYTES_MAX + CHUNK_BYTES).ok()?, &starts);
        }
        parser.finish(&mut sink);
        Some(sink.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_every_record_once_and_a_record_without_end_is_given_up() {
        let line = b"2026-11-23T22:42:05+00:00 gw1 cron[1]: x\n";
        let block = line.repeat(10_000);
        let mut kept = Kept::default();
        for n in 0..12_u64 {
            let begin = n * block.len() as u64;
            let mut starts: Vec<u64> = (0..10_000).map(|at| begin + at * line.len() as u64).collect();
            kept.keep(&block, begin, &mut starts);
        }
        let packed: usize = kept.chunks.iter().map(|(_, starts)| starts.len()).sum();
        assert!(kept.chunks.len() >= 4 && !kept.given_up);
        assert_eq!(packed + kept.starts.len(), 120_000);
        for (packed, starts) in &kept.chunks {
            let bytes = zstd::bulk::decompress(packed, RECORD_BYTES_MAX + CHUNK_BYTES).unwrap();
            assert!(starts.iter().all(|start| bytes[*start as usize..].starts_with(line)));
        }
        let mut endless = Kept::default();
        for n in 0..10_u64 {
            endless.keep(&vec![b'x'; CHUNK_BYTES], n * CHUNK_BYTES as u64, &mut Vec::new());
        }
        assert!(endless.given_up && endless.open.is_empty());
    }
}
