//! Puts cases together and their answers into views: which counters, which addresses, which snapshots a case has.

use crate::model::counters::Counters;
use crate::model::diagnosis::{Body, Finding};
use crate::model::incident::{Around, Forerunner, Gap, Host, Incident, Namespace};
use crate::model::record::Trust;
use crate::model::report::{HostView, IncidentView, Role, Settings, Snapshot, SnapshotUse, SnapshotView};
use crate::model::sentence::{Sentence, Word};
use crate::model::signal::RelatedKind;
use crate::model::time::{SECOND_US, WallTime};
use crate::sentence;

use super::correlate::{Alone, Fit, host_fits, only_host, same_word};
use super::drops::{self, Unused};
use super::facts::{Case, Others, usage};
use super::hints::{impossible, recurrence};
use super::kernel::Kernel;
use super::locals::Locals;
use super::{Diagnosis, beside, changes, findings, gaps, rank};

/// So long before a table was read another machine's traffic may have come to it: entries that were put in end within
/// their timers (conntrackd's `CommitTimeout` is 180 s where it is set), those in use go on. As long as around incidents.
const TAKEN_OVER_US: i64 = 600 * SECOND_US;

/// Everything there is, while it is put together.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    pub(crate) hosts: &'a [Host],
    pub(crate) incidents: &'a [Incident],
    pub(crate) snapshots: &'a [Snapshot],
    pub(crate) fits: &'a [Vec<Fit<'a>>],
    pub(crate) forerunners: &'a [Forerunner],
    pub(crate) other_tables: &'a [(usize, Around)],
    pub(crate) taken_over: &'a [(usize, Around)],
    /// What is found beside the tables, by host.
    pub(crate) found: &'a [Finding],
    pub(crate) settings: &'a Settings,
}

impl<'a> Room<'a> {
    /// Hosts of the logs, and those that only a snapshot names; by name. Each with its place in the list that an
    /// incident's host is told by, where it has one.
    pub(crate) fn hosts(&self) -> Vec<(Option<usize>, HostView)> {
        let only = only_host(self.hosts, self.snapshots);
        let mut out: Vec<(Option<usize>, HostView)> = Vec::new();
        for (index, host) in self.hosts.iter().enumerate() {
            let own: Vec<&Snapshot> = self.snapshots.iter().filter(|s| host_fits(s, host, only)).collect();
            let incidents = self.incidents.iter().filter(|incident| incident.host == index).count();
            out.push((Some(index), self.host_view(host.clone(), &own, incidents as u64)));
        }
        for snapshot in self.snapshots {
            let Some(word) = snapshot.host.as_deref() else { continue };
            let known = self.hosts.iter().any(|host| host_fits(snapshot, host, only))
                || out.iter().any(|(_, view)| same_word(word, &view.host.name));
            if known {
                continue;
            }
            let own: Vec<&Snapshot> = self
                .snapshots
                .iter()
                .filter(|s| s.host.as_deref().is_some_and(|w| same_word(w, word)))
                .collect();
            let host = Host { name: word.into(), also_written_as: Vec::new(), boot_ids: Vec::new() };
            out.push((None, self.host_view(host, &own, 0)));
        }
        out.sort_by(|(_, a), (_, b)| a.host.name.cmp(&b.host.name));
        out
    }

    fn host_view(&self, host: Host, own: &[&Snapshot], incidents: u64) -> HostView {
        let kernel = own.iter().find_map(|s| s.counters.kernel_release()).map(Into::into);
        let locals = Locals::of(own.iter().copied(), self.settings);
        HostView { host, kernel, local_addresses: locals.addresses.into_values().collect(), incidents }
    }

