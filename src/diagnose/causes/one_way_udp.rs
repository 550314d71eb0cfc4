//! C16: messages that nobody answers (logs, metrics, flow records, traps), each from a port of its own. Look-alikes:
//! tunnels (their ports, between nodes), answers nobody asked for (one source port), lookups (answered), a crawler
//! (many destinations).

use std::net::IpAddr;

use crate::model::census::{Leader, LeaderKey, Pair, Peer};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::services::service;
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{
    FRESH_PORTS, Flags, MOST, NEARLY_ALL, ONE_WAY, TUNNELS, WORTH_NAMING, at_least, counted, holds, is_udp,
    joined, peers_on, per_second, ports_to, translated, udp_seconds,
};
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::{datagrams as cures, raise_limit, untracked};
use super::super::scales::{Scales, Weight};
use super::super::will_not_help;
use super::Candidate;

/// Ports of other causes of this family: names, time, discovery.
const OTHERS: [u16; 8] = [53, 67, 123, 137, 138, 1_900, 5_353, 5_355];
/// So many entries for each sender are messages, not senders.
const ENTRIES_PER_SENDER: u64 = 4;

struct Messages<'a> {
    port: u16,
    how: &'a Leader,
    flags: Flags,
    /// The receiver that most of them go to.
    to: Option<(Peer, &'a Leader)>,
    explains: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let messages = measure(case)?;
    let rate = per_second(case, &messages.how.classes, is_udp);
    Some(Candidate {
        summary: summary(case, &messages, rate),
        loses: Some(sentence!["such messages hold only", Word::Share(messages.explains), "of the table"]),
        rate_per_second: rate,
        remedies: remedies(case, &messages),
        will_not_help: useless(case),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(messages.explains), messages.explains, scales(case, &messages))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Messages<'a>> {
    let fits = |port: &u16, how: &Leader| {
        !TUNNELS.contains(port)
            && !OTHERS.contains(port)
            && Flags::udp(&how.classes).unanswered() >= MOST
            && at_least(how.source_ports, FRESH_PORTS.min(how.entries / 4))
    };
    let (port, how) = ports_to(case)
        .into_iter()
        .filter(|(port, how)| fits(port, how))
        .max_by(|a, b| a.1.entries.cmp(&b.1.entries).then(b.0.cmp(&a.0)))?;
    let to = peers_on(case, &[port]).into_iter().find(|(_, at)| share(at.entries, how.entries) >= MOST);
    let explains = share(how.entries, case.entries());
    // Without a known service the port must at least go to somebody in particular: thousands of ends are no receiver.
    if explains < WORTH_NAMING || (to.is_none() && !ONE_WAY.contains(&port)) {
        return None;
    }
    Some(Messages { port, how, flags: Flags::udp(&how.classes), to, explains })
}

fn one_sender(case: &Case<'_>, messages: &Messages<'_>) -> Option<IpAddr> {
    let (peer, _) = messages.to?;
    let rows = case.census.map_or(&[][..], |c| c.who.pairs.leading(c.who.entries));
    let row = rows.iter().find(|row| row.key.peer == peer)?;
    (share(row.count, messages.how.entries) >= MOST).then_some(row.key.source)
}

fn summary(case: &Case<'_>, messages: &Messages<'_>, rate: Option<f64>) -> Vec<Sentence> {
    let sender = one_sender(case, messages);
    let from = match sender {
        Some(source) if case.locals.is_local(source) == Some(true) => sentence!["this host (", source, ")"],
        Some(source) => sentence![source],
        None => counted(messages.how.other_ends, noun::SOURCE),
    };
    let mut who = joined("messages of".into(), from).with("to");
    who = match messages.to {
        Some((peer, _)) => who.with(Word::Endpoint(peer.address, peer.port, peer.l4)),
        None => who.with(Word::Port(messages.port, L4::UDP)),
    };
    if let Some(name) = service(messages.port, L4::UDP) {
        who = who.with("(").with(Word::Text(name)).with(")");
    }
    who = who.with("are").with(Word::Share(messages.explains)).with("of the table");
    let mut how = sentence![
        "nobody answers them, and each comes from a new source port: an entry for",
        Word::Duration(udp_seconds(case) as f64)
    ];
    if let Some(rate) = rate {
        how = how.with(",").with(Word::Rate(rate));
    }
    let what = sentence![
        "let each sender keep one socket, or take the port between these addresses out of tracking"
    ];
    vec![who, how, what]
}

fn scales(case: &Case<'_>, messages: &Messages<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        holds(
            case,
            "messages",
            sentence!["datagrams to", Word::Port(messages.port, L4::UDP)],
            messages.how.entries,
        ),
    );
    let unanswered = messages.flags.unanswered();
    scales.weigh(
        Weight::Strong,
        unanswered >= NEARLY_ALL,
        || {
            supports("one-way", sentence![Word::Share(unanswered), "of them were never answered"])
                .value("share", unanswered)
                .read_in_table(case)
        },
        || {
            contradicts(
                "answered",
                sentence!["only", Word::Share(unanswered), "of them were left without an answer"],
            )
            .value("share", unanswered)
            .read_in_table(case)
        },
    );
    scales.weigh(
        Weight::Deciding,
        ONE_WAY.contains(&messages.port),
        || {
            supports(
                "one-way-service",
                sentence![Word::Port(messages.port, L4::UDP), "is told things and does not answer"],
            )
        },
        || {
            contradicts(
                "not-a-one-way-service",
                sentence![
                    Word::Port(messages.port, L4::UDP),
                    "is no service that is known to be told things only: a receiver that is gone, or a flood, looks the same"
                ],
            )
        },
    );
    let senders = match messages.how.other_ends {
        crate::model::census::Distinct::Exactly(n) => Some(n),
        crate::model::census::Distinct::More => None,
    };
    let repeated =
        senders.is_some_and(|n| messages.how.entries >= n.max(1).saturating_mul(ENTRIES_PER_SENDER));
    scales.weigh(
        Weight::Strong,
        repeated,
        || {
            supports(
                "fresh-ports",
                joined(
                    joined("they come from".into(), counted(messages.how.other_ends, noun::SOURCE))
                        .with("and"),
                    counted(messages.how.source_ports, noun::PORT),
                )
                .with(": a new port for each message"),
            )
            .read_in_table(case)
        },
        || {
            contradicts(
                "one-each",
                joined("they come from".into(), counted(messages.how.other_ends, noun::SOURCE))
                    .with(", hardly more than one each: many senders, or forged ones"),
            )
            .read_in_table(case)
        },
    );
    scales
}

