//! What a watcher sampled of a machine's tables: a second pair of eyes beside the log.
//!
//! The counters of a table, once a second, give an incident its timeline, the minutes before it and what the kernel
//! counted of it; where no line names the namespace, the one whose counter rose; and an incident of their own where
//! every line of it was rate-limited away.

use std::collections::BTreeMap;

use super::incidents::incident_id;
use super::notes::Notes;
use crate::model::counters::{Counters, StatCounters};
use crate::model::incident::{
    Drops, HighIs, Host, Incident, Method, Namespace, Sampled, TimeBasis, Timeline, TimelinePoint, Times,
};
use crate::model::input::SampleStream;
use crate::model::live::clock::Now;
use crate::model::live::sample::{Netns, Sample};
use crate::model::record::Trust;
use crate::model::sentence::Word;
use crate::model::signal::Table;
use crate::model::time::{BootId, SECOND_US, WallTime};
use crate::sentence;

/// A line may be stamped so much later than the packet was dropped: the way through the ring and the log daemon.
const STAMPED_LATE_US: i64 = SECOND_US;
/// The minutes before that a timeline shows.
const BEFORE_US: i64 = 600 * SECOND_US;
/// Steps of a timeline at most, as those of `timeline`.
const STEPS_MAX: i64 = 240;
/// Hundredths of the limit from which on a rising drop counter means that the table was full. Below it the kernel's early
/// drop or an unresolved clash is more likely.
const FULL_HUNDREDTHS: u64 = 90;

/// So long after the last line refusals may go on unseen: the limiter's window, and a second.
const WINDOW_OVER_US: i64 = 6 * SECOND_US;
/// A namespace first looked at within so long of its making is known from its beginning: its age is that of the first
/// process or name that was seen of it, and counters begin with the namespace.
const YOUNG_US: i64 = 60 * SECOND_US;

/// The samples of one table, in order of time.
struct Watch<'a> {
    stream: &'a SampleStream,
    netns: Netns,
    samples: Vec<&'a Sample>,
}

impl Watch<'_> {
    fn namespace(&self) -> Namespace {
        if self.netns.initial { Namespace::Initial } else { Namespace::Netns(self.netns.inode) }
    }

    fn boot(&self) -> Option<BootId> {
        self.stream.hints.tie.and_then(|tie| tie.boot)
    }

    /// It is of this machine and may be of this table.
    fn may_be(&self, host: &Host, only_host: bool, incident: &Incident) -> bool {
        let of_boot = self.boot().is_some_and(|boot| host.boot_ids.contains(&boot));
        let named = self.stream.hints.host.as_deref().is_some_and(|word| is_called(host, word));
        let of_table = match incident.namespace {
            Namespace::Unknown => true,
            Namespace::Container(_) => false,
            Namespace::Initial | Namespace::Netns(_) => self.namespace() == incident.namespace,
        };
        of_table && incident.table == Table::Conntrack && (of_boot || named || only_host)
    }

    /// The last look before a time, and the last one up to another. A namespace that was not looked at before it was
    /// full, because it was too young, had dropped nothing when it was made.
    fn sides(&self, begin: i64, end: i64) -> Option<(Sample, Sample)> {
        let upto = |at: i64| self.samples.iter().rfind(|sample| sample.at.wall.0 <= at).copied().copied();
        let after = upto(end)?;
        let before = upto(begin).or_else(|| self.newborn())?;
        (before.at < after.at).then_some((before, after))
    }

    /// When a stretch of looks begins and ends, wall microseconds.
    fn times(&self, (first, last): (usize, usize)) -> (Option<i64>, Option<i64>) {
        let at = |number: usize| self.samples.get(number).map(|sample| sample.at.wall.0);
        (at(first), at(last))
    }

    /// What a look at the moment in which the namespace was made would have shown.
    fn newborn(&self) -> Option<Sample> {
        let first = self.samples.first()?;
        let born_us = first.netns.born_us.filter(|_| !first.netns.initial)?;
        let young = first.at.uptime_us.saturating_sub(born_us);
        let zero = |counter: Option<u64>| counter.map(|_| 0);
        (0..=YOUNG_US).contains(&young).then(|| Sample {
            at: Now { uptime_us: born_us, wall: WallTime(first.at.wall.0.saturating_sub(young)) },
            count: zero(first.count),
            drop: zero(first.drop),
            early_drop: zero(first.early_drop),
            insert_failed: zero(first.insert_failed),
            chain_too_long: zero(first.chain_too_long),
            new: zero(first.new),
            ..**first
        })
    }
}

