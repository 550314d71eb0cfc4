//! One entry of a made table, and how the files of each kernel print it.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::kernel::Names;

/// Protocol numbers.
pub(crate) const ICMP: u8 = 1;
pub(crate) const IGMP: u8 = 2;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const GRE: u8 = 47;
pub(crate) const ESP: u8 = 50;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const SCTP: u8 = 132;

/// What the flags say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flags {
    Unreplied,
    Replied,
    Assured,
    /// Handed to a flowtable: the line has neither timeout nor state.
    Offload,
    HwOffload,
}

/// Who and whither, of one direction. The ports of ICMP are its id, twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    pub(crate) source: IpAddr,
    pub(crate) sport: u16,
    pub(crate) target: IpAddr,
    pub(crate) dport: u16,
}

impl Way {
    pub(crate) fn back(self) -> Self {
        Self { source: self.target, sport: self.dport, target: self.source, dport: self.sport }
    }
}

/// What the kernel finds an entry by (`nf_conntrack_tuple_hash`): protocol, whether it is the answer of an echo, who and
/// whither, zone.
pub(crate) type Tuple = (u8, bool, Way, u16);

/// An entry.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) l4: u8,
    pub(crate) state: Option<&'static str>,
    /// Seconds left.
    pub(crate) remaining: u64,
    pub(crate) original: Way,
    pub(crate) reply: Way,
    pub(crate) flags: Flags,
    /// Packets and bytes of both directions, printed where accounting is on.
    pub(crate) volume: [(u64, u64); 2],
    pub(crate) zone: u16,
    /// Seconds since it was made, printed where time stamps are on.
    pub(crate) age: Option<u64>,
}

impl Flow {
    /// An entry of a protocol from here to there, replied to as it came.
    pub(crate) fn new(l4: u8, original: Way) -> Self {
        let volume = [(5, 420), (4, 1_900)];
        let (flags, reply) = (Flags::Replied, original.back());
        Self { l4, state: None, remaining: 0, original, reply, flags, volume, zone: 0, age: None }
    }

    pub(crate) fn tcp(original: Way, state: &'static str, remaining: u64, flags: Flags) -> Self {
        let mut flow = Self::new(TCP, original);
        (flow.state, flow.remaining, flow.flags) = (Some(state), remaining, flags);
        flow.unanswered_if_unreplied()
    }

    pub(crate) fn udp(original: Way, remaining: u64, flags: Flags) -> Self {
        let mut flow = Self::new(UDP, original);
        (flow.remaining, flow.flags) = (remaining, flags);
        flow.volume = [(1, 74), (1, 160)];
        flow.unanswered_if_unreplied()
    }

    fn unanswered_if_unreplied(mut self) -> Self {
        if self.flags == Flags::Unreplied {
            self.volume = [(1, 60), (0, 0)];
        }
        self
    }

    /// Packets and bytes there, and back.
    pub(crate) fn carried(mut self, there: (u64, u64), back: (u64, u64)) -> Self {
        self.volume = [there, back];
        self
    }

    /// The source is translated: answers come to this address.
    pub(crate) fn masked_as(mut self, address: IpAddr) -> Self {
        self.reply.target = address;
        self
    }

    /// The destination is translated: another machine answers.
    pub(crate) fn answered_by(mut self, address: IpAddr, port: u16) -> Self {
        (self.reply.source, self.reply.sport) = (address, port);
        self
    }

    pub(crate) fn in_zone(mut self, zone: u16) -> Self {
        self.zone = zone;
        self
    }

    /// It has ports that a translation may change.
    pub(crate) fn has_ports(&self) -> bool {
        [TCP, UDP, SCTP].contains(&self.l4)
    }

    /// The tuple of the original direction.
    pub(crate) fn asks(&self) -> Tuple {
        (self.l4, self.echo(false), self.original, self.zone)
    }

    /// The tuple of the reply direction.
    pub(crate) fn answers(&self) -> Tuple {
        (self.l4, self.echo(true), self.reply, self.zone)
    }

