//! What looks like a full table and is none: the kernel's table is far from full, and no line says otherwise.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::draw::{Draw, Share, Whole, part, port};
use crate::flow::{Flags, Flow, Way};
use crate::kernel::{EL6, EL7, EL8, MODERN, NF, V4_15, V5_4, V6_1};
use crate::life;
use crate::limiter::Dice;
use crate::noise::{self, from_anywhere, to};
use crate::scene::{Scene, Stat};

use super::limits::quiet;

/// L2. Two lookups (A and AAAA) from one port race to insert their entry: five seconds of silence for one of them. An
/// administrator has the counters of two moments: `insert_failed` grows, and `drop` with it on these kernels.
pub(crate) fn two_lookups(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 8_000;
    const LIMIT: u64 = 262_144;
    const FAILED: Whole = (150, 9_000);
    const PODS: u64 = 60;

    let mut s = Scene::new(name, seed, &[EL7, V4_15, EL8, V5_4]);
    s.max = LIMIT;
    let entries = s.size(ENTRIES);
    let (node, pods) = (s.dice.private_v4().host(4), s.dice.private_v4());
    s.own("eth0", node);
    s.own("cni0", pods.host(1));
    s.set("net.ipv4.ip_forward", 1);
    let service = "10.96.0.10".parse().unwrap();
    let times = s.times;
    s.fill(entries * 35 / 100, |dice| {
        let pod = pods.host(10 + dice.whole((1, PODS)));
        let way = from_anywhere(dice, pod, service, 53);
        let resolver = pods.host(dice.whole((2, 3)));
        Flow::udp(way, life::flat(dice, times.udp), Flags::Replied).answered_by(resolver, 53)
    });
    let rest = entries - s.flows.len() as u64;
    quiet(&mut s, node, rest);
    let failed = s.dice.whole(FAILED);
    let before = Stat { insert_failed: 21_000, drop: 0, ..s.stat };
    s.stat_before = Some(before);
    s.stat = Stat { insert_failed: before.insert_failed + failed, drop: before.drop + failed, ..before };
    s
}

/// L3. All local ports of the one address that is translated to are taken towards one server: the count stands still at
/// 64,512 while the limit is a million, and `found` (the port was taken) grows. An administrator has the table, the settings,
/// the counters of two moments.
pub(crate) fn no_port_left(name: &str, seed: u64) -> Scene {
    const LIMIT: u64 = 1_000_000;
    const PORTS: Whole = (1_024, 65_535);
    const TAKEN: Share = (0.985, 1.0);
    const CLIENTS: Whole = (20, 400);
    const FOUND: Whole = (60_000, 4_000_000);

    let mut s = Scene::new(name, seed, &MODERN);
    s.max = LIMIT;
    let (net, outer, server) = (s.dice.private_v4(), s.dice.public_v4(), s.dice.public_v4());
    s.own("eth0", outer);
    s.own("eth1", net.host(1));
    s.set("net.ipv4.ip_forward", 1);
    let (clients, taken) = (s.dice.whole(CLIENTS), s.dice.share(TAKEN));
    let times = s.times;
    for translated in PORTS.0..=PORTS.1 {
        if s.dice.chance(taken) {
            loop {
                let client = net.host(9 + s.dice.whole((1, clients)));
                let way = from_anywhere(&mut s.dice, client, server, 443);
                let left = life::flat(&mut s.dice, times.time_wait);
                let mut flow = life::closed(&mut s.dice, way, left).masked_as(outer);
                flow.reply.dport = port(translated);
                if s.add(flow) {
                    break;
                }
            }
        }
    }
    let all: Vec<_> = (10..10 + clients).map(|number| net.host(number)).collect();
    noise::of_clients(&mut s, &all, Some(outer), 900);
    let before = Stat { found: 900_000, ..s.stat };
    s.stat_before = Some(before);
    s.stat.found = before.found + s.dice.whole(FOUND);
    s.files.insert(
        "iptables-save".to_owned(),
        format!("*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j SNAT --to-source {outer}\nCOMMIT\n"),
    );
    s
}

