//! Connections that are over, many of them: each cause beside the neighbour that differs in the one fact that
//! separates them.

use conntriage::model::counters::{Counters, LocalAddress};
use conntriage::model::diagnosis::{Body, Confidence};
use conntriage::model::flow::{L4, State};
use conntriage::model::machine::Module;
use conntriage::model::report::Snapshot;
use conntriage::model::rules::Rules;
use conntriage::model::signal::Wording;
use conntriage::model::sockets::{Call, Calls, Sockets};

use crate::table::{Group, ip, masqueraded, tcp};
use crate::world::{
    counters, incident, lines, of_incident, of_table, released, runners_up, snapshot, told, words,
};

/// This host, outside and inside.
const OWN: [&str; 2] = ["203.0.113.10", "10.0.3.10"];
/// TIME_WAIT, steady.
const STEADY: (u32, u32) = (0, 119);

/// A full table of these, with the addresses of this host.
fn settings(groups: &[Group], local: &[&str]) -> Counters {
    let held: u64 = groups.iter().map(|group| group.count).sum();
    counters(
        &[
            ("net.netfilter.nf_conntrack_max", held),
            ("net.netfilter.nf_conntrack_count", held),
            ("net.netfilter.nf_conntrack_buckets", held),
        ],
        local,
    )
}

fn table(groups: &[Group]) -> Snapshot {
    snapshot(groups, settings(groups, &OWN))
}

fn judged(snapshot: Snapshot) -> Body {
    of_incident(incident(Wording::NfPlain, 402), vec![snapshot])
}

fn cause(groups: &[Group]) -> &'static str {
    judged(table(groups)).verdict.cause.0
}

fn said(body: &Body) -> Vec<String> {
    body.verdict.summary.iter().map(words).collect()
}

fn remedies(body: &Body) -> Vec<&'static str> {
    body.remedies.iter().map(|remedy| remedy.id).collect()
}

#[expect(clippy::option_option, reason = "whether it is there, and then which way it points")]
fn evidence(body: &Body, id: &str) -> Option<Option<bool>> {
    body.evidence.iter().find(|evidence| evidence.id == id).map(|evidence| evidence.speaks_for)
}

fn gaps(snapshot: Snapshot) -> Vec<(String, Option<String>)> {
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![snapshot]);
    diagnosis.gaps.iter().map(|gap| (words(&gap.what), gap.command.clone())).collect()
}

/// Some everyday entries beside the cause.
fn everyday() -> Vec<Group> {
    (1..=20u32)
        .map(|n| {
            tcp(&format!("10.0.3.{}", n + 100), (OWN[0], 443), State::Established, 10, (431_000, 431_999))
        })
        .collect()
}

fn with_everyday(groups: Vec<Group>) -> Vec<Group> {
    groups.into_iter().chain(everyday()).collect()
}

/// This host to one port of another.
fn own_to(port: u16) -> Vec<Group> {
    with_everyday(vec![tcp(OWN[1], ("10.0.3.40", port), State::TimeWait, 12_000, STEADY)])
}

/// Eight machines of an application to one port of this host.
fn lan_to(port: u16) -> Vec<Group> {
    let clients =
        (1..=8u32).map(|n| tcp(&format!("10.0.4.{n}"), (OWN[1], port), State::TimeWait, 1_500, STEADY));
    with_everyday(clients.collect())
}

/// Visitors of a port of this host.
fn crowd(port: u16) -> Vec<Group> {
    let visitors = (0..2_000u32).map(|n| {
        let left = n * 7 % 110;
        tcp(&format!("198.51.{}.{}", n / 250, n % 250), (OWN[0], port), State::TimeWait, 8, (left, left + 9))
    });
    with_everyday(visitors.collect())
}

/// Every pair of a checker and a server, opened every `period` seconds.
fn checks(checkers: &[&str], servers: u32, period: usize) -> Vec<Group> {
    let mut out = Vec::new();
    for checker in checkers {
        for server in 1..=servers {
            for left in (0..120u32).step_by(period) {
                let address = format!("10.9.{}.{}", server / 250, server % 250);
                out.push(tcp(checker, (&address, 8080), State::TimeWait, 1, (left, left)));
            }
        }
    }
    out
}

/// One source to one port of this host: `count` connections over the last `seconds`.
fn burst(source: &str, count: u64, seconds: u32) -> Vec<Group> {
    with_everyday(vec![tcp(source, (OWN[0], 80), State::TimeWait, count, (120 - seconds, 119))])
}

