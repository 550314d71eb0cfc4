//! Runs: one made of a single record, and two that are linked become one. All of it joins: the order of bytes matters,
//! how they were cut does not.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::run::{
    BINS_MAX, BURST, Bins, Callers, Flush, KeptLine, LINE_BYTES_MAX, LINES_KEPT, RelatedSum, Run,
    SUBJECTS_MAX, Stretch, Suppression, Token, Visible, Window,
};
use crate::model::signal::{RelatedKind, Signal};
use crate::model::time::{Moment, SECOND_US};

/// The limiter's window: `net.core.message_cost`, five seconds by default.
pub const WINDOW_US: i64 = 5 * SECOND_US;
/// The kernel prints a suppression line and the message that flushed it in one go. Consoles and daemons that stamp late
/// put up to a second between them.
const FLUSH_WITHIN_US: i64 = SECOND_US;

/// One signal with its moment, as the scan met it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) moment: &'a Moment,
    /// Time on the run's clock.
    pub(super) at: Option<i64>,
    /// Unit of that time.
    pub(super) precision_us: u32,
    pub(super) signal: &'a Signal,
    /// Copies, where it is a repetition record.
    pub(super) copies: Option<u64>,
    pub(super) raw: &'a [u8],
    pub(super) boot_index: u32,
    pub(super) rollover: u32,
}

/// The run that consists of one signal.
pub(super) fn single(seen: &Seen<'_>) -> Run {
    let mut run = blank(seen);
    let times = seen.copies.unwrap_or(1);
    match seen.signal {
        Signal::Full(subject) => {
            let visible = match seen.copies {
                Some(repeated) => Visible { lines: 0, repeated },
                None => Visible { lines: 1, repeated: 0 },
            };
            run.visible.insert(subject.clone(), visible);
            run.lead = stretch(seen, Flush::Full, times);
            bin(&mut run, seen, times, 0);
        }
        Signal::Suppressed { limiter, count } => {
            let count = u64::try_from(*count).unwrap_or(0);
            let suppression = Suppression { moment: *seen.moment, at: seen.at, count, limiter: *limiter };
            run.first_suppression = Some(suppression);
            run.trail = Some(Stretch::default());
            run.suppression_lines = 1;
            run.limiters.insert(*limiter);
            bin(&mut run, seen, 0, count);
        }
        Signal::OtherLimited => {
            run.other = times;
            run.lead = stretch(seen, Flush::Other, times);
        }
        Signal::Related { kind, capacity, port } => {
            let sum = RelatedSum {
                count: times,
                first: *seen.moment,
                last: *seen.moment,
                capacity: *capacity,
                port: *port,
            };
            run.related.insert(*kind, sum);
            if uses_the_limiter(*kind) {
                run.other = times;
                run.lead = stretch(seen, Flush::Other, times);
            }
        }
        Signal::Lost { .. } => {}
    }
    run
}

/// Kinds of evidence lines that are printed through `net_ratelimit` (in some era; where not, counting them as users of
/// the limiter only widens an interval).
fn uses_the_limiter(kind: RelatedKind) -> bool {
    match kind {
        RelatedKind::TimeWaitOverflow
        | RelatedKind::SynFlood
        | RelatedKind::OrphanedSockets
        | RelatedKind::NeighbourOverflow => true,
        RelatedKind::Capacity | RelatedKind::Vmalloc | RelatedKind::BootBegins => false,
    }
}

fn blank(seen: &Seen<'_>) -> Run {
    let kept = seen.raw.get(..LINE_BYTES_MAX.min(seen.raw.len())).unwrap_or_default();
    let line = KeptLine { offset: seen.moment.offset, raw: kept.into() };
    Run {
        boot_index: seen.boot_index,
        rollover: seen.rollover,
        head: *seen.moment,
        tail: *seen.moment,
        lo: seen.at,
        hi: seen.at,
        back: false,
        visible: BTreeMap::new(),
        other_subjects: Visible::default(),
        other: 0,
        lead: Stretch::default(),
        trail: None,
        first_suppression: None,
        first_flush: None,
        last_suppression: None,
        closed: crate::model::run::Closed::default(),
        recent: Vec::new(),
        suppression_lines: 0,
        dense: false,
        limiters: BTreeSet::new(),
        related: BTreeMap::new(),
        bins: Bins::default(),
        first_lines: vec![line.clone()],
        last_lines: vec![line],
    }
}

fn stretch(seen: &Seen<'_>, caller: Flush, times: u64) -> Stretch {
    let token = seen.at.map(|at| Token { at, precision_us: seen.precision_us, copy: seen.copies.is_some() });
    let kept = usize::try_from(times).unwrap_or(BURST).min(BURST);
    let tokens: Vec<Token> = token.into_iter().flat_map(|token| std::iter::repeat_n(token, kept)).collect();
    let full = caller == Flush::Full;
    Stretch {
        full: if full { times } else { 0 },
        other: if full { 0 } else { times },
        opened_by: Some(caller),
        first: tokens.clone(),
        last: tokens,
    }
}

