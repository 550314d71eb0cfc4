//! What is nested in the message of one entry.
//!
//! An attribute is a length, a type and that many bytes; what is inside may be attributes again. A walk ends where a
//! length leaves its surroundings, and then the entry is damaged: half an entry is none. Unknown attributes are
//! stepped over, since every kernel adds some.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::states::state;
use crate::model::blemish::BlemishKind;
use crate::model::flow::{Flow, L3, L4, L4Part, Reply, State, Tuple, Volume, Zones};
use crate::model::time::WallTime;

/// Bytes of an attribute's length and type.
const HEADER_BYTES: usize = 4;
/// Attributes begin at multiples of this.
const ALIGNMENT: usize = 4;
/// Of a type, without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const TYPE_MASK: u16 = 0x3fff;

// `enum ctattr_type`
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_PROTOINFO: u16 = 4;
const CTA_HELP: u16 = 5;
const CTA_TIMEOUT: u16 = 7;
const CTA_MARK: u16 = 8;
const CTA_COUNTERS_ORIG: u16 = 9;
const CTA_COUNTERS_REPLY: u16 = 10;
const CTA_USE: u16 = 11;
const CTA_ID: u16 = 12;
const CTA_SECMARK: u16 = 17;
const CTA_ZONE: u16 = 18;
const CTA_SECCTX: u16 = 19;
const CTA_TIMESTAMP: u16 = 20;

// `enum ip_conntrack_status`
const IPS_SEEN_REPLY: u32 = 1 << 1;
const IPS_ASSURED: u32 = 1 << 2;
const IPS_OFFLOAD: u32 = 1 << 14;
const IPS_HW_OFFLOAD: u32 = 1 << 15;

const NANOSECONDS: u64 = 1_000_000_000;

/// One entry: what the rest of the house knows of it, and what only the printed line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The flow.
    pub flow: Flow,
    /// The rest.
    pub also: Also<'a>,
}

/// What is printed of an entry beside the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Also<'a> {
    /// References to the entry (`use=`).
    pub uses: Option<u32>,
    /// Security context (`secctx=`), as the security module spells it.
    pub context: Option<&'a [u8]>,
    /// Security mark (`secmark=`), of kernels before 2.6.37.
    pub security_mark: Option<u32>,
    /// Name of the helper.
    pub helper: Option<&'a [u8]>,
    /// Offloaded to hardware, not to a flow table in software.
    pub in_hardware: bool,
}

/// Reads the attributes of an entry.
pub(super) fn entry(attributes: &[u8], now: WallTime) -> Result<Entry<'_>, BlemishKind> {
    let mut found = Found::default();
    for attribute in Attributes(attributes) {
        let (kind, value) = attribute?;
        found.take(kind, value, now)?;
    }
    found.finish()
}

/// What is found of an entry.
#[derive(Debug, Default)]
struct Found<'a> {
    original: Option<Side>,
    reply: Option<Side>,
    status: Option<u32>,
    state: Option<u8>,
    remaining: Option<u32>,
    mark: Option<u32>,
    zone: Option<u16>,
    id: Option<u32>,
    age_seconds: Option<u64>,
    original_volume: Option<Volume>,
    reply_volume: Option<Volume>,
    also: Also<'a>,
}

impl<'a> Found<'a> {
    #[inline]
    fn take(&mut self, kind: u16, value: &'a [u8], now: WallTime) -> Result<(), BlemishKind> {
        match kind {
            CTA_TUPLE_ORIG => self.original = Some(side(value)?),
            CTA_TUPLE_REPLY => self.reply = Some(side(value)?),
            CTA_STATUS => self.status = Some(be32(value)?),
            CTA_PROTOINFO => self.state = protocol_state(value)?,
            CTA_TIMEOUT => self.remaining = Some(be32(value)?),
            CTA_MARK => self.mark = Some(be32(value)?),
            CTA_USE => self.also.uses = Some(be32(value)?),
            CTA_ID => self.id = Some(be32(value)?),
            CTA_ZONE => self.zone = Some(be16(value)?),
            CTA_COUNTERS_ORIG => self.original_volume = volume(value)?,
            CTA_COUNTERS_REPLY => self.reply_volume = volume(value)?,
            CTA_TIMESTAMP => self.age_seconds = age(value, now)?,
            CTA_SECCTX => self.also.context = name(value)?,
            CTA_SECMARK => self.also.security_mark = Some(be32(value)?),
            CTA_HELP => self.also.helper = name(value)?,
            _ => {}
        }
        Ok(())
    }

