//! Step 8: where an incident begins and ends, and what is said of it.
//!
//! Runs of one host and topic that stand closer than the quiet time are one incident, unless the machine booted
//! between them. Only table-full lines open one: suppression lines alone have other causes.

use sha2::{Digest, Sha256};

use super::around::Evidence;
use super::boots::Boots;
use super::copies::{Counted, Counting, Part, coverage, ends};
use super::cost;
use super::hosts::Hosts;
use super::packets::Traffic;
use super::place::{Placed, Scale};
use super::shares;
use super::successors::Track;
use super::timeline;
use super::topics::{Topic, Topics};
use super::windows::Order;
use crate::model::incident::{Around, Incident, Namespace, TimeBasis, Times};
use crate::model::run::Ticks;
use crate::model::signal::Table;
use crate::model::time::{BootId, SECOND_US, WallTime};

/// Raw lines shown of either end.
const LINES_SHOWN: usize = 3;

/// Everything that the earlier steps found.
pub(super) struct Known<'a> {
    pub(super) runs: &'a [Placed],
    pub(super) tracks: &'a [Track],
    pub(super) hosts: &'a Hosts,
    pub(super) boots: &'a Boots,
    pub(super) topics: &'a Topics,
    pub(super) counting: &'a Counting,
    pub(super) order: &'a Order,
    pub(super) evidence: &'a Evidence<'a>,
    pub(super) traffic: &'a Traffic<'a>,
    /// Runs closer than this are one incident.
    pub(super) quiet_us: i64,
}

/// The runs of one incident.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) host: usize,
    pub(super) scale: Scale,
    pub(super) topic: &'a Topic,
    /// In order of time.
    pub(super) counted: &'a [Counted],
    pub(super) start: i64,
    pub(super) end: i64,
}

/// All incidents.
pub(super) fn describe_all(cases: &[Case<'_>], known: &Known<'_>) -> Vec<Incident> {
    cases.iter().map(|case| describe(case, known)).collect()
}

/// Splits what counts into incidents.
pub(super) fn cases<'a>(known: &Known<'a>) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    for ((host, scale, topic), counted) in &known.counting.counted {
        let mut begin = 0;
        let mut end = i64::MIN;
        for (at, this) in counted.iter().enumerate() {
            let (lo, hi) = ends(known.runs, known.topics, topic, this);
            let quiet = lo.saturating_sub(end) >= known.quiet_us;
            if at > begin && (quiet || booted_between(known.runs, counted.get(at - 1), this)) {
                cases.extend(case(known, *host, *scale, topic, counted.get(begin..at)));
                begin = at;
                end = i64::MIN;
            }
            end = end.max(hi);
        }
        cases.extend(case(known, *host, *scale, topic, counted.get(begin..)));
    }
    cases
}

fn booted_between(runs: &[Placed], before: Option<&Counted>, this: &Counted) -> bool {
    let boots = before.and_then(|before| runs[before.run].boot).zip(runs[this.run].boot);
    boots.is_some_and(|(before, this)| before != this)
}

fn case<'a>(
    known: &Known<'a>,
    host: usize,
    scale: Scale,
    topic: &'a Topic,
    counted: Option<&'a [Counted]>,
) -> Option<Case<'a>> {
    let counted = counted.filter(|counted| !counted.is_empty())?;
    let span = |counted| ends(known.runs, known.topics, topic, counted);
    let start = counted.iter().map(|c| span(c).0).min()?;
    let end = counted.iter().map(|c| span(c).1).max()?;
    Some(Case { host, scale, topic, counted, start, end })
}

fn describe(case: &Case<'_>, known: &Known<'_>) -> Incident {
    let runs: Vec<&Placed> = case.counted.iter().map(|counted| &known.runs[counted.run]).collect();
    let leader = leader(case, known);
    let boot = boot_of(case, known);
    let times = times(case, &runs, known);
    let mut wordings = Vec::new();
    let mut limiters = Vec::new();
    for run in &runs {
        let subjects =
            run.run.visible.keys().filter(|subject| known.topics.of(run.host, subject) == *case.topic);
        wordings.extend(subjects.map(|subject| subject.wording));
        limiters.extend(run.run.limiters.iter().copied());
    }
    wordings.sort_unstable();
    wordings.dedup();
    limiters.sort_unstable();
    limiters.dedup();
    let streams = shares::of(case, known, leader);
    let drops = cost::drops(case, known, &wordings, &limiters, streams);
    Incident {
        id: id(case, known, boot),
        host: case.host,
        boot,
        table: case.topic.table,
        wordings,
        limiters,
        namespace: case.topic.namespace.clone(),
        trust: trust(case, known),
        times,
        drops,
        sampled: None,
        timeline: timeline::of(case, known),
        around: around(case, known, leader),
        lines: lines(case, known, leader),
        ongoing: ongoing(case, known, leader),
    }
}

