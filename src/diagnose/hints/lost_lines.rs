//! Lines of the log that were lost on the way.

use crate::model::diagnosis::Evidence;
use crate::model::incident::{Incident, Widening};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::evidence::{Cited, context};
use super::super::facts::Case;

pub(super) fn hint(case: &Case<'_>, incident: &Incident) -> Option<Evidence> {
    let lost = incident.drops.widened_by.iter().find_map(|widening| match widening {
        Widening::LinesLost(count) => Some(*count),
        _ => None,
    })?;
    let said: Sentence = match lost {
        Some(count) => sentence!["the log says that", Word::Count(count, noun::LINE), "of its own were lost"],
        None => "the log says that lines of its own were lost".into(),
    };
    let said = said.with("then: what else happened may be among them");
    let evidence = context("around-lost-lines", said);
    let evidence = lost.into_iter().fold(evidence, |evidence, count| evidence.value("lines", count as f64));
    Some(evidence.read_in_log(case))
}
