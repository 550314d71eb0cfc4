//! `ethtool -S`: of the many counters of a card only those by which a cloud says that it dropped packets itself. They
//! are Amazon's (driver `ena`): `conntrack_allowance_exceeded` counts packets dropped because the *instance's* table of
//! connections was full, which no setting of the kernel changes.

use super::{Head, Reading, decimal};
use crate::model::blemish::BlemishKind;

/// Names that are kept.
const NAMES: [&str; 6] = [
    "bw_in_allowance_exceeded",
    "bw_out_allowance_exceeded",
    "pps_allowance_exceeded",
    "conntrack_allowance_exceeded",
    "linklocal_allowance_exceeded",
    "conntrack_allowance_available",
];

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    head.first() == "NIC statistics:"
}

/// Every counter is a record. Of several cards what was dropped is summed; what is left is that of the one with least.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        if text == "NIC statistics:" {
            return;
        }
        let Some((name, value)) = text.trim_start().rsplit_once(':') else {
            return reading.damage(BlemishKind::Unrecognised, line);
        };
        reading.records += 1;
        if !NAMES.contains(&name) {
            return;
        }
        let Some(value) = decimal(value.trim()) else {
            return reading.damage(BlemishKind::ImpossibleNumber, line);
        };
        let kept = reading.counters.allowances.entry(name.into());
        let left = name.ends_with("_available");
        kept.and_modify(|sum| *sum = if left { value.min(*sum) } else { sum.saturating_add(value) })
            .or_insert(value);
    });
}
