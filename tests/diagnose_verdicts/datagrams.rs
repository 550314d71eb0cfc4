//! Datagrams, tunnels, other protocols and entries made several times over: each cause beside the neighbours that differ
//! from it in one fact.

use conntriage::model::census::Peer;
use conntriage::model::counters::Counters;
use conntriage::model::diagnosis::{Body, Confidence};
use conntriage::model::flow::{L4, Reply, State};
use conntriage::model::machine::Module;
use conntriage::model::report::{Settings, Snapshot};
use conntriage::model::rules::Rules;

use crate::table::{Group, ip, masqueraded, tcp, udp};
use crate::world::{counters, is_fit, lines, of_table, released, runners_up, snapshot, words};

const OWN: &str = "203.0.113.10";
const INNER: &str = "10.0.3.10";

/// Settings of a host whose table these groups fill to the last entry.
pub(crate) fn filled(groups: &[Group], own: &[&str]) -> Counters {
    let held: u64 = groups.iter().map(|group| group.count).sum();
    counters(
        &[
            ("net.netfilter.nf_conntrack_max", held),
            ("net.netfilter.nf_conntrack_count", held),
            ("net.netfilter.nf_conntrack_buckets", held / 4),
        ],
        own,
    )
}

fn full(groups: &[Group]) -> Snapshot {
    snapshot(groups, filled(groups, &[OWN, INNER]))
}

fn verdict(groups: &[Group]) -> Body {
    of_table(full(groups))
}

fn summary(body: &Body) -> Vec<String> {
    body.verdict.summary.iter().map(words).collect()
}

fn gaps(table: Snapshot) -> Vec<(String, Option<String>)> {
    let diagnosis = conntriage::diagnose::diagnose(
        conntriage::model::incident::Conclusion::default(),
        vec![table],
        &Settings::default(),
    );
    diagnosis.gaps.iter().map(|gap| (words(&gap.what), gap.command.clone())).collect()
}

fn remedy<'b>(body: &'b Body, id: &str) -> &'b conntriage::model::diagnosis::Remedy {
    body.remedies
        .iter()
        .find(|remedy| remedy.id == id)
        .unwrap_or_else(|| panic!("{id} of {:?}", body.remedies.iter().map(|r| r.id).collect::<Vec<_>>()))
}

fn has(body: &Body, id: &str) -> bool {
    body.remedies.iter().any(|remedy| remedy.id == id)
}

#[expect(clippy::option_option, reason = "whether it is there, and then which way it points")]
fn evidence(body: &Body, id: &str) -> Option<Option<bool>> {
    body.evidence.iter().find(|evidence| evidence.id == id).map(|evidence| evidence.speaks_for)
}

/// A protocol without ports.
fn bare(l4: L4, source: &str, to: &str, replied: Reply, count: u64, remaining: (u32, u32)) -> Group {
    let group = udp(source, (to, 1), replied, count, remaining);
    Group { peer: Peer { address: ip(to), port: None, l4 }, ..group }
}

fn behind_service(group: Group) -> Group {
    Group { destination_nat: true, ..group }
}

/// Somebody's ordinary use: a tenth of what the tables below hold.
fn ordinary() -> Vec<Group> {
    (0..20u32)
        .map(|n| {
            let peer = format!("198.51.100.{}", n + 1);
            tcp(INNER, (&peer, 443), State::Established, 40, (400_000, 431_999))
        })
        .collect()
}

// Names.

/// Pods that look up names at the address of a service.
pub(crate) fn storm(replied: Reply, remaining: (u32, u32)) -> Vec<Group> {
    let mut out: Vec<Group> = (0..310u32)
        .map(|pod| {
            let source = format!("10.244.{}.{}", pod / 250, pod % 250 + 1);
            behind_service(udp(&source, ("10.96.0.10", 53), replied, 30, remaining))
        })
        .collect();
    out.extend(ordinary());
    out
}

/// The same questions to an address, translated by nobody.
fn questions(to: (&str, u16), sources: u32, each: u64) -> Vec<Group> {
    let mut out: Vec<Group> = (0..sources)
        .map(|n| udp(&format!("192.0.{}.{}", 2 + n / 250, n % 250 + 1), to, Reply::Replied, each, (0, 29)))
        .collect();
    out.extend(ordinary());
    out
}

