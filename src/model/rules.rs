//! What a packet filter asks of the tracker: which rules need connections to be tracked, which take traffic out of
//! tracking, which translate addresses. Counts, not rules.

use std::collections::BTreeSet;

/// Rules that take traffic out of tracking that are kept as text; the rest is counted.
pub const UNTRACKED_MAX: usize = 64;
/// Bytes of such a rule that are kept.
pub const RULE_BYTES_MAX: usize = 256;

/// A ruleset in numbers. What a list does not show may still be there: `iptables -L` shows one table, `nft` shows
/// nothing of the older back end. So a zero here proves nothing, and only what was found is ever said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// The programs whose lists were read: `nft`, `iptables`.
    pub from: Vec<&'static str>,
    /// Rules.
    pub rules: u64,
    /// Rules that ask for the state of a connection.
    pub states: u64,
    /// Rules that drop or reject what fits no connection.
    pub invalid_dropped: u64,
    /// Rules that translate addresses.
    pub nat: Nat,
    /// Rules that take traffic out of tracking, as written.
    pub untracked: Vec<Box<str>>,
    /// How many of them there are.
    pub untracked_rules: u64,
    /// Destination ports that such rules name: what goes to them is not tracked.
    pub untracked_to: BTreeSet<u16>,
    /// Source ports that such rules name: what comes from them is not tracked.
    pub untracked_from: BTreeSet<u16>,
    /// Rules that count connections or keep a meter for each address: `connlimit`, `ct count`, `meter`, `hashlimit`.
    pub limits: u64,
    /// Rules that hand flows to a flowtable.
    pub offloaded: u64,
    /// Rules that give connections a helper.
    pub helpers: u64,
    /// Rules that put connections into a zone.
    pub zones: u64,
    /// Rules that answer handshakes in front of the tracker.
    pub synproxy: u64,
    /// Rules in chains of Kubernetes services (`KUBE-…`).
    pub kube_services: u64,
    /// Rules in chains of any container network, those included.
    pub containers: u64,
}

/// A word of a rule that names a chain of Kubernetes services.
pub fn is_kube_chain(word: &str) -> bool {
    word.starts_with("KUBE-")
}

/// A word of a rule that names a chain of a container network.
pub fn is_container_chain(word: &str) -> bool {
    const BEGIN: [&str; 7] = ["KUBE-", "DOCKER", "CNI-", "cali-", "CILIUM_", "FLANNEL", "NETAVARK"];
    BEGIN.iter().any(|begin| word.starts_with(begin))
}

/// The one direction of a port's traffic that is taken out of tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Untracked {
    /// What goes to the port.
    To,
    /// What comes from it.
    From,
}

/// Rules that translate addresses, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nat {
    /// The source becomes the address of the interface.
    pub masquerade: u64,
    /// The source becomes a fixed one.
    pub source: u64,
    /// The destination becomes another machine.
    pub destination: u64,
    /// The destination becomes this host.
    pub redirect: u64,
}

impl Nat {
    /// All of them.
    pub fn total(self) -> u64 {
        [self.source, self.destination, self.redirect].into_iter().fold(self.masquerade, u64::saturating_add)
    }
}

impl Rules {
    /// Something needs connections to be tracked.
    pub fn need_tracking(&self) -> bool {
        self.nat.total() > 0
            || [self.states, self.limits, self.offloaded, self.helpers, self.synproxy].iter().any(|n| *n > 0)
    }

    /// Takes another list of the same host in. One rule may stand in both (`iptables-save` and `iptables -L`, or `nft` and
    /// the newer back end of iptables), so the larger number of each kind holds: at least so many.
    pub fn merge(&mut self, other: &Self) {
        for from in &other.from {
            if !self.from.contains(from) {
                self.from.push(from);
            }
        }
        for (mine, theirs) in [
            (&mut self.rules, other.rules),
            (&mut self.states, other.states),
            (&mut self.invalid_dropped, other.invalid_dropped),
            (&mut self.nat.masquerade, other.nat.masquerade),
            (&mut self.nat.source, other.nat.source),
            (&mut self.nat.destination, other.nat.destination),
            (&mut self.nat.redirect, other.nat.redirect),
            (&mut self.untracked_rules, other.untracked_rules),
            (&mut self.limits, other.limits),
            (&mut self.offloaded, other.offloaded),
            (&mut self.helpers, other.helpers),
            (&mut self.zones, other.zones),
            (&mut self.synproxy, other.synproxy),
            (&mut self.kube_services, other.kube_services),
            (&mut self.containers, other.containers),
        ] {
            *mine = (*mine).max(theirs);
        }
        for rule in &other.untracked {
            self.untrack(rule);
        }
        self.untracked_to.extend(&other.untracked_to);
        self.untracked_from.extend(&other.untracked_from);
    }

    /// The direction of a port's traffic that rules take out of tracking, where it is one only: the tracker then sees
    /// half of each connection.
    pub fn untracked_one_way(&self, port: u16) -> Option<Untracked> {
        match (self.untracked_to.contains(&port), self.untracked_from.contains(&port)) {
            (true, false) => Some(Untracked::To),
            (false, true) => Some(Untracked::From),
            _ => None,
        }
    }

    /// Keeps the text of a rule that takes traffic out of tracking.
    pub fn untrack(&mut self, rule: &str) {
        let fits =
            self.untracked.len() < UNTRACKED_MAX && !self.untracked.iter().any(|known| **known == *rule);
        if fits {
            let end = rule.floor_char_boundary(RULE_BYTES_MAX);
            self.untracked.push(rule.get(..end).unwrap_or(rule).into());
        }
    }
}
