//! Laws of the census: what a fold over a table must give whatever the cut, held against naive counting.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use conntriage::census::{HowPart, HowSink, WhoPart, WhoSink, census, leaders, noted};
use conntriage::model::census::{
    Census, Class, DISTINCT_MAX, Distinct, LEADERS_MAX, Leader, LeaderKey, Pair, Peer, PortKey, Remaining,
    Row, TALLY_KEYS, Volumes,
};
use conntriage::model::flow::{Flow, L3, L4, L4Part, Reply, State, Tuple, Volume, Zones};
use conntriage::model::fold::{FlowSink, Part, TableItem};
use proptest::prelude::*;

// --- flows -----------------------------------------------------------------------------------------------------------

fn address(v6: bool, number: u16) -> IpAddr {
    if v6 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, number >> 3, 0, 0, 0, 0, number))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::from(number) * 97))
    }
}

fn ports() -> impl Strategy<Value = u16> {
    prop_oneof![prop::sample::select(vec![80, 443, 3128, 53, 22]), 1024u16.., Just(0)]
}

fn states() -> impl Strategy<Value = State> {
    let word = |number: u8| State::Other([b'A' + number; 16]);
    prop_oneof![
        4 => prop::sample::select(vec![State::TimeWait, State::Established, State::SynSent, State::CloseWait]),
        1 => (0u8..40).prop_map(word),
    ]
}

fn remaining_times() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        6 => (-3i64..130).prop_map(Some),
        3 => (0i64..432_001).prop_map(Some),
        1 => prop::sample::select(vec![Some(1_023), Some(1_024), Some(1 << 20), Some(42_949_672), None]),
    ]
}

