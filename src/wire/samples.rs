//! `conntriage.samples/1`: one look at a table's counters a line, `samples.jsonl` of a bundle.
//!
//! Recognised by its first line. What a line does not give is not known. Unknown fields are ignored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::live::clock::Now;
use crate::model::live::sample::{Netns, Sample};
use crate::model::time::WallTime;

use super::value::{moment, schema_of};

/// Name and version of the format.
pub const SCHEMA: &str = "conntriage.samples/1";
/// Bytes of one line; a longer one is not ours.
pub const LINE_BYTES_MAX: usize = 4_096;

/// One look at the counters of the table of one network namespace.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Sample")]
struct Line {
    /// Name and version of this format.
    #[schemars(extend("const" = "conntriage.samples/1"))]
    schema: String,
    /// When (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    at: String,
    /// The same in microseconds since boot (`CLOCK_BOOTTIME`).
    uptime_us: i64,
    /// Inode of the namespace.
    netns: u64,
    /// It is the one that the machine booted with.
    initial: bool,
    /// Not there before this moment, in microseconds since boot.
    #[serde(default)]
    born_us: Option<i64>,
    /// Entries.
    #[serde(default)]
    count: Option<u64>,
    /// Limit.
    #[serde(default)]
    max: Option<u64>,
    /// Packets refused since the namespace was made.
    #[serde(default)]
    drop: Option<u64>,
    /// Entries evicted to make room.
    #[serde(default)]
    early_drop: Option<u64>,
    /// Inserts that failed.
    #[serde(default)]
    insert_failed: Option<u64>,
    /// Of those: because a chain was too long.
    #[serde(default)]
    chain_too_long: Option<u64>,
    /// New entries, where the kernel counts them.
    #[serde(default)]
    new: Option<u64>,
}

/// One line, without line end; none for a moment that cannot be written (before year 0 or after 9999).
pub fn write(sample: &Sample) -> Option<String> {
    let line = Line {
        schema: SCHEMA.to_owned(),
        at: moment(Some(sample.at.wall))?,
        uptime_us: sample.at.uptime_us,
        netns: sample.netns.inode,
        initial: sample.netns.initial,
        born_us: sample.netns.born_us,
        count: sample.count,
        max: sample.max,
        drop: sample.drop,
        early_drop: sample.early_drop,
        insert_failed: sample.insert_failed,
        chain_too_long: sample.chain_too_long,
        new: sample.new,
    };
    serde_json::to_string(&line).ok()
}

/// Reads one line. An error says what is wrong with it.
pub fn read(line: &[u8]) -> Result<Sample, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("a sample of {} bytes: at most {LINE_BYTES_MAX} are read", line.len()));
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if line.schema != SCHEMA {
        return Err(format!("schema {:?}: only {SCHEMA:?} is read", line.schema));
    }
    let wall = chrono::DateTime::parse_from_rfc3339(&line.at)
        .map_err(|_| format!("at {:?} is no time of RFC 3339", line.at))?;
    Ok(Sample {
        at: Now { uptime_us: line.uptime_us, wall: WallTime(wall.timestamp_micros()) },
        netns: Netns { inode: line.netns, initial: line.initial, born_us: line.born_us },
        count: line.count,
        max: line.max,
        drop: line.drop,
        early_drop: line.early_drop,
        insert_failed: line.insert_failed,
        chain_too_long: line.chain_too_long,
        new: line.new,
    })
}

/// Its JSON Schema: of one line.
pub fn schema() -> String {
    schema_of::<Line>()
}

/// The head of an input looks like lines of this format.
pub fn looks_like(head: &[u8]) -> bool {
    head.starts_with(br#"{"schema":"conntriage.samples/"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written_and_what_is_not_known_stays_so() {
        let sample = Sample {
            at: Now { uptime_us: 12_345_678, wall: WallTime(1_795_388_400_123_456) },
            netns: Netns { inode: 4_026_531_840, initial: true, born_us: None },
            count: Some(262_144),
            max: Some(262_144),
            drop: Some(0),
            early_drop: None,
            insert_failed: Some(3),
            chain_too_long: None,
            new: None,
        };
        let line = write(&sample).unwrap();
        assert!(looks_like(line.as_bytes()), "{line}");
        assert_eq!(read(line.as_bytes()), Ok(sample));
    }

    #[test]
    fn another_version_is_refused_by_its_name() {
        let line = r#"{"schema":"conntriage.samples/2","at":"2026-11-27T00:00:00Z","uptime_us":1,"netns":1,"initial":true}"#;
        assert!(read(line.as_bytes()).unwrap_err().contains("conntriage.samples/2"));
        assert!(read(br#"{"at":1}"#).is_err());
    }
}
