//! `hostname -I`: the addresses of the host in one line, without loopback and without those of IPv6 that are valid on one
//! link only. One address alone says nothing, so that the file must be called so, or hold several.

use std::net::IpAddr;

use super::{Head, Reading};
use crate::model::blemish::BlemishKind;

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let [line] = head.lines else { return false };
    let words = line.split_whitespace().count();
    let called = ["hostname_-I", "hostname-I", "hostname_I"].iter().any(|name| head.is_called(name));
    line.split_whitespace().all(|word| word.parse::<IpAddr>().is_ok()) && (words > 1 || called)
}

/// Every address is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        for word in text.split_whitespace() {
            match word.parse::<IpAddr>() {
                Ok(address) => reading.own(address, None, line),
                Err(_) => reading.damage(BlemishKind::BadAddress, line),
            }
        }
    });
    reading.counters.addresses_known_v4 =
        !reading.counters.addresses.is_empty() && reading.damaged.is_empty();
}
