//! What both looks need of an entry beside its pair, worked out once and kept small: a first look may note a million.

use super::class::{ClassCode, Words};
use super::histogram::bin_number;
use crate::model::flow::{Flow, L4, L4Part};
use crate::model::services;

/// Ports below this are given out by the system: what uses one is a service.
const SYSTEM_PORTS_END: u16 = 1024;

/// Traits of an entry, one bit each.
const SOURCE_NAT: u8 = 1;
const DESTINATION_NAT: u8 = 1 << 1;
const REVERSED: u8 = 1 << 2;
const HAS_PORTS: u8 = 1 << 3;

/// An entry without its pair, mark, id and volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) code: ClassCode,
    /// Number of the bin of its remaining time.
    pub(super) bin: u16,
    /// Of the original direction.
    pub(super) zone: u16,
    source_port: u16,
    traits: u8,
}

impl Entry {
    /// Of a flow, whose class is numbered by `words`.
    #[inline]
    pub(super) fn of(flow: &Flow, words: &mut Words) -> Self {
        let (source_port, has_ports) = match flow.original.l4 {
            L4Part::Ports { source, .. } => (source, HAS_PORTS),
            _ => (0, 0),
        };
        let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
        Self {
            code: words.code(flow.l3, flow.l4, flow.state, flow.replied),
            bin: bin_number(flow.remaining),
            zone: flow.zones.original,
            source_port,
            traits: bit(flow.source_nat(), SOURCE_NAT)
                | bit(flow.destination_nat(), DESTINATION_NAT)
                | bit(reversed(flow), REVERSED)
                | has_ports,
        }
    }

    /// The original source port, where the protocol has ports.
    #[inline]
    pub(super) fn source_port(self) -> Option<u16> {
        (self.traits & HAS_PORTS != 0).then_some(self.source_port)
    }

    /// Source NAT, destination NAT.
    #[inline]
    pub(super) fn nat(self) -> (bool, bool) {
        (self.traits & SOURCE_NAT != 0, self.traits & DESTINATION_NAT != 0)
    }

    /// It was picked up in the middle: its first packet came from the side of the service.
    #[inline]
    pub(super) fn reversed(self) -> bool {
        self.traits & REVERSED != 0
    }
}

/// The original source port is a service and the destination port is not.
#[inline]
fn reversed(flow: &Flow) -> bool {
    match flow.original.l4 {
        L4Part::Ports { source, destination } => {
            destination >= SYSTEM_PORTS_END
                && is_service(source, flow.l4)
                && !is_service(destination, flow.l4)
        }
        _ => false,
    }
}

#[inline]
fn is_service(port: u16, l4: L4) -> bool {
    port < SYSTEM_PORTS_END || services::service(port, l4).is_some()
}
