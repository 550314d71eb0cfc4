//! Which fields and names of the model are on the wire: all that a stream is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::blemish::{Blemish, BlemishKind};
use crate::model::bundle::BootTie;
use crate::model::flow::L4;
use crate::model::input::Hints;
use crate::model::packets::{Fate, Packet, Packets};
use crate::model::piece::{
    Anchors, HeadRepetition, LastRecord, Loss, LossKind, Mark, MarkKey, Numbers, Piece,
};
use crate::model::record::Trust;
use crate::model::run::{
    Bins, Callers, Closed, Flush, KeptLine, Opening, Run, RunKey, Stretch, Suppression, Ticks, Token, Visible,
};
use crate::model::signal::{
    About, Capacity, Limiter, NamespaceWord, RelatedKind, Signal, Subject, Table, Wording,
};
use crate::model::time::{BootId, Moment, Stamp, StampKind, WallTime};
use crate::wire::mirror::{Mirror, arrays, names, objects, wrapped};

names! {
    BlemishKindWire for BlemishKind {
        LineTooLong, ImpossibleNumber, ImpossibleTime, MissingField, BadAddress, BrokenFraming, Truncated,
        Unrecognised,
    }
    LossKindWire for LossKind { KernelRecords, LogLines, UnknownRepetition, NegativeSuppression }
    TrustWire for Trust { Unverified, AsRecorded, Kernel }
    TicksWire for Ticks { SinceBoot, Stamp, Untimed }
    FlushWire for Flush { Full, Other, Unseen }
    LimiterWire for Limiter { Net, Printk, Ratelimit, NetRatelimit }
    RelatedKindWire for RelatedKind {
        Capacity, TimeWaitOverflow, SynFlood, OrphanedSockets, NeighbourOverflow, Vmalloc, BootBegins, TcpMemory,
        AllocationFailed, HelpersUnassigned, BridgeTracked, BridgeUntracked, HashlimitFull, ZoneLimit,
        IpvsNoDestination, LinkChanged, PortForwarding, RulesReloaded, LimitSet, SettingRefused, Failover,
        EntriesInjected, PortsExhausted, UpstreamTimeout, Victim, LinesThrottled, PacketsRefused, PacketsPassed, PacketsInvalid,
        PacketsLogged, PacketsOpening, PacketsDip,
    }
    FateWire for Fate { Refused, Passed, Invalid, Unknown }
    TableWire for Table { Conntrack, Expectation }
    WordingWire for Wording {
        MaximumLimit, IpPeriod, NfPeriod, NfPlain, NfDoubled, NfDoubledNetns, Container, Expectation,
    }
    StampKindWire for StampKind { Absolute, Local, Yearless, Absent }
}

arrays! {
    Moment {
        offset: u64, stamp: Option<Stamp>, precision_us: u32, since_boot_us: Option<i64>, seq: Option<u64>,
    }
    Token { at: i64, repeated: bool }
    KeptLine { offset: u64, raw: Box<[u8]> }
    Visible { lines: u64, repeated: u64, first: Option<i64>, last: Option<i64> }
    Callers { full: bool, other: bool }
    Anchors { first: Moment, first_told: Option<(Moment, u32)>, last: Moment, last_told: Option<(Moment, u32)> }
}

