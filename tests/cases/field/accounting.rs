//! What is counted, and where.

use std::collections::BTreeMap;

use crate::draw::{Draw, Net, Share, Whole, part};
use crate::flow::{Flags, Flow};
use crate::kernel::{EL7, MODERN, V4_15, V5_4};
use crate::life;
use crate::noise::{self, to};
use crate::scene::{Moment, Scene};

/// The alert reads 0 while the node is full: a monitoring pod without the host's network sees a count of 0 of 524,288 and
/// says OK; the host's dmesg says table full.
pub(crate) fn wrong_namespace(name: &str, seed: u64) -> Scene {
    const LIMIT: u64 = 524_288;
    const LIMITS: [u64; 4] = [131_072, 262_144, 524_288, 1_048_576];
    /// Where the slab list is readable, it is that of all namespaces.
    const WITH_SLABINFO: f64 = 0.5;

    let mut s = Scene::new(name, seed, &MODERN);
    s.max = if seed == 0 { LIMIT } else { *s.dice.one(&LIMITS) };
    s.count = Some(0);
    s.namespace = "unknown";
    let pod = s.dice.private_v4().host(17);
    s.own("eth0@if23", pod);
    s.without = ["table", "uname", "stat_nf_conntrack", "sysctl.d/90-conntrack.conf", "slabinfo"].into();
    if s.dice.chance(WITH_SLABINFO) {
        s.without.remove("slabinfo");
        let (active, prefix) = (
            s.max + 211,
            "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n",
        );
        let row = format!(
            "nf_conntrack {active} {} 256 16 1 : tunables 0 0 0 : slabdata {} {} 0\n",
            active + 9,
            active / 16,
            active / 16
        );
        s.files.insert("slabinfo".to_owned(), format!("{prefix}{row}"));
    }
    let rate = s.dice.share((5.0, 60.0));
    s.drops(rate);
    s
}

/// The same flow in several zones of OVN: udp 10.199.100.10 to 172.31.6.24:80 in zone 6 and, translated to
/// 123.123.123.123, in zone 16; 10,000 entries for 5,000 flows of a test.
pub(crate) fn two_zones(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 10_000;
    const SHARE: Share = (0.95, 0.99);
    const USED: Share = (0.95, 1.0);
    /// Of other networks the same with more than one client.
    const CLIENTS: Whole = (1, 40);

    let mut s = Scene::new(name, seed, &MODERN);
    let entries = s.size(ENTRIES);
    let (share, used) = (s.dice.share(SHARE), s.dice.share(USED));
    s.max = part(entries, 1.0 / used);
    let net = s.dice.private_v4();
    let (server, outer) = (s.dice.private_v4().host(24), s.dice.public_v4());
    let own = s.dice.private_v4().host(3);
    s.own("br-ex", own);
    let clients = if seed == 0 { 1 } else { s.dice.whole(CLIENTS) };
    let zones = (6, 16);
    let flags = *s.dice.one(&[Flags::Unreplied, Flags::Replied]);
    let times = s.times;
    let flows = part(entries, share) / 2;
    for _ in 0..flows {
        loop {
            let client = net.host(s.dice.whole((10, 9 + clients)));
            let way = to(&mut s.dice, client, server, 80);
            let left = life::flat(&mut s.dice, times.udp);
            if s.add(Flow::udp(way, left, flags).in_zone(zones.0)) {
                s.add(Flow::udp(way, left, flags).in_zone(zones.1).masked_as(outer));
                break;
            }
        }
    }
    let rest = entries - s.flows.len() as u64;
    noise::of_host(&mut s, own, rest);
    s.files.insert(
        "lsmod".to_owned(),
        "Module                  Size  Used by\nopenvswitch           192512  6\nnsh                    16384  1 openvswitch\nnf_conntrack          172032  3 openvswitch,nf_nat,nf_conncount\n".to_owned(),
    );
    s
}

/// `/proc/modules`.
const MODULES: &str = "pf_ring 745472 4 - Live 0xffffffffc0a3b000 (OE)
xt_conntrack 12760 3 - Live 0xffffffffc08f1000
nf_conntrack 139264 2 xt_conntrack,nf_conntrack_ipv4, Live 0xffffffffc08c2000
";

