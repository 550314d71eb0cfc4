//! From candidates to a verdict: the best first, the others with the reason they lost, doubts said aloud.

use std::cmp::Ordering;

use crate::model::diagnosis::{Body, Cause, Confidence, Evidence, Remedy, RunnerUp, Verdict};
use crate::model::incident::Gap;
use crate::model::sentence::Word;
use crate::sentence;

use super::causes::{Candidate, Tier, rules};
use super::doubts::{Doubt, doubts};
use super::evidence::{Cited, contradicts};
use super::facts::Case;
use super::remedies::{guard, place};
use super::scales::Scales;
use super::{arithmetic, beside, folklore, hints, limits, view, what_if};

/// Losers that are shown.
const RUNNERS_UP_MAX: usize = 5;

/// Within this share of the leader's score a runner-up fits nearly as well.
const NEARLY: f64 = 0.9;

/// The table that was read is not full.
const NOT_FULL: Cause = Cause("no-incident");
/// No cause: nothing decides.
const UNDECIDED: Cause = Cause("insufficient-evidence");

/// Everything said about one case, and what is not known and would decide.
pub(crate) fn body(case: &Case<'_>) -> (Body, Vec<Gap>) {
    let mut candidates = candidates(case);
    let (named, leader) = if candidates.is_empty() { nothing() } else { candidates.remove(0) };
    candidates.retain(|(_, candidate)| candidate.tier != Tier::Fallback);
    let rival = rival(&leader, &candidates);
    let gaps = leader.scales.gaps().into_iter().chain(rival.into_iter().flat_map(|(_, c)| c.scales.gaps()));
    let gaps = gaps.collect();
    let mut doubts = doubts(case, &leader);
    doubts.extend(rival.map(|(cause, candidate)| close_call(*cause, candidate)));
    let confidence = doubts.iter().fold(leader.confidence(), |sure, doubt| sure.min(doubt.at_most));
    let limits = if leader.limit_contributes { limits::contributing(case) } else { Vec::new() };
    let mut contributing = leader.contributing.clone();
    contributing.extend(limits.iter().map(|(cause, _)| *cause).filter(|other| *other != named));
    // What contributes has not lost, and that nothing is decided is no cause.
    let losers = candidates.iter().filter(|(cause, _)| !contributing.contains(cause) && *cause != UNDECIDED);
    let runners_up = losers.take(RUNNERS_UP_MAX).map(|loser| lost(loser, named, &leader)).collect();
    let mut evidence = leader.scales.into_evidence();
    evidence.extend(limits.into_iter().map(|(_, evidence)| evidence));
    evidence.extend(limits::against_default(case));
    evidence.extend(limits::configured_otherwise(case));
    evidence.extend(beside::evidence(case));
    evidence.extend(hints::impossible::evidence(case));
    evidence.extend(arithmetic::evidence(case, &evidence, leader.rate_per_second));
    evidence.extend(doubts.into_iter().map(|doubt| doubt.evidence));
    let (remedies, wrong_here) = guard::permitted(case, leader.remedies);
    let remedies: Vec<Remedy> = remedies.into_iter().map(founded).collect();
    let useless = leader.will_not_help.into_iter().chain(wrong_here).collect();
    let will_not_help = folklore::with(case, named, useless, &remedies);
    let body = Body {
        census: view::census(case),
        verdict: Verdict {
            cause: named,
            contributing,
            confidence,
            summary: view::introduced(case, leader.summary),
            rate_per_second: leader.rate_per_second,
        },
        runners_up,
        top_sources: view::top_sources(case),
        top_peers: view::top_peers(case),
        top_pairs: view::top_pairs(case),
        evidence: in_order(once(evidence)),
        remedies: place::within(case.namespace(), remedies),
        what_if: what_if::scenarios(case),
        will_not_help,
    };
    (body, gaps)
}

