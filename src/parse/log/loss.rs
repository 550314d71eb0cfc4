//! Sentences in which a log daemon says that it lost records that could have been the kernel's.
//!
//! journald: `Missed %u kernel messages` (`dev_kmsg_record`, counted by record numbers), `/dev/kmsg buffer overrun, some
//! messages lost.`, `Forwarding to syslog missed %u messages.` rsyslog's imjournal: `imjournal: %u messages lost due to
//! rate-limiting`. Not among them: journald's `Suppressed %i messages from %s` and rsyslog's imuxsock, whose limits
//! never meet a kernel record.

use crate::model::blemish::BlemishKind;
use crate::model::signal::Signal;

/// What journald says of its own losses.
pub(super) fn journald(text: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    let text = text.trim_ascii();
    if text == b"/dev/kmsg buffer overrun, some messages lost." {
        return Ok(Some(Signal::Lost { count: None }));
    }
    match missed_kernel_messages(text)? {
        None => lost(between(text, b"Forwarding to syslog missed ", b" messages.")),
        missed => Ok(missed),
    }
}

/// `Missed N kernel messages`.
pub(super) fn missed_kernel_messages(text: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    lost(between(text.trim_ascii(), b"Missed ", b" kernel messages"))
}

/// What rsyslogd says of its own losses. Newer ones append `(%u allowed within %u seconds)`.
pub(super) fn rsyslogd(text: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    let Some(rest) = text.trim_ascii().strip_prefix(b"imjournal: ") else { return Ok(None) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some((digits, behind)) = rest.split_at_checked(length) else { return Ok(None) };
    lost(behind.starts_with(b" messages lost due to rate-limiting").then_some(digits))
}

fn between<'a>(text: &'a [u8], before: &[u8], after: &[u8]) -> Option<&'a [u8]> {
    text.strip_prefix(before)?.strip_suffix(after)
}

fn lost(digits: Option<&[u8]>) -> Result<Option<Signal>, BlemishKind> {
    let Some(digits) = digits.filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
    else {
        return Ok(None);
    };
    let count = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    count.map(|count| Some(Signal::Lost { count: Some(count) })).ok_or(BlemishKind::ImpossibleNumber)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_kernel_records_are_counted() {
        let lost = |count| Ok(Some(Signal::Lost { count }));
        assert_eq!(journald(b"Missed 12 kernel messages"), lost(Some(12)));
        assert_eq!(journald(b"/dev/kmsg buffer overrun, some messages lost."), lost(None));
        assert_eq!(journald(b"Forwarding to syslog missed 7 messages."), lost(Some(7)));
        assert_eq!(
            rsyslogd(b"imjournal: 99 messages lost due to rate-limiting (20000 allowed within 600 seconds)"),
            lost(Some(99))
        );
    }

    #[test]
    fn limits_that_never_meet_the_kernel_are_not() {
        for text in [
            "Suppressed 99 messages from /system.slice/x.service",
            "Missed kernel messages",
            "Missed -1 kernel messages",
        ] {
            assert_eq!(journald(text.as_bytes()), Ok(None), "{text}");
        }
        assert_eq!(rsyslogd(b"imuxsock[pid 12]: 99 messages lost due to rate-limiting"), Ok(None));
        assert_eq!(
            journald(b"Missed 99999999999999999999 kernel messages"),
            Err(BlemishKind::ImpossibleNumber)
        );
    }
}
