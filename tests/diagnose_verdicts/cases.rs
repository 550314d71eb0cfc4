//! Incidents of the field as tables, each beside what looks like it and is not.

use conntriage::diagnose::diagnose;
use conntriage::model::counters::Counters;
use conntriage::model::diagnosis::{Body, Confidence};
use conntriage::model::flow::{Reply, State};
use conntriage::model::report::{Settings, Snapshot};
use conntriage::model::signal::{RelatedKind, Wording};

use crate::table::{Group, masqueraded, tcp, udp};
use crate::world::{
    around, conclusion, counters, incident, lines, of_incident, of_table, runners_up, snapshot, told,
    with_stat, words,
};

pub(crate) fn limits(max: u64, count: u64, buckets: u64) -> Counters {
    counters(
        &[
            ("net.netfilter.nf_conntrack_max", max),
            ("net.netfilter.nf_conntrack_count", count),
            ("net.netfilter.nf_conntrack_buckets", buckets),
        ],
        &["203.0.113.10", "10.0.3.10"],
    )
}

/// Forged SYNs to one port, beside some real users.
pub(crate) fn flood() -> Snapshot {
    let mut groups: Vec<Group> = (0..15_000u32)
        .map(|n| {
            let source = format!("198.{}.{}.{}", 18 + n / 8_000, n / 250 % 256, n % 250);
            tcp(&source, ("203.0.113.10", 443), State::SynRecv, 1, (n % 60, n % 60))
        })
        .collect();
    groups.push(tcp("10.0.3.10", ("10.0.3.40", 8080), State::Established, 760, (420_000, 431_999)));
    groups.push(tcp("192.0.2.9", ("203.0.113.10", 443), State::TimeWait, 290, (0, 119)));
    snapshot(&groups, with_stat(limits(16_384, 16_384, 4_096), 80, 2_388_097))
}

/// A gateway of 700 users.
pub(crate) fn gateway() -> Snapshot {
    let mut groups = Vec::new();
    for user in 0..700u32 {
        let source = format!("10.8.{}.{}", user / 250, user % 250 + 1);
        let web = format!("192.0.2.{}", user % 200 + 1);
        groups.push(masqueraded(tcp(&source, (&web, 443), State::Established, 22, (86_000, 86_399))));
        groups.push(masqueraded(udp(&source, (&web, 443), Reply::Assured, 14, (100, 179))));
        groups.push(masqueraded(tcp(&source, (&web, 443), State::TimeWait, 8, (0, 119))));
        groups.push(masqueraded(udp(&source, ("192.0.2.53", 53), Reply::Replied, 2, (0, 29))));
    }
    let mut counters = limits(32_768, 32_768, 8_192);
    counters.sysctl.insert("net.netfilter.nf_conntrack_tcp_timeout_established".into(), "86400".into());
    snapshot(&groups, counters)
}

/// Virtual machines that were deleted: each left 190 connections, silent since it died.
pub(crate) fn leak() -> Snapshot {
    let mut groups: Vec<Group> = (0..310u32)
        .map(|vm| {
            let address = format!("10.40.{}.{}", vm / 250, vm % 250 + 1);
            let source = format!("10.20.2.{}", vm % 40 + 1);
            let left = 10_000 + vm * 1_300;
            tcp(&source, (&address, 9092), State::Established, 190, (left, left))
        })
        .collect();
    groups.extend((1..=43u32).map(|n| {
        tcp(&format!("10.20.2.{n}"), ("10.50.0.9", 9092), State::Established, 100, (431_700, 431_999))
    }));
    groups.extend(
        (1..=40u32).map(|n| tcp(&format!("10.20.2.{n}"), ("10.50.0.9", 80), State::TimeWait, 38, (0, 119))),
    );
    snapshot(&groups, limits(65_536, 65_536, 16_384))
}

fn full(snapshot: Snapshot) -> Body {
    of_incident(incident(Wording::NfPlain, 402), vec![snapshot])
}

