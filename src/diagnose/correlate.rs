//! Which snapshot fits which incident, by host, namespace and time, and in which role. It looks at no entry: what a
//! table says is for [`super::facts`].

use crate::model::incident::{Assumption, Host, Incident, Namespace};
use crate::model::report::{Role, Snapshot, TakenFrom};
use crate::model::sentence::{Sentence, Word};
use crate::model::signal::Wording;
use crate::model::time::{SECOND_US, WallTime};
use crate::sentence;

use super::arith::seconds;

/// A table read further than this from an incident, on either side, says nothing about it.
const REACH_US: i64 = 24 * 3_600 * SECOND_US;
/// Still `at`: so long after the last line.
const AT_US: i64 = 30 * SECOND_US;
/// Still a follow-up: so long after the last line.
const FOLLOW_UP_US: i64 = 600 * SECOND_US;
/// Where a snapshot of unknown time stands among those of known time.
const UNKNOWN_DISTANCE_SECONDS: f64 = 300.0;

/// A snapshot that fits an incident.
#[derive(Debug, Clone)]
pub(crate) struct Fit<'a> {
    /// Which.
    pub(crate) snapshot: &'a Snapshot,
    /// Seen from the incident.
    pub(crate) role: Role,
    /// Seconds after the incident's start, where both times are known.
    pub(crate) offset_seconds: Option<f64>,
    /// Seconds outside the incident (0: within it); none: not known.
    pub(crate) distance_seconds: Option<f64>,
    /// What to know of it.
    pub(crate) note: Option<Sentence>,
}

/// A snapshot that fits no incident.
#[derive(Debug, Clone)]
pub(crate) struct Alone<'a> {
    /// Which.
    pub(crate) snapshot: &'a Snapshot,
    /// Counters without a table that can only be of this one.
    pub(crate) beside: Vec<&'a Snapshot>,
}

/// All snapshots, each where it belongs.
#[derive(Debug, Default)]
pub(crate) struct Correlation<'a> {
    /// For each incident the snapshots that fit it, the leading one first.
    pub(crate) fits: Vec<Vec<Fit<'a>>>,
    /// Those that fit none.
    pub(crate) alone: Vec<Alone<'a>>,
    /// What had to be assumed.
    pub(crate) assumptions: Vec<Assumption>,
}

/// Puts each snapshot where it belongs.
pub(crate) fn correlate<'a>(
    hosts: &[Host],
    incidents: &[Incident],
    snapshots: &'a [Snapshot],
) -> Correlation<'a> {
    let only_host = only_host(hosts, snapshots);
    let mut out = Correlation { fits: vec![Vec::new(); incidents.len()], ..Correlation::default() };
    for snapshot in snapshots {
        let mut used = false;
        for (incident, fits) in incidents.iter().zip(&mut out.fits) {
            let Some(host) = hosts.get(incident.host) else { continue };
            let Some(fit) = fit(snapshot, incident, host, only_host) else { continue };
            used = true;
            fits.push(fit);
        }
        if used {
            assume(&mut out.assumptions, snapshot, hosts);
        } else {
            out.alone.push(Alone { snapshot, beside: Vec::new() });
        }
    }
    join_counters(&mut out, snapshots, only_host);
    for (incident, fits) in incidents.iter().zip(&mut out.fits) {
        fits.sort_by(|a, b| {
            let (first, second) = (order(a, &incident.namespace), order(b, &incident.namespace));
            first
                .0
                .cmp(&second.0)
                .then(first.1.total_cmp(&second.1))
                .then((a.role != Role::At).cmp(&(b.role != Role::At)))
                .then_with(|| a.snapshot.id.cmp(&b.snapshot.id))
        });
    }
    out.alone.sort_by(|a, b| (&a.snapshot.path, &a.snapshot.id).cmp(&(&b.snapshot.path, &b.snapshot.id)));
    out
}

/// Counters without a table are of the only table that they can be of, where nothing contradicts.
fn join_counters<'a>(out: &mut Correlation<'a>, snapshots: &'a [Snapshot], only_host: bool) {
    let (tables, counters): (Vec<&Snapshot>, Vec<&Snapshot>) =
        snapshots.iter().partition(|snapshot| snapshot.census.is_some());
    for of in counters {
        let mut fitting = tables.iter().filter(|table| may_be_of(of, table, only_host));
        let (Some(table), None) = (fitting.next(), fitting.next()) else { continue };
        let alone = out.alone.iter_mut().find(|alone| alone.snapshot.id == table.id);
        let Some(alone) = alone.filter(|_| !contradicted(of, table)) else { continue };
        alone.beside.push(of);
        out.assumptions.push(Assumption {
            about: "settings",
            text: sentence![
                Word::Untrusted(of.path.as_bytes().into()),
                "is taken to be of the machine and the time of",
                Word::Untrusted(table.path.as_bytes().into()),
                ", the only table that it can be of"
            ],
            from: Some(of.id.clone()),
        });
    }
    let joined: Vec<&str> = out.alone.iter().flat_map(|alone| &alone.beside).map(|of| &*of.id).collect();
    let joined: Vec<Box<str>> = joined.into_iter().map(Into::into).collect();
    out.alone.retain(|alone| !joined.contains(&alone.snapshot.id));
}

