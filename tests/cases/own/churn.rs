//! Short connections that are not the host's own.

use std::fmt::Write as _;

use crate::draw::{Draw, Share, Whole, part, port};
use crate::flow::Way;
use crate::kernel::{EL7, EL8, NF, V4_15, V5_4, V6_1};
use crate::life;
use crate::noise::{self, from_anywhere};
use crate::scene::{EPHEMERAL, Scene};

/// C03. A popular site whose server closes each connection after its answer: an administrator has the full table, the
/// host's addresses and the log.
pub(crate) fn visitors(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const SHARE: Share = (0.92, 0.97);
    const ENTRIES_OF_A_VISITOR: Share = (4.0, 12.0);
    const OPEN_SECONDS: Share = (2.0, 15.0);

    let mut s = Scene::new(name, seed, &NF);
    s.max = s.size(ENTRIES);
    let v6 = seed > 0 && s.dice.chance(0.15);
    let own = if v6 { s.dice.public_v6() } else { s.dice.public_v4() };
    s.own("eth0", own);
    let service = *s.dice.one(&[80, 443]);
    let (share, each, open) =
        (s.dice.share(SHARE), s.dice.share(ENTRIES_OF_A_VISITOR), s.dice.share(OPEN_SECONDS));
    let many = part(s.max, 1.0 / each).max(50);
    let visitors: Vec<_> = (0..many).map(|_| noise::stranger(&mut s.dice, own)).collect();
    let times = s.times;
    let churn = part(s.max, share);
    s.fill(churn, |dice| {
        let visitor = *dice.one(&visitors);
        let way = from_anywhere(dice, visitor, own, service);
        life::short_connection(dice, way, open, &times)
    });
    let rest = s.max - churn;
    noise::of_host(&mut s, own, rest);
    s.full(churn as f64 / 120.0);
    s
}

/// C31. A director of IPVS with `net.ipv4.vs.conntrack = 1`: its one or two clients use up their ports within TIME_WAIT, and
/// a new connection from a port that still waits loses its first packet. An administrator has the settings, the list of
/// modules, and a table that is nearly all of one client's ports, answered by the real servers.
pub(crate) fn virtual_server(name: &str, seed: u64) -> Scene {
    const CLIENTS: Whole = (1, 2);
    /// Of a client's local ports.
    const PORTS_IN_USE: Share = (0.97, 0.999);
    const SHARE: Share = (0.92, 0.97);
    const USED: Share = (0.80, 0.97);
    const SERVERS: u64 = 4;

    let mut s = Scene::new(name, seed, &[EL7, V4_15, V5_4]);
    let (lan, real) = (s.dice.private_v4(), s.dice.private_v4());
    let (own, service) = (lan.host(2), lan.host(100));
    s.own("eth0", own);
    s.own("eth0", service);
    let clients = s.dice.whole(CLIENTS);
    let times = s.times;
    for client in 0..clients {
        let in_use = s.dice.share(PORTS_IN_USE);
        for sport in EPHEMERAL.0..=EPHEMERAL.1 {
            if s.dice.chance(in_use) {
                let way =
                    Way { source: lan.host(30 + client), sport: port(sport), target: service, dport: 80 };
                let server = real.host(s.dice.whole((1, SERVERS)));
                let left = life::flat(&mut s.dice, times.time_wait);
                let flow = life::closed(&mut s.dice, way, left).answered_by(server, 8_080);
                s.add(flow);
            }
        }
    }
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    let rest = part(s.flows.len() as u64, 1.0 / share) - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s.max = part(s.flows.len() as u64, 1.0 / used);
    s.set("net.ipv4.vs.conntrack", 1);
    s.set("net.ipv4.vs.conn_reuse_mode", 1);
    s.set("net.ipv4.vs.expire_nodest_conn", 0);
    s.set("net.ipv4.ip_forward", 1);
    s.files.insert(
        "lsmod".to_owned(),
        "Module                  Size  Used by\nip_vs_rr               16384  1\nip_vs                 176128  3 ip_vs_rr\nnf_conntrack          172032  3 ip_vs,nf_nat,xt_conntrack\n".to_owned(),
    );
    s
}

