//! The line family: syslog in all its headers, /dev/kmsg records, dmesg; the header grammar is tried per line.
//!
//! Every line that is not blank gives exactly one record. Of lines in which nothing of interest can stand (told by a
//! search for literals over the whole block) only the header is read; they are `Passing`, and carry `[seconds]` only
//! where they have no other time.
//! A line with no known header is `Passing` too, without time: what people put into logs is not damage. Where a console
//! wrote how many messages it dropped in front of the next one, or two records lost the line end between them (`glued`),
//! the line gives two records.
//!
//! Terminal escapes are taken out of lines that hold them. That such a line is looked at costs the others nothing: an
//! escape in front of a header hides it, and those within words that matter begin with one of the literals.
//!
//! What a line refers to lies within [`LOOK_BACK_BYTES`] (see `recall`), so a text may be cut at line ends and read in
//! parts, each warmed up with the look-back in front of it.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, packed};

use crate::model::blemish::BlemishKind;
use crate::model::fold::RecordSink;
use crate::model::record::{Content, Record, Trust};
use crate::model::signal::Signal;
use crate::model::time::{Moment, Stamp};
use crate::parse::{kernel, programs};

use super::header::{self, Facility, Header, Line};
use super::recall::{Previous, Recall, Said};
use super::repeat::{self, Repeat, Times};
use super::speech::{self, Speaker, Speech};
use super::time::{MINUTE_US, Written};
use super::{console, escapes, glued, loss};

/// A line (without its line end) of this many bytes or more is too long: one blemish, whatever it says. A reader may
/// hand over such a line cut to exactly this length.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// How far back a line may refer, from its first byte.
pub const LOOK_BACK_BYTES: usize = 64 * 1024;
/// Bytes of a line kept for the reader.
const RAW_BYTES_MAX: usize = 512;

/// A line that holds none of these is of no interest (its time is). Every grammar of [`kernel`], [`programs`], `packet`,
/// `repeat` and `loss` contains one of them; a test holds examples of all against this list. Their first four bytes are
/// rare in logs: that is what makes the search fast. The search puts them into few groups, by their order here, and looks
/// closer wherever the first bytes of a group's words mix to what stands there. In this order they mix to little: twenty
/// more literals cost nothing that could be measured, in another order they took three times as long.
const LITERALS: [&str; 39] = [
    "ut resolving '",
    "Can't synchronise",
    "no free ports",
    "d (99: ",
    "_conntrack",
    "uppress",
    "repeated ",
    "buffered ",
    "SYN flooding",
    "Timeout before auth",
    "table overflow",
    "orphaned sockets",
    "Out of socket memory",
    "drop open request",
    "Linux version ",
    "issed ",
    "overrun, some",
    "lost due to rate-limiting",
    " SRC=",
    "Unable to create ",
    "-- consider",
    "_hashlimit: max",
    "h: zone: ",
    "IPVS: ",
    "/ip6tables is",
    ": link status d",
    ") enter",
    "=1325 audit(",
    "NETFILTER_CFG",
    "irewall",
    " STATE",
    "ommitted ",
    "(110: ",
    "/o timeout",
    "begin to drop messages",
    "queue full, dropping",
    // `printk messages dropped **`
    "d **",
    // How grep and ripgrep begin what they colour: within a word that matters.
    "\x1b[01;31m",
    "\x1b[0m\x1b[1m",
];

static INTERESTING: LazyLock<Finder> = LazyLock::new(Finder::new);

/// Finds the first of [`LITERALS`].
enum Finder {
    /// With vector instructions.
    Packed(packed::Searcher),
    /// On machines without them.
    Automaton(AhoCorasick),
    /// Neither could be built, which a test excludes: then everything is of interest.
    Everything,
}

impl Finder {
    fn new() -> Self {
        if let Some(searcher) = packed::Searcher::new(LITERALS) {
            return Self::Packed(searcher);
        }
        AhoCorasick::new(LITERALS).map_or(Self::Everything, Self::Automaton)
    }

    /// Start of the first hit at or behind `start`.
    fn find(&self, block: &[u8], start: usize) -> Option<usize> {
        let span = aho_corasick::Span { start, end: block.len() };
        match self {
            Self::Packed(searcher) => searcher.find_in(block, span).map(|hit| hit.start()),
            Self::Automaton(automaton) => {
                automaton.find(aho_corasick::Input::new(block).span(span)).map(|hit| hit.start())
            }
            Self::Everything => Some(start),
        }
    }
}