fn is_called(host: &Host, word: &str) -> bool {
    let mut words = std::iter::once(&host.name).chain(&host.also_written_as);
    let label = |name: &str| name.split_once('.').map_or(name.len(), |(label, _)| label.len());
    words.any(|name| {
        name.eq_ignore_ascii_case(word)
            || (name.contains('.') != word.contains('.')
                && name.get(..label(name)).is_some_and(|short| {
                    word.get(..label(word)).is_some_and(|other| other.eq_ignore_ascii_case(short))
                }))
    })
}

/// Adds what was sampled to the incidents, and incidents that only the samples show.
pub(super) fn add(
    hosts: &mut Vec<Host>,
    incidents: &mut Vec<Incident>,
    streams: &[SampleStream],
    quiet_us: i64,
    notes: &mut Notes,
) {
    let watches = watches(streams);
    let only_host = hosts.len() == 1;
    let spans: Vec<Vec<(usize, usize)>> = watches.iter().map(|watch| full_spans(watch, quiet_us)).collect();
    // Of each span the incidents that it belongs to.
    let mut owners: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (at, (watch, spans)) in watches.iter().zip(&spans).enumerate() {
        for span in spans {
            let of_it = incidents.iter().enumerate();
            let of_it = of_it.filter(|(_, incident)| covers(incident, watch, hosts, *span, quiet_us));
            owners.insert((at, span.0), of_it.map(|(number, _)| number).collect());
        }
    }
    for (number, incident) in incidents.iter_mut().enumerate() {
        let Some(host) = hosts.get(incident.host) else { continue };
        let own = |at: usize, span: &&(usize, usize)| {
            owners.get(&(at, span.0)).is_some_and(|owners| *owners == [number])
        };
        let of_it: Vec<(&Watch<'_>, Option<(usize, usize)>)> = watches
            .iter()
            .zip(&spans)
            .enumerate()
            .filter(|(_, (watch, _))| watch.may_be(host, only_host, incident))
            .map(|(at, (watch, spans))| {
                let own: Vec<&(usize, usize)> = spans.iter().filter(|span| own(at, span)).collect();
                (watch, own.first().zip(own.last()).map(|(first, last)| (first.0, last.1)))
            })
            .collect();
        enrich(incident, &of_it, quiet_us, notes);
    }
    for (at, (watch, spans)) in watches.iter().zip(&spans).enumerate() {
        for span in spans {
            if owners.get(&(at, span.0)).is_none_or(Vec::is_empty) {
                incidents.extend(unseen(watch, *span, hosts));
            }
        }
    }
}

fn watches(streams: &[SampleStream]) -> Vec<Watch<'_>> {
    let mut watches = Vec::new();
    for stream in streams {
        let mut tables: BTreeMap<(u64, bool), Vec<&Sample>> = BTreeMap::new();
        for sample in &stream.samples {
            tables.entry((sample.netns.inode, sample.netns.initial)).or_default().push(sample);
        }
        for mut samples in tables.into_values() {
            let Some(netns) = samples.first().map(|sample| sample.netns) else { continue };
            samples.sort_by_key(|sample| sample.at);
            samples.dedup_by_key(|sample| sample.at);
            watches.push(Watch { stream, netns, samples });
        }
    }
    watches
}

