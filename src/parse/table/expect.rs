//! Expectations: what a helper (FTP, SIP …) announces. They are counted and never are entries.
//!
//! 2.4.21 prints them into the table's own file (`EXPECTING: 298 use=1 proto=6 …`), later kernels into one of their own
//! (`exp_seq_show`: `297 l3proto = 2 proto=6 src=…`, a `-` for one without timer), and `conntrack -L expect` prints
//! `297 proto=6 src=… mask-src=… master-src=…`.

use super::cursor::Cursor;

/// It is one.
pub(super) fn is_expectation(line: &[u8]) -> bool {
    let mut cursor = Cursor(line);
    cursor.skip_blanks();
    if cursor.0.starts_with(b"EXPECTING:") {
        return true;
    }
    if !cursor.strip(b"- ") && cursor.signed().is_none() {
        return false;
    }
    cursor.skip_blanks();
    [&b"EXPECTING:"[..], b"l3proto = ", b"proto="].iter().any(|word| cursor.0.starts_with(word))
}
