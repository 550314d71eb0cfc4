//! Bridged frames between machines that are not this host are tracked here, since `br_netfilter` hands them to the packet
//! filter (Docker, Kubernetes, libvirt and some firewalls switch that on). Look-alike: a router, which forwards
//! between networks, never within one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{LeaderKey, Pair};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{MOST, NEARLY_ALL, WORTH_NAMING, translated};
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::open::Open;
use super::super::remedies::{raise_limit, zones};
use super::super::scales::{Scales, Weight};
use super::super::{beside, will_not_help};
use super::Candidate;

/// Settings that hand bridged frames to the packet filter.
const KEYS: [&str; 2] = ["net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"];

/// From this share of the table on, services are translated here.
const SERVICES: f64 = 0.01;

struct Bridged {
    /// Entries that neither come from nor go to an address of this host.
    others: u64,
    part: f64,
    /// Entries of leading pairs between others, and of those within one network.
    seen: (u64, u64),
    /// Share of them that has one and the same address at an end.
    one_end: f64,
    /// Leading pairs within one network.
    pairs: Vec<(IpAddr, IpAddr)>,
    /// Bridged frames are handed over; none: not known.
    on: Option<bool>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let bridged = measure(case)?;
    Some(Candidate {
        summary: summary(case, &bridged),
        loses: Some(
            "connections between others pass this host, but another cause says who makes them".into(),
        ),
        rate_per_second: case.admitted_per_second(),
        remedies: remedies(case, &bridged),
        will_not_help: useless(),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(bridged.part), bridged.part, scales(case, &bridged))
    })
}

fn measure(case: &Case<'_>) -> Option<Bridged> {
    let who = &case.census?.who;
    // Whoever is not known to be another may be this host itself, on a network of its own.
    (case.locals.complete || case.locals.complete_v4).then_some(())?;
    let on = handed_over(case);
    let own = case.locals.addresses.keys().fold(0u64, |sum, address| {
        let at = |key| case.how(&key).map_or(0, |how| how.entries);
        sum.saturating_add(at(LeaderKey::Source(*address)))
            .saturating_add(at(LeaderKey::Destination(*address)))
    });
    let translated_entries = who.nat.source.saturating_add(who.nat.destination).saturating_add(who.nat.both);
    let others = who.entries.saturating_sub(own).saturating_sub(translated_entries);
    let (mut seen, mut within) = (0u64, 0u64);
    let mut at_end: BTreeMap<IpAddr, u64> = BTreeMap::new();
    let mut pairs: Vec<(IpAddr, IpAddr)> = Vec::new();
    for row in who.pairs.leading(who.entries) {
        let Pair { source, peer } = row.key;
        let ours = [source, peer.address].into_iter().any(|end| case.locals.is_local(end) != Some(false));
        let Some(how) = case.how(&LeaderKey::Pair(row.key)).filter(|how| !ours && translated(how) == 0)
        else {
            continue;
        };
        seen = seen.saturating_add(how.entries);
        for end in BTreeSet::from([source, peer.address]) {
            let sum = at_end.entry(end).or_default();
            *sum = sum.saturating_add(how.entries);
        }
        if same_network(source, peer.address) {
            within = within.saturating_add(how.entries);
            if !pairs.contains(&(source, peer.address)) && !pairs.contains(&(peer.address, source)) {
                pairs.push((source, peer.address));
            }
        }
    }
    let part = share(others, who.entries);
    let within_one = share(within, seen);
    // A bridge shows by traffic within one network, or by a host that forwards nothing itself and yet sees all this;
    // and something must say that bridged frames are handed over, or at least that nothing else explains it.
    let bridge_like = within_one >= WORTH_NAMING || routes(case) == Some(false);
    let one_end = share(at_end.values().copied().max().unwrap_or(0), seen);
    let handed_over = on.unwrap_or(within_one >= MOST && one_end < NEARLY_ALL);
    (part >= MOST && bridge_like && handed_over).then_some(())?;
    Some(Bridged { others, part, seen: (seen, within), one_end, pairs, on })
}

/// Whether bridged frames are handed to the packet filter: by the setting, else by the module or the kernel's own line.
fn handed_over(case: &Case<'_>) -> Option<bool> {
    let set: Vec<u64> = KEYS.iter().filter_map(|key| case.counters.number(key)).collect();
    if !set.is_empty() {
        return Some(set.iter().any(|value| *value != 0));
    }
    let line = case
        .incident
        .is_some_and(|incident| incident.around.iter().any(|a| a.kind == RelatedKind::BridgeTracked));
    if line {
        return Some(true);
    }
    let modules = case.counters.machine.modules.as_ref()?;
    Some(modules.iter().any(|module| &*module.name == "br_netfilter"))
}

/// The host forwards between networks; none: not known.
fn routes(case: &Case<'_>) -> Option<bool> {
    case.counters.number("net.ipv4.ip_forward").map(|value| value != 0)
}

/// Both ends in one /24 (IPv4) or /64 (IPv6) that is not the whole internet's: a router does not see such traffic.
fn same_network(one: IpAddr, other: IpAddr) -> bool {
    let inside = |address| {
        matches!(
            AddressKind::of(address),
            AddressKind::Private
                | AddressKind::CarrierNat
                | AddressKind::LinkLocal
                | AddressKind::Public
                | AddressKind::Documentation
        )
    };
    let same = match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..4] == b.segments()[..4],
        _ => false,
    };
    same && inside(one) && inside(other)
}

