//! What had to be assumed and what stays unknown, each said once, in the order of the steps that found it.

use std::collections::HashSet;

use crate::model::incident::{Assumption, Gap};
use crate::model::sentence::{Sentence, Word};

/// Assumptions kept; a log of a thousand hosts would otherwise bury its report.
const ASSUMPTIONS_MAX: usize = 1_000;
/// Gaps kept.
const GAPS_MAX: usize = 1_000;

/// Collects assumptions and gaps.
#[derive(Debug, Default)]
pub(super) struct Notes {
    assumptions: Vec<Assumption>,
    gaps: Vec<Gap>,
    said: HashSet<String>,
}

impl Notes {
    /// Says an assumption, unless it was said already.
    pub(super) fn assume(&mut self, about: &'static str, text: Sentence, from: Option<&str>) {
        if self.assumptions.len() < ASSUMPTIONS_MAX && self.said.insert(format!("{about} {text:?} {from:?}"))
        {
            self.assumptions.push(Assumption { about, text, from: from.map(Into::into) });
        }
    }

    /// Says a gap, unless it was said already.
    pub(super) fn gap(&mut self, what: Sentence, why: Sentence, command: Option<String>) {
        if self.gaps.len() < GAPS_MAX && self.said.insert(format!("{what:?} {why:?} {command:?}")) {
            self.gaps.push(Gap { what, why, command });
        }
    }

    /// All of them. Lists that were cut end with a gap that says so.
    pub(super) fn into_lists(mut self) -> (Vec<Assumption>, Vec<Gap>) {
        if self.assumptions.len() >= ASSUMPTIONS_MAX {
            self.gaps.push(Gap {
                what: "assumptions".into(),
                why: "only the first thousand are listed".into(),
                command: None,
            });
        }
        (self.assumptions, self.gaps)
    }
}

/// A name that came from input.
pub(super) fn quoted(name: &str) -> Word {
    Word::Untrusted(name.as_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence;

    #[test]
    fn a_note_is_said_once() {
        let mut notes = Notes::default();
        for _ in 0..2 {
            notes.assume("year", sentence!["the same"], Some("a"));
            notes.gap("start".into(), "no year".into(), None);
        }
        notes.assume("year", sentence!["the same"], Some("b"));
        let (assumptions, gaps) = notes.into_lists();
        assert_eq!((assumptions.len(), gaps.len()), (2, 1));
    }

    #[test]
    fn a_list_that_was_cut_says_so() {
        let mut notes = Notes::default();
        for number in 0..2_000 {
            notes.assume("host", sentence![Word::Number(number)], None);
        }
        let (assumptions, gaps) = notes.into_lists();
        assert_eq!(assumptions.len(), ASSUMPTIONS_MAX);
        assert_eq!(gaps.len(), 1);
    }
}
