//! What this version never computes. Each field that is therefore always null or empty is named here, and nowhere
//! else, so that no null stands without its reason.

use crate::model::report::{Report, SnapshotUse};

use super::shape::Gap;

/// Fields of every incident.
const OF_INCIDENTS: [(&str, &str); 1] = [(
    "incidents[].namespace.owner",
    "who holds a namespace, and its name, are not looked up by this version",
)];

/// Fields of a timeline that comes from logs alone.
const OF_TIMELINES: (&str, &str) = (
    "incidents[].timeline.points[].drops, early_drops, count, max",
    "logs do not say; the kernel's counters were not sampled during the incident",
);

/// A field of incidents that are the only ones of their host, table and namespace, or whose times are not known.
const OF_SINGLE_INCIDENTS: (&str, &str) = (
    "incidents[].recurrence",
    "how it comes back is known only of two incidents or more whose times are known",
);

/// A field of incidents with fewer than two tables whose times are known.
const OF_SINGLE_TABLES: (&str, &str) =
    ("incidents[].changes", "what changed is known only between two tables whose times are known");

/// Fields of every table.
const OF_TABLES: [(&str, &str); 2] = [
    (
        "top_sources[].owner",
        "who opens the connections of a source is known only of this host's own addresses, from a list of sockets with their programs",
    ),
    ("snapshots[].took_seconds", "how long it took to list a table is not recorded in it"),
];

/// The gaps that this report has whatever was read.
pub(super) fn constant(report: &Report) -> Vec<Gap> {
    let has_incidents = !report.incidents.is_empty();
    let has_tables =
        !report.snapshots.is_empty() || report.incidents.iter().any(|view| !view.snapshots.is_empty());
    let mut points = report.incidents.iter().flat_map(|view| &view.incident.timeline.points);
    let lacks_samples = points.any(|point| point.count.is_none() || point.drops.is_none());
    let is_timed = |table: &&SnapshotUse| table.listed.is_some() && table.taken_at.is_some();
    let lacks_a_pair = report.incidents.iter().any(|view| view.snapshots.iter().filter(is_timed).count() < 2);
    let single = lacks_a_pair.then_some(&OF_SINGLE_TABLES);
    let timelines = lacks_samples.then_some(&OF_TIMELINES);
    let once = report.incidents.iter().any(|view| view.recurrence.is_none());
    let alone = once.then_some(&OF_SINGLE_INCIDENTS);
    let incidents = OF_INCIDENTS.iter().filter(|_| has_incidents);
    let uses = report.incidents.iter().flat_map(|view| &view.snapshots);
    let mut uses = uses.chain(report.snapshots.iter().map(|view| &view.facts));
    let all_timed = uses.all(|table| table.took_seconds.is_some() || table.listed.is_none());
    let of_times = |(what, _): &&(&str, &str)| !(all_timed && *what == "snapshots[].took_seconds");
    let tables = OF_TABLES.iter().filter(|_| has_tables).filter(of_times);
    let gap =
        |(what, why): &(&str, &str)| Gap { what: (*what).to_owned(), why: (*why).to_owned(), command: None };
    incidents.chain(alone).chain(single).chain(timelines).chain(tables).map(gap).collect()
}
