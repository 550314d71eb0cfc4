//! What looks like a full table and is another one: findings, beside a table that is far from full.

use conntriage::diagnose::{Diagnosis, diagnose};
use conntriage::model::counters::{Counters, LocalAddress, StatCounters};
use conntriage::model::diagnosis::Finding;
use conntriage::model::flow::{Reply, State};
use conntriage::model::incident::Conclusion;
use conntriage::model::report::{Settings, Snapshot};
use conntriage::model::signal::{RelatedKind, Wording};

use crate::table::{Group, ip, masqueraded, tcp, udp};
use crate::world::{around, counters, incident, released, snapshot, told, words};

/// A quiet host: so many entries, and room for many more.
fn quiet(max: u64) -> Snapshot {
    let groups: Vec<Group> = (0..50u32)
        .map(|n| {
            let peer = format!("198.51.100.{}", n + 1);
            tcp("10.0.3.10", (&peer, 443), State::Established, 40, (400_000, 431_999))
        })
        .collect();
    let set = [("net.netfilter.nf_conntrack_max", max), ("net.netfilter.nf_conntrack_count", 2_000)];
    snapshot(&groups, counters(&set, &["10.0.3.10"]))
}

fn say(table: Snapshot) -> Diagnosis {
    diagnose(Conclusion::default(), vec![table], &Settings::default())
}

fn with(change: impl FnOnce(&mut Counters)) -> Diagnosis {
    let mut table = quiet(65_536);
    change(&mut table.counters);
    say(table)
}

fn find<'d>(diagnosis: &'d Diagnosis, cause: &str) -> Option<&'d Finding> {
    diagnosis.findings.iter().find(|finding| finding.cause.0 == cause)
}

fn first_lines(diagnosis: &Diagnosis) -> Vec<String> {
    diagnosis.snapshots[0].body.verdict.summary.iter().map(words).collect()
}

#[test]
fn packets_that_the_cloud_dropped_are_no_full_table_and_the_verdict_points_at_them() {
    let diagnosis = with(|c| {
        c.allowances.insert("conntrack_allowance_exceeded".into(), 8_412);
        c.allowances.insert("linklocal_allowance_exceeded".into(), 7);
    });
    let finding = find(&diagnosis, "cloud-allowance").unwrap();
    assert!(
        words(&finding.summary[0]).starts_with("the cloud dropped 8412 packets"),
        "{}",
        words(&finding.summary[0])
    );
    assert_eq!(finding.host.as_deref(), Some("box"));
    assert!(finding.evidence.iter().any(|e| e.id == "other-allowance"));
    let verdict = &diagnosis.snapshots[0].body.verdict;
    assert_eq!(verdict.cause.0, "no-incident");
    let said = first_lines(&diagnosis);
    assert!(said[0].starts_with("the table is not full: 2000 of 65536 entries"), "{said:?}");
    assert_eq!(said[1], words(&finding.summary[0]));
    assert_eq!(said[2], words(&finding.summary[1]));
    let none = with(|c| {
        c.allowances.insert("conntrack_allowance_exceeded".into(), 0);
    });
    assert_eq!(find(&none, "cloud-allowance"), None);
    assert!(first_lines(&none)[2].starts_with("nothing to do"));
}

fn stat(insert_failed: u64, drop: u64) -> StatCounters {
    StatCounters { insert_failed: Some(insert_failed), drop: Some(drop), ..StatCounters::default() }
}

#[test]
fn inserts_that_failed_with_room_left_are_a_race() {
    let diagnosis = with(|c| c.stat = Some(stat(48_211, 48_211)));
    let finding = find(&diagnosis, "insert-race").unwrap();
    assert!(
        words(&finding.summary[0]).contains("48211 packets lost a race"),
        "{}",
        words(&finding.summary[0])
    );
    assert!(
        finding.evidence.iter().any(|e| e.id == "drop-counter" && words(&e.fact).contains("from 4.7 on"))
    );
    assert!(finding.remedies[0].commands.iter().any(|c| c.line == "options single-request-reopen"));
    // An old kernel counts them apart.
    let old = with(|c| {
        c.stat = Some(stat(48_211, 0));
        *c = released(std::mem::take(c), "2.6.32-754.el6");
    });
    let old = find(&old, "insert-race").unwrap();
    assert!(old.evidence.iter().any(|e| words(&e.fact).contains("in insert_failed only")));
}

#[test]
fn a_few_clashes_long_chains_and_a_full_table_are_no_race() {
    assert_eq!(find(&with(|c| c.stat = Some(stat(99, 0))), "insert-race"), None);
    let chains = with(|c| c.stat = Some(StatCounters { chain_too_long: Some(48_211), ..stat(48_211, 0) }));
    assert_eq!(find(&chains, "insert-race"), None);
    let rare = with(|c| {
        c.stat = Some(stat(200, 0));
        c.machine.uptime_seconds = Some(90 * 86_400);
    });
    assert_eq!(find(&rare, "insert-race"), None);
    let mut full = quiet(2_000);
    full.counters.stat = Some(stat(48_211, 48_211));
    assert_eq!(find(&say(full), "insert-race"), None);
}

