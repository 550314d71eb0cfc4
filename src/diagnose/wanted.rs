//! A limit that is meant to run and does not: what is wanted, who says so, how it was lost, and whether it would have
//! been enough.

use crate::model::diagnosis::Evidence;
use crate::model::era::{MAX_PER_BUCKET_GIVEN, bare_key};
use crate::model::flow::{L4, State};
use crate::model::incident::Around;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::arith::share;
use super::evidence::{Cited, supports};
use super::facts::Case;
use super::idle::older_than;
use super::outlook::headroom;
use super::scales::Weight;

/// Connections silent for longer than this may be dead: what they come to is not known.
const SILENT_SECONDS: u64 = 7_200;
/// From this share of the established ones on, silence is what fills the table.
const MOSTLY: f64 = 0.5;
/// Room that is enough where connections last as long as they are used, and are in use.
const TIMES_WHAT_IS_HELD: u64 = 2;
/// Old Red Hat systems unload the tracker when the firewall is restarted, unless told otherwise.
const UNLOADING_TO: u16 = 7;
/// A line about the tracker's load within so many seconds of the boot is the boot's own.
const BOOT_SECONDS: f64 = 600.0;

/// A limit that is meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    /// Entries.
    pub(crate) max: u64,
    /// The key, or the option, that would set it.
    pub(crate) key: String,
    /// The file that has it; none: a line of the log names it.
    pub(crate) file: Option<Box<str>>,
}

/// The limit that is configured above the one that runs.
pub(crate) fn wanted(case: &Case<'_>) -> Option<Wanted> {
    let running = case.usage.max?;
    let file = |key: &str| case.counters.configured.get(key).map(|(_, file)| file.clone());
    if let Some((key, max)) = case.counters.configured("max") {
        let wanted = Wanted { max, key: key.to_owned(), file: file(key) };
        return (max > running).then_some(wanted);
    }
    if let Some((key, buckets)) = case.counters.configured("buckets")
        && case.usage.buckets.is_some_and(|now| now < buckets)
        && buckets.saturating_mul(MAX_PER_BUCKET_GIVEN) > running
    {
        let max = buckets.saturating_mul(MAX_PER_BUCKET_GIVEN);
        return Some(Wanted { max, key: format!("hashsize={buckets}"), file: file(key) });
    }
    let (key, max) = refused(case)?;
    (max > running).then_some(Wanted { max, key, file: None })
}

/// The limit that systemd-sysctl could not write.
fn refused(case: &Case<'_>) -> Option<(String, u64)> {
    let named = case.marks(RelatedKind::SettingRefused).flat_map(|mark| &mark.about);
    named
        .filter_map(|(about, _)| Some((about.name.as_deref()?, about.value?)))
        .find(|(key, _)| bare_key(key) == "max")
        .map(|(key, max)| (key.to_owned(), max))
}

/// How a setting was lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Lost<'a> {
    /// The settings were read before the tracker was there.
    BeforeTheModule(&'a Around),
    /// The tracker was loaded anew in the middle of an uptime, and began with its own sizes.
    Reloaded(&'a Around),
    /// kube-proxy wrote its own.
    Overwritten(&'a Around),
    /// The firewall's script unloads the tracker at every restart.
    Script,
    /// The machine booted shortly before.
    Boot,
}

/// How it was lost, as far as marks tell.
pub(crate) fn lost<'a>(case: &Case<'a>) -> Option<Lost<'a>> {
    let of_max = |mark: &&Around| {
        mark.about.is_empty()
            || mark
                .about
                .iter()
                .any(|(about, _)| about.name.as_deref().is_none_or(|key| bare_key(key) == "max"))
    };
    if let Some(mark) = case.marks(RelatedKind::SettingRefused).find(of_max) {
        return Some(Lost::BeforeTheModule(mark));
    }
    if let Some((mark, _)) = reloaded(case) {
        return Some(Lost::Reloaded(mark));
    }
    let max = case.usage.max;
    let wrote =
        |mark: &&Around| mark.about.iter().any(|(about, _)| about.value.is_some() && about.value == max);
    if let Some(mark) = case.marks(RelatedKind::LimitSet).find(wrote) {
        return Some(Lost::Overwritten(mark));
    }
    if unloads(case) && case.marks(RelatedKind::RulesReloaded).next().is_some() {
        return Some(Lost::Script);
    }
    case.marks(RelatedKind::BootBegins).next().map(|_| Lost::Boot)
}

