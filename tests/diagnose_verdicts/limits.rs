//! Causes about limits, sizes, counts and namespaces, each beside the neighbour that differs in the one fact that
//! separates them.

use conntriage::diagnose::{Diagnosis, diagnose};
use conntriage::model::counters::{Counters, LocalAddress, Slab, StatCounters};
use conntriage::model::diagnosis::{Body, Confidence};
use conntriage::model::flow::{Reply, State};
use conntriage::model::incident::{Around, Conclusion, Incident, Namespace};
use conntriage::model::machine::Module;
use conntriage::model::report::{Settings, Snapshot};
use conntriage::model::signal::{About, Capacity, RelatedKind, Wording};
use conntriage::model::time::{SECOND_US, WallTime};

use crate::table::{Group, ip, masqueraded, tcp, udp};
use crate::world::{
    START, around, conclusion, counters, incident, is_fit, lines, of_incident, of_table, released,
    runners_up, snapshot, told, with_stat, words,
};

const KEY: &str = "net.netfilter.nf_conntrack_max";

/// So many users of a gateway, each with so many connections in use.
fn users(number: u32, each: u64) -> Vec<Group> {
    (0..number)
        .flat_map(|user| {
            let source = format!("10.8.{}.{}", user / 250, user % 250 + 1);
            let web = format!("192.0.2.{}", user % 200 + 1);
            [
                masqueraded(tcp(&source, (&web, 443), State::Established, each * 5 / 10, (431_000, 431_999))),
                masqueraded(udp(&source, (&web, 443), Reply::Assured, each * 3 / 10, (100, 179))),
                masqueraded(tcp(&source, (&web, 443), State::TimeWait, each * 2 / 10, (0, 119))),
            ]
        })
        .collect()
}

fn total(groups: &[Group]) -> u64 {
    groups.iter().map(|group| group.count).sum()
}

/// A full table of these entries, with so many buckets, on a kernel of 5.10.
fn sized(groups: &[Group], buckets: u64) -> Counters {
    let held = total(groups);
    let settings = [
        (KEY, held),
        ("net.netfilter.nf_conntrack_count", held),
        ("net.netfilter.nf_conntrack_buckets", buckets),
    ];
    released(counters(&settings, &["203.0.113.10"]), "5.10.0-21-amd64")
}

fn configured(mut counters: Counters, key: &str, value: u64) -> Counters {
    counters
        .configured
        .insert(key.into(), (value.to_string().into(), "/etc/sysctl.d/99-gateway.conf".into()));
    counters
}

fn mark(kind: RelatedKind, name: &str, value: u64) -> Around {
    let about = About { name: Some(name.into()), value: Some(value), peer: None };
    Around { about: vec![(about, 1)], ..around(kind) }
}

fn drops(marks: Vec<Around>) -> Incident {
    Incident { around: marks, ..incident(Wording::NfDoubled, 402) }
}

fn judged(groups: &[Group], counters: Counters, marks: Vec<Around>) -> Body {
    of_incident(drops(marks), vec![snapshot(groups, counters)])
}

fn said(body: &Body) -> Vec<String> {
    body.verdict.summary.iter().map(words).collect()
}

fn has(body: &Body, id: &str) -> bool {
    body.evidence.iter().any(|evidence| evidence.id == id)
}

fn why_not(body: &Body, cause: &str) -> String {
    let runner = body.runners_up.iter().find(|runner| runner.cause.0 == cause);
    words(&runner.unwrap_or_else(|| panic!("{cause} among {:?}", runners_up(body))).why_not)
}

fn contributes(body: &Body, cause: &str) -> bool {
    body.verdict.contributing.iter().any(|other| other.0 == cause)
}

/// Every verdict of these tests: three lines that fit, and no command that must not be printed.
fn is_fit_to_print(body: &Body) {
    let said = said(body);
    assert_eq!(said.len(), 3, "{said:?}");
    is_fit(body);
    for line in lines(body) {
        assert!(!line.contains("_max=0") && !line.contains("-F") && !line.contains("UNREPLIED"), "{line}");
    }
}

// The limit that is configured.

fn lost_at_boot() -> Vec<Around> {
    vec![mark(RelatedKind::SettingRefused, "net.nf_conntrack_max", 1_048_576)]
}

#[test]
fn a_larger_limit_in_a_file_that_was_refused_at_boot_comes_first() {
    let table = users(192, 160);
    let body = judged(&table, configured(sized(&table, 7_680), KEY, 1_048_576), lost_at_boot());
    assert_eq!(body.verdict.cause.0, "limit-not-in-force");
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert_eq!(
        said(&body),
        [
            "the limit that runs is 30720 entries ; the configured one, 1048576 entries, is not in force",
            "at boot the settings came before the tracker's module, and were refused ; that limit would have held",
            "set it now (`sysctl -w net.netfilter.nf_conntrack_max=1048576`); let the module load first",
        ]
    );
    assert!(
        lines(&body).contains(&"nf_conntrack".to_owned()),
        "the module is listed, so that it comes first"
    );
    assert!(why_not(&body, "capacity").contains("99-gateway.conf"), "{}", why_not(&body, "capacity"));
    is_fit_to_print(&body);
}