    /// Warnings from settings, once for each host, and lines of the expectation table.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut out = findings::of_expectations(self.hosts, self.incidents);
        out.extend(findings::of_lines(self.hosts, self.incidents, self.other_tables));
        for snapshot in self.snapshots {
            let name = self.word_of(snapshot);
            let index = self.hosts.iter().position(|host| name == Some(&*host.name));
            let beside =
                findings::Beside { census: snapshot.census.as_ref(), invalid: self.packets_invalid(index) };
            let locals = Locals::of(std::iter::once(snapshot), self.settings);
            let of_settings = findings::of_host(name, &snapshot.counters, &snapshot.inputs, beside);
            let of_table = findings::of_table(name, snapshot, &locals);
            for finding in of_settings.into_iter().chain(of_table) {
                let said = out.iter().any(|other| other.host == finding.host && other.cause == finding.cause);
                if !said {
                    out.push(finding);
                }
            }
        }
        out.sort_by(|a, b| (&a.host, a.cause).cmp(&(&b.host, b.cause)));
        out
    }

    /// What is found of one host beside its tables.
    fn found(&self, host: Option<&str>) -> Vec<&'a Finding> {
        self.found.iter().filter(|finding| finding.host.as_deref() == host).collect()
    }

    /// Lines about packets without an entry, near the incidents of a host.
    fn packets_invalid(&self, host: Option<usize>) -> Option<&Around> {
        let of_host = self.incidents.iter().filter(|incident| Some(incident.host) == host);
        of_host.flat_map(|incident| &incident.around).find(|a| a.kind == RelatedKind::PacketsInvalid)
    }

    /// One incident with its snapshots.
    pub(crate) fn incident(&self, index: usize, fits: &[Fit<'a>], out: &mut Diagnosis) {
        let Some(of) = self.incidents.get(index) else { return };
        let mut incident = of.clone();
        let sides = drops::both_sides(fits);
        let mut confirmed_by = Vec::new();
        // What was sampled once a second is nearer to the incident than any two saved listings.
        let sampled = of.sampled.as_ref().filter(|sampled| sampled.whole).map(|sampled| (1, &sampled.sides));
        let sides = sampled.or_else(|| sides.map(|(id, sides)| (self.fitting(id), sides)));
        if let Some((fitting, sides)) = sides {
            match drops::count(&mut incident, sides, fitting) {
                Ok(()) => confirmed_by.push("counters"),
                Err(unused) => out.miss(vec![unused_gap(unused)]),
            }
        }
        if let (None, Some(sampled)) = (sides, &of.sampled) {
            drops::at_least(&mut incident, &sampled.sides);
        }
        let locals = Locals::of(fits.iter().map(|fit| fit.snapshot), self.settings);
        if impossible::reason(&incident, &Kernel::of(&merged(fits), Some(&incident))).is_some() {
            incident.trust = Trust::Unverified;
        }
        let only = only_host(self.hosts, self.snapshots);
        let of_host =
            |snapshot: &Snapshot| self.hosts.get(of.host).is_some_and(|host| host_fits(snapshot, host, only));
        let name = self.hosts.get(incident.host).map(|host| &*host.name);
        let others = self.others(&incident.namespace, fits, of_host);
        let case = Case { found: self.found(name), ..self.case(Some(&incident), fits, &locals, others) };
        out.assume(gaps::assumptions(&case));
        out.find(&case, name);
        let holder = beside::holder(&case, &incident.namespace);
        let body = out.judge(&case);
        let mut snapshots: Vec<SnapshotUse> = fits.iter().map(used).collect();
        lead(&mut snapshots);
        let counters = sides.map(|(_, sides)| sides.clone());
        let changes = changes::between(fits, self.settings.top);
        let recurrence = recurrence::of(&self.starts(&incident));
        out.incidents.push(IncidentView {
            incident,
            confirmed_by,
            counters,
            snapshots,
            changes,
            recurrence,
            holder,
            body,
        });
    }

    /// One table, or counters, of no incident; and counters that can only be of that table.
    pub(crate) fn snapshot(&self, alone: &Alone<'a>, out: &mut Diagnosis) {
        let snapshot = alone.snapshot;
        let fit = |snapshot| Fit {
            snapshot,
            role: Role::At,
            offset_seconds: None,
            distance_seconds: None,
            note: None,
        };
        let fits: Vec<Fit<'a>> =
            std::iter::once(snapshot).chain(alone.beside.iter().copied()).map(fit).collect();
        let beside = self.snapshots.iter().filter(|other| match (&other.host, &snapshot.host) {
            (Some(a), Some(b)) => same_word(a, b) && other.namespace == snapshot.namespace,
            _ => fits.iter().any(|fit| fit.snapshot.id == other.id),
        });
        let locals = Locals::of(beside, self.settings);
        let of_host = |other: &Snapshot| match (&other.host, &snapshot.host) {
            (Some(a), Some(b)) => same_word(a, b),
            _ => true,
        };
        let name = self.word_of(snapshot);
        let others = self.others(&snapshot.namespace, &fits, of_host);
        let case = Case {
            found: self.found(name),
            taken_over: self.taken_over_before(snapshot),
            ..self.case(None, &fits, &locals, others)
        };
        out.assume(gaps::assumptions(&case));
        out.find(&case, name);
        let holder = beside::holder(&case, &snapshot.namespace);
        let body = out.judge(&case);
        let mut facts = used(&fit(snapshot));
        facts.max = facts.max.or(case.usage.max);
        facts.buckets = facts.buckets.or(case.usage.buckets);
        lead(std::slice::from_mut(&mut facts));
        out.snapshots.push(SnapshotView {
            id: snapshot.id.clone(),
            host: snapshot.host.clone(),
            namespace: snapshot.namespace.clone(),
            holder,
            facts,
            body,
        });
    }

    /// What the host of a snapshot is called in the report.
    fn word_of<'s>(&'s self, snapshot: &'s Snapshot) -> Option<&'s str> {
        let only = only_host(self.hosts, self.snapshots);
        let host = self.hosts.iter().find(|host| host_fits(snapshot, host, only)).map(|host| &*host.name);
        host.or(snapshot.host.as_deref())
    }

    /// What the log says of another machine's traffic or entries in the minutes before a table was read.
    fn taken_over_before(&self, snapshot: &Snapshot) -> Vec<&'a Around> {
        let only = only_host(self.hosts, self.snapshots);
        let of_host = |host: usize| self.hosts.get(host).is_some_and(|host| host_fits(snapshot, host, only));
        let before = |around: &Around| {
            let (Some(at), Some(taken)) = (around.at, snapshot.taken_at) else { return false };
            (0..=TAKEN_OVER_US).contains(&taken.0.saturating_sub(at.0))
        };
        let near = self.taken_over.iter().filter(|(host, around)| of_host(*host) && before(around));
        near.map(|(_, around)| around).collect()
    }

    /// How many incidents a snapshot fits.
    fn fitting(&self, id: &str) -> usize {
        self.fits.iter().filter(|fits| fits.iter().any(|fit| &*fit.snapshot.id == id)).count()
    }

    fn case<'c>(
        &'c self,
        incident: Option<&'c Incident>,
        fits: &'c [Fit<'a>],
        locals: &'c Locals,
        others: Others<'c>,
    ) -> Case<'c> {
        let counters = merged(fits);
        let lead = fits.first();
        let census = lead.and_then(|fit| fit.snapshot.census.as_ref());
        Case {
            starts: incident.map(|incident| self.starts(incident)).unwrap_or_default(),
            past: incident.map(|incident| self.past(incident)).unwrap_or_default(),
            forerunners: incident.map(|incident| self.before(incident)).unwrap_or_default(),
            kernel: Kernel::of(&counters, incident),
            usage: usage(&counters, census),
            incident,
            lead,
            census,
            counters,
            locals,
            others,
            found: Vec::new(),
            taken_over: Vec::new(),
            settings: self.settings,
        }
    }

    /// The snapshots beside the leading one, in their order: what they say of other namespaces, hosts and moments.
    fn others<'c>(
        &'c self,
        namespace: &Namespace,
        fits: &'c [Fit<'a>],
        of_host: impl Fn(&Snapshot) -> bool,
    ) -> Others<'c> {
        let lead = fits.first().map(|fit| fit.snapshot);
        let here = lead.map(|lead| &lead.namespace).filter(|ns| **ns != Namespace::Unknown);
        let here = here.unwrap_or(namespace);
        let elsewhere = |other: &Snapshot| other.namespace != Namespace::Unknown && other.namespace != *here;
        let mut others = Others::default();
        for snapshot in self.snapshots {
            if lead.is_some_and(|lead| lead.id == snapshot.id) {
                continue;
            }
            if !of_host(snapshot) {
                others.hosts.push(snapshot);
            } else if elsewhere(snapshot) {
                others.namespaces.push(snapshot);
            } else if fits.iter().any(|fit| fit.snapshot.id == snapshot.id) {
                others.moments.push(snapshot);
            }
        }
        others
    }

    /// Incidents of one host and table.
    fn past(&self, incident: &Incident) -> Vec<&'a Incident> {
        let same = |other: &&Incident| other.host == incident.host && other.table == incident.table;
        self.incidents.iter().filter(same).collect()
    }

    /// What came before the incidents of one host, table and namespace.
    fn before(&self, incident: &Incident) -> Vec<&'a Forerunner> {
        let of = |found: &&Forerunner| {
            found.host == incident.host
                && found.table == incident.table
                && found.namespace == incident.namespace
        };
        self.forerunners.iter().filter(of).collect()
    }

    /// Starts of the incidents of one host, table and namespace, ascending.
    fn starts(&self, incident: &Incident) -> Vec<WallTime> {
        let same = |other: &&Incident| {
            other.host == incident.host
                && other.table == incident.table
                && other.namespace == incident.namespace
        };
        let mut starts: Vec<WallTime> =
            self.incidents.iter().filter(same).filter_map(|i| i.times.start).collect();
        starts.sort_unstable();
        starts
    }
}

