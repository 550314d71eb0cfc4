//! TCP of which the tracker sees one direction only, and what tells such entries apart: how many packets each has, how
//! fresh they are, which sockets stand behind them, which marks stand near. Shared by the rules of that family.

use std::net::IpAddr;

use crate::model::address_kind::AddressKind;
use crate::model::census::{Class, Distinct, Leader, LeaderKey, Peer, PortKey, Volumes};
use crate::model::flow::{L4, Reply, State};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::arith::share;
use super::facts::Case;
use super::mix::Mix;
use super::open::{Open, inside};

/// `nf_conntrack_tcp_timeout_unacknowledged`: no picked-up connection without an answer has more, on newer kernels.
pub(crate) const UNACKNOWLEDGED_SECONDS: u64 = 300;

/// TCP entries without any packet in reply direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OneWay {
    /// SYN_SENT: nothing but SYNs was seen.
    pub(crate) syn: u64,
    /// ESTABLISHED: met in the middle.
    pub(crate) established: u64,
    /// FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE: met in the middle, and seen to end.
    pub(crate) closing: u64,
}

impl OneWay {
    /// Of a set of entries.
    pub(crate) fn of(mix: Mix<'_>) -> Self {
        let closing = [State::FinWait, State::CloseWait, State::LastAck, State::TimeWait, State::Close];
        Self {
            syn: mix.unreplied(State::SynSent).saturating_add(mix.unreplied(State::SynSent2)),
            established: mix.unreplied(State::Established),
            closing: closing.iter().fold(0, |sum, state| sum.saturating_add(mix.unreplied(*state))),
        }
    }

    /// All.
    pub(crate) fn total(self) -> u64 {
        self.syn.saturating_add(self.met_in_the_middle())
    }

    /// Those that saw more than SYNs.
    pub(crate) fn met_in_the_middle(self) -> u64 {
        self.established.saturating_add(self.closing)
    }
}

/// Packets of each entry in original direction, of the classes that hold; none where accounting is off.
pub(crate) fn packets_each(case: &Case<'_>, holds: impl Fn(&Class) -> bool) -> Option<f64> {
    let volumes =
        case.census?.who.volumes.iter().filter(|(class, _)| holds(class)).map(|(_, volumes)| *volumes);
    packets(volumes.reduce(Volumes::plus)?)
}

/// The same of a leader, over all of its entries.
pub(crate) fn packets_of(leader: &Leader) -> Option<f64> {
    packets(leader.volumes?)
}

fn packets(volumes: Volumes) -> Option<f64> {
    (volumes.entries > 0).then(|| volumes.original.packets as f64 / volumes.entries as f64)
}

/// A mean number of packets, for the eye.
pub(crate) fn about_packets(mean: f64) -> Word {
    Word::Count(super::arith::rounded(mean).unwrap_or(0).max(1), noun::PACKET)
}

/// An unanswered SYN.
pub(crate) fn lone_syn(class: &Class) -> bool {
    class.l4 == L4::TCP && class.state == Some(State::SynSent) && class.replied == Reply::Unreplied
}

/// A connection met in its middle that was never answered.
pub(crate) fn pickup(class: &Class) -> bool {
    class.l4 == L4::TCP && class.state == Some(State::Established) && class.replied == Reply::Unreplied
}

/// Established connections with a port, in the list of sockets; none where no list was read.
pub(crate) fn open_connections(case: &Case<'_>, port: u16) -> Option<u64> {
    case.counters.sockets.as_ref().map(|sockets| sockets.established_with(port))
}

/// Connections towards a port that were seen in both directions and used: with one direction of the port out of tracking
/// there would be none.
pub(crate) fn seen_whole(case: &Case<'_>, port: u16) -> u64 {
    let key = LeaderKey::DestinationPort(PortKey { l4: L4::TCP, port });
    case.how(&key).map_or(0, |how| Mix(&how.classes).replied(Reply::Assured))
}

/// Open connections with a port beyond those that the tracker knows as such (assured, towards that port); none where no
/// list of sockets was read.
pub(crate) fn open_beyond_known(case: &Case<'_>, port: u16) -> Option<u64> {
    let key = LeaderKey::DestinationPort(PortKey { l4: L4::TCP, port });
    let known = case.how(&key).map_or(0, |how| Mix(&how.classes).established_assured());
    open_connections(case, port).map(|open| open.saturating_sub(known))
}

/// A number of distinct values as a share of so many entries; for more than are counted, of the whole table's number
/// where that is known, which is no smaller.
pub(crate) fn spread(distinct: Distinct, whole: Option<u64>, entries: u64) -> f64 {
    match (distinct, whole) {
        (Distinct::Exactly(n), _) | (Distinct::More, Some(n)) => share(n.min(entries), entries),
        // More than a tally keeps: at least so many.
        (Distinct::More, None) => share((crate::model::census::TALLY_KEYS as u64).min(entries), entries),
    }
}

/// Distinct values in words: `312`, or `over 4,096`.
pub(crate) fn number_of(sentence: Sentence, distinct: Distinct) -> Sentence {
    match distinct {
        Distinct::Exactly(n) => sentence.with(Word::Number(n)),
        Distinct::More => sentence.with("over").with(Word::Number(crate::model::census::DISTINCT_MAX as u64)),
    }
}

