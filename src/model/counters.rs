//! Counters and settings that stand beside a table: sysctl, `/proc/net/stat`, slabinfo, addresses, uname.
//!
//! A field that no input gave is `None`: not known, never zero.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::machine::Machine;
use super::rules::Rules;
use super::sockets::{SocketCounts, Sockets};

/// Statistics of the tracker, summed over all processors. `entries` is not summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatCounters {
    /// Entries now, the global number that every row repeats.
    pub entries: Option<u64>,
    /// Packets refused: no entry could be made, or (from 4.7 on) a clash was not resolved.
    pub drop: Option<u64>,
    /// Entries evicted to make room.
    pub early_drop: Option<u64>,
    /// Inserts that failed.
    pub insert_failed: Option<u64>,
    /// Inserts that failed because the chain was too long (6.x).
    pub chain_too_long: Option<u64>,
    /// Clashes resolved (6.x).
    pub clash_resolve: Option<u64>,
    /// Packets that fit no connection.
    pub invalid: Option<u64>,
    /// NAT tuples found taken.
    pub found: Option<u64>,
    /// Lookups restarted.
    pub search_restart: Option<u64>,
    /// Entries inserted (by ctnetlink on new kernels).
    pub insert: Option<u64>,
    /// Rows that were summed: one for each possible processor, of which a machine may have far fewer.
    pub rows: u64,
    /// Only the first processor's row was given (`conntrack -S` up to 1.4.2): every counter is a lower end.
    pub first_row_only: bool,
}

/// One slab cache of the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slab {
    /// Cache name.
    pub name: Box<str>,
    /// Objects in use.
    pub active: u64,
    /// Objects allocated.
    pub total: u64,
    /// Bytes of one object.
    pub object_bytes: u64,
}

/// An address of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalAddress {
    /// The address.
    pub address: IpAddr,
    /// Its interface, where known.
    pub interface: Option<Box<str>>,
}

/// `Linux web8 2.6.18-274.el5 …`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uname {
    /// Host name.
    pub host: Box<str>,
    /// Kernel release.
    pub release: Box<str>,
}

/// What counters and settings say. Several of one snapshot merge: later inputs fill what earlier ones left open.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counters {
    /// Sysctl keys in dotted form as found (`net.netfilter.nf_conntrack_max`), values as text.
    pub sysctl: BTreeMap<Box<str>, Box<str>>,
    /// Statistics.
    pub stat: Option<StatCounters>,
    /// Slab caches whose names begin with `ip_conntrack` or `nf_conntrack`.
    pub slabs: Vec<Slab>,
    /// Local addresses. Empty and `addresses_known` false: not known.
    pub addresses: Vec<LocalAddress>,
    /// An address list was read.
    pub addresses_known: bool,
    /// Kernel and host.
    pub uname: Option<Uname>,
    /// `conntrack -C`: entries as counted by the kernel at a moment of its own. What the settings say of the same number
    /// stands among them ([`Self::counts`]).
    pub count: Option<u64>,
    /// Total RAM in bytes (meminfo).
    pub memory_bytes: Option<u64>,
    /// All IPv4 addresses are among `addresses`, those of IPv6 perhaps not.
    pub addresses_known_v4: bool,
    /// Entries that are destroyed and wait for a listener to take the event (`conntrack -L dying`): counted, and in no
    /// list of the table.
    pub dying: Option<u64>,
    /// Kernel release where no host name stands beside it (`/proc/version`, `kernel.osrelease`).
    pub release: Option<Box<str>>,
    /// Settings that a file sets at boot or module load (`sysctl.conf`, `sysctl.d`, `modprobe.d`), by dotted key: value
    /// and file. They are meant to run, and need not be in force.
    pub configured: BTreeMap<Box<str>, (Box<str>, Box<str>)>,
    /// A list of sockets.
    pub sockets: Option<Sockets>,
    /// Counts of sockets.
    pub socket_counts: SocketCounts,
    /// Protocol counters by group and name: `TcpExtListenOverflows`.
    pub protocol: BTreeMap<Box<str>, u64>,
    /// Packet filter.
    pub rules: Option<Rules>,
    /// Allowances of a cloud's virtual network card (`conntrack_allowance_exceeded`), summed over the cards of one
    /// input.
    pub allowances: BTreeMap<Box<str>, u64>,
    /// Who held which address while the table was captured (`owners.json` of a bundle), the busiest first.
    pub owners: Vec<NamedOwner>,
    /// Who was in the namespaces that were captured (the same file).
    pub holders: Vec<NamespaceHolder>,
    /// The machine.
    pub machine: Machine,
}