/// `watches`: of its table, or of those that may be it; with the stretch in which that one was full and refused, which is
/// of no other incident. The log may have told of it late, or of its end only.
fn enrich(
    incident: &mut Incident,
    watches: &[(&Watch<'_>, Option<(usize, usize)>)],
    quiet_us: i64,
    notes: &mut Notes,
) {
    let (Some(WallTime(start)), Some(WallTime(end))) = (incident.times.start, incident.times.end) else {
        return;
    };
    let (begin, until) = (start.saturating_sub(STAMPED_LATE_US), end.saturating_add(quiet_us));
    let around = |(watch, span): &(&Watch<'_>, Option<(usize, usize)>)| {
        let (first, last) = span.map(|span| watch.times(span)).unwrap_or_default();
        watch.sides(first.map_or(begin, |first| begin.min(first)), last.map_or(until, |last| until.max(last)))
    };
    let rose = |watch: &(&Watch<'_>, Option<(usize, usize)>)| {
        around(watch).and_then(|(a, b)| dropped(&a, &b)).is_some_and(|(_, high)| high > 0)
    };
    let chosen = match watches {
        [only] => only,
        several => {
            let mut rising = several.iter().filter(|watch| rose(watch));
            match (rising.next(), rising.next()) {
                (Some(one), None) => one,
                _ => return,
            }
        }
    };
    let watch = chosen.0;
    if incident.namespace == Namespace::Unknown && rose(chosen) {
        incident.namespace = watch.namespace();
        notes.assume(
            "namespace",
            sentence![
                "the line names no network namespace; it is taken to be of the one whose drop counter rose at that time:",
                Word::Code(watch.netns.inode.to_string()),
                if watch.netns.initial { "(the initial one)" } else { "" }
            ],
            Some(&watch.stream.id),
        );
    }
    // What was refused behind the last look is not counted: a namespace may be gone before the limiter's window ended.
    let covered = end.saturating_add(WINDOW_OVER_US);
    if let Some((before, after)) = around(chosen) {
        let whole = after.at.wall.0 >= covered;
        incident.sampled = Some(Sampled { sides: (counters(&before), counters(&after)), whole });
    }
    draw(&mut incident.timeline, watch, (start.saturating_sub(BEFORE_US), until));
}

fn stat(sample: &Sample) -> StatCounters {
    StatCounters {
        drop: sample.drop,
        early_drop: sample.early_drop,
        insert_failed: sample.insert_failed,
        chain_too_long: sample.chain_too_long,
        ..StatCounters::default()
    }
}

fn counters(sample: &Sample) -> Counters {
    Counters { stat: Some(stat(sample)), count: sample.count, ..Counters::default() }
}

/// Packets dropped for want of an entry between two looks: at least, at most.
fn dropped(before: &Sample, after: &Sample) -> Option<(u64, u64)> {
    stat(before).drops_until(&stat(after))
}

/// Adds counts to a timeline and draws the minutes before, on a grid that is as fine as both can be shown.
fn draw(timeline: &mut Timeline, watch: &Watch<'_>, (begin, until): (i64, i64)) {
    let within = |sample: &&&Sample| (begin..=until).contains(&sample.at.wall.0);
    let samples: Vec<&Sample> = watch.samples.iter().filter(within).copied().collect();
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
    let mut seconds = i64::try_from(timeline.step_seconds.max(1)).unwrap_or(i64::MAX / SECOND_US);
    let ends = timeline.points.last().map_or(last.at.wall.0, |point| point.at_us.max(last.at.wall.0));
    let span = ends.saturating_sub(first.at.wall.0);
    while span / seconds.saturating_mul(SECOND_US) > STEPS_MAX {
        seconds = seconds.saturating_mul(2);
    }
    let step_us = seconds.saturating_mul(SECOND_US);
    let step = |at: i64| at.div_euclid(step_us).saturating_mul(step_us);
    let mut points: BTreeMap<i64, TimelinePoint> = BTreeMap::new();
    for old in std::mem::take(&mut timeline.points) {
        let at_us = step(old.at_us);
        let point = points.entry(at_us).or_insert_with(|| TimelinePoint {
            at_us,
            visible: Some(0),
            suppressed: Some(0),
            ..TimelinePoint::default()
        });
        point.visible = point.visible.zip(old.visible).map(|(a, b)| a.saturating_add(b));
        point.suppressed = point.suppressed.zip(old.suppressed).map(|(a, b)| a.saturating_add(b));
    }
    let mut before: Option<&Sample> = None;
    for sample in samples {
        let at_us = step(sample.at.wall.0);
        let point = points.entry(at_us).or_insert_with(|| TimelinePoint {
            at_us,
            visible: Some(0),
            suppressed: Some(0),
            ..TimelinePoint::default()
        });
        point.count = point.count.max(sample.count);
        point.max = sample.max.or(point.max);
        let rise = |of: fn(&Sample) -> Option<u64>| of(sample)?.checked_sub(of(before?)?);
        let add = |sum: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0).saturating_add(more));
            }
        };
        add(&mut point.drops, rise(|sample| sample.drop));
        add(&mut point.early_drops, rise(|sample| sample.early_drop));
        before = Some(sample);
    }
    timeline.step_seconds = u64::try_from(seconds).unwrap_or(1);
    timeline.points = points.into_values().collect();
}

