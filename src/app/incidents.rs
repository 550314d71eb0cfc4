//! `incidents`: what a watcher kept. A report is what `analyze` makes of an incident's evidence, now as ever.

use std::path::Path;

use super::{analyze, watch};
use crate::cli::args::{IncidentsCommand, ListFormat, ShowIncident};
use crate::cli::exit::Exit;
use crate::cli::plan;
use crate::edge::capture::bundle::pack;
use crate::edge::store::evidence::{bytes, directory_of, export_file};
use crate::edge::store::state::{self, KeptIncident};
use crate::edge::{output, zone};
use crate::report::text;
use crate::wire;

/// Lists, shows or exports.
pub fn run(command: &IncidentsCommand) -> anyhow::Result<Exit> {
    match command {
        IncidentsCommand::List(typed) => list(&watch::of_flags(&typed.config)?.state_dir, typed.format),
        IncidentsCommand::Show(typed) => show(&watch::of_flags(&typed.config)?.state_dir, typed),
        IncidentsCommand::Export(typed) => {
            export(&watch::of_flags(&typed.config)?.state_dir, &typed.id, typed.output.as_deref())
        }
    }
}

fn list(state: &Path, format: ListFormat) -> anyhow::Result<Exit> {
    let kept = state::list(state)?;
    let mut rows = Vec::new();
    for incident in &kept {
        match row(state, incident) {
            Ok(row) => rows.push(row),
            Err(why) => output::complain(&format!("incident {}: {why}", incident.id)),
        }
    }
    let partial = rows.len() < kept.len();
    let written = match format {
        ListFormat::Json => wire::incidents::to_json(rows),
        ListFormat::Text if rows.is_empty() && !partial => {
            format!("No incident is kept in {}.\n", state.display())
        }
        ListFormat::Text => text::incidents::render(&wire::incidents::lines(&rows)),
    };
    output::to_stdout(&written)?;
    Ok(if partial { Exit::Partial } else { Exit::Done })
}

/// The row of an incident that is over is kept; that of an open one is made anew.
fn row(state: &Path, incident: &KeptIncident) -> Result<wire::incidents::Row, String> {
    let root = directory_of(state, &incident.id)?;
    if let Some(kept) = incident.row.as_ref().filter(|_| incident.closed_us.is_some()) {
        return wire::incidents::row_from_json(kept);
    }
    let zone = zone::local_zone_name();
    let report = analyze::report(&plan::of_bundle(&root, zone.as_deref()), zone);
    let view = report.incident(&incident.id).ok_or("its evidence tells of no incident yet")?;
    Ok(wire::incidents::row(&report, view, Some(bytes(&root))))
}

fn show(state: &Path, typed: &ShowIncident) -> anyhow::Result<Exit> {
    let root = directory_of(state, &typed.id).map_err(anyhow::Error::msg)?;
    let zone = zone::local_zone_name();
    let mut plan = plan::of_bundle(&root, zone.as_deref());
    (plan.format, plan.colour) = (typed.format, typed.color);
    let report = analyze::report(&plan, zone);
    let exit = analyze::complaints(&report.inputs);
    output::to_stdout(&analyze::written(&report, &plan))?;
    Ok(exit)
}

fn export(state: &Path, id: &str, to: Option<&Path>) -> anyhow::Result<Exit> {
    let root = directory_of(state, id).map_err(anyhow::Error::msg)?;
    let name = format!("conntriage-{id}");
    if to == Some(Path::new("-")) {
        output::through_stdout(|out| pack(&root, &name, out))?;
        return Ok(Exit::Done);
    }
    let path = to.map_or_else(|| format!("{name}.tar.zst").into(), Path::to_owned);
    let cannot = |error: std::io::Error| anyhow::anyhow!("{}: {error}", path.display());
    pack(&root, &name, export_file(&path).map_err(cannot)?).map_err(cannot)?;
    output::complain(&format!("written: {}", path.display()));
    Ok(Exit::Done)
}
