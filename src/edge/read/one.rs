//! One stream from its first byte to its last: recognised by content, parsed, summed up.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::ahead::decode_beside;
use super::archive::{self, Member, each_member};
use super::blocks::each_block;
use super::decode::{DEPTH_MAX, Decoded, Face, decode};
use super::gzip::Strange;
use super::identity::{Identified, path_id};
use super::journal;
use super::logs::{Form, LogRead, Order, read_log};
use super::open::words;
use crate::edge::progress::Progress;
use crate::model::counters::Counters;
use crate::model::fold::{FlowSink, Part, RecordSink, TableItem};
use crate::model::input::{LogStream, SAMPLES_MAX};
use crate::model::live::sample::Sample;
use crate::model::piece::Piece;
use crate::model::time::WallTime;
use crate::parse::counters::{self, CounterDialect};
use crate::parse::sniff::{Dialect, sniff};
use crate::parse::table::{TableDialect, TableReader};
use crate::wire::bundle::{self, Manifest};
use crate::wire::owners::{self, Owners};
use crate::wire::{samples, signals};

/// Bytes of one line of our own signals format; a longer one is not ours.
const SIGNALS_LINE_BYTES_MAX: u64 = 1 << 30;

/// What a stream turned out to be.
pub enum Understood<W> {
    /// A log.
    Log(&'static str, Box<Piece>),
    /// A table, first look, and where its bytes can be had again.
    Table(TableDialect, W, Again),
    /// A list that looks like a table and is none: records and damaged ones among them.
    Beside(TableDialect, u64, u64),
    /// Counters, their records, and the damage.
    Counters(CounterDialect, Box<Counters>, u64, Vec<Damage>),
    /// What `scan` wrote.
    Signals(Vec<LogStream>),
    /// Who held which address.
    Owners(Box<Owners>),
    /// What a watcher sampled.
    Samples(Vec<Sample>),
    /// The manifest of a bundle of ours.
    Manifest(Box<Manifest>),
    /// An archive of so many members; each file among them is a stream of its own.
    Archive(u64),
    /// A member of an archive that is no file, in a word.
    Passed(&'static str),
    /// Nothing in it.
    Empty,
    /// None of these.
    Stranger,
}

/// One kind of damage.
pub type Damage = (crate::model::blemish::BlemishKind, crate::model::blemish::Blemish);

/// A stream, read.
pub struct StreamRead<W> {
    /// Its path within an archive.
    pub member: Option<Box<str>>,
    /// What it is.
    pub what: Understood<W>,
    /// Its name by content.
    pub id: Box<str>,
    /// Decoded bytes.
    pub bytes: u64,
    /// How unpacked.
    pub via: Vec<&'static str>,
    /// Time in a container's header.
    pub modified: Option<WallTime>,
    /// NULs in front of it that were passed over.
    pub padding: u64,
    /// What to know of it.
    pub note: Option<&'static str>,
    /// Why it was not read to its end.
    pub error: Option<String>,
}

/// Where a table's bytes can be had a second time.
#[derive(Debug, Clone)]
pub enum Again {
    /// Where they came from.
    FromFile,
    /// Where they came from, in stretches.
    InParts,
    /// Here: they came through a pipe or out of an archive, and were kept, packed.
    Kept(Arc<Vec<u8>>),
    /// Nowhere: there were too many to keep.
    Never,
}

/// Whether what is read can be read a second time from where it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File,
    /// A pipe, or a member of an archive.
    Passing,
}

/// Reads a stream: one result, or where it is an archive one for it and one for each of its members. `hole` is what
/// the stream's own file has in front of it, `path` where that file is.
pub fn read_stream<S, W>(
    raw: Box<dyn Read + Send>,
    origin: Origin,
    hole: u64,
    path: &str,
) -> Vec<StreamRead<W::Part>>
where
    S: RecordSink<Part = Piece> + Default,
    W: FlowSink + Default,
{
    let mut all = Vec::new();
    let decoded = decode_beside(raw);
    understand::<S, W>(Decoded { padding: hole, ..decoded }, None, (origin, path), &mut all);
    all
}

fn understand<S, W>(
    decoded: Decoded<'_>,
    member: Option<Box<str>>,
    (origin, path): (Origin, &str),
    all: &mut Vec<StreamRead<W::Part>>,
) where
    S: RecordSink<Part = Piece> + Default,
    W: FlowSink + Default,
{
    if archive::looks_like(&decoded.face.head) && decoded.face.via.len() < DEPTH_MAX {
        return read_archive::<S, W>(decoded, member, path, all);
    }
    let Decoded { reader, face, padding } = decoded.without_padding();
    let Face { head, via, modified } = face;
    let mut reader = Identified::new(reader);
    let mut order = Order::Forward;
    let (what, result) = if signals::looks_like(&head) {
        read_signals(&mut reader)
    } else if owners::looks_like(&head) {
        read_owners(&mut reader)
    } else if samples::looks_like(&head) {
        read_samples(&mut reader)
    } else if bundle::looks_like(&head) {
        read_manifest(&mut reader)
    } else {
        let path = member.as_deref().unwrap_or(path);
        match sniff(&head, path) {
            Some(Dialect::JournalFile) => journal::read_passing::<S, _>(&mut reader),
            Some(Dialect::Table(dialect)) if dialect.instead().is_some() => {
                read_beside(&mut reader, dialect, padding)
            }
            Some(Dialect::Table(dialect)) => read_table::<W>(&mut reader, dialect, origin, padding),
            Some(Dialect::Counters(dialect)) => read_counters(&mut reader, dialect, path),
            Some(dialect) => {
                let (what, result, told) = read_log_of::<S, _>(&mut reader, dialect, &head, padding);
                order = told;
                (what, result)
            }
            None if head.is_empty() => (Understood::Empty, reader.read(&mut [0]).map(drop)),
            None => (Understood::Stranger, Ok(())),
        }
    };
    let mut error = result.err().map(|error| cut_short(&error, &via, reader.length()));
    if order == Order::Refused {
        error = order.words().map(str::to_owned);
    }
    let (id, bytes) = (reader.id(), reader.length());
    all.push(StreamRead { member, what, id, bytes, via, modified, padding, note: order.words(), error });
}

/// Reads the members of an archive; the archive itself stands before them.
fn read_archive<S, W>(
    decoded: Decoded<'_>,
    member: Option<Box<str>>,
    archive: &str,
    all: &mut Vec<StreamRead<W::Part>>,
) where
    S: RecordSink<Part = Piece> + Default,
    W: FlowSink + Default,
{
    let Decoded { reader, face, padding } = decoded;
    let Face { mut via, modified, .. } = face;
    via.push("tar");
    let within = |path: &str| match &member {
        Some(outer) => format!("{outer}!{path}").into(),
        None => path.into(),
    };
    let place = all.len();
    let mut reader = Identified::new(reader);
    let (members, result) = each_member(Box::new(&mut reader), |named| {
        let path: Box<str> = within(&named.path);
        let first = all.len();
        match named.member {
            Member::Directory => {}
            Member::Other(what) => all.push(StreamRead {
                id: path_id(&path),
                member: Some(path),
                what: Understood::Passed(what),
                bytes: 0,
                via: via.clone(),
                modified: None,
                padding: 0,
                note: None,
                error: None,
            }),
            Member::File(bytes) => {
                understand::<S, W>(decode(bytes, &via), Some(path), (Origin::Passing, archive), all);
            }
        }
        for read in all.iter_mut().skip(first) {
            read.modified = read.modified.or(named.modified);
        }
    });
    let error = result.err().map(|error| archive_fault(&error, members));
    let (id, bytes) = (reader.id(), reader.length());
    let what = Understood::Archive(members);
    all.insert(place, StreamRead { member, what, id, bytes, via, modified, padding, note: None, error });
}

/// Why an archive ends early, and how many of its members were read.
fn archive_fault(error: &io::Error, members: u64) -> String {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "ends in the middle (truncated)".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => format!("is damaged ({})", words(error)),
        _ => words(error),
    };
    format!("archive {why}; its first {members} members were read, the last of them as far as it goes")
}

