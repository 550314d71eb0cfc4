//! L7: a client that never falls silent (UDP) holds on to the translation that was chosen for it when it began, long
//! after that server, or that address of this host outside, is gone: few entries, renewed by every packet, never
//! answered. Told only where accounting shows many packets and no answer; a request on its way looks the same otherwise.

use std::collections::BTreeSet;

use crate::model::census::{Census, Distinct, Leader, LeaderKey, Pair, Peer, Volumes};
use crate::model::diagnosis::{Command, Effect, Finding, Remedy};
use crate::model::flow::{L4, Reply};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::causes::STALE_NAT;
use super::super::datagrams::ONE_WAY;
use super::super::evidence::{Cited, context, supports};
use super::super::remedies::{family, here};

/// Packets that an entry has sent without an answer, at least.
const PACKETS_MIN: u64 = 10;
/// The same through a source that is translated: a client tries a server that is down a hundred times, and by then it
/// has asked for longer than an outage lasts that nobody sees.
const PACKETS_OUT_MIN: u64 = 100;
/// More of the table than this is another matter.
const FEW: f64 = 0.05;
/// Command lines, at most.
const LINES_MAX: usize = 8;

/// What is held on to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// The server chosen.
    Server,
    /// The address that this host put on it.
    Outside,
}

/// Entries that hold on.
struct Stale {
    peer: Peer,
    /// None: those of every client.
    pair: Option<Pair>,
    entries: u64,
    packets: u64,
    held: Held,
}

pub(super) fn of(census: &Census) -> Option<Finding> {
    let stale = found(census);
    let entries = stale.iter().fold(0u64, |sum, one| sum.saturating_add(one.entries));
    let packets = stale.iter().fold(0u64, |sum, one| sum.saturating_add(one.packets));
    let first = stale.first()?;
    if share(entries, census.who.entries) > FEW {
        return None;
    }
    let service = Word::Endpoint(first.peer.address, first.peer.port, L4::UDP);
    let outside = first.held == Held::Outside;
    let what: &'static str = if outside {
        "of UDP go out translated and are never answered, first to"
    } else {
        "of UDP still send to a server that never answers, first to"
    };
    let why: &'static str = if outside {
        "delete them if the address they go out under has changed: each packet renews its entry"
    } else {
        "delete these entries: each packet renews its entry, and with it the choice of that server"
    };
    let mut evidence = vec![
        supports(
            "never-answered",
            sentence![
                Word::Count(packets, noun::PACKET),
                "went out over them through a translated",
                Word::Text(if outside { "source" } else { "destination" }),
                ", and none came back"
            ],
        )
        .value("entries", entries as f64)
        .value("packets", packets as f64),
    ];
    if outside {
        evidence.push(context(
            "or-the-server",
            "a server that is gone looks the same from here; deleted, the next packet makes an entry of today".into(),
        ));
    }
    if first.peer.port.is_some_and(|port| ONE_WAY.contains(&port)) {
        evidence.push(context(
            "rarely-answers",
            "a service of that port answers nothing where it lives, either: see first whether that server is there".into(),
        ));
    }
    Some(Finding {
        host: None,
        cause: STALE_NAT,
        summary: vec![sentence![Word::Count(entries, noun::ENTRY), what, service], why.into()],
        evidence,
        remedies: vec![delete(&stale, entries)],
    })
}

/// Peers of which every entry holds on, and single clients of others. Of a peer with one client that client is named.
fn found(census: &Census) -> Vec<Stale> {
    let mut out: Vec<Stale> = Vec::new();
    let mut whole: BTreeSet<Peer> = BTreeSet::new();
    for (key, how) in &census.how {
        let (peer, pair) = match key {
            LeaderKey::Pair(pair) => (pair.peer, Some(*pair)),
            LeaderKey::Peer(peer) => (*peer, None),
            _ => continue,
        };
        if let Some((held, volumes)) = unanswered(peer, how) {
            if pair.is_none() && how.other_ends != Distinct::Exactly(1) {
                whole.insert(peer);
            }
            out.push(Stale { peer, pair, entries: how.entries, packets: volumes.original.packets, held });
        }
    }
    let named: BTreeSet<Peer> = out.iter().filter(|one| one.pair.is_some()).map(|one| one.peer).collect();
    out.retain(|one| match one.pair {
        Some(_) => !whole.contains(&one.peer),
        None => whole.contains(&one.peer) || !named.contains(&one.peer),
    });
    out.sort_by(|a, b| b.packets.cmp(&a.packets).then(a.peer.cmp(&b.peer)));
    out
}

/// Every entry is translated, has sent many packets, and got none.
fn unanswered(peer: Peer, how: &Leader) -> Option<(Held, Volumes)> {
    let volumes = how.volumes.filter(|volumes| volumes.entries == how.entries)?;
    let server = how.nat.destination.saturating_add(how.nat.both) == how.entries;
    // What goes out to be kept elsewhere is answered by nobody, whatever address it bears.
    let outside = how.nat.source == how.entries && !peer.port.is_some_and(|port| ONE_WAY.contains(&port));
    let held = if server {
        Held::Server
    } else if outside {
        Held::Outside
    } else {
        return None;
    };
    let least = if held == Held::Server { PACKETS_MIN } else { PACKETS_OUT_MIN };
    let silent = how.classes.keys().all(|class| class.replied == Reply::Unreplied);
    let many = volumes.original.packets >= how.entries.saturating_mul(least);
    (peer.l4 == L4::UDP && silent && many && volumes.reply.packets == 0).then_some((held, volumes))
}

fn line(stale: &Stale) -> Option<Command> {
    let (service, port) = (stale.peer.address.to_canonical(), stale.peer.port?);
    let of = stale.pair.map_or_else(String::new, |pair| format!("-s {} ", pair.source.to_canonical()));
    Some(here(format!("conntrack {}-D -p udp {of}-d {service} --dport {port}", family(service)), None))
}

fn delete(stale: &[Stale], entries: u64) -> Remedy {
    let title: Sentence =
        "delete them: the next packet of each client is translated as things are now".into();
    Remedy {
        id: "delete-stale",
        title,
        commands: stale.iter().filter_map(line).take(LINES_MAX).collect(),
        effect: Effect { entries_freed_now: Some(entries), ..Effect::default() },
        side_effects: vec![
            "other requests of the same client to that service are cut, too, and sent again".into(),
        ],
        persists: false,
    }
}
