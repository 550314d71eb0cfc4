//! Renaming every address, doubling every count (and the sizes with it), and handing inputs over in another order
//! leave the verdict as it is.

use std::net::{IpAddr, Ipv4Addr};

use conntriage::diagnose::diagnose;
use conntriage::model::counters::Counters;
use conntriage::model::diagnosis::Body;
use conntriage::model::flow::{Reply, State};
use conntriage::model::report::Settings;
use conntriage::model::signal::Wording;

use crate::table::{Group, tcp, udp};
use crate::world::{conclusion, counters, incident, of_incident, snapshot};
use proptest::prelude::*;

const OWN: [&str; 2] = ["192.168.1.38", "203.0.113.8"];

/// A bijection of private IPv4 addresses onto others: the first octets change, the rest is turned by `key`.
fn renamed(address: IpAddr, key: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | ((u32::from(v4) ^ key) & 0x00ff_ffff))),
        IpAddr::V6(_) => address,
    }
}

fn rename(groups: &[Group], key: u32) -> Vec<Group> {
    let mut out = groups.to_vec();
    for group in &mut out {
        group.source = renamed(group.source, key);
        group.peer.address = renamed(group.peer.address, key);
    }
    out
}

/// Groups around a churn, a leak, a crowd or a mix, by weights.
fn groups(weights: [u64; 4]) -> Vec<Group> {
    let [churn, stale, crowd, dns] = weights;
    let mut out = vec![
        tcp(OWN[0], ("192.168.1.107", 3128), State::TimeWait, churn * 10, (0, 119)),
        tcp(OWN[0], ("192.168.1.107", 3128), State::FinWait, churn / 10, (0, 119)),
    ];
    for n in 0..40u32 {
        let user = format!("192.168.2.{}", n + 1);
        let web = format!("198.51.100.{}", n + 1);
        out.push(tcp(&user, (&web, 9092), State::Established, stale / 4, (5_000 + n * 640, 5_000 + n * 640)));
        out.push(tcp(&user, (&web, 443), State::Established, crowd / 4, (431_000, 431_999)));
        out.push(udp(&user, ("192.168.2.53", 53), Reply::Replied, dns / 40, (0, 29)));
    }
    out
}

fn settings(held: u64, buckets: u64, own: &[String]) -> Counters {
    let local: Vec<&str> = own.iter().map(String::as_str).collect();
    counters(
        &[
            ("net.netfilter.nf_conntrack_max", held),
            ("net.netfilter.nf_conntrack_count", held),
            ("net.netfilter.nf_conntrack_buckets", buckets),
        ],
        &local,
    )
}

fn judged(groups: &[Group], times: u64, own: &[String]) -> Body {
    // Every entry that often: a larger count in one group would spread over other seconds.
    let scaled: Vec<Group> = (0..times).flat_map(|_| groups.to_vec()).collect();
    // Far above any size that is called small, so that no threshold in entries is crossed by doubling.
    let held: u64 = scaled.iter().map(|group| group.count).sum();
    let mut set = settings(held, 70_000 * times, own);
    set.sysctl.insert("net.ipv4.ip_local_port_range".into(), "1 65535".into());
    of_incident(incident(Wording::NfPlain, 402), vec![snapshot(&scaled, set)])
}

fn gist(body: &Body) -> (&'static str, Vec<&'static str>, u8, Vec<&'static str>, Vec<&'static str>) {
    (
        body.verdict.cause.0,
        body.verdict.contributing.iter().map(|cause| cause.0).collect(),
        body.verdict.confidence as u8,
        body.runners_up.iter().map(|runner| runner.cause.0).collect(),
        body.will_not_help.iter().map(|useless| useless.id).collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn names_and_size_do_not_matter(
        weights in [40u64..2_000, 40u64..2_000, 40u64..2_000, 40u64..2_000],
        key in 0u32..0x0100_0000,
    ) {
        let groups = groups(weights);
        let own: Vec<String> = OWN.iter().map(ToString::to_string).collect();
        let plain = judged(&groups, 1, &own);
        let other: Vec<String> = own.iter().map(|own| renamed(own.parse().unwrap(), key).to_string()).collect();
        let elsewhere = judged(&rename(&groups, key), 1, &other);
        prop_assert_eq!(gist(&plain), gist(&elsewhere));
        let doubled = judged(&groups, 2, &own);
        prop_assert_eq!(gist(&plain), gist(&doubled));
        let total = |body: &Body| body.census.as_ref().map(|census| census.entries);
        prop_assert_eq!(total(&plain).map(|n| n * 2), total(&doubled));
        prop_assert_eq!(plain.top_sources[0].entries * 2, doubled.top_sources[0].entries);
    }
}

#[test]
fn the_order_of_snapshots_changes_nothing() {
    let tables: Vec<_> = ["c", "a", "b"]
        .into_iter()
        .map(|id| {
            let mut table = crate::cases::gateway();
            table.id = id.into();
            table
        })
        .collect();
    let mut turned = tables.clone();
    turned.reverse();
    let say =
        |tables| diagnose(conclusion(vec![incident(Wording::NfPlain, 402)]), tables, &Settings::default());
    assert_eq!(say(tables), say(turned));
}

#[test]
fn an_empty_table_and_no_input_at_all_are_no_reason_to_panic() {
    let empty = snapshot(&[], Counters::default());
    let diagnosis = diagnose(
        conclusion(vec![incident(Wording::NfPlain, 402)]),
        vec![empty.clone()],
        &Settings::default(),
    );
    assert_eq!(diagnosis.incidents[0].body.verdict.cause.0, "insufficient-evidence");
    assert_eq!(diagnose(conclusion(Vec::new()), vec![empty], &Settings::default()).snapshots.len(), 1);
    assert_eq!(diagnose(conclusion(Vec::new()), Vec::new(), &Settings::default()).incidents.len(), 0);
}
