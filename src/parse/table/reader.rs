//! Reads a table from its first byte to its last. Nearly every line is whole and of the form of the line before; what is
//! not goes the long way: numbered, quoted or wrapped lines, headings, the tool's own words, another form.

use super::events::is_event;
use super::expect::is_expectation;
use super::form::{Form, begins};
use super::listing::{Border, Listing};
use super::peel::{peel, unquoted};
use super::rubric::{Rubric, rubric};
use super::summary::{self, Said};
use super::xml::{Document, Found};
use super::{LINE_BYTES_MAX, LineEnd, RAW_BYTES_MAX, TableDialect, lines, trim};
use crate::model::blemish::BlemishKind;
use crate::model::flow::Flow;
use crate::model::fold::{FlowSink, TableItem};

/// Lines that one entry may be broken into. At 40 columns the longest entry is 15 lines.
const PIECES_MAX: usize = 16;
/// Bytes of a broken entry.
const BROKEN_BYTES_MAX: usize = 4 * 1024;

/// An entry that goes on in the next line, as far as it was read.
#[derive(Debug)]
struct Broken {
    text: Vec<u8>,
    /// Its lines: where each stands and how it begins.
    pieces: Vec<(u64, Box<[u8]>)>,
    /// The tool's last line cut it, in the middle of a word.
    cut: bool,
    /// It may be whole: only what can stand at an entry's end is still taken for a part of it.
    whole: bool,
}

/// One stream, or a stretch of one.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four things that are true of a stream independently of one another"
)]
pub struct TableReader {
    form: Form,
    document: Option<Document>,
    listing: Listing,
    broken: Option<Box<Broken>>,
    /// The list is one of entries that are not in the table.
    aside: bool,
    /// Entries were met that are broken over lines: where one ends, only the next one's beginning tells.
    wrapped: bool,
    /// It reads a stretch whose beginning another reader has read.
    stretch: bool,
    depends: bool,
}

impl TableReader {
    /// A reader of this form.
    pub fn new(dialect: TableDialect) -> Self {
        let form = match dialect {
            TableDialect::ProcIpConntrack => Form::Layer4,
            TableDialect::ConntrackSave => Form::Save,
            _ => Form::Layer3,
        };
        let document = (dialect == TableDialect::ConntrackXml).then(Document::default);
        let depends = document.is_some();
        Self {
            form,
            document,
            listing: Listing::default(),
            broken: None,
            aside: false,
            wrapped: false,
            stretch: false,
            depends,
        }
    }

    /// What was read depends on what stands before it: a list that ends, an entry over two lines, entries with ids (of
    /// which the last ones are remembered). A stream of which this is true of any stretch is read from its beginning.
    pub fn depends(&self) -> bool {
        self.depends
    }

