//! Entries that stay.

use crate::draw::{Draw, Share, Whole, part, port};
use crate::flow::{ESP, Flags, Flow, GRE, SCTP, Way};
use crate::kernel::{EL7, EL8, V4_15, V5_4, V6_1};
use crate::life;
use crate::noise::{self, from_anywhere, to};
use crate::scene::Scene;

/// C22. Connections that are closed and whose last packets never come: peers of one carrier, behind something that eats
/// FIN and RST. An administrator has the table: FIN_WAIT and LAST_ACK, assured, to one service.
pub(crate) fn hung_closing(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 32_768;
    const FIN_WAIT: Share = (0.60, 0.78);
    const LAST_ACK: Share = (0.08, 0.14);
    const PEERS: Whole = (300, 4_000);

    let mut s = Scene::new(name, seed, &[EL7, V4_15, EL8, V5_4]);
    s.max = s.size(ENTRIES);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let service = *s.dice.one(&[30_303, 9_001, 443]);
    let carrier = match s.dice.public_v4() {
        std::net::IpAddr::V4(v4) => v4.to_bits() & 0xffff_0000,
        std::net::IpAddr::V6(_) => 0,
    };
    let peers = s.dice.whole(PEERS);
    let (fin_wait, last_ack) = (s.dice.share(FIN_WAIT), s.dice.share(LAST_ACK));
    let times = s.times;
    let way = move |dice: &mut crate::limiter::Dice| {
        let number = u32::try_from(dice.whole((1, peers)) * 13).unwrap();
        let peer = std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(carrier + number % 65_000));
        from_anywhere(dice, peer, own, service)
    };
    s.fill(part(s.max, fin_wait), |dice| {
        let way = way(dice);
        Flow::tcp(way, "FIN_WAIT", life::flat(dice, times.fin_wait), Flags::Assured)
    });
    s.fill(part(s.max, last_ack), |dice| {
        let way = way(dice);
        Flow::tcp(way, "LAST_ACK", life::flat(dice, 30), Flags::Assured)
    });
    let rest = (s.max - s.flows.len() as u64) / 2;
    s.fill(rest, |dice| {
        let way = way(dice);
        life::short_connection(dice, way, 200.0, &times)
    });
    let rest = s.max - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s.full(s.max as f64 * fin_wait / 120.0);
    s
}

/// C23. Neither TCP nor UDP: associations of SCTP that were shut down over another path and stay five days, calls of PPTP
/// over GRE, tunnels of a protocol without a tracker. An administrator has the table with its column of protocols.
pub(crate) fn other_protocol(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 16_384;
    const SHARE: Share = (0.65, 0.88);
    const FIVE_DAYS: u64 = 432_000;
    const IDLE: Whole = (3_600, 400_000);
    const GRE_STREAM_SECONDS: u64 = 180;

    let mut s = Scene::new(name, seed, &[EL7, V4_15]);
    s.max = s.size(ENTRIES);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let near = s.dice.private_v4();
    s.own("eth1", near.host(1));
    let share = s.dice.share(SHARE);
    let kind = if seed == 0 { SCTP } else { *s.dice.one(&[SCTP, SCTP, GRE, ESP]) };
    if kind == SCTP {
        s.set("net.netfilter.nf_conntrack_sctp_timeout_established", FIVE_DAYS);
    }
    let many = part(s.max, share);
    let peers: Vec<_> = (0..many / 12 + 30).map(|_| s.dice.public_v4()).collect();
    s.fill(many, |dice| {
        let peer = if kind == ESP { dice.public_v4() } else { *dice.one(&peers) };
        let way = Way {
            source: peer,
            sport: port(dice.whole((1_024, 65_535))),
            target: if kind == SCTP { near.host(1) } else { own },
            dport: if kind == SCTP { 3_868 } else { port(dice.whole((1, 65_535))) },
        };
        let mut flow = Flow::new(kind, way);
        flow.flags = Flags::Assured;
        flow.volume = [(40, 4_000), (38, 3_900)];
        match kind {
            SCTP => {
                flow.state = Some("ESTABLISHED");
                flow.remaining = life::idle(dice, FIVE_DAYS, IDLE);
            }
            GRE => flow.remaining = life::fresh(dice, GRE_STREAM_SECONDS, 30.0),
            _ => {
                flow.flags = Flags::Replied;
                flow.original.sport = 0;
                flow.original.dport = 0;
                flow.reply = flow.original.back();
                flow.remaining = life::fresh(dice, life::GENERIC_SECONDS, 90.0);
            }
        }
        flow
    });
    let rest = s.max - many;
    noise::of_host(&mut s, own, rest);
    s.full(200.0);
    s
}