/// L5. Another table of the kernel is full, and its line reads like ours: neighbours, sockets in TIME_WAIT, memory of TCP.
/// An administrator has the log.
pub(crate) fn other_table(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 9_000;

    let mut s = Scene::new(name, seed, &NF);
    s.max = 262_144;
    let entries = s.size(ENTRIES);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    quiet(&mut s, own, entries);
    let old = s.kernel == EL6;
    let line = match s.dice.whole((0, 2)) {
        0 if old => "Neighbour table overflow.",
        0 => "neighbour: arp_cache: neighbor table overflow!",
        1 if old => "TCP: time wait bucket table overflow",
        1 => "TCP: too many orphaned sockets",
        _ if old => "Out of socket memory",
        _ => "TCP: out of memory -- consider tuning tcp_mem",
    };
    let rate = s.dice.share((3.0, 30.0));
    s.limited(rate, Some(line));
    s
}

/// L6. The container network tracks in maps of its own (Cilium), and its map is full: `CT: Map insertion failed`, a map
/// pressure of 1; the kernel's own table is nearly empty. An administrator has the agent's metrics and its drops.
pub(crate) fn map_full(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 3_000;
    const PRESSURE: Share = (0.985, 1.0);
    const DROPS: Whole = (2_000, 900_000);

    let mut s = Scene::new(name, seed, &[V5_4, V6_1]);
    s.max = 262_144;
    let entries = s.size(ENTRIES);
    let (node, pods) = (s.dice.private_v4().host(9), s.dice.private_v4());
    s.own("eth0", node);
    s.own("cilium_host", pods.host(77));
    quiet(&mut s, node, entries);
    let (pressure, drops) = (s.dice.share(PRESSURE), s.dice.whole(DROPS));
    s.files.insert(
        "cilium-metrics".to_owned(),
        format!(
            "# HELP cilium_bpf_map_pressure Fill percentage of map, tagged by map name\n# TYPE cilium_bpf_map_pressure gauge\ncilium_bpf_map_pressure{{map_name=\"ct4_global\"}} {pressure:.4}\ncilium_bpf_map_pressure{{map_name=\"snat_v4_external\"}} 0.2211\n# HELP cilium_drop_count_total Total dropped packets, tagged by drop reason and ingress/egress direction\n# TYPE cilium_drop_count_total counter\ncilium_drop_count_total{{direction=\"EGRESS\",reason=\"CT: Map insertion failed\"}} {drops}\n"
        ),
    );
    for number in 0..12 {
        let (from, target) = (pods.host(20 + number), noise::stranger(&mut s.dice, node));
        s.says(
            number as f64 * 0.7,
            "cilium-agent[1]",
            format!("xx drop (CT: Map insertion failed) flow 0x{:x} to endpoint 0, ifindex 2, file bpf_lxc.c:1208, , identity 21044->world: {from}:4{number:04} -> {target}:443 tcp SYN", 0x9a11_0000_u64 + number),
        );
    }
    s
}

/// L7. A long-lived UDP flow keeps its translation although what it was translated to is gone: the address that the
/// provider gave yesterday, or a pod that was deleted. Few entries, always renewed, nothing comes back. An administrator
/// has the table with counters and ages, and the addresses that the host has today.
pub(crate) fn stale(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 3_000;
    const STALE: Whole = (4, 60);
    const PACKETS: Whole = (4_000, 900_000);
    const AGE_SECONDS: Whole = (7_000, 400_000);

    let mut s = Scene::new(name, seed, &[V4_15, V5_4, V6_1]);
    s.max = 65_536;
    s.accounts = true;
    s.set("net.netfilter.nf_conntrack_timestamp", 1);
    s.set("net.ipv4.ip_forward", 1);
    let (lan, outer, old_outer) = (s.dice.private_v4(), s.dice.public_v4(), s.dice.public_v4());
    s.own("br-lan", lan.host(1));
    s.own("pppoe-wan", outer);
    let number = s.dice.whole(STALE);
    let provider = s.dice.public_v4();
    let (gone_pod, service) = (s.dice.private_v4().host(44), s.dice.private_v4().host(10));
    let by_source = s.dice.chance(0.6);
    let times = s.times;
    for phone in 0..number {
        let device = lan.host(20 + phone);
        let packets = s.dice.whole(PACKETS);
        let (target, dport) = if by_source { (provider, 5_060) } else { (service, 514) };
        let way = Way { source: device, sport: if by_source { 5_060 } else { 40_000 }, target, dport };
        let left = life::fresh(&mut s.dice, times.udp, 4.0);
        let mut flow = Flow::udp(way, left, Flags::Unreplied).carried((packets, packets * 420), (0, 0));
        flow = if by_source { flow.masked_as(old_outer) } else { flow.answered_by(gone_pod, 514) };
        flow.age = Some(s.dice.whole(AGE_SECONDS));
        s.add(flow);
    }
    let clients: Vec<_> = (100..160).map(|number| lan.host(number)).collect();
    let entries = s.size(ENTRIES);
    noise::of_clients(&mut s, &clients, Some(outer), entries);
    for flow in s.flows.iter_mut().skip(crate::draw::place(number)) {
        flow.age = Some(40);
    }
    s
}