#[test]
fn the_same_table_with_nothing_larger_configured_is_demand() {
    let table = users(192, 160);
    let body = judged(&table, sized(&table, 7_680), Vec::new());
    assert_eq!(body.verdict.cause.0, "capacity");
    assert!(contributes(&body, "tiny-default"));
    assert!(!runners_up(&body).contains(&"limit-not-in-force"));
}

#[test]
fn a_refused_line_alone_tells_what_is_configured() {
    let table = users(192, 160);
    let body = judged(&table, sized(&table, 7_680), lost_at_boot());
    assert_eq!(body.verdict.cause.0, "limit-not-in-force");
    let other =
        vec![mark(RelatedKind::SettingRefused, "net.netfilter.nf_conntrack_tcp_timeout_established", 86_400)];
    assert_eq!(judged(&table, sized(&table, 7_680), other).verdict.cause.0, "capacity", "it was a timeout");
}

fn churn() -> Vec<Group> {
    vec![
        tcp("203.0.113.10", ("10.0.3.40", 3128), State::TimeWait, 29_000, (0, 119)),
        tcp("10.9.0.7", ("203.0.113.10", 22), State::Established, 500, (431_000, 431_999)),
    ]
}

#[test]
fn a_configured_limit_that_would_have_held_comes_before_a_concentration() {
    let body = judged(&churn(), configured(sized(&churn(), 7_375), KEY, 262_144), Vec::new());
    assert_eq!(body.verdict.cause.0, "limit-not-in-force");
    assert!(runners_up(&body).contains(&"self-inflicted-churn"), "{:?}", runners_up(&body));
    is_fit_to_print(&body);
}

#[test]
fn a_configured_limit_that_would_fill_too_only_contributes() {
    let body = judged(&churn(), configured(sized(&churn(), 7_375), KEY, 29_600), Vec::new());
    assert_eq!(body.verdict.cause.0, "self-inflicted-churn", "{:?}", said(&body));
    assert!(contributes(&body, "limit-not-in-force"), "{:?}", runners_up(&body));
}

#[test]
fn a_flood_fills_any_size_whatever_is_configured() {
    let flood: Vec<Group> = (0..9_000u32)
        .map(|n| {
            let source = format!("198.{}.{}.{}", 18 + n / 8_000, n / 250 % 256, n % 250);
            tcp(&source, ("203.0.113.10", 443), State::SynRecv, 1, (n % 60, n % 60))
        })
        .collect();
    let body = judged(&flood, configured(sized(&flood, 4_096), KEY, 1_048_576), Vec::new());
    assert_eq!(body.verdict.cause.0, "syn-flood");
}

fn loaded(max: u64, buckets: u64) -> Around {
    Around { capacity: Some(Capacity { buckets, max, entry_bytes: None }), ..around(RelatedKind::Capacity) }
}

#[test]
fn a_module_that_is_loaded_anew_in_an_uptime_forgets_its_limit_and_at_boot_it_does_not() {
    let table = users(96, 320);
    let body = judged(&table, sized(&table, 7_680), vec![loaded(30_720, 7_680)]);
    assert_eq!(body.verdict.cause.0, "limit-not-in-force");
    assert!(body.verdict.confidence < Confidence::High, "what was set before is not known");
    assert!(said(&body)[0].contains("forgot its settings"), "{:?}", said(&body));
    let boot = vec![loaded(30_720, 7_680), around(RelatedKind::BootBegins)];
    assert_eq!(judged(&table, sized(&table, 7_680), boot).verdict.cause.0, "tiny-default");
}

#[test]
fn kube_proxys_own_value_over_the_configured_one_is_told_to_kube_proxy() {
    let table = users(660, 200);
    let mut set = configured(sized(&table, 32_768), KEY, 1_048_576);
    set.sysctl.insert(KEY.into(), "131072".into());
    set.machine.processors = Some(4);
    let body = judged(&table, set, vec![mark(RelatedKind::LimitSet, "kube-proxy", 131_072)]);
    assert_eq!(body.verdict.cause.0, "limit-not-in-force");
    let typed = lines(&body);
    assert!(typed.iter().any(|line| line == "min: 1048576"), "{typed:?}");
    assert!(!typed.iter().any(|line| line.contains("udev") || line == "nf_conntrack"), "{typed:?}");
}

// The limit that a small machine is born with.

