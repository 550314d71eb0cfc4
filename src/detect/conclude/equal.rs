//! Step 1: a stream given twice counts once.
//!
//! Equal id means equal decoded bytes, so `messages.1` and `messages.1.gz` are one stream. What surrounds the copies
//! may differ: the path that sorts first is shown, and the earliest time of writing is believed, because
//! copying a file makes that time later and never earlier.

use std::collections::BTreeMap;

use crate::model::input::LogStream;

/// The distinct streams, by id. From here on the order of inputs is forgotten.
pub(super) fn without_repetition(streams: Vec<LogStream>) -> Vec<LogStream> {
    let mut distinct: BTreeMap<Box<str>, LogStream> = BTreeMap::new();
    for stream in streams {
        match distinct.get_mut(&stream.id) {
            None => {
                distinct.insert(stream.id.clone(), stream);
            }
            Some(kept) => merge_hints(kept, stream),
        }
    }
    distinct.into_values().collect()
}

fn merge_hints(kept: &mut LogStream, other: LogStream) {
    let modified = match (kept.hints.modified, other.hints.modified) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let key = |stream: &LogStream| {
        let hints = &stream.hints;
        (hints.path.clone(), hints.directory.clone(), hints.reader_zone.clone(), stream.dialect)
    };
    if key(&other) < key(kept) {
        *kept = other;
    }
    kept.hints.modified = modified;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::input::Hints;
    use crate::model::piece::Piece;
    use crate::model::time::WallTime;

    fn stream(id: &str, path: &str, modified: Option<i64>) -> LogStream {
        let hints = Hints { path: path.into(), modified: modified.map(WallTime), ..Hints::default() };
        LogStream { id: id.into(), hints, dialect: "syslog", piece: Piece::default() }
    }

    #[test]
    fn a_stream_given_twice_counts_once_in_any_order() {
        let given = [stream("b", "z", None), stream("a", "m.1", Some(9)), stream("a", "m.1.gz", Some(5))];
        let there = without_repetition(given.to_vec());
        let back = without_repetition(given.iter().rev().cloned().collect());
        assert_eq!(there, back);
        assert_eq!(there.len(), 2);
        assert_eq!(there.first().map(|s| &*s.hints.path), Some("m.1"));
    }

    #[test]
    fn the_earliest_time_of_writing_is_believed() {
        let kept = without_repetition(vec![stream("a", "x", Some(9)), stream("a", "y", Some(5))]);
        assert_eq!(kept.first().and_then(|s| s.hints.modified), Some(WallTime(5)));
    }
}
