//! No command line of any body is one that cuts more than it cures. Checked here with other means than the guard's own.

use conntriage::model::diagnosis::Body;
use conntriage::model::flow::State;
use conntriage::model::incident::Namespace;
use conntriage::model::report::Snapshot;
use conntriage::model::signal::Wording;

use crate::cases::{flood, gateway, leak, limits};
use crate::table::{Group, masqueraded, tcp};
use crate::world::{incident, lines, of_incident, of_table, released, snapshot};

fn tables() -> Vec<Snapshot> {
    vec![crate::web8::table(), flood(), gateway(), leak(), six(), translated()]
}

fn every_body() -> Vec<Body> {
    let mut out = Vec::new();
    for wording in [
        Wording::IpPeriod,
        Wording::NfPeriod,
        Wording::NfPlain,
        Wording::NfDoubled,
        Wording::NfDoubledNetns,
        Wording::Expectation,
    ] {
        for table in tables() {
            out.push(of_incident(incident(wording, 402), vec![table]));
        }
        out.push(of_incident(incident(wording, 402), Vec::new()));
    }
    for release in
        ["2.6.18-274.el5", "2.6.32-754.el6", "3.10.0-1160.el7", "4.14.5", "4.18.0-553.el8", "6.18.44"]
    {
        for mut table in tables() {
            table.counters = released(table.counters, release);
            table.host = None;
            out.push(of_incident(incident(Wording::NfPlain, 402), vec![table.clone()]));
            out.push(of_table(table));
        }
    }
    out
}

fn six() -> Snapshot {
    let groups: [Group; 1] = [tcp("2001:db8::10", ("2001:db8::40", 8080), State::TimeWait, 9_000, (0, 119))];
    let mut table = snapshot(&groups, limits(9_000, 9_000, 2_250));
    table.counters.addresses[0].address = "2001:db8::10".parse().unwrap();
    table
}

fn translated() -> Snapshot {
    let groups = [masqueraded(tcp("203.0.113.10", ("192.0.2.40", 8080), State::TimeWait, 9_000, (0, 119)))];
    snapshot(&groups, limits(9_000, 9_000, 2_250))
}

#[test]
fn no_line_is_forbidden() {
    let bodies = every_body();
    let all: Vec<String> = bodies.iter().flat_map(lines).collect();
    assert!(all.len() > 300, "{}", all.len());
    for line in &all {
        let packed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let conntrack = line.starts_with("conntrack ");
        assert!(!(conntrack && line.contains("-F")), "{line}");
        assert!(!(conntrack && line.contains("UNREPLIED")), "{line}");
        assert!(!packed.contains("tcp_tw_recycle=1"), "{line}");
        assert!(!line.contains("hping") && !line.contains("use-vc"), "{line}");
        assert!(!packed.contains("bridge-nf-call-iptables=0"), "{line}");
        assert!(!packed.ends_with("conntrack_max=0"), "{line}");
        assert!(!line.contains("nf_conntrack_buckets="), "no resize of a live table: {line}");
        if conntrack && line.contains("-D ") {
            assert!(line.contains(" -d ") && line.contains("--dport"), "{line}");
        }
        if line.contains("NOTRACK") || line.contains("--notrack") {
            assert!(line.contains(" -d ") && (line.contains(" -s ") || line.contains("--syn")), "{line}");
        }
    }
}

#[test]
fn pickup_is_never_forbidden_beside_a_deletion() {
    for body in every_body() {
        let all = lines(&body);
        let loose = all.iter().any(|line| line.contains("tcp_loose=0"));
        let deletes = all.iter().any(|line| line.starts_with("conntrack ") && line.contains("-D "));
        assert!(!(loose && deletes), "{all:?}");
    }
}

#[test]
fn keys_are_called_as_that_kernel_calls_them() {
    let mut table = leak();
    for (release, key) in [
        ("3.10.0-1160.el7", "net.netfilter.nf_conntrack_max"),
        ("2.6.18-274.el5", "net.ipv4.ip_conntrack_max"),
    ] {
        table.counters = released(table.counters, release);
        if release.starts_with("2.6.18") {
            table.counters.sysctl.clear();
            for (name, value) in [("max", "65536"), ("count", "65536"), ("buckets", "8192")] {
                table
                    .counters
                    .sysctl
                    .insert(format!("net.ipv4.netfilter.ip_conntrack_{name}").into(), value.into());
            }
        }
        let body = of_incident(incident(Wording::NfPlain, 402), vec![table.clone()]);
        let line = lines(&body)
            .into_iter()
            .find(|line| line.starts_with("sysctl -w") && line.contains("_max="))
            .unwrap();
        assert!(line.contains(key), "{line}");
    }
}

