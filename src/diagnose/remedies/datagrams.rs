//! Against datagrams: fewer of them, timers that fit them, refused before they are tracked.

use std::net::IpAddr;

use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::flow::{L4, Reply};
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::facts::Case;
use super::shorter::saves;
use super::untracked::{Rule, before_tracking};
use super::{bracketed, here, in_file, set};

/// RFC 4787 wants two minutes at least for a mapping in use; the kernel's own default from 5.0 on.
const STREAM_SECONDS: u64 = 120;
/// The kernel's default for an exchange of two packets. Never below: slow answers, SIP and keepalives of 25 s need it.
const EXCHANGE_SECONDS: u64 = 30;
/// An echo that takes longer than this is lost.
const ECHO_SECONDS: u64 = 10;
/// Protocols without a tracker of their own: as long as four keepalives of half a minute.
const GENERIC_SECONDS: u64 = 120;
/// The default of newer kernels: seven heartbeats of 30 s.
const SCTP_SECONDS: u64 = 210;
/// Exchanges that a program behind this host may have at a time. More are refused; those it has go on.
const PROGRAM_MAX: u64 = 500;
/// Echo requests a second that are let through: far above what monitoring of one machine sends.
const ECHOES_PER_SECOND: u64 = 100;

/// A timeout set to what it is by default, or in newer kernels, where it is longer now and entries enough are under it.
fn shorter(
    case: &Case<'_>,
    id: &'static str,
    bare: &'static str,
    seconds: u64,
    side_effect: &'static str,
) -> Option<Remedy> {
    let now = case.timeouts().named_or_default(bare).filter(|now| *now > seconds)?;
    let governs = |class: &crate::model::census::Class| {
        crate::model::era::timeout_name(class.l4, class.state, class.replied) == Some(bare)
    };
    if !saves(case, |class| governs(class).then_some(seconds)) {
        return None;
    }
    Some(Remedy {
        id,
        title: sentence![
            "let",
            Word::Code(case.kernel.key(bare)),
            "be",
            Word::Duration(seconds as f64),
            "instead of",
            Word::Duration(now as f64)
        ],
        commands: set(&case.kernel, bare, seconds, Some(now)),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: case.settles_at(|class| governs(class).then_some(seconds)),
            note: sentence!["timers that run keep their old end: it shows after", Word::Duration(now as f64)],
        },
        side_effects: vec![side_effect.into()],
        persists: true,
    })
}

/// Exchanges of two packets leave after the default, where somebody made it longer.
pub(crate) fn shorter_exchange(case: &Case<'_>) -> Option<Remedy> {
    shorter(
        case,
        "udp-timeout",
        "udp_timeout",
        EXCHANGE_SECONDS,
        "not below 30 s: slow answers of resolvers, SIP and keepalives every 25 s lose their entry then; for other people's traffic RFC 4787 asks for two minutes once both sides have spoken, which is the timeout of streams",
    )
}

/// Streams leave after two minutes.
pub(crate) fn shorter_stream(case: &Case<'_>) -> Option<Remedy> {
    shorter(
        case,
        "udp-stream-timeout",
        "udp_timeout_stream",
        STREAM_SECONDS,
        "not below two minutes (RFC 4787): a silent call, game or tunnel behind NAT loses its mapping then",
    )
}

/// Echoes leave after ten seconds.
pub(crate) fn shorter_echo(case: &Case<'_>, l4: L4) -> Option<Remedy> {
    let bare = if l4 == L4::ICMPV6 { "icmpv6_timeout" } else { "icmp_timeout" };
    shorter(
        case,
        "icmp-timeout",
        bare,
        ECHO_SECONDS,
        "an echo that takes longer (satellite, a congested line) is taken for a new one, and behind NAT it is lost",
    )
}

/// Protocols without a tracker leave after two minutes.
pub(crate) fn shorter_generic(case: &Case<'_>) -> Option<Remedy> {
    shorter(
        case,
        "generic-timeout",
        "generic_timeout",
        GENERIC_SECONDS,
        "a tunnel that is silent for longer begins a new entry with its next packet; a firewall that lets in only answers must then see its own side speak first",
    )
}

/// SCTP leaves after what newer kernels have.
pub(crate) fn shorter_sctp(case: &Case<'_>) -> Option<Remedy> {
    shorter(
        case,
        "sctp-timeout",
        "sctp_timeout_established",
        SCTP_SECONDS,
        "an association that sends no heartbeats (every 30 s by default) and is silent for longer loses its entry",
    )
}

