//! Short connections whose entries wait out TIME_WAIT.

use std::fmt::Write as _;

use crate::draw::{Draw, Share, Whole, part, place, port};
use crate::flow::{Flags, Flow};
use crate::kernel::{EL5, EL6, EL7, EL8, NF, V5_4, V6_1};
use crate::life;
use crate::noise::{self, from_anywhere, to};
use crate::scene::{Scene, Sockets};

/// A web host floods its own table through a Squid proxy. `src=own inner IP` on 29,457 of about 30,000 entries, the next
/// sources have 260, 189, 155, 150; mostly TIME_WAIT to :3128, the rest to another machine's :5050; established = 432000.
pub(crate) fn web_host_through_squid(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 30_000;
    const OWN: Share = (0.970, 0.985);
    const TO_PROXY: Share = (0.88, 0.93);
    const OPEN_SECONDS: Share = (1.0, 5.0);
    const NEXT: [f64; 4] = [260.0, 189.0, 155.0, 150.0];

    let mut s = Scene::new(name, seed, &[EL5]);
    s.max = s.size(ENTRIES);
    let lan = s.lan(0.0);
    let own = lan.host(s.dice.whole((2, 90)));
    let outer = s.dice.public_v4();
    s.own("eth0", outer);
    s.own("eth1", own);
    let (proxy, other) = (lan.host(s.dice.whole((100, 150))), lan.host(s.dice.whole((151, 250))));
    let share = s.dice.share(OWN);
    let ours = part(s.max, share);
    let to_proxy = s.dice.share(TO_PROXY);
    let open = s.dice.share(OPEN_SECONDS);
    let times = s.times;
    s.fill(ours, |dice| {
        let (target, dport) = if dice.chance(to_proxy) { (proxy, 3_128) } else { (other, 5_050) };
        let way = to(dice, own, target, dport);
        life::short_connection(dice, way, open, &times)
    });
    // The next ones are visitors and crawlers of the site, each with some of the rest.
    let rest = s.max - ours;
    let scale = rest as f64 / 1_154.0;
    for next in NEXT {
        let visitor = s.dice.public_v4();
        s.fill(part(1, next * scale).min(rest / 4), |dice| {
            let way = from_anywhere(dice, visitor, outer, 80);
            life::short_connection(dice, way, 8.0, &times)
        });
    }
    let left = s.max.saturating_sub(s.flows.len() as u64);
    noise::of_host(&mut s, outer, left);
    s.full(ours as f64 / 120.0);
    s
}

/// A memcache node drops although only a few thousand connections are established: limit 65,536, 61,000 in TIME_WAIT
/// (93 %), to :11211 of the node, from about twenty web servers of the LAN.
pub(crate) fn memcache_node(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const WAITING: f64 = 0.93;
    const OPEN: Share = (0.035, 0.055);
    const SERVERS: Whole = (18, 22);

    let mut s = Scene::new(name, seed, &[EL6, EL7, V5_4]);
    s.max = s.size(ENTRIES);
    let lan = s.lan(0.1);
    let own = lan.host(10);
    s.own("eth0", own);
    let servers = s.dice.whole(SERVERS);
    let times = s.times;
    let web = move |dice: &mut crate::limiter::Dice| {
        let from = lan.host(20 + dice.whole((1, servers)));
        to(dice, from, own, 11_211)
    };
    let open = s.dice.share(OPEN);
    let (waiting, open) = (part(s.max, WAITING), part(s.max, open));
    s.fill(waiting, |dice| {
        let way = web(dice);
        let left = life::flat(dice, times.time_wait);
        life::closed(dice, way, left)
    });
    s.fill(open, |dice| {
        let way = web(dice);
        life::open(dice, way, 1.0, &times)
    });
    let rest = s.max - waiting - open;
    noise::of_host(&mut s, own, rest);
    s.full(waiting as f64 / 120.0);
    s
}

