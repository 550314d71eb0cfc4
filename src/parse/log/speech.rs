//! What stands behind a header: who speaks, and the words.
//!
//! Only the kernel's words may be signals. Text in a log can be written by any user, so it counts as the kernel's only
//! where the tag says so and no priority contradicts it.

use std::borrow::Cow;

use super::header::Facility;
use super::{console, kmsg, repeat, time};
use crate::parse::programs::Program;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The kernel.
    Kernel,
    /// systemd-journald, about itself.
    Journald,
    /// rsyslogd, about itself.
    Rsyslogd,
    /// syslog-ng, about itself.
    SyslogNg,
    /// A log daemon that writes `last message repeated` under no name.
    Unnamed,
    /// A program whose lines may be evidence, by its tag: any user can write under it.
    Program(Program),
    /// Any other program or user.
    Other,
}

/// Who speaks, when by the printk clock, and the words.
#[derive(Debug, Clone)]
pub(super) struct Speech<'a> {
    /// Who.
    pub(super) speaker: Speaker,
    /// The `[seconds]` in front of a kernel message.
    pub(super) since_boot_us: Option<i64>,
    /// The words, without tag and `[seconds]`.
    pub(super) text: Cow<'a, [u8]>,
}

impl<'a> Speech<'a> {
    pub(super) fn new(speaker: Speaker, text: &'a [u8]) -> Self {
        Self { speaker, since_boot_us: None, text: Cow::Borrowed(text) }
    }
}

/// `[facility.severity ]tag[pid]: words`, the form of RFC 3164 and of every file template derived from it.
pub(super) fn tagged(facility: Option<Facility>, rest: &[u8]) -> Speech<'_> {
    let rest = rest.trim_ascii_start();
    match rest.first() {
        Some(b'l') if repeat::is_last(rest) => return Speech::new(Speaker::Unnamed, rest),
        // What a console is sent has no tag.
        Some(b'*') if facility.unwrap_or(0) == 0 && console::dropped(rest).is_some() => return kernel(rest),
        Some(b'[') => return bracketed_tags(facility, rest),
        Some(b'0'..=b'9') => {
            if let Some(speech) = kmsg::sent(facility, rest) {
                return speech;
            }
        }
        _ => {}
    }
    let (word, rest) = with_severity_word(rest);
    let (name, words) = tag(without_severity(rest));
    match word {
        // Some vendors' syslogd writes the facility `user` in front of what it read from the kernel (UniFi). Any user
        // can write that, too, so it is the kernel's only with the `[seconds]` that the kernel writes, and as little
        // verified as any other text.
        Some(USER) if facility.is_none() && name == b"kernel" && has_seconds(words) => kernel(words),
        // Where both are written they must agree that it is the kernel.
        Some(word) => spoken(Some(facility.unwrap_or(0).max(word)), name, words),
        // A prefix of one's own in front of the kernel's tag (OpenWrt); its facility is the receiver's word.
        None if facility == Some(0) && words.starts_with(b" kernel: ") => {
            kernel(tag(words.trim_ascii_start()).1)
        }
        None => spoken(facility, name, words),
    }
}

/// Facility 1: programs of users.
const USER: Facility = 1;

fn has_seconds(words: &[u8]) -> bool {
    time::seconds_bracket(words.trim_ascii_start()).is_some()
}

/// `[UTM] [kernel] words`: tags in brackets and no colon (NETGEAR).
fn bracketed_tags(facility: Option<Facility>, rest: &[u8]) -> Speech<'_> {
    let mut words = rest;
    for _ in 0..BRACKETED_TAGS_MAX {
        let Some((name, behind)) = bracketed_tag(words) else { break };
        if name == b"kernel" {
            return spoken(facility, name, behind);
        }
        words = behind;
    }
    Speech::new(Speaker::Other, rest)
}

/// The product's and the program's.
const BRACKETED_TAGS_MAX: usize = 2;

fn bracketed_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let (name, behind) = inner.split_at_checked(memchr::memchr(b']', inner)?)?;
    Some((name, behind.strip_prefix(b"] ")?.trim_ascii_start()))
}

