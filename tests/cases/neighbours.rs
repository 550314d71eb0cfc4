//! Cases that differ in the one fact that separates their causes. Neighbours draw from the same seed: all else is equal.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::answer::verdict;
use crate::case::{Case, neighbour};
use crate::draw::{Draw, Share, Whole, part, port};
use crate::field::unequal;
use crate::flow::{Flags, Flow, Way};
use crate::kernel::{EL7, EL8, MODERN, V5_4, V6_1};
use crate::life;
use crate::noise::{self, from_anywhere, to};
use crate::scene::Scene;

/// Entries of each.
const ENTRIES: u64 = 24_000;
/// Of them, those that it is about.
const SHARE: Share = (0.86, 0.95);
/// Of the limit where the table holds what may be evicted, so that no line says that it is full.
const USED: Share = (0.94, 1.0);

/// All of them.
#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    const PROXY: &str = "short connections: who opens them";
    const ANSWERED: &str = "many targets: do they answer";
    const AGE: &str = "open connections: since when silent";
    const RULE: &str = "handshakes that hang: is there a rule of one direction";
    const ASKED: &str = "lookups: is the one asked this host";
    const SIDE: &str = "datagrams without answer: on which side the service is";
    const ONE_PEER: &str = "no answers: of one peer, or over a whole path";
    const TARGETS: &str = "one machine connects and closes: to all of them, or to one";
    const LIMIT: &str = "the same demand: whence the limit is";
    const GUESTS: &str = "a shared table: one of them, or all";
    vec![
        neighbour(PROXY, "proxy-client-here", verdict(&["self-inflicted-churn"]), |_, seed| proxy(seed, Client::Here)),
        neighbour(PROXY, "proxy-client-behind-the-router", verdict(&["noisy-tenant", "load-generator"]), |_, seed| {
            proxy(seed, Client::Behind)
        }),
        neighbour(PROXY, "crowd-of-visitors", verdict(&["inbound-short-connections"]), |_, seed| {
            proxy(seed, Client::Crowd)
        }),
        neighbour(ANSWERED, "scan", verdict(&["outbound-scan"]), |_, seed| targets(seed, false)),
        neighbour(ANSWERED, "crawler", verdict(&["p2p-crawler", "self-inflicted-churn"]), |_, seed| {
            targets(seed, true)
        }),
        neighbour(AGE, "leak", verdict(&["established-leak"]), |_, seed| open_ones(seed, true)),
        neighbour(AGE, "honest-concurrency", verdict(&["capacity"]), |_, seed| open_ones(seed, false)),
        neighbour(RULE, "flood-of-first-packets", verdict(&["syn-flood"]), |_, seed| hanging(seed, false)),
        neighbour(RULE, "notrack-of-one-direction", verdict(&["half-tracked"]), |_, seed| hanging(seed, true)),
        neighbour(ASKED, "lookups-through-this-host", verdict(&["dns-storm"]), |_, seed| lookups(seed, false)),
        neighbour(ASKED, "lookups-at-this-host", verdict(&["tracked-dns-server"]), |_, seed| lookups(seed, true)),
        neighbour(SIDE, "victim-of-reflection", verdict(&["reflection-attack"]), |_, seed| one_way(seed, true)),
        neighbour(SIDE, "collector-of-messages", verdict(&["one-way-udp"]), |_, seed| one_way(seed, false)),
        neighbour(ONE_PEER, "one-dead-upstream", verdict(&["dead-upstream"]), |_, seed| unanswered(seed, true)),
        neighbour(ONE_PEER, "answers-over-another-path", verdict(&["asymmetric-routing"]), |_, seed| {
            unanswered(seed, false)
        }),
        neighbour(TARGETS, "checker-of-health", verdict(&["health-check-churn"]), |_, seed| one_machine(seed, true)),
        neighbour(TARGETS, "generator-of-load", verdict(&["load-generator"]), |_, seed| one_machine(seed, false)),
        neighbour(LIMIT, "limit-chosen-and-outgrown", verdict(&["capacity"]), |_, seed| limits(seed, Limit::Chosen)),
        neighbour(LIMIT, "limit-of-a-small-machine", verdict(&["tiny-default"]), |_, seed| {
            limits(seed, Limit::Default)
        }),
        neighbour(LIMIT, "limit-wanted-and-not-in-force", verdict(&["limit-not-in-force"]), |_, seed| {
            limits(seed, Limit::NotInForce)
        }),
        neighbour(GUESTS, "one-guest-holds-most", verdict(&["noisy-tenant"]), |_, seed| guests(seed, true)),
        neighbour(GUESTS, "all-guests-hold-some", verdict(&["capacity"]), |_, seed| guests(seed, false)),
    ]
}