prop_compose! {
    fn a_flow()(
        v6 in prop::bool::weighted(0.2),
        l4 in prop::sample::select(vec![L4::TCP, L4::TCP, L4::TCP, L4::UDP, L4::ICMP, L4::GRE, L4(99)]),
        (source, destination) in (0u16..12, 100u16..106),
        (sport, dport) in (ports(), ports()),
        state in states(),
        remaining in remaining_times(),
        replied in prop::sample::select(vec![Reply::Unreplied, Reply::Replied, Reply::Assured]),
        (snat, dnat) in (prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
        zone in prop::sample::select(vec![0u16, 0, 0, 5, 65_535]),
        volume in prop::option::of((0u64..100, 0u64..10_000)),
    ) -> Flow {
        let l4_part = |source, destination| match l4 {
            L4::TCP | L4::UDP => L4Part::Ports { source, destination },
            L4::ICMP => L4Part::Icmp { kind: 8, code: 0, id: source },
            L4::GRE => L4Part::Gre { source, destination },
            _ => L4Part::Absent,
        };
        let (source, destination) = (address(v6, source), address(v6, destination));
        let back_source = if dnat { address(v6, 200) } else { destination };
        let back_destination = if snat { address(v6, 201) } else { source };
        let volume = volume.map(|(packets, bytes)| Volume { packets, bytes });
        Flow {
            l3: if v6 { L3::V6 } else { L3::V4 },
            l4,
            remaining,
            state: (l4 == L4::TCP && remaining.is_some()).then_some(state),
            original: Tuple { source, destination, l4: l4_part(sport, dport) },
            reply: Tuple { source: back_source, destination: back_destination, l4: l4_part(dport, sport) },
            replied: if remaining.is_none() { Reply::Offloaded } else { replied },
            zones: Zones { original: zone, reply: zone },
            original_volume: volume,
            reply_volume: volume,
            mark: None,
            age_seconds: None,
            id: None,
        }
    }
}

fn flows() -> impl Strategy<Value = Vec<Flow>> {
    prop::collection::vec(a_flow(), 0..300)
}

// --- folding, cut anywhere and joined in any bracketing --------------------------------------------------------------

/// Where a sequence is cut, and which neighbours are joined next.
#[derive(Debug, Clone)]
struct Cuts {
    lengths: Vec<usize>,
    joins: Vec<usize>,
}

fn cuts() -> impl Strategy<Value = Cuts> {
    (prop::collection::vec(0usize..80, 0..8), prop::collection::vec(0usize..8, 8))
        .prop_map(|(lengths, joins)| Cuts { lengths, joins })
}

const SEQUENTIAL: Cuts = Cuts { lengths: Vec::new(), joins: Vec::new() };

fn fold<S: FlowSink>(flows: &[Flow], cuts: &Cuts, sink: impl Fn() -> S) -> S::Part {
    let part = |flows: &[Flow]| {
        let mut sink = sink();
        for flow in flows {
            sink.take(&TableItem::Flow(flow.clone()));
        }
        sink.finish()
    };
    let (mut parts, mut rest) = (Vec::new(), flows);
    for length in &cuts.lengths {
        let (left, right) = rest.split_at((*length).min(rest.len()));
        parts.push(part(left));
        rest = right;
    }
    parts.push(part(rest));
    for join in cuts.joins.iter().cycle() {
        if parts.len() < 2 {
            break;
        }
        let place = join % (parts.len() - 1);
        let right = parts.remove(place + 1);
        let left = std::mem::take(&mut parts[place]);
        parts[place] = left.join(right);
    }
    parts.pop().unwrap_or_default()
}

fn count_with(flows: &[Flow], cuts: &Cuts, local: &[IpAddr]) -> Census {
    let who: WhoPart = fold(flows, cuts, WhoSink::default);
    let keys = leaders(&who, local);
    let how: HowPart = fold(flows, cuts, || HowSink::new(&keys));
    census(who, how)
}

fn count(flows: &[Flow]) -> Census {
    count_with(flows, &SEQUENTIAL, &[])
}

// --- the naive way ---------------------------------------------------------------------------------------------------

fn port(flow: &Flow) -> Option<u16> {
    match flow.original.l4 {
        L4Part::Ports { destination, .. } => Some(destination),
        _ => None,
    }
}

fn peer(flow: &Flow) -> Peer {
    Peer { address: flow.original.destination, port: port(flow), l4: flow.l4 }
}

fn belongs(flow: &Flow, key: LeaderKey) -> bool {
    match key {
        LeaderKey::Source(address) => flow.original.source == address,
        LeaderKey::Destination(address) => flow.original.destination == address,
        LeaderKey::Peer(key) => peer(flow) == key,
        LeaderKey::Pair(key) => Pair { source: flow.original.source, peer: peer(flow) } == key,
        LeaderKey::DestinationPort(key) => flow.l4 == key.l4 && port(flow) == Some(key.port),
        LeaderKey::SourcePort(key) => flow.l4 == key.l4 && source_port(flow) == Some(key.port),
    }
}

/// Unknown words are told apart while there are at most 31 of them.
fn classes<'a>(flows: impl Iterator<Item = &'a Flow> + Clone) -> BTreeMap<Class, u64> {
    let is_odd = |state: &State| matches!(state, State::Other(_));
    let odd: BTreeSet<State> = flows.clone().filter_map(|flow| flow.state).filter(is_odd).collect();
    let mut sums = BTreeMap::new();
    for flow in flows {
        let state = match flow.state {
            Some(State::Other(_)) if odd.len() > 31 => Some(State::Other(*b"(various)\0\0\0\0\0\0\0")),
            state => state,
        };
        *sums.entry(Class { l3: flow.l3, l4: flow.l4, state, replied: flow.replied }).or_default() += 1;
    }
    sums
}

fn networks(flows: &[&Flow]) -> u64 {
    let network = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits() >> 8),
        IpAddr::V6(address) => 1 << 127 | address.to_bits() >> 64,
    };
    flows.iter().map(|flow| network(flow.original.source)).collect::<BTreeSet<_>>().len() as u64
}