/// Evidence lines around it, and what the packet filter logged, in order of time.
fn around(case: &Case<'_>, known: &Known<'_>, leader: usize) -> Vec<Around> {
    let span = (case.start, case.end);
    let mut around = known.evidence.near(case.host, case.scale, span, leader, known.tracks);
    around.extend(known.traffic.near(case.host, case.scale, span, leader, known.tracks));
    around.sort_by_key(|fact| fact.at);
    around
}

/// The track that shows most of it, of the most trusted.
fn leader(case: &Case<'_>, known: &Known<'_>) -> usize {
    let mut by_track = std::collections::BTreeMap::new();
    for counted in case.counted {
        let run = &known.runs[counted.run];
        let entry = by_track.entry(run.track).or_insert((run.key.trust, 0_u64));
        entry.0 = entry.0.max(run.key.trust);
        entry.1 = entry.1.saturating_add(known.topics.visible(counted.run, case.topic));
    }
    let best = by_track.into_iter().max_by_key(|(track, rank)| (*rank, std::cmp::Reverse(*track)));
    best.map_or(0, |(track, _)| track)
}

/// All runs, copies included, that show the topic in the seconds of the incident.
pub(super) fn telling(case: &Case<'_>, known: &Known<'_>) -> Vec<usize> {
    let groups: std::collections::BTreeSet<usize> =
        case.counted.iter().map(|counted| counted.group).collect();
    let members = groups.into_iter().filter_map(|group| known.counting.groups.get(group)).flatten().copied();
    members.filter(|at| known.topics.visible(*at, case.topic) > 0).collect()
}

fn boot_of(case: &Case<'_>, known: &Known<'_>) -> Option<BootId> {
    let own = case.counted.iter().map(|counted| counted.run);
    own.chain(telling(case, known))
        .find_map(|at| known.runs[at].boot.and_then(|boot| known.boots.list.get(boot)?.id))
}

fn trust(case: &Case<'_>, known: &Known<'_>) -> crate::model::record::Trust {
    let all = telling(case, known).into_iter().map(|at| known.runs[at].key.trust).max();
    all.unwrap_or(crate::model::record::Trust::Unverified)
}

fn times(case: &Case<'_>, runs: &[&Placed], known: &Known<'_>) -> Times {
    let wall = |at: i64| (case.scale == Scale::Wall).then_some(WallTime(at));
    let basis = runs.iter().map(|run| run.basis).max().unwrap_or(TimeBasis::Relative);
    let precision = runs.iter().map(|run| match (run.basis, run.key.ticks) {
        (TimeBasis::BootTied, _) | (_, Ticks::Untimed) => 1,
        _ => run.run.head.precision_us.max(1),
    });
    let doubt =
        runs.iter().map(|run| run.doubt_us.saturating_add(i64::from(run.run.head.precision_us))).max();
    Times {
        start: wall(case.start),
        end: wall(case.end),
        since_boot_us: since_boot(case, known),
        basis,
        precision_us: precision.max().unwrap_or(1),
        uncertainty_us: doubt.filter(|_| basis != TimeBasis::Relative),
    }
}

/// Beginning and end on the printk clock, if a log with that clock tells of all of it.
fn since_boot(case: &Case<'_>, known: &Known<'_>) -> Option<(i64, i64)> {
    let mut whole: Option<(usize, i64, i64)> = None;
    for counted in case.counted {
        let run = &known.runs[counted.run];
        run.since_boot().filter(|_| counted.part == Part::Whole)?;
        let (lo, hi) = known.topics.span(counted.run, run, case.topic);
        let (lo, hi) = (lo.saturating_sub(run.shift_us), hi.saturating_sub(run.shift_us));
        let boot = run.boot?;
        whole = match whole {
            Some((of, ..)) if of != boot => return None,
            Some((_, begin, end)) => Some((boot, begin.min(lo), end.max(hi))),
            None => Some((boot, lo, hi)),
        };
    }
    whole.map(|(_, begin, end)| (begin, end))
}

