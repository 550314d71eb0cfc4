//! The limit of a node: kube-proxy writes it whenever it starts, so it is kube-proxy that must be told.

use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::era::KUBE_PROXY_PER_CORE;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::facts::Case;
use super::super::limits::memory_words;
use super::{HERE, in_file};

/// Where its settings are.
const PLACE: &str = "the configuration of kube-proxy, under conntrack (ConfigMap kube-proxy in kube-system where kubeadm made it)";
/// Whom its settings reach.
pub(super) const EVERY_NODE: &str =
    "the least limit is that of every node that reads this configuration, small ones too";

/// The keys of a limit of `max` entries.
pub(super) fn keys(case: &Case<'_>, max: u64) -> [Command; 2] {
    let per_core = case.counters.machine.processors.filter(|n| *n > 0).map(|n| max.div_ceil(n));
    let per_core = per_core.unwrap_or(KUBE_PROXY_PER_CORE).max(KUBE_PROXY_PER_CORE);
    [in_file(&format!("min: {max}"), PLACE), in_file(&format!("maxPerCore: {per_core}"), PLACE)]
}

/// It reads its configuration at its start.
pub(super) fn restart() -> Command {
    Command {
        line: "kubectl -n kube-system rollout restart daemonset kube-proxy".to_owned(),
        place: format!("{HERE}, or wherever kubectl is set up (where kube-proxy is a unit, restart that)"),
        undo: None,
    }
}

/// A limit of `max` entries by its own keys.
pub(crate) fn kube_proxy_limit(case: &Case<'_>, max: u64) -> Remedy {
    let [least, each] = keys(case, max);
    Remedy {
        id: "kube-proxy-conntrack",
        title: sentence![
            "give kube-proxy a least limit of",
            Word::Count(max, noun::ENTRY),
            ": it takes the larger of min and maxPerCore × processors"
        ],
        commands: vec![least, each, restart()],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note:
                "it holds after restarts of kube-proxy and on new nodes, which a value in sysctl.d does not"
                    .into(),
        },
        side_effects: vec![memory_words(case, max), EVERY_NODE.into()],
        persists: true,
    }
}

/// Spreading what one node alone carries.
pub(crate) fn spread(case: &Case<'_>) -> Remedy {
    Remedy {
        id: "spread-ingress",
        title: "let more nodes carry it: ingress controllers and DNS on several nodes, or on nodes of their own".into(),
        commands: vec![
            in_file(
                "topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}]",
                "the deployment of the ingress controller (pod template), with more replicas",
            ),
        ],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: case.census.map(|census| census.who.entries / 2),
            note: "with two nodes instead of one, once the connections of this one are over; keep-alive towards the pods lowers it further".into(),
        },
        side_effects: vec!["connections to a controller that moves are closed".into()],
        persists: true,
    }
}
