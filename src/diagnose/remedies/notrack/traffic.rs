//! The traffic that is taken out of tracking, and where its packets pass.

use std::fmt;
use std::net::IpAddr;

use super::super::super::network::Network;

/// What this host is to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    /// It opens the connections.
    Client,
    /// It is asked.
    Server,
    /// It forwards them.
    Between,
}

/// Who opens the connections.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clients {
    /// One address.
    One(IpAddr),
    /// Those of one network.
    Of(Network),
}

impl fmt::Display for Clients {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(address) => address.fmt(to),
            Self::Of(network) => network.fmt(to),
        }
    }
}

/// TCP between clients and one port of a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) client: Clients,
    pub(super) server: IpAddr,
    pub(super) port: u16,
    pub(super) here: Here,
}

/// Chains (in small letters as nftables has them) that one direction passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chains {
    /// Of the filter.
    pub(super) filter: &'static str,
    /// In front of the tracker.
    pub(super) raw: &'static str,
}

impl Traffic {
    /// Chains of the packets to the server.
    pub(super) fn there(&self) -> Chains {
        match self.here {
            Here::Client => OUT,
            Here::Server => IN,
            Here::Between => THROUGH,
        }
    }

    /// Chains of the answers.
    pub(super) fn back(&self) -> Chains {
        match self.here {
            Here::Client => IN,
            Here::Server => OUT,
            Here::Between => THROUGH,
        }
    }

    /// The chain in which errors about packets of this host, or of those behind it, come in.
    pub(super) fn errors(&self) -> &'static str {
        if self.here == Here::Between { THROUGH.filter } else { IN.filter }
    }

    /// The line that deletes its old entries.
    pub(super) fn deletion(&self, family: &str) -> String {
        let Self { client, server, port, .. } = self;
        let from = match client {
            Clients::One(address) => format!("-s {address}"),
            Clients::Of(network) => format!("-s {} --mask-src {}", network.address(), network.mask()),
        };
        format!("conntrack {family}-D -p tcp {from} -d {server} --dport {port}")
    }
}

const IN: Chains = Chains { filter: "input", raw: "prerouting" };
const OUT: Chains = Chains { filter: "output", raw: "output" };
const THROUGH: Chains = Chains { filter: "forward", raw: "prerouting" };
