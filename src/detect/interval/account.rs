//! What one log tells: its runs joined into one, the counts that close its windows, and its two ends.

use super::window::{Beginning, FullWindow, last_full};
use super::{Account, Told};
use crate::model::era::Era;
use crate::model::run::{BURST, COST_US, Flush, Run, SLACK_US, Stretch, Token};
use crate::model::time::{Moment, SECOND_US};

/// How the limiter of that kernel works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) era: Option<Era>,
    /// Tokens in a window.
    pub(super) burst: usize,
    /// Length of a window.
    pub(super) cost_us: i64,
}

impl Rules {
    /// The kernel's own settings.
    pub(super) fn are_default(&self) -> bool {
        self.burst == BURST && self.cost_us == COST_US
    }

    /// Before 2.6.26 tokens trickle into a bucket, one per `cost`. What the era is not known of may be such a kernel.
    fn may_be_bucket(&self) -> bool {
        matches!(self.era, Some(Era::A) | None)
    }

    /// Up to 4.9 the time of a window may run from its second call (`begin = 0` at expiry, lib/ratelimit.c).
    pub(super) fn may_begin_at_second_call(&self) -> bool {
        matches!(self.era, Some(Era::B | Era::C) | None)
    }

    /// Tokens that a window with refusals shows close together, if nobody unseen used any.
    fn tokens_close_together(self) -> usize {
        if self.may_begin_at_second_call() { BURST - 1 } else { BURST }
    }

    fn window_span_us(&self, clock: &Moment) -> i64 {
        self.cost_us.saturating_add(SLACK_US).saturating_add(unit_us(clock))
    }

    /// Time in which an empty bucket fills.
    fn filling_us(&self) -> i64 {
        self.cost_us.saturating_mul(i64::try_from(self.burst).unwrap_or(i64::MAX))
    }
}

/// The kernel measures windows in ticks, of ten milliseconds at most.
const TICK_US: i64 = 20_000;

/// Stamps are taken for whole seconds, the printk clock for exact.
fn unit_us(clock: &Moment) -> i64 {
    if clock.since_boot_us.is_some() { 0 } else { SECOND_US }
}

/// How far off the end of a window may be: the kernel's tick, and the unit of the log's clock.
pub(super) fn doubt_us(clock: &Moment) -> i64 {
    TICK_US.saturating_add(unit_us(clock))
}

/// Refusals of one or more windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Refused {
    /// All of them.
    pub(super) all: u64,
    /// Those printed in front of a table-full line, behind a window that shows such lines.
    pub(super) full_on_both_sides: u64,
    /// Windows with refusals.
    pub(super) windows: u64,
    /// Of them: windows that do not show all their tokens.
    pub(super) short_windows: u64,
}

impl Refused {
    pub(super) fn add(&mut self, more: Self) {
        self.all = self.all.saturating_add(more.all);
        self.full_on_both_sides = self.full_on_both_sides.saturating_add(more.full_on_both_sides);
        self.windows = self.windows.saturating_add(more.windows);
        self.short_windows = self.short_windows.saturating_add(more.short_windows);
    }

    fn one(stretch: &Stretch, count: u64, flush: Flush, clock: &Moment, rules: &Rules) -> Self {
        if count == 0 {
            return Self::default();
        }
        let sure = stretch.full > 0 && flush == Flush::Full;
        let span = rules.window_span_us(clock);
        let short = !stretch.ends_with(rules.tokens_close_together(), span) && rules.era != Some(Era::A);
        Self {
            all: count,
            full_on_both_sides: if sure { count } else { 0 },
            windows: 1,
            short_windows: u64::from(short),
        }
    }
}

/// The last window of the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastWindow {
    /// It refused nothing.
    HidNothing,
    /// A suppression line behind the incident says what it refused.
    Reported(Refused),
    /// It was full, and nothing says what it refused.
    Unreported {
        /// An extrapolation from the windows before; none where none of them refused anything.
        hidden: Option<u64>,
    },
}