/// Who connects to the proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// This host: the list of its addresses has the client's.
    Here,
    /// The list has another one in its place: the client stands behind this router.
    Behind,
    /// As many connections, of visitors to this host.
    Crowd,
}

fn proxy(seed: u64, client: Client) -> Scene {
    let mut s = Scene::new("proxy", seed, &[EL7, EL8, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    let (lan, far) = (s.dice.private_v4(), s.dice.private_v4());
    let (source, router, peer) = (lan.host(38), lan.host(1), far.host(107));
    let own = if client == Client::Behind { router } else { source };
    s.own("eth0", own);
    s.set("net.ipv4.ip_forward", u8::from(client == Client::Behind));
    let share = s.dice.share(SHARE);
    let visitors: Vec<_> = (0..s.max / 7).map(|_| s.dice.public_v4()).collect();
    let times = s.times;
    let churn = part(s.max, share);
    s.fill(churn, |dice| {
        let visitor = *dice.one(&visitors);
        let way = match client {
            Client::Crowd => to(dice, visitor, own, 80),
            Client::Here | Client::Behind => to(dice, source, peer, 3_128),
        };
        life::short_connection(dice, way, 3.0, &times)
    });
    let rest = s.max - churn;
    noise::of_host(&mut s, own, rest);
    s.full(churn as f64 / 120.0);
    s
}

fn targets(seed: u64, answer: bool) -> Scene {
    const STILL_DEAD: f64 = 0.12;
    let mut s = Scene::new("targets", seed, &[EL7, EL8, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let share = s.dice.share(SHARE);
    let times = s.times;
    let ours = part(s.max, share);
    s.fill(ours, |dice| {
        let target = dice.public_v4();
        let way = to(dice, own, target, 443);
        if answer && !dice.chance(STILL_DEAD) {
            life::short_connection(dice, way, 6.0, &times)
        } else {
            life::unanswered(dice, way, &times)
        }
    });
    let rest = s.max - ours;
    noise::of_host(&mut s, own, rest);
    s.full(ours as f64 / 120.0);
    s
}

fn open_ones(seed: u64, silent: bool) -> Scene {
    const SILENT_SECONDS: Whole = (9_000, 400_000);
    const IDLE_SECONDS: f64 = 45.0;
    const CLIENTS: u64 = 700;
    let mut s = Scene::new("open-ones", seed, &[EL7, EL8, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    s.set("net.ipv4.ip_forward", 1);
    let (lan, servers) = (s.dice.private_v4(), s.dice.private_v4());
    s.own("eth0", lan.host(2_000));
    s.own("eth1", servers.host(254));
    let share = s.dice.share(SHARE);
    let clients: Vec<_> = (1..=CLIENTS).map(|number| lan.host(number)).collect();
    let clients = unequal(&clients);
    let times = s.times;
    s.fill(part(s.max, share), |dice| {
        let client = *dice.one(&clients);
        let (server, service) = (servers.host(dice.whole((1, 120))), *dice.one(&[443, 5_432, 5_222, 22]));
        let way = to(dice, client, server, service);
        let left = if silent {
            life::idle(dice, times.established, SILENT_SECONDS)
        } else {
            life::fresh(dice, times.established, IDLE_SECONDS)
        };
        Flow::tcp(way, "ESTABLISHED", left, Flags::Assured)
    });
    let rest = s.max - s.flows.len() as u64;
    noise::of_clients(&mut s, &clients, None, rest);
    s.full(60.0);
    s
}

fn hanging(seed: u64, rule: bool) -> Scene {
    let mut s = Scene::new("hanging", seed, &MODERN);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let from = dice.public_v4();
        let way = from_anywhere(dice, from, own, 443);
        Flow::tcp(way, "SYN_SENT", life::flat(dice, times.syn_sent), Flags::Unreplied)
            .carried((1, 60), (0, 0))
    });
    if rule {
        s.files.insert(
            "nft-ruleset".to_owned(),
            "table ip raw {\n\tchain output {\n\t\ttype filter hook output priority raw; policy accept;\n\t\ttcp sport 443 notrack\n\t}\n}\n".to_owned(),
        );
        let mut sockets = String::from("State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n");
        for flow in &s.flows {
            let way = flow.original;
            let _ = writeln!(
                sockets,
                "ESTAB  0      0      {own}:443    {}:{}    users:((\"nginx\",pid=733,fd=8))",
                way.source, way.sport
            );
        }
        s.files.insert("ss".to_owned(), sockets);
    }
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s
}

fn lookups(seed: u64, here: bool) -> Scene {
    const CLIENTS: u64 = 50;
    let mut s = Scene::new("lookups", seed, &[EL7, EL8, V5_4, V6_1]);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    let (lan, servers) = (s.dice.private_v4(), s.dice.private_v4());
    let (asked, router) = (servers.host(53), servers.host(1));
    let own = if here { asked } else { router };
    s.own("eth0", own);
    s.set("net.ipv4.ip_forward", 1);
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let client = lan.host(10 + dice.whole((1, CLIENTS)));
        let way = from_anywhere(dice, client, asked, 53);
        Flow::udp(way, life::flat(dice, times.udp), Flags::Replied)
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s
}

fn one_way(seed: u64, reflected: bool) -> Scene {
    const SOURCES: u64 = 1_200;
    let mut s = Scene::new("one-way", seed, &MODERN);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    s.accounts = true;
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let sources: Vec<_> = (0..SOURCES).map(|_| s.dice.public_v4()).collect();
    let (reflector, collected) =
        (*s.dice.one(&[11_211, 53, 123, 1_900, 389]), *s.dice.one(&[514, 6_343, 2_055]));
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let source = *dice.one(&sources);
        let high = port(dice.whole((1_024, 65_535)));
        let (sport, dport) = if reflected { (reflector, high) } else { (high, collected) };
        let way = Way { source, sport, target: own, dport };
        let left = life::flat(dice, times.udp);
        Flow::udp(way, left, Flags::Unreplied).carried((1, dice.whole((300, 1_400))), (0, 0))
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s
}

fn unanswered(seed: u64, one: bool) -> Scene {
    const CLIENTS: u64 = 40;
    const SERVERS: u64 = 30;
    const WITH_DATA: f64 = 0.6;
    let mut s = Scene::new("unanswered", seed, &[EL8, V5_4, V6_1]);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    s.accounts = true;
    s.set("net.ipv4.ip_forward", 1);
    let (lan, second) = (s.dice.private_v4(), s.dice.private_v4());
    s.own("eth0", lan.host(254));
    s.own("eth1", second.host(254));
    let clients: Vec<IpAddr> = (1..=CLIENTS).map(|number| lan.host(number)).collect();
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let client = *dice.one(&clients);
        let number = if one { 7 } else { dice.whole((1, SERVERS)) };
        let way = from_anywhere(dice, client, second.host(number), 8_080);
        if !one && dice.chance(WITH_DATA) {
            let packets = dice.whole((20, 9_000));
            let left = life::fresh(dice, life::UNACKNOWLEDGED_SECONDS, 20.0);
            Flow::tcp(way, "ESTABLISHED", left, Flags::Unreplied).carried((packets, packets * 700), (0, 0))
        } else {
            life::unanswered(dice, way, &times)
        }
    });
    // The rest of that network answers, or nothing of it does.
    let rest = entries - s.flows.len() as u64;
    if one {
        s.fill(rest / 2, |dice| {
            let client = *dice.one(&clients);
            let number = dice.whole((8, SERVERS));
            let way = from_anywhere(dice, client, second.host(number), 8_080);
            life::short_connection(dice, way, 20.0, &times)
        });
    }
    let rest = entries - s.flows.len() as u64;
    noise::of_clients(&mut s, &clients, None, rest);
    s
}

fn one_machine(seed: u64, all: bool) -> Scene {
    const BACKENDS: u64 = 180;
    const PERIOD_SECONDS: u64 = 5;
    let mut s = Scene::new("one-machine", seed, &[EL7, EL8, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    s.accounts = true;
    s.set("net.ipv4.ip_forward", 1);
    let (lan, far) = (s.dice.private_v4(), s.dice.private_v4());
    let own = lan.host(1);
    s.own("eth0", own);
    s.own("eth1", far.host(254));
    let share = s.dice.share(SHARE);
    let source = lan.host(40);
    let times = s.times;
    let churn = part(s.max, share);
    let mut number = 0;
    s.fill(churn, |dice| {
        number += 1;
        let target = if all { far.host(1 + number % BACKENDS) } else { far.host(9) };
        let way = to(dice, source, target, 8_080);
        // A checker goes round in its period; a generator goes on and on.
        let left = if all {
            flat_comb(dice, times.time_wait, PERIOD_SECONDS)
        } else {
            life::flat(dice, times.time_wait)
        };
        let packets = dice.whole((3, 5));
        Flow::tcp(way, "TIME_WAIT", left, Flags::Assured)
            .carried((packets, packets * 54), (packets, packets * 60))
    });
    let rest = s.max - churn;
    noise::of_host(&mut s, own, rest);
    s.full(churn as f64 / 120.0);
    s
}

/// What is left where all of them come at the same moments.
fn flat_comb(dice: &mut crate::limiter::Dice, timeout: u64, period: u64) -> u64 {
    let rounds = timeout / period;
    dice.whole((0, rounds - 1)) * period + 3
}

/// Whence a limit is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// Somebody chose it: a settings file has it, and it runs.
    Chosen,
    /// The kernel took it for so little memory.
    Default,
    /// A settings file has a far larger one.
    NotInForce,
}

fn limits(seed: u64, limit: Limit) -> Scene {
    const MEBIBYTES: Whole = (480, 1_000);
    const LARGE_MEBIBYTES: u64 = 16_384;
    const WANTED_OF_RUNNING: u64 = 16;
    const CLIENTS: u64 = 120;
    let mut s = Scene::new("limits", seed, &[V6_1, V5_4]);
    let memory = s.dice.whole(MEBIBYTES);
    s.max = s.kernel.default_max(memory);
    s.with_configured = false;
    let shown = if limit == Limit::Chosen { LARGE_MEBIBYTES } else { memory };
    s.files.insert("meminfo".to_owned(), crate::write::memory(shown));
    let configured = match limit {
        Limit::Chosen => Some(s.max),
        Limit::Default => None,
        Limit::NotInForce => Some(s.max * WANTED_OF_RUNNING),
    };
    if let Some(max) = configured {
        s.files.insert(
            "sysctl.d/90-conntrack.conf".to_owned(),
            format!("# table of this gateway\nnet.netfilter.nf_conntrack_max = {max}\n"),
        );
    }
    s.set("net.ipv4.ip_forward", 1);
    let (outer, net) = (s.dice.public_v4(), s.dice.private_v4());
    s.own("eth0", outer);
    s.own("eth1", net.host(1));
    let clients: Vec<_> = (0..CLIENTS).map(|number| net.host(10 + number)).collect();
    let entries = s.max;
    noise::of_clients(&mut s, &clients, Some(outer), entries);
    s.full(s.max as f64 / 150.0);
    s
}

fn guests(seed: u64, one: bool) -> Scene {
    const GUESTS: u64 = 80;
    const OF_ONE: Share = (0.6, 0.85);
    let mut s = Scene::new("guests", seed, &[EL7, EL8, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    s.set("net.ipv4.ip_forward", 1);
    let net = s.dice.private_v4();
    s.own("br0", net.host(1));
    let share = s.dice.share(OF_ONE);
    let all: Vec<_> = (10..10 + GUESTS).map(|number| net.host(number)).collect();
    let noisy = if one { vec![net.host(33)] } else { all.clone() };
    let ours = part(s.max, share);
    noise::of_clients(&mut s, &noisy, None, ours);
    let rest = s.max - ours;
    noise::of_clients(&mut s, &all, None, rest);
    s.full(s.max as f64 / 150.0);
    s
}