#[test]
fn a_flood_of_half_open_connections_names_no_source() {
    let mut flooded = incident(Wording::NfDoubled, 80);
    flooded.around.push(around(RelatedKind::SynFlood));
    let body = of_incident(flooded, vec![flood()]);
    assert_eq!(body.verdict.cause.0, "syn-flood");
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(body.verdict.contributing.is_empty(), "a flood fills any size");
    let said: String = body.verdict.summary.iter().map(words).collect();
    assert!(said.contains("203.0.113.10:443") && !said.contains("198.1"), "{said}");
    assert!(body.will_not_help.iter().any(|useless| useless.id == "raise-limit"));
    assert!(body.evidence.iter().any(|e| e.id == "evictions" && e.speaks_for == Some(true)));
    // 15,000 SYN_RECV of 60 s each.
    assert!((body.verdict.rate_per_second.unwrap() - 250.0).abs() < 0.5);
}

#[test]
fn the_same_half_open_entries_from_three_clients_are_no_flood() {
    let groups: Vec<Group> = (1..=3)
        .map(|n| tcp(&format!("10.9.0.{n}"), ("203.0.113.10", 443), State::SynSent, 5_300, (0, 119)))
        .collect();
    let body = full(snapshot(&groups, limits(16_384, 16_384, 4_096)));
    assert_eq!(body.verdict.cause.0, "dead-upstream");
    assert!(!runners_up(&body).contains(&"syn-flood"), "{:?}", runners_up(&body));
    assert!(
        words(&body.verdict.summary[0]).contains("203.0.113.10:443"),
        "{}",
        words(&body.verdict.summary[0])
    );
}

#[test]
fn a_dead_upstream_of_fifteen_clients_is_no_flood() {
    let groups: Vec<Group> = (1..=15)
        .map(|n| tcp(&format!("10.9.0.{n}"), ("10.7.0.1", 8443), State::SynSent, 1_000, (0, 119)))
        .collect();
    let body = full(snapshot(&groups, limits(15_000, 15_000, 4_096)));
    assert_eq!(body.verdict.cause.0, "dead-upstream");
    assert!(runners_up(&body).is_empty(), "{:?}", runners_up(&body));
}

#[test]
fn a_scan_of_others_is_neither_churn_nor_flood_nor_capacity() {
    let groups: Vec<Group> = (0..9_000u32)
        .map(|n| {
            tcp("10.0.3.10", (&format!("192.{}.{}.7", n / 250, n % 250), 22), State::SynSent, 1, (60, 119))
        })
        .collect();
    let body = full(snapshot(&groups, limits(9_000, 9_000, 8_192)));
    assert_eq!(body.verdict.cause.0, "outbound-scan");
    assert!(runners_up(&body).is_empty(), "{:?}", runners_up(&body));
}

#[test]
fn many_users_of_a_gateway_are_honest_demand() {
    let body = full(gateway());
    assert_eq!(body.verdict.cause.0, "capacity");
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert_eq!(body.remedies[0].id, "raise-limit");
    assert!(lines(&body).contains(&"sysctl -w net.netfilter.nf_conntrack_max=65536".to_owned()));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "hunt-attacker"));
}

#[test]
fn silent_connections_to_deleted_machines_are_a_leak_and_not_demand() {
    let body = full(leak());
    assert_eq!(body.verdict.cause.0, "established-leak");
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert_eq!(
        runners_up(&body),
        ["capacity"],
        "nobody leads here either, which is why capacity is the look-alike"
    );
    assert!(words(&body.verdict.summary[0]).contains("`:9092`"), "{}", words(&body.verdict.summary[0]));
    let delete = &body.remedies[0];
    assert_eq!((delete.id, delete.commands.len()), ("delete-established", 8));
    assert_eq!(delete.effect.entries_freed_now, Some(8 * 190), "only what these eight lines delete");
    assert!(delete.commands.iter().all(|c| !c.line.contains("10.50.0.9")), "that peer is alive");
    let timeout = body.remedies.iter().find(|remedy| remedy.id == "established-timeout").unwrap();
    assert_eq!(timeout.effect.entries_freed_now, Some(0));
    assert!(timeout.commands[0].line.ends_with("tcp_timeout_established=86400"));
}

