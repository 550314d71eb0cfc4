//! The story: a web host fills its own table with connections to its proxy.

use conntriage::model::counters::Slab;
use conntriage::model::diagnosis::{Body, Confidence};
use conntriage::model::flow::State;
use conntriage::model::report::{Snapshot, TakenFrom};
use conntriage::model::signal::{Capacity, RelatedKind, Wording};

use crate::table::{Group, tcp};
use crate::world::{around, counters, incident, lines, of_incident, snapshot, told, words};

const PROXY: (&str, u16) = ("192.168.1.107", 3128);
const OTHER: (&str, u16) = ("192.168.1.200", 5050);
const SELF: &str = "192.168.1.38";

pub(crate) fn groups() -> Vec<Group> {
    let mut out = vec![
        tcp(SELF, PROXY, State::TimeWait, 25_640, (0, 119)),
        tcp(SELF, PROXY, State::FinWait, 120, (0, 119)),
        tcp(SELF, PROXY, State::Established, 100, (100, 179)),
        tcp(SELF, PROXY, State::Established, 11, (391_000, 428_000)),
        tcp(SELF, PROXY, State::Close, 80, (0, 9)),
        tcp(SELF, PROXY, State::SynSent, 10, (60, 119)),
        tcp(SELF, OTHER, State::TimeWait, 3_300, (0, 119)),
        tcp(SELF, OTHER, State::FinWait, 120, (0, 119)),
        tcp(SELF, OTHER, State::Established, 76, (100, 179)),
    ];
    let visitors = [
        ("198.51.100.23", 260),
        ("192.0.2.77", 189),
        ("192.168.1.50", 155),
        ("198.51.100.140", 150),
        ("198.51.100.7", 387),
    ];
    out.extend(visitors.map(|(source, n)| tcp(source, ("203.0.113.8", 80), State::TimeWait, n, (0, 119))));
    out
}

pub(crate) fn table() -> Snapshot {
    let mut counters = counters(
        &[
            ("net.ipv4.ip_conntrack_max", 30_611),
            ("net.ipv4.netfilter.ip_conntrack_max", 30_611),
            ("net.ipv4.netfilter.ip_conntrack_count", 30_611),
            ("net.ipv4.netfilter.ip_conntrack_buckets", 3_826),
            ("net.ipv4.netfilter.ip_conntrack_tcp_timeout_established", 180),
            ("net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait", 120),
            ("net.ipv4.netfilter.ip_conntrack_tcp_timeout_fin_wait", 120),
            ("net.ipv4.tcp_tw_recycle", 1),
            ("net.ipv4.tcp_tw_reuse", 1),
            ("net.ipv4.tcp_max_tw_buckets", 5_000),
        ],
        &["127.0.0.1", "203.0.113.8", SELF],
    );
    counters.sysctl.insert("net.ipv4.ip_local_port_range".into(), "32768\t60999".into());
    counters.slabs =
        vec![Slab { name: "ip_conntrack".into(), active: 30_618, total: 30_680, object_bytes: 304 }];
    let mut table = snapshot(&groups(), counters);
    // A file that was checked out long after: only its own time is known.
    table.taken_from = TakenFrom::FileTime;
    table.taken_at = table.taken_at.map(|at| conntriage::model::time::WallTime(at.0 + 10_i64.pow(14)));
    table.host = None;
    table
}

fn body() -> Body {
    of_incident(incident(Wording::IpPeriod, 2), vec![table()])
}

#[test]
fn the_host_itself_and_the_proxys_port_stand_in_the_first_line() {
    let body = body();
    assert_eq!(body.verdict.cause.0, "self-inflicted-churn");
    assert_eq!(body.verdict.confidence, Confidence::High);
    let first = words(&body.verdict.summary[0]);
    let expected =
        "this host (192.168.1.38) holds 96.3 % of the table: 29457 entries, most to 192.168.1.107:3128";
    assert_eq!(first, expected);
    let pairs: Vec<u64> = body.top_pairs.iter().take(2).map(|pair| pair.entries).collect();
    assert_eq!(pairs, [25961, 3496]);
}

