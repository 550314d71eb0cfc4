//! `[<N>][12345.678901] words`: dmesg as it comes, with its raw level (`dmesg -r`), with the caller's bracket. No wall
//! time and no host.

use super::header::{Header, Line, priority};
use super::speech::{self, Speaker, Speech};
use super::time;

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (facility, text) = priority(line);
    let (since_boot_us, behind) = time::seconds_bracket(text)?;
    if !matches!(behind.first(), Some(b' ' | b'[')) {
        return None;
    }
    let header = Header::of_text(text, open);
    Some(Line::Record(Header { since_boot_us: Some(since_boot_us), facility, ..header }))
}

fn open(facility: Option<u8>, text: &[u8]) -> Speech<'_> {
    match facility {
        None | Some(0) => speech::kernel(text),
        Some(_) => Speech::new(Speaker::Other, text),
    }
}
