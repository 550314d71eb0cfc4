//! Entries that stay longer than what made them.

use std::fmt::Write as _;

use crate::draw::{Draw, Share, Whole, part};
use crate::flow::{Flags, Flow};
use crate::kernel::{EL7, EL8, V4_15, V5_4, V6_1};
use crate::life;
use crate::noise::{self, to};
use crate::scene::Scene;

/// Machines are made and deleted, two a second, 800 connections each; the default of 65,536 is full. ESTABLISHED assured
/// 90 %, idle for anything from nothing to more than an hour, to addresses that no longer exist.
pub(crate) fn deleted_machines(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const SHARE: f64 = 0.90;
    const CONNECTIONS: u64 = 800;
    const MACHINES_MIN: u64 = 40;
    /// The full table keeps what it has: the longer it has been so, the older its entries.
    const OLDEST_SECONDS: Whole = (9_000, 80_000);
    /// A machine lived so long, and its connections fell silent one after another within it.
    const LIVED_SECONDS: u64 = 30;
    const PEERS: u64 = 40;

    let mut s = Scene::new(name, seed, &[EL7, EL8, V4_15, V5_4]);
    s.max = s.size(ENTRIES);
    s.set("net.ipv4.ip_forward", 1);
    let (net, peers) = (s.dice.private_v4(), s.dice.private_v4());
    let own = net.host(1);
    s.own("eth0", own);
    let dead = part(s.max, SHARE);
    let each = CONNECTIONS.min(dead / MACHINES_MIN).max(1);
    let machines = dead / each;
    let oldest = s.dice.whole(OLDEST_SECONDS);
    let service = *s.dice.one(&[9_092, 5_432, 8_080, 22]);
    let times = s.times;
    let died: Vec<u64> = (0..machines).map(|_| s.dice.whole((0, oldest))).collect();
    let gateway_interface = "cali0";
    let mut neighbours = String::new();
    for (number, ago) in died.iter().enumerate() {
        let machine = net.host(10 + number as u64);
        let _ = writeln!(neighbours, "{machine} dev {gateway_interface}{number} FAILED");
        s.fill(each, |dice| {
            let peer = peers.host(dice.whole((1, PEERS)));
            let way = to(dice, peer, machine, service);
            let since = ago + dice.whole((1, LIVED_SECONDS));
            let packets = dice.whole((6, 40));
            Flow::tcp(way, "ESTABLISHED", times.established - since, Flags::Assured)
                .carried((packets, packets * 120), (packets, packets * 300))
        });
    }
    // What `ip neigh` says of them. (No parser reads it; it is what an administrator would look at.)
    s.files.insert("ip-neigh".to_owned(), neighbours);
    let clients: Vec<_> = (1..PEERS).map(|number| peers.host(number)).collect();
    let rest = s.max - s.flows.len() as u64;
    noise::of_clients(&mut s, &clients, None, rest);
    s.full(1_600.0);
    s
}

/// CLOSE_WAIT for an hour fills 655,360 at 1,300 requests a second: a large number of CLOSE_WAIT, up to 3,600 s left, and
/// no socket in CLOSE_WAIT on the node; kube-proxy set the timeout from 60 to 3,600.
pub(crate) fn close_wait_for_an_hour(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 655_360;
    const SHARE: Share = (0.60, 0.85);
    const BACKENDS: Whole = (16, 24);
    const CLIENTS: u64 = 3_000;

    let mut s = Scene::new(name, seed, &[EL7, V4_15, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    s.times.close_wait = 3_600;
    s.times.established = 86_400;
    let node = s.dice.private_v4().host(7);
    s.own("eth0", node);
    let pods = s.dice.private_v4();
    s.own("cni0", pods.host(1));
    let backends = s.dice.whole(BACKENDS);
    let share = s.dice.share(SHARE);
    let times = s.times;
    // Nginx on the node towards its backends, or clients through the node to them.
    let through = s.dice.chance(0.5);
    let clients: Vec<_> = (0..CLIENTS).map(|_| s.dice.public_v4()).collect();
    let way = move |dice: &mut crate::limiter::Dice| {
        let backend = pods.host(10 + dice.whole((1, backends)));
        let from = if through { *dice.one(&clients) } else { node };
        to(dice, from, backend, 8_080)
    };
    s.fill(part(s.max, share), |dice| {
        let way = way(dice);
        Flow::tcp(way, "CLOSE_WAIT", life::flat(dice, times.close_wait), Flags::Assured)
    });
    let rest = (s.max - s.flows.len() as u64) * 8 / 10;
    s.fill(rest, |dice| {
        let way = way(dice);
        life::short_connection(dice, way, 60.0, &times)
    });
    let rest = s.max - s.flows.len() as u64;
    noise::of_host(&mut s, node, rest);
    let mut sockets = String::from("State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n");
    let _ = writeln!(
        sockets,
        "LISTEN 0      511  0.0.0.0:80      0.0.0.0:*     users:((\"nginx\",pid=3120,fd=8))"
    );
    for number in 0..40 {
        let _ = writeln!(
            sockets,
            "ESTAB  0      0    {node}:{}    {}:8080   users:((\"nginx\",pid=3121,fd={}))",
            40_000 + number,
            pods.host(11 + number % backends),
            10 + number
        );
    }
    s.files.insert("ss".to_owned(), sockets);
    s.says(
        -86_000.0,
        "kube-proxy",
        "I1120 03:12:01.000001       1 conntrack.go:52] Setting nf_conntrack_tcp_timeout_close_wait to 3600",
    );
    s.full(1_300.0 * share.max(0.5));
    s
}
