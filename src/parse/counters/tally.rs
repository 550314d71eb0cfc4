//! What the lists of `ss` and `netstat` have in common: rows of sockets are tallied, none is kept.
//!
//! Which end opened a connection is not in a socket: one whose own port is listened on was opened by the other end.
//! (Own addresses of sockets are the host's. A transparent proxy is the exception: its sockets bear those of others.)

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Line, Reading, decimal};
use crate::model::blemish::BlemishKind;
use crate::model::flow::L4;
use crate::model::sockets::{CALLERS_MAX, Call, Calls, PROGRAM_BYTES_MAX, Sockets};

/// From this port on clients are given theirs by default.
const FIRST_CLIENT_PORT: u16 = 32_768;

/// Lines in front of the sockets that need not be understood.
const HEADINGS_MAX: u64 = 2;

/// One end of a socket; none: any address, or not readable; any port, or a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
}

/// One socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) l4: L4,
    /// In the words of `netstat`.
    pub(super) state: Option<&'static str>,
    pub(super) local: End,
    pub(super) peer: End,
    pub(super) program: Option<&'a str>,
    pub(super) process: Option<u32>,
}

/// What a line is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    /// A socket.
    Socket(Row<'a>),
    /// A header, a socket of another family.
    Other,
    /// Not of such a list.
    Strange,
}

/// Reads a list twice: which ports are listened on, then who opened what. Every socket is a record.
pub(super) fn tally(
    from: &'static str,
    text: &[u8],
    reading: &mut Reading<'_>,
    seen: impl for<'a> Fn(&'a str) -> Seen<'a>,
) {
    let mut listened = BTreeSet::new();
    for line in super::lines(text) {
        if let Ok(Seen::Socket(row)) = line.text.map(&seen)
            && row.peer.port.is_none()
        {
            listened.extend(row.local.port.map(|port| (row.l4, port)));
        }
    }
    let mut sockets = Sockets { from, ..Sockets::default() };
    let mut own = BTreeSet::new();
    let mut headings = 0;
    reading.each_line(text, |text, line, reading| match seen(text) {
        Seen::Socket(row) => {
            reading.records += 1;
            if let Some(state) = row.state {
                *sockets.by_state.entry((row.l4, state)).or_default() += 1;
            }
            established(&row, &mut sockets);
            keep_own(&row, &mut own, line, reading);
            call(&row, &listened, &mut sockets);
        }
        Seen::Other => {}
        // The heading, in the language of who listed them.
        Seen::Strange if reading.records == 0 && headings < HEADINGS_MAX => headings += 1,
        Seen::Strange => reading.damage(BlemishKind::Unrecognised, line),
    });
    if reading.records > 0 {
        reading.counters.sockets = Some(sockets);
    }
}

fn keep_own(row: &Row<'_>, own: &mut BTreeSet<IpAddr>, line: &Line<'_>, reading: &mut Reading<'_>) {
    let is_one =
        |address: &IpAddr| !(address.is_unspecified() || address.is_multicast() || address.is_loopback());
    if let Some(address) = row.local.address.filter(is_one)
        && own.len() < super::ADDRESSES_MAX
        && own.insert(address)
    {
        reading.own(address, None, line);
    }
}

/// An established connection, by the ports of its ends.
fn established(row: &Row<'_>, sockets: &mut Sockets) {
    if row.l4 != L4::TCP || row.state != Some("ESTABLISHED") {
        return;
    }
    for (ports, end) in [(&mut sockets.established_at, row.local), (&mut sockets.established_to, row.peer)] {
        if let Some(port) = end.port {
            *ports.entry(port).or_default() += 1;
        }
    }
}

/// A socket that its own program connected, and that names that program.
fn call(row: &Row<'_>, listened: &BTreeSet<(L4, u16)>, sockets: &mut Sockets) {
    let (Some(program), Some(local), Some(peer), Some(port)) =
        (row.program, row.local.address, row.peer.address, row.peer.port)
    else {
        return;
    };
    let accepted = row.local.port.is_some_and(|own| {
        listened.contains(&(row.l4, own)) || (listened.is_empty() && own < port && port >= FIRST_CLIENT_PORT)
    });
    if accepted {
        return;
    }
    let end = program.floor_char_boundary(PROGRAM_BYTES_MAX);
    let program = program.get(..end).unwrap_or_default().into();
    let call = Call { program, local, peer, port, l4: row.l4 };
    if sockets.calls.len() >= CALLERS_MAX && !sockets.calls.contains_key(&call) {
        sockets.left_out += 1;
        return;
    }
    let one = Calls { sockets: 1, process: row.process, several: false };
    sockets.calls.entry(call).or_default().add(one);
}

/// `192.0.2.2:80`, `[::1]:80`, `:::80`, `*:*`, `192.168.122.1%virbr0:53`; an IPv4 address within IPv6 is that address.
pub(super) fn end(word: &str) -> Option<End> {
    let (host, port) = word.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = host.split_once('%').map_or(host, |(host, _)| host);
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_*.+".contains(c);
    if port.is_empty() || !port.chars().all(is_word) || (address.is_none() && !looks_cut(host)) {
        return None;
    }
    let number = decimal(port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    Some(End { address, port: number })
}

/// Any address, a host's name, or an IPv6 address that `netstat` cut to its column.
fn looks_cut(host: &str) -> bool {
    host == "*" || host.is_empty() || host.chars().all(|c| c.is_ascii_alphanumeric() || ":.-_".contains(c))
}

/// States in the words of both programs, and as they are kept.
pub(super) fn state(word: &str) -> Option<&'static str> {
    static WORDS: std::sync::LazyLock<BTreeMap<&'static str, &'static str>> =
        std::sync::LazyLock::new(|| {
            [
                ("ESTAB", "ESTABLISHED"),
                ("ESTABLISHED", "ESTABLISHED"),
                ("SYN-SENT", "SYN_SENT"),
                ("SYN_SENT", "SYN_SENT"),
                ("SYN-RECV", "SYN_RECV"),
                ("SYN_RECV", "SYN_RECV"),
                ("NEW-SYN-RECV", "SYN_RECV"),
                ("FIN-WAIT-1", "FIN_WAIT1"),
                ("FIN_WAIT1", "FIN_WAIT1"),
                ("FIN-WAIT-2", "FIN_WAIT2"),
                ("FIN_WAIT2", "FIN_WAIT2"),
                ("TIME-WAIT", "TIME_WAIT"),
                ("TIME_WAIT", "TIME_WAIT"),
                ("UNCONN", "UNCONNECTED"),
                ("CLOSE-WAIT", "CLOSE_WAIT"),
                ("CLOSE_WAIT", "CLOSE_WAIT"),
                ("LAST-ACK", "LAST_ACK"),
                ("LAST_ACK", "LAST_ACK"),
                ("LISTEN", "LISTEN"),
                ("CLOSING", "CLOSING"),
                ("CLOSED", "CLOSE"),
                ("CLOSE", "CLOSE"),
                ("BOUND-INACTIVE", "UNCONNECTED"),
            ]
            .into()
        });
    WORDS.get(word).copied()
}