objects! {
    HintsWire for Hints {
        path: Box<str>, modified: Option<WallTime>, reader_zone: Option<Box<str>>, directory: Option<Box<str>>,
        bundle: Option<Box<str>>, host: Option<Box<str>>, tie: Option<BootTie>,
    }
    BootTieWire for BootTie { boot: Option<BootId>, offset_us: i64 }
    BlemishWire for Blemish { count: u64, first_offset: u64, first_raw: Box<[u8]> }
    CapacityWire for Capacity { buckets: u64, max: u64, entry_bytes: Option<u64> }
    SubjectWire for Subject { table: Table, wording: Wording, namespace: NamespaceWord }
    OpeningWire for Opening { at: Option<i64>, by: Flush }
    StretchWire for Stretch {
        full: u64, other: u64, opening: Option<Opening>, first: Vec<Token>, last: Vec<Token>,
    }
    SuppressionWire for Suppression {
        moment: Moment, at: Option<i64>, count: u64, limiter: Limiter, flush: Flush,
    }
    ClosedWire for Closed {
        counts: [[u64; 3]; 4], windows: [[u64; 3]; 4], short_windows: u64, short_windows_but_first: u64,
    }
    BinsWire for Bins { exponent: u8, counts: BTreeMap<i64, (u64, u64)> }
    RunKeyWire for RunKey {
        host: Option<Box<str>>, trust: Trust, stamp: StampKind, ticks: Ticks, boot: Option<BootId>,
        numbered: bool,
    }
    RunWire for Run {
        boot_index: u32, rollover: u32, head: Moment, tail: Moment, lo: Option<i64>, hi: Option<i64>, back: bool,
        visible: BTreeMap<Subject, Visible>, other_subjects: Visible, other: u64, lead: Stretch,
        trail: Option<Stretch>, first_suppression: Option<Suppression>, last_suppression: Option<Suppression>,
        last_callers: Option<Callers>, closed: Closed, recent: Vec<u64>, count_max: u64, suppression_lines: u64,
        dense: bool, limiters: BTreeSet<Limiter>, bins: Bins, first_lines: Vec<KeptLine>,
        last_lines: Vec<KeptLine>, lines: u64, longest: u16,
    }
    NumbersWire for Numbers { first: Moment, boots_before: u32, last: Moment }
    LossWire for Loss {
        moment: Moment, host: Option<Box<str>>, rollover: u32, boot_index: u32, count: Option<u64>,
        kind: LossKind,
    }
    LastRecordWire for LastRecord { host: Option<Box<str>>, signal: Option<Signal> }
    HeadRepetitionWire for HeadRepetition {
        key: RunKey, moment: Moment, rollover: u32, restarts: u32, times: u64, raw: Box<[u8]>,
    }
    MarkKeyWire for MarkKey { key: RunKey, kind: RelatedKind }
    MarkWire for Mark {
        boot_index: u32, rollover: u32, first: Moment, last: Moment, count: u64, capacity: Option<Capacity>,
        port: Option<u16>, about: BTreeMap<About, u64>,
    }
    AboutWire for About { value: Option<u64>, peer: Option<(IpAddr, Option<u16>)>, name: Option<Box<str>> }
    PacketWire for Packet { fate: Fate, source: IpAddr, l4: L4, port: Option<u16>, opens: bool }
    PieceWire for Piece {
        range: (u64, u64), records: u64, anchors: BTreeMap<StampKind, Anchors>, rollovers: u32, boots: u32,
        boots_of_all: u32, boots_by_host: BTreeMap<u16, u32>, restarts: u32, numbers: Option<Numbers>,
        clock_steps: u64,
        malformed: BTreeMap<BlemishKind, Blemish>, losses: Vec<Loss>, losses_left_out: u64,
        runs: BTreeMap<RunKey, Vec<Run>>, keys_left_out: u64, link_doublings: u8,
        marks: BTreeMap<MarkKey, Vec<Mark>>, marks_left_out: u64, mark_doublings: u8,
        packets: Packets, signals: u64,
        head_repetitions: Vec<HeadRepetition>, last_record: Option<LastRecord>, repetitions_behind: u64,
    }
}

wrapped!(L4(u8), WallTime(i64));

impl Mirror for IpAddr {
    type Wire = String;

    fn to_wire(&self) -> String {
        self.to_string()
    }

    fn from_wire(wire: String) -> Result<Self, String> {
        wire.parse().map_err(|_| "not an address".to_owned())
    }
}

/// Thirty-two hex digits.
impl Mirror for BootId {
    type Wire = String;

