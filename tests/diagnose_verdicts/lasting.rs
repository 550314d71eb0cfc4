//! Entries that live too long: leaks, pile-ups, hung closings, what a flowtable pins and what another machine put in;
//! and findings beside them.

use conntriage::model::counters::StatCounters;
use conntriage::model::diagnosis::{Body, Confidence};
use conntriage::model::flow::{L4, Reply, State};
use conntriage::model::incident::Incident;
use conntriage::model::report::Snapshot;
use conntriage::model::signal::{About, RelatedKind, Wording};
use conntriage::model::sockets::Sockets;

use crate::cases::{gateway, leak, limits};
use crate::one_way::{full_of, has, mounts, one_direction, scan_from, silent_target, summary, verdict};
use crate::table::{Group, masqueraded, tcp, udp};
use crate::world::{
    around, incident, lines, of_incident, of_table, released, runners_up, snapshot, told, words,
};

fn judged(table: Snapshot) -> Body {
    of_incident(incident(Wording::NfDoubled, 402), vec![table])
}

fn on(mut table: Snapshot, release: &str) -> Snapshot {
    table.counters = released(table.counters, release);
    table
}

fn some_users() -> Vec<Group> {
    (0..40u32)
        .map(|n| {
            tcp(
                &format!("10.0.3.{}", n + 20),
                ("192.0.2.80", 443),
                State::Established,
                20,
                (431_000, 431_999),
            )
        })
        .collect()
}

#[test]
fn machines_that_are_gone_are_told_from_connections_that_fell_silent() {
    let body = judged(leak());
    assert_eq!(verdict(&body), ("established-leak", Confidence::High));
    assert!(has(&body, "silent-ends", true));
}

#[test]
fn the_age_that_a_provider_forgets_at_is_what_silence_means_there() {
    let groups: Vec<Group> = (0..100u32)
        .map(|n| {
            tcp(
                &format!("10.1.0.{}", n + 1),
                (&format!("10.65.0.{}", n % 50 + 1), 443),
                State::Established,
                200,
                (431_450, 431_550),
            )
        })
        .collect();
    let plain = judged(full_of(&groups));
    assert_ne!(plain.verdict.cause.0, "established-leak", "eight minutes of silence are no leak");
    let there = judged(on(full_of(&groups), "6.1.0-1012-aws"));
    assert_eq!(there.verdict.cause.0, "established-leak");
    assert!(there.evidence.iter().any(|evidence| evidence.id == "provider-forgets"));
}

#[test]
fn sockets_behind_silent_entries_are_weighed() {
    let groups: Vec<Group> = (0..60u32)
        .map(|n| {
            tcp(
                "10.0.3.10",
                (&format!("10.65.0.{}", n + 1), 5_432),
                State::Established,
                300,
                (400_000 + n * 64, 400_000 + n * 64),
            )
        })
        .collect();
    let with = |open: u64| {
        let mut table = full_of(&groups);
        let mut sockets = Sockets { from: "ss", ..Sockets::default() };
        sockets.by_state.insert((L4::TCP, "ESTABLISHED"), open);
        sockets.established_to.insert(5_432, open);
        table.counters.sockets = Some(sockets);
        judged(table)
    };
    let nobody = with(12);
    assert_eq!(verdict(&nobody).0, "established-leak");
    assert!(has(&nobody, "open-connections", true));
    assert!(has(&with(17_000), "open-connections", false));
}

fn pileup(replied: Reply) -> Vec<Group> {
    (0..500u32)
        .map(|n| {
            let client = format!("10.8.{}.{}", n / 200, n % 200 + 1);
            tcp(&client, ("10.96.0.20", 8_080), State::CloseWait, 40, (n * 7 % 3_600, n * 7 % 3_600))
                .replied(replied)
        })
        .chain(some_users())
        .collect()
}

