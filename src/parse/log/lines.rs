//! The line family: syslog in all its headers, /dev/kmsg records, dmesg; the header grammar is tried per line.
//!
//! Every line that is not blank gives exactly one record; a gap or a restart in the kernel's record numbers gives one
//! of its own in front of it. Of lines in which nothing of interest can stand (told by a search for literals over the
//! whole block) only the header is read; they are `Passing`, and carry `[seconds]` only where they have no other time.
//! A line with no known header is `Passing` too, without time: what people put into logs is not damage.
//!
//! What a line refers to lies within [`LOOK_BACK_BYTES`] (see `recall`; the previous kernel record number likewise), so
//! a text may be cut at line ends and read in parts, each warmed up with the look-back in front of it.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::model::blemish::BlemishKind;
use crate::model::fold::RecordSink;
use crate::model::record::{Content, Record, Trust};
use crate::model::signal::Signal;
use crate::model::time::Moment;
use crate::parse::kernel;

use super::header::{self, Header, Line};
use super::loss;
use super::recall::{Previous, Recall, Said};
use super::repeat::{self, Repeat, Times};
use super::speech::{Speaker, Speech};

/// A line (without its line end) of this many bytes or more is too long: one blemish, whatever it says. A reader may
/// hand over such a line cut to exactly this length.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// How far back a line may refer, from its first byte.
pub const LOOK_BACK_BYTES: usize = 64 * 1024;
/// Bytes of a line kept for the reader.
const RAW_BYTES_MAX: usize = 512;

/// A line that holds none of these is of no interest (its time is). Every grammar of [`kernel`], `repeat` and `loss`
/// contains one of them; a test holds each example of theirs against this list.
const LITERALS: [&str; 15] = [
    "_conntrack",
    " suppress",
    "message repeated ",
    "message buffered ",
    "' repeated ",
    "SYN flooding on ",
    " table overflow",
    "orphaned sockets",
    "Out of socket memory",
    "TCP: drop open request",
    "Linux version ",
    "Missed ",
    " missed ",
    "buffer overrun, some",
    "lost due to rate-limiting",
];

/// None only if it could not be built, which a test excludes; then every line is of interest.
static INTERESTING: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(LITERALS).ok());

/// Reads lines in order. Holds what a later line may refer to.
#[derive(Debug, Default)]
pub struct LineParser {
    recall: Recall,
    last_kernel_record: Option<KernelRecord>,
    shortcut: Shortcut,
}

/// The last record of /dev/kmsg form.
#[derive(Debug, Clone, Copy)]
struct KernelRecord {
    offset: u64,
    seq: u64,
    since_boot_us: Option<i64>,
}

/// One line and where it stands.
#[derive(Clone, Copy)]
struct Source<'a> {
    line: &'a [u8],
    offset: u64,
}

impl LineParser {
    /// Reads a block of whole lines (the last one may lack its line end at the end of a stream). `offset` is that of
    /// the block's first byte in the decoded stream.
    pub fn block(&mut self, block: &[u8], offset: u64, sink: &mut impl RecordSink) {
        self.read(block, offset, &mut |record| sink.take(record));
    }

    /// Reads a block only to know what later lines may refer to; nothing is passed on. The block ends where the part
    /// begins and should have at least [`LOOK_BACK_BYTES`] (or reach back to the stream's begin). It may begin within a
    /// line, so what stands in front of its first line end is not looked at, except at the begin of the stream.
    pub fn warm_up(&mut self, block: &[u8], offset: u64) {
        let skipped =
            if offset == 0 { 0 } else { memchr::memchr(b'\n', block).map_or(block.len(), |end| end + 1) };
        let lines = block.get(skipped..).unwrap_or_default();
        self.read(lines, offset.saturating_add(length(skipped)), &mut |_| {});
    }

    fn read(&mut self, block: &[u8], offset: u64, emit: &mut impl FnMut(&Record<'_>)) {
        let mut search = Search::new(block);
        let mut start = 0;
        while let Some(rest) = block.get(start..).filter(|rest| !rest.is_empty()) {
            let line_length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..line_length).unwrap_or(rest);
            let source = Source { line, offset: offset.saturating_add(length(start)) };
            self.line(source, search.hits(start, start + line_length), emit);
            start += line_length + 1;
        }
    }