    /// The entry, if all is there without which it is none.
    fn finish(self) -> Result<Entry<'a>, BlemishKind> {
        let missing = BlemishKind::MissingField;
        let (Some(original), Some(reply)) = (self.original, self.reply) else { return Err(missing) };
        let status = self.status.ok_or(missing)?;
        let l4 = L4(original.l4.ok_or(missing)?);
        let offloaded = status & (IPS_OFFLOAD | IPS_HW_OFFLOAD) != 0;
        // conntrack(8) prints neither of an offloaded entry: it lives elsewhere, and both stand still.
        let remaining = if offloaded { None } else { Some(i64::from(self.remaining.ok_or(missing)?)) };
        let state = if offloaded { None } else { self.state.and_then(|number| state_of(l4, number)) };
        let zone = self.zone.unwrap_or(0);
        let zones = Zones { original: original.zone.unwrap_or(zone), reply: reply.zone.unwrap_or(zone) };
        let (original, reply) = (original.tuple(l4)?, reply.tuple(l4)?);
        let l3 = family(&original, &reply).ok_or(BlemishKind::BadAddress)?;
        let flow = Flow {
            l3,
            l4,
            remaining,
            state,
            original,
            reply,
            replied: if offloaded {
                Reply::Offloaded
            } else if status & IPS_ASSURED != 0 {
                Reply::Assured
            } else if status & IPS_SEEN_REPLY != 0 {
                Reply::Replied
            } else {
                Reply::Unreplied
            },
            zones,
            original_volume: self.original_volume,
            reply_volume: self.reply_volume,
            mark: self.mark,
            age_seconds: self.age_seconds,
            id: self.id,
        };
        let also = Also { in_hardware: status & IPS_HW_OFFLOAD != 0, ..self.also };
        Ok(Entry { flow, also })
    }
}

/// A state is printed of the protocols that have one.
fn state_of(l4: L4, number: u8) -> Option<State> {
    matches!(l4, L4::TCP | L4::SCTP | L4::DCCP).then(|| state(l4, number))
}

/// The address family of both directions, which the kernel never mixes.
fn family(original: &Tuple, reply: &Tuple) -> Option<L3> {
    let addresses = [original.source, original.destination, reply.source, reply.destination];
    if addresses.iter().all(IpAddr::is_ipv4) {
        Some(L3::V4)
    } else if addresses.iter().all(IpAddr::is_ipv6) {
        Some(L3::V6)
    } else {
        None
    }
}

/// One direction.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    l4: Option<u8>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    echo_type: Option<u8>,
    echo_code: Option<u8>,
    echo_id: Option<u16>,
    zone: Option<u16>,
}

/// `enum ctattr_tuple`
fn side(value: &[u8]) -> Result<Side, BlemishKind> {
    let mut side = Side::default();
    for attribute in Attributes(value) {
        match attribute? {
            (1, value) => side.addresses(value)?,
            (2, value) => side.protocol(value)?,
            (3, value) => side.zone = Some(be16(value)?),
            _ => {}
        }
    }
    Ok(side)
}

