//! Lines about other limits than the table's: they look alike and have remedies of their own.

use crate::model::diagnosis::Evidence;
use crate::model::signal::RelatedKind;

use super::Near;

pub(super) fn hints(near: &Near<'_>) -> Vec<Evidence> {
    let mut out = near.told(
        RelatedKind::AllocationFailed,
        "around-memory",
        "packets are lost for lack of memory, too: a larger limit would make that worse",
    );
    out.extend(near.told(
        RelatedKind::TcpMemory,
        "around-tcp-memory",
        "sockets are short of memory of their own; the table has nothing to do with it",
    ));
    out.extend(near.told(
        RelatedKind::ZoneLimit,
        "around-zone-limit",
        "one zone was at its own limit, whatever room the table had",
    ));
    out.extend(near.told(
        RelatedKind::HashlimitFull,
        "around-hashlimit",
        "many addresses were counted at once, as in a flood or a sweep",
    ));
    out.extend(near.told(
        RelatedKind::IpvsNoDestination,
        "around-ipvs",
        "clients of that service try again and again, each time with a new entry",
    ));
    out
}