/// A service address whose connections another machine answers.
fn through_ipvs() -> Vec<Group> {
    crowd(80)
        .into_iter()
        .map(|group| Group { destination_nat: group.state == Some(State::TimeWait), ..group })
        .collect()
}

/// One guest of many behind this host.
fn guest(address: &str) -> Vec<Group> {
    let mut out = vec![masqueraded(tcp(address, ("192.0.2.80", 443), State::TimeWait, 8_000, STEADY))];
    out.extend((1..=30u32).map(|n| {
        let source = format!("10.20.0.{}", n + 100);
        masqueraded(tcp(&source, ("192.0.2.81", 443), State::Established, 60, (431_000, 431_999)))
    }));
    out
}

fn with_programs(mut set: Counters, program: &str, local: &str, peer: (&str, u16)) -> Counters {
    let call =
        Call { program: program.into(), local: ip(local), peer: ip(peer.0), port: peer.1, l4: L4::TCP };
    let calls = Calls { sockets: 40, process: Some(4_711), several: false };
    set.sockets = Some(Sockets { from: "ss", calls: [(call, calls)].into(), ..Sockets::default() });
    set
}

fn on_interface(mut set: Counters, address: &str, interface: &str) -> Counters {
    set.addresses.push(LocalAddress { address: ip(address), interface: Some(interface.into()) });
    set.addresses_known = true;
    set
}

#[test]
fn the_port_tells_a_datastore_from_a_proxy() {
    let body = judged(table(&own_to(3306)));
    assert_eq!(body.verdict.cause.0, "datastore-churn");
    assert_eq!(body.verdict.confidence, Confidence::High);
    let three = said(&body);
    assert!(three[0].starts_with("this host (10.0.3.10) holds 98.4 %"), "{three:?}");
    assert!(three[0].ends_with("most to 10.0.3.40:3306"), "{three:?}");
    assert!(three[1].contains("120 s in TimeWait: new ones at 100/s, one for each query"), "{three:?}");
    assert!(three[2].contains("a pool"), "{three:?}");
    assert_eq!(remedies(&body)[0], "pool");
    assert!(runners_up(&body).contains(&"self-inflicted-churn"));
    let proxy = judged(table(&own_to(3128)));
    assert_eq!(proxy.verdict.cause.0, "self-inflicted-churn");
    assert_eq!(proxy.verdict.confidence, Confidence::High);
    assert!(!runners_up(&proxy).contains(&"datastore-churn"));
}

#[test]
fn other_machines_at_a_datastore_here_are_no_visitors() {
    let body = judged(table(&lan_to(6379)));
    assert_eq!(body.verdict.cause.0, "datastore-churn");
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(said(&body)[0].starts_with("8 sources hold"), "{:?}", said(&body));
    let web = judged(table(&lan_to(80)));
    assert_eq!(web.verdict.cause.0, "inbound-short-connections");
    assert!(remedies(&web).contains(&"reuse-in-front"));
}

#[test]
fn loopback_to_a_datastore_is_cured_by_its_socket_and_untracked_only_where_nothing_translates() {
    let groups = with_everyday(vec![tcp("127.0.0.1", ("127.0.0.1", 11_211), State::TimeWait, 9_000, STEADY)]);
    let body = judged(table(&groups));
    assert_eq!(body.verdict.cause.0, "datastore-churn");
    assert!(words(&body.remedies[0].title).contains("unix socket"), "{:?}", words(&body.remedies[0].title));
    assert!(!remedies(&body).contains(&"notrack-loopback"), "no rules were given");
    assert!(body.will_not_help.iter().any(|useless| useless.id == "notrack"));

    let mut plain = released(settings(&groups, &OWN), "5.10.0");
    plain.rules = Some(Rules { from: vec!["nft"], rules: 12, states: 3, ..Rules::default() });
    let allowed = judged(snapshot(&groups, plain.clone()));
    let remedy = allowed.remedies.iter().find(|remedy| remedy.id == "notrack-loopback").expect("a remedy");
    let raw = remedy.commands.iter().filter(|command| command.line.contains("--notrack"));
    assert_eq!(raw.clone().count(), 4, "both directions, both hooks");
    for command in raw {
        assert!(command.line.contains("-s 127.0.0.1") && command.line.contains("-d 127.0.0.1"));
        let undo = command.undo.as_deref().unwrap();
        assert_eq!(undo, command.line.replace(" -A ", " -D "));
    }
    let docker = on_interface(plain, "172.17.0.1", "docker0");
    assert!(!remedies(&judged(snapshot(&groups, docker))).contains(&"notrack-loopback"));
}