/// Why a stream ends early, and how much of it was read.
pub fn cut_short(error: &io::Error, via: &[&'static str], bytes: u64) -> String {
    if let Some(strange) = error.get_ref().and_then(|inner| inner.downcast_ref::<Strange>()) {
        return format!("{strange}; all {bytes} decoded bytes were analysed");
    }
    if let Some(words) = journal::fault(error) {
        return words;
    }
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "ends in the middle (truncated)".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => format!("is damaged ({})", words(error)),
        _ => words(error),
    };
    let what = match via.last() {
        None => "stream".to_owned(),
        Some(&"tar") => "member".to_owned(),
        Some(packing) => format!("{packing} stream"),
    };
    format!("{what} {why}; what stands in its first {bytes} decoded bytes was analysed")
}

fn read_log_of<S, P>(
    reader: &mut impl Read,
    dialect: Dialect,
    head: &[u8],
    first_byte: u64,
) -> (Understood<P>, io::Result<()>, Order)
where
    S: RecordSink<Part = Piece> + Default,
{
    let Some(form) = Form::of(dialect) else { return (Understood::Stranger, Ok(()), Order::Forward) };
    let LogRead { piece, result, order } = read_log::<S>(reader, form, head, first_byte);
    (Understood::Log(form.name(), Box::new(piece)), result, order)
}

