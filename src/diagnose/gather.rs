//! Tables and the counters that stand beside them → snapshots. What stands in one directory, one capture of a bundle, or
//! a bundle without captures was read together.

mod beside;
mod machines;
mod places;

use std::collections::{BTreeMap, BTreeSet};

use machines::Machines;
use places::{Place, machine_root};

use crate::model::bundle::Bundle;
use crate::model::counters::Counters;
use crate::model::incident::Conclusion;
use crate::model::input::{CounterStream, Hints, TableStream};
use crate::model::report::{Snapshot, TakenFrom};
use crate::model::time::{SECOND_US, WallTime};

/// A log that was still being written when its directory was saved ends this close to its file's time.
const FILE_TIMES_BELIEVED_WITHIN_US: i64 = 10 * 60 * SECOND_US;

/// Where a log stood: its id and what surrounded it.
pub type LogPlace = (Box<str>, Hints);

/// What is known beside tables and counters.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where each log stood.
    pub logs: &'a [LogPlace],
    /// What was saved together.
    pub bundles: &'a [Bundle],
    /// What the logs amount to.
    pub conclusion: &'a Conclusion,
}

/// Each table is a snapshot, with all counters that were read together with it; counters without a table are one too.
/// Counters named `…before…` and `…after…` are kept apart as a pair.
pub fn gather(
    tables: Vec<TableStream>,
    counters: Vec<CounterStream>,
    around: Surroundings<'_>,
) -> Vec<Snapshot> {
    let machines = Machines::of(&around, &counters);
    let place_of = |hints: &Hints| {
        let root = || hints.directory.as_deref().filter(|_| hints.bundle.is_none()).and_then(machine_root);
        Place::of(hints, machines.around(hints).or_else(root), around.bundles)
    };
    let around = Placed { around, logs: around.logs.iter().map(|log| (place_of(&log.1), log)).collect() };
    let mut counters: Vec<(Place, CounterStream)> =
        counters.into_iter().map(|stream| (place_of(&stream.hints), stream)).collect();
    // By content, not by the order or the names they were given in.
    counters.sort_by(|a, b| (&a.1.id, &a.1.hints.path).cmp(&(&b.1.id, &b.1.hints.path)));
    // Files of one number each may be equal byte for byte and say different things: the path says what.
    counters.dedup_by(|(_, a), (_, b)| {
        a.id == b.id && a.hints.directory == b.hints.directory && a.counters == b.counters
    });
    let mut snapshots = Vec::new();
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let with_table: BTreeSet<_> = tables.iter().map(|table| table.hints.directory.clone()).collect();
    for table in tables {
        let place = place_of(&table.hints);
        let mut snapshot = around.blank(&table.id, &table.hints.path, &place, table.hints.modified);
        (snapshot.census, snapshot.inputs) = (Some(table.census), vec![table.id]);
        let beside = |near: bool| {
            let (place, with_table) = (&place, &with_table);
            let wanted = move |of: &Place| {
                let here = of.directory == place.directory;
                // What stands beside another table is of that one.
                let elsewhere = place.is_beside(of) && !with_table.contains(&of.directory);
                here == near && (here || elsewhere)
            };
            counters.iter().enumerate().filter(move |(_, (of, _))| wanted(of))
        };
        // What stands in the table's own directory speaks first.
        for near in [true, false] {
            used.extend(beside(near).map(|(at, _)| at));
            let streams: Vec<CounterStream> =
                beside(near).map(|(_, (of, stream))| within(stream, of, &place)).collect();
            beside::add(&mut snapshot, &streams);
        }
        snapshots.push(snapshot);
    }
    let mut alone: BTreeMap<Place, Vec<CounterStream>> = BTreeMap::new();
    for (at, (place, stream)) in counters.into_iter().enumerate() {
        if !used.contains(&at) {
            alone.entry(place.without_directory()).or_default().push(stream);
        }
    }
    for (place, streams) in alone {
        let Some(first) = streams.first() else { continue };
        let newest = streams.iter().filter_map(|stream| stream.hints.modified).max();
        let name = place.name().unwrap_or(&first.hints.path);
        let mut snapshot = around.blank(&first.id, name, &place, newest);
        beside::add(&mut snapshot, &streams);
        snapshots.push(snapshot);
    }
    snapshots.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.id.cmp(&b.id)));
    snapshots
}

/// Counters as they hold for a table: how many entries there are is of one namespace only.
fn within(stream: &CounterStream, of: &Place, table: &Place) -> CounterStream {
    let mut stream = stream.clone();
    if of.netns != table.netns {
        let Counters { sysctl, stat, count, dying, .. } = &mut stream.counters;
        sysctl.retain(|key, _| !key.ends_with("_conntrack_count"));
        (*stat, *count, *dying) = (None, None, None);
    }
    stream
}

/// What is known, with the places of the logs.
struct Placed<'a> {
    around: Surroundings<'a>,
    logs: Vec<(Place, &'a LogPlace)>,
}

impl Placed<'_> {
    /// A snapshot of which only its place is known.
    fn blank(&self, id: &str, path: &str, place: &Place, modified: Option<WallTime>) -> Snapshot {
        let capture = place.capture(self.around.bundles);
        let recorded = capture.and_then(|capture| capture.taken_at);
        let modified = modified.filter(|_| self.file_times_are_believed(place));
        let host = place.host(self.around.bundles).map(Into::into);
        Snapshot {
            id: id.into(),
            path: path.into(),
            host: host.or_else(|| self.host_beside(place)),
            namespace: place.namespace(self.around.bundles),
            taken_at: recorded.or(modified),
            taken_from: if recorded.is_some() { TakenFrom::Recorded } else { TakenFrom::FileTime },
            role: capture.and_then(|capture| capture.role),
            took_seconds: capture.and_then(|capture| capture.took_seconds),
            census: None,
            counters: Counters::default(),
            before_after: None,
            inputs: Vec::new(),
        }
    }

    /// The logs that were saved with what stands at a place.
    fn logs_beside<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = &'a LogPlace> {
        let beside = self.logs.iter().filter(|(of, _)| {
            (place.bundle.is_some() && of.bundle == place.bundle) || of.directory == place.directory
        });
        beside.map(|(_, log)| *log)
    }

    /// The only host that the logs beside it speak of, where there are logs elsewhere too: else there is nothing to tell
    /// apart.
    fn host_beside(&self, place: &Place) -> Option<Box<str>> {
        if self.logs_beside(place).count() == self.logs.len() {
            return None;
        }
        let mut hosts = self.logs_beside(place).map(|(id, _)| {
            let of = self.around.conclusion.stream_hosts.iter().find(|(stream, _)| stream == id);
            of.and_then(|(_, host)| self.around.conclusion.hosts.get(*host)).map(|host| host.name.clone())
        });
        let first = hosts.next()??;
        hosts.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }

    /// A log beside it has the time of its last line, so the files beside it were not merely copied at their times either.
    fn file_times_are_believed(&self, place: &Place) -> bool {
        self.logs_beside(place).any(|log| ends_with_its_file(log, self.around.conclusion))
    }
}

/// The file's time is that of its last line.
fn ends_with_its_file((id, hints): &LogPlace, conclusion: &Conclusion) -> bool {
    let last = conclusion.coverage.iter().find(|(stream, _, _)| stream == id).and_then(|(_, _, last)| *last);
    match (hints.modified, last) {
        (Some(WallTime(modified)), Some(WallTime(last))) => {
            modified.abs_diff(last) <= FILE_TIMES_BELIEVED_WITHIN_US.unsigned_abs()
        }
        _ => false,
    }
}
