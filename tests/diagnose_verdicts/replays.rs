//! Traffic that is played at a service, told from visitors, from machines in front, and from a neighbour network.

use conntriage::model::counters::Counters;
use conntriage::model::diagnosis::{Body, Confidence};
use conntriage::model::flow::{L4, State};
use conntriage::model::signal::Wording;
use conntriage::model::sockets::{Call, Calls, Sockets};

use crate::table::{Group, ip, tcp};
use crate::world::{counters, incident, lines, of_incident, released, runners_up, snapshot, told, words};

const SERVER: (&str, u16) = ("10.0.3.30", 80);

/// So many addresses of a network, each with so many entries as `each` says: over, and still open.
fn played(network: &str, addresses: u32, each: impl Fn(u32) -> u64) -> Vec<Group> {
    (1..=addresses)
        .flat_map(|n| {
            let (source, entries) = (format!("{network}.{n}"), each(n));
            [
                tcp(&source, SERVER, State::TimeWait, entries * 2, (0, 119)),
                tcp(&source, SERVER, State::Established, entries, (431_700, 431_999)),
            ]
        })
        .chain((1..=10u32).map(|n| {
            tcp(&format!("10.0.3.{}", n + 100), (SERVER.0, 22), State::Established, 4, (431_000, 431_999))
        }))
        .collect()
}

fn evenly(n: u32) -> u64 {
    15 + u64::from(n % 7)
}

fn settings(groups: &[Group]) -> Counters {
    let held: u64 = groups.iter().map(|group| group.count).sum();
    counters(
        &[
            ("net.netfilter.nf_conntrack_max", held),
            ("net.netfilter.nf_conntrack_count", held),
            ("net.netfilter.nf_conntrack_buckets", held),
        ],
        &[SERVER.0],
    )
}

fn with_program(mut set: Counters, program: &str) -> Counters {
    let call = Call {
        program: program.into(),
        local: ip(SERVER.0),
        peer: ip("10.0.3.31"),
        port: 41_200,
        l4: L4::TCP,
    };
    let calls = Calls { sockets: 3, process: Some(2_204), several: false };
    set.sockets = Some(Sockets { from: "ss", calls: [(call, calls)].into(), ..Sockets::default() });
    set
}

fn judged(groups: &[Group], set: Counters) -> Body {
    of_incident(incident(Wording::NfPlain, 402), vec![snapshot(groups, set)])
}

fn why(body: &Body, id: &str) -> Option<bool> {
    body.evidence.iter().find(|evidence| evidence.id == id).and_then(|evidence| evidence.speaks_for)
}

#[test]
fn a_replay_is_told_by_its_network_and_its_program() {
    let groups = played("62.135.200", 240, evenly);
    let set = released(settings(&groups), "5.10.0-21-amd64");
    let body = judged(&groups, with_program(set, "intercept"));
    assert_eq!(body.verdict.cause.0, "load-generator");
    assert_eq!(body.verdict.confidence, Confidence::High);
    let three: Vec<String> = body.verdict.summary.iter().map(words).collect();
    assert!(three[0].starts_with("replayed traffic to 10.0.3.30:80 (this host) holds 99."), "{three:?}");
    assert!(three[1].contains("addresses or more of `62.135.200.0/24`, all alike"), "{three:?}");
    assert!(three[2].contains("production is not too small"), "{three:?}");
    assert_eq!(body.remedies[0].id, "stop-the-replay");
    let typed = lines(&body);
    let has = |line: &str| typed.iter().any(|typed| typed == line);
    assert!(
        has(
            "iptables -t raw -A PREROUTING -p tcp -s 62.135.200.0/24 -d 10.0.3.30 --dport 80 -j CT --notrack"
        ),
        "{typed:#?}"
    );
    assert!(
        has("conntrack -D -p tcp -s 62.135.200.0 --mask-src 255.255.255.0 -d 10.0.3.30 --dport 80"),
        "{typed:#?}"
    );
    assert!(typed.iter().all(|line| !line.contains("conntrack -F")));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "production-limit"));
}

