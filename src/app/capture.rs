//! `capture`: this machine, now → an evidence bundle.

use std::path::Path;
use std::time::Duration;

use crate::census::{self, HowPart, WhoPart, WhoSink};
use crate::cli::args::Capture as Typed;
use crate::cli::exit::Exit;
use crate::edge::capture::destination::{Destination, Unfinished};
use crate::edge::capture::namespaces::{self, Place};
use crate::edge::capture::{Captured, Order, busiest_owners, identity, take};
use crate::edge::output;
use crate::model::census::Pair;
use crate::model::incident::Namespace;
use crate::report::escape;
use crate::wire::owners;

/// Directory of the one capture, in the bundle.
const DIRECTORY: &str = "capture/1-by-hand";

/// Captures and says what was captured, and what was not.
pub fn run(typed: &Typed) -> anyhow::Result<Exit> {
    let enter =
        typed.netns.as_deref().map(|word| namespaces::named(word).map_err(anyhow::Error::msg)).transpose()?;
    let destination = Destination::of(typed.output.as_deref());
    let shown = typed.output.as_deref().map(Path::display).map(|path| path.to_string());
    let cannot = |error: std::io::Error| {
        anyhow::anyhow!("{}: {error}", escape::text(shown.as_deref().unwrap_or("the bundle")))
    };
    let unfinished = Unfinished::begin(destination).map_err(cannot)?;
    let mut manifest = identity::manifest();
    let budget = Duration::from_secs(u64::from(typed.time_budget));
    let order = Order {
        root: unfinished.root().to_path_buf(),
        directory: DIRECTORY.to_owned(),
        role: None,
        trigger: "by-hand".to_owned(),
        namespace: named(enter.as_ref()),
        enter,
        budget,
        table: true,
    };
    let mut captured = take(&order, WhoSink::default).map_err(cannot)?;
    let pairs = captured.part.take().map(busiest).unwrap_or_default();
    let found = busiest_owners(&order, &pairs);
    unfinished.keep("owners.json", &owners::write(&found)).map_err(cannot)?;
    let told = told(&captured);
    let (complete, table) = (captured.record.complete, captured.dump.is_some());
    manifest.captures = vec![captured.record];
    manifest.files = captured.files;
    let at = unfinished.finish(&manifest).map_err(cannot)?;
    for line in told {
        output::complain(&escape::text(&line));
    }
    if let Some(at) = at {
        output::complain(&format!("written: {}", escape::text(&at.display().to_string())));
    }
    // A bundle without a table still says what stands beside it.
    Ok(if complete && table { Exit::Done } else { Exit::Partial })
}

/// The namespace as the manifest names it.
fn named(enter: Option<&Place>) -> Namespace {
    let netns = enter.map(|place| place.netns).or_else(|| namespaces::own().ok());
    match netns {
        Some(netns) if netns.initial => Namespace::Initial,
        Some(netns) => Namespace::Netns(netns.inode),
        None => Namespace::Unknown,
    }
}

/// The pairs of source and peer with the most entries.
pub(super) fn busiest(who: WhoPart) -> Vec<Pair> {
    let census = census::census(who, HowPart::default());
    census.who.pairs.rows.iter().map(|row| row.key).collect()
}

/// What there is to say of a capture, a line each.
fn told(captured: &Captured<WhoPart>) -> Vec<String> {
    let mut told = Vec::new();
    match &captured.dump {
        Some(dump) => told.push(format!("{} entries; {}", dump.entries, dump.note())),
        None => told.push("there is no table in this bundle".to_owned()),
    }
    told.extend(captured.record.not_read.iter().map(|(what, why)| format!("not read: {what}: {why}")));
    told
}
