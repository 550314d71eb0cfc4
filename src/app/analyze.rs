//! `analyze`: inputs → report.

use std::net::IpAddr;

use super::mail;
use crate::census::{self, HowSink, WhoSink};
use crate::cli::args::{Colour, Format};
use crate::cli::exit::Exit;
use crate::cli::plan::AnalyzePlan;
use crate::detect::conclude::{conclude_beside, keep_ids};
use crate::detect::scan::Scan;
use crate::diagnose;
use crate::diagnose::gather::{Surroundings, gather};
use crate::edge::output;
use crate::edge::progress::Wanted;
use crate::edge::read::{
    self, FirstLook,
    looks::{Reading, TableLook},
};
use crate::model::census::Who;
use crate::model::counters::Counters;
use crate::model::input::{CounterStream, Input, InputKind, TableStream};
use crate::model::report::{Report, Settings};
use crate::model::scenario::Deed;
use crate::report::{escape, html, markdown, spell, text};
use crate::wire;

/// Reads, concludes, diagnoses, writes.
pub fn run(plan: &AnalyzePlan, local_zone: Option<String>) -> anyhow::Result<Exit> {
    let to_mail = plan.mail.as_ref().map(|how| mail::ready(how).map(|config| (how, config))).transpose()?;
    let report = report(plan, local_zone);
    let exit = complaints(&report.inputs);
    let written = written(&report, plan);
    match &plan.output {
        Some(path) => output::to_file(path, &written)
            .map_err(|error| anyhow::anyhow!("{}: cannot be written: {error}", path.display()))?,
        None => output::to_stdout(&written)?,
    }
    let mailed = to_mail.map(|(how, config)| mail::report(&report, &config, how)).transpose()?;
    let found = plan.fail_on_incident && !report.incidents.is_empty();
    Ok(match mailed {
        Some(Exit::Failed) => Exit::Failed,
        _ if found => Exit::Incident,
        Some(Exit::Partial) => Exit::Partial,
        _ => exit,
    })
}

/// The report in the form that was asked for.
pub fn written(report: &Report, plan: &AnalyzePlan) -> String {
    match plan.format {
        Format::Json => wire::report::to_json(report, &spell::plain),
        Format::Text => text::render(report, look(plan)),
        Format::Markdown => markdown::render(report),
        Format::Html => html::render(report),
    }
}

/// Inputs → report view.
pub fn report(plan: &AnalyzePlan, local_zone: Option<String>) -> Report {
    let progress = if plan.progress { Wanted::OnTerminal } else { Wanted::Never };
    let reading = Reading { paths: plan.paths.clone(), reader_zone: local_zone, progress };
    let mut first = read::first_look::<Scan, WhoSink>(&reading);
    let tables = second_looks(&mut first, &plan.settings);
    let FirstLook { mut inputs, logs, counters, samples, bundles, .. } = first;
    let places: Vec<_> = logs.iter().map(|log| (log.id.clone(), log.hints.clone())).collect();
    let mut conclusion = conclude_beside(logs, &samples, &plan.settings);
    keep_ids(&mut conclusion, &places, &bundles);
    for input in &mut inputs {
        if let Some((_, first, last)) = conclusion.coverage.iter().find(|(id, _, _)| *id == input.id) {
            (input.first, input.last) = (*first, *last);
        }
        let before = conclusion.goes_on_from.iter().find(|(id, _)| *id == input.id);
        input.goes_on_from = before.map(|(_, path)| path.clone());
    }
    let around = Surroundings { logs: &places, bundles: &bundles, conclusion: &conclusion };
    let snapshots = gather(tables, counters, around);
    let said = diagnose::diagnose(conclusion, snapshots, &plan.settings);
    let complete = complaining(&inputs).next().is_none();
    Report {
        generated_at: output::now(),
        zone: plan.shown_zone.as_str().into(),
        settings: plan.settings.clone(),
        complete,
        inputs,
        hosts: said.hosts,
        incidents: said.incidents,
        snapshots: said.snapshots,
        findings: said.findings,
        assumptions: said.assumptions,
        gaps: said.gaps,
    }
}

