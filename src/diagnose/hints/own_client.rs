//! A program of this host that opens the connections itself.

use crate::model::diagnosis::Evidence;
use crate::model::signal::RelatedKind;

use super::Near;

pub(super) fn hints(near: &Near<'_>) -> Vec<Evidence> {
    let mut out = near.told(
        RelatedKind::PortsExhausted,
        "around-ports",
        "this host opens the connections itself, more than it has ports for: look at the peer named, not at strangers",
    );
    out.extend(near.told(
        RelatedKind::UpstreamTimeout,
        "around-upstream",
        "connections to that peer wait without an answer: it is down, or its packets were dropped",
    ));
    out
}
