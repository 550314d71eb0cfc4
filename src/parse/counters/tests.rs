//! Every source in every form, and what must not be taken for one.

use super::*;
use crate::model::counters::StatCounters;

fn read(dialect: CounterDialect, text: &str) -> Counters {
    assert_eq!(sniff(text.as_bytes(), ""), Some(dialect), "{text}");
    let (counters, _, damaged) = parse(dialect, "", text.as_bytes());
    assert_eq!(damaged, Vec::new(), "{text}");
    counters
}

fn damage(dialect: CounterDialect, text: &str) -> Vec<(BlemishKind, u64)> {
    parse(dialect, "", text.as_bytes()).2.into_iter().map(|(kind, blemish)| (kind, blemish.count)).collect()
}

#[test]
fn settings_are_read_in_every_form_and_era() {
    let text = "kernel.hostname = web8\n\
                net.ipv4.ip_conntrack_max=30611\n\
                net/ipv4/netfilter/ip_conntrack_tcp_timeout_time_wait = 120\n\
                /proc/sys/net/netfilter/nf_conntrack_buckets:8192\n\
                net.netfilter.nf_conntrack_count: 30600\r\n\
                net.ipv4.ip_local_port_range = 32768\t61000\n\
                sysctl: permission denied on key 'net.ipv4.route.flush'\n\
                sysctl: reading key \"net.ipv6.conf.all.stable_secret\"\n\
                error: permission denied on key 'net.ipv4.route.flush'\n\
                net.ipv4.conf.eth0.rp_filter = 1\n\
                net/ipv4/conf/eth0.100/rp_filter = 1\n\
                net.ipv4.conf.all.rp_filter = 0\n\
                vm.swappiness = 60\n\
                kernel.core_pattern =\n";
    let counters = read(CounterDialect::Sysctl, text);
    assert_eq!(counters.setting("max"), Some(("net.ipv4.ip_conntrack_max", 30_611)));
    assert_eq!(counters.setting("tcp_timeout_time_wait").map(|(_, value)| value), Some(120));
    assert_eq!(counters.setting("buckets").map(|(_, value)| value), Some(8_192));
    assert_eq!(counters.counts().collect::<Vec<_>>(), [30_600]);
    let keys: Vec<&str> = counters.sysctl.keys().map(|key| &**key).collect();
    assert_eq!(
        keys,
        [
            "kernel.hostname",
            "net.ipv4.conf.all.rp_filter",
            "net.ipv4.ip_conntrack_max",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait",
            "net.netfilter.nf_conntrack_buckets",
            "net.netfilter.nf_conntrack_count",
        ]
    );
    assert_eq!(counters.sysctl.get("net.ipv4.ip_local_port_range").map(|v| &**v), Some("32768\t61000"));
}

#[test]
fn a_setting_that_is_no_number_is_damage_and_not_zero() {
    let text = "net.netfilter.nf_conntrack_max = lots\nnet.netfilter.nf_conntrack_count =\nnonsense\n";
    let (counters, records, _) = parse(CounterDialect::Sysctl, "", text.as_bytes());
    assert_eq!((counters.setting("max"), counters.counts().next(), records), (None, None, 2));
    assert_eq!(
        damage(CounterDialect::Sysctl, text),
        [(BlemishKind::ImpossibleNumber, 2), (BlemishKind::Unrecognised, 1)]
    );
}

#[test]
fn a_settings_file_says_what_is_meant_to_run_and_not_what_runs() {
    let key = "net.netfilter.nf_conntrack_max";
    for text in [
        "# raised after the outage\nnet.netfilter.nf_conntrack_max = 262144\n",
        "; raised\nnet/netfilter/nf_conntrack_max=262144\n",
        "net.core.somaxconn = 1024\n-net.netfilter.nf_conntrack_max = 262144\n",
    ] {
        let counters = read(CounterDialect::Sysctl, text);
        assert_eq!(
            (counters.setting("max"), counters.configured("max")),
            (None, Some((key, 262_144))),
            "{text}"
        );
    }
    for text in [
        "# sysctl -a on gw1\nnet.netfilter.nf_conntrack_count = 3\nnet.netfilter.nf_conntrack_max = 262144\n",
        "# saved\nkernel.osrelease = 6.18.44\nnet.netfilter.nf_conntrack_max = 262144\n",
        "# saved\n/proc/sys/net/netfilter/nf_conntrack_max:262144\n",
        "net.netfilter.nf_conntrack_max = 262144\n",
    ] {
        let counters = read(CounterDialect::Sysctl, text);
        assert_eq!(
            (counters.setting("max"), counters.configured("max")),
            (Some((key, 262_144)), None),
            "{text}"
        );
    }
}

