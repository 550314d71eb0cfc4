//! What can be read only once: FIFOs into which a log daemon writes, standard input; and journal exports, from files that
//! grow too.
//!
//! A FIFO whose writers are all gone is opened anew before it is closed, so that what the next one writes is not lost. A
//! last line without end is a line then: its writer is done.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FileType;

use super::bell::Bell;
use super::cut::cut;
use super::file::identity::{hash, number_at, open_seen, seen};
use super::hand::{Hand, Out};
use super::{LAST_PATIENCE, LOOK_EVERY, Options, clocks};
use crate::model::fold::RecordSink;
use crate::model::live::gap::{GapKind, Severity};
use crate::model::live::position::{BEFORE_BYTES, FilePlace, Place, Position};
use crate::parse::log::export::ExportParser;
use crate::parse::log::lines::LineParser;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// In which dialect a stream is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Lines,
    Export,
}

/// The path is standard input, or something that cannot be read twice.
pub(super) fn is_stream(path: &Path) -> bool {
    is_standard_input(path)
        || std::fs::metadata(path).is_ok_and(|file| {
            let kind = file.file_type();
            kind.is_fifo() || kind.is_char_device()
        })
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// Follows a stream until it is told to stop or (standard input; with `once` all) the stream ends.
pub(super) fn run<S: RecordSink + Default>(
    path: &Path,
    dialect: Dialect,
    position: Option<Position>,
    options: &Options,
    bell: &Arc<Bell>,
    mut hand: Hand<S>,
) {
    let from_beginning = options.from_beginning || options.once;
    let mut stream = Stream::new(dialect, position.as_ref());
    let mut input: Option<Input> = None;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut saved = position.map(|position| position.place);
    let mut opened_before = false;
    let mut why = None;
    while !hand.is_done() {
        let now = clocks::now();
        bell.beat(now.uptime_us);
        if input.is_none() {
            match Input::open(path) {
                Ok(mut opened) => {
                    let begin = saved.take();
                    let fresh = !opened_before && begin.is_none();
                    opened.begin(begin, fresh && !from_beginning, &mut stream, &mut hand.out(now));
                    opened_before = true;
                    input = Some(opened);
                }
                Err(error) => {
                    let words = format!(
                        "{} cannot be read: {}",
                        path.display(),
                        crate::edge::read::open::words(&error)
                    );
                    hand.trouble(now, Severity::Deaf, words.clone(), None);
                    if options.once {
                        why = Some(words);
                        break;
                    }
                    let _ = bell.wait(LOOK_EVERY, None);
                    hand.hand_over_if_due(clocks::now(), || None);
                    continue;
                }
            }
        }
        let Some(open) = &mut input else { continue };
        match open.read(&mut chunk, bell, options.once, hand.due_in(now)) {
            Ok(Got::Bytes(count)) => {
                hand.well(now);
                stream.take(chunk.get(..count).unwrap_or_default(), hand.out(now).sink);
            }
            Ok(Got::Nothing) => hand.well(now),
            Ok(Got::Replaced) => {
                stream.end_of_writer(hand.out(now).sink);
                input = None;
            }
            Ok(Got::Shrunk) => {
                stream.end_of_writer(hand.out(now).sink);
                let words = format!("{} was cut while it was being read", path.display());
                hand.out(now).gap(GapKind::Truncated, None, words, stream.offset);
                open.read_to = 0;
            }
            Ok(Got::End) => {
                stream.end_of_writer(hand.out(now).sink);
                if options.once || is_standard_input(path) {
                    break;
                }
                // The new one first: as long as one is open the FIFO keeps what is written.
                input = Input::open(path).ok();
            }
            Err(error) => {
                let words = format!("{} cannot be read: {error}", path.display());
                hand.trouble(now, Severity::Deaf, words.clone(), None);
                if options.once {
                    why = Some(words);
                    break;
                }
                let _ = bell.wait(LOOK_EVERY, None);
            }
        }
        let position = || Some(stream.position(input.as_ref()));
        hand.hand_over_if_due(clocks::now(), position);
    }
    let position = input.as_ref().map(|input| stream.position(Some(input)));
    let position = position.or_else(|| opened_before.then(|| stream.position(None)));
    hand.end(position.as_ref(), why, LAST_PATIENCE);
}

/// What one read gave.
enum Got {
    Bytes(usize),
    Nothing,
    /// The path names another file by now, and this one was read to its end.
    Replaced,
    /// The file is shorter than what was read of it.
    Shrunk,
    /// All writers are gone.
    End,
}

/// Something open.
struct Input {
    file: File,
    path: std::path::PathBuf,
    regular: bool,
    /// Of a regular file: bytes read.
    read_to: u64,
}

impl Input {
    fn open(path: &Path) -> io::Result<Self> {
        if is_standard_input(path) {
            let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
            return Ok(Self { file, path: path.to_owned(), regular: false, read_to: 0 });
        }
        let (file, seen) = open_seen(path)?;
        if seen.kind == FileType::Directory {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let regular = seen.kind == FileType::RegularFile;
        Ok(Self { file, path: path.to_owned(), regular, read_to: 0 })
    }

    /// Finds the place where to begin.
    fn begin<S: RecordSink>(
        &mut self,
        place: Option<Place>,
        from_end: bool,
        stream: &mut Stream,
        out: &mut Out<'_, S>,
    ) {
        if !self.regular {
            return;
        }
        if from_end {
            self.read_to = seen(&self.file).map_or(0, |seen| seen.size);
            return;
        }
        let Some(Place::File(places)) = place else { return };
        let Some(place) = places.last() else { return };
        match self.before(place.offset) {
            Ok(before) if hash(&before) == place.before => self.read_to = place.offset,
            _ => {
                let words = format!("{} is no longer the file that was being read", self.path.display());
                out.gap(GapKind::FileGone, None, words, stream.offset);
            }
        }
    }

    fn before(&self, offset: u64) -> io::Result<Vec<u8>> {
        let length = offset.min(BEFORE_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(BEFORE_BYTES)];
        self.file.read_exact_at(&mut bytes, offset - length)?;
        Ok(bytes)
    }

    fn read(
        &mut self,
        chunk: &mut [u8],
        bell: &Bell,
        once: bool,
        due_in: Option<std::time::Duration>,
    ) -> io::Result<Got> {
        let patience = due_in.unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        if self.regular {
            let count = self.file.read_at(chunk, self.read_to)?;
            if count > 0 {
                self.read_to += count as u64;
                return Ok(Got::Bytes(count));
            }
            if once {
                return Ok(Got::End);
            }
            let now = seen(&self.file)?;
            if now.size < self.read_to {
                return Ok(Got::Shrunk);
            }
            let own = (now.identity.device, now.identity.inode);
            if number_at(&self.path).is_ok_and(|number| number != own) {
                return Ok(Got::Replaced);
            }
            bell.wait(patience, None)?;
            return Ok(Got::Nothing);
        }
        if !bell.wait(patience, Some(self.file.as_fd()))?.readable {
            return Ok(Got::Nothing);
        }
        match (&self.file).read(chunk) {
            Ok(0) => Ok(Got::End),
            Ok(count) => Ok(Got::Bytes(count)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Got::Nothing)
            }
            Err(error) => Err(error),
        }
    }
}

/// The reader of a stream.
struct Stream {
    dialect: Dialect,
    /// Offset behind the last whole record.
    offset: u64,
    lines: LineParser,
    /// A line that has no end yet.
    open: Vec<u8>,
    inside_long_line: bool,
    export: ExportParser,
    /// Bytes taken behind the last whole entry.
    open_entry: u64,
}

impl Stream {
    fn new(dialect: Dialect, position: Option<&Position>) -> Self {
        let offset = position.map_or(0, |position| position.stream);
        Self {
            dialect,
            offset,
            lines: LineParser::default(),
            open: Vec::new(),
            inside_long_line: false,
            export: ExportParser::at(offset),
            open_entry: 0,
        }
    }

    fn take<S: RecordSink>(&mut self, bytes: &[u8], sink: &mut S) {
        match self.dialect {
            Dialect::Lines => {
                self.open.extend_from_slice(bytes);
                let (lines, offset) = (&mut self.lines, self.offset);
                let used = cut(&self.open, self.inside_long_line, |block, at| {
                    lines.block(block, offset + at as u64, sink);
                });
                let rest = self.open.get(used.bytes..).unwrap_or_default();
                let zeros = rest.iter().take_while(|byte| **byte == 0).count();
                self.open.drain(..used.bytes + zeros);
                self.offset += (used.bytes + zeros) as u64;
                self.inside_long_line = used.inside_long_line;
            }
            Dialect::Export => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (taken, ended) = self.export.push_entry(rest, sink);
                    rest = rest.get(taken..).unwrap_or_default();
                    self.open_entry += taken as u64;
                    if ended {
                        self.offset += std::mem::take(&mut self.open_entry);
                    }
                }
            }
        }
    }

    /// No more will come of what was begun.
    fn end_of_writer<S: RecordSink>(&mut self, sink: &mut S) {
        if !self.open.is_empty() && !self.inside_long_line {
            self.lines.block(&self.open, self.offset, sink);
        }
        self.offset += self.open.len() as u64 + std::mem::take(&mut self.open_entry);
        self.open.clear();
        self.inside_long_line = false;
        std::mem::replace(&mut self.export, ExportParser::at(self.offset)).finish(sink);
    }

    fn position(&self, input: Option<&Input>) -> Position {
        let place = input.filter(|input| input.regular).and_then(|input| {
            let seen = seen(&input.file).ok()?;
            let offset = input.read_to.checked_sub(self.open_entry + self.open.len() as u64)?;
            let before = hash(&input.before(offset).ok()?);
            let (file, modified_ns) = (seen.identity, seen.modified_ns);
            let inside_long_line = false;
            Some(FilePlace { file, offset, before, inside_long_line, modified_ns, rotated: false })
        });
        let place = place.map_or(Place::Stream, |place| Place::File(vec![place]));
        Position { stream: self.offset, place }
    }
}
