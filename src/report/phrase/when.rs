//! When it was, and how far that may be trusted.

use crate::model::incident::{Incident, Times};
use crate::model::report::IncidentView;
use crate::model::time::SECOND_US;

use super::super::scene::Scene;
use super::super::spell::{self, FIRM, Rich};
use super::super::words;

/// `Thu 2012-04-12 11:17:55 to 11:42:09 +02:00 (09:17:55 to 09:42:09 UTC), 24 min 14 s`
pub(in super::super) fn when(scene: &Scene<'_>, incident: &Incident) -> String {
    let times = &incident.times;
    let mut when = match (times.start, times.end) {
        (Some(start), Some(end)) => {
            let lasted = end.0.saturating_sub(start.0);
            let lasted = if lasted > 0 { format!(", {}", seconds(lasted)) } else { String::new() };
            format!("{}{lasted}", scene.clock.span(start, end))
        }
        (Some(only), None) | (None, Some(only)) => scene.clock.moment(only),
        (None, None) => since_boot(times),
    };
    if incident.ongoing {
        when.push_str("; may still be going on where the log ends");
    }
    when
}

/// `3 times in these logs: always at the same time of the day …`
pub(in super::super) fn recurrence(scene: &Scene<'_>, view: &IncidentView) -> Option<Rich> {
    let recurrence = view.recurrence.as_ref()?;
    let times = spell::number(recurrence.occurrences);
    let text = Rich::from(format!("{times}{FIRM}times in these logs, "));
    Some(text.and(&scene.rich(&recurrence.pattern)))
}

/// `2008-11-12 09:19:52`, or how long after boot, for a row.
pub(in super::super) fn start(scene: &Scene<'_>, times: &Times) -> String {
    match (times.start, times.since_boot_us) {
        (Some(at), _) => scene.clock.local(at),
        (None, Some((from, _))) => after_boot(from),
        (None, None) => "?".to_owned(),
    }
}

/// `boot + 12 min`
pub(in super::super) fn after_boot(us: i64) -> String {
    format!("boot{FIRM}+{FIRM}{}", seconds(us))
}

fn since_boot(times: &Times) -> String {
    match times.since_boot_us {
        Some((from, to)) => {
            format!("{} to {} after boot; the time of day is not known", seconds(from), seconds(to))
        }
        None => "the log says neither when nor how long after boot".to_owned(),
    }
}

/// How far the times may be trusted.
pub(in super::super) fn doubts(times: &Times) -> String {
    let mut parts: Vec<String> = words::basis(times.basis).map(str::to_owned).into_iter().collect();
    if i64::from(times.precision_us) >= SECOND_US {
        parts.push("stamps to the second".to_owned());
    }
    match times.uncertainty_us {
        Some(us) if us < SECOND_US => {}
        Some(us) => parts.push(format!("off by at most {}", seconds(us))),
        None if times.start.is_some() => parts.push("how far off is not known".to_owned()),
        None => {}
    }
    parts.join("; ")
}

/// Microseconds as a duration.
pub(in super::super) fn seconds(us: i64) -> String {
    spell::duration(us as f64 / SECOND_US as f64)
}

/// `network namespace 4026532281, boot …`
pub(in super::super) fn place(view: &IncidentView) -> String {
    let incident = &view.incident;
    let boot = incident.boot.map(|boot| format!("boot {}", boot.uuid()));
    let parts: Vec<String> =
        words::namespace(&incident.namespace, view.holder.as_ref()).into_iter().chain(boot).collect();
    parts.join(", ")
}
