//! What the person on call acts upon: the right host, ages only where a timer is known, first lines about what lost
//! packets, numbers that mean one thing each, and remedies that are worth typing.

use conntriage::diagnose::diagnose;
use conntriage::model::diagnosis::{Body, Remedy};
use conntriage::model::flow::{L4, Reply, State};
use conntriage::model::incident::{Conclusion, Host};
use conntriage::model::report::{Settings, Snapshot};
use conntriage::model::signal::{RelatedKind, Wording};

use crate::cases::{flood, gateway, limits};
use crate::datagrams::filled;
use crate::table::{Group, ip, masqueraded, tcp, udp};
use crate::world::{
    around, conclusion, counters, incident, lines, of_incident, of_table, released, snapshot, told, words,
};

const HERE: &str = "10.0.3.10";

fn remedy<'b>(body: &'b Body, id: &str) -> Option<&'b Remedy> {
    body.remedies.iter().find(|remedy| remedy.id == id)
}

fn typed(remedy: &Remedy) -> Vec<String> {
    remedy.commands.iter().map(|command| command.line.clone()).collect()
}

fn full(groups: &[Group]) -> Snapshot {
    snapshot(groups, filled(groups, &[HERE]))
}

fn first_lines(body: &Body) -> Vec<String> {
    body.verdict.summary.iter().map(words).collect()
}

#[test]
fn an_incident_keeps_its_host_among_hosts_that_only_a_table_names() {
    let of = |host: &str| {
        let mut table = gateway();
        table.id = host.into();
        table.host = Some(host.into());
        table
    };
    let mut known = conclusion(vec![incident(Wording::NfDoubled, 402)]);
    known.hosts = vec![Host { name: "node-6".into(), also_written_as: Vec::new(), boot_ids: Vec::new() }];
    let tables = vec![of("node-1"), of("node-6"), of("node-7")];
    let diagnosis = diagnose(known, tables, &Settings::default());
    assert_eq!(diagnosis.hosts.len(), 3);
    let view = &diagnosis.incidents[0];
    assert_eq!(&*diagnosis.hosts[view.incident.host].host.name, "node-6");
    assert_eq!(&*view.snapshots[0].id, "node-6");
    assert_eq!(diagnosis.hosts.iter().map(|host| host.incidents).sum::<u64>(), 1);
}

/// Connections in use, and some that were met in their middle, whose timer is never above five minutes.
fn with_pickups() -> Vec<Group> {
    let mut groups: Vec<Group> = (0..100u32)
        .map(|n| tcp(&format!("10.1.0.{n}"), ("192.0.2.1", 443), State::Established, 60, (431_000, 431_999)))
        .collect();
    groups.extend((0..100u32).map(|n| {
        tcp(&format!("10.2.0.{n}"), ("192.0.2.1", 443), State::Established, 70, (0, 299))
            .replied(Reply::Unreplied)
    }));
    groups
}

#[test]
fn an_entry_whose_timer_may_be_a_shorter_one_has_no_age() {
    let body = of_incident(incident(Wording::NfDoubled, 402), vec![full(&with_pickups())]);
    let days = |body: &Body| {
        let bars = &body.census.as_ref().unwrap().idle_age;
        bars.iter().filter(|bar| bar.from_seconds >= 86_400).map(|bar| bar.entries).sum::<u64>()
    };
    assert_eq!(days(&body), 0, "five minutes left are not five days of silence");
    let capacity = body.evidence.iter().find(|evidence| evidence.id == "silent");
    assert!(capacity.is_none(), "{:?}", capacity.map(|evidence| words(&evidence.fact)));
    // Four days of silence are known as such.
    let groups: Vec<Group> = (0..100u32)
        .map(|n| tcp(&format!("10.1.0.{n}"), ("192.0.2.1", 443), State::Established, 60, (50_000, 80_000)))
        .collect();
    let body = of_incident(incident(Wording::NfDoubled, 402), vec![full(&groups)]);
    assert_eq!(days(&body), 6_000);
}

#[test]
fn all_that_were_met_in_their_middle_are_as_old_as_their_own_timer_says() {
    let groups: Vec<Group> =
        with_pickups().into_iter().filter(|group| group.replied == Reply::Unreplied).collect();
    let body = of_incident(incident(Wording::NfDoubled, 402), vec![full(&groups)]);
    let bars = &body.census.as_ref().unwrap().idle_age;
    assert_eq!(bars.iter().map(|bar| bar.entries).sum::<u64>(), 7_000);
    assert!(bars.iter().all(|bar| bar.to_seconds <= 600), "{bars:?}");
}

