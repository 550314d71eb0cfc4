//! Sentences spelled.

use crate::model::sentence::Sentence;

/// In plain words, for JSON and tests: no colour, no markup; untrusted bytes escaped.
pub fn plain(sentence: &Sentence) -> String {
    let _ = sentence;
    String::new()
}
