//! What one kernel message says about connection tracking.

/// Which table of the connection tracker is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The table of entries, `nf_conntrack_max`.
    Conntrack,
    /// The table of expectations, `nf_conntrack_expect_max`.
    Expectation,
}

/// How the kernel worded it; each wording belongs to a span of kernel versions (see [`super::era`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wording {
    /// 2.4.0: `ip_conntrack: maximum limit of %d entries exceeded`. Not a drop: the packet passes untracked.
    MaximumLimit,
    /// 2.4.21 to 2.6.18: `ip_conntrack: table full, dropping packet.`
    IpPeriod,
    /// 2.6.18 (nf) to 3.2 or so: `nf_conntrack: table full, dropping packet.`
    NfPeriod,
    /// 3.10, 3.18: `nf_conntrack: table full, dropping packet`
    NfPlain,
    /// 4.10 to 6.18, initial namespace: `nf_conntrack: nf_conntrack: table full, dropping packet`
    NfDoubled,
    /// 6.18, any other namespace: `nf_conntrack: nf_conntrack: table full in netns %u, dropping packet`
    NfDoubledNetns,
    /// OpenVZ: `ip_conntrack: CT %d: table full, dropping packet.` and Virtuozzo's `VPS <id> table full`.
    Container,
    /// `nf_conntrack: expectation table full` (2.6.32 to 6.18), and the per-helper limit of 2.4 to 2.6.9.
    Expectation,
}

/// The namespace a message names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamespaceWord {
    /// None named: the initial one on 6.18, any on an older kernel.
    Unnamed,
    /// Inode of the network namespace (`net->ns.inum`).
    Inode(u64),
    /// OpenVZ or Virtuozzo container id, as written.
    Container(Box<str>),
}

/// What a table-full line is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Which table.
    pub table: Table,
    /// In which words.
    pub wording: Wording,
    /// Whose.
    pub namespace: NamespaceWord,
}

/// Who printed a suppression count, as written in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limiter {
    /// `NET: %d messages suppressed.` (2.4.21)
    Net,
    /// `printk: %d messages suppressed.` (2.4 to 2.6.25)
    Printk,
    /// `__ratelimit: %d callbacks suppressed` (2.6.26 to 2.6.32)
    Ratelimit,
    /// `net_ratelimit: %d callbacks suppressed` (2.6.33 on)
    NetRatelimit,
}

/// Lines of other subsystems that are evidence of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelatedKind {
    /// `nf_conntrack version 0.5.0 (16384 buckets, 65536 max)`: the tracker was loaded.
    Capacity,
    /// `TCP: time wait bucket table overflow`
    TimeWaitOverflow,
    /// `Possible SYN flooding on port 443`
    SynFlood,
    /// `TCP: too many orphaned sockets`
    OrphanedSockets,
    /// `neighbour: arp_cache: neighbor table overflow!`
    NeighbourOverflow,
    /// `ip_conntrack: falling back to vmalloc.`
    Vmalloc,
    /// `Linux version …`: a boot begins.
    BootBegins,
}

/// The limits that a capacity line prints at module load, before any sysctl changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capacity {
    /// Hash buckets.
    pub buckets: u64,
    /// Entries allowed.
    pub max: u64,
    /// Bytes of one entry, printed by ip_conntrack only.
    pub entry_bytes: Option<u64>,
}

/// What one message says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// A table was full.
    Full(Subject),
    /// The shared limiter says how many of its callers it refused. Negative numbers were really printed (`%d`).
    Suppressed {
        /// By whom it was printed.
        limiter: Limiter,
        /// How many calls were refused.
        count: i64,
    },
    /// Evidence beside it.
    Related {
        /// Of which kind.
        kind: RelatedKind,
        /// With capacity lines: the limits.
        capacity: Option<Capacity>,
        /// With SYN flood lines: the port.
        port: Option<u16>,
    },
    /// A kernel line, none of the above, that stands right behind a suppression line: it is the one
    /// that the limiter allowed, so it used a token.
    OtherLimited,
    /// Log lines were lost on the way (`Missed %u kernel messages`, a gap in /dev/kmsg numbers).
    Lost {
        /// How many, if the line says so.
        count: Option<u64>,
    },
}
