//! What stands in the log in the ten minutes before incidents more often than chance has it: who came up, whose rules
//! were replaced. Counted over at least three incidents, against how often it stands there without one.

use std::collections::{BTreeMap, BTreeSet};

use super::place::Scale;
use crate::model::incident::{Forerunner, Incident, Namespace};
use crate::model::piece::Mark;
use crate::model::signal::{RelatedKind, Table};
use crate::model::time::SECOND_US;

/// How long before an incident something counts.
const BEFORE_US: i64 = 600 * SECOND_US;
/// Incidents before which it must stand.
const INCIDENTS_MIN: u64 = 3;
/// Above this chance it is an accident.
const CHANCE_MAX: f64 = 0.01;
/// Names followed on one host; the rest is left out, the last in their order.
const NAMES_MAX: usize = 4_096;
/// Forerunners told of one set of incidents.
const TOLD_MAX: usize = 3;

/// Kinds of lines that can bring entries about; what a full table brings about itself is not among them.
const KINDS: [RelatedKind; 6] = [
    RelatedKind::PortForwarding,
    RelatedKind::RulesReloaded,
    RelatedKind::LinkChanged,
    RelatedKind::Failover,
    RelatedKind::LimitSet,
    RelatedKind::Capacity,
];

/// Beginnings of names that are new each time: they are one.
const NEW_EACH_TIME: [&str; 4] = ["veth", "cali", "tap", "lxc"];

/// Something that happens again and again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct What {
    kind: RelatedKind,
    name: Option<Box<str>>,
}

/// The times of each of those, by host and scale.
#[derive(Debug, Default)]
pub(super) struct Events {
    times: BTreeMap<(usize, Scale), BTreeMap<What, BTreeSet<i64>>>,
}

impl Events {
    /// Takes a mark in.
    pub(super) fn add(&mut self, host: usize, scale: Scale, kind: RelatedKind, mark: &Mark, first: i64) {
        if !KINDS.contains(&kind) {
            return;
        }
        let of_host = self.times.entry((host, scale)).or_default();
        let mut names: BTreeSet<Option<Box<str>>> =
            mark.about.keys().map(|about| about.name.as_deref().map(lasting)).collect();
        if names.is_empty() {
            names.insert(None);
        }
        for name in names {
            of_host.entry(What { kind, name }).or_default().insert(first);
            if of_host.len() > NAMES_MAX {
                of_host.pop_last();
            }
        }
    }

    /// What came before incidents, of all sets of incidents of one host, table and namespace.
    pub(super) fn before(&self, incidents: &[Incident]) -> Vec<Forerunner> {
        let mut sets: BTreeMap<(usize, Table, &Namespace), BTreeSet<i64>> = BTreeMap::new();
        for incident in incidents {
            // The namespaces of one host may be full one after the other: they are looked at together, too.
            if let Some(start) = incident.times.start {
                let key = (incident.host, incident.table, &incident.namespace);
                sets.entry(key).or_default().insert(start.0);
            }
        }
        let mut out = Vec::new();
        for ((host, table, namespace), starts) in sets {
            let Some(events) = self.times.get(&(host, Scale::Wall)) else { continue };
            let mut found: Vec<Forerunner> = events
                .iter()
                .filter_map(|(what, times)| {
                    let counted = counted(times, &starts, events)?;
                    Some(Forerunner {
                        host,
                        table,
                        namespace: namespace.clone(),
                        kind: what.kind,
                        name: what.name.clone(),
                        ..counted
                    })
                })
                .collect();
            found.sort_by(|a, b| a.chance.total_cmp(&b.chance).then(b.before.cmp(&a.before)));
            found.truncate(TOLD_MAX);
            out.extend(found);
        }
        out
    }
}

/// A name without what changes each time.
fn lasting(name: &str) -> Box<str> {
    let begin = NEW_EACH_TIME.iter().find(|begin| name.starts_with(**begin));
    begin.map_or_else(|| name.into(), |begin| format!("{begin}*").into())
}

