//! C35: echo requests fill the table, an entry for each sender, receiver and identifier: a flood at one address, a sweep
//! of many, a monitor that begins anew with each probe. Errors of ICMP and neighbour discovery (NDP, MLD) never make
//! an entry, so whatever stands there is an echo or its like.

use std::net::IpAddr;

use crate::model::census::{Class, Leader, LeaderKey};
use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::L4;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::datagrams::{
    Flags, MANY_ENDS, MOST, WORTH_NAMING, at_least, counted, holds, joined, per_second,
};
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::remedies::{datagrams as cures, raise_limit};
use super::super::scales::{Scales, Weight};
use super::super::{open, will_not_help};
use super::Candidate;

fn is_echo(class: &Class) -> bool {
    matches!(class.l4, L4::ICMP | L4::ICMPV6)
}

/// How they are spread.
enum Shape<'a> {
    /// One sender, many receivers.
    Sweep(IpAddr, &'a Leader),
    /// One receiver.
    Flood(IpAddr, &'a Leader),
    /// Between many and many.
    Spread,
}

struct Echoes<'a> {
    flags: Flags,
    part: f64,
    shape: Shape<'a>,
    version: L4,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let echoes = measure(case)?;
    let rate = per_second(case, &case.census?.who.classes, is_echo);
    Some(Candidate {
        summary: summary(case, &echoes, rate),
        loses: Some(sentence!["echoes hold only", Word::Share(echoes.part), "of the table"]),
        rate_per_second: rate,
        remedies: remedies(case, &echoes),
        will_not_help: useless(case, &echoes),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(echoes.part), echoes.part, scales(case, &echoes))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Echoes<'a>> {
    let who = &case.census?.who;
    let flags = Flags::of(&who.classes, is_echo);
    let part = share(flags.entries, case.entries());
    if part < WORTH_NAMING {
        return None;
    }
    let sixth = Flags::of(&who.classes, |class| class.l4 == L4::ICMPV6).entries;
    let most = |rows: &'a [crate::model::census::Row<IpAddr>], key: fn(IpAddr) -> LeaderKey| {
        rows.iter()
            .filter_map(|row| Some((row.key, case.how(&key(row.key))?)))
            .map(|(address, how)| (address, how, Flags::of(&how.classes, is_echo).entries))
            .max_by(|a, b| a.2.cmp(&b.2).then(b.0.cmp(&a.0)))
            .filter(|(_, _, echoes)| share(*echoes, flags.entries) >= MOST)
    };
    let from = most(who.sources.leading(who.entries), LeaderKey::Source);
    let to = most(who.destinations.leading(who.entries), LeaderKey::Destination);
    let shape = match (from, to) {
        (_, Some((address, how, _))) => Shape::Flood(address, how),
        (Some((address, how, _)), None) => Shape::Sweep(address, how),
        (None, None) => Shape::Spread,
    };
    let version = if sixth > flags.entries / 2 { L4::ICMPV6 } else { L4::ICMP };
    Some(Echoes { flags, part, shape, version })
}

fn summary(case: &Case<'_>, echoes: &Echoes<'_>, rate: Option<f64>) -> Vec<Sentence> {
    let who = match &echoes.shape {
        Shape::Sweep(from, _) if case.locals.is_local(*from) == Some(true) => {
            sentence!["echo requests (ping) of this host (", *from, ") hold"]
        }
        Shape::Sweep(from, _) => sentence!["echo requests (ping) of", *from, "hold"],
        Shape::Flood(to, _) => sentence!["echo requests (ping) to", *to, "hold"],
        Shape::Spread => sentence!["echo requests (ping) hold"],
    }
    .with(Word::Share(echoes.part))
    .with("of the table:")
    .with(Word::Count(echoes.flags.entries, noun::ENTRY));
    let mut how = match &echoes.shape {
        Shape::Sweep(_, how) => joined("it asks".into(), counted(how.other_ends, noun::PEER)),
        Shape::Flood(_, how) => joined("they come from".into(), counted(how.other_ends, noun::SOURCE)),
        Shape::Spread => sentence!["neither a sender nor a receiver leads"],
    };
    how = how.with(";").with(Word::Share((1.0 - echoes.flags.unanswered()).max(0.0))).with("are answered");
    if let Some(rate) = rate {
        how = how.with("; new ones come at").with(Word::Rate(rate));
    }
    let what = match &echoes.shape {
        Shape::Sweep(..) => {
            sentence!["slow the program that asks, or drop its echoes above a rate before they are tracked"]
        }
        _ => sentence!["drop echo requests above a rate before they are tracked; let every other ICMP pass"],
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, echoes: &Echoes<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Deciding,
        holds(case, "echoes", sentence!["entries of", Word::Protocol(echoes.version)], echoes.flags.entries),
    );
    match &echoes.shape {
        Shape::Sweep(from, how) => {
            scales.weigh(
                Weight::Strong,
                at_least(how.other_ends, MANY_ENDS),
                || {
                    supports(
                        "sweep",
                        joined(sentence![*from, "sends most of them, to"], counted(how.other_ends, noun::PEER)),
                    )
                    .read_in_table(case)
                },
                || {
                    contradicts(
                        "few-receivers",
                        joined(sentence![*from, "sends most of them, to only"], counted(how.other_ends, noun::PEER)),
                    )
                    .read_in_table(case)
                },
            );
            if case.locals.is_local(*from).is_none() {
                scales.not_known(Weight::Slight, open::is_local(case, *from));
            }
        }
        Shape::Flood(to, how) => scales.speaks_for(
            Weight::Strong,
            supports(
                "one-receiver",
                joined(sentence![*to, "receives most of them, from"], counted(how.other_ends, noun::SOURCE)),
            )
            .read_in_table(case),
        ),
        Shape::Spread => scales.speaks_against(
            Weight::Slight,
            contradicts(
                "nobody-leads",
                "neither a sender nor a receiver has half of them: many monitors, or forged sources at many addresses".into(),
            )
            .read_in_table(case),
        ),
    }
    scales.add([context(
        "echoes-only",
        "errors of ICMP and neighbour discovery make no entries of their own: these are echoes or their like"
            .into(),
    )]);
    scales
}

fn remedies(case: &Case<'_>, echoes: &Echoes<'_>) -> Vec<Remedy> {
    let held = echoes.flags.entries;
    let mut out = Vec::new();
    match &echoes.shape {
        Shape::Sweep(from, _) => out.extend(cures::fewer_echoes(case, Some(*from), None, held)),
        Shape::Flood(to, _) => out.extend(cures::fewer_echoes(case, None, Some(*to), held)),
        Shape::Spread => {}
    }
    out.extend(cures::shorter_echo(case, echoes.version));
    out.extend(raise_limit(case));
    out
}

fn useless(case: &Case<'_>, echoes: &Echoes<'_>) -> Vec<WillNotHelp> {
    let mut out = vec![
        will_not_help::reason(
            "icmp_echo_ignore_all",
            "the tracker makes its entry before the host decides not to answer".into(),
        ),
        will_not_help::reason(
            "drop-all-icmp",
            "without its errors large packets vanish, and IPv6 without neighbour discovery has no neighbours"
                .into(),
        ),
    ];
    if matches!(echoes.shape, Shape::Flood(..)) {
        out.push(will_not_help::reason(
            "block-top-source",
            "sources of echoes are forged as easily as written".into(),
        ));
    }
    out.extend(will_not_help::established_for_datagrams(case));
    out
}
