//! Methods that go round for any full table, whatever fills it: unload the module, reset the flows, delete by the address
//! of a service. Why not, and what stands in this report instead.

use crate::model::census::LeaderKey;
use crate::model::diagnosis::{Cause, Remedy, WillNotHelp};
use crate::model::flow::State;
use crate::model::sentence::{Sentence, Word};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::arith::share;
use super::facts::{Case, NEAR_FULL};
use super::hidden::{hidden, impossible};
use super::mix::Mix;
use super::remedies::guard;

/// Causes that no such method is tried against.
const OTHERS: [&str; 2] = ["no-incident", "expectation-table"];
/// Its entries' timers are set back again and again: they tell no rate.
const RENEWED: Cause = Cause("immortal-syn-sent");
/// From this share of the table on, a service's old entries tempt to be deleted by its address.
const TEMPTING: f64 = 0.2;

/// What comes fills so much of the table before the first of it leaves.
const FILLS: f64 = 0.9;

/// What the verdict says will not help, and the methods that go round for any full table.
pub(crate) fn with(
    case: &Case<'_>,
    verdict: Cause,
    said: Vec<WillNotHelp>,
    remedies: &[Remedy],
) -> Vec<WillNotHelp> {
    let mut out = said;
    if OTHERS.contains(&verdict.0) {
        return out;
    }
    let full = case.census.is_some() && case.usage.share().is_none_or(|usage| usage >= NEAR_FULL);
    let mut all = Vec::new();
    if full || reloaded(case) {
        all.push(unload_module(case, verdict, remedies));
    }
    if full {
        all.push(reset_flows(case, remedies));
    }
    all.extend(by_service_address(case));
    all.retain(|new| out.iter().all(|old| old.id != new.id));
    out.extend(all);
    out
}

/// The tracker was loaded anew near the incident, or its rules were.
fn reloaded(case: &Case<'_>) -> bool {
    let kinds = [RelatedKind::Capacity, RelatedKind::HelpersUnassigned];
    case.incident.is_some_and(|incident| incident.around.iter().any(|around| kinds.contains(&around.kind)))
}

fn has(remedies: &[Remedy], id: &str) -> bool {
    remedies.iter().any(|remedy| remedy.id == id)
}

/// What fills it is in no list, or is no entry at all.
fn unlisted(case: &Case<'_>) -> bool {
    hidden(case).is_some_and(|hidden| hidden.is_most()) || impossible(case).is_some()
}

fn unload_module(case: &Case<'_>, verdict: Cause, remedies: &[Remedy]) -> WillNotHelp {
    let mut out = Sentence::from(
        "every connection loses its entry with it (translated ones break), limits and timeouts begin anew, and the next rule that asks for a state loads it again",
    );
    // Where entries leave before the table is full again, their rate does not tell when that is.
    let tells = verdict != RENEWED && !unlisted(case);
    let fills = |max: &u64| tells && case.pace().settles_at() >= FILLS * *max as f64;
    if let (Some(max), Some(rate)) =
        (case.usage.max.filter(fills), case.admitted_per_second().filter(|rate| *rate > 0.0))
    {
        out = out.with("; at this rate an empty table is full after").with(Word::Duration(max as f64 / rate));
    }
    out = match case.counters.rules.as_ref().filter(|rules| rules.rules > 0) {
        Some(rules) if rules.need_tracking() => {
            out.with(". The rules of this host need it, so the kernel refuses to unload it")
        }
        Some(_) => {
            out.with(". None of the rules given needs it: where that is all of them, take away what loads it")
        }
        None => out.with(". While a rule needs it the kernel refuses"),
    };
    out = if unlisted(case) {
        out.with("; instead, do what stands above: traffic does not fill this table")
    } else if has(remedies, "notrack") {
        out.with("; instead, take this traffic out of tracking (above)")
    } else {
        out.with("; instead, take the traffic that fills it out of tracking, where nothing translates it")
    };
    WillNotHelp { id: "unload-module", reason: out }
}

fn reset_flows(case: &Case<'_>, remedies: &[Remedy]) -> WillNotHelp {
    let out = sentence![
        "a forged reset (hping) must hit the window of its connection, and its entry stays for 10 s all the same; flushing the table cuts every translated connection, and can cut the session it is typed in"
    ];
    let out = if remedies.iter().any(guard::deletes) {
        out.with("; the safe form names protocol, ends, port or state, and says how many entries go (above)")
    } else if unlisted(case) {
        out.with("; what fills this table is in no list: a deletion does not find it")
    } else {
        out.with("; no deletion is advised for what fills this table")
    };
    WillNotHelp { id: "reset-flows", reason: out }
}

/// A translated service that holds much of the table: its dead servers are not told by its address.
fn by_service_address(case: &Case<'_>) -> Option<WillNotHelp> {
    let who = &case.census?.who;
    let row = who.peers.leading(who.entries).iter().find(|row| {
        let how = case.how(&LeaderKey::Peer(row.key));
        how.is_some_and(|how| {
            let translated = how.nat.destination.saturating_add(how.nat.both);
            let established = Mix(&how.classes).tcp(State::Established);
            share(translated, how.entries) >= 0.5 && share(established, who.entries) >= TEMPTING
        })
    })?;
    let peer = row.key;
    Some(WillNotHelp {
        id: "delete-by-service-address",
        reason: sentence![
            "deleting by",
            Word::Endpoint(peer.address, peer.port, peer.l4),
            "takes the connections of all its clients, since its address is translated; a server behind it that is gone is told by the source of the reply (",
            Word::Code("conntrack -L -p tcp --state ESTABLISHED -r SERVER".to_owned()),
            "shows them)"
        ],
    })
}
