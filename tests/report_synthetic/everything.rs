//! A report in which every field holds something, and every text that could come from input is hostile.

use std::net::IpAddr;

use conntriage::model::blemish::{Blemish, BlemishKind};
use conntriage::model::census::{Pair, Peer};
use conntriage::model::counters::*;
use conntriage::model::diagnosis::*;
use conntriage::model::flow::{L4, Reply, State};
use conntriage::model::incident::*;
use conntriage::model::input::{Input, InputKind};
use conntriage::model::record::Trust;
use conntriage::model::report::*;
use conntriage::model::scenario::Deed;
use conntriage::model::sentence::{Sentence, Word, noun};
use conntriage::model::signal::{Capacity, Limiter, RelatedKind, Table, Wording};
use conntriage::model::time::{BootId, WallTime};
use conntriage::sentence;

use super::{at, input, quiet};

/// Moves the cursor, ends the line, reorders what follows, hides, and is no UTF-8 in its byte form.
pub(crate) const HOSTILE: &str = "evil\x1b[2J\nroot# \u{202e}fdp\u{200b}\u{7f}\u{9b}31m\u{a0}x";

fn hostile() -> Box<str> {
    HOSTILE.into()
}

fn hostile_word() -> Word {
    let mut raw = HOSTILE.as_bytes().to_vec();
    raw.extend_from_slice(b"\xff\xfe");
    Word::Untrusted(raw.into())
}

fn long() -> IpAddr {
    "2001:db8:1234:5678:9abc:def0:1234:5678".parse().unwrap()
}

fn short() -> IpAddr {
    "10.0.0.1".parse().unwrap()
}

fn strange_state() -> State {
    let mut word = [0; 16];
    word[..8].copy_from_slice(b"OD\x1b[7mD\n");
    State::Other(word)
}

/// Every kind of word in one sentence.
fn every_word() -> Sentence {
    sentence![
        "every word:",
        Word::Count(1, noun::ENTRY),
        ",",
        Word::Number(u64::MAX),
        ",",
        Word::Rate(0.02),
        ",",
        Word::Share(0.999_99),
        "(",
        Word::Bytes(3_000_000_000),
        "),",
        Word::Duration(3_725.0),
        ";",
        at(0),
        Word::Address(long()),
        Word::Endpoint(long(), Some(65_535), L4::UDP),
        Word::Port(53, L4::UDP),
        Word::Protocol(L4(41)),
        strange_state(),
        Word::Code("a \u{1b} b".into()),
        hostile_word(),
    ]
}

pub(crate) fn report() -> Report {
    Report {
        settings: settings(),
        complete: false,
        inputs: inputs(),
        hosts: hosts(),
        incidents: vec![full_incident(), bare_incident()],
        snapshots: vec![SnapshotView {
            id: "00000000000c".into(),
            host: Some("other".into()),
            namespace: Namespace::Container(hostile()),
            holder: None,
            facts: SnapshotUse { count: Some(5), max: Some(10), ..snapshot_use(Role::At) },
            body: full_body(),
        }],
        findings: vec![Finding {
            host: Some(hostile()),
            cause: Cause("timeout-too-low"),
            summary: vec![every_word()],
            evidence: full_evidence(),
            remedies: full_remedies(),
        }],
        assumptions: vec![Assumption { about: "host", text: every_word(), from: Some(hostile()) }],
        gaps: vec![Gap {
            what: sentence!["drops.high"],
            why: every_word(),
            command: Some(format!("cat '{HOSTILE}'")),
        }],
        ..quiet()
    }
}

fn settings() -> Settings {
    Settings {
        zone: Some("Europe/Berlin".into()),
        year: Some(2012),
        host_name: Some(hostile()),
        hosts: vec![hostile()],
        since: Some(at(-10)),
        until: Some(at(10_000)),
        local: vec![short(), long()],
        top: 3,
        quiet_seconds: 600,
        what_if: vec![("nf_conntrack_max".into(), 262_144)],
        what_if_traffic: deeds(),
    }
}

fn deeds() -> Vec<Deed> {
    let peer = Peer { address: long(), port: Some(3_128), l4: L4::TCP };
    vec![Deed::Remove(short()), Deed::Reuse(peer), Deed::Untrack(Pair { source: short(), peer })]
}

