//! Step 8, at its end: OpenVZ prints a container's line into the log of the host and into that of the container
//! (`ve_printk` with `VE_LOG_BOTH`). The same container id at the same time is one incident although hosts differ.

use super::notes::{Notes, quoted};
use super::successors::OVERLAP_US;
use crate::model::incident::{Host, Incident, Namespace};
use crate::sentence;

/// Merges what two hosts tell of one container. The more trusted, then the fuller one stays.
pub(super) fn merge(mut incidents: Vec<Incident>, hosts: &[Host], notes: &mut Notes) -> Vec<Incident> {
    let rank = |incident: &Incident| {
        (std::cmp::Reverse((incident.trust, incident.drops.visible)), incident.host, incident.id.clone())
    };
    incidents.sort_by_key(rank);
    let mut kept: Vec<Incident> = Vec::with_capacity(incidents.len());
    let mut of_containers: Vec<usize> = Vec::new();
    for incident in incidents {
        if !matches!(incident.namespace, Namespace::Container(_)) {
            kept.push(incident);
            continue;
        }
        let copy_of = of_containers.iter().copied().find(|at| is_copy(&kept[*at], &incident));
        let Some(original) = copy_of.and_then(|at| kept.get_mut(at)) else {
            of_containers.push(kept.len());
            kept.push(incident);
            continue;
        };
        let name = |host: usize| quoted(hosts.get(host).map_or("", |host| &host.name));
        let text = sentence![
            name(incident.host),
            "and",
            name(original.host),
            "print the same lines of one container; they are counted once"
        ];
        notes.assume("copies", text, None);
        let rows = incident.drops.streams.into_iter();
        original
            .drops
            .streams
            .extend(rows.map(|row| crate::model::incident::StreamDrops { leads: false, ..row }));
    }
    kept
}

/// Both tell of the same container and table at the same time, on different hosts.
fn is_copy(original: &Incident, other: &Incident) -> bool {
    let meets = |a: &Incident, b: &Incident| {
        let margin = OVERLAP_US;
        a.times.start.zip(b.times.end).is_some_and(|(start, end)| start.0 <= end.0.saturating_add(margin))
    };
    original.namespace == other.namespace
        && original.table == other.table
        && original.host != other.host
        && meets(original, other)
        && meets(other, original)
}
