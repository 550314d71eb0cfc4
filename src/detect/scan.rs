//! Records in byte order → a piece. Nothing is inferred.
//!
//! Most lines of a log say nothing of connection tracking, so what is done for every line is cheap: its time, its host
//! word compared with the one before. All else is `join::event`.

use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::fold::RecordSink;
use crate::model::piece::{
    Anchors, BLEMISH_BYTES_MAX, HOST_BYTES_MAX, HeadRepetition, LastRecord, Piece, host_slot,
};
use crate::model::record::{Content, Record};
use crate::model::run::{LINE_BYTES_MAX, RunKey, Ticks};
use crate::model::signal::{RelatedKind, Signal};
use crate::model::time::{Moment, StampKind};

use super::join::event::{self, Said};
use super::join::{Bounds, Counting, note_step, repetition, stamp_kind};

/// Host words that a machine writes before it knows its name: a boot under one of them holds for every host of the log.
const NAMELESS_HOSTS: [&str; 4] = ["localhost", "localhost.localdomain", "(none)", "linux"];

/// The sink that sums records up.
#[derive(Debug, Default)]
pub struct Scan {
    piece: Piece,
    bounds: Bounds,
    begun: usize,
    /// Anchors of the kind of stamp that the last lines had; those of other kinds are in the piece.
    anchors: Option<(StampKind, Anchors)>,
    last: Last,
    /// Key of the last line that mattered, and its host word as written.
    key: Option<(Option<Box<[u8]>>, RunKey)>,
}

/// The last record, in memory that is used again and again.
#[derive(Debug, Default)]
struct Last {
    seen: bool,
    named: bool,
    host: Vec<u8>,
    signal: Option<Signal>,
}

impl Last {
    fn set(&mut self, host: Option<&[u8]>, signal: Option<&Signal>) {
        self.seen = true;
        self.named = host.is_some();
        if let Some(host) = host
            && self.host != host
        {
            self.host.clear();
            self.host.extend_from_slice(host);
        }
        if self.signal.as_ref() != signal {
            self.signal = signal.cloned();
        }
    }

    fn record(&self) -> Option<LastRecord> {
        let host = self.named.then(|| word(&self.host));
        self.seen.then(|| LastRecord { host, signal: self.signal.clone() })
    }
}

impl Scan {
    /// A sink whose piece is held to other bounds than the model's.
    pub fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    fn pass_moment(&mut self, record: &Record<'_>) {
        let piece = &mut self.piece;
        let offset = record.moment.offset;
        if piece.records == 0 {
            piece.range.0 = offset;
        }
        piece.range.1 = offset.saturating_add(1);
        piece.records = piece.records.saturating_add(1);
        if let Some(kind) = record.moment.anchor_kind() {
            self.pass_anchor(kind, &record.moment);
        }
    }

    fn pass_anchor(&mut self, kind: StampKind, moment: &Moment) {
        match &mut self.anchors {
            Some((known, anchors)) if *known == kind => {
                note_step(&mut self.piece, kind, &anchors.last, moment);
                anchors.last = *moment;
            }
            _ => {
                self.put_anchors_away();
                let known = self.piece.anchors.remove(&kind);
                let known = known.unwrap_or(Anchors { first: *moment, last: *moment });
                note_step(&mut self.piece, kind, &known.last, moment);
                self.anchors = Some((kind, Anchors { first: known.first, last: *moment }));
            }
        }
    }

    fn put_anchors_away(&mut self) {
        if let Some((kind, anchors)) = self.anchors.take() {
            self.piece.anchors.insert(kind, anchors);
        }
    }

    fn remember(&mut self, record: &Record<'_>, signal: Option<&Signal>) {
        self.last.set(record.host, signal);
        self.piece.repetitions_behind = 0;
    }

    fn signal(&mut self, record: &Record<'_>, signal: &Signal) {
        if let Signal::Related { kind: RelatedKind::BootBegins, .. } = signal {
            self.separate_boots(record.host);
        }
        self.count(record, |into, said| event::once(into, said, signal));
        self.remember(record, Some(signal));
    }

