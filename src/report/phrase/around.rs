//! What stands in the logs near an incident.

use crate::model::incident::{Around, Incident};
use crate::model::time::WallTime;

use super::super::scene::Scene;
use super::super::spell::{self, FIRM, Rich};
use super::super::words;

/// With its date where that is another than the incident's: `11:17:25 SYN flood: … (3 times) [messages]`
pub(in super::super) fn around(scene: &Scene<'_>, incident: &Incident, around: &Around) -> Rich {
    let day = |at: WallTime| scene.clock.local(at).split(FIRM).next().map(str::to_owned);
    let own = incident.times.start.and_then(day);
    let at = around.at.map(|at| {
        let same = own.is_none() || day(at) == own;
        let at = if same { scene.clock.time_of_day(at) } else { scene.clock.local(at) };
        format!("{at}{FIRM}")
    });
    let at = at.unwrap_or_default();
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
