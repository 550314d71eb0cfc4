//! The two looks at all inputs, on all cores. Big plain files are read in parts; everything else one stream a worker.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::archive;
use super::blocks::{PART_BYTES, PartBlock, each_block};
use super::bundles;
use super::decode::{Decoded, decode};
use super::identity::{END_BYTES, Identified, path_id, stream_id};
use super::journal;
use super::logs::{Form, Heading, ends_before_it_begins, heading};
use super::one::{Again, Counted, Origin, StreamRead, Understood, cut_short, read_stream};
use super::open::{Opened, open};
use super::packing::Packing;
use super::walk::{Found, walk};
use crate::edge::progress::{Progress, Wanted};
use crate::model::bundle::Bundle;
use crate::model::counters::Counters;
use crate::model::fold::{FlowSink, Part, RecordSink, TableItem};
use crate::model::input::{CounterStream, Hints, Input, InputKind, LogStream, SampleStream, place};
use crate::model::piece::Piece;
use crate::parse::log::lines::LineParser;
use crate::parse::sniff::{Dialect, sniff};
use crate::parse::table::{TableDialect, TableReader};
use crate::wire::{bundle, owners, samples};

/// Below so many entries another thread takes longer to begin than to look.
const NOTES_ALONE: u64 = 100_000;
/// Workers at most, however many cores there are.
const WORKERS_MAX: usize = 64;

/// A table after its first look.
pub struct TableLook<P> {
    /// Stream id.
    pub id: Box<str>,
    /// Hints.
    pub hints: Hints,
    /// Form.
    pub dialect: TableDialect,
    /// Who, not yet finished.
    pub who: P,
    /// Read to its end.
    pub complete: bool,
    /// By its name a list of entries that are not in the table: only their number is of use.
    pub aside: Option<&'static str>,
    again: Again,
    path: PathBuf,
}

/// Everything after the first look.
pub struct FirstLook<P> {
    /// What was given and what became of it, by path.
    pub inputs: Vec<Input>,
    /// Logs.
    pub logs: Vec<LogStream>,
    /// Tables.
    pub tables: Vec<TableLook<P>>,
    /// Counters.
    pub counters: Vec<CounterStream>,
    /// Counters over time.
    pub samples: Vec<SampleStream>,
    /// What was saved together.
    pub bundles: Vec<Bundle>,
}

/// How to read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What to read.
    pub paths: Vec<PathBuf>,
    /// The reader's zone, a hint for logs that name none.
    pub reader_zone: Option<String>,
    /// Progress.
    pub progress: Wanted,
}

/// What one file holds, and what surrounds it.
type FileRead<P> = (Vec<StreamRead<P>>, Hints);
/// What was read, by its place among what was found.
type Done<P> = BTreeMap<usize, FileRead<P>>;

/// Reads every input once.
pub fn first_look<S, W>(reading: &Reading) -> FirstLook<W::Part>
where
    S: RecordSink<Part = Piece> + Default,
    W: FlowSink + Default,
{
    let found = walk(&reading.paths);
    let progress = Arc::new(Progress::over(total_bytes(&found), reading.progress));
    let next = AtomicUsize::new(0);
    let done: Mutex<Done<W::Part>> = Mutex::new(BTreeMap::new());
    let mut refused = BTreeMap::new();
    let mut small = Vec::new();
    for (index, item) in found.iter().enumerate() {
        match &item.refused {
            Some(why) => {
                refused.insert(index, why.clone());
            }
            None => match read_big::<S, W>(item, reading, &progress) {
                Some(read) => {
                    lock(&done).insert(index, read);
                }
                None => small.push(index),
            },
        }
    }
    let failed: Mutex<BTreeMap<usize, String>> = Mutex::new(refused);
    std::thread::scope(|scope| {
        for _ in 0..workers().min(small.len()) {
            scope.spawn(|| {
                while let Some(&index) = small.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(item) = found.get(index) else { continue };
                    match read_small::<S, W>(item, reading, &progress) {
                        Ok(read) => drop(lock(&done).insert(index, read)),
                        Err(why) => drop(lock(&failed).insert(index, why)),
                    }
                }
            });
        }
    });
    progress.done();
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    gather(&found, done, &failed)
}