/// Flows handed to a flowtable cannot be evicted before the kernels of 2024, and have no timeout of their own: a router
/// whose offloaded UDP pins its table. An administrator has the table (`[OFFLOAD]` instead of `[ASSURED]`) and the rules.
pub(crate) fn offloaded(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const SHARE: Share = (0.82, 0.95);
    const UDP: Share = (0.6, 0.95);
    const CLIENTS: Whole = (3, 300);

    let mut s = Scene::new(name, seed, &[V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    let (lan, outer) = (s.dice.private_v4(), s.dice.public_v4());
    s.own("br-lan", lan.host(254));
    s.own("wan", outer);
    s.set("net.ipv4.ip_forward", 1);
    let (share, udp) = (s.dice.share(SHARE), s.dice.share(UDP));
    let number = s.dice.whole(CLIENTS);
    let clients: Vec<_> = (1..=number).map(|number| lan.host(number)).collect();
    let flags = if s.dice.chance(0.7) { Flags::Offload } else { Flags::HwOffload };
    s.fill(part(s.max, share), |dice| {
        let client = *dice.one(&clients);
        let target = dice.public_v4();
        let way = from_anywhere(dice, client, target, 443);
        let flow =
            if dice.chance(udp) { Flow::udp(way, 0, flags) } else { Flow::tcp(way, "ESTABLISHED", 0, flags) };
        flow.masked_as(outer)
    });
    let rest = s.max - s.flows.len() as u64;
    noise::of_clients(&mut s, &clients, Some(outer), rest);
    s.by_tool = false;
    s.files.insert(
        "nft-ruleset".to_owned(),
        "table inet fw {\n\tflowtable ft {\n\t\thook ingress priority filter\n\t\tdevices = { br-lan, wan }\n\t}\n\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tmeta l4proto { tcp, udp } flow add @ft\n\t\tct state established,related accept\n\t\tiifname \"br-lan\" accept\n\t}\n\n\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n\t\toifname \"wan\" masquerade\n\t}\n}\n".to_owned(),
    );
    s.full(s.max as f64 / 120.0);
    s
}

/// The other router of a pair failed, and this one committed its entries beside its own: keepalived and conntrackd say so,
/// `insert` counts them (else it is nil on these kernels), and all that no packet has touched since have the same time left.
pub(crate) fn failover(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 131_072;
    const COMMITTED: Share = (0.50, 0.65);
    /// Of the committed, those whose connection has gone on.
    const WENT_ON: Share = (0.05, 0.2);
    const COMMIT_TIMEOUT_SECONDS: u64 = 180;
    const AGO_SECONDS: Whole = (15, 90);
    const CLIENTS: u64 = 1_500;

    let mut s = Scene::new(name, seed, &[EL8, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    s.set("net.ipv4.ip_forward", 1);
    let (lan, outer) = (s.dice.private_v4(), s.dice.public_v4());
    s.own("eth0", outer);
    s.own("eth1", lan.host(2_000));
    let (committed, went_on) = (s.dice.share(COMMITTED), s.dice.share(WENT_ON));
    let ago = s.dice.whole(AGO_SECONDS);
    let times = s.times;
    let clients: Vec<_> = (1..=CLIENTS).map(|number| lan.host(number)).collect();
    let injected = part(s.max, committed);
    s.fill(injected, |dice| {
        let client = *dice.one(&clients);
        let target = dice.public_v4();
        let way = to(dice, client, target, 443);
        let left = if dice.chance(went_on) {
            life::idle(dice, times.established, (1, ago.max(2)))
        } else {
            COMMIT_TIMEOUT_SECONDS - ago
        };
        Flow::tcp(way, "ESTABLISHED", left, Flags::Assured).masked_as(outer)
    });
    let rest = s.max - injected;
    noise::of_clients(&mut s, &clients, Some(outer), rest);
    s.stat.insert = injected + s.dice.whole((10, 2_000));
    let at = s.taken as f64 - ago as f64;
    s.says(at - 1.2, "Keepalived_vrrp[1022]", "(VI_1) Entering MASTER STATE");
    s.says(at, "conntrackd[988]", format!("Committed {injected} new entries"));
    s.full(s.max as f64 / 150.0);
    s
}
