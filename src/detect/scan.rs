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
use crate::model::time::StampKind;

use super::join::event::{self, Said};
use super::join::{Bounds, Counting, Grown, note_step, numbers, repetition, stamp_kind};

/// Host words that a machine writes before it knows its name: a boot under one of them holds for every host of the log.
const NAMELESS_HOSTS: [&str; 4] = ["localhost", "localhost.localdomain", "(none)", "linux"];

/// The sink that sums records up.
#[derive(Debug, Default)]
pub struct Scan {
    piece: Piece,
    bounds: Bounds,
    grown: Grown,
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
        if let Some(loss) = numbers::of(&record.moment).and_then(|numbers| numbers::pass(piece, numbers)) {
            event::lose(piece, loss);
        }
        if let Some(kind) = record.moment.anchor_kind() {
            self.pass_anchor(kind, record);
        }
    }

    fn pass_anchor(&mut self, kind: StampKind, record: &Record<'_>) {
        let moment = &record.moment;
        match &mut self.anchors {
            Some((known, anchors)) if *known == kind => {
                go_on(anchors, &mut self.piece, kind, record);
            }
            _ => {
                self.put_anchors_away();
                let known = self.piece.anchors.remove(&kind);
                let mut known = known.unwrap_or(Anchors {
                    first: *moment,
                    first_told: None,
                    last: *moment,
                    last_told: None,
                });
                go_on(&mut known, &mut self.piece, kind, record);
                self.anchors = Some((kind, known));
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
        let Self { piece, bounds, grown, key, .. } = self;
        let key = match key {
            Some((host, known)) if is_key(known, host.as_deref(), record) => known,
            slot => {
                let fresh = (record.host.map(Into::into), run_key(record));
                &mut slot.insert(fresh).1
            }
        };
        let rollover = if key.stamp == StampKind::Yearless { piece.rollovers } else { 0 };
        let boot_index = piece.boots_of_key(key);
        let said = Said { key, moment: record.moment, rollover, boot_index, raw: record.raw };
        count(&mut Counting { piece, bounds, grown }, &said);
    }

    fn unknown_repetition(&mut self, record: &Record<'_>, times: u64) {
        let key = run_key(record);
        let rollover = if key.stamp == StampKind::Yearless { self.piece.rollovers } else { 0 };
        let restarts = if key.numbered { self.piece.restarts } else { 0 };
        let raw = record.raw.get(..LINE_BYTES_MAX).unwrap_or(record.raw).into();
        let repetition = HeadRepetition { key, moment: record.moment, rollover, restarts, times, raw };
        self.piece.last_record = self.last.record();
        let Self { piece, bounds, grown, .. } = self;
        repetition::settle(&mut Counting { piece, bounds, grown }, repetition);
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
            Content::Passing | Content::RepeatedPassing => self.remember(record, None),
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
        Counting { piece: &mut self.piece, bounds: &self.bounds, grown: &mut self.grown }.fit();
        self.piece
    }
}

/// Anchors one record later. The time of a repetition is that of the last copy, so it is not told when it was written.
fn go_on(anchors: &mut Anchors, piece: &mut Piece, kind: StampKind, record: &Record<'_>) {
    let turns = |piece: &Piece| if kind == StampKind::Yearless { piece.rollovers } else { 0 };
    let before = turns(piece);
    note_step(piece, kind, &anchors.last, &record.moment);
    match record.content {
        Content::Repeated { .. } | Content::RepeatedPassing | Content::RepeatedUnknown { .. } => {
            let last = anchors.first_told.map(|_| (anchors.last, before));
            anchors.last_told = anchors.last_told.or(last);
        }
        _ => {
            if anchors.first_told.is_none() {
                anchors.first_told = Some((record.moment, turns(piece)));
            }
            anchors.last_told = None;
        }
    }
    anchors.last = record.moment;
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
        numbered: record.moment.seq.is_some(),
    }
}

/// `known`, made for the host word `host`, is the key of this record.
fn is_key(known: &RunKey, host: Option<&[u8]>, record: &Record<'_>) -> bool {
    host == record.host
        && known.trust == record.trust
        && known.stamp == stamp_kind(&record.moment)
        && known.ticks == ticks(record)
        && known.boot == record.boot
        && known.numbered == record.moment.seq.is_some()
}
