//! What looks like a full table and is none.

use crate::draw::{Draw, Share, Whole, part, port};
use crate::flow::{Flags, Flow, Way};
use crate::kernel::{MODERN, V4_15, V4_19, V5_4};
use crate::life;
use crate::noise::{self, from_anywhere};
use crate::scene::{Moment, Scene};

/// `nf_conntrack: expectation table full` on a router; 544 entries of 300,000.
pub(crate) fn expectations(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 544;
    const OTHERS: Whole = (300, 3_000);
    const LIMIT: u64 = 300_000;
    const EXPECT_MAX: [u64; 3] = [256, 1_024, 4_096];

    let mut s = Scene::new(name, seed, &[V4_19, V4_15]);
    "RT-AX88U".clone_into(&mut s.host);
    s.max = LIMIT;
    s.buckets = Some(16_384);
    let entries = if seed == 0 { ENTRIES } else { s.dice.whole(OTHERS) };
    let (lan, outer) = (s.dice.private_v4(), s.dice.public_v4());
    s.own("br0", lan.host(1));
    s.own("eth0", outer);
    let expect_max = *s.dice.one(&EXPECT_MAX);
    s.set("net.netfilter.nf_conntrack_expect_max", expect_max);
    s.set("net.ipv4.ip_forward", 1);
    let clients: Vec<_> = (20..40).map(|number| lan.host(number)).collect();
    noise::of_clients(&mut s, &clients, Some(outer), entries);
    let rate = s.dice.share((2.0, 12.0));
    s.limited(rate, Some("nf_conntrack: expectation table full"));
    s
}

/// An EC2 instance drops new flows with an empty kernel table: 12,000 of 262,144, and the card's
/// `conntrack_allowance_exceeded` rises.
pub(crate) fn cloud_allowance(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 12_000;
    const LIMIT: u64 = 262_144;
    const EXCEEDED: Whole = (20_000, 900_000);
    const RISES_BY: Whole = (500, 40_000);

    let mut s = Scene::new(name, seed, &MODERN);
    s.by_hand = false;
    s.max = LIMIT;
    let entries = s.size(ENTRIES);
    let own = s.dice.private_v4().host(77);
    s.own("ens5", own);
    let visitors: Vec<_> = (0..400).map(|_| s.dice.public_v4()).collect();
    let times = s.times;
    s.fill(entries * 8 / 10, |dice| {
        let visitor = *dice.one(&visitors);
        let way = from_anywhere(dice, visitor, own, 443);
        life::short_connection(dice, way, 100.0, &times)
    });
    noise::of_host(&mut s, own, entries - entries * 8 / 10);
    let (before, rise) = (s.dice.whole(EXCEEDED), s.dice.whole(RISES_BY));
    let card = |exceeded: u64| {
        format!(
            "NIC statistics:\n     total_resets: 0\n     reset_fail: 0\n     tx_timeout: 0\n     suspend: 0\n     resume: 0\n     wd_expired: 0\n     interface_up: 1\n     interface_down: 0\n     admin_q_pause: 0\n     bw_in_allowance_exceeded: 0\n     bw_out_allowance_exceeded: 0\n     pps_allowance_exceeded: 0\n     conntrack_allowance_exceeded: {exceeded}\n     linklocal_allowance_exceeded: 0\n     conntrack_allowance_available: 0\n"
        )
    };
    let files = [("ethtool-S".to_owned(), card(before))].into();
    s.moments.push(Moment { role: "before", at: -600, files });
    s.files.insert("ethtool-S".to_owned(), card(before + rise));
    s
}

/// High usage, but 94 % may be evicted: 151,335 of 262,144, of which only 8,862 are replied to; no line of a full table. A
/// false alarm. What they are is not told; here: what the internet sends unasked to a network behind this router.
pub(crate) fn nearly_all_evictable(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 151_335;
    const USED: f64 = 151_335.0 / 262_144.0;
    const UNREPLIED: f64 = 1.0 - 8_862.0 / 151_335.0;
    /// Of the unreplied, TCP to machines that do not answer.
    const TCP: Share = (0.4, 0.7);
    const HOSTS_BEHIND: Whole = (500, 3_000);

    let mut s = Scene::new(name, seed, &[V5_4, V4_15]);
    let entries = s.size(ENTRIES);
    s.max = part(entries, 1.0 / USED);
    s.set("net.ipv4.ip_forward", 1);
    let (outer, inside) = (s.dice.public_v4(), s.dice.public_v4());
    s.own("eth0", outer);
    let behind = s.dice.whole(HOSTS_BEHIND);
    let base = match inside {
        std::net::IpAddr::V4(v4) => v4.to_bits() & 0xffff_f000,
        std::net::IpAddr::V6(_) => 0,
    };
    let host = move |dice: &mut crate::limiter::Dice| {
        let number = u32::try_from(dice.whole((1, behind))).unwrap();
        std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(base + number))
    };
    let tcp = s.dice.share(TCP);
    let times = s.times;
    s.fill(part(entries, UNREPLIED), |dice| {
        let (source, target) = (dice.public_v4(), host(dice));
        let dport = port(dice.whole((1, 65_535)));
        if dice.chance(tcp) {
            let way = from_anywhere(dice, source, target, dport);
            life::unanswered(dice, way, &times)
        } else {
            let way = Way { source, sport: port(dice.whole((1_024, 65_535))), target, dport };
            Flow::udp(way, life::flat(dice, times.udp), Flags::Unreplied)
        }
    });
    let rest = entries - s.flows.len() as u64;
    s.fill(rest, |dice| {
        let (source, target) = (dice.public_v4(), host(dice));
        let way = from_anywhere(dice, source, target, 443);
        life::short_connection(dice, way, 60.0, &times)
    });
    s
}