    fn count(&mut self, record: &Record<'_>, count: impl FnOnce(&mut Counting<'_>, &Said<'_>)) {
        let Self { piece, bounds, begun, key, .. } = self;
        let key = match key {
            Some((host, known)) if is_key(known, host.as_deref(), record) => known,
            slot => {
                let fresh = (record.host.map(Into::into), run_key(record));
                &mut slot.insert(fresh).1
            }
        };
        let rollover = if key.stamp == StampKind::Yearless { piece.rollovers } else { 0 };
        let said = Said { key, moment: record.moment, rollover, raw: record.raw };
        count(&mut Counting { piece, bounds, begun }, &said);
    }

    fn unknown_repetition(&mut self, record: &Record<'_>, times: u64) {
        let key = run_key(record);
        let rollover = if key.stamp == StampKind::Yearless { self.piece.rollovers } else { 0 };
        let raw = record.raw.get(..LINE_BYTES_MAX).unwrap_or(record.raw).into();
        let repetition = HeadRepetition { key, moment: record.moment, rollover, times, raw };
        self.piece.last_record = self.last.record();
        let Self { piece, bounds, begun, .. } = self;
        repetition::settle(&mut Counting { piece, bounds, begun }, repetition);
    }

    fn separate_boots(&mut self, host: Option<&[u8]>) {
        let piece = &mut self.piece;
        piece.boots = piece.boots.saturating_add(1);
        let host = host.map(word);
        let named = host.filter(|host| !NAMELESS_HOSTS.iter().any(|name| host.eq_ignore_ascii_case(name)));
        let sum = match named {
            Some(host) => piece.boots_by_host.entry(host_slot(&host)).or_default(),
            None => &mut piece.boots_of_all,
        };
        *sum = sum.saturating_add(1);
    }

    fn malformed(&mut self, record: &Record<'_>, kind: BlemishKind) {
        let blemish = self.piece.malformed.entry(kind).or_insert_with(|| Blemish {
            count: 0,
            first_offset: record.moment.offset,
            first_raw: record.raw.get(..BLEMISH_BYTES_MAX).unwrap_or(record.raw).into(),
        });
        blemish.count = blemish.count.saturating_add(1);
    }
}

impl RecordSink for Scan {
    type Part = Piece;

    fn take(&mut self, record: &Record<'_>) {
        self.pass_moment(record);
        match &record.content {
            Content::Passing => self.remember(record, None),
            Content::Signal(signal) => self.signal(record, signal),
            Content::Repeated { signal, times } => {
                self.count(record, |into, said| event::again(into, said, signal, *times));
                self.remember(record, Some(signal));
            }
            Content::RepeatedUnknown { times } => self.unknown_repetition(record, *times),
            Content::BootSeparator => {
                self.separate_boots(record.host);
                self.remember(record, None);
            }
            Content::Malformed(kind) => {
                self.malformed(record, *kind);
                self.remember(record, None);
            }
        }
    }

    fn finish(mut self) -> Piece {
        self.put_anchors_away();
        self.piece.last_record = self.last.record();
        Counting { piece: &mut self.piece, bounds: &self.bounds, begun: &mut self.begun }.fit();
        self.piece
    }
}

fn word(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes.get(..HOST_BYTES_MAX).unwrap_or(bytes)).into()
}

fn ticks(record: &Record<'_>) -> Ticks {
    match (record.moment.since_boot_us, record.moment.stamp) {
        (Some(_), _) => Ticks::SinceBoot,
        (None, Some(_)) => Ticks::Stamp,
        (None, None) => Ticks::Untimed,
    }
}

fn run_key(record: &Record<'_>) -> RunKey {
    RunKey {
        host: record.host.map(word),
        trust: record.trust,
        stamp: stamp_kind(&record.moment),
        ticks: ticks(record),
        boot: record.boot,
    }
}

/// `known`, made for the host word `host`, is the key of this record.
fn is_key(known: &RunKey, host: Option<&[u8]>, record: &Record<'_>) -> bool {
    host == record.host
        && known.trust == record.trust
        && known.stamp == stamp_kind(&record.moment)
        && known.ticks == ticks(record)
        && known.boot == record.boot
}
