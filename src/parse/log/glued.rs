//! Two records on one line, the line end between them lost: `… table full, dropping packetNov  6 02:39:56 doom kernel: …`
//! (several writers to one file, rsyslog's forward template used for a file). It is taken for that only where a whole
//! message of ours ends and what follows at once is a header with a time.

use super::header::{self, Line};

/// How the messages end behind which a record may be glued.
const ENDS: [&[u8]; 2] = [b"dropping packet", b" suppressed"];

/// Where the next record begins in a kernel message that says nothing as a whole.
pub(super) fn next(message: &[u8]) -> Option<usize> {
    let end = ENDS.iter().filter_map(|end| Some(memchr::memmem::find(message, end)? + end.len())).min()?;
    let end = end + usize::from(message.get(end) == Some(&b'.'));
    match header::read_plain(message.get(end..).filter(|rest| !rest.is_empty())?)? {
        Line::Record(header) => (header.stamp.is_some() || header.since_boot_us.is_some()).then_some(end),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_header_right_behind_a_whole_message_is_another_record() {
        let first = "nf_conntrack: nf_conntrack: table full, dropping packet";
        for second in
            ["Nov  6 02:39:56 doom kernel: x", ".Nov  6 02:39:56 doom kernel: x", "<4>[   12.000001] x"]
        {
            let period = usize::from(second.starts_with('.'));
            assert_eq!(next(format!("{first}{second}").as_bytes()), Some(first.len() + period), "{second}");
        }
        for second in
            [" Nov  6 02:39:56 doom kernel: x", "kernel: nf_conntrack: table full, dropping packet", ""]
        {
            assert_eq!(next(format!("{first}{second}").as_bytes()), None, "{second}");
        }
    }
}
