//! Lines from which the header was cut: `kernel: words`, and kernel messages with nothing in front of them. There is
//! no shape to tell them by, so they are of this one only if their words are a whole kernel message.

use super::header::{Header, Line, priority};
use super::repeat;
use super::speech::{self, Speaker, Speech};
use crate::parse::kernel;

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (facility, text) = priority(line);
    let (name, _) = speech::tag(text);
    if matches!(name, b"kernel" | b"klogd")
        && text.get(name.len()).is_some_and(|end| matches!(end, b':' | b'['))
    {
        return Some(Line::Record(Header { facility, ..Header::of_text(text, speech::tagged) }));
    }
    if repeat::is_last(text) {
        return Some(Line::Record(Header::of_text(text, speech::tagged)));
    }
    // What is indented belongs to the line before.
    if text.first().is_none_or(u8::is_ascii_whitespace) {
        return None;
    }
    kernel::signal(text)?;
    Some(Line::Record(Header { facility, ..Header::of_text(text, untagged) }))
}

fn untagged(facility: Option<u8>, text: &[u8]) -> Speech<'_> {
    match facility {
        None | Some(0) => speech::kernel(text),
        Some(_) => Speech::new(Speaker::Other, text),
    }
}