/// One log's account, read.
#[derive(Debug)]
pub(super) struct Reading {
    /// All its runs as one, on the incident's clock.
    pub(super) run: Run,
    /// Windows that closed within the incident.
    pub(super) closed: Refused,
    /// Refusals of a window before our first line that may be ours.
    pub(super) window_before: u64,
    /// The window at its end.
    pub(super) last_window: LastWindow,
}

impl Reading {
    /// Reads an account; none where it has no runs.
    pub(super) fn of(account: &Account<'_>, rules: &Rules) -> Option<Self> {
        let runs = account.runs.iter().map(placed);
        let run = runs.reduce(|mut all, run| {
            all.absorb(run);
            all
        })?;
        let closed = closed(&run, rules);
        let window_before = window_before(&run, account.before.as_ref(), rules);
        let last_window = last_window(&run, account, rules);
        Some(Self { run, closed, window_before, last_window })
    }

    /// More lines stood together than the limiter allows with the settings that are assumed.
    pub(super) fn is_denser_than(&self, rules: &Rules) -> bool {
        self.run.dense && rules.are_default()
    }
}

fn placed(told: &Told<'_>) -> Run {
    told.run.clone().moved_by(told.shift_us)
}

fn closed(run: &Run, rules: &Rules) -> Refused {
    let mut sum = Refused {
        all: run.closed.total(),
        full_on_both_sides: 0,
        windows: run.closed.windows.iter().flatten().fold(0, |sum, n| sum.saturating_add(*n)),
        short_windows: if rules.may_begin_at_second_call() {
            run.closed.short_windows_but_first
        } else {
            run.closed.short_windows
        },
    };
    for callers in crate::model::run::Callers::ALL.into_iter().filter(|callers| callers.full) {
        let by_flush = run.closed.counts.get(callers.index());
        let count = by_flush.and_then(|counts| counts.get(Flush::Full.index()));
        sum.full_on_both_sides = sum.full_on_both_sides.saturating_add(count.copied().unwrap_or(0));
    }
    if let Some(first) = run.first_suppression.as_ref().filter(|_| run.lead.tokens() > 0) {
        sum.add(Refused::one(&run.lead, first.count, first.flush, &first.moment, rules));
    }
    if rules.may_be_bucket() {
        // Such a kernel shows one line between two counts.
        sum.short_windows = 0;
    }
    sum
}

/// The count that stands in front of the first line. Its window was opened by somebody before us: ours may have been
/// refused in it, unless the log shows that window and shows it over before we began.
fn window_before(run: &Run, before: Option<&Told<'_>>, rules: &Rules) -> u64 {
    let Some(first) = run.first_suppression.as_ref().filter(|_| run.lead.tokens() == 0) else { return 0 };
    let begun = before.and_then(|before| {
        let run = placed(before);
        // A window that shows too few tokens refused nothing: the count is of one that the log does not show.
        last_full(run.open_stretch(), Beginning::Unknown, &run.tail, rules)?;
        // With a count behind it it is the last one, whenever it was opened: at the latest with its last line.
        run.open_stretch().last.last().map(|token| token.at)
    });
    let near = rules.cost_us.saturating_add(SECOND_US).saturating_add(unit_us(&first.moment));
    match begun.zip(first.at) {
        Some((begun, ours)) if ours.saturating_sub(begun) > near => 0,
        _ => first.count,
    }
}

fn last_window(run: &Run, account: &Account<'_>, rules: &Rules) -> LastWindow {
    let stretch = run.open_stretch();
    if stretch.tokens() == 0 && run.last_suppression.is_none() {
        return LastWindow::HidNothing;
    }
    let after = account.after.as_ref().map(placed);
    if let Some(after) = &after {
        if after.lead.tokens() > 0 {
            let apart =
                run.tail.best_us().zip(after.head.best_us()).map(|(tail, head)| head.saturating_sub(tail));
            if apart.is_some_and(|apart| apart > rules.window_span_us(&run.tail)) {
                return LastWindow::HidNothing;
            }
        } else if let Some(line) = &after.first_suppression {
            return LastWindow::Reported(Refused::one(stretch, line.count, line.flush, &line.moment, rules));
        }
    }
    let full = last_full(stretch, beginning(run, account, rules), &run.tail, rules)
        .or_else(|| rules.may_be_bucket().then_some(FullWindow { opened_at: None }));
    match full {
        Some(full) if !(rules.may_be_bucket() && bucket_has_tokens(run, account, rules)) => {
            LastWindow::Unreported { hidden: extrapolated(run, full, account.covered_to, rules) }
        }
        _ => LastWindow::HidNothing,
    }
}

