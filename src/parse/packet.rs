//! Lines of the packet filter's log: iptables LOG, nft log, and whoever sets rules with them (UFW, firewalld, Shorewall).
//!
//! Source: `nf_log_ip_packet` and `nf_log_ip6_packet` (net/netfilter/nf_log_syslog.c; before 5.13 nf_log_ipv4.c,
//! nf_log_ipv6.c, nf_log_common.c; before 3.x ipt_LOG.c). The whole line is read, field by field: a word that the kernel
//! does not print makes it none. In front stands what the rule's author wrote, at most 127 bytes.

use std::net::IpAddr;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::model::flow::L4;
use crate::model::packets::{Fate, Packet};

/// Bytes of a rule's prefix (NF_LOG_PREFIXLEN), with the terminating one.
const PREFIX_BYTES_MAX: usize = 128;
/// Bytes of an interface's name (IFNAMSIZ), with the terminating one.
const INTERFACE_BYTES_MAX: usize = 16;

/// Bytes of the longest key, `PARAMETER`.
const KEY_BYTES_MAX: usize = 9;

static OUT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" OUT="));

/// The packet that a kernel message tells of; none: it is no such message.
pub fn read(message: &[u8]) -> Option<Packet> {
    let out = OUT.find(message.get(..PREFIX_BYTES_MAX + 2 * INTERFACE_BYTES_MAX).unwrap_or(message))?;
    let (head, fields) = message.split_at_checked(out)?;
    let begin = memchr::memmem::rfind(head, b"IN=")?;
    let (prefix, inward) = head.split_at_checked(begin)?;
    if prefix.len() >= PREFIX_BYTES_MAX || !is_interface(inward.get(3..)?) {
        return None;
    }
    let mut seen = Seen::default();
    let mut words = Words { rest: fields };
    while let Some((word, equals)) = words.next() {
        if !word.is_empty() {
            seen.word(word, equals, &mut words)?;
        }
    }
    let (source, destination) = (seen.source?, seen.destination?);
    if source.is_ipv4() != destination.is_ipv4() || !seen.length {
        return None;
    }
    let l4 = seen.l4?;
    let opens = l4 == L4::TCP && seen.syn && !seen.ack;
    Some(Packet { fate: fate(prefix), source, l4, port: seen.port, opens })
}

/// A name, or nothing where a packet came from or goes to the machine itself.
fn is_interface(name: &[u8]) -> bool {
    name.len() < INTERFACE_BYTES_MAX && name.iter().all(u8::is_ascii_graphic)
}

/// Words between single blanks.
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    /// The next word, and where its first `=` stands: behind a key, which is short.
    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], Option<usize>)> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b' ', self.rest).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        let equals = word.iter().take(KEY_BYTES_MAX + 1).position(|byte| *byte == b'=');
        Some((word, equals))
    }

    /// Goes behind the word that ends with a closing bracket.
    fn skip_to(&mut self, bracket: u8) -> Option<()> {
        let end = memchr::memchr(bracket, self.rest)?;
        self.rest = self.rest.get(end + 1..)?;
        Some(())
    }
}

impl Words<'_> {
    /// Goes behind the bracket that closes the one before; within stands `INCOMPLETE [8 bytes]`, if any.
    fn skip_quotation(&mut self) -> Option<()> {
        let mut depth = 1_u8;
        let end = self.rest.iter().position(|byte| {
            match byte {
                b'[' => depth = depth.saturating_add(1),
                b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })?;
        self.rest = self.rest.get(end + 1..)?;
        Some(())
    }
}

/// What was seen of a packet's fields.
#[derive(Default)]
struct Seen {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    length: bool,
    l4: Option<L4>,
    port: Option<u16>,
    syn: bool,
    ack: bool,
}

