//! What each stream said of an incident: the leader first, copies behind it.

use std::collections::BTreeMap;

use super::incidents::{Case, Known, telling};
use crate::model::incident::StreamDrops;

/// One row for each stream that shows the topic.
pub(super) fn of(case: &Case<'_>, known: &Known<'_>, leader: usize) -> Vec<StreamDrops> {
    let leading: Vec<usize> = case.counted.iter().map(|counted| known.runs[counted.run].track).collect();
    let mut rows: BTreeMap<(usize, Box<str>), StreamDrops> = BTreeMap::new();
    for at in telling(case, known) {
        let placed = &known.runs[at];
        let Some(track) = known.tracks.get(placed.track) else { continue };
        let range = placed.run.head.offset..=placed.run.tail.offset;
        for member in &track.members {
            let from = member.shares.partition_point(|share| share.offset < *range.start());
            let to = member.shares.partition_point(|share| share.offset <= *range.end());
            let own = member.shares.get(from..to).unwrap_or_default();
            for share in own.iter().filter(|share| share.key == placed.key) {
                let row = rows.entry((placed.track, member.id.clone())).or_insert_with(|| StreamDrops {
                    input: member.id.clone(),
                    visible: 0,
                    suppressed: 0,
                    leads: leading.contains(&placed.track),
                });
                row.suppressed = row.suppressed.saturating_add(share.suppressed);
                for (subject, count) in &share.visible {
                    if known.topics.of(placed.host, subject) == *case.topic {
                        row.visible = row.visible.saturating_add(*count);
                    }
                }
            }
        }
    }
    let mut rows: Vec<((usize, Box<str>), StreamDrops)> = rows.into_iter().collect();
    rows.sort_by(|((a, id_a), row_a), ((b, id_b), row_b)| {
        let key = |track: &usize, row: &StreamDrops| (*track != leader, !row.leads, u64::MAX - row.visible);
        (key(a, row_a), id_a).cmp(&(key(b, row_b), id_b))
    });
    rows.into_iter().map(|(_, row)| row).collect()
}
