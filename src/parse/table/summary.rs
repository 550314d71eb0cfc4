//! The line with which conntrack(8) ends: `conntrack v1.4.7 (conntrack-tools): 17 flow entries have been shown.`
//!
//! It goes to stderr at once, and the entries through a buffer: in a file that got both it stands in front of the last
//! 4 KiB of entries, and mostly in the middle of one. (Seen with 1.4.7 on `conntrack -L >file 2>&1`.)

use memchr::memmem;

use super::cursor::Cursor;

/// How it begins.
pub(super) const BEGIN: &[u8] = b"conntrack v";
/// What stands behind the version.
pub(super) const TOOLS: &[u8] = b"(conntrack-tools): ";

/// What such a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// So many entries of the table were listed.
    Shown(u64),
    /// Something else: expectations shown, entries deleted, an error.
    Else,
}

/// Where the summary begins in a line, and what it says.
pub(super) fn find(line: &[u8]) -> Option<(usize, Said)> {
    let at = memmem::find(line, BEGIN)?;
    let rest = line.get(at..)?;
    let begin = memmem::find(rest, TOOLS)? + TOOLS.len();
    // A version, and nothing else, stands between.
    if begin > 64 {
        return None;
    }
    let mut cursor = Cursor(rest.get(begin..)?);
    let said = match cursor.number() {
        Some(count) if cursor.0.starts_with(b" flow entries have been shown") => Said::Shown(count),
        _ => Said::Else,
    };
    Some((at, said))
}
