//! Adds the accounts up: at least, at most, and what makes the difference.

use std::collections::BTreeSet;

use super::account::{LastWindow, Reading, Refused, Rules, round_up};
use super::{Question, Whose};
use crate::model::era::Era;
use crate::model::incident::{Drops, HighIs, Method, Widening};
use crate::model::run::{BURST, COST_US, Run, Visible};
use crate::model::signal::Wording;
use crate::model::time::SECOND_US;

/// Quantile of the normal distribution for an interval that holds in 90 % of cases.
const WILSON_Z: f64 = 1.645;
/// What contended calls may add in eras B to D: they are neither printed nor counted.
const CONTENDED_SHARE: f64 = 0.02;
/// The same under a load that fills several processors …
const CONTENDED_SHARE_BUSY: f64 = 0.10;
/// … which is so many drops.
const BUSY_DROPS: u64 = 100_000;

/// The interval of an incident. `streams` of the answer is left empty: who copied whom is not asked here.
///
/// `low` holds for every load whose visible lines and flushes are all ours, and in nearly all cases for a mixed one.
/// `high` is what [`HighIs`] says; none where the last window was full and no window before it tells what it may have
/// refused.
pub fn drops(question: &Question<'_>) -> Drops {
    let rules = rules(question);
    let readings: Vec<Reading> =
        question.accounts.iter().filter_map(|account| Reading::of(account, &rules)).collect();
    let ours = Sums::of(&readings, question, |whose| whose == Whose::Ours);
    let answer = Answer::of(&ours, &readings, question, &rules);
    let host_total = (ours.other_namespaces > 0).then(|| {
        let all = Sums::of(&readings, question, |whose| whose != Whose::OtherTable);
        let total = Answer::of(&all, &readings, question, &rules);
        (total.low, total.high)
    });
    Drops {
        visible: ours.visible.lines.saturating_add(ours.visible.repeated).saturating_add(question.beside.0),
        repeated: ours.visible.repeated,
        suppressed: answer.suppressed,
        low: answer.low,
        high: answer.high,
        high_is: answer.high_is(),
        method: Method::Log,
        widened_by: answer.widened_by.into_iter().collect(),
        streams: Vec::new(),
        host_total,
    }
}

fn rules(question: &Question<'_>) -> Rules {
    let seconds = question.limits.cost_seconds.map(|s| i64::try_from(s).unwrap_or(i64::MAX));
    Rules {
        era: question.era,
        burst: question.limits.burst.map_or(BURST, |burst| usize::try_from(burst).unwrap_or(usize::MAX)),
        cost_us: seconds.map_or(COST_US, |seconds| seconds.saturating_mul(SECOND_US)),
    }
}

/// Visible uses of the limiter, by whose they are.
#[derive(Debug, Default)]
struct Sums {
    visible: Visible,
    /// Of them: lines that are no drops.
    not_drops: u64,
    /// Table-full lines of other namespaces, counted as theirs.
    other_namespaces: u64,
    /// Everybody else's, or not known whose.
    others: u64,
}

impl Sums {
    fn of(readings: &[Reading], question: &Question<'_>, is_ours: impl Fn(Whose) -> bool) -> Self {
        let mut sums = Self::default();
        for Reading { run, .. } in readings {
            sums.add(run, question, &is_ours);
        }
        sums
    }

    fn add(&mut self, run: &Run, question: &Question<'_>, is_ours: impl Fn(Whose) -> bool) {
        for (subject, visible) in &run.visible {
            let lines = visible.lines.saturating_add(visible.repeated);
            let sum = match (question.whose)(subject) {
                whose if is_ours(whose) => {
                    self.visible.lines = self.visible.lines.saturating_add(visible.lines);
                    self.visible.repeated = self.visible.repeated.saturating_add(visible.repeated);
                    if subject.wording != Wording::MaximumLimit {
                        continue;
                    }
                    &mut self.not_drops
                }
                Whose::OtherNamespace => &mut self.other_namespaces,
                Whose::Ours | Whose::OtherTable => &mut self.others,
            };
            *sum = sum.saturating_add(lines);
        }
        let unnamed = run.other_subjects.lines.saturating_add(run.other_subjects.repeated);
        self.others = self.others.saturating_add(run.other).saturating_add(unnamed);
    }