#[test]
fn a_few_clients_of_a_small_router_need_more_than_it_was_shipped_with() {
    let table = users(32, 640);
    let body = judged(&table, sized(&table, 5_120), Vec::new());
    assert_eq!(body.verdict.cause.0, "tiny-default");
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(
        said(&body)[0].contains("20480 entries is the kernel's default for little memory"),
        "{:?}",
        said(&body)
    );
    assert!(said(&body)[1].contains("32 sources"), "{:?}", said(&body));
    assert!(lines(&body).contains(&"sysctl -w net.netfilter.nf_conntrack_max=65536".to_owned()));
    assert!(why_not(&body, "capacity").contains("small machine by itself"));
    is_fit_to_print(&body);
}

#[test]
fn buckets_that_fill_no_whole_pages_are_not_the_kernels_own() {
    // Four for each bucket is what people choose by hand, too.
    let (table, by_hand) = (users(32, 640), users(30, 640));
    let mut own = sized(&table, 5_120);
    assert_eq!(judged(&table, own.clone(), Vec::new()).verdict.cause.0, "tiny-default");
    let body = judged(&by_hand, sized(&by_hand, 4_800), Vec::new());
    assert_eq!(body.verdict.cause.0, "capacity");
    assert!(!contributes(&body, "tiny-default"));
    // Where the memory is known it decides: 640 MiB has those buckets, 16 GiB has not.
    own.memory_bytes = Some(640 << 20);
    assert_eq!(judged(&table, own.clone(), Vec::new()).verdict.cause.0, "tiny-default");
    own.memory_bytes = Some(16 << 30);
    assert_ne!(judged(&table, own, Vec::new()).verdict.cause.0, "tiny-default");
}

#[test]
fn the_same_table_with_buckets_for_far_more_was_given_its_limit_on_purpose() {
    let table = users(30, 500);
    let body = judged(&table, sized(&table, 262_144), Vec::new());
    assert_eq!(body.verdict.cause.0, "capacity");
}

#[test]
fn a_limit_as_small_boxes_are_shipped_with_is_told_from_one_that_somebody_chose() {
    let table = users(32, 512);
    let shipped = |max: u64| {
        let mut set = sized(&table, 4_000);
        set.sysctl.insert(KEY.into(), max.to_string().into());
        judged(&table, set, Vec::new()).verdict.cause.0
    };
    assert_eq!((shipped(16_384), shipped(16_300)), ("tiny-default", "capacity"));
}

#[test]
fn with_one_client_that_holds_most_of_it_a_tiny_limit_is_not_the_cause() {
    let mut table = users(30, 200);
    table.push(masqueraded(udp("10.8.9.9", ("198.51.100.1", 6_881), Reply::Assured, 8_000, (100, 179))));
    let body = judged(&table, sized(&table, 3_500), Vec::new());
    assert_ne!(body.verdict.cause.0, "tiny-default");
}

#[test]
fn noise_and_names_leave_the_limits_verdicts_as_they_are() {
    for (number, each, buckets, cause) in [(32, 640, 5_120u64, "tiny-default"), (700, 46, 7_875, "capacity")]
    {
        let mut table = users(number, each);
        let noise = total(&table) / 20;
        for n in 0..noise {
            let from = format!("172.16.{}.{}", n / 250 % 250, n % 250 + 1);
            table.push(udp(&from, ("192.0.2.53", 53), Reply::Replied, 1, (0, 29)));
        }
        let buckets = (buckets + buckets / 20).next_multiple_of(512);
        let (limit, mut set) = (buckets * 4, sized(&table, buckets));
        set.sysctl.insert(KEY.into(), limit.to_string().into());
        let body = judged(&table, set.clone(), Vec::new());
        assert_eq!(body.verdict.cause.0, cause, "{:?}", said(&body));
        let mut turned = table.clone();
        turned.reverse();
        assert_eq!(judged(&turned, set, Vec::new()).verdict, body.verdict);
    }
}

#[test]
fn the_kernels_own_limit_is_known_by_release_memory_and_buckets() {
    const GIB: u64 = 1 << 30;
    for (release, memory, buckets, max, own) in [
        ("2.6.18-8.el5", 2 * GIB, 8_192, 65_536, true),
        ("2.6.32-754.el6", 16 * GIB, 16_384, 65_536, true),
        ("3.10.0-1160.el7.x86_64", 16 * GIB, 65_536, 262_144, true),
        ("5.10.0", 2 * GIB, 16_384, 65_536, true),
        ("5.10.0", GIB / 2, 4_096, 16_384, true),
        ("6.1.0", 16 * GIB, 262_144, 262_144, true),
        ("6.1.0", 2 * GIB, 65_536, 65_536, true),
        // A gibibyte less what the kernel keeps for itself.
        ("6.1.0", GIB - GIB / 16, 7_680, 7_680, true),
        ("4.18.0-553.el8_10.x86_64", 16 * GIB, 65_536, 262_144, true),
        ("5.14.0-427.el9.x86_64", 16 * GIB, 262_144, 262_144, true),
        // Of another machine, by hand, by the module's option.
        ("6.1.0", 16 * GIB, 65_536, 65_536, false),
        ("5.10.0", 16 * GIB, 65_536, 131_072, false),
        ("5.10.0", 16 * GIB, 131_072, 524_288, false),
        ("6.1.0", 16 * GIB, 32_768, 262_144, false),
    ] {
        let table = users(300, 10);
        let mut set = released(sized(&table, buckets), release);
        set.sysctl.insert(KEY.into(), max.to_string().into());
        set.memory_bytes = Some(memory);
        let body = of_table(snapshot(&table, set));
        assert_eq!(has(&body, "limit-is-kernel-default"), own, "{release}, {memory} B, {buckets}, {max}");
    }
}

