//! The only place that infers: the set of all streams → hosts, times, incidents.
//!
//! Nine steps, each a file, in this order; none looks ahead:
//!
//! 1. `equal`: a stream given twice counts once.
//! 2. `hosts`: which words, boots and files are one host.
//! 3. `zones`: the zone of stamps that name none.
//! 4. `years`: the year of stamps that name none.
//! 5. `boots`: the tie between the printk clock and wall time. Before it, `successors` joins the files of a rotated
//!    log, because boots are counted along it; after it, `place` puts every run on a scale.
//! 6. `copies`: one line in several logs counts once.
//! 7. `windows`: the run that a suppression count belongs to; `cost` makes the drop interval of it.
//! 8. `incidents` (with `shares`, `timeline`, `around`, `packets`): where an incident begins and ends. `containers`: one line of
//!    a container in its host's log and its own.
//!    `forerunners`: what stands before incidents more often than chance has it.
//!    `sampled`: what a watcher sampled of the tables beside the log.
//! 9. `told`: what had to be assumed and what stays unknown; `chosen`: what the user asked to see.

mod around;
mod boots;
mod chosen;
pub(super) mod civil;
mod containers;
mod copies;
mod cost;
mod equal;
mod forerunners;
mod hosts;
mod incidents;
mod kept;
mod named;
mod notes;
mod packets;
mod place;
mod sampled;
mod shares;
mod successors;
#[cfg(test)]
mod testing;
mod timeline;
mod told;
mod topics;
mod windows;
mod years;
mod zones;

pub use incidents::incident_id;
pub use kept::keep_ids;

use std::collections::BTreeMap;

use crate::model::incident::{Conclusion, Incident, TimeBasis};
use crate::model::input::{LogStream, SampleStream};
use crate::model::report::Settings;
use crate::model::time::{SECOND_US, WallTime};

/// Runs closer than this are one incident where the settings say nothing.
const QUIET_SECONDS: u64 = 600;

/// What all streams together amount to. Order and repetition of `streams` change nothing.
pub fn conclude(streams: Vec<LogStream>, settings: &Settings) -> Conclusion {
    conclude_beside(streams, &[], settings)
}

/// The same with what was sampled of the same machines.
pub fn conclude_beside(streams: Vec<LogStream>, samples: &[SampleStream], settings: &Settings) -> Conclusion {
    let mut notes = notes::Notes::default();
    let streams = equal::without_repetition(streams);
    let mut hosts = hosts::tell_apart(&streams, settings, &mut notes);
    let zones = zones::choose(&streams, settings, &mut notes);
    let clocks = years::infer(&streams, &hosts, &zones, settings);
    let mut coverage = coverage(&streams, &clocks);
    let stream_hosts = stream_hosts(&streams, &hosts);
    let mut tracks = successors::join(streams, &clocks, &hosts);
    hosts.say_homes(&tracks, &mut notes);
    zones::say(&tracks, settings, &mut notes);
    years::say(&tracks, settings, &mut notes);
    let goes_on_from = told::successors(&tracks);
    let boots = boots::tie(&tracks, &hosts, &mut notes);
    let runs = place::all(&mut tracks, &hosts, &boots);
    tied_coverage(&mut coverage, &runs, &tracks);
    let topics = topics::Topics::learn(&runs, &hosts, &mut notes);
    let counting = copies::choose(&runs, &tracks, &topics);
    let order = windows::Order::of(&runs);
    let evidence = around::Evidence::gather(&tracks, &hosts, &boots);
    let traffic = packets::Traffic::gather(&tracks, &hosts, &boots);
    let known = incidents::Known {
        runs: &runs,
        tracks: &tracks,
        hosts: &hosts,
        boots: &boots,
        topics: &topics,
        counting: &counting,
        order: &order,
        evidence: &evidence,
        traffic: &traffic,
        quiet_us: quiet_us(settings),
    };
    let cases = incidents::cases(&known);
    let found = incidents::describe_all(&cases, &known);
    told::say(&cases, &found, &known, &mut notes);
    let mut found = containers::merge(found, &hosts.list, &mut notes);
    let forerunners = evidence.forerunners(&found);
    let other_tables = evidence.of_other_tables(&found, &tracks);
    let taken_over = evidence.of_taking_over(&tracks);
    sampled::add(&mut hosts.list, &mut found, samples, quiet_us(settings), &mut notes);
    let mut incidents = chosen::by(settings, found, &hosts.list);
    incidents.sort_by_cached_key(place_in_report);
    let (assumptions, gaps) = notes.into_lists();
    let ends = |span: Option<(WallTime, WallTime)>| (span.map(|s| s.0), span.map(|s| s.1));
    let coverage = coverage.into_iter().map(|(id, span)| (id, ends(span).0, ends(span).1)).collect();
    Conclusion {
        hosts: hosts.list,
        incidents,
        assumptions,
        gaps,
        coverage,
        goes_on_from,
        forerunners,
        other_tables,
        taken_over,
        stream_hosts,
    }
}

/// The order of incidents in a report; hosts are in the order of their names.
fn place_in_report(incident: &Incident) -> impl Ord + use<> {
    let times = &incident.times;
    let start = (times.start.is_none(), times.start, times.since_boot_us);
    (incident.host, start, incident.table, incident.namespace.clone(), incident.id.clone())
}

fn quiet_us(settings: &Settings) -> i64 {
    let seconds = if settings.quiet_seconds == 0 { QUIET_SECONDS } else { settings.quiet_seconds };
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_US)
}

/// Wall time of first and last record of each stream, where known.
fn coverage(
    streams: &[LogStream],
    clocks: &[civil::Clock],
) -> BTreeMap<Box<str>, Option<(WallTime, WallTime)>> {
    let rows = streams.iter().zip(clocks).map(|(stream, clock)| {
        let reach = successors::Reach::on_wall(&stream.piece, clock);
        (stream.id.clone(), reach.map(|reach| (WallTime(reach.begin), WallTime(reach.end))))
    });
    rows.collect()
}

/// The same for logs that count seconds since boot, where another log of the boot ties them to wall time.
fn tied_coverage(
    coverage: &mut BTreeMap<Box<str>, Option<(WallTime, WallTime)>>,
    runs: &[place::Placed],
    tracks: &[successors::Track],
) {
    for run in runs.iter().filter(|run| run.basis == TimeBasis::BootTied) {
        let Some(track) = tracks.get(run.track) else { continue };
        let [member] = track.members.as_slice() else { continue };
        if let (Some(None), Some((from, to))) = (coverage.get(&member.id), copies::coverage(track, run)) {
            coverage.insert(member.id.clone(), Some((WallTime(from), WallTime(to))));
        }
    }
}

/// The host of each stream that speaks of exactly one.
fn stream_hosts(streams: &[LogStream], hosts: &hosts::Hosts) -> Vec<(Box<str>, usize)> {
    let rows = streams.iter().enumerate().filter_map(|(index, stream)| {
        let of = hosts.of_stream(index, stream);
        let only = of.first().copied().filter(|_| of.len() == 1)?;
        Some((stream.id.clone(), only))
    });
    rows.collect()
}