fn distinct<K: Ord>(values: impl Iterator<Item = K>) -> Distinct {
    let count = values.collect::<BTreeSet<_>>().len();
    if count > DISTINCT_MAX { Distinct::More } else { Distinct::Exactly(count as u64) }
}

fn naive_ports(flows: &[&Flow]) -> Vec<(u16, u64)> {
    let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
    flows.iter().filter_map(|flow| port(flow)).for_each(|port| *counts.entry(port).or_default() += 1);
    let mut ports: Vec<_> = counts.into_iter().collect();
    ports.sort_by_key(|(port, count)| (std::cmp::Reverse(*count), *port));
    ports.truncate(8);
    ports
}

/// A leader described from the list of its flows.
fn naive_leader(flows: &[Flow], key: LeaderKey) -> Leader {
    let flows: Vec<&Flow> = flows.iter().filter(|flow| belongs(flow, key)).collect();
    let of_source = matches!(key, LeaderKey::Source(_) | LeaderKey::Pair(_) | LeaderKey::SourcePort(_));
    let other_end = |flow: &&Flow| if of_source { flow.original.destination } else { flow.original.source };
    Leader {
        entries: flows.len() as u64,
        classes: classes(flows.iter().copied()),
        remaining: BTreeMap::new(),
        other_ends: distinct(flows.iter().map(other_end)),
        destination_ports: distinct(flows.iter().filter_map(|flow| port(flow))),
        source_ports: distinct(flows.iter().filter_map(|flow| source_port(flow))),
        zones: distinct(flows.iter().map(|flow| flow.zones.original)),
        common_ports: naive_ports(&flows),
        nat: conntriage::model::census::Nat {
            source: flows.iter().filter(|f| f.source_nat() && !f.destination_nat()).count() as u64,
            destination: flows.iter().filter(|f| !f.source_nat() && f.destination_nat()).count() as u64,
            both: flows.iter().filter(|f| f.source_nat() && f.destination_nat()).count() as u64,
        },
        reversed: flows.iter().filter(|flow| naive_reversed(flow)).count() as u64,
        volumes: naive_volumes(&flows),
        source_networks: match key {
            LeaderKey::SourcePort(_) => Distinct::Exactly(0),
            _ => Distinct::Exactly(networks(&flows)),
        },
    }
}

fn source_port(flow: &Flow) -> Option<u16> {
    match flow.original.l4 {
        L4Part::Ports { source, .. } => Some(source),
        _ => None,
    }
}

fn naive_volumes(flows: &[&Flow]) -> Option<Volumes> {
    let counted = flows.iter().filter(|flow| flow.original_volume.is_some() || flow.reply_volume.is_some());
    let sum = |side: fn(&Flow) -> Option<Volume>| {
        let all = flows.iter().filter_map(|flow| side(flow));
        all.fold(Volume { packets: 0, bytes: 0 }, |sum, v| Volume {
            packets: sum.packets + v.packets,
            bytes: sum.bytes + v.bytes,
        })
    };
    let entries = counted.count() as u64;
    let volumes =
        || Volumes { entries, original: sum(|f| f.original_volume), reply: sum(|f| f.reply_volume) };
    (entries > 0).then(volumes)
}

/// Ports with their entries, counted one by one.
fn naive_port_rows(flows: &[Flow], port: fn(&Flow) -> Option<u16>) -> Vec<Row<PortKey>> {
    let mut counts: BTreeMap<PortKey, u64> = BTreeMap::new();
    for flow in flows {
        if let Some(port) = port(flow) {
            *counts.entry(PortKey { l4: flow.l4, port }).or_default() += 1;
        }
    }
    let mut rows: Vec<Row<PortKey>> = counts.into_iter().map(|(key, count)| Row { key, count }).collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.count), row.key));
    rows.truncate(LEADERS_MAX);
    rows
}

