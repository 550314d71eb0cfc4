//! Honest other traffic: what any machine of its kind has in its table beside what fills it.

use std::net::IpAddr;

use crate::draw::{Draw, Net, port};
use crate::flow::{Flags, Flow, ICMP, ICMPV6, TCP, UDP, Way};
use crate::life::{self, ICMP_SECONDS, Timeouts};
use crate::limiter::Dice;
use crate::scene::{EPHEMERAL, Scene};

/// A way from an ephemeral port.
pub(crate) fn to(dice: &mut Dice, source: IpAddr, target: IpAddr, dport: u16) -> Way {
    Way { source, sport: port(dice.whole(EPHEMERAL)), target, dport }
}

/// The same from any port at all, as behind a translator or from other systems.
pub(crate) fn from_anywhere(dice: &mut Dice, source: IpAddr, target: IpAddr, dport: u16) -> Way {
    Way { source, sport: port(dice.whole((1_024, 65_535))), target, dport }
}

/// An address of the internet in the family of another one.
pub(crate) fn stranger(dice: &mut Dice, like: IpAddr) -> IpAddr {
    if like.is_ipv4() { dice.public_v4() } else { dice.public_v6() }
}

/// Traffic of a host: lookups, time, logins, monitoring, a few visitors, pings.
pub(crate) fn of_host(scene: &mut Scene, own: IpAddr, entries: u64) {
    let times = scene.times;
    let near = if own.is_ipv4() { scene.dice.private_v4() } else { scene.dice.private_v6() };
    scene.fill(entries, |dice| host_flow(dice, own, near, &times));
}

fn host_flow(dice: &mut Dice, own: IpAddr, near: Net, times: &Timeouts) -> Flow {
    match dice.whole((0, 9)) {
        0 | 1 => {
            let resolver = near.host(dice.whole((2, 3)));
            let way = to(dice, own, resolver, 53);
            Flow::udp(way, life::flat(dice, times.udp), Flags::Replied)
        }
        2 => {
            let clock = stranger(dice, own);
            let way = to(dice, own, clock, 123);
            Flow::udp(way, life::flat(dice, times.udp), Flags::Replied)
        }
        3 => {
            let admin = near.host(dice.whole((20, 60)));
            let way = to(dice, admin, own, 22);
            life::open(dice, way, 40.0, times)
        }
        4 => {
            let monitor = near.host(dice.whole((5, 7)));
            let way = to(dice, monitor, own, 9_100);
            life::short_connection(dice, way, 0.5, times)
        }
        5 => {
            let pinger = near.host(dice.whole((5, 250)));
            ping(dice, pinger, own, Flags::Replied)
        }
        6 => {
            let mirror = stranger(dice, own);
            let way = to(dice, own, mirror, 443);
            life::short_connection(dice, way, 4.0, times)
        }
        _ => {
            let visitor = stranger(dice, own);
            let way = from_anywhere(dice, visitor, own, 443);
            life::short_connection(dice, way, 20.0, times)
        }
    }
}

/// An echo request.
pub(crate) fn ping(dice: &mut Dice, source: IpAddr, target: IpAddr, flags: Flags) -> Flow {
    let id = port(dice.whole((1, 65_535)));
    let l4 = if source.is_ipv4() { ICMP } else { ICMPV6 };
    let mut flow = Flow::new(l4, Way { source, sport: id, target, dport: id });
    (flow.flags, flow.remaining) = (flags, life::flat(dice, ICMP_SECONDS));
    flow.volume = [(1, 84), (u64::from(flags != Flags::Unreplied), 84)];
    flow
}

/// Traffic of clients behind a router, translated to its outer address where it has one.
pub(crate) fn of_clients(scene: &mut Scene, clients: &[IpAddr], outer: Option<IpAddr>, entries: u64) {
    let times = scene.times;
    scene.fill(entries, |dice| client_flow(dice, clients, outer, &times));
}

/// One flow of one client: browsing, lookups, calls, a few that nobody answers.
pub(crate) fn client_flow(
    dice: &mut Dice,
    clients: &[IpAddr],
    outer: Option<IpAddr>,
    times: &Timeouts,
) -> Flow {
    let client = *dice.one(clients);
    let target = stranger(dice, client);
    let flow = match dice.whole((0, 99)) {
        0..48 => {
            let service = *dice.one(&[443, 443, 443, 80, 993, 5_222]);
            let way = from_anywhere(dice, client, target, service);
            life::open(dice, way, 300.0, times)
        }
        48..63 => {
            let way = from_anywhere(dice, client, target, 443);
            let left = life::flat(dice, times.time_wait);
            life::closed(dice, way, left)
        }
        63..78 => {
            let way = from_anywhere(dice, client, target, 443);
            Flow::udp(way, life::fresh(dice, times.udp_stream, 40.0), Flags::Assured)
                .carried((40, 5_200), (60, 64_000))
        }
        78..88 => {
            let way = from_anywhere(dice, client, target, 53);
            Flow::udp(way, life::flat(dice, times.udp), Flags::Replied)
        }
        88..93 => {
            let service = *dice.one(&[3_478, 51_820, 27_015]);
            let way = from_anywhere(dice, client, target, service);
            Flow::udp(way, life::flat(dice, times.udp), Flags::Unreplied)
        }
        93..96 => {
            let way = from_anywhere(dice, client, target, 443);
            Flow::tcp(way, "FIN_WAIT", life::flat(dice, times.fin_wait), Flags::Assured)
        }
        96..98 => {
            let way = from_anywhere(dice, client, target, 443);
            Flow::tcp(way, "CLOSE_WAIT", life::flat(dice, times.close_wait), Flags::Assured)
        }
        _ => {
            let service = *dice.one(&[443, 80, 8_080]);
            let way = from_anywhere(dice, client, target, service);
            life::unanswered(dice, way, times)
        }
    };
    match outer {
        Some(outer) if flow.l4 == TCP || flow.l4 == UDP => flow.masked_as(outer),
        _ => flow,
    }
}
