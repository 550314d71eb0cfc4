//! A source that leads the table and is a hop: a bridge's own address, docker-proxy, a gateway or node that puts its
//! address on what others open. It is named for what it is, so that nobody takes it for the culprit.

use crate::model::census::LeaderKey;
use crate::model::diagnosis::{Cause, Effect, Finding, Remedy};
use crate::model::report::Snapshot;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::supports;
use super::super::hops::{Hop, hop};
use super::super::locals::Locals;
use super::super::remedies::{HERE, here, in_file};

const HIDDEN_CLIENT: Cause = Cause("hidden-client");
/// A source with less of the table is nobody's suspect.
const SUSPECT: f64 = 0.2;

/// What the leading source of a table is, where it is a hop.
pub(crate) fn of_table(host: Option<&str>, snapshot: &Snapshot, locals: &Locals) -> Option<Finding> {
    let census = snapshot.census.as_ref()?;
    let who = &census.who;
    let row = who.sources.leading(who.entries).first()?;
    let source = row.key;
    let entries = census.how.get(&LeaderKey::Source(source)).map_or(row.count, |how| how.entries);
    if share(entries, who.entries) < SUSPECT {
        return None;
    }
    let pairs = who.pairs.leading(who.entries).iter();
    let peer = pairs.map(|row| row.key).find(|pair| pair.source == source).map(|pair| pair.peer);
    let hop = hop(locals, &snapshot.counters, source, peer.map(|peer| peer.address))?;
    let mut evidence = supports(
        "hop",
        sentence![
            source,
            "is the source of",
            Word::Count(entries, noun::ENTRY),
            "(",
            Word::Share(share(entries, who.entries)),
            "of the table)"
        ],
    );
    evidence.from.clone_from(&snapshot.inputs);
    Some(Finding {
        host: host.map(Into::into),
        cause: HIDDEN_CLIENT,
        summary: vec![
            Sentence(sentence![source, ":"].0.into_iter().chain(hop.words().0).collect()),
            "blocking or limiting this address hits everybody behind it; find who stands there first".into(),
        ],
        evidence: vec![evidence],
        remedies: remedies(&hop, source),
    })
}

fn remedies(hop: &Hop, source: std::net::IpAddr) -> Vec<Remedy> {
    let (line, there) = hop.command(source);
    let mut find = here(line, None);
    find.place = match there {
        None => format!("{HERE}: names the programs, and on the other side of them their clients"),
        Some(address) => format!("{address}: its own table shows who stands behind it"),
    };
    let mut out = vec![Remedy {
        id: "find-hidden-clients",
        title: "see who stands behind it".into(),
        commands: vec![find],
        effect: Effect { note: "changes nothing".into(), ..Effect::default() },
        side_effects: Vec::new(),
        persists: false,
    }];
    let keep = match hop {
        Hop::Proxy(name) if &**name == "docker-proxy" => Some((
            sentence![
                "let published ports be translated instead of passed on, so that each client keeps its address"
            ],
            in_file(
                "\"userland-proxy\": false",
                "the settings of dockerd (/etc/docker/daemon.json), between its braces",
            ),
            "the daemon has to be started anew; connections of this host to its own published ports then need route_localnet, which Docker sets",
        )),
        Hop::Node => Some((
            sentence!["let the service keep its clients' addresses"],
            in_file("externalTrafficPolicy: Local", "the Service's spec"),
            "nodes without a pod of the service no longer answer for it",
        )),
        _ => None,
    };
    out.extend(keep.map(|(title, command, side)| Remedy {
        id: "keep-client-addresses",
        title,
        commands: vec![command],
        effect: Effect { note: "for new connections; it takes one of two entries of each away where a proxy passed them on".into(), ..Effect::default() },
        side_effects: vec![side.into()],
        persists: true,
    }));
    out
}
