//! One entry of the connection-tracking table, as the kernel or conntrack(8) prints it.

use std::net::IpAddr;

/// Layer 3 protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum L3 {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Another one, or not printed and not to be told from the addresses.
    Other,
}

/// Layer 4 protocol by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct L4(pub u8);

#[allow(missing_docs)]
impl L4 {
    pub const ICMP: Self = Self(1);
    pub const IGMP: Self = Self(2);
    pub const TCP: Self = Self(6);
    pub const UDP: Self = Self(17);
    pub const DCCP: Self = Self(33);
    pub const GRE: Self = Self(47);
    pub const ICMPV6: Self = Self(58);
    pub const SCTP: Self = Self(132);
    pub const UDPLITE: Self = Self(136);

    /// The kernel's name, or none for a protocol without a tracker.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ICMP => "icmp",
            Self::IGMP => "igmp",
            Self::TCP => "tcp",
            Self::UDP => "udp",
            Self::DCCP => "dccp",
            Self::GRE => "gre",
            Self::ICMPV6 => "icmpv6",
            Self::SCTP => "sctp",
            Self::UDPLITE => "udplite",
            _ => return None,
        })
    }
}

/// State words of TCP, SCTP and DCCP as printed. Words we do not know survive in `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum State {
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    Listen,
    SynSent2,
    // SCTP
    Closed,
    CookieWait,
    CookieEchoed,
    ShutdownSent,
    ShutdownRecd,
    ShutdownAckSent,
    HeartbeatSent,
    HeartbeatAcked,
    // DCCP
    Request,
    Respond,
    PartOpen,
    Open,
    CloseReq,
    Closing,
    DccpTimeWait,
    Ignore,
    Invalid,
    /// A word that no kernel we read prints: its first 16 bytes, NUL padded.
    Other([u8; 16]),
}

/// Ports and the like of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum L4Part {
    /// TCP, UDP, UDP-Lite, SCTP, DCCP.
    Ports {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP and ICMPv6.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Identifier, the same in both directions.
        id: u16,
    },
    /// GRE keys.
    Gre {
        /// Source key.
        source: u16,
        /// Destination key.
        destination: u16,
    },
    /// None printed.
    Absent,
}

/// One direction of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Ports.
    pub l4: L4Part,
}

/// Packets and bytes of one direction (`nf_conntrack_acct`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What the flags say. Exactly one holds for each entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reply {
    /// `[UNREPLIED]`: no packet was seen in reply direction. Evictable by early drop.
    Unreplied,
    /// Neither flag: replied, not assured. Evictable by early drop.
    Replied,
    /// `[ASSURED]`: never evicted by early drop.
    Assured,
    /// `[OFFLOAD]` or `[HW_OFFLOAD]`, printed instead of `[ASSURED]`, without timeout and state.
    Offloaded,
}

/// Conntrack zones of an entry; 0 is the default zone and is what an unprinted zone means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Zones {
    /// Zone of the original direction.
    pub original: u16,
    /// Zone of the reply direction.
    pub reply: u16,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Layer 3.
    pub l3: L3,
    /// Layer 4.
    pub l4: L4,
    /// Seconds until it expires; none for offloaded entries. Negative and huge values are printed by old
    /// kernels for timers that have expired and wait to run.
    pub remaining: Option<i64>,
    /// State, for TCP, SCTP and DCCP.
    pub state: Option<State>,
    /// The direction of the first packet.
    pub original: Tuple,
    /// The direction expected back.
    pub reply: Tuple,
    /// Flags.
    pub replied: Reply,
    /// Zones.
    pub zones: Zones,
    /// Volume of the original direction, where accounting is on.
    pub original_volume: Option<Volume>,
    /// Volume of the reply direction, where accounting is on.
    pub reply_volume: Option<Volume>,
    /// `mark=`
    pub mark: Option<u32>,
    /// Seconds since creation (`delta-time=`).
    pub age_seconds: Option<u64>,
    /// `id=` of conntrack(8); tells duplicates in a dump.
    pub id: Option<u32>,
}

impl Flow {
    /// The reply tuple is not the mirrored original: source NAT.
    pub fn source_nat(&self) -> bool {
        self.reply.destination != self.original.source
    }

    /// The reply tuple is not the mirrored original: destination NAT.
    pub fn destination_nat(&self) -> bool {
        self.reply.source != self.original.destination
    }
}
