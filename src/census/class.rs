//! Classes of entries as small numbers, so that a class is one hash of one word for each entry.
//!
//! Unknown state words are numbered as they are met, at most [`WORDS_MAX`] of them. Where a table prints more, all of
//! them are one class, which does not depend on the order in which they were met.

use crate::model::census::Class;
use crate::model::flow::{L3, L4, Reply, State};

/// Unknown state words that are told apart.
const WORDS_MAX: usize = 31;
/// What stands for the unknown words when there are more, and for those where no word belongs.
const MANY_WORDS: State = State::Other(*b"(various)\0\0\0\0\0\0\0");
/// The known states; a state's number is its place here, plus one.
const STATES: [State; 28] = [
    State::None,
    State::SynSent,
    State::SynRecv,
    State::Established,
    State::FinWait,
    State::CloseWait,
    State::LastAck,
    State::TimeWait,
    State::Close,
    State::Listen,
    State::SynSent2,
    State::Closed,
    State::CookieWait,
    State::CookieEchoed,
    State::ShutdownSent,
    State::ShutdownRecd,
    State::ShutdownAckSent,
    State::HeartbeatSent,
    State::HeartbeatAcked,
    State::Request,
    State::Respond,
    State::PartOpen,
    State::Open,
    State::CloseReq,
    State::Closing,
    State::DccpTimeWait,
    State::Ignore,
    State::Invalid,
];
/// Number of the first unknown word, and of "one of many".
const FIRST_WORD: u32 = 32;
const ANY_WORD: u32 = 63;
/// Layer 3 protocols and flags in the order of their numbers.
const L3S: [L3; 3] = [L3::V4, L3::V6, L3::Other];
const REPLIES: [Reply; 4] = [Reply::Unreplied, Reply::Replied, Reply::Assured, Reply::Offloaded];

/// A class as a number: layer 3 in bits 16 and 17, layer 4 in bits 8 to 15, state in bits 2 to 7, flags below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClassCode(u32);

/// Layer 4 and state of a class as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TrackCode(u16);

/// The unknown state words met so far, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words {
    words: Vec<[u8; 16]>,
    many: bool,
}

impl Words {
    /// The number of a class.
    #[inline]
    pub(super) fn code(&mut self, l3: L3, l4: L4, state: Option<State>, replied: Reply) -> ClassCode {
        let state = match state {
            None => 0,
            Some(_) if !matches!(l4, L4::TCP | L4::SCTP | L4::DCCP) => ANY_WORD,
            Some(State::Other(word)) => self.word(word),
            Some(state) => known(state),
        };
        let l3 = match l3 {
            L3::V4 => 0,
            L3::V6 => 1,
            L3::Other => 2,
        };
        let replied = match replied {
            Reply::Unreplied => 0,
            Reply::Replied => 1,
            Reply::Assured => 2,
            Reply::Offloaded => 3,
        };
        ClassCode(l3 << 16 | u32::from(l4.0) << 8 | state << 2 | replied)
    }

    /// The number of an unknown word.
    #[cold]
    fn word(&mut self, word: [u8; 16]) -> u32 {
        let known = self.words.iter().position(|other| *other == word);
        let place = known.or_else(|| {
            let free = self.words.len() < WORDS_MAX;
            self.many |= !free;
            free.then(|| {
                self.words.push(word);
                self.words.len() - 1
            })
        });
        place.and_then(|place| u32::try_from(place).ok()).map_or(ANY_WORD, |place| FIRST_WORD + place)
    }

    /// Takes in the words of another part. Its codes mean what [`Words::moved`] says from then on.
    pub(super) fn join(&mut self, right: &Self) {
        for word in &right.words {
            self.word(*word);
        }
        self.many |= right.many;
    }

    /// The code here of a class that `right` has numbered, after [`Words::join`].
    pub(super) fn moved(&self, code: ClassCode, right: &Self) -> ClassCode {
        let state = code.0 >> 2 & 63;
        if state < FIRST_WORD {
            return code;
        }
        let word = usize::try_from(state - FIRST_WORD).ok().and_then(|place| right.words.get(place));
        let place = word.and_then(|word| self.words.iter().position(|other| other == word));
        let state = place.and_then(|place| u32::try_from(place).ok()).map_or(ANY_WORD, |p| FIRST_WORD + p);
        ClassCode(code.0 & !(63 << 2) | state << 2)
    }

    /// As [`Words::moved`], for the part of a code without layer 3 and flags.
    pub(super) fn moved_track(&self, code: TrackCode, right: &Self) -> TrackCode {
        self.moved(ClassCode(u32::from(code.0) << 2), right).track()
    }

