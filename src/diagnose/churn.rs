//! What the rules about short connections measure alike: what is over, where it stays and for how long, at which rate
//! it comes, how its ages are spread, since when it goes on.

use crate::model::census::{Distinct, Leader, Pair, Peer};
use crate::model::diagnosis::Evidence;
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word};
use crate::model::services::is_datastore;
use crate::model::time::SECOND_US;
use crate::sentence;

use super::arith::share;
use super::beside;
use super::evidence::{Cited, context};
use super::facts::{Case, Holder};
use super::idle::{Ages, Shape};
use super::mix::Mix;
use super::pace::Pace;

/// Share of a leader's entries that are connections that ended, for it to be churn.
pub(crate) const ENDED: f64 = 0.7;
/// Below this share of the table a cause is not worth naming.
pub(crate) const WORTH_NAMING: f64 = 0.2;
/// New connections a second to one address and port up to which a timer may open them: checks of half a second are
/// rare, and shorter ones rarer still. Requests come faster, or at any pace.
pub(crate) const TIMER_PER_SECOND: f64 = 2.0;
/// From this share of the source ports of a client on, it sweeps them.
pub(crate) const SWEEP: f64 = 0.7;
/// Share of a source's entries that go to one address and port, from which on it does nothing else.
pub(crate) const TO_ONE: f64 = 0.9;
/// A source whose oldest entries are younger than this share of their lifetime began meanwhile.
const YOUNG: f64 = 0.8;
/// Fewer entries tell no beginning.
const MANY: u64 = 100;
/// Share of the ages left out as stragglers.
const STRAGGLERS: f64 = 0.01;
/// A line of the log may be this much older than the first entries of what it tells of.
const CLOCK_SECONDS: i64 = 5;
/// Earlier lines within this time mean that it went on before.
const BEFORE_SECONDS: i64 = 600;
/// Programs whose work is to open connections.
const LOAD_TOOLS: [&str; 20] = [
    "ab",
    "artillery",
    "bombardier",
    "fortio",
    "gatling",
    "gor",
    "goreplay",
    "h2load",
    "hey",
    "httperf",
    "iperf",
    "iperf3",
    "k6",
    "locust",
    "oha",
    "phantom",
    "siege",
    "tcpreplay",
    "vegeta",
    "wrk",
];
/// Of these only the beginning is fixed (`wrk2`, `tcpcopy`, `yandex-tank`, `apache-jmeter`).
const LOAD_TOOL_BEGINNINGS: [&str; 5] = ["wrk", "tcpcopy", "yandex-tank", "jmeter", "apache-jmeter"];

/// The share of a leader's entries that are TCP connections which ended.
pub(crate) fn over(how: &Leader) -> f64 {
    share(Mix(&how.classes).ended(), how.entries)
}

/// Bytes of a packet that carries nothing: headers with every option there is.
const BARE_PACKET_BYTES: u64 = 66;
/// Packets of one direction that open and close a connection.
const BARE_PACKETS: u64 = 8;

/// Whether a leader's connections are opened and closed and carry nothing: a check, or a test of connections. None: it
/// is not accounted.
pub(crate) fn carries_nothing(how: &Leader) -> Option<bool> {
    let volumes = how.volumes.filter(|volumes| volumes.entries > 0)?;
    let bare = |volume: crate::model::flow::Volume| {
        volume.bytes <= volume.packets.saturating_mul(BARE_PACKET_BYTES)
            && volume.packets <= volumes.entries.saturating_mul(BARE_PACKETS)
    };
    Some(bare(volumes.original) && bare(volumes.reply))
}

/// The state that most of what is over stays in, and for how many seconds.
pub(crate) fn stays(case: &Case<'_>, how: &Leader) -> (State, u64) {
    let mix = Mix(&how.classes);
    let state = if mix.tcp(State::Close) > mix.tcp(State::TimeWait) { State::Close } else { State::TimeWait };
    let lifetime = case.timeouts().of(L4::TCP, Some(state), Reply::Assured);
    (state, lifetime.map_or_else(|| case.time_wait_seconds(), |timeout| timeout.seconds.max(1)))
}

