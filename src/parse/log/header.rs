//! What the header shapes have in common: the table of them, what one gives, and the priority in front.
//!
//! A shape reads a line's header only as far as every line needs it: when and whose. Who speaks and what is said is
//! read by [`Header::open`], and only for the few lines in which something of interest may stand.

use crate::model::blemish::BlemishKind;
use crate::model::record::Trust;

use super::speech::Speech;
use super::time::Written;
use super::{
    bare, dmesg, journal_short, kmsg, logread, quoted, rfc3164, rfc3339, rfc5424, rsyslog_debug,
    rsyslog_json, separators, year_first,
};

/// A header grammar. None: the line is not of this shape.
pub(super) type Shape = for<'a> fn(&'a [u8]) -> Option<Line<'a>>;

/// Every header grammar, tried in this order on every line. Each is told from the others by its first bytes, so the
/// order decides only in front of a structured header (RFC 5424) and for bare kernel messages, which come last.
const SHAPES: [Shape; 12] = [
    rfc3164::line,
    rfc5424::line,
    rfc3339::line,
    kmsg::line,
    journal_short::line,
    dmesg::line,
    logread::line,
    year_first::line,
    rsyslog_json::line,
    rsyslog_debug::line,
    separators::line,
    bare::line,
];

/// The line as the first shape that knows it reads it; if none does, as a line that somebody quoted.
pub(super) fn read(line: &[u8]) -> Option<Line<'_>> {
    read_plain(line).or_else(|| quoted::line(line))
}

/// As [`read`], but not quoted: for what stands within a quotation, so that none stands in another.
pub(super) fn read_plain(line: &[u8]) -> Option<Line<'_>> {
    SHAPES.iter().find_map(|shape| shape(line))
}

/// What a line is, by its header.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// A record with a header.
    Record(Header<'a>),
    /// It has the shape of a header, but an impossible one.
    Damaged(BlemishKind),
    /// A reader's note: what follows is another boot.
    BootSeparator,
    /// Another note of a reader.
    Note,
}

/// Syslog facility: 0 is the kernel.
pub(super) type Facility = u8;

/// How the words behind a header are read.
pub(super) type Open = for<'a> fn(Option<Facility>, &'a [u8]) -> Speech<'a>;

/// When and whose, as written.
#[derive(Debug, Clone)]
pub(super) struct Header<'a> {
    /// Wall time.
    pub(super) stamp: Option<Written>,
    /// The printk clock, where it stands in the header itself.
    pub(super) since_boot_us: Option<i64>,
    /// Microseconds since the line before (`dmesg -e`).
    pub(super) delta_us: Option<i64>,
    /// The kernel's record number.
    pub(super) seq: Option<u64>,
    /// Host word.
    pub(super) host: Option<&'a [u8]>,
    /// Facility, where a priority is written.
    pub(super) facility: Option<Facility>,
    /// How far the source may be believed.
    pub(super) trust: Trust,
    /// What stands behind it.
    pub(super) rest: &'a [u8],
    /// Reads `rest`.
    pub(super) open: Open,
    /// The bytes in front of `rest` alone decide all of the above: another line that begins with them has this header.
    pub(super) settled_by_prefix: bool,
}

impl<'a> Header<'a> {
    /// Text of a line or a message in front of which nothing is known.
    pub(super) fn of_text(rest: &'a [u8], open: Open) -> Self {
        Self {
            stamp: None,
            since_boot_us: None,
            delta_us: None,
            seq: None,
            host: None,
            facility: None,
            trust: Trust::Unverified,
            rest,
            open,
            settled_by_prefix: false,
        }
    }

    /// Who speaks, and what is said.
    pub(super) fn open(&self) -> Speech<'a> {
        (self.open)(self.facility, self.rest)
    }
}

/// Greatest priority: facility 23 (local7), severity 7 (RFC 5424 §6.2.1).
pub(super) const PRIORITY_MAX: u8 = 191;

/// `<PRI>` in front of a line: its facility, if there is one, and the rest.
pub(super) fn priority(line: &[u8]) -> (Option<Facility>, &[u8]) {
    let (digits, rest) = match line {
        [b'<', a, b'>', rest @ ..] => ([b'0', b'0', *a], rest),
        [b'<', a, b, b'>', rest @ ..] => ([b'0', *a, *b], rest),
        [b'<', a, b, c, b'>', rest @ ..] => ([*a, *b, *c], rest),
        _ => return (None, line),
    };
    let number = std::str::from_utf8(&digits).ok().and_then(|text| text.parse::<u8>().ok());
    match number.filter(|number| *number <= PRIORITY_MAX) {
        Some(number) => (Some(number / 8), rest),
        None => (None, line),
    }
}

/// Bytes of the longest host word (RFC 1035: 255 for a full name).
const HOST_BYTES_MAX: usize = 255;

/// The host word in front of a tag, and the rest; no host where the first word is a tag or a priority word already.
pub(super) fn host(rest: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let text = rest.trim_ascii_start();
    let Some(end) = memchr::memchr(b' ', text.get(..=HOST_BYTES_MAX).unwrap_or(text)) else {
        return (None, text);
    };
    let (word, behind) = text.split_at(end);
    // A tag in brackets, a console's own words, a record of /dev/kmsg form.
    let is_record = |word: &[u8]| memchr::memchr(b';', word).is_some();
    match word.first() {
        Some(b'[' | b'*') => return (None, text),
        Some(b'0'..=b'9') if is_record(word) => return (None, text),
        _ => {}
    }
    if ends_a_tag(word) || super::speech::severity_word(word).is_some() || super::repeat::is_last(text) {
        return (None, text);
    }
    (Some(word), behind.trim_ascii_start())
}

/// A host word of this kind is told by the bytes up to its end. (`last` is not: it may be the first word of
/// `last message repeated 3 times`.)
pub(super) fn settles(host: Option<&[u8]>) -> bool {
    host.is_some_and(|word| word != b"last")
}

/// `kernel:`, `sshd[12]:`, but not an address such as `fe80::`.
fn ends_a_tag(word: &[u8]) -> bool {
    let address = |word: &[u8]| {
        word.ends_with(b"::") && word.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':')
    };
    word.ends_with(b":") && !address(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_number_up_to_191() {
        assert_eq!(priority(b"<4>x"), (Some(0), b"x".as_slice()));
        assert_eq!(priority(b"<191>x"), (Some(23), b"x".as_slice()));
        for text in [b"<192>x".as_slice(), b"<>x", b"<a>x", b"<1234>x", b"4>x", b"<-1>x", b"<+1>x"] {
            assert_eq!(priority(text), (None, text));
        }
    }

    #[test]
    fn a_first_word_that_is_a_tag_is_no_host() {
        assert_eq!(host(b" doom kernel: x"), (Some(b"doom".as_slice()), b"kernel: x".as_slice()));
        assert_eq!(host(b" kernel: x"), (None, b"kernel: x".as_slice()));
        assert_eq!(host(b" fe80:: kernel: x").0, Some(b"fe80::".as_slice()));
        assert_eq!(host(b" kern.warn kernel: x").0, None);
        assert_eq!(host(b" last message repeated 3 times").0, None);
    }
}
