//! Bytes of strangers are escaped at the door of each format.

/// For a terminal.
pub fn terminal(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
