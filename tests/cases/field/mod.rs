//! The labelled incidents from the field, one function each. What a report or an experiment of theirs states is kept; the
//! rest is drawn from the ranges above each.

mod accounting;
mod churn;
mod datagrams;
mod demand;
mod half_open;
mod lasting;
mod look_alikes;

pub(crate) use demand::unequal;

use crate::answer::{finding, verdict};
use crate::case::{Case, field};

/// All of them, in the order of the collection.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        field("web-host-through-squid", verdict(&["self-inflicted-churn"]), churn::web_host_through_squid),
        field("memcache-node-on-the-lan", verdict(&["datastore-churn"]), churn::memcache_node),
        field("php-to-mysql-on-one-box", verdict(&["datastore-churn"]), churn::php_to_mysql),
        field("one-of-six-nodes", verdict(&["hot-node"]), demand::one_of_six_nodes),
        field("health-checks-of-a-registry", verdict(&["health-check-churn"]), churn::health_checks),
        field("replayed-traffic", verdict(&["load-generator"]), churn::replayed_traffic),
        field("spoofed-syn-flood", verdict(&["syn-flood"]), half_open::spoofed_syn_flood),
        field("hacked-server-tries-ssh", verdict(&["outbound-scan"]), half_open::hacked_server),
        field("return-path-elsewhere", verdict(&["asymmetric-routing"]), half_open::return_path_elsewhere),
        field("one-sided-notrack", verdict(&["half-tracked"]), half_open::one_sided_notrack),
        field("reversed-after-a-flush", verdict(&["mid-stream-pickup"]), half_open::reversed_after_a_flush),
        field("fifty-dns-heavy-replicas", verdict(&["dns-storm"]), datagrams::fifty_replicas),
        field("memcached-reflection", verdict(&["reflection-attack"]), datagrams::memcached_reflection),
        field("dht-crawler-behind-a-router", verdict(&["p2p-crawler"]), datagrams::dht_crawler),
        field("vxlan-underlay", verdict(&["tracked-tunnel"]), datagrams::vxlan_underlay),
        field("entries-of-deleted-machines", verdict(&["established-leak"]), lasting::deleted_machines),
        field("close-wait-for-an-hour", verdict(&["close-wait-pileup"]), lasting::close_wait_for_an_hour),
        field("vpn-gateway-outgrown", verdict(&["capacity"]), demand::vpn_gateway),
        field("set-before-the-module", verdict(&["limit-not-in-force"]), demand::set_before_the_module),
        field("check-in-the-wrong-namespace", verdict(&["other-namespace"]), accounting::wrong_namespace),
        field("one-flow-in-two-zones", verdict(&["zone-multiplication"]), accounting::two_zones),
        field("count-without-entries", verdict(&["count-list-mismatch"]), accounting::count_without_entries),
        field(
            "full-with-two-thousand",
            verdict(&["insufficient-evidence"]),
            accounting::two_thousand_entries,
        ),
        field("expectations-of-a-router", finding(&["expectation-table"], &[]), look_alikes::expectations),
        field(
            "cloud-allowance-exceeded",
            finding(&["cloud-allowance"], &["no-incident", "insufficient-evidence"]),
            look_alikes::cloud_allowance,
        ),
        field("nearly-all-evictable", verdict(&["no-incident"]), look_alikes::nearly_all_evictable),
        field("socket-settings-of-no-use", verdict(&["self-inflicted-churn"]), churn::socket_settings),
    ]
}
