//! The story: web8 fills its own table with connections to a proxy.

use std::net::IpAddr;

use conntriage::model::census::{Pair, Peer};
use conntriage::model::counters::LocalAddress;
use conntriage::model::diagnosis::*;
use conntriage::model::flow::{L4, Reply, State};
use conntriage::model::incident::*;
use conntriage::model::input::{Input, InputKind};
use conntriage::model::record::Trust;
use conntriage::model::report::*;
use conntriage::model::sentence::{Word, noun};
use conntriage::model::signal::{Limiter, Table, Wording};
use conntriage::sentence;

use super::{at, input, quiet};

const LOG: &str = "7c41e09b2d55";
const TABLE: &str = "e4d909c290d0";
const SYSCTL: &str = "1b6453892473";
const ADDRESSES: &str = "90a2f1c3b774";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn code(text: &str) -> Word {
    Word::Code(text.into())
}

fn proxy() -> Peer {
    Peer { address: ip("192.168.1.107"), port: Some(3128), l4: L4::TCP }
}

fn other_peer() -> Peer {
    Peer { address: ip("192.168.1.200"), port: Some(5050), l4: L4::TCP }
}

pub(crate) fn report() -> Report {
    let log = Input {
        bytes: 1_834,
        records: 22,
        signals: 4,
        first: Some(at(-9_000)),
        last: Some(at(1_800)),
        ..input(LOG, "samples/web8/messages", InputKind::Log, Some("syslog"))
    };
    let table = Input {
        bytes: 5_402_117,
        records: 30_611,
        ..input(TABLE, "samples/web8/ip_conntrack", InputKind::Table, Some("proc-ip_conntrack"))
    };
    let sysctl =
        Input { records: 31, ..input(SYSCTL, "samples/web8/sysctl", InputKind::Counters, Some("sysctl")) };
    let addresses = Input {
        records: 3,
        ..input(ADDRESSES, "samples/web8/ip-addr", InputKind::Counters, Some("ip-addr"))
    };
    let host = HostView {
        host: Host { name: "web8".into(), also_written_as: vec![], boot_ids: vec![] },
        kernel: Some("2.6.18-274.el5".into()),
        local_addresses: vec![(
            LocalAddress { address: ip("192.168.1.38"), interface: Some("eth1".into()) },
            ADDRESSES.into(),
        )],
        incidents: 1,
    };
    Report {
        inputs: vec![addresses, table, log, sysctl],
        hosts: vec![host],
        incidents: vec![view()],
        assumptions: vec![
            Assumption {
                about: "year",
                text: sentence!["lines name no year: taken as 2012, from when the file was last written"],
                from: Some(LOG.into()),
            },
            Assumption {
                about: "zone",
                text: sentence!["lines name no zone: taken as", code("Europe/Berlin"), ", the reader's"],
                from: None,
            },
        ],
        gaps: vec![Gap {
            what: sentence!["drops.high"],
            why: sentence!["the kernel's drop counter of before and after is not among the inputs"],
            command: Some("cat /proc/net/stat/ip_conntrack".into()),
        }],
        ..quiet()
    }
}

fn view() -> IncidentView {
    IncidentView {
        incident: incident(),
        confirmed_by: vec![],
        counters: None,
        changes: Vec::new(),
        holder: None,
        recurrence: None,
        snapshots: vec![SnapshotUse {
            id: TABLE.into(),
            role: Role::At,
            leads: true,
            taken_at: Some(at(600)),
            took_seconds: None,
            offset_seconds: Some(600.0),
            listed: Some(30_611),
            count: None,
            max: Some(30_611),
            buckets: Some(8_192),
            duplicates_removed: Some(0),
            complete: true,
            note: None,
        }],
        body: body(),
    }
}

fn incident() -> Incident {
    let point = |after: i64, visible: u64, suppressed: u64| TimelinePoint {
        at_us: at(after).0,
        visible: Some(visible),
        suppressed: Some(suppressed),
        ..TimelinePoint::default()
    };
    Incident {
        id: "5e0c7a91f3b2".into(),
        host: 0,
        boot: None,
        table: Table::Conntrack,
        wordings: vec![Wording::IpPeriod],
        limiters: vec![Limiter::Printk],
        namespace: Namespace::Unknown,
        trust: Trust::Unverified,
        times: Times {
            start: Some(at(0)),
            end: Some(at(1_454)),
            since_boot_us: None,
            basis: TimeBasis::InferredYear,
            precision_us: 1_000_000,
            uncertainty_us: None,
        },
        drops: Drops {
            visible: 2,
            repeated: 0,
            suppressed: 13,
            low: 2,
            high: Some(15),
            high_is: HighIs::Bound,
            method: Method::Log,
            widened_by: vec![Widening::UnseenUsers],
            streams: vec![StreamDrops { input: LOG.into(), visible: 2, suppressed: 13, leads: true }],
            host_total: None,
        },
        sampled: None,
        timeline: Timeline { step_seconds: 16, points: vec![point(0, 1, 9), point(1_440, 1, 4)] },
        around: vec![],
        lines: vec![
            (*b"Apr 12 11:17:55 web8 kernel: printk: 9 messages suppressed.").into(),
            (*b"Apr 12 11:17:55 web8 kernel: ip_conntrack: table full, dropping packet.").into(),
            (*b"Apr 12 11:42:09 web8 kernel: printk: 4 messages suppressed.").into(),
            (*b"Apr 12 11:42:09 web8 kernel: ip_conntrack: table full, dropping packet.").into(),
        ],
        ongoing: false,
    }
}