#[test]
fn lookups_of_pods_through_a_service_are_a_dns_storm() {
    let body = verdict(&storm(Reply::Replied, (0, 29)));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("dns-storm", Confidence::High));
    assert_eq!(
        summary(&body),
        [
            "DNS lookups of 310 sources hold 92.1 % of the table (9300 entries), most to 10.96.0.10:53",
            "a lookup leaves an entry for 30 s once it is answered: 310/s come in",
            "answer them on the node (NodeLocal DNSCache) and ask for full names (`ndots:1`)",
        ]
    );
    assert!(remedy(&body, "cache-names").commands.iter().any(|c| c.line.contains("ndots")));
    assert!(body.will_not_help.iter().any(|idea| idea.id == "use-vc"));
    assert!(!has(&body, "udp-timeout") && !has(&body, "notrack"), "30 s is the floor, and NAT needs entries");
}

#[test]
fn a_third_packet_on_an_old_kernel_makes_lookups_stay_and_the_stream_timeout_is_named() {
    let groups = storm(Reply::Assured, (0, 179));
    let counters = released(filled(&groups, &[OWN, INNER]), "4.19.0-6-amd64");
    let body = of_table(snapshot(&groups, counters));
    assert_eq!(body.verdict.cause.0, "dns-storm");
    assert!(
        summary(&body)[1].contains("third packet") && summary(&body)[1].contains("180 s"),
        "{:?}",
        summary(&body)
    );
    assert!(remedy(&body, "udp-stream-timeout").commands[0].line.ends_with("udp_timeout_stream=120"));
}

#[test]
fn the_same_questions_to_this_host_itself_are_a_server_that_tracks_them() {
    let server = verdict(&questions((OWN, 53), 310, 30));
    assert_eq!((server.verdict.cause.0, server.verdict.confidence), ("tracked-dns-server", Confidence::High));
    let said = summary(&server);
    assert!(
        said[0].starts_with("DNS questions to 203.0.113.10:53, this host itself, hold 92.1 %"),
        "{said:?}"
    );
    assert!(said[1].starts_with("310 sources ask at 310/s"), "{said:?}");
    let elsewhere = verdict(&questions(("198.51.100.53", 53), 310, 30));
    assert_eq!((elsewhere.verdict.cause.0, elsewhere.verdict.confidence), ("dns-storm", Confidence::High));
    assert!(!runners_up(&elsewhere).contains(&"tracked-dns-server"));
}

#[test]
fn whose_the_server_is_is_asked_for_where_no_address_is_known() {
    let groups = questions(("198.51.100.53", 53), 310, 30);
    let table = snapshot(&groups, filled(&groups, &[]));
    let body = of_table(table.clone());
    assert!(matches!(body.verdict.cause.0, "dns-storm" | "tracked-dns-server"), "{}", body.verdict.cause.0);
    assert!(body.verdict.confidence < Confidence::High);
    assert!(runners_up(&body).iter().any(|cause| ["dns-storm", "tracked-dns-server"].contains(cause)));
    assert!(gaps(table).contains(&("is_local".to_owned(), Some("ip -o addr".to_owned()))));
}

#[test]
fn a_server_is_taken_out_of_tracking_in_both_directions_at_its_own_address() {
    let groups = questions((OWN, 53), 310, 30);
    let body = verdict(&groups);
    let all: Vec<&str> = remedy(&body, "notrack").commands.iter().map(|c| c.line.as_str()).collect();
    assert_eq!(
        all,
        [
            "iptables -I INPUT 1 -p icmp --icmp-type fragmentation-needed -j ACCEPT",
            "iptables -I INPUT 1 -p udp -d 203.0.113.10 --dport 53 -j ACCEPT",
            "iptables -I OUTPUT 1 -p udp -s 203.0.113.10 --sport 53 -j ACCEPT",
            "iptables -t raw -A PREROUTING -p udp -d 203.0.113.10 --dport 53 -j CT --notrack",
            "iptables -t raw -A OUTPUT -p udp -s 203.0.113.10 --sport 53 -j CT --notrack",
        ]
    );
    assert!(remedy(&body, "notrack").commands.iter().all(|c| c.undo.is_some()));

    let mut spoken = full(&groups);
    spoken.counters.rules = Some(Rules { from: vec!["nft"], rules: 4, states: 1, ..Rules::default() });
    let body = of_table(spoken);
    let all: Vec<&str> = remedy(&body, "notrack").commands.iter().map(|c| c.line.as_str()).collect();
    assert!(
        all.contains(&"nft add rule ip no_tracking before ip daddr 203.0.113.10 udp dport 53 notrack"),
        "{all:?}"
    );
    assert!(
        all.contains(&"nft add rule ip no_tracking made_here ip saddr 203.0.113.10 udp sport 53 notrack")
    );
    assert!(all.contains(&"ip daddr 203.0.113.10 udp dport 53 accept"));
    assert!(!all.iter().any(|line| line.contains("iptables")));

    // A container behind the address answers: without an entry nothing finds it.
    let moved: Vec<Group> = groups.iter().map(|group| behind_service(*group)).collect();
    assert!(!has(&verdict(&moved), "notrack"));
}

