//! The verdict, what it rests on, and why another lost.

use std::fmt::Write as _;

use crate::model::diagnosis::{Evidence, RunnerUp, Verdict};
use crate::model::report::IncidentView;

use super::super::scene::Scene;
use super::super::spell::{self, Rich};
use super::super::words;

/// Inputs that a fact names.
const SOURCES_SHOWN: usize = 2;

/// `self-inflicted-churn, high confidence, new entries ≈ 245 per second`
pub(in super::super) fn cause(verdict: &Verdict) -> String {
    let mut text = words::cause_and_confidence(verdict.cause, verdict.confidence);
    if let Some(rate) = verdict.rate_per_second {
        let _ = write!(text, ", new entries {}", spell::rate(rate));
    }
    text
}

/// `contributing: tiny-default`, or nothing.
pub(in super::super) fn contributing(verdict: &Verdict) -> Option<String> {
    let also: Vec<&str> = verdict.contributing.iter().map(|cause| cause.0).collect();
    (!also.is_empty()).then(|| format!("contributing: {}", also.join(", ")))
}

/// How far the lines may be trusted, and what confirms them.
pub(in super::super) fn trust(view: &IncidentView) -> String {
    let mut text = words::trust(view.incident.trust).to_owned();
    if !view.confirmed_by.is_empty() {
        let _ = write!(text, "; confirmed by {}", view.confirmed_by.join(", "));
    }
    text
}

/// The heading of the evidence: signs are explained where there are two.
pub(in super::super) fn evidence_title(evidence: &[Evidence]) -> &'static str {
    let has_both = evidence.iter().any(|e| e.speaks_for == Some(false));
    if has_both { "Evidence (+ for, − against)" } else { "Evidence" }
}

/// The sign of a fact.
pub(in super::super) fn sign(fact: &Evidence) -> &'static str {
    match fact.speaks_for {
        Some(true) => "+",
        Some(false) => "−",
        None => "·",
    }
}

/// A fact, and where it was read.
pub(in super::super) fn fact(scene: &Scene<'_>, fact: &Evidence) -> Rich {
    let text = scene.rich(&fact.fact);
    // A fact put together from many inputs names none of them: the JSON report lists them all.
    if (1..=SOURCES_SHOWN).contains(&fact.from.len()) {
        return text.with(&format!(" [{}]", scene.input_names(&fact.from)));
    }
    text
}

/// `syn-flood, low confidence: …`
pub(in super::super) fn runner_up(scene: &Scene<'_>, runner_up: &RunnerUp) -> Rich {
    let head = words::cause_and_confidence(runner_up.cause, runner_up.confidence);
    Rich::from(format!("{head}: ")).and(&scene.rich(&runner_up.why_not))
}
