//! One run: a line more, or a run more behind it. Both ways end in the same run.

use std::collections::{BTreeMap, BTreeSet};

use super::stretch::{Uses, clock_unit_us, flushed_by, is_dense, window_span_us};
use crate::model::run::{
    BURST, Bins, Closed, Flush, KeptLine, LINE_BYTES_MAX, LINES_KEPT, Opening, Run, SUBJECTS_MAX, Stretch,
    Suppression, Visible,
};
use crate::model::signal::{Limiter, Subject};
use crate::model::time::Moment;

/// Counts kept for the extrapolation of an unreported window.
const RECENT_KEPT: usize = 3;

/// One line that is part of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Where and when.
    pub(crate) moment: Moment,
    /// As written.
    pub(crate) raw: &'a [u8],
    /// What it says.
    pub(crate) says: Says<'a>,
}

/// What a line of a run says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says<'a> {
    /// A table was full.
    Full(&'a Subject),
    /// The same, `times` more.
    FullAgain(&'a Subject, u64),
    /// Another rate-limited line.
    Other,
    /// The same, `times` more.
    OtherAgain(u64),
    /// So many calls were refused.
    Suppressed(Limiter, u64),
}

impl Says<'_> {
    /// Lines that it stands for.
    fn times(self) -> u64 {
        match self {
            Self::Full(_) | Self::Other | Self::Suppressed(..) => 1,
            Self::FullAgain(_, times) | Self::OtherAgain(times) => times,
        }
    }
}

impl Run {
    /// A run without lines. `push` must follow.
    pub(crate) fn begin(moment: Moment, boot_index: u32, rollover: u32) -> Self {
        Self {
            boot_index,
            rollover,
            head: moment,
            tail: moment,
            lo: moment.best_us(),
            hi: moment.best_us(),
            back: false,
            visible: BTreeMap::new(),
            other_subjects: Visible::default(),
            other: 0,
            lead: Stretch::default(),
            trail: None,
            first_suppression: None,
            last_suppression: None,
            last_callers: None,
            closed: Closed::default(),
            recent: Vec::new(),
            count_max: 0,
            suppression_lines: 0,
            dense: false,
            limiters: BTreeSet::new(),
            bins: Bins::default(),
            first_lines: Vec::new(),
            last_lines: Vec::new(),
            lines: 0,
            longest: 0,
        }
    }

    /// One line more.
    pub(crate) fn push(&mut self, line: &Line<'_>) {
        let at = line.moment.best_us();
        self.back |= at < self.tail.best_us();
        self.tail = line.moment;
        self.stretch_times(at, at);
        self.keep_line(line);
        match line.says {
            Says::Full(subject) => {
                self.push_full(line, subject, Visible { lines: 1, repeated: 0, first: at, last: at });
            }
            Says::FullAgain(subject, times) => {
                self.push_full(line, subject, Visible { lines: 0, repeated: times, first: at, last: at });
            }
            Says::Other => self.push_other(line, 1, false),
            Says::OtherAgain(times) => self.push_other(line, times, true),
            Says::Suppressed(limiter, count) => self.push_suppression(&line.moment, limiter, count),
        }
    }

    /// Signals counted in it: table-full lines, repetitions expanded, and suppression lines.
    pub(crate) fn signals(&self) -> u64 {
        let visible = self.visible.values().chain([&self.other_subjects]);
        visible.fold(self.suppression_lines, |sum, v| sum.saturating_add(v.lines).saturating_add(v.repeated))
    }

    /// The stretch that a further line would belong to.
    pub(crate) fn open_stretch(&self) -> &Stretch {
        self.trail.as_ref().unwrap_or(&self.lead)
    }

    fn stretch_times(&mut self, lo: Option<i64>, hi: Option<i64>) {
        self.lo = [self.lo, lo].into_iter().flatten().min();
        self.hi = [self.hi, hi].into_iter().flatten().max();
        if let (Some(lo), Some(hi)) = (self.lo, self.hi) {
            self.bins.reach(lo, hi);
        }
    }

    fn keep_line(&mut self, line: &Line<'_>) {
        let raw = line.raw.get(..LINE_BYTES_MAX).unwrap_or(line.raw);
        self.lines = self.lines.saturating_add(line.says.times());
        self.longest = self.longest.max(u16::try_from(raw.len()).unwrap_or(u16::MAX));
        let offset = line.moment.offset;
        if self.first_lines.len() < LINES_KEPT {
            self.first_lines.push(KeptLine { offset, raw: raw.into() });
            return;
        }
        if self.last_lines.len() < LINES_KEPT {
            self.last_lines.push(KeptLine { offset, raw: raw.into() });
            return;
        }
        // The oldest goes, its memory stays.
        self.last_lines.rotate_left(1);
        if let Some(kept) = self.last_lines.last_mut() {
            kept.offset = offset;
            if kept.raw.len() == raw.len() {
                kept.raw.copy_from_slice(raw);
            } else {
                kept.raw = raw.into();
            }
        }
    }