/// Translated connections of many clients to one peer.
fn translated(clients: u32, each: u64) -> Snapshot {
    let groups: Vec<Group> = (0..clients)
        .map(|n| {
            let source = format!("10.8.{}.{}", n / 250, n % 250 + 1);
            masqueraded(tcp(&source, ("192.0.2.80", 443), State::TimeWait, each, (0, 119)))
        })
        .collect();
    let set = [("net.netfilter.nf_conntrack_max", 1_000_000)];
    let mut table = snapshot(&groups, counters(&set, &["203.0.113.10"]));
    table.counters.stat = Some(StatCounters { found: Some(91_332), ..StatCounters::default() });
    table
}

#[test]
fn source_ports_run_out_towards_one_peer_with_most_of_the_table_free() {
    let diagnosis = say(translated(640, 100));
    let finding = find(&diagnosis, "snat-port-exhaustion").unwrap();
    assert_eq!(
        words(&finding.summary[0]),
        "64000 of the 64512 ports that one address has towards 192.0.2.80:443 are taken"
    );
    assert!(finding.evidence.iter().any(|e| e.id == "ports-found-taken" && e.speaks_for == Some(true)));
    assert_eq!(diagnosis.snapshots[0].body.verdict.cause.0, "no-incident");
    assert_eq!(find(&say(translated(300, 100)), "snat-port-exhaustion"), None, "not nearly");
    assert_eq!(find(&say(translated(900, 100)), "snat-port-exhaustion"), None, "of more than one address");
}

#[test]
fn a_data_path_in_ebpf_is_named_where_the_kernels_table_is_nearly_empty() {
    let cilium = |c: &mut Counters| {
        c.addresses.push(LocalAddress { address: ip("10.0.0.7"), interface: Some("cilium_host".into()) });
    };
    let diagnosis = with(cilium);
    let finding = find(&diagnosis, "ebpf-map").unwrap();
    assert!(
        words(&finding.summary[0]).starts_with("Cilium keeps connections"),
        "{}",
        words(&finding.summary[0])
    );
    assert!(finding.remedies[0].commands.iter().any(|c| c.line.contains("bpf ct list global")));
    let mut full = quiet(2_100);
    cilium(&mut full.counters);
    assert_eq!(find(&say(full), "ebpf-map"), None);
    assert_eq!(find(&with(|_| {}), "ebpf-map"), None);
}

/// So many exchanges of half a minute, and so many that are counted and not listed.
fn lagging(listed: u64, waiting: u64, release: &str) -> Diagnosis {
    let groups = [udp("10.0.3.10", ("192.0.2.53", 53), Reply::Replied, listed, (0, 29))];
    let set =
        [("net.netfilter.nf_conntrack_max", 65_536), ("net.netfilter.nf_conntrack_count", listed + waiting)];
    say(snapshot(&groups, released(counters(&set, &["10.0.3.10"]), release)))
}

#[test]
fn what_has_expired_and_waits_for_the_collector_is_no_leak() {
    let diagnosis = lagging(3_000, 1_000, "6.1.0-18-amd64");
    let finding = find(&diagnosis, "gc-lag").unwrap();
    assert!(words(&finding.summary[0]).starts_with("1000 entries are counted and not listed"));
    assert_eq!(find(&lagging(3_000, 100, "6.1.0-18-amd64"), "gc-lag"), None, "a hundredth is no matter");
    assert_eq!(find(&lagging(3_000, 20_000, "6.1.0-18-amd64"), "gc-lag"), None, "more than a minute brings");
    assert_eq!(find(&lagging(3_000, 1_000, "3.10.0-1160.el7"), "gc-lag"), None, "a timer for each entry");
}

/// The same, counted once more by itself.
fn counted_again(listed: u64, with_settings: u64, again: Option<u64>) -> Diagnosis {
    let groups = [udp("10.0.3.10", ("192.0.2.53", 53), Reply::Replied, listed, (0, 29))];
    let set =
        [("net.netfilter.nf_conntrack_max", 65_536), ("net.netfilter.nf_conntrack_count", with_settings)];
    let mut table = snapshot(&groups, released(counters(&set, &["10.0.3.10"]), "6.1.0-18-amd64"));
    table.counters.count = again;
    say(table)
}

#[test]
fn of_two_counts_the_one_after_the_list_tells_whether_it_leaks() {
    // More than half of what was counted first is gone: without the second count that may be a leak.
    let diagnosis = counted_again(3_000, 6_600, Some(3_010));
    let finding = find(&diagnosis, "gc-lag").unwrap();
    assert!(words(&finding.summary[0]).starts_with("3600 entries are counted and not listed"));
    let again = finding.evidence.iter().find(|evidence| evidence.id == "counted-again").unwrap();
    assert_eq!(again.speaks_for, Some(true));
    assert_eq!(find(&counted_again(3_000, 6_600, None), "gc-lag"), None, "one count may be a leak");
    assert_eq!(
        find(&counted_again(3_000, 6_600, Some(6_500)), "gc-lag"),
        None,
        "it is still there after the list"
    );
    let once = counted_again(3_000, 4_000, None);
    let finding = find(&once, "gc-lag").unwrap();
    assert!(finding.evidence.iter().any(|evidence| evidence.id == "counted-once"));
}

