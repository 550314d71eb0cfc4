//! `<PRI>1 TIMESTAMP HOST APP PROCID MSGID SD words` (RFC 5424 §6). A field that is `-` is not known.

use std::borrow::Cow;

use crate::model::blemish::BlemishKind;

use super::header::{Facility, Header, Line, priority, settles};
use super::speech::{self, Speaker, Speech};
use super::{repeat, time};

/// The line, if it is of this shape.
pub(super) fn line(line: &[u8]) -> Option<Line<'_>> {
    let (facility, text) = priority(line);
    facility?;
    let text = text.strip_prefix(b"1 ")?;
    let (stamp, rest) = match text.strip_prefix(b"- ") {
        Some(rest) => (None, rest),
        None => match time::rfc3339(text)? {
            Ok((stamp, rest)) => (Some(stamp), rest.strip_prefix(b" ")?),
            Err(time::Impossible) => return Some(Line::Damaged(BlemishKind::ImpossibleTime)),
        },
    };
    let (host, rest) = word(rest)?;
    let host = Some(host).filter(|host| *host != b"-");
    let header = Header::of_text(rest, open);
    Some(Line::Record(Header { stamp, host, facility, settled_by_prefix: settles(host), ..header }))
}

fn open(facility: Option<Facility>, rest: &[u8]) -> Speech<'_> {
    structured(facility, rest).unwrap_or(Speech {
        speaker: Speaker::Other,
        since_boot_us: None,
        text: Cow::Borrowed(rest),
    })
}

/// `APP PROCID MSGID SD words`; none if it is not that.
pub(super) fn structured(facility: Option<Facility>, rest: &[u8]) -> Option<Speech<'_>> {
    let (app, rest) = word(rest)?;
    // With a colon it is the tag of another shape.
    if app.ends_with(b":") {
        return None;
    }
    let (_process_id, rest) = word(rest)?;
    let (_message_id, rest) = word(rest)?;
    let words = behind_structured_data(rest)?;
    let words = words.strip_prefix(b"\xef\xbb\xbf").unwrap_or(words);
    if app == b"-" && repeat::is_last(words) {
        return Some(Speech::new(Speaker::Unnamed, words));
    }
    Some(speech::spoken(facility, app, words))
}

/// The words behind `-` or `[id name="value"]…`; in a value `"`, `\` and `]` are escaped by `\`.
fn behind_structured_data(rest: &[u8]) -> Option<&[u8]> {
    if let Some(words) = rest.strip_prefix(b"-") {
        return words.is_empty().then_some(words).or_else(|| words.strip_prefix(b" "));
    }
    if !rest.starts_with(b"[") {
        return None;
    }
    let mut quoted = false;
    let mut escaped = false;
    for (index, byte) in rest.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => {
                let behind = rest.get(index + 1..)?;
                if behind.first() != Some(&b'[') {
                    return behind.is_empty().then_some(behind).or_else(|| behind.strip_prefix(b" "));
                }
            }
            _ => {}
        }
    }
    None
}

/// A word that is not empty, and what stands behind the blank that ends it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, behind) = text.split_at_checked(memchr::memchr(b' ', text)?)?;
    Some((word, behind.strip_prefix(b" ")?)).filter(|(word, _)| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structured_data_may_hold_brackets_in_quotes() {
        let text = br#"kernel - - [a@1 b="x\"]y"][c d="]"] nf_conntrack: table full, dropping packet"#;
        let speech = structured(Some(0), text).unwrap();
        assert_eq!(speech.speaker, Speaker::Kernel);
        assert_eq!(&*speech.text, b"nf_conntrack: table full, dropping packet");
    }

    #[test]
    fn a_tag_with_a_colon_is_not_structured() {
        assert!(structured(None, b"kernel: a b - x").is_none());
        assert!(structured(None, b"kernel - - [unclosed x").is_none());
        assert!(structured(None, b"kernel").is_none());
    }
}