#[test]
fn a_crowd_a_few_in_front_and_one_alone_are_told_apart() {
    let many = judged(table(&crowd(80)));
    assert_eq!(many.verdict.cause.0, "inbound-short-connections");
    assert_eq!(many.verdict.confidence, Confidence::High);
    assert!(said(&many)[0].contains("visitors of 203.0.113.10:80 on this host hold"), "{:?}", said(&many));
    assert_eq!(remedies(&many)[0], "server-keep-alive");
    assert!(many.will_not_help.iter().any(|useless| useless.id == "rate-limit-visitors"));

    let balancers: Vec<Group> = (1..=3u32)
        .map(|n| tcp(&format!("10.0.5.{n}"), (OWN[0], 80), State::TimeWait, 4_000, STEADY))
        .collect();
    let few = judged(table(&balancers));
    assert_eq!(few.verdict.cause.0, "inbound-short-connections");
    assert_eq!(few.verdict.confidence, Confidence::High);
    assert_eq!(evidence(&few, "few-in-front"), Some(Some(true)));
    assert_eq!(remedies(&few)[0], "reuse-in-front");

    let one = table(&burst("10.0.5.1", 12_000, 120));
    let body = judged(one.clone());
    assert_eq!(body.verdict.cause.0, "inbound-short-connections");
    assert!(body.verdict.confidence < Confidence::High, "a test looks the same");
    assert!(gaps(one).contains(&("client".to_owned(), Some("ss -tanp".to_owned()))));
}

#[test]
fn visitors_of_a_server_that_may_be_here_are_less_sure() {
    let groups = crowd(80);
    let unknown = snapshot(&groups, settings(&groups, &[]));
    let body = judged(unknown.clone());
    assert_eq!(body.verdict.cause.0, "inbound-short-connections");
    assert!(body.verdict.confidence < Confidence::High);
    assert!(
        gaps(unknown)
            .iter()
            .any(|(what, command)| what == "is_local" && command.as_deref() == Some("ip -o addr"))
    );
}

#[test]
fn a_timer_tells_checks_from_requests() {
    let checked = judged(table(&checks(&["10.0.5.1", "10.0.5.2"], 60, 2)));
    assert_eq!(checked.verdict.cause.0, "health-check-churn");
    assert_eq!(checked.verdict.confidence, Confidence::High);
    let three = said(&checked);
    assert!(three[0].starts_with("10.0.5.1 and 1 other check 60 addresses and ports: 100.0 %"), "{three:?}");
    assert!(three[1].starts_with("each is opened by a timer every 2 s"), "{three:?}");
    assert_eq!(evidence(&checked, "ages-in-a-comb"), Some(Some(true)));
    assert_eq!(remedies(&checked)[..2], ["check-less", "close-by-reset"]);
    assert!(checked.will_not_help.iter().any(|useless| useless.id == "block-top-source"));

    // The same pairs, as many entries, at any time.
    let requests: Vec<Group> = (1..=60u32)
        .flat_map(|server| {
            ["10.0.5.1", "10.0.5.2"].map(|checker| {
                tcp(checker, (&format!("10.9.0.{server}"), 8080), State::TimeWait, 120, STEADY)
            })
        })
        .collect();
    let flat = judged(table(&requests));
    assert!(
        flat.verdict.cause.0 != "health-check-churn" || flat.verdict.confidence < Confidence::High,
        "{:?}",
        flat.verdict
    );
}

#[test]
fn a_proxy_to_many_servers_without_keep_alive_is_no_checker() {
    let proxied: Vec<Group> = (1..=20u32)
        .map(|server| tcp(OWN[1], (&format!("10.9.0.{server}"), 8080), State::TimeWait, 1_200, STEADY))
        .collect();
    let body = judged(table(&proxied));
    assert_eq!(body.verdict.cause.0, "self-inflicted-churn");
    assert!(!runners_up(&body).contains(&"health-check-churn"), "ten a second to each are requests");
    // The same servers from here by a timer.
    assert_eq!(cause(&checks(&[OWN[1]], 200, 2)), "health-check-churn");
}