    fn push_full(&mut self, line: &Line<'_>, subject: &Subject, more: Visible) {
        if let Some(visible) = self.visible.get_mut(subject) {
            add_visible(visible, more);
        } else {
            self.visible.insert(subject.clone(), more);
            self.fit_subjects();
        }
        let times = more.lines.saturating_add(more.repeated);
        if let Some(at) = line.moment.best_us() {
            self.bins.add(at, times, 0);
        }
        self.push_uses(&line.moment, Uses { by_full: true, times, repeated: more.repeated > 0 });
    }

    fn push_other(&mut self, line: &Line<'_>, times: u64, repeated: bool) {
        self.other = self.other.saturating_add(times);
        self.push_uses(&line.moment, Uses { by_full: false, times, repeated });
    }

    fn push_uses(&mut self, moment: &Moment, uses: Uses) {
        if uses.times == 0 {
            return;
        }
        if self.trail.as_ref().is_some_and(|trail| trail.opening.is_none()) {
            self.settle_flush(uses.opening(moment));
        }
        let unit = clock_unit_us(moment);
        let open = self.trail.as_mut().unwrap_or(&mut self.lead);
        if !uses.repeated
            && let Some(at) = moment.best_us()
        {
            let token = crate::model::run::Token { at, repeated: false };
            self.dense |= is_dense(&open.last, &[token], unit);
        }
        open.push(moment, uses);
    }

    fn push_suppression(&mut self, moment: &Moment, limiter: Limiter, count: u64) {
        let line =
            Suppression { moment: *moment, at: moment.best_us(), count, limiter, flush: Flush::Unseen };
        if let Some(at) = line.at {
            self.bins.add(at, 0, count);
        }
        self.limiters.insert(limiter);
        self.suppression_lines = self.suppression_lines.saturating_add(1);
        if self.first_suppression.is_none() {
            self.first_suppression = Some(line.clone());
        } else {
            self.close(&line);
            self.last_callers = Some(self.open_stretch().callers());
        }
        self.last_suppression = Some(line);
        match &mut self.trail {
            Some(trail) => trail.clear(),
            None => self.trail = Some(Stretch::default()),
        }
    }

    /// A suppression line behind the stretch that is open: the count is that of its last window.
    fn close(&mut self, line: &Suppression) {
        let open = self.open_stretch();
        let callers = open.callers().index();
        let span = window_span_us(&line.moment);
        let (short, without_first) = (!open.ends_with(BURST, span), !open.ends_with(BURST - 1, span));
        self.closed.add(callers, line.flush, line.count);
        if line.count > 0 {
            self.closed.short_windows = self.closed.short_windows.saturating_add(u64::from(short));
            let short_but_first = &mut self.closed.short_windows_but_first;
            *short_but_first = short_but_first.saturating_add(u64::from(without_first));
            self.recent.push(line.count);
            self.forget_old_counts();
        }
        self.count_max = self.count_max.max(line.count);
    }

    fn forget_old_counts(&mut self) {
        let surplus = self.recent.len().saturating_sub(RECENT_KEPT);
        self.recent.drain(..surplus);
    }

    /// The first line behind the last suppression line was seen.
    fn settle_flush(&mut self, opening: Opening) {
        let Some(last) = &mut self.last_suppression else { return };
        let flush = flushed_by(&last.moment, opening);
        last.flush = flush;
        match self.last_callers {
            Some(callers) => self.closed.settle(callers.index(), flush, last.count),
            None => {
                if let Some(first) = &mut self.first_suppression {
                    first.flush = flush;
                }
            }
        }
    }

    fn fit_subjects(&mut self) {
        while self.visible.len() > SUBJECTS_MAX {
            let Some((_, visible)) = self.visible.pop_last() else { return };
            add_visible(&mut self.other_subjects, visible);
        }
    }

    /// A run more behind this one.
    pub(crate) fn absorb(&mut self, mut right: Self) {
        self.back |= right.back || right.head.best_us() < self.tail.best_us();
        self.tail = right.tail;
        self.stretch_times(right.lo, right.hi);
        self.bins.append(std::mem::take(&mut right.bins));
        for (subject, visible) in std::mem::take(&mut right.visible) {
            add_visible(self.visible.entry(subject).or_default(), visible);
        }
        add_visible(&mut self.other_subjects, right.other_subjects);
        self.fit_subjects();
        self.other = self.other.saturating_add(right.other);
        self.lines = self.lines.saturating_add(right.lines);
        self.longest = self.longest.max(right.longest);
        self.limiters.append(&mut right.limiters);
        self.absorb_lines(&mut right);
        self.absorb_stretches(right);
    }

    fn absorb_lines(&mut self, right: &mut Self) {
        let behind = right.first_lines.drain(..).chain(right.last_lines.drain(..));
        let mut behind = std::mem::take(&mut self.last_lines).into_iter().chain(behind);
        let free = LINES_KEPT.saturating_sub(self.first_lines.len());
        self.first_lines.extend(behind.by_ref().take(free));
        self.last_lines = behind.collect();
        let surplus = self.last_lines.len().saturating_sub(LINES_KEPT);
        self.last_lines.drain(..surplus);
    }

