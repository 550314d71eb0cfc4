//! Causes without a labelled incident: one case each, from what the catalogue says of their mechanism and of what an
//! administrator would have in hand.

mod churn;
mod datagrams;
mod half_open;
mod lasting;
mod limits;
mod look_alikes;
mod numbers;

use crate::answer::{finding, verdict};
use crate::case::{Case, own};

/// Verdicts that may stand beside a look-alike: that the table itself is in order, or that it does not tell.
const NOTHING: &[&str] = &["no-incident", "insufficient-evidence"];

/// All of them.
#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    vec![
        own("many-visitors-without-keep-alive", verdict(&["inbound-short-connections"]), churn::visitors),
        own("virtual-server-reuses-ports", verdict(&["ipvs-port-reuse"]), churn::virtual_server),
        own("one-guest-of-many", verdict(&["noisy-tenant"]), churn::one_guest),
        own("clients-behind-a-bridge-gateway", finding(
            &["hidden-client"],
            &["no-incident", "insufficient-evidence", "inbound-short-connections", "capacity"],
        ), churn::behind_the_gateway),
        own("upstream-is-dead", verdict(&["dead-upstream"]), half_open::dead_upstream),
        own("fixed-ports-to-a-dead-backend", verdict(&["immortal-syn-sent"]), half_open::fixed_ports),
        own("name-server-tracks-its-queries", verdict(&["tracked-dns-server"]), datagrams::name_server),
        own("messages-nobody-answers", verdict(&["one-way-udp"]), datagrams::messages),
        own("devices-look-for-one-another", verdict(&["multicast-discovery"]), datagrams::discovery),
        own("pings", verdict(&["icmp-flood"]), datagrams::pings),
        own("closing-without-an-end", verdict(&["hung-closing"]), lasting::hung_closing),
        own("neither-tcp-nor-udp", verdict(&["long-lived-other-protocol"]), lasting::other_protocol),
        own("offloaded-and-kept", verdict(&["offload-pinned"]), lasting::offloaded),
        own("committed-by-the-other-router", verdict(&["failover-injected"]), lasting::failover),
        own("small-machine-as-installed", verdict(&["tiny-default"]), limits::small_machine),
        own("limit-raised-buckets-not", verdict(&["too-few-buckets"]), limits::few_buckets),
        own("container-lowers-the-limit", verdict(&["limit-lowered-by-container"]), limits::lowered),
        own("bridge-passes-through-the-tracker", verdict(&["bridge-tracked"]), limits::bridge),
        own("counter-below-zero-at-boot", verdict(&["counter-wrap"]), numbers::wrapped),
        own("listener-does-not-keep-up", verdict(&["event-listener-backlog"]), numbers::listener),
        own("expired-and-not-yet-collected", finding(&["gc-lag"], NOTHING), numbers::not_yet_collected),
        own("two-lookups-from-one-port", finding(&["insert-race"], NOTHING), look_alikes::two_lookups),
        own("no-port-left-to-translate-to", finding(&["snat-port-exhaustion"], NOTHING), look_alikes::no_port_left),
        own("another-table-of-the-kernel", finding(&["other-kernel-table"], NOTHING), look_alikes::other_table),
        own("map-of-the-container-network", finding(&["ebpf-map"], NOTHING), look_alikes::map_full),
        own("translated-to-what-is-gone", finding(&["stale-nat"], NOTHING), look_alikes::stale),
        own("recycling-sockets-of-time-wait", finding(&["tw-recycle"], NOTHING), look_alikes::recycled),
        own("idle-connections-cut", finding(&["timeout-too-low"], NOTHING), look_alikes::cut),
    ]
}
