//! C26: a larger limit is configured than runs. What must hold: a settings file, a module's option or a refused line
//! that wants more, or a load of the tracker in the middle of an uptime; and a full table. It comes first, before any
//! concentration, only where the configured limit would have held what comes. Neighbours: capacity and tiny-default
//! (nothing larger is configured), hot-node (kube-proxy's rule is what is configured).

use crate::model::diagnosis::Evidence;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::containers::lowered_by;
use super::super::evidence::{Cited, context, contradicts, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::limits::{Origin, default_evidence, limit};
use super::super::node::idle_elsewhere;
use super::super::open::Open;
use super::super::scales::{Scales, Weight};
use super::super::wanted::{
    Lost, Wanted, lost, lost_words, not_in_force, wanted, wanted_evidence, would_hold,
};
use super::super::{open, remedies, will_not_help};
use super::{Candidate, Tier};

/// From this share of half-open entries on it is a flood, which fills any size.
const FLOOD: f64 = 0.5;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let max = case.usage.max?;
    let full = case.usage.share().is_some_and(|usage| usage >= NEAR_FULL);
    if !full || case.census.is_none() {
        return None;
    }
    let wanted = wanted(case);
    let lost = lost(case);
    let reloaded = matches!(lost, Some(Lost::Reloaded(_)));
    if wanted.is_none() && !reloaded {
        return None;
    }
    let mut scales = Scales::default();
    let holds = weigh(case, &mut scales, wanted.as_ref(), lost);
    let flood = share(case.mix()?.half_open(), case.entries()) >= FLOOD;
    let tier = if holds == Some(true) && !flood && !explained_otherwise(case) {
        Tier::Decided
    } else {
        Tier::Demand
    };
    Some(Candidate {
        summary: summary(max, wanted.as_ref(), lost, holds, &case.kernel.key("max")),
        rate_per_second: case.admitted_per_second(),
        remedies: match &wanted {
            Some(wanted) => remedies::put_in_force(case, wanted, lost),
            None => remedies::raise_limit(case).into_iter().collect(),
        },
        will_not_help: wanted.as_ref().map(will_not_help::for_lost_limit).unwrap_or_default(),
        limit_contributes: true,
        ..Candidate::new(tier, 1.0, scales)
    })
}

/// The limit that runs is the work of somebody else: a container that lowered it, or a cluster's rule on the one node that
/// carries the load.
fn explained_otherwise(case: &Case<'_>) -> bool {
    match limit(case).map(|limit| limit.origin) {
        Some(Origin::Lowered) => lowered_by(case).is_some(),
        Some(Origin::KubeProxy) => idle_elsewhere(case).is_some(),
        _ => false,
    }
}

/// Puts everything on the scales; whether the configured limit would have held what comes.
fn weigh(
    case: &Case<'_>,
    scales: &mut Scales,
    wanted: Option<&Wanted>,
    lost: Option<Lost<'_>>,
) -> Option<bool> {
    let reload = not_in_force(case).filter(|evidence| evidence.id == "module-reloaded");
    let running = limit(case)?;
    let mut holds = None;
    match wanted {
        Some(wanted) => {
            scales.speaks_for(Weight::Deciding, wanted_evidence(case, wanted));
            holds = would_hold(case, wanted.max);
            match holds {
                Some(true) => scales.speaks_for(Weight::Strong, enough(case, wanted)),
                Some(false) => scales.speaks_against(Weight::Deciding, not_enough(case, wanted)),
                None => scales.not_known(Weight::Deciding, demand(case)),
            }
        }
        None => scales.not_known(Weight::Deciding, settings(case)),
    }
    match reload {
        Some(evidence) => scales.speaks_for(Weight::Deciding, evidence),
        None => match lost {
            Some(lost) => scales
                .speaks_for(Weight::Strong, supports("how-it-was-lost", lost_words(lost)).read_in_log(case)),
            None => scales.not_known(Weight::Slight, how_lost(case)),
        },
    }
    match running.origin {
        Origin::KernelDefault => {
            if let Some(evidence) = default_evidence(case, running) {
                scales.speaks_for(Weight::Strong, evidence);
            }
        }
        Origin::Lowered if lowered_by(case).is_some() => scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "below-default",
                sentence![
                    "a setting that is lost leaves the kernel's own limit, and",
                    Word::Number(running.max),
                    "is not that"
                ],
            ),
        ),
        Origin::KubeProxy if idle_elsewhere(case).is_some() => scales.speaks_against(
            Weight::Deciding,
            contradicts(
                "others-idle",
                "the other nodes run on the same rule and are idle: what differs is the load of this one"
                    .into(),
            ),
        ),
        Origin::KubeProxy => scales.add([context(
            "kube-proxy-rule",
            sentence![
                "the limit that runs,",
                Word::Number(running.max),
                ", is what kube-proxy sets by its own rule"
            ],
        )]),
        Origin::GivenAtLoad => scales.speaks_for(
            Weight::Slight,
            supports(
                "given-at-load",
                "the limit that runs is eight times the buckets: the module set it at its load".into(),
            ),
        ),
        Origin::Configured | Origin::Lowered | Origin::Unknown => scales.speaks_against(
            Weight::Slight,
            contradicts(
                "no-default",
                sentence![
                    "the limit that runs,",
                    Word::Number(running.max),
                    ", is no default of the kernel: somebody set it by hand"
                ],
            ),
        ),
    }
    holds
}

