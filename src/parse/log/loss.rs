//! Sentences in which a log daemon says that it lost records that could have been the kernel's.
//!
//! journald: `Missed %u kernel messages` (`dev_kmsg_record`, counted by record numbers), `/dev/kmsg buffer overrun, some
//! messages lost.`, `Forwarding to syslog missed %u messages.` rsyslog's limiter (`withinRatelimit`, `tellLostCnt`), of
//! inputs that may read kernel records: `imjournal: begin to drop messages due to rate-limiting` (newer:
//! `imjournal from <tag>: begin …`), and later `imjournal: %u messages lost due to rate-limiting`. syslog-ng:
//! `Destination queue full, dropping messages; …, count='4', …`.
//!
//! journald's `Suppressed %i messages from %s` and rsyslog's imuxsock are limits of programs that write too much, which a
//! kernel record never meets (`server_dispatch_message` passes kernel records on without a unit to count for): no drop of
//! ours is among those lines, and what programs said around it may be.

use super::super::kernel::told;
use crate::model::blemish::BlemishKind;
use crate::model::signal::{About, NAME_BYTES_MAX, RelatedKind, Signal};

/// What journald says of its own losses.
pub(super) fn journald(text: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    let text = text.trim_ascii();
    if text == b"/dev/kmsg buffer overrun, some messages lost." {
        return Ok(Some(Signal::Lost { count: None }));
    }
    if let Some(throttled) = suppressed(text) {
        return Ok(Some(throttled));
    }
    match missed_kernel_messages(text)? {
        None => lost(between(text, b"Forwarding to syslog missed ", b" messages.")),
        missed => Ok(missed),
    }
}

/// What journald says of itself in its own entries: of the kernel's records it lost, and of programs it throttled.
pub(super) fn journal_entry(text: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    match suppressed(text.trim_ascii()) {
        None => missed_kernel_messages(text),
        throttled => Ok(throttled),
    }
}

/// `Suppressed N messages from UNIT`.
fn suppressed(text: &[u8]) -> Option<Signal> {
    let rest = text.strip_prefix(b"Suppressed ")?;
    let (digits, unit) = rest.split_at(memchr::memchr(b' ', rest)?);
    throttled(digits, unit.strip_prefix(b" messages from ")?)
}

/// Lines of a program that were dropped. The name is that of its unit, without the path of its control group.
fn throttled(digits: &[u8], program: &[u8]) -> Option<Signal> {
    let value = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let name = String::from_utf8_lossy(name.get(..name.len().min(NAME_BYTES_MAX)).unwrap_or_default());
    let name = (!name.is_empty()).then(|| name.as_ref().into());
    Some(told(RelatedKind::LinesThrottled, About { value: Some(value), name, ..About::default() }))
}

/// `Missed N kernel messages`.
pub(super) fn missed_kernel_messages(text: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    lost(between(text.trim_ascii(), b"Missed ", b" kernel messages"))
}

/// rsyslog's inputs whose records may be a kernel's: the local one's or, over the network, another host's.
const INPUTS: [&[u8]; 6] = [b"imjournal", b"imklog", b"imkmsg", b"imudp", b"imtcp", b"imptcp"];

