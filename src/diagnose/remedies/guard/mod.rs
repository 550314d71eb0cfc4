//! What this program never prints, because it cuts more than it cures. Three looks, each in a file: [`line`](mod@line)s that
//! are wrong on every host, [`set`]s of lines of which one is missing, and what is wrong on [`this_host`]. A remedy that
//! any of them refuses is left out of the report whole: half a remedy is worse than none.

mod line;
mod rule;
mod set;
mod this_host;

use crate::model::diagnosis::{Remedy, WillNotHelp};

use super::super::facts::Case;

/// Why a remedy must not be printed for this case; none: it may.
pub(crate) fn refused(case: &Case<'_>, remedy: &Remedy) -> Option<&'static str> {
    let lines = || remedy.commands.iter().map(|command| command.line.as_str());
    let undone = || remedy.commands.iter().filter_map(|command| command.undo.as_deref());
    lines()
        .find_map(|line| line::dangerous(line).or_else(|| this_host::untracks_strangers(case, line)))
        // What takes a line back restores what was there, however low it was.
        .or_else(|| undone().find_map(line::destructive))
        .or_else(|| set::incomplete(remedy))
        .or_else(|| this_host::refused(case, remedy))
}

/// Mid-stream pickup is switched off: never beside a deletion, after which every session would be refused.
pub(crate) fn forbids_pickup(remedy: &Remedy) -> bool {
    remedy
        .commands
        .iter()
        .any(|c| line::setting(&c.line).is_some_and(|(key, value)| key.ends_with("tcp_loose") && value == 0))
}

/// Deletes entries.
pub(crate) fn deletes(remedy: &Remedy) -> bool {
    remedy.commands.iter().any(|command| line::is_deletion(&command.line))
}

/// Only what may be printed, in its order; and what is wrong on this very host, with the reason.
pub(crate) fn permitted(case: &Case<'_>, remedies: Vec<Remedy>) -> (Vec<Remedy>, Vec<WillNotHelp>) {
    let deletes = remedies.iter().any(deletes);
    let (mut kept, mut wrong_here): (Vec<Remedy>, Vec<WillNotHelp>) = (Vec::new(), Vec::new());
    for remedy in remedies {
        if deletes && forbids_pickup(&remedy) {
            continue;
        }
        match (refused(case, &remedy), this_host::refused(case, &remedy)) {
            (None, _) => kept.push(remedy),
            (Some(_), Some(why)) => wrong_here.push(WillNotHelp { id: remedy.id, reason: why.into() }),
            // A line that is wrong anywhere is not even spoken of.
            (Some(_), None) => {}
        }
    }
    (kept, wrong_here)
}

#[cfg(test)]
mod tests;