/// Reads lines in order. Holds what a later line may refer to.
#[derive(Debug, Default)]
pub struct LineParser {
    recall: Recall,
    shortcut: Shortcut,
    /// Where a console said that it writes the next message once more.
    replay: Option<u64>,
    /// `dmesg -e`, read from its beginning.
    deltas: Option<Deltas>,
    /// How many records stand in front of this one on its line.
    glued: usize,
    /// Where in the message just read another record begins.
    next_record: Option<usize>,
}

/// Records of one line that are told from each other behind the first.
const GLUED_MAX: usize = 32;

/// The clock of `dmesg -e`: the last minute that was written, and the time since.
#[derive(Debug, Clone, Copy, Default)]
struct Deltas {
    minute: Option<Written>,
    since_us: i64,
}

impl Deltas {
    /// Goes on to this line and says when it was. Within one minute the distance of two lines is exact; where in that
    /// minute they are is not known.
    fn pass(&mut self, header: &Header<'_>) -> Option<Written> {
        if header.stamp.is_some() {
            (self.minute, self.since_us) = (header.stamp, 0);
        }
        self.since_us = self.since_us.saturating_add(header.delta_us.unwrap_or(0));
        let minute = self.minute?;
        let since_us = self.since_us.min(i64::from(MINUTE_US) - 1);
        let at = |us: i64| us.saturating_add(since_us);
        let stamp = match minute.stamp {
            Stamp::Absolute(us) => Stamp::Absolute(at(us)),
            Stamp::Local(us) => Stamp::Local(at(us)),
            Stamp::Yearless(us) => Stamp::Yearless(at(us)),
        };
        Some(Written { stamp, ..minute })
    }
}

/// One line and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) line: &'a [u8],
    pub(super) offset: u64,
}