/// The same host, as far as both say, and the same namespace.
fn may_be_of(counters: &Snapshot, table: &Snapshot, only_host: bool) -> bool {
    let same_host = match (counters.host.as_deref(), table.host.as_deref()) {
        (Some(a), Some(b)) => same_word(a, b),
        _ => only_host,
    };
    let unknown = |snapshot: &Snapshot| snapshot.namespace == Namespace::Unknown;
    same_host && (counters.namespace == table.namespace || unknown(counters) || unknown(table))
}

/// The table lists far more than these settings allow: they are of another one.
fn contradicted(counters: &Snapshot, table: &Snapshot) -> bool {
    let max = counters.counters.setting("max").map(|(_, max)| max).filter(|max| *max > 0);
    let listed = table.census.as_ref().map_or(0, |census| census.who.entries);
    max.is_some_and(|max| listed > max.saturating_add(max / 10))
}

/// A table leads before mere counters, one that is known to be of the host before one that may be, one of the namespace
/// that the line names before one that may be of it, the nearest before those further away. Where the line names none,
/// the machine's own table leads, and those of other namespaces stand beside it.
fn order(fit: &Fit<'_>, full: &Namespace) -> ((bool, bool, bool), f64) {
    let of = &fit.snapshot.namespace;
    let stranger = match full {
        Namespace::Unknown => matches!(of, Namespace::Netns(_)),
        _ => of != full,
    };
    let kind = (fit.snapshot.census.is_none(), fit.snapshot.host.is_none(), stranger);
    (kind, fit.distance_seconds.unwrap_or(UNKNOWN_DISTANCE_SECONDS))
}

/// The host word and the host are the same machine: equal ignoring case, or one is the first label of the other.
pub(crate) fn same_host(word: &str, host: &Host) -> bool {
    std::iter::once(&host.name).chain(&host.also_written_as).any(|name| same_word(word, name))
}

/// Two host words mean one machine.
pub(crate) fn same_word(a: &str, b: &str) -> bool {
    let short_of = |long: &str, short: &str| {
        !short.contains('.')
            && long.split_once('.').is_some_and(|(first, _)| first.eq_ignore_ascii_case(short))
    };
    a.eq_ignore_ascii_case(b) || short_of(a, b) || short_of(b, a)
}

/// A host whose lines named none is called after its file: any word may mean it.
fn unnamed(host: &Host) -> bool {
    host.name.starts_with("the host of ") && host.also_written_as.is_empty()
}

/// All inputs can be of one host.
pub(crate) fn only_host(hosts: &[Host], snapshots: &[Snapshot]) -> bool {
    let mut strangers: Vec<&str> = Vec::new();
    for word in snapshots.iter().filter_map(|s| s.host.as_deref()) {
        let known = hosts.iter().any(|host| same_host(word, host));
        if !known && !strangers.iter().any(|other| same_word(word, other)) {
            strangers.push(word);
        }
    }
    let unnamed_hosts = hosts.iter().filter(|host| unnamed(host)).count();
    match hosts.len() {
        0 => strangers.len() <= 1,
        1 => strangers.len() <= unnamed_hosts,
        _ => false,
    }
}

pub(crate) fn host_fits(snapshot: &Snapshot, host: &Host, only_host: bool) -> bool {
    match snapshot.host.as_deref() {
        Some(word) => same_host(word, host) || (only_host && unnamed(host)),
        None => only_host,
    }
}

