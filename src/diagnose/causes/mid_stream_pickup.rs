//! C10: connections that the tracker met in their middle, after their entries were lost (flush, firewall or module
//! reload, reboot, failover) or because an end went on talking after its entry had run out. Nothing answered, so they
//! are ESTABLISHED and unreplied, most of them turned around: the server spoke first. A newer kernel keeps them for five
//! minutes, an old one for the whole established timeout. Look-alikes: asymmetric routing (data flows), half-tracked
//! traffic (one port, by a rule), an established leak (assured).

use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::flow::{L4, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::idle::spike;
use super::super::one_way::{self, OneWay, UNACKNOWLEDGED_SECONDS, pickup};
use super::super::scales::{Scales, Weight};
use super::super::{open, remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Share of the pickups that are turned around.
const TURNED: f64 = 0.5;
/// Up to so many packets an entry, it was met once and never seen again; from the other one on, data flows.
const ONCE: f64 = 3.0;
const DATA: f64 = 5.0;
/// Share of the pickups within one minute of age: one event.
const ONE_EVENT: f64 = 0.5;
/// Connections seen in both directions for each pickup, from which on the port is tracked as others are.
const OTHERS: f64 = 0.05;
/// Share of the pickups that a newer kernel's short timeout holds.
const NEARLY_ALL: f64 = 0.9;

struct Pickups {
    entries: u64,
    reversed: u64,
    /// They leave within five minutes.
    short: bool,
    /// Age that most of them share, and how many, where ages tell.
    event: Option<(u64, u64)>,
    packets_each: Option<f64>,
    share_of_table: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let pickups = measure(case)?;
    Some(Candidate {
        summary: summary(case, &pickups),
        loses: Some(sentence!["pickups explain only", Word::Share(pickups.share_of_table), "of the table"]),
        remedies: cures(case, &pickups),
        will_not_help: useless(&pickups),
        limit_contributes: true,
        ..Candidate::new(
            Candidate::tier_of(pickups.share_of_table),
            pickups.share_of_table,
            scales(case, &pickups),
        )
    })
}

fn measure(case: &Case<'_>) -> Option<Pickups> {
    let (mix, census) = (case.mix()?, case.census?);
    let entries = OneWay::of(mix).established;
    let share_of_table = share(entries, mix.total());
    if share_of_table < WORTH_NAMING {
        return None;
    }
    let held = one_way::with_at_most(case, State::Established, UNACKNOWLEDGED_SECONDS);
    let short = share(held, entries) >= NEARLY_ALL;
    // Ages do not tell flags apart, and are those under the established timeout: they speak only where nearly all of
    // the state are pickups, and stand under it.
    let apart = !short && share(entries, mix.tcp(State::Established)) >= NEARLY_ALL;
    let ages = case.ages()?.of(L4::TCP, Some(State::Established), &case.timeouts());
    let event = spike(&ages, 0).filter(|(_, n)| apart && share(*n, entries) >= ONE_EVENT);
    Some(Pickups {
        entries,
        reversed: census.who.reversed.min(entries),
        short,
        event,
        packets_each: one_way::packets_each(case, pickup),
        share_of_table,
    })
}

fn summary(case: &Case<'_>, pickups: &Pickups) -> Vec<Sentence> {
    let who = sentence![
        Word::Count(pickups.entries, noun::ENTRY),
        "(",
        Word::Share(pickups.share_of_table),
        ") are connections met in their middle, never answered"
    ];
    let how = match (event_line(case), pickups.event, pickups.short) {
        (Some((_, words)), _, _) => sentence!["their own entries were lost:", Word::Text(words)],
        (None, Some((age, _)), _) => {
            sentence!["most were met at one moment,", Word::Duration(age as f64), "before the table was read"]
        }
        (None, None, true) => {
            sentence!["their own entries were lost or had run out; these leave within 5 min"]
        }
        (None, None, false) => match case.timeouts().named_or_default("tcp_timeout_established") {
            Some(timeout) => sentence![
                "their own entries were lost; this kernel keeps what it meets for up to",
                Word::Duration(timeout as f64)
            ],
            None => sentence!["their own entries were lost, and this kernel keeps what it meets for days"],
        },
    };
    let what = if pickups.short {
        sentence!["reload rules without unloading the tracker or flushing it; these entries go by themselves"]
    } else {
        sentence!["delete them one by one (list first), and reload rules without unloading the tracker"]
    };
    vec![who, how, what]
}

/// What took the entries, as the log has it.
fn event_line(case: &Case<'_>) -> Option<(RelatedKind, &'static str)> {
    [
        (RelatedKind::Capacity, "the tracker was loaded anew"),
        (RelatedKind::EntriesInjected, "the traffic of another machine moved here"),
        (RelatedKind::Failover, "the traffic of another machine moved here"),
        (RelatedKind::BootBegins, "the machine booted"),
        (RelatedKind::RulesReloaded, "the packet filter was reloaded"),
    ]
    .into_iter()
    .find(|(kind, _)| case.marks(*kind).next().is_some())
}

fn scales(case: &Case<'_>, pickups: &Pickups) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "pickups",
            sentence![
                Word::Count(pickups.entries, noun::ENTRY),
                "are",
                State::Established,
                "without any packet in reply direction: the tracker did not see them begin"
            ],
        )
        .value("entries", pickups.entries as f64)
        .value("share", pickups.share_of_table)
        .read_in_table(case),
    );
    turned(case, pickups, &mut scales);
    packets(case, pickups, &mut scales);
    event(case, pickups, &mut scales);
    others(case, &mut scales);
    settings(case, &mut scales);
    one_port(case, pickups, &mut scales);
    scales.add([context(
        "how-long",
        if pickups.short {
            sentence![
                "all have less than",
                Word::Duration(UNACKNOWLEDGED_SECONDS as f64),
                "left: this kernel keeps pickups that short"
            ]
        } else {
            "they stand under the established timeout: this kernel keeps pickups as long as real connections"
                .into()
        },
    )
    .read_in_table(case)]);
    scales
}

