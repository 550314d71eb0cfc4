//! The join of pieces (FOLDS §A): associative, the empty piece is neutral.

use std::collections::BTreeMap;

use super::run::append;
use super::scan::resolved;
use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::fold::Part;
use crate::model::piece::{
    Anchors, BACK_US, HEAD_REPETITIONS_MAX, HeadRepetition, KEYS_MAX, LINK_US, LOSSES_MAX, LastRecord, Loss,
    LossKind, Piece, ROLLOVER_US, RUNS_PER_KEY_MAX, RUNS_PER_STREAM_MAX,
};
use crate::model::record::Record;
use crate::model::run::{Run, RunKey};
use crate::model::time::{Moment, SECOND_US, StampKind};

/// Bytes kept of the first damaged record of a kind.
const DAMAGE_BYTES_MAX: usize = 200;
/// From this many doublings on a step back no longer parts two runs.
const DOUBLINGS_OVER_STEPS: u8 = 26;
/// From this many on nothing does.
const DOUBLINGS_OVER_ALL: u8 = 27;

/// How many runs are kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// For one key.
    pub per_key: usize,
    /// For a stream.
    pub per_stream: usize,
}

/// The bounds of every piece.
pub const BOUNDS: Bounds = Bounds { per_key: RUNS_PER_KEY_MAX, per_stream: RUNS_PER_STREAM_MAX };

impl Part for Piece {
    fn join(self, right: Self) -> Self {
        join_within(self, right, BOUNDS)
    }
}

/// The join, within bounds of the caller's.
pub fn join_within(mut left: Piece, mut right: Piece, bounds: Bounds) -> Piece {
    if right.records == 0 {
        return left;
    }
    if left.records == 0 {
        return right;
    }
    let turned = join_anchors(&mut left, &mut right);
    let boots = left.boots;
    let rollovers = left.rollovers.saturating_add(turned);
    resolve_head(&mut left, &mut right, bounds);
    for (key, runs) in &mut right.runs {
        for run in runs {
            run.boot_index = run.boot_index.saturating_add(boots);
            run.rollover =
                run.rollover.saturating_add(if key.stamp == StampKind::Yearless { rollovers } else { 0 });
        }
    }
    for mut loss in std::mem::take(&mut right.losses) {
        loss.boot_index = loss.boot_index.saturating_add(boots);
        let yearless = loss.moment.stamp.is_some_and(|stamp| stamp.kind() == StampKind::Yearless);
        loss.rollover = loss.rollover.saturating_add(if yearless { rollovers } else { 0 });
        lose(&mut left, loss);
    }
    left.losses_left_out = left.losses_left_out.saturating_add(right.losses_left_out);
    left.range.1 = left.range.1.max(right.range.1);
    left.records = left.records.saturating_add(right.records);
    left.boots = boots.saturating_add(right.boots);
    left.rollovers = rollovers.saturating_add(right.rollovers);
    left.signals = left.signals.saturating_add(right.signals);
    for (kind, blemish) in right.malformed {
        left.malformed
            .entry(kind)
            .and_modify(|old| old.count = old.count.saturating_add(blemish.count))
            .or_insert(blemish);
    }
    left.last_record = right.last_record;
    left.keys_left_out = left.keys_left_out.saturating_add(right.keys_left_out);
    join_runs(&mut left, right.runs, right.link_doublings, bounds);
    left
}

/// Joins first and last moments; 1 when the year turns between the two.
fn join_anchors(left: &mut Piece, right: &mut Piece) -> u32 {
    let mut turned = 0;
    for (kind, theirs) in std::mem::take(&mut right.anchors) {
        match left.anchors.get_mut(&kind) {
            None => {
                left.anchors.insert(kind, theirs);
            }
            Some(ours) => {
                turned += u32::from(turns_the_year(kind, &ours.last, &theirs.first));
                left.clock_steps += u64::from(steps_back(kind, &ours.last, &theirs.first));
                ours.last = theirs.last;
            }
        }
    }
    left.clock_steps = left.clock_steps.saturating_add(right.clock_steps);
    turned
}

