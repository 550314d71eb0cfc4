//! `scan`: logs → pieces as JSON lines.

use crate::census::WhoSink;
use crate::cli::args::Scan as Typed;
use crate::cli::exit::Exit;
use crate::detect::scan::Scan;
use crate::edge::output;
use crate::edge::progress::Wanted;
use crate::edge::read::{self, looks::Reading};
use crate::wire::signals;

/// Reads and prints.
pub fn run(typed: Typed, local_zone: Option<String>) -> anyhow::Result<Exit> {
    let progress = if typed.no_progress { Wanted::Never } else { Wanted::OnTerminal };
    let reading = Reading { paths: typed.paths, reader_zone: local_zone, progress };
    let look = read::first_look::<Scan, WhoSink>(&reading);
    for stream in &look.logs {
        output::to_stdout(&(signals::write(stream) + "\n"))?;
    }
    Ok(super::analyze::complaints(&look.inputs))
}