#[test]
fn connections_that_nobody_closes_pile_up_for_an_hour() {
    let mut table = full_of(&pileup(Reply::Assured));
    table.counters.sysctl.insert("net.netfilter.nf_conntrack_tcp_timeout_close_wait".into(), "3600".into());
    let body = judged(table);
    assert_eq!(verdict(&body), ("close-wait-pileup", Confidence::High));
    let said = summary(&body);
    assert_eq!(said[0], "20,000 entries (96 %) wait in CLOSE_WAIT, all to 10.96.0.20:8080");
    assert!(said[1].contains("up to 1 h, at ≈ 5.6 per second"), "{}", said[1]);
    let all = lines(&body);
    assert!(
        all.contains(&"sysctl -w net.netfilter.nf_conntrack_tcp_timeout_close_wait=900".to_owned()),
        "{all:?}"
    );
    assert!(
        all.iter().all(|line| !line.ends_with("close_wait=60")),
        "half-closed connections through kube-proxy need it"
    );
    assert!(
        all.contains(&"conntrack -D -p tcp --state CLOSE_WAIT -d 10.96.0.20 --dport 8080".to_owned()),
        "{all:?}"
    );
}

#[test]
fn one_direction_of_closings_is_no_pileup() {
    let body = judged(full_of(&pileup(Reply::Unreplied)));
    assert_ne!(verdict(&body), ("close-wait-pileup", Confidence::High));
    assert_ne!(verdict(&body), ("close-wait-pileup", Confidence::Medium));
}

#[test]
fn a_service_of_several_servers_is_deleted_by_the_one_that_does_not_close() {
    let groups: Vec<Group> = pileup(Reply::Assured)
        .into_iter()
        .map(|group| Group { destination_nat: group.state == Some(State::CloseWait), ..group })
        .collect();
    let deletes: Vec<String> = lines(&judged(full_of(&groups)))
        .into_iter()
        .filter(|line| line.starts_with("conntrack -D"))
        .collect();
    assert_eq!(deletes, ["conntrack -D -p tcp --state CLOSE_WAIT -d 10.96.0.20 --dport 8080 -r SERVER"]);
}

fn closings(finished: u64) -> Vec<Group> {
    let mut out = vec![];
    for n in 0..200u32 {
        let client = format!("198.51.100.{}", n + 1);
        out.push(tcp(&client, ("203.0.113.10", 30_303), State::FinWait, 50, (0, 119)));
        out.push(tcp(&client, ("203.0.113.10", 30_303), State::LastAck, 10, (0, 29)));
        out.push(tcp(&client, ("203.0.113.10", 30_303), State::TimeWait, finished, (0, 119)));
    }
    out.extend(some_users());
    out
}

#[test]
fn closings_whose_end_never_comes_hang() {
    let body = judged(full_of(&closings(5)));
    assert_eq!(verdict(&body), ("hung-closing", Confidence::High));
    assert_eq!(
        summary(&body)[0],
        "12,000 connections (87 %) hang while closing, most to 203.0.113.10:30303 (this host)"
    );
    assert!(body.will_not_help.iter().any(|useless| useless.id == "tcp_fin_timeout"));
    // Beside twice as many that ended well they are connections on their way out.
    let body = judged(full_of(&closings(130)));
    assert_ne!(body.verdict.cause.0, "hung-closing");
}

fn offloaded(protocol: L4) -> Vec<Group> {
    (0..300u32)
        .map(|n| {
            let user = format!("10.8.{}.{}", n / 200, n % 200 + 1);
            let web = format!("192.0.2.{}", n % 200 + 1);
            let group = udp(&user, (&web, 443), Reply::Offloaded, 60, (0, 29));
            masqueraded(Group {
                peer: conntriage::model::census::Peer { l4: protocol, ..group.peer },
                ..group
            })
        })
        .chain(some_users())
        .collect()
}

#[test]
fn what_a_flowtable_holds_is_pinned_on_kernels_that_evict_none_of_it() {
    let body = judged(on(full_of(&offloaded(L4::UDP)), "5.10.0-28-amd64"));
    assert_eq!(verdict(&body), ("offload-pinned", Confidence::High));
    assert!(!lines(&body).iter().any(|line| line.contains("nf_flowtable")), "the settings came later");
    assert!(body.remedies.iter().all(|remedy| !remedy.commands.is_empty()), "each remedy has a line");
    let body = judged(on(full_of(&offloaded(L4::UDP)), "6.18.1"));
    assert_ne!(verdict(&body), ("offload-pinned", Confidence::High));
    assert!(body.verdict.cause.0 != "offload-pinned" || has(&body, "kernel-evicts", false));
    let diagnosis = told(incident(Wording::NfDoubled, 402), vec![full_of(&offloaded(L4::UDP))]);
    assert!(diagnosis.incidents[0].body.verdict.confidence < Confidence::High);
    assert!(diagnosis.gaps.iter().any(|gap| gap.command.as_deref() == Some("uname -r")));
}

