//! C11: before 5.14 every SYN sent again set the timer of its entry back, so a client that tries for ever from one source
//! port (NFS, SIP, small devices) keeps its entry for ever, with the address translation that was chosen for it: towards a
//! server that is gone. Look-alikes: a dead upstream (source ports change, timers run down), a scan (targets change).

use crate::model::census::{Distinct, Leader, Peer};
use crate::model::diagnosis::{Effect, Remedy};
use crate::model::era::{Era, Release};
use crate::model::flow::{L4, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;
use super::super::kernel::Kernel;
use super::super::one_way;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// Share of the peer's entries that are unanswered SYNs.
const MOSTLY: f64 = 0.7;
/// Share of such entries that have more than half of their timeout left: of SYNs that run down it is a half.
const RENEWED: f64 = 0.95;
const HALF: f64 = 0.5;
/// Reserved ports: what NFS and its kin connect from (`min_resvport`, `max_resvport`).
const RESERVED: u16 = 1_024;
/// Share of them that come from reserved ports, or from a few ports.
const FIXED: f64 = 0.8;
/// Of the peer's entries, as many must be seen among the commonest source ports to speak for the rest.
const SAMPLE: f64 = 0.05;
/// Source ports for each source, up to which they are fixed.
const PORTS_EACH: u64 = 4;
/// The kernel that no longer renews them (`e15d4cdf27cb`). Long-term kernels of February 2023 and later carry it, too (5.4.231
/// and its kin), which a distribution's own number does not tell: the entries themselves then do not look so.
const CURED: Release = Release(5, 14, 0);

struct Immortal<'a> {
    peer: Peer,
    how: &'a Leader,
    unanswered: u64,
    renewed: f64,
    fixed: f64,
    translated: bool,
    share_of_table: f64,
}

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let immortal = measure(case)?;
    Some(Candidate {
        summary: summary(&immortal),
        loses: Some(sentence![
            "SYNs that are kept alive explain only",
            Word::Share(immortal.share_of_table),
            "of the table"
        ]),
        remedies: cures(case, &immortal),
        will_not_help: vec![
            will_not_help::waiting(),
            will_not_help::limit_for_halves(),
            will_not_help::established_for_half_open(case),
        ],
        ..Candidate::new(
            Candidate::tier_of(immortal.share_of_table),
            immortal.share_of_table,
            scales(case, &immortal),
        )
    })
}

/// The kernel renews them; none: not known.
fn renews(kernel: Kernel) -> Option<bool> {
    match (kernel.release, kernel.era) {
        (Some(release), _) => Some(release < CURED),
        (None, Some(Era::E)) => Some(false),
        // Era D ends with 6.17.
        (None, Some(Era::D) | None) => None,
        (None, Some(_)) => Some(true),
    }
}

fn measure<'a>(case: &Case<'a>) -> Option<Immortal<'a>> {
    if renews(case.kernel) == Some(false) {
        return None;
    }
    let (peer, unanswered, how) = one_way::leading_peer(case, |mix| mix.unreplied(State::SynSent))?;
    let share_of_table = share(unanswered, case.entries());
    if share_of_table < WORTH_NAMING || share(unanswered, how.entries) < MOSTLY {
        return None;
    }
    let (renewed, fixed) = kept_alive(case, how)?;
    Some(Immortal {
        peer,
        how,
        unanswered,
        renewed,
        fixed,
        translated: how.nat.destination.saturating_add(how.nat.both) > 0,
        share_of_table,
    })
}

/// What keeps the SYNs to a peer alive, where something does: the share that does not run down, and the share that comes
/// from fixed ports.
pub(super) fn kept_alive(case: &Case<'_>, how: &Leader) -> Option<(f64, f64)> {
    let timeout = case.timeouts().named_or_default("tcp_timeout_syn_sent")?;
    let renewed = one_way::fresh(case, State::SynSent, timeout, HALF)?;
    let fixed = fixed_ports(case, how);
    let renews = renews(case.kernel) != Some(false);
    (renews && renewed >= RENEWED && fixed >= FIXED).then_some((renewed, fixed))
}