/// Reads every table a second time. The second value says whether its bytes were others than at the first look.
pub fn second_look<H, P>(table: &TableLook<P>, new: impl Fn() -> H + Sync) -> Result<(H::Part, bool), String>
where
    H: FlowSink,
{
    let mut hole = 0;
    let raw: Box<dyn Read> = if let Again::Kept(kept) = &table.again {
        Box::new(io::Cursor::new(SharedBytes(Arc::clone(kept))))
    } else if let Again::Never = &table.again {
        return Err("is too long to be kept for a second look: its leaders are not described; unpack it and give the file".to_owned());
    } else {
        let opened = open(&table.path).map_err(|error| error.to_string())?;
        hole = opened.pass_hole();
        if let Again::InParts = &table.again
            && let Some(length) = opened.length
        {
            let (first, depends) = (beginning(&opened.file, table.dialect), AtomicBool::new(false));
            let worker = || TableWorker { reader: first.beside(), sink: new(), depends: &depends };
            let (part, error) = in_parts(&opened.file, length, None, worker);
            let same = file_id(&opened.file, length).is_ok_and(|id| id == table.id) && error.is_none();
            return Ok((part, !same));
        }
        Box::new(opened.file)
    };
    let decoded = Decoded { padding: hole, ..decode(raw, &[]) }.without_padding();
    let mut reader = Identified::new(decoded.reader);
    let (mut lines, mut sink) = (TableReader::new(table.dialect), new());
    // A table cut short was cut short at the first look too, and is reported there.
    let _ = each_block(&mut reader, decoded.padding, |block, offset| lines.block(block, offset, &mut sink));
    lines.finish(&mut sink);
    let changed = matches!(table.again, Again::FromFile) && reader.id() != table.id;
    Ok((sink.finish(), changed))
}

/// A look at what was noted of so many entries, on all cores where that is worth a thread; none where no look is possible.
pub fn look_at_notes<P: Part + Send>(
    entries: u64,
    look: impl Fn(usize, usize) -> Option<P> + Sync,
) -> Option<P> {
    let parts = if entries < NOTES_ALONE { 1 } else { workers() };
    let look = &look;
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..parts).map(|part| scope.spawn(move || look(part, parts))).collect();
        let mut whole = look(0, parts);
        for other in others {
            let part = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            whole = whole.zip(part).map(|(whole, part)| whole.join(part));
        }
        whole
    })
}