// A node.

/// Visitors of an ingress controller: the destination is translated to a pod.
fn ingress() -> Vec<Group> {
    (0..4_000u32)
        .map(|n| {
            let source = format!("198.51.{}.{}", n / 250, n % 250 + 1);
            Group {
                destination_nat: true,
                ..tcp(&source, ("203.0.113.10", 443), State::Established, 32, (86_000, 86_399))
            }
        })
        .collect()
}

fn node() -> Counters {
    let mut set = sized(&ingress(), 32_768);
    for (key, value) in [
        (KEY, "131072"),
        ("net.netfilter.nf_conntrack_count", "131072"),
        ("net.netfilter.nf_conntrack_tcp_timeout_established", "86400"),
        ("net.netfilter.nf_conntrack_tcp_timeout_close_wait", "3600"),
    ] {
        set.sysctl.insert(key.into(), value.into());
    }
    set.machine.processors = Some(4);
    set
}

fn other_node(count: u64) -> Snapshot {
    let mut set =
        released(counters(&[(KEY, 131_072), ("net.netfilter.nf_conntrack_count", count)], &[]), "5.10.0");
    set.machine.processors = Some(4);
    let mut other = snapshot(&[], set);
    (other.id, other.host, other.census) = ("bbbbbbbbbbbb".into(), Some("node-2".into()), None);
    other
}

fn nodes(set: Counters, other: Option<Snapshot>) -> Diagnosis {
    let tables = std::iter::once(snapshot(&ingress(), set)).chain(other).collect();
    told(drops(Vec::new()), tables)
}

#[test]
fn one_node_that_carries_the_ingress_is_hot_beside_idle_ones() {
    let body = nodes(node(), Some(other_node(2_000))).incidents.remove(0).body;
    assert_eq!(body.verdict.cause.0, "hot-node", "{:?}", said(&body));
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(
        said(&body)[0].starts_with("of 2 Kubernetes nodes only this one is full, at kube-proxy's"),
        "{:?}",
        said(&body)
    );
    assert!(lines(&body).contains(&"min: 262144".to_owned()), "{:?}", lines(&body));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "sysctl-d-on-the-node"));
    is_fit_to_print(&body);
}

#[test]
fn where_the_other_nodes_are_full_too_it_is_no_hot_node() {
    let body = nodes(node(), Some(other_node(130_000))).incidents.remove(0).body;
    assert_ne!(body.verdict.cause.0, "hot-node");
}

#[test]
fn without_the_other_nodes_it_is_less_sure_and_the_report_asks_for_them() {
    let told = nodes(node(), None);
    let body = &told.incidents[0].body;
    assert_eq!(body.verdict.cause.0, "hot-node", "{:?}", said(body));
    assert_eq!(body.verdict.confidence, Confidence::Medium);
    let gap = told.gaps.iter().find(|gap| words(&gap.what) == "other nodes").expect("a gap");
    assert!(gap.command.as_deref().is_some_and(|command| command.contains("nf_conntrack_count")));
}

#[test]
fn the_same_limit_without_any_sign_of_a_cluster_is_no_node() {
    let mut set = node();
    set.sysctl.remove("net.netfilter.nf_conntrack_tcp_timeout_close_wait");
    set.sysctl.insert("net.netfilter.nf_conntrack_buckets".into(), "100000".into());
    let body = nodes(set, Some(other_node(2_000))).incidents.remove(0).body;
    assert_ne!(body.verdict.cause.0, "hot-node");
    assert!(!runners_up(&body).contains(&"hot-node"));
}

#[test]
fn a_hot_node_stays_one_where_a_file_wants_more_than_kube_proxy_gives() {
    let body = nodes(configured(node(), KEY, 1_048_576), Some(other_node(2_000))).incidents.remove(0).body;
    assert_eq!(body.verdict.cause.0, "hot-node", "{:?}", said(&body));
    assert!(contributes(&body, "limit-not-in-force"));
    let alone = nodes(configured(node(), KEY, 1_048_576), None).incidents.remove(0).body;
    assert_eq!(alone.verdict.cause.0, "limit-not-in-force", "{:?}", said(&alone));
}