fn naive_reversed(flow: &Flow) -> bool {
    let is_service = |port| port < 1024 || conntriage::model::services::service(port, flow.l4).is_some();
    match flow.original.l4 {
        L4Part::Ports { source, destination } => is_service(source) && !is_service(destination),
        _ => false,
    }
}

fn naive_remaining(flows: &[Flow], key: LeaderKey) -> Remaining {
    let mut remaining = Remaining::default();
    flows.iter().filter(|flow| belongs(flow, key)).for_each(|flow| remaining.add(flow.remaining));
    remaining
}

fn united<'a>(histograms: impl Iterator<Item = &'a Remaining>) -> Remaining {
    let mut sum = Remaining::default();
    for histogram in histograms {
        sum.untimed += histogram.untimed;
        for (bin, count) in &histogram.bins {
            *sum.bins.entry(*bin).or_default() += count;
        }
    }
    sum
}

/// A flow that fits into a note: without accounting, its state one that a kernel prints.
fn notable(flow: &Flow) -> Flow {
    let state = match flow.state {
        Some(State::Other(_)) => Some(State::CloseWait),
        state => state,
    };
    Flow { state, original_volume: None, reply_volume: None, ..flow.clone() }
}

// --- laws ------------------------------------------------------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_and_any_bracketing_gives_the_same_census(flows in flows(), cuts in cuts()) {
        prop_assert_eq!(count_with(&flows, &cuts, &[]), count(&flows));
    }

    #[test]
    fn the_order_of_entries_changes_nothing(flows in flows(), cuts in cuts()) {
        let mut turned = flows.clone();
        turned.reverse();
        turned.rotate_left(flows.len() / 3);
        prop_assert_eq!(count_with(&turned, &cuts, &[]), count(&flows));
    }

    #[test]
    fn every_leader_is_described_as_naive_counting_describes_it(flows in flows(), cuts in cuts()) {
        let census = count_with(&flows, &cuts, &[]);
        for (key, leader) in &census.how {
            let naive = naive_leader(&flows, *key);
            prop_assert_eq!(united(leader.remaining.values()), naive_remaining(&flows, *key));
            // Unknown words are counted over all leaders, so only known ones are compared one by one.
            let known = |classes: &BTreeMap<Class, u64>| -> Vec<(Class, u64)> {
                let known = classes.iter().filter(|(class, _)| !matches!(class.state, Some(State::Other(_))));
                known.map(|(class, count)| (*class, *count)).collect()
            };
            prop_assert_eq!(known(&leader.classes), known(&naive.classes));
            let bare = |leader: &Leader| {
                Leader { classes: BTreeMap::new(), remaining: BTreeMap::new(), ..leader.clone() }
            };
            prop_assert_eq!(bare(leader), bare(&naive));
        }
        let sources: BTreeSet<IpAddr> = flows.iter().map(|flow| flow.original.source).collect();
        prop_assert_eq!(census.who.sources.distinct, Some(sources.len() as u64));
        prop_assert!(sources.into_iter().all(|source| census.how.contains_key(&LeaderKey::Source(source))));
    }

    #[test]
    fn all_sums_are_the_number_of_entries(flows in flows()) {
        let Census { who, how, .. } = count(&flows);
        let entries = flows.len() as u64;
        prop_assert_eq!(who.entries, entries);
        prop_assert_eq!(&who.classes, &classes(flows.iter()));
        prop_assert_eq!(who.remaining.values().map(Remaining::entries).sum::<u64>(), entries);
        prop_assert_eq!(who.zones.values().sum::<u64>(), entries);
        prop_assert_eq!(who.source_kinds.values().sum::<u64>(), entries);
        prop_assert_eq!(who.destination_kinds.values().sum::<u64>(), entries);
        prop_assert_eq!(who.sources.rows.iter().map(|row| row.count).sum::<u64>(), entries);
        prop_assert_eq!(who.destinations.rows.iter().map(|row| row.count).sum::<u64>(), entries);
        prop_assert_eq!(&who.destination_ports.rows, &naive_port_rows(&flows, port));
        prop_assert_eq!(&who.source_ports.rows, &naive_port_rows(&flows, source_port));
        for (class, volumes) in &who.volumes {
            let of: Vec<&Flow> = flows.iter().filter(|flow| {
                (flow.l3, flow.l4, flow.state, flow.replied) == (class.l3, class.l4, class.state, class.replied)
            }).collect();
            if !matches!(class.state, Some(State::Other(_))) {
                prop_assert_eq!(Some(*volumes), naive_volumes(&of));
            }
        }
        prop_assert_eq!(who.reversed, flows.iter().filter(|flow| naive_reversed(flow)).count() as u64);
        for leader in how.values() {
            prop_assert_eq!(leader.classes.values().sum::<u64>(), leader.entries);
            prop_assert_eq!(leader.remaining.values().map(Remaining::entries).sum::<u64>(), leader.entries);
        }
    }

    #[test]
    fn what_the_first_look_noted_describes_the_leaders_as_a_second_reading_does(
        flows in flows(), cuts in cuts(), local in 0u16..12,
    ) {
        let flows: Vec<Flow> = flows.iter().map(notable).collect();
        let who: WhoPart = fold(&flows, &cuts, WhoSink::default);
        let keys = leaders(&who, &[address(false, local)]);
        let from_notes = noted(&who, &keys, 0, 1);
        let in_parts = (0..3).filter_map(|part| noted(&who, &keys, part, 3)).reduce(Part::join);
        prop_assert!(from_notes.is_some());
        let read_again: HowPart = fold(&flows, &cuts, || HowSink::new(&keys));
        let how = census(who, from_notes.unwrap_or_default()).how;
        prop_assert_eq!(&how, &census(WhoPart::default(), in_parts.unwrap_or_default()).how);
        prop_assert_eq!(how, census(WhoPart::default(), read_again).how);
    }

    #[test]
    fn idle_ages_from_bins_are_those_of_the_flows_to_the_width_of_a_bin(
        times in prop::collection::vec(remaining_times(), 0..200),
        timeout in prop_oneof![Just(120u32), Just(432_000), 1u32..500_000],
        age in 0u32..500_000,
    ) {
        let mut remaining = Remaining::default();
        for time in &times {
            remaining.add(*time);
        }
        let ages = remaining.idle_ages(timeout);
        prop_assert_eq!(ages.entries() + ages.above_timeout + ages.untimed, times.len() as u64);
        let idle = |time: i64| i64::from(timeout) - time.max(0);
        let at_least = |age: i64| {
            times.iter().flatten().filter(|time| **time < 1 << 20 && idle(**time) >= age).count() as u64
        };
        let found = ages.at_least(age);
        prop_assert!(at_least(i64::from(age)) <= found);
        prop_assert!(found <= at_least(i64::from(age) - 63));
    }

    #[test]
    fn a_table_twice_is_twice_the_census(flows in flows()) {
        let (once, twice) = (count(&flows), count(&[flows.clone(), flows.clone()].concat()));
        prop_assert_eq!(twice.who.entries, 2 * once.who.entries);
        prop_assert_eq!(&once.who.sources.distinct, &twice.who.sources.distinct);
        for (one, two) in once.who.pairs.rows.iter().zip(&twice.who.pairs.rows) {
            prop_assert_eq!((one.key, 2 * one.count), (two.key, two.count));
        }
        for (key, leader) in &once.how {
            let double = &twice.how[key];
            prop_assert_eq!(2 * leader.entries, double.entries);
            prop_assert_eq!(leader.other_ends, double.other_ends);
            prop_assert_eq!(2 * leader.reversed, double.reversed);
        }
    }

    #[test]
    fn renamed_addresses_change_names_only(flows in flows()) {
        let rename = |address: IpAddr| match address {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() ^ 0x0055_0000)),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() ^ 0x77 << 64)),
        };
        let renamed: Vec<Flow> = flows.iter().map(|flow| {
            let tuple = |t: Tuple| Tuple { source: rename(t.source), destination: rename(t.destination), ..t };
            Flow { original: tuple(flow.original), reply: tuple(flow.reply), ..flow.clone() }
        }).collect();
        let (before, after) = (count(&flows), count(&renamed));
        for (key, leader) in &before.how {
            let peer = |peer: Peer| Peer { address: rename(peer.address), ..peer };
            let key = match *key {
                LeaderKey::Source(address) => LeaderKey::Source(rename(address)),
                LeaderKey::Destination(address) => LeaderKey::Destination(rename(address)),
                LeaderKey::Peer(key) => LeaderKey::Peer(peer(key)),
                LeaderKey::Pair(key) => LeaderKey::Pair(Pair { source: rename(key.source), peer: peer(key.peer) }),
                port => port,
            };
            if let Some(renamed) = after.how.get(&key) {
                prop_assert_eq!(leader, renamed);
            } else {
                prop_assert!(before.who.pairs.rows.len() == LEADERS_MAX || before.who.peers.rows.len() == LEADERS_MAX);
            }
        }
        prop_assert_eq!(before.who.classes, after.who.classes);
        prop_assert_eq!(before.who.nat, after.who.nat);
    }
}

