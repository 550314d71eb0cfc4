//! C22: one side said that it is done (FIN) and the last packets never come: FIN_WAIT and LAST_ACK pile up, because the
//! other end is gone, or something in between eats FIN and RST. Look-alikes: churn (TIME_WAIT: the end was seen),
//! CLOSE_WAIT (the program does not close), half-tracked traffic (unreplied).

use crate::model::census::{Leader, Peer};
use crate::model::diagnosis::Remedy;
use crate::model::flow::{L4, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::Case;
use super::super::mix::Mix;
use super::super::one_way;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Share that was never answered, above which the tracker sees half of them.
const ONE_WAY: f64 = 0.5;
/// Share at one address and port, from which it is that one.
const ONE_TARGET: f64 = 0.5;
/// Sockets in these states for each entry: from this share on, this host waits itself.
const HERE: f64 = 0.1;

struct Hung<'a> {
    fin_wait: u64,
    last_ack: u64,
    finished: u64,
    one_way: u64,
    leading: Option<(Peer, u64, &'a Leader)>,
    rate_per_second: f64,
    share_of_table: f64,
}

impl Hung<'_> {
    fn entries(&self) -> u64 {
        self.fin_wait.saturating_add(self.last_ack)
    }
}

fn hung(mix: Mix<'_>) -> u64 {
    mix.tcp(State::FinWait).saturating_add(mix.tcp(State::LastAck))
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let hung = measure(case)?;
    Some(Candidate {
        summary: summary(&hung),
        loses: Some(sentence![
            "closings that hang explain only",
            Word::Share(hung.share_of_table),
            "of the table"
        ]),
        rate_per_second: Some(hung.rate_per_second),
        remedies: cures(case, &hung),
        will_not_help: vec![
            will_not_help::fin_timeout(),
            will_not_help::established_for_closing(case),
            will_not_help::tw_reuse(),
        ],
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(hung.share_of_table), hung.share_of_table, scales(case, &hung))
    })
}

fn measure<'a>(case: &Case<'a>) -> Option<Hung<'a>> {
    let mix = case.mix()?;
    let (fin_wait, last_ack) = (mix.tcp(State::FinWait), mix.tcp(State::LastAck));
    let share_of_table = share(hung(mix), mix.total());
    // Where far more ended well, these are on their way there.
    let passing = mix.tcp(State::TimeWait) > hung(mix).saturating_mul(2);
    if share_of_table < WORTH_NAMING || passing {
        return None;
    }
    let timeouts = case.timeouts();
    let lifetime = |name| timeouts.named_or_default(name).unwrap_or(0).max(1) as f64;
    Some(Hung {
        fin_wait,
        last_ack,
        finished: mix.tcp(State::TimeWait),
        one_way: mix.unreplied(State::FinWait).saturating_add(mix.unreplied(State::LastAck)),
        leading: one_way::leading_peer(case, hung),
        rate_per_second: fin_wait as f64 / lifetime("tcp_timeout_fin_wait")
            + last_ack as f64 / lifetime("tcp_timeout_last_ack"),
        share_of_table,
    })
}

fn summary(hung: &Hung<'_>) -> Vec<Sentence> {
    let mut who = sentence![
        Word::Count(hung.entries(), noun::CONNECTION),
        "(",
        Word::Share(hung.share_of_table),
        ") hang while closing"
    ];
    if let Some((peer, ..)) = target(hung) {
        who = who.with(", most to").with(Word::Endpoint(peer.address, peer.port, L4::TCP));
    }
    let how = sentence![
        "the other end's last packets never come (",
        Word::Count(hung.fin_wait, noun::ENTRY),
        "in",
        State::FinWait,
        ",",
        Word::Count(hung.last_ack, noun::ENTRY),
        "in",
        State::LastAck,
        ")"
    ];
    let what = sentence!["find where FIN or RST is lost (a firewall or NAT in between, ends that vanish)"];
    vec![who, how, what]
}

fn target<'a>(hung: &Hung<'a>) -> Option<(Peer, u64, &'a Leader)> {
    hung.leading.filter(|(_, n, _)| share(*n, hung.entries()) >= ONE_TARGET)
}

fn scales(case: &Case<'_>, hung: &Hung<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "hung",
            sentence![
                Word::Number(hung.entries()),
                "of",
                Word::Count(case.entries(), noun::ENTRY),
                "wait for the end of a connection that one side closed"
            ],
        )
        .value("fin_wait", hung.fin_wait as f64)
        .value("last_ack", hung.last_ack as f64)
        .read_in_table(case),
    );
    let said = || {
        context(
            "finished",
            sentence![
                Word::Count(hung.finished, noun::CONNECTION),
                "were closed by both sides (",
                State::TimeWait,
                ") beside",
                Word::Number(hung.entries()),
                "that were not"
            ],
        )
        .value("finished", hung.finished as f64)
        .read_in_table(case)
    };
    scales.weigh(Weight::Deciding, hung.finished < hung.entries(), said, said);
    let half = share(hung.one_way, hung.entries());
    if half >= ONE_WAY {
        scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "one-way",
                sentence![
                    Word::Share(half),
                    "of them saw packets in one direction only: the tracker sees half of each connection"
                ],
            )
            .value("share", half)
            .read_in_table(case),
        );
    }
    sockets(case, hung, &mut scales);
    if case.marks(RelatedKind::OrphanedSockets).next().is_some() {
        scales.speaks_for(
            Weight::Strong,
            supports(
                "orphans",
                "the kernel says that it has too many sockets whose programs are done with them".into(),
            )
            .read_in_log(case),
        );
    }
    scales
}

fn sockets(case: &Case<'_>, hung: &Hung<'_>, scales: &mut Scales) {
    let listed = case.counters.sockets.as_ref();
    let waiting = listed.map(|sockets| {
        ["FIN_WAIT1", "FIN_WAIT2", "LAST_ACK", "CLOSING"]
            .iter()
            .fold(0u64, |sum, state| sum.saturating_add(sockets.tcp(state)))
    });
    let Some(waiting) = waiting.or(case.counters.socket_counts.orphaned) else {
        return scales.not_known(
            Weight::Slight,
            one_way::ask_sockets(
                case,
                None,
                "whether this host waits itself, or only passes such connections on",
            ),
        );
    };
    let said = |tail: &'static str| {
        context(
            "closing-sockets",
            sentence![Word::Number(waiting), "sockets of this host are closing:", Word::Text(tail)],
        )
        .value("sockets", waiting as f64)
        .read_in_table(case)
    };
    if share(waiting, hung.entries()) >= HERE {
        scales.speaks_for(Weight::Slight, said("it waits for the other end itself"));
    } else {
        scales.add([said("these connections are those of others, or its sockets have given up")]);
    }
}

fn cures(case: &Case<'_>, hung: &Hung<'_>) -> Vec<Remedy> {
    let named = target(hung);
    let mut out = vec![remedies::find_lost_ends(named.map(|(peer, ..)| peer))];
    out.extend(remedies::shorter_fin_wait(case));
    out.extend(named.and_then(|(peer, _, how)| {
        let waiting = Mix(&how.classes).tcp(State::FinWait);
        remedies::delete_closing(case, peer, State::FinWait, waiting, how)
    }));
    out.extend(remedies::raise_limit(case));
    out
}