fn body() -> Body {
    Body {
        census: Some(census()),
        verdict: verdict(),
        runners_up: vec![
            RunnerUp {
                cause: Cause("syn-flood"),
                confidence: Confidence::Low,
                why_not: sentence!["only", Word::Count(7, noun::ENTRY), "are in", State::SynRecv],
            },
            RunnerUp {
                cause: Cause("inbound-short-connections"),
                confidence: Confidence::Low,
                why_not: sentence![
                    "the source of",
                    Word::Share(0.9623),
                    "is an address of this host, not a client"
                ],
            },
        ],
        top_sources: sources(),
        top_peers: peers(),
        top_pairs: vec![
            TopPair {
                pair: Pair { source: ip("192.168.1.38"), peer: proxy() },
                entries: 28_902,
                share: 0.9442,
            },
            TopPair {
                pair: Pair { source: ip("192.168.1.38"), peer: other_peer() },
                entries: 551,
                share: 0.018,
            },
        ],
        evidence: evidence(),
        remedies: remedies(),
        what_if: vec![WhatIf {
            changes: vec![("net.ipv4.netfilter.ip_conntrack_max".into(), 65_536)],
            traffic: vec![],
            entries_freed_now: Some(0),
            steady_state_entries: Some(30_611),
            full_again_seconds: None,
            assumptions: vec![sentence!["the rate stays", Word::Rate(245.475)]],
        }],
        will_not_help: will_not_help(),
    }
}

fn verdict() -> Verdict {
    Verdict {
        cause: Cause("self-inflicted-churn"),
        contributing: vec![Cause("limit-not-in-force")],
        confidence: Confidence::High,
        summary: vec![
            sentence![
                Word::Untrusted((*b"web8").into()),
                "fills its own table:",
                Word::Count(29_457, noun::ENTRY),
                "of",
                Word::Number(30_611),
                "are its own connections to",
                Word::Endpoint(ip("192.168.1.107"), Some(3128), L4::TCP)
            ],
            sentence![
                "each is used once, closed, and held for",
                Word::Duration(120.0),
                "in",
                State::TimeWait,
                ":",
                Word::Rate(245.475),
                "keep the table full"
            ],
            sentence![
                "reuse connections to the proxy; until then raise the limit so that it survives a firewall reload"
            ],
        ],
        rate_per_second: Some(245.475),
    }
}

fn sources() -> Vec<TopSource> {
    let row = |address: &str, entries: u64, local: bool| TopSource {
        address: ip(address),
        entries,
        entries_error: 0,
        share: entries as f64 / 30_611.0,
        is_local: Some(local),
        states: vec![(StateLabel::State(State::Established), entries)],
        owner: None,
        note: None,
    };
    let time_wait = vec![
        (StateLabel::State(State::TimeWait), 29_201),
        (StateLabel::State(State::Established), 214),
        (StateLabel::State(State::SynSent), 42),
    ];
    vec![
        TopSource { states: time_wait, ..row("192.168.1.38", 29_457, true) },
        row("203.0.113.14", 260, false),
        row("198.51.100.77", 189, false),
        row("203.0.113.201", 155, false),
        TopSource {
            note: Some(sentence!["a carrier NAT address: many clients may stand behind it"]),
            ..row("100.64.12.9", 150, false)
        },
    ]
}

fn peers() -> Vec<TopPeer> {
    let row = |peer: Peer, entries: u64, service: Option<&'static str>| TopPeer {
        peer,
        entries,
        entries_error: 0,
        share: entries as f64 / 30_611.0,
        service,
        states: vec![(StateLabel::State(State::TimeWait), entries)],
    };
    let own = Peer { address: ip("192.168.1.38"), port: Some(80), l4: L4::TCP };
    vec![
        row(proxy(), 28_902, Some("squid/http proxy")),
        row(own, 1_121, Some("http")),
        row(other_peer(), 551, None),
    ]
}