    fn absorb_stretches(&mut self, right: Self) {
        let unit = clock_unit_us(&self.head);
        self.dense |= right.dense || is_dense(&self.open_stretch().last, &right.lead.first, unit);
        if let Some(opening) = right.lead.opening
            && self.trail.as_ref().is_some_and(|trail| trail.opening.is_none())
        {
            self.settle_flush(opening);
        }
        self.trail.as_mut().unwrap_or(&mut self.lead).append(&right.lead);
        let Some(first) = right.first_suppression else { return };
        if self.first_suppression.is_none() {
            self.first_suppression = Some(first);
            self.last_callers = right.last_callers;
        } else {
            self.close(&first);
            self.last_callers = right.last_callers.or(Some(self.open_stretch().callers()));
        }
        self.closed.append(&right.closed);
        self.recent.extend(&right.recent);
        self.forget_old_counts();
        self.count_max = self.count_max.max(right.count_max);
        self.suppression_lines = self.suppression_lines.saturating_add(right.suppression_lines);
        self.last_suppression = right.last_suppression;
        self.trail = right.trail;
    }

    /// Moves all times by so many microseconds, so that runs of several boots, years or clocks stand on one. Their
    /// timeline and raw lines are not needed there and go.
    pub(crate) fn moved_by(mut self, shift_us: i64) -> Self {
        self.bins = Bins::default();
        self.first_lines.clear();
        self.last_lines.clear();
        if shift_us == 0 {
            return self;
        }
        let moved = |at: &mut i64| *at = at.saturating_add(shift_us);
        [&mut self.lo, &mut self.hi].into_iter().flatten().for_each(moved);
        for visible in self.visible.values_mut().chain([&mut self.other_subjects]) {
            [&mut visible.first, &mut visible.last].into_iter().flatten().for_each(moved);
        }
        let suppressions = [&mut self.first_suppression, &mut self.last_suppression];
        for line in suppressions.into_iter().flatten() {
            move_clock(&mut line.moment, shift_us);
            line.at.iter_mut().for_each(moved);
        }
        move_clock(&mut self.head, shift_us);
        move_clock(&mut self.tail, shift_us);
        for stretch in [Some(&mut self.lead), self.trail.as_mut()].into_iter().flatten() {
            stretch.opening.iter_mut().filter_map(|opening| opening.at.as_mut()).for_each(moved);
            stretch.first.iter_mut().chain(&mut stretch.last).for_each(|token| moved(&mut token.at));
        }
        self
    }
}

/// Moves the best clock of a moment.
fn move_clock(moment: &mut Moment, shift_us: i64) {
    use crate::model::time::Stamp;
    if let Some(us) = &mut moment.since_boot_us {
        *us = us.saturating_add(shift_us);
        return;
    }
    moment.stamp = moment.stamp.map(|stamp| match stamp {
        Stamp::Absolute(us) => Stamp::Absolute(us.saturating_add(shift_us)),
        Stamp::Local(us) => Stamp::Local(us.saturating_add(shift_us)),
        Stamp::Yearless(us) => Stamp::Yearless(us.saturating_add(shift_us)),
    });
}

fn add_visible(sum: &mut Visible, more: Visible) {
    sum.lines = sum.lines.saturating_add(more.lines);
    sum.repeated = sum.repeated.saturating_add(more.repeated);
    sum.first = [sum.first, more.first].into_iter().flatten().min();
    sum.last = [sum.last, more.last].into_iter().flatten().max();
}

impl Closed {
    fn add(&mut self, callers: usize, flush: Flush, count: u64) {
        if let Some(sum) = cell(&mut self.counts, callers, flush) {
            *sum = sum.saturating_add(count);
        }
        if let Some(sum) = cell(&mut self.windows, callers, flush) {
            *sum = sum.saturating_add(u64::from(count > 0));
        }
    }

    /// A count that stood under "unseen" was flushed by somebody.
    fn settle(&mut self, callers: usize, flush: Flush, count: u64) {
        if let Some(sum) = cell(&mut self.counts, callers, Flush::Unseen) {
            *sum = sum.saturating_sub(count);
        }
        if let Some(sum) = cell(&mut self.windows, callers, Flush::Unseen) {
            *sum = sum.saturating_sub(u64::from(count > 0));
        }
        self.add(callers, flush, count);
    }

    fn append(&mut self, right: &Self) {
        let cells = self.counts.iter_mut().flatten().zip(right.counts.iter().flatten());
        cells.for_each(|(sum, more)| *sum = sum.saturating_add(*more));
        let cells = self.windows.iter_mut().flatten().zip(right.windows.iter().flatten());
        cells.for_each(|(sum, more)| *sum = sum.saturating_add(*more));
        self.short_windows = self.short_windows.saturating_add(right.short_windows);
        self.short_windows_but_first =
            self.short_windows_but_first.saturating_add(right.short_windows_but_first);
    }
}

fn cell(table: &mut [[u64; 3]; 4], callers: usize, flush: Flush) -> Option<&mut u64> {
    table.get_mut(callers)?.get_mut(flush.index())
}
