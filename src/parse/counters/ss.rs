//! `ss -tanp` and its kin, with or without header (`-H`), and its summary `ss -s`.
//!
//! ```text
//! State     Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess
//! ESTAB     0      0          127.0.0.1:37256    127.0.0.1:32815 users:(("php-fpm",pid=12823,fd=4))
//! ```
//!
//! A column `Netid` stands in front where several kinds were asked for, none for the state where one was
//! (`state established`). Up to 2013 users were printed `users:(("squid",1234,12))`.

use super::tally::{self, Row, Seen, state};
use super::{Head, Reading, decimal};
use crate::model::blemish::BlemishKind;
use crate::model::flow::L4;

/// Kinds of sockets that are not of the internet protocols.
const OTHERS: [&str; 14] = [
    "nl", "p_raw", "p_dgr", "u_str", "u_dgr", "u_seq", "v_str", "v_dgr", "tipc", "xdp", "raw", "icmp6",
    "???", "mptcp",
];

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let first = head.first();
    is_header(first)
        || (first.split_whitespace().next().is_some_and(|word| state(word).is_some() || kind(word).is_some())
            && head.lines.iter().all(|line| !matches!(seen(line, L4::TCP), Seen::Strange)))
}

fn is_header(line: &str) -> bool {
    ["Recv-Q", "Send-Q", "Address:Port"].iter().all(|word| line.contains(word)) && !line.starts_with("Proto")
}

/// Every socket is a record. Where the kind is not printed it is taken for TCP, unless sockets that are
/// not connected show that it is UDP.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let firsts = || {
        super::lines(text).filter_map(|line| line.text.ok()).filter_map(|text| text.split_whitespace().next())
    };
    let unconnected = firsts().any(|word| word == "UNCONN");
    let connected =
        firsts().any(|word| state(word).is_some_and(|s| !["UNCONNECTED", "ESTABLISHED"].contains(&s)));
    let usual = if unconnected && !connected { L4::UDP } else { L4::TCP };
    tally::tally("ss", text, reading, |line| seen(line, usual));
}

fn kind(word: &str) -> Option<L4> {
    Some(match word {
        "tcp" => L4::TCP,
        "udp" => L4::UDP,
        "dccp" => L4::DCCP,
        "sctp" => L4::SCTP,
        _ => return None,
    })
}

fn seen(line: &str, usual: L4) -> Seen<'_> {
    // `ss -i` and `ss -e` go on in a line of their own.
    if is_header(line) || line.starts_with(['\t', ' ']) && line.contains(':') && !line.contains("users:") {
        return Seen::Other;
    }
    let mut words = line.split_whitespace().peekable();
    let first = words.peek().copied().unwrap_or_default();
    if OTHERS.contains(&first) {
        return Seen::Other;
    }
    let l4 = kind(first);
    if l4.is_some() {
        words.next();
    }
    let state = words.peek().and_then(|word| state(word));
    if state.is_some() {
        words.next();
    }
    row(words, state, l4.unwrap_or(usual), line).map_or(Seen::Strange, Seen::Socket)
}

fn row<'a>(
    mut words: impl Iterator<Item = &'a str>,
    state: Option<&'static str>,
    l4: L4,
    line: &'a str,
) -> Option<Row<'a>> {
    decimal(words.next()?)?;
    decimal(words.next()?)?;
    let local = tally::end(words.next()?)?;
    let peer = tally::end(words.next()?)?;
    let (program, process) = user(line).unzip();
    Some(Row { l4, state, local, peer, program, process: process.flatten() })
}

/// The first of those that hold the socket. A name may hold anything, so it ends where a number follows its quote.
fn user(line: &str) -> Option<(&str, Option<u32>)> {
    let (_, users) = line.split_once("users:((\"")?;
    let (name, digits) = users.match_indices("\",").find_map(|(at, _)| {
        let (name, rest) = users.split_at_checked(at)?;
        let digits = rest.get(2..)?;
        let digits = digits.strip_prefix("pid=").unwrap_or(digits);
        digits.starts_with(|c: char| c.is_ascii_digit()).then_some((name, digits))
    })?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let process = digits.get(..end).and_then(|digits| digits.parse().ok());
    (!name.is_empty()).then_some((name, process))
}

/// `Total: 19` and a line that counts TCP by what became of it.
pub(super) fn is_summary(head: &Head<'_>) -> bool {
    head.first().starts_with("Total: ") && head.lines.get(1).is_some_and(|line| line.starts_with("TCP: "))
}

/// Reads `TCP:   5 (estab 0, closed 4, orphaned 0, timewait 4)` and the table of totals; of old: `timewait 4/0`.
pub(super) fn read_summary(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        let words: Vec<&str> =
            text.split([' ', '\t', '(', ')', ',', '/']).filter(|word| !word.is_empty()).collect();
        let behind = |name: &str| {
            let place = words.iter().position(|word| *word == name)?;
            words.get(place + 1).copied().and_then(decimal)
        };
        let counts = &mut reading.counters.socket_counts;
        match words.first().copied() {
            Some("TCP:") => {
                (counts.time_wait, counts.orphaned) = (behind("timewait"), behind("orphaned"));
                if counts.time_wait.is_none() {
                    reading.damage(BlemishKind::ImpossibleNumber, line);
                }
            }
            Some("TCP") => counts.tcp = behind("TCP"),
            Some("UDP") => counts.udp = behind("UDP"),
            _ => {}
        }
    });
}