/// New entries a second of a leader, class by class.
pub(crate) fn per_second(case: &Case<'_>, how: &Leader) -> Option<f64> {
    Pace::of(ages(how), &case.timeouts()).per_second()
}

fn ages(how: &Leader) -> Ages<'_> {
    Ages { remaining: &how.remaining, classes: &how.classes }
}

/// How the ages of what is over are spread; none: too few, or not known.
pub(crate) fn shape(case: &Case<'_>, how: &Leader) -> Option<Shape> {
    let (state, _) = stays(case, how);
    ages(how).shape(L4::TCP, Some(state), &case.timeouts())
}

/// Other ends of a source, or sources of a peer: how many at least.
pub(crate) fn at_least(distinct: Distinct) -> u64 {
    match distinct {
        Distinct::Exactly(n) => n,
        Distinct::More => crate::model::census::DISTINCT_MAX as u64,
    }
}

/// Destinations of a source. Above what is counted for one source: those of the whole table, which are no fewer.
fn ends(case: &Case<'_>, how: &Leader) -> u64 {
    match how.other_ends {
        Distinct::Exactly(n) => n,
        Distinct::More => {
            let all = case.census.and_then(|census| census.who.destinations.distinct);
            all.map_or(how.entries, |all| all.min(how.entries))
        }
    }
}

/// Addresses with ports that a source goes to, at least: many servers, or many ports of one.
pub(crate) fn fan(case: &Case<'_>, how: &Leader) -> u64 {
    ends(case, how).max(at_least(how.destination_ports))
}

/// Seconds before the table was read at which a source began, where that can be told: its entries are all younger
/// than their lifetime, and nothing was full before. A table that is too small for a rate shows young entries only,
/// however long it goes on; what tells then is that the log is silent before.
pub(crate) fn began(case: &Case<'_>, how: &Leader) -> Option<u64> {
    let (state, lifetime) = stays(case, how);
    let mut of = ages(how).of(L4::TCP, Some(state), &case.timeouts());
    of.sort_unstable();
    let known = of.iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
    if known < MANY {
        return None;
    }
    let mut older = 0u64;
    let oldest = of.iter().rev().find(|(_, n)| {
        older = older.saturating_add(*n);
        share(older, known) > STRAGGLERS
    });
    let oldest = oldest.map(|(age, _)| *age)?;
    if oldest as f64 >= YOUNG * lifetime as f64 {
        return None;
    }
    match case.incident {
        None => case.usage.share().is_some_and(|usage| usage < super::facts::NEAR_FULL).then_some(oldest),
        Some(incident) => {
            let read = case.lead.and_then(|fit| fit.snapshot.taken_at)?.0;
            let begin = read.checked_sub(i64::try_from(oldest).ok()?.checked_mul(SECOND_US)?)?;
            let first_line = incident.times.start?.0;
            let calm = first_line >= begin.saturating_sub(CLOCK_SECONDS * SECOND_US)
                && !case.starts.iter().any(|start| {
                    start.0 < first_line && start.0 >= begin.saturating_sub(BEFORE_SECONDS * SECOND_US)
                });
            calm.then_some(oldest)
        }
    }
}

/// Source ports of a pair as a share of those that one client has; none: its table is too small to show it.
pub(crate) fn sweep(case: &Case<'_>, how: &Leader) -> Option<f64> {
    let (ceiling, _) = case.port_ceiling();
    let enough = case.usage.held().max(case.usage.max).is_some_and(|room| room >= ceiling);
    Some(share(at_least(how.source_ports), ceiling)).filter(|used| enough || *used >= SWEEP)
}