// Answers nobody asked for.

/// Answers of many servers of time to one address, each from port 123.
pub(crate) fn reflected(port: u16, servers: u32) -> Vec<Group> {
    let mut out: Vec<Group> = (0..servers)
        .flat_map(|n| {
            let source = format!("{}.{}.{}.7", 60 + n / 20_000, n / 200 % 100, n % 200);
            (0..9_000 / servers).map(move |nth| {
                let to = u16::try_from(1_024 + (n * 37 + nth * 1_009) % 60_000).unwrap();
                udp(&source, (OWN, to), Reply::Unreplied, 1, (n % 30, n % 30)).at_source_port(port)
            })
        })
        .collect();
    out.extend(ordinary());
    out
}

#[test]
fn answers_from_all_over_that_nobody_asked_for_are_an_attack_by_reflection() {
    let body = verdict(&reflected(11_211, 3_000));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("reflection-attack", Confidence::High));
    let said = summary(&body);
    assert!(
        said[0].starts_with("unasked answers from port 11211 to 203.0.113.10 (this host) hold 91.8 %"),
        "{said:?}"
    );
    assert!(said[1].contains("3000 sources answer it: 300/s"), "{said:?}");
    assert_eq!(
        remedy(&body, "drop-before-tracking").commands[0].line,
        "iptables -t raw -I PREROUTING 1 -p udp -d 203.0.113.10 --sport 11211 -j DROP"
    );
    assert!(!has(&body, "raise-limit"), "a flood fills any size");
}

#[test]
fn answers_of_a_few_servers_are_rather_those_to_questions_that_went_untracked() {
    let groups = reflected(123, 4);
    let mut table = full(&groups);
    table.counters.rules = Some(Rules {
        from: vec!["iptables"],
        rules: 9,
        untracked: vec!["-A OUTPUT -p udp --dport 123 -j CT --notrack".into()],
        untracked_rules: 1,
        ..Rules::default()
    });
    let body = of_table(table);
    assert_eq!(body.verdict.confidence, Confidence::Low, "{}", body.verdict.cause.0);
    assert_eq!(evidence(&body, "from-few"), Some(Some(false)));
    assert_eq!(evidence(&body, "questions-untracked"), Some(Some(false)));
}

#[test]
fn a_host_without_known_resolvers_never_drops_all_answers_of_names() {
    let body = verdict(&reflected(53, 3_000));
    assert_eq!(body.verdict.cause.0, "reflection-attack");
    assert!(remedy(&body, "drop-before-tracking").commands.is_empty());
    let mut groups = reflected(53, 3_000);
    groups.push(udp(OWN, ("192.0.2.53", 53), Reply::Replied, 40, (0, 29)));
    let body = verdict(&groups);
    let all = lines(&body);
    let accept =
        all.iter().position(|line| line.contains("-s 192.0.2.53") && line.contains("ACCEPT")).unwrap();
    let drop = all.iter().position(|line| line.ends_with("--sport 53 -j DROP")).unwrap();
    assert!(accept < drop && all[drop].contains("PREROUTING 2 "), "{all:?}");
}

/// One service of this host, asked in the name of so many, with answers so many times as long.
pub(crate) fn mirror(port: u16, sources: u32, times: u64) -> Vec<Group> {
    let mut out: Vec<Group> = (0..sources)
        .map(|n| {
            let source = format!("89.{}.{}.9", n / 200, n % 200);
            udp(&source, (OWN, port), Reply::Replied, 9_000 / u64::from(sources), (0, 29))
                .with_volumes((1, 60), (1, 60 * times))
        })
        .collect();
    out.extend(ordinary());
    out
}

