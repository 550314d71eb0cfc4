//! `/proc/net/sockstat` and `/proc/net/sockstat6`: sockets of the namespace, TIME_WAIT of both families in the first.

use super::{Head, Reading, decimal};
use crate::model::blemish::BlemishKind;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let first = head.first();
    first.starts_with("sockets: used ") || first.starts_with("TCP6: inuse ")
}

/// Every line is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        let words: Vec<&str> = text.split_whitespace().collect();
        let behind = |name: &str| {
            let place = words.iter().position(|word| *word == name)?;
            words.get(place + 1).copied().and_then(decimal)
        };
        let counts = &mut reading.counters.socket_counts;
        match words.first().copied() {
            Some("TCP:") => {
                counts.tcp = behind("inuse");
                (counts.orphaned, counts.time_wait) = (behind("orphan"), behind("tw"));
                if counts.time_wait.is_none() {
                    reading.damage(BlemishKind::ImpossibleNumber, line);
                }
            }
            Some("TCP6:") => counts.tcp6 = behind("inuse"),
            Some("UDP:") => counts.udp = behind("inuse"),
            Some(word) if word.ends_with(':') => {}
            _ => reading.damage(BlemishKind::Unrecognised, line),
        }
    });
}
