//! What the policy remembers.

use crate::model::live::clock::Now;
use crate::model::live::intent::{
    About, Backlog, CaptureNo, CheckNo, ConfirmedBy, Depth, Doubt, IncidentNo, Limit, Notice, NoticeNo,
    Spared, Stretch, Suppressed, SuppressedList, Trigger, Unconfirmed, Whom,
};
use crate::model::live::life::{
    Disbelief, Drops, Due, Key, Late, Life, Memory, Phase, Place, Running, Spent, Suspicion, TableState, Told,
};
use crate::model::live::sample::{Netns, Sample};
use crate::model::record::Trust;
use crate::model::report::Role;
use crate::model::signal::{NamespaceWord, Table};
use crate::model::time::{BootId, WallTime};
use crate::wire::mirror::{Mirror, choices, names, objects, wrapped};

wrapped!(IncidentNo(u64), CaptureNo(u64), CheckNo(u64), NoticeNo(u64));

names! {
    PhaseWire for Phase { Opened, Growing, Quiet, Ending, Closed }
    TriggerWire for Trigger { KernelLine, ConfirmedLine, Counters }
    ConfirmedByWire for ConfirmedBy { Count, Drops, KernelLine }
    SparedWire for Spared { Budget, Cooldown, Busy, NotEntered, NotEntries }
    LimitWire for Limit { Incident, All }
    DoubtWire for Doubt { Disagrees, CannotCheck, NoCounter }
    RoleWire for Role { Before, At, FollowUp, After }
}

choices! {
    PlaceWire for Place { [Initial, Unknown] [Container(Box<str>)] [Netns { inode: u64, born_us: Option<i64> }] }
    DepthWire for Depth { [Full] [Light(Spared)] [] }
    WhomWire for Whom { [Initial, Everybody] [Inode(u64)] [] }
    AboutWire for About {
        [Backlog, Summary]
        [Opened(IncidentNo), Evidence(IncidentNo), Digest(IncidentNo), Closed(IncidentNo), Reopened(IncidentNo)] []
    }
}

objects! {
    NowWire for Now { uptime_us: i64, wall: WallTime }
    NetnsWire for Netns { inode: u64, initial: bool, born_us: Option<i64> }
    SampleWire for Sample {
        at: Now, netns: Netns, count: Option<u64>, max: Option<u64>, drop: Option<u64>, early_drop: Option<u64>,
        insert_failed: Option<u64>, chain_too_long: Option<u64>, new: Option<u64>,
    }
    KeyWire for Key { boot: BootId, table: Table, place: Place }
    DropsWire for Drops { low: u64, high: u64, gaps: bool }
    ToldWire for Told { count: u32, sent_us: Vec<i64>, evidence: bool, digests: u32, closed: bool }
    LifeWire for Life {
        incident: IncidentNo, key: Key, start: Now, opened_us: i64, trigger: Trigger, trust: Trust,
        confirmed_by: Vec<ConfirmedBy>, phase: Phase, last_sign: Now, since_us: i64, lines: u64, drops: Option<Drops>,
        last_sample: Option<Sample>, look: Place, before: Option<CaptureNo>, told: Told,
    }
    RunningWire for Running { capture: CaptureNo, depth: Depth, since_us: i64 }
    DueWire for Due {
        incident: Option<IncidentNo>, key: Key, role: Role, due_us: i64, not_younger_than_us: i64, light_taken: bool,
        again: bool, running: Option<Running>,
    }
    SuspicionWire for Suspicion {
        boot: BootId, namespace: NamespaceWord, whom: Whom, trust: Trust, lines: u64, printed_us: (i64, i64), first: Now,
        last: Now, asked: Option<(CheckNo, i64)>, asks: u32, next_us: i64,
    }
    UnconfirmedWire for Unconfirmed {
        namespace: Option<NamespaceWord>, lines: u64, first: Now, last: Now, why: Doubt,
    }
    DisbeliefWire for Disbelief { told: Unconfirmed, due_us: i64 }
    TableStateWire for TableState {
        key: Key, near_since_us: Option<i64>, before: Option<CaptureNo>, before_us: Option<i64>, at_us: Option<i64>,
        unopened_us: Option<i64>,
    }
    StretchWire for Stretch { namespace: NamespaceWord, trust: Trust, lines: u64, first_us: i64, last_us: i64 }
    BacklogWire for Backlog { stretches: Vec<Stretch>, more: u64 }
    LateWire for Late { backlog: Backlog, believed: bool, since_us: i64, last_us: i64 }
    SpentWire for Spent { full_us: i64, sent_us: Vec<i64> }
    SuppressedWire for Suppressed { about: About, at: Now, why: Limit }
    SuppressedListWire for SuppressedList { listed: Vec<Suppressed>, more: u64, unopened: u64 }
    NoticeWire for Notice { notice: NoticeNo, about: About, ordinal: u32, suppressed: SuppressedList }
    MemoryWire for Memory {
        boot: BootId, last: Now, next_incident: u64, next_capture: u64, next_check: u64, next_notice: u64,
        lives: Vec<Life>, captures: Vec<Due>, dumps_us: Vec<i64>, tables: Vec<TableState>, suspicions: Vec<Suspicion>,
        disbeliefs: Vec<Disbelief>, late: Option<Late>, spent: Spent, suppressed: SuppressedList,
        suppressed_since_us: Option<i64>, next_ask_us: i64, retried_us: Option<i64>,
    }
}