    /// One line, without its line end.
    fn line(&mut self, source: Source<'_>, interest: Interest, emit: &mut impl FnMut(&Record<'_>)) {
        let text = without_padding(source);
        if text.is_empty() {
            return;
        }
        let source = Source { line: text, ..source };
        if text.len() >= LINE_BYTES_MAX {
            return self.too_long(source, emit);
        }
        if let Some(header) = self.shortcut.header(text) {
            return self.headed(&header, source, interest, emit);
        }
        match header::read(text) {
            Some(Line::Record(header)) => {
                self.shortcut.remember(text, &header);
                self.headed(&header, source, interest, emit);
            }
            Some(Line::Damaged(kind)) => emit(&untimed(source, Content::Malformed(kind))),
            Some(Line::BootSeparator) => emit(&untimed(source, Content::BootSeparator)),
            Some(Line::Note) | None => emit(&untimed(source, Content::Passing)),
        }
    }

    fn headed(
        &mut self,
        header: &Header<'_>,
        source: Source<'_>,
        interest: Interest,
        emit: &mut impl FnMut(&Record<'_>),
    ) {
        if header.seq.is_some() {
            self.count_kernel_record(header, source, emit);
        }
        self.recall.turn_to(header.host, source.offset);
        let mut moment = moment(header, source.offset);
        let content = if interest == Interest::Possible || self.recall.waits(source.offset) {
            let speech = header.open();
            let spoken = Moment { since_boot_us: moment.since_boot_us.or(speech.since_boot_us), ..moment };
            let content = self.content(&speech, &spoken);
            if content != Content::Passing {
                moment = spoken;
            }
            content
        } else {
            self.recall.remember(source.offset, None);
            Content::Passing
        };
        emit(&Record {
            moment,
            host: header.host,
            boot: None,
            trust: header.trust,
            raw: raw(source.line, &content),
            content,
        });
    }

    /// What a line says, by who says it.
    fn content(&mut self, speech: &Speech<'_>, moment: &Moment) -> Content {
        let text = speech.text.as_ref();
        let understood = match speech.speaker {
            Speaker::Kernel => match repeat::tagged(text) {
                Some(repeat) => return self.repeated(repeat, moment.offset),
                None => self.kernel_message(text, moment),
            },
            Speaker::Unnamed => match repeat::last(text) {
                Some(repeat) => return self.repeated(repeat, moment.offset),
                None => Ok(None),
            },
            Speaker::Journald => loss::journald(text),
            Speaker::Rsyslogd => loss::rsyslogd(text),
            Speaker::Other => Ok(None),
        };
        let said =
            understood.as_ref().ok().and_then(Option::as_ref).map(|signal| Said::new(signal.clone(), text));
        self.recall.remember(moment.offset, said);
        match understood {
            Ok(Some(signal)) => Content::Signal(signal),
            Ok(None) => Content::Passing,
            Err(kind) => Content::Malformed(kind),
        }
    }

    fn kernel_message(&mut self, text: &[u8], moment: &Moment) -> Result<Option<Signal>, BlemishKind> {
        let understood = kernel::read(text);
        let right_behind = self.recall.is_right_behind(moment);
        match understood {
            Ok(Some(Signal::Suppressed { .. })) => self.recall.wait_behind(*moment),
            Ok(None) if right_behind => return Ok(Some(Signal::OtherLimited)),
            _ => {}
        }
        understood
    }

    /// What a repetition repeats. It is not itself something that a later line refers to: syslogd may write several of
    /// them for one message.
    fn repeated(&self, repeat: Repeat<'_>, offset: u64) -> Content {
        let (signal, times) = match repeat {
            Repeat::Quoted { times, text } => match kernel::read(super::speech::kernel(text).text.as_ref()) {
                Ok(signal) => (signal, times),
                Err(kind) => return Content::Malformed(kind),
            },
            Repeat::Previous { times } => match self.recall.previous(offset) {
                Previous::Said(said) => (Some(said.signal.clone()), times),
                Previous::Nothing => (None, times),
                Previous::Unknown => return unknown(times),
            },
            Repeat::Beginning { times, text } => match self.recall.previous(offset) {
                Previous::Said(said) if said.begins_with(text.trim_ascii_start()) => {
                    (Some(said.signal.clone()), times)
                }
                _ if of_interest(text) => return unknown(times),
                _ => (None, times),
            },
        };
        match (signal, times) {
            (_, None) => Content::Malformed(BlemishKind::ImpossibleNumber),
            (Some(signal), Some(times)) => Content::Repeated { signal, times },
            (None, Some(_)) => Content::Passing,
        }
    }

    /// Gaps and restarts of the kernel's record numbers, each a record of its own.
    fn count_kernel_record(
        &mut self,
        header: &Header<'_>,
        source: Source<'_>,
        emit: &mut impl FnMut(&Record<'_>),
    ) {
        let Some(seq) = header.seq else { return };
        let this = KernelRecord { offset: source.offset, seq, since_boot_us: header.since_boot_us };
        let Some(last) = self.last_kernel_record.replace(this) else { return };
        if this.offset.saturating_sub(last.offset) >= length(LOOK_BACK_BYTES) {
            return;
        }
        let restarted = seq < last.seq || (seq == last.seq && this.since_boot_us < last.since_boot_us);
        let missing = seq.saturating_sub(last.seq).saturating_sub(1);
        let content = match missing {
            _ if restarted => Content::BootSeparator,
            0 => return,
            _ => Content::Signal(Signal::Lost { count: Some(missing) }),
        };
        let raw = raw(source.line, &content);
        let moment = moment(header, source.offset);
        emit(&Record { moment, host: None, boot: None, trust: header.trust, content, raw });
    }

    /// The line was cut, so its words are not believed; its header is.
    fn too_long(&mut self, source: Source<'_>, emit: &mut impl FnMut(&Record<'_>)) {
        let content = Content::Malformed(BlemishKind::LineTooLong);
        let Some(Line::Record(header)) = header::read(source.line) else {
            return emit(&untimed(source, content));
        };
        if header.seq.is_some() {
            self.count_kernel_record(&header, source, emit);
        }
        self.recall.turn_to(header.host, source.offset);
        self.recall.remember(source.offset, None);
        let raw = raw(source.line, &content);
        let moment = moment(&header, source.offset);
        emit(&Record { moment, host: header.host, boot: None, trust: header.trust, content, raw });
    }
}

