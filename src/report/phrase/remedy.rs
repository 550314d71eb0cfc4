//! What helps, what it does, and what would happen if.

use crate::model::diagnosis::{Command, Effect, Remedy, WhatIf, WillNotHelp};
use crate::model::report::{IncidentView, Report};
use crate::model::sentence::noun;

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM, Rich};

/// Over the remedies.
pub(in super::super) const TITLE: &str = "What to do";

/// The incident above this one whose remedies are the same, where no table tells more of either: they are printed once.
pub(in super::super) fn told_above<'a>(
    view: &IncidentView,
    earlier: &'a [IncidentView],
) -> Option<&'a IncidentView> {
    let body = &view.body;
    let same = |other: &&IncidentView| other.body.census.is_none() && other.body.remedies == body.remedies;
    earlier.iter().find(same).filter(|_| body.census.is_none() && !body.remedies.is_empty())
}

/// Said in their place.
pub(in super::super) fn as_above(other: &IncidentView) -> String {
    format!("The same as of incident {}, above.", escape::text(&other.incident.id))
}

/// What a remedy does, with a full stop; nothing where nothing is said.
pub(in super::super) fn effect(scene: &Scene<'_>, effect: &Effect) -> Rich {
    let numbers = numbers(effect.entries_freed_now, effect.steady_state_entries).join(", ");
    let parts = [Rich::from(numbers), scene.rich(&effect.note)];
    let mut text = Rich::joined(&parts, "; ");
    if !text.is_empty() && !text.ticked().ends_with('.') {
        text = text.with(".");
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

/// What it costs elsewhere; nothing where nothing is said.
pub(in super::super) fn side_effects(scene: &Scene<'_>, remedy: &Remedy) -> Rich {
    let said: Vec<Rich> = remedy.side_effects.iter().map(|effect| scene.rich(effect)).collect();
    let text = Rich::joined(&said, "; ");
    if text.is_empty() { text } else { text.with(".") }
}

/// Whether it lasts; nothing for a remedy without commands, and for one that sets nothing: a look, or a deletion, which
/// has nothing to take back.
pub(in super::super) fn persists(remedy: &Remedy) -> Option<&'static str> {
    let sets = remedy.persists || remedy.commands.iter().any(|command| command.undo.is_some());
    (sets && !remedy.commands.is_empty()).then_some(if remedy.persists {
        "Survives a reboot and a module reload."
    } else {
        "Does not survive a reboot or a module reload."
    })
}

/// Runs of commands that belong to one place.
pub(in super::super) fn by_place(commands: &[Command]) -> Vec<&[Command]> {
    commands.chunk_by(|a, b| a.place == b.place).collect()
}

/// Commands that take it back, the last one first. A line of a file is taken back by a command, too.
pub(in super::super) fn undo(commands: &[Command]) -> Vec<&str> {
    commands.iter().rev().filter_map(|command| command.undo.as_deref()).collect()
}

/// The place of a command that is typed into a shell.
const HERE: &str = "this host";

/// `on this host`, `in /etc/sysctl.conf`; another place as it is.
pub(in super::super) fn place(place: &str) -> String {
    let text = escape::text(place);
    if place.starts_with('/') {
        format!("in {text}")
    } else if place.starts_with(HERE) {
        format!("on {text}")
    } else {
        text
    }
}

/// What is typed on a host is for a shell; what belongs into a file or another program's settings is not.
pub(in super::super) fn is_shell(report: &Report, place: &str) -> bool {
    report.hosts.iter().any(|view| &*view.host.name == place) || place.starts_with(HERE)
}

/// `tcp_tw_reuse: works on sockets …`
pub(in super::super) fn will_not_help(scene: &Scene<'_>, item: &WillNotHelp) -> Rich {
    Rich::from(format!("{}: ", item.id)).and(&scene.rich(&item.reason))
}

/// `max = 262144: frees nothing at once, settles at 30,598 entries, not seen to fill again`
pub(in super::super) fn what_if(scenario: &WhatIf) -> String {
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
    format!("{}: {}", changes.join(", "), parts.join(", "))
}

/// What a scenario rests on; nothing where nothing is assumed.
pub(in super::super) fn assumed(scene: &Scene<'_>, scenario: &WhatIf) -> Rich {
    if scenario.assumptions.is_empty() {
        return Rich::default();
    }
    Rich::from("Assumed: ").and(&scene.rich_all_prose(&scenario.assumptions))
}
