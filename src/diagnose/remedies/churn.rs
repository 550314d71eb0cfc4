//! What cures churn at its ends: at the server, in front of it, at a datastore, at a checker, at a test. Nearly all of
//! it is done in the configuration of programs, not on this host's tracker.

use std::net::IpAddr;

use crate::model::census::{LeaderKey, Pair, Peer};
use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::incident::Namespace;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::beside;
use super::super::facts::Case;
use super::super::mix::Mix;
use super::super::network::Network;
use super::{bracketed, here, in_file};

/// Command lines that one remedy prints, at most.
const LINES_MAX: usize = 8;
/// A reset leaves the entry in CLOSE for so long (`tcp_timeout_close`).
const CLOSE_SECONDS: u64 = 10;

fn remedy(
    id: &'static str,
    title: Sentence,
    commands: Vec<Command>,
    left: Option<u64>,
    note: &'static str,
) -> Remedy {
    Remedy {
        id,
        title,
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: left.filter(|left| *left > 0),
            note: sentence![note, "; assumed: all else stays as it is"],
        },
        side_effects: Vec::new(),
        persists: true,
    }
}

fn endpoint(peer: Peer) -> Word {
    Word::Endpoint(peer.address, peer.port, peer.l4)
}

/// The line that names the program behind connections to a peer, at the machine that opens them.
fn find_opener(case: &Case<'_>, pair: &Pair) -> Option<Command> {
    let port = pair.peer.port?;
    let line = format!("ss -tnp dst {} dport = :{port}", bracketed(pair.peer.address));
    let place = if case.locals.is_local(pair.source) == Some(true) {
        "this host: names the program that opens them".to_owned()
    } else {
        format!("on {}: names the program that opens them", pair.source.to_canonical())
    };
    Some(Command { place, ..here(line, None) })
}

/// Keeps connections to a datastore: a pool, persistent connections, or its unix socket where both ends are here.
pub(crate) fn pool(case: &Case<'_>, peer: Peer, pairs: &[(Pair, u64)]) -> Remedy {
    let here_both = case.locals.is_local(peer.address) == Some(true)
        && pairs.first().is_some_and(|(pair, _)| case.locals.is_local(pair.source) == Some(true));
    let owner = pairs.first().and_then(|(pair, _)| beside::owner(case, pair.source));
    let program = |title: Sentence| match &owner {
        Some(owner) => title.with(", in").with(Word::Untrusted(owner.name.as_bytes().into())),
        None => title,
    };
    let title = if here_both {
        program(sentence![
            "the cure: use the datastore's unix socket instead of",
            endpoint(peer),
            ", or a pool"
        ])
    } else {
        program(sentence![
            "the cure: keep the connections to",
            endpoint(peer),
            "open, in a pool or as persistent ones"
        ])
    };
    let mut commands = Vec::new();
    if owner.is_none() {
        commands.extend(pairs.first().and_then(|(pair, _)| find_opener(case, pair)));
    }
    commands.extend(settings(peer.port.unwrap_or(0), here_both));
    let ended = pairs.iter().filter_map(|(pair, _)| case.how(&LeaderKey::Pair(*pair)));
    let ended = ended.fold(0u64, |sum, how| sum.saturating_add(Mix(&how.classes).ended()));
    // The pairs are the leading clients; the datastore itself knows of all of them.
    let of_all = case.how(&LeaderKey::Peer(peer)).map_or(0, |how| Mix(&how.classes).ended());
    let ended = ended.max(of_all);
    let mut out = remedy(
        "pool",
        title,
        commands,
        Some(case.entries().saturating_sub(ended)),
        "one entry for each connection of the pool, none over a unix socket, takes the place of one for each query; what is there now runs out by itself",
    );
    out.side_effects = vec![
        "the datastore holds idle connections: its limit of them and its idle timeout must allow it".into(),
        "a connection that is used again keeps its state: transactions, temporary tables and settings must be reset between users".into(),
    ];
    out
}

/// A line and where it belongs.
type Line = (&'static str, &'static str);

