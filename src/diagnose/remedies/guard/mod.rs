//! What this program never prints, because it cuts more than it cures. Three looks, each in a file: [`line`](mod@line)s that
//! are wrong on every host, [`set`]s of lines of which one is missing, and what is wrong on [`this_host`]. A remedy that
//! any of them refuses is left out of the report whole: half a remedy is worse than none.

mod line;
mod rule;
mod set;
mod this_host;

use crate::model::diagnosis::Remedy;

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
    remedy.commands.iter().any(|command| line::is_deletion(&line::words(&command.line)))
}

/// Only what may be printed, in its order.
pub(crate) fn permitted(case: &Case<'_>, remedies: Vec<Remedy>) -> Vec<Remedy> {
    let deletes = remedies.iter().any(deletes);
    remedies.into_iter().filter(|r| refused(case, r).is_none() && !(deletes && forbids_pickup(r))).collect()
}

#[cfg(test)]
mod tests;
