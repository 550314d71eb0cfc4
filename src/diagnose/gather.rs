//! Tables and the counters that stand beside them → snapshots. What stands in one directory was taken together.

use std::collections::BTreeMap;

use crate::model::counters::Counters;
use crate::model::incident::{Conclusion, Namespace};
use crate::model::input::{CounterStream, Hints, TableStream};
use crate::model::report::{Snapshot, TakenFrom};
use crate::model::time::{SECOND_US, WallTime};

/// A log that was still being written when its directory was saved ends this close to its file's time.
const FILE_TIMES_BELIEVED_WITHIN_US: i64 = 10 * 60 * SECOND_US;

/// Where a log stood: its id and what surrounded it.
pub type LogPlace = (Box<str>, Hints);

/// Groups tables and counters by directory. Each table is a snapshot, with all counters of its directory; counters
/// without a table are one too. Counters named `…before…` and `…after…` are kept apart as a pair.
pub fn gather(
    tables: Vec<TableStream>,
    counters: Vec<CounterStream>,
    logs: &[LogPlace],
    conclusion: &Conclusion,
) -> Vec<Snapshot> {
    let mut beside: BTreeMap<Option<Box<str>>, Vec<CounterStream>> = BTreeMap::new();
    let mut counters = counters;
    // By content, not by the order or the names they were given in.
    counters.sort_by(|a, b| a.id.cmp(&b.id));
    counters.dedup_by(|a, b| a.id == b.id && a.hints.directory == b.hints.directory);
    for stream in counters {
        beside.entry(stream.hints.directory.clone()).or_default().push(stream);
    }
    let believed = |directory: &Option<Box<str>>| {
        logs.iter().any(|log| log.1.directory == *directory && ends_with_its_file(log, conclusion))
    };
    let mut snapshots = Vec::new();
    for table in tables {
        let streams = beside.get(&table.hints.directory).map_or(&[][..], Vec::as_slice);
        let taken_at = table.hints.modified.filter(|_| believed(&table.hints.directory));
        let mut snapshot = Snapshot {
            id: table.id.clone(),
            path: table.hints.path.clone(),
            host: host_of(table.hints.directory.as_deref(), logs, conclusion),
            namespace: Namespace::Unknown,
            taken_at,
            taken_from: TakenFrom::FileTime,
            census: Some(table.census),
            counters: Counters::default(),
            before_after: None,
            inputs: vec![table.id],
        };
        add_counters(&mut snapshot, streams);
        snapshots.push(snapshot);
    }
    let with_table: Vec<Box<str>> = snapshots.iter().flat_map(|snapshot| snapshot.inputs.clone()).collect();
    for (directory, streams) in beside {
        let Some(first) = streams.first() else { continue };
        if streams.iter().any(|stream| with_table.contains(&stream.id)) {
            continue;
        }
        let newest = streams.iter().filter_map(|stream| stream.hints.modified).max();
        let mut snapshot = Snapshot {
            id: first.id.clone(),
            path: directory.clone().unwrap_or_else(|| first.hints.path.clone()),
            host: host_of(directory.as_deref(), logs, conclusion),
            namespace: Namespace::Unknown,
            taken_at: newest.filter(|_| believed(&directory)),
            taken_from: TakenFrom::FileTime,
            census: None,
            counters: Counters::default(),
            before_after: None,
            inputs: Vec::new(),
        };
        add_counters(&mut snapshot, &streams);
        snapshots.push(snapshot);
    }
    snapshots.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.id.cmp(&b.id)));
    snapshots
}

fn file_name(stream: &CounterStream) -> String {
    stream.hints.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
}

/// What the input says of itself, and, where its lines do not tell, what its name says: `key = value` in a file called
/// `….conf` is what is meant to run.
fn as_meant(stream: &CounterStream) -> Counters {
    let mut counters = stream.counters.clone();
    let running = ["kernel.osrelease", "kernel.random.boot_id"];
    let answered = counters.count.is_some() || running.iter().any(|key| counters.sysctl.contains_key(*key));
    let is_conf = file_name(stream).rsplit_once('.').is_some_and(|(_, ending)| ending == "conf");
    if counters.configured.is_empty() && !answered && is_conf {
        counters.configured = std::mem::take(&mut counters.sysctl);
    }
    counters
}

/// What the settings files of one directory come to: they are read in the order of their names, and the last word
/// holds; `/etc/sysctl.conf` stands among them as 99 (sysctl.d(5)).
fn configured(streams: &[CounterStream]) -> BTreeMap<Box<str>, Box<str>> {
    let rank = |stream: &CounterStream| match file_name(stream).as_str() {
        "sysctl.conf" => "99-sysctl.conf".to_owned(),
        name => name.to_owned(),
    };
    let mut files: Vec<_> =
        streams.iter().map(|stream| (rank(stream), as_meant(stream).configured)).collect();
    files.sort();
    files.into_iter().flat_map(|(_, settings)| settings).collect()
}

fn add_counters(snapshot: &mut Snapshot, streams: &[CounterStream]) {
    let (mut before, mut after) = (Counters::default(), Counters::default());
    for stream in streams {
        let name = file_name(stream);
        let side = match (name.contains("before"), name.contains("after")) {
            (true, false) => &mut before,
            (false, true) => &mut after,
            _ => &mut snapshot.counters,
        };
        side.fill_from(&as_meant(stream));
        snapshot.inputs.push(stream.id.clone());
    }
    snapshot.counters.configured = configured(streams);
    if before != Counters::default() && after != Counters::default() {
        snapshot.before_after = Some((before.clone(), after.clone()));
    }
    // Settings found only beside one of the two moments are better than none; statistics keep their own moment.
    let statistics = snapshot.counters.stat;
    snapshot.counters.fill_from(&after);
    snapshot.counters.fill_from(&before);
    snapshot.counters.stat = statistics;
    if let Some(uname) = &snapshot.counters.uname {
        snapshot.host = Some(uname.host.clone());
    }
}

/// The only host that the logs of a directory speak of, where other directories have logs too: else there is nothing to
/// tell apart.
fn host_of(directory: Option<&str>, logs: &[LogPlace], conclusion: &Conclusion) -> Option<Box<str>> {
    let elsewhere = logs.iter().any(|(_, hints)| hints.directory.as_deref() != directory);
    let beside = logs.iter().filter(|(_, hints)| elsewhere && hints.directory.as_deref() == directory);
    let mut hosts = beside.map(|(id, _)| {
        let of = conclusion.stream_hosts.iter().find(|(stream, _)| stream == id);
        of.and_then(|(_, host)| conclusion.hosts.get(*host)).map(|host| host.name.clone())
    });
    let first = hosts.next()??;
    hosts.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// The file's time is that of its last line, so files beside it were not merely copied at their times either.
fn ends_with_its_file((id, hints): &LogPlace, conclusion: &Conclusion) -> bool {
    let last = conclusion.coverage.iter().find(|(stream, _, _)| stream == id).and_then(|(_, _, last)| *last);
    match (hints.modified, last) {
        (Some(WallTime(modified)), Some(WallTime(last))) => {
            modified.abs_diff(last) <= FILE_TIMES_BELIEVED_WITHIN_US.unsigned_abs()
        }
        _ => false,
    }
}