/// Lines for the programs that usually speak to that port: connections kept, and the unix socket where both are here.
fn settings(port: u16, here_both: bool) -> Vec<Command> {
    let (kept, socket): (Line, Line) = match port {
        3306 | 3307 => (
            ("PDO::ATTR_PERSISTENT => true", "PHP with PDO, if that opens them"),
            (
                "unix_socket=/run/mysqld/mysqld.sock",
                "the data source name of PHP's PDO, instead of host and port; as the server's `socket` has it",
            ),
        ),
        5432 | 5433 => (
            ("pool_mode = transaction", "pgbouncer.ini of a pgbouncer beside the application"),
            (
                "host=/run/postgresql",
                "the connection string, instead of an address; as the server's unix_socket_directories has it",
            ),
        ),
        6379 | 6380 => (
            (
                "$redis->pconnect(...)",
                "PHP with phpredis, instead of connect; other clients: one client object for all requests",
            ),
            ("unixsocket /run/redis/redis.sock", "redis.conf, and the same path in the client"),
        ),
        11_211 => (
            ("new Memcached('pool')", "PHP: a persistent id keeps the connections from request to request"),
            (
                "-s /run/memcached/memcached.sock",
                "the options of memcached, and the same path in the client; it then listens on no port",
            ),
        ),
        _ => return Vec::new(),
    };
    let mut out = vec![in_file(kept.0, kept.1)];
    if here_both {
        out.push(in_file(socket.0, socket.1));
    }
    out
}

/// Keep-alive at a server that a crowd visits.
pub(crate) fn server_keep_alive(case: &Case<'_>, peer: Peer, ended: u64) -> Remedy {
    let mut commands = Vec::new();
    if let Some(port) = peer.port {
        let find = here(format!("ss -tlnp sport = :{port}"), None);
        let place = match case.locals.is_local(peer.address) {
            Some(true) => "this host: names the server".to_owned(),
            _ => format!("{}: names the server", peer.address.to_canonical()),
        };
        commands.push(Command { place, ..find });
    }
    commands.extend([
        in_file(
            "keepalive_timeout 65s;",
            "nginx, in http or server, if that is the server (0 there switches it off)",
        ),
        in_file("KeepAlive On", "httpd.conf or apache2.conf, if that is the server"),
        in_file(
            "option http-keep-alive",
            "haproxy.cfg, instead of httpclose or http-server-close, if that is the server",
        ),
    ]);
    let mut out = remedy(
        "server-keep-alive",
        sentence![
            "the cure: let the server at",
            endpoint(peer),
            "keep the connections of its visitors open for some seconds"
        ],
        commands,
        Some(case.entries().saturating_sub(ended)),
        "one entry for each visitor takes the place of one for each object of a page; how many visitors stay is not known from this table",
    );
    out.side_effects = vec![
        "each visitor holds a connection, or a worker with some servers (Apache prefork), for as long as that".into(),
    ];
    out
}

/// Keep-alive at what stands in front of a service.
pub(crate) fn reuse_in_front(case: &Case<'_>, peer: Peer, pairs: &[(Pair, u64)], ended: u64) -> Remedy {
    let mut commands = Vec::new();
    commands.extend(pairs.first().and_then(|(pair, _)| find_opener(case, pair)));
    commands.extend([
        in_file("keepalive 32;", "nginx in front, in the upstream block, with proxy_http_version 1.1 and an empty Connection header"),
        in_file("http-reuse safe", "haproxy.cfg in front, in the backend"),
    ]);
    let mut title =
        sentence!["the cure: let what stands in front of", endpoint(peer), "use its connections again"];
    if let [(pair, _)] = pairs {
        title = sentence![
            "the cure: let",
            pair.source,
            ", in front of",
            endpoint(peer),
            ", use its connections again"
        ];
    }
    let mut out = remedy(
        "reuse-in-front",
        title,
        commands,
        Some(case.entries().saturating_sub(ended)),
        "one entry for each connection kept open takes the place of one for each request; what is there now runs out by itself",
    );
    out.side_effects = vec![
        "the server must not close first: its keep-alive timeout has to be longer than that of what stands in front".into(),
    ];
    out
}