fn read_table<W>(
    reader: &mut impl Read,
    dialect: TableDialect,
    origin: Origin,
    first_byte: u64,
) -> (Understood<W::Part>, io::Result<()>)
where
    W: FlowSink + Default,
{
    let (mut table, mut sink) = (TableReader::new(dialect), W::default());
    let mut keeping = (origin == Origin::Passing).then(Keeping::new);
    let result = each_block(reader, first_byte, |block, offset| {
        table.block(block, offset, &mut sink);
        if let Some(keeping) = &mut keeping {
            keeping.keep(block);
        }
    });
    table.finish(&mut sink);
    let again = keeping.map_or(Again::FromFile, Keeping::end);
    (Understood::Table(dialect, sink.finish(), again), result)
}

/// Reads a list that is no table only to say how long it is.
fn read_beside<P>(
    reader: &mut impl Read,
    dialect: TableDialect,
    first_byte: u64,
) -> (Understood<P>, io::Result<()>) {
    let (mut table, mut sink) = (TableReader::new(dialect), Lines::default());
    let result = each_block(reader, first_byte, |block, offset| table.block(block, offset, &mut sink));
    table.finish(&mut sink);
    (Understood::Beside(dialect, sink.records, sink.damaged), result)
}

/// Counts what a list is made of.
#[derive(Default)]
struct Lines {
    records: u64,
    damaged: u64,
}

impl Part for Lines {
    fn join(self, right: Self) -> Self {
        Self { records: self.records + right.records, damaged: self.damaged + right.damaged }
    }
}

impl FlowSink for Lines {
    type Part = Self;

    fn take(&mut self, item: &TableItem) {
        match item {
            TableItem::Flow(_) | TableItem::Expectation | TableItem::Other => self.records += 1,
            TableItem::Damaged { .. } => (self.records, self.damaged) = (self.records + 1, self.damaged + 1),
            TableItem::Listing | TableItem::Shown(_) => {}
        }
    }

    fn finish(self) -> Self {
        self
    }
}