#[test]
fn checks_that_reset_stay_in_close_and_are_not_told_to_reset() {
    let groups: Vec<Group> = (1..=200u32)
        .flat_map(|server| {
            let address = format!("10.9.0.{server}");
            [1, 3, 5, 7, 9].map(|left| tcp("10.0.5.1", (&address, 9000), State::Close, 1, (left, left)))
        })
        .collect();
    let body = judged(table(&groups));
    assert_eq!(body.verdict.cause.0, "health-check-churn");
    assert!(!remedies(&body).contains(&"close-by-reset"));
    assert!(
        (body.verdict.rate_per_second.unwrap() - 100.0).abs() < 15.0,
        "{:?}",
        body.verdict.rate_per_second
    );
}

#[test]
fn a_crawler_is_no_checker() {
    let met_once: Vec<Group> = (0..6_000u32)
        .map(|n| {
            tcp(
                OWN[0],
                (&format!("192.0.{}.{}", n / 250, n % 250), 443),
                State::TimeWait,
                1,
                (n % 120, n % 120),
            )
        })
        .collect();
    let body = judged(table(&met_once));
    for churn in ["health-check-churn", "load-generator"] {
        assert!(body.verdict.cause.0 != churn && !runners_up(&body).contains(&churn), "{churn}");
    }
    assert_eq!(body.verdict.cause.0, "self-inflicted-churn");
    assert!(said(&body)[0].contains("to 6000 addresses, most on port 443"), "{:?}", said(&body));
    assert!(said(&body)[2].contains("crawler"), "{:?}", said(&body));
    // Of a machine that is not known to be this host it is not said.
    let body = judged(snapshot(&met_once, settings(&met_once, &["10.0.3.10"])));
    assert_ne!(body.verdict.cause.0, "self-inflicted-churn");
}

#[test]
fn a_sudden_sweep_of_all_ports_is_a_test_and_a_steady_stream_is_not() {
    let sudden = judged(table(&burst("10.0.5.1", 28_100, 28)));
    assert_eq!(sudden.verdict.cause.0, "load-generator");
    let three = said(&sudden);
    assert!(three[0].starts_with("10.0.5.1 load-tests 203.0.113.10:80 (this host): 99."), "{three:?}");
    assert!(three[1].contains("it began 28 s before the table was read, at 100"), "{three:?}");
    assert_eq!(sudden.remedies[0].id, "stop-the-test");
    assert!(sudden.will_not_help.iter().any(|useless| useless.id == "raise-limit"));
    assert_ne!(cause(&burst("10.0.5.1", 28_100, 120)), "load-generator");
}

#[test]
fn a_table_that_is_too_small_for_a_stream_shows_young_entries_and_no_beginning() {
    // The log was full a quarter of an hour before as well: what is young here did not begin now.
    let mut earlier = incident(Wording::NfPlain, 402);
    earlier.times.start =
        earlier.times.start.map(|start| conntriage::model::time::WallTime(start.0 - 300_000_000));
    let body = of_incident(earlier, vec![table(&burst("10.0.5.1", 28_100, 28))]);
    assert_ne!(body.verdict.cause.0, "load-generator");
}

#[test]
fn the_program_tells_a_test_from_an_application() {
    let groups = own_to(8080);
    let of = |program: &str| {
        let set = with_programs(settings(&groups, &OWN), program, OWN[1], ("10.0.3.40", 8080));
        judged(snapshot(&groups, set))
    };
    let test = of("wrk");
    assert_eq!(test.verdict.cause.0, "load-generator");
    assert!(said(&test)[0].starts_with("wrk on 10.0.3.10 (this host) load-tests"), "{:?}", said(&test));
    assert_eq!(of("nginx").verdict.cause.0, "self-inflicted-churn");
}

#[test]
fn ipvs_that_tracks_is_told_from_ipvs_that_does_not() {
    let groups = through_ipvs();
    let of = |tracks: &str, release: &str| {
        let mut set = released(settings(&groups, &OWN), release);
        set.sysctl.insert("net.ipv4.vs.conntrack".into(), tracks.into());
        set.sysctl.insert("net.ipv4.vs.conn_reuse_mode".into(), "1".into());
        judged(snapshot(&groups, set))
    };
    let body = of("1", "5.4.0");
    assert_eq!(body.verdict.cause.0, "ipvs-port-reuse");
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(said(&body)[1].contains("ports used again by then lose their SYN"), "{:?}", said(&body));
    assert!(remedies(&body).contains(&"newer-kernel"));
    assert!(lines(&body).iter().all(|line| !line.contains("conn_reuse_mode")));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "conn_reuse_mode"));
    assert!(!remedies(&of("1", "6.1.0")).contains(&"newer-kernel"));
    assert_eq!(of("0", "5.4.0").verdict.cause.0, "inbound-short-connections");
}