fn census() -> CensusView {
    let bar = |from_seconds, to_seconds, entries| IdleBar { from_seconds, to_seconds, entries };
    CensusView {
        entries: 30_611,
        by_protocol: vec![(L4::TCP, 30_574), (L4::UDP, 31), (L4::ICMP, 6)],
        by_state: vec![
            (StateLabel::State(State::TimeWait), 29_398),
            (StateLabel::State(State::Established), 1_127),
            (StateLabel::State(State::SynSent), 42),
            (StateLabel::Protocol(L4::UDP, Reply::Unreplied), 31),
            (StateLabel::State(State::SynRecv), 7),
            (StateLabel::Protocol(L4::ICMP, Reply::Unreplied), 6),
        ],
        assured: 30_516,
        unreplied: 79,
        distinct_sources: Some(412),
        local_share: Some(0.9623),
        idle_age: vec![
            bar(0, 10, 2_533),
            bar(10, 60, 12_310),
            bar(60, 120, 14_602),
            bar(120, 600, 611),
            bar(600, 3_600, 402),
            bar(3_600, 432_000, 153),
        ],
        effective: Effective { evictable: 95, closing: 29_398, live: 1_118 },
        exact: true,
        ..CensusView::default()
    }
}

fn evidence() -> Vec<Evidence> {
    vec![
        Evidence {
            id: "share-of-top-source",
            fact: sentence![
                Word::Share(0.9623),
                "of all entries have one source,",
                ip("192.168.1.38"),
                ", an address of this host"
            ],
            speaks_for: Some(true),
            values: vec![("share", 0.9623), ("entries", 29_457.0)],
            from: vec![TABLE.into(), ADDRESSES.into()],
        },
        Evidence {
            id: "share-of-time-wait",
            fact: sentence![
                Word::Share(0.9913),
                "of them are in",
                State::TimeWait,
                "to",
                Word::Port(3128, L4::TCP)
            ],
            speaks_for: Some(true),
            values: vec![("share", 0.9913)],
            from: vec![TABLE.into()],
        },
        Evidence {
            id: "unseen-limiter-users",
            fact: sentence!["the log shows few drops for so full a table"],
            speaks_for: Some(false),
            values: vec![],
            from: vec![LOG.into()],
        },
        Evidence {
            id: "kernel",
            fact: sentence!["the wording is that of 2.4.21 to 2.6.18"],
            speaks_for: None,
            values: vec![],
            from: vec![LOG.into()],
        },
    ]
}

fn remedies() -> Vec<Remedy> {
    let key = "net.ipv4.netfilter.ip_conntrack_max";
    vec![
        Remedy {
            id: "reuse-connections",
            title: sentence![
                "reuse connections to",
                Word::Endpoint(ip("192.168.1.107"), Some(3128), L4::TCP)
            ],
            commands: vec![],
            effect: Effect {
                entries_freed_now: Some(0),
                steady_state_entries: Some(1_709),
                note: sentence!["within", Word::Duration(120.0), "of the change"],
            },
            side_effects: vec![],
            persists: true,
        },
        Remedy {
            id: "raise-limit",
            title: sentence!["raise the limit so that a restart of the firewall does not undo it"],
            commands: vec![
                Command {
                    line: format!("sysctl -w {key}=65536"),
                    place: "this host".into(),
                    undo: Some(format!("sysctl -w {key}=30611")),
                },
                Command {
                    line: format!("IPTABLES_SYSCTL_LOAD_LIST=\"{key}\""),
                    place: "/etc/sysconfig/iptables-config".into(),
                    undo: None,
                },
                Command { line: format!("{key} = 65536"), place: "/etc/sysctl.conf".into(), undo: None },
            ],
            effect: Effect {
                entries_freed_now: Some(0),
                steady_state_entries: Some(30_611),
                note: sentence!["room for", Word::Rate(534.0)],
            },
            side_effects: vec![sentence!["up to", Word::Bytes(20_447_232), "of kernel memory when full"]],
            persists: true,
        },
        Remedy {
            id: "shorten-time-wait",
            title: sentence!["let closed connections go earlier"],
            commands: vec![Command {
                line: "sysctl -w net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait=60".into(),
                place: "this host".into(),
                undo: Some("sysctl -w net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait=120".into()),
            }],
            effect: Effect {
                entries_freed_now: Some(14_602),
                steady_state_entries: Some(15_882),
                note: sentence!["at the same rate"],
            },
            side_effects: vec![sentence!["none here: this host does no NAT"]],
            persists: false,
        },
    ]
}

fn will_not_help() -> Vec<WillNotHelp> {
    vec![
        WillNotHelp {
            id: "tcp_tw_reuse",
            reason: sentence!["it reuses sockets; the tracker keeps its entries all the same"],
        },
        WillNotHelp {
            id: "tcp_timeout_established",
            reason: sentence!["only", Word::Share(0.0368), "of the entries are", State::Established],
        },
    ]
}
