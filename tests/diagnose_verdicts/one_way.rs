//! TCP of which one direction is seen: each cause beside the neighbour that differs in one fact.

use conntriage::model::counters::StatCounters;
use conntriage::model::diagnosis::{Body, Confidence};
use conntriage::model::flow::{L4, Reply, State};
use conntriage::model::incident::Incident;
use conntriage::model::report::Snapshot;
use conntriage::model::rules::Rules;
use conntriage::model::signal::{About, RelatedKind, Wording};
use conntriage::model::sockets::Sockets;
use conntriage::report::spell::plain;

use crate::cases::limits;
use crate::table::{Group, ip, tcp, udp};
use crate::world::{around, incident, is_fit, lines, of_incident, released, runners_up, snapshot, told};

const OWN: &str = "203.0.113.10";
const INSIDE: &str = "10.0.3.10";

/// The lines of the verdict as they are printed. Each fits on a line of the page.
pub(crate) fn summary(body: &Body) -> Vec<String> {
    assert_eq!(body.verdict.summary.len(), 3, "{}", body.verdict.cause.0);
    let said: Vec<String> = body.verdict.summary.iter().map(plain).collect();
    is_fit(body);
    said
}

pub(crate) fn verdict(body: &Body) -> (&'static str, Confidence) {
    summary(body);
    (body.verdict.cause.0, body.verdict.confidence)
}

pub(crate) fn remedies(body: &Body) -> Vec<&'static str> {
    body.remedies.iter().map(|remedy| remedy.id).collect()
}

pub(crate) fn has(body: &Body, id: &str, speaks_for: bool) -> bool {
    body.evidence.iter().any(|evidence| evidence.id == id && evidence.speaks_for == Some(speaks_for))
}

/// A table that is full of these.
pub(crate) fn full_of(groups: &[Group]) -> Snapshot {
    let held: u64 = groups.iter().map(|group| group.count).sum();
    snapshot(groups, limits(held, held, held / 4))
}

fn judged(table: Snapshot) -> Body {
    of_incident(incident(Wording::NfDoubled, 402), vec![table])
}

fn marked(kind: RelatedKind) -> Incident {
    let mut out = incident(Wording::NfDoubled, 402);
    out.around.push(around(kind));
    out
}