#[test]
fn a_module_alone_does_not_say_whether_ipvs_tracks() {
    let groups = through_ipvs();
    let mut set = settings(&groups, &OWN);
    let module = Module { name: "ip_vs".into(), bytes: 180_224, users: Some(4), foreign: false };
    set.machine.modules = Some(vec![module]);
    let table = snapshot(&groups, set);
    let body = judged(table.clone());
    let named = body.verdict.cause.0 == "ipvs-port-reuse" || runners_up(&body).contains(&"ipvs-port-reuse");
    assert!(named, "{:?}", body.verdict);
    let command =
        gaps(table).into_iter().find(|(what, _)| what == "net.ipv4.vs.conntrack").and_then(|gap| gap.1);
    assert!(command.is_some_and(|line| line.starts_with("sysctl net.ipv4.vs.conntrack")));
}

#[test]
fn one_guest_of_many_is_told_from_this_host() {
    let groups = guest("10.20.0.7");
    let body = judged(table(&groups));
    assert_eq!(body.verdict.cause.0, "noisy-tenant");
    assert_eq!(body.verdict.confidence, Confidence::High);
    let three = said(&body);
    assert!(three[0].starts_with("10.20.0.7, behind this host, holds 81.6 %"), "{three:?}");
    let limited = body.remedies.iter().find(|remedy| remedy.id == "limit-one-client").unwrap();
    let line = &limited.commands[0].line;
    assert!(
        line.starts_with("iptables -t raw -I PREROUTING -s 10.20.0.7 -p tcp --syn -m hashlimit"),
        "{line}"
    );
    assert!(
        limited.commands[0]
            .undo
            .as_deref()
            .unwrap()
            .starts_with("iptables -t raw -D PREROUTING -s 10.20.0.7")
    );
    let connlimit = body.will_not_help.iter().find(|useless| useless.id == "connlimit").unwrap();
    assert!(words(&connlimit.reason).contains("8000 of the 8000 entries"), "{}", words(&connlimit.reason));

    let own: Vec<Group> = groups.iter().map(|group| Group { source_nat: false, ..*group }).collect();
    let own = judged(snapshot(&own, settings(&own, &["10.20.0.7"])));
    assert_eq!(own.verdict.cause.0, "self-inflicted-churn");
}

#[test]
fn a_guest_among_equals_is_no_noisy_one() {
    let groups: Vec<Group> = (1..=4u32)
        .map(|n| {
            let source = format!("10.20.0.{n}");
            masqueraded(tcp(&source, ("192.0.2.80", 443), State::TimeWait, 2_000, STEADY))
        })
        .collect();
    let body = judged(table(&groups));
    assert!(
        body.verdict.cause.0 != "noisy-tenant" || body.verdict.confidence < Confidence::High,
        "{:?}",
        body.verdict
    );
}

#[test]
fn where_own_addresses_are_not_known_a_translated_client_is_less_sure() {
    let groups = guest("10.20.0.7");
    let unknown = snapshot(&groups, settings(&groups, &[]));
    let body = judged(unknown.clone());
    assert_eq!(body.verdict.cause.0, "noisy-tenant");
    assert!(body.verdict.confidence < Confidence::High);
    assert!(
        gaps(unknown)
            .iter()
            .any(|(what, command)| what == "is_local" && command.as_deref() == Some("ip -o addr"))
    );
}