/// C32. A hypervisor's table, and one guest holds most of it: honest traffic of any kind to the whole world, answered. An
/// administrator has the table, the addresses (the guest's is not among them), the modules of a hypervisor, and kernel
/// lines of guests that came up.
pub(crate) fn one_guest(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 131_072;
    const SHARE: Share = (0.62, 0.85);
    const GUESTS: u64 = 60;

    let mut s = Scene::new(name, seed, &[EL7, EL8, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    let net = s.dice.private_v4();
    s.own("br0", net.host(1));
    s.set("net.ipv4.ip_forward", 1);
    let noisy = net.host(s.dice.whole((10, 9 + GUESTS)));
    let share = s.dice.share(SHARE);
    let ours = part(s.max, share);
    noise::of_clients(&mut s, &[noisy], None, ours);
    let guests: Vec<_> = (10..10 + GUESTS).map(|number| net.host(number)).collect();
    let rest = s.max - ours;
    noise::of_clients(&mut s, &guests, None, rest);
    s.files.insert(
        "lsmod".to_owned(),
        "Module                  Size  Used by\nvhost_net              32768  61\ntun                    61440  122 vhost_net\nkvm_intel             372736  240\nkvm                  1036288  1 kvm_intel\nbridge                307200  0\nnf_conntrack          172032  2 nf_nat,xt_conntrack\n".to_owned(),
    );
    for number in [3, 12] {
        s.says(
            -400.0 + f64::from(number),
            "kernel",
            format!("br0: port {number}(vnet{number}) entered forwarding state"),
        );
    }
    s.full(ours as f64 / 150.0);
    s
}

/// The greatest source is the gateway of a container bridge: docker-proxy opens a connection of its own to the container for
/// each of a client, from the bridge's address. Never the culprit; the clients stand in the other half of the table. An
/// administrator has the addresses of the interfaces, `ss` with docker-proxy listening, and the rules of Docker.
pub(crate) fn behind_the_gateway(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 40_000;
    const EACH_HALF: Share = (0.46, 0.49);
    const USED: Share = (0.55, 0.75);
    const CONTAINERS: u64 = 3;

    let mut s = Scene::new(name, seed, &[EL8, V5_4, V6_1]);
    let entries = s.size(ENTRIES);
    let (half, used) = (s.dice.share(EACH_HALF), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    let own = s.dice.public_v4();
    let gateway = "172.17.0.1".parse().unwrap();
    s.own("eth0", own);
    s.own("docker0", gateway);
    s.set("net.ipv4.ip_forward", 1);
    let containers = crate::draw::Net("172.17.0.0".parse().unwrap());
    let times = s.times;
    let half = part(entries, half);
    s.fill(half, |dice| {
        let container = containers.host(dice.whole((2, 1 + CONTAINERS)));
        let way = noise::to(dice, gateway, container, 8_080);
        let left = life::flat(dice, times.time_wait);
        life::closed(dice, way, left)
    });
    let visitors: Vec<_> = (0..half.max(60) / 6).map(|_| s.dice.public_v4()).collect();
    s.fill(half, |dice| {
        let visitor = *dice.one(&visitors);
        let way = from_anywhere(dice, visitor, own, 80);
        let left = life::flat(dice, times.time_wait);
        life::closed(dice, way, left)
    });
    let rest = entries - 2 * half;
    noise::of_host(&mut s, own, rest);
    let mut sockets = String::from("State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n");
    let _ = writeln!(
        sockets,
        "LISTEN 0      4096   0.0.0.0:80      0.0.0.0:*    users:((\"docker-proxy\",pid=2311,fd=4))"
    );
    for number in 0..12 {
        let _ = writeln!(
            sockets,
            "ESTAB  0      0    {gateway}:{}   172.17.0.{}:8080   users:((\"docker-proxy\",pid=2311,fd={}))",
            41_000 + number,
            2 + number % CONTAINERS,
            20 + number
        );
    }
    s.files.insert("ss".to_owned(), sockets);
    s.files.insert(
        "iptables-save".to_owned(),
        "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n".to_owned(),
    );
    s
}
