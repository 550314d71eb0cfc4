//! UDP: lookups, reflections, peers, tunnels.

use crate::draw::{Draw, Share, Whole, part, port};
use crate::flow::{Flags, Flow, Way};
use crate::kernel::{EL7, MODERN, V4_15, V5_4};
use crate::life;
use crate::noise::{self, from_anywhere};
use crate::scene::{Scene, Stat};

/// Fifty DNS-heavy replicas fill a kind node in five minutes: `table full`; then lookups time out to 10.96.0.10:53; udp to
/// :53 on 96 % of the entries, one packet each way, 0 to 30 s left, translated from the service's address to a pod, fifty
/// sources of about 2 % each.
pub(crate) fn fifty_replicas(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 131_072;
    const SHARE: f64 = 0.96;
    const REPLICAS: u64 = 50;

    // In 2019 early drop looked at one bucket only, so that such a table dropped packets at all.
    let mut s = Scene::new(name, seed, &[V4_15]);
    s.max = s.size(ENTRIES);
    s.times.established = 86_400;
    s.times.close_wait = 3_600;
    let node = s.dice.private_v4().host(3);
    s.own("eth0", node);
    let pods = s.dice.private_v4();
    s.own("cni0", pods.host(254));
    let service = "10.96.0.10".parse().unwrap();
    let resolvers = [pods.host(2), pods.host(3)];
    let times = s.times;
    s.fill(part(s.max, SHARE), |dice| {
        let replica = pods.host(10 + dice.whole((1, REPLICAS)));
        let way = from_anywhere(dice, replica, service, 53);
        let resolver = *dice.one(&resolvers);
        Flow::udp(way, life::flat(dice, times.udp), Flags::Replied).answered_by(resolver, 53)
    });
    let rest = s.max - s.flows.len() as u64;
    noise::of_host(&mut s, node, rest);
    s.full(part(s.max, SHARE) as f64 / 30.0);
    if s.lines.iter().all(|line| !line.text.contains("table full")) {
        s.drops(3.0);
    }
    s
}

/// The victim of a memcached reflection: udp from :11211 to our high ports, unreplied on 97 %, 21,000 sources, about 1,400
/// bytes a packet, nothing back; bandwidth saturated; early_drop +40,000 a second.
pub(crate) fn memcached_reflection(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const SHARE: f64 = 0.97;
    const SOURCES: u64 = 21_000;
    const BYTES_A_PACKET: Whole = (1_380, 1_428);
    const EVICTED_A_SECOND: u64 = 40_000;
    const BETWEEN_COUNTERS_SECONDS: u64 = 10;

    let mut s = Scene::new(name, seed, &MODERN);
    s.max = s.size(ENTRIES);
    s.accounts = true;
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let scale = s.max as f64 / ENTRIES as f64;
    let reflectors: Vec<_> = (0..part(SOURCES, scale).max(900)).map(|_| s.dice.public_v4()).collect();
    let times = s.times;
    s.fill(part(s.max, SHARE), |dice| {
        let source = *dice.one(&reflectors);
        let way = Way { source, sport: 11_211, target: own, dport: port(dice.whole((1_024, 65_535))) };
        let packets = dice.whole((1, 60));
        let left = life::flat(dice, times.udp);
        Flow::udp(way, left, Flags::Unreplied)
            .carried((packets, packets * dice.whole(BYTES_A_PACKET)), (0, 0))
    });
    let rest = s.max - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    let before = Stat { early_drop: 900_000, ..s.stat };
    s.stat_before = Some(before);
    s.stat.early_drop = before.early_drop + part(EVICTED_A_SECOND * BETWEEN_COUNTERS_SECONDS, scale);
    s
}

/// A home router is full while a DHT crawler runs: more than 15,000 of 16,384 (95 %), 1,000 to 2,000 once it is stopped;
/// 192.168.1.10 holds 93 %, udp from one port, 14,000 destinations at random ports, 70 % unreplied.
pub(crate) fn dht_crawler(name: &str, seed: u64) -> Scene {
    const LIMIT: u64 = 16_384;
    const USED: f64 = 0.95;
    const SHARE: f64 = 0.93;
    const UNREPLIED: f64 = 0.70;
    const SEVERAL_TO_ONE: f64 = 0.03;

    let mut s = Scene::new(name, seed, &[EL7, V4_15, V5_4]);
    s.max = s.size(LIMIT);
    s.memory_mebibytes = Some(128);
    s.set("net.ipv4.ip_forward", 1);
    let lan = if seed == 0 { crate::draw::Net("192.168.1.0".parse().unwrap()) } else { s.dice.private_v4() };
    let (crawler, outer) = (lan.host(10), s.dice.public_v4());
    s.own("br-lan", lan.host(1));
    s.own("pppoe-wan", outer);
    let entries = part(s.max, USED);
    let sport = port(s.dice.whole((10_000, 60_000)));
    let times = s.times;
    let mut last = crawler;
    s.fill(part(entries, SHARE), |dice| {
        if last == crawler || !dice.chance(SEVERAL_TO_ONE) {
            last = dice.public_v4();
        }
        let way = Way { source: crawler, sport, target: last, dport: port(dice.whole((1_024, 65_535))) };
        let kind = dice.unit();
        let flow = if kind < UNREPLIED {
            Flow::udp(way, life::flat(dice, times.udp), Flags::Unreplied).carried((1, 110), (0, 0))
        } else if kind < UNREPLIED + 0.22 {
            Flow::udp(way, life::flat(dice, times.udp), Flags::Replied).carried((1, 110), (1, 300))
        } else {
            Flow::udp(way, life::flat(dice, times.udp_stream), Flags::Assured).carried((9, 990), (9, 2_700))
        };
        flow.masked_as(outer)
    });
    let rest = entries - s.flows.len() as u64;
    let clients: Vec<_> = (20..40).map(|number| lan.host(number)).collect();
    noise::of_clients(&mut s, &clients, Some(outer), rest);
    s
}

/// The underlay of VXLAN is tracked: udp to :4789 between two nodes, random source ports, unreplied in both directions, 24 to
/// 27 s left; at scale 40,000 entries.
pub(crate) fn vxlan_underlay(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 40_000;
    const SHARE: Share = (0.92, 0.98);
    const USED: Share = (0.93, 1.0);
    /// Inner flows that still send: their entries have just been renewed.
    const SENDING: Share = (0.75, 0.9);
    /// The kernel's source ports of tunnels.
    const SOURCE_PORTS: Whole = (32_768, 60_999);

    let mut s = Scene::new(name, seed, &MODERN);
    let entries = s.size(ENTRIES);
    let (used, share, sending) = (s.dice.share(USED), s.dice.share(SHARE), s.dice.share(SENDING));
    s.max = part(entries, 1.0 / used);
    let net = s.lan(0.1);
    let (own, other) = (net.host(4), net.host(5));
    s.own("eth0", own);
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let (source, target) = if dice.chance(0.5) { (own, other) } else { (other, own) };
        let way = Way { source, sport: port(dice.whole(SOURCE_PORTS)), target, dport: 4_789 };
        let left = if dice.chance(sending) { dice.whole((24, 29)) } else { life::flat(dice, times.udp) };
        let packets = dice.whole((1, 400));
        Flow::udp(way, left, Flags::Unreplied).carried((packets, packets * 160), (0, 0))
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s
}