/// The server spoke first: its service is the source.
fn turned(case: &Case<'_>, pickups: &Pickups, scales: &mut Scales) {
    let part = share(pickups.reversed, pickups.entries);
    let said = || {
        context(
            "turned-around",
            sentence![
                Word::Share(part),
                "are turned around: their source port is a service, so an end that answers was seen first"
            ],
        )
        .value("reversed", pickups.reversed as f64)
        .read_in_table(case)
    };
    if part >= TURNED {
        scales.speaks_for(Weight::Strong, said());
    } else {
        scales.speaks_against(Weight::Slight, said());
    }
}

/// What tells it from one half of living connections.
fn packets(case: &Case<'_>, pickups: &Pickups, scales: &mut Scales) {
    let Some(each) = pickups.packets_each else {
        return scales.not_known(
            Weight::Deciding,
            one_way::ask_packets(
                case,
                "whether a packet or two of each were seen and then nothing, or data flows",
            ),
        );
    };
    let said = |tail: &'static str| {
        context(
            "packets-each",
            sentence!["each has about", one_way::about_packets(each), ":", Word::Text(tail)],
        )
        .value("packets", each)
        .read_in_table(case)
    };
    if each <= ONCE {
        scales.speaks_for(Weight::Deciding, said("met once, and never seen again"));
    } else if each >= DATA {
        scales.speaks_against(Weight::Deciding, said("data flows, so the other direction takes another way"));
    } else {
        scales.add([said("few")]);
    }
}

fn event(case: &Case<'_>, pickups: &Pickups, scales: &mut Scales) {
    if let Some((kind, words)) = event_line(case)
        && let Some(around) = case.marks(kind).next()
    {
        let said = sentence![Word::Text(words), "near the incident (the log:"];
        let mut said = said;
        said.0.extend(around.fact.0.clone());
        scales.speaks_for(Weight::Strong, supports("entries-lost", said.with(")")).read_in_log(case));
    }
    if let Some((age, entries)) = pickups.event {
        scales.speaks_for(
            Weight::Strong,
            supports(
                "met-together",
                sentence![
                    Word::Count(entries, noun::ENTRY),
                    "were met within one minute, about",
                    Word::Duration(age as f64),
                    "before"
                ],
            )
            .value("entries", entries as f64)
            .value("age_seconds", age as f64)
            .read_in_table(case),
        );
    }
}