/// Longer intervals, fewer checkers.
pub(crate) fn check_less(case: &Case<'_>, checkers: &[IpAddr], entries: u64, period_seconds: f64) -> Remedy {
    let left = case.entries().saturating_sub(entries).saturating_add(entries / 5);
    let mut commands: Vec<Command> = checkers
        .iter()
        .take(LINES_MAX)
        .map(|checker| {
            let place = if case.locals.is_local(*checker) == Some(true) {
                "this host: names the program that checks, if one runs just then".to_owned()
            } else {
                format!("on {}: names the program that checks, if one runs just then", checker.to_canonical())
            };
            Command { place, ..here("ss -tnp".to_owned(), None) }
        })
        .collect();
    let interval = super::super::arith::rounded(period_seconds * 5.0).unwrap_or(0).max(1);
    commands.push(in_file(
        &format!("default-server inter {interval}s"),
        "haproxy.cfg, in the backends, if HAProxy checks",
    ));
    let mut out = remedy(
        "check-less",
        sentence![
            "the cure: check every",
            Word::Duration(period_seconds * 5.0),
            "instead of every",
            Word::Duration(period_seconds),
            ", and from one place instead of each machine for itself"
        ],
        commands,
        Some(left),
        "a fifth of the checks leave a fifth of the entries, after one lifetime",
    );
    out.side_effects = vec!["a server that dies is noticed later, by as much".into()];
    out
}

/// A check that ends in a reset leaves its entry in CLOSE, not in TIME_WAIT.
pub(crate) fn close_by_reset(case: &Case<'_>, waiting: u64) -> Option<Remedy> {
    let lifetime = case.time_wait_seconds();
    if waiting == 0 || lifetime <= CLOSE_SECONDS {
        return None;
    }
    let left = super::super::arith::scaled(waiting, CLOSE_SECONDS, lifetime)?;
    let mut out = remedy(
        "close-by-reset",
        sentence![
            "let checks close with a reset, or keep one connection to each server: an entry then stays",
            Word::Duration(CLOSE_SECONDS as f64),
            ", not",
            Word::Duration(lifetime as f64)
        ],
        vec![
            in_file(
                "option tcp-check",
                "haproxy.cfg, in the backends: a plain TCP check is closed by a reset",
            ),
            in_file("SO_LINGER with a time of 0", "a checker of your own, before it closes its socket"),
        ],
        Some(case.entries().saturating_sub(waiting).saturating_add(left)),
        "for the next checks; those that are over run out by themselves",
    );
    out.side_effects = vec![
        "the server's log may call each check an aborted connection".into(),
        "a plain TCP check tells that the port answers, not that the service behind it works".into(),
    ];
    Some(out)
}

/// A test is stopped, or runs where it harms nobody.
pub(crate) fn stop_the_test(case: &Case<'_>, source: IpAddr, peer: Peer, entries: u64) -> Remedy {
    let owner = beside::owner(case, source);
    let mut commands = Vec::new();
    if owner.is_none() {
        commands.extend(find_opener(case, &Pair { source, peer }));
    }
    let mut out = remedy(
        "stop-the-test",
        sentence![
            "stop the test, or run it with kept connections, from a machine and along a path that no tracker stands in"
        ],
        commands,
        Some(case.entries().saturating_sub(entries)),
        "its entries run out by themselves within one lifetime",
    );
    out.side_effects =
        vec!["what the test measures from then on is another thing: connections kept, not opened".into()];
    out
}

/// A replay is stopped where it is played.
pub(crate) fn stop_the_replay(case: &Case<'_>, network: Option<Network>, peer: Peer, entries: u64) -> Remedy {
    let (title, line, place) = match network {
        Some(network) => (
            sentence![
                "stop what plays the traffic of",
                Word::Code(network.to_string()),
                ", or play it at a host that nothing else depends on"
            ],
            format!("ip route get {}", network.address()),
            "this host: names the machine that the replay's network is routed to",
        ),
        None => (
            sentence![
                "stop what plays traffic at",
                endpoint(peer),
                ", or play it at a host that nothing else depends on"
            ],
            "ss -tnp".to_owned(),
            "this host: names the machine that the replay's program is connected to",
        ),
    };
    let mut out = remedy(
        "stop-the-replay",
        title,
        vec![Command { place: place.to_owned(), ..here(line, None) }],
        Some(case.entries().saturating_sub(entries)),
        "its entries in TIME_WAIT run out by themselves; those still open stay until they are closed or deleted",
    );
    out.side_effects = vec!["the test ends".into()];
    out
}