/// Who held an address, or the sockets between it and a peer, as a watcher found it at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedOwner {
    /// The address.
    pub address: IpAddr,
    /// The peer; none: whoever it talked to.
    pub peer: Option<(IpAddr, Option<u16>)>,
    /// `process`, `unit`, `container`, `namespace`.
    pub kind: &'static str,
    /// Its name.
    pub name: Box<str>,
    /// Its id: of a container, a namespace, a process.
    pub id: Option<Box<str>>,
    /// How that is known, in words.
    pub from: Box<str>,
}

/// Who was in a network namespace while its table was captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceHolder {
    /// Inode of the namespace.
    pub inode: u64,
    /// One of [`OWNER_KINDS`].
    pub kind: &'static str,
    /// Its name.
    pub name: Box<str>,
    /// Its id: of a container, a process.
    pub id: Option<Box<str>>,
    /// How that is known, in words.
    pub from: Box<str>,
}

/// What may own an address.
pub const OWNER_KINDS: [&str; 4] = ["process", "unit", "container", "namespace"];

/// Slab caches of entries together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlabTotal {
    /// Objects in use.
    pub active: u64,
    /// Objects allocated.
    pub total: u64,
    /// Bytes of the largest object.
    pub object_bytes: u64,
    /// Caches that are one namespace's each (2.6.32 to 4.9); none: the caches are of all namespaces together.
    pub namespaces: Option<u64>,
}

impl Counters {
    /// A running conntrack setting by its bare name (`max`, `tcp_timeout_time_wait`, `buckets`, `count`), whatever the
    /// era's prefix: `net.netfilter.nf_conntrack_*`, `net.ipv4.netfilter.ip_conntrack_*`, `net.nf_conntrack_max`,
    /// `net.ipv4.ip_conntrack_max`. Returns the key as found and the number.
    pub fn setting(&self, name: &str) -> Option<(&str, u64)> {
        named(&self.sysctl, name, |value| value)
    }

    /// The same of what settings files have.
    pub fn configured(&self, name: &str) -> Option<(&str, u64)> {
        named(&self.configured, name, |(value, _)| value)
    }

    /// Kernel release, from wherever it is known.
    pub fn kernel_release(&self) -> Option<&str> {
        self.uname.as_ref().map(|uname| &*uname.release).or(self.release.as_deref())
    }

    /// The caches of entries together, without those of expectations; none: no slab list was read. A cache keeps freed
    /// objects for a while, so that `active` is somewhat above the entries there are.
    pub fn slab_total(&self) -> Option<SlabTotal> {
        let caches = || self.slabs.iter().filter(|slab| slab.holds_entries());
        caches().next()?;
        let sum = |of: fn(&Slab) -> u64| caches().map(of).fold(0u64, u64::saturating_add);
        let namespaces = caches().filter(|slab| slab.is_of_one_namespace()).count() as u64;
        Some(SlabTotal {
            active: sum(|slab| slab.active),
            total: sum(|slab| slab.total),
            object_bytes: caches().map(|slab| slab.object_bytes).max()?,
            namespaces: (namespaces > 0).then_some(namespaces),
        })
    }

    /// Entries as counted by the kernel, each reading of one moment: with the settings, by itself. Which came first is
    /// not known. Reading the table between them collects what has expired, so they may differ by a good part.
    pub fn counts(&self) -> impl Iterator<Item = u64> {
        let with_settings = self.setting("count").map(|(_, count)| count);
        with_settings.into_iter().chain(self.count)
    }

    /// Any other sysctl as a number.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.sysctl.get(key)?.trim().parse().ok()
    }
}

fn named<'a, V>(
    settings: &'a BTreeMap<Box<str>, V>,
    name: &str,
    text: impl Fn(&V) -> &str,
) -> Option<(&'a str, u64)> {
    const PREFIXES: [&str; 4] = [
        "net.netfilter.nf_conntrack_",
        "net.ipv4.netfilter.ip_conntrack_",
        "net.nf_conntrack_",
        "net.ipv4.ip_conntrack_",
    ];
    PREFIXES.iter().find_map(|prefix| {
        let key = format!("{prefix}{name}");
        let (key, value) = settings.get_key_value(key.as_str())?;
        Some((&**key, text(value).trim().parse().ok()?))
    })
}

