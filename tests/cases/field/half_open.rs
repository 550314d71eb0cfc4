//! Handshakes that never end, answers that never pass, flows seen from their middle.

use std::fmt::Write as _;

use crate::draw::{Draw, Share, Whole, part, port};
use crate::flow::{Flags, Flow, Way};
use crate::kernel::{EL7, EL8, MODERN, V5_4, V6_1, V6_18};
use crate::life::{self, UNACKNOWLEDGED_SECONDS};
use crate::noise::{self, from_anywhere, to};
use crate::scene::{Scene, Sockets, Stat};

/// SYN flood to :443 from spoofed sources: limit and count 262,144; SYN_RECV 88 %, SYN_SENT unreplied 4 %, assured 8 %;
/// 240,000 sources, about one entry each; early_drop +90,000 a second, drop +200; the kernel says `possible SYN flooding on
/// port 443`, and table full once or twice a minute.
pub(crate) fn spoofed_syn_flood(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 262_144;
    const HALF_OPEN: f64 = 0.88;
    const UNANSWERED: f64 = 0.04;
    const EVICTED_A_SECOND: u64 = 90_000;
    const DROPPED_A_SECOND: u64 = 200;
    const BETWEEN_COUNTERS_SECONDS: u64 = 10;

    let mut s = Scene::new(name, seed, &MODERN);
    s.max = s.size(ENTRIES);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let times = s.times;
    s.fill(part(s.max, HALF_OPEN), |dice| {
        let from = dice.public_v4();
        let way = from_anywhere(dice, from, own, 443);
        Flow::tcp(way, "SYN_RECV", life::flat(dice, times.syn_recv), Flags::Replied)
            .carried((1, 60), (2, 120))
    });
    s.fill(part(s.max, UNANSWERED), |dice| {
        let from = dice.public_v4();
        let way = from_anywhere(dice, from, own, 443);
        life::unanswered(dice, way, &times)
    });
    let rest = s.max - s.flows.len() as u64;
    // The real visitors: what is assured survives.
    s.fill(rest * 9 / 10, |dice| {
        let from = dice.public_v4();
        let way = from_anywhere(dice, from, own, 443);
        life::short_connection(dice, way, 60.0, &times)
    });
    let rest = s.max - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    let scale = s.max as f64 / ENTRIES as f64;
    let before = Stat { early_drop: 3_000_000, drop: 7_000, ..s.stat };
    s.stat_before = Some(before);
    s.stat.early_drop = before.early_drop + part(EVICTED_A_SECOND * BETWEEN_COUNTERS_SECONDS, scale);
    s.stat.drop = before.drop + part(DROPPED_A_SECOND * BETWEEN_COUNTERS_SECONDS, scale);
    s.says(
        -20.0,
        "kernel",
        "TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.  Check SNMP counters.",
    );
    let full = crate::limiter::message(
        s.kernel.era,
        crate::limiter::Line::Printed(crate::limiter::Caller::Drop(None)),
    );
    for number in 0..2 {
        let second = f64::from(number) * 29.0;
        s.says(second, "kernel", full.clone());
    }
    s
}