/// A limit for one client, before its packets reach the tracker.
pub(crate) fn limit_one_client(
    case: &Case<'_>,
    holder: &super::super::facts::Holder<'_>,
    rate: Option<f64>,
) -> Remedy {
    let source = holder.address.to_canonical();
    let tool = if source.is_ipv4() { "iptables" } else { "ip6tables" };
    // A tenth of what it does, for a client that is to have about a tenth of the table at most.
    let share_of_room = case.usage.max.unwrap_or(case.entries()) / 10 / case.time_wait_seconds().max(1);
    let per_second = share_of_room.clamp(1, 10_000);
    let tail = format!(
        "PREROUTING -s {source} -p tcp --syn -m hashlimit --hashlimit-name one-client --hashlimit-mode srcip --hashlimit-above {per_second}/sec --hashlimit-burst {} -j DROP",
        per_second.saturating_mul(2)
    );
    let over = super::super::arith::share(Mix(&holder.how.classes).ended(), holder.entries);
    let settled = per_second.saturating_mul(case.time_wait_seconds());
    let rest = case.entries().saturating_sub(holder.entries);
    let mut title = sentence![
        "for the time being: limit the new connections of",
        holder.address,
        "to",
        Word::Number(per_second),
        "per second, before they are tracked"
    ];
    if let Some(rate) = rate {
        title = title.with("(it opens").with(Word::Rate(rate)).with(")");
    }
    Remedy {
        id: "limit-one-client",
        title,
        commands: vec![here(format!("{tool} -t raw -I {tail}"), Some(format!("{tool} -t raw -D {tail}")))],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: (over >= 0.5).then(|| rest.saturating_add(settled)),
            note: sentence![
                "keeps about a tenth of the table for it, so that the others find room; it frees nothing that is there; assumed: the others stay as they are"
            ],
        },
        side_effects: vec![
            "what is above the limit fails: its SYNs are dropped and tried again after 1, 3 and 7 s".into(),
            "the rule sees packets that come in; what a program of this host opens does not pass it".into(),
        ],
        persists: false,
    }
}

/// Connections through IPVS without entries of their own here.
pub(crate) fn untracked_ipvs(case: &Case<'_>, entries: u64) -> Option<Remedy> {
    // kube-proxy sets it, and needs it: its rules ask for states and masquerade what IPVS passes on.
    let names = case.locals.addresses.values().filter_map(|(local, _)| local.interface.as_deref());
    let cluster = names.into_iter().any(|name| name.starts_with("kube-ipvs"));
    let initial = matches!(case.namespace(), Namespace::Initial | Namespace::Unknown);
    let nat = case.census?.who.nat;
    if cluster || !initial || nat.source > 0 || nat.both > 0 || beside::translates(case) {
        return None;
    }
    Some(Remedy {
        id: "untracked-ipvs",
        title: "on a director whose rules do not need it: keep IPVS's connections out of the tracker, which has a table of its own for them".into(),
        commands: vec![
            here("sysctl -w net.ipv4.vs.conntrack=0".to_owned(), Some("sysctl -w net.ipv4.vs.conntrack=1".to_owned())),
            in_file("net.ipv4.vs.conntrack = 0", super::limit::settings_file(&case.kernel)),
        ],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(entries)).filter(|left| *left > 0),
            note: "for connections from now on; those that are tracked run out by themselves; assumed: all else stays as it is".into(),
        },
        side_effects: vec![
            "rules that ask for a connection's state or translate its source no longer see what goes through IPVS: not under kube-proxy, which needs both".into(),
        ],
        persists: true,
    })
}

/// What cures the lost first SYN.
pub(crate) fn newer_kernel_for_ipvs(case: &Case<'_>, needed: bool) -> Option<Remedy> {
    needed.then(|| {
        remedy(
            "newer-kernel",
            "take a kernel from 5.9 on: there a client that uses its port again is not made to wait for a second".into(),
            Vec::new(),
            Some(case.entries()),
            "changes the delay, not the number of entries",
        )
    })
}
