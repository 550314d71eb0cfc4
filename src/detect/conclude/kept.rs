//! Incidents that a watcher kept have the id under which it opened them.

use std::cmp::Reverse;

use crate::model::bundle::Bundle;
use crate::model::incident::{Conclusion, Incident};
use crate::model::input::Hints;

/// Gives the incident of each bundle the id that its manifest names, and its end where the watcher saw it. An id is made
/// of what was known when the incident was opened, its first second among it, so that most have it already; where none
/// has, it is that of the incident that began nearest to then among those that the bundle's own logs or samples tell of
/// (they may tell of others, of other namespaces), and of those the one with the most drops.
pub fn keep_ids(conclusion: &mut Conclusion, logs: &[(Box<str>, Hints)], bundles: &[Bundle]) {
    for bundle in bundles {
        let Some(id) = &bundle.incident else { continue };
        if let Some(incident) = conclusion.incidents.iter_mut().find(|incident| incident.id == *id) {
            incident.ongoing &= !bundle.closed;
            continue;
        }
        let of_bundle = |incident: &Incident| {
            let mut streams = incident.drops.streams.iter().peekable();
            if streams.peek().is_none() {
                let host = conclusion.hosts.get(incident.host);
                return host.is_some_and(|host| bundle.host_names.contains(&host.name));
            }
            streams.any(|stream| {
                let stood = logs.iter().find(|(log, _)| *log == stream.input);
                stood.is_some_and(|(_, hints)| hints.bundle.as_ref() == Some(&bundle.root))
            })
        };
        let away = |incident: &Incident| match (bundle.opened, incident.times.start) {
            (Some(opened), Some(start)) => opened.0.abs_diff(start.0),
            (Some(_), None) => u64::MAX,
            (None, _) => 0,
        };
        let its = conclusion.incidents.iter().enumerate().filter(|(_, incident)| of_bundle(incident));
        let nearest = its.min_by_key(|(at, incident)| (away(incident), Reverse(incident.drops.low), *at));
        if let Some(incident) = nearest.map(|(at, _)| at).and_then(|at| conclusion.incidents.get_mut(at)) {
            incident.id.clone_from(id);
            incident.ongoing &= !bundle.closed;
        }
    }
}
