//! C31 below a full table: a client that connects through IPVS uses its ports again while their old entries wait for
//! their end. Before 5.9 each such connection loses its first SYN and stalls for a second, which looks like packets that
//! a full table drops, at any limit.

use crate::model::diagnosis::Finding;
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::causes::IPVS_PORT_REUSE;
use super::super::causes::ipvs_port_reuse::{loses_first_syn, reused};
use super::super::evidence::{Cited, context, supports};
use super::super::facts::{Case, NEAR_FULL};
use super::super::remedies;

pub(super) fn find(case: &Case<'_>) -> Option<Finding> {
    // At a full table it is what the verdict is about.
    if case.incident.is_some() || case.usage.share().is_none_or(|usage| usage >= NEAR_FULL) {
        return None;
    }
    let reused = reused(case)?;
    let peer = reused.pair.peer;
    let at = Word::Endpoint(peer.address, peer.port, peer.l4);
    let seconds = case.time_wait_seconds() as f64;
    let stalls = loses_first_syn(case);
    let then = if stalls {
        sentence![
            "a port used again by then loses its first SYN and waits 1 s: let clients keep connections open"
        ]
    } else {
        sentence!["a port used again by then meets its old entry: let clients keep their connections open"]
    };
    let pairs = [(reused.pair, reused.ports)];
    let mut cures = vec![remedies::reuse_in_front(case, peer, &pairs, reused.ports)];
    cures.extend(remedies::untracked_ipvs(case, reused.ports));
    cures.extend(remedies::newer_kernel_for_ipvs(case, stalls));
    let mut evidence = vec![
        supports(
            "ports-used-again",
            sentence![
                reused.pair.source,
                "uses",
                Word::Count(reused.ports, noun::PORT),
                "towards",
                at.clone(),
                ",",
                Word::Share(reused.share),
                "of those that one client has"
            ],
        )
        .value("ports", reused.ports as f64)
        .read_in_table(case),
        supports(
            "ipvs-tracks",
            sentence![
                Word::Code("net.ipv4.vs.conntrack = 1".to_owned()),
                ": each of them has an entry here as well"
            ],
        )
        .read_in_table(case),
    ];
    if case.kernel.release.is_none() {
        evidence.push(context(
            "kernel-not-known",
            "before 5.9, where conn_reuse_mode is set, such a connection loses its first SYN: `uname -r` tells".into(),
        ));
    }
    Some(Finding {
        host: None,
        cause: IPVS_PORT_REUSE,
        summary: vec![
            sentence![
                reused.pair.source,
                "uses its ports towards",
                at,
                "again within",
                Word::Duration(seconds)
            ],
            then,
        ],
        evidence,
        remedies: cures,
    })
}