fn tcp(source: u32, destination: u32, dport: u16) -> Flow {
    let (source, destination) = (Ipv4Addr::from_bits(source).into(), Ipv4Addr::from_bits(destination).into());
    let tuple = |source, destination, from, to| Tuple {
        source,
        destination,
        l4: L4Part::Ports { source: from, destination: to },
    };
    Flow {
        l3: L3::V4,
        l4: L4::TCP,
        remaining: Some(100),
        state: Some(State::TimeWait),
        original: tuple(source, destination, 40_000, dport),
        reply: tuple(destination, source, dport, 40_000),
        replied: Reply::Assured,
        zones: Zones::default(),
        original_volume: None,
        reply_volume: None,
        mark: None,
        age_seconds: None,
        id: None,
    }
}

/// A crowd of sources with one entry each, and three leaders in it.
fn crowd(sources: u32) -> Vec<Flow> {
    (0..sources)
        .map(|number| match number % 10 {
            0 => tcp(1, 7, 80),
            1 => tcp(2, 8, 3128),
            2 if number % 20 == 2 => tcp(3, 9, 443),
            _ => tcp(0x2000_0000 + number.wrapping_mul(2_654_435_761) % 0x1000_0000, 7, 80),
        })
        .collect()
}

#[test]
fn above_the_bound_counts_are_low_by_a_little_and_the_leaders_exact_in_the_end() {
    let flows = crowd(300_000);
    let cuts = Cuts { lengths: vec![70_000, 110_000, 20_000], joins: vec![1, 0] };
    for cuts in [SEQUENTIAL, cuts] {
        let who: WhoPart = fold(&flows, &cuts, WhoSink::default);
        let bounded = census(who, HowPart::default()).who;
        assert_eq!(bounded.sources.distinct, None);
        assert!(bounded.sources.error > 0 && bounded.sources.error <= 300_000 / TALLY_KEYS as u64);
        for (row, truth) in bounded.sources.rows.iter().zip([30_000, 30_000, 15_000]) {
            assert!(row.count <= truth && truth <= row.count + bounded.sources.error);
        }

        let exact = count_with(&flows, &cuts, &[]);
        assert_eq!(exact.who.sources.error, 0);
        let first: Vec<(IpAddr, u64)> =
            exact.who.sources.rows.iter().take(3).map(|row| (row.key, row.count)).collect();
        let address = |bits| IpAddr::V4(Ipv4Addr::from_bits(bits));
        assert_eq!(first, [(address(1), 30_000), (address(2), 30_000), (address(3), 15_000)]);
        assert_eq!(exact.who.sources.rows.len(), LEADERS_MAX);
        assert_eq!(exact.how[&LeaderKey::Destination(address(7))].other_ends, Distinct::More);
        assert_eq!(exact.how[&LeaderKey::Source(address(2))].other_ends, Distinct::Exactly(1));
    }
}

