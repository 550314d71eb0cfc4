//! What counters and settings say of the table they stand beside.

use std::collections::BTreeMap;

use crate::model::counters::Counters;
use crate::model::input::CounterStream;
use crate::model::report::Snapshot;

fn file_name(stream: &CounterStream) -> String {
    stream.hints.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
}

/// What the input says of itself, and, where its lines do not tell, what its name says: `key = value` in a file called
/// `….conf` is what is meant to run.
fn as_meant(stream: &CounterStream) -> Counters {
    let mut counters = stream.counters.clone();
    let running = ["kernel.osrelease", "kernel.random.boot_id"];
    let answered =
        counters.counts().next().is_some() || running.iter().any(|key| counters.sysctl.contains_key(*key));
    let is_conf = file_name(stream).rsplit_once('.').is_some_and(|(_, ending)| ending == "conf");
    if counters.configured.is_empty() && !answered && is_conf {
        let file = &stream.hints.path;
        let settings = std::mem::take(&mut counters.sysctl).into_iter();
        counters.configured = settings.map(|(key, value)| (key, (value, file.clone()))).collect();
    }
    counters
}

/// What the settings files of one directory come to: they are read in the order of their names, and the last word
/// holds; `/etc/sysctl.conf` stands among them as 99 (sysctl.d(5)).
fn configured(streams: &[CounterStream]) -> BTreeMap<Box<str>, (Box<str>, Box<str>)> {
    let rank = |stream: &CounterStream| match file_name(stream).as_str() {
        "sysctl.conf" => "99-sysctl.conf".to_owned(),
        name => name.to_owned(),
    };
    let mut files: Vec<_> =
        streams.iter().map(|stream| (rank(stream), as_meant(stream).configured)).collect();
    files.sort();
    files.into_iter().flat_map(|(_, settings)| settings).collect()
}

/// Adds what the streams say that nothing before them said.
pub(super) fn add(snapshot: &mut Snapshot, streams: &[CounterStream]) {
    let (mut before, mut after) = (Counters::default(), Counters::default());
    for stream in streams {
        let name = file_name(stream);
        let side = match (name.contains("before"), name.contains("after")) {
            (true, false) => &mut before,
            (false, true) => &mut after,
            _ => &mut snapshot.counters,
        };
        side.fill_from(&Counters { configured: BTreeMap::new(), ..as_meant(stream) });
        snapshot.inputs.push(stream.id.clone());
    }
    for (key, value) in configured(streams) {
        snapshot.counters.configured.entry(key).or_insert(value);
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
