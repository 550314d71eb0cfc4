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
use crate::model::record::Trust;

use super::journal_entry::{Entry, Recorder};

/// Bytes of a field that are kept; the rest of a longer one is skipped.
pub const FIELD_BYTES_KEPT: usize = 1024 * 1024;
/// journald refuses fields above this (`DATA_SIZE_MAX`): a greater length is no length.
const FIELD_BYTES_MAX: u64 = 768 * 1024 * 1024;
/// Bytes of a field's name (systemd's `journal_field_valid`).
const NAME_BYTES_MAX: usize = 64;
/// Where reading goes on after broken framing.
const RESUME_AT: &[u8] = b"\n\n__CURSOR=";
/// Reads an export stream as it comes, cut anywhere.
#[derive(Debug, Default)]
pub struct ExportParser {
    /// Offset of the next byte.
    offset: u64,
    state: State,
    /// What is known of a line or value that is not complete, at most [`FIELD_BYTES_KEPT`].
    kept: Vec<u8>,
    entry: Entry,
    /// Name of the field whose value is being read.
    name: Vec<u8>,
    recorder: Recorder,
    /// Framing was broken before.
    resumed: bool,
    /// The journal of this machine, read by ourselves.
    own: bool,
    /// Entries that ended, damaged ones among them.
    ended: u64,
    /// `__CURSOR` of the entry being read, where they are wanted.
    cursor: Option<Box<[u8]>>,
    /// That of the entry that ended last.
    last_cursor: Option<Box<[u8]>>,
}

/// What the next byte belongs to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A line: `NAME=value`, `NAME` or nothing.
    #[default]
    Line,
    /// The eight bytes of a length; the name is known.
    Length,
    /// A value of which so many bytes are still to come.
    Value { remaining: u64 },
    /// The line end behind a value.
    ValueEnd,
    /// Broken framing.
    Lost,
}

impl ExportParser {
    /// For a stream that begins at this offset of a longer one.
    pub fn at(offset: u64) -> Self {
        Self { offset, ..Self::default() }
    }

    /// For what a `journalctl` of our own prints of this machine's journal: the kernel's records, and what journald says
    /// of those it lost, are believed, and what anybody else wrote says nothing.
    pub fn of_own_journal(offset: u64) -> Self {
        Self { own: true, ..Self::at(offset) }
    }

    /// The next bytes of the stream, up to the end of one entry at most. Says how many were taken, and whether an entry
    /// ended.
    pub fn push_entry(&mut self, bytes: &[u8], sink: &mut impl RecordSink) -> (usize, bool) {
        let ended = self.ended;
        let mut rest = bytes;
        while !rest.is_empty() && self.ended == ended {
            let behind = self.step(rest, sink);
            let taken = rest.len().saturating_sub(behind.len());
            self.offset = self.offset.saturating_add(length(taken));
            rest = behind;
        }
        (bytes.len().saturating_sub(rest.len()), self.ended != ended)
    }

    /// `__CURSOR` of the entry that ended last; only of our own journal.
    pub fn last_cursor(&self) -> Option<&[u8]> {
        self.last_cursor.as_deref()
    }

    /// Offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Framing is broken: nothing is understood before the next entry that can be told.
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

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
            self.field(name, value);
        } else {
            self.name = name.to_vec();
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
        let name = std::mem::take(&mut self.name);
        self.field(&name, &value);
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
        self.entry = Entry::default();
        self.entry.begins_at(start);
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

    fn field(&mut self, name: &[u8], value: &[u8]) {
        if self.own && name == b"__CURSOR" {
            self.cursor = Some(value.into());
        }
        self.entry.field(name, value);
    }

    fn end_entry(&mut self, sink: &mut impl RecordSink) {
        let mut entry = std::mem::take(&mut self.entry);
        if !entry.has_fields() {
            return;
        }
        let mut trust = self.trust();
        if self.own {
            let of_system = entry.is_of_kernel() || entry.is_of_journald();
            trust = if of_system && !self.resumed { Trust::Kernel } else { Trust::Unverified };
            if !of_system {
                entry.silence();
            }
        }
        self.recorder.record(&entry, trust, sink);
        self.entry_ended();
    }

    fn entry_ended(&mut self) {
        self.ended = self.ended.saturating_add(1);
        self.last_cursor = self.cursor.take();
    }

    fn emit_malformed(&mut self, kind: BlemishKind, sink: &mut impl RecordSink) {
        let mut entry = std::mem::take(&mut self.entry);
        entry.begins_at(self.offset);
        entry.damage = Some(kind);
        let trust = self.trust();
        self.recorder.record(&entry, trust, sink);
        self.entry_ended();
    }

    fn trust(&self) -> Trust {
        if self.resumed { Trust::Unverified } else { Trust::AsRecorded }
    }
}

/// Bytes of a value's length.
const LENGTH_BYTES: usize = 8;

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
