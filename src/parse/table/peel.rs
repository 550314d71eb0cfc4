//! What stands in front of a line that was numbered, searched for, quoted or indented: `cat -n`, `grep -n`, `uniq -c`,
//! `grep -H`, the `> ` of a reply, a byte order mark.

use super::cursor::Cursor;
use super::events::is_event;
use super::form::begins;

/// The line without what stands in front of it, if an entry (or an event) then begins; without its quotation marks
/// otherwise.
pub(super) fn peel(line: &[u8]) -> &[u8] {
    let bare = unquoted(line);
    [bare, after_number(bare), after_name(bare), after_number(after_name(bare))]
        .into_iter()
        .find(|rest| begins(rest) || is_event(rest))
        .unwrap_or(bare)
}

/// Without quotation marks and indentation.
pub(super) fn unquoted(mut line: &[u8]) -> &[u8] {
    line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    while let [b' ' | b'\t' | b'>' | b'|', rest @ ..] = line {
        line = rest;
    }
    line
}

/// Behind a line number.
fn after_number(line: &[u8]) -> &[u8] {
    let mut cursor = Cursor(line);
    match (cursor.digits(), cursor.0) {
        (Some(_), [b':' | b'\t' | b' ', rest @ ..]) => unquoted(rest),
        _ => line,
    }
}

/// Behind the name of a file.
fn after_name(line: &[u8]) -> &[u8] {
    let word = Cursor(line).word();
    match memchr::memchr(b':', word) {
        Some(end) if word.get(..end).is_some_and(|name| !name.contains(&b'=')) => {
            line.get(end + 1..).unwrap_or_default()
        }
        _ => line,
    }
}
