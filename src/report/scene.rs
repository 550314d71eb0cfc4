//! What every section needs: the report, the reader's clock, and how inputs are called.

use std::collections::BTreeMap;

use crate::model::incident::Incident;
use crate::model::input::{Input, place};
use crate::model::report::Report;
use crate::model::sentence::{Sentence, Word};

use super::escape;
use super::spell::{self, Clock, Rich};

/// What every section needs.
pub(super) struct Scene<'a> {
    pub(super) report: &'a Report,
    pub(super) clock: Clock,
    names: BTreeMap<&'a str, String>,
}

impl<'a> Scene<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let names = report.inputs.iter().map(|input| (&*input.id, short_name(input))).collect();
        Self { report, clock: Clock::of(&report.zone), names }
    }

    /// A sentence as it is.
    pub(super) fn rich(&self, sentence: &Sentence) -> Rich {
        spell::rich(sentence, &self.clock)
    }

    /// The same as one string, code in backticks.
    pub(super) fn say(&self, sentence: &Sentence) -> String {
        self.rich(sentence).ticked()
    }

    /// A sentence that stands alone: with a capital, where it begins with a word of ours, and a full stop.
    pub(super) fn rich_prose(&self, sentence: &Sentence) -> Rich {
        let mut text = self.rich(sentence);
        if let Some(Word::Text(first)) = sentence.0.first() {
            let word = first.split(' ').next().unwrap_or_default();
            if !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
                text.capitalise(word);
            }
        }
        text.stop();
        text
    }

    /// The same as one string.
    pub(super) fn prose(&self, sentence: &Sentence) -> String {
        self.rich_prose(sentence).ticked()
    }

    /// Several sentences, one after the other.
    pub(super) fn rich_all_prose(&self, sentences: &[Sentence]) -> Rich {
        let spelled: Vec<Rich> = sentences.iter().map(|sentence| self.rich_prose(sentence)).collect();
        Rich::joined(&spelled, " ")
    }

    /// The same as one string.
    pub(super) fn all_prose(&self, sentences: &[Sentence]) -> String {
        self.rich_all_prose(sentences).ticked()
    }

    /// Last part of an input's path, for an id; anything else as it is.
    pub(super) fn input_name(&self, id: &str) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| escape::text(id))
    }

    /// Names of several.
    pub(super) fn input_names(&self, ids: &[Box<str>]) -> String {
        let mut names: Vec<String> = Vec::new();
        for name in ids.iter().map(|id| self.input_name(id)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }

    /// Name of an incident's host.
    pub(super) fn host(&self, incident: &Incident) -> String {
        let host = self.report.hosts.get(incident.host);
        host.map_or_else(|| "a host without a name".to_owned(), |view| escape::text(&view.host.name))
    }
}

/// `messages.1.gz`, `evidence.tar.gz!capture/nf_conntrack`
fn short_name(input: &Input) -> String {
    let file = input.path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&input.path);
    escape::text(&place(file, input.member.as_deref()))
}
