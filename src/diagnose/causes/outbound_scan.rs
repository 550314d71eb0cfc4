//! C07: one machine tries address after address (or port after port) and hardly anybody answers: a scanner, on this
//! host or on a client, container or guest behind it. What refuses (RST) leaves no entry, so the table shows only the
//! targets that are silent. Look-alikes: a dead upstream (one target), a crawler or mailer (many of its connections are
//! answered), peer-to-peer (mostly UDP, many ports), a flood (many sources).

use crate::model::address_kind::AddressKind;
use crate::model::census::{Distinct, Leader, LeaderKey};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::{Case, Holder};
use super::super::idle::Ages;
use super::super::mix::Mix;
use super::super::one_way::{self, lone_syn};
use super::super::pace::Pace;
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Share of the source's entries that are unanswered SYNs: what it mostly does.
const MOSTLY: f64 = 0.5;
/// Targets for each unanswered SYN, at least: a scanner tries each a few times within the two minutes that an entry
/// stays, from another port each time. A client comes back to its own servers by the hundred.
const TARGETS_PER_ENTRY: f64 = 0.2;
/// Ports that a scan of addresses tries, at most.
const PORTS_MAX: usize = 3;
/// Share of the source's entries that those ports have.
const ON_THOSE: f64 = 0.9;
/// Share of the source's entries from which on a port is one that is tried, and not one of its own honest use.
const TRIED: f64 = 0.1;
/// Addresses whose ports are tried one after the other, at most.
const HOSTS_MAX: u64 = 8;
/// Below this share of finished connections nobody is really talked to; from [`TALKS`] on it is a crawler or mailer.
const SILENT: f64 = 0.1;
const TALKS: f64 = 0.3;
/// A scanner that makes its own packets uses a few source ports; a program gets a new one for each connection.
const SOURCE_PORTS_MAX: u64 = 4;
/// Fewer entries than this say nothing about source ports.
const ENTRIES_MIN: u64 = 100;
/// Up to so many packets an entry nobody tries again; a connecting program sends seven SYNs in two minutes.
const ONE_PACKET: f64 = 1.5;
/// Sockets that wait, for each unanswered SYN: below this share no program waits for the answers.
const WAITED_FOR: f64 = 0.1;

struct Scan<'a> {
    holder: Holder<'a>,
    unanswered: u64,
    targets: Targets,
    ports: Vec<u16>,
    share_of_table: f64,
    rate_per_second: Option<f64>,
}

/// What is tried one after the other.
#[derive(Debug, Clone, Copy)]
enum Targets {
    /// Addresses, on a port or a few.
    Addresses(Distinct),
    /// Ports of an address or a few.
    Ports(Distinct),
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let scan = measure(case)?;
    Some(Candidate {
        summary: summary(&scan),
        loses: Some(sentence![
            "unanswered SYNs of",
            scan.holder.address,
            "explain only",
            Word::Share(scan.share_of_table),
            "of the table"
        ]),
        rate_per_second: scan.rate_per_second,
        remedies: cures(case, &scan),
        will_not_help: useless(case, &scan),
        ..Candidate::new(Candidate::tier_of(scan.share_of_table), scan.share_of_table, scales(case, &scan))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Scan<'a>> {
    let who = &case.census?.who;
    let (holder, unanswered) = who
        .sources
        .leading(who.entries)
        .iter()
        .filter_map(|row| {
            let how = case.how(&LeaderKey::Source(row.key))?;
            let is_local = case.locals.is_local(row.key);
            let unanswered = Mix(&how.classes).unreplied(State::SynSent);
            Some((Holder { address: row.key, entries: how.entries, is_local, how }, unanswered))
        })
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.address.cmp(&a.0.address)))?;
    let share_of_table = share(unanswered, who.entries);
    if share_of_table < WORTH_NAMING || share(unanswered, holder.entries) < MOSTLY {
        return None;
    }
    let tried = holder.how.common_ports.iter().take(PORTS_MAX);
    let tried = tried.filter(|(_, entries)| share(*entries, holder.entries) >= TRIED);
    let ports: Vec<u16> = tried.map(|(port, _)| *port).collect();
    let targets = targets(case, holder.how)?;
    let syns =
        holder.how.classes.iter().filter(|(class, _)| lone_syn(class)).map(|(c, n)| (*c, *n)).collect();
    let ages = Ages { remaining: &holder.how.remaining, classes: &syns };
    Some(Scan {
        unanswered,
        targets,
        ports,
        share_of_table,
        rate_per_second: Pace::of(ages, &case.timeouts()).per_second(),
        holder,
    })
}

