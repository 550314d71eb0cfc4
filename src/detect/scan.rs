//! Records in byte order → a piece. Nothing is inferred. The result is the join of the pieces of the single records;
//! most records say nothing, and for those only anchors move.

use std::collections::BTreeMap;

use super::join::{self, add_anchor, count_malformed, lose};
use super::run::{Seen, single};
use crate::model::fold::RecordSink;
use crate::model::piece::{HEAD_REPETITIONS_MAX, HeadRepetition, LastRecord, Loss, LossKind, Piece};
use crate::model::record::{Content, Record};
use crate::model::run::{RunKey, Ticks};
use crate::model::signal::{RelatedKind, Signal};
use crate::model::time::{Stamp, StampKind};

/// The sink that sums records up.
#[derive(Debug, Default)]
pub struct Scan {
    piece: Piece,
}

impl RecordSink for Scan {
    type Part = Piece;

    fn take(&mut self, record: &Record<'_>) {
        take(&mut self.piece, record);
    }

    fn finish(self) -> Piece {
        self.piece
    }
}

fn take(piece: &mut Piece, record: &Record<'_>) {
    let first_of_all = piece.records == 0;
    piece.records += 1;
    if first_of_all {
        piece.range.0 = record.moment.offset;
    }
    piece.range.1 = record.moment.offset.saturating_add(1);
    add_anchor(piece, &record.moment);
    match &record.content {
        Content::Passing => remember(piece, record, None),
        Content::Signal(signal) => {
            signal_met(piece, record, signal, None);
            remember(piece, record, Some(signal));
        }
        Content::Repeated { signal, times } => {
            signal_met(piece, record, signal, Some((*times).max(1)));
            remember(piece, record, Some(signal));
        }
        Content::RepeatedUnknown { times } => unknown_repetition(piece, record, *times),
        Content::BootSeparator => {
            piece.boots = piece.boots.saturating_add(1);
            remember(piece, record, None);
        }
        Content::Malformed(kind) => {
            count_malformed(&mut piece.malformed, *kind, record);
            remember(piece, record, None);
        }
    }
}

/// Keeps what a repetition line behind this record would refer to. Reuses the host word: this runs for every record.
fn remember(piece: &mut Piece, record: &Record<'_>, signal: Option<&Signal>) {
    match &mut piece.last_record {
        Some(last) => {
            if last.host.as_deref().map(str::as_bytes) != record.host {
                last.host = record.host.map(word);
            }
            if last.signal.as_ref() != signal {
                last.signal = signal.cloned();
            }
        }
        None => {
            piece.last_record = Some(LastRecord { host: record.host.map(word), signal: signal.cloned() });
        }
    }
}

fn word(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

/// Which runs the record may belong to.
pub(super) fn key(record: &Record<'_>) -> RunKey {
    let moment = &record.moment;
    let ticks = match (moment.since_boot_us, moment.stamp) {
        (Some(_), _) => Ticks::SinceBoot,
        (None, Some(_)) => Ticks::Stamp,
        (None, None) => Ticks::Untimed,
    };
    RunKey {
        host: record.host.map(word),
        trust: record.trust,
        stamp: moment.stamp.map_or(StampKind::Absent, Stamp::kind),
        ticks,
        boot: record.boot,
    }
}

fn signal_met(piece: &mut Piece, record: &Record<'_>, signal: &Signal, copies: Option<u64>) {
    let key = key(record);
    let loss = |kind, count| Loss {
        moment: record.moment,
        host: key.host.clone(),
        rollover: rollover(piece, &key),
        boot_index: piece.boots,
        count,
        kind,
    };
    match signal {
        Signal::Lost { count } => {
            let loss = loss(LossKind::KernelRecords, *count);
            return lose(piece, loss);
        }
        Signal::Suppressed { count, .. } if *count < 0 => {
            let loss = loss(LossKind::NegativeSuppression, None);
            return lose(piece, loss);
        }
        Signal::Related { kind: RelatedKind::BootBegins, .. } => piece.boots = piece.boots.saturating_add(1),
        _ => {}
    }
    if matches!(signal, Signal::Full(_) | Signal::Suppressed { .. }) {
        piece.signals = piece.signals.saturating_add(copies.unwrap_or(1));
    }
    let precision_us = if key.ticks == Ticks::SinceBoot { 1 } else { record.moment.precision_us };
    let seen = Seen {
        moment: &record.moment,
        at: record.moment.best_us(),
        precision_us,
        signal,
        copies,
        raw: record.raw,
        boot_index: piece.boots,
        rollover: rollover(piece, &key),
    };
    join::push(piece, key, single(&seen));
}

/// Turns of the year before the record; only yearless stamps have any.
fn rollover(piece: &Piece, key: &RunKey) -> u32 {
    if key.stamp == StampKind::Yearless { piece.rollovers } else { 0 }
}

/// `last message repeated`, and the parser does not know what: the piece may know, or what comes before the piece.
fn unknown_repetition(piece: &mut Piece, record: &Record<'_>, times: u64) {
    let head = HeadRepetition { key: key(record), moment: record.moment, times: times.max(1) };
    let heads = piece.head_repetitions.len();
    if piece.records == heads as u64 + 1 && heads < HEAD_REPETITIONS_MAX {
        piece.head_repetitions.push(head);
    } else {
        let referent = piece.last_record.clone();
        join::repetition(piece, &head, referent.as_ref(), join::BOUNDS);
    }
}

/// A piece with nothing but one signal in it, for a repetition whose meaning was found in another piece.
pub(super) fn resolved(
    repetition: &HeadRepetition,
    signal: &Signal,
    boot_index: u32,
    rollover: u32,
) -> (BTreeMap<RunKey, Vec<crate::model::run::Run>>, u64) {
    let moment = &repetition.moment;
    let seen = Seen {
        moment,
        at: moment.best_us(),
        precision_us: if repetition.key.ticks == Ticks::SinceBoot { 1 } else { moment.precision_us },
        signal,
        copies: Some(repetition.times),
        raw: &[],
        boot_index,
        rollover,
    };
    let runs = BTreeMap::from([(repetition.key.clone(), vec![single(&seen)])]);
    (runs, if matches!(signal, Signal::Full(_)) { repetition.times } else { 0 })
}