struct SharedBytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(WORKERS_MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn total_bytes(found: &[Found]) -> u64 {
    found
        .iter()
        .filter(|item| item.refused.is_none())
        .filter_map(|item| item.path.metadata().ok())
        .map(|m| m.len())
        .sum()
}

fn hints(item: &Found, reading: &Reading) -> Hints {
    Hints {
        path: item.path.to_string_lossy().into(),
        modified: None,
        reader_zone: reading.reader_zone.as_deref().map(Into::into),
        directory: item.directory.as_ref().map(|path| path.to_string_lossy().into()),
        ..Hints::default()
    }
}

/// Reads a plain file of lines in parts on all cores; none where it is not such a file.
fn read_big<S, W>(item: &Found, reading: &Reading, progress: &Progress) -> Option<FileRead<W::Part>>
where
    S: RecordSink<Part = Piece> + Default,
    W: FlowSink + Default,
{
    if item.path == Path::new("-") || item.path.metadata().ok()?.len() < 2 * PART_BYTES {
        return None;
    }
    let Opened { file, length, modified } = open(&item.path).ok()?;
    let length = length.filter(|length| *length >= 2 * PART_BYTES)?;
    if is_packed(&file) {
        return None;
    }
    let mut head = vec![0; END_BYTES];
    let filled = file.read_at(&mut head, 0).ok()?;
    head.truncate(filled);
    let (what, error) = match sniff(&head, &item.path.to_string_lossy())? {
        Dialect::Lines => {
            let heading = heading(Form::Lines, &head);
            if heading == Heading::Falls {
                return None;
            }
            let (piece, error) = in_parts(&file, length, Some(progress), LogWorker::<S>::default);
            // Whoever is not sure of its order reads it from its beginning.
            if heading == Heading::Level && ends_before_it_begins(&piece) {
                return None;
            }
            (Understood::Log("lines", Box::new(piece)), error)
        }
        Dialect::Table(dialect) if dialect.instead().is_some() => return None,
        Dialect::Table(dialect) => {
            let (first, depends) = (beginning(&file, dialect), AtomicBool::new(false));
            if first.depends() {
                return None;
            }
            let worker = || TableWorker { reader: first.beside(), sink: W::default(), depends: &depends };
            let (who, error) = in_parts(&file, length, Some(progress), worker);
            // Only here and there does a table turn out to be one whose lines hang together.
            if depends.into_inner() {
                return None;
            }
            (Understood::Table(dialect, who, Again::InParts), error)
        }
        Dialect::JournalExport
        | Dialect::JournalFile
        | Dialect::JournalVerbose
        | Dialect::DmesgDeltas
        | Dialect::DmesgJson
        | Dialect::Json(_)
        | Dialect::Wrapped
        | Dialect::Counters(_) => return None,
    };
    let id = file_id(&file, length).unwrap_or_else(|_| path_id(&item.path.to_string_lossy()));
    let error = error.map(|error| cut_short(&error, &[], length));
    let hints = Hints { modified, ..hints(item, reading) };
    let (member, via, modified, padding) = (None, Vec::new(), None, 0);
    let read = StreamRead { member, what, id, bytes: length, via, modified, padding, note: None, error };
    Some((vec![read], hints))
}

/// It has to be read from its beginning.
fn is_packed(file: &File) -> bool {
    let mut head = [0; 512];
    let filled = file.read_at(&mut head, 0).unwrap_or(0);
    let head = head.get(..filled).unwrap_or_default();
    let begins_with_hole = head.iter().all(|byte| *byte == 0);
    begins_with_hole || Packing::of(head).is_some() || archive::looks_like(head)
}

pub(super) fn file_id(file: &File, length: u64) -> io::Result<Box<str>> {
    let size = usize::try_from(length).unwrap_or(usize::MAX).min(END_BYTES);
    let (mut first, mut last) = (vec![0; size], vec![0; size]);
    file.read_exact_at(&mut first, 0)?;
    file.read_exact_at(&mut last, length - size as u64)?;
    Ok(stream_id(&first, &last, length))
}

/// Folds one stretch of a file, part by part.
trait Worker {
    type Part: Part;
    fn read(&mut self, block: &PartBlock);
    fn finish(self) -> Self::Part;
}

/// Lines of a log.
#[derive(Default)]
struct LogWorker<S> {
    parser: LineParser,
    sink: S,
    began: bool,
}

impl<S: RecordSink<Part = Piece>> Worker for LogWorker<S> {
    type Part = Piece;

    fn read(&mut self, block: &PartBlock) {
        if !std::mem::replace(&mut self.began, true) {
            let (look_back, offset) = block.look_back();
            self.parser.warm_up(look_back, offset);
        }
        let (lines, offset) = block.lines();
        self.parser.block(lines, offset, &mut self.sink);
    }

    fn finish(self) -> Piece {
        self.sink.finish()
    }
}

/// A reader that has read the beginning of a table.
fn beginning(file: &File, dialect: TableDialect) -> TableReader {
    let mut head = vec![0; END_BYTES];
    let filled = file.read_at(&mut head, 0).unwrap_or(0);
    let whole = head.get(..filled).unwrap_or_default();
    let whole = whole.get(..memchr::memrchr(b'\n', whole).map_or(0, |end| end + 1)).unwrap_or_default();
    let mut reader = TableReader::new(dialect);
    reader.block(whole, 0, &mut Nothing);
    reader
}

/// Lines of a table.
struct TableWorker<'a, T> {
    reader: TableReader,
    sink: T,
    /// Some worker met what only a reader of the whole table can tell.
    depends: &'a AtomicBool,
}

impl<T: FlowSink> Worker for TableWorker<'_, T> {
    type Part = T::Part;

    fn read(&mut self, block: &PartBlock) {
        let (lines, offset) = block.lines();
        self.reader.block(lines, offset, &mut self.sink);
    }

    fn finish(mut self) -> T::Part {
        self.reader.finish(&mut self.sink);
        self.depends.fetch_or(self.reader.depends(), Ordering::Relaxed);
        self.sink.finish()
    }
}

/// Forgets.
#[derive(Default)]
struct Nothing;

impl Part for Nothing {
    fn join(self, _: Self) -> Self {
        self
    }
}

impl FlowSink for Nothing {
    type Part = Self;
    fn take(&mut self, _: &TableItem) {}
    fn finish(self) -> Self {
        self
    }
}