#[test]
fn a_service_asked_in_the_name_of_few_with_long_answers_is_used_against_them() {
    let body = verdict(&mirror(11_211, 3, 400));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("reflection-attack", Confidence::High));
    assert!(summary(&body)[1].contains("answers are 400 times as long"), "{:?}", summary(&body));
    let all = lines(&body);
    assert!(all.contains(&"-U 0".to_owned()), "{all:?}");
    assert!(all.contains(
        &"iptables -t raw -I PREROUTING 1 -p udp -d 203.0.113.10 --dport 11211 -j DROP".to_owned()
    ));
}

#[test]
fn time_asked_by_many_with_answers_as_long_as_the_questions_is_an_honest_server() {
    let honest = verdict(&mirror(123, 900, 1));
    assert_eq!((honest.verdict.cause.0, honest.verdict.confidence), ("tracked-dns-server", Confidence::High));
    let abused = verdict(&mirror(123, 3, 200));
    assert_eq!((abused.verdict.cause.0, abused.verdict.confidence), ("reflection-attack", Confidence::High));
    assert!(!lines(&abused).iter().any(|line| line.contains("-j DROP")), "time is asked for rightly, too");
}

#[test]
fn whether_answers_are_long_is_asked_for_where_nothing_is_accounted() {
    let mut groups = mirror(11_211, 3, 400);
    for group in &mut groups {
        group.volumes = None;
    }
    let body = verdict(&groups);
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("reflection-attack", Confidence::Medium));
    let asked = gaps(full(&groups));
    let wanted = ("volumes".to_owned(), Some("sysctl -w net.netfilter.nf_conntrack_acct=1".to_owned()));
    assert!(asked.contains(&wanted), "{asked:?}");
}

// One port to thousands.

/// One source, one source port, thousands of others.
pub(crate) fn crawler(source: &str, others: u32, port_of: impl Fn(u32) -> u16) -> Vec<Group> {
    let mut out: Vec<Group> = (0..others)
        .map(|n| {
            let peer = format!("{}.{}.{}.{}", 30 + n % 50, n / 50 % 200, n / 10_000, n % 199 + 1);
            let (replied, left) = if n % 5 == 0 { (Reply::Assured, 100) } else { (Reply::Unreplied, n % 30) };
            udp(source, (&peer, port_of(n)), replied, 1, (left, left)).at_source_port(6_881)
        })
        .collect();
    out.extend(ordinary());
    out
}

fn random(n: u32) -> u16 {
    u16::try_from(1_024 + n * 7_919 % 60_000).unwrap()
}

#[test]
fn one_port_that_talks_to_thousands_at_random_ports_is_a_peer_to_peer_program() {
    let body = verdict(&crawler(INNER, 9_000, random));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("p2p-crawler", Confidence::High));
    let said = summary(&body);
    assert!(
        said[0]
            .starts_with("this host (10.0.3.10) holds 100.0 %: it talks to over 4096 peers from port 6881"),
        "{said:?}"
    );
    let all = lines(&body);
    assert!(all.contains(&"ss -uanp sport = :6881".to_owned()), "{all:?}");
    assert!(
        all.contains(
            &"iptables -t raw -A OUTPUT -p udp -s 10.0.3.10 --sport 6881 -j CT --notrack".to_owned()
        )
    );
    assert!(all.contains(
        &"iptables -t raw -A PREROUTING -p udp -d 10.0.3.10 --dport 6881 -j CT --notrack".to_owned()
    ));
}

#[test]
fn of_a_client_behind_this_router_what_is_forwarded_is_limited_and_nothing_untracked() {
    let groups: Vec<Group> = crawler("192.168.7.23", 9_000, random).into_iter().map(masqueraded).collect();
    let body = verdict(&groups);
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("p2p-crawler", Confidence::High));
    assert!(
        lines(&body).iter().any(|line| line.starts_with("iptables -I FORWARD 1 -p udp -s 192.168.7.23")
            && line.contains("connlimit"))
    );
    assert!(!has(&body, "notrack"));
}

#[test]
fn thousands_at_one_and_the_same_port_are_no_peers() {
    let body = verdict(&crawler(INNER, 9_000, |_| 161));
    assert_ne!(body.verdict.cause.0, "p2p-crawler");
}

