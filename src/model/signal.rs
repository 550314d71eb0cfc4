//! What one kernel message says about connection tracking.

use std::net::IpAddr;

use super::packets::Packet;

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
    /// `TCP: out of memory -- consider tuning tcp_mem`
    TcpMemory,
    /// `Unable to create nf_conntrack_hash`, `kmem_cache_create(nf_conntrack_…) failed`, `Can't alloc conntrack.`: the
    /// tracker did not get its memory.
    AllocationFailed,
    /// `nf_conntrack: default automatic helper assignment has been turned off …`: the tracker came up then.
    HelpersUnassigned,
    /// `Bridge firewalling registered`: br_netfilter is loaded, bridged frames are tracked.
    BridgeTracked,
    /// `bridge: filtering via arp/ip/ip6tables is no longer available by default. …`: they are not, until it is.
    BridgeUntracked,
    /// `xt_hashlimit: max count of %u reached`: a table of the packet filter, not the tracker's.
    HashlimitFull,
    /// `openvswitch: zone: %u exceeds conntrack limit`: the limit of one zone.
    ZoneLimit,
    /// `IPVS: …: TCP 10.0.0.1:80 - no destination available`
    IpvsNoDestination,
    /// `bond0: … link status definitely down …`: packets take another way from then on.
    LinkChanged,
    /// `docker0: port 3(veth1a2b) entered forwarding state`: a container or guest came up.
    PortForwarding,
    /// Rules of the packet filter were replaced or reloaded (audit 1325, firewalld, dockerd).
    RulesReloaded,
    /// kube-proxy set the limit.
    LimitSet,
    /// systemd-sysctl could not write a setting of the tracker.
    SettingRefused,
    /// A router of a pair became master or backup (keepalived).
    Failover,
    /// conntrackd committed entries of another machine to the table.
    EntriesInjected,
    /// A program of this host found no free local port towards a peer (nginx, haproxy).
    PortsExhausted,
    /// A program of this host waited in vain for a peer (nginx).
    UpstreamTimeout,
    /// A program of this host suffers: kubelet, named, chronyd, sshd, nrpe.
    Victim,
    /// A log daemon dropped lines of a program that wrote too many (journald's `Suppressed`, rsyslog's imuxsock). The
    /// kernel's never meet that limit.
    LinesThrottled,
    /// No line but a sum of packet-log lines, as are the following: packets that a firewall refused.
    PacketsRefused,
    /// Packets that a firewall let through.
    PacketsPassed,
    /// Packets that fit no entry.
    PacketsInvalid,
    /// Packets of which the log does not say what became.
    PacketsLogged,
    /// First packets of TCP connections from all over to one port.
    PacketsOpening,
    /// Fewer lines of packets while the table was full.
    PacketsDip,
}

/// Bytes of a name that are kept.
pub const NAME_BYTES_MAX: usize = 64;

/// What an evidence line names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct About {
    /// A limit, a number of entries, a zone.
    pub value: Option<u64>,
    /// The other end of a connection.
    pub peer: Option<(IpAddr, Option<u16>)>,
    /// An interface, a program, a backend, a setting: at most [`NAME_BYTES_MAX`] bytes.
    pub name: Option<Box<str>>,
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
        /// What else it names, if anything.
        about: Option<Box<About>>,
    },
    /// A packet that a rule of the packet filter logged.
    Packet(Packet),
    /// A kernel line, none of the above, that stands right behind a suppression line: it is the one
    /// that the limiter allowed, so it used a token.
    OtherLimited,
    /// Log lines were lost on the way (`Missed %u kernel messages`, a gap in /dev/kmsg numbers).
    Lost {
        /// How many, if the line says so.
        count: Option<u64>,
    },
}
