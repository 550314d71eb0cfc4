//! Step 8, at its end: OpenVZ prints a container's line into the log of the host and into that of the container
//! (`ve_printk` with `VE_LOG_BOTH`). The same container id at the same time is one incident although hosts differ.

use std::collections::BTreeMap;

use super::notes::{Notes, quoted};
use super::successors::OVERLAP_US;
use crate::model::incident::{Host, Incident, Namespace};
use crate::model::signal::Table;
use crate::sentence;

/// Merges what two hosts tell of one container. The more trusted, then the fuller one stays.
pub(super) fn merge(mut incidents: Vec<Incident>, hosts: &[Host], notes: &mut Notes) -> Vec<Incident> {
    let rank = |incident: &Incident| {
        (std::cmp::Reverse((incident.trust, incident.drops.visible)), incident.host, incident.id.clone())
    };
    incidents.sort_by_key(rank);
    let mut kept: Vec<Incident> = Vec::with_capacity(incidents.len());
    let mut of_containers: BTreeMap<(Namespace, Table), Vec<usize>> = BTreeMap::new();
    for incident in incidents {
        if !matches!(incident.namespace, Namespace::Container(_)) {
            kept.push(incident);
            continue;
        }
        let same = of_containers.entry((incident.namespace.clone(), incident.table)).or_default();
        let copy_of = same.iter().copied().find(|at| is_copy(&kept[*at], &incident));
        let Some(original) = copy_of.and_then(|at| kept.get_mut(at)) else {
            same.push(kept.len());
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

/// Both tell of the same time, on different hosts.
fn is_copy(original: &Incident, other: &Incident) -> bool {
    let meets = |a: &Incident, b: &Incident| {
        let margin = OVERLAP_US;
        a.times.start.zip(b.times.end).is_some_and(|(start, end)| start.0 <= end.0.saturating_add(margin))
    };
    original.host != other.host && meets(original, other) && meets(other, original)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::{Drops, HighIs, Method, StreamDrops, TimeBasis, Timeline, Times};
    use crate::model::record::Trust;
    use crate::model::time::{SECOND_US, WallTime};

    fn incident(host: usize, namespace: Namespace, start: i64, visible: u64) -> Incident {
        let at = |seconds: i64| Some(WallTime(seconds * SECOND_US));
        let row = StreamDrops { input: format!("s{host}").into(), visible, suppressed: 0, leads: true };
        Incident {
            id: format!("{host}-{start}").into(),
            host,
            boot: None,
            table: Table::Conntrack,
            wordings: Vec::new(),
            limiters: Vec::new(),
            namespace,
            trust: Trust::Unverified,
            times: Times {
                start: at(start),
                end: at(start + 10),
                since_boot_us: None,
                basis: TimeBasis::Stamped,
                precision_us: 1,
                uncertainty_us: Some(1),
            },
            drops: Drops {
                visible,
                repeated: 0,
                suppressed: 0,
                low: visible,
                high: None,
                high_is: HighIs::Unknown,
                method: Method::Log,
                widened_by: Vec::new(),
                streams: vec![row],
                host_total: None,
            },
            sampled: None,
            timeline: Timeline::default(),
            around: Vec::new(),
            lines: Vec::new(),
            ongoing: false,
        }
    }

    fn merged(incidents: Vec<Incident>) -> Vec<(usize, usize)> {
        let host = |name: &str| Host { name: name.into(), also_written_as: Vec::new(), boot_ids: Vec::new() };
        let kept = merge(incidents, &[host("ct101"), host("node")], &mut Notes::default());
        kept.iter().map(|incident| (incident.host, incident.drops.streams.len())).collect()
    }

    #[test]
    fn a_container_seen_by_its_host_and_by_itself_is_one_incident() {
        let container = || Namespace::Container("101".into());
        assert_eq!(
            merged(vec![incident(0, container(), 100, 5), incident(1, container(), 103, 9)]),
            [(1, 2)]
        );
        assert_eq!(merged(vec![incident(0, container(), 100, 5), incident(1, container(), 116, 9)]).len(), 2);
    }

    #[test]
    fn two_hosts_with_full_tables_of_their_own_are_two_incidents() {
        let unknown = || Namespace::Unknown;
        assert_eq!(merged(vec![incident(0, unknown(), 100, 5), incident(1, unknown(), 100, 5)]).len(), 2);
    }
}