    /// What a code stands for.
    pub(super) fn class(&self, code: ClassCode) -> Class {
        let [_, l3, l4, low] = code.0.to_be_bytes();
        Class {
            l3: L3S.get(usize::from(l3)).copied().unwrap_or(L3::Other),
            l4: L4(l4),
            state: self.state(u32::from(low >> 2)),
            replied: REPLIES.get(usize::from(low & 3)).copied().unwrap_or(Reply::Replied),
        }
    }

    /// Protocol and state that a code stands for.
    pub(super) fn track(&self, code: TrackCode) -> (L4, Option<State>) {
        let class = self.class(ClassCode(u32::from(code.0) << 2));
        (class.l4, class.state)
    }

    fn state(&self, number: u32) -> Option<State> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        if let Some(state) = STATES.get(place) {
            return Some(*state);
        }
        let word = place.checked_sub(31).and_then(|place| self.words.get(place));
        Some(word.filter(|_| !self.many).map_or(MANY_WORDS, |word| State::Other(*word)))
    }
}

impl ClassCode {
    /// It means the same whatever words were met: its state, if any, is one that a kernel prints.
    #[inline]
    pub(super) fn is_fixed(self) -> bool {
        self.0 >> 2 & 63 < FIRST_WORD
    }

    /// Its layer 4 and state.
    #[inline]
    pub(super) fn track(self) -> TrackCode {
        let [_, _, high, low] = (self.0 >> 2 & 0x3fff).to_be_bytes();
        TrackCode(u16::from_be_bytes([high, low]))
    }
}

/// The number of a state that is in [`STATES`].
#[inline]
fn known(state: State) -> u32 {
    match state {
        State::None => 1,
        State::SynSent => 2,
        State::SynRecv => 3,
        State::Established => 4,
        State::FinWait => 5,
        State::CloseWait => 6,
        State::LastAck => 7,
        State::TimeWait => 8,
        State::Close => 9,
        State::Listen => 10,
        State::SynSent2 => 11,
        State::Closed => 12,
        State::CookieWait => 13,
        State::CookieEchoed => 14,
        State::ShutdownSent => 15,
        State::ShutdownRecd => 16,
        State::ShutdownAckSent => 17,
        State::HeartbeatSent => 18,
        State::HeartbeatAcked => 19,
        State::Request => 20,
        State::Respond => 21,
        State::PartOpen => 22,
        State::Open => 23,
        State::CloseReq => 24,
        State::Closing => 25,
        State::DccpTimeWait => 26,
        State::Ignore => 27,
        State::Invalid => 28,
        State::Other(_) => ANY_WORD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(number: u8) -> State {
        State::Other([number; 16])
    }

    #[test]
    fn every_class_survives_as_a_code() {
        let mut words = Words::default();
        for l3 in L3S {
            for l4 in [0, 6, 132, 255].map(L4) {
                for state in STATES.into_iter().map(Some).chain([None, Some(word(65)), Some(word(66))]) {
                    let has_states = matches!(l4, L4::TCP | L4::SCTP);
                    for replied in REPLIES {
                        let code = words.code(l3, l4, state, replied);
                        let state = if has_states { state } else { state.and(Some(MANY_WORDS)) };
                        assert_eq!(words.class(code), Class { l3, l4, state, replied });
                        assert_eq!(words.track(code.track()), (l4, state));
                    }
                }
            }
        }
    }

    #[test]
    fn joined_words_keep_their_meaning() {
        let (mut left, mut right) = (Words::default(), Words::default());
        left.code(L3::V4, L4::TCP, Some(word(1)), Reply::Assured);
        let codes = [2, 1].map(|number| right.code(L3::V6, L4::TCP, Some(word(number)), Reply::Replied));
        left.join(&right);
        for code in codes {
            assert_eq!(left.class(left.moved(code, &right)), right.class(code));
            assert_eq!(left.track(left.moved_track(code.track(), &right)), right.track(code.track()));
        }
    }

    #[test]
    fn too_many_words_are_one_class_whatever_came_first() {
        let class = |order: &[u8]| {
            let mut words = Words::default();
            let code = |words: &mut Words, n: u8| words.code(L3::V4, L4::TCP, Some(word(n)), Reply::Replied);
            let codes: Vec<_> = order.iter().map(|number| code(&mut words, *number)).collect();
            codes.into_iter().map(|code| words.class(code).state).collect::<Vec<_>>()
        };
        let up: Vec<u8> = (0..40).collect();
        assert!(class(&up).iter().all(|state| *state == Some(MANY_WORDS)));
        assert_eq!(class(&up[..31]).last(), Some(&Some(word(30))));
    }
}
