//! `check`: one line and a code, for Nagios or node-problem-detector.

use crate::cli::args::Check as Typed;
use crate::cli::exit::Exit;
use crate::edge::capture::check::{self, State};
use crate::edge::output;
use crate::report::escape;

/// Looks, prints, answers.
pub fn run(typed: &Typed) -> anyhow::Result<Exit> {
    let found = check::look();
    output::to_stdout(&format!("{}\n", escape::text(&found.line)))?;
    let code = match (found.state, typed.npd) {
        (State::Fine, _) | (State::Filling, true) => 0,
        (State::Filling, false) | (State::Full, true) => 1,
        (State::Full, false) | (State::Unknown, true) => 2,
        (State::Unknown, false) => 3,
    };
    Ok(Exit::Plugin(code))
}
