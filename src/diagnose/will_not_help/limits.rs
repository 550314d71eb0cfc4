//! Popular advice around limits and counts that does nothing, with the reason.

use crate::model::diagnosis::WillNotHelp;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::wanted::Wanted;

fn reason(id: &'static str, reason: Sentence) -> WillNotHelp {
    WillNotHelp { id, reason }
}

/// Writing the file again.
pub(crate) fn for_lost_limit(wanted: &Wanted) -> Vec<WillNotHelp> {
    vec![
        reason(
            "raise-configured-value",
            sentence![
                "a larger number than",
                Word::Number(wanted.max),
                "in the same file is lost in the same way"
            ],
        ),
        reason(
            "short-timeouts",
            "the configured limit would have been enough with the timeouts as they are".into(),
        ),
    ]
}

/// The settings file of a node.
pub(crate) fn for_node() -> Vec<WillNotHelp> {
    vec![
        reason(
            "sysctl-d-on-the-node",
            "kube-proxy raises a value in sysctl.d that is below its rule, and lowers one that is above it (versions 1.23 to 1.28, and those from the end of 2026 on, leave it); a new node has neither".into(),
        ),
        reason("more-nodes", "nodes that carry none of this traffic do not relieve the one that does".into()),
    ]
}

/// Entries that are in no list.
pub(crate) fn for_hidden() -> Vec<WillNotHelp> {
    vec![
        reason("timeouts", "what is in no list has no timer that a timeout would shorten".into()),
        reason("delete-entries", "a deletion finds only what is listed".into()),
        reason("raise-limit", "delays it: what leaks fills any size".into()),
    ]
}

/// A count that does not follow the entries.
pub(crate) fn for_wrong_counter() -> Vec<WillNotHelp> {
    vec![
        reason(
            "timeouts",
            "the count does not follow the entries, so it matters nothing how long they stay".into(),
        ),
        reason("delete-entries", "few are there: the count is wrong, and stays so without them".into()),
        reason("raise-limit", "a count that is wrong may pass any limit".into()),
    ]
}

/// Entries that are over and wait for whoever listens for their end.
pub(crate) fn for_backlog() -> Vec<WillNotHelp> {
    vec![
        reason("timeouts", "what waits for the listener is over already: no timeout runs on it".into()),
        reason(
            "delete-entries",
            "a deletion finds only what is listed, and each one is one more event that the listener must read".into(),
        ),
        reason("raise-limit", "delays it: what waits for the listener fills any size".into()),
    ]
}

/// Another table.
pub(crate) fn for_other_namespace() -> Vec<WillNotHelp> {
    vec![
        reason(
            "trust-the-check",
            "a check in this namespace reads this namespace's count, and stays green".into(),
        ),
        reason("delete-entries", "entries of this table are not those that refuse packets".into()),
    ]
}

/// Chains.
pub(crate) fn for_chains() -> Vec<WillNotHelp> {
    vec![
        reason(
            "raise-limit",
            "the table is not at its limit: a larger one makes the chains longer still".into(),
        ),
        reason(
            "buckets-in-a-container",
            "the hash table can be resized in the initial network namespace only".into(),
        ),
    ]
}

/// A limit that a container wrote.
pub(crate) fn for_lowered_limit() -> Vec<WillNotHelp> {
    vec![reason(
        "sysctl-d-alone",
        "the settings of the host are read at boot; the container writes again whenever it starts".into(),
    )]
}
