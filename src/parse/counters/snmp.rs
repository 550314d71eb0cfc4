//! Protocol counters: `/proc/net/snmp` and `/proc/net/netstat` (a line of names, a line of values), `/proc/net/snmp6`,
//! and `nstat -az`. They are kept by group and name, as `nstat` prints them: `TcpExtListenOverflows`.

use super::{Head, Line, Reading, decimal};
use crate::model::blemish::BlemishKind;

/// Counters that are kept; kernels have about 400.
const KEYS_MAX: usize = 2_048;
/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 64;

/// Two lines of one group: names, then values.
pub(super) fn looks_like(head: &Head<'_>) -> bool {
    let [names, values, ..] = head.lines else { return false };
    let (Some((group, names)), Some((same, values))) = (names.split_once(": "), values.split_once(": "))
    else {
        return false;
    };
    group == same
        && is_name(group)
        && names.split_whitespace().all(is_name)
        && values.split_whitespace().all(|value| value.parse::<i128>().is_ok())
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Every line is a record. A value below zero (no limit) is no counter and is passed over.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    let mut names: Option<String> = None;
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        let Some(before) = names.take() else {
            names = Some(text.to_owned());
            return;
        };
        let pair = before.split_once(": ").zip(text.split_once(": "));
        let Some(((group, columns), (_, values))) = pair.filter(|((a, _), (b, _))| a == b) else {
            reading.damage(BlemishKind::Truncated, line);
            names = Some(text.to_owned());
            return;
        };
        if columns.split_whitespace().count() != values.split_whitespace().count() {
            reading.damage(BlemishKind::MissingField, line);
            return;
        }
        for (name, value) in columns.split_whitespace().zip(values.split_whitespace()) {
            keep(format!("{group}{name}"), value, line, reading);
        }
    });
}

/// Lines of name and number, the first of them `Ip6…`.
pub(super) fn is_snmp6(head: &Head<'_>) -> bool {
    head.first().starts_with("Ip6") && head.lines.iter().all(|line| pair(line).is_some())
}

/// Every line is a record.
pub(super) fn read_snmp6(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        reading.records += 1;
        match pair(text) {
            Some((name, value)) => keep(name.to_owned(), value, line, reading),
            None => reading.damage(BlemishKind::Unrecognised, line),
        }
    });
}

/// `#kernel`, and lines of name, number and rate.
pub(super) fn is_nstat(head: &Head<'_>) -> bool {
    head.first() == "#kernel" && head.lines.iter().skip(1).all(|line| rated(line).is_some())
}

/// Every counter is a record. (Without `-a` they count since the last call of that program.)
pub(super) fn read_nstat(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| {
        if text.starts_with('#') {
            return;
        }
        reading.records += 1;
        match rated(text) {
            Some((name, value)) => keep(name.to_owned(), value, line, reading),
            None => reading.damage(BlemishKind::Unrecognised, line),
        }
    });
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    let (name, value) = (words.next()?, words.next()?);
    (words.next().is_none() && is_name(name) && decimal(value).is_some()).then_some((name, value))
}

fn rated(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    let (name, value, rate) = (words.next()?, words.next()?, words.next()?);
    let fits = is_name(name) && decimal(value).is_some() && rate.contains('.') && words.next().is_none();
    fits.then_some((name, value))
}

fn keep(name: String, value: &str, line: &Line<'_>, reading: &mut Reading<'_>) {
    if name.len() > NAME_BYTES_MAX || reading.counters.protocol.len() >= KEYS_MAX {
        reading.damage(BlemishKind::LineTooLong, line);
    } else if let Some(value) = decimal(value) {
        reading.counters.protocol.insert(name.into(), value);
    } else if value.parse::<i64>().is_err() {
        reading.damage(BlemishKind::ImpossibleNumber, line);
    }
}
