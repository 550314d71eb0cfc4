//! The report view: everything every format shows, from which text, HTML, mail and JSON are written. Facts are put
//! together here once, so that every number agrees in all of them.

use std::net::IpAddr;

use super::counters::{Counters, LocalAddress};
use super::diagnosis::{Body, Finding, Owner};
use super::incident::{Assumption, Gap, Host, Incident, Namespace};
use super::input::Input;
use super::scenario::Deed;
use super::time::WallTime;

/// What the user set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Zone of lines that name none (`--tz`).
    pub zone: Option<Box<str>>,
    /// Year of the newest yearless line (`--year`).
    pub year: Option<i32>,
    /// Name for lines that name no host (`--host-name`).
    pub host_name: Option<Box<str>>,
    /// Only these hosts (`--host`).
    pub hosts: Vec<Box<str>>,
    /// Only incidents that end after this.
    pub since: Option<WallTime>,
    /// Only incidents that start before this.
    pub until: Option<WallTime>,
    /// Addresses of the host (`--local`).
    pub local: Vec<IpAddr>,
    /// Rows of each ranking.
    pub top: usize,
    /// Runs of one table closer than this many seconds are one incident.
    pub quiet_seconds: u64,
    /// The scenario asked for (`--what-if`): settings with their values.
    pub what_if: Vec<(String, u64)>,
    /// The same: what is done to traffic.
    pub what_if_traffic: Vec<Deed>,
}

/// A host with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct HostView {
    /// Name, other words, boots.
    pub host: Host,
    /// Kernel release (uname), where known.
    pub kernel: Option<Box<str>>,
    /// Addresses, and whence each is known (input id or `--local`).
    pub local_addresses: Vec<(LocalAddress, Box<str>)>,
    /// Incidents of it.
    pub incidents: u64,
}

/// When a snapshot was taken, seen from the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Role {
    Before,
    At,
    FollowUp,
    After,
}

/// Whence the time of a snapshot is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TakenFrom {
    /// Something written at the time says so: a manifest, or the name of a file.
    Recorded,
    /// The time of the file, which a copy or a checkout sets anew: the table may be older, not younger.
    #[default]
    FileTime,
}

/// A table and the counters that stand beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Input id of its table (or of its counters, where there is no table).
    pub id: Box<str>,
    /// Path, for messages.
    pub path: Box<str>,
    /// Host name found beside it (uname, manifest) or given.
    pub host: Option<Box<str>>,
    /// Namespace, where known.
    pub namespace: Namespace,
    /// When it was taken (the file's time unless something better is known).
    pub taken_at: Option<WallTime>,
    /// Whence that is known.
    pub taken_from: TakenFrom,
    /// What the manifest of its bundle calls it, seen from the incident.
    pub role: Option<Role>,
    /// Seconds that taking it took, where the manifest says.
    pub took_seconds: Option<f64>,
    /// The table; none: only counters.
    pub census: Option<super::census::Census>,
    /// Counters beside it.
    pub counters: Counters,
    /// Counters of an earlier and a later moment, where inputs are named `*before*` and `*after*`.
    pub before_after: Option<(Counters, Counters)>,
    /// Input ids of everything in it.
    pub inputs: Vec<Box<str>>,
}

/// A snapshot in the role it plays for an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotUse {
    /// Input id.
    pub id: Box<str>,
    /// Role.
    pub role: Role,
    /// The census of the incident is this one's.
    pub leads: bool,
    /// When.
    pub taken_at: Option<WallTime>,
    /// Seconds that taking it took, where known.
    pub took_seconds: Option<f64>,
    /// Seconds after the incident's start (negative: before).
    pub offset_seconds: Option<f64>,
    /// Entries listed.
    pub listed: Option<u64>,
    /// Entries counted by the kernel.
    pub count: Option<u64>,
    /// Limit.
    pub max: Option<u64>,
    /// Buckets.
    pub buckets: Option<u64>,
    /// Duplicates left out.
    pub duplicates_removed: Option<u64>,
    /// Read whole.
    pub complete: bool,
    /// What to know of it.
    pub note: Option<super::sentence::Sentence>,
}

/// What is compared between two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum ChangeKind {
    Source,
    Peer,
    State,
}

/// What changed from the first table of an incident to the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Of what.
    pub kind: ChangeKind,
    /// Which.
    pub key: super::sentence::Sentence,
    /// Entries in the first table.
    pub before: u64,
    /// Entries in the leading table, where that is neither the first nor the last.
    pub at: Option<u64>,
    /// Entries in the last one.
    pub after: u64,
}

/// How it comes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrence {
    /// In words, a clause: `every 20 min: …`.
    pub pattern: super::sentence::Sentence,
    /// Incidents of the same host, table and namespace in these inputs.
    pub occurrences: u64,
}

/// An incident with everything said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentView {
    /// The incident.
    pub incident: Incident,
    /// Sources that confirm it: `counters`.
    pub confirmed_by: Vec<&'static str>,
    /// Kernel counters before and after.
    pub counters: Option<(Counters, Counters)>,
    /// Tables.
    pub snapshots: Vec<SnapshotUse>,
    /// What changed between the first and the last of them, the largest changes of each kind first.
    pub changes: Vec<Change>,
    /// How it comes back; none: it does not in these inputs, or its time is not known.
    pub recurrence: Option<Recurrence>,
    /// Who was in its network namespace while its table was captured.
    pub holder: Option<Owner>,
    /// Diagnosis.
    pub body: Body,
}

/// A table that belongs to no incident, with everything said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotView {
    /// Input id.
    pub id: Box<str>,
    /// Host, where known.
    pub host: Option<Box<str>>,
    /// Namespace.
    pub namespace: Namespace,
    /// Who was in it.
    pub holder: Option<Owner>,
    /// How it looks: count, limit and the like.
    pub facts: SnapshotUse,
    /// Diagnosis.
    pub body: Body,
}

/// The report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it is made; handed in.
    pub generated_at: WallTime,
    /// Zone in which local times are shown.
    pub zone: Box<str>,
    /// Settings.
    pub settings: Settings,
    /// Everything named was read whole.
    pub complete: bool,
    /// Inputs, by path.
    pub inputs: Vec<Input>,
    /// Hosts, by name.
    pub hosts: Vec<HostView>,
    /// Incidents.
    pub incidents: Vec<IncidentView>,
    /// Tables that belong to no incident.
    pub snapshots: Vec<SnapshotView>,
    /// Look-alikes and warnings.
    pub findings: Vec<Finding>,
    /// Assumptions.
    pub assumptions: Vec<Assumption>,
    /// Gaps.
    pub gaps: Vec<Gap>,
}

impl Report {
    /// The incident with this id.
    pub fn incident(&self, id: &str) -> Option<&IncidentView> {
        self.incidents.iter().find(|view| &*view.incident.id == id)
    }
}