/// What every machine has beside its trouble.
fn rest() -> Vec<Group> {
    (0..30u32)
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

/// SYNs of one source to always another address, on one port.
pub(crate) fn scan_from(source: &str) -> Vec<Group> {
    (0..9_000u32)
        .map(|n| {
            tcp(
                source,
                (&format!("192.{}.{}.7", n / 250, n % 250), 22),
                State::SynSent,
                1,
                (n % 120, n % 120),
            )
        })
        .chain(rest())
        .collect()
}

/// SYNs of a few clients to one address and port.
pub(crate) fn silent_target() -> Vec<Group> {
    (1..=15)
        .map(|n| tcp(&format!("10.9.0.{n}"), ("10.7.0.1", 8443), State::SynSent, 1_000, (0, 119)))
        .chain(rest())
        .collect()
}

/// A service whose answers alone are seen, turned around.
pub(crate) fn answers_only((low, high): (u32, u32)) -> Vec<Group> {
    (0..6_000u32)
        .map(|n| {
            let client = format!("198.51.{}.{}", n / 250, n % 250 + 1);
            let port = u16::try_from(40_000 + n % 20_000).unwrap();
            let left = low + n % (high - low + 1);
            tcp(OWN, (&client, port), State::Established, 1, (left, left))
                .at_source_port(443)
                .replied(Reply::Unreplied)
        })
        .chain(rest())
        .collect()
}

/// One direction of everybody's connections, spread over sources and targets.
pub(crate) fn one_direction() -> Vec<Group> {
    let mut out = Vec::new();
    for n in 0..400u32 {
        let (user, web) = (format!("10.8.{}.{}", n / 200, n % 200 + 1), format!("192.0.2.{}", n % 200 + 1));
        let to = (web.as_str(), 443);
        out.push(tcp(&user, to, State::Established, 20, (260, 299)).replied(Reply::Unreplied));
        out.push(tcp(&user, to, State::SynSent, 8, (0, 119)));
        out.push(udp(&user, to, Reply::Unreplied, 4, (0, 29)));
    }
    out
}

fn accounted(groups: Vec<Group>, packets: u64) -> Vec<Group> {
    let add = |group: Group| match group.replied {
        Reply::Unreplied => group.with_volumes((packets, packets * 60), (0, 0)),
        _ => group.with_volumes((40, 4_000), (40, 40_000)),
    };
    groups.into_iter().map(add).collect()
}

fn sockets(established: &[(u16, u64)]) -> Sockets {
    let mut out = Sockets { from: "ss", ..Sockets::default() };
    for (port, n) in established {
        out.established_at.insert(*port, *n);
        *out.by_state.entry((L4::TCP, "ESTABLISHED")).or_default() += n;
    }
    out
}

fn untracked(from: &[u16], to: &[u16]) -> Rules {
    Rules {
        from: vec!["iptables"],
        rules: 3,
        untracked: vec!["-A OUTPUT -p tcp --sport 8443 -j CT --notrack".into()],
        untracked_rules: 1,
        untracked_from: from.iter().copied().collect(),
        untracked_to: to.iter().copied().collect(),
        ..Rules::default()
    }
}

#[test]
fn a_host_that_tries_address_after_address_scans() {
    let body = judged(full_of(&scan_from(INSIDE)));
    assert_eq!(verdict(&body), ("outbound-scan", Confidence::High));
    let said = summary(&body);
    assert_eq!(
        said[0],
        "this host (10.0.3.10) tries over 4,096 addresses on :22 (ssh) in vain: 94 % of the table"
    );
    assert!(said[1].starts_with("its attempts come at ≈ 75 per second"), "{}", said[1]);
    assert_eq!(remedies(&body)[..2], ["find-scanner", "drop-before-tracking"]);
    let all = lines(&body);
    assert!(
        all.contains(&"iptables -t raw -I OUTPUT 1 -s 10.0.3.10 -p tcp --syn --dport 22 -j DROP".to_owned()),
        "{all:?}"
    );
    assert!(all.iter().all(|line| !line.contains("PREROUTING")), "it is this host: {all:?}");
    assert!(body.will_not_help.iter().any(|useless| useless.id == "block-destinations"));
    assert!(!remedies(&body).contains(&"raise-limit"), "a scan fills any size");
}

#[test]
fn a_scanner_behind_this_host_is_said_to_be_behind_it() {
    let body = judged(full_of(&scan_from("10.200.0.7")));
    assert_eq!(verdict(&body), ("outbound-scan", Confidence::High));
    assert!(summary(&body)[0].starts_with("10.200.0.7 behind this host tries"), "{:?}", summary(&body));
    assert!(lines(&body).iter().any(|line| line.contains("-I PREROUTING 1 -s 10.200.0.7")));
    let mut table = full_of(&scan_from("10.200.0.7"));
    table.counters.addresses.clear();
    table.counters.addresses_known = false;
    let diagnosis = told(incident(Wording::NfDoubled, 402), vec![table]);
    let body = &diagnosis.incidents[0].body;
    assert_eq!(body.verdict.cause.0, "outbound-scan", "whose it is changes where to look, not what it is");
    assert!(
        lines(body).iter().any(|line| line.contains("OUTPUT"))
            && lines(body).iter().any(|line| line.contains("PREROUTING"))
    );
}

#[test]
fn one_source_port_and_no_waiting_socket_point_at_a_scanner() {
    let groups: Vec<Group> = scan_from(INSIDE)
        .into_iter()
        .map(|group| if group.state == Some(State::SynSent) { group.at_source_port(40_001) } else { group })
        .collect();
    let mut table = full_of(&groups);
    table.counters.sockets = Some(sockets(&[(443, 30)]));
    let body = judged(table);
    assert_eq!(verdict(&body), ("outbound-scan", Confidence::High));
    assert!(has(&body, "few-source-ports", true) && has(&body, "waiting-sockets", true));
}

#[test]
fn a_scan_that_tries_each_target_twice_is_a_scan_and_a_client_of_dead_servers_is_none() {
    let twice: Vec<Group> = [scan_from("10.0.3.10"), scan_from("10.0.3.10")].concat();
    assert_eq!(judged(full_of(&twice)).verdict.cause.0, "outbound-scan");
    let dead: Vec<Group> = (1..=20u32)
        .map(|n| tcp("10.0.3.10", (&format!("192.0.2.{n}"), 443), State::SynSent, 450, (0, 119)))
        .chain(rest())
        .collect();
    let body = judged(full_of(&dead));
    assert!(body.verdict.cause.0 != "outbound-scan" && !runners_up(&body).contains(&"outbound-scan"));
}

#[test]
fn a_source_that_is_answered_by_a_third_is_a_crawler_and_no_scanner() {
    let mut groups: Vec<Group> = (0..6_000u32)
        .map(|n| tcp(INSIDE, (&format!("192.{}.{}.7", n / 250, n % 250), 80), State::SynSent, 1, (0, 119)))
        .collect();
    groups.extend(
        (0..4_000u32).map(|n| {
            tcp(INSIDE, (&format!("193.{}.{}.7", n / 250, n % 250), 80), State::TimeWait, 1, (0, 119))
        }),
    );
    let body = judged(full_of(&groups));
    assert_ne!(verdict(&body), ("outbound-scan", Confidence::High));
    assert!(body.verdict.cause.0 != "outbound-scan" || has(&body, "answered-connections", false));
}

#[test]
fn a_program_that_mixes_udp_on_many_ports_is_no_scanner() {
    let mut groups: Vec<Group> = (0..4_000u32)
        .map(|n| {
            let port = u16::try_from(1_024 + n * 13 % 60_000).unwrap();
            tcp(INSIDE, (&format!("192.{}.{}.7", n / 250, n % 250), port), State::SynSent, 1, (0, 119))
        })
        .collect();
    groups.extend((0..3_000u32).map(|n| {
        let port = u16::try_from(1_024 + n * 17 % 60_000).unwrap();
        udp(INSIDE, (&format!("194.{}.{}.7", n / 250, n % 250), port), Reply::Unreplied, 1, (0, 29))
            .at_source_port(6_881)
    }));
    let body = judged(full_of(&groups));
    assert_ne!(body.verdict.cause.0, "outbound-scan");
    assert!(!runners_up(&body).contains(&"outbound-scan"));
}

#[test]
fn the_same_syns_to_one_target_are_a_dead_upstream() {
    let body = judged(full_of(&silent_target()));
    assert_eq!(verdict(&body), ("dead-upstream", Confidence::High));
    let said = summary(&body);
    assert_eq!(
        said[0],
        "10.7.0.1:8443 does not answer: 15,000 entries (96 %) are attempts (SYNs) that wait for it"
    );
    assert_eq!(said[1], "15 sources keep trying at ≈ 125 per second; each attempt stays 2 min");
    let all = lines(&body);
    assert!(
        all.contains(&"conntrack -D -p tcp --state SYN_SENT -d 10.7.0.1 --dport 8443".to_owned()),
        "{all:?}"
    );
    assert!(all.iter().any(|line| line.starts_with("iptables -I FORWARD 1") && line.contains("tcp-reset")));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "block-top-source"));
}