/// A hacked server tries SSH passwords worldwide: own public address on 63,800 of 65,536; SYN_SENT unreplied 91 %,
/// ESTABLISHED 4 %, TIME_WAIT 5 %; 63,000 destinations, only :22; 900 sockets in use; abuse mail from the provider.
pub(crate) fn hacked_server(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const OWN: f64 = 63_800.0 / 65_536.0;
    const UNANSWERED: f64 = 0.91;
    const OPEN: f64 = 0.04;
    const SEVERAL_TO_ONE: f64 = 0.012;
    const SOCKETS: u64 = 900;

    let mut s = Scene::new(name, seed, &[EL7, EL8, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let ours = part(s.max, OWN);
    let times = s.times;
    let mut last = own;
    s.fill(ours, |dice| {
        if last == own || !dice.chance(SEVERAL_TO_ONE) {
            last = dice.public_v4();
        }
        let way = to(dice, own, last, 22);
        let kind = dice.unit();
        if kind < UNANSWERED {
            life::unanswered(dice, way, &times)
        } else if kind < UNANSWERED + OPEN {
            life::open(dice, way, 5.0, &times)
        } else {
            let left = life::flat(dice, times.time_wait);
            life::closed(dice, way, left)
        }
    });
    let rest = (s.max - ours) * 9 / 10;
    noise::of_host(&mut s, own, rest);
    s.sockets = Some(Sockets { inuse: SOCKETS, orphan: 3, time_wait: ours / 50, alloc: SOCKETS + 40 });
    s.full(ours as f64 / 120.0);
    s
}

/// The way back bypasses the router: ESTABLISHED with packets=47403 bytes=605450835, unreplied, reply 0 packets, from the
/// LAN to a second network; earlier ones of the same stuck in SYN_SENT unreplied with one packet; through the other
/// interface all is well.
pub(crate) fn return_path_elsewhere(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 40_000;
    const ONE_WAY: Share = (0.70, 0.85);
    const PICKED_UP: Share = (0.55, 0.75);
    const PACKETS: Whole = (300, 60_000);
    const BYTES_A_PACKET: Whole = (400, 13_000);
    const CLIENTS: u64 = 60;
    const SERVERS: u64 = 25;
    const USED: Share = (0.95, 1.0);

    let mut s = Scene::new(name, seed, &[EL8, V5_4, V6_1, V6_18]);
    let entries = s.size(ENTRIES);
    let used = s.dice.share(USED);
    s.max = part(entries, 1.0 / used);
    s.accounts = true;
    let (lan, second) = (s.dice.private_v4(), s.dice.private_v4());
    let outer = s.dice.public_v4();
    s.own("br-lan", lan.host(254));
    s.own("eth1", second.host(254));
    s.own("wan", outer);
    s.set("net.ipv4.ip_forward", 1);
    let (one_way, picked_up) = (s.dice.share(ONE_WAY), s.dice.share(PICKED_UP));
    let times = s.times;
    s.fill(part(entries, one_way), |dice| {
        let (client, server) = (lan.host(dice.whole((1, CLIENTS))), second.host(dice.whole((1, SERVERS))));
        let service = *dice.one(&[443, 445, 22, 80, 5_201, 8_006]);
        let way = to(dice, client, server, service);
        if dice.chance(picked_up) {
            let packets = dice.whole(PACKETS);
            let bytes = packets * dice.whole(BYTES_A_PACKET);
            let left = life::fresh(dice, UNACKNOWLEDGED_SECONDS, 20.0);
            Flow::tcp(way, "ESTABLISHED", left, Flags::Unreplied).carried((packets, bytes), (0, 0))
        } else {
            Flow::tcp(way, "SYN_SENT", life::flat(dice, times.syn_sent), Flags::Unreplied)
                .carried((1, 60), (0, 0))
        }
    });
    let clients: Vec<_> = (1..=CLIENTS).map(|number| lan.host(number)).collect();
    let rest = entries - s.flows.len() as u64;
    noise::of_clients(&mut s, &clients, Some(outer), rest);
    s.stat.invalid = s.dice.whole((40_000, 900_000));
    s
}

/// A healthy connection that stands there as SYN_SENT: `tcp sport 6000 notrack` in OUTPUT of the server alone; the client is
/// connected and exchanges data (ss: ESTAB); `tcp 6 119 SYN_SENT src=10.9.0.1 dst=10.9.0.2 dport=6000 [UNREPLIED]`.
pub(crate) fn one_sided_notrack(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 12_000;
    const SHARE: Share = (0.90, 0.97);
    const CLIENTS: Whole = (1, 120);
    /// Connections that outlive their entry's 120 s are not in the table any more, but have sockets.
    const OPEN_ONES: Share = (0.5, 0.9);
    const USED: Share = (0.93, 1.0);

    let mut s = Scene::new(name, seed, &[EL7, EL8, V5_4, V6_1, V6_18]);
    let entries = s.size(ENTRIES);
    let (used, share, open) = (s.dice.share(USED), s.dice.share(SHARE), s.dice.share(OPEN_ONES));
    s.max = part(entries, 1.0 / used);
    let lan = s.lan(0.0);
    let own = lan.host(2);
    s.own("eth0", own);
    let clients = if seed == 0 { 1 } else { s.dice.whole(CLIENTS) };
    let service = if seed == 0 { 6_000 } else { *s.dice.one(&[6_000, 5_432, 8_443, 6_379]) };
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let client = lan.host(dice.whole((10, 9 + clients)));
        let way = to(dice, client, own, service);
        Flow::tcp(way, "SYN_SENT", life::flat(dice, times.syn_sent), Flags::Unreplied)
            .carried((1, 60), (0, 0))
    });
    let mut sockets = String::from("State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n");
    let _ = writeln!(
        sockets,
        "LISTEN 0      128    {own}:{service}    0.0.0.0:*    users:((\"service\",pid=733,fd=5))"
    );
    for flow in &s.flows {
        if s.dice.chance(open) {
            let way = flow.original;
            let _ = writeln!(
                sockets,
                "ESTAB  0      0      {own}:{service}    {}:{}    users:((\"service\",pid=733,fd=8))",
                way.source, way.sport
            );
        }
    }
    s.files.insert("ss".to_owned(), sockets);
    let by_nft = s.dice.chance(0.5);
    if by_nft {
        let rules = format!(
            "table ip raw {{\n\tchain output {{\n\t\ttype filter hook output priority raw; policy accept;\n\t\ttcp sport {service} notrack\n\t}}\n}}\n\
             table ip filter {{\n\tchain input {{\n\t\ttype filter hook input priority filter; policy accept;\n\t\tct state established,related accept\n\t}}\n}}\n"
        );
        s.files.insert("nft-ruleset".to_owned(), rules);
    } else {
        let rules = format!(
            "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -m tcp --sport {service} -j CT --notrack\nCOMMIT\n\
             *filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n"
        );
        s.files.insert("iptables-save".to_owned(), rules);
    }
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s
}