/// The leading peer by the entries that hold, among those that are described.
pub(crate) fn leading_peer<'a>(
    case: &Case<'a>,
    of: impl Fn(Mix<'_>) -> u64,
) -> Option<(Peer, u64, &'a Leader)> {
    let who = &case.census?.who;
    who.peers
        .leading(who.entries)
        .iter()
        .filter(|row| row.key.l4 == L4::TCP)
        .filter_map(|row| {
            let how = case.how(&LeaderKey::Peer(row.key))?;
            Some((row.key, of(Mix(&how.classes)), how))
        })
        .filter(|(_, entries, _)| *entries > 0)
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
}

/// Share of the entries of one TCP state that still have at least `part` of their timeout; none where ages are not known.
/// Entries that packets renew have, those of one past event have not.
pub(crate) fn fresh(case: &Case<'_>, state: State, timeout_seconds: u64, part: f64) -> Option<f64> {
    let remaining = case.census?.who.remaining.get(&(L4::TCP, Some(state)))?;
    let at_least = timeout_seconds as f64 * part;
    let up_to = timeout_seconds.saturating_add(crate::model::census::REMAINING_BIN_SECONDS.into());
    let known = remaining.bins.iter().filter(|(bin, _)| u64::from(**bin) <= up_to);
    let (mut all, mut young) = (0u64, 0u64);
    for (bin, entries) in known {
        all = all.saturating_add(*entries);
        if f64::from(*bin) >= at_least {
            young = young.saturating_add(*entries);
        }
    }
    (all > 0).then(|| share(young, all))
}

/// Entries of a TCP state with at most so many seconds left.
pub(crate) fn with_at_most(case: &Case<'_>, state: State, seconds: u64) -> u64 {
    let remaining = case.census.and_then(|census| census.who.remaining.get(&(L4::TCP, Some(state))));
    let bins = remaining.into_iter().flat_map(|remaining| &remaining.bins);
    bins.filter(|(bin, _)| u64::from(**bin) <= seconds).fold(0, |sum, (_, n)| sum.saturating_add(*n))
}

/// Share of the entries of the table whose source is an address that anybody may have: not of a private network.
pub(crate) fn from_outside(case: &Case<'_>) -> f64 {
    let Some(who) = case.census.map(|census| &census.who) else { return 0.0 };
    let inside =
        [AddressKind::Private, AddressKind::Loopback, AddressKind::LinkLocal, AddressKind::CarrierNat];
    let outside = who.source_kinds.iter().filter(|(kind, _)| !inside.contains(kind));
    share(outside.fold(0, |sum, (_, n)| sum.saturating_add(*n)), who.entries)
}

/// A source in words: this host, a machine behind it, or one from outside.
pub(crate) fn whose(address: IpAddr, is_local: Option<bool>) -> Sentence {
    match (is_local, AddressKind::of(address)) {
        (Some(true), _) => sentence!["this host (", address, ")"],
        (Some(false), AddressKind::Public) => sentence![address, "from outside"],
        (Some(false), _) => sentence![address, "behind this host"],
        (None, _) => sentence![address],
    }
}

/// The sockets behind connections with a port, with their programs.
pub(crate) fn ask_sockets(case: &Case<'_>, port: Option<u16>, what: &'static str) -> Open {
    let which = port.map_or_else(String::new, |port| format!(" '( sport = :{port} or dport = :{port} )'"));
    // A namespace is entered through a shell line in single quotes: there the filter is left out.
    let line = match super::remedies::place::Way::into(case.namespace()) {
        Some(_) => "ss -tanp".to_owned(),
        None => format!("ss -tanp{which}"),
    };
    Open {
        what: "sockets",
        why: sentence!["no list of sockets was given:", Word::Text(what)],
        command: Some(inside(case, line)),
    }
}

/// Packets of each entry.
pub(crate) fn ask_packets(case: &Case<'_>, what: &'static str) -> Open {
    let key = case.kernel.key("acct");
    Open {
        what: "volumes",
        why: sentence!["the entries carry no packet counts:", Word::Text(what)],
        command: Some(inside(case, format!("sysctl -w {key}=1"))),
    }
}

/// Share of UDP without an answer that goes with another path of the answers.
pub(crate) const ALSO_ONE_WAY: f64 = 0.7;
/// Fewer entries of UDP say nothing.
const OTHERS_MIN: u64 = 50;

/// Entries of UDP, and the share of them that was not answered; none where there are hardly any.
pub(crate) fn udp_unanswered(mix: Mix<'_>) -> Option<(u64, f64)> {
    let udp = mix.count(|class| class.l4 == L4::UDP);
    let unanswered = mix.count(|class| class.l4 == L4::UDP && class.replied == Reply::Unreplied);
    (udp >= OTHERS_MIN).then(|| (udp, share(unanswered, udp)))
}

/// The kernel's release.
pub(crate) fn ask_release(what: &'static str) -> Open {
    Open {
        what: "kernel",
        why: sentence!["the kernel's release is not known:", Word::Text(what)],
        command: Some("uname -r".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_are_counted_are_measured_by_the_whole_table() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(spread(Distinct::Exactly(3), Some(9_000), 9_000), 3.0 / 9_000.0));
        assert!(near(spread(Distinct::More, Some(9_000), 9_000), 1.0));
        assert!(near(spread(Distinct::More, Some(9_000), 18_000), 0.5));
        assert!(near(spread(Distinct::More, None, 65_536), 0.5));
        assert!(near(spread(Distinct::Exactly(0), None, 0), 0.0));
    }
}