fn failed_over(entries: u64) -> Incident {
    let mut out = incident(Wording::NfDoubled, 402);
    out.around.push(around(RelatedKind::Failover));
    let mut committed = around(RelatedKind::EntriesInjected);
    committed.about = vec![(About { value: Some(entries), ..About::default() }, 1)];
    out.around.push(committed);
    out
}

#[test]
fn entries_committed_from_the_other_machine_are_told_from_its_own() {
    let mut table = on(gateway(), "5.14.0-427.el9.x86_64");
    table.counters.stat = Some(StatCounters { insert: Some(20_000), ..StatCounters::default() });
    let body = of_incident(failed_over(20_000), vec![table.clone()]);
    assert_eq!(verdict(&body), ("failover-injected", Confidence::High));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "tcp_loose"));
    assert!(lines(&body).iter().all(|line| !line.contains("tcp_loose") && !line.contains("conntrack -F")));
    // The log shows one commit of two; as many entries bear the other machine's timers as programs have put in.
    let mut timed = table.clone();
    timed.counters.sysctl.insert("net.netfilter.nf_conntrack_tcp_timeout_established".into(), "3600".into());
    let named = |table: Snapshot| {
        let body = of_incident(failed_over(1_000), vec![table]);
        body.verdict.cause.0 == "failover-injected" || runners_up(&body).contains(&"failover-injected")
    };
    assert!(named(timed.clone()), "half of the table bears such timers");
    // Timers that programs did not put in come from a setting that was longer.
    timed.counters.stat = Some(StatCounters { insert: Some(1_000), ..StatCounters::default() });
    assert!(!named(timed));
    // The same table without any sign of it is honest demand.
    table.counters.stat = None;
    assert_eq!(judged(table).verdict.cause.0, "capacity");
    // On an old kernel the counter counts every entry.
    let mut old = on(gateway(), "3.10.0-1160.el7.x86_64");
    old.counters.stat = Some(StatCounters { insert: Some(900_000_000), ..StatCounters::default() });
    let body = judged(old);
    assert!(body.verdict.cause.0 != "failover-injected" && !runners_up(&body).contains(&"failover-injected"));
}

#[test]
fn five_per_cent_of_anything_else_change_no_verdict() {
    let noise = |groups: &[Group]| {
        let all: u64 = groups.iter().map(|group| group.count).sum();
        let each = (all / 20 / 60).max(1);
        let mut out = groups.to_vec();
        for n in 0..20u32 {
            let user = format!("172.20.{}.{}", n, n + 1);
            out.push(tcp(&user, ("198.18.0.1", 443), State::TimeWait, each, (0, 119)));
            out.push(udp(&user, ("198.18.0.53", 53), Reply::Replied, each, (0, 29)));
            out.push(tcp(&user, ("198.18.0.2", 22), State::Established, each, (400_000, 431_999)));
        }
        out
    };
    let tables: [(&str, Vec<Group>); 7] = [
        ("outbound-scan", scan_from("10.0.3.10")),
        ("dead-upstream", silent_target()),
        (
            "asymmetric-routing",
            one_direction().into_iter().map(|g| g.with_volumes((90, 9_000), (0, 0))).collect(),
        ),
        ("immortal-syn-sent", mounts((112, 119))),
        ("close-wait-pileup", pileup(Reply::Assured)),
        ("hung-closing", closings(5)),
        ("offload-pinned", offloaded(L4::UDP)),
    ];
    for (cause, groups) in tables {
        for groups in [groups.clone(), noise(&groups), [groups.clone(), groups].concat()] {
            let body = judged(on(full_of(&groups), "5.10.0-28-amd64"));
            assert_eq!(body.verdict.cause.0, cause);
        }
    }
}