impl Side {
    /// `enum ctattr_ip`
    #[inline]
    fn addresses(&mut self, value: &[u8]) -> Result<(), BlemishKind> {
        for attribute in Attributes(value) {
            match attribute? {
                (1, value) => self.source = Some(ipv4(value)?),
                (2, value) => self.destination = Some(ipv4(value)?),
                (3, value) => self.source = Some(ipv6(value)?),
                (4, value) => self.destination = Some(ipv6(value)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// `enum ctattr_l4proto`
    #[inline]
    fn protocol(&mut self, value: &[u8]) -> Result<(), BlemishKind> {
        for attribute in Attributes(value) {
            match attribute? {
                (1, value) => self.l4 = Some(byte(value)?),
                (2, value) => self.source_port = Some(be16(value)?),
                (3, value) => self.destination_port = Some(be16(value)?),
                // The same for ICMP and, three further, for ICMPv6.
                (4 | 7, value) => self.echo_id = Some(be16(value)?),
                (5 | 8, value) => self.echo_type = Some(byte(value)?),
                (6 | 9, value) => self.echo_code = Some(byte(value)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn tuple(&self, l4: L4) -> Result<Tuple, BlemishKind> {
        let missing = BlemishKind::MissingField;
        let (Some(source), Some(destination)) = (self.source, self.destination) else { return Err(missing) };
        let l4 = match l4 {
            L4::TCP | L4::UDP | L4::UDPLITE | L4::SCTP | L4::DCCP => L4Part::Ports {
                source: self.source_port.ok_or(missing)?,
                destination: self.destination_port.ok_or(missing)?,
            },
            L4::ICMP | L4::ICMPV6 => L4Part::Icmp {
                kind: self.echo_type.ok_or(missing)?,
                code: self.echo_code.ok_or(missing)?,
                id: self.echo_id.ok_or(missing)?,
            },
            // Its keys travel where others have their ports. A kernel without its tracker sends none.
            L4::GRE => match (self.source_port, self.destination_port) {
                (Some(source), Some(destination)) => L4Part::Gre { source, destination },
                _ => L4Part::Absent,
            },
            _ => L4Part::Absent,
        };
        Ok(Tuple { source, destination, l4 })
    }
}

/// `enum ctattr_protoinfo`, one nest for each protocol, the state first in each.
fn protocol_state(value: &[u8]) -> Result<Option<u8>, BlemishKind> {
    let mut state = None;
    for attribute in Attributes(value) {
        if let (1..=3, nested) = attribute? {
            for attribute in Attributes(nested) {
                if let (1, value) = attribute? {
                    state = Some(byte(value)?);
                }
            }
        }
    }
    Ok(state)
}

/// `enum ctattr_counters`; none where accounting was off when the entry was made.
fn volume(value: &[u8]) -> Result<Option<Volume>, BlemishKind> {
    let (mut packets, mut bytes) = (None, None);
    for attribute in Attributes(value) {
        match attribute? {
            (1, value) => packets = Some(counted(value)?),
            (2, value) => bytes = Some(counted(value)?),
            _ => {}
        }
    }
    Ok(packets.zip(bytes).map(|(packets, bytes)| Volume { packets, bytes }))
}

/// `enum ctattr_tstamp`: whole seconds since it was made, or that it lasted. None where the clock was set back behind
/// its beginning: that is no age.
fn age(value: &[u8], now: WallTime) -> Result<Option<u64>, BlemishKind> {
    let (mut start, mut stop) = (0, 0);
    for attribute in Attributes(value) {
        match attribute? {
            (1, value) => start = be64(value)?,
            (2, value) => stop = be64(value)?,
            _ => {}
        }
    }
    if start == 0 {
        return Ok(None);
    }
    let now_seconds = u64::try_from(now.0.div_euclid(1_000_000)).unwrap_or(0);
    let end = if stop == 0 { now_seconds } else { stop / NANOSECONDS };
    Ok(end.checked_sub(start / NANOSECONDS))
}

/// The name nested in a helper or in a security context, without its NUL.
fn name(value: &[u8]) -> Result<Option<&[u8]>, BlemishKind> {
    let mut name = None;
    for attribute in Attributes(value) {
        if let (1, value) = attribute? {
            name = value.split(|byte| *byte == 0).next().filter(|name| !name.is_empty());
        }
    }
    Ok(name)
}

/// A walk over attributes. It ends at the first that is not whole.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), BlemishKind>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.0);
        let Some(([l0, l1, t0, t1], _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Some(Err(BlemishKind::Truncated));
        };
        let length = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let Some(value) = bytes.get(HEADER_BYTES..length) else {
            return Some(Err(BlemishKind::BrokenFraming));
        };
        // The last attribute may lack its padding.
        self.0 = bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(Ok((u16::from_ne_bytes([*t0, *t1]) & TYPE_MASK, value)))
    }
}

/// A value of exactly this length.
#[inline]
fn exactly<const N: usize>(value: &[u8]) -> Result<[u8; N], BlemishKind> {
    value.try_into().map_err(|_| BlemishKind::ImpossibleNumber)
}

#[inline]
fn byte(value: &[u8]) -> Result<u8, BlemishKind> {
    exactly(value).map(|[byte]| byte)
}

#[inline]
fn be16(value: &[u8]) -> Result<u16, BlemishKind> {
    exactly(value).map(u16::from_be_bytes)
}

#[inline]
fn be32(value: &[u8]) -> Result<u32, BlemishKind> {
    exactly(value).map(u32::from_be_bytes)
}

#[inline]
fn be64(value: &[u8]) -> Result<u64, BlemishKind> {
    exactly(value).map(u64::from_be_bytes)
}

/// A number of packets or bytes. None reaches 20 digits, which our own reader of the line would refuse.
#[inline]
fn counted(value: &[u8]) -> Result<u64, BlemishKind> {
    const MAX: u64 = 9_999_999_999_999_999_999;
    be64(value).and_then(|count| if count <= MAX { Ok(count) } else { Err(BlemishKind::ImpossibleNumber) })
}

#[inline]
fn ipv4(value: &[u8]) -> Result<IpAddr, BlemishKind> {
    let bytes: [u8; 4] = value.try_into().map_err(|_| BlemishKind::BadAddress)?;
    Ok(IpAddr::V4(Ipv4Addr::from(bytes)))
}

#[inline]
fn ipv6(value: &[u8]) -> Result<IpAddr, BlemishKind> {
    let bytes: [u8; 16] = value.try_into().map_err(|_| BlemishKind::BadAddress)?;
    Ok(IpAddr::V6(Ipv6Addr::from(bytes)))
}
