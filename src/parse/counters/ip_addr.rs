//! The addresses of a host: `ip -o addr` and `ip addr`.

use std::net::IpAddr;

use super::{Reading, lines};
use crate::model::blemish::BlemishKind;
use crate::model::counters::LocalAddress;

/// Addresses that are kept.
const ADDRESSES_MAX: usize = 16_384;
/// Bytes of an interface name that are kept (the kernel's limit is 15).
const NAME_BYTES_MAX: usize = 64;

/// The first line begins with number and name of an interface, and goes on with an address or with flags.
pub(super) fn looks_like(lines: &[&str]) -> bool {
    lines.first().is_some_and(|line| {
        let words: Vec<&str> = line.split_whitespace().take(3).collect();
        interface(line).is_some()
            && match words.get(2) {
                Some(&("inet" | "inet6")) => true,
                Some(word) => word.starts_with('<') && line.contains(" mtu "),
                None => false,
            }
    })
}

/// Reads the addresses. Every address is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading) {
    let mut current: Option<&str> = None;
    for line in lines(text) {
        let text = match line.text {
            Ok(text) => text,
            Err(kind) => {
                reading.damage(kind, &line);
                continue;
            }
        };
        current = interface(text).or(current);
        let mut words = text.split_whitespace();
        if !words.any(|word| word == "inet" || word == "inet6") {
            continue;
        }
        reading.records += 1;
        let word = words.next().unwrap_or_default();
        let address = word.split_once('/').map_or(word, |(address, _)| address).parse::<IpAddr>();
        match address {
            Err(_) => reading.damage(BlemishKind::BadAddress, &line),
            Ok(_) if reading.counters.addresses.len() >= ADDRESSES_MAX => {
                reading.damage(BlemishKind::LineTooLong, &line);
            }
            Ok(address) => {
                let interface = current.map(Into::into);
                reading.counters.addresses.push(LocalAddress { address, interface });
            }
        }
    }
    reading.counters.addresses_known = reading.records > 0;
}

/// The name behind the interface number: `2: eth0@if5:` and `2: eth0    inet …` are both `eth0`.
fn interface(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let number = words.next()?.strip_suffix(':')?;
    let name = words.next()?.trim_end_matches(':');
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let is_number = !line.starts_with(' ') && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !number.is_empty() && name.len() <= NAME_BYTES_MAX).then_some(name)
}