// A limit that something lowered.

fn lowered(release: &str) -> Counters {
    let table = users(192, 160);
    let mut set = released(sized(&table, 65_536), release);
    set.addresses.push(LocalAddress { address: ip("172.17.0.1"), interface: Some("docker0".into()) });
    set
}

#[test]
fn a_limit_below_the_kernels_own_beside_containers_was_lowered_by_one() {
    let wrote = vec![mark(RelatedKind::LimitSet, "kube-proxy", 30_720)];
    let body = judged(&users(192, 160), lowered("5.4.0"), wrote);
    assert_eq!(body.verdict.cause.0, "limit-lowered-by-container", "{:?}", said(&body));
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(said(&body)[0].contains("below the kernel's own 262144"), "{:?}", said(&body));
    is_fit_to_print(&body);
    let unsure = judged(&users(192, 160), lowered("5.4.0"), Vec::new());
    assert_eq!(unsure.verdict.cause.0, "capacity", "an administrator may have set it");
    assert!(contributes(&unsure, "limit-lowered-by-container"));
}

#[test]
fn a_lost_setting_leaves_the_kernels_limit_and_a_lowered_one_is_below_it() {
    let wrote = || vec![mark(RelatedKind::LimitSet, "kube-proxy", 30_720)];
    let body = judged(&users(192, 160), configured(lowered("5.4.0"), KEY, 1_048_576), wrote());
    assert_eq!(body.verdict.cause.0, "limit-lowered-by-container", "{:?}", said(&body));
    assert!(why_not(&body, "limit-not-in-force").contains("is not that"));
    let mut own = configured(lowered("5.4.0"), KEY, 1_048_576);
    own.sysctl.insert("net.netfilter.nf_conntrack_buckets".into(), "7680".into());
    assert_eq!(judged(&users(192, 160), own, wrote()).verdict.cause.0, "limit-not-in-force");
}

#[test]
fn from_5_12_on_no_container_can_and_without_containers_none_did() {
    let newer = judged(&users(192, 160), lowered("5.13.0"), Vec::new());
    assert_eq!(newer.verdict.cause.0, "capacity");
    let mut bare = lowered("5.4.0");
    bare.addresses.pop();
    assert_eq!(judged(&users(192, 160), bare, Vec::new()).verdict.cause.0, "capacity");
}

// Chains.

fn chained(buckets: u64, chain_too_long: Option<u64>) -> Counters {
    let settings = [
        (KEY, 65_536),
        ("net.netfilter.nf_conntrack_count", 30_000),
        ("net.netfilter.nf_conntrack_buckets", buckets),
    ];
    let mut set = released(counters(&settings, &["203.0.113.10"]), "6.1.0");
    set.stat = Some(StatCounters {
        drop: Some(0),
        chain_too_long,
        insert_failed: Some(912),
        ..StatCounters::default()
    });
    set
}

#[test]
fn chains_that_are_too_long_drop_below_the_limit_and_say_nothing() {
    let body = of_table(snapshot(&users(300, 100), chained(1_024, Some(900))));
    assert_eq!(body.verdict.cause.0, "too-few-buckets", "{:?}", said(&body));
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(said(&body)[1].contains("900 packets were dropped for too long chains"), "{:?}", said(&body));
    assert!(body.remedies[0].title.0.iter().any(|word| format!("{word:?}").contains("quiet hour")));
    assert!(lines(&body).contains(&"sysctl -w net.netfilter.nf_conntrack_buckets=32768".to_owned()));
    is_fit_to_print(&body);
}

#[test]
fn near_its_limit_more_buckets_are_for_after_the_incident() {
    let mut set = chained(1_024, Some(900));
    set.sysctl.insert(KEY.into(), "32500".into());
    let body = of_table(snapshot(&users(300, 100), set));
    assert_eq!(body.verdict.cause.0, "too-few-buckets", "{:?}", said(&body));
    let later = body.remedies.iter().find(|remedy| remedy.id == "enough-buckets").expect("the remedy stays");
    assert!(words(&later.title).starts_with("after the incident, not in it"), "{}", words(&later.title));
    let resize = later.commands.iter().find(|command| command.line.contains("buckets=")).expect("the line");
    assert!(resize.place.contains("after the incident"), "{}", resize.place);
    is_fit_to_print(&body);
}

#[test]
fn short_chains_or_none_given_up_are_no_such_thing() {
    let never = of_table(snapshot(&users(300, 100), chained(1_024, Some(0))));
    assert_eq!(never.verdict.cause.0, "no-incident");
    let short = of_table(snapshot(&users(300, 100), chained(4_096, Some(900))));
    assert_eq!(short.verdict.cause.0, "no-incident", "seven to a bucket");
    assert!(!runners_up(&short).contains(&"too-few-buckets"));
}