/// How often one thing stands before incidents and without one; none where chance does that.
fn counted(
    times: &BTreeSet<i64>,
    starts: &BTreeSet<i64>,
    events: &BTreeMap<What, BTreeSet<i64>>,
) -> Option<Forerunner> {
    let followed = |at: i64| starts.range(at..=at.saturating_add(BEFORE_US)).next().is_some();
    let preceded = |start: i64| times.range(start.saturating_sub(BEFORE_US)..=start).next().is_some();
    let before = starts.iter().filter(|start| preceded(**start)).count() as u64;
    if before < INCIDENTS_MIN {
        return None;
    }
    let alone = times.iter().filter(|at| !followed(**at)).count() as u64;
    // The log is taken to reach from the first to the last of all that is known of: no longer than it does.
    let ends = events.values().flat_map(|times| times.first().into_iter().chain(times.last()));
    let all = || ends.clone().chain(starts.first()).chain(starts.last()).copied();
    let span = all().max()?.saturating_sub(all().min()?).saturating_add(BEFORE_US);
    let covered = (covered(times) as f64 / span as f64).min(1.0);
    let chance = (at_least(before, starts.len() as u64, covered) * events.len() as f64).min(1.0);
    (chance < CHANCE_MAX).then_some(Forerunner {
        host: 0,
        table: Table::Conntrack,
        namespace: Namespace::Unknown,
        kind: RelatedKind::PortForwarding,
        name: None,
        before,
        incidents: starts.len() as u64,
        alone,
        chance,
    })
}

/// Microseconds that lie within ten minutes behind an event.
fn covered(times: &BTreeSet<i64>) -> i64 {
    let mut sum: i64 = 0;
    let mut end = i64::MIN;
    for at in times {
        let until = at.saturating_add(BEFORE_US);
        sum = sum.saturating_add(until.saturating_sub((*at).max(end)).max(0));
        end = end.max(until);
    }
    sum
}

/// Chance of at least `hits` of `of` at `share` each (binomial).
fn at_least(hits: u64, of: u64, share: f64) -> f64 {
    if share >= 1.0 {
        return 1.0;
    }
    if share <= 0.0 {
        return 0.0;
    }
    let mut term_ln = of as f64 * (1.0 - share).ln();
    let mut below = 0.0;
    for k in 0..hits {
        below += term_ln.exp();
        term_ln += ((of - k) as f64).ln() - ((k + 1) as f64).ln() + share.ln() - (1.0 - share).ln();
    }
    (1.0 - below).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(name: &str) -> What {
        What { kind: RelatedKind::RulesReloaded, name: Some(name.into()) }
    }

    fn seconds(times: &[i64]) -> BTreeSet<i64> {
        times.iter().map(|seconds| seconds * SECOND_US).collect()
    }

    /// A thing at `times`, incidents at `starts`, and something else at either end of a week.
    fn judged(times: &[i64], starts: &[i64]) -> Option<Forerunner> {
        let events = BTreeMap::from([(what("a"), seconds(times)), (what("z"), seconds(&[0, 7 * 86_400]))]);
        counted(events.get(&what("a"))?, &seconds(starts), &events)
    }

    #[test]
    fn what_stands_before_each_incident_is_no_accident() {
        let found = judged(&[9_000, 99_000, 199_000], &[9_100, 99_300, 199_500]).unwrap();
        assert_eq!((found.before, found.incidents, found.alone), (3, 3, 0));
        assert!(found.chance < 1e-4, "{}", found.chance);
    }

    #[test]
    fn how_often_it_stands_there_without_one_counts() {
        let often: Vec<i64> = (0..1_000).map(|n| n * 600).collect();
        assert!(judged(&often, &[9_100, 99_300, 199_500]).is_none(), "it always does");
        let found = judged(&[9_000, 99_000, 199_000, 300_000], &[9_100, 99_300, 199_500]).unwrap();
        assert_eq!(found.alone, 1);
    }

    #[test]
    fn two_incidents_or_what_comes_behind_are_none() {
        assert!(judged(&[9_000, 99_000], &[9_100, 99_300]).is_none());
        assert!(judged(&[9_200, 99_400, 199_600], &[9_100, 99_300, 199_500]).is_none());
        assert!(judged(&[8_000, 98_000, 198_000], &[9_100, 99_300, 199_500]).is_none(), "too long before");
    }

    #[test]
    fn the_chance_is_that_of_the_binomial() {
        assert!((at_least(1, 1, 0.25) - 0.25).abs() < 1e-12);
        assert!((at_least(2, 3, 0.5) - 0.5).abs() < 1e-12);
        assert!((at_least(0, 3, 0.5) - 1.0).abs() < 1e-12);
        assert!(at_least(3, 3, 1.0) >= 1.0);
    }

    #[test]
    fn names_that_are_new_each_time_are_one() {
        assert_eq!(&*lasting("veth1a2b3c4"), "veth*");
        assert_eq!(&*lasting("vnet12"), "vnet12");
    }
}