/// A cache near those who ask.
pub(crate) fn cache_names(
    case: &Case<'_>,
    held: u64,
    through_service: bool,
    asker: Option<IpAddr>,
) -> Remedy {
    let mut commands = Vec::new();
    if let Some(own) = asker.filter(|asker| case.locals.is_local(*asker) == Some(true)) {
        let find = here("ss -uanp dport = :53".to_owned(), None);
        commands.push(Command { place: format!("this host ({own}): names the program that asks"), ..find });
    }
    if through_service {
        commands.push(in_file(
            "dnsConfig: { options: [ { name: ndots, value: \"1\" } ] }",
            "spec of the pods whose programs ask for full names",
        ));
    }
    let title: &'static str = if through_service {
        "the cure: answer lookups on the node (NodeLocal DNSCache takes its own out of tracking), and ask for full names, with the dot at the end"
    } else {
        "the cure: a caching resolver on the machines that ask, and programs that keep their answers"
    };
    Remedy {
        id: "cache-names",
        title: title.into(),
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(held)),
            note: "at best: a lookup that is answered near by makes no entry here; what is there now is gone in a minute or three".into(),
        },
        side_effects: if through_service {
            vec!["with ndots at 1 a name that has a dot is asked as it stands first: names like service.namespace need one more lookup or their full form".into()]
        } else {
            vec!["a changed address is seen only when the old answer has run out".into()]
        },
        persists: true,
    }
}

/// What senders of one-way messages can do.
pub(crate) fn one_socket(
    case: &Case<'_>,
    port: u16,
    held: u64,
    senders: u64,
    receiver: Option<IpAddr>,
) -> Remedy {
    let mut commands = Vec::new();
    if matches!(port, 514 | 5140)
        && let Some(receiver) = receiver
    {
        commands.push(in_file(
            &format!("*.* @@{}:{port}", bracketed(receiver)),
            "rsyslog.conf of the senders, if that is rsyslog (@@ is TCP: one connection that stays)",
        ));
    }
    Remedy {
        id: "one-socket",
        title: sentence![
            "the cure: let each sender keep one socket for",
            Word::Port(port, L4::UDP),
            "instead of a new one for each message, or use a connection that stays (TCP)"
        ],
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(held).saturating_add(senders)),
            note: "one entry for each sender and receiver takes the place of one for each message".into(),
        },
        side_effects: vec![
            "over TCP a receiver that stands still holds its senders up: give them a queue".into(),
        ],
        persists: true,
    }
}

/// Datagrams from a source port to an address, dropped before they are tracked. `exempt`: who may.
pub(crate) fn drop_from_port(case: &Case<'_>, to: IpAddr, port: u16, held: u64, exempt: &[IpAddr]) -> Remedy {
    let to = to.to_canonical();
    let family = if to.is_ipv4() { "ip" } else { "ip6" };
    let mut rules: Vec<Rule> = exempt
        .iter()
        .map(|server| {
            let server = server.to_canonical();
            Rule {
                iptables: format!("-p udp -s {server} -d {to} --sport {port} -j ACCEPT"),
                nft: format!("{family} saddr {server} {family} daddr {to} udp sport {port} accept"),
            }
        })
        .collect();
    // A host that drops the answers of all resolvers has no names any more: without known ones nothing is dropped.
    if port != 53 || !exempt.is_empty() {
        rules.push(Rule {
            iptables: format!("-p udp -d {to} --sport {port} -j DROP"),
            nft: format!("{family} daddr {to} udp sport {port} drop"),
        });
    }
    let mut side_effects: Vec<Sentence> =
        vec!["the line to this host stays as full as it is: only the provider can change that".into()];
    if matches!(port, 53 | 123) {
        side_effects.push(
            "answers of your own resolvers and time servers come from that port too: accept each by its address before the drop, or they are lost"
                .into(),
        );
    }
    Remedy {
        id: "drop-before-tracking",
        title: sentence![
            "drop datagrams from",
            Word::Port(port, L4::UDP),
            "to",
            to,
            "before they are tracked, and ask the provider to filter them"
        ],
        commands: before_tracking(case, to.is_ipv4(), false, &rules),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(held)),
            note: "what is dropped before it is tracked makes no entry; those that are there leave within their timeout"
                .into(),
        },
        side_effects,
        persists: false,
    }
}

/// A service that answers strangers, closed to them.
pub(crate) fn close_service(case: &Case<'_>, own: IpAddr, port: u16, held: u64) -> Remedy {
    let own = own.to_canonical();
    let family = if own.is_ipv4() { "ip" } else { "ip6" };
    let config: &[(&str, &str)] = match port {
        11_211 => &[("-U 0", "memcached's options: no UDP")],
        123 => {
            &[("restrict default kod limited nomodify notrap nopeer noquery", "ntp.conf, if that is ntpd")]
        }
        53 => &[
            ("allow-recursion { localnets; localhost; };", "options of named.conf, if that is BIND"),
            ("rate-limit { responses-per-second 5; };", "options of named.conf, if that is BIND"),
        ],
        _ => &[],
    };
    let mut commands: Vec<Command> = config.iter().map(|(line, place)| in_file(line, place)).collect();
    // Names and time are asked for by strangers rightly.
    if !matches!(port, 53 | 123) {
        let rule = Rule {
            iptables: format!("-p udp -d {own} --dport {port} -j DROP"),
            nft: format!("{family} daddr {own} udp dport {port} drop"),
        };
        commands.extend(before_tracking(case, own.is_ipv4(), false, &[rule]));
    }
    Remedy {
        id: "close-service",
        title: sentence![
            "the cure: let",
            Word::Endpoint(own, Some(port), L4::UDP),
            "answer nobody from outside; what it answers goes to the victim of somebody else's forged requests"
        ],
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(held)),
            note: "the entries leave within their timeout once nothing answers".into(),
        },
        side_effects: vec![
            "clients that rightly ask over UDP must be let in by their addresses first".into(),
        ],
        persists: false,
    }
}

