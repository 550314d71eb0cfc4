//! The journal's export format, with its binary fields (systemd's JOURNAL_EXPORT_FORMATS). A stream dialect: read from
//! its beginning, in chunks that may be cut anywhere.
//!
//! An entry is a list of fields, ended by an empty line. A field is `NAME=value`, or `NAME`, a line end, the value's
//! length (8 bytes, little-endian), the value, a line end. A value of the second form may hold anything, empty lines
//! and whole entries too, so framing is followed and never guessed. Where it is broken the rest of the entry is
//! skipped up to the next `__CURSOR=` behind an empty line; from there on nothing is certain (that line may stand in
//! somebody's message), and everything is `Unverified`.
//!
//! Every entry gives one record, a damaged one `Malformed`.

use crate::model::blemish::BlemishKind;
use crate::model::fold::RecordSink;
use crate::model::record::{Content, Record, Trust};
use crate::model::signal::Signal;
use crate::model::time::{BootId, Moment, Stamp};
use crate::parse::kernel;
use crate::parse::programs::{self, Program};

use super::loss;
use super::recall::Recall;

/// Bytes of a field that are kept; the rest of a longer one is skipped.
pub const FIELD_BYTES_KEPT: usize = 1024 * 1024;
/// journald refuses fields above this (`DATA_SIZE_MAX`): a greater length is no length.
const FIELD_BYTES_MAX: u64 = 768 * 1024 * 1024;
/// Bytes of a field's name (systemd's `journal_field_valid`).
const NAME_BYTES_MAX: usize = 64;
/// Bytes of the words kept for the reader.
const RAW_BYTES_MAX: usize = 512;
/// Where reading goes on after broken framing.
const RESUME_AT: &[u8] = b"\n\n__CURSOR=";
/// Message id of journald's `Missed %u kernel messages`.
const MISSED_KERNEL_MESSAGES: &[u8] = b"e9bf28e6e834481bb6f48f548ad13606";

/// Reads an export stream as it comes, cut anywhere.
#[derive(Debug, Default)]
pub struct ExportParser {
    /// Offset of the next byte.
    offset: u64,
    state: State,
    /// What is known of a line or value that is not complete, at most [`FIELD_BYTES_KEPT`].
    kept: Vec<u8>,
    entry: Entry,
    recall: Recall,
    /// Framing was broken before.
    resumed: bool,
}

/// What the next byte belongs to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A line: `NAME=value`, `NAME` or nothing.
    #[default]
    Line,
    /// The eight bytes of a length; the name is in the entry.
    Length,
    /// A value of which so many bytes are still to come.
    Value { remaining: u64 },
    /// The line end behind a value.
    ValueEnd,
    /// Broken framing.
    Lost,
}