impl Counters {
    /// Takes from `other` what this one does not know.
    pub fn fill_from(&mut self, other: &Self) {
        for (key, value) in &other.sysctl {
            self.sysctl.entry(key.clone()).or_insert_with(|| value.clone());
        }
        for (key, value) in &other.configured {
            self.configured.entry(key.clone()).or_insert_with(|| value.clone());
        }
        self.stat = self.stat.or(other.stat);
        if self.slabs.is_empty() {
            self.slabs.clone_from(&other.slabs);
        }
        for address in &other.addresses {
            if !self.addresses.contains(address) {
                self.addresses.push(address.clone());
            }
        }
        self.addresses_known |= other.addresses_known;
        self.uname = self.uname.take().or_else(|| other.uname.clone());
        self.count = self.count.or(other.count);
        self.memory_bytes = self.memory_bytes.or(other.memory_bytes);
        self.addresses_known_v4 |= other.addresses_known_v4;
        self.release = self.release.take().or_else(|| other.release.clone());
        for (key, value) in &other.configured {
            self.configured.entry(key.clone()).or_insert_with(|| value.clone());
        }
        self.sockets = self.sockets.take().or_else(|| other.sockets.clone());
        self.socket_counts.fill_from(&other.socket_counts);
        for (key, value) in &other.protocol {
            self.protocol.entry(key.clone()).or_insert(*value);
        }
        match (&mut self.rules, &other.rules) {
            (Some(rules), Some(other)) => rules.merge(other),
            (rules, other) => *rules = rules.take().or_else(|| other.clone()),
        }
        for (key, value) in &other.allowances {
            let own = self.allowances.entry(key.clone()).or_insert(*value);
            *own = (*own).max(*value);
        }
        if self.owners.is_empty() {
            self.owners.clone_from(&other.owners);
        }
        if self.holders.is_empty() {
            self.holders.clone_from(&other.holders);
        }
        self.machine.fill_from(&other.machine);
        self.dying = self.dying.or(other.dying);
    }
}

impl Slab {
    /// A cache of entries, not of expectations.
    pub fn holds_entries(&self) -> bool {
        !self.name.contains("expect")
    }

    /// `nf_conntrack_<pointer or number>`: one namespace's own.
    pub fn is_of_one_namespace(&self) -> bool {
        let rest = self.name.strip_prefix("nf_conntrack_");
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

impl StatCounters {
    /// Drops between two readings of `/proc/net/stat/nf_conntrack` (or `conntrack -S`) of one boot and namespace: at least,
    /// at most. None where a counter is missing or went backwards (another boot, another namespace, a counter that wrapped).
    ///
    /// `drop` is the upper end: from 4.7 on a clash that could not be resolved counts there, too, and in `insert_failed` at
    /// the same time (`__nf_conntrack_confirm`). A failed insert for a too long chain is a drop of its own kind, not a clash.
    pub fn drops_until(&self, after: &Self) -> Option<(u64, u64)> {
        let before = self;
        // One processor's drops are no bound for those of all.
        if before.first_row_only || after.first_row_only {
            return None;
        }
        let high = after.drop?.checked_sub(before.drop?)?;
        let failed = after.insert_failed?.checked_sub(before.insert_failed?)?;
        let chains = match (before.chain_too_long, after.chain_too_long) {
            (Some(before), Some(after)) => after.checked_sub(before)?,
            // Kernels before 5.15 have no such column, and no such drop.
            (None, None) => 0,
            _ => return None,
        };
        Some((high.saturating_sub(failed.saturating_sub(chains)), high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(drop: u64, insert_failed: u64, chain_too_long: Option<u64>) -> StatCounters {
        StatCounters {
            drop: Some(drop),
            insert_failed: Some(insert_failed),
            chain_too_long,
            ..StatCounters::default()
        }
    }

    #[test]
    fn clashes_widen_downwards_and_long_chains_do_not() {
        let before = reading(100, 10, Some(1));
        assert_eq!(before.drops_until(&reading(1100, 60, Some(11))), Some((960, 1000)));
        assert_eq!(reading(0, 0, None).drops_until(&reading(7, 9, None)), Some((0, 7)));
    }

    #[test]
    fn a_missing_counter_or_one_that_went_backwards_gives_nothing() {
        let before = reading(100, 10, Some(5));
        assert_eq!(before.drops_until(&reading(99, 10, Some(5))), None);
        assert_eq!(before.drops_until(&reading(101, 9, Some(5))), None);
        assert_eq!(before.drops_until(&reading(101, 11, Some(4))), None);
        assert_eq!(before.drops_until(&reading(101, 11, None)), None);
        assert_eq!(before.drops_until(&StatCounters { drop: None, ..before }), None);
        assert_eq!(StatCounters { insert_failed: None, ..before }.drops_until(&before), None);
    }
}
