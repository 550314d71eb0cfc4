//! What the rules about UDP, ICMP and other protocols measure alike: flags of a set of entries, descriptions of ports,
//! whose address stands at the other end, and the rate that entries without a handshake tell.

use std::collections::BTreeMap;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Class, Distinct, Leader, LeaderKey, Peer, PortKey};
use crate::model::diagnosis::Evidence;
use crate::model::flow::{L4, Reply};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::arith::share;
use super::evidence::{Cited, supports};
use super::facts::Case;

/// Below this share of the table a cause is not worth naming.
pub(crate) const WORTH_NAMING: f64 = 0.2;
/// From this share of a set on: most of it.
pub(crate) const MOST: f64 = 0.5;
/// From this share of a set on: nearly all of it.
pub(crate) const NEARLY_ALL: f64 = 0.8;
/// So many source ports are taken anew for each message; a sender that keeps its socket has one or a few.
pub(crate) const FRESH_PORTS: u64 = 1_000;
/// So many ends are many: more than any office has resolvers, servers or nodes that talk to one port.
pub(crate) const MANY_ENDS: u64 = 50;
/// Destination ports of tunnels that carry whole networks: VXLAN, its older port (flannel, Cilium), Geneve.
pub(crate) const TUNNELS: [u16; 3] = [4_789, 8_472, 6_081];
/// Services that are told and do not answer: syslog, traps, flow records (NetFlow, IPFIX, sFlow), metrics (statsd,
/// collectd, carbon, telegraf), log records (GELF), traces (Jaeger).
pub(crate) const ONE_WAY: [u16; 17] = [
    162, 514, 2_003, 2_055, 2_056, 4_739, 5_140, 6_343, 6_831, 6_832, 8_089, 8_094, 8_125, 9_995, 9_996,
    12_201, 25_826,
];

/// Entries of a set by what was seen of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    /// All.
    pub(crate) entries: u64,
    /// Never answered.
    pub(crate) unreplied: u64,
    /// Answered, not assured.
    pub(crate) replied: u64,
    /// Assured or offloaded: nothing evicts them.
    pub(crate) assured: u64,
}

impl Flags {
    /// Of the classes that hold.
    pub(crate) fn of(classes: &BTreeMap<Class, u64>, holds: impl Fn(&Class) -> bool) -> Self {
        let mut out = Self::default();
        for (class, n) in classes.iter().filter(|(class, _)| holds(class)) {
            let sum = match class.replied {
                Reply::Unreplied => &mut out.unreplied,
                Reply::Replied => &mut out.replied,
                Reply::Assured | Reply::Offloaded => &mut out.assured,
            };
            *sum = sum.saturating_add(*n);
            out.entries = out.entries.saturating_add(*n);
        }
        out
    }

    /// Of UDP.
    pub(crate) fn udp(classes: &BTreeMap<Class, u64>) -> Self {
        Self::of(classes, is_udp)
    }

    /// Share that was never answered.
    pub(crate) fn unanswered(self) -> f64 {
        share(self.unreplied, self.entries)
    }

    /// Share that was answered.
    pub(crate) fn answered(self) -> f64 {
        share(self.replied.saturating_add(self.assured), self.entries)
    }
}

/// UDP, in its light form too.
pub(crate) fn is_udp(class: &Class) -> bool {
    matches!(class.l4, L4::UDP | L4::UDPLITE)
}

/// The description of a destination port of UDP.
pub(crate) fn to_port<'a>(case: &Case<'a>, port: u16) -> Option<&'a Leader> {
    case.how(&LeaderKey::DestinationPort(PortKey { l4: L4::UDP, port }))
}

/// The leading destination ports of UDP with their descriptions.
pub(crate) fn ports_to<'a>(case: &Case<'a>) -> Vec<(u16, &'a Leader)> {
    let rows = case.census.map_or(&[][..], |c| c.who.destination_ports.rows.as_slice());
    let udp = rows.iter().filter(|row| row.key.l4 == L4::UDP);
    udp.filter_map(|row| Some((row.key.port, case.how(&LeaderKey::DestinationPort(row.key))?))).collect()
}

/// The source ports of UDP that many entries share, with their descriptions.
pub(crate) fn ports_from<'a>(case: &Case<'a>) -> Vec<(u16, &'a Leader)> {
    let rows = case.census.map_or(&[][..], |c| c.who.source_ports.rows.as_slice());
    let udp = rows.iter().filter(|row| row.key.l4 == L4::UDP);
    udp.filter_map(|row| Some((row.key.port, case.how(&LeaderKey::SourcePort(row.key))?))).collect()
}

/// The leading peers of UDP on one of these ports, descending.
pub(crate) fn peers_on<'a>(case: &Case<'a>, ports: &[u16]) -> Vec<(Peer, &'a Leader)> {
    let who = case.census.map(|c| &c.who);
    let rows = who.map_or(&[][..], |who| who.peers.leading(who.entries));
    let ours = rows
        .iter()
        .filter(|row| row.key.l4 == L4::UDP && row.key.port.is_some_and(|port| ports.contains(&port)));
    let mut out: Vec<_> =
        ours.filter_map(|row| Some((row.key, case.how(&LeaderKey::Peer(row.key))?))).collect();
    out.sort_by(|a, b| b.1.entries.cmp(&a.1.entries).then(a.0.cmp(&b.0)));
    out
}

