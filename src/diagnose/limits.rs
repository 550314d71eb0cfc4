//! What the limit is: the kernel's own default, kube-proxy's rule, a setting, a value that something lowered. Decided
//! here once, for the causes that are about the limit and for those to which it contributes.

use crate::model::diagnosis::{Cause, Evidence};
use crate::model::era::{
    DefaultSize, Era, KUBE_PROXY_CAP, KUBE_PROXY_FLOOR, KUBE_PROXY_PER_CORE, MAX_PER_BUCKET_GIVEN,
    SHIPPED_LIMITS, TIMEOUTS, buckets_by_memory,
};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::arith::share;
use super::causes::{HOT_NODE, LIMIT_LOWERED, LIMIT_NOT_IN_FORCE, TINY_DEFAULT, TOO_FEW_BUCKETS};
use super::evidence::{Cited, context, supports};
use super::facts::Case;
use super::{containers, node, wanted};

/// A limit below this is small for anything but a small router.
const SMALL: u64 = 65_536;
/// `MemTotal` is below what the kernel counts by up to a tenth and somewhat more: pages it keeps for itself.
const MEMORY_DOUBT: (u64, u64) = (23, 20);
/// Numbers copied by hand, and roundings to pages, differ by no more than one in so many.
const SAME_WITHIN: u64 = 1_000;
/// Heads of buckets in the smallest page: from 2.6.24 on the kernel fills whole pages with them
/// (`nf_ct_alloc_hashtable`). Another number is not its own, but that of a note taken by hand or of a box's maker.
const HEADS_PER_PAGE: u64 = 512;
/// Entries for each bucket from which on chains hurt.
pub(crate) const LONG_CHAINS: u64 = 16;

/// Where the limit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A settings file has the same number.
    Configured,
    /// kube-proxy's rule, on a node: processors by that rule, where it is above the floor.
    KubeProxy,
    /// The kernel gave it by itself.
    KernelDefault,
    /// Eight for each bucket: `hashsize=` was given when the module was loaded.
    GivenAtLoad,
    /// Less than the kernel gives by itself, or than a settings file has and no default of the kernel either: a setting
    /// that is merely lost leaves the kernel's own.
    Lowered,
    /// Somebody set it; nothing tells who.
    Unknown,
}

/// The limit that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Entries.
    pub(crate) max: u64,
    /// Whence.
    pub(crate) origin: Origin,
    /// What this kernel gives this machine by itself, where that can be told.
    pub(crate) default: Option<u64>,
}

impl Limit {
    /// As small as the boxes at customers' premises are shipped with.
    pub(crate) fn is_tiny(&self) -> bool {
        self.max <= *SHIPPED_LIMITS.end()
    }
}

/// The limit, and where it comes from.
pub(crate) fn limit(case: &Case<'_>) -> Option<Limit> {
    let max = case.usage.max?;
    let default = kernel_default(case);
    let as_configured = case.counters.configured("max").is_some_and(|(_, value)| value == max);
    let given =
        case.usage.buckets.is_some_and(|buckets| same(max, buckets.saturating_mul(MAX_PER_BUCKET_GIVEN)));
    let origin = if as_configured {
        Origin::Configured
    } else if node::rule(case).is_some() {
        Origin::KubeProxy
    } else if default.is_some_and(|default| is_default(case, max, default)) {
        Origin::KernelDefault
    } else if given {
        Origin::GivenAtLoad
    } else if default.is_some_and(|default| max < default) || wanted::wanted(case).is_some() {
        Origin::Lowered
    } else {
        Origin::Unknown
    };
    Some(Limit { max, origin, default })
}

fn same(a: u64, b: u64) -> bool {
    a.abs_diff(b).saturating_mul(SAME_WITHIN) <= a
}

/// The limit is the default. Where only the memory tells, that is known no better than to a tenth or so.
fn is_default(case: &Case<'_>, max: u64, default: u64) -> bool {
    if case.usage.buckets.is_some() {
        return natural(case).is_some() && same(max, default);
    }
    let (up, down) = MEMORY_DOUBT;
    let nearly = max >= default && max.saturating_mul(down) <= default.saturating_mul(up);
    same(max, default) || nearly && max < SMALL
}

/// The size of a list for so much memory.
fn size_for(memory: u64, sizes: &[DefaultSize]) -> Option<&DefaultSize> {
    sizes.iter().find(|size| memory > size.memory_above_bytes)
}