/// The program that opens the connections of an own address, where it is one that makes load.
pub(crate) fn load_tool(case: &Case<'_>, holder: &Holder<'_>) -> Option<Box<str>> {
    let name = beside::owner(case, holder.address)?.name;
    makes_load(&name).then_some(name)
}

/// A program whose work is to open connections.
pub(crate) fn makes_load(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    LOAD_TOOLS.contains(&lower.as_str())
        || LOAD_TOOL_BEGINNINGS.iter().any(|beginning| lower.starts_with(beginning))
}

/// Entries among these pairs that go to the port of a datastore.
pub(crate) fn to_datastores(pairs: &[(Pair, u64)]) -> u64 {
    let those =
        pairs.iter().filter(|(pair, _)| pair.peer.port.is_some_and(|port| is_datastore(port, pair.peer.l4)));
    those.fold(0, |sum, (_, n)| sum.saturating_add(*n))
}

/// Entries of a source that go to own addresses, as far as its leading pairs tell.
pub(crate) fn to_own(case: &Case<'_>, holder: &Holder<'_>) -> u64 {
    let pairs = case.pairs_of(holder.address).into_iter();
    pairs
        .filter(|(pair, _)| case.locals.is_local(pair.peer.address) == Some(true))
        .fold(0, |sum, (_, n)| sum.saturating_add(n))
}

/// IPVS stands between clients and servers and keeps entries of theirs: true; it does not: false; none: not known.
pub(crate) fn ipvs(case: &Case<'_>) -> Option<bool> {
    if let Some(tracks) = case.counters.number("net.ipv4.vs.conntrack") {
        return Some(tracks != 0);
    }
    case.counters.machine.modules.as_ref()?;
    (!ipvs_loaded(case)).then_some(false)
}

/// The module of IPVS is loaded.
pub(crate) fn ipvs_loaded(case: &Case<'_>) -> bool {
    let modules = case.counters.machine.modules.as_deref().unwrap_or_default();
    modules.iter().any(|module| &*module.name == "ip_vs")
}

/// Where so large a part of what is spoken of goes: all, most, or (from `least` on) the largest part.
pub(crate) fn mostly_to(said: Sentence, part: f64, least: f64, peer: Peer) -> Sentence {
    let to: &'static str = match part {
        part if part < least => return said,
        all if all >= 0.995 => ", all to",
        most if most >= 0.5 => ", most to",
        _ => ", the largest part to",
    };
    said.with(to).with(Word::Endpoint(peer.address, peer.port, peer.l4))
}

/// The second line of these verdicts: where it stays, at which rate it comes, and how.
pub(crate) fn how_line(stays: (State, u64), rate: Option<f64>, tail: &'static str) -> Sentence {
    let (state, seconds) = stays;
    let out = sentence!["most are over and stay", Word::Duration(seconds as f64), "in", state];
    match rate {
        Some(rate) => out.with(": new ones at").with(Word::Rate(rate)).with(tail),
        None => out.with(tail),
    }
}

/// The shape of the ages in words, as context or to be weighed.
pub(crate) fn shape_said(case: &Case<'_>, shape: Shape) -> Evidence {
    match shape {
        Shape::Comb { period_seconds, teeth, entries } => context(
            "ages-in-a-comb",
            sentence![
                "remaining times form a comb of",
                Word::Duration(period_seconds as f64),
                ": a timer opens these connections, no request does"
            ],
        )
        .value("period_seconds", period_seconds as f64)
        .value("teeth", teeth as f64)
        .value("entries", entries as f64),
        Shape::OneEvent { age_seconds, entries, .. } => context(
            "ages-of-one-event",
            sentence![
                Word::Number(entries),
                "of these connections ended within seconds of each other,",
                Word::Duration(age_seconds as f64),
                "before the table was read"
            ],
        )
        .value("age_seconds", age_seconds as f64)
        .value("entries", entries as f64),
        Shape::Flat => context(
            "ages-flat",
            "these connections came at any time, as requests do: no beat of a timer is seen".into(),
        ),
    }
    .read_in_table(case)
}
