//! Sockets of a host as `ss`, `netstat` and `/proc/net/sockstat` list them: tallies, never single sockets.
//!
//! A list speaks of the namespace it was taken in: sockets of containers are not in that of their host. A connection
//! in TIME_WAIT belongs to no process any more, so that of a churn only the youngest part names its program.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::flow::L4;

/// Programs with peers that are kept, the first ones met; the rest is counted in [`Sockets::left_out`].
pub const CALLERS_MAX: usize = 4_096;
/// Bytes of a program's name that are kept (the kernel's `comm` has 15, `netstat` cuts at 20).
pub const PROGRAM_BYTES_MAX: usize = 64;

/// A program and one end that it talks to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// As the list names it.
    pub program: Box<str>,
    /// Own address of the sockets.
    pub local: IpAddr,
    /// The other end.
    pub peer: IpAddr,
    /// Its port.
    pub port: u16,
    /// Protocol.
    pub l4: L4,
}

/// Sockets of one [`Call`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// How many.
    pub sockets: u64,
    /// Their process, where it is one and the same.
    pub process: Option<u32>,
    /// They are of several processes.
    pub several: bool,
}

/// A list of sockets, tallied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sockets {
    /// The program that listed them: `ss`, `netstat`.
    pub from: &'static str,
    /// Sockets by protocol and state, in the words of `netstat` (`TIME_WAIT`).
    pub by_state: BTreeMap<(L4, &'static str), u64>,
    /// Sockets by what opened them. Only those that name a program and have another end.
    pub calls: BTreeMap<Call, Calls>,
    /// Sockets with a program that found no room in `calls`.
    pub left_out: u64,
    /// Established TCP connections by the port of this end.
    pub established_at: BTreeMap<u16, u64>,
    /// Established TCP connections by the port of the other end.
    pub established_to: BTreeMap<u16, u64>,
}

/// What `/proc/net/sockstat`, its IPv6 twin or `ss -s` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SocketCounts {
    /// TCP sockets in use (IPv4; with `ss -s`: both).
    pub tcp: Option<u64>,
    /// TCP sockets of IPv6.
    pub tcp6: Option<u64>,
    /// Connections in TIME_WAIT, both families.
    pub time_wait: Option<u64>,
    /// Orphans.
    pub orphaned: Option<u64>,
    /// UDP sockets in use (IPv4; with `ss -s`: both).
    pub udp: Option<u64>,
}

impl SocketCounts {
    /// Takes from `other` what this one does not know.
    pub fn fill_from(&mut self, other: &Self) {
        self.tcp = self.tcp.or(other.tcp);
        self.tcp6 = self.tcp6.or(other.tcp6);
        self.time_wait = self.time_wait.or(other.time_wait);
        self.orphaned = self.orphaned.or(other.orphaned);
        self.udp = self.udp.or(other.udp);
    }
}

/// The program that holds most of the sockets from an address to a peer, of those that name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opener {
    /// Its name.
    pub program: Box<str>,
    /// Its process, where it is one.
    pub process: Option<u32>,
    /// Its sockets to that peer.
    pub sockets: u64,
    /// Sockets to that peer of all programs.
    pub of: u64,
    /// The program that listed them.
    pub from: &'static str,
}

impl Sockets {
    /// TCP sockets in a state, in the words of `netstat`.
    pub fn tcp(&self, state: &'static str) -> u64 {
        self.by_state.get(&(L4::TCP, state)).copied().unwrap_or(0)
    }

    /// Established TCP connections with this port at either end, whichever end has more of them.
    pub fn established_with(&self, port: u16) -> u64 {
        let of = |ports: &BTreeMap<u16, u64>| ports.get(&port).copied().unwrap_or(0);
        of(&self.established_at).max(of(&self.established_to))
    }

    /// Who opens the connections of `local` to a peer: the program with more than half of the sockets that name one.
    pub fn opener(&self, local: IpAddr, peer: IpAddr, port: u16, l4: L4) -> Option<Opener> {
        let mut by_program: BTreeMap<&str, Calls> = BTreeMap::new();
        let ends = |call: &Call| {
            call.local == local.to_canonical()
                && call.peer == peer.to_canonical()
                && (call.port, call.l4) == (port, l4)
        };
        for (call, calls) in self.calls.iter().filter(|(call, _)| ends(call)) {
            let of = by_program.entry(&call.program).or_default();
            of.add(*calls);
        }
        let of = by_program.values().fold(0u64, |sum, calls| sum.saturating_add(calls.sockets));
        let (program, calls) = by_program.into_iter().find(|(_, calls)| calls.sockets > of / 2)?;
        Some(Opener {
            program: program.into(),
            process: calls.process.filter(|_| !calls.several),
            sockets: calls.sockets,
            of,
            from: self.from,
        })
    }
}

impl Calls {
    /// Adds sockets of the same call.
    pub fn add(&mut self, other: Self) {
        self.sockets = self.sockets.saturating_add(other.sockets);
        let differ = self.process.is_some() && other.process.is_some() && self.process != other.process;
        self.several |= other.several || differ;
        self.process = self.process.or(other.process);
    }
}
