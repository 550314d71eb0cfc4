//! `conntrack -L -o save`: each entry as the command that would make it,
//! `-A -t 431999 -u SEEN_REPLY,ASSURED -s 10.0.0.1 -d 192.0.2.7 -r 192.0.2.7 -q 10.0.0.1 -p tcp --sport 40001 …`.
//!
//! An address that was translated stands as `-g` (destination) or `-n` (source) in place of `-r` and `-q`. Marks, ids,
//! ages and volumes are not printed, nor the reply of an echo, which its request tells. (Seen with 1.4.7.)

use super::cursor::Cursor;
use super::entry::{Entry, small};
use super::state::state;
use super::{LineEnd, summary};
use crate::model::blemish::BlemishKind;
use crate::model::flow::L4;
use crate::model::fold::TableItem;

/// Reads one line.
pub(super) fn line(line: &[u8], end: LineEnd) -> Result<TableItem, BlemishKind> {
    let mut cursor = Cursor(line);
    if !cursor.strip(b"-A ") && !cursor.strip(b"-I ") || summary::find(line).is_some() {
        return Err(BlemishKind::Unrecognised);
    }
    let (mut entry, mut l4, mut replied) = (Entry { in_reply: true, ..Entry::default() }, None, true);
    loop {
        cursor.skip_blanks();
        if cursor.0.is_empty() {
            break;
        }
        let option = cursor.word();
        cursor.skip_blanks();
        match option {
            b"-p" | b"--proto" => l4 = Some(protocol(&mut cursor)?),
            b"-u" | b"--status" => replied = status(&mut entry, cursor.word()),
            _ => value(&mut entry, option, &mut cursor)?,
        }
    }
    let l4 = l4.ok_or(BlemishKind::Truncated)?;
    entry.unreplied = !replied;
    if matches!(l4, L4::ICMP | L4::ICMPV6) {
        let request = entry.original.icmp_type;
        entry.reply.icmp_type = request.map(|request| answer(l4, request));
        (entry.reply.icmp_code, entry.reply.icmp_id) = (entry.original.icmp_code, entry.original.icmp_id);
    }
    // A state comes behind the ports: without one a line of these protocols was cut.
    let stateful = matches!(l4, L4::TCP | L4::SCTP | L4::DCCP);
    if stateful && entry.state.is_none() && !entry.offloaded && end != LineEnd::Open {
        return Err(BlemishKind::Truncated);
    }
    entry.finish(None, l4).map(TableItem::Flow)
}

/// The value of an option that belongs to one field. Options that say nothing of ours are passed over with their value.
fn value(entry: &mut Entry, option: &[u8], cursor: &mut Cursor<'_>) -> Result<(), BlemishKind> {
    let address = |cursor: &mut Cursor<'_>| cursor.address().ok_or(BlemishKind::BadAddress).map(Some);
    match option {
        b"-t" | b"--timeout" => entry.remaining = Some(cursor.signed().ok_or(BlemishKind::ImpossibleNumber)?),
        b"-s" | b"--src" | b"--orig-src" => entry.original.source = address(cursor)?,
        b"-d" | b"--dst" | b"--orig-dst" => entry.original.destination = address(cursor)?,
        b"-r" | b"--reply-src" | b"-g" | b"--dst-nat" => entry.reply.source = address(cursor)?,
        b"-q" | b"--reply-dst" | b"-n" | b"--src-nat" => entry.reply.destination = address(cursor)?,
        b"--sport" | b"--orig-port-src" => entry.original.source_port = Some(small(cursor.number())?),
        b"--dport" | b"--orig-port-dst" => entry.original.destination_port = Some(small(cursor.number())?),
        b"--reply-port-src" => entry.reply.source_port = Some(small(cursor.number())?),
        b"--reply-port-dst" => entry.reply.destination_port = Some(small(cursor.number())?),
        b"--srckey" | b"--orig-key-src" => entry.original.source_key = Some(small(cursor.key_number())?),
        b"--dstkey" | b"--orig-key-dst" => entry.original.destination_key = Some(small(cursor.key_number())?),
        b"--reply-key-src" => entry.reply.source_key = Some(small(cursor.key_number())?),
        b"--reply-key-dst" => entry.reply.destination_key = Some(small(cursor.key_number())?),
        b"--icmp-type" | b"--icmpv6-type" => entry.original.icmp_type = Some(small(cursor.number())?),
        b"--icmp-code" | b"--icmpv6-code" => entry.original.icmp_code = Some(small(cursor.number())?),
        b"--icmp-id" | b"--icmpv6-id" => entry.original.icmp_id = Some(small(cursor.number())?),
        b"--state" => entry.state = Some(state(cursor.word())),
        b"-w" | b"--zone" => entry.zone = Some(small(cursor.number())?),
        b"--orig-zone" => entry.original_zone = Some(small(cursor.number())?),
        b"--reply-zone" => entry.reply_zone = Some(small(cursor.number())?),
        b"-m" | b"--mark" => entry.mark = Some(small(cursor.key_number())?),
        [b'-', ..] if !matches!(cursor.0, [b'-', ..]) => drop(cursor.word()),
        _ => {}
    }
    Ok(())
}

/// Status words; whether a reply was seen.
fn status(entry: &mut Entry, words: &[u8]) -> bool {
    let mut replied = false;
    for word in words.split(|byte| *byte == b',') {
        match word {
            b"SEEN_REPLY" => replied = true,
            b"ASSURED" => entry.assured = true,
            b"OFFLOAD" | b"HW_OFFLOAD" => entry.offloaded = true,
            _ => {}
        }
    }
    replied
}

/// A protocol by its name or number.
fn protocol(cursor: &mut Cursor<'_>) -> Result<L4, BlemishKind> {
    let known = [L4::TCP, L4::UDP, L4::ICMP, L4::ICMPV6, L4::SCTP, L4::GRE, L4::UDPLITE, L4::DCCP, L4::IGMP];
    if matches!(cursor.0, [b'0'..=b'9', ..]) {
        return small(cursor.number()).map(L4);
    }
    let word = cursor.word();
    let named = known.into_iter().find(|l4| l4.name().is_some_and(|name| name.as_bytes() == word));
    named.ok_or(BlemishKind::Unrecognised)
}

/// The type that answers one (`invmap` of the kernel's trackers of ICMP).
fn answer(l4: L4, request: u8) -> u8 {
    match (l4, request) {
        (L4::ICMP, 8) => 0,
        (L4::ICMP, 0) => 8,
        (L4::ICMP, 13 | 15 | 17) | (L4::ICMPV6, 128 | 139) => request + 1,
        (L4::ICMP, 14 | 16 | 18) | (L4::ICMPV6, 129 | 140) => request - 1,
        _ => request,
    }
}