/// Without `WARNING ` in front of a tag (SONiC).
fn without_severity(rest: &[u8]) -> &[u8] {
    let behind = || {
        let (word, behind) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
        LOUD_SEVERITIES.contains(&word).then(|| behind.trim_ascii_start())
    };
    if rest.first().is_some_and(u8::is_ascii_uppercase) { behind().unwrap_or(rest) } else { rest }
}

/// As rsyslog's `syslogseverity-text:::uppercase` writes them.
const LOUD_SEVERITIES: [&[u8]; 8] =
    [b"EMERG", b"ALERT", b"CRIT", b"ERR", b"WARNING", b"NOTICE", b"INFO", b"DEBUG"];

/// The words of a named speaker.
pub(super) fn spoken<'a>(facility: Option<Facility>, name: &[u8], words: &'a [u8]) -> Speech<'a> {
    match speaker(facility, name) {
        Speaker::Kernel => kernel(words),
        speaker => Speech::new(speaker, words),
    }
}

/// A kernel message with what may still stand in front of it: a doubled colon (RHEL 6), a level in angle brackets
/// (klogd passes it on inside long messages), `[seconds]`, the caller.
pub(super) fn kernel(words: &[u8]) -> Speech<'_> {
    let mut text = words.trim_ascii_start();
    if let Some(rest) = text.strip_prefix(b": ") {
        text = rest.trim_ascii_start();
    }
    if let [b'<', b'0'..=b'7', b'>', rest @ ..] = text {
        text = rest;
    }
    let since_boot_us = time::seconds_bracket(text).map(|(us, rest)| {
        text = without_caller(rest);
        us
    });
    Speech { speaker: Speaker::Kernel, since_boot_us, text: Cow::Borrowed(text.trim_ascii()) }
}

/// `[ T896] ` or `[C0] ` behind `[seconds]` (CONFIG_PRINTK_CALLER), with or without a blank between.
pub(super) fn without_caller(rest: &[u8]) -> &[u8] {
    let caller = || {
        let inner = rest.trim_ascii_start().strip_prefix(b"[")?.trim_ascii_start();
        let ([b'T' | b'C', digits @ ..], behind) = inner.split_at_checked(memchr::memchr(b']', inner)?)?
        else {
            return None;
        };
        let number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        behind.strip_prefix(b"]").filter(|_| number)
    };
    caller().unwrap_or(rest)
}

/// A tag is the kernel's only if the priority, where there is one, says facility 0: any user can log under any tag, but
/// syslogd does not let the kernel's facility pass from one. The one exception is made in [`tagged`].
pub(super) fn speaker(facility: Option<Facility>, name: &[u8]) -> Speaker {
    match name {
        b"kernel" | b"klogd" if facility.unwrap_or(0) == 0 => Speaker::Kernel,
        // The kernel cuts a program's name to 15 bytes, and old journald had no other.
        b"systemd-journald" | b"systemd-journal" => Speaker::Journald,
        b"rsyslogd" => Speaker::Rsyslogd,
        b"syslog-ng" => Speaker::SyslogNg,
        name if name.starts_with(b"rsyslogd-") => Speaker::Rsyslogd,
        name => Program::named(name).map_or(Speaker::Other, Speaker::Program),
    }
}

/// `kernel: words`, `kernel[0]: words`, `kernel words`: the name and the words.
pub(super) fn tag(rest: &[u8]) -> (&[u8], &[u8]) {
    let is_end = |byte: &u8| matches!(byte, b':' | b'[' | b' ');
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    let (name, behind) = rest.split_at(end);
    let behind = without_process_id(behind);
    (name, behind.strip_prefix(b":").unwrap_or(behind))
}

fn without_process_id(behind: &[u8]) -> &[u8] {
    let process_id = || {
        let inner = behind.strip_prefix(b"[")?;
        let (digits, rest) = inner.split_at_checked(memchr::memchr(b']', inner)?)?;
        rest.strip_prefix(b"]").filter(|_| digits.iter().all(u8::is_ascii_digit))
    };
    process_id().unwrap_or(behind)
}

/// `kern.warn ` in front of a tag (BusyBox and those who took after it): the facility.
fn with_severity_word(rest: &[u8]) -> (Option<Facility>, &[u8]) {
    let word_and_rest = || {
        let (word, behind) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
        Some((severity_word(word)?, behind.trim_ascii_start()))
    };
    word_and_rest().map_or((None, rest), |(word, rest)| (Some(word), rest))
}

