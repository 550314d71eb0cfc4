//! What happened in the ten minutes before the incidents more often than chance has it.

use crate::model::diagnosis::Evidence;
use crate::model::incident::Forerunner;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::evidence::{Cited, context};
use super::super::facts::Case;

pub(super) fn hints(case: &Case<'_>) -> Vec<Evidence> {
    case.forerunners.iter().map(|forerunner| hint(case, forerunner)).collect()
}

fn hint(case: &Case<'_>, found: &Forerunner) -> Evidence {
    let mut said = sentence![
        "in the ten minutes before",
        Word::Number(found.before),
        "of",
        Word::Count(found.incidents, noun::INCIDENT)
    ];
    said.0.extend(happened(found).0);
    said = match found.alone {
        0 => said.with("; it did at no other time"),
        times => said.with("; it did").with(Word::Number(times)).with("other times without one"),
    };
    let said = said.with("(by accident that happens in fewer than one case of a hundred)");
    context("came-before", said)
        .value("before", found.before as f64)
        .value("incidents", found.incidents as f64)
        .value("alone", found.alone as f64)
        .value("chance", found.chance)
        .read_in_log(case)
}

fn happened(found: &Forerunner) -> Sentence {
    let name = found.name.as_ref().map(|name| Word::Untrusted(name.as_bytes().into()));
    let named = |before: &'static str, none: &'static str| match name.clone() {
        Some(name) => sentence![before, name],
        None => none.into(),
    };
    match found.kind {
        RelatedKind::PortForwarding => {
            named("a port of a bridge came up (a container or guest):", "a port of a bridge came up")
        }
        RelatedKind::RulesReloaded => {
            named("the packet filter's rules were replaced by", "the packet filter's rules were replaced")
        }
        RelatedKind::LinkChanged => named("the link changed of", "a link changed"),
        RelatedKind::Failover => named("a router of a pair went to", "a router of a pair changed"),
        RelatedKind::LimitSet => "the limit was set".into(),
        RelatedKind::Capacity => "the tracker was loaded".into(),
        _ => named("this happened:", "something else happened"),
    }
}