/// Folds a file on all cores, each over one stretch of it, and joins the stretches in order. After an error what stands
/// before it is joined.
fn in_parts<W: Worker>(
    file: &File,
    length: u64,
    progress: Option<&Progress>,
    new: impl Fn() -> W + Sync,
) -> (W::Part, Option<io::Error>) {
    let parts = length.div_ceil(PART_BYTES);
    let workers = u64::try_from(workers()).unwrap_or(1).min(parts).max(1);
    let stretch = |worker: u64| {
        let (mut state, mut buffer) = (new(), Vec::new());
        for part in worker * parts / workers..(worker + 1) * parts / workers {
            match PartBlock::read(file, length, part, buffer) {
                Ok(block) => {
                    state.read(&block);
                    buffer = block.into_buffer();
                }
                Err(error) => return (state.finish(), Some(error)),
            }
            if let Some(progress) = progress {
                progress.add(PART_BYTES.min(length - part * PART_BYTES));
            }
        }
        (state.finish(), None)
    };
    std::thread::scope(|scope| {
        let stretch = &stretch;
        let running: Vec<_> = (0..workers).map(|worker| scope.spawn(move || stretch(worker))).collect();
        let mut whole = W::Part::default();
        let mut failed = None;
        for worker in running {
            // A worker that panicked is a bug of ours: it ends the program as it would have without threads.
            let (part, error) = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if failed.is_none() {
                whole = whole.join(part);
                failed = error;
            }
        }
        (whole, failed)
    })
}

fn read_small<S, W>(
    item: &Found,
    reading: &Reading,
    progress: &Arc<Progress>,
) -> Result<FileRead<W::Part>, String>
where
    S: RecordSink<Part = Piece> + Default,
    W: FlowSink + Default,
{
    let mut hints = hints(item, reading);
    let mut hole = 0;
    let (raw, origin): (Box<dyn Read + Send>, Origin) = if item.path == Path::new("-") {
        (Box::new(io::stdin()), Origin::Passing)
    } else {
        let opened = open(&item.path).map_err(|error| error.to_string())?;
        hints.modified = opened.modified;
        if let Some(read) = journal::read_file::<S, _>(&opened) {
            progress.add(read.bytes);
            return Ok((vec![read], hints));
        }
        let origin = if opened.length.is_some() { Origin::File } else { Origin::Passing };
        hole = opened.pass_hole();
        (Box::new(opened.file), origin)
    };
    let raw = Box::new(Counted(raw, Arc::clone(progress)));
    let read = read_stream::<S, W>(raw, origin, hole, &hints.path);
    Ok((read, hints))
}

fn gather<P>(found: &[Found], mut done: Done<P>, failed: &BTreeMap<usize, String>) -> FirstLook<P> {
    let mut look = FirstLook {
        inputs: Vec::new(),
        logs: Vec::new(),
        tables: Vec::new(),
        counters: Vec::new(),
        samples: Vec::new(),
        bundles: Vec::new(),
    };
    let mut manifests = Vec::new();
    for (index, item) in found.iter().enumerate() {
        let Some((streams, hints)) = done.remove(&index) else {
            let note = failed.get(&index).map(|why| why.as_str().into());
            look.inputs.push(Input { note, ..blank_input(item) });
            continue;
        };
        for read in streams {
            let mut input = blank_input(item);
            input.member.clone_from(&read.member);
            // A stranger inside an archive is like one inside a directory.
            input.named &= read.member.is_none();
            let hints = hints_of(&read, &hints);
            if let Understood::Manifest(manifest) = &read.what {
                manifests.push((hints.directory.clone().unwrap_or_default(), (**manifest).clone()));
            }
            settle(&mut look, &mut input, item, read, hints);
            look.inputs.push(input);
        }
    }
    look.inputs.sort_by(|a, b| (&a.path, &a.member, &a.id).cmp(&(&b.path, &b.member, &b.id)));
    bundles::settle(&mut look, manifests);
    look
}

/// Hints of one stream of a file: of a member those that its archive gives.
fn hints_of<P>(read: &StreamRead<P>, file: &Hints) -> Hints {
    // The time in a container's header is the log's own; that of the file is when somebody copied it.
    let modified = read.modified.or(file.modified);
    let Some(member) = &read.member else { return Hints { modified, ..file.clone() } };
    let directory = member.rsplit_once('/').map_or("", |(directory, _)| directory);
    let within = |member: &str| place(&file.path, Some(member)).into();
    Hints { path: within(member), modified, directory: Some(within(directory)), ..file.clone() }
}

fn blank_input(item: &Found) -> Input {
    let path = item.path.to_string_lossy();
    Input {
        id: path_id(&path),
        path: path.into(),
        member: None,
        via: Vec::new(),
        kind: InputKind::Unrecognised,
        dialect: None,
        bytes: 0,
        records: 0,
        signals: 0,
        malformed: 0,
        first_malformed: None,
        first: None,
        last: None,
        complete: false,
        named: item.named,
        note: None,
        goes_on_from: None,
    }
}

/// Which list of entries that are not in the table a file is by its name: they look like those that are.
fn aside(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or_default();
    ["dying", "unconfirmed"].into_iter().find(|list| name.contains(list))
}