fn lines(case: &Case<'_>, known: &Known<'_>, leader: usize) -> Vec<Box<[u8]>> {
    let mut own: Vec<&Placed> =
        case.counted.iter().map(|c| &known.runs[c.run]).filter(|r| r.track == leader).collect();
    own.sort_by_key(|run| run.run.head.offset);
    let mut kept: Vec<(u64, &[u8])> = Vec::new();
    for run in &own {
        let lines = run.run.first_lines.iter().chain(&run.run.last_lines);
        kept.extend(lines.map(|line| (line.offset, &*line.raw)));
    }
    kept.sort_unstable();
    kept.dedup_by_key(|(offset, _)| *offset);
    let tail = kept.len().saturating_sub(LINES_SHOWN).max(LINES_SHOWN.min(kept.len()));
    let ends = kept.iter().take(LINES_SHOWN).chain(kept.get(tail..).unwrap_or_default());
    ends.map(|(_, raw)| (*raw).into()).collect()
}

/// The log ends within the quiet time behind the last line, and no other log of the host goes on beyond it: what
/// came after was never seen.
fn ongoing(case: &Case<'_>, known: &Known<'_>, leader: usize) -> bool {
    if case.scale == Scale::Untimed {
        return false;
    }
    let until = case.end.saturating_add(known.quiet_us);
    let reach =
        |run: &Placed| known.tracks.get(run.track).and_then(|track| coverage(track, run)).map(|(_, end)| end);
    let own = case.counted.iter().map(|c| &known.runs[c.run]).find(|run| run.track == leader);
    let ends_here = own.and_then(reach).is_none_or(|end| end < until);
    let copies = telling(case, known);
    ends_here && !copies.iter().any(|at| reach(&known.runs[*at]).is_some_and(|end| end >= until))
}

fn id(case: &Case<'_>, known: &Known<'_>, boot: Option<BootId>) -> Box<str> {
    let host = known.hosts.list.get(case.host).map_or("", |host| &*host.name);
    let start = (case.scale != Scale::Untimed).then(|| case.start.div_euclid(SECOND_US));
    incident_id(host, boot, case.topic.table, &case.topic.namespace, start)
}

/// The id of an incident: 12 hex digits of SHA-256 over host, boot id, table, namespace and start second (wall time,
/// or since boot where no wall time is known), joined by newlines; `-` for what is not known.
pub fn incident_id(
    host: &str,
    boot: Option<BootId>,
    table: Table,
    namespace: &Namespace,
    start_second: Option<i64>,
) -> Box<str> {
    let boot = boot.map_or_else(|| "-".to_owned(), |boot| hex(&boot.0));
    let table = match table {
        Table::Conntrack => "conntrack",
        Table::Expectation => "expectation",
    };
    let namespace = match namespace {
        Namespace::Initial => "initial".to_owned(),
        Namespace::Netns(inode) => format!("netns {inode}"),
        Namespace::Container(id) => format!("container {id}"),
        Namespace::Unknown => "unknown".to_owned(),
    };
    let start = start_second.map_or_else(|| "-".to_owned(), |second| second.to_string());
    let digest = Sha256::digest([host, &boot, table, &namespace, &start].join("\n"));
    hex(digest.get(..6).unwrap_or_default()).into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_each_of_its_parts_and_on_nothing_else() {
        let unknown = Namespace::Unknown;
        let base = incident_id("web8", None, Table::Conntrack, &unknown, Some(1));
        assert_eq!(base.len(), 12);
        assert_eq!(base, incident_id("web8", None, Table::Conntrack, &unknown, Some(1)));
        let others = [
            incident_id("web9", None, Table::Conntrack, &unknown, Some(1)),
            incident_id("web8", Some(BootId([0; 16])), Table::Conntrack, &unknown, Some(1)),
            incident_id("web8", None, Table::Expectation, &unknown, Some(1)),
            incident_id("web8", None, Table::Conntrack, &Namespace::Netns(1), Some(1)),
            incident_id("web8", None, Table::Conntrack, &unknown, Some(2)),
            incident_id("web8", None, Table::Conntrack, &unknown, None),
        ];
        assert!(!others.contains(&base));
    }
}