/// What rsyslogd says of its own losses. Newer ones append `(%u allowed within %u seconds)`.
pub(super) fn rsyslogd(text: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    let text = text.trim_ascii();
    if let Some(rest) = text.strip_prefix(b"imuxsock") {
        return Ok(programs_socket(rest));
    }
    let Some(rest) = INPUTS.iter().find_map(|input| text.strip_prefix(*input)) else { return Ok(None) };
    let begins = |rest: &[u8]| rest == b": begin to drop messages due to rate-limiting";
    if let Some(from) = rest.strip_prefix(b" from <") {
        let behind = memchr::memrchr(b'>', from).and_then(|end| from.get(end + 1..));
        return Ok(behind.is_some_and(begins).then_some(Signal::Lost { count: None }));
    }
    if begins(rest) {
        return Ok(Some(Signal::Lost { count: None }));
    }
    let Some(rest) = rest.strip_prefix(b": ") else { return Ok(None) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some((digits, behind)) = rest.split_at_checked(length) else { return Ok(None) };
    lost(behind.starts_with(b" messages lost due to rate-limiting").then_some(digits))
}

/// rsyslog's socket for programs: `imuxsock[pid 12]: 99 messages lost due to rate-limiting`, older `imuxsock lost 99
/// messages from pid 12 due to rate-limiting`.
fn programs_socket(rest: &[u8]) -> Option<Signal> {
    if let Some(older) = rest.strip_prefix(b" lost ") {
        let (digits, behind) = older.split_at(memchr::memchr(b' ', older)?);
        let process = between(behind, b" messages from ", b" due to rate-limiting")?;
        return throttled(digits, process);
    }
    let (process, rest) = rest.strip_prefix(b"[")?.split_at(memchr::memchr(b']', rest)?.checked_sub(1)?);
    let rest = rest.strip_prefix(b"]: ")?;
    let (digits, behind) = rest.split_at(memchr::memchr(b' ', rest)?);
    let lost = behind.starts_with(b" messages lost due to rate-limiting");
    throttled(digits, process).filter(|_| lost)
}

/// What syslog-ng says of its own losses. Versions that report each message print no count.
pub(super) fn syslog_ng(text: &[u8]) -> Result<Option<Signal>, BlemishKind> {
    let Some(rest) = text.trim_ascii().strip_prefix(b"Destination queue full, dropping message") else {
        return Ok(None);
    };
    if rest.starts_with(b"; ") {
        return Ok(Some(Signal::Lost { count: Some(1) }));
    }
    let Some(values) = rest.strip_prefix(b"s; ") else { return Ok(None) };
    let Some(start) = memchr::memmem::find(values, b"count='") else {
        return Ok(Some(Signal::Lost { count: None }));
    };
    let value = values.get(start..).and_then(|value| value.strip_prefix(b"count='")).unwrap_or_default();
    lost(memchr::memchr(b'\'', value).and_then(|end| value.get(..end)))
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
        assert_eq!(rsyslogd(b"imklog: 7 messages lost due to rate-limiting"), lost(Some(7)));
        assert_eq!(rsyslogd(b"imjournal: begin to drop messages due to rate-limiting"), lost(None));
        assert_eq!(
            rsyslogd(b"imjournal from <a:b>: begin to drop messages due to rate-limiting"),
            lost(None)
        );
        let full =
            b"Destination queue full, dropping messages; queue_len='9', log_fifo_size='9' count='4', x='y'";
        assert_eq!(syslog_ng(full), lost(Some(4)));
        assert_eq!(syslog_ng(b"Destination queue full, dropping message; queue_len='9'"), lost(Some(1)));
        assert_eq!(syslog_ng(b"Destination queue full, dropping messages; queue_len='9'"), lost(None));
        assert_eq!(syslog_ng(b"Destination queue full"), Ok(None));
    }

    #[test]
    fn lines_of_programs_that_were_dropped_are_evidence_and_no_loss_of_the_kernels() {
        let throttled = |count, name: &str| {
            let about = About { value: Some(count), name: Some(name.into()), ..About::default() };
            Ok(Some(told(RelatedKind::LinesThrottled, about)))
        };
        let unit = b"Suppressed 99 messages from /system.slice/x.service";
        assert_eq!(journald(unit), throttled(99, "x.service"));
        assert_eq!(journal_entry(b"Suppressed 7 messages from x.service"), throttled(7, "x.service"));
        let socket = b"imuxsock[pid 12]: 99 messages lost due to rate-limiting";
        assert_eq!(rsyslogd(socket), throttled(99, "pid 12"));
        let older = b"imuxsock lost 14 messages from pid 12 due to rate-limiting";
        assert_eq!(rsyslogd(older), throttled(14, "pid 12"));
        assert_eq!(rsyslogd(b"imuxsock begins to drop messages from pid 12 due to rate-limiting"), Ok(None));
    }

    #[test]
    fn limits_that_never_meet_the_kernel_are_not() {
        for text in [
            "Suppressed messages from x.service",
            "Suppressed 99999999999999999999999 messages from x.service",
            "Missed kernel messages",
            "Missed -1 kernel messages",
        ] {
            assert_eq!(journald(text.as_bytes()), Ok(None), "{text}");
        }
        for text in [
            "imuxsock[pid 12]: begin to drop messages due to rate-limiting",
            "imjournal from <a: begin to drop messages due to rate-limiting",
            "imjournal: begin to drop messages due to rate-limiting, or so",
        ] {
            assert_eq!(rsyslogd(text.as_bytes()), Ok(None), "{text}");
        }
        assert_eq!(
            journald(b"Missed 99999999999999999999 kernel messages"),
            Err(BlemishKind::ImpossibleNumber)
        );
    }
}