/// Restarting the firewall unloads the tracker here: the file says so, or it is the default of that system.
pub(crate) fn unloads(case: &Case<'_>) -> bool {
    let told = case.counters.configured.get("IPTABLES_MODULES_UNLOAD");
    match told {
        Some((value, _)) => value.trim_matches('"') == "yes",
        None => case.kernel.enterprise.is_some_and(|version| version <= UNLOADING_TO),
    }
}

/// The tracker was loaded in the middle of an uptime: the line, and the limit it began with.
fn reloaded<'a>(case: &Case<'a>) -> Option<(&'a Around, u64)> {
    let booted = case.marks(RelatedKind::BootBegins).next().is_some()
        || case.seconds_after_boot().is_some_and(|seconds| seconds < BOOT_SECONDS);
    let load = case.marks(RelatedKind::Capacity).find_map(|mark| Some((mark, mark.capacity?.max)));
    load.filter(|_| !booted)
}

/// The tracker was loaded anew near the incident, without a boot; or a setting is not in force.
pub(crate) fn not_in_force(case: &Case<'_>) -> Option<Evidence> {
    if let Some((mark, max)) = reloaded(case) {
        return Some(reload_evidence(case, mark, max));
    }
    wanted(case).map(|wanted| wanted_evidence(case, &wanted))
}

/// The same as a fact against causes that take the limit as given.
pub(crate) fn lost_limit(case: &Case<'_>) -> Option<(Weight, Evidence)> {
    let evidence = match wanted(case) {
        Some(wanted) => Some(wanted_evidence(case, &wanted)),
        None => not_in_force(case),
    };
    evidence.map(|evidence| (Weight::Deciding, evidence))
}

fn reload_evidence(case: &Case<'_>, mark: &Around, max: u64) -> Evidence {
    let mut said = sentence![
        "the tracker was loaded anew in the middle of an uptime and began with",
        Word::Count(max, noun::ENTRY),
        ": limits and timeouts set before were lost"
    ];
    if let Some(at) = mark.at {
        said = said.with(", at").with(at);
    }
    supports("module-reloaded", said).value("max", max as f64).read_in_log(case)
}

/// Who wants what.
pub(crate) fn wanted_evidence(case: &Case<'_>, wanted: &Wanted) -> Evidence {
    let running = case.usage.max.unwrap_or(0);
    let mut said = match &wanted.file {
        Some(file) => sentence![Word::Untrusted(file.as_bytes().into()), "has"],
        None => sentence!["the settings have"],
    };
    let setting = if wanted.key.contains('=') {
        wanted.key.clone()
    } else {
        format!("{} = {}", wanted.key, wanted.max)
    };
    said = said
        .with(Word::Code(setting))
        .with(", and")
        .with(Word::Number(running))
        .with("runs (unless the file was written after the incident)");
    supports("configured-not-running", said)
        .value("configured", wanted.max as f64)
        .value("running", running as f64)
        .read_in_table(case)
}

/// A limit would have held what comes; none: that cannot be told.
pub(crate) fn would_hold(case: &Case<'_>, limit: u64) -> Option<bool> {
    let held = case.usage.held()?;
    if held >= limit {
        return Some(false);
    }
    let outlook = headroom(case, limit);
    if let Some(settles) = outlook.offered {
        return Some(settles <= limit);
    }
    let mix = case.mix()?;
    let established = mix.tcp(State::Established);
    let ages = case.ages()?.of(L4::TCP, Some(State::Established), &case.timeouts());
    let silent = older_than(SILENT_SECONDS, &ages);
    let in_use = share(silent, established) < MOSTLY;
    (in_use && limit >= held.saturating_mul(TIMES_WHAT_IS_HELD)).then_some(true)
}

/// How it was lost, in words.
pub(crate) fn lost_words(lost: Lost<'_>) -> Sentence {
    match lost {
        Lost::BeforeTheModule(_) => {
            "at boot the settings came before the tracker's module, and were refused".into()
        }
        Lost::Reloaded(_) => "the tracker was loaded anew during the uptime, and forgot its settings".into(),
        Lost::Overwritten(mark) => mark.fact.clone().with(", by its own rule"),
        Lost::Script => "restarting the firewall unloads the tracker here, and its settings with it".into(),
        Lost::Boot => "the machine booted shortly before, and settings that were not kept are gone".into(),
    }
}
