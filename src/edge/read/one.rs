//! One stream from its first byte to its last: recognised by content, parsed, summed up.

use std::io::{self, Read, Write};
use std::sync::Arc;

use flate2::{Compression, write::GzEncoder};

use super::blocks::each_block;
use super::decode::{Decoded, decode};
use super::gzip::Strange;
use super::identity::Identified;
use super::open::words;
use crate::edge::progress::Progress;
use crate::model::counters::Counters;
use crate::model::fold::{FlowSink, RecordSink};
use crate::model::input::LogStream;
use crate::model::piece::Piece;
use crate::model::time::WallTime;
use crate::parse::counters::{self, CounterDialect};
use crate::parse::log::export::ExportParser;
use crate::parse::log::lines::LineParser;
use crate::parse::sniff::{Dialect, sniff};
use crate::parse::table::{self, TableDialect};
use crate::wire::signals;

/// Bytes of one line of our own signals format; a longer one is not ours.
const SIGNALS_LINE_BYTES_MAX: u64 = 1 << 30;

/// What a stream turned out to be.
pub enum Understood<W> {
    /// A log.
    Log(&'static str, Box<Piece>),
    /// A table, first look; its bytes once more where they cannot be read again (compressed).
    Table(TableDialect, W, Option<Arc<Vec<u8>>>),
    /// Counters, their records, and the damage.
    Counters(CounterDialect, Box<Counters>, u64, Vec<Damage>),
    /// What `scan` wrote.
    Signals(Vec<LogStream>),
    /// Nothing in it.
    Empty,
    /// None of these.
    Stranger,
}

/// One kind of damage.
pub type Damage = (crate::model::blemish::BlemishKind, crate::model::blemish::Blemish);

/// A stream, read.
pub struct StreamRead<W> {
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
    /// Why it was not read to its end.
    pub error: Option<String>,
}

/// Whether a table's bytes can be had a second time from where they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// From the file.
    FromFile,
    /// No: a pipe. Its bytes are kept, compressed.
    Never,
}

/// Reads a stream.
pub fn read_stream<S, W>(raw: Box<dyn Read + Send>, again: Again) -> StreamRead<W::Part>
where
    S: RecordSink<Part = Piece> + Default,
    W: FlowSink + Default,
{
    let Decoded { reader, head, via, modified } = decode(raw);
    let mut reader = Identified::new(reader);
    let (what, result) = if signals::looks_like(&head) {
        read_signals(&mut reader)
    } else {
        match sniff(&head) {
            Some(Dialect::Lines) => read_lines::<S, _>(&mut reader),
            Some(Dialect::JournalExport) => read_export::<S, _>(&mut reader),
            Some(Dialect::Table(dialect)) => read_table::<W>(&mut reader, dialect, again),
            Some(Dialect::Counters(dialect)) => read_counters(&mut reader, dialect),
            None if head.is_empty() => (Understood::Empty, reader.read(&mut [0]).map(drop)),
            None => (Understood::Stranger, Ok(())),
        }
    };
    let error = result.err().map(|error| cut_short(&error, &via, reader.length()));
    StreamRead { what, id: reader.id(), bytes: reader.length(), via, modified, error }
}

/// Why a stream ends early, and how much of it was read.
pub fn cut_short(error: &io::Error, via: &[&'static str], bytes: u64) -> String {
    if let Some(strange) = error.get_ref().and_then(|inner| inner.downcast_ref::<Strange>()) {
        return format!("{strange}; all {bytes} decoded bytes were analysed");
    }
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "ends in the middle (truncated)".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => format!("is damaged ({})", words(error)),
        _ => words(error),
    };
    let what = via.last().map_or_else(String::new, |container| format!("{container} "));
    format!("{what}stream {why}; what stands in its first {bytes} decoded bytes was analysed")
}

fn read_lines<S, P>(reader: &mut impl Read) -> (Understood<P>, io::Result<()>)
where
    S: RecordSink<Part = Piece> + Default,
{
    let (mut parser, mut sink) = (LineParser::default(), S::default());
    let result = each_block(reader, |block, offset| parser.block(block, offset, &mut sink));
    (Understood::Log("lines", Box::new(sink.finish())), result)
}

fn read_export<S, P>(reader: &mut impl Read) -> (Understood<P>, io::Result<()>)
where
    S: RecordSink<Part = Piece> + Default,
{
    let (mut parser, mut sink) = (ExportParser::default(), S::default());
    let mut buffer = vec![0; 256 * 1024];
    let result = loop {
        match reader.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(count) => parser.push(buffer.get(..count).unwrap_or_default(), &mut sink),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    parser.finish(&mut sink);
    (Understood::Log("journal-export", Box::new(sink.finish())), result)
}

fn read_table<W>(
    reader: &mut impl Read,
    dialect: TableDialect,
    again: Again,
) -> (Understood<W::Part>, io::Result<()>)
where
    W: FlowSink + Default,
{
    let mut sink = W::default();
    let mut kept = (again == Again::Never).then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let result = each_block(reader, |block, offset| {
        table::block(dialect, block, offset, &mut sink);
        // Writing into memory cannot fail.
        let _ = kept.as_mut().map(|kept| kept.write_all(block));
    });
    let kept = kept.and_then(|kept| kept.finish().ok()).map(Arc::new);
    (Understood::Table(dialect, sink.finish(), kept), result)
}

fn read_counters<P>(reader: &mut impl Read, dialect: CounterDialect) -> (Understood<P>, io::Result<()>) {
    let mut text = Vec::new();
    let limit = counters::BYTES_MAX as u64;
    let mut result = reader.by_ref().take(limit).read_to_end(&mut text).map(drop);
    if result.is_ok() && reader.read(&mut [0]).is_ok_and(|more| more > 0) {
        result = Err(io::Error::other(format!("is longer than {limit} bytes, which no such file is")));
    }
    let (counters, records, damage) = counters::parse(dialect, &text);
    (Understood::Counters(dialect, Box::new(counters), records, damage), result)
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

/// Counts what is read for the progress bar.
pub struct Counted<R>(pub R, pub Arc<Progress>);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.add(count as u64);
        Ok(count)
    }
}