fn inputs() -> Vec<Input> {
    let blemish = Blemish { count: 3, first_offset: 1_234_567, first_raw: HOSTILE.as_bytes().into() };
    let damaged = Input {
        member: Some(hostile()),
        via: vec!["tar", "gz"],
        malformed: 3,
        first_malformed: Some((BlemishKind::BadAddress, blemish)),
        first: Some(at(0)),
        last: Some(WallTime(at(60).0 + 1)),
        complete: false,
        note: Some(hostile()),
        signals: 5,
        ..input("00000000000a", HOSTILE, InputKind::Log, Some("kmsg"))
    };
    let strangers = (0..7).map(|n| Input {
        named: false,
        ..input("00000000000d", &format!("/srv/sos/{n}"), InputKind::Unrecognised, None)
    });
    let known = [
        damaged,
        input("00000000000b", "/tmp/b/manifest.json", InputKind::Bundle, None),
        input("00000000000c", "/tmp/b/nf_conntrack", InputKind::Table, Some("proc-nf_conntrack")),
    ];
    known.into_iter().chain(strangers).collect()
}

fn hosts() -> Vec<HostView> {
    let view = |name: Box<str>| HostView {
        host: Host { name, also_written_as: vec![hostile()], boot_ids: vec![BootId([0xab; 16])] },
        kernel: Some(hostile()),
        local_addresses: vec![(
            LocalAddress { address: long(), interface: Some(hostile()) },
            "--local".into(),
        )],
        incidents: 1,
    };
    vec![view(hostile()), view("other".into())]
}

fn snapshot_use(role: Role) -> SnapshotUse {
    SnapshotUse {
        id: "00000000000c".into(),
        role,
        leads: role == Role::At,
        taken_at: Some(at(30)),
        took_seconds: None,
        offset_seconds: Some(if role == Role::Before { -30.25 } else { 30.0 }),
        listed: Some(4),
        count: Some(262_144),
        max: Some(262_144),
        buckets: Some(65_536),
        duplicates_removed: Some(2),
        complete: false,
        note: Some(every_word()),
    }
}

fn counters(n: u64) -> Counters {
    Counters {
        configured: std::collections::BTreeMap::new(),
        sysctl: [
            (Box::from("net.netfilter.nf_conntrack_max"), Box::from("262144")),
            (Box::from("kernel.hostname"), hostile()),
            (Box::from("net.netfilter.nf_conntrack_helper"), hostile()),
        ]
        .into(),
        stat: Some(StatCounters {
            entries: Some(n),
            drop: Some(n),
            early_drop: Some(n),
            insert_failed: Some(n),
            chain_too_long: Some(n),
            clash_resolve: Some(n),
            invalid: Some(n),
            found: Some(n),
            search_restart: Some(n),
            insert: Some(n),
            ..StatCounters::default()
        }),
        slabs: vec![Slab { name: hostile(), active: n, total: n, object_bytes: 320 }],
        addresses: vec![],
        addresses_known: true,
        uname: Some(Uname { host: hostile(), release: hostile() }),
        count: Some(n),
        memory_bytes: Some(n),
        ..Counters::default()
    }
}

fn full_incident() -> IncidentView {
    IncidentView {
        incident: Incident {
            id: "abcdefabcdef".into(),
            host: 0,
            boot: Some(BootId([0xab; 16])),
            table: Table::Conntrack,
            wordings: vec![Wording::NfDoubledNetns],
            limiters: vec![Limiter::NetRatelimit],
            namespace: Namespace::Netns(4_026_532_281),
            trust: Trust::Kernel,
            times: Times {
                start: Some(at(0)),
                end: Some(WallTime(at(86_400).0 + 500)),
                since_boot_us: Some((1_500_000, 86_401_500_500)),
                basis: TimeBasis::BootTied,
                precision_us: 1,
                uncertainty_us: Some(2_000_000),
            },
            drops: full_drops(),
            sampled: None,
            timeline: full_timeline(),
            around: vec![full_around()],
            lines: vec![HOSTILE.as_bytes().into(), (*b"\xff\x00 raw").into()],
            ongoing: true,
        },
        confirmed_by: vec!["counters"],
        counters: Some((counters(10), counters(20))),
        snapshots: [Role::Before, Role::At, Role::FollowUp, Role::After].map(snapshot_use).into(),
        holder: None,
        recurrence: Some(Recurrence { pattern: sentence!["every", Word::Duration(1_200.0)], occurrences: 7 }),
        changes: [ChangeKind::Source, ChangeKind::Peer, ChangeKind::State]
            .map(|kind| Change {
                kind,
                key: Sentence(vec![Word::Untrusted(HOSTILE.as_bytes().into())]),
                before: 1_234,
                at: Some(u64::MAX),
                after: 0,
            })
            .into(),
        body: full_body(),
    }
}