/// Whether something of interest may stand in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interest {
    Possible,
    None,
}

/// Finds literals in a block, asked line by line.
struct Search<'a> {
    block: &'a [u8],
    /// Start of the first hit that was not yet behind us.
    next: Option<usize>,
}

impl<'a> Search<'a> {
    fn new(block: &'a [u8]) -> Self {
        Self { block, next: Self::find(block, 0) }
    }

    fn find(block: &[u8], start: usize) -> Option<usize> {
        match INTERESTING.as_ref() {
            Some(literals) => {
                literals.find(aho_corasick::Input::new(block).range(start..)).map(|hit| hit.start())
            }
            None => Some(start),
        }
    }

    /// Whether the line from `start` to `end` holds a literal. No literal holds a line end, so none lies across two.
    fn hits(&mut self, start: usize, end: usize) -> Interest {
        if self.next.is_some_and(|next| next < start) {
            self.next = Self::find(self.block, start);
        }
        if self.next.is_some_and(|next| next < end) { Interest::Possible } else { Interest::None }
    }
}

/// The header of the line before, for lines that begin with the same bytes: in a busy second they are many.
#[derive(Debug, Default)]
struct Shortcut {
    prefix: Vec<u8>,
    /// Host word within the prefix.
    host: std::ops::Range<usize>,
    header: Option<Header<'static>>,
}