/// Whose addresses the entries to some ports of UDP go to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends<'a> {
    /// The leading peers on these ports, descending.
    pub(crate) peers: Vec<(Peer, &'a Leader)>,
    /// Entries to addresses of this host; loopback does not count, it is asked by this host itself.
    pub(crate) own: u64,
    /// Entries to addresses of which it is not known.
    pub(crate) unknown: u64,
}

impl<'a> Ends<'a> {
    /// Of these ports. Entries to peers that do not lead are others': an own address with many would lead.
    pub(crate) fn of(case: &Case<'a>, ports: &[u16]) -> Self {
        let mut out = Self { peers: peers_on(case, ports), ..Self::default() };
        for (peer, how) in &out.peers {
            let sum = match case.locals.is_local(peer.address) {
                Some(true) if AddressKind::of(peer.address) != AddressKind::Loopback => &mut out.own,
                None => &mut out.unknown,
                _ => continue,
            };
            *sum = sum.saturating_add(how.entries);
        }
        out
    }

    /// The leading own address among them.
    pub(crate) fn own_peer(&self, case: &Case<'_>) -> Option<(Peer, &'a Leader)> {
        let own = |peer: &Peer| {
            case.locals.is_local(peer.address) == Some(true)
                && AddressKind::of(peer.address) != AddressKind::Loopback
        };
        self.peers.iter().find(|(peer, _)| own(peer)).copied()
    }
}

/// At least so many.
pub(crate) fn at_least(distinct: Distinct, number: u64) -> bool {
    match distinct {
        Distinct::Exactly(n) => n >= number,
        Distinct::More => number <= crate::model::census::DISTINCT_MAX as u64,
    }
}

/// At most so many.
pub(crate) fn at_most(distinct: Distinct, number: u64) -> bool {
    matches!(distinct, Distinct::Exactly(n) if n <= number)
}

/// A number of sources, peers or the like, in words.
pub(crate) fn counted(distinct: Distinct, noun: crate::model::sentence::Noun) -> Sentence {
    match distinct {
        Distinct::Exactly(n) => sentence![Word::Count(n, noun)],
        Distinct::More => sentence!["over", Word::Count(crate::model::census::DISTINCT_MAX as u64, noun)],
    }
}

/// One sentence behind the other.
pub(crate) fn joined(mut first: Sentence, second: Sentence) -> Sentence {
    first.0.extend(second.0);
    first
}

/// Seconds that an entry of UDP without a stream stays after its last packet.
pub(crate) fn udp_seconds(case: &Case<'_>) -> u64 {
    case.timeouts().of(L4::UDP, None, Reply::Unreplied).map_or(30, |timeout| timeout.seconds.max(1))
}

/// Seconds that an entry of a UDP stream stays after its last packet.
pub(crate) fn stream_seconds(case: &Case<'_>) -> u64 {
    case.timeouts().of(L4::UDP, None, Reply::Assured).map_or(180, |timeout| timeout.seconds.max(1))
}

/// New entries a second that the classes stand for that hold: entries over lifetime. An exchange without a handshake
/// is over with its last packet, and its entry lives for its timeout then. Streams tell no rate.
pub(crate) fn per_second(
    case: &Case<'_>,
    classes: &BTreeMap<Class, u64>,
    holds: impl Fn(&Class) -> bool,
) -> Option<f64> {
    let timeouts = case.timeouts();
    let passing =
        classes.iter().filter(|(class, _)| matches!(class.replied, Reply::Unreplied | Reply::Replied));
    let rate: f64 = passing
        .filter(|(class, _)| holds(class))
        .filter_map(|(class, n)| {
            let timeout = timeouts.of(class.l4, class.state, class.replied).filter(|t| t.seconds > 0)?;
            Some(*n as f64 / timeout.seconds as f64)
        })
        .sum();
    (rate > 0.0).then_some(rate)
}

/// Entries of the table that a cause names, as its first fact.
pub(crate) fn holds(case: &Case<'_>, id: &'static str, what: Sentence, entries: u64) -> Evidence {
    let part = share(entries, case.entries());
    let said = what
        .with("hold")
        .with(Word::Number(entries))
        .with("of")
        .with(Word::Count(case.entries(), noun::ENTRY))
        .with("(")
        .with(Word::Share(part))
        .with(")");
    supports(id, said).value("entries", entries as f64).value("share", part).read_in_table(case)
}

/// Translated addresses among the entries of a leader.
pub(crate) fn translated(how: &Leader) -> u64 {
    how.nat.source.saturating_add(how.nat.destination).saturating_add(how.nat.both)
}

/// Bytes back for each byte there, where accounting tells.
pub(crate) fn amplification(how: &Leader) -> Option<f64> {
    let volumes = how.volumes?;
    (volumes.original.bytes > 0).then(|| volumes.reply.bytes as f64 / volumes.original.bytes as f64)
}
