//! `uname -a`, or its first three words; and `/proc/version`, which names no host.

use super::{Head, Reading, lines};
use crate::model::blemish::BlemishKind;
use crate::model::counters::Uname;

/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 255;

/// One line, of that shape.
pub(super) fn looks_like(head: &Head<'_>) -> bool {
    matches!(head.lines, [line] if uname(line).is_some())
}

/// That line is also the first of a kernel's log: it must stand alone, in a file that is called so.
pub(super) fn is_version(head: &Head<'_>) -> bool {
    matches!(head.lines, [line] if version(line).is_some()) && head.is_called("version")
}

/// Reads `Linux version RELEASE …`.
pub(super) fn read_version(text: &[u8], reading: &mut Reading<'_>) {
    reading.each_line(text, |text, line, reading| match version(text) {
        Some(release) => {
            reading.records += 1;
            reading.counters.release.get_or_insert_with(|| release.into());
        }
        None => reading.damage(BlemishKind::Unrecognised, line),
    });
}

fn version(line: &str) -> Option<&str> {
    let release = line.strip_prefix("Linux version ")?.split(' ').next()?;
    (release.len() <= NAME_BYTES_MAX && release.starts_with(|c: char| c.is_ascii_digit())).then_some(release)
}

/// Reads the line.
pub(super) fn read(text: &[u8], reading: &mut Reading<'_>) {
    for line in lines(text) {
        match line.text.map(|text| (text, uname(text))) {
            Ok((text, _)) if text.trim().is_empty() => {}
            Ok((_, Some(uname))) => {
                reading.records += 1;
                reading.counters.uname.get_or_insert(uname);
            }
            Ok((_, None)) => reading.damage(BlemishKind::Unrecognised, &line),
            Err(kind) => reading.damage(kind, &line),
        }
    }
}

/// `Linux web8 2.6.18-274.el5 …`. (`Linux version 2.6.18-…` is the first line of a kernel log.)
fn uname(line: &str) -> Option<Uname> {
    let mut words = line.split_whitespace();
    let (Some("Linux"), Some(host), Some(release)) = (words.next(), words.next(), words.next()) else {
        return None;
    };
    let is_release = release.starts_with(|c: char| c.is_ascii_digit()) && release.contains('.');
    let fits = host.len() <= NAME_BYTES_MAX && release.len() <= NAME_BYTES_MAX;
    (is_release && fits && host != "version").then(|| Uname { host: host.into(), release: release.into() })
}
