//! The rate at which entries came, read off a modelled table whose rate is known.

use conntriage::model::diagnosis::Body;
use conntriage::model::flow::State;
use conntriage::model::report::Snapshot;
use conntriage::model::signal::Wording;
use proptest::prelude::*;

use crate::table::{Group, tcp};
use crate::world::{counters, incident, lines, of_incident, snapshot, words};

/// The seconds that TIME_WAIT lasts in these tables.
const LIFETIME: u32 = 120;

/// `rate` connections a second, each over at once, for `age` seconds until `idle` seconds ago: what of them is still
/// in the table.
fn churn(rate: u64, age: u32, idle: u32) -> Vec<Group> {
    let oldest = age.saturating_add(idle).min(LIFETIME);
    let left = (LIFETIME - oldest, LIFETIME - idle - 1);
    let count = rate * u64::from(oldest - idle);
    vec![tcp("192.0.2.10", ("192.0.2.40", 8080), State::TimeWait, count, left)]
}

fn full(groups: &[Group], local: &[&str]) -> Snapshot {
    let entries = groups.iter().map(|group| group.count).sum();
    let settings = [
        ("net.netfilter.nf_conntrack_max", entries),
        ("net.netfilter.nf_conntrack_count", entries),
        ("net.netfilter.nf_conntrack_buckets", entries),
        ("net.netfilter.nf_conntrack_tcp_timeout_time_wait", u64::from(LIFETIME)),
    ];
    snapshot(groups, counters(&settings, local))
}

fn judged(groups: &[Group], local: &[&str]) -> Body {
    of_incident(incident(Wording::NfDoubled, 402), vec![full(groups, local)])
}

fn near(found: f64, truth: f64) -> bool {
    (found - truth).abs() <= 0.1 * truth
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_rate_of_a_table_younger_or_older_than_a_lifetime_is_that_of_its_arrivals(
        rate in 20u64..2_000, age in 2u32..400, idle in 0u32..30,
    ) {
        for local in [&["192.0.2.10"][..], &["203.0.113.1"][..]] {
            let body = judged(&churn(rate, age, idle), local);
            let found = body.verdict.rate_per_second.unwrap();
            prop_assert!(near(found, rate as f64), "{} instead of {rate}: {}", found, body.verdict.cause.0);
        }
    }
}

#[test]
fn stragglers_of_yesterday_do_not_hide_how_fast_a_table_filled() {
    let mut groups = churn(400, 10, 4);
    groups.push(tcp("192.0.2.10", ("192.0.2.40", 8080), State::TimeWait, 30, (0, 119)));
    let body = judged(&groups, &["192.0.2.10"]);
    assert!(near(body.verdict.rate_per_second.unwrap(), 400.0), "{:?}", body.verdict.rate_per_second);
    let how = words(&body.verdict.summary[1]);
    assert!(how.contains("at 40") && how.contains("/s"), "{how}");
}

#[test]
fn handshakes_in_progress_add_nothing_to_the_rate_of_the_connections_they_become() {
    let mut groups = churn(200, 300, 0);
    groups.push(tcp("192.0.2.10", ("192.0.2.40", 8080), State::SynSent, 200, (119, 119)));
    let body = judged(&groups, &["203.0.113.1"]);
    assert!(near(body.verdict.rate_per_second.unwrap(), 200.0), "{:?}", body.verdict.rate_per_second);
}

#[test]
fn a_limit_for_a_table_that_filled_in_seconds_holds_what_will_come() {
    // 400 a second for 120 s are 48,000.
    let body = judged(&churn(400, 10, 4), &["192.0.2.10"]);
    let limit = lines(&body).into_iter().find(|line| line.starts_with("sysctl -w") && line.contains("max="));
    assert_eq!(limit.unwrap(), "sysctl -w net.netfilter.nf_conntrack_max=65536");
    let raise = body.remedies.iter().find(|remedy| remedy.id == "raise-limit").unwrap();
    assert!(
        raise.effect.steady_state_entries.is_some_and(|n| near(n as f64, 48_000.0)),
        "{:?}",
        raise.effect
    );
    let alone = body.will_not_help.iter().find(|useless| useless.id == "raise-limit-only").unwrap();
    let said = words(&alone.reason);
    // 4,000 more at 400 a second.
    assert!(
        said.contains("at the rate at which this one filled, on average, it is full again after"),
        "{said}"
    );
    let seconds: f64 =
        said.split("after ").nth(1).and_then(|tail| tail.split(' ').next()).unwrap().parse().unwrap();
    assert!(near(seconds, 10.0), "{said}");
}