#[test]
fn a_mesh_of_tunnels_is_told_by_its_port() {
    let groups: Vec<Group> = crawler(INNER, 4_000, |_| 41_641)
        .into_iter()
        .map(|group| if group.from_port.is_some() { group.at_source_port(41_641) } else { group })
        .collect();
    let body = verdict(&groups);
    assert_eq!(body.verdict.cause.0, "p2p-crawler");
    assert!(summary(&body)[1].contains("mesh of tunnels"), "{:?}", summary(&body));
}

// Messages without answers, and tunnels.

/// Messages to a receiver, each from a new port.
pub(crate) fn messages(port: u16, senders: &[&str]) -> Vec<Group> {
    let each = 9_000 / senders.len() as u64;
    let mut out: Vec<Group> =
        senders.iter().map(|s| udp(s, ("10.0.9.9", port), Reply::Unreplied, each, (0, 29))).collect();
    out.extend(ordinary());
    out
}

#[test]
fn log_messages_from_a_new_port_each_are_one_way() {
    let body = verdict(&messages(514, &[INNER]));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("one-way-udp", Confidence::High));
    let said = summary(&body);
    assert_eq!(said[0], "messages of this host (10.0.3.10) to 10.0.9.9:514 (syslog) are 91.8 % of the table");
    assert!(said[1].ends_with("300/s"), "{said:?}");
    let all = lines(&body);
    assert!(all.contains(&"*.* @@10.0.9.9:514".to_owned()));
    assert!(
        all.contains(
            &"iptables -t raw -A OUTPUT -p udp -s 10.0.3.10 -d 10.0.9.9 --dport 514 -j CT --notrack"
                .to_owned()
        ),
        "{all:?}"
    );
    assert!(
        all.contains(
            &"iptables -t raw -A PREROUTING -p udp -s 10.0.9.9 -d 10.0.3.10 --sport 514 -j CT --notrack"
                .to_owned()
        )
    );
}

#[test]
fn a_port_that_is_not_known_to_be_told_things_leaves_it_open() {
    let body = verdict(&messages(7_007, &[INNER]));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("one-way-udp", Confidence::Low));
    assert_eq!(evidence(&body, "not-a-one-way-service"), Some(Some(false)));
}

/// Nodes that send each other packets of a tunnel.
pub(crate) fn tunnel(port: u16, both: bool) -> Vec<Group> {
    let mut out = Vec::new();
    for node in 1..=3u32 {
        let node = format!("10.0.3.{}", 20 + node);
        out.push(udp(INNER, (&node, port), Reply::Unreplied, 1_500, (0, 29)));
        if both {
            out.push(udp(&node, (INNER, port), Reply::Unreplied, 1_500, (0, 29)));
        }
    }
    out.extend(ordinary());
    out
}

#[test]
fn unanswered_packets_both_ways_between_nodes_on_a_tunnels_port_are_its_outside() {
    let body = verdict(&tunnel(8_472, true));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("tracked-tunnel", Confidence::High));
    assert!(summary(&body)[0].starts_with("VXLAN packets"), "{:?}", summary(&body));
    let all = lines(&body);
    for line in [
        "iptables -t raw -A OUTPUT -p udp -s 10.0.3.10 -d 10.0.3.21 --dport 8472 -j CT --notrack",
        "iptables -t raw -A PREROUTING -p udp -s 10.0.3.21 -d 10.0.3.10 --dport 8472 -j CT --notrack",
    ] {
        assert_eq!(all.iter().filter(|other| *other == line).count(), 1, "{line}: {all:?}");
    }
    // The same packets on a port of messages, one way, are messages.
    assert_eq!(verdict(&tunnel(8_125, false)).verdict.cause.0, "one-way-udp");
    let one_way = verdict(&tunnel(8_472, false));
    assert_eq!((one_way.verdict.cause.0, one_way.verdict.confidence), ("tracked-tunnel", Confidence::Low));
}

#[test]
fn tunnels_between_others_are_exempted_where_they_are_forwarded_and_not_where_nobody_knows() {
    let groups = tunnel(4_789, true);
    let forwarded = of_table(snapshot(&groups, filled(&groups, &[OWN])));
    assert!(
        lines(&forwarded).iter().any(|line| line.starts_with("iptables -I FORWARD 1 -p udp -s 10.0.3.10"))
    );
    let unknown = of_table(snapshot(&groups, filled(&groups, &[])));
    assert!(!has(&unknown, "notrack"));
}

// Calls to everybody, echoes, other protocols.

