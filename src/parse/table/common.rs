//! A shorter way through the commonest line: TCP or UDP over IPv4, its fields in the order in which every kernel
//! prints them, the reply mirroring the original. Nine of ten lines of a table are such, and reading them takes a
//! third of the time that the walk by keys takes.
//!
//! It never decides anything: whatever differs in a single byte is left to [`super::entry`], and what is read here
//! is what the walk reads (a test holds the two against each other).

use std::net::{IpAddr, Ipv4Addr};

use super::cursor::Cursor;
use crate::model::flow::{Flow, L3, L4, L4Part, Reply, State, Tuple, Zones};

/// A value with the bytes that it was read from.
type Read<'a, T> = (T, &'a [u8]);

/// Reads what follows the layer 4 protocol number and a blank. None: not of this shape.
#[inline]
pub(super) fn read(mut cursor: Cursor<'_>, l4: L4) -> Option<Flow> {
    if l4 != L4::TCP && l4 != L4::UDP {
        return None;
    }
    let remaining = i64::try_from(cursor.digits()?).ok()?;
    step(&mut cursor, b" ")?;
    let state = match cursor.0.first()? {
        b's' => None,
        _ => Some(state(&mut cursor)?),
    };
    step(&mut cursor, b"src=")?;
    let source = address(&mut cursor)?;
    step(&mut cursor, b" dst=")?;
    let destination = address(&mut cursor)?;
    step(&mut cursor, b" sport=")?;
    let source_port = port(&mut cursor)?;
    step(&mut cursor, b" dport=")?;
    let destination_port = port(&mut cursor)?;
    let unreplied = cursor.strip(b" [UNREPLIED]");
    step(&mut cursor, b" src=")?;
    let reply_source = address_like(&mut cursor, destination)?;
    step(&mut cursor, b" dst=")?;
    let reply_destination = address_like(&mut cursor, source)?;
    step(&mut cursor, b" sport=")?;
    let reply_source_port = port_like(&mut cursor, destination_port)?;
    step(&mut cursor, b" dport=")?;
    let reply_destination_port = port_like(&mut cursor, source_port)?;
    let end = end(cursor)?;
    Some(Flow {
        l3: L3::V4,
        l4,
        remaining: Some(remaining),
        state,
        original: tuple(source.0, destination.0, source_port.0, destination_port.0),
        reply: tuple(reply_source, reply_destination, reply_source_port, reply_destination_port),
        replied: match (end.assured, unreplied) {
            (true, _) => Reply::Assured,
            (false, true) => Reply::Unreplied,
            (false, false) => Reply::Replied,
        },
        zones: Zones { original: end.zone, reply: end.zone },
        original_volume: None,
        reply_volume: None,
        mark: end.mark,
        age_seconds: end.age_seconds,
        id: end.id,
    })
}

/// The state words that a full table is made of, with the blank behind them.
#[inline]
fn state(cursor: &mut Cursor<'_>) -> Option<State> {
    Some(match cursor.0.first_chunk::<4>()? {
        b"TIME" if cursor.strip(b"TIME_WAIT ") => State::TimeWait,
        b"ESTA" if cursor.strip(b"ESTABLISHED ") => State::Established,
        b"SYN_" if cursor.strip(b"SYN_SENT ") => State::SynSent,
        b"SYN_" if cursor.strip(b"SYN_RECV ") => State::SynRecv,
        b"CLOS" if cursor.strip(b"CLOSE_WAIT ") => State::CloseWait,
        b"CLOS" if cursor.strip(b"CLOSE ") => State::Close,
        _ => return None,
    })
}

/// What stands behind both tuples.
struct End {
    assured: bool,
    mark: Option<u32>,
    zone: u16,
    age_seconds: Option<u64>,
    id: Option<u32>,
}

/// Flags, marks and zone, each where it belongs or not at all, and nothing else.
#[inline]
fn end(mut cursor: Cursor<'_>) -> Option<End> {
    let assured = cursor.strip(b" [ASSURED]");
    let mark = if cursor.strip(b" mark=") { Some(u32::try_from(cursor.digits()?).ok()?) } else { None };
    if cursor.strip(b" secctx=") || cursor.strip(b" secmark=") {
        cursor.word();
    }
    let zone = if cursor.strip(b" zone=") { u16::try_from(cursor.digits()?).ok()? } else { 0 };
    let age_seconds = if cursor.strip(b" use=") { None } else { Some(age(&mut cursor)?) };
    if cursor.word().is_empty() {
        return None;
    }
    if cursor.0.is_empty() {
        return Some(End { assured, mark, zone, age_seconds, id: None });
    }
    step(&mut cursor, b" id=")?;
    let id = Some(u32::try_from(cursor.digits()?).ok()?);
    cursor.0.is_empty().then_some(End { assured, mark, zone, age_seconds, id })
}

/// The age (`nf_conntrack_timestamp`), and what stands in front of the count of references.
#[inline]
fn age(cursor: &mut Cursor<'_>) -> Option<u64> {
    step(cursor, b" delta-time=")?;
    let seconds = cursor.digits()?;
    step(cursor, b" use=")?;
    Some(seconds)
}

/// Steps over these bytes; none if others stand here.
#[inline]
fn step<const N: usize>(cursor: &mut Cursor<'_>, bytes: &[u8; N]) -> Option<()> {
    cursor.strip(bytes).then_some(())
}

/// An address. What ends it is looked at by the next step.
#[inline]
fn address<'a>(cursor: &mut Cursor<'a>) -> Option<Read<'a, Ipv4Addr>> {
    let begin = cursor.0;
    let address = cursor.ipv4()?;
    Some((address, begin.get(..begin.len() - cursor.0.len())?))
}

#[inline]
fn port<'a>(cursor: &mut Cursor<'a>) -> Option<Read<'a, u16>> {
    let begin = cursor.0;
    let port = u16::try_from(cursor.digits()?).ok()?;
    Some((port, begin.get(..begin.len() - cursor.0.len())?))
}

/// An address that most often is the known one.
#[inline]
fn address_like<'a>(cursor: &mut Cursor<'a>, known: Read<'a, Ipv4Addr>) -> Option<Ipv4Addr> {
    match like(cursor, known) {
        Some(known) => Some(known),
        None => cursor.ipv4(),
    }
}

#[inline]
fn port_like<'a>(cursor: &mut Cursor<'a>, known: Read<'a, u16>) -> Option<u16> {
    match like(cursor, known) {
        Some(known) => Some(known),
        None => u16::try_from(cursor.digits()?).ok(),
    }
}

/// The known value, if its bytes and a blank stand here.
#[inline]
fn like<'a, T>(cursor: &mut Cursor<'a>, (value, bytes): Read<'a, T>) -> Option<T> {
    let rest = cursor.0.strip_prefix(bytes)?;
    matches!(rest, [b' ', ..]).then(|| {
        cursor.0 = rest;
        value
    })
}

#[inline]
fn tuple(source: Ipv4Addr, destination: Ipv4Addr, from: u16, to: u16) -> Tuple {
    Tuple {
        source: IpAddr::V4(source),
        destination: IpAddr::V4(destination),
        l4: L4Part::Ports { source: from, destination: to },
    }
}