impl ExportParser {
    /// The next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl RecordSink) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let behind = self.step(rest, sink);
            let taken = rest.len().saturating_sub(behind.len());
            self.offset = self.offset.saturating_add(length(taken));
            rest = behind;
        }
    }

    /// No more bytes. An entry without its final blank line is complete if its framing is; else it is malformed.
    pub fn finish(mut self, sink: &mut impl RecordSink) {
        match self.state {
            State::Line if self.kept.is_empty() => self.end_entry(sink),
            State::Lost => {}
            _ => self.emit_malformed(BlemishKind::BrokenFraming, sink),
        }
    }

    /// Takes at least one byte of `bytes`, which are not empty; hands back the rest.
    fn step<'a>(&mut self, bytes: &'a [u8], sink: &mut impl RecordSink) -> &'a [u8] {
        match self.state {
            State::Line => self.step_line(bytes, sink),
            State::Length => self.step_length(bytes, sink),
            State::Value { remaining } => self.step_value(bytes, remaining),
            State::ValueEnd => self.step_value_end(bytes, sink),
            State::Lost => self.step_lost(bytes),
        }
    }

    fn step_line<'a>(&mut self, bytes: &'a [u8], sink: &mut impl RecordSink) -> &'a [u8] {
        self.entry.begins_at(self.offset.saturating_sub(length(self.kept.len())));
        let Some((line, behind)) = split_line(bytes) else {
            self.keep(bytes);
            return &[];
        };
        if self.kept.is_empty() {
            self.end_line(line, sink);
        } else {
            self.keep(line);
            let kept = std::mem::take(&mut self.kept);
            self.end_line(&kept, sink);
            self.kept = emptied(kept);
        }
        behind
    }

    fn end_line(&mut self, line: &[u8], sink: &mut impl RecordSink) {
        if line.is_empty() {
            return self.end_entry(sink);
        }
        let equals = memchr::memchr(b'=', line.get(..=NAME_BYTES_MAX).unwrap_or(line));
        let (name, value) = line.split_at_checked(equals.unwrap_or(line.len())).unwrap_or((line, b""));
        if !is_name(name) {
            return self.lose_framing(sink);
        }
        if let Some(value) = value.strip_prefix(b"=") {
            self.entry.field(name, value);
        } else {
            self.entry.name = name.to_vec();
            self.state = State::Length;
        }
    }

    fn step_length<'a>(&mut self, bytes: &'a [u8], sink: &mut impl RecordSink) -> &'a [u8] {
        let missing = LENGTH_BYTES.saturating_sub(self.kept.len());
        let (now, behind) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        self.keep(now);
        if let Ok(bytes) = <[u8; LENGTH_BYTES]>::try_from(self.kept.as_slice()) {
            self.kept.clear();
            match u64::from_le_bytes(bytes) {
                remaining if remaining > FIELD_BYTES_MAX => self.lose_framing(sink),
                0 => self.end_value(),
                remaining => self.state = State::Value { remaining },
            }
        }
        behind
    }

    fn step_value<'a>(&mut self, bytes: &'a [u8], remaining: u64) -> &'a [u8] {
        let now = usize::try_from(remaining).unwrap_or(usize::MAX).min(bytes.len());
        let (value, behind) = bytes.split_at_checked(now).unwrap_or((bytes, &[]));
        self.keep(value);
        match remaining.saturating_sub(length(value.len())) {
            0 => self.end_value(),
            remaining => self.state = State::Value { remaining },
        }
        behind
    }

    fn end_value(&mut self) {
        let value = std::mem::take(&mut self.kept);
        let name = std::mem::take(&mut self.entry.name);
        self.entry.field(&name, &value);
        self.kept = emptied(value);
        self.state = State::ValueEnd;
    }

    fn step_value_end<'a>(&mut self, bytes: &'a [u8], sink: &mut impl RecordSink) -> &'a [u8] {
        if let Some(behind) = bytes.strip_prefix(b"\n") {
            self.state = State::Line;
            return behind;
        }
        self.lose_framing(sink);
        bytes.get(1..).unwrap_or_default()
    }

    /// Looks for [`RESUME_AT`]; `kept` holds the end of what was seen.
    fn step_lost<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let seen = self.kept.len();
        let overlap = bytes.get(..RESUME_AT.len()).unwrap_or(bytes);
        self.kept.extend_from_slice(overlap);
        let across = memchr::memmem::find(&self.kept, RESUME_AT).map(|start| start + RESUME_AT.len() - seen);
        let found =
            across.or_else(|| memchr::memmem::find(bytes, RESUME_AT).map(|start| start + RESUME_AT.len()));
        if let Some(behind) = found.and_then(|end| bytes.get(end..)) {
            self.resume(length(bytes.len() - behind.len()));
            return behind;
        }
        let tail = bytes.len().saturating_sub(RESUME_AT.len() - 1);
        match bytes.get(tail..).filter(|_| bytes.len() >= RESUME_AT.len()) {
            Some(tail) => self.kept = tail.to_vec(),
            None => drop(self.kept.drain(..self.kept.len().saturating_sub(RESUME_AT.len() - 1))),
        }
        &[]
    }

    /// An entry begins with the field whose name was found.
    fn resume(&mut self, taken: u64) {
        let field = b"__CURSOR=";
        self.kept = field.to_vec();
        self.state = State::Line;
        self.resumed = true;
        let start = self.offset.saturating_add(taken).saturating_sub(length(field.len()));
        self.entry = Entry { start: Some(start), ..Entry::default() };
    }

    fn lose_framing(&mut self, sink: &mut impl RecordSink) {
        self.emit_malformed(BlemishKind::BrokenFraming, sink);
        self.state = State::Lost;
        self.kept.clear();
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = FIELD_BYTES_KEPT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn end_entry(&mut self, sink: &mut impl RecordSink) {
        let entry = std::mem::take(&mut self.entry);
        if !entry.has_fields {
            return;
        }
        let moment = entry.moment();
        let content = match entry.damage {
            Some(kind) => Content::Malformed(kind),
            None => self.content(&entry, &moment),
        };
        let raw = match content {
            Content::Passing => b"",
            _ => entry.message.get(..RAW_BYTES_MAX).unwrap_or(&entry.message),
        };
        sink.take(&Record {
            moment,
            host: entry.host.as_deref(),
            boot: entry.boot,
            trust: self.trust(),
            content,
            raw,
        });
    }

    fn emit_malformed(&mut self, kind: BlemishKind, sink: &mut impl RecordSink) {
        let entry = std::mem::take(&mut self.entry);
        sink.take(&Record {
            moment: Moment { offset: entry.start.unwrap_or(self.offset), ..entry.moment() },
            host: entry.host.as_deref(),
            boot: entry.boot,
            trust: self.trust(),
            content: Content::Malformed(kind),
            raw: entry.message.get(..RAW_BYTES_MAX).unwrap_or(&entry.message),
        });
    }

    fn trust(&self) -> Trust {
        if self.resumed { Trust::Unverified } else { Trust::AsRecorded }
    }

    fn content(&mut self, entry: &Entry, moment: &Moment) -> Content {
        let understood = if entry.is_of_kernel() {
            self.recall.turn_to(entry.host.as_deref(), moment.offset);
            self.kernel_message(&entry.message, moment)
        } else if entry.is_of_journald() {
            loss::missed_kernel_messages(&entry.message)
        } else {
            Ok(entry.program.and_then(|program| programs::read(program, &entry.message)))
        };
        match understood {
            Ok(Some(signal)) => Content::Signal(signal),
            Ok(None) => Content::Passing,
            Err(kind) => Content::Malformed(kind),
        }
    }

    fn kernel_message(&mut self, message: &[u8], moment: &Moment) -> Result<Option<Signal>, BlemishKind> {
        self.recall.remember(moment.offset, None);
        let understood = kernel::read(message);
        if let Ok(Some(Signal::Packet(_))) = understood {
            return understood;
        }
        let right_behind = self.recall.is_right_behind(moment);
        match understood {
            Ok(Some(Signal::Suppressed { .. })) => self.recall.wait_behind(*moment),
            Ok(None) if right_behind => return Ok(Some(Signal::OtherLimited)),
            _ => {}
        }
        understood
    }
}