#[test]
fn calls_to_groups_are_discovery_and_the_same_to_one_machine_are_not() {
    let calls = |to: &str| {
        let mut out: Vec<Group> = (1..=60u32)
            .map(|n| udp(&format!("192.168.1.{n}"), (to, 1_900), Reply::Unreplied, 150, (0, 29)))
            .collect();
        out.extend(ordinary());
        out
    };
    let body = verdict(&calls("239.255.255.250"));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("multicast-discovery", Confidence::High));
    assert!(summary(&body)[0].ends_with("most to 239.255.255.250 (SSDP)"), "{:?}", summary(&body));
    assert!(lines(&body).contains(
        &"iptables -t raw -A PREROUTING -p udp -d 239.255.255.250 --dport 1900 -j CT --notrack".to_owned()
    ));
    assert_ne!(verdict(&calls("192.168.1.250")).verdict.cause.0, "multicast-discovery");
    assert_eq!(
        verdict(&calls("192.168.1.255")).verdict.cause.0,
        "multicast-discovery",
        "a subnet's own broadcast"
    );
}

#[test]
fn routers_that_call_to_everybody_are_no_long_lived_protocol() {
    let vrrp = |to: &str| {
        let mut out: Vec<Group> = (0..3_000u32)
            .map(|n| {
                let source = format!("10.{}.{}.2", n / 200, n % 200);
                bare(L4(112), &source, to, Reply::Unreplied, 1, (599, 599))
            })
            .collect();
        out.extend(ordinary());
        out
    };
    let body = verdict(&vrrp("224.0.0.18"));
    assert_eq!(body.verdict.cause.0, "multicast-discovery");
    assert!(lines(&body).iter().any(|line| line.ends_with("nf_conntrack_generic_timeout=120")));
    let body = verdict(&vrrp("10.0.3.99"));
    assert_eq!(
        (body.verdict.cause.0, body.verdict.confidence),
        ("long-lived-other-protocol", Confidence::High)
    );
}

#[test]
fn associations_of_five_days_are_named_by_their_protocol_and_timer() {
    let mut groups: Vec<Group> = (1..=200u32)
        .map(|n| Group {
            peer: Peer { address: ip(&format!("10.7.0.{n}")), port: Some(36_412), l4: L4::SCTP },
            state: Some(State::Established),
            replied: Reply::Assured,
            ..udp(INNER, ("10.7.0.1", 1), Reply::Assured, 20, (100_000, 431_000))
        })
        .collect();
    groups.extend(ordinary());
    let body = of_table(snapshot(&groups, released(filled(&groups, &[INNER]), "3.10.0-1160.el7")));
    assert_eq!(
        (body.verdict.cause.0, body.verdict.confidence),
        ("long-lived-other-protocol", Confidence::High)
    );
    assert!(summary(&body)[0].starts_with("SCTP and others beside TCP and UDP"), "{:?}", summary(&body));
    assert!(lines(&body).iter().any(|line| line.ends_with("sctp_timeout_established=210")));
}

/// Echoes of one source to many, or of many to one.
pub(crate) fn echoes(sweep: bool) -> Vec<Group> {
    let mut out: Vec<Group> = (0..6_000u32)
        .map(|n| {
            let other = format!("10.{}.{}.{}", 60 + n / 40_000, n / 200 % 200, n % 200 + 1);
            if sweep {
                bare(L4::ICMP, INNER, &other, Reply::Unreplied, 1, (n % 30, n % 30))
            } else {
                bare(L4::ICMP, &other, OWN, Reply::Replied, 1, (n % 30, n % 30))
            }
        })
        .collect();
    out.extend(ordinary());
    out
}

#[test]
fn echoes_are_told_by_who_sends_and_who_receives_them() {
    let sweep = verdict(&echoes(true));
    assert_eq!((sweep.verdict.cause.0, sweep.verdict.confidence), ("icmp-flood", Confidence::High));
    assert!(
        summary(&sweep)[0].starts_with("echo requests (ping) of this host (10.0.3.10) hold 88.2 %"),
        "{:?}",
        summary(&sweep)
    );
    assert!(lines(&sweep).iter().any(|line| {
        line.starts_with("iptables -t raw -I OUTPUT 1 -p icmp --icmp-type echo-request -s 10.0.3.10")
    }));
    let flood = verdict(&echoes(false));
    assert_eq!((flood.verdict.cause.0, flood.verdict.confidence), ("icmp-flood", Confidence::High));
    assert!(
        summary(&flood)[0].starts_with("echo requests (ping) to 203.0.113.10 (this host) hold"),
        "{:?}",
        summary(&flood)
    );
    assert!(lines(&flood).iter().any(|line| line.contains("-d 203.0.113.10 -m hashlimit")));
    assert!(lines(&flood).iter().all(|line| !line.contains("-p icmp") || line.contains("echo-request")));
}