#[test]
fn the_rate_is_entries_by_lifetime() {
    let body = body();
    let rate = body.verdict.rate_per_second.unwrap();
    assert!((rate - 245.475).abs() < 0.01, "{rate}");
    assert!(words(&body.verdict.summary[1]).contains("245/s"));
}

#[test]
fn reuse_is_the_cure_and_the_limit_must_survive_a_reload() {
    let body = body();
    assert_eq!(body.remedies[0].id, "reuse-connections");
    let third = words(&body.verdict.summary[2]);
    assert!(third.contains("reuse connections to 192.168.1.107:3128"), "{third}");
    assert!(third.contains("survive module reloads"), "{third}");
    let limit = body.remedies.iter().find(|remedy| remedy.id == "raise-limit").unwrap();
    let lines: Vec<&str> = limit.commands.iter().map(|command| command.line.as_str()).collect();
    assert!(lines.contains(&"sysctl -w net.ipv4.ip_conntrack_max=65536"), "{lines:?}");
    assert!(lines.contains(&"IPTABLES_MODULES_UNLOAD=\"no\""), "{lines:?}");
    assert!(lines.contains(&"options ip_conntrack hashsize=8192"), "{lines:?}");
    assert_eq!(limit.effect.entries_freed_now, Some(0));
    // (65,536 − 30,611) × 304 bytes, as the slab cache has it.
    assert!(limit.side_effects.iter().any(|s| words(s).contains("10617200 B")), "{:?}", limit.side_effects);
}

#[test]
fn popular_settings_do_nothing_and_are_said_to_be_set_already() {
    let body = body();
    let reason = |id: &str| {
        words(
            &body
                .will_not_help
                .iter()
                .find(|useless| useless.id == id)
                .unwrap_or_else(|| panic!("{id}"))
                .reason,
        )
    };
    for id in ["tcp_tw_reuse", "tcp_tw_recycle", "tcp_max_tw_buckets", "tcp_timeout_established"] {
        assert!(reason(id).contains("already"), "{id}: {}", reason(id));
    }
    assert!(
        reason("tcp_timeout_established").contains("187 entries of 30598"),
        "{}",
        reason("tcp_timeout_established")
    );
    assert!(reason("block-top-source").contains("is this host itself"));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "raise-limit-only"));
}

#[test]
fn entries_freed_are_counted_from_this_table() {
    let body = body();
    let delete = body.remedies.iter().find(|remedy| remedy.id == "delete-time-wait").unwrap();
    assert_eq!(delete.effect.entries_freed_now, Some(28_940));
    assert!(lines(&body).contains(
        &"conntrack -D -p tcp --state TIME_WAIT -s 192.168.1.38 -d 192.168.1.107 --dport 3128".to_owned()
    ));
    let shorter = body.remedies.iter().find(|remedy| remedy.id == "shorter-time-wait").unwrap();
    assert_eq!(shorter.effect.entries_freed_now, Some(0));
    let settles: u64 = 30_598 - 30_081 + 30_081 / 4;
    assert!(shorter.effect.steady_state_entries.unwrap().abs_diff(settles) <= 1);
}

#[test]
fn the_small_default_contributes_and_a_reload_seen_in_the_log_too() {
    let contributing =
        |body: &Body| body.verdict.contributing.iter().map(|cause| cause.0).collect::<Vec<_>>();
    assert_eq!(contributing(&body()), ["tiny-default"]);
    let mut reloaded = incident(Wording::IpPeriod, 2);
    let mut line = around(RelatedKind::Capacity);
    line.capacity = Some(Capacity { buckets: 3_826, max: 30_608, entry_bytes: Some(304) });
    reloaded.around.push(line);
    assert_eq!(contributing(&of_incident(reloaded, vec![table()])), ["limit-not-in-force", "tiny-default"]);
}