/// Bytes of a value's length.
const LENGTH_BYTES: usize = 8;

/// The fields of one entry that matter.
#[derive(Debug, Default)]
struct Entry {
    /// Offset of its first byte.
    start: Option<u64>,
    has_fields: bool,
    /// Name of the field whose value is being read.
    name: Vec<u8>,
    /// `__REALTIME_TIMESTAMP`: when journald received it.
    received_us: Option<i64>,
    /// `_SOURCE_REALTIME_TIMESTAMP`, for streams that name no reception.
    sent_us: Option<i64>,
    /// `__MONOTONIC_TIMESTAMP`.
    received_since_boot_us: Option<i64>,
    /// `_SOURCE_MONOTONIC_TIMESTAMP`: the printk clock.
    sent_since_boot_us: Option<i64>,
    boot: Option<BootId>,
    host: Option<Vec<u8>>,
    transport: Option<Transport>,
    /// `SYSLOG_FACILITY` is there and not 0: a user wrote it into /dev/kmsg.
    of_user: bool,
    is_journald: bool,
    /// A program whose words may be evidence, by the name it gave itself.
    program: Option<Program>,
    message: Vec<u8>,
    damage: Option<BlemishKind>,
}

/// How an entry came to journald; journald itself writes this field and drops a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Kernel,
    Driver,
    Other,
}

