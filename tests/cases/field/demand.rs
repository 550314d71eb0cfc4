//! Demand and limits.

use crate::draw::{Draw, Whole, part};
use crate::flow::{Flags, Flow};
use crate::kernel::{EL7, EL8, V4_15, V5_4, V6_1};
use crate::life;
use crate::noise::{self, from_anywhere, to};
use crate::scene::Scene;

/// Clients of which the greatest has about 2 % of all entries, by how often each is drawn.
pub(crate) fn unequal(clients: &[std::net::IpAddr]) -> Vec<std::net::IpAddr> {
    const FLATTEN: usize = 11;
    const DRAWN: usize = 40_000;
    let weights: f64 = (1..=clients.len()).map(|rank| 1.0 / (rank + FLATTEN) as f64).sum();
    let mut out = Vec::with_capacity(DRAWN);
    for (rank, client) in clients.iter().enumerate() {
        let share = 1.0 / (rank + 1 + FLATTEN) as f64 / weights;
        let times = crate::draw::place(part(DRAWN as u64, share)).max(1);
        out.extend(std::iter::repeat_n(*client, times));
    }
    out
}

/// One of six nodes is full: limit 131,072 (four processors, 32,768 each), the ingress controller's node; a value that
/// user-data wrote to sysctl.conf is not in force, because kube-proxy sets its own; the other nodes are idle.
pub(crate) fn one_of_six_nodes(name: &str, seed: u64) -> Scene {
    const LIMIT: u64 = 131_072;
    const PROCESSORS: u64 = 4;
    const WANTED: u64 = 262_144;
    const INBOUND: f64 = 0.42;
    const TO_BACKENDS: f64 = 0.38;
    const BACKENDS: u64 = 60;
    const IDLE: Whole = (500, 3_000);

    let mut s = Scene::new(name, seed, &[EL7, V5_4, V6_1]);
    s.by_hand = false;
    let nodes = s.dice.private_v4();
    let hot = s.dice.whole((1, 6));
    for number in (1..=6).filter(|number| *number != hot) {
        let entries = s.dice.whole(IDLE);
        let mut other = node(name, seed * 7 + number, s.kernel, nodes.host(number));
        other.host = format!("ip-node-{number}");
        (other.time, other.log_seconds, other.taken) = (s.time, s.log_seconds, s.taken);
        other.max = LIMIT;
        let own = nodes.host(number);
        noise::of_host(&mut other, own, entries);
        s.others.push(other);
    }
    let own = nodes.host(hot);
    let mut hot_node = node(name, seed * 7, s.kernel, own);
    (hot_node.time, hot_node.log_seconds, hot_node.taken) = (s.time, s.log_seconds, s.taken);
    hot_node.others = std::mem::take(&mut s.others);
    let mut s = hot_node;
    s.host = format!("ip-node-{hot}");
    s.max = LIMIT;
    let pods = s.dice.private_v4();
    s.own("eni0", pods.host(1));
    let ingress = pods.host(20);
    let clients: Vec<_> = (0..6_000).map(|_| s.dice.public_v4()).collect();
    let clients = unequal(&clients);
    let backend_nets = [s.dice.private_v4(), s.dice.private_v4(), s.dice.private_v4()];
    let times = s.times;
    s.fill(part(LIMIT, INBOUND), |dice| {
        let client = *dice.one(&clients);
        let way = from_anywhere(dice, client, own, 30_443);
        life::short_connection(dice, way, 90.0, &times).answered_by(ingress, 443)
    });
    s.fill(part(LIMIT, TO_BACKENDS), |dice| {
        let net = *dice.one(&backend_nets);
        let number = dice.whole((1, BACKENDS));
        let way = to(
            dice,
            ingress,
            net.host(number),
            *[8_080_u16, 8_443, 3_000, 9_000].get(usize::from(number % 4 == 0)).unwrap(),
        );
        life::short_connection(dice, way, 70.0, &times)
    });
    let rest = LIMIT - s.flows.len() as u64;
    s.fill(rest / 2, |dice| {
        let net = *dice.one(&backend_nets);
        let resolver = net.host(100);
        let from = if dice.chance(0.5) { ingress } else { own };
        let way = to(dice, from, resolver, 53);
        Flow::udp(way, life::flat(dice, times.udp), Flags::Replied)
    });
    let rest = LIMIT - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s.processors = PROCESSORS;
    s.files.insert("nproc".to_owned(), format!("{PROCESSORS}\n"));
    s.files.insert(
        "sysctl.d/99-user-data.conf".to_owned(),
        format!("# written by user-data\nnet.netfilter.nf_conntrack_max = {WANTED}\n"),
    );
    s.says(
        -80_000.0,
        "kube-proxy",
        format!("I1120 15:18:19.757786       1 conntrack.go:52] Setting nf_conntrack_max to {LIMIT}"),
    );
    s.full(1_400.0);
    s
}

