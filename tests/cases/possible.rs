//! The law that every made table obeys, because every kernel's does: both directions of all entries stand in one hash, and
//! within a zone no tuple stands there twice (`nf_conntrack_hash_check_insert`, `nf_conntrack_tuple_taken`).

use std::collections::HashMap;

use crate::flow::{Flow, Tuple};
use crate::scene::Scene;

/// What no kernel could hold in the tables of a machine and of those beside it: the first such thing.
pub(crate) fn wrong(scene: &Scene) -> Option<String> {
    scene.others.iter().chain(std::iter::once(scene)).find_map(|machine| {
        let (first, second) = twice(&machine.flows)?;
        Some(format!("{} holds one tuple twice: {first:?} and {second:?}", machine.host))
    })
}

/// Two entries that have a tuple in common.
fn twice(flows: &[Flow]) -> Option<(&Flow, &Flow)> {
    let mut found: HashMap<Tuple, &Flow> = HashMap::with_capacity(flows.len() * 2);
    for flow in flows {
        for tuple in [flow.asks(), flow.answers()] {
            if let Some(other) = found.insert(tuple, flow) {
                return Some((other, flow));
            }
        }
    }
    None
}