/// Enters what a stream turned out to be.
fn settle<P>(look: &mut FirstLook<P>, input: &mut Input, item: &Found, read: StreamRead<P>, hints: Hints) {
    let StreamRead { member: _, what, id, bytes, via, modified: _, padding, note, error } = read;
    input.complete = error.is_none();
    let hole = || format!("begins with {padding} NUL bytes, which were passed over");
    let note = || note.map(str::to_owned);
    input.note = error.or_else(|| (padding > 0).then(hole)).or_else(note).map(Into::into);
    (input.bytes, input.via) = (bytes, via);
    if !matches!(what, Understood::Stranger | Understood::Empty | Understood::Passed(_)) {
        input.id = id.clone();
    }
    match what {
        Understood::Log(dialect, piece) => {
            (input.kind, input.dialect) = (InputKind::Log, Some(dialect));
            (input.records, input.signals) = (piece.records, piece.signals);
            input.malformed = piece.malformed.values().map(|blemish| blemish.count).sum();
            if piece.keys_left_out > 0 {
                let left_out = piece.keys_left_out;
                let why = format!(
                    "names more hosts than are kept apart: {left_out} signals were left out; split it by host"
                );
                input.complete = false;
                input.note = input.note.take().or_else(|| Some(why.into()));
            }
            input.first_malformed =
                piece.malformed.iter().min_by_key(|(_, b)| b.first_offset).map(|(k, b)| (*k, b.clone()));
            look.logs.push(LogStream { id, hints, dialect, piece: *piece });
        }
        Understood::Beside(dialect, records, damaged) => {
            input.dialect = Some(dialect.name());
            (input.records, input.malformed) = (records, damaged);
            input.complete = false;
            input.note = dialect.instead().map(Into::into);
        }
        Understood::Table(dialect, who, again) => {
            input.dialect = Some(dialect.name());
            let aside = aside(&hints.path);
            match aside {
                Some(list) => {
                    input.complete = false;
                    let why = "entries, which are not in the table: not counted";
                    input.note = Some(format!("by its name a list of {list} {why}").into());
                }
                None => input.kind = InputKind::Table,
            }
            let (path, complete) = (item.path.clone(), input.complete);
            look.tables.push(TableLook { id, hints, dialect, who, complete, aside, again, path });
        }
        Understood::Counters(dialect, counters, records, damage) => {
            (input.kind, input.dialect) = (InputKind::Counters, Some(dialect.name()));
            input.records = records;
            input.malformed = damage.iter().map(|(_, blemish)| blemish.count).sum();
            input.first_malformed = damage.into_iter().min_by_key(|(_, blemish)| blemish.first_offset);
            look.counters.push(CounterStream { id, hints, dialect: dialect.name(), counters: *counters });
        }
        Understood::Signals(streams) => {
            (input.kind, input.dialect) = (InputKind::Signals, Some("conntriage.signals/1"));
            input.records = streams.len() as u64;
            input.signals = streams.iter().map(|stream| stream.piece.signals).sum();
            // Whose bundle they stand in is told by where they are written, not by where they were read.
            let stands = |stream: LogStream| {
                let bundle = Some(hints.path.clone());
                LogStream { hints: Hints { bundle, ..stream.hints }, ..stream }
            };
            look.logs.extend(streams.into_iter().map(stands));
        }
        Understood::Owners(found) => {
            (input.kind, input.dialect) = (InputKind::Counters, Some(owners::SCHEMA));
            input.records = found.owners.len() as u64;
            let counters =
                Counters { owners: found.named(), holders: found.holders(), ..Counters::default() };
            look.counters.push(CounterStream { id, hints, dialect: owners::SCHEMA, counters });
        }
        Understood::Samples(list) => {
            (input.kind, input.dialect) = (InputKind::Counters, Some(samples::SCHEMA));
            input.records = list.len() as u64;
            look.samples.push(SampleStream { id, hints, samples: list });
        }
        Understood::Manifest(_) => {
            (input.kind, input.dialect) = (InputKind::Bundle, Some(bundle::SCHEMA));
            input.records = 1;
        }
        Understood::Archive(members) => {
            (input.kind, input.dialect) = (InputKind::Bundle, Some("tar"));
            input.records = members;
        }
        Understood::Passed(what) => {
            input.complete = false;
            input.note = Some(format!("{what} inside an archive; not read").into());
        }
        Understood::Empty => {
            input.note = input.note.take().or_else(|| Some("is empty".into()));
        }
        Understood::Stranger => {
            input.complete = false;
            input.note = Some("not recognised: neither a log, nor a conntrack table, nor counters".into());
        }
    }
    if input.complete && input.malformed > 0 {
        input.complete = false;
    }
}
