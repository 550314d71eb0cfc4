//! Rules, limits and the module: what was set anew, by whom, and how long before.

use crate::model::diagnosis::Evidence;
use crate::model::incident::Around;
use crate::model::sentence::{Sentence, Word};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::seconds;
use super::Near;

pub(super) fn hints(near: &Near<'_>) -> Vec<Evidence> {
    let mut out = Vec::new();
    let booted = near.has(RelatedKind::BootBegins);
    for load in near.of(RelatedKind::Capacity) {
        let meaning: &'static str = if booted {
            "the tracker was loaded then: limits and entries began anew"
        } else {
            "in the middle of an uptime: the module was loaded anew, so limits, timeouts and entries set or made before are lost"
        };
        out.push(near.one(load, "around-module-load", before(near, load, meaning)));
    }
    for reload in near.of(RelatedKind::RulesReloaded) {
        let meaning = "where a reload unloads the tracker, limits and entries begin anew";
        out.push(near.one(reload, "around-rules", before(near, reload, meaning)));
    }
    out.extend(near.told(
        RelatedKind::LimitSet,
        "around-limit-set",
        "the limit in force is that one from then on",
    ));
    out.extend(near.told(
        RelatedKind::SettingRefused,
        "around-setting-refused",
        "what is configured is not in force",
    ));
    if !near.has(RelatedKind::Capacity) {
        out.extend(near.told(
            RelatedKind::HelpersUnassigned,
            "around-tracker-in-use",
            "the tracker was loaded not long before: entries, limits and timeouts began anew",
        ));
    }
    out.extend(near.told(RelatedKind::BootBegins, "around-boot", "what was set by hand before it is gone"));
    out
}

/// How long before the first line of the incident that was, and what it means.
fn before(near: &Near<'_>, around: &Around, meaning: &'static str) -> Sentence {
    let earlier = match (around.at, near.incident.times.start) {
        (Some(at), Some(start)) => seconds(start.0.saturating_sub(at.0)),
        _ => 0.0,
    };
    if earlier < 1.0 {
        return meaning.into();
    }
    sentence![Word::Duration(earlier), "before the first line;", meaning]
}
