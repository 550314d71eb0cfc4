//! Where count and list part.

use std::fmt::Write as _;

use crate::draw::{Draw, Share, Whole, part};
use crate::flow::Look;
use crate::kernel::{EL7, Kernel, Names, V4_15, V5_4, V6_1, V6_18};
use crate::noise;
use crate::scene::Scene;

use super::limits::{datagram, quiet};

/// A release candidate that freed templates into the wrong cache: 4.2-rc.
const V4_2_RC: Kernel =
    Kernel { release: "4.2.0-rc6", build: "#1 SMP Mon Aug 10 08:22:11 UTC 2015 x86_64 GNU/Linux", ..EL7 };

/// C34. `table full` within seconds of a boot, with next to no traffic: the count has gone below zero. An administrator has
/// the kernel's log from its first line on, the uptime, the count (a negative number), and a handful of entries.
pub(crate) fn wrapped(name: &str, seed: u64) -> Scene {
    const BELOW_ZERO: Whole = (1, 40);
    const ENTRIES: Whole = (3, 60);
    const BOOTED_SECONDS_BEFORE: Share = (6.0, 25.0);

    let mut s = Scene::new(name, seed, &[V4_2_RC]);
    s.by_hand = false;
    s.max = 262_144;
    s.log_seconds = 25;
    s.taken = 15;
    let own = s.dice.private_v4().host(12);
    s.own("eth0", own);
    let entries = s.dice.whole(ENTRIES);
    noise::of_host(&mut s, own, entries);
    s.count = Some(-i64::try_from(s.dice.whole(BELOW_ZERO)).unwrap());
    let booted = s.dice.share(BOOTED_SECONDS_BEFORE);
    s.uptime_seconds = crate::draw::floor(booted) + 15;
    s.files.insert("uptime".to_owned(), format!("{}.12 {}.48\n", s.uptime_seconds, s.uptime_seconds * 3));
    s.without = ["slabinfo"].into();
    s.says(-booted, "kernel", "Linux version 4.2.0-rc6 (root@build) (gcc version 5.2.1 20150808 (Debian 5.2.1-15) ) #1 SMP Mon Aug 10 08:22:11 UTC 2015");
    s.says(-booted + 1.1, "kernel", "nf_conntrack version 0.5.0 (65536 buckets, 262144 max)");
    let rate = s.dice.share((1.0, 8.0));
    s.drops(rate);
    s
}

/// A reliable listener of events (`conntrackd` with `NetlinkEventsReliable`) that does not keep up holds destroyed entries:
/// they count and are not listed, but stand in the list of the dying. An administrator has both lists, the count taken
/// after them, and conntrackd's complaint.
pub(crate) fn listener(name: &str, seed: u64) -> Scene {
    const COUNT: u64 = 65_536;
    const LISTED: Share = (0.08, 0.3);

    let mut s = Scene::new(name, seed, &[EL7, V4_15, V5_4, V6_1]);
    s.max = s.size(COUNT);
    s.count = Some(i64::try_from(s.max).unwrap());
    let own = s.dice.public_v4();
    s.own("eth0", own);
    s.set("net.netfilter.nf_conntrack_events", 1);
    let listed = s.dice.share(LISTED);
    let listed = part(s.max, listed);
    let mut all = s.clone();
    let whole = s.max;
    quiet(&mut all, own, whole);
    let dying = all.flows.split_off(crate::draw::place(listed));
    for flow in all.flows {
        s.add(flow);
    }
    let look = Look { names: Names::Plain, layer3: false, accounts: false };
    let mut text = String::new();
    for flow in &dying {
        flow.print(look, &mut text);
    }
    let _ =
        writeln!(text, "conntrack v1.4.6 (conntrack-tools): {} flow entries have been shown.", dying.len());
    s.files.insert("conntrack-L-dying".to_owned(), text);
    s.files.insert("conntrack-C".to_owned(), format!("{}\n", s.max));
    for number in 0..5 {
        s.says(
            f64::from(number) * 11.0 - 40.0,
            "conntrackd[988]",
            "[WARNING] maximum netlink socket buffer size has been reached. We are likely to be losing events, this may lead to unsynchronized replicas. Please, consider increasing netlink socket buffer size via SocketBufferSizeMaxGrown",
        );
    }
    let rate = s.dice.share((5.0, 60.0));
    s.drops(rate);
    s
}

/// Expired entries count until the collector comes, up to a minute later: with a timeout of 10 s most of the count is dead.
/// An administrator has the count before the list was read, the list, and the count after it, which reading has brought down.
pub(crate) fn not_yet_collected(name: &str, seed: u64) -> Scene {
    const LISTED: u64 = 30_000;
    const COUNTED_OF_LISTED: Share = (1.35, 2.6);
    const TIMEOUT: Whole = (8, 15);
    const USED: Share = (0.4, 0.7);

    let mut s = Scene::new(name, seed, &[V5_4, V6_1, V6_18]);
    let listed = s.size(LISTED);
    let (more, used) = (s.dice.share(COUNTED_OF_LISTED), s.dice.share(USED));
    let count = part(listed, more);
    s.max = part(count, 1.0 / used);
    s.count = Some(i64::try_from(count).unwrap());
    s.times.udp = s.dice.whole(TIMEOUT);
    let own = s.dice.public_v4();
    s.own("eth0", own);
    let net = s.dice.private_v4();
    s.own("eth1", net.host(1));
    s.set("net.ipv4.ip_forward", 1);
    let timeout = s.times.udp;
    s.fill(part(listed, 0.85), |dice| {
        let client = net.host(dice.whole((10, 240)));
        datagram(dice, client, timeout).masked_as(own)
    });
    let rest = listed - s.flows.len() as u64;
    let clients: Vec<_> = (10..240).map(|number| net.host(number)).collect();
    noise::of_clients(&mut s, &clients, Some(own), rest);
    s.files.insert("conntrack-C".to_owned(), format!("{}\n", listed + listed / 500));
    s
}
