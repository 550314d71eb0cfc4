//! What the sources said since the last quiet: one open piece each, joined with every part that is handed over.

use sha2::{Digest, Sha256};

use crate::detect::live::says_something;
use crate::edge::store::state::KeptSource;
use crate::model::fold::Part;
use crate::model::input::{Hints, LogStream};
use crate::model::live::clock::Now;
use crate::model::live::position::Position;
use crate::model::live::source::Source;
use crate::model::piece::{Numbers, Piece};
use crate::model::time::WallTime;

/// One source, as far as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// As in the configuration.
    pub(super) name: String,
    /// What it said, as a log that `analyze` can read.
    pub(super) stream: LogStream,
    /// Where to go on; none before it said anything.
    pub(super) position: Option<Position>,
    /// It said or moved something that is not committed.
    pub(super) moved: bool,
    /// When it last said anything, since this program was started.
    pub(super) heard: Option<WallTime>,
    /// When it last said something that belongs to an incident or near one, uptime.
    last_said_us: Option<i64>,
}

impl Kept {
    /// A source, going on with what it left behind.
    pub(super) fn new(source: &Source, kept: Option<KeptSource>, zone: Option<&str>, now: Now) -> Self {
        let name = source.to_string();
        let (position, stream) = kept.map_or((None, None), |kept| (Some(kept.position), kept.stream));
        let stream = stream.unwrap_or_else(|| empty(source, zone));
        let last_said_us = says_something(&stream.piece).then_some(now.uptime_us);
        Self { name, stream, position, moved: false, heard: None, last_said_us }
    }

    /// Takes what it handed over.
    pub(super) fn take(&mut self, part: Piece, position: Position, now: Now) {
        if says_something(&part) {
            self.last_said_us = Some(now.uptime_us);
        }
        if part.records > 0 {
            self.heard = Some(now.wall);
        }
        let piece = std::mem::take(&mut self.stream.piece);
        self.stream.piece = piece.join(part);
        // Stamps without a year are of the year in which they were read.
        self.stream.hints.modified = Some(now.wall);
        (self.position, self.moved) = (Some(position), true);
    }

    /// Nothing of an incident goes on: forgets what lies further back than the quiet time, and keeps the last record,
    /// which a repetition may refer to.
    pub(super) fn forget(&mut self, now: Now, quiet_us: i64) {
        let quiet = self.last_said_us.is_none_or(|said| now.uptime_us.saturating_sub(said) > quiet_us);
        if quiet && self.stream.piece.records > 0 {
            let piece = &mut self.stream.piece;
            let (last_record, numbers) = (piece.last_record.take(), piece.numbers.take());
            // A gap in the numbers behind it is a loss like any other.
            let numbers = numbers.map(|of| Numbers { first: of.last, boots_before: 0, last: of.last });
            *piece = Piece { numbers, last_record, ..Piece::default() };
            self.last_said_us = None;
        }
    }
}

fn empty(source: &Source, zone: Option<&str>) -> LogStream {
    let (path, dialect) = match source {
        Source::Kmsg => ("/dev/kmsg".to_owned(), "kmsg"),
        Source::Journal(None) => ("journal".to_owned(), "journal-export"),
        Source::Journal(Some(directory)) => (directory.display().to_string(), "journal-export"),
        Source::File(path) => (path.display().to_string(), "lines"),
        Source::JournalExport(path) => (path.display().to_string(), "journal-export"),
    };
    let digest = Sha256::digest(format!("conntriage watch\n{source}"));
    let id = digest.iter().take(6).fold(String::new(), |id, byte| id + &format!("{byte:02x}"));
    let hints = Hints { path: path.into(), reader_zone: zone.map(Into::into), ..Hints::default() };
    LogStream { id: id.into(), hints, dialect, piece: Piece::default() }
}
