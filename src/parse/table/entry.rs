//! The part of an entry that every form of the table shares: what follows the protocol number. A walk over words,
//! flags and `key=value` pairs, told apart by their keys and never by their place; what is unknown is stepped over.
//!
//! Source: `ct_seq_show` and `print_tuple` of net/netfilter/nf_conntrack_standalone.c (2.6.32 to 6.18),
//! `print_conntrack` of net/ipv4/netfilter/ip_conntrack_standalone.c (2.4.21 to 2.6.18).

use std::net::IpAddr;

use super::cursor::Cursor;
use super::state::state;
use super::summary;
use crate::model::blemish::BlemishKind;
use crate::model::flow::{Flow, L3, L4, L4Part, Reply, State, Tuple, Volume, Zones};

/// What is read of one direction, as far as it is printed.
#[derive(Debug, Default)]
pub(super) struct Direction {
    pub(super) source: Option<IpAddr>,
    pub(super) destination: Option<IpAddr>,
    pub(super) source_port: Option<u16>,
    pub(super) destination_port: Option<u16>,
    pub(super) icmp_type: Option<u8>,
    pub(super) icmp_code: Option<u8>,
    pub(super) icmp_id: Option<u16>,
    pub(super) source_key: Option<u16>,
    pub(super) destination_key: Option<u16>,
    pub(super) packets: Option<u64>,
    pub(super) bytes: Option<u64>,
}

/// What is read of one line.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word that stands in the line or not")]
pub(super) struct Entry {
    pub(super) remaining: Option<i64>,
    pub(super) state: Option<State>,
    pub(super) original: Direction,
    pub(super) reply: Direction,
    pub(super) in_reply: bool,
    pub(super) unreplied: bool,
    pub(super) assured: bool,
    pub(super) offloaded: bool,
    pub(super) zone: Option<u16>,
    pub(super) original_zone: Option<u16>,
    pub(super) reply_zone: Option<u16>,
    pub(super) mark: Option<u32>,
    pub(super) age_seconds: Option<u64>,
    pub(super) id: Option<u32>,
    /// The form prints no type, code and identifier of an echo.
    pub(super) echo_untold: bool,
    /// `use=` was met, which every kernel prints last: the line was not cut.
    pub(super) ended: bool,
}