// Namespaces.

fn small(count: u64) -> Snapshot {
    let settings = [
        (KEY, 262_144),
        ("net.netfilter.nf_conntrack_count", count),
        ("net.netfilter.nf_conntrack_buckets", 262_144),
    ];
    let set = released(counters(&settings, &["203.0.113.10"]), "6.1.0");
    let each = count.div_ceil(20);
    let groups: Vec<Group> = (1..=20u32)
        .map(|n| {
            tcp(&format!("10.1.1.{n}"), ("192.0.2.1", 443), State::Established, each, (431_000, 431_999))
        })
        .collect();
    snapshot(&groups, set)
}

fn slab(active: u64) -> Vec<Slab> {
    vec![Slab { name: "nf_conntrack".into(), active, total: active + 100, object_bytes: 256 }]
}

#[test]
fn memory_full_of_entries_that_are_not_here_points_to_another_namespace() {
    let mut read = small(260);
    read.counters.slabs = slab(262_500);
    let body = of_incident(drops(Vec::new()), vec![read]);
    assert_eq!(body.verdict.cause.0, "other-namespace", "{:?}", said(&body));
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(said(&body)[2].contains("lsns -t net"), "{:?}", said(&body));
    assert!(lines(&body).iter().any(|line| line.contains("nsenter")), "every namespace is asked");
    is_fit_to_print(&body);
}

#[test]
fn a_small_count_to_which_nothing_else_points_is_a_contradiction_and_no_verdict() {
    let diagnosis = told(drops(Vec::new()), vec![small(260)]);
    let body = &diagnosis.incidents[0].body;
    assert_eq!(body.verdict.cause.0, "insufficient-evidence");
    let gap = diagnosis.gaps.iter().find(|gap| words(&gap.what) == "other namespaces").expect("a gap");
    assert!(gap.command.as_deref().is_some_and(|command| command.contains("nsenter")));
    let mut own = small(260);
    own.counters.slabs = slab(270);
    assert_eq!(of_incident(drops(Vec::new()), vec![own]).verdict.cause.0, "insufficient-evidence");
}

#[test]
fn a_check_that_reads_a_namespace_where_nothing_is_tracked_reads_the_wrong_one() {
    let mut check = small(0);
    check.census = None;
    let body = of_incident(drops(Vec::new()), vec![check]);
    assert_eq!(body.verdict.cause.0, "other-namespace", "{:?}", said(&body));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "trust-the-check"));
}

#[test]
fn a_line_that_names_its_namespace_and_a_table_of_another_one() {
    let mut full = drops(Vec::new());
    (full.wordings, full.namespace) = (vec![Wording::NfDoubledNetns], Namespace::Netns(4_026_532_281));
    let mut read = small(260);
    read.namespace = Namespace::Initial;
    let body = of_incident(full.clone(), vec![read]);
    assert_eq!(body.verdict.cause.0, "other-namespace", "{:?}", said(&body));
    assert!(said(&body)[0].contains("network namespace `4026532281`"), "{:?}", said(&body));
    let mut own = snapshot(&churn(), sized(&churn(), 7_375));
    own.namespace = Namespace::Netns(4_026_532_281);
    assert_eq!(
        of_incident(full, vec![own]).verdict.cause.0,
        "self-inflicted-churn",
        "its own table was read"
    );
}

#[test]
fn a_full_table_of_another_namespace_is_named_with_its_leader_whichever_was_read_first() {
    let mut pod = snapshot(&churn(), sized(&churn(), 7_375));
    pod.namespace = Namespace::Netns(4_026_532_281);
    let mut own = small(260);
    own.namespace = Namespace::Initial;
    for (first, second) in [("aaaaaaaaaaaa", "bbbbbbbbbbbb"), ("bbbbbbbbbbbb", "aaaaaaaaaaaa")] {
        (own.id, pod.id) = (first.into(), second.into());
        let body = of_incident(drops(Vec::new()), vec![own.clone(), pod.clone()]);
        assert_eq!(body.verdict.cause.0, "other-namespace", "{:?}", said(&body));
        assert!(
            said(&body)[1].contains("203.0.113.10 (this host) leads it with 98.3 %"),
            "{:?}",
            said(&body)
        );
    }
}

// Counts.

/// 1,900 entries listed and 65,000 counted, after the list.
fn leaked() -> Snapshot {
    let settings = [
        (KEY, 65_536),
        ("net.netfilter.nf_conntrack_count", 65_000),
        ("net.netfilter.nf_conntrack_buckets", 16_384),
    ];
    let set = released(counters(&settings, &["203.0.113.10"]), "5.10.0");
    let groups: Vec<Group> = (1..=19u32)
        .map(|n| tcp(&format!("10.1.1.{n}"), ("192.0.2.1", 443), State::Established, 100, (431_000, 431_999)))
        .collect();
    let mut read = snapshot(&groups, set);
    let after = Counters { count: Some(65_000), ..Counters::default() };
    read.before_after = Some((Counters::default(), after));
    read.counters.slabs = slab(65_100);
    read.counters.machine.modules =
        Some(vec![Module { name: "pf_ring".into(), bytes: 1 << 20, users: Some(0), foreign: true }]);
    read
}

