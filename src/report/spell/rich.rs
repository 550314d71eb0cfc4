//! Text in stretches, so that each format can set code and moments apart in its own way.

use crate::model::time::WallTime;

/// What a stretch of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Words.
    Plain,
    /// A key, a command, a file name.
    Code,
    /// A point in time, on both clocks.
    Moment(WallTime),
}

/// A stretch of text, safe on a terminal; not yet for HTML or Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it is.
    pub tone: Tone,
    /// The words.
    pub text: String,
}

/// Text in stretches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rich(Vec<Span>);

impl Rich {
    /// The stretches, in order.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|span| span.text.is_empty())
    }

    /// One more stretch; words join the words before them.
    pub fn push(&mut self, tone: Tone, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.tone == Tone::Plain && tone == Tone::Plain => last.text.push_str(text),
            _ => self.0.push(Span { tone, text: text.to_owned() }),
        }
    }

    /// This and more words.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        self.push(Tone::Plain, text);
        self
    }

    /// This and other text.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for span in &other.0 {
            self.push(span.tone, &span.text);
        }
        self
    }

    /// Several, with words between them.
    pub fn joined<'a>(parts: impl IntoIterator<Item = &'a Self>, between: &str) -> Self {
        parts.into_iter().filter(|part| !part.is_empty()).fold(Self::default(), |all, part| {
            let all = if all.is_empty() { all } else { all.with(between) };
            all.and(part)
        })
    }

    /// Words of ours in which code stands in backticks. Never for text that came from input.
    pub fn marked(ours: &str) -> Self {
        let mut out = Self::default();
        for (at, part) in ours.split('`').enumerate() {
            out.push(if at % 2 == 0 { Tone::Plain } else { Tone::Code }, part);
        }
        out
    }

    /// As one string: code in backticks.
    pub fn ticked(&self) -> String {
        let mut out = String::new();
        for span in &self.0 {
            match span.tone {
                Tone::Code => {
                    out.push('`');
                    out.push_str(&span.text);
                    out.push('`');
                }
                Tone::Plain | Tone::Moment(_) => out.push_str(&span.text),
            }
        }
        out
    }

    /// A capital for its first letter, where it begins with this word of ours.
    pub(crate) fn capitalise(&mut self, word: &str) {
        let first = self.0.first_mut().filter(|span| span.tone == Tone::Plain);
        if let Some(span) = first.filter(|span| span.text.starts_with(word)) {
            let capital: String = word.chars().take(1).map(|c| c.to_ascii_uppercase()).collect();
            span.text.replace_range(..capital.len().min(span.text.len()), &capital);
        }
    }

    /// A full stop behind it, unless something like one stands there.
    pub(crate) fn stop(&mut self) {
        let stops =
            |span: &Span| span.tone != Tone::Code && span.text.ends_with(['.', '!', '?', ':', ';', ',']);
        if !self.is_empty() && !self.0.last().is_some_and(stops) {
            self.push(Tone::Plain, ".");
        }
    }
}

impl From<String> for Rich {
    fn from(text: String) -> Self {
        Self::default().with(&text)
    }
}

impl From<&str> for Rich {
    fn from(text: &str) -> Self {
        Self::default().with(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_join_and_code_stands_apart() {
        let text = Rich::from("set").with(" ").and(&Rich::marked("`a=1` now"));
        assert_eq!(text.spans().len(), 3);
        assert_eq!(text.ticked(), "set `a=1` now");
    }

    #[test]
    fn a_full_stop_stands_behind_code_and_not_behind_another() {
        let stopped = |text: &str| {
            let mut rich = Rich::marked(text);
            rich.stop();
            rich.ticked()
        };
        assert_eq!(stopped("so it is."), "so it is.");
        assert_eq!(stopped("set `a.`"), "set `a.`.");
        assert_eq!(stopped(""), "");
    }

    #[test]
    fn what_is_joined_leaves_out_what_is_empty() {
        let parts = ["a", "", "b"].map(Rich::from);
        assert_eq!(Rich::joined(&parts, "; ").ticked(), "a; b");
    }
}
