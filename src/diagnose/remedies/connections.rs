//! Using connections again: the cure of every churn. What to set depends on what opens them.

use std::net::IpAddr;

use crate::model::census::Pair;
use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::beside;
use super::super::facts::Case;
use super::super::outlook::{Change, outlook};
use super::{bracketed, here, in_file};

/// Ports behind which a proxy or web server usually listens.
const WEB_PORTS: [u16; 9] = [80, 443, 3128, 8000, 8008, 8080, 8081, 8443, 8888];

/// Keep the connections of these pairs open.
pub(crate) fn reuse_connections(case: &Case<'_>, pairs: &[(Pair, u64)]) -> Option<Remedy> {
    let (first, _) = pairs.first()?;
    let pairs_of_all: Vec<Pair> = pairs.iter().map(|(pair, _)| *pair).collect();
    let prediction = outlook(case, &Change { reused_pairs: pairs_of_all, ..Change::default() });
    Some(Remedy {
        id: "reuse-connections",
        title: title(case, first),
        commands: commands(case, first),
        effect: prediction.effect(
            case,
            "one entry for each connection kept open takes the place of one for each request; what is there now runs out by itself".into(),
        ),
        side_effects: vec![
            "the peer holds idle connections: its own limit of them and its idle timeout must allow it".into(),
        ],
        persists: true,
    })
}

/// Where a source goes to very many addresses (a crawler, a mailer), no pair is worth naming: its program is.
pub(crate) fn open_fewer(case: &Case<'_>, source: IpAddr, port: Option<u16>) -> Remedy {
    let owner = beside::owner(case, source);
    let title = match &owner {
        Some(owner) => sentence![
            "the cure: let",
            Word::Untrusted(owner.name.as_bytes().into()),
            "on this host open fewer connections at once and use them again"
        ],
        None => {
            "the cure: let the program on this host that opens them open fewer at once and use them again"
                .into()
        }
    };
    let filter = port.map_or_else(String::new, |port| format!(" dport = :{port}"));
    let find = here(format!("ss -tnp src {}{filter}", bracketed(source)), None);
    let find =
        Command { place: "this host: names the program, while connections are open".to_owned(), ..find };
    Remedy {
        id: "open-fewer",
        title,
        commands: if owner.is_none() { vec![find] } else { Vec::new() },
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "half as many new connections leave half as many entries, after one lifetime; what is there now runs out by itself".into(),
        },
        side_effects: vec!["what that program does takes longer".into()],
        persists: true,
    }
}

fn title(case: &Case<'_>, pair: &Pair) -> Sentence {
    let peer = Word::Endpoint(pair.peer.address, pair.peer.port, pair.peer.l4);
    if let Some(owner) = beside::owner(case, pair.source) {
        return sentence![
            "the cure: let",
            Word::Untrusted(owner.name.as_bytes().into()),
            "on this host keep its connections to",
            peer,
            "open and use them again"
        ];
    }
    match case.locals.is_local(pair.source) {
        Some(true) => sentence![
            "the cure: let the program on this host keep its connections to",
            peer,
            "open and use them again"
        ],
        _ => sentence![
            "the cure: let",
            pair.source,
            "keep its connections to",
            peer,
            "open and use them again"
        ],
    }
}

fn commands(case: &Case<'_>, pair: &Pair) -> Vec<Command> {
    let address = bracketed(pair.peer.address);
    let mut out = Vec::new();
    let port = pair.peer.port.filter(|_| pair.peer.l4 == L4::TCP);
    let owner = beside::owner(case, pair.source).map(|owner| owner.name);
    let owner = owner.as_deref();
    if let Some(port) = port.filter(|_| owner.is_none()) {
        let find = here(format!("ss -tnp dst {address} dport = :{port}"), None);
        let place = if case.locals.is_local(pair.source) == Some(true) {
            "this host: names the program that opens them".to_owned()
        } else {
            format!("{}: names the program that opens them", pair.source.to_canonical())
        };
        out.push(Command { place, ..find });
    }
    if port.is_some_and(|port| WEB_PORTS.contains(&port)) {
        if owner.is_none_or(|owner| owner == "nginx") {
            let (block, location) = match owner {
                Some(_) => ("nginx, in the upstream block", "nginx, in the location"),
                None => (
                    "nginx, in the upstream block, if nginx opens them",
                    "nginx, in the location, if nginx opens them",
                ),
            };
            out.push(in_file("keepalive 32;", block));
            out.push(in_file("proxy_http_version 1.1;", location));
            out.push(in_file("proxy_set_header Connection \"\";", location));
        }
        out.push(in_file(
            "client_persistent_connections on",
            &format!("squid.conf of {address}, if that is Squid"),
        ));
        out.push(in_file(
            "server_persistent_connections on",
            &format!("squid.conf of {address}, if that is Squid"),
        ));
    }
    out
}