#[test]
fn settings_are_bounded() {
    let text: String =
        (0..10_000).map(|number| format!("net.a.b{number} = 1")).collect::<Vec<_>>().join("\n");
    let (counters, records, damaged) = parse(CounterDialect::Sysctl, "", text.as_bytes());
    assert_eq!((counters.sysctl.len(), records), (4_096, 10_000));
    assert_eq!(damaged.len(), 1);
}

const STAT_OLD: &str = "entries  searched found new invalid ignore delete delete_list insert insert_failed drop \
                        early_drop icmp_error  expect_new expect_create expect_delete\n";

#[test]
fn old_statistics_are_hexadecimal_and_summed_over_processors() {
    let row = |drop: &str| {
        format!(
            "0000777f  000001f4 0000000a 00000000 00000014 00000000 00000000 00000000 00000003 00000001 {drop} \
                 00000002 00000000  00000000 00000000 00000000\n"
        )
    };
    let counters = read(CounterDialect::Stat, &format!("{STAT_OLD}{}{}", row("0000ffff"), row("00000001")));
    let expected = StatCounters {
        entries: Some(0x777f),
        drop: Some(0x1_0000),
        early_drop: Some(4),
        insert_failed: Some(2),
        chain_too_long: None,
        clash_resolve: None,
        invalid: Some(40),
        found: Some(20),
        search_restart: None,
        insert: Some(6),
        rows: 2,
        first_row_only: false,
    };
    assert_eq!(counters.stat, Some(expected));
}

#[test]
fn statistics_of_6_18_mean_something_else_in_the_same_place() {
    let text = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop \
                icmp_error  expect_new expect_create expect_delete search_restart\n\
                00000010  00000005 00000001 00000000 00000002 00000000 00000000 00000007 00000000 00000009 0000000a \
                0000000b 00000000  00000000 00000000 00000000 0000000c\n";
    let stat = read(CounterDialect::Stat, text).stat.unwrap();
    assert_eq!((stat.clash_resolve, stat.chain_too_long), (Some(5), Some(7)));
    assert_eq!((stat.drop, stat.search_restart), (Some(10), Some(12)));
}

#[test]
fn a_statistic_that_could_not_be_read_is_not_known() {
    let row = "1 2 3 4 5 6 7 8 9 a b c d e f 10\n";
    let cut = format!("{STAT_OLD}{row}1 2 3\n");
    let stat = parse(CounterDialect::Stat, "", cut.as_bytes()).0.stat.unwrap();
    assert_eq!((stat.entries, stat.drop), (Some(1), None));
    assert_eq!(damage(CounterDialect::Stat, &cut), [(BlemishKind::MissingField, 1)]);
    let strange = format!("{STAT_OLD}{row}1 2 3 4 5 6 7 8 9 a +b c d e f 10\n");
    let stat = parse(CounterDialect::Stat, "", strange.as_bytes()).0.stat.unwrap();
    assert_eq!((stat.drop, stat.early_drop), (None, Some(0x18)));
    assert_eq!(damage(CounterDialect::Stat, &strange), [(BlemishKind::ImpossibleNumber, 1)]);
    assert_eq!(parse(CounterDialect::Stat, "", STAT_OLD.as_bytes()).0.stat, None);
}