/// One client whose connections a virtual server hands on, and everyday entries beside it.
fn virtual_server(ports: u64, limit: u64, tracks: &str, release: &str) -> Diagnosis {
    let one = tcp("10.0.3.30", ("10.0.3.100", 80), State::TimeWait, ports, (0, 119));
    let groups = [
        Group { destination_nat: true, ..one },
        tcp("10.0.3.20", ("10.0.3.10", 22), State::Established, 40, (431_000, 431_999)),
    ];
    let set = [("net.netfilter.nf_conntrack_max", limit), ("net.netfilter.nf_conntrack_count", ports + 40)];
    let mut set = released(counters(&set, &["10.0.3.10", "10.0.3.100"]), release);
    set.sysctl.insert("net.ipv4.vs.conntrack".into(), tracks.into());
    set.sysctl.insert("net.ipv4.vs.conn_reuse_mode".into(), "1".into());
    say(snapshot(&groups, set))
}

#[test]
fn ports_used_again_through_ipvs_stall_connections_below_any_limit() {
    let diagnosis = virtual_server(26_000, 65_536, "1", "5.4.0-150-generic");
    let finding = find(&diagnosis, "ipvs-port-reuse").unwrap();
    assert!(words(&finding.summary[1]).contains("loses its first SYN"), "{}", words(&finding.summary[1]));
    assert!(finding.remedies.iter().any(|remedy| remedy.id == "newer-kernel"));
    assert_eq!(diagnosis.snapshots[0].body.verdict.cause.0, "no-incident");
    let cured = virtual_server(26_000, 65_536, "1", "6.1.0-18-amd64");
    let finding = find(&cured, "ipvs-port-reuse").unwrap();
    assert!(!words(&finding.summary[1]).contains("SYN"), "{}", words(&finding.summary[1]));
    assert_eq!(find(&virtual_server(26_000, 65_536, "0", "5.4.0-150-generic"), "ipvs-port-reuse"), None);
    assert_eq!(
        find(&virtual_server(9_000, 65_536, "1", "5.4.0-150-generic"), "ipvs-port-reuse"),
        None,
        "a third"
    );
    // At a full table it is the verdict.
    let full = virtual_server(26_000, 26_040, "1", "5.4.0-150-generic");
    assert_eq!(full.snapshots[0].body.verdict.cause.0, "ipvs-port-reuse");
    assert_eq!(find(&full, "ipvs-port-reuse"), None);
}

#[test]
fn lines_of_other_tables_near_an_incident_are_found_once_for_each_host_with_their_own_cure() {
    let mut near = incident(Wording::NfPlain, 402);
    near.around = vec![
        around(RelatedKind::NeighbourOverflow),
        around(RelatedKind::NeighbourOverflow),
        around(RelatedKind::TimeWaitOverflow),
        around(RelatedKind::Victim),
    ];
    let diagnosis = told(near, vec![quiet(2_000)]);
    let of: Vec<&Finding> =
        diagnosis.findings.iter().filter(|finding| finding.cause.0 == "other-kernel-table").collect();
    assert_eq!(of.len(), 1);
    let remedies: Vec<&str> = of[0].remedies.iter().map(|remedy| remedy.id).collect();
    assert_eq!(remedies, ["neighbour-table", "time-wait-sockets"]);
    assert!(words(&of[0].evidence[0].fact).contains("(1 line)"), "{}", words(&of[0].evidence[0].fact));
    assert_ne!(diagnosis.incidents[0].body.verdict.cause.0, "other-kernel-table");
    let calm = told(incident(Wording::NfPlain, 402), vec![quiet(2_000)]);
    assert_eq!(find(&calm, "other-kernel-table"), None);
}

#[test]
fn a_protocol_counter_says_the_same_and_adds_to_the_lines() {
    let mut near = incident(Wording::NfPlain, 402);
    near.around = vec![around(RelatedKind::NeighbourOverflow)];
    let mut table = quiet(2_000);
    table.counters.protocol.insert("TcpExtTCPTimeWaitOverflow".into(), 31);
    let diagnosis = told(near, vec![table.clone()]);
    let finding = find(&diagnosis, "other-kernel-table").unwrap();
    assert_eq!(
        finding.remedies.iter().map(|r| r.id).collect::<Vec<_>>(),
        ["neighbour-table", "time-wait-sockets"]
    );
    assert_eq!(finding.evidence.len(), 2);
    let mut alone = quiet(65_536);
    alone.counters.protocol.clone_from(&table.counters.protocol);
    let alone = say(alone);
    assert!(find(&alone, "other-kernel-table").is_some());
    assert!(first_lines(&alone)[1].contains("TIME_WAIT"), "{:?}", first_lines(&alone));
}
