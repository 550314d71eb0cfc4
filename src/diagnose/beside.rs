//! What stands beside a table and says more of it: who on this host opens its connections, which rules of the packet
//! filter need tracking at all, how many namespaces the memory speaks of. Context, and a name for the owner; no cause.

use std::net::IpAddr;

use crate::model::diagnosis::{Evidence, Owner};
use crate::model::flow::{L4, State};
use crate::model::incident::Namespace;
use crate::model::sentence::{Noun, Sentence, Word, noun};
use crate::model::sockets::Opener;
use crate::sentence;

use super::arith::share;
use super::evidence::{Cited, context};
use super::facts::{Case, Holder};

const RULE: Noun = Noun("rule", "rules");
const SOCKET: Noun = Noun("socket", "sockets");
/// A socket waits for 60 s and its entry for 120 s: from this ratio on that does not explain it.
const MORE_THAN_ARITHMETIC: u64 = 4;

/// Below this share of the table, and for fewer entries, it matters to nobody whose sockets they are.
const WORTH_COMPARING: f64 = 0.1;
const FEW: u64 = 100;

/// Below this share of the table it matters to nobody who opens a source's connections.
const WORTH_NAMING: f64 = 0.2;

/// All of it that was given.
pub(crate) fn evidence(case: &Case<'_>) -> Vec<Evidence> {
    let mut out = Vec::new();
    out.extend(opened_by(case));
    out.extend(time_wait_sockets(case));
    out.extend(rules(case));
    out.extend(untracked(case));
    out.extend(memory_of_namespaces(case));
    out
}

/// The program that opens the connections of an own address to its leading peer.
fn opener(case: &Case<'_>, source: IpAddr) -> Option<(Opener, Word)> {
    let sockets = case.counters.sockets.as_ref().filter(|_| case.locals.is_local(source) == Some(true))?;
    let (pair, _) = case.pairs_of(source).into_iter().next()?;
    let peer = pair.peer;
    let opener = sockets.opener(source, peer.address, peer.port?, peer.l4)?;
    Some((opener, Word::Endpoint(peer.address, peer.port, peer.l4)))
}

/// Who holds an address, as far as a list of sockets names the program, or a watcher found it at the time.
pub(crate) fn owner(case: &Case<'_>, source: IpAddr) -> Option<Owner> {
    let Some((opener, peer)) = opener(case, source) else { return found_at_the_time(case, source) };
    Some(Owner {
        kind: "process",
        name: opener.program.clone(),
        id: opener.process.map(|process| process.to_string().into()),
        from: sentence![
            opener.from,
            ":",
            Word::Number(opener.sockets),
            "of",
            Word::Count(opener.of, SOCKET),
            "to",
            peer,
            "that name a program"
        ],
    })
}

/// The owner that a watcher found: of the sockets to the leading peer before one of the address as such.
fn found_at_the_time(case: &Case<'_>, source: IpAddr) -> Option<Owner> {
    let peer = case.pairs_of(source).into_iter().next().map(|(pair, _)| (pair.peer.address, pair.peer.port));
    let of_it = || case.counters.owners.iter().filter(|owner| owner.address == source);
    let found = of_it().find(|owner| owner.peer.is_some() && owner.peer == peer);
    let found = found.or_else(|| of_it().find(|owner| owner.peer.is_none()))?;
    Some(Owner {
        kind: found.kind,
        name: found.name.clone(),
        id: found.id.clone(),
        from: sentence![
            "as it was while the table was captured:",
            Word::Untrusted(found.from.as_bytes().into())
        ],
    })
}

/// Who was in a network namespace while its table was captured, as a watcher found it.
pub(crate) fn holder(case: &Case<'_>, namespace: &Namespace) -> Option<Owner> {
    let Namespace::Netns(inode) = namespace else { return None };
    let found = case.counters.holders.iter().find(|holder| holder.inode == *inode)?;
    Some(Owner {
        kind: found.kind,
        name: found.name.clone(),
        id: found.id.clone(),
        from: sentence![
            "as it was while the table was captured:",
            Word::Untrusted(found.from.as_bytes().into())
        ],
    })
}

fn opened_by(case: &Case<'_>) -> Option<Evidence> {
    let source = case.top_source()?.address;
    let (opener, peer) = opener(case, source)?;
    let mut said = sentence![Word::Untrusted(opener.program.as_bytes().into())];
    if let Some(process) = opener.process {
        said = said.with("(process").with(Word::Code(process.to_string())).with(")");
    }
    let said = said
        .with("opens the connections of")
        .with(source)
        .with("to")
        .with(peer)
        .with(": it has")
        .with(Word::Number(opener.sockets))
        .with("of the")
        .with(Word::Count(opener.of, SOCKET))
        .with("that name a program (connections that are over name none)");
    Some(
        context("opened-by", said)
            .value("sockets", opener.sockets as f64)
            .value("of", opener.of as f64)
            .read_in_table(case),
    )
}

