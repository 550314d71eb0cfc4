//! Limits, buckets, and what passes through the tracker that need not.

use crate::draw::{Draw, Share, Whole, part};
use crate::field::unequal;
use crate::flow::{Flags, Flow};
use crate::kernel::{EL7, EL8, V4_15, V5_4, V6_1, V6_18};
use crate::life;
use crate::noise::{self, from_anywhere, to};
use crate::scene::{Moment, Scene, Stat};
use crate::write;

/// C25. A small machine whose limit is what the kernel takes for so little memory; nobody has set one, and what it does is
/// ordinary. An administrator has the memory, the kernel, no settings file, and the table.
pub(crate) fn small_machine(name: &str, seed: u64) -> Scene {
    const MEBIBYTES: Whole = (460, 1_000);
    const CLIENTS: Whole = (15, 60);

    let mut s = Scene::new(name, seed, &[V6_1, V6_18, V5_4, EL8]);
    let memory = if seed == 0 { 960 } else { s.dice.whole(MEBIBYTES) };
    s.memory_mebibytes = Some(memory);
    s.max = s.kernel.default_max(memory);
    s.with_configured = false;
    s.files.insert("meminfo".to_owned(), write::memory(memory));
    s.set("net.ipv4.ip_forward", 1);
    let (outer, net) = (s.dice.public_v4(), s.dice.private_v4());
    s.own("eth0", outer);
    s.own("wg0", net.host(1));
    let number = s.dice.whole(CLIENTS);
    let clients: Vec<_> = (0..number).map(|number| net.host(2 + number)).collect();
    let entries = s.max;
    noise::of_clients(&mut s, &clients, Some(outer), entries);
    s.full(s.max as f64 / 150.0);
    s
}

/// C28. The limit was raised and the buckets were not: chains of twenty, inserts fail below the limit, no line of a full
/// table. An administrator has the settings, the counters of two moments, and a table of honest demand.
pub(crate) fn few_buckets(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 400_000;
    const ENTRIES_OF_A_BUCKET: Share = (19.0, 26.0);
    const USED: Share = (0.4, 0.7);
    const FAILED: Whole = (3_000, 90_000);
    const RESTARTS: Whole = (50_000, 900_000);
    const CLIENTS: u64 = 1_500;

    let mut s = Scene::new(name, seed, &[V6_1, V6_18]);
    let entries = s.size(ENTRIES);
    let (each, used) = (s.dice.share(ENTRIES_OF_A_BUCKET), s.dice.share(USED));
    s.buckets = Some(part(entries, 1.0 / each));
    s.max = part(entries, 1.0 / used);
    s.with_configured = true;
    s.set("net.ipv4.ip_forward", 1);
    let (outer, net) = (s.dice.public_v4(), s.dice.private_v4());
    s.own("eth0", outer);
    s.own("eth1", net.host(1));
    let clients: Vec<_> = (0..CLIENTS).map(|number| net.host(10 + number)).collect();
    let clients = unequal(&clients);
    noise::of_clients(&mut s, &clients, Some(outer), entries);
    let before = Stat { chain_too_long: 40_000, insert_failed: 40_900, drop: 41_000, ..s.stat };
    let failed = s.dice.whole(FAILED);
    s.stat_before = Some(before);
    s.stat = Stat {
        chain_too_long: before.chain_too_long + failed,
        insert_failed: before.insert_failed + failed,
        drop: before.drop + failed,
        search_restart: s.dice.whole(RESTARTS),
        ..before
    };
    s
}

