//! C20: established entries whose ends are gone, kept by a timeout of days. Look-alikes: many connections in use
//! (their idle ages are small), idle pools (sockets stand behind them), mid-stream pickups (not assured), entries that
//! a failover brought (inserted, with timers of their own).

use crate::model::census::LeaderKey;
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::cloud::Cloud;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::idle::{Ages, older_than, spike};
use super::super::mix::Mix;
use super::super::one_way;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Longer than the idle time that load balancers and pools keep a connection for (240, 350 and 600 s), where nothing
/// tells which of them it is.
const SILENT_SECONDS: u64 = 600;
/// Open connections for each silent entry at a port: from the one on, somebody is there; below the other, nobody.
const SOMEBODY: f64 = 0.5;
const NOBODY: f64 = 0.1;
/// Silent entries of ends that are silent as a whole, from which on ends vanished rather than single connections.
const WHOLE_ENDS: f64 = 0.5;
/// Share of the silent entries that the leading destinations must have to speak for the others.
const A_SAMPLE: f64 = 0.1;
/// Share of an end's entries that are silent, from which on it is silent as a whole.
const NEARLY_ALL: f64 = 0.9;
/// Beyond keepalive's default of two hours: nobody is there.
const GONE_SECONDS: u64 = 7_200;
/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Share of established entries that must be silent.
const MOSTLY_SILENT: f64 = 0.5;
/// Entries that share one age, as a share of the silent ones, to be called one event.
const ONE_EVENT: f64 = 0.2;
/// A longer established timeout is worth lowering to this.
const DAY_SECONDS: u64 = 86_400;

/// Younger than any load balancer's idle time.
const YOUNG_SECONDS: u64 = 190;

struct Leak {
    established: u64,
    silent: u64,
    /// From how many seconds on a connection is called silent.
    silent_seconds: u64,
    gone: u64,
    oldest_seconds: u64,
    spike: Option<(u64, u64)>,
    share_of_table: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let leak = measure(case)?;
    let scales = scales(case, &leak);
    Some(Candidate {
        summary: summary(case, &leak),
        loses: Some(sentence![
            "silent established entries explain only",
            Word::Share(leak.share_of_table),
            "of the table"
        ]),
        rate_per_second: (leak.oldest_seconds > 0).then(|| leak.silent as f64 / leak.oldest_seconds as f64),
        remedies: cures(case, &leak),
        will_not_help: useless(case),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(leak.share_of_table), leak.share_of_table, scales)
    })
}

fn measure(case: &Case<'_>) -> Option<Leak> {
    let mix = case.mix()?;
    let established = mix.established_assured();
    let all = mix.tcp(State::Established);
    let ages = case.ages()?;
    let of = ages.of(L4::TCP, Some(State::Established), &case.timeouts());
    // Ages do not tell flags apart: what is not assured is taken off.
    let pickups = all.saturating_sub(established);
    let silent_seconds = Cloud::of(&case.counters).map_or(SILENT_SECONDS, Cloud::forgets_after_seconds);
    let silent = older_than(silent_seconds, &of).saturating_sub(pickups);
    let share_of_table = share(silent, mix.total());
    if share(silent, established) < MOSTLY_SILENT || share_of_table < WORTH_NAMING {
        return None;
    }
    Some(Leak {
        established,
        silent,
        silent_seconds,
        gone: older_than(GONE_SECONDS, &of).saturating_sub(pickups),
        oldest_seconds: of.iter().map(|(age, _)| *age).max().unwrap_or(0),
        spike: spike(&of, silent_seconds).filter(|(_, entries)| share(*entries, silent) >= ONE_EVENT),
        share_of_table,
    })
}

/// The destination port that most leading peers share: (port, entries of those peers, number of peers).
fn port(case: &Case<'_>) -> Option<(u16, u64, u64)> {
    let mut ports: std::collections::BTreeMap<u16, (u64, u64)> = std::collections::BTreeMap::new();
    let who = &case.census?.who;
    for row in who.peers.leading(who.entries) {
        let Some(port) = row.key.port.filter(|_| row.key.l4 == L4::TCP) else { continue };
        let Some(how) = case.how(&LeaderKey::Peer(row.key)) else { continue };
        let established = Mix(&how.classes).established_assured();
        if established > 0 {
            let sum = ports.entry(port).or_default();
            *sum = (sum.0.saturating_add(established), sum.1.saturating_add(1));
        }
    }
    let (port, (entries, peers)) = ports.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    Some((port, entries, peers))
}