/// Whether the stretch at the end of a run begins with a window of its own.
fn beginning(run: &Run, account: &Account<'_>, rules: &Rules) -> Beginning {
    let quiet = rules.window_span_us(&run.tail);
    if run.trail.is_some() || quiet_before(run, account, quiet) {
        Beginning::Opens
    } else {
        Beginning::Unknown
    }
}

/// A bucket that was full (nobody had called for as long as it takes to fill) still has tokens when fewer calls than
/// it holds were made since.
fn bucket_has_tokens(run: &Run, account: &Account<'_>, rules: &Rules) -> bool {
    let quiet = rules.filling_us().saturating_add(unit_us(&run.tail));
    let stretch = run.open_stretch();
    let is_quiet =
        |before: &Token, behind: &Token| !behind.repeated && behind.at.saturating_sub(before.at) >= quiet;
    let gap = stretch.last.windows(2).rposition(|pair| matches!(pair, [a, b] if is_quiet(a, b)));
    let since = match gap {
        Some(gap) => stretch.last.len().saturating_sub(gap + 1),
        None if run.trail.is_none() && quiet_before(run, account, quiet) => {
            usize::try_from(stretch.tokens()).unwrap_or(usize::MAX)
        }
        None => return false,
    };
    since < rules.burst
}

/// Nothing of the limiter stands in the log for so long before the run's first line.
fn quiet_before(run: &Run, account: &Account<'_>, quiet_us: i64) -> bool {
    let Some(first) = run.lead.first.first().filter(|token| !token.repeated) else { return false };
    let since = match &account.before {
        Some(before) => placed(before).tail.best_us(),
        None => account.covered_from,
    };
    since.is_some_and(|since| first.at.saturating_sub(since) >= quiet_us)
}

/// Counts that an extrapolation looks at.
const RECENT: usize = 3;

/// What the last window may have refused, if calls came no faster than in the windows before it, with room for growth:
/// the more windows were seen, the less.
fn extrapolated(run: &Run, full: FullWindow, known_end: Option<i64>, rules: &Rules) -> Option<u64> {
    let first = run.first_suppression.as_ref().filter(|first| run.lead.tokens() > 0 && first.count > 0);
    let counts = first.map(|first| first.count).into_iter().chain(run.recent.iter().copied());
    let counts: Vec<u64> = counts.collect();
    let recent = counts.get(counts.len().saturating_sub(RECENT)..)?;
    let most = recent.iter().max()?;
    let growth = (1.0 + 1.0 / recent.len() as f64).max(1.25);
    let part = match full.opened_at.zip(known_end) {
        Some((opened, end)) if rules.cost_us > 0 && are_level(recent) => {
            (end.saturating_sub(opened).max(0) as f64 / rules.cost_us as f64).min(1.0)
        }
        _ => 1.0,
    };
    Some(round_up(growth * *most as f64 * part).saturating_add(1))
}

/// Calls come about as fast in one window as in the next, so part of a window holds that part of its refusals. A load
/// that comes and goes has its refusals in any part of a window.
fn are_level(counts: &[u64]) -> bool {
    let ends = counts.iter().min().zip(counts.iter().max());
    counts.len() > 1 && ends.is_some_and(|(least, most)| least.saturating_mul(4) >= most.saturating_mul(3))
}

/// The least whole number not below; rounding errors of the last digit do not count.
pub(super) fn round_up(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and NaN is 0"
    )]
    let whole = (value - 1e-9).ceil().max(0.0) as u64;
    whole
}