/// Entries in TIME_WAIT against sockets in TIME_WAIT, where the host itself leads.
fn time_wait_sockets(case: &Case<'_>) -> Option<Evidence> {
    let counts = case.counters.socket_counts;
    let listed = case.counters.sockets.as_ref();
    let listed = listed.and_then(|sockets| sockets.by_state.get(&(L4::TCP, "TIME_WAIT")).copied());
    let sockets = counts.time_wait.or(listed)?;
    let mix = case.mix()?;
    let entries = mix.tcp(State::TimeWait);
    if share(entries, mix.total()) < WORTH_COMPARING || entries < FEW {
        return None;
    }
    case.top_source().filter(|holder| holder.is_local == Some(true))?;
    if entries < sockets.saturating_mul(MORE_THAN_ARITHMETIC) {
        return None;
    }
    let said = sentence![
        Word::Count(entries, noun::ENTRY),
        "in",
        State::TimeWait,
        "stand beside",
        Word::Count(sockets, SOCKET),
        "in that state: more than the 120 s of the one and the 60 s of the other explain. The other end closes first, containers own the connections, or the sockets were listed later"
    ];
    Some(
        context("time-wait-sockets", said)
            .value("entries", entries as f64)
            .value("sockets", sockets as f64)
            .read_in_table(case),
    )
}

/// What the packet filter wants the tracker for.
fn rules(case: &Case<'_>) -> Option<Evidence> {
    let rules = case.counters.rules.as_ref().filter(|rules| rules.rules > 0)?;
    if !rules.need_tracking() {
        let said = sentence![
            "none of the rules given (",
            Word::Count(rules.rules, RULE),
            ") asks for a connection's state, translates addresses or counts connections: if there are no others (other tables, the other back end of iptables, containers), nothing here needs tracking"
        ];
        return Some(
            context("tracking-not-needed", said).value("rules", rules.rules as f64).read_in_table(case),
        );
    }
    let mut said = sentence!["the packet filter needs tracking:"];
    let mut first = true;
    for (count, one, more) in [
        (rules.states, "asks for a connection's state", "ask for a connection's state"),
        (rules.nat.total(), "translates addresses", "translate addresses"),
        (rules.limits, "counts connections or meters addresses", "count connections or meter addresses"),
        (rules.offloaded, "hands flows to a flowtable", "hand flows to a flowtable"),
        (rules.helpers, "gives helpers", "give helpers"),
        (rules.synproxy, "answers handshakes for others", "answer handshakes for others"),
    ] {
        let what = if count == 1 { one } else { more };
        if count > 0 {
            said = if first { said } else { said.with(",") };
            said = said.with("at least").with(Word::Count(count, RULE)).with(what);
            first = false;
        }
    }
    Some(
        context("tracking-needed", said)
            .value("states", rules.states as f64)
            .value("nat", rules.nat.total() as f64)
            .read_in_table(case),
    )
}

/// What is out of tracking already.
fn untracked(case: &Case<'_>) -> Option<Evidence> {
    let rules = case.counters.rules.as_ref().filter(|rules| rules.untracked_rules > 0)?;
    let mut said = sentence![
        "at least",
        Word::Count(rules.untracked_rules, RULE),
        if rules.untracked_rules == 1 {
            "of the packet filter takes traffic out of tracking"
        } else {
            "of the packet filter take traffic out of tracking"
        }
    ];
    if let Some(rule) = rules.untracked.first() {
        said = said.with(":").with(Word::Untrusted(rule.as_bytes().into()));
    }
    Some(context("untracked", said).value("rules", rules.untracked_rules as f64).read_in_table(case))
}

/// Caches of single namespaces: the memory is that of all of them, the table that of one.
fn memory_of_namespaces(case: &Case<'_>) -> Option<Evidence> {
    let slab = case.counters.slab_total()?;
    let namespaces = slab.namespaces.filter(|namespaces| *namespaces > 1)?;
    let said = sentence![
        "the entries of",
        Word::Count(namespaces, noun::NAMESPACE),
        "are kept in a cache each,",
        Word::Count(slab.active, noun::ENTRY),
        "in all (",
        Word::Bytes(slab.total.saturating_mul(slab.object_bytes)),
        "): this table is one of them"
    ];
    Some(
        context("slab-of-namespaces", said)
            .value("namespaces", namespaces as f64)
            .value("active", slab.active as f64)
            .read_in_table(case),
    )
}

/// Rules that translate addresses were found.
pub(crate) fn translates(case: &Case<'_>) -> bool {
    case.counters.rules.as_ref().is_some_and(|rules| rules.nat.total() > 0)
}

/// Rules that drop what fits no connection were found.
pub(crate) fn drops_invalid(case: &Case<'_>) -> bool {
    case.counters.rules.as_ref().is_some_and(|rules| rules.invalid_dropped > 0)
}

/// Why the owner of a source that is this host's own is not known; none: it is known, or it is nobody of ours.
pub(crate) fn owner_unknown(case: &Case<'_>) -> Option<Sentence> {
    let worth_naming = |holder: &Holder<'_>| share(holder.entries, case.entries()) >= WORTH_NAMING;
    let holder = case.top_source().filter(|holder| holder.is_local == Some(true) && worth_naming(holder))?;
    if owner(case, holder.address).is_some() {
        return None;
    }
    Some(match case.counters.sockets {
        None => sentence![
            "no list of sockets names the program on this host that opens the connections of",
            holder.address
        ],
        Some(_) => sentence![
            "the list of sockets names no program that opens the connections of",
            holder.address,
            ": it must be taken as root, in the namespace of that program, while connections are open"
        ],
    })
}

/// The share of the table that cannot be told own or foreign, because the list of addresses is no whole one.
pub(crate) fn partial_addresses(case: &Case<'_>) -> Option<Sentence> {
    let holder = case.top_source().filter(|holder| holder.is_local.is_none() && case.locals.known())?;
    Some(sentence![
        "the addresses given are not all of this host's: whether",
        holder.address,
        "(",
        Word::Share(share(holder.entries, case.entries())),
        "of the table) is one of them is not known"
    ])
}
