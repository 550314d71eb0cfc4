//! Lines that people quoted: `> Nov  6 …` from a mail, `&lt;4&gt;[12.345678] …` out of a page. What is quoted is read as
//! if it stood there alone.

use super::header::{self, Line, PRIORITY_MAX};

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let mut text = line;
    while let [b'>', rest @ ..] = text {
        text = rest.strip_prefix(b" ").unwrap_or(rest);
    }
    if let Some((facility, text)) = escaped_priority(text) {
        return match header::read_plain(text)? {
            Line::Record(header) => Some(Line::Record(header::Header { facility: Some(facility), ..header })),
            other => Some(other),
        };
    }
    if text.len() == line.len() { None } else { header::read_plain(text) }
}

/// `&lt;4&gt;`.
fn escaped_priority(text: &[u8]) -> Option<(header::Facility, &[u8])> {
    let text = text.strip_prefix(b"&lt;")?;
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let number =
        std::str::from_utf8(digits).ok()?.parse::<u8>().ok().filter(|number| *number <= PRIORITY_MAX)?;
    Some((number / 8, rest.strip_prefix(b"&gt;")?))
}
