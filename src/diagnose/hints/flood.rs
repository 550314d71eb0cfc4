//! Handshakes and sockets: a flood, a server that closes first, sockets left alone.

use crate::model::diagnosis::Evidence;
use crate::model::signal::RelatedKind;

use super::Near;

pub(super) fn hints(near: &Near<'_>) -> Vec<Evidence> {
    let mut out = near.told(
        RelatedKind::SynFlood,
        "around-syn-flood",
        "handshakes come in faster than the server takes them",
    );
    out.extend(near.told(
        RelatedKind::PacketsOpening,
        "around-opening",
        "a flood, or very many clients at once",
    ));
    out.extend(near.told(
        RelatedKind::TimeWaitOverflow,
        "around-time-wait",
        "this host closes connections first, very many of them",
    ));
    out.extend(near.told(
        RelatedKind::OrphanedSockets,
        "around-orphans",
        "sockets are left to themselves: peers vanish, or programs close early",
    ));
    out
}
