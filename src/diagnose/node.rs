//! Whether the machine is a node of Kubernetes, whether kube-proxy sized its table, and what the other nodes hold.

use crate::model::diagnosis::Evidence;
use crate::model::era::{KUBE_PROXY_CAP, KUBE_PROXY_FLOOR, KUBE_PROXY_PER_CORE, KUBE_PROXY_TIMEOUTS};
use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::arith::share;
use super::evidence::{Cited, supports};
use super::facts::{Case, usage};
use super::limits::{self, kube_proxy_limits};

/// Beginnings of interface names that only a pod network makes.
const INTERFACES: [&str; 10] = [
    "cali",
    "cni0",
    "cbr0",
    "flannel",
    "kube-",
    "nodelocaldns",
    "cilium_",
    "weave",
    "antrea-gw",
    "lxc_health",
];
/// Programs of a node.
const PROGRAMS: [&str; 3] = ["kubelet", "kube-proxy", "k3s"];
/// Another node that holds less than this share of its limit is idle beside one that is full.
const IDLE: f64 = 0.5;
const PROCESSOR: Noun = Noun("processor", "processors");

/// What shows that this is a node; empty: nothing does.
pub(crate) fn signs(case: &Case<'_>) -> Vec<Sentence> {
    let line = case.marks(RelatedKind::LimitSet).next().map(|mark| mark.fact.clone());
    line.into_iter().chain(lasting_signs(case)).collect()
}

/// The same without a line that kube-proxy wrote the limit: a cluster in containers of a workstation writes it too.
fn lasting_signs(case: &Case<'_>) -> Vec<Sentence> {
    let mut out = Vec::new();
    let timeouts = KUBE_PROXY_TIMEOUTS
        .iter()
        .all(|(name, value)| case.counters.setting(name).is_some_and(|(_, running)| running == *value));
    if timeouts {
        out.push(
            "the timeouts of established and half-closed connections are those that kube-proxy sets".into(),
        );
    }
    let mut names = case.counters.addresses.iter().filter_map(|local| local.interface.as_deref());
    if let Some(name) = names.find(|name| INTERFACES.iter().any(|start| name.starts_with(start))) {
        out.push(sentence!["the interface", Word::Untrusted(name.as_bytes().into()), "is of a pod network"]);
    }
    let mut calls = case.counters.sockets.iter().flat_map(|sockets| sockets.calls.keys());
    if let Some(call) = calls.find(|call| PROGRAMS.contains(&&*call.program)) {
        out.push(sentence![Word::Untrusted(call.program.as_bytes().into()), "runs here"]);
    }
    if proportioned(case) {
        out.push(
            "the limit fits the processors, and the buckets are a quarter of it: kube-proxy sets both so"
                .into(),
        );
    }
    out
}

/// The limit by the processors, and a quarter of it in buckets, which no kernel takes by itself.
fn proportioned(case: &Case<'_>) -> bool {
    let (Some(max), Some(buckets), Some(processors)) =
        (case.usage.max, case.usage.buckets, case.counters.machine.processors)
    else {
        return false;
    };
    let own =
        case.kernel.default_sizes().iter().any(|sizes| sizes.iter().any(|size| size.buckets == buckets));
    max.is_multiple_of(4) && buckets == max / 4 && !own && kube_proxy_limits(processors).contains(&max)
}

/// The limit follows kube-proxy's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The limit.
    pub(crate) max: u64,
    /// Processors that were counted; none: they are not known, and the limit is one that the rule gives.
    pub(crate) processors: Option<u64>,
}

/// The limit is kube-proxy's, on a machine that shows signs of being a node. One below the kernel's own (`default`) needs
/// more than a line that kube-proxy wrote it.
pub(crate) fn rule(case: &Case<'_>) -> Option<Rule> {
    let below =
        limits::kernel_default(case).is_some_and(|default| case.usage.max.is_some_and(|max| max < default));
    if below && lasting_signs(case).is_empty() {
        return None;
    }
    let max = case.usage.max?;
    let named = case.marks(RelatedKind::LimitSet).flat_map(|mark| &mark.about);
    let written = named.filter_map(|(about, _)| about.value).any(|value| value == max);
    let processors = case.counters.machine.processors;
    let by_rule = match processors {
        // It counts the processors that it may run on, which may be fewer.
        Some(n) => kube_proxy_limits(n).contains(&max),
        None => {
            max >= KUBE_PROXY_FLOOR && max.is_multiple_of(KUBE_PROXY_PER_CORE) && max <= KUBE_PROXY_CAP * 8
        }
    };
    // It gives no node less than its floor: a smaller value was written over it, or for another machine.
    let written = written && max >= KUBE_PROXY_FLOOR;
    (written || by_rule && !signs(case).is_empty())
        .then_some(Rule { max, processors: processors.filter(|_| by_rule) })
}

/// The rule in words.
fn rule_words(rule: Rule) -> Sentence {
    match rule.processors {
        _ if rule.max == KUBE_PROXY_FLOOR => "the least that kube-proxy sets".into(),
        Some(n) => sentence![
            Word::Count(KUBE_PROXY_PER_CORE, noun::ENTRY),
            "for each of",
            Word::Count(n, PROCESSOR),
            ", kube-proxy's rule"
        ],
        None => "what kube-proxy wrote".into(),
    }
}

/// The same as evidence.
pub(crate) fn rule_evidence(case: &Case<'_>, rule: Rule) -> Evidence {
    let mut said = sentence!["the limit of", Word::Count(rule.max, noun::ENTRY), "is"];
    said.0.extend(rule_words(rule).0);
    supports("kube-proxy-rule", said).value("max", rule.max as f64).read_in_table(case)
}

/// Other hosts of these inputs: (name, entries, limit) of the fullest, where all of them are idle.
pub(crate) fn idle_elsewhere<'a>(case: &Case<'a>) -> Option<(&'a str, u64, u64, u64)> {
    let fullest = fullest_elsewhere(case)?;
    (share(fullest.1, fullest.2) < IDLE).then_some(fullest)
}

/// The fullest of the other hosts: name, entries, limit, and how many hosts there are.
pub(crate) fn fullest_elsewhere<'a>(case: &Case<'a>) -> Option<(&'a str, u64, u64, u64)> {
    let mut names: Vec<&str> = Vec::new();
    let mut fullest: Option<(&str, u64, u64)> = None;
    for other in &case.others.hosts {
        let of = usage(&other.counters, other.census.as_ref());
        let (Some(held), Some(max)) = (of.held(), of.max) else { continue };
        let name = other.host.as_deref().unwrap_or_default();
        if !names.contains(&name) {
            names.push(name);
        }
        if fullest.is_none_or(|(_, entries, limit)| share(held, max) > share(entries, limit)) {
            fullest = Some((name, held, max));
        }
    }
    let (name, held, max) = fullest?;
    Some((name, held, max, names.len() as u64))
}