/// What has no entry to lose is answered, unless the way back goes elsewhere.
fn others(case: &Case<'_>, scales: &mut Scales) {
    let Some((udp, part)) = case.mix().and_then(one_way::udp_unanswered) else { return };
    if part >= one_way::ALSO_ONE_WAY {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "udp-one-way",
                sentence![
                    Word::Share(part),
                    "of",
                    Word::Count(udp, noun::ENTRY),
                    "of UDP were not answered either: no lost entry explains that"
                ],
            )
            .value("share", part)
            .read_in_table(case),
        );
    }
}

fn settings(case: &Case<'_>, scales: &mut Scales) {
    let Some((key, value)) = case.counters.setting("tcp_loose") else { return };
    let code = Word::Code(format!("{key} = {value}"));
    if value == 0 {
        scales.speaks_against(
            Weight::Deciding,
            contradicts("no-pickup", sentence![code, ": this kernel takes up no connection in its middle"])
                .read_in_table(case),
        );
    } else {
        scales.add([context("pickup-on", sentence![code, ": connections are taken up in their middle"])
            .read_in_table(case)]);
    }
}

/// One port, and a rule that hides half of its traffic: then they are no pickups.
fn one_port(case: &Case<'_>, pickups: &Pickups, scales: &mut Scales) {
    let Some(who) = case.census.map(|census| &census.who) else { return };
    let Some(row) = who.source_ports.leading(who.entries).first() else { return };
    if row.key.l4 != L4::TCP || share(row.count, pickups.entries) < TURNED {
        return;
    }
    let port = Word::Port(row.key.port, L4::TCP);
    let whole = one_way::seen_whole(case, row.key.port);
    let others = share(whole, pickups.entries) >= OTHERS;
    let said = |tail: &'static str| {
        context(
            "others-of-that-port",
            sentence![
                Word::Count(whole, noun::CONNECTION),
                "to",
                port.clone(),
                "were seen in both directions:",
                Word::Text(tail)
            ],
        )
        .value("entries", whole as f64)
        .read_in_table(case)
    };
    if others {
        scales.speaks_for(Weight::Strong, said("what came after is tracked as it should be"));
    } else {
        scales.speaks_against(Weight::Slight, said("one would expect new ones since"));
    }
    if case.counters.rules.is_none() {
        // One half of a living connection has more packets, and comes at any time.
        let event = event_line(case).is_some() || pickups.event.is_some();
        let once = pickups.packets_each.is_some_and(|n| n <= ONCE);
        let weight = if event || once || others { Weight::Slight } else { Weight::Deciding };
        scales.not_known(
            weight,
            open::rules(case, "whether one direction of that port is taken out of tracking"),
        );
    }
    if case.counters.rules.as_ref().is_some_and(|rules| rules.untracked_one_way(row.key.port).is_some()) {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "one-way-rule",
                sentence![
                    "a rule takes one direction of",
                    port,
                    "out of tracking: its answers come and are not seen"
                ],
            )
            .read_in_table(case),
        );
    } else if one_way::open_beyond_known(case, row.key.port)
        .is_some_and(|open| share(open, pickups.entries) >= TURNED)
    {
        scales.speaks_against(
            Weight::Strong,
            contradicts(
                "open-connections",
                sentence!["as many connections with", port, "are open: both ends are there"],
            )
            .read_in_table(case),
        );
    }
}

fn cures(case: &Case<'_>, pickups: &Pickups) -> Vec<Remedy> {
    let mut out = vec![remedies::keep_entries(case)];
    if !pickups.short {
        out.extend(remedies::delete_pickups(case, None, pickups.entries));
        out.extend(remedies::established_timeout(case, pickups.entries));
    }
    out.extend(remedies::raise_limit(case));
    out
}

fn useless(pickups: &Pickups) -> Vec<WillNotHelp> {
    let mut out = vec![will_not_help::no_attack(), will_not_help::loose()];
    if pickups.short {
        out.push(will_not_help::established_for_pickups());
    } else {
        out.push(will_not_help::limit_for_halves());
    }
    out
}