/// Reversed tuples after `conntrack -F`: before, `src=client dst=us dport=80 ESTABLISHED 431999 [ASSURED]`; then the server
/// speaks first: `src=us sport=80 dport=48850 ESTABLISHED 299 [UNREPLIED]`.
pub(crate) fn reversed_after_a_flush(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 30_000;
    /// The server spoke first; the rest was picked up the right way round.
    const REVERSED: Share = (0.55, 0.75);
    const RIGHT_WAY_ROUND: Share = (0.15, 0.25);
    const FLUSHED_SECONDS_AGO: Whole = (20, 200);
    const CLIENTS: Whole = (400, 4_000);
    const USED: Share = (0.93, 1.0);

    let mut s = Scene::new(name, seed, &[EL8, V5_4, V6_1, V6_18]);
    let entries = s.size(ENTRIES);
    let used = s.dice.share(USED);
    s.max = part(entries, 1.0 / used);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let clients = s.dice.whole(CLIENTS);
    let strangers: Vec<_> = (0..clients).map(|_| s.dice.public_v4()).collect();
    let ago = s.dice.whole(FLUSHED_SECONDS_AGO);
    let (reversed, straight) = (s.dice.share(REVERSED), s.dice.share(RIGHT_WAY_ROUND));
    let service = *s.dice.one(&[80, 443]);
    let times = s.times;
    s.fill(part(entries, reversed), |dice| {
        let client = *dice.one(&strangers);
        let way =
            Way { source: own, sport: service, target: client, dport: port(dice.whole((32_768, 60_999))) };
        let left = life::idle(dice, UNACKNOWLEDGED_SECONDS, (1, ago));
        let packets = dice.whole((1, 3));
        Flow::tcp(way, "ESTABLISHED", left, Flags::Unreplied).carried((packets, packets * 52), (0, 0))
    });
    s.fill(part(entries, straight), |dice| {
        let client = *dice.one(&strangers);
        let way = to(dice, client, own, service);
        let left = life::idle(dice, times.established, (1, ago));
        Flow::tcp(way, "ESTABLISHED", left, Flags::Assured)
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    // A table of before, as the experiment has it: the same connections, the right way round.
    if s.dice.chance(0.5) {
        let mut before = s.clone();
        for flow in &mut before.flows {
            if flow.original.sport == service {
                (flow.original, flow.reply) = (flow.original.back(), flow.reply.back());
                flow.flags = Flags::Assured;
                flow.remaining += 431_000;
            }
        }
        before.by_tool = false;
        let files = [("nf_conntrack".to_owned(), crate::write::table(&before))].into();
        let at = s.taken - i64::try_from(ago).unwrap() - 60;
        s.moments.push(crate::scene::Moment { role: "before", at, files });
    }
    let flush = s.taken - i64::try_from(ago).unwrap();
    if s.dice.chance(0.6) {
        let (tag, text) = *s.dice.one(&[
            ("systemd[1]", "Reloaded firewalld.service - firewalld - dynamic firewall daemon."),
            ("audit[912]", "NETFILTER_CFG table=nat:12 family=2 entries=40 op=xt_replace pid=1234 comm=\"iptables-restor\""),
        ]);
        s.says(flush as f64, tag, text);
    }
    s
}
