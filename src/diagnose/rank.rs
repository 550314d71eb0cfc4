//! From candidates to a verdict: the best first, the others with the reason they lost, doubts said aloud.

use std::cmp::Ordering;

use crate::model::diagnosis::{Body, Cause, Evidence, Remedy, RunnerUp, Verdict};

use super::causes::{Candidate, RULES, Tier};
use super::doubts::doubts;
use super::facts::Case;
use super::remedies::{guard, place};
use super::{beside, limits, view, what_if};

/// Losers that are shown.
const RUNNERS_UP_MAX: usize = 5;

/// Everything said about one case.
pub(crate) fn body(case: &Case<'_>) -> Body {
    let mut candidates = candidates(case);
    let (verdict, leader) = if candidates.is_empty() {
        (Cause("insufficient-evidence"), nothing())
    } else {
        candidates.remove(0)
    };
    let doubts = doubts(case, &leader);
    let confidence = doubts.iter().fold(leader.confidence, |sure, doubt| sure.min(doubt.at_most));
    let contributing = if leader.limit_contributes { limits::contributing(case) } else { Vec::new() };
    let mut evidence = leader.evidence;
    evidence.extend(contributing.iter().map(|(_, evidence)| evidence.clone()));
    evidence.extend(limits::against_default(case));
    evidence.extend(limits::configured_otherwise(case));
    evidence.extend(beside::evidence(case));
    evidence.extend(doubts.into_iter().map(|doubt| doubt.evidence));
    Body {
        census: view::census(case),
        verdict: Verdict {
            cause: verdict,
            contributing: contributing.into_iter().map(|(cause, _)| cause).collect(),
            confidence,
            summary: leader.summary,
            rate_per_second: leader.rate_per_second,
        },
        runners_up: candidates
            .into_iter()
            .filter(|(_, c)| c.tier != Tier::Fallback)
            .take(RUNNERS_UP_MAX)
            .map(lost)
            .collect(),
        top_sources: view::top_sources(case),
        top_peers: view::top_peers(case),
        top_pairs: view::top_pairs(case),
        evidence: in_order(evidence),
        remedies: place::within(case.namespace(), safe(leader.remedies)),
        what_if: what_if::scenarios(case),
        will_not_help: leader.will_not_help,
    }
}

/// All candidates, best first. Equal ones keep the order of the list.
fn candidates(case: &Case<'_>) -> Vec<(Cause, Candidate)> {
    let mut out: Vec<(Cause, Candidate)> =
        RULES.iter().filter_map(|rule| Some((rule.cause, (rule.judge)(case)?))).collect();
    out.sort_by(|(_, a), (_, b)| b.tier.cmp(&a.tier).then(b.explains.total_cmp(&a.explains)));
    out
}

/// The list always holds a fallback; this stands where it would not.
fn nothing() -> Candidate {
    Candidate {
        tier: Tier::Fallback,
        explains: 0.0,
        confidence: crate::model::diagnosis::Confidence::Low,
        summary: vec!["what was given decides nothing".into()],
        why_not: "what was given decides nothing".into(),
        rate_per_second: None,
        evidence: Vec::new(),
        remedies: Vec::new(),
        will_not_help: Vec::new(),
        limit_contributes: false,
    }
}

fn lost((cause, candidate): (Cause, Candidate)) -> RunnerUp {
    RunnerUp { cause, confidence: candidate.confidence, why_not: candidate.why_not }
}

/// For, then against, then context; each in the order it was found.
fn in_order(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    let rank = |e: &Evidence| match e.speaks_for {
        Some(true) => 0,
        Some(false) => 1,
        None => 2,
    };
    evidence.sort_by(|a, b| -> Ordering { rank(a).cmp(&rank(b)) });
    evidence
}

/// Only what may be printed; mid-stream pickup is never switched off beside a deletion.
fn safe(remedies: Vec<Remedy>) -> Vec<Remedy> {
    let deletes = remedies.iter().any(guard::deletes);
    remedies.into_iter().filter(|r| guard::allowed(r) && !(deletes && guard::forbids_pickup(r))).collect()
}