/// Buckets, where they are those that this kernel takes by itself on this machine, as far as its memory is known.
fn natural(case: &Case<'_>) -> Option<u64> {
    let buckets = case.usage.buckets?;
    let lists = case.kernel.default_sizes();
    let era = case.kernel.era?;
    let least = |sizes: &[DefaultSize]| sizes.iter().map(|size| size.buckets).min();
    let (up, down) = MEMORY_DOUBT;
    let in_pages = era == Era::A || buckets % HEADS_PER_PAGE == 0;
    let natural = lists.iter().any(|sizes| match case.counters.memory_bytes {
        Some(memory) => {
            let more = memory.saturating_mul(up) / down;
            let fixed = [memory, more].into_iter().filter_map(|memory| size_for(memory, sizes));
            let scaled = buckets_by_memory(era, memory)
                .into_iter()
                .any(|fewest| buckets >= fewest && buckets <= fewest.saturating_mul(up) / down);
            fixed.into_iter().any(|size| size.buckets == buckets)
                || size_for(memory, sizes).is_none() && scaled
        }
        None => {
            sizes.iter().any(|size| size.buckets == buckets)
                || in_pages && least(sizes).is_some_and(|least| buckets < least)
        }
    });
    natural.then_some(buckets)
}

/// What the kernel gives this machine by itself: by its buckets where those are its own, else by its memory. Of several
/// the one that runs, else the least.
pub(crate) fn kernel_default(case: &Case<'_>) -> Option<u64> {
    let factors = case.kernel.default_factors();
    let max = case.usage.max?;
    let fitting: Vec<u64> = if let Some(buckets) = natural(case) {
        factors.iter().map(|factor| buckets.saturating_mul(*factor)).collect()
    } else {
        let memory = case.counters.memory_bytes?;
        let [wide, _] = buckets_by_memory(case.kernel.era?, memory);
        let lists = case.kernel.default_sizes();
        let sized: Vec<u64> =
            lists.iter().filter_map(|sizes| size_for(memory, sizes)).map(|size| size.max).collect();
        if sized.is_empty() {
            factors.iter().map(|factor| wide.saturating_mul(*factor)).collect()
        } else {
            sized
        }
    };
    fitting.iter().copied().find(|default| same(max, *default)).or_else(|| fitting.iter().copied().min())
}

/// Contributing causes, with what shows them.
pub(crate) fn contributing(case: &Case<'_>) -> Vec<(Cause, Evidence)> {
    let mut out = Vec::new();
    out.extend(wanted::not_in_force(case).map(|evidence| (LIMIT_NOT_IN_FORCE, evidence)));
    let Some(limit) = limit(case) else { return out };
    if limit.origin == Origin::KernelDefault && limit.max < SMALL {
        out.extend(default_evidence(case, limit).map(|evidence| (TINY_DEFAULT, evidence)));
    }
    if limit.origin == Origin::KubeProxy && node::idle_elsewhere(case).is_some() {
        out.extend(node::rule(case).map(|rule| (HOT_NODE, node::rule_evidence(case, rule))));
    }
    if limit.origin == Origin::Lowered && containers::lowered_by(case).is_some() {
        out.extend(below_default(case, limit).map(|evidence| (LIMIT_LOWERED, evidence)));
    }
    out.extend(
        chains(case).filter(|_| chain_drops(case).is_some()).map(|evidence| (TOO_FEW_BUCKETS, evidence)),
    );
    out
}

/// The limit is the kernel's own, as evidence for a cause that is about that.
pub(crate) fn default_evidence(case: &Case<'_>, limit: Limit) -> Option<Evidence> {
    let said = match (case.usage.buckets, case.counters.memory_bytes) {
        (Some(buckets), _) if limit.max < SMALL => sentence![
            "the limit of",
            Word::Count(limit.max, noun::ENTRY),
            "is in effect the kernel's default for a machine with little memory (",
            Word::Number(factor(limit.max, buckets)),
            "for each of",
            Word::Count(buckets, noun::BUCKET),
            ")"
        ],
        (_, Some(memory)) => sentence![
            "the limit of",
            Word::Count(limit.max, noun::ENTRY),
            "is the kernel's default for",
            Word::Bytes(memory),
            "of memory: nobody has set it, or the setting was lost"
        ],
        (Some(buckets), None) => sentence![
            "the limit of",
            Word::Count(limit.max, noun::ENTRY),
            "is the kernel's default for",
            Word::Count(buckets, noun::BUCKET),
            ": nobody has set it, or the setting was lost"
        ],
        (None, None) => return None,
    };
    let mut evidence = supports("limit-is-default", said).value("max", limit.max as f64).read_in_table(case);
    if let Some(buckets) = case.usage.buckets {
        evidence = evidence.value("buckets", buckets as f64);
    }
    Some(evidence)
}

