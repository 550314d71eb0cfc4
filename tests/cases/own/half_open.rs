//! First packets that nobody answers.

use crate::draw::{Draw, Share, Whole, part, port};
use crate::flow::{Flags, Flow, Way};
use crate::kernel::{EL7, EL8, V4_15, V5_4, V6_1};
use crate::life;
use crate::noise::{self, to};
use crate::scene::Scene;

/// C08. The upstream is gone and its host drops what comes: the application tries again and again, one entry of 120 s a try.
/// An administrator has the table (one peer without an answer, all others well) and nginx's complaints.
pub(crate) fn dead_upstream(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 24_000;
    const SHARE: Share = (0.82, 0.94);
    const USED: Share = (0.94, 1.0);
    /// Besides this host: others of its network that go through it.
    const CALLERS: Whole = (1, 5);

    let mut s = Scene::new(name, seed, &[EL7, EL8, V5_4, V6_1]);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    let (lan, far) = (s.dice.private_v4(), s.dice.private_v4());
    let own = lan.host(8);
    s.own("eth0", own);
    let upstream = far.host(s.dice.whole((10, 200)));
    let service = *s.dice.one(&[8_080, 9_000, 5_432, 443]);
    let callers = s.dice.whole(CALLERS);
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let caller = lan.host(7 + dice.whole((1, callers)));
        let way = to(dice, caller, upstream, service);
        life::unanswered(dice, way, &times)
    });
    // The same callers reach everything else.
    let rest = entries - s.flows.len() as u64;
    s.fill(rest / 2, |dice| {
        let caller = lan.host(7 + dice.whole((1, callers)));
        let other = far.host(dice.whole((201, 230)));
        let way = to(dice, caller, other, 8_080);
        life::short_connection(dice, way, 5.0, &times)
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    for number in 0..6 {
        let client = s.dice.public_v4();
        s.says(
            f64::from(number) * 2.0 - 3.0,
            "nginx",
            format!("2026/11/27 03:12:01 [error] 812#812: *{} upstream timed out (110: Connection timed out) while connecting to upstream, client: {client}, server: shop, request: \"GET / HTTP/1.1\", upstream: \"http://{upstream}:{service}/\", host: \"shop\"", 4_411 + number),
        );
    }
    s
}

/// C11. Clients with a fixed source port (NFS below 1024, devices) whose backend is dead: before 5.14 each retry renews the
/// entry, so that it never ends and always has nearly 120 s left; translated to where nobody answers. An administrator has
/// the table, with counters that show how long it goes on.
pub(crate) fn fixed_ports(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 8_000;
    const SHARE: Share = (0.75, 0.92);
    const USED: Share = (0.92, 1.0);
    const LEFT: Whole = (112, 119);
    const PACKETS: Whole = (60, 20_000);

    let mut s = Scene::new(name, seed, &[V4_15, EL8, V5_4]);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    s.accounts = true;
    let (clients, service, pods) = (s.dice.private_v4(), s.dice.private_v4().host(10), s.dice.private_v4());
    let own = s.dice.private_v4().host(2);
    s.own("eth0", own);
    s.set("net.ipv4.ip_forward", 1);
    let backend = pods.host(33);
    s.fill(part(entries, share), |dice| {
        let client = clients.host(dice.whole((1, 2_000)));
        let way =
            Way { source: client, sport: port(dice.whole((665, 1_023))), target: service, dport: 2_049 };
        let packets = dice.whole(PACKETS);
        Flow::tcp(way, "SYN_SENT", dice.whole(LEFT), Flags::Unreplied)
            .carried((packets, packets * 60), (0, 0))
            .answered_by(backend, 2_049)
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s
}
