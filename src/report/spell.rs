//! Sentences spelled: values become words. Layout is not here.
//!
//! Inside a value ("96 %", "2 min") blanks are [`FIRM`], so that a line is never broken there; [`plain`] and the
//! page of [`super::text`] turn them into ordinary blanks at the very end.

mod rich;
mod time;
mod value;

pub use rich::{Rich, Span, Tone};
pub use time::{Clock, duration};
pub use value::{bytes, count, endpoint, number, port, protocol, rate, share, state};

use crate::model::sentence::{Sentence, Word};

use super::escape;

/// A blank at which no line is broken. Escaped input never holds one.
pub const FIRM: char = '\u{a0}';

/// In plain words, for JSON and tests: no colour, no markup; untrusted bytes escaped; moments in RFC 3339, UTC.
pub fn plain(sentence: &Sentence) -> String {
    let spell = |word: &Word| match word {
        Word::Moment(at) => at.rfc3339().unwrap_or_else(|| "an impossible time".to_owned()),
        other => value(other),
    };
    let spelled = join(sentence, |word| (Tone::Plain, spell(word)));
    spelled.ticked().replace(FIRM, " ")
}

/// For the eye: code set apart, moments on the clock of the reader and in UTC, values kept together by [`FIRM`].
pub fn rich(sentence: &Sentence, clock: &Clock) -> Rich {
    join(sentence, |word| match word {
        Word::Moment(at) => (Tone::Moment(*at), clock.moment(*at)),
        Word::Code(_) => (Tone::Code, value(word)),
        other => (Tone::Plain, value(other)),
    })
}

/// The same as one string, code in backticks.
pub fn readable(sentence: &Sentence, clock: &Clock) -> String {
    rich(sentence, clock).ticked()
}

/// What is spelled alike everywhere.
fn value(word: &Word) -> String {
    match word {
        Word::Text(text) => (*text).to_owned(),
        Word::Count(n, noun) => count(*n, *noun),
        Word::Number(n) => number(*n),
        Word::Rate(per_second) => rate(*per_second),
        Word::Share(part) => share(*part),
        Word::Bytes(n) => bytes(*n),
        Word::Duration(seconds) => duration(*seconds),
        Word::Moment(at) => at.rfc3339().unwrap_or_default(),
        Word::Address(address) => address.to_string(),
        Word::Endpoint(address, port, l4) => endpoint(*address, *port, *l4),
        Word::Port(number, l4) => port(*number, *l4),
        Word::Protocol(l4) => protocol(*l4),
        Word::State(name) => state(*name),
        Word::Code(code) => escape::text(code),
        Word::Untrusted(raw) => escape::bytes(raw),
    }
}

/// Parts with blanks between them: none before text that begins with `, . : ; )`, none behind text that ends in `(`.
fn join(sentence: &Sentence, spell: impl Fn(&Word) -> (Tone, String)) -> Rich {
    let mut out = Rich::default();
    let mut open = true;
    for word in &sentence.0 {
        let (tone, spelled) = spell(word);
        if spelled.is_empty() {
            continue;
        }
        let is_text = matches!(word, Word::Text(_));
        let clings = is_text && spelled.starts_with([',', '.', ':', ';', ')']);
        if !open && !clings {
            out.push(Tone::Plain, " ");
        }
        out.push(tone, &spelled);
        open = is_text && spelled.ends_with('(');
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::sentence;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::model::flow::{L4, State};
    use crate::model::sentence::noun;
    use crate::model::time::WallTime;

    const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 107));

    #[test]
    fn blanks_stand_between_parts_but_not_before_punctuation() {
        let said = sentence![
            Word::Count(29_457, noun::ENTRY),
            "(",
            Word::Share(0.9623),
            "), nearly all",
            State::TimeWait,
            ", go to",
            Word::Endpoint(PROXY, Some(3128), L4::TCP),
            ".",
        ];
        assert_eq!(plain(&said), "29,457 entries (96 %), nearly all TIME_WAIT, go to 192.168.1.107:3128.");
    }

    #[test]
    fn input_that_looks_like_punctuation_is_not_treated_as_such() {
        assert_eq!(plain(&sentence!["host", Word::Untrusted((*b", (").into()), "x"]), "host , ( x");
    }

    #[test]
    fn every_kind_of_word_is_spelled() {
        let six = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
        let said = sentence![
            Word::Number(1_000),
            Word::Rate(245.475),
            Word::Bytes(1_572_864),
            Word::Duration(120.0),
            WallTime(1_334_222_275_000_000),
            six,
            Word::Endpoint(six, Some(443), L4::TCP),
            Word::Port(3128, L4::TCP),
            Word::Protocol(L4(41)),
            Word::Code("a=1".into()),
            Word::Untrusted((*b"\x1b]").into()),
        ];
        assert_eq!(
            plain(&said),
            "1,000 ≈ 245 per second 1.5 MiB 2 min 2012-04-12T09:17:55Z 2001:db8::1 [2001:db8::1]:443 \
             :3128 (squid/http proxy) protocol 41 a=1 \\x1b]"
        );
    }

    #[test]
    fn for_the_eye_code_is_set_apart_and_moments_are_local() {
        let clock = Clock::of("Europe/Berlin");
        let said = sentence!["set", Word::Code("x".into()), "at", WallTime(1_334_222_275_000_000)];
        assert_eq!(
            readable(&said, &clock).replace(FIRM, " "),
            "set `x` at 2012-04-12 11:17:55 +02:00 (09:17:55 UTC)"
        );
    }
}
