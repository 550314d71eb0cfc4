//! What a log alone tells of an incident: hints, not causes. Each kind of hint is a file; all of them read facts that
//! `detect` made out, none reads a line. They are called hints where they are printed, and none of them ever makes a
//! verdict surer.

mod flood;
pub(crate) mod impossible;
mod limits_elsewhere;
mod loss;
mod lost_lines;
mod namespaces;
mod own_client;
mod path;
pub(crate) mod recurrence;
mod rules;
mod suspects;
mod sweep;
mod uptime;
mod victims;
mod who_before;

use crate::model::diagnosis::Evidence;
use crate::model::incident::{Around, Incident};
use crate::model::sentence::{Sentence, Word};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::evidence::{Cited, context};
use super::facts::Case;

/// All hints of a case's incident, the ones that speak of the whole first.
pub(crate) fn all(case: &Case<'_>) -> Vec<Evidence> {
    let Some(incident) = case.incident else { return Vec::new() };
    let mut out = Vec::new();
    out.extend(loss::hints(case, incident));
    out.extend(recurrence::hint(case));
    out.extend(uptime::hints(case, incident));
    out.extend(who_before::hints(case));
    out.extend(namespaces::hint(case));
    let around = Near { case, incident };
    out.extend(own_client::hints(&around));
    out.extend(suspects::hints(&around));
    out.extend(flood::hints(&around));
    out.extend(rules::hints(&around));
    out.extend(path::hints(&around));
    out.extend(sweep::hints(&around));
    out.extend(limits_elsewhere::hints(&around));
    out.extend(victims::hints(&around));
    out.extend(lost_lines::hint(case, incident));
    out.into_iter().map(as_hint).collect()
}

/// The one hint that comes near to a cause, with what to do about it; none where the log has no such line. A program that
/// ran out of ports names who fills the table; a limit that was refused is a cause by itself.
pub(crate) fn foremost(case: &Case<'_>) -> Option<(Sentence, Sentence)> {
    let near = Near { case, incident: case.incident? };
    let hint = |around: &Around| around.fact.clone().with("(a hint, no proof)");
    if let Some(around) = near.of(RelatedKind::PortsExhausted).next() {
        let then = "let that program keep its connections open and use them again; save the table to be sure";
        return Some((hint(around), then.into()));
    }
    near.has(RelatedKind::SettingRefused).then(|| {
        let key = case.kernel.key("max");
        let said =
            "a setting of the tracker was refused: what is configured is not in force (a hint, no proof)"
                .into();
        let then = sentence![
            "compare",
            Word::Code(format!("sysctl {key}")),
            "with the settings file and set it now; save the table"
        ];
        (said, then)
    })
}

/// The same, called what it is.
fn as_hint(evidence: Evidence) -> Evidence {
    let mut words = vec![Word::Text("hint:")];
    words.extend(evidence.fact.0);
    Evidence { fact: Sentence(words), ..evidence }
}

/// Lines near an incident.
pub(crate) struct Near<'a> {
    case: &'a Case<'a>,
    incident: &'a Incident,
}

impl<'a> Near<'a> {
    /// Those of a kind.
    fn of(&self, kind: RelatedKind) -> impl Iterator<Item = &'a Around> + use<'a> {
        self.incident.around.iter().filter(move |around| around.kind == kind)
    }

    /// There are some of a kind.
    fn has(&self, kind: RelatedKind) -> bool {
        self.of(kind).next().is_some()
    }

    /// What each line of a kind says, and what it hints at.
    fn told(&self, kind: RelatedKind, id: &'static str, meaning: &'static str) -> Vec<Evidence> {
        self.of(kind).map(|around| self.one(around, id, meaning.into())).collect()
    }

    /// What one of them says, and what it hints at.
    fn one(&self, around: &Around, id: &'static str, meaning: Sentence) -> Evidence {
        let mut said = around.fact.clone().with(":");
        said.0.extend(meaning.0);
        context(id, said).value("lines", around.count as f64).read_in_log(self.case)
    }
}