    /// A reader of a stretch of the stream that this one read the beginning of.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            form: self.form,
            document: self.document.is_some().then(Document::default),
            listing: self.listing.beside(),
            broken: None,
            aside: false,
            wrapped: false,
            stretch: true,
            depends: self.document.is_some(),
        }
    }

    /// The form of the last line.
    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Reads a block of whole lines (the last one may lack its line end at the end of a stream); `offset` is that of
    /// its first byte in the decoded stream.
    pub fn block(&mut self, block: &[u8], offset: u64, sink: &mut impl FlowSink) {
        if let Some(mut document) = self.document.take() {
            document.block(block, offset, |found| self.found(found, sink));
            self.document = Some(document);
            return;
        }
        let mut place = offset;
        for (line, end) in lines(block) {
            let at = place;
            place = place.saturating_add(line.len() as u64).saturating_add(1);
            let text = trim(line);
            if text.is_empty() {
                continue;
            }
            if self.broken.is_none() && !self.wrapped && line.len() <= LINE_BYTES_MAX {
                match self.form.line(text, end) {
                    Ok(item @ TableItem::Flow(_)) => self.hand(&item, at, sink),
                    // An expectation may be more than that: the tool's last line, an entry behind a label.
                    _ => self.odd(line, text, end, at, sink),
                }
            } else {
                self.odd(line, text, end, at, sink);
            }
        }
    }

    /// The stream ends.
    pub fn finish(&mut self, sink: &mut impl FlowSink) {
        if let Some(mut document) = self.document.take() {
            document.finish(|found| self.found(found, sink));
        }
        if let Some(broken) = self.broken.take() {
            self.settle(&broken, sink);
        }
        if let Some(count) = self.listing.left() {
            sink.take(&TableItem::Shown(count));
        }
    }

    /// Hands an item on.
    #[inline]
    fn hand(&mut self, item: &TableItem, at: u64, sink: &mut impl FlowSink) {
        if let TableItem::Flow(flow) = item {
            if self.listing.stirs(flow) && self.look_at(flow, at, sink) {
                return;
            }
            self.listing.count(flow);
        }
        sink.take(item);
    }

    /// Says that another list begins, if one does. True: the entry is none of the table.
    #[cold]
    fn look_at(&mut self, flow: &Flow, at: u64, sink: &mut impl FlowSink) -> bool {
        let border = self.listing.border(flow, at);
        // A list has ids throughout or not at all, and its first entry is always looked at.
        self.depends |= flow.id.is_some();
        // The first entry of the stream stands in front of this stretch, or in none that was read.
        self.depends |= self.stretch && self.listing.has_no_first();
        if let Border::Next(said) | Border::Joined(said) = border {
            self.depends = true;
            if matches!(border, Border::Next(_)) {
                sink.take(&TableItem::Listing);
            }
            if let Some(count) = said {
                sink.take(&TableItem::Shown(count));
            }
        }
        self.listing.looked_at(flow, at, self.aside);
        if self.aside {
            self.listing.count(flow);
            sink.take(&TableItem::Other);
        }
        self.aside
    }

    /// What the tool said at its end.
    fn said(&mut self, said: Said, sink: &mut impl FlowSink) {
        self.depends = true;
        if let Said::Shown(count) = said
            && self.listing.shown(count)
        {
            sink.take(&TableItem::Shown(count));
        }
    }

    /// Something of an XML document.
    fn found(&mut self, found: Found<'_>, sink: &mut impl FlowSink) {
        match found {
            Found::Said(said) => self.said(said, sink),
            Found::Begins => self.listing.ends(),
            Found::Item(item, at, bytes) => match *item {
                Ok(item) => self.hand(&item, at, sink),
                Err(kind) => sink.take(&damaged(kind, at, bytes)),
            },
        }
    }

    /// A line that is not simply an entry of the form of the last one.
    #[cold]
    fn odd(&mut self, line: &[u8], text: &[u8], end: LineEnd, at: u64, sink: &mut impl FlowSink) {
        if line.len() > LINE_BYTES_MAX {
            if let Some(broken) = self.broken.take() {
                self.settle(&broken, sink);
            }
            return sink.take(&damaged(BlemishKind::LineTooLong, at, line));
        }
        if let Some((begin, said)) = summary::find(text) {
            self.cut(text.get(..begin).unwrap_or_default(), at, sink);
            return self.said(said, sink);
        }
        self.line(text, end, at, sink);
    }

    /// What stands in front of the tool's last line goes on behind it.
    fn cut(&mut self, front: &[u8], at: u64, sink: &mut impl FlowSink) {
        let text = peel(front);
        // A line number, or the name of a file.
        let label = trim(text);
        if label.iter().all(u8::is_ascii_digit) || matches!(label, [.., b':']) {
            return;
        }
        if let Some(broken) = self.broken.take() {
            self.settle(&broken, sink);
        }
        if begins(text) || b"ipv4 ipv6 unknown".windows(text.len()).any(|word| word == text) {
            self.broken = Some(Box::new(Broken { cut: true, ..Broken::new(text, at, front) }));
        } else {
            sink.take(&damaged(BlemishKind::Unrecognised, at, front));
        }
    }

    /// Reads a line the long way.
    fn line(&mut self, text: &[u8], end: LineEnd, at: u64, sink: &mut impl FlowSink) {
        let peeled = peel(text);
        let own = begins(peeled) || is_event(peeled) || is_expectation(peeled);
        let rubric = if own { None } else { rubric(text) };
        if let Some(mut broken) = self.broken.take() {
            if (broken.cut || !own) && rubric.is_none() && (!broken.whole || is_tail(peeled)) {
                let (length, cut) = (broken.text.len(), broken.cut);
                broken.add(peeled, at, text);
                match Form::any(&broken.text, end) {
                    Ok((form, item)) if cut || end == LineEnd::EndOfInput => {
                        self.becomes(form);
                        return self.hand(&item, broken.at(), sink);
                    }
                    Ok(_) => {
                        (self.wrapped, broken.whole) = (true, true);
                        self.broken = Some(broken);
                        return;
                    }
                    Err(_) if own || broken.whole => broken.take_back(length),
                    Err(_) if broken.has_room() && end == LineEnd::Newline => {
                        self.broken = Some(broken);
                        return;
                    }
                    Err(_) => return self.settle(&broken, sink),
                }
            }
            self.settle(&broken, sink);
        }
        match Form::any(peeled, end) {
            Ok((_, TableItem::Flow(_))) if self.wrapped && end == LineEnd::Newline => {
                self.broken = Some(Box::new(Broken { whole: true, ..Broken::new(peeled, at, text) }));
            }
            Ok((form, item)) => {
                if matches!(item, TableItem::Flow(_)) {
                    self.becomes(form);
                }
                self.hand(&item, at, sink);
            }
            Err(kind) => self.no_entry(kind, peeled, text, rubric, end, at, sink),
        }
    }

    /// A line that is no entry, or not yet one.
    #[expect(clippy::too_many_arguments, reason = "the line as it was looked at so far")]
    fn no_entry(
        &mut self,
        kind: BlemishKind,
        peeled: &[u8],
        text: &[u8],
        rubric: Option<Rubric>,
        end: LineEnd,
        at: u64,
        sink: &mut impl FlowSink,
    ) {
        if is_event(peeled) || peeled.starts_with(b"<flow type=") {
            return sink.take(&TableItem::Other);
        }
        if is_expectation(peeled) || is_expectation(text) || peeled.starts_with(b"<expect") {
            return sink.take(&TableItem::Expectation);
        }
        if [&b"<?xml"[..], b"<conntrack>", b"</conntrack>"].iter().any(|tag| peeled.starts_with(tag)) {
            return;
        }
        if let Some(rubric) = rubric {
            self.depends = true;
            if rubric != Rubric::Nothing {
                self.listing.ends();
                self.aside = rubric == Rubric::BeginsAside;
            }
            return;
        }
        // An entry whose end is missing goes on in the next line. One that has its end is damaged.
        if begins(peeled) && end == LineEnd::Newline && memchr::memmem::find(peeled, b" use=").is_none() {
            self.depends = true;
            self.broken = Some(Box::new(Broken::new(peeled, at, text)));
            return;
        }
        if begins(peeled) {
            self.listing.count_damaged();
        } else {
            self.depends = true;
        }
        sink.take(&damaged(kind, at, text));
    }

    /// Lines of another form are another list. A stretch whose first entry is of another form begins one, or goes on
    /// with one that began in front of it.
    fn becomes(&mut self, form: Form) {
        if form != self.form {
            self.form = form;
            self.depends |= self.stretch;
            self.listing.ends();
        }
    }

    /// What was taken for the beginning of an entry stands alone: an entry whose end somebody took away, or damage.
    fn settle(&mut self, broken: &Broken, sink: &mut impl FlowSink) {
        let end = if broken.pieces.len() == 1 { LineEnd::Open } else { LineEnd::Newline };
        if let Ok((form, item)) = Form::any(&broken.text, end) {
            self.becomes(form);
            return self.hand(&item, broken.at(), sink);
        }
        self.listing.count_damaged();
        let mut kind = Form::any(&broken.text, LineEnd::Newline).err().unwrap_or(BlemishKind::Truncated);
        for (at, raw) in &broken.pieces {
            sink.take(&TableItem::Damaged { kind, offset: *at, raw: raw.clone() });
            kind = BlemishKind::Unrecognised;
        }
    }
}

