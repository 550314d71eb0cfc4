//! C18: what machines call out to everybody (mDNS, SSDP, LLMNR, NetBIOS, DHCP, IGMP, VRRP) makes entries that nobody
//! can answer, since answers come from another address. Fills small routers and hosts that bridge. Look-alikes:
//! one-way messages (one receiver), other protocols (to one address).

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Class, Leader, LeaderKey};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{Flags, NEARLY_ALL, WORTH_NAMING, holds, is_udp, per_second};
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::{datagrams as cures, raise_limit, untracked};
use super::super::scales::{Scales, Weight};
use super::super::will_not_help;
use super::Candidate;

/// Group membership and router redundancy: protocols without ports, kept for the generic timeout.
const ROUTERS: [L4; 2] = [L4::IGMP, L4(112)];
/// What is called out: DHCP, NetBIOS, SLP, SSDP, WS-Discovery, mDNS, LLMNR, Ubiquiti, Dropbox, Sonos.
const CALLED: [u16; 12] = [67, 68, 137, 138, 427, 1_900, 3_702, 5_353, 5_355, 6_771, 10_001, 17_500];

struct Calls<'a> {
    entries: u64,
    part: f64,
    /// Leading groups, descending.
    groups: Vec<(IpAddr, &'a Leader)>,
    flags: Flags,
    routers: u64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let calls = measure(case)?;
    let rate: f64 = calls.groups.iter().filter_map(|(_, how)| per_second(case, &how.classes, is_udp)).sum();
    let rate = (rate > 0.0).then_some(rate);
    Some(Candidate {
        summary: summary(case, &calls, rate),
        loses: Some(sentence!["calls to everybody hold only", Word::Share(calls.part), "of the table"]),
        rate_per_second: rate,
        remedies: remedies(case, &calls),
        will_not_help: useless(case),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(calls.part), calls.part, scales(case, &calls))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Calls<'a>> {
    let who = &case.census?.who;
    let of = |kind| who.destination_kinds.get(&kind).copied().unwrap_or(0);
    let rows = who.destinations.leading(who.entries).iter();
    let described = rows.filter_map(|row| Some((row.key, case.how(&LeaderKey::Destination(row.key))?)));
    let mut groups: Vec<(IpAddr, &Leader)> =
        described.filter(|(address, how)| is_group(*address) || is_subnet(*address, how)).collect();
    groups.sort_by(|a, b| b.1.entries.cmp(&a.1.entries).then(a.0.cmp(&b.0)));
    let subnets = groups
        .iter()
        .filter(|(address, _)| !is_group(*address))
        .fold(0u64, |sum, (_, how)| sum.saturating_add(how.entries));
    let entries =
        of(AddressKind::Multicast).saturating_add(of(AddressKind::Broadcast)).saturating_add(subnets);
    let part = share(entries, case.entries());
    if part < WORTH_NAMING {
        return None;
    }
    let mut flags = Flags::default();
    let mut routers: u64 = 0;
    for (_, how) in &groups {
        let of = Flags::of(&how.classes, |_| true);
        flags.entries = flags.entries.saturating_add(of.entries);
        flags.unreplied = flags.unreplied.saturating_add(of.unreplied);
        let mute = |class: &Class| ROUTERS.contains(&class.l4);
        routers = routers.saturating_add(Flags::of(&how.classes, mute).entries);
    }
    Some(Calls { entries, part, groups, flags, routers })
}

fn is_group(address: IpAddr) -> bool {
    matches!(AddressKind::of(address), AddressKind::Multicast | AddressKind::Broadcast)
}

/// The broadcast address of a subnet, as far as it shows: it ends in 255, is called on such a port, and never answers.
fn is_subnet(address: IpAddr, how: &Leader) -> bool {
    let IpAddr::V4(v4) = address.to_canonical() else { return false };
    let called = how.common_ports.first().is_some_and(|(port, _)| CALLED.contains(port));
    v4.octets()[3] == 255 && called && Flags::udp(&how.classes).unanswered() >= NEARLY_ALL
}

/// What is called out on a port.
fn name(port: u16) -> Option<&'static str> {
    Some(match port {
        67 | 68 => "DHCP",
        137 | 138 => "NetBIOS",
        1_900 => "SSDP",
        3_702 => "WS-Discovery",
        5_353 => "mDNS",
        5_355 => "LLMNR",
        _ => return None,
    })
}