fn summary(case: &Case<'_>, leak: &Leak) -> Vec<Sentence> {
    let mut who = sentence![
        Word::Number(leak.silent),
        "of",
        Word::Count(case.entries(), noun::ENTRY),
        "(",
        Word::Share(leak.share_of_table),
        ") are established but silent for over",
        Word::Duration(leak.silent_seconds as f64)
    ];
    if let Some((port, _, _)) = port(case) {
        who = who.with(", many to").with(Word::Code(format!(":{port}")));
    }
    let how = match (leak.spike, case.timeouts().named_or_default("tcp_timeout_established")) {
        (Some((age, entries)), _) => sentence![
            "their ends vanished without closing,",
            Word::Count(entries, noun::ENTRY),
            "in one event",
            Word::Duration(age as f64),
            "before the reading"
        ],
        (None, Some(timeout)) => sentence![
            "their ends vanished without closing; each entry stays for the established timeout,",
            Word::Duration(timeout as f64)
        ],
        (None, None) => {
            sentence!["their ends vanished without closing; each entry stays for the established timeout"]
        }
    };
    let long =
        case.timeouts().named_or_default("tcp_timeout_established").is_none_or(|now| now > DAY_SECONDS);
    let what = if long {
        "delete the entries of peers that are gone; lower the established timeout to a day"
    } else {
        "delete the entries of peers that are gone; let programs send keepalives, or close what is idle"
    };
    vec![who, how, what.into()]
}

fn scales(case: &Case<'_>, leak: &Leak) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "silent-established",
            sentence![
                Word::Number(leak.silent),
                "of",
                Word::Number(leak.established),
                "assured established connections have been silent for more than",
                Word::Duration(leak.silent_seconds as f64),
                ",",
                Word::Number(leak.gone),
                "for more than",
                Word::Duration(GONE_SECONDS as f64)
            ],
        )
        .value("established", leak.established as f64)
        .value("silent", leak.silent as f64)
        .value("gone", leak.gone as f64)
        .read_in_table(case),
    );
    let oldest = || {
        context("oldest", sentence!["the longest silence is", Word::Duration(leak.oldest_seconds as f64)])
            .value("seconds", leak.oldest_seconds as f64)
            .read_in_table(case)
    };
    // Under a timeout that is shorter nobody can be silent for so long.
    let timeout = case.timeouts().named_or_default("tcp_timeout_established");
    if timeout.is_some_and(|timeout| timeout > GONE_SECONDS) {
        scales.weigh(Weight::Slight, share(leak.gone, leak.established) >= MOSTLY_SILENT, oldest, oldest);
    } else {
        scales.add([oldest()]);
    }
    if let Some((age, entries)) = leak.spike {
        scales.speaks_for(
            Weight::Strong,
            supports(
                "silent-together",
                sentence![
                    Word::Count(entries, noun::ENTRY),
                    "share one idle age of about",
                    Word::Duration(age as f64)
                ],
            )
            .value("entries", entries as f64)
            .value("age_seconds", age as f64)
            .read_in_table(case),
        );
    }
    ends(case, leak, &mut scales);
    sockets(case, leak, &mut scales);
    provider(case, leak, &mut scales);
    if case.marks(RelatedKind::EntriesInjected).next().is_some() {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "entries-injected",
                "entries were committed from another machine, with timers of their own".into(),
            )
            .read_in_log(case),
        );
    } else if let Some(inserted) = inserted(case).filter(|n| share(*n, leak.silent) >= MOSTLY_SILENT) {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "inserted",
                sentence![
                    Word::Count(inserted, noun::ENTRY),
                    "were put in by programs since boot (",
                    Word::Code("insert".to_owned()),
                    "), with timers of their own: little is left of them from the beginning, silent or not"
                ],
            )
            .value("insert", inserted as f64)
            .read_in_table(case),
        );
    }
    scales
}

/// Entries that programs put in since boot, as far as the kernel counts them apart.
fn inserted(case: &Case<'_>) -> Option<u64> {
    case.counters.stat?.insert.filter(|_| case.timeouts().inserted())
}

/// Whether ends vanished, with all that they had, or single connections fell silent at ends that talk on.
fn ends(case: &Case<'_>, leak: &Leak, scales: &mut Scales) {
    let Some(who) = case.census.map(|census| &census.who) else { return };
    let timeouts = case.timeouts();
    let (mut vanished, mut of_vanished, mut of_all) = (0u64, 0u64, 0u64);
    for row in who.destinations.leading(who.entries) {
        let Some(how) = case.how(&LeaderKey::Destination(row.key)) else { continue };
        let established = Mix(&how.classes).tcp(State::Established);
        let ages = Ages { remaining: &how.remaining, classes: &how.classes };
        let silent = older_than(leak.silent_seconds, &ages.of(L4::TCP, Some(State::Established), &timeouts));
        of_all = of_all.saturating_add(silent);
        if silent > 0 && share(silent, established) >= NEARLY_ALL {
            vanished = vanished.saturating_add(1);
            of_vanished = of_vanished.saturating_add(silent);
        }
    }
    if share(of_all, leak.silent) < A_SAMPLE {
        return;
    }
    let said = |tail: &'static str| {
        context(
            "silent-ends",
            sentence![
                "of the leading destinations",
                Word::Number(vanished),
                "are silent as a whole, with",
                Word::Share(share(of_vanished, of_all)),
                "of the silent entries:",
                Word::Text(tail)
            ],
        )
        .value("ends", vanished as f64)
        .read_in_table(case)
    };
    if share(of_vanished, of_all) >= WHOLE_ENDS {
        scales.speaks_for(Weight::Strong, said("machines that are gone"));
    } else {
        scales.add([said("single connections fell silent at ends that still talk")]);
    }
}

