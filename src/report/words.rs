//! Words for the model's enumerations and figures, in the language of the report.

use std::net::IpAddr;

use crate::model::census::Peer;
use crate::model::diagnosis::{Cause, Confidence, Owner, StateCounts};
use crate::model::incident::{Drops, HighIs, Method, Namespace, TimeBasis, Widening};
use crate::model::input::InputKind;
use crate::model::record::Trust;
use crate::model::report::Role;
use crate::model::sentence::noun;
use crate::model::signal::{RelatedKind, Table};

use super::escape;
use super::spell;

/// A verdict of this slug names no cause.
pub(super) const UNDECIDED: &str = "insufficient-evidence";

pub(super) fn table(table: Table) -> &'static str {
    match table {
        Table::Conntrack => "conntrack table full",
        Table::Expectation => "expectation table full",
    }
}

/// What a full table refuses: a helper's packet is one of a connection that exists, and announces another.
pub(super) fn refused(table: Table) -> &'static str {
    match table {
        Table::Conntrack => "of new connections",
        Table::Expectation => "announcing a further connection",
    }
}

/// `network namespace 4026532281 of nginx (container 3f2a…)`
pub(super) fn namespace(namespace: &Namespace, holder: Option<&Owner>) -> Option<String> {
    match namespace {
        Namespace::Initial => Some("initial network namespace".to_owned()),
        Namespace::Netns(inode) => {
            let of = holder.map(|holder| format!(" of {}", owner(holder))).unwrap_or_default();
            Some(format!("network namespace {inode}{of}"))
        }
        Namespace::Container(id) => Some(format!("container {}", escape::text(id))),
        Namespace::Unknown => None,
    }
}

/// `php-fpm (process 4711)`
pub(super) fn owner(owner: &Owner) -> String {
    let name = escape::text(&owner.name);
    match &owner.id {
        Some(id) => format!("{name} ({} {})", owner.kind, escape::text(id)),
        None => name,
    }
}

pub(super) fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::Kernel => "read from the kernel itself",
        Trust::AsRecorded => "as recorded by a log daemon",
        Trust::Unverified => "from text that any local user could have written",
    }
}

pub(super) fn basis(basis: TimeBasis) -> Option<&'static str> {
    match basis {
        TimeBasis::Stamped => None,
        TimeBasis::AssumedZone => Some("zone assumed"),
        TimeBasis::InferredYear => Some("year and zone inferred"),
        TimeBasis::BootTied => Some("kernel clock tied to wall time"),
        TimeBasis::Relative => Some("only relative to boot"),
    }
}

pub(super) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

/// `(confidence high)`; a verdict that names no cause has none.
pub(super) fn cause_and_confidence(cause: Cause, sure: Confidence) -> String {
    if cause.0 == UNDECIDED {
        cause.0.to_owned()
    } else {
        format!("{}, {} confidence", cause.0, confidence(sure))
    }
}

/// `4 to about 15`, `at least 30`, `2,857`
pub(super) fn drops(drops: &Drops) -> String {
    let low = spell::number(drops.low);
    match (drops.high, drops.high_is) {
        (None, _) => format!("at least {low}"),
        (Some(high), HighIs::Estimate) => format!("{low} to about {}", spell::number(high)),
        (Some(high), _) if high == drops.low => low,
        (Some(high), _) => format!("{low} to {}", spell::number(high)),
    }
}

pub(super) fn drops_method(drops: &Drops) -> &'static str {
    match (drops.method, drops.high_is) {
        (Method::Counters, _) => "by the kernel's own counters",
        (Method::Log, HighIs::Bound) => "a bound from the log",
        (Method::Log, HighIs::Estimate) => "an estimate from the log",
        (Method::Log, HighIs::Unknown) => "the log gives no upper end",
    }
}

pub(super) fn widening(widening: &Widening) -> String {
    match widening {
        Widening::LastWindowUnreported => {
            "nothing after the last lines says how many more were suppressed".to_owned()
        }
        Widening::OthersVisible => "other messages use the same rate limiter".to_owned(),
        Widening::UnseenUsers => "somebody unseen used the same rate limiter".to_owned(),
        Widening::WindowBefore => "the first count may belong to a window before the first line".to_owned(),
        Widening::FlushedByOther => "a count was printed in front of somebody else's message".to_owned(),
        Widening::LateFlush => "a count was printed only after the incident".to_owned(),
        Widening::LinesLost(None) => "log lines were lost".to_owned(),
        Widening::LinesLost(Some(n)) => format!("{} lost", spell::count(*n, noun::LINE)),
        Widening::Contended => {
            "this kernel neither prints nor counts messages that come at the same moment as another"
                .to_owned()
        }
        Widening::SharedByNamespaces => {
            "several namespaces were full at once and share the limiter".to_owned()
        }
        Widening::ClockStep => "the clock stepped within it".to_owned(),
        Widening::LimiterChanged => "the rate limiter's settings are not the kernel's own".to_owned(),
        Widening::EraUnknown => "the kernel's rate limiter is not known".to_owned(),
        Widening::NotDrops => "`maximum limit` lines of 2.4.0 are not drops".to_owned(),
        Widening::Coarse(seconds) => {
            format!("incidents closer than {} are taken as one", spell::duration(*seconds as f64))
        }
    }
}

pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Before => "before",
        Role::At => "at",
        Role::FollowUp => "follow-up",
        Role::After => "after",
    }
}

pub(super) fn related(kind: RelatedKind) -> &'static str {
    match kind {
        RelatedKind::Capacity => "tracker loaded",
        RelatedKind::TimeWaitOverflow => "time-wait overflow",
        RelatedKind::SynFlood => "SYN flood",
        RelatedKind::OrphanedSockets => "orphaned sockets",
        RelatedKind::NeighbourOverflow => "neighbour overflow",
        RelatedKind::Vmalloc => "vmalloc",
        RelatedKind::BootBegins => "boot",
        RelatedKind::TcpMemory => "TCP memory",
        RelatedKind::AllocationFailed => "no memory",
        RelatedKind::HelpersUnassigned => "tracker in use",
        RelatedKind::BridgeTracked => "bridge tracked",
        RelatedKind::BridgeUntracked => "bridge not tracked",
        RelatedKind::HashlimitFull => "hashlimit full",
        RelatedKind::ZoneLimit => "zone limit",
        RelatedKind::IpvsNoDestination => "IPVS",
        RelatedKind::LinkChanged => "link",
        RelatedKind::PortForwarding => "bridge port",
        RelatedKind::RulesReloaded => "rules",
        RelatedKind::LimitSet => "limit set",
        RelatedKind::SettingRefused => "setting refused",
        RelatedKind::Failover => "failover",
        RelatedKind::EntriesInjected => "entries injected",
        RelatedKind::PortsExhausted => "no free ports",
        RelatedKind::UpstreamTimeout => "upstream timeout",
        RelatedKind::Victim => "impact",
        RelatedKind::LinesThrottled => "lines lost",
        RelatedKind::PacketsRefused => "packets refused",
        RelatedKind::PacketsPassed => "packets let through",
        RelatedKind::PacketsInvalid => "packets without entry",
        RelatedKind::PacketsLogged => "packets logged",
        RelatedKind::PacketsOpening => "connections opened",
        RelatedKind::PacketsDip => "packet log",
    }
}

/// It is a sum of packets and not a line.
pub(super) fn is_sum(kind: RelatedKind) -> bool {
    matches!(
        kind,
        RelatedKind::PacketsRefused
            | RelatedKind::PacketsPassed
            | RelatedKind::PacketsInvalid
            | RelatedKind::PacketsLogged
            | RelatedKind::PacketsOpening
            | RelatedKind::PacketsDip
    )
}

pub(super) fn input_kind(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Log => "log",
        InputKind::Table => "table",
        InputKind::Counters => "counters",
        InputKind::Bundle => "bundle",
        InputKind::Signals => "signals",
        InputKind::Unrecognised => "unrecognised",
    }
}

pub(super) fn peer(peer: &Peer) -> String {
    spell::endpoint(peer.address, peer.port, peer.l4)
}

pub(super) fn address(address: IpAddr) -> String {
    address.to_string()
}

/// `TIME_WAIT 93 %, SYN_SENT 6.1 %`: the first, and at most two more that have a hundredth of so many entries.
pub(super) fn states(states: &StateCounts, entries: u64) -> String {
    let shown: Vec<String> = states
        .iter()
        .filter(|(_, n)| *n > 0)
        .enumerate()
        .take_while(|(at, (_, n))| *at == 0 || (*at < 3 && n.saturating_mul(100) >= entries))
        .map(|(_, (label, n))| format!("{} {}", label.label(escape::bytes), part(*n, entries)))
        .collect();
    shown.join(", ")
}

/// Share of a whole, or nothing where the whole is nothing.
pub(super) fn part(n: u64, whole: u64) -> String {
    if whole == 0 { String::new() } else { spell::share(n as f64 / whole as f64) }
}
