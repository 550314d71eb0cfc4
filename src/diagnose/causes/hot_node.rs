//! C27: one node of a cluster carries what the cluster's sizing rule does not foresee. What must hold: signs of a
//! Kubernetes node, a limit by kube-proxy's rule, a full table that no single source holds. Neighbours: capacity (no
//! such rule; all nodes alike), limit-not-in-force (a larger limit is configured and would do).

use crate::model::census::PortKey;
use crate::model::diagnosis::Remedy;
use crate::model::era::{KUBE_PROXY_FLOOR, KUBE_PROXY_PER_CORE};
use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::node::{fullest_elsewhere, idle_elsewhere, rule, rule_evidence, signs};
use super::super::open::Open;
use super::super::platform;
use super::super::scales::{Scales, Weight};
use super::super::wanted::{wanted, wanted_evidence};
use super::super::{remedies, will_not_help};
use super::{Candidate, Tier};

/// The leading source has less than this: what leads is a service, not a client. Where the other nodes are known to be
/// idle, a source may lead: a controller here that opens connections to pods everywhere.
const TOP_SOURCE_MAX: f64 = 0.5;
/// From this share of translated or own destinations on, the node serves. A controller's own connections to pods are
/// neither, and stand beside each of those.
const SERVES: f64 = 0.3;
const NODE: Noun = Noun("other node", "other nodes");
const KUBERNETES_NODE: Noun = Noun("Kubernetes node", "Kubernetes nodes");
const PROCESSOR: Noun = Noun("processor", "processors");

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let rule = rule(case)?;
    let signs = signs(case);
    let top_source = case.top_source_share()?;
    let full = case.usage.share().is_some_and(|usage| usage >= NEAR_FULL);
    let led = top_source >= TOP_SOURCE_MAX && idle_elsewhere(case).is_none();
    if !full || signs.is_empty() || led {
        return None;
    }
    // Where another node is full too, the cluster has grown: that is demand.
    if fullest_elsewhere(case).is_some_and(|(_, held, max, _)| share(held, max) >= NEAR_FULL) {
        return None;
    }
    let serves = served(case);
    let mut scales = Scales::default();
    scales.speaks_for(Weight::Strong, rule_evidence(case, rule));
    scales.add(signs.into_iter().map(|sign| supports("node", sign)));
    if rule.processors.is_none() {
        scales.not_known(
            Weight::Slight,
            Open {
                what: "processors",
                why: "how many processors the node has was not given: whether the limit is 32,768 for each is not known".into(),
                command: Some("nproc".to_owned()),
            },
        );
    }
    scales.weigh(
        Weight::Strong,
        serves >= SERVES,
        || {
            supports(
                "ingress",
                sentence![
                    Word::Share(serves),
                    "of the entries are for services of this node: ingress or DNS"
                ],
            )
            .value("share", serves)
            .read_in_table(case)
        },
        || {
            contradicts(
                "no-ingress",
                sentence!["only", Word::Share(serves), "of the entries are for services of this node"],
            )
            .value("share", serves)
        },
    );
    match fullest_elsewhere(case) {
        Some((name, held, max, hosts)) => {
            let said = sentence![
                "of",
                Word::Count(hosts, NODE),
                "the fullest,",
                Word::Untrusted(name.as_bytes().into()),
                ", holds",
                Word::Number(held),
                "of",
                Word::Count(max, noun::ENTRY)
            ];
            scales.weigh(
                Weight::Deciding,
                idle_elsewhere(case).is_some(),
                || supports("others-idle", said.clone()).value("entries", held as f64),
                || contradicts("others-full", said.clone().with(": it is not this node alone")),
            );
        }
        None => scales.not_known(
            Weight::Deciding,
            Open {
                what: "other nodes",
                why: "what the other nodes hold was not given: it tells one hot node from a cluster that has grown".into(),
                command: Some(format!(
                    "on each node: sysctl {} {}",
                    case.kernel.key("count"),
                    case.kernel.key("max")
                )),
            },
        ),
    }
    if let Some(wanted) = wanted(case) {
        scales.speaks_against(Weight::Slight, wanted_evidence(case, &wanted));
    }
    let tier =
        if idle_elsewhere(case).is_some() && serves >= SERVES { Tier::Concentration } else { Tier::Demand };
    let larger = case.larger_limit();
    Some(Candidate {
        summary: summary(case, rule, serves, larger),
        rate_per_second: case.admitted_per_second(),
        remedies: cures(case, larger),
        will_not_help: will_not_help::for_node(),
        limit_contributes: true,
        ..Candidate::new(tier, 1.0, scales)
    })
}

/// Where kube-proxy was seen, the larger limit itself is written where kube-proxy reads it.
fn cures(case: &Case<'_>, larger: Option<u64>) -> Vec<Remedy> {
    let mut out = Vec::new();
    if !platform::of(case).kube_proxy {
        out.extend(larger.map(|larger| remedies::kube_proxy_limit(case, larger)));
    }
    out.extend(remedies::raise_limit(case));
    out.push(remedies::spread(case));
    out
}

/// Share of the entries whose destination is this node's own, or is translated to a pod.
fn served(case: &Case<'_>) -> f64 {
    let Some(census) = case.census else { return 0.0 };
    let translated = census.who.nat.destination.saturating_add(census.who.nat.both);
    let own = census.how.iter().fold(0u64, |sum, (key, leader)| match key {
        crate::model::census::LeaderKey::Destination(address)
            if case.locals.is_local(*address) == Some(true) =>
        {
            let translated = leader.nat.destination.saturating_add(leader.nat.both);
            sum.saturating_add(leader.entries.saturating_sub(translated))
        }
        _ => sum,
    });
    share(translated.saturating_add(own), census.who.entries).min(1.0)
}

fn leading_port(case: &Case<'_>) -> Option<(PortKey, f64)> {
    let who = &case.census?.who;
    let row = who.destination_ports.leading(who.entries).first()?;
    Some((row.key, share(row.count, who.entries)))
}

fn summary(
    case: &Case<'_>,
    rule: super::super::node::Rule,
    serves: f64,
    larger: Option<u64>,
) -> Vec<Sentence> {
    let who = match idle_elsewhere(case) {
        Some((_, _, _, hosts)) => {
            sentence![
                "of",
                Word::Count(hosts.saturating_add(1), KUBERNETES_NODE),
                "only this one is full, at"
            ]
        }
        None => sentence!["this Kubernetes node is full, at"],
    };
    let who = match rule.processors {
        _ if rule.max == KUBE_PROXY_FLOOR => {
            who.with("kube-proxy's least of").with(Word::Count(rule.max, noun::ENTRY))
        }
        Some(processors) => who
            .with("kube-proxy's")
            .with(Word::Count(KUBE_PROXY_PER_CORE, noun::ENTRY))
            .with("for each of")
            .with(Word::Count(processors, PROCESSOR)),
        None => who.with("the").with(Word::Count(rule.max, noun::ENTRY)).with("that kube-proxy set"),
    };
    let mut how = sentence![Word::Share(serves), "of its entries are for services that it carries"];
    if let Some((port, part)) = leading_port(case) {
        how = how
            .with(", most for")
            .with(Word::Port(port.port, port.l4))
            .with("(")
            .with(Word::Share(part))
            .with(")");
    }
    let what = match larger {
        Some(larger) => sentence![
            "set kube-proxy's conntrack.min to",
            Word::Count(larger, noun::ENTRY),
            "; spread ingress and DNS over more nodes"
        ],
        None => sentence!["raise kube-proxy's conntrack.min; spread ingress and DNS over more nodes"],
    };
    vec![who, how, what]
}
