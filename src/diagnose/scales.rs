//! What speaks for a cause, what against it and what is not known, weighed. A rule puts every fact it looked at on the
//! scales, also one that turned out otherwise: how sure a verdict is, and why a runner-up lost, is read off here and
//! nowhere else.

use crate::model::diagnosis::{Confidence, Evidence};
use crate::model::incident::Gap;
use crate::model::sentence::Sentence;

use super::open::Open;

/// How much a fact tells this cause from its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Goes with it, but with others too.
    Slight,
    /// Rare without it.
    Strong,
    /// What separates it from a neighbour: while it is not known, the verdict is not sure.
    Deciding,
}

impl Weight {
    fn points(self) -> f64 {
        match self {
            Self::Slight => 1.0,
            Self::Strong => 3.0,
            Self::Deciding => 6.0,
        }
    }
}

/// The scales of one cause.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scales {
    held: f64,
    failed: f64,
    open: f64,
    evidence: Vec<Evidence>,
    lacks: Option<(Weight, Sentence)>,
    not_known: Vec<(Weight, Open)>,
}

impl Scales {
    /// A fact that speaks for the cause.
    pub(crate) fn speaks_for(&mut self, weight: Weight, evidence: Evidence) {
        self.held += weight.points();
        self.evidence.push(Evidence { speaks_for: Some(true), ..evidence });
    }

    /// A fact that speaks against it. The heaviest one is the reason it loses.
    pub(crate) fn speaks_against(&mut self, weight: Weight, evidence: Evidence) {
        self.failed += weight.points();
        if self.lacks.as_ref().is_none_or(|(other, _)| weight > *other) {
            self.lacks = Some((weight, evidence.fact.clone()));
        }
        self.evidence.push(Evidence { speaks_for: Some(false), ..evidence });
    }

    /// A fact that would be weighed and is in none of the inputs.
    pub(crate) fn not_known(&mut self, weight: Weight, open: Open) {
        self.open += weight.points();
        self.not_known.push((weight, open));
    }

    /// A fact looked at: for the cause if it holds, else against it.
    pub(crate) fn weigh(
        &mut self,
        weight: Weight,
        holds: bool,
        yes: impl FnOnce() -> Evidence,
        no: impl FnOnce() -> Evidence,
    ) {
        if holds { self.speaks_for(weight, yes()) } else { self.speaks_against(weight, no()) }
    }

    /// How things are, without weight.
    pub(crate) fn add(&mut self, evidence: impl IntoIterator<Item = Evidence>) {
        self.evidence.extend(evidence);
    }

    /// Share of the weighed facts that speak for it; 0 where none was weighed.
    pub(crate) fn fit(&self) -> f64 {
        let weighed = self.held + self.failed;
        if weighed > 0.0 { self.held / weighed } else { 0.0 }
    }

    /// The same with what is not known counted half: what is compared between causes.
    pub(crate) fn likelihood(&self) -> f64 {
        let all = self.held + self.failed + self.open;
        if all > 0.0 { (self.held + self.open / 2.0) / all } else { 0.0 }
    }

    /// How sure its facts make it, for a cause that explains this share of the table.
    pub(crate) fn confidence(&self, explains: f64) -> Confidence {
        let separated = self.lacks.as_ref().is_none_or(|(weight, _)| *weight < Weight::Deciding);
        let known = self.not_known.iter().all(|(weight, _)| *weight < Weight::Deciding);
        match self.fit() {
            fit if fit >= 0.8 && separated && known && explains >= 0.5 => Confidence::High,
            fit if fit >= 0.6 && separated && explains >= 0.3 => Confidence::Medium,
            _ => Confidence::Low,
        }
    }

    /// The heaviest fact against it.
    pub(crate) fn lacks(&self) -> Option<&Sentence> {
        self.lacks.as_ref().map(|(_, sentence)| sentence)
    }

    /// What is not known, the heaviest first.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let mut open: Vec<&(Weight, Open)> = self.not_known.iter().collect();
        open.sort_by_key(|open| std::cmp::Reverse(open.0));
        open.into_iter()
            .map(|(_, open)| Gap {
                what: open.what.into(),
                why: open.why.clone(),
                command: open.command.clone(),
            })
            .collect()
    }

    /// Everything said.
    pub(crate) fn into_evidence(self) -> Vec<Evidence> {
        self.evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::evidence::context;

    fn open() -> Open {
        Open { what: "is_local", why: "not given".into(), command: None }
    }

    #[test]
    fn a_cause_is_as_sure_as_what_separates_it_is_known() {
        let mut scales = Scales::default();
        scales.speaks_for(Weight::Strong, context("a", "a".into()));
        scales.speaks_for(Weight::Deciding, context("b", "b".into()));
        assert_eq!(scales.confidence(0.9), Confidence::High);
        assert_eq!(scales.confidence(0.4), Confidence::Medium);
        assert_eq!(scales.confidence(0.2), Confidence::Low);
        let mut unsure = scales.clone();
        unsure.not_known(Weight::Deciding, open());
        assert_eq!(unsure.confidence(0.9), Confidence::Medium);
        assert!(unsure.likelihood() < scales.likelihood());
        scales.speaks_against(Weight::Deciding, context("c", "c".into()));
        assert_eq!(scales.confidence(0.9), Confidence::Low);
    }

    #[test]
    fn the_heaviest_fact_against_it_is_the_reason_it_loses() {
        let mut scales = Scales::default();
        assert_eq!(scales.lacks(), None);
        scales.speaks_against(Weight::Slight, context("a", "a".into()));
        scales.speaks_against(Weight::Strong, context("b", "b".into()));
        scales.speaks_against(Weight::Strong, context("c", "c".into()));
        assert_eq!(scales.lacks(), Some(&"b".into()));
        assert!(scales.fit().abs() < f64::EPSILON);
    }
}