/// Namespaces: both known and different never fit; none known is said in a note.
fn namespace_fits(snapshot: &Namespace, incident: &Namespace) -> Result<Option<Sentence>, ()> {
    use Namespace::{Container, Initial, Netns, Unknown};
    match (snapshot, incident) {
        (Netns(a), Netns(b)) if a != b => Err(()),
        (Netns(_), Initial) | (Initial, Netns(_)) => Err(()),
        (Container(a), Container(b)) if a != b => Err(()),
        (Netns(_), Netns(_)) | (Initial, Initial) | (Container(_), Container(_)) => Ok(None),
        (Unknown, Unknown) => Ok(Some(sentence![
            "neither the log line nor the table names a network namespace: whether they are of the same one is not known"
        ])),
        (Unknown, Netns(inode)) => Ok(Some(sentence![
            "the log line names the network namespace",
            Word::Code(inode.to_string()),
            ", the table names none: whether it is of that one is not known"
        ])),
        (Netns(_) | Initial, Unknown) => Ok(Some(
            "the log line names no network namespace: whether the table is of the full one is not known"
                .into(),
        )),
        (Unknown, Initial) => Ok(Some(
            "the table names no network namespace; it is taken for the initial one, which was full".into(),
        )),
        (_, Container(_)) | (Container(_), _) => Ok(Some(
            "a container is named on one side only: whether the table is of the full one is not known".into(),
        )),
    }
}

/// `ip_conntrack` knows no network namespaces (containers of OpenVZ are named in their own wording).
pub(crate) fn before_namespaces(incident: &Incident) -> bool {
    let old = |wording: &Wording| matches!(wording, Wording::MaximumLimit | Wording::IpPeriod);
    incident.namespace == Namespace::Unknown
        && !incident.wordings.is_empty()
        && incident.wordings.iter().all(old)
}

/// Moves a time into the incident where it lies outside by no more than the incident's own times may be off.
fn within_doubt(taken: i64, (start, end): (i64, i64), uncertainty_us: Option<i64>) -> i64 {
    let doubt = uncertainty_us.unwrap_or(0).clamp(0, REACH_US);
    let near = taken >= start.saturating_sub(doubt) && taken <= end.saturating_add(doubt);
    if near { taken.clamp(start, end) } else { taken }
}

fn fit<'a>(snapshot: &'a Snapshot, incident: &Incident, host: &Host, only_host: bool) -> Option<Fit<'a>> {
    if !host_fits(snapshot, host, only_host) {
        return None;
    }
    let note = namespace_fits(&snapshot.namespace, &incident.namespace)
        .ok()?
        .filter(|_| !before_namespaces(incident));
    let unknown = Fit { snapshot, role: Role::At, offset_seconds: None, distance_seconds: None, note };
    let (Some(WallTime(taken)), Some(WallTime(start))) = (snapshot.taken_at, incident.times.start) else {
        return Some(unknown);
    };
    let end = incident.times.end.map_or(start, |end| end.0.max(start));
    if taken > end.saturating_add(FOLLOW_UP_US) && snapshot.taken_from == TakenFrom::FileTime {
        return Some(unknown);
    }
    let (role, distance) =
        placed(within_doubt(taken, (start, end), incident.times.uncertainty_us), start, end);
    // A look that was taken as a follow-up while the table was still full is one all the same.
    let role = if role == Role::At { snapshot.role.unwrap_or(role) } else { role };
    (distance <= REACH_US).then(|| Fit {
        role,
        offset_seconds: Some(seconds(taken.saturating_sub(start))),
        distance_seconds: Some(seconds(distance)),
        ..unknown
    })
}

/// Role, and microseconds outside the incident.
fn placed(taken: i64, start: i64, end: i64) -> (Role, i64) {
    if taken < start {
        return (Role::Before, start.saturating_sub(taken));
    }
    let after = taken.saturating_sub(end).max(0);
    let role = if after <= AT_US {
        Role::At
    } else if after <= FOLLOW_UP_US {
        Role::FollowUp
    } else {
        Role::After
    };
    (role, after)
}

fn assume(assumptions: &mut Vec<Assumption>, snapshot: &Snapshot, hosts: &[Host]) {
    let file = || Word::Untrusted(snapshot.path.as_bytes().into());
    let from = Some(snapshot.id.clone());
    let named = snapshot.host.as_deref().is_some_and(|word| hosts.iter().any(|host| same_host(word, host)));
    if !named {
        assumptions.push(Assumption {
            about: "host",
            text: sentence![file(), "is of the only host of these inputs: nothing in it says so"],
            from: from.clone(),
        });
    }
    match (snapshot.taken_at, snapshot.taken_from) {
        (None, _) => assumptions.push(Assumption {
            about: "snapshot-time",
            text: sentence![file(), "was taken during the incident: nothing says when"],
            from,
        }),
        (Some(at), TakenFrom::FileTime) => assumptions.push(Assumption {
            about: "snapshot-time",
            text: sentence![
                "the only time known for",
                file(),
                "is the file's own,",
                at,
                ": where that is later than the incident the table is taken to be of the incident, as a copy's time would be later"
            ],
            from,
        }),
        (Some(_), TakenFrom::Recorded) => {}
    }
}