#[test]
fn the_same_connections_in_use_are_not_a_leak() {
    let groups: Vec<Group> = (0..310u32)
        .map(|vm| {
            let address = format!("10.40.{}.{}", vm / 250, vm % 250 + 1);
            tcp(
                &format!("10.20.2.{}", vm % 40 + 1),
                (&address, 9092),
                State::Established,
                210,
                (431_500, 431_999),
            )
        })
        .collect();
    let body = full(snapshot(&groups, limits(65_536, 65_536, 16_384)));
    assert_eq!(body.verdict.cause.0, "capacity");
    assert!(!runners_up(&body).contains(&"established-leak"));
}

#[test]
fn machines_that_come_and_go_within_an_hour_leak_too() {
    let mut groups: Vec<Group> = (0..60u32)
        .map(|vm| {
            tcp(
                &format!("10.1.0.{}", vm % 30 + 1),
                (&format!("10.65.0.{}", vm + 1), 443),
                State::Established,
                980,
                (428_400, 431_999),
            )
        })
        .collect();
    groups.extend((0..60u32).map(|vm| {
        tcp(
            &format!("10.1.0.{}", vm % 30 + 1),
            (&format!("10.65.0.{}", vm + 1), 443),
            State::TimeWait,
            105,
            (0, 119),
        )
    }));
    let body = full(snapshot(&groups, limits(65_536, 65_536, 16_384)));
    assert_eq!(body.verdict.cause.0, "established-leak");
    assert_eq!(body.verdict.confidence, Confidence::Medium, "silent for minutes, not for hours");
}

#[test]
fn a_client_behind_this_router_is_not_this_host() {
    let groups =
        [masqueraded(tcp("192.168.10.2", ("198.51.100.10", 3128), State::TimeWait, 4_000, (0, 119)))];
    let body = full(snapshot(&groups, limits(4_000, 4_000, 262_144)));
    assert_eq!(body.verdict.cause.0, "noisy-tenant");
    assert!(words(&body.verdict.summary[0]).contains("192.168.10.2"));
    assert_eq!(body.top_sources[0].is_local, Some(false));
}

#[test]
fn visitors_of_a_service_here_are_not_capacity() {
    let groups: Vec<Group> = (0..2_000u32)
        .map(|n| {
            tcp(
                &format!("198.51.{}.{}", n / 250, n % 250),
                ("203.0.113.10", 80),
                State::TimeWait,
                8,
                (0, 119),
            )
        })
        .collect();
    let body = full(snapshot(&groups, limits(16_000, 16_000, 4_000)));
    assert_eq!(body.verdict.cause.0, "inbound-short-connections");
    assert!(!runners_up(&body).contains(&"capacity"));
    assert!(!runners_up(&body).contains(&"self-inflicted-churn"));
}

#[test]
fn settings_of_sockets_change_no_entry() {
    let mut set = limits(250, 250, 64);
    for (key, value) in [
        ("net.ipv4.tcp_tw_reuse", "1"),
        ("net.ipv4.tcp_fin_timeout", "15"),
        ("net.ipv4.tcp_max_tw_buckets", "10"),
    ] {
        set.sysctl.insert(key.into(), value.into());
    }
    let body = full(snapshot(&[tcp("10.0.3.10", ("10.0.3.40", 8080), State::TimeWait, 250, (0, 119))], set));
    assert_eq!(body.verdict.cause.0, "self-inflicted-churn");
    for id in ["tcp_tw_reuse", "tcp_fin_timeout", "tcp_max_tw_buckets"] {
        let useless = body.will_not_help.iter().find(|useless| useless.id == id).unwrap();
        assert!(words(&useless.reason).contains("set here already"), "{id}");
    }
}

