//! Single lines: what is wrong wherever it is typed.

use crate::model::era::bare_key;

use super::rule::{Handshakes, Rule};

/// The least that each timeout may be set to, seconds, with the reason. Running timers are not shortened by any of
/// them, so that a lower one gains little and cuts much.
const FLOORS: [(&str, u64, &str); 5] = [
    ("tcp_timeout_time_wait", 30, "late packets of closed connections would find no entry"),
    ("udp_timeout", 30, "slow lookups, SIP and keepalives of 25 s would lose their entry"),
    ("udp_timeout_stream", 120, "a mapping must last two minutes at least (RFC 4787)"),
    ("tcp_timeout_close_wait", 60, "half-closed connections would lose their entry"),
    ("tcp_timeout_established", 7_440, "idle connections in use would be cut (RFC 5382)"),
];

/// Why a line must not be printed on any host; none: it may, as far as a single line tells.
#[cfg(test)]
pub(crate) fn forbidden(line: &str) -> Option<&'static str> {
    dangerous(line)
        .or_else(|| Rule::of(line).filter(Rule::untracks).and_then(|rule| rule.too_wide(|_| false)))
}

/// The same without what the host decides: whether an address is its own.
pub(super) fn dangerous(line: &str) -> Option<&'static str> {
    destructive(line)
        .or_else(|| too_low(line))
        .or_else(|| deletions(line).iter().find_map(|call| loosely_deleted(call)))
        .or_else(|| opens_the_host(line))
}

/// Words of a line, without the quotes of a shell within a shell.
pub(super) fn words(line: &str) -> Vec<&str> {
    line.split(|c: char| c.is_whitespace() || "'\"`;()|&".contains(c))
        .filter(|word| !word.is_empty())
        .collect()
}

/// The single commands of a line, each by its words: of a pipe, a loop, a list, a shell within the shell.
fn calls(line: &str) -> impl Iterator<Item = Vec<&str>> {
    line.split(|c: char| ";|&()`\n".contains(c)).map(words).filter(|call| !call.is_empty())
}

/// Whether a word is that program, by its path or without.
fn is_program(word: &str, program: &str) -> bool {
    word.rsplit('/').next() == Some(program)
}

/// A long option, cut short or not, as `getopt_long` takes it from `least` letters on.
fn is_option(word: &str, long: &str, least: usize) -> bool {
    word.len() >= least && long.starts_with(word)
}

/// What follows the tool's name in a command; none: it is another command (a match of the packet filter has the same name).
fn behind_conntrack<'w, 'a>(call: &'w [&'a str]) -> Option<&'w [&'a str]> {
    let at = call.iter().position(|word| is_program(word, "conntrack"))?;
    let is_match = at.checked_sub(1).and_then(|before| call.get(before));
    if is_match.is_some_and(|word| ["-m", "--match"].contains(word)) {
        return None;
    }
    call.get(at + 1..)
}

/// The key and the number that a line sets: `sysctl -w KEY=N`, `KEY = N` in a file.
pub(super) fn setting(line: &str) -> Option<(&str, u64)> {
    let (before, behind) = line.split_once('=')?;
    let key = before.split_whitespace().next_back()?;
    let value = behind.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
    Some((key, value.parse().ok()?))
}

/// It takes away what is not its own, or what nothing brings back.
pub(super) fn destructive(line: &str) -> Option<&'static str> {
    let words = words(line);
    let has = |word: &str| words.contains(&word);
    let flush = |options: &[&str]| options.iter().any(|word| *word == "-F" || is_option(word, "--flush", 4));
    if calls(line).any(|call| behind_conntrack(&call).is_some_and(flush)) {
        return Some("flushes every connection of the host");
    }
    if deletions(line).iter().any(|call| call.contains(&"UNREPLIED")) {
        return Some("conntrack-tools 1.4.7 ignores this filter and deletes the whole table");
    }
    let unloads = has("rmmod") || (has("modprobe") && (has("-r") || has("--remove")));
    if unloads && line.contains("conntrack") {
        return Some("takes every connection's state away, and the limits with it");
    }
    let filter = |word: &&str| is_program(word, "iptables") || is_program(word, "ip6tables");
    if calls(line).any(|call| call.iter().any(filter) && flush(&call)) || line.contains("flush ruleset") {
        return Some("takes every rule of the firewall away");
    }
    if has("hping") || has("hping3") || has("hping2") {
        return Some("forged resets need a sequence number within the window");
    }
    if line.contains("use-vc") {
        return Some("makes a 120 s assured entry of each lookup");
    }
    match setting(line) {
        Some((key, value)) => set(key, value),
        None => None,
    }
}

/// It gives the running table other buckets. (A line of a file is read at boot, when the table is empty.)
pub(super) fn resizes(line: &str) -> bool {
    let by_parameter = line.contains("parameters/hashsize") && line.contains('>');
    let by_setting = setting(line).is_some_and(|(key, _)| bare_key(key) == "buckets");
    by_parameter || by_setting && words(line).contains(&"sysctl")
}