/// The moment of one more record.
pub(super) fn add_anchor(piece: &mut Piece, moment: &Moment) {
    let Some(kind) = moment.stamp.map(crate::model::time::Stamp::kind) else {
        if moment.since_boot_us.is_some() {
            anchor(piece, StampKind::Absent, moment);
        }
        return;
    };
    anchor(piece, kind, moment);
}

fn anchor(piece: &mut Piece, kind: StampKind, moment: &Moment) {
    match piece.anchors.get_mut(&kind) {
        None => {
            piece.anchors.insert(kind, Anchors { first: *moment, last: *moment });
        }
        Some(anchors) => {
            if anchors.last.stamp != moment.stamp || kind == StampKind::Absent {
                piece.rollovers += u32::from(turns_the_year(kind, &anchors.last, moment));
                piece.clock_steps += u64::from(steps_back(kind, &anchors.last, moment));
            }
            anchors.last = *moment;
        }
    }
}

fn turns_the_year(kind: StampKind, before: &Moment, behind: &Moment) -> bool {
    kind == StampKind::Yearless
        && times(before, behind).is_some_and(|(before, behind)| before.saturating_sub(behind) > ROLLOVER_US)
}

/// The clock went back by more than a second, and not because the year turned.
fn steps_back(kind: StampKind, before: &Moment, behind: &Moment) -> bool {
    kind != StampKind::Absent
        && !turns_the_year(kind, before, behind)
        && times(before, behind).is_some_and(|(before, behind)| before.saturating_sub(behind) > SECOND_US)
}

fn times(before: &Moment, behind: &Moment) -> Option<(i64, i64)> {
    Some((before.stamp?.us(), behind.stamp?.us()))
}

/// Repetitions at the head of the right piece refer to the last record of the left one.
fn resolve_head(left: &mut Piece, right: &mut Piece, bounds: Bounds) {
    let heads = std::mem::take(&mut right.head_repetitions);
    if left.records == left.head_repetitions.len() as u64 {
        // The left one is nothing but such repetitions: all of them wait for what comes before.
        for head in heads {
            if left.head_repetitions.len() < HEAD_REPETITIONS_MAX {
                left.head_repetitions.push(head);
            } else {
                lose_repetition(left, &head);
            }
        }
        return;
    }
    if heads.is_empty() {
        return;
    }
    // What the repetitions repeat is also what the next repetition would.
    let referent = left.last_record.clone();
    let only_heads = right.last_record.is_none() && right.records == heads.len() as u64;
    for head in heads {
        repetition(left, &head, referent.as_ref(), bounds);
    }
    if only_heads {
        right.last_record = referent;
    }
}

/// Enters a repetition of the referent, if that is of the same host; else its copies are lost to us.
pub(super) fn repetition(
    left: &mut Piece,
    head: &HeadRepetition,
    referent: Option<&LastRecord>,
    bounds: Bounds,
) {
    let Some(last) = referent.filter(|last| last.host == head.key.host) else {
        return lose_repetition(left, head);
    };
    let Some(signal) = &last.signal else { return };
    let rollover = if head.key.stamp == StampKind::Yearless { left.rollovers } else { 0 };
    let (runs, signals) = resolved(head, signal, left.boots, rollover);
    left.signals = left.signals.saturating_add(signals);
    join_runs(left, runs, 0, bounds);
}

fn lose_repetition(left: &mut Piece, head: &HeadRepetition) {
    let loss = Loss {
        moment: head.moment,
        host: head.key.host.clone(),
        rollover: if head.key.stamp == StampKind::Yearless { left.rollovers } else { 0 },
        boot_index: left.boots,
        count: Some(head.times),
        kind: LossKind::UnknownRepetition,
    };
    lose(left, loss);
}

/// Enters a loss, behind those that are there.
pub(super) fn lose(piece: &mut Piece, loss: Loss) {
    if piece.losses.len() < LOSSES_MAX && piece.losses_left_out == 0 {
        piece.losses.push(loss);
    } else {
        piece.losses_left_out = piece.losses_left_out.saturating_add(1);
    }
}