#[test]
fn a_table_of_evictable_entries_without_a_log_line_is_no_incident() {
    let mut groups: Vec<Group> = (0..64u32)
        .map(|n| udp(&format!("10.1.1.{n}"), ("192.0.2.1", 40_000), Reply::Unreplied, 2_226, (0, 29)))
        .collect();
    groups.push(tcp("10.1.1.1", ("192.0.2.2", 443), State::Established, 8_862, (400_000, 431_999)));
    let body = of_table(snapshot(&groups, limits(262_144, 151_335, 65_536)));
    assert_eq!(body.verdict.cause.0, "no-incident");
    let second = words(&body.verdict.summary[1]);
    assert!(second.contains("8862 entries") && second.contains("(3.4 %)"), "{second}");
    assert!(body.remedies.is_empty());
}

#[test]
fn a_full_table_without_a_log_line_is_explained_all_the_same() {
    let body = of_table(gateway());
    assert_eq!(body.verdict.cause.0, "capacity");
}

#[test]
fn a_nearly_empty_table_beside_a_full_log_is_insufficient_evidence() {
    let groups: Vec<Group> = (0..30u32)
        .map(|n| tcp(&format!("10.1.1.{n}"), ("192.0.2.1", 443), State::Established, 65, (431_000, 431_999)))
        .chain([tcp("10.1.1.99", ("192.0.2.1", 443), State::Established, 9, (431_000, 431_999))])
        .collect();
    let body = full(snapshot(&groups, limits(524_288, 1_959, 131_072)));
    assert_eq!(body.verdict.cause.0, "insufficient-evidence");
    assert!(body.evidence.iter().any(|e| e.id == "table-not-full" && e.speaks_for == Some(false)));
    assert!(words(&body.verdict.summary[2]).contains("every network namespace"));
}

#[test]
fn a_full_expectation_table_is_not_this_table() {
    let groups = [tcp("10.1.1.1", ("192.0.2.1", 5060), State::Established, 544, (431_000, 431_999))];
    let mut set = limits(300_000, 544, 65_536);
    set.sysctl.insert("net.netfilter.nf_conntrack_expect_max".into(), "1024".into());
    let diagnosis = told(incident(Wording::Expectation, 62), vec![snapshot(&groups, set)]);
    let body = &diagnosis.incidents[0].body;
    assert_eq!(body.verdict.cause.0, "expectation-table");
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(lines(body).contains(&"sysctl -w net.netfilter.nf_conntrack_expect_max=4096".to_owned()));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "raise-limit"));
    assert_eq!(diagnosis.findings[0].cause.0, "expectation-table");
}

#[test]
fn logs_alone_decide_nothing_and_say_what_would() {
    let mut alone = incident(Wording::NfDoubled, 6_500);
    alone.around.push(around(RelatedKind::NeighbourOverflow));
    alone.timeline.step_seconds = 5;
    alone
        .timeline
        .points
        .push(conntriage::model::incident::TimelinePoint { suppressed: Some(5_988), ..Default::default() });
    let diagnosis = told(alone, Vec::new());
    let body = &diagnosis.incidents[0].body;
    assert_eq!(body.verdict.cause.0, "insufficient-evidence");
    let remedies: Vec<&str> = body.remedies.iter().map(|remedy| remedy.id).collect();
    assert_eq!(remedies, ["find-out", "gain-time"], "nothing is prescribed for what is not known");
    let peak = body.evidence.iter().find(|e| e.id == "peak-loss").unwrap();
    assert!((peak.values[0].1 - (5_988.0 + 10.0) / 5.0).abs() < 0.01);
    assert!(body.evidence.iter().any(|e| e.id == "around-neighbours"));
    let census = diagnosis.gaps.iter().find(|gap| words(&gap.what) == "census").unwrap();
    assert!(census.command.as_ref().unwrap().contains("/proc/net/nf_conntrack"));
    assert!(body.census.is_none() && body.top_sources.is_empty());
}