/// All candidates, best first. Equal ones keep the order of the list.
fn candidates(case: &Case<'_>) -> Vec<(Cause, Candidate)> {
    let mut out: Vec<(Cause, Candidate)> =
        rules().filter_map(|rule| Some((rule.cause, (rule.judge)(case)?))).collect();
    out.sort_by(|(_, a), (_, b)| b.tier.cmp(&a.tier).then(b.score().total_cmp(&a.score())));
    out
}

/// A number about the long run says what it rests on; of a remedy that says nothing else, that all else stays.
fn founded(mut remedy: Remedy) -> Remedy {
    let said = |word: &Word| matches!(word, Word::Text(text) if text.contains("assumed:"));
    let effect = &mut remedy.effect;
    if effect.steady_state_entries.is_some() && !effect.note.0.iter().any(said) {
        let note = std::mem::take(&mut effect.note);
        effect.note = if note.0.is_empty() {
            "assumed: all else stays as it is".into()
        } else {
            note.with("; assumed: all else stays as it is")
        };
    }
    remedy
}

/// The list always holds a fallback; this stands where it would not.
fn nothing() -> (Cause, Candidate) {
    let summary = vec!["what was given decides nothing".into()];
    let candidate = Candidate { summary, ..Candidate::new(Tier::Fallback, 0.0, Scales::default()) };
    (Cause("insufficient-evidence"), candidate)
}

/// The first runner-up, where it fits nearly as well as the leader.
fn rival<'c>(leader: &Candidate, others: &'c [(Cause, Candidate)]) -> Option<&'c (Cause, Candidate)> {
    let near = |other: &Candidate| other.tier == leader.tier && other.score() >= NEARLY * leader.score();
    others.first().filter(|(_, other)| leader.tier < Tier::Decided && near(other))
}

/// Said aloud where two causes fit about equally.
fn close_call(cause: Cause, rival: &Candidate) -> Doubt {
    let said = sentence![
        Word::Code(cause.0.to_owned()),
        "fits nearly as well: what would tell them apart is not in these inputs"
    ];
    let evidence = contradicts("close-call", said).value("score", rival.score());
    Doubt { evidence, at_most: Confidence::Medium }
}

/// A loser, with what speaks against it most, else how it falls behind.
fn lost((cause, candidate): &(Cause, Candidate), named: Cause, leader: &Candidate) -> RunnerUp {
    let why_not = match (candidate.scales.lacks(), &candidate.loses) {
        (Some(lacks), _) => lacks.clone(),
        (None, _) if leader.tier == Tier::Decided && named == NOT_FULL => {
            sentence!["it would hold", Word::Share(candidate.explains), "of a table that is not full"]
        }
        (None, _) if leader.tier == Tier::Decided => "the verdict stands whoever holds the table".into(),
        (None, Some(loses)) => loses.clone(),
        (None, None) if candidate.explains < leader.explains => {
            sentence![
                "it explains",
                Word::Share(candidate.explains),
                "of the table, and the verdict explains",
                Word::Share(leader.explains)
            ]
        }
        (None, None) => sentence!["nothing speaks against it, but less is known that speaks for it"],
    };
    // However well its own facts fit: another cause fits better, and one that lost is nothing to be sure of.
    RunnerUp { cause: *cause, confidence: candidate.confidence().min(Confidence::Medium), why_not }
}

/// What is said in the same words, or what a rule has said with more, is said once.
fn once(evidence: Vec<Evidence>) -> Vec<Evidence> {
    let mut out: Vec<Evidence> = Vec::with_capacity(evidence.len());
    for fact in evidence {
        let said = out.iter().any(|other| match (fact.id, other.id) {
            ("limit-is-kernel-default", "limit-is-default") | ("usage" | "usage-full", "usage") => true,
            ("configured-differs", "configured-not-running") => other.values == fact.values,
            _ => other.fact == fact.fact,
        });
        if !said {
            out.push(fact);
        }
    }
    out
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