/// Before 5.12 a privileged container that sets the limit sets the host's. An administrator has the settings of before and
/// of now, the host's own settings file, and the kernel's lines of a container that came up in between.
pub(crate) fn lowered(name: &str, seed: u64) -> Scene {
    const LOWERED_TO: u64 = 131_072;
    const WAS_TIMES: Whole = (4, 8);
    const CAME_UP_SECONDS_AGO: Whole = (15, 200);
    const CLIENTS: u64 = 900;

    let mut s = Scene::new(name, seed, &[EL7, EL8, V4_15, V5_4]);
    s.by_hand = false;
    s.max = s.size(LOWERED_TO);
    s.with_configured = false;
    let was = s.max * s.dice.whole(WAS_TIMES);
    s.set("net.ipv4.ip_forward", 1);
    let (outer, net) = (s.dice.public_v4(), s.dice.private_v4());
    s.own("eth0", outer);
    s.own("eth1", net.host(1));
    s.own("docker0", "172.17.0.1".parse().unwrap());
    let clients: Vec<_> = (0..CLIENTS.min(s.max / 8)).map(|number| net.host(10 + number)).collect();
    let clients = unequal(&clients);
    let entries = s.max;
    noise::of_clients(&mut s, &clients, Some(outer), entries);
    s.files.insert(
        "sysctl.d/50-gateway.conf".to_owned(),
        format!("# this gateway's table\nnet.netfilter.nf_conntrack_max = {was}\n"),
    );
    let count = part(s.max, 0.97);
    let files = [(
        "sysctl".to_owned(),
        format!(
            "net.netfilter.nf_conntrack_buckets = {}\nnet.netfilter.nf_conntrack_count = {count}\nnet.netfilter.nf_conntrack_max = {was}\nnet.nf_conntrack_max = {was}\n",
            was / s.kernel.per_bucket
        ),
    )]
    .into();
    let ago = s.dice.whole(CAME_UP_SECONDS_AGO) as f64;
    s.moments.push(Moment { role: "before", at: -3_600, files });
    s.says(-ago, "kernel", "docker0: port 3(veth1a2b3c4) entered blocking state");
    s.says(-ago + 0.4, "kernel", "docker0: port 3(veth1a2b3c4) entered forwarding state");
    s.says(
        -ago + 0.1,
        "dockerd[1190]",
        "level=info msg=\"loading plugin\" type=io.containerd.runtime.v2.task",
    );
    s.buckets = Some(was / s.kernel.per_bucket);
    s.full(s.max as f64 / 150.0);
    s
}

/// C30, the bridge: frames that only pass a bridge are tracked, because `br_netfilter` is loaded (Docker does it). An
/// administrator has the setting, the kernel's line, the modules, and a table of others' connections, none of them
/// translated, within one network too.
pub(crate) fn bridge(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 65_536;
    const SHARE: Share = (0.88, 0.96);
    const WITHIN: Share = (0.3, 0.6);
    const GUESTS: u64 = 90;

    let mut s = Scene::new(name, seed, &[EL7, V4_15, V5_4, V6_1]);
    s.max = s.size(ENTRIES);
    let net = s.dice.private_v4();
    let own = net.host(250);
    s.own("br0", own);
    s.set("net.bridge.bridge-nf-call-iptables", 1);
    s.set("net.bridge.bridge-nf-call-ip6tables", 1);
    s.set("net.ipv4.ip_forward", 0);
    let (share, within) = (s.dice.share(SHARE), s.dice.share(WITHIN));
    let guests: Vec<_> = (1..=GUESTS).map(|number| net.host(number)).collect();
    let times = s.times;
    let bridged = part(s.max, share);
    s.fill(part(bridged, within), |dice| {
        let (from, target) = (*dice.one(&guests), *dice.one(&guests));
        let service = *dice.one(&[3_306, 443, 9_200, 22, 6_379, 8_080]);
        let way = to(dice, from, target, service);
        life::short_connection(dice, way, 120.0, &times)
    });
    let rest = bridged - s.flows.len() as u64;
    s.fill(rest, |dice| noise::client_flow(dice, &guests, None, &times));
    let rest = s.max - bridged;
    noise::of_host(&mut s, own, rest);
    s.files.insert(
        "lsmod".to_owned(),
        "Module                  Size  Used by\nbr_netfilter           32768  0\nbridge                307200  1 br_netfilter\nnf_conntrack          172032  2 nf_nat,xt_conntrack\n".to_owned(),
    );
    s.says(-890.0, "kernel", "Bridge firewalling registered");
    s.full(s.max as f64 / 120.0);
    s
}

/// For other cases: a table of nothing in particular, far from full.
pub(crate) fn quiet(s: &mut Scene, own: std::net::IpAddr, entries: u64) {
    let times = s.times;
    let visitors: Vec<_> = (0..300).map(|_| noise::stranger(&mut s.dice, own)).collect();
    s.fill(entries * 6 / 10, |dice| {
        let visitor = *dice.one(&visitors);
        let way = from_anywhere(dice, visitor, own, 443);
        life::short_connection(dice, way, 90.0, &times)
    });
    let rest = entries - entries * 6 / 10;
    noise::of_host(s, own, rest);
}

/// An answered datagram of no particular service, with a timeout of so many seconds.
pub(crate) fn datagram(dice: &mut crate::limiter::Dice, from: std::net::IpAddr, timeout: u64) -> Flow {
    let target = noise::stranger(dice, from);
    let service = *dice.one(&[443, 123, 3_478, 5_060, 1_194, 4_500]);
    let way = from_anywhere(dice, from, target, service);
    Flow::udp(way, life::flat(dice, timeout), Flags::Replied)
}