#[test]
fn entries_that_are_counted_after_the_list_and_in_no_list_have_leaked() {
    let body = of_incident(drops(Vec::new()), vec![leaked()]);
    assert_eq!(body.verdict.cause.0, "count-list-mismatch", "{:?}", said(&body));
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(said(&body)[1].contains("pf_ring"), "{:?}", said(&body));
    assert!(body.will_not_help.iter().any(|useless| useless.id == "delete-entries"));
    is_fit_to_print(&body);
}

#[test]
fn a_count_that_may_be_of_before_the_list_is_less_sure_and_the_report_asks_for_another() {
    let mut read = leaked();
    read.before_after = None;
    let diagnosis = told(drops(Vec::new()), vec![read]);
    let body = &diagnosis.incidents[0].body;
    assert_eq!(body.verdict.cause.0, "count-list-mismatch");
    assert_eq!(body.verdict.confidence, Confidence::Medium);
    assert!(diagnosis.gaps.iter().any(|gap| words(&gap.what) == "count after the list"));
}

#[test]
fn what_expires_within_a_minute_is_no_leak() {
    // 100 a second of 30 s: some 6,000 may have expired and wait.
    let groups = [udp("10.1.1.1", ("192.0.2.53", 53), Reply::Replied, 3_000, (0, 29))];
    let settings = [
        (KEY, 8_192),
        ("net.netfilter.nf_conntrack_count", 8_000),
        ("net.netfilter.nf_conntrack_buckets", 2_048),
    ];
    let body = judged(&groups, released(counters(&settings, &["203.0.113.10"]), "5.10.0"), Vec::new());
    assert_ne!(body.verdict.cause.0, "count-list-mismatch");
    let evidence = body.evidence.iter().find(|evidence| evidence.id == "count-and-list").expect("said");
    assert_eq!(evidence.speaks_for, None, "{}", words(&evidence.fact));
}

#[test]
fn destroyed_entries_that_wait_for_a_listener_are_no_leak() {
    let mut read = leaked();
    read.counters.dying = Some(62_000);
    read.counters.machine.modules = Some(Vec::new());
    let body = of_incident(drops(vec![around(RelatedKind::EntriesInjected)]), vec![read]);
    assert_eq!(body.verdict.cause.0, "event-listener-backlog", "{:?}", said(&body));
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert!(lines(&body).contains(&"systemctl restart conntrackd".to_owned()));
    assert!(why_not(&body, "count-list-mismatch").contains("wait for a listener"));
    is_fit_to_print(&body);
}

#[test]
fn a_listener_that_keeps_up_is_not_the_cause_of_a_leak() {
    let mut read = leaked();
    read.counters.dying = Some(12);
    let body = of_incident(drops(vec![around(RelatedKind::EntriesInjected)]), vec![read]);
    assert_eq!(body.verdict.cause.0, "count-list-mismatch");
    assert!(why_not(&body, "event-listener-backlog").contains("only 12 of them"));
}

#[test]
fn a_count_that_no_table_can_have_is_a_wrong_counter() {
    let mut read = leaked();
    read.counters.sysctl.insert("net.netfilter.nf_conntrack_count".into(), "4294967290".into());
    (read.before_after, read.counters.slabs) = (None, slab(1_950));
    let body = of_incident(drops(Vec::new()), vec![read]);
    assert_eq!(body.verdict.cause.0, "counter-wrap", "{:?}", said(&body));
    assert_eq!(body.verdict.confidence, Confidence::High);
    assert_eq!(body.remedies[0].id, "upgrade-kernel");
    is_fit_to_print(&body);
}

#[test]
fn a_count_below_zero_is_a_wrong_counter() {
    let mut read = small(260);
    read.counters.sysctl.insert("net.netfilter.nf_conntrack_count".into(), "-7".into());
    let body = of_incident(drops(Vec::new()), vec![read]);
    assert_eq!(body.verdict.cause.0, "counter-wrap", "{:?}", said(&body));
    assert!(said(&body)[0].contains("`-7`"), "{:?}", said(&body));
}

#[test]
fn a_second_reading_tells_a_leak_from_what_had_expired() {
    let mut first = leaked();
    first.before_after = None;
    let mut second = first.clone();
    second.id = "bbbbbbbbbbbb".into();
    second.taken_at = first.taken_at.map(|at| WallTime(at.0 + 45 * SECOND_US));
    let stays = of_incident(drops(Vec::new()), vec![first.clone(), second.clone()]);
    assert_eq!(stays.verdict.cause.0, "count-list-mismatch");
    assert_eq!(stays.verdict.confidence, Confidence::High);
    second.counters.sysctl.insert("net.netfilter.nf_conntrack_count".into(), "1905".into());
    let gone = of_incident(drops(Vec::new()), vec![first, second]);
    assert_ne!(gone.verdict.cause.0, "count-list-mismatch");
}