#[test]
fn slab_caches_of_every_era_are_found() {
    let old = "slabinfo - version: 1.1 (SMP)\n\
               kmem_cache 80 80 244 5 5 1 : 252 126\n\
               ip_conntrack 6537 16620 384 984 1662 1 : 496 124\n";
    let slabs = read(CounterDialect::Slabinfo, old).slabs;
    assert_eq!(slabs.len(), 1);
    assert_eq!((slabs[0].active, slabs[0].total, slabs[0].object_bytes), (6_537, 16_620, 384));
    let new = "slabinfo - version: 2.1\n\
               # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables\n\
               nf_conntrack_ffffffff81b1b780  51 102 320 51 4 : tunables 0 0 0 : slabdata 2 2 0\n\
               nf_conntrack_expect  0 0 240 34 2 : tunables 0 0 0 : slabdata 0 0 0\n\
               dentry 1 2 192 21 1 : tunables 0 0 0 : slabdata 1 1 0\n";
    assert_eq!(read(CounterDialect::Slabinfo, new).slabs.len(), 2);
    let only = "nf_conntrack 51 102 320 51 4 : tunables 0 0 0 : slabdata 2 2 0\n";
    assert_eq!(read(CounterDialect::Slabinfo, only).slabs.len(), 1);
    let vmstat = "Cache                       Num  Total   Size  Pages\nnf_conntrack 51 102 320 51\n";
    assert_eq!(read(CounterDialect::Slabinfo, vmstat).slabs.len(), 1);
    let bad = "slabinfo - version: 2.1\nnf_conntrack many 102 320 51\n";
    assert_eq!(damage(CounterDialect::Slabinfo, bad), [(BlemishKind::ImpossibleNumber, 1)]);
}

#[test]
fn addresses_are_read_with_their_interfaces() {
    let short = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n\
                 2: eth0@if5    inet 192.168.1.38/24 brd 192.168.1.255 scope global eth0\\  valid_lft forever\n\
                 2: eth0    inet6 fe80::1/64 scope link \\       valid_lft forever\n\
                 7: ppp0    inet 10.0.0.1 peer 10.0.0.2/32 scope global ppp0\n";
    let counters = read(CounterDialect::IpAddr, short);
    let found: Vec<(String, &str)> = counters
        .addresses
        .iter()
        .map(|local| (local.address.to_string(), local.interface.as_deref().unwrap()))
        .collect();
    let expected = [("127.0.0.1", "lo"), ("192.168.1.38", "eth0"), ("fe80::1", "eth0"), ("10.0.0.1", "ppp0")];
    assert_eq!(found, expected.map(|(address, name)| (address.to_owned(), name)));
    assert!(counters.addresses_known);

    let long = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN\n    \
                link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n\
                2: eth0: <BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq\n    inet 192.168.1.38/24 scope global eth0\n";
    let names: Vec<_> =
        read(CounterDialect::IpAddr, long).addresses.into_iter().map(|a| a.interface).collect();
    assert_eq!(names, [Some("lo".into()), Some("eth0".into())]);
    assert_eq!(
        damage(CounterDialect::IpAddr, "1: lo    inet x.x.x.x/8 scope\n"),
        [(BlemishKind::BadAddress, 1)]
    );
}

#[test]
fn uname_is_one_line_and_not_the_beginning_of_a_kernel_log() {
    let uname =
        read(CounterDialect::Uname, "Linux web8 2.6.18-274.el5 #1 SMP Fri Jul 8 17:36:59 EDT 2011 x86_64\n");
    assert_eq!(uname.uname.map(|u| (u.host, u.release)), Some(("web8".into(), "2.6.18-274.el5".into())));
    assert!(read(CounterDialect::Uname, "Linux web8 6.18.2\n").uname.is_some());
    assert_eq!(sniff(b"Linux version 2.6.18-274.el5 (mock@builder) (gcc version 4.1.2)\n", "dmesg"), None);
}

#[test]
fn strangers_and_logs_are_not_recognised() {
    for text in [
        "",
        "\n\n",
        "30611\n",
        "Sep 14 09:19:52 web8 kernel: ip_conntrack: table full, dropping packet.\n",
        "<4>nf_conntrack: table full, dropping packet\n",
        "nf_conntrack: table full, dropping packet\n",
        "key = value\nother = value\n",
        "{\"net.a\": 1}\n",
        "2026-09-14T09:19:52 net.ipv4.ip_forward = 1\n",
        "\u{0}\u{0}\u{0}",
    ] {
        assert_eq!(sniff(text.as_bytes(), ""), None, "{text}");
    }
}
