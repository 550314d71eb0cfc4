//! Entries handed to a flowtable (OFFLOAD, HW_OFFLOAD): no timer runs on them, and neither early drop nor the garbage
//! collector takes them while the flowtable holds them. Kernels before 6.3 evict none of them (`df25455e5a48`), those before
//! 6.10 hardly any (`119c790a271d`). Look-alike: honest demand (they are in use); pinned is what needs no use, above all
//! UDP of one packet.

use crate::model::diagnosis::{Remedy, WillNotHelp};
use crate::model::era::Release;
use crate::model::flow::{L4, Reply};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;
use super::super::one_way;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::Candidate;

/// Below this share of the table the cause is not worth naming.
const WORTH_NAMING: f64 = 0.2;
/// From this share of UDP on, what is pinned is requests and not connections.
const MOSTLY_UDP: f64 = 0.5;
/// Below this share, the leading source is one of a crowd: the entries are in use.
const CROWD: f64 = 0.05;
/// No kernel before this one evicts an offloaded entry (`df25455e5a48`; distributions may have carried it back).
const NONE_BEFORE: Release = Release(6, 3, 0);
/// From this one on, those without the assured flag are evicted like others (`119c790a271d`: the collector takes TCP, too).
const LIKE_OTHERS: Release = Release(6, 10, 0);

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let mix = case.mix()?;
    let pinned = mix.replied(Reply::Offloaded);
    let share_of_table = share(pinned, mix.total());
    if share_of_table < WORTH_NAMING {
        return None;
    }
    let udp = mix.count(|c| c.replied == Reply::Offloaded && c.l4 == L4::UDP);
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports(
            "offloaded",
            sentence![
                Word::Number(pinned),
                "of",
                Word::Count(mix.total(), noun::ENTRY),
                "are handed to a flowtable: no timer runs on them"
            ],
        )
        .value("offloaded", pinned as f64)
        .value("share", share_of_table)
        .read_in_table(case),
    );
    kernel(case, &mut scales);
    what_they_are(case, pinned, udp, &mut scales);
    Some(Candidate {
        summary: summary(case, pinned, udp, share_of_table),
        loses: Some(sentence!["offloaded entries explain only", Word::Share(share_of_table), "of the table"]),
        remedies: cures(case, udp, pinned),
        will_not_help: useless(),
        limit_contributes: true,
        ..Candidate::new(Candidate::tier_of(share_of_table), share_of_table, scales)
    })
}

fn summary(case: &Case<'_>, pinned: u64, udp: u64, share_of_table: f64) -> Vec<Sentence> {
    let mut who = sentence![
        Word::Count(pinned, noun::ENTRY),
        "(",
        Word::Share(share_of_table),
        ") are handed to a flowtable (the fast path)"
    ];
    if share(udp, pinned) >= MOSTLY_UDP {
        who = who.with(",").with(Word::Share(share(udp, pinned))).with("of them UDP");
    }
    vec![
        who,
        sentence!["no timer runs on them and none is evicted to make room while the flowtable holds them"],
        if sooner(case, udp, pinned).is_some() {
            sentence!["hand over only what lasts, and let silent flows leave the flowtable sooner"]
        } else {
            sentence![
                "hand over only what lasts: this kernel has no setting by which silent flows leave sooner"
            ]
        },
    ]
}

fn kernel(case: &Case<'_>, scales: &mut Scales) {
    let Some(release) = case.kernel.release else {
        return scales.not_known(
            Weight::Deciding,
            one_way::ask_release(
                "whether it evicts offloaded entries like others, as kernels from 6.10 on do",
            ),
        );
    };
    let said = |words: &'static str| context("kernel-evicts", words.into()).read_in_table(case);
    if release < NONE_BEFORE {
        scales.speaks_for(Weight::Deciding, said("this kernel evicts no offloaded entry"));
    } else if release < LIKE_OTHERS {
        scales.speaks_for(
            Weight::Strong,
            said("this kernel evicts offloaded UDP only, and only while it is not assured"),
        );
    } else {
        scales.speaks_against(
            Weight::Deciding,
            said("this kernel evicts offloaded entries like others: those that are assured are in use"),
        );
    }
}

/// Connections of a crowd are in use; requests of one packet are not.
fn what_they_are(case: &Case<'_>, pinned: u64, udp: u64, scales: &mut Scales) {
    let part = share(udp, pinned);
    let said = |tail: &'static str| {
        context("offloaded-udp", sentence![Word::Share(part), "of them are UDP:", Word::Text(tail)])
            .value("share", part)
            .read_in_table(case)
    };
    let crowd = case.top_source_share().is_some_and(|top| top < CROWD);
    if part >= MOSTLY_UDP {
        scales.speaks_for(Weight::Strong, said("a packet is enough to pin one"));
    } else if crowd {
        scales.speaks_against(
            Weight::Strong,
            said("the rest are connections of many sources, which may well be in use"),
        );
    } else {
        scales.add([said("the rest are connections")]);
    }
}

/// Silent flows out of the flowtable, where this kernel has a setting for that.
fn sooner(case: &Case<'_>, udp: u64, pinned: u64) -> Option<Remedy> {
    remedies::flowtable_timeouts(case, share(udp, pinned) >= MOSTLY_UDP)
}

fn cures(case: &Case<'_>, udp: u64, pinned: u64) -> Vec<Remedy> {
    let mut out = vec![remedies::offload_less()];
    out.extend(sooner(case, udp, pinned));
    out.extend(remedies::raise_limit(case));
    out.extend(remedies::more_buckets(case));
    out
}

fn useless() -> Vec<WillNotHelp> {
    vec![will_not_help::timeouts_for_offloaded(), will_not_help::more_offload()]
}
