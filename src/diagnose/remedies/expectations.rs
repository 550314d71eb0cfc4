//! The table of expectations has a limit of its own.

use crate::model::diagnosis::{Effect, Remedy};
use crate::model::era::Names;
use crate::model::sentence::Sentence;

use super::super::facts::Case;
use super::{here, set};

/// Default where neither limit nor buckets are known: four for each of at least one bucket in 256.
const LIMIT_WHERE_UNKNOWN: u64 = 1_024;

/// Raise it, and see which helper fills it. `ip_conntrack` has no such key.
pub(crate) fn expectation_limit(case: &Case<'_>) -> Vec<Remedy> {
    let mut out = vec![helpers()];
    if case.kernel.names == Names::Ip {
        return out;
    }
    let now = case.counters.setting("expect_max").map(|(_, value)| value);
    let Some(limit) =
        now.unwrap_or(LIMIT_WHERE_UNKNOWN).max(16).checked_mul(4).filter(|limit| *limit <= 1 << 20)
    else {
        return out;
    };
    out.insert(
        0,
        Remedy {
            id: "raise-expectation-limit",
            title: "raise the limit of the expectation table, which is the one that is full".into(),
            commands: set(&case.kernel, "expect_max", limit, now),
            effect: Effect {
                note: "expectations are not entries: the conntrack table does not change".into(),
                ..Effect::default()
            },
            side_effects: Vec::new(),
            persists: true,
        },
    );
    out
}

fn helpers() -> Remedy {
    Remedy {
        id: "find-helper",
        title: "find the helper that makes the expectations (SIP, FTP, full-cone NAT) and take it away where nobody needs it".into(),
        commands: vec![
            here("conntrack -L expect".to_owned(), None),
            here("lsmod | grep -E '^(nf|ip)_(conntrack|nat)_'".to_owned(), None),
        ],
        effect: Effect { note: Sentence::from("shows whose expectations they are"), ..Effect::default() },
        side_effects: vec!["without its helper a protocol that opens further connections (active FTP, SIP) no longer passes the firewall".into()],
        persists: false,
    }
}
