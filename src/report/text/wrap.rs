//! Words into lines, and how wide they stand on a terminal.

use super::super::spell::FIRM;

/// Columns that one character takes: two for East Asian wide ones, else one. Escaped input holds no combining or
/// zero-width characters, so nothing takes less.
pub(super) fn char_width(c: char) -> usize {
    let wide = matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff01..=0xff60 | 0xffe0..=0xffe6 | 0x16fe0..=0x18fff | 0x1aff0..=0x1b2ff | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// The longest beginning of a text that takes at most so many columns, and the rest.
fn split_at_width(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += char_width(c);
        if used > columns {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// It takes at most so many columns. Looks at no more of it than that.
fn fits(text: &str, columns: usize) -> bool {
    split_at_width(text, columns).1.is_empty()
}

/// At most so many columns; what is cut is shown by `…`.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let (head, _) = split_at_width(text, columns.saturating_sub(1));
    format!("{}…", head.trim_end_matches([' ', FIRM]))
}

/// At most so many columns of the end; what is cut in front of it is shown by `…`.
pub(super) fn cut_front(text: &str, columns: usize) -> String {
    let ends = text.char_indices().map(|(at, _)| text.get(at..).unwrap_or_default());
    match ends.into_iter().find(|end| width(end) < columns) {
        Some(end) if width(text) > columns => format!("…{end}"),
        _ => text.to_owned(),
    }
}

/// Blanks before the first and before the other lines of a paragraph.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indent {
    pub(super) first: usize,
    pub(super) rest: usize,
}

impl Indent {
    /// The same for all lines.
    pub(super) fn all(columns: usize) -> Self {
        Self { first: columns, rest: columns }
    }
}

/// Lines of at most `columns`, broken at blanks but not at [`FIRM`] ones while those fit. A word that fits behind no
/// indent is moved to the left before it is broken.
pub(super) fn wrap(text: &str, columns: usize, indent: Indent) -> Vec<String> {
    let mut filler =
        Filler { columns: columns.max(8), indent, lines: Vec::new(), line: String::new(), used: 0 };
    filler.begin_line(indent.first);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        filler.word(word);
    }
    filler.finish()
}

struct Filler {
    columns: usize,
    indent: Indent,
    lines: Vec<String>,
    line: String,
    used: usize,
}

impl Filler {
    fn begin_line(&mut self, indent: usize) {
        let indent = indent.min(self.columns / 2);
        self.line = " ".repeat(indent);
        self.used = indent;
    }

    fn is_blank(&self) -> bool {
        self.line.trim_start_matches(' ').is_empty()
    }

    fn end_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
        self.begin_line(self.indent.rest);
    }

    fn word(&mut self, word: &str) {
        let fresh = self.columns - self.indent.rest.min(self.columns / 2);
        if word.contains(FIRM) && !fits(word, fresh) {
            for part in word.split(FIRM) {
                self.word(part);
            }
            return;
        }
        let mut rest = word;
        while !rest.is_empty() {
            rest = self.place(rest);
        }
    }

    /// Sets a word, or a beginning of it, or makes room for it; returns what is still to be set.
    fn place<'w>(&mut self, word: &'w str) -> &'w str {
        let blank = usize::from(!self.is_blank());
        let room = self.columns.saturating_sub(self.used + blank);
        if fits(word, room) {
            if blank == 1 {
                self.line.push(' ');
            }
            self.line.push_str(word);
            self.used += blank + width(word);
            return "";
        }
        if blank == 1 {
            self.end_line();
            return word;
        }
        if fits(word, self.columns) {
            self.begin_line(self.columns - width(word));
            return word;
        }
        let (head, tail) = split_at_width(word, room);
        self.line.push_str(head);
        self.used += width(head);
        if !tail.is_empty() {
            self.end_line();
        }
        tail
    }

    fn finish(mut self) -> Vec<String> {
        if !self.is_blank() {
            self.lines.push(self.line);
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fill_lines_and_hang() {
        let lines = wrap("aa bb cc dd ee ff", 8, Indent { first: 0, rest: 2 });
        assert_eq!(lines, ["aa bb cc", "  dd ee", "  ff"]);
    }

    #[test]
    fn a_firm_blank_is_broken_only_where_nothing_else_helps() {
        assert_eq!(wrap("aaaa bb\u{a0}cc", 8, Indent::all(0)), ["aaaa", "bb\u{a0}cc"]);
        assert_eq!(wrap("aaaaaa\u{a0}bbbbbb", 8, Indent::all(0)), ["aaaaaa", "bbbbbb"]);
    }

    #[test]
    fn a_long_word_gives_up_its_indent_before_it_is_broken() {
        assert_eq!(wrap("x 12345678", 8, Indent::all(2)), ["  x", "12345678"]);
        assert_eq!(wrap("123456789012", 8, Indent::all(0)), ["12345678", "9012"]);
    }

    #[test]
    fn a_word_of_any_length_is_broken() {
        let lines = wrap(&"x".repeat(1_000_000), 60, Indent::all(4));
        assert_eq!(lines.iter().map(|line| line.trim_start().len()).sum::<usize>(), 1_000_000);
        assert!(lines.iter().all(|line| width(line) <= 60));
    }

    #[test]
    fn a_cut_text_says_so() {
        assert_eq!(cut("TIME_WAIT", 9), "TIME_WAIT");
        assert_eq!(cut("TIME_WAIT", 5), "TIME…");
        assert_eq!(cut("\u{65e5}\u{672c}\u{8a9e}", 5), "\u{65e5}\u{672c}…");
        assert_eq!(cut("x", 0), "…");
    }
}
