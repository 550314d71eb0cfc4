//! The join of pieces. Associative; the empty piece is neutral.
//!
//! A piece is **defined** as the join of the pieces of its single records. So however a stream is cut, and in whatever
//! order the parts are joined, the result is the same. `chain` joins lists of runs and of marks, `run` and `stretch`
//! the runs themselves, `bins` their timeline; `repetition` understands a repetition at the cut, `numbers` a gap or a restart of the
//! kernel's record numbers there; `packets` sums up
//! packet-log lines; `event` counts a line
//! at the end of a piece, which is the same as joining the piece of that line, only cheaper.

pub(crate) mod bins;
mod chain;
pub(crate) mod event;
pub(crate) mod numbers;
pub(crate) mod packets;
pub(crate) mod repetition;
pub(crate) mod run;
pub(crate) mod stretch;

use std::collections::BTreeMap;

use chain::{Chains, Room};

use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::fold::Part;
use crate::model::packets::{PACKET_CLOCKS_MAX, PACKET_ROWS, PACKET_SLOTS_MAX};
use crate::model::piece::{
    Anchors, KEYS_MAX, MARKS_MAX, MarkKey, Piece, ROLLOVER_US, RUN_BYTES_MAX, RUNS_PER_KEY_MAX,
    RUNS_PER_STREAM_MAX,
};
use crate::model::run::RunKey;
use crate::model::time::{Moment, SECOND_US, StampKind};

/// How much a piece may hold. Anything but [`Bounds::REAL`] is for tests of what happens at the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Keys of runs.
    pub keys: usize,
    /// Runs of one key.
    pub runs_per_key: usize,
    /// Runs of all keys; never less than `keys`.
    pub runs_per_stream: usize,
    /// Bytes of all runs, by [`crate::model::run::Run::bytes`].
    pub run_bytes: usize,
    /// Marks, and keys of marks.
    pub marks: usize,
    /// Clocks of packets.
    pub packet_clocks: usize,
    /// Time slots of packets, of all clocks; at least twice as many.
    pub packet_slots: usize,
    /// Rows that a cut leaves of a tally of packets.
    pub packet_rows: usize,
}

impl Bounds {
    /// The bounds that the model names.
    pub const REAL: Self = Self {
        keys: KEYS_MAX,
        runs_per_key: RUNS_PER_KEY_MAX,
        runs_per_stream: RUNS_PER_STREAM_MAX,
        run_bytes: RUN_BYTES_MAX,
        marks: MARKS_MAX,
        packet_clocks: PACKET_CLOCKS_MAX,
        packet_slots: PACKET_SLOTS_MAX,
        packet_rows: PACKET_ROWS,
    };
}

impl Default for Bounds {
    fn default() -> Self {
        Self::REAL
    }
}

impl Part for Piece {
    fn join(self, right: Self) -> Self {
        join_within(self, right, &Bounds::REAL)
    }
}

/// The join under given bounds. Both pieces must have been made under the same.
#[must_use]
pub fn join_within(mut left: Piece, mut right: Piece, bounds: &Bounds) -> Piece {
    left.range = joined_range(left.range, right.range);
    left.records = left.records.saturating_add(right.records);
    left.signals = left.signals.saturating_add(right.signals);
    for (kind, anchors) in std::mem::take(&mut right.anchors) {
        pass(&mut left, kind, anchors);
    }
    left.clock_steps = left.clock_steps.saturating_add(right.clock_steps);
    let numbers = right.numbers.take();
    let torn = numbers.and_then(|numbers| numbers::pass(&mut left, numbers));
    move_up(&left, &mut right);
    left.rollovers = left.rollovers.saturating_add(right.rollovers);
    join_malformed(&mut left.malformed, std::mem::take(&mut right.malformed));
    join_repetitions(&mut left, &mut right, bounds);
    join_losses(&mut left, &mut right);
    left.restarts = left.restarts.saturating_add(right.restarts);
    if let Some(loss) = torn {
        event::lose(&mut left, loss);
    }
    runs_of(&mut left).append(runs_of(&mut right), Room::for_runs(bounds));
    marks_of(&mut left).append(marks_of(&mut right), Room::for_marks(bounds));
    packets::join(&mut left.packets, std::mem::take(&mut right.packets), bounds);
    join_boots(&mut left, &right);
    left
}

fn joined_range(left: (u64, u64), right: (u64, u64)) -> (u64, u64) {
    match (left, right) {
        ((0, 0), range) | (range, (0, 0)) => range,
        ((begin, _), (_, end)) => (begin, end),
    }
}

/// Goes on from the last moment of this kind of stamp to further ones.
fn pass(piece: &mut Piece, kind: StampKind, further: Anchors) {
    let turns = |piece: &Piece| if kind == StampKind::Yearless { piece.rollovers } else { 0 };
    let rollovers = turns(piece);
    let Some(known) = piece.anchors.get_mut(&kind) else {
        piece.anchors.insert(kind, further);
        return;
    };
    let before = std::mem::replace(&mut known.last, further.last);
    let mut first_told = known.first_told;
    let mut last_told = known.last_told.or(first_told.map(|_| (before, rollovers)));
    note_step(piece, kind, &before, &further.first);
    let rollovers = turns(piece);
    let moved = |(moment, rollover): (Moment, u32)| (moment, rollover.saturating_add(rollovers));
    if further.first_told.is_some() {
        first_told = first_told.or(further.first_told.map(moved));
        last_told = further.last_told.map(moved);
    }
    if let Some(known) = piece.anchors.get_mut(&kind) {
        (known.first_told, known.last_told) = (first_told, last_told);
    }
}

