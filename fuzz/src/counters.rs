//! Counters, in every dialect: what is kept is bounded, damage has its place, no line gives two records.

use conntriage::parse::counters::{self, CounterDialect};

/// Paths that decide where a content does not.
const PATHS: [&str; 4] =
    ["input", "proc/sys/net/netfilter/nf_conntrack_max", "proc/cmdline", "etc/sysctl.d/9.conf"];

/// Holds the properties against one text.
pub fn hold(text: &[u8]) {
    for path in PATHS {
        let told = counters::sniff(text, path);
        assert_eq!(told, counters::all_that_fit(text, path).first().copied());
    }
    for dialect in CounterDialect::all() {
        for path in &PATHS[..1 + usize::from(text.len() < 64)] {
            reads(dialect, path, text);
        }
    }
}

fn reads(dialect: CounterDialect, path: &str, text: &[u8]) {
    let (read, records, damaged) = counters::parse(dialect, path, text);
    let blank = |line: &&[u8]| !line.trim_ascii().is_empty();
    let lines = text.split(|byte| *byte == b'\n').filter(blank).count();
    assert!(records <= lines as u64, "{dialect:?}: {records} records in {lines} lines");
    for (kind, blemish) in damaged {
        assert!(blemish.count > 0 && blemish.first_raw.len() <= 200, "{dialect:?}: {kind:?}: {blemish:?}");
        assert!(blemish.first_offset <= text.len() as u64, "{dialect:?}: {kind:?}: {blemish:?}");
    }
    for (key, value) in &read.sysctl {
        assert!(key.len() <= 256 && value.len() <= 1_024, "{dialect:?}: {key}");
    }
    // What is kept is in proportion to the text.
    let kept = read.addresses.len()
        + read.slabs.len()
        + read.protocol.len()
        + read.allowances.len()
        + read.configured.len();
    assert!(kept <= 64 * (lines + 1), "{dialect:?}: {kept} kept of {lines} lines");
}
