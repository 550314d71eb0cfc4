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
    counters.sort_by(|a, b| (&a.id, &a.hints.path).cmp(&(&b.id, &b.hints.path)));
    // Files of one number each may be equal byte for byte and say different things: the path says what.
    counters
        .dedup_by(|a, b| a.id == b.id && a.hints.directory == b.hints.directory && a.counters == b.counters);
    for stream in counters {
        beside.entry(taken_in(&stream.hints)).or_default().push(stream);
    }
    let believed = |directory: &Option<Box<str>>| {
        logs.iter().any(|log| taken_in(&log.1) == *directory && ends_with_its_file(log, conclusion))
    };
    let mut snapshots = Vec::new();
    for table in tables {
        let directory = taken_in(&table.hints);
        let streams = beside.get(&directory).map_or(&[][..], Vec::as_slice);
        let taken_at = table.hints.modified.filter(|_| believed(&directory));
        let mut snapshot = Snapshot {
            id: table.id.clone(),
            path: table.hints.path.clone(),
            host: host_of(directory.as_deref(), logs, conclusion),
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

/// Where the settings, counters, tables and logs of one machine stand below its root.
const BELOW_A_ROOT: [&str; 12] = [
    "proc",
    "proc/net",
    "proc/net/stat",
    "etc",
    "etc/default",
    "etc/modprobe.d",
    "etc/sysconfig",
    "etc/sysctl.d",
    "etc/ufw",
    "sys/module/nf_conntrack/parameters",
    "sys/module/ip_conntrack/parameters",
    "var/log",
];
/// The same, with everything below.
const TREES_BELOW_A_ROOT: [&str; 2] = ["proc/sys/", "sos_commands/"];

/// The directory that an input was taken in. Of a machine's root, or of a copy of it (as `sos` makes one), it is that
/// root: what belongs together stands in many directories there.
fn taken_in(hints: &Hints) -> Option<Box<str>> {
    let directory = hints.directory.as_deref()?;
    let begins = directory.match_indices(['/', '!']).map(|(at, _)| at + 1);
    let root = std::iter::once(0).chain(begins).find_map(|at| {
        let (root, below) = directory.split_at_checked(at)?;
        let tree = TREES_BELOW_A_ROOT
            .iter()
            .any(|tree| below.starts_with(tree) || tree.strip_suffix('/') == Some(below));
        (tree || BELOW_A_ROOT.contains(&below)).then_some(root)
    });
    Some(root.map_or(directory, |root| root.strip_suffix('/').unwrap_or(root)).into())
}

fn add_counters(snapshot: &mut Snapshot, streams: &[CounterStream]) {
    let (mut before, mut after) = (Counters::default(), Counters::default());
    for stream in streams {
        let name = stream.hints.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let side = match (name.contains("before"), name.contains("after")) {
            (true, false) => &mut before,
            (false, true) => &mut after,
            _ => &mut snapshot.counters,
        };
        side.fill_from(&stream.counters);
        snapshot.inputs.push(stream.id.clone());
    }
    if before != Counters::default() && after != Counters::default() {
        snapshot.before_after = Some((before.clone(), after.clone()));
    }
    // Settings found only beside one of the two moments are better than none; statistics keep their own moment.
    let statistics = snapshot.counters.stat;
    snapshot.counters.fill_from(&after);
    snapshot.counters.fill_from(&before);
    snapshot.counters.stat = statistics;
    let written = snapshot.counters.sysctl.get("kernel.hostname").cloned();
    let named = snapshot.counters.uname.as_ref().map(|uname| uname.host.clone()).or(written);
    snapshot.host = named.or_else(|| snapshot.host.take());
}

/// The only host that the logs of a directory speak of, where other directories have logs too: else there is nothing to
/// tell apart.
fn host_of(directory: Option<&str>, logs: &[LogPlace], conclusion: &Conclusion) -> Option<Box<str>> {
    let elsewhere = logs.iter().any(|(_, hints)| taken_in(hints).as_deref() != directory);
    let beside = logs.iter().filter(|(_, hints)| elsewhere && taken_in(hints).as_deref() == directory);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_in_of(directory: &str) -> String {
        let hints = Hints { directory: Some(directory.into()), ..Hints::default() };
        taken_in(&hints).unwrap().into()
    }

    #[test]
    fn what_stands_below_one_root_was_taken_together() {
        for below in [
            "proc/net",
            "proc/sys/net/netfilter",
            "etc/sysctl.d",
            "sos_commands/networking",
            "sys/module/nf_conntrack/parameters",
            "var/log",
            "etc",
        ] {
            assert_eq!(taken_in_of(&format!("sosreport-web8/{below}")), "sosreport-web8", "{below}");
            assert_eq!(taken_in_of(&format!("case.tar.xz!web8/{below}")), "case.tar.xz!web8", "{below}");
            assert_eq!(taken_in_of(&format!("/{below}")), "", "{below}");
        }
    }

    #[test]
    fn directories_that_only_sound_like_it_stay_themselves() {
        for directory in
            ["input", "/home/me/etc/case", "/var/log/remote/web8", "/var/tmp/case", "cases/proc-7", ""]
        {
            assert_eq!(taken_in_of(directory), directory);
        }
    }
}
