//! Stretches: the visible uses of the limiter between two suppression lines.

use crate::model::run::{COST_US, Flush, Opening, SLACK_US, Stretch, TOKENS_KEPT, Token};
use crate::model::time::{Moment, SECOND_US};

/// A line is the one that flushed the count in front of it if they are this close by the printk clock: the kernel prints
/// both within one call.
const FLUSH_SINCE_BOOT_US: u64 = 1_000;
/// The same by their stamps, whose unit may be a second.
const FLUSH_STAMP_US: u64 = SECOND_US.unsigned_abs();

/// What the unit of a clock may add to (or take from) the distance of two times. Stamps are taken for whole seconds
/// whatever their digits say, because a daemon writes them when it gets the line.
pub(crate) fn clock_unit_us(moment: &Moment) -> i64 {
    if moment.since_boot_us.is_some() { 0 } else { SECOND_US }
}

/// How far apart the first and the last line of one window can stand on the clock of a moment.
pub(crate) fn window_span_us(moment: &Moment) -> i64 {
    COST_US + SLACK_US + clock_unit_us(moment)
}

/// Visible uses of the limiter, all at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uses {
    /// By table-full lines; else by others.
    pub(crate) by_full: bool,
    /// How many.
    pub(crate) times: u64,
    /// They come from a repetition record.
    pub(crate) repeated: bool,
}

impl Uses {
    fn flush(self) -> Flush {
        if self.by_full { Flush::Full } else { Flush::Other }
    }

    /// As the opening of a stretch.
    pub(crate) fn opening(self, moment: &Moment) -> Opening {
        Opening { at: moment.best_us(), by: self.flush() }
    }
}

impl Stretch {
    /// Adds uses behind all others.
    pub(crate) fn push(&mut self, moment: &Moment, uses: Uses) {
        let sum = if uses.by_full { &mut self.full } else { &mut self.other };
        *sum = sum.saturating_add(uses.times);
        self.opening.get_or_insert_with(|| uses.opening(moment));
        let Some(at) = moment.best_us() else { return };
        let token = Token { at, repeated: uses.repeated };
        let copies = usize::try_from(uses.times).unwrap_or(TOKENS_KEPT).min(TOKENS_KEPT);
        let free = TOKENS_KEPT.saturating_sub(self.first.len());
        self.first.extend(std::iter::repeat_n(token, copies.min(free)));
        let surplus = (self.last.len() + copies).saturating_sub(TOKENS_KEPT);
        self.last.drain(..surplus.min(self.last.len()));
        self.last.extend(std::iter::repeat_n(token, copies));
    }

    /// Adds a stretch behind this one.
    pub(crate) fn append(&mut self, right: &Self) {
        self.full = self.full.saturating_add(right.full);
        self.other = self.other.saturating_add(right.other);
        self.opening = self.opening.or(right.opening);
        let free = TOKENS_KEPT.saturating_sub(self.first.len());
        self.first.extend(right.first.iter().take(free));
        let surplus = (self.last.len() + right.last.len()).saturating_sub(TOKENS_KEPT);
        self.last.drain(..surplus.min(self.last.len()));
        self.last.extend(&right.last);
    }

    /// Forgets everything and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.first.clear();
        self.last.clear();
        self.full = 0;
        self.other = 0;
        self.opening = None;
    }
}

/// Who flushed a count that was printed at `at`, if the first line behind it is this one.
pub(crate) fn flushed_by(suppression: &Moment, opening: Opening) -> Flush {
    let apart = match (suppression.best_us(), opening.at) {
        (Some(before), Some(behind)) => before.abs_diff(behind),
        // Without any clock, that one follows the other is all that can be known.
        _ => 0,
    };
    let near = if suppression.since_boot_us.is_some() { FLUSH_SINCE_BOOT_US } else { FLUSH_STAMP_US };
    if apart <= near { opening.by } else { Flush::Unseen }
}

/// More lines stand between the last of `left` and the first of `right` than two windows can hold, closer together
/// than one window is long. A repetition between them says nothing: its copies are spread over a time not known.
pub(crate) fn is_dense(left: &[Token], right: &[Token], unit_us: i64) -> bool {
    let less_than = COST_US - SLACK_US - 2 * unit_us;
    let both = left.len() + right.len();
    let token = |at: usize| left.get(at).or_else(|| right.get(at.checked_sub(left.len())?));
    let starts = 0..both.saturating_sub(TOKENS_KEPT).min(left.len());
    // Nearly always the ends of the first choice settle it.
    if let ([first, ..], [behind]) = (left, right)
        && behind.at.saturating_sub(first.at) >= less_than
    {
        return false;
    }
    starts.into_iter().any(|start| {
        let tokens = || (start..=start + TOKENS_KEPT).filter_map(token);
        let ends = tokens().map(|t| t.at).min().zip(tokens().map(|t| t.at).max());
        ends.is_some_and(|(lo, hi)| hi.saturating_sub(lo) < less_than) && tokens().all(|t| !t.repeated)
    })
}
