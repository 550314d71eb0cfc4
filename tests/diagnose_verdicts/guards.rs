//! What is never proposed on a host that it would hurt, each test named by what it forbids; and the three methods that
//! everybody tries, each in its place.

use conntriage::model::diagnosis::{Body, Remedy};
use conntriage::model::flow::State;
use conntriage::model::machine::Module;
use conntriage::model::report::Snapshot;
use conntriage::model::rules::Rules;
use conntriage::model::signal::{RelatedKind, Wording};

use crate::cases::{flood, gateway, leak, limits};
use crate::table::{Group, tcp};
use crate::web8;
use crate::world::{around, incident, lines, of_incident, of_table, released, snapshot, words};

fn judged(table: Snapshot) -> Body {
    of_incident(incident(Wording::NfDoubled, 402), vec![table])
}

fn remedy<'b>(body: &'b Body, id: &str) -> &'b Remedy {
    let ids: Vec<&str> = body.remedies.iter().map(|remedy| remedy.id).collect();
    body.remedies.iter().find(|remedy| remedy.id == id).unwrap_or_else(|| panic!("{id} of {ids:?}"))
}

fn command_lines(remedy: &Remedy) -> Vec<&str> {
    remedy.commands.iter().map(|command| command.line.as_str()).collect()
}

fn useless(body: &Body, id: &str) -> Option<String> {
    body.will_not_help.iter().find(|useless| useless.id == id).map(|useless| words(&useless.reason))
}

fn side_effects(remedy: &Remedy) -> String {
    remedy.side_effects.iter().map(words).collect::<Vec<_>>().join(" | ")
}

/// A host that churns towards one peer.
fn churn(source: &str, peer: &str) -> Snapshot {
    let mut table =
        snapshot(&[tcp(source, (peer, 8080), State::TimeWait, 9_000, (0, 119))], limits(9_000, 9_000, 2_250));
    table.counters.addresses[0].address = source.parse().unwrap();
    table
}

fn listed(mut table: Snapshot, from: &'static str) -> Snapshot {
    table.counters.rules = Some(Rules { from: vec![from], rules: 9, states: 2, ..Rules::default() });
    table
}

#[test]
fn rules_are_spelled_in_the_language_of_the_host_and_in_both_where_it_is_not_known() {
    let table = || churn("192.0.2.10", "192.0.2.40");
    let spoken = |table| {
        let body = judged(table);
        let all = lines(&body);
        let speaks =
            |tool: &str| all.iter().any(|line| line.starts_with(tool) && line.contains("192.0.2.40"));
        (speaks("iptables "), speaks("nft "))
    };
    assert_eq!(spoken(table()), (true, true));
    assert_eq!(spoken(listed(table(), "nft")), (false, true));
    assert_eq!(spoken(listed(table(), "iptables")), (true, false));
    let mut old = table();
    old.counters = released(old.counters, "3.10.0-1160.el7");
    assert_eq!(spoken(old), (true, false), "of the age of iptables");
}

#[test]
fn never_untracked_in_one_direction_or_before_errors_about_size_pass() {
    for (table, too_big) in [
        (listed(churn("192.0.2.10", "192.0.2.40"), "nft"), "frag-needed"),
        (listed(churn("2001:db8::10", "2001:db8::40"), "nft"), "packet-too-big"),
        (listed(churn("192.0.2.10", "192.0.2.40"), "iptables"), "fragmentation-needed"),
        (listed(churn("2001:db8::10", "2001:db8::40"), "iptables"), "packet-too-big"),
    ] {
        let body = judged(table);
        let lines = command_lines(remedy(&body, "notrack"));
        assert!(lines[0].contains(too_big) && lines[0].to_lowercase().contains("input"), "{lines:?}");
        let untracks = |line: &&&str| line.contains("notrack") || line.contains("NOTRACK");
        assert_eq!(lines.iter().filter(untracks).count(), 2, "{lines:?}");
        let back = lines
            .iter()
            .find(|line| line.contains("sport") && line.to_lowercase().contains("accept"))
            .unwrap();
        assert!(back.contains("! --syn") || back.contains("!= syn"), "{back}");
        assert!(lines.last().unwrap().starts_with("conntrack "), "{lines:?}");
    }
}

#[test]
fn never_loopback_out_of_tracking() {
    for (source, peer) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("10.0.3.10", "10.0.3.10")] {
        let mut table = churn(source, peer);
        // The host's other address stays its own.
        table.counters.addresses[1].address = peer.parse().unwrap();
        let body = judged(table);
        assert!(body.remedies.iter().all(|remedy| remedy.id != "notrack"), "{source}");
        let said = useless(&body, "notrack").unwrap();
        assert!(said.contains("unix socket"), "{said}");
    }
}

#[test]
fn never_pickup_off_where_connections_lose_their_entries() {
    let loose = |kinds: &[RelatedKind], reversed: u64| {
        let mut flooded = incident(Wording::NfDoubled, 80);
        flooded.around.extend(kinds.iter().map(|kind| around(*kind)));
        let mut table = flood();
        table.census.as_mut().unwrap().who.reversed = reversed;
        let body = of_incident(flooded, vec![table]);
        assert_eq!(body.verdict.cause.0, "syn-flood");
        let loose = lines(&body).iter().any(|line| line.contains("tcp_loose=0"));
        assert_eq!(useless(&body, "synproxy").is_none(), loose, "and the reason is given");
        loose
    };
    assert!(loose(&[], 0));
    assert!(!loose(&[RelatedKind::Failover], 0));
    assert!(!loose(&[RelatedKind::EntriesInjected], 0));
    assert!(!loose(&[RelatedKind::LinkChanged], 0));
    assert!(!loose(&[RelatedKind::Capacity], 0), "the tracker was loaded anew");
    assert!(!loose(&[], 1_000), "one direction is seen");
}