// Entries made several times over.

/// Connections of many clients, each in both zones (`copied`) or in one of them.
pub(crate) fn zoned(copied: bool) -> Vec<Group> {
    let mut out = Vec::new();
    for client in 1..=40u32 {
        let source = format!("10.9.0.{client}");
        for nth in 0..60u16 {
            let (port, other) = (20_000 + nth, 30_000 + nth);
            let one = tcp(&source, ("10.9.1.5", 8080), State::Established, 1, (431_900, 431_999));
            out.push(one.at_source_port(port).in_zone(6));
            out.push(one.at_source_port(if copied { port } else { other }).in_zone(16));
        }
    }
    out
}

#[test]
fn the_same_connections_in_two_zones_are_copies_and_others_are_tenants() {
    let body = verdict(&zoned(true));
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("zone-multiplication", Confidence::High));
    assert_eq!(
        summary(&body)[0],
        "the same connections are tracked in zones `6`, `16`: 2 entries for each connection"
    );
    assert!(
        lines(&body).iter().any(|line| line == "ovs-appctl dpctl/ct-get-limits zone=6,16"),
        "{:?}",
        lines(&body)
    );
    let tenants = verdict(&zoned(false));
    assert_ne!(tenants.verdict.cause.0, "zone-multiplication");
    assert!(!runners_up(&tenants).contains(&"zone-multiplication"));
}

#[test]
fn zones_only_multiply_what_one_source_does() {
    let mut groups = Vec::new();
    for port in 20_000..22_000u16 {
        for zone in [6, 16] {
            let one = tcp(
                INNER,
                ("10.9.1.5", 8080),
                State::TimeWait,
                1,
                (u32::from(port % 120), u32::from(port % 120)),
            );
            groups.push(one.at_source_port(port).in_zone(zone));
        }
    }
    let body = verdict(&groups);
    assert_ne!(body.verdict.cause.0, "zone-multiplication");
    let loser = body.runners_up.iter().find(|runner| runner.cause.0 == "zone-multiplication").unwrap();
    assert!(words(&loser.why_not).contains("one source has"), "{}", words(&loser.why_not));
}

/// Guests that talk to each other, within one network or from one to another.
pub(crate) fn guests(second: &str) -> Vec<Group> {
    let mut out = Vec::new();
    for guest in 1..=20u32 {
        let source = format!("192.168.50.{guest}");
        for server in 1..=3u32 {
            let peer = format!("{second}.{}", 100 + server);
            out.push(tcp(&source, (&peer, 5_432), State::Established, 60, (431_900, 431_999)));
        }
    }
    out
}

fn bridging(second: &str, forward: &str) -> Body {
    let groups = guests(second);
    let mut counters = filled(&groups, &[OWN, INNER]);
    counters.sysctl.insert("net.bridge.bridge-nf-call-iptables".into(), "1".into());
    counters.sysctl.insert("net.ipv4.ip_forward".into(), forward.into());
    of_table(snapshot(&groups, counters))
}

#[test]
fn connections_of_guests_within_one_network_are_bridged_and_those_between_networks_routed() {
    let body = bridging("192.168.50", "0");
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("bridge-tracked", Confidence::High));
    assert!(
        summary(&body)[0].starts_with("connections between machines that are not this host hold 100.0 %")
    );
    for line in lines(&body) {
        let packed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        assert!(!packed.contains("bridge-nf-call-iptables=0"), "{line}");
    }
    assert!(
        lines(&body)
            .iter()
            .any(|line| line.contains("-t raw -A PREROUTING -s 192.168.50.1 -d 192.168.50.101"))
    );
    let routed = bridging("192.168.60", "1");
    assert_ne!(routed.verdict.cause.0, "bridge-tracked");
}

