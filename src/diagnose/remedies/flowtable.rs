//! Flows handed to a flowtable: out of it sooner, and fewer of them.

use crate::model::diagnosis::{Effect, Remedy};
use crate::model::era::Release;

use super::super::facts::Case;
use super::{here, in_file};

/// The settings exist from here on (`nf_flowtable_tcp_timeout`, `nf_flowtable_udp_timeout`).
const SETTINGS_FROM: Release = Release(5, 14, 0);
/// Default of both.
const DEFAULT_SECONDS: u64 = 30;
/// Seconds of silence after which a flow goes back to the tracker, which then knows its timer.
const SECONDS: u64 = 10;

/// Silent flows go back to the tracker sooner; none where the kernel has no setting for that, or it is as short already.
pub(crate) fn flowtable_timeouts(case: &Case<'_>, mostly_udp: bool) -> Option<Remedy> {
    let names: &[&str] = if mostly_udp { &["udp"] } else { &["tcp", "udp"] };
    let able = case.kernel.release.is_none_or(|release| release >= SETTINGS_FROM);
    let mut commands = Vec::new();
    for name in names.iter().filter(|_| able) {
        let key = format!("net.netfilter.nf_flowtable_{name}_timeout");
        let now = case.counters.number(&key).unwrap_or(DEFAULT_SECONDS);
        if now > SECONDS {
            commands.push(here(format!("sysctl -w {key}={SECONDS}"), Some(format!("sysctl -w {key}={now}"))));
            commands.push(in_file(&format!("{key} = {SECONDS}"), super::limit::settings_file(&case.kernel)));
        }
    }
    (!commands.is_empty()).then(|| Remedy {
        id: "flowtable-timeouts",
        title: "let flows that fell silent go back to the tracker sooner, where they have a timer and can be evicted".into(),
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "frees no entry by itself: those that are over end by the tracker's timers, and those not assured can be evicted".into(),
        },
        side_effects: vec!["a flow that pauses is handed over again with its next packets, which cost the slow path".into()],
        persists: true,
    })
}

/// Only what lasts is handed over.
pub(crate) fn offload_less() -> Remedy {
    Remedy {
        id: "offload-less",
        title: "hand over only connections that last: established ones after some traffic, no DNS, no UDP of one packet".into(),
        commands: vec![in_file(
            "ct state established ct bytes > 100000 meta l4proto tcp flow add @FLOWTABLE",
            "the nftables ruleset, in place of the rule that hands flows over (needs accounting of connections)",
        )],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "short flows then keep their own timers and can be evicted while they are not assured".into(),
        },
        side_effects: vec!["short flows pass the slow path: more work for the processors".into()],
        persists: true,
    }
}