/// A quiet host.
fn quiet() -> Snapshot {
    let groups = [tcp(HERE, ("192.0.2.1", 443), State::Established, 900, (430_000, 431_999))];
    snapshot(&groups, limits(65_536, 900, 16_384))
}

#[test]
fn the_first_lines_are_about_the_other_table_that_the_log_says_was_full() {
    let known = Conclusion {
        other_tables: vec![(0, around(RelatedKind::NeighbourOverflow))],
        ..conclusion(Vec::new())
    };
    let body = diagnose(known, vec![quiet()], &Settings::default()).snapshots.remove(0).body;
    assert_eq!(body.verdict.cause.0, "no-incident");
    let said = first_lines(&body);
    assert!(said[1].starts_with("the table of neighbours (ARP, NDP) was full"), "{said:?}");
    assert!(said[2].contains("gc_thresh"), "{said:?}");
    assert!(first_lines(&of_table(quiet()))[2].starts_with("nothing to do"));
}

#[test]
fn the_first_lines_are_about_entries_that_hold_on_to_what_is_gone() {
    let stale = udp("10.1.0.9", ("10.96.0.10", 53), Reply::Unreplied, 2, (29, 29)).at_source_port(41_000);
    let stale = Group { destination_nat: true, ..stale }.with_volumes((400, 32_000), (0, 0));
    let groups = [tcp(HERE, ("192.0.2.1", 443), State::Established, 900, (430_000, 431_999)), stale];
    let body = of_table(snapshot(&groups, limits(65_536, 902, 16_384)));
    assert_eq!(body.verdict.cause.0, "no-incident");
    let said = first_lines(&body);
    assert!(said[1].contains("never answers") && said[2].starts_with("delete these entries"), "{said:?}");
}

#[test]
fn a_burst_and_the_mean_of_all_are_told_apart() {
    // 400 in four seconds, and 16 others over half a minute.
    let groups = [
        tcp(HERE, ("10.0.3.40", 8080), State::TimeWait, 400, (50, 53)),
        tcp("10.0.3.77", ("10.0.3.10", 22), State::TimeWait, 16, (20, 49)),
    ];
    let body = of_incident(incident(Wording::NfDoubled, 402), vec![full(&groups)]);
    let told = body.verdict.rate_per_second.unwrap();
    let rate = body.evidence.iter().find(|evidence| evidence.id == "rate").unwrap();
    let (_, mean) = rate.values.iter().find(|(name, _)| *name == "per_second").unwrap();
    assert!(told > 1.5 * mean, "{told} and {mean}");
    let said = words(&rate.fact);
    assert!(said.contains("on average") && said.contains("most of them came in a burst"), "{said}");
}

#[test]
fn a_timeout_that_saves_nearly_nothing_is_not_printed() {
    let body = of_incident(incident(Wording::NfDoubled, 402), vec![flood()]);
    assert!(remedy(&body, "shorter-handshake").is_some(), "nearly all of it is half open");
    let mut groups: Vec<Group> = (0..200u32)
        .map(|n| {
            let source = format!("198.18.{n}.7");
            tcp(&source, ("203.0.113.10", 443), State::SynSent, 40, (0, 119))
        })
        .collect();
    groups.push(tcp("192.0.2.9", ("203.0.113.10", 443), State::SynRecv, 100, (0, 59)));
    let body = of_incident(
        incident(Wording::NfDoubled, 402),
        vec![snapshot(&groups, filled(&groups, &["203.0.113.10"]))],
    );
    assert!(remedy(&body, "shorter-handshake").is_none(), "{:?}", lines(&body));
}

#[test]
fn several_clients_of_one_peer_are_deleted_by_one_line() {
    let clients: Vec<Group> = (1..=4u32)
        .map(|n| tcp(&format!("10.1.0.{n}"), (HERE, 3306), State::TimeWait, 2_000, (0, 119)))
        .collect();
    let deleted = |groups: &[Group]| {
        let body = of_incident(incident(Wording::NfDoubled, 402), vec![full(groups)]);
        let remedy = remedy(&body, "delete-time-wait").unwrap().clone();
        (typed(&remedy), remedy.effect.entries_freed_now)
    };
    let (all, freed) = deleted(&clients);
    assert_eq!(all, ["conntrack -D -p tcp --state TIME_WAIT -d 10.0.3.10 --dport 3306"]);
    assert_eq!(freed, Some(8_000));
    // The address of a service stands for several servers: there each client is named.
    let behind: Vec<Group> = clients.iter().map(|group| Group { destination_nat: true, ..*group }).collect();
    let (all, freed) = deleted(&behind);
    assert!(all.iter().all(|line| line.contains(" -s 10.1.0.")) && freed == Some(8_000), "{all:?}");
}

