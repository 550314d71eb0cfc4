//! Text for where Markdown (GitHub's dialect) expects text, and for code.

use std::fmt::Write as _;

/// So that it stands as it is: no emphasis, link, image, HTML, table cell, mathematics; nobody is mentioned and no
/// ticket is linked.
pub fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut before = ' ';
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Mentions and links are made from the finished text, whatever its escapes: something must stand between.
            '@' => out.push_str("@&#8203;"),
            '#' => out.push_str("\\#&#8203;"),
            ':' if after == '/' => out.push_str(":&#8203;"),
            '.' if before.eq_ignore_ascii_case(&'w') => out.push_str("&#8203;."),
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => out.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '!' => {
                out.push('\\');
                out.push(c);
            }
            // Only at the beginning of a line do these mean anything.
            '+' | '-' | '=' if out.is_empty() => {
                out.push('\\');
                out.push(c);
            }
            '.' | ')' if after == ' ' && !out.is_empty() && out.bytes().all(|b| b.is_ascii_digit()) => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// Code within a line, its ticks as many as its content needs. In a table a `|` must be escaped even there.
pub fn code(raw: &str) -> String {
    let ticks = "`".repeat(longest_run(raw) + 1);
    let blank = if raw.starts_with('`') || raw.ends_with('`') { " " } else { "" };
    let raw: String = raw.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{ticks}{blank}{}{blank}{ticks}", raw.replace('|', "\\|"))
}

/// A block of code, its fence longer than any run of ticks in it.
pub fn fenced(language: &str, lines: &[String], margin: &str) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let mut out = format!("{margin}{fence}{language}\n");
    for line in lines {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(out, "{margin}{line}");
    }
    let _ = write!(out, "{margin}{fence}\n\n");
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markup_mentions_and_html_are_only_text() {
        assert_eq!(
            text("<b>*a* | [x](y) `z` TIME_WAIT"),
            "&lt;b&gt;\\*a\\* \\| \\[x\\](y) \\`z\\` TIME_WAIT"
        );
        assert_eq!(text("@root #12 http://x"), "@&#8203;root \\#&#8203;12 http:&#8203;//x");
        assert_eq!(text("1. x"), "1\\. x");
        assert_eq!(text("- x"), "\\- x");
    }

    #[test]
    fn code_has_more_ticks_than_it_holds() {
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(fenced("sh", &["```".to_owned()], ""), "````sh\n```\n````\n\n");
    }

    proptest! {
        #[test]
        fn nothing_opens_html_a_cell_or_code(raw in any::<String>()) {
            let shown = text(&raw);
            prop_assert!(!shown.contains(['<', '>', '\n', '\r']));
            for mark in ['|', '`', '*', '[', '$'] {
                for (at, _) in shown.match_indices(mark) {
                    let slashes = shown[..at].bytes().rev().take_while(|b| *b == b'\\').count();
                    prop_assert!(slashes % 2 == 1, "{shown}");
                }
            }
        }
    }
}