#[test]
fn timers_older_than_the_setting_and_nearly_used_up_ports_are_said() {
    let body = body();
    let fact =
        |id: &str| words(&body.evidence.iter().find(|e| e.id == id).unwrap_or_else(|| panic!("{id}")).fact);
    assert!(fact("older-timers").starts_with("11 entries have up to"), "{}", fact("older-timers"));
    assert!(fact("ports-nearly-out").contains("25961 of 28232"), "{}", fact("ports-nearly-out"));
}

#[test]
fn settings_that_hurt_on_their_own_are_findings() {
    let diagnosis = told(incident(Wording::IpPeriod, 2), vec![table()]);
    let causes: Vec<&str> = diagnosis.findings.iter().map(|finding| finding.cause.0).collect();
    assert_eq!(causes, ["timeout-too-low", "tw-recycle"]);
    assert!(words(&diagnosis.findings[1].summary[0]).contains("some visitors behind NAT are refused"));
    assert!(diagnosis.assumptions.iter().any(|a| a.about == "snapshot-time"));
    assert!(diagnosis.assumptions.iter().any(|a| a.about == "host"));
}

#[test]
fn not_knowing_the_own_addresses_lowers_confidence_and_leaves_a_gap() {
    let mut unknown = table();
    unknown.counters.addresses.clear();
    unknown.counters.addresses_known = false;
    let diagnosis = told(incident(Wording::IpPeriod, 2), vec![unknown]);
    let body = &diagnosis.incidents[0].body;
    assert_eq!(body.verdict.cause.0, "self-inflicted-churn");
    assert!(body.verdict.confidence < Confidence::High);
    assert_eq!(body.top_sources[0].is_local, None);
    assert_eq!(body.census.as_ref().unwrap().local_share, None);
    assert!(words(&body.verdict.summary[0]).contains("perhaps this host"));
    assert!(diagnosis.gaps.iter().any(|gap| gap.command.as_deref() == Some("ip -o addr")));
    assert!(body.remedies.iter().all(|remedy| remedy.id != "notrack"), "its chains would be guessed");
    assert!(
        body.will_not_help.iter().all(|useless| useless.id != "block-top-source"),
        "not known to be this host"
    );
}

#[test]
fn rankings_carry_shares_notes_and_states() {
    let body = body();
    assert_eq!(body.top_sources[0].entries, 29_457);
    assert_eq!(body.top_sources[0].is_local, Some(true));
    assert_eq!(words(body.top_sources[0].note.as_ref().unwrap()), "this host");
    assert_eq!(body.top_sources[1].is_local, Some(false));
    assert_eq!(body.top_peers[0].entries, 25_961);
    let census = body.census.as_ref().unwrap();
    assert!((census.local_share.unwrap() - 29_457.0 / 30_598.0).abs() < 1e-9);
    assert_eq!(census.effective.evictable, 10);
    assert_eq!(census.effective.live, 187);
    assert_eq!(census.effective.closing, 30_598 - 197);
}

#[test]
fn one_direction_is_never_left_tracked() {
    let body = body();
    let notrack = body.remedies.iter().find(|remedy| remedy.id == "notrack").unwrap();
    let lines: Vec<&str> = notrack.commands.iter().map(|command| command.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "iptables -I INPUT 1 -p icmp --icmp-type fragmentation-needed -j ACCEPT",
            "iptables -I OUTPUT 1 -p tcp -s 192.168.1.38 -d 192.168.1.107 --dport 3128 -j ACCEPT",
            "iptables -I INPUT 1 -p tcp -s 192.168.1.107 --sport 3128 -d 192.168.1.38 ! --syn -j ACCEPT",
            "iptables -t raw -A OUTPUT -p tcp -s 192.168.1.38 -d 192.168.1.107 --dport 3128 -j NOTRACK",
            "iptables -t raw -A PREROUTING -p tcp -s 192.168.1.107 --sport 3128 -d 192.168.1.38 -j NOTRACK",
            "conntrack -D -p tcp -s 192.168.1.38 -d 192.168.1.107 --dport 3128",
        ]
    );
    assert_eq!(notrack.effect.entries_freed_now, Some(25_961));
}