#[test]
fn associations_that_are_no_longer_tracked_are_deleted_by_their_addresses_and_port() {
    let groups: Vec<Group> = (1..=3u32)
        .map(|n| Group {
            peer: conntriage::model::census::Peer {
                address: ip(&format!("10.7.0.{n}")),
                port: Some(36_412),
                l4: L4::SCTP,
            },
            state: Some(State::Established),
            ..udp(HERE, ("10.7.0.1", 1), Reply::Assured, 1_000, (100_000, 431_000))
        })
        .collect();
    let body = of_table(snapshot(&groups, released(filled(&groups, &[HERE]), "3.10.0-1160.el7")));
    let remedy = remedy(&body, "notrack").unwrap();
    assert_eq!(remedy.effect.entries_freed_now, Some(3_000));
    let all = typed(remedy);
    let first = all.iter().position(|line| line.starts_with("conntrack -D")).unwrap();
    assert!(
        all.iter()
            .skip(first)
            .all(|line| line.starts_with("conntrack -D -p sctp --state ESTABLISHED -s 10.0.3.10 -d 10.7.0."))
    );
    assert!(all.iter().take(first).any(|line| line.contains("--notrack")), "untracked first: {all:?}");
}

#[test]
fn a_limit_for_one_program_leaves_the_exchanges_that_it_has() {
    let groups: Vec<Group> =
        crate::datagrams::crawler("192.168.7.23", 9_000, |n| u16::try_from(1_024 + n).unwrap())
            .into_iter()
            .map(masqueraded)
            .collect();
    let all = lines(&of_table(snapshot(&groups, filled(&groups, &["203.0.113.10", HERE]))));
    let limit = all.iter().find(|line| line.contains("connlimit")).unwrap();
    assert!(limit.contains("-m conntrack --ctstate NEW -m connlimit"), "{limit}");
}

#[test]
fn switching_recycling_off_can_be_taken_back_whole() {
    let mut table = quiet();
    table.counters.sysctl.insert("net.ipv4.tcp_tw_recycle".into(), "1".into());
    let diagnosis = diagnose(Conclusion::default(), vec![table], &Settings::default());
    let finding = diagnosis.findings.iter().find(|finding| finding.cause.0 == "tw-recycle").unwrap();
    let undo: Vec<&str> =
        finding.remedies[0].commands.iter().filter_map(|command| command.undo.as_deref()).collect();
    assert_eq!(undo.len(), 2, "{undo:?}");
    assert_eq!(undo[0], "sysctl -w net.ipv4.tcp_tw_recycle=1");
}

#[test]
fn calls_to_groups_are_untracked_and_broadcasts_dropped() {
    let calls = |to: &str, port: u16, count: u64| -> Vec<Group> {
        (1..=60u32)
            .map(|n| udp(&format!("192.168.1.{n}"), (to, port), Reply::Unreplied, count, (0, 29)))
            .collect()
    };
    let mut groups = calls("239.255.255.250", 1_900, 100);
    groups.extend(calls("192.168.1.255", 137, 30));
    groups.extend(calls("255.255.255.255", 67, 5));
    let body = of_table(full(&groups));
    assert_eq!(body.verdict.cause.0, "multicast-discovery");
    let untracked = typed(remedy(&body, "notrack").unwrap());
    assert!(untracked.iter().any(|line| line.contains("-d 239.255.255.250") && line.contains("--notrack")));
    assert!(untracked.iter().all(|line| !line.contains(".255 ")), "no mirror, no such rule: {untracked:?}");
    let dropped = typed(remedy(&body, "drop-broadcasts").unwrap());
    assert_eq!(dropped, ["iptables -t raw -I PREROUTING 1 -p udp -d 192.168.1.255 --dport 137 -j DROP"]);
}

#[test]
fn somewhat_above_the_limit_is_said_to_be_above_it() {
    let mut table = gateway();
    table.counters = counters(
        &[
            ("net.netfilter.nf_conntrack_max", 31_600),
            ("net.netfilter.nf_conntrack_count", 32_200),
            ("net.netfilter.nf_conntrack_buckets", 8_192),
        ],
        &["203.0.113.10"],
    );
    let diagnosis = told(incident(Wording::NfDoubled, 402), vec![table]);
    let full =
        diagnosis.incidents[0].body.evidence.iter().find(|evidence| evidence.id == "usage-full").unwrap();
    assert!(words(&full.fact).ends_with("(101.9 %)"), "{}", words(&full.fact));
}
