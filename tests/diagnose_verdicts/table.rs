//! Synthetic tables: groups of like entries, told out one by one and counted by the census itself.

use std::net::IpAddr;

use conntriage::census::{HowSink, WhoSink, leaders};
use conntriage::model::census::{Census, Peer};
use conntriage::model::flow::{Flow, L3, L4, L4Part, Reply, State, Tuple, Volume, Zones};
use conntriage::model::fold::{FlowSink, TableItem};

/// First source port of a client that takes the next one for each connection.
const FIRST_PORT: u64 = 32_768;
/// Ports that such a client has.
const PORTS: u64 = 28_232;
/// The address that stands in the reply tuple of a translated side.
const TRANSLATED: &str = "203.0.113.200";

/// Like entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) source: IpAddr,
    pub(crate) peer: Peer,
    pub(crate) state: Option<State>,
    pub(crate) replied: Reply,
    pub(crate) count: u64,
    /// Remaining seconds, spread evenly from the first to the last.
    pub(crate) remaining: (u32, u32),
    pub(crate) source_nat: bool,
    pub(crate) destination_nat: bool,
    /// All from one source port; none: each from the next.
    pub(crate) from_port: Option<u16>,
    pub(crate) zone: u16,
    /// Packets and bytes of each entry, original and reply.
    pub(crate) volumes: Option<(Volume, Volume)>,
}

impl Group {
    /// All from one source port.
    #[allow(dead_code)]
    pub(crate) fn at_source_port(self, port: u16) -> Self {
        Self { from_port: Some(port), ..self }
    }

    /// In a zone.
    #[allow(dead_code)]
    pub(crate) fn in_zone(self, zone: u16) -> Self {
        Self { zone, ..self }
    }

    /// Accounted: packets and bytes of each entry, original and reply.
    #[allow(dead_code)]
    pub(crate) fn with_volumes(self, original: (u64, u64), reply: (u64, u64)) -> Self {
        let volume = |(packets, bytes)| Volume { packets, bytes };
        Self { volumes: Some((volume(original), volume(reply))), ..self }
    }

    /// With these flags.
    #[allow(dead_code)]
    pub(crate) fn replied(self, replied: Reply) -> Self {
        Self { replied, ..self }
    }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// TCP to a port.
pub(crate) fn tcp(source: &str, peer: (&str, u16), state: State, count: u64, remaining: (u32, u32)) -> Group {
    let replied = match state {
        State::SynSent => Reply::Unreplied,
        State::SynRecv => Reply::Replied,
        _ => Reply::Assured,
    };
    Group {
        source: ip(source),
        peer: Peer { address: ip(peer.0), port: Some(peer.1), l4: L4::TCP },
        state: Some(state),
        replied,
        count,
        remaining,
        source_nat: false,
        destination_nat: false,
        from_port: None,
        zone: 0,
        volumes: None,
    }
}

/// UDP to a port.
pub(crate) fn udp(
    source: &str,
    peer: (&str, u16),
    replied: Reply,
    count: u64,
    remaining: (u32, u32),
) -> Group {
    let tcp = tcp(source, peer, State::Established, count, remaining);
    Group { peer: Peer { l4: L4::UDP, ..tcp.peer }, state: None, replied, ..tcp }
}

/// The same entries behind source NAT.
pub(crate) fn masqueraded(group: Group) -> Group {
    Group { source_nat: true, ..group }
}

/// One entry of a group.
fn flow(group: &Group, nth: u64, before: u64) -> Flow {
    let (low, high) = group.remaining;
    let width = u64::from(high - low) + 1;
    let step = if group.count >= width { nth % width } else { nth * width / group.count };
    let next = u16::try_from(FIRST_PORT + (before + nth) % PORTS).unwrap();
    let (source_port, port) = (group.from_port.unwrap_or(next), group.peer.port.unwrap_or(0));
    let l4 = |source, destination| match group.peer.l4 {
        L4::ICMP | L4::ICMPV6 => L4Part::Icmp { kind: 8, code: 0, id: next },
        _ if group.peer.port.is_some() => L4Part::Ports { source, destination },
        _ => L4Part::Absent,
    };
    let back_to = if group.source_nat { ip(TRANSLATED) } else { group.source };
    let back_from = if group.destination_nat { ip(TRANSLATED) } else { group.peer.address };
    Flow {
        l3: if group.source.is_ipv4() { L3::V4 } else { L3::V6 },
        l4: group.peer.l4,
        remaining: Some(i64::from(low) + i64::try_from(step).unwrap()),
        state: group.state,
        original: Tuple { source: group.source, destination: group.peer.address, l4: l4(source_port, port) },
        reply: Tuple { source: back_from, destination: back_to, l4: l4(port, source_port) },
        replied: group.replied,
        zones: Zones { original: group.zone, reply: group.zone },
        original_volume: group.volumes.map(|(original, _)| original),
        reply_volume: group.volumes.map(|(_, reply)| reply),
        mark: None,
        age_seconds: None,
        id: None,
    }
}

/// Counts groups, in two looks.
pub(crate) fn census(groups: &[Group], local: &[IpAddr]) -> Census {
    let each = |take: &mut dyn FnMut(&TableItem)| {
        let mut before = 0;
        for group in groups {
            for nth in 0..group.count {
                take(&TableItem::Flow(flow(group, nth, before)));
            }
            before += group.count;
        }
    };
    let mut who = WhoSink::default();
    each(&mut |item| who.take(item));
    let who = who.finish();
    let mut how = HowSink::new(&leaders(&who, local));
    each(&mut |item| how.take(item));
    conntriage::census::census(who, how.finish())
}
