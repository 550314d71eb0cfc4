//! The words of `conntriage.report/1` for the model's enumerations: lower-case-kebab, stable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{diagnosis, incident, input, record, report, signal};

/// An enumeration written by the kebab-case names of its variants, made from one of the model.
macro_rules! words {
    ($($(#[$about:meta])* $name:ident from $model:path { $($from:pat => $to:ident),* $(,)? })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs)] // the variants are the words
        pub enum $name { $($to),* }

        impl From<&$model> for $name {
            fn from(value: &$model) -> Self {
                use $model::*;
                match value { $($from => Self::$to),* }
            }
        }
    )*};
}

words! {
    /// What an input is.
    InputKind from input::InputKind {
        Log => Log, Table => Table, Counters => Counters, Bundle => Bundle, Signals => Signals,
        Unrecognised => Unrecognised,
    }
    /// Which table was full.
    Table from signal::Table { Conntrack => Conntrack, Expectation => Expectation }
    /// Which namespace.
    NamespaceKind from incident::Namespace {
        Initial => Initial, Netns(_) => Netns, Container(_) => Container, Unknown => Unknown,
    }
    /// How far lines may be believed.
    Trust from record::Trust { Unverified => Unverified, AsRecorded => AsRecorded, Kernel => Kernel }
    /// How wall time is known.
    TimeBasis from incident::TimeBasis {
        Stamped => Stamped, AssumedZone => AssumedZone, InferredYear => InferredYear, BootTied => BootTied,
        Relative => Relative,
    }
    /// What the upper end is.
    HighIs from incident::HighIs { Bound => Bound, Estimate => Estimate, Unknown => Unknown }
    /// How the cost was found.
    Method from incident::Method { Counters => Counters, Log => Log }
    /// What makes the interval wide.
    Widening from incident::Widening {
        LastWindowUnreported => LastWindowUnreported, OthersVisible => OthersVisible, UnseenUsers => UnseenUsers,
        WindowBefore => WindowBefore, FlushedByOther => FlushedByOther, LateFlush => LateFlush,
        LinesLost(_) => LinesLost, Contended => Contended, SharedByNamespaces => SharedByNamespaces,
        ClockStep => ClockStep, EraUnknown => EraUnknown, LimiterChanged => LimiterChanged, NotDrops => NotDrops, Coarse(_) => Coarse,
    }
    /// When a table was taken, seen from the incident.
    Role from report::Role { Before => Before, At => At, FollowUp => FollowUp, After => After }
    /// What a related line is about.
    RelatedKind from signal::RelatedKind {
        Capacity => Capacity, TimeWaitOverflow => TimeWaitOverflow, SynFlood => SynFlood,
        OrphanedSockets => OrphanedSockets, NeighbourOverflow => NeighbourOverflow, Vmalloc => Vmalloc,
        BootBegins => BootBegins, TcpMemory => TcpMemory, AllocationFailed => AllocationFailed, HelpersUnassigned => HelpersUnassigned, BridgeTracked => BridgeTracked, BridgeUntracked => BridgeUntracked, HashlimitFull => HashlimitFull, ZoneLimit => ZoneLimit, IpvsNoDestination => IpvsNoDestination, LinkChanged => LinkChanged, PortForwarding => PortForwarding, RulesReloaded => RulesReloaded, LimitSet => LimitSet, SettingRefused => SettingRefused, Failover => Failover, EntriesInjected => EntriesInjected, PortsExhausted => PortsExhausted, UpstreamTimeout => UpstreamTimeout, Victim => Victim, LinesThrottled => LinesThrottled, PacketsRefused => PacketsRefused, PacketsPassed => PacketsPassed, PacketsInvalid => PacketsInvalid, PacketsLogged => PacketsLogged, PacketsOpening => PacketsOpening, PacketsDip => PacketsDip,
    }
    /// What made idle ages what they are.
    SpreadKind from diagnosis::Spread { OneEvent { .. } => OneEvent, Comb { .. } => Comb, Flat => Flat }
    /// Why an idle age is not known.
    NoAge from diagnosis::NoAge {
        SeveralTimers => SeveralTimers, ShorterTimer => ShorterTimer, AboveTimeout => AboveTimeout,
        TimeoutUnknown => TimeoutUnknown, NoTimer => NoTimer,
    }
    /// How sure.
    Confidence from diagnosis::Confidence { High => High, Medium => Medium, Low => Low }
}

/// Which way a fact points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the variants are the words
pub enum ForOrAgainst {
    For,
    Against,
    Context,
}

impl From<Option<bool>> for ForOrAgainst {
    fn from(speaks_for: Option<bool>) -> Self {
        match speaks_for {
            Some(true) => Self::For,
            Some(false) => Self::Against,
            None => Self::Context,
        }
    }
}