impl LineParser {
    /// For a stream of which [`are_deltas`] is true: it is read from its beginning, and a line that says only how long
    /// it came after the line before has that line's time and so much more.
    pub fn reading_deltas() -> Self {
        Self { deltas: Some(Deltas::default()), ..Self::default() }
    }

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
        if let Some(replay) = self.replay.take()
            && source.offset.saturating_sub(replay) < length(LOOK_BACK_BYTES)
        {
            return self.copy(source, emit);
        }
        if interest == Interest::Possible
            && let Some(plain) = escapes::removed(text)
        {
            return self.read_line(Source { line: &plain, ..source }, interest, emit);
        }
        if let Some(header) = self.shortcut.header(text) {
            return self.headed(&header, source, interest, emit);
        }
        self.read_line(source, interest, emit);
    }

    /// One line, without escapes where they were looked for.
    fn read_line(&mut self, source: Source<'_>, interest: Interest, emit: &mut impl FnMut(&Record<'_>)) {
        let text = source.line;
        match header::read(text) {
            Some(Line::Record(header)) => {
                self.shortcut.remember(text, &header);
                self.headed(&header, source, interest, emit);
            }
            Some(Line::Damaged(kind)) => emit(&untimed(source, Content::Malformed(kind))),
            Some(Line::BootSeparator) => emit(&untimed(source, Content::BootSeparator)),
            Some(Line::Note) => emit(&untimed(source, Content::Passing)),
            None if text.starts_with(b"** ") => self.of_console(source, emit),
            None => match escapes::removed(text) {
                Some(plain) => {
                    self.read_line(Source { line: &plain, ..source }, Interest::Possible, emit);
                }
                None => emit(&untimed(source, Content::Passing)),
            },
        }
    }

    /// A message that a console wrote once more: it says nothing new.
    fn copy(&mut self, source: Source<'_>, emit: &mut impl FnMut(&Record<'_>)) {
        let Some(Line::Record(header)) = header::read(source.line) else {
            return emit(&untimed(source, Content::Passing));
        };
        let moment = self.moment(&header, source.offset);
        emit(&Record { moment, host: header.host, trust: header.trust, ..untimed(source, Content::Passing) });
    }

    /// What a console writes between the records.
    fn of_console(&mut self, source: Source<'_>, emit: &mut impl FnMut(&Record<'_>)) {
        if console::is_replay(source.line) {
            self.replay = Some(source.offset);
        }
        let Some(dropped) = console::dropped(source.line) else {
            return emit(&untimed(source, Content::Passing));
        };
        let loss = dropped.loss.map_or_else(Content::Malformed, Content::Signal);
        match header::read_plain(dropped.rest) {
            Some(Line::Record(header)) => {
                let mut record = untimed(source, loss);
                record.moment.since_boot_us = header.since_boot_us;
                emit(&record);
                self.headed(&header, source, Interest::Possible, emit);
            }
            _ => emit(&untimed(source, loss)),
        }
    }

    /// When a line was.
    fn moment(&mut self, header: &Header<'_>, offset: u64) -> Moment {
        let stamp = match &mut self.deltas {
            Some(deltas) => deltas.pass(header),
            None => header.stamp,
        };
        Moment {
            offset,
            stamp: stamp.map(|written| written.stamp),
            precision_us: stamp.map_or(0, |written| written.precision_us),
            since_boot_us: header.since_boot_us,
            seq: header.seq,
        }
    }

    /// A line with a header.
    pub(super) fn headed(
        &mut self,
        header: &Header<'_>,
        source: Source<'_>,
        interest: Interest,
        emit: &mut impl FnMut(&Record<'_>),
    ) {
        let mut moment = self.moment(header, source.offset);
        self.recall.turn_to(header.host, source.offset);
        let mut behind = None;
        let content = if interest == Interest::Possible || self.recall.waits(source.offset) {
            let mut speech = header.open();
            if let Some((loss, behind)) = behind_dropped(&speech) {
                let lost = untimed(source, loss);
                emit(&Record { moment, host: header.host, trust: header.trust, ..lost });
                speech = behind;
            }
            let spoken = Moment { since_boot_us: moment.since_boot_us.or(speech.since_boot_us), ..moment };
            let content = self.content(&speech, &spoken, interest);
            if content != Content::Passing {
                moment = spoken;
            }
            if let (Some(start), Cow::Borrowed(text)) = (self.next_record.take(), speech.text) {
                behind = text.get(start..);
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
        if let Some(line) = behind {
            self.glued += 1;
            self.read_line(Source { line, ..source }, Interest::Possible, emit);
            self.glued -= 1;
        }
    }

    /// What a line says, by who says it.
    fn content(&mut self, speech: &Speech<'_>, moment: &Moment, interest: Interest) -> Content {
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
            Speaker::SyslogNg => loss::syslog_ng(text),
            // Only a line with a literal can be evidence; others come here because the line before waits for them.
            Speaker::Program(program) if interest == Interest::Possible => Ok(programs::read(program, text)),
            Speaker::Program(_) | Speaker::Other => Ok(None),
        };
        let said =
            understood.as_ref().ok().and_then(Option::as_ref).map(|signal| Said::new(signal.clone(), text));
        self.recall.remember(moment.offset, said);
        match understood {
            Ok(Some(signal)) => Content::Signal(signal),
            Ok(None) if repeat::is_tagged(text.trim_ascii_start()) => Content::RepeatedPassing,
            Ok(None) => Content::Passing,
            Err(kind) => Content::Malformed(kind),
        }
    }

    fn kernel_message(&mut self, text: &[u8], moment: &Moment) -> Result<Option<Signal>, BlemishKind> {
        let mut understood = kernel::read(text);
        // The packet filter has limits of its own: its line may stand between a suppression line and the line it
        // belongs to, and uses no token.
        if let Ok(Some(Signal::Packet(_))) = understood {
            return understood;
        }
        if understood == Ok(None)
            && self.glued < GLUED_MAX
            && let Some((message, _)) = glued::next(text).and_then(|start| text.split_at_checked(start))
            && let Ok(Some(signal)) = kernel::read(message)
        {
            understood = Ok(Some(signal));
            self.next_record = Some(message.len());
        }
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
            Repeat::Quoted { times, text } => match kernel::read(speech::kernel(text).text.as_ref()) {
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
            (None, Some(_)) => Content::RepeatedPassing,
        }
    }

    /// The line was cut, so its words are not believed; its header is.
    fn too_long(&mut self, source: Source<'_>, emit: &mut impl FnMut(&Record<'_>)) {
        let content = Content::Malformed(BlemishKind::LineTooLong);
        let Some(Line::Record(header)) = header::read(source.line) else {
            return emit(&untimed(source, content));
        };
        let moment = self.moment(&header, source.offset);
        self.recall.turn_to(header.host, source.offset);
        self.recall.remember(source.offset, None);
        let raw = raw(source.line, &content);
        emit(&Record { moment, host: header.host, boot: None, trust: header.trust, content, raw });
    }
}