impl Broken {
    fn new(text: &[u8], at: u64, raw: &[u8]) -> Self {
        Self { text: text.to_vec(), pieces: vec![(at, beginning(raw))], cut: false, whole: false }
    }

    /// Where it begins.
    fn at(&self) -> u64 {
        self.pieces.first().map_or(0, |(at, _)| *at)
    }

    /// The last piece was none of it.
    fn take_back(&mut self, length: usize) {
        self.text.truncate(length);
        self.pieces.pop();
    }

    fn has_room(&self) -> bool {
        self.pieces.len() < PIECES_MAX && self.text.len() < BROKEN_BYTES_MAX
    }

    /// Adds the next line. Whether a blank stood where the line was broken is told by what stands around: a terminal
    /// breaks anywhere, a mail program at blanks, and both leave the blank out.
    fn add(&mut self, line: &[u8], at: u64, raw: &[u8]) {
        // Of a line that the tool itself cut not a byte is missing.
        let line = if std::mem::take(&mut self.cut) {
            raw
        } else {
            let line = unquoted(line);
            if begins_a_word(line) && ends_a_word(&self.text) {
                self.text.push(b' ');
            }
            line
        };
        self.text.extend_from_slice(line.get(..BROKEN_BYTES_MAX).unwrap_or(line));
        self.pieces.push((at, beginning(raw)));
    }
}

/// Words that may begin behind a break.
const KEYS: [&[u8]; 22] = [
    b"src=",
    b"dst=",
    b"sport=",
    b"dport=",
    b"type=",
    b"code=",
    b"id=",
    b"srckey=",
    b"dstkey=",
    b"packets=",
    b"bytes=",
    b"mark=",
    b"secmark=",
    b"secctx=",
    b"zone=",
    b"zone-orig=",
    b"zone-reply=",
    b"delta-time=",
    b"use=",
    b"helper=",
    b"labels=",
    b"stream_timeout=",
];

/// What can stand at the end of an entry that could be whole without it: `id=594825766 labels=bulk`, or a part of it.
fn is_tail(line: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" =_,.:-".contains(byte);
    line.len() < 80 && line.iter().all(plain) && memchr::memmem::find(line, b"src=").is_none()
}

fn begins_a_word(line: &[u8]) -> bool {
    matches!(line, [b'[' | b'-', ..]) || KEYS.iter().any(|key| line.starts_with(key))
}

/// The last word is none that goes on: `zo`, `sec`, `zone-` do, before `ne=`, `mark=`, `orig=`.
fn ends_a_word(text: &[u8]) -> bool {
    let word = text.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let letters =
        !word.is_empty() && word.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'));
    !letters
}

/// How a line begins, as far as it is kept.
fn beginning(line: &[u8]) -> Box<[u8]> {
    line.get(..RAW_BYTES_MAX).unwrap_or(line).into()
}

/// A damaged line with its beginning.
#[cold]
fn damaged(kind: BlemishKind, offset: u64, line: &[u8]) -> TableItem {
    TableItem::Damaged { kind, offset, raw: beginning(line) }
}