fn targets(case: &Case<'_>, how: &Leader) -> Option<Targets> {
    let whole = case.census?.who.destinations.distinct;
    let on_few = how.common_ports.iter().take(PORTS_MAX).fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
    let few_ports = share(on_few, how.entries) >= ON_THOSE;
    if few_ports && one_way::spread(how.other_ends, whole, how.entries) >= TARGETS_PER_ENTRY {
        return Some(Targets::Addresses(how.other_ends));
    }
    let few_hosts = matches!(how.other_ends, Distinct::Exactly(n) if n <= HOSTS_MAX);
    let many_ports = one_way::spread(how.destination_ports, None, how.entries) >= TARGETS_PER_ENTRY;
    (few_hosts && many_ports).then_some(Targets::Ports(how.destination_ports))
}

fn summary(scan: &Scan<'_>) -> Vec<Sentence> {
    let mut who = one_way::whose(scan.holder.address, scan.holder.is_local).with("tries");
    who = match scan.targets {
        Targets::Addresses(n) => {
            let who = one_way::number_of(who, n).with("addresses");
            match scan.ports.first() {
                Some(port) => who.with("on").with(Word::Port(*port, L4::TCP)),
                None => who,
            }
        }
        Targets::Ports(n) => one_way::number_of(who, n).with("ports of a few addresses"),
    };
    who = who.with("in vain:").with(Word::Share(scan.share_of_table)).with("of the table");
    let how = match scan.rate_per_second {
        Some(rate) => {
            sentence![
                "its attempts come at",
                Word::Rate(rate),
                "and more: targets that refuse leave no entry"
            ]
        }
        None => sentence!["it makes more attempts than these: targets that refuse leave no entry"],
    };
    let what = match scan.holder.is_local {
        Some(true) => {
            sentence![
                "find and stop the program that scans; until then drop its SYNs before they are tracked"
            ]
        }
        _ => sentence![
            "find what scans on",
            scan.holder.address,
            "and stop it; until then drop its SYNs before they are tracked"
        ],
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, scan: &Scan<'_>) -> Scales {
    let (holder, mut scales) = (&scan.holder, Scales::default());
    scales.speaks_for(
        Weight::Strong,
        supports(
            "unanswered-syns",
            sentence![
                Word::Number(scan.unanswered),
                "of the",
                Word::Count(holder.entries, noun::ENTRY),
                "of",
                holder.address,
                "are SYNs that nothing answered"
            ],
        )
        .value("unanswered", scan.unanswered as f64)
        .value("share", scan.share_of_table)
        .read_in_table(case),
    );
    scales.speaks_for(
        Weight::Deciding,
        match scan.targets {
            Targets::Addresses(n) => supports(
                "always-another-target",
                one_way::number_of(Sentence::default(), n)
                    .with("addresses are tried: it does not come back to the same one"),
            ),
            Targets::Ports(n) => supports(
                "always-another-port",
                one_way::number_of(Sentence::default(), n)
                    .with("ports of a few addresses are tried, one after the other"),
            ),
        }
        .read_in_table(case),
    );
    talks(case, holder, &mut scales);
    datagrams(case, holder, &mut scales);
    source_ports(case, holder, &mut scales);
    packets(case, holder, &mut scales);
    waits(case, scan, &mut scales);
    if holder.is_local.is_none() {
        scales.not_known(Weight::Slight, open::is_local(case, holder.address));
    }
    if holder.is_local == Some(false) && AddressKind::of(holder.address) == AddressKind::Public {
        scales.speaks_against(
            Weight::Slight,
            contradicts(
                "from-outside",
                sentence![
                    holder.address,
                    "is no machine of this network: what it scans lies behind this host"
                ],
            ),
        );
    }
    if case.marks(RelatedKind::NeighbourOverflow).next().is_some() {
        scales.speaks_for(
            Weight::Slight,
            supports(
                "neighbours",
                "the table of neighbours overflowed: addresses of the own network are tried".into(),
            )
            .read_in_log(case),
        );
    }
    scales
}

/// A crawler or a mailer tries many addresses, too, and talks to many of them.
fn talks(case: &Case<'_>, holder: &Holder<'_>, scales: &mut Scales) {
    let assured = Mix(&holder.how.classes).replied(Reply::Assured);
    let part = share(assured, holder.entries);
    let said = || {
        context(
            "answered-connections",
            sentence![
                Word::Share(part),
                "of the entries of",
                holder.address,
                "are connections that were answered and used: a crawler or a mailer has a third and more"
            ],
        )
        .value("share", part)
        .read_in_table(case)
    };
    if part < SILENT {
        scales.speaks_for(Weight::Deciding, said());
    } else if part >= TALKS {
        scales.speaks_against(Weight::Deciding, said());
    } else {
        scales.speaks_against(Weight::Slight, said());
    }
}

/// Peer-to-peer programs try strangers over UDP, and on as many ports.
fn datagrams(case: &Case<'_>, holder: &Holder<'_>, scales: &mut Scales) {
    let udp = share(Mix(&holder.how.classes).count(|c| c.l4 == L4::UDP), holder.entries);
    if udp >= SILENT {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "udp-beside-it",
                sentence![Word::Share(udp), "of its entries are UDP, which peer-to-peer programs mix in"],
            )
            .value("share", udp)
            .read_in_table(case),
        );
    }
}