#[test]
fn a_log_that_says_full_beside_a_table_that_makes_room_is_a_contradiction() {
    // A gateway whose entries are half evictable, with many buckets looked at.
    let mut groups = Vec::new();
    for user in 0..400u32 {
        let source = format!("10.8.{}.{}", user / 250, user % 250 + 1);
        let web = format!("192.0.2.{}", user % 200 + 1);
        groups.push(tcp(&source, (&web, 443), State::Established, 20, (431_000, 431_999)));
        groups.push(udp(&source, (&web, 443), Reply::Replied, 20, (0, 29)));
    }
    let set = crate::world::released(limits(16_000, 16_000, 16_000), "6.18.1");
    let body = full(snapshot(&groups, set));
    assert_eq!(body.verdict.cause.0, "capacity");
    assert_eq!(body.verdict.confidence, Confidence::Medium);
    assert!(body.evidence.iter().any(|e| e.id == "log-against-mix" && e.speaks_for == Some(false)));
}

#[test]
fn recurrence_is_seen_across_incidents() {
    let incidents = (0..4i64)
        .map(|n| {
            let mut incident = incident(Wording::NfPlain, 100);
            let shift = n * 3_600_000_000;
            incident.times.start =
                incident.times.start.map(|t| conntriage::model::time::WallTime(t.0 + shift));
            incident.times.end = incident.times.end.map(|t| conntriage::model::time::WallTime(t.0 + shift));
            incident
        })
        .collect();
    let diagnosis = diagnose(conclusion(incidents), Vec::new(), &Settings::default());
    let hint = diagnosis.incidents[2].body.evidence.iter().find(|e| e.id == "recurrence").unwrap();
    assert!(words(&hint.fact).contains("4 times in these logs, every 3600 s"), "{}", words(&hint.fact));
}

#[test]
fn what_if_changes_nothing_at_once() {
    let settings = Settings {
        what_if: vec![("tcp_timeout_time_wait".to_owned(), 60), ("colour".to_owned(), 7)],
        ..Settings::default()
    };
    let table = snapshot(
        &[tcp("10.0.3.10", ("10.0.3.40", 8080), State::TimeWait, 250, (0, 119))],
        limits(250, 250, 64),
    );
    let diagnosis = diagnose(conclusion(vec![incident(Wording::NfPlain, 100)]), vec![table], &settings);
    let what_if = &diagnosis.incidents[0].body.what_if[0];
    assert_eq!(what_if.entries_freed_now, Some(0));
    // Half of what is held, and what the packets lost would have held: each was one more connection.
    assert_eq!(what_if.steady_state_entries, Some(220));
    assert!(what_if.assumptions.iter().any(|a| words(a).starts_with("colour is no timeout")));
}

#[test]
fn a_higher_limit_is_full_again_at_the_rate_of_the_loss() {
    let settings = Settings { what_if: vec![("nf_conntrack_max".to_owned(), 500)], ..Settings::default() };
    let table = snapshot(
        &[tcp("10.0.3.10", ("10.0.3.40", 8080), State::TimeWait, 240, (0, 119))],
        limits(240, 240, 64),
    );
    // 240 / 120 s = 2/s admitted; 600 packets in 60 s = 10/s lost: 12/s × 120 s = 1,440 > 500.
    let diagnosis = diagnose(conclusion(vec![incident(Wording::NfPlain, 600)]), vec![table], &settings);
    let what_if = &diagnosis.incidents[0].body.what_if[0];
    assert_eq!(what_if.steady_state_entries, Some(500));
    assert!((what_if.full_again_seconds.unwrap() - 26.0).abs() < 0.01);
}