#[test]
fn translated_connections_are_never_taken_out_of_tracking() {
    let body = of_incident(incident(Wording::NfPlain, 402), vec![translated()]);
    assert_eq!(body.verdict.cause.0, "self-inflicted-churn");
    assert!(body.remedies.iter().all(|remedy| remedy.id != "notrack"));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "notrack"));
    let shorter = body.remedies.iter().find(|remedy| remedy.id == "shorter-time-wait").unwrap();
    assert!(
        shorter.commands[0].line.ends_with("time_wait=60"),
        "not below what the peer's own TIME_WAIT lasts"
    );
}

#[test]
fn ipv6_entries_are_deleted_and_exempted_as_such() {
    let body = of_incident(incident(Wording::NfDoubled, 402), vec![six()]);
    let all = lines(&body);
    assert!(all.iter().any(|line| line.starts_with("conntrack -f ipv6 -D")), "{all:?}");
    assert!(
        all.iter().any(|line| line.starts_with("ip6tables") && line.contains("packet-too-big")),
        "{all:?}"
    );
}

#[test]
fn every_deletion_says_how_many_entries_go() {
    for body in every_body() {
        for remedy in &body.remedies {
            if remedy.commands.iter().any(|c| c.line.starts_with("conntrack ") && c.line.contains("-D ")) {
                assert!(remedy.effect.entries_freed_now.is_some_and(|n| n > 0), "{}", remedy.id);
            }
            if remedy.commands.iter().any(|c| c.line.contains("timeout") && c.line.starts_with("sysctl -w")) {
                assert_eq!(
                    remedy.effect.entries_freed_now,
                    Some(0),
                    "{}: running timers keep their end",
                    remedy.id
                );
            }
        }
    }
}

#[test]
fn what_acts_in_a_namespace_is_entered_and_the_limit_is_set_outside() {
    for (namespace, way, limit_outside) in [
        (Namespace::Netns(4_026_532_246), "nsenter --net=/proc/PID/ns/net ", true),
        (Namespace::Container("101".into()), "vzctl exec 101 ", false),
    ] {
        let mut named = incident(Wording::NfDoubledNetns, 402);
        named.namespace = namespace.clone();
        let mut table = snapshot(
            &[tcp("192.0.2.10", ("192.0.2.40", 8080), State::TimeWait, 9_000, (0, 119))],
            limits(9_000, 9_000, 2_250),
        );
        table.counters.addresses[0].address = "192.0.2.10".parse().unwrap();
        let body = of_incident(named, vec![table]);
        let commands: Vec<_> = body.remedies.iter().flat_map(|remedy| &remedy.commands).collect();
        let typed: Vec<_> = commands.iter().filter(|c| c.place.starts_with("this host")).collect();
        for command in &typed {
            let line = command.line.strip_prefix(way);
            let sets_limit = command.line.contains("conntrack_max=");
            let program = line.unwrap_or(&command.line).split(' ').next().unwrap();
            let inside = match program {
                "conntrack" | "iptables" | "ip6tables" | "nft" | "ss" => true,
                "sysctl" => !(sets_limit && limit_outside),
                _ => false,
            };
            assert_eq!(line.is_some(), inside, "{}", command.line);
            let undone_inside = command.undo.as_ref().is_none_or(|undo| undo.starts_with(way) == inside);
            assert!(undone_inside, "{:?}", command.undo);
            if inside && limit_outside {
                assert!(
                    command.place.contains("4026532246") && command.place.contains("lsns -t net"),
                    "{}",
                    command.place
                );
            }
        }
        for program in ["conntrack -D", "iptables", "sysctl -w"] {
            assert!(typed.iter().any(|c| c.line.contains(program)), "{program}");
        }
        // A file of the host sets a timeout of no other namespace.
        let files = commands.iter().filter(|c| c.place.starts_with("/etc/sysctl"));
        let timeouts = files.filter(|c| c.line.contains("timeout") && !c.place.contains("container")).count();
        assert_eq!(timeouts, 0, "{namespace:?}");
        let shorter = body.remedies.iter().find(|remedy| remedy.id == "shorter-time-wait").unwrap();
        assert_eq!(shorter.persists, !limit_outside);
    }
}

#[test]
fn every_line_that_is_written_into_a_file_has_its_way_back() {
    let mut seen = 0;
    for body in every_body() {
        for command in body.remedies.iter().flat_map(|remedy| &remedy.commands) {
            if !command.place.starts_with("/etc/") {
                continue;
            }
            let undo =
                command.undo.as_deref().unwrap_or_else(|| panic!("{} in {}", command.line, command.place));
            assert!(undo.starts_with("sed -i '") && undo.ends_with(&command.place), "{undo}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}
