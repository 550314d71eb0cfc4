//! `netstat -anp` and its kin (net-tools): rows of the internet protocols; those of others are passed over.
//!
//! ```text
//! Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
//! tcp        0      0 127.0.0.1:37256         127.0.0.1:32815         ESTABLISHED 12823/php-fpm: pool
//! ```
//!
//! Users and inodes stand between state and program where `-e` was given; UDP has no state. Addresses of IPv6 are cut to
//! their column unless `-W` was given: a socket with such a one is counted, and names nobody.

use super::tally::{self, Row, Seen, state};
use super::{Head, Reading, decimal};
use crate::model::flow::L4;

/// What begins the column of timers.
const TIMERS: [&str; 5] = [" off (", " on (", " keepalive (", " timewait (", " unkn-"];

pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let sockets = head.lines.iter().filter(|line| row(line).is_some()).count();
    let known = head.lines.iter().filter(|line| !matches!(seen(line), Seen::Strange)).count();
    (sockets > 0 && known * 2 >= head.lines.len()) || is_headed(head)
}

/// No socket at all, but the heading.
fn is_headed(head: &Head<'_>) -> bool {
    head.first().starts_with("Active Internet connections") || is_header(head.first())
}

fn is_header(line: &str) -> bool {
    line.starts_with("Proto Recv-Q Send-Q ") || line.starts_with("Proto RefCnt Flags")
}

/// Every socket of the internet protocols is a record.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    tally::tally("netstat", text, reading, seen);
}

fn seen(line: &str) -> Seen<'_> {
    let other = is_header(line)
        || line.starts_with("Active ")
        || line.starts_with("unix ")
        || line.starts_with("(Not all processes")
        || line.starts_with(" will not be shown")
        || line.starts_with("raw");
    match row(line) {
        Some(row) => Seen::Socket(row),
        None if other => Seen::Other,
        None => Seen::Strange,
    }
}

fn row(line: &str) -> Option<Row<'_>> {
    let mut words = line.split_whitespace();
    let l4 = match words.next()? {
        "tcp" | "tcp6" => L4::TCP,
        "udp" | "udp6" => L4::UDP,
        "udplite" | "udpl6" | "udpl" => L4::UDPLITE,
        "sctp" => L4::SCTP,
        _ => return None,
    };
    decimal(words.next()?)?;
    decimal(words.next()?)?;
    let local = tally::end(words.next()?)?;
    let peer = tally::end(words.next()?)?;
    let mut rest = words.clone();
    let state = rest.next().and_then(state);
    let (program, process) = program(line).unzip();
    Some(Row { l4, state, local, peer, program, process })
}

/// The last column: `12823/php-fpm: pool`. What stands behind a colon is the process's own title.
fn program(line: &str) -> Option<(&str, u32)> {
    let (front, name) = line.split_once('/')?;
    let process = front.rsplit([' ', '\t']).next()?;
    let name = name.split(':').next()?;
    // The timer of `-o` stands behind it.
    let end = TIMERS.iter().filter_map(|timer| name.find(timer)).min().unwrap_or(name.len());
    let name = name.get(..end)?.trim();
    Some((name, process.parse().ok()?)).filter(|(name, _)| !name.is_empty())
}