/// The second look at every table, which only a table that was not noted entry by entry is read for again.
fn second_looks(first: &mut FirstLook<census::WhoPart>, settings: &Settings) -> Vec<TableStream> {
    let asked = Deed::asks(&settings.what_if_traffic);
    let beside = first.counters.iter().flat_map(|stream| &stream.counters.addresses);
    let local: Vec<IpAddr> = settings.local.iter().copied().chain(beside.map(|a| a.address)).collect();
    let mut tables = Vec::new();
    for table in std::mem::take(&mut first.tables) {
        if let Some(list) = table.aside {
            first.counters.extend(beside_the_table(table, list));
            continue;
        }
        let leaders = census::and_asked(census::leaders(&table.who, &local), &asked);
        let listing = table.who.listing();
        let noted = read::look_at_notes(table.who.entries(), |part, parts| {
            census::noted(&table.who, &leaders, part, parts)
        });
        let (how, changed, note) = match noted {
            Some(how) => (how, false, None),
            None => match read::second_look(&table, || HowSink::new(&leaders).of_listing(listing)) {
                Ok((how, changed)) => (how, changed, None),
                Err(why) => (census::HowPart::default(), true, Some(why)),
            },
        };
        let mut census = census::census(table.who, how);
        census.changed_between_looks = changed;
        if note.is_none() {
            census::note_absent(&mut census, &asked);
        }
        for input in first.inputs.iter_mut().filter(|input| input.id == table.id) {
            enter(input, &census, note.as_deref());
        }
        let (id, hints, dialect) = (table.id, table.hints, table.dialect.name());
        tables.push(TableStream { id, hints, dialect, census });
    }
    tables
}

/// How many entries wait in a list beside the table; none for a list whose number tells nothing.
fn beside_the_table(table: TableLook<census::WhoPart>, list: &str) -> Option<CounterStream> {
    let who = census::census(table.who, census::HowPart::default()).who;
    let dying = (list == "dying").then_some(who.entries)?;
    let counters = Counters { dying: Some(dying), ..Counters::default() };
    Some(CounterStream { id: table.id, hints: table.hints, dialect: table.dialect.name(), counters })
}

/// What the census says of its input.
fn enter(input: &mut Input, census: &crate::model::census::Census, note: Option<&str>) {
    let who = &census.who;
    input.malformed = who.damaged.values().map(|blemish| blemish.count).sum();
    input.records = who.entries + who.expectations + who.others + who.duplicates + input.malformed;
    input.first_malformed =
        who.damaged.iter().min_by_key(|(_, b)| b.first_offset).map(|(kind, b)| (*kind, b.clone()));
    let told = told(who);
    if !told.is_empty() {
        let before = input.note.take().map(|note| format!("{note}; ")).unwrap_or_default();
        input.note = Some(format!("{before}{}", told.join("; ")).into());
    }
    input.complete &= who.shown.is_none_or(|shown| shown <= listed(who));
    if census.changed_between_looks {
        let note =
            note.unwrap_or("changed while it was read; the leaders' details are of the second reading");
        input.note = Some(note.into());
    }
    input.complete &= input.malformed == 0 && !census.changed_between_looks;
}

/// Entries that stand in the list, in whatever condition.
fn listed(who: &Who) -> u64 {
    let damaged: u64 = who.damaged.values().map(|blemish| blemish.count).sum();
    who.entries.saturating_add(who.duplicates).saturating_add(damaged)
}

/// What is to be known of a list beside its entries.
fn told(who: &Who) -> Vec<String> {
    let mut told = Vec::new();
    if who.listings > 0 {
        told.push(format!(
            "holds {} lists of a table, one after another; the one with the most entries is counted ({})",
            who.listings + 1,
            who.entries
        ));
    }
    if let Some(shown) = who.shown.filter(|shown| *shown != listed(who)) {
        let listed = listed(who);
        let why = if shown > listed { "the list is not whole" } else { "it is not one list alone" };
        told.push(format!("conntrack says that {shown} entries were shown, and {listed} stand here: {why}"));
    }
    if who.others > 0 {
        told.push(format!(
            "{} of its lines are events, or entries that are dying or unconfirmed, and are not counted",
            who.others
        ));
    }
    told
}

/// Inputs that make the result partial.
fn complaining(inputs: &[Input]) -> impl Iterator<Item = &Input> {
    inputs.iter().filter(|input| !input.complete && (input.named || input.kind != InputKind::Unrecognised))
}

/// Says on stderr what could not be read, and answers accordingly.
pub fn complaints(inputs: &[Input]) -> Exit {
    let mut exit = Exit::Done;
    for input in complaining(inputs) {
        exit = Exit::Partial;
        let path = escape::bytes(input.place().as_bytes());
        output::complain(&format!("{path}: {}", escape::bytes(why(input).as_bytes())));
    }
    exit
}

fn why(input: &Input) -> String {
    if let Some(note) = &input.note {
        return note.to_string();
    }
    match &input.first_malformed {
        Some((kind, blemish)) => format!(
            "{} damaged records; the first at byte {}: {}",
            input.malformed,
            blemish.first_offset,
            kind.words()
        ),
        None => "not read to its end".to_owned(),
    }
}

fn look(plan: &AnalyzePlan) -> text::Look {
    let to_file = plan.output.is_some();
    let colour = match plan.colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => !to_file && output::colour_welcome(),
    };
    let width = if to_file { output::COLUMNS_WITHOUT_TERMINAL } else { output::columns() };
    text::Look { width, colour }
}