impl Seen {
    /// One word; none: the kernel does not print it there.
    #[inline]
    fn word(&mut self, word: &[u8], equals: Option<usize>, behind: &mut Words<'_>) -> Option<()> {
        let equals = equals.filter(|_| !word.starts_with(b"["));
        let Some(equals) = equals else { return self.bare(word, behind) };
        let (key, value) = word.split_at_checked(equals)?;
        let value = value.get(1..)?;
        match key {
            b"SRC" if self.source.is_none() => self.source = Some(address(value)?),
            b"DST" if self.destination.is_none() => self.destination = Some(address(value)?),
            b"PROTO" if self.l4.is_none() => self.l4 = Some(protocol(value)?),
            b"DPT" if self.port.is_none() => self.port = Some(decimal(value)?),
            b"SPT" => drop(decimal::<u16>(value)?),
            // UDP has a length of its own.
            b"LEN" => {
                decimal::<u32>(value)?;
                self.length = true;
            }
            b"TTL" | b"HOPLIMIT" | b"TYPE" | b"CODE" => drop(decimal::<u8>(value)?),
            b"ID" | b"WINDOW" | b"URGP" | b"SEQ" | b"ACK" | b"FLOWLBL" | b"TC" | b"MTU" | b"UID" | b"GID"
            | b"VID" => drop(decimal::<u32>(value)?),
            b"TOS" | b"PREC" | b"RES" | b"MARK" | b"SPI" => is_hexadecimal(value)?,
            b"OUT" | b"PHYSIN" | b"PHYSOUT" => is_interface(value).then_some(())?,
            b"MAC" | b"MACSRC" | b"MACDST" => {
                value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':').then_some(())?;
            }
            b"MACPROTO" | b"VPROTO" | b"PARAMETER" => {
                value.iter().all(u8::is_ascii_hexdigit).then_some(())?;
            }
            b"GATEWAY" => drop(address(value)?),
            // A tunnel's ends (sit), `a->b`.
            b"TUNNEL" => value.iter().all(u8::is_ascii_graphic).then_some(())?,
            _ => return None,
        }
        Some(())
    }

    fn bare(&mut self, word: &[u8], behind: &mut Words<'_>) -> Option<()> {
        match word {
            b"SYN" => self.syn = true,
            b"ACK" => self.ack = true,
            b"CE" | b"DF" | b"MF" | b"CWR" | b"ECE" | b"URG" | b"PSH" | b"RST" | b"FIN" | b"AH" | b"ESP"
            | b")" => {}
            b"OPT" => behind.skip_to(b')')?,
            // `INCOMPLETE [8 bytes]`
            b"INCOMPLETE" | b"TRUNCATED" => {
                if behind.rest.starts_with(b"[") {
                    behind.skip_to(b']')?;
                }
            }
            // The packet that an ICMP error quotes.
            [b'[', ..] if matches!(self.l4, Some(L4::ICMP | L4::ICMPV6)) => behind.skip_quotation()?,
            word => {
                let number = word.strip_prefix(b"FRAG:").or_else(|| word.strip_prefix(b"ID:"))?;
                (!number.is_empty() && number.iter().all(u8::is_ascii_hexdigit)).then_some(())?;
            }
        }
        Some(())
    }
}

/// Decimal digits and nothing else, no more than the type holds.
#[inline]
fn decimal<T: TryFrom<u64>>(value: &[u8]) -> Option<T> {
    if value.is_empty() || value.len() > 10 {
        return None;
    }
    let number = value
        .iter()
        .try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))?;
    T::try_from(number).ok()
}

fn is_hexadecimal(value: &[u8]) -> Option<()> {
    let digits = value.strip_prefix(b"0x")?;
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)).then_some(())
}

