//! L7: a client that never falls silent (UDP) holds on to the server that was chosen for it when it began, long after that
//! server is gone: few entries, renewed by every packet, never answered. Told only where accounting shows many packets
//! and no answer; a request on its way looks the same otherwise.

use crate::model::census::{Census, Leader, LeaderKey, Pair, Volumes};
use crate::model::diagnosis::{Effect, Finding, Remedy};
use crate::model::flow::{L4, Reply};
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::causes::STALE_NAT;
use super::super::evidence::{Cited, supports};
use super::super::remedies::{family, here};

/// Packets that an entry has sent without an answer, at least.
const PACKETS_MIN: u64 = 10;
/// More of the table than this is another matter.
const FEW: f64 = 0.05;
/// Command lines, at most.
const LINES_MAX: usize = 8;

pub(super) fn of(census: &Census) -> Option<Finding> {
    let stale = |(key, how): (&LeaderKey, &Leader)| match key {
        LeaderKey::Pair(pair) => unanswered(pair, how).map(|volumes| (*pair, how.entries, volumes)),
        _ => None,
    };
    let pairs: Vec<(Pair, u64, Volumes)> = census.how.iter().filter_map(stale).collect();
    let entries = pairs.iter().fold(0u64, |sum, (_, n, _)| sum.saturating_add(*n));
    let packets = pairs.iter().fold(0u64, |sum, (_, _, v)| sum.saturating_add(v.original.packets));
    let (first, ..) = pairs.first()?;
    if share(entries, census.who.entries) > FEW {
        return None;
    }
    let service = Word::Endpoint(first.peer.address, first.peer.port, L4::UDP);
    Some(Finding {
        host: None,
        cause: STALE_NAT,
        summary: vec![
            sentence![
                Word::Count(entries, noun::ENTRY),
                "of UDP still send to a server that never answers, first to",
                service
            ],
            sentence![
                "delete these entries: each packet renews its entry, and with it the choice of that server"
            ],
        ],
        evidence: vec![
            supports(
                "never-answered",
                sentence![
                    Word::Count(packets, noun::PACKET),
                    "went out over them through a translated destination, and none came back"
                ],
            )
            .value("entries", entries as f64)
            .value("packets", packets as f64),
        ],
        remedies: vec![delete(&pairs, entries)],
    })
}

/// Every entry is translated to a server, has sent many packets, and got none.
fn unanswered(pair: &Pair, how: &Leader) -> Option<Volumes> {
    let volumes = how.volumes.filter(|volumes| volumes.entries == how.entries)?;
    let translated = how.nat.destination.saturating_add(how.nat.both) == how.entries;
    let silent = how.classes.keys().all(|class| class.replied == Reply::Unreplied);
    let many = volumes.original.packets >= how.entries.saturating_mul(PACKETS_MIN);
    (pair.peer.l4 == L4::UDP && translated && silent && many && volumes.reply.packets == 0).then_some(volumes)
}

fn delete(pairs: &[(Pair, u64, Volumes)], entries: u64) -> Remedy {
    let lines = pairs.iter().take(LINES_MAX).filter_map(|(pair, ..)| {
        let (source, service) = (pair.source.to_canonical(), pair.peer.address.to_canonical());
        let port = pair.peer.port?;
        Some(here(
            format!("conntrack {}-D -p udp -s {source} -d {service} --dport {port}", family(source)),
            None,
        ))
    });
    Remedy {
        id: "delete-stale",
        title: "delete them: the next packet of each client is given a server that is there".into(),
        commands: lines.collect(),
        effect: Effect { entries_freed_now: Some(entries), ..Effect::default() },
        side_effects: vec![
            "other requests of the same client to that service are cut, too, and sent again".into(),
        ],
        persists: false,
    }
}
