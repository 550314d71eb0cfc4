//! What runs on a host beside its kernel and has a say in the tracker: kube-proxy, containers, firewalld, a partner for
//! failover. Read off marks, rules, settings, interfaces and sockets; what is not seen may still be there.

use crate::model::era::Era;
use crate::model::signal::RelatedKind;

use super::facts::Case;

/// kube-proxy sets both at its start, to these seconds unless told otherwise; nobody else sets both.
const KUBE_PROXY_SETS: [(&str, u64); 2] =
    [("tcp_timeout_established", 86_400), ("tcp_timeout_close_wait", 3_600)];
/// Interfaces of containers and their networks, by the beginning of their names.
const CONTAINER_INTERFACES: [&str; 8] =
    ["docker", "veth", "cni", "cali", "flannel", "cilium", "podman", "lxc"];
/// Docker names the bridge of a network of its own `br-` and so many hexadecimal digits; `br-lan` is a router's.
const BRIDGE_DIGITS: usize = 12;
/// Programs that start or serve containers.
const CONTAINER_PROGRAMS: [&str; 7] =
    ["kubelet", "kube-proxy", "dockerd", "docker-proxy", "containerd", "crio", "k3s"];
/// Programs of Kubernetes.
const KUBE_PROGRAMS: [&str; 4] = ["kubelet", "kube-proxy", "k3s", "rke2"];

/// Who else has a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Platform {
    /// kube-proxy sets limit and timeouts.
    pub(crate) kube_proxy: bool,
    /// Containers run here.
    pub(crate) containers: bool,
    /// firewalld keeps the rules.
    pub(crate) firewalld: bool,
}

/// Of this case's host.
pub(crate) fn of(case: &Case<'_>) -> Platform {
    let marked = |kind: RelatedKind, name: &str| {
        let around = case.incident.map_or(&[][..], |incident| &incident.around);
        around.iter().filter(|around| around.kind == kind).any(|around| {
            around
                .about
                .iter()
                .any(|(about, _)| about.name.as_deref().is_some_and(|found| found.contains(name)))
        })
    };
    let programs = |wanted: &[&str]| {
        let sockets = case.counters.sockets.as_ref();
        sockets.is_some_and(|sockets| sockets.calls.keys().any(|call| wanted.contains(&&*call.program)))
    };
    let rules = case.counters.rules.as_ref();
    let set_by_kube_proxy = KUBE_PROXY_SETS
        .iter()
        .all(|(name, seconds)| case.counters.setting(name).is_some_and(|(_, value)| value == *seconds));
    let kube_proxy = set_by_kube_proxy
        || marked(RelatedKind::LimitSet, "")
        || marked(RelatedKind::Victim, "kubelet")
        || programs(&KUBE_PROGRAMS)
        || rules.is_some_and(|rules| rules.kube_services > 0);
    let interfaces = case.counters.addresses.iter().filter_map(|local| local.interface.as_deref());
    let container_interface = |name: &str| {
        is_docker_bridge(name) || CONTAINER_INTERFACES.iter().any(|begin| name.starts_with(begin))
    };
    Platform {
        kube_proxy,
        containers: kube_proxy
            || programs(&CONTAINER_PROGRAMS)
            || interfaces.into_iter().any(container_interface)
            || marked(RelatedKind::PortForwarding, "veth")
            || rules.is_some_and(|rules| rules.containers > 0),
        firewalld: marked(RelatedKind::RulesReloaded, "firewalld"),
    }
}

/// The bridge of a network that Docker made.
pub(crate) fn is_docker_bridge(interface: &str) -> bool {
    let number = interface.strip_prefix("br-");
    number.is_some_and(|n| n.len() == BRIDGE_DIGITS && n.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Connections of this host go on without their entries now and then, so that picking them up must stay allowed; none:
/// nothing of the kind is seen.
pub(crate) fn loses_entries(case: &Case<'_>) -> Option<&'static str> {
    let saw = |kinds: &[RelatedKind]| kinds.iter().any(|kind| case.marks(*kind).next().is_some());
    // Before 4.9 every entry counted there.
    let only_injected = case.kernel.era.is_some_and(|era| era >= Era::D);
    let injected = case.counters.stat.and_then(|stat| stat.insert).is_some_and(|injected| injected > 0);
    if saw(&[RelatedKind::Failover, RelatedKind::EntriesInjected]) || (only_injected && injected) {
        return Some("connections that fail over to this host would be cut");
    }
    if saw(&[RelatedKind::LinkChanged]) || reversed(case) {
        return Some("connections of which this host sees one direction would be cut");
    }
    (saw(&[RelatedKind::Capacity, RelatedKind::HelpersUnassigned]) && !saw(&[RelatedKind::BootBegins]))
        .then_some("the tracker was loaded anew: connections that go on without their entries would be cut")
}

/// From this share of entries picked up mid-stream on, paths are asymmetric or entries get lost.
const MIDSTREAM: f64 = 0.01;

fn reversed(case: &Case<'_>) -> bool {
    case.census
        .is_some_and(|census| super::arith::share(census.who.reversed, census.who.entries) >= MIDSTREAM)
}