/// L8. `tcp_tw_recycle = 1` with time stamps (before 4.12): of clients behind one translator some cannot connect. An
/// administrator has the settings, the kernel, and how many handshakes were refused for their time stamp.
pub(crate) fn recycled(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 12_000;
    const REFUSED: Whole = (900, 400_000);

    let mut s = Scene::new(name, seed, &[EL6, EL7]);
    s.max = 262_144;
    let entries = s.size(ENTRIES);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    quiet(&mut s, own, entries);
    s.set("net.ipv4.tcp_tw_recycle", 1);
    s.set("net.ipv4.tcp_timestamps", 1);
    let refused = s.dice.whole(REFUSED);
    s.files.insert(
        "netstat".to_owned(),
        format!("TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed TW TWRecycled TWKilled PAWSPassive PAWSActive PAWSEstab ListenOverflows ListenDrops\nTcpExt: 0 0 0 81223 99120 0 {refused} 0 12 0 {refused}\n"),
    );
    s
}

/// L9. Somebody cut `established` to a few minutes: idle connections lose their entry, and the next packet is picked up in
/// its middle, mostly by the server's side, or is invalid and dropped. An administrator has the setting, the table (nearly
/// empty) and the firewall's lines about invalid packets.
pub(crate) fn cut(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 9_000;
    const ESTABLISHED_SECONDS: Whole = (180, 600);
    const REVERSED: Share = (0.12, 0.3);
    const POOLED: u64 = 12;

    let mut s = Scene::new(name, seed, &[EL7, EL8, V5_4]);
    s.max = 262_144;
    let entries = s.size(ENTRIES);
    s.times.established = s.dice.whole(ESTABLISHED_SECONDS);
    let lan = s.dice.private_v4();
    let own = lan.host(14);
    s.own("eth0", own);
    let times = s.times;
    let reversed = s.dice.share(REVERSED);
    let database = |dice: &mut Dice| lan.host(100 + dice.whole((1, POOLED)));
    s.fill(part(entries, reversed), |dice| {
        let client = database(dice);
        let way =
            Way { source: own, sport: 5_432, target: client, dport: port(dice.whole((32_768, 60_999))) };
        let left = life::flat(dice, life::UNACKNOWLEDGED_SECONDS.min(times.established));
        Flow::tcp(way, "ESTABLISHED", left, Flags::Unreplied).carried((2, 120), (0, 0))
    });
    s.fill(entries / 4, |dice| {
        let client = database(dice);
        let way = to(dice, client, own, 5_432);
        let left = life::flat(dice, times.established).max(1);
        Flow::tcp(way, "ESTABLISHED", left, Flags::Assured)
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s.stat.invalid = s.dice.whole((40_000, 900_000));
    for number in 0..20 {
        let client: IpAddr = database(&mut s.dice);
        let mut line = String::new();
        let _ = write!(
            line,
            "INVALID: IN=eth0 OUT= MAC=52:54:00:11:22:33:52:54:00:44:55:66:08:00 SRC={client} DST={own} LEN=52 TOS=0x00 PREC=0x00 TTL=64 ID={} DF PROTO=TCP SPT={} DPT=5432 WINDOW=501 RES=0x00 ACK PSH URGP=0",
            4_000 + number,
            40_000 + number
        );
        s.says(f64::from(number) * 2.1, "kernel", line);
    }
    s.set("net.netfilter.nf_conntrack_log_invalid", 0);
    s
}
