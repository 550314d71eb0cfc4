//! What this version never computes. Each field that is therefore always null or empty is named here, and nowhere
//! else, so that no null stands without its reason.

use crate::model::report::Report;

use super::shape::Gap;

/// Fields of every incident.
const OF_INCIDENTS: [(&str, &str); 4] = [
    ("incidents[].changes", "tables of before and after are not compared by this version"),
    ("incidents[].recurrence", "patterns over several incidents are not looked for by this version"),
    ("incidents[].namespace.owner", "who holds a namespace is not looked up by this version"),
    (
        "incidents[].timeline.points[].drops, early_drops, count, max",
        "logs do not say; the kernel's counters were not sampled during the incident",
    ),
];

/// Fields of every table.
const OF_TABLES: [(&str, &str); 2] = [
    ("top_sources[].owner", "who holds an address is not looked up by this version"),
    ("snapshots[].took_seconds", "how long it took to list a table is not recorded in it"),
];

/// The gaps that this report has whatever was read.
pub(super) fn constant(report: &Report) -> Vec<Gap> {
    let has_incidents = !report.incidents.is_empty();
    let has_tables =
        !report.snapshots.is_empty() || report.incidents.iter().any(|view| !view.snapshots.is_empty());
    let incidents = OF_INCIDENTS.iter().filter(|_| has_incidents);
    let tables = OF_TABLES.iter().filter(|_| has_tables);
    let gap =
        |(what, why): &(&str, &str)| Gap { what: (*what).to_owned(), why: (*why).to_owned(), command: None };
    incidents.chain(tables).map(gap).collect()
}
