//! The line that `conntrack -L -o extended,id` prints of an entry: the writer of a form whose reader stands beside it.
//!
//! Source: `__snprintf_conntrack_default` of libnetfilter_conntrack 1.0.9 and 1.1.0. The padding of its names, the
//! order of its fields and its blanks are kept byte for byte, so that what people do with the tool's output works here.

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};

use super::attributes::Entry;
use crate::model::flow::{Flow, L3, L4, L4Part, Reply, State, Tuple, Volume};

/// Appends the line, with its line end.
pub fn write(entry: &Entry<'_>, line: &mut Vec<u8>) {
    let Entry { flow, also } = entry;
    layers(flow, line);
    if let Some(remaining) = flow.remaining {
        signed(remaining, line);
        line.push(b' ');
    }
    if let Some(state) = &flow.state {
        word(state, line);
    }
    tuple(&flow.original, line);
    let (original, reply) = (flow.zones.original, flow.zones.reply);
    if original != reply && original != 0 {
        field(b"zone-orig=", u64::from(original), line);
    }
    volume(flow.original_volume, line);
    if flow.replied == Reply::Unreplied {
        line.extend_from_slice(b"[UNREPLIED] ");
    }
    tuple(&flow.reply, line);
    if original != reply && reply != 0 {
        field(b"zone-reply=", u64::from(reply), line);
    }
    volume(flow.reply_volume, line);
    line.extend_from_slice(match flow.replied {
        Reply::Assured => b"[ASSURED] ",
        Reply::Offloaded if also.in_hardware => b"[HW_OFFLOAD] ",
        Reply::Offloaded => b"[OFFLOAD] ",
        Reply::Unreplied | Reply::Replied => b"",
    });
    if let Some(mark) = flow.mark {
        field(b"mark=", u64::from(mark), line);
    }
    if let Some(mark) = also.security_mark {
        field(b"secmark=", u64::from(mark), line);
    }
    if let Some(context) = also.context {
        named(b"secctx=", context, line);
    }
    if original == reply && original != 0 {
        field(b"zone=", u64::from(original), line);
    }
    if let Some(seconds) = flow.age_seconds {
        field(b"delta-time=", seconds, line);
    }
    if let Some(helper) = also.helper {
        named(b"helper=", helper, line);
    }
    // A line without it would be taken for a cut one. An entry that is listed has at least one user, so that 0 is none.
    field(b"use=", u64::from(also.uses.unwrap_or(0)), line);
    if let Some(id) = flow.id {
        field(b"id=", u64::from(id), line);
    }
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
}

/// `ipv4     2 tcp      6 `
#[inline]
fn layers(flow: &Flow, line: &mut Vec<u8>) {
    line.extend_from_slice(match flow.l3 {
        L3::V4 => b"ipv4     2 ",
        L3::V6 => b"ipv6     10 ",
        L3::Other => b"unknown  0 ",
    });
    match flow.l4 {
        L4::TCP => line.extend_from_slice(b"tcp      6 "),
        L4::UDP => line.extend_from_slice(b"udp      17 "),
        other => {
            // The tool knows no name for IGMP.
            let name = other.name().filter(|_| other != L4::IGMP).unwrap_or("unknown");
            // Writing into memory cannot fail.
            let _ = write!(line, "{name:<8} {} ", other.0);
        }
    }
}

fn word(state: &State, line: &mut Vec<u8>) {
    match state.word() {
        Some(word) => line.extend_from_slice(word.as_bytes()),
        None => line.extend_from_slice(state.strange_word()),
    }
    line.push(b' ');
}

#[inline]
fn tuple(tuple: &Tuple, line: &mut Vec<u8>) {
    line.extend_from_slice(b"src=");
    address(tuple.source, line);
    line.extend_from_slice(b" dst=");
    address(tuple.destination, line);
    line.push(b' ');
    match tuple.l4 {
        L4Part::Ports { source, destination } => {
            field(b"sport=", u64::from(source), line);
            field(b"dport=", u64::from(destination), line);
        }
        L4Part::Icmp { kind, code, id } => {
            field(b"type=", u64::from(kind), line);
            field(b"code=", u64::from(code), line);
            field(b"id=", u64::from(id), line);
        }
        L4Part::Gre { source, destination } => {
            let _ = write!(line, "srckey=0x{source:x} dstkey=0x{destination:x} ");
        }
        L4Part::Absent => {}
    }
}

#[inline]
fn address(address: IpAddr, line: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            octet(a, line);
            for octets in [b, c, d] {
                line.push(b'.');
                octet(octets, line);
            }
        }
        IpAddr::V6(address) => ipv6(address, line),
    }
}

/// inet_ntop(3) prints the last four bytes with dots where only zeros stand in front of them.
fn ipv6(address: Ipv6Addr, line: &mut Vec<u8>) {
    let bits = address.to_bits();
    let _ = match u32::try_from(bits) {
        Ok(low) if low > 0xffff => write!(line, "::{}", std::net::Ipv4Addr::from_bits(low)),
        _ => write!(line, "{address}"),
    };
}

#[inline]
fn volume(volume: Option<Volume>, line: &mut Vec<u8>) {
    if let Some(Volume { packets, bytes }) = volume {
        field(b"packets=", packets, line);
        field(b"bytes=", bytes, line);
    }
}

/// `key=number `
#[inline]
fn field(key: &[u8], number: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(key);
    digits(number, line);
    line.push(b' ');
}

/// `key=name `. A name with blanks or control bytes in it would be two fields or two lines; what no security module and
/// no helper is called by is not printed as it is.
fn named(key: &[u8], name: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(key);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-:.,/+@=~#%".contains(byte);
    line.extend(name.iter().map(|byte| if plain(byte) { *byte } else { b'?' }));
    line.push(b' ');
}

#[inline]
fn signed(number: i64, line: &mut Vec<u8>) {
    if number < 0 {
        line.push(b'-');
    }
    digits(number.unsigned_abs(), line);
}

#[inline]
fn octet(octet: u8, line: &mut Vec<u8>) {
    if octet > 99 {
        line.push(b'0' + octet / 100);
    }
    if octet > 9 {
        line.push(b'0' + octet / 10 % 10);
    }
    line.push(b'0' + octet % 10);
}

#[inline]
fn digits(mut number: u64, line: &mut Vec<u8>) {
    let begin = line.len();
    loop {
        line.push(b'0' + u8::try_from(number % 10).unwrap_or(0));
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = line.get_mut(begin..) {
        digits.reverse();
    }
}