/// PHP connects to MySQL for each request on the same box: 66,700 entries against a limit of 65,536, 127.0.0.1 to itself on
/// :3306, 99 % in TIME_WAIT; sockstat: inuse 12, tw 33,365, alloc 23.
///
/// One pair of addresses has no more entries than it has local ports; what is above them goes over the host's own
/// address, which is loopback as well. A count above the limit: the limit was lowered, or the count read before it.
pub(crate) fn php_to_mysql(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 66_700;
    const LIMIT_OF_ENTRIES: f64 = 65_536.0 / 66_700.0;
    const CHURN: f64 = 0.99;
    const LOOPBACK_PORTS: u64 = 62_000;

    let mut s = Scene::new(name, seed, &[EL6, EL7, V5_4, V6_1]);
    let entries = s.size(ENTRIES);
    s.max = part(entries, LIMIT_OF_ENTRIES);
    let own = s.lan(0.0).host(15);
    s.own("eth0", own);
    s.set("net.ipv4.ip_local_port_range", "1024\t65535");
    let loopback = "127.0.0.1".parse().unwrap();
    let churn = part(entries, CHURN);
    let times = s.times;
    for (address, many) in
        [(loopback, churn.min(LOOPBACK_PORTS)), (own, churn.saturating_sub(LOOPBACK_PORTS))]
    {
        s.fill(many, |dice| {
            let way = from_anywhere(dice, address, address, 3_306);
            let left = life::flat(dice, times.time_wait);
            life::closed(dice, way, left)
        });
    }
    noise::of_host(&mut s, own, entries - churn);
    s.sockets = Some(Sockets { inuse: 12, orphan: 0, time_wait: churn / 2, alloc: 23 });
    s.full(churn as f64 / 120.0);
    s
}

/// TCP health checks of a service registry (Nacos): connect and close once a second, at least 30 TIME_WAIT for each
/// application; at 500 applications 60,000 entries, two checkers, ports 8000 to 8999, 3 to 5 packets a flow.
pub(crate) fn health_checks(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 60_000;
    const SHARE: Share = (0.91, 0.96);
    const PORTS: Whole = (8_000, 8_999);
    const APPLICATIONS_ON_ONE_MACHINE: Whole = (4, 30);

    let mut s = Scene::new(name, seed, &[EL7, EL8, V5_4, V6_1]);
    let checks = s.size(ENTRIES);
    let share = s.dice.share(SHARE);
    s.max = part(checks, 1.0 / share);
    s.accounts = true;
    let lan = s.lan(0.0);
    let checkers = [lan.host(11), lan.host(12)];
    // The table is that of the machine of the checkers' network through which they reach the applications.
    let own = lan.host(1);
    s.own("eth0", own);
    let apps_net = s.dice.private_v4();
    s.own("eth1", apps_net.host(254));
    let applications = (checks / s.times.time_wait).max(1);
    let on_one = s.dice.whole(APPLICATIONS_ON_ONE_MACHINE);
    let times = s.times;
    for application in 0..applications {
        let target = apps_net.host(application / on_one + 1);
        let dport = port(PORTS.0 + (application * 37) % (PORTS.1 - PORTS.0 + 1));
        let checker = checkers[place(application % 2)];
        for second in 0..times.time_wait {
            let packets = s.dice.whole((3, 5));
            let mut tries = 0;
            loop {
                let way = to(&mut s.dice, checker, target, dport);
                let flow = Flow::tcp(way, "TIME_WAIT", second, Flags::Assured)
                    .carried((packets, packets * 54), (packets - 1, (packets - 1) * 56));
                tries += 1;
                if s.add(flow) || tries > 50 {
                    break;
                }
            }
        }
    }
    let left = s.max.saturating_sub(s.flows.len() as u64);
    noise::of_host(&mut s, own, left);
    s.full(applications as f64);
    s
}

