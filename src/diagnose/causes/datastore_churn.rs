//! C02: a new connection for each query to a database or cache: from this host, from other machines to a datastore
//! here, or over loopback. Look-alikes: the same towards a proxy or web server (self-inflicted), checks that a timer
//! makes of many datastores, strangers who try passwords.

use crate::model::census::{Distinct, Leader, LeaderKey, Pair, Peer, PortKey};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::model::services::is_datastore;
use crate::sentence;

use super::super::arith::share;
use super::super::churn::{self, TIMER_PER_SECOND, WORTH_NAMING, at_least};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::idle::Shape;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Networks that the machines of an application stand in, at most.
const NETWORKS: u64 = 32;
const NETWORK: Noun = Noun("network", "networks");
/// Pairs for which lines are printed.
const PAIRS_MAX: usize = 4;

struct Queries<'a> {
    /// The datastore with most of them.
    peer: Peer,
    port: PortKey,
    /// Of its port, whatever the address.
    how: &'a Leader,
    /// Entries of all such ports.
    entries: u64,
    ended: u64,
    share_of_table: f64,
    rate: Option<f64>,
    pairs: Vec<(Pair, u64)>,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let queries = measure(case)?;
    Some(Candidate {
        summary: summary(case, &queries),
        loses: Some(sentence![
            "connections to datastores explain only",
            Word::Share(queries.share_of_table),
            "of the table"
        ]),
        rate_per_second: queries.rate,
        remedies: cures(case, &queries),
        will_not_help: useless(case, &queries),
        limit_contributes: true,
        ..Candidate::new(
            Candidate::tier_of(queries.share_of_table),
            queries.share_of_table,
            scales(case, &queries),
        )
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Queries<'a>> {
    let who = &case.census?.who;
    let ports: Vec<(PortKey, &Leader)> = who
        .destination_ports
        .leading(who.entries)
        .iter()
        .filter(|row| is_datastore(row.key.port, row.key.l4))
        .filter_map(|row| Some((row.key, case.how(&LeaderKey::DestinationPort(row.key))?)))
        .filter(|(_, how)| churn::over(how) >= churn::ENDED)
        .collect();
    let sum =
        |of: &dyn Fn(&Leader) -> u64| ports.iter().fold(0u64, |sum, (_, how)| sum.saturating_add(of(how)));
    let entries = sum(&|how| how.entries);
    let share_of_table = share(entries, who.entries);
    if share_of_table < WORTH_NAMING {
        return None;
    }
    let (port, how) = *ports.first()?;
    let peers = who.peers.leading(who.entries).iter();
    let peer = peers.map(|row| row.key).find(|peer| peer.port == Some(port.port) && peer.l4 == port.l4)?;
    let of_port = |pair: &Pair| pair.peer.l4 == L4::TCP && pair.peer.port == Some(port.port);
    let pairs = who.pairs.leading(who.entries).iter().filter(|row| of_port(&row.key));
    let rates = ports.iter().filter_map(|(_, how)| churn::per_second(case, how));
    Some(Queries {
        peer,
        port,
        how,
        entries,
        ended: sum(&|how| super::super::mix::Mix(&how.classes).ended()),
        share_of_table,
        rate: rates.reduce(|a, b| a + b),
        pairs: pairs.map(|row| (row.key, row.count)).take(PAIRS_MAX).collect(),
    })
}

/// The one client that opens most of them; none: several do.
fn client(queries: &Queries<'_>) -> Option<std::net::IpAddr> {
    let (pair, entries) = queries.pairs.first()?;
    (share(*entries, queries.how.entries) >= 0.5).then_some(pair.source)
}

fn summary(case: &Case<'_>, queries: &Queries<'_>) -> Vec<Sentence> {
    let at = Word::Endpoint(queries.peer.address, queries.peer.port, queries.peer.l4);
    let local = |address| case.locals.is_local(address);
    let who = match client(queries) {
        Some(source) if local(source) == Some(true) => sentence!["this host (", source, ") holds"],
        Some(source) if local(source).is_none() => sentence![source, ", perhaps this host, holds"],
        Some(source) => sentence![source, "holds"],
        None => match queries.how.other_ends {
            Distinct::Exactly(n) => sentence![Word::Count(n, noun::SOURCE), "hold"],
            Distinct::More => sentence!["more than 4,096 sources hold"],
        },
    };
    let here = match (local(queries.peer.address), client(queries).map(local)) {
        (Some(true), Some(Some(true))) => "to its datastore",
        (Some(true), _) => "to this host's datastore",
        _ => "most to",
    };
    let who = who
        .with(Word::Share(queries.share_of_table))
        .with("of the table:")
        .with(Word::Count(queries.entries, noun::ENTRY))
        .with(",")
        .with(here)
        .with(at);
    let how = churn::how_line(churn::stays(case, queries.how), queries.rate, ", one for each query");
    let what = match local(queries.peer.address) {
        Some(true) if client(queries).is_some_and(|source| local(source) == Some(true)) => {
            "keep connections to it open (a pool), or use its unix socket: that needs no entry"
        }
        _ => "keep connections to it open and use them again: a pool, or persistent connections",
    };
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, queries: &Queries<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Deciding,
        supports(
            "datastore-port",
            sentence![
                Word::Count(queries.entries, noun::ENTRY),
                "(",
                Word::Share(queries.share_of_table),
                ") go to ports of datastores, most to",
                Word::Port(queries.port.port, queries.port.l4)
            ],
        )
        .value("entries", queries.entries as f64)
        .value("share", queries.share_of_table)
        .read_in_table(case),
    );
    scales.speaks_for(
        Weight::Strong,
        supports(
            "ended-connections",
            sentence![
                Word::Share(share(queries.ended, queries.entries)),
                "of them are connections that are over: none was kept for a second query"
            ],
        )
        .value("ended", queries.ended as f64)
        .read_in_table(case),
    );
    strangers(case, queries, &mut scales);
    timer(case, queries, &mut scales);
    scales
}

