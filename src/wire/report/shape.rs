//! The shape of `conntriage.report/1`: every field is always present. null = not known, and `gaps` says why; 0 is a
//! measured zero. Field comments become the descriptions of the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::value::Number;
use super::body::{
    Census, Evidence, Remedy, RunnerUp, TopPair, TopPeer, TopSource, Verdict, WhatIf, WillNotHelp,
};
use super::words::{
    HighIs, InputKind, Method, NamespaceKind, RelatedKind, Role, Table, TimeBasis, Trust, Widening,
};

/// Structs of the report: all fields public, none may be missing from the schema, none unknown to it.
macro_rules! shapes {
    ($($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$about])*
        pub struct $name { $($(#[$of])* pub $field: $type),* }
    )*};
}

/// The same, followed by the fields of a body: what is said about one incident or one table.
macro_rules! shapes_with_body {
    ($($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        shapes! {$(
            $(#[$about])*
            $name {
                $($(#[$of])* $field: $type,)*
                /// The table, counted; null: no table fits.
                census: Option<Census>,
                /// The cause.
                verdict: Verdict,
                /// Causes that lost.
                runners_up: Vec<RunnerUp>,
                /// Original sources, descending.
                top_sources: Vec<TopSource>,
                /// Original destinations with their ports, descending.
                top_peers: Vec<TopPeer>,
                /// Sources with peers, descending.
                top_pairs: Vec<TopPair>,
                /// What speaks for the verdict, against it, and what stands beside.
                evidence: Vec<Evidence>,
                /// What helps, the best first.
                remedies: Vec<Remedy>,
                /// Scenarios.
                what_if: Vec<WhatIf>,
                /// What is popular and does not help here.
                will_not_help: Vec<WillNotHelp>,
            }
        )*}
    };
}

pub(super) use shapes;

shapes! {
    /// Who filled the connection-tracking table, how, since when, and what it cost.
    Report {
        /// Name and version of this format.
        #[schemars(extend("const" = "conntriage.report/1"))]
        schema: String,
        /// When it was made (RFC 3339, UTC).
        #[schemars(extend("format" = "date-time"))]
        generated_at: Option<String>,
        /// By what.
        tool: Tool,
        /// Everything named was read whole.
        complete: bool,
        /// What the user set.
        settings: Settings,
        /// What was read, by path.
        inputs: Vec<Input>,
        /// Hosts, by name.
        hosts: Vec<Host>,
        /// Sources and peers that lead on several hosts.
        shared: Vec<Shared>,
        /// Incidents, by host, start, table and namespace.
        incidents: Vec<Incident>,
        /// Tables that belong to no incident.
        snapshots: Vec<Snapshot>,
        /// Look-alikes and warnings that are not a full table.
        findings: Vec<Finding>,
        /// What had to be assumed.
        assumptions: Vec<Assumption>,
        /// What is not known, and why.
        gaps: Vec<Gap>,
    }

    /// The program.
    Tool {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    }

    /// What the user set.
    Settings {
        /// Zone of lines that name none.
        zone: Option<String>,
        /// Year of the newest line that names none.
        year: Option<i32>,
        /// Host of lines that name none.
        host_name: Option<String>,
        /// Only these hosts; empty: all.
        hosts: Vec<String>,
        /// Only incidents that end after this.
        #[schemars(extend("format" = "date-time"))]
        since: Option<String>,
        /// Only incidents that start before this.
        #[schemars(extend("format" = "date-time"))]
        until: Option<String>,
        /// Addresses said to be the host's.
        local: Vec<String>,
        /// Rows of each ranking.
        top: u64,
        /// Lines of one table closer than this are one incident.
        quiet_seconds: u64,
        /// The scenario asked for: keys and values.
        what_if: BTreeMap<String, u64>,
        /// What is done to traffic in it, as typed: `remove=ADDRESS`, `reuse=ADDRESS:PORT`,
        /// `notrack=SOURCE>ADDRESS:PORT`.
        what_if_traffic: Vec<String>,
    }

    /// A file, an archive member, a pipe.
    Input {
        /// First 12 hex digits of the hash of its decoded bytes.
        id: String,
        /// As given or found.
        path: String,
        /// Member of an archive.
        member: Option<String>,
        /// How it was unpacked, outermost first.
        via: Vec<String>,
        /// What it is.
        kind: InputKind,
        /// Its dialect; null for strangers.
        dialect: Option<String>,
        /// Decoded bytes read.
        bytes: u64,
        /// Records, entries or keys found.
        records: u64,
        /// Signals found (logs only).
        signals: u64,
        /// Damaged records.
        malformed: u64,
        /// Time of its first record.
        #[schemars(extend("format" = "date-time"))]
        first: Option<String>,
        /// Time of its last record.
        #[schemars(extend("format" = "date-time"))]
        last: Option<String>,
        /// Read to its end, undamaged.
        complete: bool,
        /// Why not, or what to know of it.
        note: Option<String>,
    }

    /// A host.
    Host {
        /// The name shown.
        name: String,
        /// Other words that mean it.
        also_written_as: Vec<String>,
        /// Kernel release.
        kernel: Option<String>,
        /// Its boots.
        boot_ids: Vec<String>,
        /// Its addresses, as far as they are known.
        local_addresses: Vec<HostAddress>,
        /// Incidents of it.
        incidents: u64,
    }

    /// An address of a host.
    HostAddress {
        /// The address.
        address: String,
        /// Whence it is known: an input's id, or `--local`.
        from: String,
    }

    /// A source or a peer that leads on several hosts. Exactly one of `source` and `peer` is not null.
    Shared {
        /// The source.
        source: Option<String>,
        /// The peer.
        peer: Option<Endpoint>,
        /// On which hosts, by name.
        hosts: Vec<String>,
        /// Entries, summed over the hosts (of each its greatest table).
        entries: u64,
    }

    /// A destination.
    Endpoint {
        /// Address.
        address: String,
        /// Port; null where the protocol has none.
        port: Option<u16>,
        /// Protocol.
        protocol: String,
    }

    /// Which network namespace.
    Namespace {
        /// Of which kind.
        kind: NamespaceKind,
        /// Inode of a network namespace.
        inode: Option<u64>,
        /// Its name or container id.
        name: Option<String>,
        /// Who holds it.
        owner: Option<String>,
        /// Whence this is known.
        from: Option<String>,
    }

    /// Times on the kernel's clock.
    SinceBoot {
        /// First line.
        start_seconds: Number,
        /// Last line.
        end_seconds: Number,
    }

    /// Where the times come from.
    Time {
        /// How wall time is known.
        basis: TimeBasis,
        /// Unit of the stamps.
        precision_seconds: Number,
        /// How far all of them may be off.
        uncertainty_seconds: Option<Number>,
    }

    /// What it cost: packets of new connections that were dropped.
    Drops {
        /// Table-full lines, repetitions expanded.
        visible: u64,
        /// Of them, from repetition records.
        repeated: u64,
        /// Sum of the suppression counts charged to it.
        suppressed: u64,
        /// At least.
        low: u64,
        /// At most; null: no upper end.
        high: Option<u64>,
        /// What `high` is.
        high_is: HighIs,
        /// How it was found.
        method: Method,
        /// What makes the interval wide.
        widened_by: Vec<Widening>,
        /// All namespaces of the host together, where several were full at once.
        host_total: Option<HostTotal>,
        /// By input, the leading one first.
        streams: Vec<StreamDrops>,
    }

    /// Drops of all namespaces of a host.
    HostTotal {
        /// At least.
        low: u64,
        /// At most; null: no upper end.
        high: Option<u64>,
    }

    /// What one input says of the cost.
    StreamDrops {
        /// Id of the input.
        input: String,
        /// Table-full lines.
        visible: u64,
        /// Sum of suppression counts.
        suppressed: u64,
        /// It leads; others are copies where they cover the same time.
        leads: bool,
    }

    /// How it went.
    Timeline {
        /// Width of a step.
        step_seconds: u64,
        /// Steps in which something was seen, ascending.
        points: Vec<TimelinePoint>,
    }

    /// One step.
    TimelinePoint {
        /// When it begins; null where no wall time is known.
        #[schemars(extend("format" = "date-time"))]
        at: Option<String>,
        /// When it begins on the kernel's clock, where no wall time is known.
        since_boot_seconds: Option<Number>,
        /// Table-full lines.
        visible: Option<u64>,
        /// Suppression counts reported.
        suppressed: Option<u64>,
        /// Increase of the kernel's drop counter.
        drops: Option<u64>,
        /// Entries evicted to make room.
        early_drops: Option<u64>,
        /// Entries.
        count: Option<u64>,
        /// Limit.
        max: Option<u64>,
    }

    /// The kernel's counters on both sides of the incident.
    BeforeAfter {
        /// Before.
        before: Option<Counters>,
        /// After.
        after: Option<Counters>,
    }

    /// Counters and settings of one moment.
    Counters {
        /// Entries as counted by the kernel.
        count: Option<u64>,
        /// Statistics of the tracker, summed over processors.
        stat: Option<StatCounters>,
        /// Settings of the tracker, as text.
        sysctl: BTreeMap<String, String>,
        /// Its slab caches.
        slabs: Vec<Slab>,
        /// Memory of the machine.
        memory_bytes: Option<u64>,
        /// Kernel release.
        kernel: Option<String>,
    }

    /// Statistics of the tracker, as `/proc/net/stat/nf_conntrack` names them.
    StatCounters {
        /// Entries now.
        entries: Option<u64>,
        /// Packets refused.
        drop: Option<u64>,
        /// Entries evicted to make room.
        early_drop: Option<u64>,
        /// Inserts that failed.
        insert_failed: Option<u64>,
        /// Inserts that failed because the chain was too long.
        chain_too_long: Option<u64>,
        /// Clashes resolved.
        clash_resolve: Option<u64>,
        /// Packets that fit no connection.
        invalid: Option<u64>,
        /// NAT tuples found taken.
        found: Option<u64>,
        /// Lookups restarted.
        search_restart: Option<u64>,
        /// Entries inserted.
        insert: Option<u64>,
    }

    /// A slab cache.
    Slab {
        /// Its name.
        name: String,
        /// Objects in use.
        active: u64,
        /// Objects allocated.
        total: u64,
        /// Bytes of one object.
        object_bytes: u64,
    }

    /// A table in the role it plays for an incident.
    SnapshotUse {
        /// Id of its input.
        id: String,
        /// When it was taken, seen from the incident.
        role: Role,
        /// The incident's census is this one's.
        leads: bool,
        /// How it was taken: the dialect of its input.
        source: Option<String>,
        /// When.
        #[schemars(extend("format" = "date-time"))]
        taken_at: Option<String>,
        /// How long that took.
        took_seconds: Option<Number>,
        /// After the incident's start; negative: before.
        offset_seconds: Option<Number>,
        /// Entries listed.
        listed: Option<u64>,
        /// Entries counted by the kernel.
        count: Option<u64>,
        /// Limit.
        max: Option<u64>,
        /// Hash buckets.
        buckets: Option<u64>,
        /// Duplicates left out.
        duplicates_removed: Option<u64>,
        /// Read whole.
        complete: bool,
        /// What to know of it.
        note: Option<String>,
    }

    /// What changed between two tables.
    Change {
        /// `source`, `peer` or `state`.
        kind: String,
        /// Which.
        key: String,
        /// Entries in the first table.
        before: u64,
        /// Entries in the leading table, where that is neither the first nor the last.
        at: Option<u64>,
        /// Entries in the last table.
        after: u64,
    }

    /// A related line near the incident.
    Around {
        /// When.
        #[schemars(extend("format" = "date-time"))]
        at: Option<String>,
        /// Of which kind.
        kind: RelatedKind,
        /// In words.
        fact: String,
        /// Id of its input.
        from: String,
    }

    /// How it comes back.
    Recurrence {
        /// In words.
        pattern: String,
        /// How often.
        occurrences: u64,
    }

    /// A look-alike or a warning.
    Finding {
        /// Host, where known.
        host: Option<String>,
        /// Cause, by its slug.
        cause: String,
        /// In words, one sentence a line.
        summary: String,
        /// What it rests on.
        evidence: Vec<Evidence>,
        /// What helps.
        remedies: Vec<Remedy>,
    }

    /// Something that had to be assumed.
    Assumption {
        /// About what.
        about: String,
        /// In words.
        text: String,
        /// Whence: an option, or the id of an input that is no log (logs are named in the text, by their newest file).
        from: Option<String>,
    }

    /// Something that is not known.
    Gap {
        /// The field it leaves null, or a short word.
        what: String,
        /// Why.
        why: String,
        /// A command that would tell.
        command: Option<String>,
    }
}

shapes_with_body! {
    /// A time during which a table was full.
    Incident {
        /// 12 hex digits, the same in every report about it.
        id: String,
        /// Host.
        host: Option<String>,
        /// Boot.
        boot_id: Option<String>,
        /// Table.
        table: Table,
        /// Namespace.
        namespace: Namespace,
        /// How far its lines may be believed.
        trust: Trust,
        /// What else confirms it.
        confirmed_by: Vec<String>,
        /// It may go on where the log ends.
        ongoing: bool,
        /// First line.
        #[schemars(extend("format" = "date-time"))]
        start: Option<String>,
        /// Last line.
        #[schemars(extend("format" = "date-time"))]
        end: Option<String>,
        /// The same on the kernel's clock.
        since_boot: Option<SinceBoot>,
        /// Where the times come from.
        time: Time,
        /// Cost.
        drops: Drops,
        /// Timeline.
        timeline: Timeline,
        /// Counters on both sides.
        counters: BeforeAfter,
        /// Tables.
        snapshots: Vec<SnapshotUse>,
        /// What changed between them.
        changes: Vec<Change>,
        /// Related lines.
        around: Vec<Around>,
        /// How it comes back.
        recurrence: Option<Recurrence>,
    }

    /// A table that belongs to no incident.
    Snapshot {
        /// Id of its input.
        id: String,
        /// Host, where known.
        host: Option<String>,
        /// Namespace.
        namespace: Namespace,
        /// How it was taken: the dialect of its input.
        source: Option<String>,
        /// When.
        #[schemars(extend("format" = "date-time"))]
        taken_at: Option<String>,
        /// How long that took.
        took_seconds: Option<Number>,
        /// Entries listed.
        listed: Option<u64>,
        /// Entries counted by the kernel.
        count: Option<u64>,
        /// Limit.
        max: Option<u64>,
        /// Hash buckets.
        buckets: Option<u64>,
        /// Duplicates left out.
        duplicates_removed: Option<u64>,
        /// Read whole.
        complete: bool,
        /// What to know of it.
        note: Option<String>,
    }
}
