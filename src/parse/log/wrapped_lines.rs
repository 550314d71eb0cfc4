//! Lines that a container's runtime or a collector's tool wrote around others. A stream dialect (a line may come in
//! pieces), by lines.
//!
//! | who | shape |
//! |---|---|
//! | CRI: containerd, CRI-O | `2024-05-01T12:00:00.123456789+08:00 stdout F line`; `P` for all pieces of a line but its last |
//! | `logcli` | `2024-05-01T12:00:00+08:00 {host="a", job="b"} line` |
//! | `aws logs tail` | `2024-05-01T12:00:00.123000+00:00 stream line`, short `2024-05-01T12:00:00 line`, where the line has a header of its own |
//! | Fluent Bit, file and stdout | `tag: [epoch, {…}]`, `[0] tag: [[epoch, {…}], {…}]`, with `=>` for `:` on stdout |
//!
//! A line of no such shape is read as one of the line family.

use std::borrow::Cow;

use crate::model::fold::RecordSink;

use super::json_lines::{Place, Values};
use super::lines::{self, Around};
use super::speech::{self, Speaker};
use super::time::{self, Written};

/// Reads blocks of whole lines in order.
#[derive(Debug, Default)]
pub struct WrappedParser {
    values: Values,
    /// Offset of the last line.
    last: u64,
}

impl WrappedParser {
    /// A block of whole lines; the stream may end without the last line end. `offset` is that of its first byte.
    pub fn block(&mut self, block: &[u8], offset: u64, sink: &mut impl RecordSink) {
        let mut place = offset;
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            let text = line.trim_ascii_end();
            if !text.is_empty() {
                self.last = place;
                self.line(text, place, sink);
            }
            place = place.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        }
    }

    /// No more lines.
    pub fn finish(self, sink: &mut impl RecordSink) {
        self.values.finish(self.last, sink);
    }

    fn line(&mut self, text: &[u8], offset: u64, sink: &mut impl RecordSink) {
        let Some(Wrapper { stamp, kind }) = wrapper(text) else {
            return self.values.lines.wrapped(text, offset, &Around::default(), sink);
        };
        let around = Around { stamp, ..Around::default() };
        let place = Place { offset, depth: 0 };
        match kind {
            Kind::Container { stream, last, line } => {
                let Some(line) = self.values.pieces.join(stream, line, last) else { return };
                self.values.line(&line, &around, place, sink);
            }
            Kind::Labelled { labels, line } => {
                let host = HOSTS.iter().find_map(|name| label(labels, name));
                let program = PROGRAMS.iter().find_map(|name| label(labels, name));
                let speaker = program.map(|name| speaker(&name));
                let around = Around { host: host.as_deref(), speaker, ..around };
                self.values.line(line, &around, place, sink);
            }
            Kind::Headed { line } => self.values.line(line, &around, place, sink),
            Kind::Value { json } => self.values.value(json, offset, &around, sink),
        }
    }
}

/// Labels that name the host; Promtail's journal and syslog targets, Alloy, the Kubernetes charts.
const HOSTS: [&[u8]; 7] =
    [b"host", b"hostname", b"nodename", b"node_name", b"node", b"instance", b"syslog_hostname"];
/// Labels that name the program that speaks.
const PROGRAMS: [&[u8]; 3] = [b"syslog_identifier", b"syslog_appname", b"syslog_app_name"];

fn speaker(name: &[u8]) -> Speaker {
    speech::speaker(None, name)
}

/// A line and what stands around it.
struct Wrapper<'a> {
    stamp: Option<Written>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Container { stream: &'a [u8], last: bool, line: &'a [u8] },
    Labelled { labels: &'a [u8], line: &'a [u8] },
    Headed { line: &'a [u8] },
    Value { json: &'a [u8] },
}

fn wrapper(text: &[u8]) -> Option<Wrapper<'_>> {
    if let Some(read) = time::rfc3339(text) {
        let (stamp, rest) = read.ok()?;
        let rest = rest.strip_prefix(b" ")?;
        let kind = container(rest).or_else(|| labelled(rest)).or_else(|| headed(rest))?;
        return Some(Wrapper { stamp: Some(stamp), kind });
    }
    let json = fluent_bit(text)?;
    Some(Wrapper { stamp: None, kind: Kind::Value { json } })
}

