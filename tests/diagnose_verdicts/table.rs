//! Synthetic tables: groups of like entries, counted into a census by plain maps.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use conntriage::model::address_kind::AddressKind;
use conntriage::model::census::{
    Census, Class, DISTINCT_MAX, Distinct, LEADERS_MAX, Leader, LeaderKey, Nat, Pair, Peer, Ranking,
    Remaining, Row, TALLY_KEYS, Who,
};
use conntriage::model::flow::{L3, L4, Reply, State};

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

fn bin(seconds: u32) -> u32 {
    if seconds < 1_024 { seconds } else { (seconds / 64 * 64).min(1 << 20) }
}

#[derive(Default)]
struct Description {
    entries: u64,
    classes: BTreeMap<Class, u64>,
    remaining: BTreeMap<(L4, Option<State>), Remaining>,
    other_ends: BTreeSet<IpAddr>,
    ports: BTreeMap<u16, u64>,
    nat: Nat,
}

impl Description {
    fn add(&mut self, group: &Group, other_end: IpAddr) {
        self.entries += group.count;
        let class = class(group);
        *self.classes.entry(class).or_default() += group.count;
        spread(self.remaining.entry((class.l4, class.state)).or_default(), group);
        self.other_ends.insert(other_end);
        if let Some(port) = group.peer.port {
            *self.ports.entry(port).or_default() += group.count;
        }
        add_nat(&mut self.nat, group);
    }

    fn leader(self) -> Leader {
        let distinct =
            |n: usize| if n <= DISTINCT_MAX { Distinct::Exactly(n as u64) } else { Distinct::More };
        let mut common_ports: Vec<(u16, u64)> = self.ports.iter().map(|(port, n)| (*port, *n)).collect();
        common_ports.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        common_ports.truncate(8);
        Leader {
            entries: self.entries,
            classes: self.classes,
            remaining: self.remaining,
            other_ends: distinct(self.other_ends.len()),
            destination_ports: distinct(self.ports.len()),
            source_ports: distinct(usize::try_from(self.entries).unwrap()),
            zones: Distinct::Exactly(1),
            common_ports,
            nat: self.nat,
            reversed: 0,
            packets_bytes: None,
            source_networks: Distinct::Exactly(1),
        }
    }
}

fn class(group: &Group) -> Class {
    let l3 = if group.source.is_ipv4() { L3::V4 } else { L3::V6 };
    Class { l3, l4: group.peer.l4, state: group.state, replied: group.replied }
}

fn spread(remaining: &mut Remaining, group: &Group) {
    let (low, high) = group.remaining;
    let width = u64::from(high - low) + 1;
    for nth in 0..group.count {
        let seconds = low
            + u32::try_from(if group.count >= width { nth % width } else { nth * width / group.count })
                .unwrap();
        *remaining.bins.entry(bin(seconds)).or_default() += 1;
    }
}

fn add_nat(nat: &mut Nat, group: &Group) {
    match (group.source_nat, group.destination_nat) {
        (true, true) => nat.both += group.count,
        (true, false) => nat.source += group.count,
        (false, true) => nat.destination += group.count,
        (false, false) => {}
    }
}

fn ranking<K: Ord + Copy>(counts: &BTreeMap<K, u64>) -> Ranking<K> {
    let mut rows: Vec<Row<K>> = counts.iter().map(|(key, count)| Row { key: *key, count: *count }).collect();
    rows.sort_by(|a, b| b.count.cmp(&a.count).then(a.key.cmp(&b.key)));
    let distinct = (rows.len() <= TALLY_KEYS).then_some(rows.len() as u64);
    rows.truncate(LEADERS_MAX);
    Ranking { rows, error: 0, distinct }
}

/// Counts groups, as two looks at the file would.
pub(crate) fn census(groups: &[Group], local: &[IpAddr]) -> Census {
    let mut who = Who::default();
    let mut sources: BTreeMap<IpAddr, u64> = BTreeMap::new();
    let mut destinations: BTreeMap<IpAddr, u64> = BTreeMap::new();
    let mut peers: BTreeMap<Peer, u64> = BTreeMap::new();
    let mut pairs: BTreeMap<Pair, u64> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.count > 0) {
        who.entries += group.count;
        *who.classes.entry(class(group)).or_default() += group.count;
        spread(who.remaining.entry((group.peer.l4, group.state)).or_default(), group);
        add_nat(&mut who.nat, group);
        *who.source_kinds.entry(AddressKind::of(group.source)).or_default() += group.count;
        *sources.entry(group.source).or_default() += group.count;
        *destinations.entry(group.peer.address).or_default() += group.count;
        *peers.entry(group.peer).or_default() += group.count;
        *pairs.entry(Pair { source: group.source, peer: group.peer }).or_default() += group.count;
    }
    who.zones.insert(0, who.entries);
    who.sources = ranking(&sources);
    who.destinations = ranking(&destinations);
    who.peers = ranking(&peers);
    who.pairs = ranking(&pairs);
    let how = describe(groups, &who, local);
    Census { who, how, changed_between_looks: false }
}

fn describe(groups: &[Group], who: &Who, local: &[IpAddr]) -> BTreeMap<LeaderKey, Leader> {
    let mut keys: BTreeSet<LeaderKey> =
        who.sources.rows.iter().map(|row| LeaderKey::Source(row.key)).collect();
    keys.extend(who.destinations.rows.iter().map(|row| LeaderKey::Destination(row.key)));
    keys.extend(who.peers.rows.iter().map(|row| LeaderKey::Peer(row.key)));
    keys.extend(who.pairs.rows.iter().map(|row| LeaderKey::Pair(row.key)));
    keys.extend(local.iter().map(|address| LeaderKey::Source(*address)));
    let mut out: BTreeMap<LeaderKey, Description> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.count > 0) {
        let of = [
            (LeaderKey::Source(group.source), group.peer.address),
            (LeaderKey::Destination(group.peer.address), group.source),
            (LeaderKey::Peer(group.peer), group.source),
            (LeaderKey::Pair(Pair { source: group.source, peer: group.peer }), group.peer.address),
        ];
        for (key, other_end) in of.into_iter().filter(|(key, _)| keys.contains(key)) {
            out.entry(key).or_default().add(group, other_end);
        }
    }
    out.into_iter().map(|(key, description)| (key, description.leader())).collect()
}