#[test]
fn without_a_program_of_it_a_replay_is_not_sure_and_the_command_that_tells_is_named() {
    let groups = played("62.135.200", 240, evenly);
    let table = snapshot(&groups, settings(&groups));
    let body = judged(&groups, settings(&groups));
    assert_eq!(body.verdict.cause.0, "load-generator");
    assert!(
        body.verdict.confidence < Confidence::High,
        "a provider may hide its customers behind such addresses"
    );
    let diagnosis = told(incident(Wording::NfPlain, 402), vec![table]);
    assert!(
        diagnosis
            .gaps
            .iter()
            .any(|gap| gap.command.as_deref() == Some("ip route get 62.135.200.0; ss -tanp")),
        "{:?}",
        diagnosis.gaps
    );
}

#[test]
fn visitors_of_one_network_differ_from_one_another() {
    // A few hold most, as people do.
    let uneven = |n: u32| if n <= 24 { 160 } else { 6 + u64::from(n % 5) };
    let groups = played("62.135.200", 240, uneven);
    let body = judged(&groups, settings(&groups));
    assert_ne!(body.verdict.cause.0, "load-generator", "{:?}", body.evidence);
}

#[test]
fn a_few_machines_in_front_and_visitors_from_everywhere_are_no_replay() {
    let few = played("62.135.200", 40, |_| 90);
    let body = judged(&few, settings(&few));
    assert!(body.verdict.cause.0 != "load-generator" && !runners_up(&body).contains(&"load-generator"));
    let everywhere: Vec<Group> = (0..240u32)
        .flat_map(|n| {
            let source = format!("{}.{}.7.9", 20 + n / 16, 3 + n % 16);
            [
                tcp(&source, SERVER, State::TimeWait, 36, (0, 119)),
                tcp(&source, SERVER, State::Established, 14, (431_700, 431_999)),
            ]
        })
        .collect();
    let body = judged(&everywhere, settings(&everywhere));
    assert!(body.verdict.cause.0 != "load-generator" && !runners_up(&body).contains(&"load-generator"));
}

#[test]
fn which_of_equal_sources_stand_among_the_leading_ones_is_an_accident() {
    // Two networks, and every source with as many: by their order only the first one is seen to lead.
    let both: Vec<Group> =
        ["62.135.200", "62.135.201"].iter().flat_map(|network| played(network, 120, |_| 20)).collect();
    let body = judged(&both, settings(&both));
    assert!(body.verdict.cause.0 != "load-generator" && !runners_up(&body).contains(&"load-generator"));
    // One network alone is one, however equal they are.
    let one: Vec<Group> =
        played("62.135.200", 240, |_| 20).into_iter().filter(|g| g.peer.port == Some(80)).collect();
    assert_eq!(judged(&one, settings(&one)).verdict.cause.0, "load-generator");
}

#[test]
fn recorded_sources_are_told_from_visitors_by_the_program_alone() {
    let everywhere: Vec<Group> = (0..240u32)
        .flat_map(|n| {
            let source = format!("{}.{}.7.9", 20 + n / 16, 3 + n % 16);
            [
                tcp(&source, SERVER, State::TimeWait, 36, (0, 119)),
                tcp(&source, SERVER, State::Established, 10, (431_700, 431_999)),
            ]
        })
        .collect();
    let body = judged(&everywhere, with_program(settings(&everywhere), "intercept"));
    assert_eq!(body.verdict.cause.0, "load-generator");
    assert!(lines(&body).iter().all(|line| !line.contains("notrack")), "no network to tell it by");
    let body = judged(&everywhere, with_program(settings(&everywhere), "sshd"));
    assert_eq!(body.verdict.cause.0, "inbound-short-connections");
}

#[test]
fn neighbours_of_the_same_network_speak_against_a_replay() {
    let groups: Vec<Group> =
        played("10.0.3", 240, evenly).into_iter().filter(|g| g.source != ip(SERVER.0)).collect();
    let body = judged(&groups, settings(&groups));
    let named = body.verdict.cause.0 == "load-generator";
    assert!(!named || why(&body, "own-network") == Some(false), "{:?}", body.evidence);
    assert!(!named || body.verdict.confidence < Confidence::High);
}
