//! `/proc/net/if_inet6`: the IPv6 addresses of the host, 32 hex digits without colons, and their interfaces.

use std::net::{IpAddr, Ipv6Addr};

use super::{Head, Reading};
use crate::model::blemish::BlemishKind;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    row(head.first()).is_some()
}

/// Every address is a record. Those of IPv4 are not in it, so that the list is no whole one.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        match row(text) {
            Some((address, name)) => reading.own(IpAddr::V6(address), Some(name), line),
            None => reading.damage(BlemishKind::BadAddress, line),
        }
    });
}

fn row(line: &str) -> Option<(Ipv6Addr, &str)> {
    let words: Vec<&str> = line.split_whitespace().take(7).collect();
    let [address, index, prefix, scope, flags, name] = words[..] else { return None };
    let hex = |word: &str, digits: std::ops::RangeInclusive<usize>| {
        digits.contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_row = hex(address, 32..=32) && [index, prefix, scope, flags].iter().all(|word| hex(word, 2..=8));
    let address = u128::from_str_radix(address, 16).ok().filter(|_| is_row && name.len() <= 15)?;
    Some((Ipv6Addr::from(address), name))
}