/// Traffic replay (tcpcopy, amplified) against a test server: limit 65,536, the log says table full, load and responses
/// fall after a while; 60 % TIME_WAIT, 30 % ESTABLISHED, to :80, sources are the replayed clients, which tcpcopy maps to
/// one network that is routed back to its helper, over one path. The server runs `intercept` for it.
pub(crate) fn replayed_traffic(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const WAITING: f64 = 0.60;
    const OPEN: f64 = 0.30;
    /// Addresses of the one network (`-c 62.135.200.x`).
    const CLIENTS: Whole = (200, 254);
    /// The replay began so long before the table was full.
    const RUNS_SECONDS: Whole = (110, 400);

    let mut s = Scene::new(name, seed, &[EL6, EL7, V5_4]);
    s.max = s.size(ENTRIES);
    let lan = s.dice.private_v4();
    let own = lan.host(30);
    s.own("eth0", own);
    let helper = lan.host(31);
    // A network of its own choice: a private one, or any /24 of the internet that is routed to the helper for the test.
    let base = if s.dice.chance(0.5) { s.dice.private_v4() } else { s.dice.public_net() };
    let clients = s.dice.whole(CLIENTS);
    let runs = s.dice.whole(RUNS_SECONDS);
    let times = s.times;
    let way = move |dice: &mut crate::limiter::Dice| {
        let from = base.host(dice.whole((1, clients)));
        from_anywhere(dice, from, own, 80)
    };
    s.fill(part(s.max, WAITING), |dice| {
        let way = way(dice);
        let left = life::flat(dice, times.time_wait).max(times.time_wait.saturating_sub(runs));
        life::closed(dice, way, left)
    });
    s.fill(part(s.max, OPEN), |dice| {
        let way = way(dice);
        let left = life::idle(dice, times.established, (1, runs));
        Flow::tcp(way, "ESTABLISHED", left, Flags::Assured)
    });
    let rest = s.max - s.flows.len() as u64;
    s.fill(rest / 2, |dice| {
        let way = way(dice);
        let left = life::flat(dice, times.syn_recv);
        Flow::tcp(way, "SYN_RECV", left, Flags::Replied)
    });
    let rest = s.max - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    let mut sockets =
        String::from("State      Recv-Q Send-Q Local Address:Port   Peer Address:Port Process\n");
    let _ = writeln!(
        sockets,
        "LISTEN     0      128          {own}:80          0.0.0.0:*     users:((\"nginx\",pid=1911,fd=6))"
    );
    let _ = writeln!(
        sockets,
        "LISTEN     0      5          0.0.0.0:36524       0.0.0.0:*     users:((\"intercept\",pid=2204,fd=4))"
    );
    for number in 0..3 {
        let _ = writeln!(
            sockets,
            "ESTAB      0      0          {own}:36524       {helper}:{}     users:((\"intercept\",pid=2204,fd={}))",
            41_200 + number,
            7 + number
        );
    }
    s.files.insert("ss".to_owned(), sockets);
    s.full(s.max as f64 / runs as f64);
    s
}

/// `tcp_tw_reuse = 1`, `tcp_fin_timeout = 15`, `tcp_max_tw_buckets = 10`: the sockets are gone after 65 s, and 250 entries in
/// TIME_WAIT still have 54 s left. (An experiment; here its host's limit is what the entries come to.)
pub(crate) fn socket_settings(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 262;
    const LARGER: Whole = (262, 20_000);
    const CHURN: Share = (0.93, 0.97);
    /// One batch 66 s ago, or a steady churn: an experiment has the one, a host the other.
    const LEFT_OF_A_BATCH: Whole = (52, 55);

    let mut s = Scene::new(name, seed, &NF);
    s.max = if seed == 0 { ENTRIES } else { s.dice.whole(LARGER) };
    let lan = s.lan(0.1);
    let (own, peer) = (lan.host(5), lan.host(9));
    s.own("eth0", own);
    s.set("net.ipv4.tcp_tw_reuse", 1);
    s.set("net.ipv4.tcp_fin_timeout", 15);
    s.set("net.ipv4.tcp_max_tw_buckets", 10);
    let share = s.dice.share(CHURN);
    let churn = part(s.max, share);
    let batch = seed == 0;
    let times = s.times;
    let dport = *s.dice.one(&[8_080, 80, 3_128, 9_000]);
    s.fill(churn, |dice| {
        let way = to(dice, own, peer, dport);
        let left = if batch { dice.whole(LEFT_OF_A_BATCH) } else { life::flat(dice, times.time_wait) };
        life::closed(dice, way, left)
    });
    let rest = s.max - churn;
    noise::of_host(&mut s, own, rest);
    let waiting = if batch { 0 } else { 10 };
    s.sockets = Some(Sockets { inuse: 9, orphan: 0, time_wait: waiting, alloc: 12 });
    s.full(churn as f64 / 120.0);
    s
}