fn bin(run: &mut Run, seen: &Seen<'_>, visible: u64, suppressed: u64) {
    if let Some(at) = seen.at {
        run.bins.counts.insert(at.div_euclid(SECOND_US), (visible, suppressed));
    }
}

/// `left` followed by `right`, which is linked to it.
pub(super) fn append(left: &mut Run, right: Run) {
    append_suppressions(left, &right);
    left.back |=
        right.back || tick(&right.head, &right).zip(tick(&left.tail, left)).is_some_and(|(b, a)| b < a);
    left.tail = right.tail;
    append_bins(left, &right);
    left.lo = left.lo.into_iter().chain(right.lo).min();
    left.hi = left.hi.into_iter().chain(right.hi).max();
    for (subject, visible) in right.visible {
        let sum = left.visible.entry(subject).or_default();
        add(sum, visible);
    }
    add(&mut left.other_subjects, right.other_subjects);
    while left.visible.len() > SUBJECTS_MAX {
        // The least subjects are kept: which these are does not depend on the order they came in.
        if let Some((_, visible)) = left.visible.pop_last() {
            add(&mut left.other_subjects, visible);
        }
    }
    left.other = left.other.saturating_add(right.other);
    left.suppression_lines = left.suppression_lines.saturating_add(right.suppression_lines);
    left.dense |= right.dense;
    left.limiters.extend(right.limiters);
    for (kind, sum) in right.related {
        append_related(left, kind, sum);
    }
    left.first_lines.extend(right.first_lines);
    left.first_lines.truncate(LINES_KEPT);
    left.last_lines.extend(right.last_lines);
    keep_last(&mut left.last_lines, LINES_KEPT);
}

/// A moment's time on its run's clock. Runs with a time since boot have it on every line (it is part of their key).
fn tick(moment: &Moment, run: &Run) -> Option<i64> {
    run.lo.and(moment.best_us())
}

fn add(sum: &mut Visible, more: Visible) {
    sum.lines = sum.lines.saturating_add(more.lines);
    sum.repeated = sum.repeated.saturating_add(more.repeated);
}

fn append_related(left: &mut Run, kind: RelatedKind, sum: RelatedSum) {
    match left.related.entry(kind) {
        std::collections::btree_map::Entry::Vacant(vacant) => {
            vacant.insert(sum);
        }
        std::collections::btree_map::Entry::Occupied(mut old) => {
            let old = old.get_mut();
            old.count = old.count.saturating_add(sum.count);
            old.last = sum.last;
            old.capacity = sum.capacity.or(old.capacity);
            old.port = sum.port.or(old.port);
        }
    }
}

/// The stretches and suppression lines of two runs become those of one.
fn append_suppressions(left: &mut Run, right: &Run) {
    let before = left.trail.as_mut().unwrap_or(&mut left.lead);
    left.dense |= append_stretch(before, &right.lead);
    let (Some(first), Some(trail)) = (&right.first_suppression, &right.trail) else { return };
    let middle = before.clone();
    let window = window(&middle);
    let Some(own_first) = &left.first_suppression else {
        left.first_suppression = Some(first.clone());
        left.first_flush = right.first_flush;
        left.last_suppression.clone_from(&right.last_suppression);
        left.closed = right.closed.clone();
        left.recent.clone_from(&right.recent);
        left.trail = Some(trail.clone());
        return;
    };
    // What followed the last suppression line of the left is known now, up to the next one: so is its flush.
    match left.last_suppression.take() {
        None => left.first_flush = Some(flush(own_first, &middle)),
        Some((last, window)) => close(left, &last, window, flush(&last, &middle)),
    }
    left.recent.extend((first.count > 0).then_some(first.count));
    left.recent.extend_from_slice(&right.recent);
    keep_last(&mut left.recent, 3);
    match (&right.last_suppression, right.first_flush) {
        (Some(last), Some(flush)) => {
            close(left, first, window, flush);
            left.last_suppression = Some(last.clone());
        }
        _ => left.last_suppression = Some((first.clone(), window)),
    }
    for (sums, more) in left.closed.counts.iter_mut().zip(&right.closed.counts) {
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum = sum.saturating_add(*more);
        }
    }
    left.closed.windows = left.closed.windows.saturating_add(right.closed.windows);
    left.closed.short_windows = left.closed.short_windows.saturating_add(right.closed.short_windows);
    left.trail = Some(trail.clone());
}

