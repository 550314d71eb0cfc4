//! A listener for connection events that must not lose any (conntrackd, ulogd, security agents) does not keep up:
//! destroyed entries wait until their event is delivered, counted and in no list (`nf_ct_delete`, the dying list). What
//! must hold: most of the count is in no list, and the list of the dying is long, or such a listener is known. Neighbour:
//! count-list-mismatch (entries leaked; nobody waits for them).

use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::hidden::{Hidden, hidden, impossible, words};
use super::super::open::{Open, inside};
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::{Candidate, Tier};

/// Programs that listen for connection events.
const LISTENERS: [&str; 5] = ["conntrackd", "ulogd", "falco", "sysdig", "nfct"];
/// From this share of what is missing on, destroyed entries explain it.
const EXPLAINED: f64 = 0.5;
/// From this share on they are worth a look.
const SOME: f64 = 0.2;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let hidden = hidden(case).filter(Hidden::is_most)?;
    if impossible(case).is_some() {
        return None;
    }
    let listener = listener(case);
    let dying = dying(case);
    let part = dying.map(|dying| share(dying, hidden.missing()));
    if part.is_none_or(|part| part < SOME) && listener.is_none() {
        return None;
    }
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports("count-above-list", words(hidden))
            .value("count", hidden.counted as f64)
            .value("listed", hidden.listed as f64)
            .read_in_table(case),
    );
    match (dying, part) {
        (Some(dying), Some(part)) => scales.weigh(
            Weight::Deciding,
            part >= EXPLAINED,
            || {
                supports(
                    "dying",
                    sentence![Word::Number(dying), "of them are destroyed and wait for a listener (dying)"],
                )
                .value("dying", dying as f64)
                .read_in_table(case)
            },
            || {
                contradicts(
                    "few-dying",
                    sentence!["only", Word::Number(dying), "of them wait for a listener (dying)"],
                )
                .value("dying", dying as f64)
                .read_in_table(case)
            },
        ),
        _ => scales.not_known(
            Weight::Deciding,
            Open {
                what: "dying entries",
                why: "the list of destroyed entries that wait for a listener was not given".into(),
                command: Some(inside(case, "conntrack -L dying | wc -l".to_owned())),
            },
        ),
    }
    match &listener {
        Some(name) => scales.speaks_for(
            Weight::Strong,
            supports(
                "listener",
                sentence![
                    Word::Untrusted(name.as_bytes().into()),
                    "listens for connection events on this machine"
                ],
            ),
        ),
        None => scales.not_known(
            Weight::Slight,
            Open {
                what: "listener",
                why: "which program listens for connection events is not known".into(),
                command: Some("cat /proc/net/netlink | awk '$2 == 12'".to_owned()),
            },
        ),
    }
    if let Some((_, events)) = case.counters.setting("events") {
        scales.weigh(
            Weight::Slight,
            events > 0,
            || supports("events-on", "events of connections are on".into()),
            || contradicts("events-off", "events of connections are off: nobody can wait for them".into()),
        );
    }
    let explains = share(dying.unwrap_or_else(|| hidden.missing()), hidden.counted).min(1.0);
    Some(Candidate {
        summary: summary(hidden, dying, listener.as_deref()),
        remedies: vec![remedies::wake_listener(case, listener.as_deref())],
        will_not_help: will_not_help::for_backlog(),
        settles_doubts: true,
        ..Candidate::new(Tier::Decided, explains, scales)
    })
}

/// Entries in the dying list: a file of its own, or lines of such a list behind the table's.
fn dying(case: &Case<'_>) -> Option<u64> {
    case.counters.dying.or_else(|| case.census.map(|census| census.who.others).filter(|others| *others > 0))
}

/// A program that listens, as marks, sockets or modules name it.
fn listener(case: &Case<'_>) -> Option<Box<str>> {
    if case.marks(RelatedKind::EntriesInjected).next().is_some() {
        return Some("conntrackd".into());
    }
    let mut calls = case.counters.sockets.iter().flat_map(|sockets| sockets.calls.keys());
    calls
        .find(|call| LISTENERS.iter().any(|name| call.program.starts_with(name)))
        .map(|call| call.program.clone())
}

fn summary(hidden: Hidden, dying: Option<u64>, listener: Option<&str>) -> Vec<Sentence> {
    let waiting = dying.unwrap_or_else(|| hidden.missing());
    let who = sentence![
        Word::Number(waiting),
        "of the",
        Word::Count(hidden.counted, noun::ENTRY),
        "counted are over, and kept until a listening program has read of it"
    ];
    let how = match listener {
        Some(name) => sentence![
            Word::Untrusted(name.as_bytes().into()),
            "listens for connection events and does not keep up; listed are only",
            Word::Count(hidden.listed, noun::ENTRY)
        ],
        None => sentence![
            "a program that listens for connection events does not keep up; listed are only",
            Word::Count(hidden.listed, noun::ENTRY)
        ],
    };
    vec![who, how, "restart that listener, not the machine, and give it a larger receive buffer".into()]
}