/// Sockets behind them, where this host is one end: they are in use, or a program never closes them.
fn sockets(case: &Case<'_>, leak: &Leak, scales: &mut Scales) {
    let ends = case.top_source().into_iter().any(|top| top.is_local == Some(true))
        || case.top_peer().is_some_and(|(peer, ..)| case.locals.is_local(peer.address) == Some(true));
    let Some((port, entries, _)) = port(case).filter(|_| ends) else { return };
    let Some(open) = one_way::open_connections(case, port) else {
        return scales.not_known(
            Weight::Slight,
            one_way::ask_sockets(
                case,
                Some(port),
                "whether sockets of this host still stand behind these entries",
            ),
        );
    };
    let said = |tail: &'static str| {
        context(
            "open-connections",
            sentence![
                Word::Count(open, noun::CONNECTION),
                "with",
                Word::Port(port, L4::TCP),
                "are open on this host, of",
                Word::Count(entries.min(leak.established), noun::ENTRY),
                ":",
                Word::Text(tail)
            ],
        )
        .value("open", open as f64)
        .read_in_table(case)
    };
    match share(open, entries) {
        somebody if somebody >= SOMEBODY => scales.speaks_against(
            Weight::Slight,
            said("sockets stand behind them: a pool that is idle, or a program that never notices that its peer is gone"),
        ),
        nobody if nobody < NOBODY => scales.speaks_for(Weight::Strong, said("nobody stands behind the rest")),
        _ => scales.add([said("nobody stands behind the rest")]),
    }
}

/// Where the provider's network forgets silent connections without a word.
fn provider(case: &Case<'_>, leak: &Leak, scales: &mut Scales) {
    let cloud = Cloud::of(&case.counters);
    if let Some(cloud) = cloud {
        return scales.add([context(
            "provider-forgets",
            sentence![
                Word::Text(cloud.forgetful()),
                "forget a connection after",
                Word::Duration(cloud.forgets_after_seconds() as f64),
                "of silence by default: the other ends of",
                Word::Count(leak.silent, noun::ENTRY),
                "may not know them any more"
            ],
        )
        .value("seconds", cloud.forgets_after_seconds() as f64)
        .read_in_table(case)]);
    }
    let ages = case.ages().map(|ages| ages.of(L4::TCP, Some(State::Established), &case.timeouts()));
    let together = ages.and_then(|ages| spike(&ages, YOUNG_SECONDS));
    let Some((age, entries)) = together.filter(|(_, n)| share(*n, leak.established) >= ONE_EVENT) else {
        return;
    };
    let known =
        [Cloud::Azure, Cloud::Amazon, Cloud::Google].map(|cloud| (cloud, cloud.forgets_after_seconds()));
    if let Some((cloud, seconds)) = known.into_iter().find(|(_, seconds)| age.abs_diff(*seconds) <= 40) {
        scales.add([context(
            "load-balancer-age",
            sentence![
                Word::Count(entries, noun::ENTRY),
                "share one idle age, about as long as load balancers of",
                Word::Text(cloud.name()),
                "keep a silent connection,",
                Word::Duration(seconds as f64)
            ],
        )
        .read_in_table(case)]);
    }
}

fn cures(case: &Case<'_>, leak: &Leak) -> Vec<Remedy> {
    let mut out = Vec::new();
    out.extend(remedies::delete_established_to(case, leak.silent_seconds));
    out.extend(remedies::established_timeout(case, leak.silent));
    out.extend(remedies::raise_limit(case));
    out.extend(remedies::more_buckets(case));
    out
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![will_not_help::very_short_established()];
    out.extend(will_not_help::limit_alone(case));
    out.push(WillNotHelp {
        id: "tcp_keepalive_time",
        reason: "works only on sockets of programs that ask for keepalive, on machines that still exist"
            .into(),
    });
    out.push(WillNotHelp {
        id: "tcp_timeout_time_wait",
        reason: sentence![
            "governs no more than",
            Word::Count(case.mix().map_or(0, |mix| mix.tcp(State::TimeWait)), noun::ENTRY),
            "of this table"
        ],
    });
    out
}
