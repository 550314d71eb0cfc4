//! Whether the limit itself contributes: a default of a small machine, or a setting that a module load took back.
//! Never a cause of its own where the table shows a concentration.

use crate::model::diagnosis::{Cause, Evidence};
use crate::model::era::TIMEOUTS;
use crate::model::sentence::{Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::causes::{LIMIT_NOT_IN_FORCE, TINY_DEFAULT};
use super::evidence::{Cited, context, supports};
use super::facts::Case;

/// A limit below this is small for anything but a small router.
const SMALL: u64 = 65_536;

/// Contributing causes, with what shows them.
pub(crate) fn contributing(case: &Case<'_>) -> Vec<(Cause, Evidence)> {
    let mut out = Vec::new();
    out.extend(not_in_force(case).map(|evidence| (LIMIT_NOT_IN_FORCE, evidence)));
    out.extend(tiny(case).map(|evidence| (TINY_DEFAULT, evidence)));
    out
}

/// The limit is what the kernel gives a small machine by itself.
fn tiny(case: &Case<'_>) -> Option<Evidence> {
    let (max, buckets) = (case.usage.max.filter(|max| *max < SMALL)?, case.usage.buckets?);
    let factor = case.kernel.max_per_bucket()?;
    case.limit_is_default().then(|| {
        supports(
            "limit-is-default",
            sentence![
                "the limit of",
                Word::Count(max, noun::ENTRY),
                "is in effect the kernel's default for a machine with little memory (",
                Word::Number(factor),
                "for each of",
                Word::Count(buckets, noun::BUCKET),
                ")"
            ],
        )
        .value("max", max as f64)
        .value("buckets", buckets as f64)
        .read_in_table(case)
    })
}

/// The tracker was loaded anew near the incident, without a boot, and began with another limit than is set now; or
/// with the very limit that is in force now although it is only a default.
fn not_in_force(case: &Case<'_>) -> Option<Evidence> {
    let incident = case.incident?;
    let booted = incident.around.iter().any(|around| around.kind == RelatedKind::BootBegins);
    let load = incident
        .around
        .iter()
        .filter(|around| around.kind == RelatedKind::Capacity)
        .find_map(|a| Some((a, a.capacity?)));
    let (around, capacity) = load.filter(|_| !booted)?;
    let mut said = sentence![
        "the tracker was loaded anew in the middle of an uptime and began with",
        Word::Count(capacity.max, noun::ENTRY),
        ": limits and timeouts set before were lost"
    ];
    if let Some(at) = around.at {
        said = said.with(", at").with(at);
    }
    Some(supports("module-reloaded", said).value("max", capacity.max as f64).read_in_log(case))
}

/// The limit against the default of this kernel and memory, as context.
pub(crate) fn against_default(case: &Case<'_>) -> Option<Evidence> {
    let max = case.usage.max?;
    let memory = case.counters.memory_bytes?;
    let sizes = crate::model::era::default_sizes(case.kernel.era?);
    let default = sizes.iter().find(|size| memory > size.memory_above_bytes)?;
    (default.max == max).then(|| {
        context(
            "limit-is-kernel-default",
            sentence![
                "the limit is the kernel's default for",
                Word::Bytes(memory),
                "of memory: nobody has set it, or the setting was lost"
            ],
        )
        .value("max", max as f64)
        .value("memory_bytes", memory as f64)
        .read_in_table(case)
    })
}

/// Settings of the tracker that a settings file has otherwise than they run.
pub(crate) fn configured_otherwise(case: &Case<'_>) -> Vec<Evidence> {
    let names = ["max", "buckets", "expect_max"].into_iter().chain(TIMEOUTS);
    names.filter_map(|name| otherwise(case, name)).collect()
}

fn otherwise(case: &Case<'_>, name: &str) -> Option<Evidence> {
    let (key, wanted) = case.counters.configured(name)?;
    let (_, running) = case.counters.setting(name).filter(|(_, running)| *running != wanted)?;
    Some(
        context(
            "configured-differs",
            sentence![
                "a settings file has",
                Word::Code(format!("{key} = {wanted}")),
                ", and",
                Word::Number(running),
                "runs: the file is not in force"
            ],
        )
        .value("configured", wanted as f64)
        .value("running", running as f64),
    )
}