fn set(key: &str, value: u64) -> Option<&'static str> {
    match value {
        1 if key.ends_with("tcp_tw_recycle") => Some("breaks visitors behind NAT; gone since 4.12"),
        0 if key.contains("bridge-nf-call-") => Some("breaks services and network policy of containers"),
        0 if bare_key(key) == "max" && key.contains("conntrack") => {
            Some("no limit at all: ends in lack of memory")
        }
        0 if key.ends_with("vs.conn_reuse_mode") => Some("sends connections to servers that were taken away"),
        _ => None,
    }
}

fn too_low(line: &str) -> Option<&'static str> {
    let (key, value) = setting(line)?;
    let bare = bare_key(key);
    FLOORS.iter().find(|(name, floor, _)| bare == *name && value < *floor).map(|(_, _, why)| *why)
}

/// The commands of a line that delete entries (`conntrack -D`), wherever in it they stand, each by its words.
pub(super) fn deletions(line: &str) -> Vec<Vec<&str>> {
    let delete = |word: &&str| *word == "-D" || is_option(word, "--delete", 4);
    calls(line)
        .filter(|call| behind_conntrack(call).is_some_and(|options| options.iter().any(delete)))
        .collect()
}

/// It deletes entries.
pub(super) fn is_deletion(line: &str) -> bool {
    !deletions(line).is_empty()
}

/// The value behind one of these options.
pub(super) fn behind<'a>(words: &[&'a str], options: &[&str]) -> Option<&'a str> {
    let at = words.iter().position(|word| options.contains(word))?;
    words.get(at + 1).copied()
}

/// What a deletion selects by.
pub(super) const ORIGINAL_SOURCE: [&str; 3] = ["-s", "--src", "--orig-src"];
pub(super) const ORIGINAL_DESTINATION: [&str; 3] = ["-d", "--dst", "--orig-dst"];
pub(super) const REPLY: [&str; 4] = ["-r", "--reply-src", "-q", "--reply-dst"];
const PORTS_OR_STATE: [&str; 6] =
    ["--dport", "--sport", "--orig-port-dst", "--orig-port-src", "--reply-port-src", "--state"];

/// A deletion names a protocol, an end, and where there are ports a port or a state; and IPv6 where it is IPv6.
fn loosely_deleted(words: &[&str]) -> Option<&'static str> {
    if let Some(at) = words.iter().position(|word| is_program(word, "xargs")) {
        return listed_loosely(words.get(at + 1..).unwrap_or_default());
    }
    let protocol = behind(words, &["-p", "--proto"]);
    let ends: Vec<&str> = [&ORIGINAL_SOURCE[..], &ORIGINAL_DESTINATION[..], &REPLY[..2], &REPLY[2..]]
        .into_iter()
        .filter_map(|options| behind(words, options))
        .collect();
    let (Some(protocol), false) = (protocol, ends.is_empty()) else {
        return Some("deletes entries of everybody: it names no protocol or no end");
    };
    let has_ports = ["tcp", "udp", "sctp", "dccp", "udplite"].contains(&protocol);
    if has_ports && !words.iter().any(|word| PORTS_OR_STATE.contains(word)) {
        return Some("deletes every connection of that end, in use or not");
    }
    let six = ends.iter().any(|end| end.contains(':'));
    let says_six = behind(words, &["-f", "--family"]) == Some("ipv6");
    (six != says_six).then_some("conntrack looks for IPv4 unless -f ipv6 says otherwise")
}

/// A list of whole tuples, one a line, selects narrower than any filter. An empty one selects nothing only where that is
/// asked for: else the command runs once, without a selection.
fn listed_loosely(options: &[&str]) -> Option<&'static str> {
    let by_line = behind(options, &["-L", "-l"]) == Some("1");
    let nothing_for_nothing =
        options.iter().any(|word| *word == "-r" || is_option(word, "--no-run-if-empty", 4));
    let narrow = by_line && nothing_for_nothing && behind(options, &["-p", "--proto"]).is_some();
    (!narrow).then_some("an empty list, or one that is not taken line by line, deletes entries of everybody")
}

/// A rule that lets packets in by the port they say they come from.
fn opens_the_host(line: &str) -> Option<&'static str> {
    let rule = Rule::of(line).filter(Rule::accepts)?;
    let by_source_port = rule.source_port.is_some() && rule.protocol == Some("tcp");
    if by_source_port && rule.handshakes != Handshakes::Not {
        return Some("opens every port to whoever sends from that one");
    }
    let addressed = rule.source.is_some() || rule.destination.is_some();
    (rule.source_port.is_some() && !addressed).then_some("lets everybody in who sends from that port")
}
