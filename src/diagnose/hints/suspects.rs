//! Packets that a firewall logged: who may have filled the table, and who cannot have.

use crate::model::diagnosis::Evidence;
use crate::model::signal::RelatedKind;

use super::Near;

pub(super) fn hints(near: &Near<'_>) -> Vec<Evidence> {
    let mut out = near.told(
        RelatedKind::PacketsPassed,
        "around-passed",
        "look at that source first; whether its packets stayed as entries only the table tells",
    );
    out.extend(near.told(
        RelatedKind::PacketsLogged,
        "around-logged",
        "a source to look at, no more: a rule may have refused them behind the one that logs",
    ));
    out.extend(near.told(
        RelatedKind::PacketsRefused,
        "around-refused",
        "with them it fills nothing, however many they are",
    ));
    out.extend(near.told(
        RelatedKind::PacketsInvalid,
        "around-invalid",
        "entries were lost before (a flush, a reload, a failover) or live too short; such packets fill nothing where they are dropped",
    ));
    out.extend(near.told(
        RelatedKind::PacketsDip,
        "around-dip",
        "it was full all the time, not now and then",
    ));
    out
}