fn full_drops() -> Drops {
    let stream = |leads| StreamDrops { input: "00000000000a".into(), visible: 40, suppressed: 2_364, leads };
    Drops {
        visible: 40,
        repeated: 4,
        suppressed: 2_364,
        low: 2_404,
        high: Some(3_560),
        high_is: HighIs::Estimate,
        method: Method::Counters,
        widened_by: vec![
            Widening::LastWindowUnreported,
            Widening::OthersVisible,
            Widening::UnseenUsers,
            Widening::WindowBefore,
            Widening::FlushedByOther,
            Widening::LateFlush,
            Widening::LinesLost(None),
            Widening::LinesLost(Some(7)),
            Widening::Contended,
            Widening::SharedByNamespaces,
            Widening::ClockStep,
            Widening::EraUnknown,
            Widening::LimiterChanged,
            Widening::NotDrops,
            Widening::Coarse(120),
        ],
        streams: vec![stream(true), stream(false)],
        host_total: Some((3_000, Some(4_000))),
    }
}

fn full_timeline() -> Timeline {
    let point = |minute: i64| TimelinePoint {
        at_us: at(minute * 60).0,
        visible: Some(10),
        suppressed: Some(u64::try_from(minute).unwrap() * 7),
        drops: Some(60),
        early_drops: Some(3),
        count: Some(262_000),
        max: Some(262_144),
    };
    Timeline { step_seconds: 60, points: [0, 1, 2, 5, 60, 61, 1_440].map(point).into() }
}

fn full_around() -> Around {
    Around {
        at: Some(at(-30)),
        kind: RelatedKind::SynFlood,
        fact: every_word(),
        from: "00000000000a".into(),
        count: 12,
        port: Some(443),
        capacity: Some(Capacity { buckets: 65_536, max: 262_144, entry_bytes: Some(320) }),
        about: Vec::new(),
    }
}

/// As little as an incident can be.
fn bare_incident() -> IncidentView {
    IncidentView {
        incident: Incident {
            id: "111111111111".into(),
            host: 1,
            boot: None,
            table: Table::Expectation,
            wordings: vec![Wording::Expectation],
            limiters: vec![],
            namespace: Namespace::Unknown,
            trust: Trust::Unverified,
            times: Times {
                start: None,
                end: None,
                since_boot_us: None,
                basis: TimeBasis::Relative,
                precision_us: 0,
                uncertainty_us: None,
            },
            drops: Drops {
                visible: 1,
                repeated: 0,
                suppressed: 0,
                low: 1,
                high: None,
                high_is: HighIs::Unknown,
                method: Method::Log,
                widened_by: vec![],
                streams: vec![],
                host_total: None,
            },
            sampled: None,
            timeline: Timeline::default(),
            around: vec![],
            lines: vec![],
            ongoing: false,
        },
        confirmed_by: vec![],
        counters: None,
        snapshots: vec![],
        changes: vec![],
        holder: None,
        recurrence: None,
        body: Body {
            census: None,
            verdict: Verdict {
                cause: Cause("insufficient-evidence"),
                contributing: vec![],
                confidence: Confidence::Low,
                summary: vec![sentence!["only the log speaks"]],
                rate_per_second: None,
            },
            runners_up: vec![],
            top_sources: vec![],
            top_peers: vec![],
            top_pairs: vec![],
            evidence: vec![],
            remedies: vec![],
            what_if: vec![],
            will_not_help: vec![],
        },
    }
}

fn states() -> StateCounts {
    vec![
        (StateLabel::State(State::TimeWait), 3),
        (StateLabel::Protocol(L4(41), Reply::Replied), 1),
        (StateLabel::State(strange_state()), 1),
    ]
}

fn full_evidence() -> Vec<Evidence> {
    let fact = |speaks_for| Evidence {
        id: "share-of-top-source",
        fact: every_word(),
        speaks_for,
        values: vec![("share", 0.5), ("entries", 3.0), ("nonsense", f64::NAN)],
        from: vec!["00000000000a".into(), hostile()],
    };
    vec![fact(Some(true)), fact(Some(false)), fact(None)]
}