#[test]
fn the_same_syns_from_as_many_sources_are_a_flood() {
    let groups: Vec<Group> = (0..15_000u32)
        .map(|n| {
            let source = format!("198.{}.{}.{}", 18 + n / 8_000, n / 250 % 256, n % 250 + 1);
            tcp(&source, ("10.7.0.1", 8443), State::SynSent, 1, (n % 120, n % 120))
        })
        .chain(rest())
        .collect();
    let body = judged(full_of(&accounted(groups.clone(), 1)));
    assert_eq!(verdict(&body), ("syn-flood", Confidence::High));
    assert!(!runners_up(&body).contains(&"dead-upstream"));
    assert!(remedies(&body).contains(&"shorter-syn-sent"));
    // Clients of the whole world that send it again wait for something that is dead.
    let body = judged(full_of(&accounted(groups, 4)));
    assert_ne!(verdict(&body), ("syn-flood", Confidence::High));
    assert!(has(&body, "packets-each", false));
}

#[test]
fn a_program_that_waited_in_vain_names_the_dead_upstream() {
    let mut waited = marked(RelatedKind::UpstreamTimeout);
    let about = About { peer: Some((ip("10.7.0.1"), Some(8443))), ..About::default() };
    waited.around[0].about = vec![(about, 12)];
    let body = of_incident(waited, vec![full_of(&silent_target())]);
    assert_eq!(verdict(&body), ("dead-upstream", Confidence::High));
    assert!(has(&body, "upstream-timeout", true));
}

#[test]
fn a_translated_service_is_deleted_by_the_server_that_was_chosen() {
    let groups: Vec<Group> = silent_target()
        .into_iter()
        .map(|group| Group { destination_nat: group.state == Some(State::SynSent), ..group })
        .collect();
    let body = judged(full_of(&groups));
    assert_eq!(verdict(&body), ("dead-upstream", Confidence::High));
    let deletes: Vec<String> = lines(&body)
        .into_iter()
        .filter(|line| line.contains(" -D ") && line.starts_with("conntrack"))
        .collect();
    assert_eq!(deletes, ["conntrack -D -p tcp --state SYN_SENT -d 10.7.0.1 --dport 8443 -r SERVER"]);
    assert!(!remedies(&body).contains(&"refuse-at-once"), "other servers of the service may be well");
}

