//! What the user asked to see: `--since`, `--until`, `--host`. Applied at the very end, because what lies outside
//! the span (a suppression count, a copy) may still tell of what lies inside.

use crate::model::incident::{Host, Incident};
use crate::model::report::Settings;

/// The incidents that overlap the span and are of the hosts asked for. One whose time is not known is kept: nothing
/// shows that it lies outside.
pub(super) fn by(settings: &Settings, incidents: Vec<Incident>, hosts: &[Host]) -> Vec<Incident> {
    let wanted = |incident: &Incident| {
        let times = &incident.times;
        let late = settings.since.zip(times.end).is_some_and(|(since, end)| end < since);
        let early = settings.until.zip(times.start).is_some_and(|(until, start)| start > until);
        let host = hosts.get(incident.host);
        let named = settings.hosts.is_empty()
            || host.is_some_and(|host| settings.hosts.iter().any(|name| is_called(host, name)));
        !late && !early && named
    };
    incidents.into_iter().filter(wanted).collect()
}

fn is_called(host: &Host, name: &str) -> bool {
    let label = host.name.split_once('.').map(|(label, _)| label);
    let words = host.also_written_as.iter().map(|word| &**word).chain([&*host.name]).chain(label);
    words.into_iter().any(|word| word.to_lowercase() == name.to_lowercase())
}
