//! One kernel message → signal (formats.md §1). The whole grammar of a message is matched, never a substring.

use crate::model::signal::Signal;

/// What a kernel message (text behind the header, `[seconds]` already taken off) says; none: nothing about us.
pub fn signal(message: &[u8]) -> Option<Signal> {
    let _ = message;
    None
}