    fn ours(&self) -> u64 {
        self.visible.lines.saturating_add(self.visible.repeated)
    }

    /// Table-full lines that are not ours: a count behind or in front of them may be theirs.
    fn has_other_full_lines(&self, readings: &[Reading]) -> bool {
        let full = readings.iter().fold(0_u64, |sum, reading| {
            let visible = reading.run.visible.values().chain([&reading.run.other_subjects]);
            visible.fold(sum, |sum, v| sum.saturating_add(v.lines).saturating_add(v.repeated))
        });
        full > self.ours()
    }
}

/// The interval, growing.
#[derive(Debug, Default)]
struct Answer {
    low: u64,
    high: Option<u64>,
    suppressed: u64,
    /// `high` rests on more than arithmetic.
    estimated: bool,
    widened_by: BTreeSet<Widening>,
}

impl Answer {
    fn of(sums: &Sums, readings: &[Reading], question: &Question<'_>, rules: &Rules) -> Self {
        let visible = sums.ours().saturating_add(question.beside.0);
        let beside = question.beside.1.max(question.beside.0);
        let mut answer = Self {
            low: visible.saturating_sub(sums.not_drops),
            high: Some(sums.ours().saturating_add(beside)),
            ..Self::default()
        };
        if sums.not_drops > 0 {
            answer.widened_by.insert(Widening::NotDrops);
        }
        // With `message_cost = 0` every drop prints its line.
        if rules.cost_us > 0 {
            answer.add_windows(sums, readings, rules);
        }
        if rules.cost_us > 0 && sums.ours() > 1 {
            answer.add_contended(rules);
        }
        answer.add_doubts(readings, rules);
        answer.add_losses(question);
        answer
    }

    fn high_is(&self) -> HighIs {
        match self.high {
            None => HighIs::Unknown,
            Some(_) if self.estimated => HighIs::Estimate,
            Some(_) => HighIs::Bound,
        }
    }

    fn raise(&mut self, by: u64) {
        self.high = self.high.map(|high| high.saturating_add(by));
    }

    fn estimate(&mut self, why: Widening) {
        self.estimated = true;
        self.widened_by.insert(why);
    }

    fn add_windows(&mut self, sums: &Sums, readings: &[Reading], rules: &Rules) {
        let mut refused = Refused::default();
        // Kept apart, so that what is said later never takes away from what is certain now.
        let mut late = Refused::default();
        for reading in readings {
            refused.add(reading.closed);
            self.raise(reading.window_before);
            if reading.window_before > 0 {
                self.widened_by.insert(Widening::WindowBefore);
            }
            match reading.last_window {
                LastWindow::HidNothing => {}
                LastWindow::Reported(count) => late.add(count),
                LastWindow::Unreported { hidden: Some(hidden) } => {
                    self.raise(hidden);
                    self.estimate(Widening::LastWindowUnreported);
                }
                LastWindow::Unreported { hidden: None } => {
                    self.high = None;
                    self.widened_by.insert(Widening::LastWindowUnreported);
                }
            }
        }
        self.raise(refused.all.saturating_add(late.all));
        self.suppressed = refused.all.saturating_add(late.all);
        let mut sure = self.share(sums, readings, &refused, rules) * refused.full_on_both_sides as f64;
        let mut certain = refused.full_on_both_sides;
        if late.short_windows == 0 {
            let both = Refused { windows: refused.windows.saturating_add(late.windows), ..refused };
            sure += self.share(sums, readings, &both, rules) * late.full_on_both_sides as f64;
            certain = certain.saturating_add(late.full_on_both_sides);
        } else {
            self.widened_by.insert(Widening::UnseenUsers);
        }
        if sums.not_drops == 0 {
            self.low = self.low.saturating_add(rounded_down(sure).min(certain));
        }
        if refused.full_on_both_sides < refused.all {
            self.widened_by.insert(Widening::FlushedByOther);
        }
        if late.full_on_both_sides < late.all || late.short_windows > 0 {
            self.widened_by.insert(Widening::LateFlush);
        }
    }