/// Share of the unanswered SYNs that come from ports which a client does not change: reserved ones, or a few for each
/// source.
fn fixed_ports(case: &Case<'_>, how: &Leader) -> f64 {
    if let (Distinct::Exactly(ports), Distinct::Exactly(sources)) = (how.source_ports, how.other_ends)
        && ports <= PORTS_EACH
        && sources.saturating_mul(PORTS_EACH) >= how.entries
    {
        return 1.0;
    }
    let Some(who) = case.census.map(|census| &census.who) else { return 0.0 };
    // The commonest source ports are a sample of theirs, where enough of them are among those.
    let (mut reserved, mut all) = (0u64, 0u64);
    for row in who.source_ports.rows.iter().filter(|row| row.key.l4 == L4::TCP) {
        all = all.saturating_add(row.count);
        if row.key.port < RESERVED {
            reserved = reserved.saturating_add(row.count);
        }
    }
    if share(reserved, how.entries) < SAMPLE { 0.0 } else { share(reserved, all) }
}

fn summary(immortal: &Immortal<'_>) -> Vec<Sentence> {
    let peer = Word::Endpoint(immortal.peer.address, immortal.peer.port, L4::TCP);
    let who = sentence![
        Word::Count(immortal.unanswered, noun::ENTRY),
        "(",
        Word::Share(immortal.share_of_table),
        ") are attempts (SYNs) to",
        peer,
        "that never run out"
    ];
    let how =
        sentence!["clients try again from the same port, and this kernel sets the timer back each time"];
    let what = if immortal.translated {
        sentence![
            "delete the entries of the server that is gone (by reply source); a kernel from 5.14 on cures it"
        ]
    } else {
        sentence!["bring the server back or stop its clients; a kernel from 5.14 on lets the entries go"]
    };
    vec![who, how, what]
}

fn scales(case: &Case<'_>, immortal: &Immortal<'_>) -> Scales {
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "unanswered-syns",
            sentence![
                Word::Number(immortal.unanswered),
                "of the",
                Word::Count(immortal.how.entries, noun::ENTRY),
                "to",
                Word::Endpoint(immortal.peer.address, immortal.peer.port, L4::TCP),
                "are SYNs without an answer"
            ],
        )
        .value("unanswered", immortal.unanswered as f64)
        .value("share", immortal.share_of_table)
        .read_in_table(case),
    );
    scales.speaks_for(
        Weight::Deciding,
        supports(
            "always-young",
            sentence![
                Word::Share(immortal.renewed),
                "of such entries have more than half of their time left: they do not run down"
            ],
        )
        .value("share", immortal.renewed)
        .read_in_table(case),
    );
    scales.speaks_for(
        Weight::Deciding,
        supports(
            "fixed-source-ports",
            sentence![Word::Share(immortal.fixed), "come from ports that their clients do not change"],
        )
        .value("share", immortal.fixed)
        .read_in_table(case),
    );
    match renews(case.kernel) {
        Some(_) => scales.speaks_for(
            Weight::Strong,
            supports(
                "kernel-renews",
                "kernels before 5.14 set the timer back with every SYN sent again (unless they carry the cure, as long-term ones of February 2023 and later do)".into(),
            )
            .read_in_table(case),
        ),
        None => scales.not_known(
            Weight::Deciding,
            one_way::ask_release("before 5.14 a SYN sent again sets the timer of its entry back"),
        ),
    }
    if immortal.translated {
        scales.add([context(
            "translated",
            "the destination of these entries is translated: each holds on to the server that was chosen for it".into(),
        )
        .read_in_table(case)]);
    }
    scales
}

fn cures(case: &Case<'_>, immortal: &Immortal<'_>) -> Vec<Remedy> {
    let mut out = Vec::new();
    out.extend(remedies::delete_syns_to(immortal.peer, immortal.unanswered, immortal.translated));
    // Entries whose timers are set back tell no rate, so none is reckoned with.
    out.extend(remedies::shorter_syn_sent(case).map(|remedy| Remedy {
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "entries end whose clients wait for longer than that between two SYNs; timers that run keep their old end".into(),
        },
        ..remedy
    }));
    out.push(remedies::newer_kernel());
    out
}
