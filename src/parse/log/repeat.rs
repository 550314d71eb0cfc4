//! Repetition compression: the sentences in which a log daemon says that it left out equal messages.
//!
//! | daemon | words |
//! |---|---|
//! | BSD and classic syslogd, rsyslog before 7.3 | `last message repeated N times`, no tag: the previous line of that host |
//! | sysklogd 2 | `last message buffered N times` |
//! | rsyslog 7.3 on (`ratelimitGenRepMsg`) | `message repeated N times: [ text]` under the same tag; the text is cut at 800 bytes |
//! | syslog-ng (`log_writer_emit_suppress_summary`) | `Last message 'first 20 bytes or so' repeated N times, suppressed by syslog-ng on host` |
//!
//! N counts the copies beyond the one that stands in the log.

/// Bytes of the message that syslog-ng quotes: 20 (`%.20s`), and room for what other versions may do.
pub(super) const QUOTED_BYTES_MAX: usize = 40;

/// One such sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat<'a> {
    /// Of the previous line of this host.
    Previous {
        /// How often.
        times: Times,
    },
    /// Of the text that stands here.
    Quoted {
        /// How often.
        times: Times,
        /// Which, without its brackets.
        text: &'a [u8],
    },
    /// Of the previous line of this host, which begins so.
    Beginning {
        /// How often.
        times: Times,
        /// At most [`QUOTED_BYTES_MAX`].
        text: &'a [u8],
    },
}

/// How many further copies: at least one; none where the number is impossible.
pub(super) type Times = Option<u64>;

/// `last message …` without a tag: the words of a daemon that does not name itself.
pub(super) fn is_last(text: &[u8]) -> bool {
    last(text).is_some()
}

/// `last message repeated N times`, `last message buffered N times`.
pub(super) fn last(text: &[u8]) -> Option<Repeat<'_>> {
    let rest = text.strip_prefix(b"last message ")?;
    let rest = rest.strip_prefix(b"repeated ").or_else(|| rest.strip_prefix(b"buffered "))?;
    let (times, rest) = times(rest)?;
    rest.trim_ascii_end().is_empty().then_some(Repeat::Previous { times })
}

/// One of the forms that stand under the tag of the message they repeat.
pub(super) fn is_tagged(text: &[u8]) -> bool {
    tagged(text).is_some()
}

/// The forms that stand under the tag of the message they repeat.
pub(super) fn tagged(text: &[u8]) -> Option<Repeat<'_>> {
    rsyslog(text).or_else(|| syslog_ng(text)).or_else(|| last(text))
}

fn rsyslog(text: &[u8]) -> Option<Repeat<'_>> {
    let (times, rest) = times(text.strip_prefix(b"message repeated ")?)?;
    let text = rest.strip_prefix(b": [")?.trim_ascii_end();
    // Cut at 800 bytes the text may have lost its bracket.
    Some(Repeat::Quoted { times, text: text.strip_suffix(b"]").unwrap_or(text) })
}

/// Ends the quoted beginning.
const REPEATED: &[u8] = b"' repeated ";

fn syslog_ng(text: &[u8]) -> Option<Repeat<'_>> {
    let rest = text.strip_prefix(b"Last message '")?;
    let quoted_and_more = rest.get(..QUOTED_BYTES_MAX + REPEATED.len()).unwrap_or(rest);
    let (text, rest) = rest.split_at_checked(memchr::memmem::rfind(quoted_and_more, REPEATED)?)?;
    let (times, rest) = times(rest.strip_prefix(REPEATED)?)?;
    // Old versions misspelt it.
    let by = [b", suppressed by syslog-ng on ".as_slice(), b", supressed by syslog-ng on "];
    by.iter().any(|words| rest.starts_with(words)).then_some(Repeat::Beginning { times, text })
}

/// `N times`, and the rest.
fn times(text: &[u8]) -> Option<(Times, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    if digits.is_empty() {
        return None;
    }
    let rest = rest.strip_prefix(b" times")?;
    // All of them print a C int (or a size_t that counts lines of a few seconds): more is not a count.
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
    Some((number.filter(|number| *number > 0).map(u64::from), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_daemon_is_understood() {
        let previous = Some(Repeat::Previous { times: Some(3) });
        assert_eq!(last(b"last message repeated 3 times"), previous);
        assert_eq!(last(b"last message buffered 3 times  "), previous);
        let quoted = Some(Repeat::Quoted { times: Some(9), text: b" x [y]" });
        assert_eq!(tagged(b"message repeated 9 times: [ x [y]]"), quoted);
        assert_eq!(
            tagged(b"message repeated 9 times: [ x"),
            Some(Repeat::Quoted { times: Some(9), text: b" x" })
        );
        let text = b"Last message 'nf_conntrack: table f' repeated 4 times, suppressed by syslog-ng on gw";
        assert_eq!(tagged(text), Some(Repeat::Beginning { times: Some(4), text: b"nf_conntrack: table f" }));
    }

    #[test]
    fn zero_and_giant_counts_are_impossible_and_prose_is_nothing() {
        assert_eq!(last(b"last message repeated 0 times"), Some(Repeat::Previous { times: None }));
        assert_eq!(last(b"last message repeated 99999999999 times"), Some(Repeat::Previous { times: None }));
        for text in [
            "last message repeated times",
            "last message repeated 3 times today",
            "the last message repeated 3 times",
        ] {
            assert_eq!(last(text.as_bytes()), None, "{text}");
        }
    }
}