/// Enters a damaged record.
pub(super) fn count_malformed(
    malformed: &mut BTreeMap<BlemishKind, Blemish>,
    kind: BlemishKind,
    record: &Record<'_>,
) {
    let raw = record.raw.get(..DAMAGE_BYTES_MAX.min(record.raw.len())).unwrap_or_default();
    malformed
        .entry(kind)
        .and_modify(|blemish| blemish.count = blemish.count.saturating_add(1))
        .or_insert_with(|| Blemish { count: 1, first_offset: record.moment.offset, first_raw: raw.into() });
}

/// Appends one run to those of its key.
pub(super) fn push(piece: &mut Piece, key: RunKey, run: Run) {
    let doublings = piece.link_doublings;
    if let Some(last) = piece.runs.get_mut(&key).and_then(|runs| runs.last_mut())
        && linked(last, &run, doublings)
    {
        return append(last, run);
    }
    join_runs(piece, BTreeMap::from([(key, vec![run])]), 0, BOUNDS);
}

/// Appends runs key by key; links at the seam; widens the link until all fit.
fn join_runs(left: &mut Piece, right: BTreeMap<RunKey, Vec<Run>>, doublings: u8, bounds: Bounds) {
    if doublings > left.link_doublings {
        left.link_doublings = doublings;
        relink_all(left);
    }
    let mut fits = true;
    for (key, runs) in right {
        let list = left.runs.entry(key).or_default();
        for run in runs {
            left.run_count += u64::from(link(list, run, left.link_doublings));
        }
        fits &= list.len() <= bounds.per_key;
    }
    while left.runs.len() > KEYS_MAX {
        // The least keys are kept, whatever order they came in.
        if let Some((_, runs)) = left.runs.pop_last() {
            left.run_count -= runs.len() as u64;
            let signals = runs.iter().map(signals_of).fold(0, u64::saturating_add);
            left.keys_left_out = left.keys_left_out.saturating_add(signals);
        }
    }
    while left.link_doublings < DOUBLINGS_OVER_ALL && !(fits && left.run_count <= bounds.per_stream as u64) {
        left.link_doublings += 1;
        relink_all(left);
        fits = left.runs.values().all(|runs| runs.len() <= bounds.per_key);
    }
}

/// Uses of the limiter and suppression lines of a run.
fn signals_of(run: &Run) -> u64 {
    let full = run.visible.values().chain([&run.other_subjects]).map(|v| v.lines.saturating_add(v.repeated));
    full.chain([run.other, run.suppression_lines]).fold(0, u64::saturating_add)
}

fn relink_all(piece: &mut Piece) {
    let doublings = piece.link_doublings;
    for list in piece.runs.values_mut() {
        for run in std::mem::take(list) {
            link(list, run, doublings);
        }
    }
    piece.run_count = piece.runs.values().map(|runs| runs.len() as u64).sum();
}

/// Appends a run; true when it stands for itself.
fn link(list: &mut Vec<Run>, run: Run, doublings: u8) -> bool {
    match list.last_mut() {
        Some(last) if linked(last, &run, doublings) => {
            append(last, run);
            false
        }
        _ => {
            list.push(run);
            true
        }
    }
}

/// The second run begins soon behind the end of the first, under the same boot and year.
fn linked(a: &Run, b: &Run, doublings: u8) -> bool {
    if doublings >= DOUBLINGS_OVER_ALL {
        return true;
    }
    if (a.boot_index, a.rollover) != (b.boot_index, b.rollover) {
        return false;
    }
    let (Some(tail), Some(head)) = (a.tail.best_us(), b.head.best_us()) else { return true };
    let apart = head.saturating_sub(tail);
    let link = LINK_US.saturating_mul(1 << doublings.min(40));
    apart <= link && (apart >= -BACK_US || doublings >= DOUBLINGS_OVER_STEPS)
}