#[test]
fn a_table_that_is_full_seconds_after_the_boot_and_lists_nothing_is_a_wrong_counter_and_minutes_after_it_is_not()
 {
    for (seconds, cause) in [(9, "counter-wrap"), (900, "insufficient-evidence")] {
        let mut early = drops(Vec::new());
        early.times.since_boot_us = Some((seconds * SECOND_US, (seconds + 60) * SECOND_US));
        let body = of_incident(early, vec![small(260)]);
        assert_eq!(body.verdict.cause.0, cause, "{seconds} s: {:?}", said(&body));
    }
}

// Nothing, and not enough.

#[test]
fn a_table_at_its_limit_that_makes_room_is_no_incident_and_one_that_dropped_is_none_of_it() {
    let groups: Vec<Group> = (0..60u32)
        .flat_map(|n| {
            let source = format!("10.1.1.{}", n + 1);
            let web = format!("192.0.2.{}", n + 1);
            [
                udp(&source, (&web, 40_000), Reply::Unreplied, 120, (0, 29)),
                udp(&source, (&web, 40_000), Reply::Replied, 120, (0, 29)),
                tcp(&source, (&web, 443), State::Established, 20, (431_000, 431_999)),
            ]
        })
        .collect();
    let calm = of_table(snapshot(&groups, with_stat(sized(&groups, 3_900), 0, 90_000)));
    assert_eq!(calm.verdict.cause.0, "no-incident", "{:?}", said(&calm));
    assert!(said(&calm)[0].contains("at its limit and makes room"), "{:?}", said(&calm));
    let dropping = of_table(snapshot(&groups, with_stat(sized(&groups, 3_900), 70_000, 90_000)));
    assert_ne!(dropping.verdict.cause.0, "no-incident");
    assert!(!runners_up(&dropping).contains(&"no-incident"));
}

#[test]
fn a_drop_counter_below_the_lines_of_the_log_is_of_something_else() {
    let table = users(192, 160);
    let counted = |drop| judged(&table, with_stat(sized(&table, 65_536), drop, 5), Vec::new());
    assert!(has(&counted(3), "log-against-counters"));
    assert!(counted(3).verdict.confidence < Confidence::High);
    assert!(!has(&counted(500), "log-against-counters"));
}

#[test]
fn a_table_that_holds_as_many_as_a_smaller_limit_lets_in_had_its_limit_raised() {
    let table = users(660, 100);
    let raised = |count: u64| {
        let mut set = sized(&table, 16_384);
        set.sysctl.insert(KEY.into(), "262144".into());
        set.sysctl.insert("net.netfilter.nf_conntrack_count".into(), count.to_string().into());
        judged(&table[..1_950], set, Vec::new())
    };
    let body = raised(65_500);
    assert_ne!(body.verdict.cause.0, "insufficient-evidence", "{:?}", said(&body));
    let fullness = body.evidence.iter().find(|evidence| evidence.id == "usage-not-full").expect("said");
    assert!(words(&fullness.fact).contains("a limit of 65536 lets in"), "{}", words(&fullness.fact));
    assert_eq!(body.verdict.confidence, Confidence::Low);
}

#[test]
fn demand_that_comes_back_ever_sooner_is_said_to_grow() {
    let table = users(700, 46);
    let mut at = START;
    let incidents: Vec<Incident> = [0, 20, 12, 5]
        .iter()
        .map(|days| {
            at += days * 86_400;
            let mut one = drops(Vec::new());
            one.times.start = Some(WallTime(at * SECOND_US));
            one.times.end = Some(WallTime((at + 60) * SECOND_US));
            one
        })
        .collect();
    let mut last = snapshot(&table, sized(&table, 8_050));
    last.taken_at = Some(WallTime((at + 10) * SECOND_US));
    let diagnosis = diagnose(conclusion(incidents), vec![last], &Settings::default());
    let body = &diagnosis.incidents.last().unwrap().body;
    let growth = body.evidence.iter().find(|evidence| evidence.id == "growth").expect("said");
    assert!(words(&growth.fact).contains("demand grows"), "{}", words(&growth.fact));
}

#[test]
fn neither_log_nor_table_is_no_verdict() {
    let mut bare = small(260);
    bare.census = None;
    let body = diagnose(Conclusion::default(), vec![bare], &Settings::default()).snapshots.remove(0).body;
    assert!(["no-incident", "insufficient-evidence"].contains(&body.verdict.cause.0));
}