impl Entry {
    /// Reads all that follows the layer 4 protocol number.
    #[inline]
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), BlemishKind> {
        cursor.skip_blanks();
        if let Some(b'0'..=b'9' | b'-') = cursor.0.first() {
            self.remaining = Some(cursor.signed().ok_or(BlemishKind::ImpossibleNumber)?);
        }
        loop {
            cursor.skip_blanks();
            let Some(first) = cursor.0.first() else { return Ok(()) };
            match first {
                b'[' => self.flag(cursor)?,
                b'A'..=b'Z' => self.word(cursor),
                _ => self.field(cursor)?,
            }
        }
    }

    /// The direction that is being read.
    #[inline]
    fn direction(&mut self) -> &mut Direction {
        if self.in_reply { &mut self.reply } else { &mut self.original }
    }

    /// A word in capitals in front of the tuples is the state.
    fn word(&mut self, cursor: &mut Cursor<'_>) {
        let word = cursor.word();
        if self.state.is_none() && self.original.source.is_none() {
            self.state = Some(state(word));
        }
    }

    /// `[UNREPLIED]`, `[ASSURED]` and their like. What is in brackets may hold blanks.
    fn flag(&mut self, cursor: &mut Cursor<'_>) -> Result<(), BlemishKind> {
        let end = memchr::memchr(b']', cursor.0).map_or(cursor.0.len(), |place| place + 1);
        let (flag, rest) = cursor.0.split_at_checked(end).unwrap_or((cursor.0, &[]));
        cursor.0 = rest;
        match flag {
            b"[UNREPLIED]" => self.unreplied = true,
            b"[ASSURED]" => self.assured = true,
            b"[OFFLOAD]" | b"[HW_OFFLOAD]" => self.offloaded = true,
            _ if memchr::memmem::find(flag, summary::BEGIN).is_some() => {
                return Err(BlemishKind::Unrecognised);
            }
            _ => {}
        }
        Ok(())
    }

    /// One `key=value`. The first four bytes tell the keys of a tuple apart.
    #[inline]
    fn field(&mut self, cursor: &mut Cursor<'_>) -> Result<(), BlemishKind> {
        match cursor.0.first_chunk::<4>() {
            Some(b"src=") if cursor.strip(b"src=") => {
                self.source(cursor.address().ok_or(BlemishKind::BadAddress)?)?;
            }
            Some(b"dst=") if cursor.strip(b"dst=") => {
                self.direction().destination = Some(cursor.address().ok_or(BlemishKind::BadAddress)?);
            }
            Some(b"spor") if cursor.strip(b"sport=") => {
                self.direction().source_port = Some(small(cursor.number())?);
            }
            Some(b"dpor") if cursor.strip(b"dport=") => {
                self.direction().destination_port = Some(small(cursor.number())?);
            }
            Some(b"use=") => self.ended = cursor.word() != b"use=",
            Some(b"mark") if cursor.strip(b"mark=") => self.mark = Some(small(cursor.number())?),
            Some(b"zone") if cursor.strip(b"zone=") => self.zone = Some(small(cursor.number())?),
            _ => self.rare_field(cursor)?,
        }
        Ok(())
    }

    /// `src=` begins a direction.
    fn source(&mut self, address: IpAddr) -> Result<(), BlemishKind> {
        if self.original.source.is_some() {
            if self.in_reply {
                return Err(BlemishKind::Unrecognised);
            }
            self.in_reply = true;
        }
        self.direction().source = Some(address);
        Ok(())
    }

    /// The keys that only some entries have, and the unknown ones.
    fn rare_field(&mut self, cursor: &mut Cursor<'_>) -> Result<(), BlemishKind> {
        if cursor.strip(b"packets=") {
            self.direction().packets = Some(small(cursor.number())?);
        } else if cursor.strip(b"bytes=") {
            self.direction().bytes = Some(small(cursor.number())?);
        } else if cursor.strip(b"type=") {
            self.direction().icmp_type = Some(small(cursor.number())?);
        } else if cursor.strip(b"code=") {
            self.direction().icmp_code = Some(small(cursor.number())?);
        } else if cursor.strip(b"id=") {
            self.identifier(cursor.number())?;
        } else if cursor.strip(b"srckey=") {
            self.direction().source_key = Some(small(cursor.key_number())?);
        } else if cursor.strip(b"dstkey=") {
            self.direction().destination_key = Some(small(cursor.key_number())?);
        } else if cursor.strip(b"zone-orig=") {
            self.original_zone = Some(small(cursor.number())?);
        } else if cursor.strip(b"zone-reply=") {
            self.reply_zone = Some(small(cursor.number())?);
        } else if cursor.strip(b"delta-time=") {
            self.age_seconds = Some(small(cursor.number())?);
        } else if matches!(cursor.0, [b'v' | b'(', ..])
            && memchr::memmem::find(cursor.0, summary::TOOLS).is_some()
        {
            // The tool's last line stands in this one: `conntrack v1.4.7 (conntrack-tools): 17 flow …`.
            return Err(BlemishKind::Unrecognised);
        } else {
            cursor.word();
        }
        Ok(())
    }

    /// `id=` is the echo identifier right behind `type=` and `code=`, and the entry's own anywhere else.
    fn identifier(&mut self, number: Option<u64>) -> Result<(), BlemishKind> {
        let direction = self.direction();
        if direction.icmp_type.is_some() && direction.icmp_id.is_none() {
            direction.icmp_id = Some(small(number)?);
        } else {
            self.id = Some(small(number)?);
        }
        Ok(())
    }

    /// The flow, if all is there that its protocol prints. `l3` is none where the form does not name it.
    #[inline]
    pub(super) fn finish(self, l3: Option<L3>, l4: L4) -> Result<Flow, BlemishKind> {
        if !self.in_reply {
            return Err(BlemishKind::Truncated);
        }
        if self.remaining.is_none() && !self.offloaded {
            return Err(BlemishKind::MissingField);
        }
        let original = self.original.tuple(l4, self.echo_untold)?;
        let reply = self.reply.tuple(l4, self.echo_untold)?;
        let family = family(&original, &reply)?;
        if matches!(l3, Some(L3::V4 | L3::V6)) && l3 != Some(family) {
            return Err(BlemishKind::BadAddress);
        }
        let zone = self.zone.unwrap_or(0);
        Ok(Flow {
            l3: l3.unwrap_or(family),
            l4,
            remaining: self.remaining,
            state: self.state,
            original,
            reply,
            replied: if self.offloaded {
                Reply::Offloaded
            } else if self.assured {
                Reply::Assured
            } else if self.unreplied {
                Reply::Unreplied
            } else {
                Reply::Replied
            },
            zones: Zones {
                original: self.original_zone.unwrap_or(zone),
                reply: self.reply_zone.unwrap_or(zone),
            },
            original_volume: self.original.volume(),
            reply_volume: self.reply.volume(),
            mark: self.mark,
            age_seconds: self.age_seconds,
            id: self.id,
        })
    }
}

impl Direction {
    /// Both addresses, and what the protocol demands beside them.
    #[inline]
    fn tuple(&self, l4: L4, echo_untold: bool) -> Result<Tuple, BlemishKind> {
        let missing = BlemishKind::MissingField;
        let (Some(source), Some(destination)) = (self.source, self.destination) else { return Err(missing) };
        let l4 = match l4 {
            L4::TCP | L4::UDP | L4::UDPLITE | L4::SCTP | L4::DCCP => self.ports().ok_or(missing)?,
            L4::ICMP | L4::ICMPV6 if !echo_untold => self.icmp().ok_or(missing)?,
            _ => self.ports().or(self.icmp()).or(self.gre()).unwrap_or(L4Part::Absent),
        };
        Ok(Tuple { source, destination, l4 })
    }

    #[inline]
    fn ports(&self) -> Option<L4Part> {
        Some(L4Part::Ports { source: self.source_port?, destination: self.destination_port? })
    }

    fn icmp(&self) -> Option<L4Part> {
        Some(L4Part::Icmp { kind: self.icmp_type?, code: self.icmp_code?, id: self.icmp_id? })
    }

    fn gre(&self) -> Option<L4Part> {
        Some(L4Part::Gre { source: self.source_key?, destination: self.destination_key? })
    }

    #[inline]
    fn volume(&self) -> Option<Volume> {
        Some(Volume { packets: self.packets?, bytes: self.bytes? })
    }
}

/// The address family of both directions, which the kernel never mixes.
#[inline]
fn family(original: &Tuple, reply: &Tuple) -> Result<L3, BlemishKind> {
    let addresses = [original.source, original.destination, reply.source, reply.destination];
    if addresses.iter().all(IpAddr::is_ipv4) {
        Ok(L3::V4)
    } else if addresses.iter().all(IpAddr::is_ipv6) {
        Ok(L3::V6)
    } else {
        Err(BlemishKind::BadAddress)
    }
}

/// A number that fits its field.
#[inline]
pub(super) fn small<N: TryFrom<u64>>(number: Option<u64>) -> Result<N, BlemishKind> {
    number.and_then(|number| N::try_from(number).ok()).ok_or(BlemishKind::ImpossibleNumber)
}