fn full_remedies() -> Vec<Remedy> {
    let command = |line: &str, place: &str| Command {
        line: line.to_owned(),
        place: place.to_owned(),
        undo: Some(format!("undo {line}")),
    };
    vec![Remedy {
        id: "notrack",
        title: every_word(),
        commands: vec![
            command("sysctl -w net.netfilter.nf_conntrack_max=524288", "this host"),
            command(
                "nft add rule ip6 raw prerouting ip6 saddr 2001:db8:1234:5678:9abc:def0:1234:5678 ip6 daddr \
                 2001:db8::1 tcp dport 443 counter notrack comment \"two words\"",
                "this host",
            ),
            command("net.netfilter.nf_conntrack_max = 524288", "/etc/sysctl.d/90-conntrack.conf"),
            command(HOSTILE, HOSTILE),
        ],
        effect: Effect { entries_freed_now: Some(1), steady_state_entries: Some(2), note: every_word() },
        side_effects: vec![every_word(), sentence!["none"]],
        persists: false,
    }]
}

fn full_body() -> Body {
    let peer = Peer { address: long(), port: Some(65_535), l4: L4::UDP };
    let portless = Peer { address: short(), port: None, l4: L4::ICMP };
    let source = |address, is_local| TopSource {
        address,
        entries: 3,
        entries_error: 1,
        share: 0.75,
        is_local,
        states: states(),
        owner: Some(Owner {
            kind: "process",
            name: "squid\u{1b}[31m".into(),
            id: Some("4711".into()),
            from: every_word(),
        }),
        note: Some(every_word()),
    };
    let top_peer = |peer, service| TopPeer {
        peer,
        entries: 3,
        entries_error: 1,
        share: 0.75,
        service,
        states: states(),
    };
    Body {
        census: Some(full_census()),
        verdict: Verdict {
            cause: Cause("noisy-tenant"),
            contributing: vec![Cause("tiny-default"), Cause("gc-lag")],
            confidence: Confidence::Medium,
            summary: vec![every_word(), sentence!["second"], sentence!["third"]],
            rate_per_second: Some(12.5),
        },
        runners_up: vec![RunnerUp {
            cause: Cause("syn-flood"),
            confidence: Confidence::Low,
            why_not: every_word(),
        }],
        top_sources: vec![source(long(), Some(true)), source(short(), Some(false)), source(short(), None)],
        top_peers: vec![top_peer(peer, Some("https")), top_peer(portless, None)],
        top_pairs: vec![TopPair { pair: Pair { source: long(), peer }, entries: 3, share: 0.75 }],
        evidence: full_evidence(),
        remedies: full_remedies(),
        what_if: vec![WhatIf {
            changes: vec![("nf_conntrack_max".into(), 262_144), (HOSTILE.into(), 1)],
            traffic: deeds(),
            entries_freed_now: Some(1),
            steady_state_entries: Some(2),
            full_again_seconds: Some(3.5),
            assumptions: vec![every_word()],
        }],
        will_not_help: vec![WillNotHelp { id: "tcp_tw_reuse", reason: every_word() }],
    }
}

fn full_census() -> CensusView {
    let bar = |from_seconds, to_seconds| IdleBar { from_seconds, to_seconds, entries: 2 };
    let shape = |spread| IdleShape { of: StateLabel::State(strange_state()), entries: 2, spread };
    CensusView {
        entries: 4,
        by_protocol: vec![(L4::TCP, 3), (L4(41), 1)],
        by_state: states(),
        assured: 1,
        unreplied: 1,
        offloaded: 1,
        nat: 1,
        zones: vec![(0, 3), (7, 1)],
        reversed: 1,
        local_share: Some(0.25),
        distinct_sources: None,
        idle_age: vec![bar(0, 10), bar(10, u64::MAX)],
        idle_unknown: [
            NoAge::SeveralTimers,
            NoAge::ShorterTimer,
            NoAge::AboveTimeout,
            NoAge::TimeoutUnknown,
            NoAge::NoTimer,
        ]
        .map(|why| Ageless { why, entries: 1 })
        .into(),
        idle_shapes: vec![
            shape(Spread::OneEvent { age_seconds: 42, youngest_seconds: 40, span_seconds: 5, entries: 1 }),
            shape(Spread::Comb { period_seconds: 15, entries: 2 }),
            shape(Spread::Flat),
        ],
        effective: Effective { evictable: 1, closing: 1, live: 2 },
        exact: false,
        error: 31,
        damaged: 2,
    }
}
