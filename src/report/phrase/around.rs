//! What stands in the logs near an incident.

use crate::model::incident::Around;

use super::super::scene::Scene;
use super::super::spell::{self, FIRM, Rich};
use super::super::words;

/// `11:17:25 SYN flood: … (3 times) [messages]`
pub(in super::super) fn around(scene: &Scene<'_>, around: &Around) -> Rich {
    let at = around.at.map(|at| format!("{}{FIRM}", scene.clock.time_of_day(at))).unwrap_or_default();
    // A sum of packets says its number itself.
    let times = if around.count > 1 && !words::is_sum(around.kind) {
        format!(" ({} times)", spell::number(around.count))
    } else {
        String::new()
    };
    let from = scene.input_name(&around.from);
    Rich::from(format!("{at}{}: ", words::related(around.kind)))
        .and(&scene.rich(&around.fact))
        .with(&format!("{times} [{from}]"))
}