#[test]
fn what_does_not_fit_into_notes_is_read_again() {
    let volume = Some(Volume { packets: 1, bytes: 60 });
    let counted = Flow { original_volume: volume, ..tcp(1, 7, 80) };
    let strange = Flow { state: Some(State::Other([b'X'; 16])), ..tcp(1, 7, 80) };
    let pairs = 2 * u32::try_from(TALLY_KEYS).unwrap();
    let many = |pairs: u32| (0..pairs).map(|source| tcp(source, 7, 80)).collect::<Vec<_>>();
    for (flows, fits) in [
        (vec![tcp(1, 7, 80); 3], true),
        (vec![tcp(1, 7, 80), counted], false),
        (vec![strange, tcp(1, 7, 80)], false),
        (many(pairs), true),
        (many(pairs + 1), false),
        (vec![tcp(1, 7, 80); (1 << 20) + 1], false),
    ] {
        for cuts in [SEQUENTIAL, Cuts { lengths: vec![1], joins: vec![0] }] {
            let who: WhoPart = fold(&flows, &cuts, WhoSink::default);
            assert_eq!(noted(&who, &leaders(&who, &[]), 0, 1).is_some(), fits, "{} entries", flows.len());
        }
    }
}

#[test]
fn local_addresses_are_described_although_they_lead_nothing() {
    let mut flows = crowd(20_000);
    flows.push(tcp(0x0909_0909, 0x0808_0808, 5_050));
    let local: IpAddr = "9.9.9.9".parse().unwrap();
    let absent: IpAddr = "10.9.9.9".parse().unwrap();
    let census = count_with(&flows, &SEQUENTIAL, &[local, absent]);
    assert_eq!(census.how[&LeaderKey::Source(local)].common_ports, [(5_050, 1)]);
    assert!(!census.how.contains_key(&LeaderKey::Destination(local)));
    assert!(!census.how.contains_key(&LeaderKey::Source(absent)));
}