#[test]
fn a_shorter_time_wait_does_not_empty_a_table_that_filled_in_seconds() {
    let body = judged(&churn(400, 10, 4), &["192.0.2.10"]);
    let shorter = body.remedies.iter().find(|remedy| remedy.id == "shorter-time-wait").unwrap();
    // 400 a second for 30 s are 12,000: still more than the 4,000 that the table holds.
    assert_eq!(shorter.effect.steady_state_entries, Some(4_000));
}

#[test]
fn a_listing_given_twice_is_doubted_with_its_number_and_no_share_above_all_is_said() {
    let mut table = full(&churn(401, 200, 0), &["192.0.2.10"]);
    let census = table.census.as_mut().unwrap();
    let who = &mut census.who;
    let bins = who.remaining.values_mut().flat_map(|remaining| remaining.bins.values_mut());
    for n in who.classes.values_mut().chain(bins).chain(std::iter::once(&mut who.entries)) {
        *n *= 2;
    }
    for known in ["net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_none"] {
        // Once with the kernel's count, once with the limit alone.
        let mut table = table.clone();
        if known.ends_with("none") {
            table.counters.sysctl.remove("net.netfilter.nf_conntrack_count");
        }
        let body = of_incident(incident(Wording::NfDoubled, 402), vec![table]);
        let doubt = body.evidence.iter().find(|e| e.id == "more-than-fits").unwrap();
        assert_eq!(doubt.speaks_for, Some(false));
        assert!(words(&doubt.fact).contains("divides by 802"), "{}", words(&doubt.fact));
        assert!(body.verdict.confidence <= conntriage::model::diagnosis::Confidence::Medium);
        let shares = body.evidence.iter().map(|e| words(&e.fact)).filter(|fact| fact.contains("200.0 %"));
        assert_eq!(shares.count(), 0);
    }
}

#[test]
fn a_table_somewhat_above_its_limit_is_full_and_not_doubted() {
    let mut table = full(&churn(400, 200, 0), &["192.0.2.10"]);
    table.counters.sysctl.insert("net.netfilter.nf_conntrack_max".into(), "47950".into());
    let body = of_incident(incident(Wording::NfDoubled, 402), vec![table]);
    assert!(body.evidence.iter().all(|e| e.id != "more-than-fits"));
    let usage = body.evidence.iter().find(|e| e.id == "usage-full").unwrap();
    assert!(words(&usage.fact).ends_with("(100.1 %)"), "{}", words(&usage.fact));
}

#[test]
fn one_client_behind_this_host_is_named_with_its_rate_and_what_it_needs() {
    let body = judged(&churn(400, 10, 4), &["203.0.113.1"]);
    assert_eq!(body.verdict.cause.0, "noisy-tenant");
    let said: Vec<String> = body.verdict.summary.iter().map(words).collect();
    assert!(said[0].starts_with("192.0.2.10, behind this host, holds 100.0 %"), "{said:?}");
    assert!(said[0].ends_with(", all to 192.0.2.40:8080"), "{said:?}");
    assert!(said[1].contains("are over and stay 120 s in TimeWait: new ones at 40"), "{said:?}");
    assert!(said[2].contains("let that client reuse its connections"), "{said:?}");
    let remedies: Vec<_> = body.remedies.iter().map(|remedy| remedy.id).collect();
    assert_eq!(
        remedies[..5],
        ["reuse-connections", "limit-one-client", "delete-time-wait", "raise-limit", "shorter-time-wait"]
    );
}

#[test]
fn a_table_no_rule_explains_still_says_who_how_and_what_to_do() {
    // Seven clients alike, each to a server of its own.
    let groups: Vec<Group> = (11..=17u32)
        .map(|n| {
            let (client, server) = (format!("192.0.2.{n}"), format!("198.51.100.{n}"));
            tcp(&client, (&server, 8080), State::TimeWait, 10_000, (0, 119))
        })
        .collect();
    let body = judged(&groups, &["203.0.113.1"]);
    assert_eq!(body.verdict.cause.0, "insufficient-evidence");
    let said: Vec<String> = body.verdict.summary.iter().map(words).collect();
    assert!(said[0].starts_with("192.0.2.11 (not this host) holds 14.3 % of 70000 entries"), "{said:?}");
    assert!(said[1].starts_with("100.0 % are over and stay 120 s in TimeWait"), "{said:?}");
    assert!(said[2].contains("`ss -tanp`"), "{said:?}");
}