    /// Share of the refusals that is surely ours.
    fn share(&mut self, sums: &Sums, readings: &[Reading], refused: &Refused, rules: &Rules) -> f64 {
        let shared = sums.has_other_full_lines(readings);
        let changed = !rules.are_default() || readings.iter().any(|reading| reading.is_denser_than(rules));
        if sums.other_namespaces > 0 {
            self.widened_by.insert(Widening::SharedByNamespaces);
        }
        if sums.others > 0 {
            self.widened_by.insert(Widening::OthersVisible);
        }
        if refused.short_windows > 0 {
            self.widened_by.insert(Widening::UnseenUsers);
        }
        if shared {
            // A count does not say which namespace's line flushed it.
            return 0.0;
        }
        let all = sums.ours().saturating_add(sums.others);
        if sums.others == 0 && refused.short_windows == 0 && !changed {
            return 1.0;
        }
        match rules.era {
            // A line in five seconds is no sample.
            Some(Era::A) | None => 0.0,
            Some(Era::B | Era::C | Era::D | Era::E) => wilson_low(sums.ours(), all, refused.windows),
        }
    }

    fn add_contended(&mut self, rules: &Rules) {
        if !matches!(rules.era, Some(Era::B | Era::C | Era::D) | None) {
            return;
        }
        self.estimate(Widening::Contended);
        self.high = self.high.map(|high| {
            let share = if high < BUSY_DROPS { CONTENDED_SHARE } else { CONTENDED_SHARE_BUSY };
            high.saturating_add(round_up(high as f64 * share))
        });
    }

    fn add_doubts(&mut self, readings: &[Reading], rules: &Rules) {
        if rules.era.is_none() {
            self.estimate(Widening::EraUnknown);
        }
        if !rules.are_default() {
            self.widened_by.insert(Widening::LimiterChanged);
        }
        for reading in readings {
            if reading.is_denser_than(rules) {
                self.estimate(Widening::LimiterChanged);
            }
            if reading.run.back {
                self.estimate(Widening::ClockStep);
            }
        }
    }

    fn add_losses(&mut self, question: &Question<'_>) {
        let losses = || question.accounts.iter().flat_map(|account| &account.losses);
        if losses().next().is_none() {
            return;
        }
        let known = losses().filter_map(|loss| loss.count).fold(0, u64::saturating_add);
        let all_known = losses().all(|loss| loss.count.is_some());
        self.raise(known);
        self.estimate(Widening::LinesLost(all_known.then_some(known)));
    }
}

/// Lower end of the Wilson interval of a share, as if it had been found in `trials` trials: lines of one window are not
/// independent of each other, windows nearly are.
fn wilson_low(hits: u64, all: u64, trials: u64) -> f64 {
    if all == 0 || trials == 0 {
        return 0.0;
    }
    let (share, n, z2) = (hits as f64 / all as f64, trials as f64, WILSON_Z * WILSON_Z);
    let spread = WILSON_Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((share + z2 / (2.0 * n) - spread) / (1.0 + z2 / n)).clamp(0.0, 1.0)
}

fn rounded_down(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and NaN is 0"
    )]
    let whole = value.max(0.0) as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wilson_bound_grows_with_the_number_of_windows_and_never_reaches_the_share() {
        let few = wilson_low(10, 10, 1);
        let many = wilson_low(100, 100, 10);
        assert!((0.26..0.28).contains(&few), "{few}");
        assert!(few < many && many < 1.0);
        assert!(wilson_low(5, 10, 1_000_000) < 0.5);
        assert!(wilson_low(0, 10, 3).abs() < 1e-12);
        assert!(wilson_low(1, 0, 3).abs() < 1e-12);
    }
}
