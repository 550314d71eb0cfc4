//! What the kernel writes on consoles only, between its records: `** 12 printk messages dropped **` where a console was
//! too slow (3.18 wrote the next message behind it, later kernels end the line), and
//! `** replaying previous printk message **` in front of a message that stands there once more (6.x).
//! Source: `console_unlock`, `console_prepend_dropped`, `console_prepend_replay`.

use crate::model::blemish::BlemishKind;
use crate::model::signal::Signal;

/// How many messages are missing here, and what stands behind these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dropped<'a> {
    /// The loss.
    pub(super) loss: Result<Signal, BlemishKind>,
    /// The next message, where it follows on the same line.
    pub(super) rest: &'a [u8],
}

/// The words, if a text begins with them.
pub(super) fn dropped(text: &[u8]) -> Option<Dropped<'_>> {
    let text = text.strip_prefix(b"** ")?;
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length).filter(|(digits, _)| !digits.is_empty())?;
    let rest = rest.strip_prefix(b" printk messages dropped **")?;
    let count = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
    let loss = count.map(|count| Signal::Lost { count: Some(count) }).ok_or(BlemishKind::ImpossibleNumber);
    Some(Dropped { loss, rest: rest.trim_ascii() })
}

/// The next message was there before.
pub(super) fn is_replay(text: &[u8]) -> bool {
    text.trim_ascii_end() == b"** replaying previous printk message **"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_words_are_a_loss() {
        let found = dropped(b"** 12 printk messages dropped ** [ 1.5] x").unwrap();
        assert_eq!((found.loss, found.rest), (Ok(Signal::Lost { count: Some(12) }), b"[ 1.5] x".as_slice()));
        assert_eq!(dropped(b"** 7 printk messages dropped **").unwrap().rest, b"");
        let giant = dropped(b"** 99999999999999999999999 printk messages dropped **").unwrap();
        assert_eq!(giant.loss, Err(BlemishKind::ImpossibleNumber));
        for text in [
            "** printk messages dropped **",
            "** -1 printk messages dropped **",
            "**",
            "** 3 messages dropped **",
        ] {
            assert_eq!(dropped(text.as_bytes()), None, "{text}");
        }
    }
}