/// `stdout F line`; behind the `F` there may be further tags, after colons.
fn container(rest: &[u8]) -> Option<Kind<'_>> {
    let (stream, rest) = rest.split_at_checked(6)?;
    if !matches!(stream, b"stdout" | b"stderr") {
        return None;
    }
    let rest = rest.strip_prefix(b" ")?;
    let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    let (tags, line) = rest.split_at_checked(end)?;
    let last = match tags.split(|byte| *byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    Some(Kind::Container { stream, last, line: line.strip_prefix(b" ").unwrap_or(line) })
}

/// `{a="b", c="}"}   line`
fn labelled(rest: &[u8]) -> Option<Kind<'_>> {
    let inner = rest.strip_prefix(b"{")?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inner.iter().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        *byte == b'}' && !quoted
    })?;
    let (labels, line) = inner.split_at_checked(end)?;
    let is_label = labels.is_empty() || memchr::memmem::find(labels, b"=\"").is_some();
    let line = line.strip_prefix(b"}").filter(|_| is_label)?;
    Some(Kind::Labelled { labels, line: line.trim_ascii_start() })
}

/// The value of a label. Escapes are those of Go, of which hosts and programs need none but the two.
fn label<'a>(labels: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    let mut rest = labels;
    loop {
        rest = rest.trim_ascii_start();
        let (key, behind) = rest.split_at_checked(memchr::memchr(b'=', rest)?)?;
        let value = behind.strip_prefix(b"=\"")?;
        let mut escaped = false;
        let end = value.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        let (value, behind) = value.split_at_checked(end)?;
        if key == name {
            return Some(crate::parse::json::Text(value).unescaped()).filter(|value| !value.is_empty());
        }
        let behind = behind.strip_prefix(b"\"")?;
        rest = behind.strip_prefix(b",").unwrap_or(behind);
    }
}

/// A line with a header of its own, right behind the time or behind the name of a stream. One word and a line without
/// one is syslog's own shape.
fn headed(rest: &[u8]) -> Option<Kind<'_>> {
    if lines::has_own_time(rest) {
        return Some(Kind::Headed { line: rest });
    }
    let line = rest.get(memchr::memchr(b' ', rest)? + 1..)?;
    lines::has_own_time(line).then_some(Kind::Headed { line })
}

/// `[0] tag: [epoch, {…}]`: the value. A tag has no blanks.
fn fluent_bit(text: &[u8]) -> Option<&[u8]> {
    text.strip_suffix(b"]").filter(|text| text.ends_with(b"}"))?;
    let behind_count = || {
        let count = text.strip_prefix(b"[")?;
        let (digits, rest) = count.split_at_checked(memchr::memchr(b']', count)?)?;
        rest.strip_prefix(b"] ").filter(|_| digits.iter().all(u8::is_ascii_digit))
    };
    let tagged = behind_count().unwrap_or(text);
    let (tag, value) = tagged.split_at_checked(memchr::memchr(b' ', tagged)?)?;
    let value = value.strip_prefix(b" ")?;
    let digits = value.strip_prefix(b"[")?;
    let digits = digits.strip_prefix(b"[").unwrap_or(digits);
    let is_value = tag.len() > 1 && tag.ends_with(b":") && digits.first().is_some_and(u8::is_ascii_digit);
    is_value.then_some(value)
}

/// Lines of a head that decide what it is.
const LINES_LOOKED_AT: usize = 50;

/// The head of an input looks like this dialect: at least half of its lines are wrapped.
pub fn looks_like(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
    let (mut wrapped, mut all) = (0_usize, 0_usize);
    for line in lines.take(LINES_LOOKED_AT) {
        all += 1;
        wrapped += usize::from(wrapper(line).is_some());
    }
    wrapped > 0 && 2 * wrapped >= all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_through_their_quotes() {
        let labels = br#"app="a\"b,host=\"x", host="web8", e="""#;
        assert_eq!(label(labels, b"host").as_deref(), Some(b"web8".as_slice()));
        assert_eq!(label(labels, b"app").as_deref(), Some(br#"a"b,host="x"#.as_slice()));
        assert_eq!(label(labels, b"e"), None);
        assert_eq!(label(b"host", b"host"), None);
    }

    #[test]
    fn syslog_is_no_wrapper() {
        for line in [
            "2024-05-01T12:00:00+08:00 web8 kernel: [12.5] nf_conntrack: table full, dropping packet",
            "2024-05-01T12:00:00+08:00 web8 sshd[1]: {a=\"b\"} x",
            "2024-05-01T12:00:00+08:00 stdout kernel: x",
            "May  1 12:00:00 web8 kernel: x",
            "[12.5] tag: [x, {}]",
        ] {
            assert!(wrapper(line.as_bytes()).is_none(), "{line}");
        }
    }
}