fn summary(case: &Case<'_>, calls: &Calls<'_>, rate: Option<f64>) -> Vec<Sentence> {
    let mut who =
        sentence!["calls to multicast and broadcast addresses hold", Word::Share(calls.part), "of the table"];
    if let Some((group, how)) = calls.groups.first() {
        who = who.with(", most to").with(*group);
        if let Some(name) = how.common_ports.first().and_then(|(port, _)| name(*port)) {
            who = who.with("(").with(Word::Text(name)).with(")");
        }
    }
    let mut how =
        sentence!["machines look for each other; answers come from other addresses than were called"];
    if let Some(rate) = rate {
        how = how.with(":").with(Word::Rate(rate));
    }
    let what = if share(calls.routers, calls.entries) >= 0.5 {
        let generic = case.timeouts().named_or_default("generic_timeout").unwrap_or(600);
        sentence![
            "shorten the generic timeout (of IGMP, VRRP and the like) from",
            Word::Duration(generic as f64),
            "to two minutes"
        ]
    } else {
        sentence!["take these calls out of tracking, or drop them before it where nobody here needs them"]
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, calls: &Calls<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Deciding,
        holds(
            case,
            "to-everybody",
            "entries whose destination is a multicast or broadcast address".into(),
            calls.entries,
        ),
    );
    if calls.flags.entries > 0 {
        let unanswered = calls.flags.unanswered();
        scales.weigh(
            Weight::Strong,
            unanswered >= NEARLY_ALL,
            || {
                supports("never-answered", sentence![Word::Share(unanswered), "of them were never answered"])
                    .value("share", unanswered)
                    .read_in_table(case)
            },
            || {
                contradicts(
                    "answered",
                    sentence![
                        Word::Share(1.0 - unanswered),
                        "of them were answered, which no such address does itself"
                    ],
                )
                .value("share", 1.0 - unanswered)
                .read_in_table(case)
            },
        );
    }
    if calls.routers > 0 {
        let seconds = case.timeouts().named_or_default("generic_timeout").unwrap_or(600);
        let said = sentence![
            Word::Count(calls.routers, noun::ENTRY),
            "are of IGMP and VRRP, which have no tracker of their own: each stays",
            Word::Duration(seconds as f64)
        ];
        scales.add([context("router-protocols", said)
            .value("entries", calls.routers as f64)
            .read_in_table(case)]);
    }
    scales
}

fn remedies(case: &Case<'_>, calls: &Calls<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    let udp: Vec<untracked::Called> = calls
        .groups
        .iter()
        .filter(|(_, how)| Flags::udp(&how.classes).entries >= how.entries / 2)
        .filter_map(|(address, how)| {
            let (port, _) = how.common_ports.first()?;
            Some(untracked::Called { address: *address, port: *port, entries: how.entries })
        })
        .collect();
    // Only of a group it is plain from the address that it never answers: a rule without its mirror is for those alone.
    let (groups, everybody): (Vec<_>, Vec<_>) =
        udp.into_iter().partition(|one| one.address.to_canonical().is_multicast());
    out.extend(untracked::untrack_group(case, &groups).map(|mut remedy| {
        remedy.side_effects.insert(0, "answers come from the address of the machine itself and fit no entry: where only answers are let in, let those ports in on that interface".into());
        remedy
    }));
    out.extend(untracked::drop_calls(case, &everybody));
    // A handful of memberships is no reason to shorten what tunnels live by.
    if share(calls.routers, case.entries()) >= WORTH_NAMING {
        out.extend(cures::shorter_generic(case));
    }
    out.extend(cures::shorter_exchange(case));
    out.extend(raise_limit(case));
    out
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![
        will_not_help::reason(
            "block-top-source",
            "each machine of the network calls: blocked, the next one leads".into(),
        ),
        will_not_help::reason(
            "udp_timeout_stream",
            "a call is never answered and never becomes a stream".into(),
        ),
    ];
    out.extend(will_not_help::established_for_datagrams(case));
    out
}
