//! How many packets were refused a second, and whether that was steady, died away or grew.

use crate::model::diagnosis::Evidence;
use crate::model::incident::Incident;
use crate::model::sentence::Word;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context};
use super::super::facts::Case;

/// Reports of suppressed lines that a shape is read off, at least.
const REPORTS_MIN: usize = 6;
/// The last third has so many times the first: it grows; or the other way round: it dies away.
const CHANGED: f64 = 2.0;
/// Within this of each other all thirds are steady.
const STEADY: f64 = 1.5;
/// Reports of a limiter that is never idle come this far apart, in whole seconds (`net.core.message_cost`: 5 s).
const APART_SECONDS: [u64; 2] = [5, 6];
/// Share of all reports that must.
const NEARLY_ALL: f64 = 0.9;

pub(super) fn hints(case: &Case<'_>, incident: &Incident) -> Vec<Evidence> {
    let mut out = Vec::new();
    out.extend(peak(case));
    out.extend(shape(case, incident));
    out.extend(hard_full(case, incident));
    out
}

fn peak(case: &Case<'_>) -> Option<Evidence> {
    let peak = case.peak_loss_per_second()?;
    let said = sentence![
        "packets were refused at up to",
        Word::Rate(peak),
        ", lines and suppressed ones together; retries make them more than the connections"
    ];
    Some(context("peak-loss", said).value("per_second", peak).read_in_log(case))
}

/// Refusals that were reported, in their order.
fn reports(incident: &Incident) -> Vec<(i64, u64)> {
    let points = incident.timeline.points.iter();
    points.filter_map(|point| Some((point.at_us, point.suppressed.filter(|n| *n > 0)?))).collect()
}

/// Three thirds of the time, compared.
fn shape(case: &Case<'_>, incident: &Incident) -> Option<Evidence> {
    let reports = reports(incident);
    if reports.len() < REPORTS_MIN {
        return None;
    }
    let third = reports.len() / 3;
    let mean =
        |part: &[(i64, u64)]| part.iter().fold(0.0, |sum, (_, n)| sum + *n as f64) / part.len().max(1) as f64;
    let (first, rest) = reports.split_at(third);
    let (middle, last) = rest.split_at(rest.len() - third);
    let (first, middle, last) = (mean(first), mean(middle), mean(last));
    let (lowest, highest) = (first.min(middle).min(last), first.max(middle).max(last));
    let (id, meaning) = if last >= CHANGED * first && last >= middle {
        (
            "losses-grow",
            "the losses grow towards the end: retries pile up (a SYN comes again after 1, 3 and 7 s), so the connections behind them are a half or a third of the packets",
        )
    } else if first >= CHANGED * last && middle >= last {
        ("losses-die-away", "the losses die away: a burst that was over, whose entries leave by their timers")
    } else if highest <= STEADY * lowest {
        (
            "losses-steady",
            "the losses are as many from the beginning to the end: a churn or a flood that goes on, no burst",
        )
    } else {
        return None;
    };
    Some(context(id, meaning.into()).value("first", first).value("last", last).read_in_log(case))
}

/// Each window of the limiter follows the one before at once: there was no moment without a refusal.
fn hard_full(case: &Case<'_>, incident: &Incident) -> Option<Evidence> {
    if incident.timeline.step_seconds != 1 {
        return None;
    }
    let reports = reports(incident);
    let apart: Vec<u64> = reports
        .windows(2)
        .filter_map(|pair| {
            let us = pair.get(1)?.0.saturating_sub(pair.first()?.0);
            u64::try_from(us / crate::model::time::SECOND_US).ok()
        })
        .collect();
    let close = apart.iter().filter(|seconds| APART_SECONDS.contains(seconds)).count() as u64;
    if apart.len() + 1 < REPORTS_MIN || share(close, apart.len() as u64) < NEARLY_ALL {
        return None;
    }
    let said = "its windows of five seconds follow one another without a pause: full at every moment, with at least one new connection refused in each of them";
    Some(context("hard-full", said.into()).value("windows", reports.len() as f64).read_in_log(case))
}
