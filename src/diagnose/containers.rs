//! Whether containers run on the machine that could have written a setting of the whole machine.

use crate::model::sentence::{Sentence, Word};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::facts::Case;
use super::node;

/// Beginnings of interface names that container engines make.
const INTERFACES: [&str; 6] = ["docker", "veth", "br-", "podman", "lxcbr", "lxdbr"];
/// Programs of container engines.
const PROGRAMS: [&str; 6] = ["dockerd", "containerd", "podman", "conmon", "crio", "kind"];

/// What shows that containers run here, the plainest first; none: nothing does.
pub(crate) fn sign(case: &Case<'_>) -> Option<Sentence> {
    if let Some(mark) = case.marks(RelatedKind::PortForwarding).next() {
        return Some(mark.fact.clone());
    }
    let mut names = case.counters.addresses.iter().filter_map(|local| local.interface.as_deref());
    if let Some(name) = names.find(|name| INTERFACES.iter().any(|start| name.starts_with(start))) {
        return Some(sentence![
            "the interface",
            Word::Untrusted(name.as_bytes().into()),
            "is of a container engine"
        ]);
    }
    let mut calls = case.counters.sockets.iter().flat_map(|sockets| sockets.calls.keys());
    if let Some(call) = calls.find(|call| PROGRAMS.contains(&&*call.program)) {
        return Some(sentence![Word::Untrusted(call.program.as_bytes().into()), "runs here"]);
    }
    node::signs(case).into_iter().next()
}

/// What may have lowered the limit from within a container: a line that says so (true), else a sign of containers. None
/// also where the kernel lets no container do it.
pub(crate) fn lowered_by(case: &Case<'_>) -> Option<(Sentence, bool)> {
    let max = case.usage.max.filter(|_| case.kernel.containers_set_the_limit() != Some(false))?;
    let wrote = case
        .marks(RelatedKind::LimitSet)
        .find(|mark| mark.about.iter().any(|(about, _)| about.value == Some(max)));
    match wrote {
        Some(mark) => Some((mark.fact.clone(), true)),
        None => sign(case).map(|sign| (sign, false)),
    }
}
