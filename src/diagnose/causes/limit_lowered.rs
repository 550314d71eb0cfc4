//! A container wrote a limit that is one for the whole machine (to 5.11 a write in a child namespace does that;
//! `2671fa4dc010` ended it in 5.12). What must hold: a limit below the kernel's own default that no settings file has,
//! and signs of containers. It comes first, before any concentration, where a line says who wrote it and the kernel's own
//! limit would have held what comes. Neighbours: tiny-default (the default itself is small), limit-not-in-force (the files want
//! more, and what lost it is no container), capacity.

use crate::model::flow::Reply;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::containers::lowered_by;
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::limits::{Origin, below_default, limit, lowered_from};
use super::super::open::Open;
use super::super::scales::{Scales, Weight};
use super::super::wanted::{wanted, wanted_evidence, would_hold};
use super::super::{remedies, will_not_help};
use super::{Candidate, Tier};

/// Entries that were never answered are fewer than this.
const UNREPLIED_MAX: f64 = 0.5;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let limit = limit(case).filter(|limit| limit.origin == Origin::Lowered)?;
    let default = lowered_from(case, limit)?;
    let own = limit.default == Some(default);
    let (sign, wrote) = lowered_by(case)?;
    let mix = case.mix()?;
    let full = case.usage.share().is_some_and(|usage| usage >= NEAR_FULL);
    let unreplied = share(mix.replied(Reply::Unreplied), mix.total());
    if !full || unreplied >= UNREPLIED_MAX {
        return None;
    }
    let mut scales = Scales::default();
    scales.speaks_for(Weight::Strong, below_default(case, limit)?);
    if wrote {
        scales.speaks_for(Weight::Deciding, supports("who-wrote-it", sign.clone()).read_in_log(case));
    } else {
        scales.speaks_for(Weight::Slight, supports("containers-run-here", sign.clone()));
        scales.not_known(
            Weight::Deciding,
            Open {
                what: "who wrote the limit",
                why: "no line tells which program wrote the limit".into(),
                command: Some(
                    "journalctl -b | grep conntrack_max; docker ps -q | xargs docker inspect -f '{{.Name}} {{.HostConfig.Privileged}}'"
                        .to_owned(),
                ),
            },
        );
    }
    match case.kernel.containers_set_the_limit() {
        Some(_) => scales.speaks_for(
            Weight::Strong,
            supports("kernel-lets-it", "on this kernel a privileged container that writes the limit sets that of the whole machine (to 5.11)".into()),
        ),
        // A distributor's kernel may carry the change under an older number: its files tell, its number does not.
        None if case.kernel.release.is_some() => scales.not_known(
            Weight::Strong,
            Open {
                what: "kernel",
                why: "whether a container can write the limit is not known of a distributor's kernel (from 5.12 on none can): it can where the mode of the file, in a namespace of its own, has a w".into(),
                command: Some(format!("unshare -n ls -l /proc/sys/{}", case.kernel.key("max").replace('.', "/"))),
            },
        ),
        None => scales.not_known(
            Weight::Strong,
            Open {
                what: "kernel",
                why: "the kernel's release is not known: from 5.12 on a container cannot write the limit".into(),
                command: Some("uname -r".to_owned()),
            },
        ),
    }
    if let Some(wanted) = wanted(case) {
        scales.speaks_for(Weight::Strong, wanted_evidence(case, &wanted));
    }
    let holds = would_hold(case, default);
    if let Some(holds) = holds {
        scales.weigh(
            Weight::Slight,
            holds,
            || {
                supports(
                    "default-would-hold",
                    sentence!["the", Word::Count(default, noun::ENTRY), "from before would hold what comes"],
                )
            },
            || {
                contradicts(
                    "default-would-not-hold",
                    sentence![
                        "what comes would fill the",
                        Word::Count(default, noun::ENTRY),
                        "from before too"
                    ],
                )
            },
        );
    }
    let tier = if wrote && holds == Some(true) { Tier::Decided } else { Tier::Demand };
    Some(Candidate {
        summary: summary(limit.max, default, own, (sign, wrote), &case.kernel.key("max")),
        rate_per_second: case.admitted_per_second(),
        remedies: match wanted(case).filter(|wanted| wanted.max == default) {
            Some(wanted) => vec![remedies::put_back(case, &wanted), remedies::keep_containers_off()],
            None => {
                remedies::raise_limit(case).into_iter().chain([remedies::keep_containers_off()]).collect()
            }
        },
        will_not_help: will_not_help::for_lowered_limit(),
        ..Candidate::new(tier, 1.0, scales)
    })
}

fn summary(max: u64, default: u64, own: bool, (sign, wrote): (Sentence, bool), key: &str) -> Vec<Sentence> {
    vec![
        sentence![
            "the limit of",
            Word::Count(max, noun::ENTRY),
            if own { "is below the kernel's own" } else { "is below the configured" },
            Word::Count(default, noun::ENTRY),
            ": something lowered it"
        ],
        if wrote {
            sign
        } else {
            "containers run here, and a privileged one that writes the limit sets it for the whole machine"
                .into()
        },
        sentence![
            "set it back (",
            Word::Code(format!("sysctl -w {key}={default}")),
            "); keep containers from writing it"
        ],
    ]
}
