//! Short hands to write evidence down.

use crate::model::diagnosis::Evidence;
use crate::model::sentence::Sentence;

use super::facts::Case;

fn fact(id: &'static str, speaks_for: Option<bool>, fact: Sentence) -> Evidence {
    Evidence { id, fact, speaks_for, values: Vec::new(), from: Vec::new() }
}

/// Speaks for the verdict.
pub(crate) fn supports(id: &'static str, sentence: Sentence) -> Evidence {
    fact(id, Some(true), sentence)
}

/// Speaks against it.
pub(crate) fn contradicts(id: &'static str, sentence: Sentence) -> Evidence {
    fact(id, Some(false), sentence)
}

/// Says how things are.
pub(crate) fn context(id: &'static str, sentence: Sentence) -> Evidence {
    fact(id, None, sentence)
}

/// Adds numbers and origin.
pub(crate) trait Cited {
    /// A number in the fact, by name.
    fn value(self, name: &'static str, value: f64) -> Self;
    /// From the inputs of the table and its settings.
    fn read_in_table(self, case: &Case<'_>) -> Self;
    /// From the streams of the log.
    fn read_in_log(self, case: &Case<'_>) -> Self;
}

impl Cited for Evidence {
    fn value(mut self, name: &'static str, value: f64) -> Self {
        self.values.push((name, value));
        self
    }

    fn read_in_table(mut self, case: &Case<'_>) -> Self {
        self.from = case.from();
        self
    }

    fn read_in_log(mut self, case: &Case<'_>) -> Self {
        if let Some(incident) = case.incident {
            self.from = incident.drops.streams.iter().map(|stream| stream.input.clone()).collect();
        } else {
            self.from = case.taken_over.iter().map(|around| around.from.clone()).collect();
            self.from.dedup();
        }
        self
    }
}
