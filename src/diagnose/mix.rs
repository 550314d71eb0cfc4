//! Sums over classes of entries: how many are in which state, what early drop could evict, what closes by itself.

use std::collections::BTreeMap;

use crate::model::census::Class;
use crate::model::diagnosis::{Effective, StateCounts, StateLabel};
use crate::model::flow::{L4, Reply, State};

/// Entries by class, of a whole table or of one leader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix<'a>(pub(crate) &'a BTreeMap<Class, u64>);

/// A TCP connection that is over, on one side at least, and leaves by its own timer.
pub(crate) fn closing(l4: L4, state: Option<State>) -> bool {
    l4 == L4::TCP
        && matches!(
            state,
            Some(State::FinWait | State::CloseWait | State::LastAck | State::TimeWait | State::Close)
        )
}

impl Mix<'_> {
    /// Entries of the classes that hold.
    pub(crate) fn count(self, holds: impl Fn(&Class) -> bool) -> u64 {
        self.0.iter().filter(|(class, _)| holds(class)).fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// All.
    pub(crate) fn total(self) -> u64 {
        self.count(|_| true)
    }

    /// TCP entries in a state, whatever the flags.
    pub(crate) fn tcp(self, state: State) -> u64 {
        self.count(|c| c.l4 == L4::TCP && c.state == Some(state))
    }

    /// TCP entries in a state that saw no packet in reply direction.
    pub(crate) fn unreplied(self, state: State) -> u64 {
        self.count(|c| c.l4 == L4::TCP && c.state == Some(state) && c.replied == Reply::Unreplied)
    }

    /// Entries of TCP.
    pub(crate) fn all_tcp(self) -> u64 {
        self.count(|c| c.l4 == L4::TCP)
    }

    /// With this flag.
    pub(crate) fn replied(self, replied: Reply) -> u64 {
        self.count(|c| c.replied == replied)
    }

    /// Established and assured TCP: what only its long timeout removes.
    pub(crate) fn established_assured(self) -> u64 {
        self.count(|c| c.l4 == L4::TCP && c.state == Some(State::Established) && c.replied == Reply::Assured)
    }

    /// TCP connections that are over on both sides, and leave by a short timer: TIME_WAIT and CLOSE. Those in FIN_WAIT and
    /// LAST_ACK still wait for the other side, which a connection that was used once does for a moment only.
    pub(crate) fn ended(self) -> u64 {
        self.count(|c| c.l4 == L4::TCP && matches!(c.state, Some(State::TimeWait | State::Close)))
    }

    /// Handshakes that were never finished: SYN_RECV, and SYN_SENT without an answer.
    pub(crate) fn half_open(self) -> u64 {
        self.count(|c| {
            c.l4 == L4::TCP
                && match c.state {
                    Some(State::SynRecv) => c.replied != Reply::Assured,
                    Some(State::SynSent) => c.replied == Reply::Unreplied,
                    _ => false,
                }
        })
    }

    /// Split by what the kernel could do with them. Closing entries are not counted as room: on 6.18 a pass of the
    /// garbage collector evicts some 257 of them a minute, on most kernels none.
    pub(crate) fn effective(self) -> Effective {
        let evictable = self.count(|c| matches!(c.replied, Reply::Unreplied | Reply::Replied));
        let over = self.count(|c| c.replied == Reply::Assured && closing(c.l4, c.state));
        Effective {
            evictable,
            closing: over,
            live: self.total().saturating_sub(evictable).saturating_sub(over),
        }
    }

    /// By state, or protocol and flag where there are no states; descending, ties by label.
    pub(crate) fn states(self) -> StateCounts {
        let mut sums: BTreeMap<StateLabel, u64> = BTreeMap::new();
        for (class, n) in self.0 {
            let label = match class.state {
                Some(state) => StateLabel::State(state),
                None => StateLabel::Protocol(class.l4, class.replied),
            };
            let sum = sums.entry(label).or_default();
            *sum = sum.saturating_add(*n);
        }
        descending(sums)
    }

    /// By protocol, descending.
    pub(crate) fn protocols(self) -> Vec<(L4, u64)> {
        let mut sums: BTreeMap<L4, u64> = BTreeMap::new();
        for (class, n) in self.0 {
            let sum = sums.entry(class.l4).or_default();
            *sum = sum.saturating_add(*n);
        }
        descending(sums)
    }

    /// The state that most of the entries are in, with its entries.
    pub(crate) fn commonest_state(self) -> Option<(State, u64)> {
        self.states().into_iter().find_map(|(label, n)| match label {
            StateLabel::State(state) => Some((state, n)),
            StateLabel::Protocol(..) => None,
        })
    }
}

fn descending<K: Ord + Copy>(sums: BTreeMap<K, u64>) -> Vec<(K, u64)> {
    let mut rows: Vec<(K, u64)> = sums.into_iter().collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    rows
}