/// Packs the bytes of a table away for its second look: a million entries take about 15 MiB.
struct Keeping(Option<zstd::stream::write::Encoder<'static, Vec<u8>>>);

/// Packed bytes of one table that are kept at most.
const KEPT_BYTES_MAX: usize = 256 * 1024 * 1024;

impl Keeping {
    fn new() -> Self {
        Self(zstd::stream::write::Encoder::new(Vec::new(), 1).ok())
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.0 = self.0.take().and_then(|mut encoder| {
            encoder.write_all(bytes).ok()?;
            (encoder.get_ref().len() <= KEPT_BYTES_MAX).then_some(encoder)
        });
    }

    fn end(self) -> Again {
        let kept = self.0.and_then(|encoder| encoder.finish().ok());
        kept.map_or(Again::Never, |bytes| Again::Kept(Arc::new(bytes)))
    }
}

fn read_counters<P>(
    reader: &mut impl Read,
    dialect: CounterDialect,
    path: &str,
) -> (Understood<P>, io::Result<()>) {
    let mut text = Vec::new();
    let limit = counters::BYTES_MAX as u64;
    let mut result = reader.by_ref().take(limit).read_to_end(&mut text).map(drop);
    if result.is_ok() && reader.read(&mut [0]).is_ok_and(|more| more > 0) {
        result = Err(io::Error::other(format!("is longer than {limit} bytes, which no such file is")));
    }
    let (counters, records, damage) = counters::parse(dialect, path, &text);
    (Understood::Counters(dialect, Box::new(counters), records, damage), result)
}

fn read_manifest<P>(reader: &mut impl Read) -> (Understood<P>, io::Result<()>) {
    let mut json = Vec::new();
    let mut result = reader.by_ref().take(bundle::BYTES_MAX as u64 + 1).read_to_end(&mut json).map(drop);
    let manifest = match bundle::read(&json) {
        Ok(manifest) => manifest,
        Err(why) => {
            result = result.and(Err(io::Error::other(format!("is no manifest that can be read: {why}"))));
            Manifest::default()
        }
    };
    (Understood::Manifest(Box::new(manifest)), result)
}

fn read_signals<P>(reader: &mut impl Read) -> (Understood<P>, io::Result<()>) {
    let mut streams = Vec::new();
    let mut lines = io::BufReader::new(reader);
    let mut line = Vec::new();
    let result = loop {
        line.clear();
        match io::BufRead::read_until(&mut (&mut lines).take(SIGNALS_LINE_BYTES_MAX), b'\n', &mut line) {
            Ok(0) => break Ok(()),
            Ok(_) if line.iter().all(u8::is_ascii_whitespace) => {}
            Ok(_) => match signals::read(&line) {
                Ok(stream) => streams.push(stream),
                Err(why) => break Err(io::Error::other(format!("line {}: {why}", streams.len() + 1))),
            },
            Err(error) => break Err(error),
        }
    };
    (Understood::Signals(streams), result)
}

fn read_owners<P>(reader: &mut impl Read) -> (Understood<P>, io::Result<()>) {
    let mut json = Vec::new();
    let mut result = reader.by_ref().take(owners::BYTES_MAX as u64 + 1).read_to_end(&mut json).map(drop);
    let found = owners::read(&json).unwrap_or_else(|why| {
        let error = io::Error::other(format!("is no list of owners that can be read: {why}"));
        result = std::mem::replace(&mut result, Ok(())).and(Err(error));
        Owners::default()
    });
    (Understood::Owners(Box::new(found)), result)
}

fn read_samples<P>(reader: &mut impl Read) -> (Understood<P>, io::Result<()>) {
    let (mut all, mut line, mut lines) = (Vec::new(), Vec::new(), io::BufReader::new(reader));
    let longest = samples::LINE_BYTES_MAX as u64 + 1;
    let wrong = |why: String| Err(io::Error::other(why));
    let mut number = 0_u64;
    let result = loop {
        line.clear();
        number += 1;
        match io::BufRead::read_until(&mut (&mut lines).take(longest), b'\n', &mut line) {
            Ok(0) => break Ok(()),
            Ok(_) if all.len() == SAMPLES_MAX => {
                break wrong(format!("has more than {SAMPLES_MAX} samples"));
            }
            Ok(_) => match samples::read(line.trim_ascii_end()) {
                Ok(sample) => all.push(sample),
                Err(why) => break wrong(format!("line {number}: {why}")),
            },
            Err(error) => break Err(error),
        }
    };
    (Understood::Samples(all), result)
}

/// Counts what is read for the progress bar.
pub struct Counted<R>(pub R, pub Arc<Progress>);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.add(count as u64);
        Ok(count)
    }
}