#[test]
fn an_entry_that_comes_again_with_its_id_is_counted_once() {
    let with_id = |id, source| Flow { id: Some(id), ..tcp(source, 7, 80) };
    // The same id with another tuple is another entry: ids are hashes.
    let flows = [with_id(1, 5), with_id(2, 5), with_id(1, 5), with_id(1, 6)];
    let census = count(&flows);
    assert_eq!((census.who.entries, census.who.duplicates), (3, 1));
    let source = LeaderKey::Source(flows[0].original.source);
    assert_eq!(census.how[&source].entries, 2);
}

// --- a measurement ---------------------------------------------------------------------------------------------------

mod throughput {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    use conntriage::parse::table::{TableDialect, block, sniff};

    use super::*;

    /// The busy web host of a bad day: a quarter of its entries from addresses that come once, the rest from two
    /// hundred clients to seven servers, in the form of 4.18.
    fn table(entries: u32) -> String {
        const STATES: [(u32, &str); 5] = [
            (432_000, "ESTABLISHED"),
            (120, "TIME_WAIT"),
            (120, "TIME_WAIT"),
            (120, "TIME_WAIT"),
            (60, "SYN_RECV"),
        ];
        let mut text = String::new();
        let mut seed = 1u64;
        for number in 0..entries {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let [a, b, c, d, ..] = seed.to_be_bytes();
            let dice = u32::from_be_bytes([a, b, c, d]);
            let once = dice.is_multiple_of(4);
            let source =
                Ipv4Addr::from_bits(if once { dice >> 2 } else { 0x0a00_0000 | ((dice >> 8) % 200) });
            let (peer, sport) = (100 + dice % 7, 1024 + number % 60_000);
            let dport = [80, 443, 3128, 5050][dice as usize % 4];
            let (timeout, state) = STATES[dice as usize % 5];
            let time = dice % timeout;
            writeln!(
                text,
                "ipv4     2 tcp      6 {time} {state} src={source} dst=192.168.1.{peer} sport={sport} dport={dport} \
                 src=192.168.1.{peer} dst={source} sport={dport} dport={sport} [ASSURED] mark=0 zone=0 use=2"
            )
            .unwrap();
        }
        text
    }