impl Entry {
    fn begins_at(&mut self, offset: u64) {
        self.start.get_or_insert(offset);
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.has_fields = true;
        match name {
            b"__REALTIME_TIMESTAMP" => self.received_us = self.time(value),
            b"_SOURCE_REALTIME_TIMESTAMP" => self.sent_us = self.time(value),
            b"__MONOTONIC_TIMESTAMP" => self.received_since_boot_us = self.time(value),
            b"_SOURCE_MONOTONIC_TIMESTAMP" => self.sent_since_boot_us = self.time(value),
            b"_BOOT_ID" => self.boot = boot_id(value),
            b"_HOSTNAME" => self.host = Some(value.to_vec()),
            b"_TRANSPORT" => {
                // Written twice it is only what both say.
                let transport = transport(value);
                let agreed = self.transport.is_none_or(|before| before == transport);
                self.transport = Some(if agreed { transport } else { Transport::Other });
            }
            b"SYSLOG_FACILITY" => self.of_user |= value != b"0",
            b"SYSLOG_IDENTIFIER" => {
                self.is_journald |= matches!(value, b"systemd-journald" | b"systemd-journal");
                self.program = Program::named(value);
            }
            b"MESSAGE_ID" => self.is_journald |= value == MISSED_KERNEL_MESSAGES,
            b"MESSAGE" if self.message.is_empty() => self.message = value.to_vec(),
            _ => {}
        }
    }

    /// Microseconds in decimal.
    fn time(&mut self, value: &[u8]) -> Option<i64> {
        let us = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
        let us = us.and_then(|us| i64::try_from(us).ok());
        if us.is_none() {
            self.damage = Some(BlemishKind::ImpossibleNumber);
        }
        us
    }

    fn moment(&self) -> Moment {
        let stamp = self.received_us.or(self.sent_us).map(Stamp::Absolute);
        Moment {
            offset: self.start.unwrap_or_default(),
            stamp,
            precision_us: u32::from(stamp.is_some()),
            since_boot_us: self.sent_since_boot_us.or(self.received_since_boot_us),
            seq: None,
        }
    }

    fn is_of_kernel(&self) -> bool {
        self.transport == Some(Transport::Kernel) && !self.of_user
    }

    fn is_of_journald(&self) -> bool {
        self.is_journald && self.transport.is_none_or(|transport| transport == Transport::Driver)
    }
}

fn transport(value: &[u8]) -> Transport {
    match value {
        b"kernel" => Transport::Kernel,
        b"driver" => Transport::Driver,
        _ => Transport::Other,
    }
}

/// 32 hexadecimal digits.
fn boot_id(value: &[u8]) -> Option<BootId> {
    let mut id = [0; 16];
    if value.len() != 2 * id.len() || !value.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(value.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(BootId(id))
}

/// `[A-Z_][A-Z0-9_]*`, at most 64 bytes.
fn is_name(name: &[u8]) -> bool {
    let of_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let begins_well = name.first().is_some_and(|first| !first.is_ascii_digit());
    begins_well && name.len() <= NAME_BYTES_MAX && name.iter().all(of_name)
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, behind) = bytes.split_at_checked(memchr::memchr(b'\n', bytes)?)?;
    Some((line, behind.strip_prefix(b"\n")?))
}

/// The same allocation, unless it is a giant one.
fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.clear();
    buffer.shrink_to(64 * 1024);
    buffer
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Fields that only a journal has.
const TELLING_FIELDS: [&[u8]; 6] =
    [b"__CURSOR=", b"__REALTIME_TIMESTAMP=", b"_BOOT_ID=", b"_TRANSPORT=", b"_HOSTNAME=", b"_MACHINE_ID="];

/// The head of an input looks like a journal export.
pub fn looks_like(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    if text.starts_with(b"__CURSOR=") {
        return true;
    }
    let Some((first, _)) = split_line(text) else { return false };
    let name = first.split(|byte| *byte == b'=').next().unwrap_or_default();
    if is_name(name) {
        let lines = text.split(|byte| *byte == b'\n');
        return lines
            .filter(|line| TELLING_FIELDS.iter().any(|field| line.starts_with(field)))
            .take(2)
            .count()
            == 2;
    }
    // Cut off from its beginning, perhaps within a value.
    memchr::memmem::find(text, b"\n\n__CURSOR=s=").is_some()
}