/// Notes a step back from one moment to the next of the same kind of stamp, or a turn of the year.
pub(crate) fn note_step(piece: &mut Piece, kind: StampKind, before: &Moment, behind: &Moment) {
    let (before, behind) = (before.anchor_us(kind), behind.anchor_us(kind));
    let back = before.zip(behind).map_or(0, |(before, behind)| before.saturating_sub(behind));
    if back <= SECOND_US {
        return;
    }
    if kind == StampKind::Yearless && back > ROLLOVER_US {
        piece.rollovers = piece.rollovers.saturating_add(1);
    } else {
        piece.clock_steps = piece.clock_steps.saturating_add(1);
    }
}

impl Moment {
    /// Which kind of anchor it is; none where it carries no time.
    pub(crate) fn anchor_kind(&self) -> Option<StampKind> {
        let bare = self.since_boot_us.map(|_| StampKind::Absent);
        self.stamp.map(crate::model::time::Stamp::kind).or(bare)
    }

    fn anchor_us(&self, kind: StampKind) -> Option<i64> {
        match kind {
            StampKind::Absent => self.since_boot_us,
            _ => self.stamp.map(crate::model::time::Stamp::us),
        }
    }
}

/// Boot separators and rollovers of the left piece stand before all of the right one. The turn of the year at the cut
/// is already counted on the left.
fn move_up(left: &Piece, right: &mut Piece) {
    fn more(count: &mut u32, by: u32) {
        *count = count.saturating_add(by);
    }
    let turns = |kind: StampKind| if kind == StampKind::Yearless { left.rollovers } else { 0 };
    for (key, list) in &mut right.runs {
        let boots = left.boots_of_key(key);
        for run in list {
            more(&mut run.boot_index, boots);
            more(&mut run.rollover, turns(key.stamp));
        }
    }
    for (MarkKey { key, .. }, list) in &mut right.marks {
        let boots = left.boots_of_key(key);
        for mark in list {
            more(&mut mark.boot_index, boots);
            more(&mut mark.rollover, turns(key.stamp));
        }
    }
    packets::move_up(&mut right.packets, |key| (left.boots_of_key(key), turns(key.stamp)));
    for loss in &mut right.losses {
        more(&mut loss.boot_index, left.boots_of(loss.host.as_deref(), loss.moment.seq.is_some()));
        more(&mut loss.rollover, turns(stamp_kind(&loss.moment)));
    }
    for repetition in &mut right.head_repetitions {
        more(&mut repetition.rollover, turns(repetition.key.stamp));
        if repetition.key.numbered {
            more(&mut repetition.restarts, left.restarts);
        }
    }
}

/// Kind of a moment's stamp.
pub(crate) fn stamp_kind(moment: &Moment) -> StampKind {
    moment.stamp.map_or(StampKind::Absent, crate::model::time::Stamp::kind)
}

fn join_malformed(left: &mut BTreeMap<BlemishKind, Blemish>, right: BTreeMap<BlemishKind, Blemish>) {
    for (kind, blemish) in right {
        match left.get_mut(&kind) {
            Some(known) => known.count = known.count.saturating_add(blemish.count),
            None => {
                left.insert(kind, blemish);
            }
        }
    }
}

fn join_repetitions(left: &mut Piece, right: &mut Piece, bounds: &Bounds) {
    let before = left.repetitions_behind;
    for repetition in std::mem::take(&mut right.head_repetitions) {
        let mut grown = Grown::default();
        repetition::settle(&mut Counting { piece: left, bounds, grown: &mut grown }, repetition);
    }
    match right.last_record.take() {
        Some(last) => {
            left.last_record = Some(last);
            left.repetitions_behind = right.repetitions_behind;
        }
        None => left.repetitions_behind = before.saturating_add(right.repetitions_behind),
    }
}

fn join_losses(left: &mut Piece, right: &mut Piece) {
    for loss in right.losses.drain(..) {
        event::lose(left, loss);
    }
    left.losses_left_out = left.losses_left_out.saturating_add(right.losses_left_out);
}

fn join_boots(left: &mut Piece, right: &Piece) {
    left.boots = left.boots.saturating_add(right.boots);
    left.boots_of_all = left.boots_of_all.saturating_add(right.boots_of_all);
    for (slot, boots) in &right.boots_by_host {
        let sum = left.boots_by_host.entry(*slot).or_default();
        *sum = sum.saturating_add(*boots);
    }
}

/// A piece that lines are counted into at its end.
pub(crate) struct Counting<'a> {
    pub(crate) piece: &'a mut Piece,
    pub(crate) bounds: &'a Bounds,
    /// What came since the sums were last looked at. Looking late changes nothing but memory, since in the end the least
    /// LINK that fits is taken all the same.
    pub(crate) grown: &'a mut Grown,
}

/// By how much runs grew.
#[derive(Debug, Default)]
pub(crate) struct Grown {
    /// Runs begun.
    pub(crate) runs: usize,
    /// Bytes more.
    pub(crate) bytes: usize,
}

impl Counting<'_> {
    pub(crate) fn fit(&mut self) {
        *self.grown = Grown::default();
        runs_of(self.piece).fit(Room::for_runs(self.bounds));
    }
}

fn runs_of(piece: &mut Piece) -> Chains<'_, RunKey, crate::model::run::Run> {
    Chains {
        lists: &mut piece.runs,
        doublings: &mut piece.link_doublings,
        left_out: &mut piece.keys_left_out,
    }
}

fn marks_of(piece: &mut Piece) -> Chains<'_, MarkKey, crate::model::piece::Mark> {
    Chains {
        lists: &mut piece.marks,
        doublings: &mut piece.mark_doublings,
        left_out: &mut piece.marks_left_out,
    }
}