    /// The type of an echo tells its directions apart; all else has its ports alone.
    fn echo(&self, reply: bool) -> bool {
        reply && [ICMP, ICMPV6].contains(&self.l4)
    }

    /// The line of a table file, with its end.
    pub(crate) fn print(&self, look: Look, out: &mut String) {
        let v4 = self.original.source.is_ipv4();
        if look.layer3 {
            out.push_str(if v4 { "ipv4     2 " } else { "ipv6     10 " });
        }
        let _ = write!(out, "{:<8} {} ", name(self.l4), self.l4);
        let offloaded = matches!(self.flags, Flags::Offload | Flags::HwOffload);
        if !offloaded {
            let _ = write!(out, "{} ", self.remaining);
            if let Some(state) = self.state {
                let _ = write!(out, "{state} ");
            }
        }
        self.way(self.original, 8, look, out);
        self.carriage(0, look, out);
        if self.flags == Flags::Unreplied {
            out.push_str("[UNREPLIED] ");
        }
        self.way(self.reply, 0, look, out);
        self.carriage(1, look, out);
        match self.flags {
            Flags::Assured => out.push_str("[ASSURED] "),
            Flags::Offload => out.push_str("[OFFLOAD] "),
            Flags::HwOffload => out.push_str("[HW_OFFLOAD] "),
            Flags::Unreplied | Flags::Replied => {}
        }
        out.push_str("mark=0 ");
        match look.names {
            Names::Ip | Names::Old => out.push_str("secmark=0 "),
            Names::Zoned => {
                let _ = write!(out, "zone={} ", self.zone);
            }
            Names::Plain if self.zone != 0 => {
                let _ = write!(out, "zone={} ", self.zone);
            }
            Names::Plain => {}
        }
        if let Some(age) = self.age {
            let _ = write!(out, "delta-time={age} ");
        }
        out.push_str(if look.layer3 { "use=2\n" } else { "use=1\n" });
    }

    fn way(&self, way: Way, icmp: u8, look: Look, out: &mut String) {
        let address = |address: IpAddr, out: &mut String| match address {
            // The kernel prints `%pI6`: eight groups, none left out; conntrack(8) prints the short form.
            IpAddr::V6(v6) if look.layer3 => {
                let s = v6.segments();
                let _ = write!(
                    out,
                    "{:04x}:{:04x}:{:04x}:{:04x}:{:04x}:{:04x}:{:04x}:{:04x} ",
                    s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
                );
            }
            other => {
                let _ = write!(out, "{other} ");
            }
        };
        out.push_str("src=");
        address(way.source, out);
        out.push_str("dst=");
        address(way.target, out);
        let _ = match self.l4 {
            ICMP => write!(out, "type={icmp} code=0 id={} ", way.sport),
            ICMPV6 => write!(out, "type={} code=0 id={} ", if icmp == 8 { 128 } else { 129 }, way.sport),
            GRE => write!(out, "srckey=0x{:x} dstkey=0x{:x} ", way.sport, way.dport),
            TCP | UDP | SCTP => write!(out, "sport={} dport={} ", way.sport, way.dport),
            _ => Ok(()),
        };
    }

    fn carriage(&self, direction: usize, look: Look, out: &mut String) {
        if look.accounts {
            let (packets, bytes) = self.volume[direction];
            let _ = write!(out, "packets={packets} bytes={bytes} ");
        }
    }
}

fn name(l4: u8) -> &'static str {
    match l4 {
        ICMP => "icmp",
        TCP => "tcp",
        UDP => "udp",
        GRE => "gre",
        ICMPV6 => "icmpv6",
        SCTP => "sctp",
        _ => "unknown",
    }
}

/// How a file prints its lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) names: Names,
    /// A file of the kernel names layer 3; `conntrack -L` and `ip_conntrack` do not.
    pub(crate) layer3: bool,
    /// `nf_conntrack_acct`.
    pub(crate) accounts: bool,
}
