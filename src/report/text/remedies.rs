//! What helps, with commands to copy; what does not; and what would happen if.

use crate::model::diagnosis::{Command, Remedy, WhatIf, WillNotHelp};

use super::super::escape;
use super::super::phrase::remedy;
use super::super::scene::Scene;
use super::super::spell::FIRM;
use super::page::{Page, Style};
use super::wrap::{Indent, width};

/// Columns before what belongs to a numbered remedy.
const INNER: usize = 7;

pub(super) fn set(scene: &Scene<'_>, remedies: &[Remedy], page: &mut Page) {
    if remedies.is_empty() {
        return;
    }
    page.heading(remedy::TITLE);
    for (at, remedy) in remedies.iter().enumerate() {
        if at > 0 {
            page.gap();
        }
        set_remedy(scene, at + 1, remedy, page);
    }
}

fn set_remedy(scene: &Scene<'_>, number: usize, each: &Remedy, page: &mut Page) {
    let mark = format!("{number}.{FIRM}");
    let first = INNER.saturating_sub(width(&mark));
    let title = format!("{mark}{}", scene.prose(&each.title));
    page.paragraph(Style::Bold, Indent { first, rest: INNER }, &title);
    let effect = remedy::effect(scene, &each.effect).ticked();
    if !effect.is_empty() {
        page.paragraph(Style::Plain, Indent::all(INNER), &format!("Effect: {effect}"));
    }
    set_commands(scene, &each.commands, page);
    let said = remedy::side_effects(scene, each).ticked();
    if !said.is_empty() {
        page.paragraph(Style::Plain, Indent::all(INNER), &format!("Side effects: {said}"));
    }
    if let Some(persists) = remedy::persists(each) {
        page.paragraph(Style::Dim, Indent::all(INNER), persists);
    }
}

/// What a line to copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    /// A command for a shell: `\` at its end continues it.
    Shell,
    /// A line of a file: it stands as it is.
    FileLine,
}

/// Commands under the place where they belong, one a line, fit to be copied; then how to take them back, the last
/// one first.
fn set_commands(scene: &Scene<'_>, commands: &[Command], page: &mut Page) {
    for run in remedy::by_place(commands) {
        let place = run.first().map(|command| command.place.as_str()).unwrap_or_default();
        page.paragraph(Style::Dim, Indent::all(INNER), &format!("{}:", remedy::place(place)));
        let what = if remedy::is_shell(scene.report, place) { Copied::Shell } else { Copied::FileLine };
        for command in run {
            set_command(&command.line, what, INNER + 2, page);
        }
    }
    let undo = remedy::undo(commands);
    if !undo.is_empty() {
        page.paragraph(Style::Dim, Indent::all(INNER), "to undo:");
    }
    for line in undo {
        set_command(line, Copied::Shell, INNER + 2, page);
    }
}

/// A line to copy, on lines of its own, all at one indent with its neighbours. Where it does not fit, a command is
/// continued by `\` at blanks outside quotes; a line of a file is left whole, as long as it is.
pub(super) fn set_command(line: &str, what: Copied, indent: usize, page: &mut Page) {
    let text = escape::text(line);
    let narrow = page.width.saturating_sub(indent);
    let lines = match what {
        Copied::Shell if width(&text) > narrow => continued(&text, narrow),
        _ => vec![text],
    };
    for line in lines {
        page.line(Style::Plain, format!("{}{line}", " ".repeat(indent)));
    }
}

/// A shell command over several lines, each but the last ending in ` \`.
fn continued(command: &str, columns: usize) -> Vec<String> {
    const AGAIN: &str = "    ";
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in shell_words(command) {
        let is_first = line.trim_start().is_empty();
        if !is_first && width(&line) + 1 + width(word) + 2 > columns {
            lines.push(format!("{line} \\"));
            line = String::from(AGAIN);
        } else if !is_first {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Pieces of a command between blanks that stand in no quotes and in no substitution.
fn shell_words(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut quote = None;
    let mut begin = 0;
    let mut is_escaped = false;
    // Within `$(…)` and `$((…))` a line could be continued, and nobody would read it as one.
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in command.char_indices() {
        let last = std::mem::replace(&mut before, c);
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (None | Some('"'), '\\') => is_escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '(') if depth > 0 || last == '$' => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ' ') if depth == 0 => {
                words.push(command.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
    }
    words.push(command.get(begin..).unwrap_or_default());
    words.retain(|word| !word.is_empty());
    words
}

pub(super) fn set_will_not_help(scene: &Scene<'_>, items: &[WillNotHelp], page: &mut Page) {
    if items.is_empty() {
        return;
    }
    page.heading("What will not help here");
    for item in items {
        page.item(4, "✗", &remedy::will_not_help(scene, item).ticked());
    }
}

pub(super) fn set_what_if(scene: &Scene<'_>, scenarios: &[WhatIf], page: &mut Page) {
    if scenarios.is_empty() {
        return;
    }
    page.heading("What if");
    for scenario in scenarios {
        page.item(4, "·", &remedy::what_if(scenario));
        let assumed = remedy::assumed(scene, scenario);
        if !assumed.is_empty() {
            page.paragraph(Style::Dim, Indent::all(6), &assumed.ticked());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_is_continued_at_blanks_outside_quotes() {
        let lines = continued("nft add rule ip raw prerouting comment \"two words\" accept", 30);
        assert_eq!(
            lines,
            ["nft add rule ip raw \\", "    prerouting comment \\", "    \"two words\" accept"]
        );
        assert!(lines.iter().all(|line| width(line) <= 30));
    }

    #[test]
    fn quotes_and_backslashes_keep_blanks_together() {
        assert_eq!(shell_words("a 'b \" c' \"d \\\" e\" f\\ g"), ["a", "'b \" c'", "\"d \\\" e\"", "f\\ g"]);
        assert_eq!(shell_words("  "), Vec::<&str>::new());
        assert_eq!(shell_words("open 'quote x"), ["open", "'quote x"]);
    }
}
