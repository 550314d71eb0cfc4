//! `scan`: logs → pieces as JSON lines.

use crate::census::WhoSink;
use crate::cli::args::Scan as Typed;
use crate::cli::exit::Exit;
use crate::detect::scan::Scan;
use crate::edge::output;
use crate::edge::progress::Wanted;
use crate::edge::read::{self, looks::Reading};
use crate::model::input::InputKind;
use crate::report::escape;
use crate::wire::signals;

/// Reads and prints.
pub fn run(typed: Typed, local_zone: Option<String>) -> anyhow::Result<Exit> {
    let progress = if typed.no_progress { Wanted::Never } else { Wanted::OnTerminal };
    let reading = Reading { paths: typed.paths, reader_zone: local_zone, progress };
    let look = read::first_look::<Scan, WhoSink>(&reading);
    for stream in &look.logs {
        output::to_stdout(&(signals::write(stream) + "\n"))?;
    }
    let mut exit = super::analyze::complaints(&look.inputs);
    for input in look.inputs.iter().filter(|input| input.named && is_no_log(input.kind)) {
        let path = escape::bytes(input.path.as_bytes());
        output::complain(&format!(
            "{path}: is no log; scan passes it over: give it to analyze beside the scans"
        ));
        exit = Exit::Partial;
    }
    Ok(exit)
}

fn is_no_log(kind: InputKind) -> bool {
    matches!(kind, InputKind::Table | InputKind::Counters | InputKind::Bundle)
}
