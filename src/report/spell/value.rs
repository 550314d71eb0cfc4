//! Numbers, shares, rates, sizes, addresses, ports, protocols and states in words.

use std::net::IpAddr;

use crate::model::flow::{L4, State};
use crate::model::sentence::Noun;
use crate::model::services;

use super::super::escape;
use super::FIRM;

/// `29,457`
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `29,457 entries`
pub fn count(n: u64, noun: Noun) -> String {
    format!("{}{FIRM}{}", number(n), if n == 1 { noun.0 } else { noun.1 })
}

/// `96 %`; below ten per cent, and where rounding would claim all or nothing, with one digit more.
pub fn share(part: f64) -> String {
    if !part.is_finite() {
        return "an unknown share".replace(' ', &FIRM.to_string());
    }
    let percent = part * 100.0;
    if percent <= 0.0 || (percent - 100.0).abs() < 1e-9 {
        format!("{:.0}{FIRM}%", percent.max(0.0))
    } else if percent < 0.05 {
        format!("<{FIRM}0.1{FIRM}%")
    } else if (99.5..100.0).contains(&percent) {
        format!("{:.1}{FIRM}%", percent.min(99.9))
    } else if percent < 9.95 {
        format!("{percent:.1}{FIRM}%")
    } else {
        format!("{percent:.0}{FIRM}%")
    }
}

/// `≈ 245 per second`; slow ones per minute or per hour.
pub fn rate(per_second: f64) -> String {
    let (value, unit) = if !per_second.is_finite() || per_second < 0.0 {
        return format!("at an unknown{FIRM}rate");
    } else if per_second >= 1.0 || per_second == 0.0 {
        (per_second, "second")
    } else if per_second * 60.0 >= 1.0 {
        (per_second * 60.0, "minute")
    } else {
        (per_second * 3_600.0, "hour")
    };
    let digits =
        if value >= 10.0 || value == 0.0 { number(saturating_round(value)) } else { format!("{value:.1}") };
    format!("≈{FIRM}{digits}{FIRM}per{FIRM}{unit}")
}

/// Nearest integer, kept within `u64`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-integer `as` saturates, which is what is wanted here"
)]
pub(super) fn saturating_round(value: f64) -> u64 {
    value.round() as u64
}

/// `1.5 MiB`
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1_024 {
        return format!("{n}{FIRM}B");
    }
    let mut value = n as f64 / 1_024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 1_023.95 {
            break;
        }
        value /= 1_024.0;
        unit = next;
    }
    let tenths = (value * 10.0).round() / 10.0;
    let digits = usize::from(tenths < 100.0 && tenths.fract() != 0.0);
    format!("{tenths:.digits$}{FIRM}{unit}")
}

/// `192.168.1.107:3128`, `[2001:db8::1]:443`; another protocol than TCP is named: `10.0.0.1:53/udp`.
pub fn endpoint(address: IpAddr, port: Option<u16>, l4: L4) -> String {
    let place = match (address, port) {
        (IpAddr::V4(four), Some(port)) => format!("{four}:{port}"),
        (IpAddr::V6(six), Some(port)) => format!("[{six}]:{port}"),
        (IpAddr::V6(six), None) if l4 != L4::TCP => format!("[{six}]"),
        (_, None) => address.to_string(),
    };
    if l4 == L4::TCP { place } else { format!("{place}/{}", l4.label()) }
}

/// `:3128 (squid/http proxy)`, `:53/udp (dns)`
pub fn port(number: u16, l4: L4) -> String {
    let place = if l4 == L4::TCP { format!(":{number}") } else { format!(":{number}/{}", l4.label()) };
    match services::service(number, l4) {
        Some(service) => format!("{place} ({service})").replace(' ', &FIRM.to_string()),
        None => place,
    }
}

/// `tcp`, `protocol 41`
pub fn protocol(l4: L4) -> String {
    l4.name().map_or_else(|| format!("protocol{FIRM}{}", l4.0), str::to_owned)
}

/// The kernel's word.
pub fn state(state: State) -> String {
    state.word().map_or_else(|| escape::bytes(state.strange_word()), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(FIRM, " ")
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_000), "1,000");
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_share_never_rounds_to_all_or_nothing() {
        let spelled =
            [0.0, 0.0001, 0.0084, 0.0999, 0.1, 0.9623, 0.99951, 0.999_999, 1.0].map(|x| plain(&share(x)));
        assert_eq!(spelled, ["0 %", "< 0.1 %", "0.8 %", "10 %", "10 %", "96 %", "99.9 %", "99.9 %", "100 %"]);
        assert_eq!(plain(&share(f64::NAN)), "an unknown share");
    }

    #[test]
    fn a_slow_rate_is_given_per_minute_or_hour() {
        assert_eq!(plain(&rate(12_345.6)), "≈ 12,346 per second");
        assert_eq!(plain(&rate(2.04)), "≈ 2.0 per second");
        assert_eq!(plain(&rate(0.5)), "≈ 30 per minute");
        assert_eq!(plain(&rate(0.001)), "≈ 3.6 per hour");
        assert_eq!(plain(&rate(f64::INFINITY)), "at an unknown rate");
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(plain(&bytes(0)), "0 B");
        assert_eq!(plain(&bytes(1_024)), "1 KiB");
        assert_eq!(plain(&bytes(1_048_575)), "1 MiB");
        assert_eq!(plain(&bytes(u64::MAX)), "16 EiB");
    }

    #[test]
    fn an_endpoint_names_another_protocol_than_tcp() {
        let four = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(endpoint(four, Some(53), L4::UDP), "10.0.0.1:53/udp");
        assert_eq!(endpoint(four, None, L4::ICMP), "10.0.0.1/icmp");
        assert_eq!(plain(&port(53, L4::UDP)), ":53/udp (dns)");
        assert_eq!(plain(&port(40_000, L4::TCP)), ":40000");
    }
}
