//! The addresses of a host: `ip -o addr`, `ip addr` and `ip -br addr`.

use std::net::IpAddr;

use super::{Head, Line, Reading};
use crate::model::blemish::BlemishKind;

/// Bytes of an interface name that are kept (the kernel's limit is 15).
const NAME_BYTES_MAX: usize = 64;
/// States of an interface (RFC 2863), as iproute2 prints them.
const STATES: [&str; 7] = ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"];

/// The first line begins with number and name of an interface, and goes on with an address or with flags; or it is an
/// interface with its state and its addresses.
pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let line = head.first();
    let words: Vec<&str> = line.split_whitespace().take(3).collect();
    let numbered = interface(line).is_some()
        && match words.get(2) {
            Some(&("inet" | "inet6")) => true,
            Some(word) => word.starts_with('<') && line.contains(" mtu "),
            None => false,
        };
    numbered
        || (head.lines.iter().all(|line| brief(line).is_some()) && head.lines.iter().any(|l| l.contains('/')))
}

/// Reads the addresses. Every line with addresses is a record. The list is a whole one if all of them could be read.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut current: Option<String> = None;
    reading.each_line(text, |text, line, reading| {
        if let Some((name, addresses)) = brief(text) {
            reading.records += 1;
            addresses.for_each(|word| keep(word, Some(name), line, reading));
            return;
        }
        if let Some(name) = interface(text) {
            current = Some(name.to_owned());
        }
        let mut words = text.split_whitespace();
        if words.any(|word| word == "inet" || word == "inet6") {
            reading.records += 1;
            keep(words.next().unwrap_or_default(), current.as_deref(), line, reading);
        }
    });
    reading.counters.addresses_known = !reading.counters.addresses.is_empty() && reading.damaged.is_empty();
}

fn keep(word: &str, interface: Option<&str>, line: &Line<'_>, reading: &mut Reading<'_>) {
    let address = word.split_once('/').map_or(word, |(address, _)| address).parse::<IpAddr>();
    match address {
        Err(_) => reading.damage(BlemishKind::BadAddress, line),
        Ok(address) => reading.own(address, interface, line),
    }
}

/// The name behind the interface number: `2: eth0@if5:` and `2: eth0    inet …` are both `eth0`.
fn interface(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let number = words.next()?.strip_suffix(':')?;
    let name = without_parent(words.next()?.trim_end_matches(':'));
    let is_number = !line.starts_with(' ') && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !number.is_empty() && name.len() <= NAME_BYTES_MAX).then_some(name)
}

/// `eth0@if5         UP             192.0.2.2/24 fe80::1/64`
fn brief(line: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let mut words = line.split_whitespace();
    let name = without_parent(words.next()?);
    let state = words.next().filter(|state| STATES.contains(state))?;
    let are_addresses = words.clone().all(|word| word.contains('/') || word == "peer");
    let fits = !line.starts_with(' ') && name.len() <= NAME_BYTES_MAX && !state.is_empty() && are_addresses;
    let addresses = words.filter(|word| word.contains('/'));
    fits.then_some((name, addresses))
}

fn without_parent(name: &str) -> &str {
    name.split_once('@').map_or(name, |(name, _)| name)
}