/// Spans in which the table was full and its drop counter rose; those closer than the quiet time are one. Indices of the
/// look before the first rise and of the last one with a rise.
fn full_spans(watch: &Watch<'_>, quiet_us: i64) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let pairs = watch.samples.iter().zip(watch.samples.iter().skip(1)).enumerate();
    for (at, (before, after)) in pairs {
        let full = before.count.max(after.count).zip(after.max).is_some_and(|(count, max)| {
            max > 0 && count.saturating_mul(100) >= max.saturating_mul(FULL_HUNDREDTHS)
        });
        if !full || dropped(before, after).is_none_or(|(low, _)| low == 0) {
            continue;
        }
        let near = spans.last_mut().filter(|span| {
            let end = watch.samples.get(span.1).map_or(i64::MIN, |sample| sample.at.uptime_us);
            before.at.uptime_us.saturating_sub(end) < quiet_us
        });
        match near {
            Some(span) => span.1 = at + 1,
            None => spans.push((at, at + 1)),
        }
    }
    spans
}

/// An incident that the log told of is the one that the samples show.
fn covers(
    incident: &Incident,
    watch: &Watch<'_>,
    hosts: &[Host],
    (begin, end): (usize, usize),
    quiet_us: i64,
) -> bool {
    let of_it = hosts.get(incident.host).is_some_and(|host| watch.may_be(host, hosts.len() == 1, incident));
    let (Some(from), Some(to)) = watch.times((begin, end)) else { return true };
    match (incident.times.start, incident.times.end) {
        (Some(start), Some(last)) => {
            of_it && start.0 <= to.saturating_add(quiet_us) && last.0 >= from.saturating_sub(quiet_us)
        }
        // Its time is not known: it may be this one.
        _ => of_it,
    }
}

