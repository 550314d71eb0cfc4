//! What every section needs: the report, the reader's clock, and how inputs are called.

use std::collections::BTreeMap;

use crate::model::incident::Incident;
use crate::model::input::{Input, place};
use crate::model::report::Report;
use crate::model::sentence::{Sentence, Word};

use super::super::escape;
use super::super::spell::{self, Clock};

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
    pub(super) fn say(&self, sentence: &Sentence) -> String {
        spell::readable(sentence, &self.clock)
    }

    /// A sentence that stands alone: with a capital, where it begins with a word of ours, and a full stop.
    pub(super) fn prose(&self, sentence: &Sentence) -> String {
        let mut text = self.say(sentence);
        if let Some(Word::Text(first)) = sentence.0.first() {
            let word = first.split(' ').next().unwrap_or_default();
            if !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
                && text.starts_with(word)
            {
                let capital: String = text.chars().take(1).map(|c| c.to_ascii_uppercase()).collect();
                text.replace_range(..capital.len().min(text.len()), &capital);
            }
        }
        if text.chars().next_back().is_some_and(|last| !matches!(last, '.' | '!' | '?' | ':' | ';' | ',')) {
            text.push('.');
        }
        text
    }

    /// Several sentences, one after the other.
    pub(super) fn all_prose(&self, sentences: &[Sentence]) -> String {
        let spelled: Vec<String> =
            sentences.iter().map(|s| self.prose(s)).filter(|s| !s.is_empty()).collect();
        spelled.join(" ")
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
