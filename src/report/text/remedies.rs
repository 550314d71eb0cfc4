//! What helps, with commands to copy; what does not; and what would happen if.

use crate::model::diagnosis::{Command, Effect, Remedy, WhatIf, WillNotHelp};
use crate::model::sentence::noun;

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM};
use super::page::{Page, Style};
use super::wrap::{Indent, width};

/// Columns before what belongs to a numbered remedy.
const INNER: usize = 7;

pub(super) fn set(scene: &Scene<'_>, remedies: &[Remedy], page: &mut Page) {
    if remedies.is_empty() {
        return;
    }
    page.heading("What to do");
    for (at, remedy) in remedies.iter().enumerate() {
        if at > 0 {
            page.gap();
        }
        set_remedy(scene, at + 1, remedy, page);
    }
}

fn set_remedy(scene: &Scene<'_>, number: usize, remedy: &Remedy, page: &mut Page) {
    let mark = format!("{number}.{FIRM}");
    let first = INNER.saturating_sub(width(&mark));
    let title = format!("{mark}{}", scene.prose(&remedy.title));
    page.paragraph(Style::Bold, Indent { first, rest: INNER }, &title);
    let effect = effect(scene, &remedy.effect);
    if !effect.is_empty() {
        page.paragraph(Style::Plain, Indent::all(INNER), &format!("Effect: {effect}"));
    }
    set_commands(scene, &remedy.commands, page);
    if !remedy.side_effects.is_empty() {
        let said: Vec<String> = remedy.side_effects.iter().map(|effect| scene.say(effect)).collect();
        page.paragraph(Style::Plain, Indent::all(INNER), &format!("Side effects: {}.", said.join("; ")));
    }
    if !remedy.commands.is_empty() {
        let persists = if remedy.persists {
            "Survives a reboot and a module reload."
        } else {
            "Does not survive a reboot or a module reload."
        };
        page.paragraph(Style::Dim, Indent::all(INNER), persists);
    }
}

fn effect(scene: &Scene<'_>, effect: &Effect) -> String {
    let mut text = numbers(effect.entries_freed_now, effect.steady_state_entries).join(", ");
    let note = scene.say(&effect.note);
    if !note.is_empty() {
        text = if text.is_empty() { note } else { format!("{text}; {note}") };
    }
    if !text.is_empty() && !text.ends_with('.') {
        text.push('.');
    }
    text
}

/// `frees 0 entries now, settles at 1,154 entries`
fn numbers(freed: Option<u64>, steady: Option<u64>) -> Vec<String> {
    let freed = freed.map(|n| match n {
        0 => "frees nothing at once".to_owned(),
        n => format!("frees {} at once", spell::count(n, noun::ENTRY)),
    });
    let steady = steady.map(|n| format!("settles at {}", spell::count(n, noun::ENTRY)));
    freed.into_iter().chain(steady).collect()
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
    let mut place = None;
    for command in commands {
        if place != Some(&command.place) {
            place = Some(&command.place);
            let head = format!("{}:", place_in_words(&command.place));
            page.paragraph(Style::Dim, Indent::all(INNER), &head);
        }
        set_command(&command.line, copied(scene, &command.place), INNER + 2, page);
    }
    let undo: Vec<&Command> = commands.iter().rev().filter(|command| command.undo.is_some()).collect();
    if !undo.is_empty() {
        page.paragraph(Style::Dim, Indent::all(INNER), "to undo:");
    }
    for command in undo {
        // A line of a file is taken back by a command, too.
        set_command(command.undo.as_deref().unwrap_or_default(), Copied::Shell, INNER + 2, page);
    }
}

/// `on this host`, `in /etc/sysctl.conf`; another place as it is.
fn place_in_words(place: &str) -> String {
    let text = escape::text(place);
    if place.starts_with('/') {
        format!("in {text}")
    } else if place.starts_with(HERE) {
        format!("on {text}")
    } else {
        text
    }
}

/// The place of a command that is typed into a shell.
const HERE: &str = "this host";

/// What is typed on a host may be continued; what belongs into a file or another program's settings may not.
fn copied(scene: &Scene<'_>, place: &str) -> Copied {
    let is_host = scene.report.hosts.iter().any(|view| &*view.host.name == place);
    if is_host || place.starts_with(HERE) { Copied::Shell } else { Copied::FileLine }
}

/// A line to copy, on a line of its own. Where it does not fit it gives up its indent; a command is then continued
/// by `\` at blanks outside quotes, a line of a file is left whole.
pub(super) fn set_command(line: &str, what: Copied, indent: usize, page: &mut Page) {
    let text = escape::text(line);
    let wide = width(&text);
    if wide <= page.width {
        let indent = indent.min(page.width - wide);
        page.line(Style::Plain, format!("{}{text}", " ".repeat(indent)));
    } else if what == Copied::Shell {
        for part in continued_within(&text, page.width, indent) {
            page.line(Style::Plain, part);
        }
    } else {
        page.line(Style::Plain, text);
    }
}

/// A shell command over several lines, indented where all of it fits so.
fn continued_within(command: &str, columns: usize, indent: usize) -> Vec<String> {
    let narrow = columns.saturating_sub(indent);
    let lines = continued(command, narrow);
    if lines.iter().any(|line| width(line) > narrow) {
        return continued(command, columns);
    }
    lines.into_iter().map(|line| format!("{}{line}", " ".repeat(indent))).collect()
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

/// Pieces of a command between blanks that stand in no quotes.
fn shell_words(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut quote = None;
    let mut begin = 0;
    let mut is_escaped = false;
    for (at, c) in command.char_indices() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (None | Some('"'), '\\') => is_escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ' ') => {
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
        page.item(4, "✗", &format!("{}: {}", item.id, scene.say(&item.reason)));
    }
}

pub(super) fn set_what_if(scene: &Scene<'_>, scenarios: &[WhatIf], page: &mut Page) {
    if scenarios.is_empty() {
        return;
    }
    page.heading("What if");
    for scenario in scenarios {
        let changes: Vec<String> = scenario
            .changes
            .iter()
            .map(|(key, value)| format!("{}{FIRM}={FIRM}{value}", escape::text(key)))
            .chain(scenario.traffic.iter().map(|deed| escape::text(&deed.to_string())))
            .collect();
        let mut parts = numbers(scenario.entries_freed_now, scenario.steady_state_entries);
        if parts.is_empty() {
            parts.push("not known".to_owned());
        } else if let Some(steady) = scenario.steady_state_entries {
            parts.push(match scenario.full_again_seconds {
                Some(0.0) => "stays full".to_owned(),
                Some(seconds) => format!("full again after {}", spell::duration(seconds)),
                None if steady == 0 => "empty".to_owned(),
                None => "not seen to fill again".to_owned(),
            });
        }
        page.item(4, "·", &format!("{}: {}", changes.join(", "), parts.join(", ")));
        if !scenario.assumptions.is_empty() {
            let text = format!("Assumed: {}", scene.all_prose(&scenario.assumptions));
            page.paragraph(Style::Dim, Indent::all(6), &text);
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
