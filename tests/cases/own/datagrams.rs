//! UDP and ICMP.

use std::net::{IpAddr, Ipv4Addr};

use crate::draw::{Draw, Share, Whole, part};
use crate::flow::{Flags, Flow, IGMP, Way};
use crate::kernel::{EL7, MODERN, NF, V4_15, V4_19, V5_4};
use crate::life;
use crate::noise::{self, from_anywhere};
use crate::scene::Scene;

/// C13. A name (or time) server tracks what it is asked: many sources, each with several questions, all answered, 30 s. An
/// administrator has the table and the host's addresses.
pub(crate) fn name_server(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const SHARE: Share = (0.78, 0.95);
    const QUESTIONS_OF_A_SOURCE: Share = (2.0, 15.0);

    let mut s = Scene::new(name, seed, &NF);
    s.max = s.size(ENTRIES);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let service = if s.dice.chance(0.75) { 53 } else { 123 };
    let (share, each) = (s.dice.share(SHARE), s.dice.share(QUESTIONS_OF_A_SOURCE));
    let many = part(s.max, share / each).max(100);
    let askers: Vec<_> = (0..many).map(|_| s.dice.public_v4()).collect();
    let times = s.times;
    let asked = part(s.max, share);
    s.fill(asked, |dice| {
        let resolver = *dice.one(&askers);
        let way = from_anywhere(dice, resolver, own, service);
        Flow::udp(way, life::flat(dice, times.udp), Flags::Replied).carried((1, 70), (1, 180))
    });
    let rest = s.max - asked;
    noise::of_host(&mut s, own, rest);
    s.full(asked as f64 / 30.0);
    s
}

/// C16. Messages that nobody answers, each from a fresh port: syslog, statsd, flow export, traps. Many senders to this
/// collector, or this host to another. An administrator has the table; accounting shows that nothing comes back.
pub(crate) fn messages(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 40_000;
    const SHARE: Share = (0.85, 0.96);
    const USED: Share = (0.93, 1.0);
    const SENDERS: Whole = (20, 250);
    const PORTS: [u16; 5] = [514, 8_125, 2_055, 6_343, 162];

    let mut s = Scene::new(name, seed, &NF);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    s.accounts = true;
    let lan = s.lan(0.1);
    let own = lan.host(5);
    s.own("eth0", own);
    let service = *s.dice.one(&PORTS);
    let collects = entries > 25_000 || s.dice.chance(0.6);
    let senders = s.dice.whole(SENDERS);
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let (source, target) =
            if collects { (lan.host(10 + dice.whole((1, senders))), own) } else { (own, lan.host(9)) };
        let way = from_anywhere(dice, source, target, service);
        let left = life::flat(dice, times.udp);
        Flow::udp(way, left, Flags::Unreplied).carried((1, dice.whole((80, 600))), (0, 0))
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s
}

/// C18. Devices of a home look for one another: SSDP from a fresh port each time, mDNS, names of Windows, IGMP with the
/// generic timeout; nobody answers a group. A small router's table. An administrator has that table.
pub(crate) fn discovery(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 8_192;
    const SHARE: Share = (0.80, 0.95);
    const USED: Share = (0.93, 1.0);
    const DEVICES: Whole = (25, 180);

    let mut s = Scene::new(name, seed, &[EL7, V4_15, V4_19, V5_4]);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    s.memory_mebibytes = Some(256);
    let (lan, outer) = (s.dice.private_v4(), s.dice.public_v4());
    s.own("br-lan", lan.host(1));
    s.own("wan", outer);
    s.set("net.ipv4.ip_forward", 1);
    let devices = s.dice.whole(DEVICES);
    let broadcast = match lan.0 {
        IpAddr::V4(base) => IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() + 255)),
        other @ IpAddr::V6(_) => other,
    };
    let group = |last: [u8; 4]| IpAddr::V4(Ipv4Addr::from(last));
    let (ssdp, mdns, llmnr) = (group([239, 255, 255, 250]), group([224, 0, 0, 251]), group([224, 0, 0, 252]));
    let times = s.times;
    s.fill(part(entries, share), |dice| {
        let device = lan.host(dice.whole((10, 9 + devices)));
        let kind = dice.unit();
        let (target, dport) = if kind < 0.70 {
            (ssdp, 1_900)
        } else if kind < 0.82 {
            (llmnr, 5_355)
        } else if kind < 0.92 {
            (broadcast, 137)
        } else {
            (mdns, 5_353)
        };
        let way = from_anywhere(dice, device, target, dport);
        Flow::udp(way, life::flat(dice, times.udp), Flags::Unreplied).carried((1, 150), (0, 0))
    });
    for device in 1..=devices.min(entries / 40) {
        let way = Way { source: lan.host(9 + device), sport: 0, target: group([224, 0, 0, 22]), dport: 0 };
        let mut flow = Flow::new(IGMP, way);
        flow.flags = Flags::Unreplied;
        flow.remaining = life::fresh(&mut s.dice, life::GENERIC_SECONDS, 60.0);
        flow.volume = [(9, 360), (0, 0)];
        s.add(flow);
    }
    let clients: Vec<_> = (10..10 + devices).map(|number| lan.host(number)).collect();
    let rest = entries.saturating_sub(s.flows.len() as u64);
    noise::of_clients(&mut s, &clients, Some(outer), rest);
    s
}

/// C35. Pings: a flood at this host from many sources, each probe with an id of its own, or a sweep of one machine over
/// whole networks, of which few answer. An administrator has the table.
pub(crate) fn pings(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 40_000;
    const SHARE: Share = (0.75, 0.95);
    const USED: Share = (0.94, 1.0);
    const SOURCES: Whole = (50, 3_000);

    let mut s = Scene::new(name, seed, &MODERN);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    let v6 = seed > 0 && s.dice.chance(0.2);
    let own = if v6 { s.dice.public_v6() } else { s.dice.public_v4() };
    s.own("eth0", own);
    let sweep = s.dice.chance(0.5);
    let sources = s.dice.whole(SOURCES);
    let senders: Vec<_> = (0..sources).map(|_| noise::stranger(&mut s.dice, own)).collect();
    s.fill(part(entries, share), |dice| {
        if sweep {
            let target = noise::stranger(dice, own);
            let flags = if dice.chance(0.15) { Flags::Replied } else { Flags::Unreplied };
            noise::ping(dice, own, target, flags)
        } else {
            let sender = *dice.one(&senders);
            noise::ping(dice, sender, own, Flags::Replied)
        }
    });
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s.full(s.flows.len() as f64 / 30.0);
    s
}
