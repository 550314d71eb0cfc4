//! Incidents and tables of `conntriage.report/1`, made from the view.

use crate::model::counters;
use crate::model::diagnosis::Owner;
use crate::model::incident::{self, Namespace as Which};
use crate::model::report::{ChangeKind, IncidentView, SnapshotUse as Use, SnapshotView};

use super::super::value::{Number, moment};
use super::Door;
use super::body::Parts;
use super::shape::{
    Around, BeforeAfter, Change, Counters, Drops, HostTotal, Incident, Namespace, Recurrence, SinceBoot,
    Slab, Snapshot, SnapshotUse, StatCounters, StreamDrops, Time, Timeline, TimelinePoint,
};
use super::words::Widening;

impl Door<'_> {
    pub(super) fn incident(&self, view: &IncidentView) -> Incident {
        let incident = &view.incident;
        let Parts {
            census,
            verdict,
            runners_up,
            top_sources,
            top_peers,
            top_pairs,
            evidence,
            remedies,
            what_if,
            will_not_help,
        } = self.body(&view.body);
        let host = self.report.hosts.get(incident.host).map(|host| String::from(&*host.host.name));
        Incident {
            id: String::from(&*incident.id),
            host,
            boot_id: incident.boot.map(|boot| boot.uuid()),
            table: (&incident.table).into(),
            namespace: namespace(&incident.namespace, "log-line", view.holder.as_ref()),
            trust: (&incident.trust).into(),
            confirmed_by: view.confirmed_by.iter().map(|by| (*by).to_owned()).collect(),
            ongoing: incident.ongoing,
            start: moment(incident.times.start),
            end: moment(incident.times.end),
            since_boot: since_boot(&incident.times),
            time: time(&incident.times),
            drops: drops(&incident.drops),
            timeline: timeline(incident),
            counters: before_after(view.counters.as_ref()),
            snapshots: view.snapshots.iter().map(|facts| self.snapshot_use(facts)).collect(),
            changes: view.changes.iter().map(|change| self.change(change)).collect(),
            around: incident.around.iter().map(|around| self.around(around)).collect(),
            recurrence: view.recurrence.as_ref().map(|recurrence| Recurrence {
                pattern: self.say(&recurrence.pattern),
                occurrences: recurrence.occurrences,
            }),
            census,
            verdict,
            runners_up,
            top_sources,
            top_peers,
            top_pairs,
            evidence,
            remedies,
            what_if,
            will_not_help,
        }
    }

    fn change(&self, change: &crate::model::report::Change) -> Change {
        let kind = match change.kind {
            ChangeKind::Source => "source",
            ChangeKind::Peer => "peer",
            ChangeKind::State => "state",
        };
        let key = self.say(&change.key);
        Change { kind: kind.to_owned(), key, before: change.before, at: change.at, after: change.after }
    }

    pub(super) fn snapshot(&self, view: &SnapshotView) -> Snapshot {
        let Parts {
            census,
            verdict,
            runners_up,
            top_sources,
            top_peers,
            top_pairs,
            evidence,
            remedies,
            what_if,
            will_not_help,
        } = self.body(&view.body);
        let facts = &view.facts;
        Snapshot {
            id: String::from(&*view.id),
            host: view.host.as_deref().map(str::to_owned),
            namespace: namespace(&view.namespace, "snapshot", view.holder.as_ref()),
            source: self.dialect(&view.id),
            taken_at: moment(facts.taken_at),
            took_seconds: facts.took_seconds.and_then(Number::of),
            listed: facts.listed,
            count: facts.count,
            max: facts.max,
            buckets: facts.buckets,
            duplicates_removed: facts.duplicates_removed,
            complete: facts.complete,
            note: facts.note.as_ref().map(|note| self.say(note)),
            census,
            verdict,
            runners_up,
            top_sources,
            top_peers,
            top_pairs,
            evidence,
            remedies,
            what_if,
            will_not_help,
        }
    }

    fn snapshot_use(&self, facts: &Use) -> SnapshotUse {
        SnapshotUse {
            id: String::from(&*facts.id),
            role: (&facts.role).into(),
            leads: facts.leads,
            source: self.dialect(&facts.id),
            taken_at: moment(facts.taken_at),
            took_seconds: facts.took_seconds.and_then(Number::of),
            offset_seconds: facts.offset_seconds.and_then(Number::of),
            listed: facts.listed,
            count: facts.count,
            max: facts.max,
            buckets: facts.buckets,
            duplicates_removed: facts.duplicates_removed,
            complete: facts.complete,
            note: facts.note.as_ref().map(|note| self.say(note)),
        }
    }

    fn around(&self, around: &incident::Around) -> Around {
        Around {
            at: moment(around.at),
            kind: (&around.kind).into(),
            fact: self.say(&around.fact),
            from: String::from(&*around.from),
        }
    }

    /// Dialect of an input, by its id.
    fn dialect(&self, id: &str) -> Option<String> {
        let input = self.report.inputs.iter().find(|input| &*input.id == id)?;
        input.dialect.map(str::to_owned)
    }
}