/// What the wrapper of a line says of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around<'a> {
    /// When the wrapper was written; the line's own time wins.
    pub(super) stamp: Option<Written>,
    /// Where; the line's own host word wins.
    pub(super) host: Option<&'a [u8]>,
    /// Who speaks, where the wrapper has the name in a field of its own: the line is then the words alone.
    pub(super) speaker: Option<Speaker>,
}

impl<'a> Around<'a> {
    /// What is not said here is said by an outer wrapper.
    pub(super) fn within(self, outer: Around<'a>) -> Self {
        Self {
            stamp: self.stamp.or(outer.stamp),
            host: self.host.or(outer.host),
            speaker: self.speaker.or(outer.speaker),
        }
    }
}

impl LineParser {
    /// A line that stood in a wrapper (a collector's, a container's). One record, never more than `Unverified`.
    pub(super) fn wrapped(
        &mut self,
        line: &[u8],
        offset: u64,
        around: &Around<'_>,
        sink: &mut impl RecordSink,
    ) {
        let source = Source { line: without_padding(Source { line, offset }), offset };
        let emit = &mut |record: &Record<'_>| sink.take(record);
        let words = |open| Ok(Header::of_text(source.line, open));
        let header = match around.speaker {
            _ if source.line.len() >= LINE_BYTES_MAX => Err(BlemishKind::LineTooLong),
            Some(Speaker::Kernel) => words(|_, text| speech::kernel(text)),
            Some(Speaker::Journald) => words(|_, text| Speech::new(Speaker::Journald, text)),
            Some(Speaker::Rsyslogd) => words(|_, text| Speech::new(Speaker::Rsyslogd, text)),
            Some(Speaker::SyslogNg) => words(|_, text| Speech::new(Speaker::SyslogNg, text)),
            Some(Speaker::Unnamed | Speaker::Other | Speaker::Program(_)) => words(others),
            None => match header::read(source.line) {
                Some(Line::Record(header)) => Ok(header),
                Some(Line::Damaged(kind)) => Err(kind),
                Some(Line::BootSeparator | Line::Note) | None => words(others),
            },
        };
        let (mut header, damage) = match header {
            Ok(header) => (header, None),
            Err(kind) => (Header::of_text(source.line, others), Some(kind)),
        };
        header.stamp = header.stamp.or(around.stamp);
        header.host = header.host.or(around.host);
        header.trust = Trust::Unverified;
        if let Some(kind) = damage {
            self.recall.turn_to(header.host, offset);
            self.recall.remember(offset, None);
            let content = Content::Malformed(kind);
            let (moment, raw) = (self.moment(&header, offset), raw(source.line, &content));
            return emit(&Record {
                moment,
                host: header.host,
                boot: None,
                trust: header.trust,
                content,
                raw,
            });
        }
        let hit = INTERESTING.find(source.line, 0);
        let interest = if hit.is_some() { Interest::Possible } else { Interest::None };
        self.headed(&header, source, interest, emit);
    }
}

/// Words of somebody of no interest.
fn others(_: Option<Facility>, text: &[u8]) -> Speech<'_> {
    Speech::new(Speaker::Other, text)
}

/// The whole of a text is one line of a log in which the kernel says something about connection tracking.
pub(super) fn is_of_interest(text: &[u8]) -> bool {
    if text.len() >= LINE_BYTES_MAX || INTERESTING.find(text, 0).is_none() {
        return false;
    }
    let Some(Line::Record(header)) = header::read(text) else { return false };
    let speech = header.open();
    speech.speaker == Speaker::Kernel && matches!(kernel::read(&speech.text), Ok(Some(_)))
}

/// A line begins with a time of its own, or with the printk clock.
pub(super) fn has_own_time(text: &[u8]) -> bool {
    matches!(header::read(text), Some(Line::Record(header)) if header.stamp.is_some() || header.since_boot_us.is_some())
}