fn address(value: &[u8]) -> Option<IpAddr> {
    if value.contains(&b':') {
        return std::str::from_utf8(value).ok()?.parse().ok();
    }
    let mut parts = value.split(|byte| *byte == b'.').map(decimal::<u8>);
    let address = [parts.next()??, parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then(|| address.into())
}

/// By the names that the kernel prints, else a number.
fn protocol(value: &[u8]) -> Option<L4> {
    Some(match value {
        b"TCP" => L4::TCP,
        b"UDP" => L4::UDP,
        b"UDPLITE" => L4::UDPLITE,
        b"ICMP" => L4::ICMP,
        b"ICMPv6" => L4::ICMPV6,
        b"AH" => L4(51),
        b"ESP" => L4(50),
        _ => L4(decimal(value)?),
    })
}

/// Words by which authors of rules say that a packet was not let through.
const REFUSED: [&[u8]; 14] = [
    b"BLOCK",
    b"BLOCKED",
    b"DROP",
    b"DROPPED",
    b"DROPS",
    b"DROPPING",
    b"REJECT",
    b"REJECTED",
    b"REJECTS",
    b"DENY",
    b"DENIED",
    b"DENIES",
    b"BAN",
    b"BANNED",
];
/// … and that it was.
const PASSED: [&[u8]; 8] =
    [b"ALLOW", b"ALLOWED", b"ACCEPT", b"ACCEPTED", b"AUDIT", b"PASS", b"PASSED", b"PERMIT"];

/// What the prefix says. Where it says both, it says nothing.
fn fate(prefix: &[u8]) -> Fate {
    // Most of them by far.
    match prefix {
        b"[UFW BLOCK] " => return Fate::Refused,
        b"[UFW ALLOW] " | b"[UFW AUDIT] " => return Fate::Passed,
        _ => {}
    }
    let (mut refused, mut passed) = (false, false);
    for word in prefix.split(|byte| !byte.is_ascii_alphanumeric()) {
        let is = |known: &&[u8]| word.eq_ignore_ascii_case(known);
        if is(&b"INVALID".as_slice()) {
            return Fate::Invalid;
        }
        refused |= REFUSED.iter().any(is);
        passed |= PASSED.iter().any(is);
    }
    match (refused, passed) {
        (true, false) => Fate::Refused,
        (false, true) => Fate::Passed,
        _ => Fate::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_tells_what_became_of_a_packet() {
        for (prefix, expected) in [
            ("[UFW BLOCK] ", Fate::Refused),
            ("[UFW LIMIT BLOCK] ", Fate::Refused),
            ("[UFW ALLOW] ", Fate::Passed),
            ("[UFW AUDIT] ", Fate::Passed),
            ("[UFW AUDIT INVALID] ", Fate::Invalid),
            ("FINAL_REJECT: ", Fate::Refused),
            ("STATE_INVALID_DROP: ", Fate::Invalid),
            ("Shorewall:net2fw:DROP:", Fate::Refused),
            ("iptables denied: ", Fate::Refused),
            ("new-http: ", Fate::Unknown),
            ("accept-or-drop ", Fate::Unknown),
            ("raindrop ", Fate::Unknown),
            ("", Fate::Unknown),
        ] {
            assert_eq!(fate(prefix.as_bytes()), expected, "{prefix}");
        }
    }

    #[test]
    fn whatever_stands_in_it_is_read_to_its_end_or_not_at_all() {
        let line = b"IN=eth0 OUT= MAC=00:11 SRC=198.51.100.7 DST=10.0.0.1 LEN=40 TOS=0x00 PREC=0x00 TTL=9 ID=1 PROTO=TCP SPT=1 DPT=23 WINDOW=1 RES=0x00 SYN URGP=0 ";
        assert!(read(line).is_some_and(|packet| packet.opens && packet.port == Some(23)));
        for end in 0..line.len() {
            let source = read(&line[..end]).map(|packet| packet.source.to_string());
            assert!(source.is_none_or(|source| source == "198.51.100.7"), "{end}");
        }
        let mut told = line.to_vec();
        told.extend_from_slice(b"and more");
        assert_eq!(read(&told), None);
    }
}