    fn halves(text: &[u8]) -> [(u64, &[u8]); 2] {
        let middle = text.len() / 2;
        let (left, right) =
            text.split_at(middle + memchr::memchr(b'\n', &text[middle..]).map_or(0, |end| end + 1));
        [(0, left), (left.len() as u64, right)]
    }

    /// One look by two workers.
    fn look<S: FlowSink + Send>(dialect: TableDialect, text: &[u8], sink: impl Fn() -> S + Sync) -> S::Part {
        let sink = &sink;
        std::thread::scope(|scope| {
            let workers = halves(text).map(|(offset, half)| {
                scope.spawn(move || {
                    let mut sink = sink();
                    block(dialect, half, offset, &mut sink);
                    sink.finish()
                })
            });
            let [left, right] = workers.map(|worker| worker.join().unwrap());
            left.join(right)
        })
    }

    /// Throws everything away.
    #[derive(Default)]
    struct Nothing;

    impl Part for Nothing {
        fn join(self, _: Self) -> Self {
            self
        }
    }

    impl FlowSink for Nothing {
        type Part = Self;
        fn take(&mut self, item: &TableItem) {
            std::hint::black_box(item);
        }
        fn finish(self) -> Self {
            self
        }
    }

    /// Time on a processor of this thread, which other work on the machine disturbs less than the clock.
    fn on_processor() -> Duration {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0))
    }

    /// The shortest of some runs.
    fn best<R>(work: impl Fn() -> R) -> Duration {
        let one = |_| {
            let begin = on_processor();
            std::hint::black_box(work());
            on_processor().saturating_sub(begin)
        };
        (0..9).map(one).min().unwrap_or_default()
    }

    fn alone<S: FlowSink>(dialect: TableDialect, text: &[u8], mut sink: S) -> S::Part {
        block(dialect, text, 0, &mut sink);
        sink.finish()
    }

    /// `cargo test --release --test census_laws -- --ignored --nocapture`. Leaves the table in the temporary
    /// directory, so that `awk '{c[$6]++}'` and `wc -l` can be run beside it.
    #[test]
    #[ignore = "a measurement, not a test"]
    fn throughput_of_a_million_entries() {
        let text = table(1_000_000);
        let path = std::env::temp_dir().join("conntriage-table.txt");
        std::fs::write(&path, &text).unwrap();
        let text = text.as_bytes();
        let dialect = sniff(&text[..65_536]).unwrap();
        let parse = best(|| alone(dialect, text, Nothing));
        let who = best(|| alone(dialect, text, WhoSink::default()));
        let keys = leaders(&alone(dialect, text, WhoSink::default()), &[]);
        let how = best(|| alone(dialect, text, HowSink::new(&keys)));
        let begin = Instant::now();
        let part = look(dialect, text, WhoSink::default);
        let keys = leaders(&part, &[]);
        let census = census(part, look(dialect, text, || HowSink::new(&keys)));
        let both = begin.elapsed();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let memory = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not known");
        writeln!(
            std::io::stderr(),
            "{} ({} bytes, {} entries): one core: reading {parse:?}, with the first look {who:?}, with the second \
             {how:?}; two cores, both looks {both:?}; {memory} with the table itself in memory",
            path.display(),
            text.len(),
            census.who.entries
        )
        .unwrap();
    }
}
