//! `ifconfig -a`: old (`inet addr:192.0.2.2  Bcast:…`) and new (`inet 192.0.2.2  netmask …`, net-tools 1.60 of 2012 on).
//!
//! It shows no second address of an interface that has no label of its own, such as those that keepalived adds. So its
//! list is no whole one: an address outside of it may be the host's own all the same.

use std::net::IpAddr;

use super::{Head, Reading};
use crate::model::blemish::BlemishKind;

/// Bytes of an interface name that are kept (the kernel's limit is 15).
const NAME_BYTES_MAX: usize = 64;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let first = head.first();
    let new = first.contains(": flags=") && first.contains("  mtu ");
    let old = first.contains(" Link encap:");
    name(first).is_some() && (new || old)
}

/// Every address is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut current: Option<String> = None;
    reading.each_line(text, |text, line, reading| {
        if let Some(name) = name(text) {
            current = Some(name.to_owned());
        }
        let mut words = text.split_whitespace();
        // Old: the address of IPv6 stands behind a blank (`inet6 addr: fe80::1/64`), that of IPv4 does not.
        let word = match (words.next(), words.next(), words.next()) {
            (Some("inet6"), Some("addr:"), Some(address)) => address,
            (Some("inet" | "inet6"), Some(word), _) => word.strip_prefix("addr:").unwrap_or(word),
            _ => return,
        };
        reading.records += 1;
        let address = word.split(['/', '%']).next().unwrap_or(word).parse::<IpAddr>();
        match address {
            Ok(address) => reading.own(address, current.as_deref(), line),
            Err(_) => reading.damage(BlemishKind::BadAddress, line),
        }
    });
}

/// The interface whose block begins here: `eth0: flags=…`, `eth0:1     Link encap:…`.
fn name(line: &str) -> Option<&str> {
    let word = line.split_whitespace().next().filter(|_| !line.starts_with([' ', '\t']))?;
    let name = word.strip_suffix(':').unwrap_or(word);
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX).then_some(name)
}