/// An application has machines in a few networks; who tries passwords comes from many.
fn strangers(case: &Case<'_>, queries: &Queries<'_>, scales: &mut Scales) {
    let networks = at_least(queries.how.source_networks);
    let said = |few: bool| {
        let said = sentence!["they come from", Word::Count(networks, NETWORK), "(/24 or /64)"];
        let said = said.with(if few {
            ": the machines of an application"
        } else {
            ", more than an application stands in: strangers reach this port"
        });
        supports("client-networks", said).value("networks", networks as f64).read_in_table(case)
    };
    scales.weigh(Weight::Slight, networks <= NETWORKS, || said(true), || said(false));
}

/// Checks go to many machines, each at the pace of a timer; queries come when somebody asks.
fn timer(case: &Case<'_>, queries: &Queries<'_>, scales: &mut Scales) {
    if let Some(shape) = churn::shape(case, queries.how) {
        let said = || churn::shape_said(case, shape);
        match shape {
            Shape::Comb { .. } => scales.speaks_against(Weight::Strong, said()),
            Shape::Flat => scales.speaks_for(Weight::Slight, said()),
            Shape::OneEvent { .. } => scales.add([said()]),
        }
    }
    let Some(source) = client(queries).or_else(|| queries.pairs.first().map(|(pair, _)| pair.source)) else {
        return;
    };
    let Some(how) = case.how(&LeaderKey::Source(source)) else { return };
    let ends = churn::fan(case, how);
    let slow = churn::per_second(case, how).is_some_and(|rate| rate / ends.max(1) as f64 <= TIMER_PER_SECOND);
    if ends >= super::health_check_churn::FAN_MIN && slow {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "many-datastores",
                sentence![
                    source,
                    "opens them to",
                    Word::Number(ends),
                    "addresses, each at the pace of a timer: checks do that"
                ],
            )
            .value("addresses", ends as f64)
            .read_in_table(case),
        );
    }
}

fn cures(case: &Case<'_>, queries: &Queries<'_>) -> Vec<Remedy> {
    let mut out = vec![remedies::pool(case, queries.peer, &queries.pairs)];
    out.extend(remedies::delete_time_wait(case, &queries.pairs));
    out.extend(remedies::raise_limit(case));
    let own = queries.pairs.iter().find(|(pair, _)| case.locals.is_local(pair.source) == Some(true));
    if let Some((pair, _)) = own {
        out.extend(remedies::notrack(case, *pair).ok());
        out.extend(remedies::notrack_loopback(case, *pair).ok());
    }
    out.extend(remedies::shorter_time_wait(case));
    out.extend(remedies::more_buckets(case));
    out
}

fn useless(case: &Case<'_>, queries: &Queries<'_>) -> Vec<WillNotHelp> {
    let mut out = will_not_help::socket_settings(case);
    out.extend(will_not_help::established_for_churn(case));
    out.extend(will_not_help::limit_alone(case));
    let own = client(queries).filter(|source| case.locals.is_local(*source) == Some(true));
    if let Some(holder) = own.and_then(|source| case.top_source().filter(|holder| holder.address == source)) {
        out.extend(will_not_help::blocking_oneself(&holder));
    }
    out.push(will_not_help::more_connections_of_the_datastore());
    let own = queries.pairs.iter().find(|(pair, _)| case.locals.is_local(pair.source) == Some(true));
    if let Some((pair, _)) = own {
        out.extend(remedies::notrack_loopback(case, *pair).err().map(will_not_help::no_notrack));
    }
    out
}