impl Diagnosis {
    /// Look-alikes that a case shows, under the name of its host.
    fn find(&mut self, case: &Case<'_>, host: Option<&str>) {
        for finding in findings::of_case(case) {
            findings::add(&mut self.findings, Finding { host: host.map(Into::into), ..finding });
        }
    }

    /// The body of a case; what is not known of it goes to the gaps, each thing once.
    fn judge(&mut self, case: &Case<'_>) -> Body {
        let (body, mut open) = rank::body(case);
        let mut common = gaps::gaps(case);
        common.retain(|gap| gap.what != gaps::OWNER.into() || gaps::owner_matters(body.verdict.cause.0));
        open.retain(|gap| common.iter().all(|other| other.what != gap.what));
        self.miss(common);
        self.miss(open);
        body
    }
}

/// Counters of the leading snapshot; what it leaves open is filled by the others, nearest first. Its own count is
/// never taken from another moment.
fn merged(fits: &[Fit<'_>]) -> Counters {
    let mut fits = fits.iter();
    let Some(lead) = fits.next() else { return Counters::default() };
    let mut out = with_later_side(lead);
    for fit in fits {
        let other = with_later_side(fit);
        let known = other.counts().max();
        for (key, value) in other.sysctl {
            if !key.ends_with("_conntrack_count") {
                out.sysctl.entry(key).or_insert(value);
            }
        }
        for (key, value) in other.configured {
            out.configured.entry(key).or_insert(value);
        }
        out.stat = out
            .stat
            .or(other.stat.map(|stat| crate::model::counters::StatCounters { entries: None, ..stat }));
        out.uname = out.uname.or(other.uname);
        out.memory_bytes = out.memory_bytes.or(other.memory_bytes);
        out.release = out.release.or(other.release);
        out.sockets = out.sockets.or(other.sockets);
        out.rules = out.rules.or(other.rules);
        for (key, value) in other.protocol {
            out.protocol.entry(key).or_insert(value);
        }
        for (key, value) in other.allowances {
            out.allowances.entry(key).or_insert(value);
        }
        out.machine.fill_from(&other.machine);
        out.dying = out.dying.or(other.dying);
        if out.slabs.is_empty() {
            out.slabs = other.slabs;
        }
        if lead.snapshot.census.is_none() && out.counts().next().is_none() {
            out.count = known;
        }
    }
    out
}

/// Counters of a snapshot; the statistics of its later side where it has none of its own.
fn with_later_side(fit: &Fit<'_>) -> Counters {
    let mut counters = fit.snapshot.counters.clone();
    let later = fit.snapshot.before_after.as_ref().and_then(|(_, after)| after.stat);
    counters.stat =
        counters.stat.or(later.map(|stat| crate::model::counters::StatCounters { entries: None, ..stat }));
    counters
}

/// The first one leads, if it has a table.
fn lead(snapshots: &mut [SnapshotUse]) {
    if let Some(first) = snapshots.first_mut() {
        first.leads = first.listed.is_some();
    }
}

/// A snapshot in its role, in numbers.
fn used(fit: &Fit<'_>) -> SnapshotUse {
    let snapshot = fit.snapshot;
    let census = snapshot.census.as_ref();
    let usage = usage(&snapshot.counters, census);
    SnapshotUse {
        id: snapshot.id.clone(),
        role: fit.role,
        leads: false,
        taken_at: snapshot.taken_at,
        took_seconds: snapshot.took_seconds,
        offset_seconds: fit.offset_seconds,
        listed: usage.listed,
        count: usage.count,
        max: usage.max,
        buckets: usage.buckets,
        duplicates_removed: census.map(|census| census.who.duplicates),
        complete: census.is_none_or(|census| census.who.damaged.is_empty() && !census.changed_between_looks),
        note: fit.note.clone(),
    }
}

fn unused_gap(unused: Unused) -> Gap {
    let why: Sentence = match unused {
        Unused::NoIncrease => {
            "counters of both sides were given, but one is missing or fell in between: a reboot, another namespace or machine".into()
        }
        Unused::OneProcessor => {
            "counters of both sides were given, but by a conntrack -S that prints those of the first processor only: take /proc/net/stat/nf_conntrack or ip_conntrack".into()
        }
        Unused::Several => {
            "counters of both sides were given, but more than one incident fits between them: their increase is of all of them together".into()
        }
        Unused::BelowVisible => {
            "counters of both sides were given, but they rose by less than the lines of the log: another namespace, or not both sides".into()
        }
    };
    Gap { what: sentence![Word::Text("counters")], why, command: None }
}