fn node(name: &str, seed: u64, kernel: crate::kernel::Kernel, own: std::net::IpAddr) -> Scene {
    let mut s = Scene::new(name, seed, &[kernel]);
    s.by_hand = false;
    s.times.established = 86_400;
    s.times.close_wait = 3_600;
    s.with_configured = false;
    s.own("eth0", own);
    s.set("net.ipv4.ip_forward", 1);
    s.buckets = Some(32_768);
    s
}

/// Gateways of a community network: the default of about 32,000 was reached on vpn01 and raised there to 65,536; nine days
/// later vpn02 is full, because only vpn01 was changed. 900 clients, the greatest with 2 %, ESTABLISHED 48 %, udp 30 %,
/// TIME_WAIT 15 %, all translated.
pub(crate) fn vpn_gateway(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 32_000;
    const CLIENTS: u64 = 900;

    let mut s = Scene::new(name, seed, &[EL7, V4_15, V5_4]);
    "vpn02".clone_into(&mut s.host);
    s.max = s.size(ENTRIES);
    // The evidence does not say how much memory the machine has, so that "default" is hearsay.
    s.memory_mebibytes = None;
    s.with_configured = false;
    s.set("net.ipv4.ip_forward", 1);
    let outer = s.dice.public_v4();
    let net = s.dice.private_v4();
    s.own("eth0", outer);
    s.own("bat0", net.host(1));
    let clients: Vec<_> = (0..CLIENTS).map(|number| net.host(10 + number)).collect();
    let clients = unequal(&clients);
    let entries = s.max;
    noise::of_clients(&mut s, &clients, Some(outer), entries);
    s.full(s.max as f64 / 200.0);
    s
}

/// Configured 4,194,304, running with the default: `Couldn't write '4194304' to 'net/nf_conntrack_max', ignoring: No such
/// file or directory`; limit and count 262,144.
pub(crate) fn set_before_the_module(name: &str, seed: u64) -> Scene {
    /// Mebibytes of machines; the first is that of the evidence.
    const MEMORY: [u64; 6] = [16_384, 512, 512, 1_000, 1_000, 2_048];
    /// As 4,194,304 to 262,144.
    const WANTED_OF_RUNNING: u64 = 16;
    const CLIENTS: u64 = 2_500;

    let mut s = Scene::new(name, seed, &[EL8, V5_4, V6_1]);
    let memory = if seed == 0 { MEMORY[0] } else { *s.dice.one(&MEMORY) };
    s.memory_mebibytes = Some(memory);
    s.max = s.kernel.default_max(memory);
    s.with_configured = false;
    let wanted = s.max * WANTED_OF_RUNNING;
    s.set("net.ipv4.ip_forward", 1);
    let (outer, net) = (s.dice.public_v4(), s.dice.private_v4());
    s.own("eth0", outer);
    s.own("eth1", net.host(254));
    let clients: Vec<_> = (0..CLIENTS.min(s.max / 6)).map(|number| net.host(300 + number)).collect();
    let clients = unequal(&clients);
    let entries = s.max;
    noise::of_clients(&mut s, &clients, Some(outer), entries);
    s.files.insert(
        "sysctl.d/90-nf_conntrack.conf".to_owned(),
        format!("# larger table\nnet.nf_conntrack_max={wanted}\n"),
    );
    let up = s.uptime_seconds.min(80_000) as f64;
    s.says(
        -up,
        "systemd-sysctl[311]",
        format!("Couldn't write '{wanted}' to 'net/nf_conntrack_max', ignoring: No such file or directory"),
    );
    s.full(s.max as f64 / 150.0);
    s
}