fn namespace(namespace: &Which, from: &str, holder: Option<&Owner>) -> Namespace {
    let (inode, name) = match namespace {
        Which::Netns(inode) => (Some(*inode), None),
        Which::Container(id) => (None, Some(String::from(&**id))),
        Which::Initial | Which::Unknown => (None, None),
    };
    let from = (*namespace != Which::Unknown).then(|| from.to_owned());
    // One word for it, as everywhere: `php-fpm (process 4711)`.
    let owner = holder.map(|holder| match &holder.id {
        Some(id) => format!("{} ({} {id})", holder.name, holder.kind),
        None => format!("{} ({})", holder.name, holder.kind),
    });
    Namespace { kind: namespace.into(), inode, name, owner, from }
}

fn since_boot(times: &incident::Times) -> Option<SinceBoot> {
    let (start, end) = times.since_boot_us?;
    Some(SinceBoot { start_seconds: Number::seconds(start), end_seconds: Number::seconds(end) })
}

fn time(times: &incident::Times) -> Time {
    Time {
        basis: (&times.basis).into(),
        precision_seconds: Number::seconds(i64::from(times.precision_us)),
        uncertainty_seconds: times.uncertainty_us.map(Number::seconds),
    }
}

fn drops(drops: &incident::Drops) -> Drops {
    let mut widened_by: Vec<Widening> = Vec::new();
    for word in drops.widened_by.iter().map(Widening::from) {
        if !widened_by.contains(&word) {
            widened_by.push(word);
        }
    }
    let stream = |stream: &incident::StreamDrops| StreamDrops {
        input: String::from(&*stream.input),
        visible: stream.visible,
        suppressed: stream.suppressed,
        leads: stream.leads,
    };
    Drops {
        visible: drops.visible,
        repeated: drops.repeated,
        suppressed: drops.suppressed,
        low: drops.low,
        high: drops.high,
        high_is: (&drops.high_is).into(),
        method: (&drops.method).into(),
        widened_by,
        host_total: drops.host_total.map(|(low, high)| HostTotal { low, high }),
        streams: drops.streams.iter().map(stream).collect(),
    }
}

fn timeline(incident: &incident::Incident) -> Timeline {
    let is_wall = incident.times.start.is_some();
    let point = |point: &incident::TimelinePoint| TimelinePoint {
        at: moment(is_wall.then_some(crate::model::time::WallTime(point.at_us))),
        since_boot_seconds: (!is_wall).then(|| Number::seconds(point.at_us)),
        visible: point.visible,
        suppressed: point.suppressed,
        drops: point.drops,
        early_drops: point.early_drops,
        count: point.count,
        max: point.max,
    };
    let timeline = &incident.timeline;
    Timeline { step_seconds: timeline.step_seconds, points: timeline.points.iter().map(point).collect() }
}

fn before_after(pair: Option<&(counters::Counters, counters::Counters)>) -> BeforeAfter {
    BeforeAfter {
        before: pair.map(|(before, _)| counters(before)),
        after: pair.map(|(_, after)| counters(after)),
    }
}

/// Counters of the tracker; settings of other subsystems are left out.
fn counters(counters: &counters::Counters) -> Counters {
    let sysctl = counters.sysctl.iter().filter(|(key, _)| key.contains("conntrack"));
    let slab = |slab: &counters::Slab| Slab {
        name: String::from(&*slab.name),
        active: slab.active,
        total: slab.total,
        object_bytes: slab.object_bytes,
    };
    Counters {
        count: counters.counts().max(),
        stat: counters.stat.map(stat),
        sysctl: sysctl.map(|(key, value)| (String::from(&**key), String::from(&**value))).collect(),
        slabs: counters.slabs.iter().map(slab).collect(),
        memory_bytes: counters.memory_bytes,
        kernel: counters.uname.as_ref().map(|uname| String::from(&*uname.release)),
    }
}

fn stat(stat: counters::StatCounters) -> StatCounters {
    StatCounters {
        entries: stat.entries,
        drop: stat.drop,
        early_drop: stat.early_drop,
        insert_failed: stat.insert_failed,
        chain_too_long: stat.chain_too_long,
        clash_resolve: stat.clash_resolve,
        invalid: stat.invalid,
        found: stat.found,
        search_restart: stat.search_restart,
        insert: stat.insert,
    }
}