#[test]
fn the_same_syns_beside_open_connections_are_half_tracked() {
    let mut table = full_of(&silent_target());
    table.counters.sockets = Some(sockets(&[(8_443, 9_000)]));
    table.counters.rules = Some(untracked(&[8_443], &[]));
    let body = judged(table);
    assert_eq!(verdict(&body), ("half-tracked", Confidence::High));
    assert!(runners_up(&body).contains(&"dead-upstream"), "{:?}", runners_up(&body));
    let said = summary(&body);
    assert!(said[1].contains("takes what comes from :8443"), "{}", said[1]);
    assert_eq!(body.remedies[0].id, "mirror-untracking");
    // With its mirror image the rule explains nothing.
    let mut table = full_of(&silent_target());
    table.counters.rules = Some(untracked(&[8_443], &[8_443]));
    assert_eq!(verdict(&judged(table)).0, "dead-upstream");
}

#[test]
fn answers_of_a_service_alone_are_half_tracked_if_a_rule_says_so() {
    let mut table = full_of(&answers_only((0, 299)));
    table.counters.rules = Some(untracked(&[], &[443]));
    table.counters.sockets = Some(sockets(&[(443, 5_000)]));
    table.counters.stat = Some(StatCounters { invalid: Some(9_000_000), ..StatCounters::default() });
    let body = judged(table);
    assert_eq!(verdict(&body), ("half-tracked", Confidence::High));
    assert!(has(&body, "turned-around", true) && has(&body, "invalid", true));
    let all = lines(&body);
    assert!(
        all.iter().any(|line| line.starts_with("conntrack -L") && line.contains("--sport 443")),
        "{all:?}"
    );
    assert!(all.iter().all(|line| !line.contains("tcp_loose=0")));
}

#[test]
fn without_rules_and_sockets_what_would_decide_is_asked_for() {
    let diagnosis = told(incident(Wording::NfDoubled, 402), vec![full_of(&answers_only((0, 299)))]);
    let body = &diagnosis.incidents[0].body;
    assert!(
        ["mid-stream-pickup", "half-tracked"].contains(&body.verdict.cause.0),
        "{}",
        body.verdict.cause.0
    );
    assert!(body.verdict.confidence < Confidence::High);
    let asked: Vec<&str> = diagnosis.gaps.iter().filter_map(|gap| gap.command.as_deref()).collect();
    assert!(asked.contains(&"nft list ruleset || iptables-save"), "{asked:?}");
}

#[test]
fn connections_met_after_a_reload_are_pickups() {
    let mut table = full_of(&accounted(answers_only((200, 299)), 1));
    table.counters.rules = Some(Rules { from: vec!["nft"], rules: 9, states: 2, ..Rules::default() });
    let body = of_incident(marked(RelatedKind::Capacity), vec![table.clone()]);
    assert_eq!(verdict(&body), ("mid-stream-pickup", Confidence::High));
    assert!(has(&body, "entries-lost", true) && has(&body, "packets-each", true));
    assert!(!remedies(&body).contains(&"delete-pickups"), "they go by themselves within five minutes");
    assert!(body.will_not_help.iter().any(|useless| useless.id == "tcp_loose"));
    // This kernel takes up no connection in its middle.
    table.counters.sysctl.insert("net.netfilter.nf_conntrack_tcp_loose".into(), "0".into());
    let body = of_incident(marked(RelatedKind::Capacity), vec![table]);
    assert_ne!(verdict(&body), ("mid-stream-pickup", Confidence::High));
    assert!(has(&body, "no-pickup", false));
}

#[test]
fn an_old_kernel_keeps_pickups_for_days_and_they_are_deleted_one_by_one() {
    let mut table = full_of(&accounted(answers_only((370_429, 370_440)), 1));
    table.counters = released(table.counters, "2.6.20-vyatta");
    let body = of_incident(incident(Wording::NfPeriod, 402), vec![table]);
    assert_eq!(body.verdict.cause.0, "mid-stream-pickup");
    assert!(has(&body, "met-together", true));
    let all = lines(&body);
    let list = all.iter().find(|line| line.starts_with("conntrack -L")).unwrap();
    assert!(list.contains("-u UNREPLIED") && !list.contains("-D"), "{list}");
    assert!(all.contains(&"xargs -r -a pickups -L 1 conntrack -D -p tcp".to_owned()), "{all:?}");
    assert!(all.iter().all(|line| !(line.contains("UNREPLIED") && line.contains("-D "))));
    assert!(
        !body.runners_up.iter().any(|runner| runner.cause.0 == "established-leak"),
        "they are not assured"
    );
}