/// Entries for each bucket, rounded.
fn factor(max: u64, buckets: u64) -> u64 {
    max.saturating_add(buckets / 2).checked_div(buckets).unwrap_or(0)
}

/// What the limit was before something lowered it, at least: what a settings file has, else the kernel's own.
pub(crate) fn lowered_from(case: &Case<'_>, limit: Limit) -> Option<u64> {
    let wanted = wanted::wanted(case).map(|wanted| wanted.max).filter(|wanted| limit.max < *wanted);
    wanted.or_else(|| limit.default.filter(|default| limit.max < *default))
}

/// The limit is below that.
pub(crate) fn below_default(case: &Case<'_>, limit: Limit) -> Option<Evidence> {
    let from = lowered_from(case, limit)?;
    let said = if limit.default == Some(from) {
        sentence![
            "the limit of",
            Word::Number(limit.max),
            "is below the",
            Word::Count(from, noun::ENTRY),
            "that this kernel takes here by itself, and no settings file given has it: something wrote it later"
        ]
    } else {
        sentence![
            "the limit of",
            Word::Number(limit.max),
            "is below the",
            Word::Count(from, noun::ENTRY),
            "of the settings, and is no default of the kernel, which a setting that is lost would leave: something wrote it later"
        ]
    };
    Some(
        supports("below-default", said)
            .value("max", limit.max as f64)
            .value("default", from as f64)
            .read_in_table(case),
    )
}

/// The limit against the default of this kernel and memory, as context.
pub(crate) fn against_default(case: &Case<'_>) -> Option<Evidence> {
    let limit = limit(case).filter(|limit| limit.origin == Origin::KernelDefault)?;
    let memory = case.counters.memory_bytes?;
    Some(
        context(
            "limit-is-kernel-default",
            sentence![
                "the limit is the kernel's default for",
                Word::Bytes(memory),
                "of memory: nobody has set it, or the setting was lost"
            ],
        )
        .value("max", limit.max as f64)
        .value("memory_bytes", memory as f64)
        .read_in_table(case),
    )
}

/// Entries for each bucket that the table holds, where they are many.
pub(crate) fn chains(case: &Case<'_>) -> Option<Evidence> {
    let (held, buckets) = (case.usage.held()?, case.usage.buckets.filter(|buckets| *buckets > 0)?);
    let ratio = held / buckets;
    (ratio >= LONG_CHAINS).then(|| {
        supports(
            "long-chains",
            sentence![
                "each of the",
                Word::Count(buckets, noun::BUCKET),
                "holds",
                Word::Number(held.saturating_mul(2) / buckets),
                "tuples on average, two for each entry: every packet searches a chain of them, and the kernel gives up at 50 to 79"
            ],
        )
        .value("entries_per_bucket", ratio as f64)
        .value("buckets", buckets as f64)
        .read_in_table(case)
    })
}

/// New flows refused because their chain was too long.
pub(crate) fn chain_drops(case: &Case<'_>) -> Option<u64> {
    case.counters.stat.and_then(|stat| stat.chain_too_long).filter(|n| *n > 0)
}

/// What kube-proxy sets on a node of so many processors (`getConntrackMax`).
pub(crate) fn kube_proxy_limits(processors: u64) -> [u64; 2] {
    let plain = processors.saturating_mul(KUBE_PROXY_PER_CORE).max(KUBE_PROXY_FLOOR);
    [plain, plain.min(KUBE_PROXY_CAP)]
}

/// Room for `limit` entries in memory, at full, in words.
pub(crate) fn memory_words(case: &Case<'_>, limit: u64) -> Sentence {
    let (bytes, measured) = case.entry_bytes();
    let whence: &'static str =
        if measured { "as the slab cache has it" } else { "an estimate from the kernel's era" };
    let all = limit.saturating_mul(bytes);
    let mut out = sentence!["takes up to", Word::Bytes(all), "at full"];
    if let Some(memory) = case.counters.memory_bytes {
        out = out.with("(").with(Word::Share(share(all, memory))).with("of the memory)");
    }
    out.with(",").with(whence).with("; this memory is never swapped")
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
