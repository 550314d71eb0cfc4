//! The own network: many addresses tried, frames of others tracked, machines that come up.

use crate::model::diagnosis::Evidence;
use crate::model::signal::RelatedKind;

use super::Near;

pub(super) fn hints(near: &Near<'_>) -> Vec<Evidence> {
    let mut out = near.told(
        RelatedKind::NeighbourOverflow,
        "around-neighbours",
        "many addresses of the own network are tried: a scan, peer-to-peer or monitoring, rather than visitors",
    );
    out.extend(near.told(
        RelatedKind::BridgeTracked,
        "around-bridge",
        "connections of other machines that only cross a bridge of this host are entries here, too",
    ));
    out.extend(near.told(
        RelatedKind::PortForwarding,
        "around-came-up",
        "something new may have brought its connections with it",
    ));
    out
}