#[test]
fn data_in_one_direction_over_many_targets_is_another_path() {
    let body = judged(full_of(&accounted(one_direction(), 500)));
    assert_eq!(verdict(&body), ("asymmetric-routing", Confidence::High));
    assert!(has(&body, "packets-each", true) && has(&body, "udp-one-way", true));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "tcp_loose"));
    assert!(lines(&body).iter().all(|line| !line.contains("tcp_loose")));
    // A packet or two each, and they were met once.
    let once = accounted(one_direction(), 1);
    let connections: Vec<Group> =
        once.iter().filter(|group| group.state == Some(State::Established)).copied().collect();
    let body = judged(full_of(&connections));
    assert_eq!(body.verdict.cause.0, "mid-stream-pickup", "{:?}", body.evidence);
    assert!(!runners_up(&body).contains(&"asymmetric-routing"), "{:?}", runners_up(&body));
    // Where SYNs and UDP are not answered either, no lost entry explains those: neither is sure.
    let body = judged(full_of(&once));
    assert!(["asymmetric-routing", "mid-stream-pickup"].contains(&verdict(&body).0));
    assert_eq!(body.verdict.confidence, Confidence::Low, "{:?}", body.evidence);
    // Not told: the one command that would.
    let diagnosis = told(incident(Wording::NfDoubled, 402), vec![full_of(&one_direction())]);
    assert!(diagnosis.incidents[0].body.verdict.confidence < Confidence::High);
    let asked: Vec<&str> = diagnosis.gaps.iter().filter_map(|gap| gap.command.as_deref()).collect();
    assert!(asked.contains(&"sysctl -w net.netfilter.nf_conntrack_acct=1"), "{asked:?}");
}

/// Mounts that try for ever from a few reserved ports each.
pub(crate) fn mounts(remaining: (u32, u32)) -> Vec<Group> {
    let mut out: Vec<Group> = (0..300u32)
        .map(|n| {
            let client = format!("10.9.{}.{}", n / 200, n % 200 + 1);
            let port = u16::try_from(700 + n % 3).unwrap();
            tcp(&client, ("10.7.0.1", 2_049), State::SynSent, 1, remaining).at_source_port(port)
        })
        .collect();
    out.extend((0..5u32).map(|n| {
        tcp(&format!("10.0.3.{}", n + 20), ("192.0.2.80", 443), State::Established, 20, (431_000, 431_999))
    }));
    out
}

#[test]
fn syns_from_fixed_ports_that_never_run_down_are_immortal_before_5_14() {
    let on = |release: &str, remaining| {
        let mut table = full_of(&mounts(remaining));
        table.counters = released(table.counters, release);
        judged(table)
    };
    // In one bucket alone that kernel finds hardly anything to evict.
    let body = on("4.14.336", (112, 119));
    assert_eq!(verdict(&body), ("immortal-syn-sent", Confidence::High), "{:?}", body.evidence);
    // In eight buckets it would have found room: what the log says is not of this table alone, and that is said.
    let body = on("4.18.0-553.el8", (112, 119));
    assert_eq!(verdict(&body), ("immortal-syn-sent", Confidence::Medium));
    assert!(has(&body, "log-against-mix", false));
    assert!(
        lines(&body)
            .iter()
            .any(|line| line.starts_with("conntrack -D") && line.contains("-d 10.7.0.1 --dport 2049"))
    );
    // Timers that run down are those of an ordinary attempt.
    assert_ne!(on("4.18.0-553.el8", (0, 119)).verdict.cause.0, "immortal-syn-sent");
    // A kernel that does not set them back.
    let newer = on("6.1.0-18-amd64", (112, 119));
    assert!(
        newer.verdict.cause.0 != "immortal-syn-sent" && !runners_up(&newer).contains(&"immortal-syn-sent")
    );
    let diagnosis = told(incident(Wording::NfDoubled, 402), vec![full_of(&mounts((112, 119)))]);
    assert!(diagnosis.incidents[0].body.verdict.confidence < Confidence::High);
    assert!(diagnosis.gaps.iter().any(|gap| gap.command.as_deref() == Some("uname -r")));
}