#[test]
fn one_machine_at_an_end_of_all_is_rather_that_machines_own_table() {
    let groups =
        [tcp("192.168.50.7", ("192.168.50.101", 5_432), State::Established, 3_600, (431_900, 431_999))];
    let body = of_table(snapshot(&groups, filled(&groups, &[OWN, INNER])));
    assert_ne!(body.verdict.cause.0, "bridge-tracked");
    let mut counters = filled(&groups, &[OWN, INNER]);
    counters.sysctl.insert("net.bridge.bridge-nf-call-iptables".into(), "1".into());
    assert_eq!(evidence(&of_table(snapshot(&groups, counters)), "one-machine"), Some(Some(false)));
}

#[test]
fn who_handed_bridged_frames_over_is_asked_for_where_nothing_says_it() {
    let groups = guests("192.168.50");
    let table = snapshot(&groups, filled(&groups, &[OWN, INNER]));
    let body = of_table(table.clone());
    assert_eq!((body.verdict.cause.0, body.verdict.confidence), ("bridge-tracked", Confidence::Medium));
    assert!(gaps(table.clone()).iter().any(|(what, command)| {
        what == "bridge" && command.as_deref().is_some_and(|line| line.starts_with("sysctl net.bridge"))
    }));
    let mut without = table.clone();
    without.counters.machine.modules = Some(Vec::new());
    assert_ne!(of_table(without).verdict.cause.0, "bridge-tracked");
    let mut with = table;
    with.counters.machine.modules =
        Some(vec![Module { name: "br_netfilter".into(), bytes: 1, users: Some(0), foreign: false }]);
    assert_eq!(of_table(with).verdict.confidence, Confidence::High);
}

// What must hold for all of them.

fn every_table() -> Vec<(&'static str, Vec<Group>)> {
    vec![
        ("dns-storm", storm(Reply::Replied, (0, 29))),
        ("tracked-dns-server", questions((OWN, 53), 310, 30)),
        ("reflection-attack", reflected(11_211, 3_000)),
        ("reflection-attack", mirror(11_211, 3, 400)),
        ("p2p-crawler", crawler(INNER, 9_000, random)),
        ("one-way-udp", messages(514, &[INNER])),
        ("one-way-udp", messages(8_125, &[INNER, "10.0.3.7", "10.0.3.8"])),
        ("tracked-tunnel", tunnel(8_472, true)),
        ("icmp-flood", echoes(true)),
        ("icmp-flood", echoes(false)),
        ("zone-multiplication", zoned(true)),
    ]
}

#[test]
fn a_twentieth_of_something_else_changes_no_verdict() {
    for (cause, groups) in every_table() {
        let held: u64 = groups.iter().map(|group| group.count).sum();
        let mut noisy = groups;
        for n in 0..10u32 {
            let other = format!("100.70.{n}.9");
            let web = format!("151.101.{n}.69");
            noisy.push(tcp(&other, (&web, 443), State::TimeWait, held / 400, (0, 119)));
            noisy.push(udp(&other, (&web, 443), Reply::Assured, held / 400, (60, 119)));
        }
        assert_eq!(verdict(&noisy).verdict.cause.0, cause);
    }
}

#[test]
fn the_first_three_lines_are_three_and_fit_a_page() {
    for (cause, groups) in every_table() {
        let body = verdict(&groups);
        assert_eq!(body.verdict.cause.0, cause);
        assert_eq!(body.verdict.summary.len(), 3, "{cause}");
        is_fit(&body);
        assert!(!body.remedies.is_empty() && !body.will_not_help.is_empty(), "{cause}");
    }
}

#[test]
fn no_line_untracks_more_than_it_names() {
    let mut seen = 0;
    for (_, groups) in every_table() {
        for rules in [None, Some(Rules { from: vec!["nft"], rules: 2, ..Rules::default() })] {
            let mut table = full(&groups);
            table.counters.rules = rules;
            for line in lines(&of_table(table)) {
                let packed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
                assert!(!line.contains("use-vc") && !packed.contains("bridge-nf-call-iptables=0"), "{line}");
                assert!(!packed.contains("udp_timeout=1") && !packed.contains("udp_timeout=2"), "{line}");
                if line.to_lowercase().contains("notrack") && line != "nft add table ip no_tracking" {
                    seen += 1;
                    let ends =
                        ["-d ", "-s ", "daddr ", "saddr "].iter().filter(|end| line.contains(**end)).count();
                    assert!(ends == 2 || line.contains("udp"), "{line}");
                    assert!(ends >= 1 && !line.contains("/0") && !line.contains(" 0.0.0.0"), "{line}");
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