fn source_ports(case: &Case<'_>, holder: &Holder<'_>, scales: &mut Scales) {
    let Distinct::Exactly(n) = holder.how.source_ports else { return };
    if n > SOURCE_PORTS_MAX || holder.entries < ENTRIES_MIN {
        return;
    }
    scales.speaks_for(
        Weight::Strong,
        supports(
            "few-source-ports",
            sentence![
                "all of them come from",
                Word::Count(n, noun::PORT),
                "of its own: a scanner that makes its packets itself does that, no ordinary program"
            ],
        )
        .value("source_ports", n as f64)
        .read_in_table(case),
    );
}

fn packets(case: &Case<'_>, holder: &Holder<'_>, scales: &mut Scales) {
    let Some(each) = one_way::packets_of(holder.how) else { return };
    let said = |tail: &'static str| {
        context(
            "packets-each",
            sentence![
                "each target gets about",
                one_way::about_packets(each),
                "on average:",
                Word::Text(tail)
            ],
        )
        .value("packets", each)
        .read_in_table(case)
    };
    scales.weigh(
        Weight::Slight,
        each <= ONE_PACKET,
        || said("nobody waits for an answer"),
        || said("it is tried again, as a connecting program does"),
    );
}

/// Sockets that wait for an answer, where the source is this host.
fn waits(case: &Case<'_>, scan: &Scan<'_>, scales: &mut Scales) {
    if scan.holder.is_local != Some(true) {
        return;
    }
    let Some(sockets) = case.counters.sockets.as_ref() else {
        scales.not_known(
            Weight::Slight,
            one_way::ask_sockets(case, None, "whether a program waits for these answers, and which"),
        );
        return;
    };
    let waiting = sockets.tcp("SYN_SENT");
    let said = |tail: &'static str| {
        context(
            "waiting-sockets",
            sentence![
                Word::Number(waiting),
                "sockets wait for an answer beside",
                Word::Number(scan.unanswered),
                "unanswered SYNs:",
                Word::Text(tail)
            ],
        )
        .value("sockets", waiting as f64)
        .read_in_table(case)
    };
    if share(waiting, scan.unanswered) < WAITED_FOR {
        scales.speaks_for(Weight::Strong, said("they are made without the kernel's sockets, as scanners do"));
    } else {
        scales.add([said("an ordinary program connects, and the list names it")]);
    }
}

fn cures(case: &Case<'_>, scan: &Scan<'_>) -> Vec<Remedy> {
    let (address, ports) = (scan.holder.address, on(scan));
    let mut out = vec![remedies::find_scanner(case, address, scan.holder.is_local)];
    out.push(remedies::drop_before_tracking(case, address, scan.holder.is_local, ports, scan.unanswered));
    out.extend(remedies::shorter_syn_sent(case));
    out
}

/// The ports tried, where they are few.
fn on<'s>(scan: &'s Scan<'_>) -> &'s [u16] {
    match scan.targets {
        Targets::Addresses(_) => &scan.ports,
        Targets::Ports(_) => &[],
    }
}

fn useless(case: &Case<'_>, scan: &Scan<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![will_not_help::limit_against_scan(scan.rate_per_second)];
    if scan.holder.is_local == Some(true) {
        out.extend(will_not_help::blocking_oneself(&scan.holder));
    }
    out.push(will_not_help::blocking_targets());
    out.push(will_not_help::established_for_half_open(case));
    out
}