#[test]
fn a_bridge_address_is_a_hop_unless_a_program_of_this_host_is_behind_it() {
    let groups = with_everyday(vec![tcp("172.17.0.1", ("172.17.0.2", 80), State::TimeWait, 9_000, STEADY)]);
    let set = on_interface(settings(&groups, &OWN), "172.17.0.1", "docker0");
    let of = |program: &str| {
        let set = with_programs(set.clone(), program, "172.17.0.1", ("172.17.0.2", 80));
        told(incident(Wording::NfPlain, 402), vec![snapshot(&groups, set)])
    };
    let hidden = of("docker-proxy");
    let body = &hidden.incidents[0].body;
    assert_ne!(body.verdict.cause.0, "self-inflicted-churn");
    let three = said(body);
    assert!(three[0].starts_with("clients of 172.17.0.2:80 behind the hop 172.17.0.1"), "{three:?}");
    let note = words(body.top_sources[0].note.as_ref().unwrap());
    assert!(note.contains("docker-proxy") && note.contains("look who stands behind it"), "{note}");
    let finding = hidden.findings.iter().find(|finding| finding.cause.0 == "hidden-client").unwrap();
    assert!(finding.remedies.iter().any(|remedy| remedy.id == "keep-client-addresses"));

    let own = of("nginx");
    assert_eq!(own.incidents[0].body.verdict.cause.0, "self-inflicted-churn");
    assert!(own.findings.iter().all(|finding| finding.cause.0 != "hidden-client"));

    let unknown = told(incident(Wording::NfPlain, 402), vec![snapshot(&groups, set)]);
    assert!(unknown.findings.iter().any(|finding| finding.cause.0 == "hidden-client"));
    assert_ne!(unknown.incidents[0].body.verdict.cause.0, "self-inflicted-churn");
}

#[test]
fn the_gateway_of_the_network_may_hide_its_clients() {
    let groups = burst("10.0.3.1", 9_000, 120);
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table(&groups)]);
    assert!(diagnosis.findings.iter().any(|finding| finding.cause.0 == "hidden-client"));
    let note = words(diagnosis.incidents[0].body.top_sources[0].note.as_ref().unwrap());
    assert!(note.contains("others may stand behind it"), "{note}");
    let other = told(incident(Wording::NfPlain, 402), vec![table(&burst("10.0.3.77", 9_000, 120))]);
    assert!(other.findings.iter().all(|finding| finding.cause.0 != "hidden-client"));
}

/// The clear table of each cause.
fn clear() -> Vec<(&'static str, Vec<Group>)> {
    vec![
        ("self-inflicted-churn", own_to(3128)),
        ("datastore-churn", own_to(3306)),
        ("datastore-churn", lan_to(6379)),
        ("inbound-short-connections", crowd(80)),
        ("health-check-churn", checks(&["10.0.5.1", "10.0.5.2"], 60, 2)),
        ("load-generator", burst("10.0.5.1", 28_100, 28)),
        ("noisy-tenant", guest("10.20.0.7")),
    ]
}

#[test]
fn one_in_twenty_of_anything_else_and_another_order_change_no_verdict() {
    for (expected, groups) in clear() {
        let held: u64 = groups.iter().map(|group| group.count).sum();
        let noise = (0..u32::try_from(held / 20).unwrap()).map(|n| {
            let source = format!("10.77.{}.{}", n / 250 % 250, n % 250);
            let peer = format!("192.0.2.{}", n * 13 % 250);
            let state = [State::TimeWait, State::Established, State::SynSent][(n % 3) as usize];
            tcp(
                &source,
                (&peer, 1_024 + u16::try_from(n * 97 % 60_000).unwrap()),
                state,
                1,
                (n % 100, n % 100),
            )
        });
        let mut all: Vec<Group> = groups.iter().copied().chain(noise).collect();
        assert_eq!(cause(&groups), expected);
        assert_eq!(cause(&all), expected, "with noise");
        all.reverse();
        assert_eq!(cause(&all), expected, "the other way round");
    }
}

#[test]
fn no_table_of_this_family_is_answered_by_what_must_not_be_printed() {
    for (expected, groups) in clear() {
        let body = judged(table(&groups));
        for line in lines(&body) {
            for never in
                ["conn_reuse_mode", "conntrack -F", "UNREPLIED", "tcp_tw_recycle=1", "nf_conntrack_max=0"]
            {
                assert!(!line.contains(never), "{expected}: {line}");
            }
            let untracks = line.contains("notrack") || line.contains("NOTRACK");
            assert!(!untracks || (line.contains("-s ") && line.contains("-d ")), "{expected}: {line}");
            assert!(!line.contains("time_wait=30") || expected != "noisy-tenant", "a NAT keeps 60 s: {line}");
        }
        assert!(body.verdict.summary.len() == 3, "{expected}");
        assert!(!body.will_not_help.is_empty(), "{expected}");
    }
}

#[test]
fn a_table_that_is_not_full_and_has_no_log_is_not_judged_by_this_family() {
    let groups = own_to(3306);
    let mut set = settings(&groups, &OWN);
    set.sysctl.insert("net.netfilter.nf_conntrack_max".into(), "262144".into());
    assert_eq!(of_table(snapshot(&groups, set)).verdict.cause.0, "no-incident");
}
