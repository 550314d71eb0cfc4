//! rsyslog's template DebugFormat writes ten lines for one record. All that matters stands once more in one of them:
//! `inputname: imudp rawmsg: '<4>Nov  6 02:39:55 doom kernel: words'`. The others (`msg: ' words'` …) say nothing of their
//! own. What imklog read has no header within: it is the kernel's own text.

use super::dmesg;
use super::header::{self, Header, Line};
use super::speech;

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let text = line.strip_prefix(b"inputname: ")?;
    let (input, rest) = text.split_at_checked(memchr::memchr(b' ', text)?)?;
    let raw = rest.strip_prefix(b" rawmsg: '")?.strip_suffix(b"'")?;
    if input == b"imklog" {
        let of_text = || Line::Record(Header::of_text(raw, |_, text| speech::kernel(text)));
        return Some(dmesg::line(raw).unwrap_or_else(of_text));
    }
    match header::read_plain(raw)? {
        // What stands behind the words is not theirs, so where they begin cannot be told from the line's end.
        Line::Record(header) => Some(Line::Record(Header { settled_by_prefix: false, ..header })),
        other => Some(other),
    }
}