    fn to_wire(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    fn from_wire(wire: String) -> Result<Self, String> {
        let digits = wire.len() == 32 && wire.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(&wire, 16).ok().filter(|_| digits);
        number.map(|number| Self(number.to_be_bytes())).ok_or_else(|| "not a boot id".to_owned())
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::wire) enum StampWire {
    Absolute(i64),
    Local(i64),
    Yearless(i64),
}

impl Mirror for Stamp {
    type Wire = StampWire;

    fn to_wire(&self) -> StampWire {
        match *self {
            Self::Absolute(us) => StampWire::Absolute(us),
            Self::Local(us) => StampWire::Local(us),
            Self::Yearless(us) => StampWire::Yearless(us),
        }
    }

    fn from_wire(wire: StampWire) -> Result<Self, String> {
        Ok(match wire {
            StampWire::Absolute(us) => Self::Absolute(us),
            StampWire::Local(us) => Self::Local(us),
            StampWire::Yearless(us) => Self::Yearless(us),
        })
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::wire) enum NamespaceWire {
    Unnamed,
    Inode(u64),
    Container(Box<str>),
}

impl Mirror for NamespaceWord {
    type Wire = NamespaceWire;

    fn to_wire(&self) -> NamespaceWire {
        match self {
            Self::Unnamed => NamespaceWire::Unnamed,
            Self::Inode(inode) => NamespaceWire::Inode(*inode),
            Self::Container(id) => NamespaceWire::Container(id.clone()),
        }
    }

    fn from_wire(wire: NamespaceWire) -> Result<Self, String> {
        Ok(match wire {
            NamespaceWire::Unnamed => Self::Unnamed,
            NamespaceWire::Inode(inode) => Self::Inode(inode),
            NamespaceWire::Container(id) => Self::Container(id),
        })
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::wire) enum SignalWire {
    Full(SubjectWire),
    Suppressed {
        limiter: LimiterWire,
        count: i64,
    },
    Related {
        kind: RelatedKindWire,
        capacity: Option<CapacityWire>,
        port: Option<u16>,
        about: Option<AboutWire>,
    },
    Packet(PacketWire),
    OtherLimited,
    Lost {
        count: Option<u64>,
    },
}

impl Mirror for Signal {
    type Wire = SignalWire;

    fn to_wire(&self) -> SignalWire {
        match self {
            Self::Full(subject) => SignalWire::Full(subject.to_wire()),
            Self::Suppressed { limiter, count } => {
                SignalWire::Suppressed { limiter: limiter.to_wire(), count: *count }
            }
            Self::Related { kind, capacity, port, about } => SignalWire::Related {
                kind: kind.to_wire(),
                capacity: capacity.to_wire(),
                port: *port,
                about: about.as_ref().map(|about| about.to_wire()),
            },
            Self::Packet(packet) => SignalWire::Packet(packet.to_wire()),
            Self::OtherLimited => SignalWire::OtherLimited,
            Self::Lost { count } => SignalWire::Lost { count: *count },
        }
    }

    fn from_wire(wire: SignalWire) -> Result<Self, String> {
        Ok(match wire {
            SignalWire::Full(subject) => Self::Full(Subject::from_wire(subject)?),
            SignalWire::Suppressed { limiter, count } => {
                Self::Suppressed { limiter: Limiter::from_wire(limiter)?, count }
            }
            SignalWire::Related { kind, capacity, port, about } => Self::Related {
                kind: RelatedKind::from_wire(kind)?,
                capacity: Option::<Capacity>::from_wire(capacity)?,
                port,
                about: Option::<About>::from_wire(about)?.map(Box::new),
            },
            SignalWire::Packet(packet) => Self::Packet(Packet::from_wire(packet)?),
            SignalWire::OtherLimited => Self::OtherLimited,
            SignalWire::Lost { count } => Self::Lost { count },
        })
    }
}
