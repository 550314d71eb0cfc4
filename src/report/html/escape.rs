//! Text for where HTML expects text or a quoted attribute.

/// With `&`, `<`, `>` and both quotes as references. Control and bidi characters were made visible before
/// ([`super::super::escape`]); any that still come are replaced.
pub fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                out.push('\u{fffd}');
            }
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markup_and_quotes_become_references() {
        assert_eq!(
            text("<script a=\"b\" c='d'>&amp;"),
            "&lt;script a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;amp;"
        );
        assert_eq!(text("\u{1b}\u{202e}x"), "\u{fffd}\u{fffd}x");
    }

    proptest! {
        #[test]
        fn nothing_that_opens_markup_is_left(raw in any::<String>()) {
            let shown = text(&raw);
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
            for after in shown.split('&').skip(1) {
                let name = after.split(';').next().unwrap_or_default();
                prop_assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{after}");
            }
        }
    }
}