fn summary(case: &Case<'_>, bridged: &Bridged) -> Vec<Sentence> {
    let who = sentence![
        "connections between machines that are not this host hold",
        Word::Share(bridged.part),
        "of its table:",
        Word::Count(bridged.others, noun::ENTRY)
    ];
    let how = sentence![
        "they only cross its bridge: br_netfilter shows bridged frames to the packet filter and its tracker"
    ];
    let what = if beside::translates(case) || case.counters.rules.is_some() {
        sentence![
            "take the frames between guests out of tracking by their addresses, or size the limit for them"
        ]
    } else {
        sentence!["find who switched that on; take such frames out of tracking, or size the limit for them"]
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, bridged: &Bridged) -> Scales {
    let mut scales = Scales::default();
    scales.weigh(
        Weight::Strong,
        bridged.part >= NEARLY_ALL,
        || {
            supports(
                "between-others",
                sentence![
                    Word::Share(bridged.part),
                    "of the entries are between two addresses neither of which is this host's"
                ],
            )
            .value("share", bridged.part)
            .read_in_table(case)
        },
        || {
            contradicts(
                "own-traffic-too",
                sentence![
                    Word::Share(1.0 - bridged.part),
                    "of the entries are this host's own or translated here"
                ],
            )
            .value("share", 1.0 - bridged.part)
            .read_in_table(case)
        },
    );
    match bridged.on {
        Some(_) => scales.speaks_for(
            Weight::Deciding,
            supports(
                "bridge-handed-over",
                "bridged frames are handed to the packet filter here (setting, module or the kernel's own line)".into(),
            )
            .read_in_table(case),
        ),
        None => scales.not_known(
            Weight::Deciding,
            Open {
                what: "bridge",
                why: "whether bridged frames are handed to the packet filter is in none of the inputs".into(),
                command: Some(format!("sysctl {}", KEYS.join(" "))),
            },
        ),
    }
    if bridged.seen.0 > 0 {
        scales.weigh(
            Weight::Strong,
            bridged.one_end < NEARLY_ALL,
            || {
                supports("several-machines", "no single machine stands at an end of nearly all of them".into())
                    .value("share", bridged.one_end)
                    .read_in_table(case)
            },
            || {
                contradicts(
                    "one-machine",
                    sentence![
                        "one address stands at an end of",
                        Word::Share(bridged.one_end),
                        "of them: rather the table of that machine, and a list of addresses of another namespace"
                    ],
                )
                .value("share", bridged.one_end)
                .read_in_table(case)
            },
        );
    }
    within_one_network(case, bridged, &mut scales);
    router_or_node(case, &mut scales);
    scales.add([context(
        "not-ours",
        "who opens these connections is no program of this host, and cannot be found here".into(),
    )]);
    scales
}

/// What a bridge sees and a router does not.
fn within_one_network(case: &Case<'_>, bridged: &Bridged, scales: &mut Scales) {
    let (seen, within) = bridged.seen;
    if seen > 0 {
        let part = share(within, seen);
        scales.weigh(
            Weight::Deciding,
            part >= MOST,
            || {
                supports(
                    "within-one-network",
                    sentence![
                        Word::Share(part),
                        "of what the leading pairs hold stays within one network: a router never sees that, a bridge does"
                    ],
                )
                .value("share", part)
                .read_in_table(case)
            },
            || {
                contradicts(
                    "between-networks",
                    sentence![
                        "only",
                        Word::Share(part),
                        "of what the leading pairs hold stays within one network: a router sees the rest, too"
                    ],
                )
                .value("share", part)
                .read_in_table(case)
            },
        );
    }
}

/// What speaks for a host that routes, or translates services of containers.
fn router_or_node(case: &Case<'_>, scales: &mut Scales) {
    if let Some(routes) = routes(case) {
        scales.weigh(
            Weight::Strong,
            !routes,
            || {
                supports(
                    "does-not-route",
                    sentence![
                        Word::Code("net.ipv4.ip_forward = 0".to_owned()),
                        ": this host forwards nothing itself"
                    ],
                )
                .read_in_table(case)
            },
            || {
                contradicts(
                    "routes",
                    sentence![
                        Word::Code("net.ipv4.ip_forward = 1".to_owned()),
                        ": this host may also route (containers need that, too)"
                    ],
                )
                .read_in_table(case)
            },
        );
    }
    let services = case.census.map_or(0, |c| c.who.nat.destination.saturating_add(c.who.nat.both));
    if share(services, case.entries()) >= SERVICES {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "services-translated",
                sentence![
                    Word::Count(services, noun::ENTRY),
                    "are of services that are translated here: a node of containers routes between those that share a network"
                ],
            )
            .value("entries", services as f64)
            .read_in_table(case),
        );
    }
}

fn remedies(case: &Case<'_>, bridged: &Bridged) -> Vec<Remedy> {
    let mut out = vec![zones::bridge_without_filter()];
    out.extend(zones::untrack_bridged(case, &bridged.pairs, bridged.seen.1));
    out.extend(raise_limit(case));
    out
}

fn useless() -> Vec<WillNotHelp> {
    vec![
        will_not_help::reason(
            "bridge-nf-call-iptables",
            "switched off on a node of Docker or Kubernetes, services and network policies between containers no longer work".into(),
        ),
        will_not_help::reason(
            "find-program",
            "no program of this host opens these connections: a list of its sockets shows none of them".into(),
        ),
    ]
}