fn remedies(case: &Case<'_>, messages: &Messages<'_>) -> Vec<Remedy> {
    let held = messages.how.entries;
    let senders = match messages.how.other_ends {
        crate::model::census::Distinct::Exactly(n) => n,
        crate::model::census::Distinct::More => held,
    };
    let receiver = messages.to.map(|(peer, _)| peer.address);
    let mut out = vec![cures::one_socket(case, messages.port, held, senders.min(held), receiver)];
    let own = messages.to.filter(|(peer, _)| case.locals.is_local(peer.address) == Some(true));
    if let Some((peer, at)) = own {
        out.extend(
            untracked::untrack_service(case, peer.address, messages.port, at.entries, translated(at) > 0)
                .ok(),
        );
    } else {
        out.extend(untracked::untrack_between(case, &pairs(case, messages), false, held).ok());
    }
    out.extend(cures::shorter_exchange(case));
    out.extend(raise_limit(case));
    out
}

/// The leading pairs that send to the port.
fn pairs(case: &Case<'_>, messages: &Messages<'_>) -> Vec<Pair> {
    let rows = case.census.map_or(&[][..], |c| c.who.pairs.leading(c.who.entries));
    rows.iter()
        .map(|row| row.key)
        .filter(|pair| pair.peer.l4 == L4::UDP && pair.peer.port == Some(messages.port))
        .filter(|pair| case.how(&LeaderKey::Pair(*pair)).is_some())
        .collect()
}

fn useless(case: &Case<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![
        will_not_help::reason(
            "udp_timeout_stream",
            "governs streams, that is exchanges both ways: a message without an answer never becomes one"
                .into(),
        ),
        will_not_help::reason(
            "more-memory",
            "the table is no larger for it, and each message still makes an entry that nobody needs".into(),
        ),
    ];
    out.extend(will_not_help::established_for_datagrams(case));
    out.extend(will_not_help::limit_alone(case));
    out
}