/// Whether something of interest may stand in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
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
        Self { block, next: INTERESTING.find(block, 0) }
    }

    /// Whether the line from `start` to `end` holds a literal. No literal holds a line end, so none lies across two.
    fn hits(&mut self, start: usize, end: usize) -> Interest {
        if self.next.is_some_and(|next| next < start) {
            self.next = INTERESTING.find(self.block, start);
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
    let lines = |text: &[u8]| {
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let plain = lines.filter(|line| !line.is_empty()).take(LINES_LOOKED_AT).map(without_escapes);
        plain.into_iter().any(|line| is_of_this_family(&line))
    };
    // After a crash a log may hold runs of NULs, but lines stand before them; a text that is full of them is none.
    let whole_lines = text.get(..memchr::memchr(0, text).unwrap_or(0)).unwrap_or_default();
    let whole_lines = whole_lines.get(..memchr::memrchr(b'\n', whole_lines).unwrap_or(0)).unwrap_or_default();
    if lines(whole_lines) {
        return true;
    }
    if memchr::memchr_iter(0, text).count() > text.len() / NUL_SHARE_MAX {
        return false;
    }
    lines(text)
}

/// The head of an input looks like what `dmesg -e` prints: see [`LineParser::reading_deltas`].
pub fn are_deltas(head: &[u8]) -> bool {
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let lines = lines.filter(|line| !line.is_empty()).take(LINES_LOOKED_AT).map(without_escapes);
    // The first line with a header decides: what it is not, those behind it are not, either.
    let mut decided = lines.filter_map(|line| match header::read(&line)? {
        Line::Record(header) => {
            let of_minute = header.stamp.is_some_and(|written| written.precision_us == MINUTE_US);
            Some(of_minute || header.delta_us.is_some())
        }
        _ => None,
    });
    decided.next() == Some(true)
}

fn without_escapes(line: &[u8]) -> Cow<'_, [u8]> {
    escapes::removed(line).map_or(Cow::Borrowed(line), Cow::Owned)
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

/// The loss that a console wrote in front of a kernel message, and the message.
fn behind_dropped(speech: &Speech<'_>) -> Option<(Content, Speech<'static>)> {
    let dropped = console::dropped(&speech.text).filter(|_| speech.speaker == Speaker::Kernel)?;
    let behind = super::speech::kernel(dropped.rest);
    let (speaker, since_boot_us) = (behind.speaker, behind.since_boot_us);
    let behind = Speech { speaker, since_boot_us, text: behind.text.into_owned().into() };
    Some((dropped.loss.map_or_else(Content::Malformed, Content::Signal), behind))
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
        Content::Passing | Content::RepeatedPassing => b"",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fold::Part;

    /// Messages of every grammar that gives more than `Passing`; `Nov  6 02:39:55 a ` stands in front of them.
    const EXAMPLES: [&str; 66] = [
        "kernel: nf_conntrack: table full, dropping packet",
        "kernel: nf_conntrack: nf_conntrack: table full in netns 4026532281, dropping packet",
        "kernel: ip_conntrack: CT 101: table full, dropping packet.",
        "kernel: ip_conntrack: maximum limit of 16376 entries exceeded",
        "kernel: nf_conntrack: expectation table full",
        "kernel: ip_conntrack: max number of expected connections 1 of ftp reached for 10.0.0.1->10.0.0.2",
        "kernel: ip_conntrack version 2.1 (8192 buckets, 65536 max) - 304 bytes per conntrack",
        "kernel: ip_conntrack: falling back to vmalloc.",
        "kernel: NET: 12 messages suppressed.",
        "kernel: printk: 4 messages suppressed.",
        "kernel: __ratelimit: 1729 callbacks suppressed",
        "kernel: net_ratelimit: 1805 callbacks suppresse",
        "kernel: net_ratelimit: 99999999999 callbacks suppressed",
        "kernel: TCP: time wait bucket table overflow (CT0)",
        "kernel: DCCP: time wait bucket table overflow",
        "kernel: possible SYN flooding on port 80. Sending cookies.",
        "kernel: TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:22. Dropping request.",
        "kernel: TCP: drop open request from 203.0.113.7/54321",
        "kernel: TCP: too many of orphaned sockets",
        "kernel: TCP: too many orphaned sockets",
        "kernel: Out of socket memory",
        "kernel: Neighbour table overflow.",
        "kernel: neighbour: arp_cache: neighbor table overflow!",
        "kernel: neighbour table overflow",
        "kernel: Linux version 5.4.59 (build@host) (gcc version 9.3.0) #1 SMP",
        "kernel: message repeated 9 times: [ nf_conntrack: table full, dropping packet.]",
        "kernel: Last message 'nf_conntrack: table ' repeated 5 times, suppressed by syslog-ng on a",
        "last message repeated 3 times",
        "last message buffered 3 times",
        "systemd-journald[1]: Missed 1204 kernel messages",
        "systemd-journald[1]: /dev/kmsg buffer overrun, some messages lost.",
        "systemd-journald[1]: Forwarding to syslog missed 12 messages.",
        "rsyslogd: imjournal: 99 messages lost due to rate-limiting",
        "rsyslogd: imklog: 99 messages lost due to rate-limiting (200 allowed within 5 seconds)",
        "rsyslogd: imjournal: begin to drop messages due to rate-limiting",
        "rsyslogd: imjournal from <web8:kernel>: begin to drop messages due to rate-limiting",
        "syslog-ng[7]: Destination queue full, dropping messages; queue_len='10000', count='4', x='y'",
        "** 12 printk messages dropped **",
        "kernel: nf_\x1b[01;31m\x1b[Kconntrack\x1b[m\x1b[K: table full, dropping packet",
        "kernel: nf_\x1b[0m\x1b[1m\x1b[31mconntrack\x1b[0m: table full, dropping packet",
        "user.warn kernel: [ 1225.134675] nf_conntrack: table full, dropping packet",
        "kernel: message repeated 0 times: [ nf_conntrack: table full, dropping packet.]",
        "kernel: [UFW BLOCK] IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=10.0.0.1 LEN=40 TOS=0x00 PREC=0x00 TTL=9 ID=1 PROTO=TCP SPT=1 DPT=23 WINDOW=1 RES=0x00 SYN URGP=0 ",
        "kernel: Unable to create nf_conn slab cache",
        "kernel: TCP: out of memory -- consider tuning tcp_mem",
        "kernel: xt_hashlimit: max count of 65536 reached",
        "kernel: openvswitch: zone: 7 exceeds conntrack limit",
        "kernel: IPVS: rr: TCP 10.0.0.1:80 - no destination available",
        "kernel: Bridge firewalling registered",
        "kernel: bridge: filtering via arp/ip/ip6tables is no longer available by default. Update your scripts to load br_netfilter if you need this.",
        "kernel: bond0: (slave eth1): link status definitely down, disabling slave",
        "kernel: docker0: port 3(veth1a2b3c4) entered forwarding state",
        "kernel: audit: type=1325 audit(1726283558.123:456): table=nat:12 family=2 entries=40 op=xt_replace pid=1234 comm=\"iptables-restor\"",
        "audit[12]: NETFILTER_CFG table=filter:45 family=2 entries=4 op=xt_replace pid=99 comm=\"iptables\"",
        "systemd[1]: Reloaded firewalld - dynamic firewall daemon.",
        "Keepalived_vrrp[9]: (VI_1) Entering MASTER STATE",
        "conntrack-tools[9]: Committed 48211 new entries",
        "nginx: 2026/11/27 03:12:01 [crit] 812#812: *4411 connect() to 192.0.2.7:3128 failed (99: Cannot assign requested address) while connecting to upstream",
        "nginx: 2026/11/27 03:12:01 [error] 812#812: *4411 upstream timed out (110: Connection timed out) while connecting to upstream, client: 10.0.0.5, upstream: \"http://10.0.0.9:3128/\"",
        "haproxy[7]: Connect() failed for backend app: no free ports.",
        "kubelet[7]: E1127 03:12:01.000001    7 controller.go:146] \"Failed to ensure lease exists\" err=\"Get https://10.0.0.1:6443: dial tcp 10.0.0.1:6443: i/o timeout\"",
        "named[7]: timed out resolving 'example.org/A/IN': 192.0.2.53#53",
        "chronyd[7]: Can't synchronise: no selectable sources",
        "sshd[7]: fatal: Timeout before authentication for 203.0.113.5 port 4711",
        "kube-proxy[7]: I1127 03:12:01.000001       7 conntrack.go:52] Setting nf_conntrack_max to 131072",
        "systemd-sysctl[7]: Couldn't write '4194304' to 'net/nf_conntrack_max', ignoring: No such file or directory",
    ];

    #[derive(Default)]
    struct Contents(Vec<Content>);

    impl Part for Contents {
        fn join(self, _: Self) -> Self {
            self
        }
    }

    impl RecordSink for Contents {
        type Part = Self;

        fn take(&mut self, record: &Record<'_>) {
            self.0.push(record.content.clone());
        }

        fn finish(self) -> Self {
            self
        }
    }

    /// Reads line by line, each as if it were of interest.
    fn without_search(text: &str) -> Vec<Content> {
        let mut parser = LineParser::default();
        let mut contents = Contents::default();
        let mut offset = 0;
        for line in text.lines() {
            let source = Source { line: line.as_bytes(), offset };
            parser.line(source, Interest::Possible, &mut |record| contents.take(record));
            offset += length(line.len()) + 1;
        }
        contents.0
    }

    fn with_search(text: &str) -> Vec<Content> {
        let mut contents = Contents::default();
        LineParser::default().block(text.as_bytes(), 0, &mut contents);
        contents.0
    }

    #[test]
    fn a_line_that_says_something_holds_one_of_the_literals() {
        assert!(!matches!(*INTERESTING, Finder::Everything));
        for example in EXAMPLES {
            let line = format!("Nov  6 02:39:55 a {example}");
            assert_ne!(without_search(&line), [Content::Passing], "{line}");
            assert_eq!(with_search(&line), without_search(&line), "{line}");
            assert!(INTERESTING.find(line.as_bytes(), 0).is_some(), "{line}");
        }
    }

    #[test]
    fn the_search_changes_nothing_whatever_stands_side_by_side() {
        let quiet = ["kernel: martian source 10.0.0.1", "sshd[1]: x", "kernel:", "", "last x"];
        for first in EXAMPLES.iter().chain(&quiet) {
            for second in EXAMPLES.iter().chain(&quiet) {
                for host in ["a", "last", "b"] {
                    let heads = ["Nov  6 02:39:55 a", "Nov  6 02:39:55 b"];
                    let text = format!(
                        "{} {first}\nNov  6 02:39:55 {host} {second}\n{} kernel: x\n{} {second}\n",
                        heads[0], heads[1], heads[0]
                    );
                    assert_eq!(with_search(&text), without_search(&text), "{text}");
                }
            }
        }
    }

    #[test]
    fn the_shortcut_gives_the_header_that_reading_gives() {
        let lines = [
            "Nov  6 02:39:55 a kernel: x",
            "Nov  6 02:39:55 a   kernel: x",
            "Nov  6 02:39:55 ab kernel: x",
            "Nov  6 02:39:55 last message repeated 3 times",
            "Nov  6 02:39:55 last messages",
            "Nov  6 02:39:55 kernel: x",
            "<4>Nov  6 02:39:55 a kernel: x",
            "<12>Nov  6 02:39:55 a kernel: x",
            "2024-05-01T12:00:00Z a kernel - - - x",
            "2024-05-01T12:00:00Z a kernel: x",
            "<4>1 2024-05-01T12:00:00Z a kernel - - - x",
            "<4>1 - a kernel - - - x",
        ];
        for first in lines {
            let Some(Line::Record(remembered)) = header::read(first.as_bytes()) else { panic!("{first}") };
            let mut shortcut = Shortcut::default();
            shortcut.remember(first.as_bytes(), &remembered);
            for second in lines {
                let Some(Line::Record(expected)) = header::read(second.as_bytes()) else {
                    panic!("{second}")
                };
                if let Some(found) = shortcut.header(second.as_bytes()) {
                    assert_eq!(
                        (found.stamp, found.host, found.facility),
                        (expected.stamp, expected.host, expected.facility)
                    );
                    assert_eq!(found.open().speaker, expected.open().speaker, "{first} / {second}");
                    assert_eq!(found.open().text, expected.open().text, "{first} / {second}");
                }
            }
        }
    }
}
