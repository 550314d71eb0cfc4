//! This host's own way to a server, taken out of tracking: what keeps mail going while the table is full. The same rules, with
//! the same guards, as for any other pair.

use std::net::IpAddr;

use crate::model::diagnosis::Command;

use super::remedies::notrack;

/// The lines, in the language of nftables and in that of iptables; and last the one that removes the entries that are
/// there.
pub fn own_way(client: IpAddr, server: IpAddr, port: u16) -> [Vec<Command>; 2] {
    notrack::own_way(client, server, port)
}