/// Enters a suppression line whose window and flush are known.
fn close(run: &mut Run, suppression: &Suppression, window: Window, flush: Flush) {
    let row = usize::from(window.callers.full) + 2 * usize::from(window.callers.other);
    let column = match flush {
        Flush::Full => 0,
        Flush::Other => 1,
        Flush::Unseen => 2,
    };
    if let Some(sum) = run.closed.counts.get_mut(row).and_then(|row| row.get_mut(column)) {
        *sum = sum.saturating_add(suppression.count);
    }
    if suppression.count > 0 {
        run.closed.windows += 1;
        run.closed.short_windows += u64::from(window.short);
    }
}

/// What a stretch shows of the window that is open at its end.
pub(super) fn window(stretch: &Stretch) -> Window {
    let callers = Callers { full: stretch.full > 0, other: stretch.other > 0 };
    Window { callers, short: tokens_of_last_window(stretch) < BURST }
}

/// Tokens of the last window that a stretch shows, ten at most. Without times: all of them.
pub(super) fn tokens_of_last_window(stretch: &Stretch) -> usize {
    let Some(end) = stretch.last.last() else {
        return usize::try_from(stretch.full.saturating_add(stretch.other)).unwrap_or(BURST).min(BURST);
    };
    stretch.last.iter().filter(|token| in_one_window(token, end)).count()
}

pub(super) fn in_one_window(a: &Token, b: &Token) -> bool {
    let apart = b.at.saturating_sub(a.at).saturating_abs();
    apart <= WINDOW_US.saturating_add(i64::from(a.precision_us.max(b.precision_us)))
}

/// Who flushed a suppression line: the first line of the stretch behind it, if that came at once.
pub(super) fn flush(suppression: &Suppression, behind: &Stretch) -> Flush {
    let apart = suppression.at.zip(behind.first.first()).map_or(0, |(at, token)| token.at.saturating_sub(at));
    let at_once = (-FLUSH_WITHIN_US..=FLUSH_WITHIN_US).contains(&apart);
    behind.opened_by.filter(|_| at_once).unwrap_or(Flush::Unseen)
}

/// Appends a stretch. True when more than ten lines stand closer together than any window lets pass.
fn append_stretch(left: &mut Stretch, right: &Stretch) -> bool {
    let around: Vec<Token> = left.last.iter().chain(&right.first).copied().collect();
    let dense = around.windows(BURST + 1).any(|lines| {
        let (Some(a), Some(b)) = (lines.first(), lines.last()) else { return false };
        let unit = i64::from(lines.iter().map(|token| token.precision_us).max().unwrap_or(1));
        let span = b.at.saturating_sub(a.at).saturating_abs();
        span < WINDOW_US.saturating_sub(2 * unit) && lines.iter().all(|token| !token.copy)
    });
    left.full = left.full.saturating_add(right.full);
    left.other = left.other.saturating_add(right.other);
    left.opened_by = left.opened_by.or(right.opened_by);
    left.first.extend_from_slice(&right.first);
    left.first.truncate(BURST);
    left.last.extend_from_slice(&right.last);
    keep_last(&mut left.last, BURST);
    dense
}

fn keep_last<T>(list: &mut Vec<T>, count: usize) {
    let surplus = list.len().saturating_sub(count);
    list.drain(..surplus);
}

fn append_bins(left: &mut Run, right: &Run) {
    if right.bins.counts.is_empty() {
        return;
    }
    if left.bins.counts.is_empty() {
        left.bins = right.bins.clone();
        return;
    }
    let widest = i64::try_from(BINS_MAX).unwrap_or(i64::MAX);
    // The least width that fits, judged on the bins themselves: rounding down twice is rounding down once, so it does
    // not matter in which order runs were joined.
    let ends = |bins: &Bins, exponent: u8| {
        let coarser = exponent.saturating_sub(bins.exponent).min(63);
        let (first, last) = (bins.counts.first_key_value(), bins.counts.last_key_value());
        first.zip(last).map(|((first, _), (last, _))| (first >> coarser, last >> coarser))
    };
    let mut exponent = left.bins.exponent.max(right.bins.exponent);
    while exponent < 63 {
        let (Some(a), Some(b)) = (ends(&left.bins, exponent), ends(&right.bins, exponent)) else { break };
        if a.1.max(b.1).saturating_sub(a.0.min(b.0)) < widest {
            break;
        }
        exponent += 1;
    }
    let mut counts: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for bins in [&left.bins, &right.bins] {
        for (bin, (visible, suppressed)) in &bins.counts {
            let sum = counts.entry(bin >> exponent.saturating_sub(bins.exponent).min(63)).or_default();
            sum.0 = sum.0.saturating_add(*visible);
            sum.1 = sum.1.saturating_add(*suppressed);
        }
    }
    left.bins = Bins { exponent, counts };
}