#[test]
fn never_a_deletion_by_the_address_of_a_translated_service() {
    let groups: Vec<Group> = (0..40u32)
        .map(|n| {
            let client = format!("192.0.2.{}", n + 1);
            let left = 10_000 + n * 1_300;
            let group = tcp(&client, ("203.0.113.10", 443), State::Established, 400, (left, left));
            Group { destination_nat: true, ..group }
        })
        .collect();
    let body = judged(snapshot(&groups, limits(16_000, 16_000, 4_096)));
    assert!(
        lines(&body).iter().all(|line| !line.contains("-D -p tcp --state ESTABLISHED")),
        "{:?}",
        lines(&body)
    );
    let said = useless(&body, "delete-by-service-address").unwrap();
    assert!(said.contains("-r SERVER"), "{said}");
    assert_eq!(useless(&judged(leak()), "delete-by-service-address"), None, "nothing is translated there");
}

#[test]
fn never_hashsize_as_if_it_always_took_effect() {
    let mut table = gateway();
    table.counters = released(table.counters, "5.10.0");
    let body = judged(table.clone());
    let later = remedy(&body, "more-buckets");
    assert!(
        side_effects(later).contains("built into the kernel")
            && side_effects(later).contains("initial ramdisk")
    );
    assert!(words(&later.title).starts_with("after the incident"));
    // A list of modules without the tracker: it is part of the kernel.
    table.counters.machine.modules =
        Some(vec![Module { name: "ext4".into(), bytes: 1, users: Some(0), foreign: false }]);
    let body = judged(table);
    let later = remedy(&body, "more-buckets");
    assert_eq!(command_lines(later), ["nf_conntrack.hashsize=16384"]);
    assert!(later.commands[0].place.contains("command line"));
    let limit = command_lines(remedy(&body, "raise-limit"));
    assert!(!limit.iter().any(|line| *line == "nf_conntrack" || line.contains("modules-load")), "{limit:?}");
    // The old way to keep a limit says it, too.
    let old = side_effects(remedy(
        &of_incident(incident(Wording::IpPeriod, 2), vec![web8::table()]),
        "raise-limit",
    ));
    assert!(old.contains("initial ramdisk"), "{old}");
}

#[test]
fn a_limit_is_kept_by_whoever_sets_it() {
    let limit = |change: fn(&mut Snapshot)| {
        let mut table = gateway();
        change(&mut table);
        let body = judged(table);
        let remedy = remedy(&body, "raise-limit").clone();
        remedy.commands.iter().map(|c| format!("{}: {}", c.place, c.line)).collect::<Vec<_>>().join("\n")
    };
    let plain = limit(|_| {});
    for part in [
        "/etc/modules-load.d/nf_conntrack.conf: nf_conntrack",
        "/etc/sysctl.d/90-conntrack.conf: ",
        "/etc/udev/rules.d/",
    ] {
        assert!(plain.contains(part), "{part} in {plain}");
    }
    let load = plain.find("modules-load.d").unwrap();
    let restart = plain.find("systemctl restart systemd-modules-load systemd-sysctl").unwrap();
    assert!(load < restart, "the module first, then the settings");
    assert!(!plain.contains("IPTABLES_MODULES_UNLOAD"));
    let el7 = limit(|table| table.counters = released(table.counters.clone(), "3.10.0-1160.el7"));
    assert!(el7.contains("IPTABLES_MODULES_UNLOAD=\"no\""), "{el7}");
    let el6 = limit(|table| table.counters = released(table.counters.clone(), "2.6.32-754.el6"));
    assert!(el6.contains("IPTABLES_MODULES_UNLOAD=\"no\"") && el6.contains("hashsize="), "{el6}");
    let node = limit(|table| {
        table.counters.rules =
            Some(Rules { rules: 40, kube_services: 30, containers: 30, ..Rules::default() });
    });
    assert!(node.contains(": min: 65536") && node.contains("kube-proxy"), "{node}");
    assert!(!node.contains("/etc/sysctl.d"), "kube-proxy overwrites it: {node}");
}

#[test]
fn the_three_methods_that_everybody_tries_each_have_their_place() {
    let body = of_incident(incident(Wording::IpPeriod, 2), vec![web8::table()]);
    let limit = remedy(&body, "raise-limit");
    assert!(words(&limit.title).contains("survive a reload"));
    let unload = useless(&body, "unload-module").unwrap();
    assert!(unload.contains("loses its entry") && unload.contains("out of tracking (above)"), "{unload}");
    assert!(unload.contains("full after"), "{unload}");
    let reset = useless(&body, "reset-flows").unwrap();
    assert!(reset.contains("hping") && reset.contains("the safe form"), "{reset}");
    // Whatever fills the table.
    for table in [flood(), gateway(), leak()] {
        let body = judged(table);
        assert!(useless(&body, "unload-module").is_some() && useless(&body, "reset-flows").is_some());
    }
    // Nobody tries them on a table that is not full, …
    let mut idle = gateway();
    idle.counters.sysctl.insert("net.netfilter.nf_conntrack_max".into(), "1048576".into());
    assert_eq!(useless(&of_table(idle), "unload-module"), None);
    // … but where the log tells that it was done, why that was no help is said without a table, too.
    let mut reloaded = incident(Wording::NfPlain, 40);
    reloaded.around.push(around(RelatedKind::Capacity));
    assert!(useless(&of_incident(reloaded, Vec::new()), "unload-module").is_some());
    assert_eq!(useless(&of_incident(incident(Wording::NfPlain, 40), Vec::new()), "unload-module"), None);
}