/// An incident whose lines were all rate-limited away, or are not among the logs.
fn unseen(watch: &Watch<'_>, (begin, end): (usize, usize), hosts: &mut Vec<Host>) -> Option<Incident> {
    let (before, rose, last) =
        (watch.samples.get(begin)?, watch.samples.get(begin + 1)?, watch.samples.get(end)?);
    let (low, high) = dropped(before, last)?;
    let word = watch.stream.hints.host.clone().unwrap_or_else(|| "this host".into());
    let known = hosts.iter().position(|host| is_called(host, &word));
    let host = known.unwrap_or_else(|| {
        let boot_ids = watch.boot().into_iter().collect();
        hosts.push(Host { name: word.clone(), also_written_as: Vec::new(), boot_ids });
        hosts.len() - 1
    });
    let name = hosts.get(host).map_or(word, |host| host.name.clone());
    let (start, boot, namespace) = (rose.at.wall, watch.boot(), watch.namespace());
    let seen_to_its_end = end + 1 < watch.samples.len();
    let between = last.at.uptime_us.saturating_sub(before.at.uptime_us);
    let looks = i64::try_from(end - begin).unwrap_or(1).max(1);
    let mut timeline = Timeline { step_seconds: 1, points: Vec::new() };
    draw(&mut timeline, watch, (start.0.saturating_sub(BEFORE_US), last.at.wall.0));
    Some(Incident {
        id: incident_id(&name, boot, Table::Conntrack, &namespace, Some(start.0.div_euclid(SECOND_US))),
        host,
        boot,
        table: Table::Conntrack,
        wordings: Vec::new(),
        limiters: Vec::new(),
        namespace,
        trust: Trust::Kernel,
        times: Times {
            start: Some(start),
            end: Some(last.at.wall),
            since_boot_us: Some((rose.at.uptime_us, last.at.uptime_us)),
            basis: TimeBasis::Stamped,
            precision_us: u32::try_from(between / looks).unwrap_or(u32::MAX),
            uncertainty_us: Some(between / looks),
        },
        drops: Drops {
            visible: 0,
            repeated: 0,
            suppressed: 0,
            low,
            high: Some(high).filter(|_| seen_to_its_end),
            high_is: if seen_to_its_end { HighIs::Bound } else { HighIs::Unknown },
            method: Method::Counters,
            widened_by: Vec::new(),
            streams: Vec::new(),
            host_total: None,
        },
        sampled: Some(Sampled { sides: (counters(before), counters(last)), whole: seen_to_its_end }),
        timeline,
        around: Vec::new(),
        lines: Vec::new(),
        ongoing: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::bundle::BootTie;
    use crate::model::input::Hints;

    const T0: i64 = 1_795_388_400 * SECOND_US;

    fn look(second: i64, count: u64, drop: u64) -> Sample {
        Sample {
            at: Now { uptime_us: second * SECOND_US, wall: WallTime(T0 + second * SECOND_US) },
            netns: Netns { inode: 4_026_531_840, initial: true, born_us: None },
            count: Some(count),
            max: Some(1_000),
            drop: Some(drop),
            early_drop: Some(0),
            insert_failed: Some(0),
            chain_too_long: Some(0),
            new: None,
        }
    }

    fn stream(samples: Vec<Sample>) -> SampleStream {
        let tie = Some(BootTie { boot: Some(BootId([7; 16])), offset_us: T0 });
        let hints = Hints { host: Some("gw1".into()), tie, ..Hints::default() };
        SampleStream { id: "samples".into(), hints, samples }
    }

    fn all(samples: Vec<Sample>) -> (Vec<Host>, Vec<Incident>) {
        let (mut hosts, mut incidents) = (Vec::new(), Vec::new());
        let mut notes = Notes::default();
        add(&mut hosts, &mut incidents, &[stream(samples)], 600 * SECOND_US, &mut notes);
        (hosts, incidents)
    }

    /// An incident that the log told of at one second only, and what becomes of it.
    fn told_at(second: i64, samples: Vec<Sample>) -> Incident {
        let (mut hosts, mut incidents) = (Vec::new(), Vec::new());
        let watch =
            stream(vec![look(second - 1, 1_000, 0), look(second, 1_000, 1), look(second + 1, 1_000, 1)]);
        let mut notes = Notes::default();
        add(&mut hosts, &mut incidents, &[watch], 600 * SECOND_US, &mut notes);
        incidents[0].sampled = None;
        incidents[0].namespace = Namespace::Initial;
        add(&mut hosts, &mut incidents, &[stream(samples)], 600 * SECOND_US, &mut notes);
        assert_eq!(incidents.len(), 1);
        incidents.remove(0)
    }

    fn refused(incident: &Incident) -> Option<(u64, bool)> {
        let Sampled { sides: (before, after), whole } = incident.sampled.as_ref()?;
        Some((before.stat?.drops_until(&after.stat?)?.0, *whole))
    }

    #[test]
    fn what_was_refused_before_the_log_told_of_it_is_of_the_incident() {
        let mut samples = vec![look(0, 500, 3), look(1, 1_000, 3), look(2, 1_000, 40)];
        samples.extend((3..40).map(|second| look(second, 1_000, 90)));
        assert_eq!(refused(&told_at(14, samples)), Some((87, true)));
    }

    #[test]
    fn a_last_look_that_comes_too_early_is_a_lower_end() {
        let samples = vec![look(12, 500, 3), look(13, 1_000, 3), look(14, 1_000, 40), look(15, 1_000, 90)];
        assert_eq!(refused(&told_at(14, samples)), Some((87, false)));
    }

    #[test]
    fn an_incident_without_any_line_is_seen_by_its_counters() {
        let samples = vec![
            look(0, 500, 3),
            look(1, 1_000, 3),
            look(2, 1_000, 40),
            look(3, 1_000, 90),
            look(4, 800, 90),
        ];
        let (hosts, incidents) = all(samples);
        assert_eq!(hosts.len(), 1);
        assert_eq!(incidents.len(), 1);
        assert_eq!((incidents[0].drops.low, incidents[0].drops.high), (87, Some(87)));
        assert_eq!(incidents[0].times.start, Some(WallTime(T0 + 2 * SECOND_US)));
        let drops: Vec<Option<u64>> = incidents[0].timeline.points.iter().map(|point| point.drops).collect();
        assert_eq!(drops, [None, Some(0), Some(37), Some(50)]);
    }

    #[test]
    fn a_counter_that_rises_below_the_limit_is_no_full_table() {
        let (_, incidents) = all(vec![look(0, 500, 0), look(1, 500, 9), look(2, 600, 12)]);
        assert!(incidents.is_empty());
    }

    #[test]
    fn two_rises_with_a_quiet_time_between_are_two_incidents() {
        let samples = vec![look(0, 1_000, 0), look(1, 1_000, 5), look(700, 1_000, 5), look(701, 1_000, 9)];
        assert_eq!(all(samples).1.len(), 2);
    }

    #[test]
    fn a_counter_that_was_set_back_counts_nothing() {
        let (_, incidents) = all(vec![look(0, 1_000, 50), look(1, 1_000, 2)]);
        assert!(incidents.is_empty());
    }
}
