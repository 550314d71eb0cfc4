//! Lines of `conntrack -E`: `    [NEW] tcp …`, with `-o timestamp` a time in brackets and a tab in front, with
//! `-o save` a command that changes or deletes. (A new entry's command is that of an entry listed.)

use super::cursor::Cursor;

/// It is one.
pub(super) fn is_event(line: &[u8]) -> bool {
    if line.starts_with(b"-U ") || line.starts_with(b"-D ") {
        return line.windows(4).any(|window| window == b" -s ");
    }
    let mut cursor = Cursor(line);
    cursor.skip_blanks();
    if let [b'[', b'0'..=b'9', ..] = cursor.0 {
        cursor.word();
        cursor.skip_blanks();
    }
    [&b"[NEW] "[..], b"[UPDATE] ", b"[DESTROY] "].iter().any(|tag| cursor.0.starts_with(tag))
}
