//! Who suffered. Name resolution is the first that fails with any full table: it tells nothing of the cause.

use crate::model::diagnosis::Evidence;
use crate::model::signal::RelatedKind;

use super::Near;

pub(super) fn hints(near: &Near<'_>) -> Vec<Evidence> {
    near.told(
        RelatedKind::Victim,
        "around-victims",
        "it suffered from the full table and says nothing of what filled it; new connections fail, name resolution first",
    )
}