#[test]
fn a_client_that_never_falls_silent_holds_on_to_a_server_that_is_gone() {
    let mut groups = some_users();
    let stale = |packets| {
        let group = udp("10.1.0.9", ("10.96.0.10", 53), Reply::Unreplied, 2, (29, 29)).at_source_port(41_000);
        Group { destination_nat: true, ..group }.with_volumes((packets, packets * 80), (0, 0))
    };
    groups.push(stale(400));
    let found = |groups: &[Group]| {
        let table = snapshot(groups, limits(65_536, 802, 16_384));
        let diagnosis = conntriage::diagnose::diagnose(
            conntriage::model::incident::Conclusion::default(),
            vec![table],
            &conntriage::model::report::Settings::default(),
        );
        diagnosis.findings.into_iter().find(|finding| finding.cause.0 == "stale-nat")
    };
    let finding = found(&groups).unwrap();
    assert_eq!(
        finding.remedies[0].commands[0].line,
        "conntrack -D -p udp -s 10.1.0.9 -d 10.96.0.10 --dport 53"
    );
    // A request on its way.
    groups.pop();
    groups.push(stale(1));
    assert!(found(&groups).is_none());
    // Telephones that register under an address which this host no longer has.
    groups.pop();
    let phones = |port: u16, packets: u64, replied: Reply| -> Vec<Group> {
        let back = if replied == Reply::Unreplied { (0, 0) } else { (packets, packets * 400) };
        let phone = |n: u32| {
            let source = format!("10.1.0.{}", n + 20);
            let group = udp(&source, ("198.51.100.60", port), replied, 1, (25, 29)).at_source_port(port);
            masqueraded(group).with_volumes((packets, packets * 420), back)
        };
        groups.iter().copied().chain((0..6).map(phone)).collect()
    };
    let finding = found(&phones(5_060, 90_000, Reply::Unreplied)).unwrap();
    assert!(words(&finding.summary[0]).starts_with("6 entries of UDP go out translated"));
    assert_eq!(finding.remedies[0].commands[0].line, "conntrack -D -p udp -d 198.51.100.60 --dport 5060");
    assert!(found(&phones(5_060, 90_000, Reply::Assured)).is_none(), "they are answered");
    assert!(found(&phones(5_060, 40, Reply::Unreplied)).is_none(), "a server that is down for a while");
    assert!(found(&phones(2_055, 90_000, Reply::Unreplied)).is_none(), "flow records are never answered");
}

#[test]
fn a_provider_that_forgets_earlier_than_the_kernel_is_found_where_packets_fit_nothing() {
    let mut invalid = incident(Wording::NfDoubled, 402);
    invalid.around.push(around(RelatedKind::PacketsInvalid));
    let found = |release: &str, incident: &Incident| {
        let diagnosis = told(incident.clone(), vec![on(gateway(), release)]);
        diagnosis.findings.into_iter().find(|finding| finding.cause.0 == "timeout-too-low")
    };
    let finding = found("6.1.0-1012-aws", &invalid).unwrap();
    assert_eq!(finding.remedies[0].id, "keepalive-below");
    assert!(finding.remedies[0].commands[0].line.ends_with("tcp_keepalive_time=300"));
    assert!(found("6.1.0-18-amd64", &invalid).is_none(), "whose network it is is not known");
    assert!(
        found("6.1.0-1012-aws", &incident(Wording::NfDoubled, 402)).is_none(),
        "nothing shows that it hurts"
    );
}

#[test]
fn no_command_of_these_causes_is_a_forbidden_one() {
    let mut seen = 0;
    for groups in [
        scan_from("10.0.3.10"),
        silent_target(),
        one_direction(),
        mounts((112, 119)),
        pileup(Reply::Assured),
        closings(5),
        offloaded(L4::UDP),
    ] {
        for release in ["2.6.18-274.el5", "3.10.0-1160.el7", "5.10.0-28-amd64", "6.18.44"] {
            for body in [judged(on(full_of(&groups), release)), of_table(on(full_of(&groups), release))] {
                let all = lines(&body);
                let deletes = all.iter().any(|line| line.contains("conntrack") && line.contains("-D "));
                for line in &all {
                    assert!(!line.contains("conntrack -F") && !line.contains("--flush"), "{line}");
                    assert!(!(line.contains("-D ") && line.contains("UNREPLIED")), "{line}");
                    assert!(!(deletes && line.contains("tcp_loose=0")), "{line}");
                    if line.starts_with("conntrack ") && line.contains("-D ") {
                        assert!(
                            line.contains(" -d ") && line.contains("--dport") && line.contains("--state"),
                            "{line}"
                        );
                    }
                }
                seen += all.len();
            }
        }
    }
    assert!(seen > 200, "{seen}");
}