impl Shortcut {
    fn header<'a>(&self, line: &'a [u8]) -> Option<Header<'a>> {
        let header = self.header.as_ref()?;
        let rest = line.strip_prefix(self.prefix.as_slice())?;
        Some(Header { host: line.get(self.host.clone()), rest, ..header.clone() })
    }

    fn remember(&mut self, line: &[u8], header: &Header<'_>) {
        self.header = None;
        let Some(host) = header.host.filter(|_| header.settled_by_prefix) else { return };
        let prefix = line.get(..line.len().saturating_sub(header.rest.len())).unwrap_or_default();
        let Some(start) = prefix.trim_ascii_end().len().checked_sub(host.len()) else { return };
        self.prefix.clear();
        self.prefix.extend_from_slice(prefix);
        self.host = start..start + host.len();
        let Header { stamp, since_boot_us, seq, facility, trust, open, .. } = *header;
        self.header =
            Some(Header { stamp, since_boot_us, seq, facility, trust, ..Header::of_text(b"", open) });
    }
}

/// The head of an input looks like lines of this family.
pub fn looks_like(head: &[u8]) -> bool {
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    let padding = head.iter().take_while(|byte| **byte == 0).count();
    let text = head.get(padding..).unwrap_or_default();
    // After a crash a log may hold runs of NULs; a text that is full of them is none.
    if memchr::memchr_iter(0, text).count() > text.len() / NUL_SHARE_MAX {
        return false;
    }
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
    lines.take(LINES_LOOKED_AT).any(is_of_this_family)
}

/// Lines that decide what an input is.
const LINES_LOOKED_AT: usize = 50;
/// One NUL in so many bytes is too many for a text.
const NUL_SHARE_MAX: usize = 64;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn is_of_this_family(line: &[u8]) -> bool {
    match header::read(line) {
        // Without a time only the messages that we are here for: `Linux version` alone is /proc/version.
        Some(Line::Record(header)) if header.stamp.is_none() && header.since_boot_us.is_none() => {
            header.host.is_some()
                || matches!(
                    kernel::signal(&header.open().text),
                    Some(Signal::Full(_) | Signal::Suppressed { .. })
                )
        }
        Some(Line::Record(_) | Line::BootSeparator | Line::Note) => true,
        Some(Line::Damaged(_)) | None => false,
    }
}

fn moment(header: &Header<'_>, offset: u64) -> Moment {
    Moment {
        offset,
        stamp: header.stamp.map(|written| written.stamp),
        precision_us: header.stamp.map_or(0, |written| written.precision_us),
        since_boot_us: header.since_boot_us,
        seq: header.seq,
    }
}

/// A record of a line whose header is not known, or is none.
fn untimed(source: Source<'_>, content: Content) -> Record<'_> {
    let moment =
        Moment { offset: source.offset, stamp: None, precision_us: 0, since_boot_us: None, seq: None };
    let raw = raw(source.line, &content);
    Record { moment, host: None, boot: None, trust: Trust::Unverified, content, raw }
}

fn raw<'a>(line: &'a [u8], content: &Content) -> &'a [u8] {
    match content {
        Content::Passing => b"",
        _ => line.get(..RAW_BYTES_MAX).unwrap_or(line),
    }
}

fn unknown(times: Times) -> Content {
    times
        .map_or(Content::Malformed(BlemishKind::ImpossibleNumber), |times| Content::RepeatedUnknown { times })
}

/// A message that begins so may be one of those that count drops.
fn of_interest(beginning: &[u8]) -> bool {
    [b"nf_conntrack".as_slice(), b"ip_conntrack", b"net_ratelimit", b"__ratelimit", b"printk: ", b"NET: "]
        .iter()
        .any(|start| beginning.trim_ascii_start().starts_with(start))
}

/// A line without its CR, without NULs in front (what a crash leaves), without the mark that some editors put in front
/// of a text. Empty if there is nothing but blanks.
fn without_padding(source: Source<'_>) -> &[u8] {
    let mut line = source.line;
    if source.offset == 0 {
        line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    }
    if line.first() == Some(&0) {
        let padding = line.iter().take_while(|byte| **byte == 0).count();
        line = line.get(padding..).unwrap_or_default();
    }
    while let [rest @ .., b'\r'] = line {
        line = rest;
    }
    let blank = line.first().is_none_or(|first| *first <= b' ') && line.trim_ascii().is_empty();
    if blank { b"" } else { line }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
