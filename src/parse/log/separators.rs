//! Notes that journalctl writes between records: `-- Boot <id> --`, `-- Reboot --`, `-- Logs begin at … --`,
//! `-- Journal begins at …`, `-- No entries --`, `-- cursor: …`.

use super::header::Line;

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let note = line.strip_prefix(b"-- ")?.trim_ascii_end();
    if note.starts_with(b"cursor: ") {
        return Some(Line::Note);
    }
    let words = note.strip_suffix(b"--").map_or(note, <[u8]>::trim_ascii_end);
    let is_boot_id = |id: &[u8]| id.len() == BOOT_ID_DIGITS && id.iter().all(u8::is_ascii_hexdigit);
    match words {
        b"Reboot" => Some(Line::BootSeparator),
        b"No entries" => Some(Line::Note),
        _ if words.strip_prefix(b"Boot ").is_some_and(is_boot_id) => Some(Line::BootSeparator),
        _ if words.starts_with(b"Logs begin at ") || words.starts_with(b"Journal begins at ") => {
            Some(Line::Note)
        }
        _ => None,
    }
}

/// A boot id is 16 bytes in hexadecimal.
const BOOT_ID_DIGITS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_boot_notes_separate_boots() {
        let boot = b"-- Boot 0a1b2c3d4e5f60718293a4b5c6d7e8f9 --";
        assert!(matches!(line(boot), Some(Line::BootSeparator)));
        assert!(matches!(line(b"-- Reboot --"), Some(Line::BootSeparator)));
        assert!(matches!(line(b"-- No entries --"), Some(Line::Note)));
        let begin = b"-- Logs begin at Mon 2020-01-06 09:00:01 UTC, end at Mon 2020-01-06 10:00:00 UTC. --";
        assert!(matches!(line(begin), Some(Line::Note)));
        for text in ["-- Boot of the week --", "-- a comment", "--", "-- "] {
            assert!(line(text.as_bytes()).is_none(), "{text}");
        }
    }
}