fn enough(case: &Case<'_>, wanted: &Wanted) -> Evidence {
    supports(
        "would-have-held",
        sentence![
            "what comes fits into the configured",
            Word::Count(wanted.max, noun::ENTRY),
            ": now it holds",
            Word::Number(case.usage.held().unwrap_or(0))
        ],
    )
    .value("configured", wanted.max as f64)
    .read_in_table(case)
}

fn not_enough(case: &Case<'_>, wanted: &Wanted) -> Evidence {
    contradicts(
        "would-not-have-held",
        sentence!["what comes would fill the configured", Word::Count(wanted.max, noun::ENTRY), "too"],
    )
    .value("configured", wanted.max as f64)
    .read_in_table(case)
}

fn demand(case: &Case<'_>) -> Open {
    Open {
        what: "demand",
        why: "most entries last as long as their connection is used: whether the configured limit would have held them is not known".into(),
        command: Some(open::inside(case, format!("watch -n 10 sysctl {}", case.kernel.key("count")))),
    }
}

fn settings(_: &Case<'_>) -> Open {
    Open {
        what: "configured",
        why: "which limit was set before the tracker was loaded anew is in none of the inputs".into(),
        command: Some("grep -r conntrack /etc/sysctl.conf /etc/sysctl.d /etc/modprobe.d".to_owned()),
    }
}

fn how_lost(case: &Case<'_>) -> Open {
    let module = case.kernel.names.module();
    Open {
        what: "how the limit was lost",
        why: "no line tells whether the settings came before the module, or something wrote over them".into(),
        command: Some(format!("journalctl -b -u systemd-sysctl -u kubelet; dmesg | grep '{module} version'")),
    }
}

fn summary(
    max: u64,
    wanted: Option<&Wanted>,
    lost: Option<Lost<'_>>,
    holds: Option<bool>,
    key: &str,
) -> Vec<Sentence> {
    let who = match wanted {
        Some(wanted) => sentence![
            "the limit that runs is",
            Word::Count(max, noun::ENTRY),
            "; the configured one,",
            Word::Count(wanted.max, noun::ENTRY),
            ", is not in force"
        ],
        None => sentence![
            "the limit that runs is",
            Word::Count(max, noun::ENTRY),
            ": the tracker was loaded anew and forgot its settings"
        ],
    };
    let how = lost.map_or_else(|| "no line tells how it was lost".into(), lost_words);
    let how = match holds {
        Some(true) => how.with("; that limit would have held"),
        Some(false) | None => how,
    };
    let what = match (wanted, lost) {
        (Some(_), Some(Lost::Overwritten(_))) => {
            sentence!["set it now, and in kube-proxy's own configuration (conntrack.min, maxPerCore)"]
        }
        (Some(wanted), _) => sentence![
            "set it now (",
            Word::Code(format!("sysctl -w {key}={}", wanted.max)),
            ");",
            match lost {
                Some(Lost::BeforeTheModule(_)) => "let the module load first",
                Some(Lost::Reloaded(_) | Lost::Script) => "keep the module from being unloaded",
                _ => "then find what took it back",
            }
        ],
        (None, _) => sentence!["set the limit again, in a way that a reload of the module does not undo"],
    };
    vec![who, how, what]
}
