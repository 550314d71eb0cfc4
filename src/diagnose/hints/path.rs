//! Packets that take another way: a partner takes over, entries come from another machine, a link goes down.

use crate::model::diagnosis::Evidence;
use crate::model::signal::RelatedKind;

use super::Near;

pub(super) fn hints(near: &Near<'_>) -> Vec<Evidence> {
    let mut out = near.told(
        RelatedKind::Failover,
        "around-failover",
        "traffic moved from one machine to another: connections without their entries are picked up in their middle, or answered another way",
    );
    out.extend(near.told(
        RelatedKind::EntriesInjected,
        "around-injected",
        "entries of another machine were added to its own",
    ));
    out.extend(near.told(
        RelatedKind::LinkChanged,
        "around-link",
        "answers that come back another way leave entries without a reply",
    ));
    out
}