/// Fewer connections of one program.
pub(crate) fn cap_program(case: &Case<'_>, source: IpAddr, port: Option<u16>, held: u64) -> Remedy {
    let source = source.to_canonical();
    let own = case.locals.is_local(source);
    let mut commands = Vec::new();
    if let (Some(port), Some(true)) = (port, own) {
        let find = here(format!("ss -uanp sport = :{port}"), None);
        commands.push(Command { place: "this host: names the program".to_owned(), ..find });
    }
    if let (Some(port), Some(false)) = (port, own) {
        let tool = if source.is_ipv4() { "iptables" } else { "ip6tables" };
        let mask = if source.is_ipv4() { 32 } else { 128 };
        let tail = format!(
            "-p udp -s {source} --sport {port} -m conntrack --ctstate NEW -m connlimit --connlimit-above {PROGRAM_MAX} --connlimit-mask {mask} -j DROP"
        );
        commands.push(here(format!("{tool} -I FORWARD 1 {tail}"), Some(format!("{tool} -D FORWARD {tail}"))));
    }
    let title = match own {
        Some(true) => sentence![
            "the cure: limit the connections of that program on this host (its own settings: peers, DHT, crawl rate)"
        ],
        _ => sentence![
            "the cure: limit the connections of that program on",
            source,
            "(its own settings: peers, DHT, crawl rate), or what this host forwards of it"
        ],
    };
    Remedy {
        id: "cap-program",
        title,
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: Some(case.entries().saturating_sub(held)),
            note: "at best, with the program stopped; exchanges that were not answered leave within half a minute by themselves".into(),
        },
        side_effects: vec!["a limit that is too low makes such programs slow, not quiet: they ask again".into()],
        persists: false,
    }
}

/// Echo requests a second that are let through: no more than monitoring needs, and a fifth of those that come, for a limit
/// above their rate would change nothing.
fn echoes_let_through(held: u64, timeout_seconds: Option<u64>) -> u64 {
    let come = timeout_seconds.map(|seconds| held / seconds.max(1));
    come.map_or(ECHOES_PER_SECOND, |come| (come / 5).clamp(1, ECHOES_PER_SECOND))
}

/// Echo requests above a rate, dropped before they are tracked.
pub(crate) fn fewer_echoes(
    case: &Case<'_>,
    from: Option<IpAddr>,
    to: Option<IpAddr>,
    held: u64,
) -> Option<Remedy> {
    let of = from.or(to)?.to_canonical();
    let (kind, family, nft_kind, l4) = if of.is_ipv4() {
        ("-p icmp --icmp-type echo-request", "ip", "icmp type echo-request", L4::ICMP)
    } else {
        ("-p icmpv6 --icmpv6-type echo-request", "ip6", "icmpv6 type echo-request", L4::ICMPV6)
    };
    let timeout = case.timeouts().of(l4, None, Reply::Replied).map(|timeout| timeout.seconds);
    let limit = echoes_let_through(held, timeout);
    let made_here = from.is_some_and(|from| case.locals.is_local(from) == Some(true));
    let (flag, word) = if from.is_some() { ("-s", "saddr") } else { ("-d", "daddr") };
    let rule = Rule {
        iptables: format!(
            "{kind} {flag} {of} -m hashlimit --hashlimit-above {limit}/sec --hashlimit-name echoes -j DROP"
        ),
        nft: format!("{family} {word} {of} {nft_kind} limit rate over {limit}/second drop"),
    };
    let preposition: &'static str = if from.is_some() { "from" } else { "to" };
    Some(Remedy {
        id: "fewer-echoes",
        title: sentence![
            "drop echo requests above",
            Word::Rate(limit as f64),
            preposition,
            of,
            "before they are tracked"
        ],
        commands: before_tracking(case, of.is_ipv4(), made_here, &[rule]),
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: timeout.map(|seconds| {
                let left = held.min(seconds.saturating_mul(limit));
                case.entries().saturating_sub(held).saturating_add(left)
            }),
            note: "echo requests only: errors, neighbour discovery and everything else of ICMP must pass"
                .into(),
        },
        side_effects: vec![
            "monitoring that pings faster than that reads losses: let it in by its address first".into(),
        ],
        persists: false,
    })
}