/// Names of facilities by number (syslog.h).
const FACILITIES: [&[u8]; 24] = [
    b"kern",
    b"user",
    b"mail",
    b"daemon",
    b"auth",
    b"syslog",
    b"lpr",
    b"news",
    b"uucp",
    b"cron",
    b"authpriv",
    b"ftp",
    b"ntp",
    b"audit",
    b"alert",
    b"clock",
    b"local0",
    b"local1",
    b"local2",
    b"local3",
    b"local4",
    b"local5",
    b"local6",
    b"local7",
];
/// Names of severities.
const SEVERITIES: [&[u8]; 11] = [
    b"emerg", b"panic", b"alert", b"crit", b"err", b"error", b"warn", b"warning", b"notice", b"info",
    b"debug",
];

/// The facility of a word such as `kern.warn`.
pub(super) fn severity_word(word: &[u8]) -> Option<Facility> {
    let (facility, severity) = word.split_at_checked(memchr::memchr(b'.', word)?)?;
    is_severity(severity.strip_prefix(b".")?).then(|| facility_of_name(facility)).flatten()
}

/// A severity's name.
pub(super) fn is_severity(name: &[u8]) -> bool {
    SEVERITIES.contains(&name)
}

/// The number of a facility's name.
pub(super) fn facility_of_name(name: &[u8]) -> Option<Facility> {
    Facility::try_from(FACILITIES.iter().position(|known| *known == name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> (Speaker, Option<i64>, String) {
        let speech = tagged(None, line.as_bytes());
        (speech.speaker, speech.since_boot_us, String::from_utf8_lossy(&speech.text).into_owned())
    }

    #[test]
    fn every_form_of_the_kernels_tag_gives_the_words() {
        for line in
            ["kernel: x", "kernel[0]: x", "klogd: x", "kernel x", "kern.warn kernel: x", "kernel: : x"]
        {
            assert_eq!(said(line), (Speaker::Kernel, None, "x".into()), "{line}");
        }
        for line in ["kernel: [1.5] x", "kernel: [    1.500000][  T896] x", "kernel: <4>[1.5] [C0] x"] {
            assert_eq!(said(line), (Speaker::Kernel, Some(1_500_000), "x".into()), "{line}");
        }
        assert_eq!(said("kernel: [UFW BLOCK] x").2, "[UFW BLOCK] x");
        for line in
            ["[UTM] [kernel] x", "[kernel] x", "WARNING kernel: x", "** 3 printk messages dropped ** x"]
        {
            assert_eq!(said(line).0, Speaker::Kernel, "{line}");
        }
        assert_eq!(
            said("user.warn kernel: [ 1225.134675] x"),
            (Speaker::Kernel, Some(1_225_134_675), "x".into())
        );
        assert_eq!(tagged(Some(0), b"own: kernel: [1.5] x").since_boot_us, Some(1_500_000));
    }

    #[test]
    fn a_users_facility_is_never_the_kernel() {
        assert_eq!(tagged(Some(1), b"kernel: x").speaker, Speaker::Other);
        assert_eq!(said("user.warn kernel: x").0, Speaker::Other);
        assert_eq!(said("daemon.warn kernel: [ 1225.134675] x").0, Speaker::Other);
        assert_eq!(tagged(Some(1), b"user.warn kernel: [ 1225.134675] x").speaker, Speaker::Other);
        assert_eq!(tagged(Some(1), b"own: kernel: x").speaker, Speaker::Other);
        assert_eq!(said("own: kernel: x").0, Speaker::Other);
        assert_eq!(said("[UTM] [logger] [kernel] x").0, Speaker::Other);
        assert_eq!(said("WARNING kernel x: y").0, Speaker::Kernel);
        assert_eq!(tagged(Some(1), b"kern.warn kernel: x").speaker, Speaker::Other);
        for line in ["kernelx: x", "mykernel: x", "cron[12]: kernel: x", ""] {
            assert_eq!(said(line).0, Speaker::Other, "{line}");
        }
    }
}