/// Count 263, list 4, and climbing: later 284 and 21, 273 and 4; it grows to the limit, then the server is unreachable;
/// pf_ring is loaded.
pub(crate) fn count_without_entries(name: &str, seed: u64) -> Scene {
    const COUNTS: [(i64, u64); 3] = [(263, 4), (284, 21), (273, 4)];
    const LIMIT: u64 = 65_536;
    const LISTED: Whole = (4, 21);

    let mut s = Scene::new(name, seed, &[EL7, V4_15, V5_4]);
    s.by_hand = false;
    s.max = LIMIT;
    let own = s.lan(0.0).host(9);
    s.own("eth0", own);
    let full = seed > 0;
    let mut counts = COUNTS;
    if full {
        // Weeks later: it has come to the limit.
        let limit = i64::try_from(LIMIT).unwrap();
        let climb = [0.6, 0.8, 1.0].map(|share| part(LIMIT, share));
        for (at, (count, listed)) in counts.iter_mut().enumerate() {
            *count = i64::try_from(climb[at]).unwrap().min(limit);
            *listed = s.dice.whole(LISTED);
        }
    }
    for (at, (count, listed)) in counts.iter().enumerate() {
        s.flows.clear();
        noise::of_host(&mut s, own, *listed);
        s.count = Some(*count);
        if at < 2 {
            let mut then = s.clone();
            then.by_tool = false;
            let mut files = BTreeMap::new();
            files.insert("nf_conntrack".to_owned(), crate::write::table(&then));
            files.insert(
                "sysctl".to_owned(),
                format!(
                    "net.netfilter.nf_conntrack_count = {count}\nnet.netfilter.nf_conntrack_max = {LIMIT}\n"
                ),
            );
            let ago = -(1 - i64::try_from(at).unwrap()) * 400_000 - 90_000;
            s.moments.push(Moment { role: "before", at: ago, files });
        }
    }
    // Counted again when the list had been read.
    s.files.insert("conntrack-C".to_owned(), format!("{}\n", counts[2].0));
    s.files.insert("proc-modules".to_owned(), MODULES.to_owned());
    s.without = ["lsmod", "slabinfo"].into();
    if full {
        let rate = s.dice.share((2.0, 20.0));
        s.drops(rate);
    }
    s
}

/// 1,959 entries, limit 524,288, still `table full`: `conntrack -L` and the limit, posted some time later; the kernel's own
/// count is not known, nor the other namespaces. Nobody found out. The right verdict is that the evidence does not do.
pub(crate) fn two_thousand_entries(name: &str, seed: u64) -> Scene {
    const ENTRIES: u64 = 1_959;
    const OTHERS: Whole = (700, 4_000);
    const LIMIT: u64 = 524_288;
    const HOURS_LATER: Whole = (1, 30);

    let mut s = Scene::new(name, seed, &[V5_4]);
    s.kernel.release = "5.4.0-1030-raspi";
    s.by_hand = true;
    s.by_tool = true;
    s.max = LIMIT;
    s.taken = i64::try_from(s.dice.whole(HOURS_LATER) * 3_600).unwrap();
    let entries = if seed == 0 { ENTRIES } else { s.dice.whole(OTHERS) };
    let lan = if seed == 0 { Net("192.168.1.0".parse().unwrap()) } else { s.dice.private_v4() };
    let own = lan.host(4);
    s.own("eth0", own);
    let clients: Vec<_> = (4..12).map(|number| lan.host(number)).collect();
    noise::of_clients(&mut s, &clients, None, entries);
    s.files.insert("sysctl".to_owned(), format!("net.netfilter.nf_conntrack_max = {LIMIT}\n"));
    s.without = ["slabinfo", "stat_nf_conntrack", "sockstat", "meminfo", "sysctl.d/90-conntrack.conf"].into();
    let rate = s.dice.share((2.0, 30.0));
    s.drops(rate);
    s
}
