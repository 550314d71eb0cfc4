//! How long after a boot it began: at once is order or accounting, always as long is a leak.

use crate::model::diagnosis::Evidence;
use crate::model::incident::Incident;
use crate::model::sentence::Word;
use crate::sentence;

use super::super::arith::seconds;
use super::super::evidence::{Cited, context};
use super::super::facts::Case;

/// So soon after the boot that no traffic explains it.
const AT_ONCE_SECONDS: f64 = 60.0;
/// Boots that must agree.
const BOOTS_MIN: usize = 3;
/// They agree within this share of the time.
const AGREE: f64 = 0.1;

pub(super) fn hints(case: &Case<'_>, incident: &Incident) -> Vec<Evidence> {
    let mut out = Vec::new();
    out.extend(at_once(case, incident));
    out.extend(as_long(case));
    out
}

fn since_boot(incident: &Incident) -> Option<f64> {
    incident.times.since_boot_us.map(|(start, _)| seconds(start)).filter(|seconds| *seconds >= 0.0)
}

fn at_once(case: &Case<'_>, incident: &Incident) -> Option<Evidence> {
    let after = since_boot(incident).filter(|after| *after < AT_ONCE_SECONDS)?;
    let said = sentence![
        "it began",
        Word::Duration(after),
        "after the boot, before there was much traffic: rules that came before the limits, or a count that is wrong"
    ];
    Some(context("soon-after-boot", said).value("seconds", after).read_in_log(case))
}

/// The first incident of each boot began as long after it.
fn as_long(case: &Case<'_>) -> Option<Evidence> {
    let mut first: Vec<(crate::model::time::BootId, f64)> = Vec::new();
    for incident in &case.past {
        let (Some(boot), Some(after)) = (incident.boot, since_boot(incident)) else { continue };
        match first.iter_mut().find(|(other, _)| *other == boot) {
            Some((_, earliest)) => *earliest = earliest.min(after),
            None => first.push((boot, after)),
        }
    }
    let least = first.iter().map(|(_, after)| *after).fold(f64::INFINITY, f64::min);
    let most = first.iter().map(|(_, after)| *after).fold(0.0, f64::max);
    if first.len() < BOOTS_MIN || least < AT_ONCE_SECONDS || most - least > AGREE * most {
        return None;
    }
    let mut said = sentence![
        "in",
        Word::Number(first.len() as u64),
        "boots it began about as long after the boot,",
        Word::Duration(least),
        "to",
        Word::Duration(most),
        ": entries that never leave, at a steady rate"
    ];
    if let Some(max) = case.usage.max {
        said = said.with("of").with(Word::Rate(max as f64 / most));
    }
    Some(
        context("equal-uptime", said)
            .value("boots", first.len() as f64)
            .value("seconds", most)
            .read_in_log(case),
    )
}
