//! The limit of a node: kube-proxy writes it whenever it starts, so it is kube-proxy that must be told.

use crate::model::diagnosis::{Effect, Remedy};
use crate::model::era::KUBE_PROXY_PER_CORE;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::facts::Case;
use super::super::limits::memory_words;
use super::in_file;

/// Where its settings are.
const PLACE: &str = "the configuration of kube-proxy (key conntrack; ConfigMap kube-proxy in kube-system where kubeadm made it), then restart kube-proxy on the node";

/// A limit of `max` entries by its own keys.
pub(crate) fn kube_proxy_limit(case: &Case<'_>, max: u64) -> Remedy {
    let least = in_file(&format!("min: {max}"), PLACE);
    let per_core = case.counters.machine.processors.filter(|n| *n > 0).map(|n| max.div_ceil(n));
    let per_core = per_core.unwrap_or(KUBE_PROXY_PER_CORE).max(KUBE_PROXY_PER_CORE);
    let each = in_file(&format!("maxPerCore: {per_core}"), PLACE);
    Remedy {
        id: "kube-proxy-conntrack",
        title: sentence![
            "give kube-proxy a least limit of",
            Word::Count(max, noun::ENTRY),
            ": it takes the larger of min and maxPerCore × processors"
        ],
        commands: vec![least, each],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note:
                "it holds after restarts of kube-proxy and on new nodes, which a value in sysctl.d does not"
                    .into(),
        },
        side_effects: vec![
            memory_words(case, max),
            "the least limit is that of every node that reads this configuration, small ones too".into(),
        ],
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
