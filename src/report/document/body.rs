//! Who holds the table, what to do, what it holds, and why.

use crate::model::diagnosis::{Body, CensusView, Remedy, TopSource};
use crate::model::report::IncidentView;
use crate::model::sentence::noun;

use super::super::escape;
use super::super::phrase::{cause, holds, remedy, source};
use super::super::scene::Scene;
use super::super::spell::{self, Rich};
use super::super::words;
use super::{Block, Cell, Commands, Fact, Item, Kind, RemedyBlock, Section, Table};

/// `above`: an incident above it on the page has the same remedies.
pub(super) fn sections<'a>(scene: &Scene<'_>, body: &Body, above: Option<&IncidentView>) -> Vec<Section<'a>> {
    let mut out = who(scene, body);
    if let Some(above) = above {
        let text = remedy::as_above(above).into();
        out.push(Section::open(remedy::TITLE, vec![Block::Paragraph(text)]));
    } else if !body.remedies.is_empty() {
        out.push(Section::open(remedy::TITLE, vec![Block::Remedies(remedies(scene, &body.remedies))]));
    }
    let items = body.will_not_help.iter().map(|item| Item::new("✗", remedy::will_not_help(scene, item)));
    out.extend(folded("What will not help here", items.collect()));
    let items = body.what_if.iter().map(|scenario| {
        let under = Some(remedy::assumed(scene, scenario)).filter(|text| !text.is_empty());
        Item { under, ..Item::new("·", remedy::what_if(scenario).into()) }
    });
    out.extend(folded("What if", items.collect()));
    if let Some(view) = &body.census {
        out.extend(census(view));
    }
    let items = body.evidence.iter().map(|fact| Item::new(cause::sign(fact), cause::fact(scene, fact)));
    out.extend(folded(cause::evidence_title(&body.evidence), items.collect()));
    let items = body.runners_up.iter().map(|other| Item::new("·", cause::runner_up(scene, other)));
    out.extend(folded("Why not another cause", items.collect()));
    out
}

fn folded<'a>(title: &str, items: Vec<Item>) -> Option<Section<'a>> {
    (!items.is_empty()).then(|| Section::folded(title, vec![Block::Items(items)]))
}

fn who<'a>(scene: &Scene<'_>, body: &Body) -> Vec<Section<'a>> {
    let mut sections: Vec<Section<'a>> = Vec::new();
    for (title, table) in [
        ("Who holds it: sources", sources(scene, body)),
        ("Whom they talk to: peers", peers(body)),
        ("Pairs", pairs(body)),
    ] {
        if !table.rows.is_empty() {
            sections.push(Section::open(title, vec![Block::Table(table)]));
        }
    }
    if let (Some(text), Some(last)) = (source::inexact(body), sections.last_mut()) {
        last.blocks.push(Block::Paragraph(text.into()));
    }
    sections
}

fn sources(scene: &Scene<'_>, body: &Body) -> Table {
    let mut table = Table::new(&[
        ("source", Kind::Key),
        ("", Kind::Words),
        ("entries", Kind::Number),
        ("share", Kind::Number),
        ("", Kind::Bar),
        ("states", Kind::Words),
    ]);
    let whole = whole(body);
    for row in &body.top_sources {
        let (own, note) = own_and_note(scene, row);
        let cells = vec![
            Cell::text(words::address(row.address)),
            Cell::Text(own),
            Cell::text(spell::number(row.entries)),
            Cell::text(spell::share(row.share)),
            Cell::Bar(row.entries, whole),
            Cell::text(words::states(&row.states, row.entries)),
        ];
        table.row(cells, note);
    }
    table
}

/// Bars of rankings are shares of the whole table.
fn whole(body: &Body) -> u64 {
    let most = body.top_peers.iter().map(|row| row.entries).max().unwrap_or(0);
    let most = body.top_sources.iter().map(|row| row.entries).max().unwrap_or(0).max(most);
    body.census.as_ref().map_or(most, |census| census.entries.max(most))
}

/// What is known of a source: a few words for the row, and the rest to stand under it.
fn own_and_note(scene: &Scene<'_>, row: &TopSource) -> (String, Option<Rich>) {
    let note = source::note(scene, row);
    let is_short = |note: &Rich| note.ticked().chars().count() <= source::ASIDE_MAX;
    match (row.is_local == Some(true), note) {
        (true, note) => (source::OWN.to_owned(), note),
        (false, Some(short)) if is_short(&short) => (short.ticked(), None),
        (false, note) => (String::new(), note),
    }
}

fn peers(body: &Body) -> Table {
    let mut table = Table::new(&[
        ("peer", Kind::Key),
        ("service", Kind::Words),
        ("entries", Kind::Number),
        ("share", Kind::Number),
        ("", Kind::Bar),
        ("states", Kind::Words),
    ]);
    let whole = whole(body);
    for row in &body.top_peers {
        let cells = vec![
            Cell::text(words::peer(&row.peer)),
            Cell::text(row.service.unwrap_or_default()),
            Cell::text(spell::number(row.entries)),
            Cell::text(spell::share(row.share)),
            Cell::Bar(row.entries, whole),
            Cell::text(words::states(&row.states, row.entries)),
        ];
        table.row(cells, None);
    }
    table
}

fn pairs(body: &Body) -> Table {
    let mut table = Table::new(&[
        ("source", Kind::Key),
        ("peer", Kind::Key),
        ("entries", Kind::Number),
        ("share", Kind::Number),
        ("", Kind::Bar),
    ]);
    let whole = whole(body);
    for row in &body.top_pairs {
        let cells = vec![
            Cell::text(words::address(row.pair.source)),
            Cell::text(words::peer(&row.pair.peer)),
            Cell::text(spell::number(row.entries)),
            Cell::text(spell::share(row.share)),
            Cell::Bar(row.entries, whole),
        ];
        table.row(cells, None);
    }
    table
}

/// Remedies with their commands.
pub(super) fn remedies(scene: &Scene<'_>, remedies: &[Remedy]) -> Vec<RemedyBlock> {
    remedies.iter().map(|each| remedy_block(scene, each)).collect()
}

fn remedy_block(scene: &Scene<'_>, each: &Remedy) -> RemedyBlock {
    let mut commands: Vec<Commands> = remedy::by_place(&each.commands)
        .into_iter()
        .filter_map(|run| {
            let place = &run.first()?.place;
            Some(Commands {
                place: remedy::place(place),
                is_shell: remedy::is_shell(scene.report, place),
                is_undo: false,
                lines: run.iter().map(|command| escape::text(&command.line)).collect(),
            })
        })
        .collect();
    let undo = remedy::undo(&each.commands);
    if !undo.is_empty() {
        let lines = undo.into_iter().map(escape::text).collect();
        commands.push(Commands { place: "to undo".to_owned(), is_shell: true, is_undo: true, lines });
    }
    RemedyBlock {
        title: scene.rich_prose(&each.title),
        effect: remedy::effect(scene, &each.effect),
        commands,
        side_effects: remedy::side_effects(scene, each),
        persists: remedy::persists(each),
    }
}

fn census<'a>(view: &CensusView) -> Vec<Section<'a>> {
    let mut states = bars();
    for (name, entries) in holds::states(view) {
        bar_row(&mut states, name, (entries, view.entries), view.entries);
    }
    let facts = [
        ("Usage", holds::usage(view), None),
        ("Protocols", holds::protocols(view), None),
        ("Besides", holds::others(view), holds::inexact(view)),
        ("Zones", holds::zones(view), None),
    ];
    let facts = facts.into_iter().filter(|(_, text, _)| !text.is_empty()).map(|(label, text, more)| Fact {
        label,
        text: text.into(),
        details: more.into_iter().map(Rich::from).collect(),
    });
    let title = format!("What it holds: {}", spell::count(view.entries, noun::ENTRY));
    let blocks = vec![Block::Table(states), Block::Facts(facts.collect())];
    let mut sections = vec![Section::folded(title, blocks)];
    if !view.idle_age.is_empty() {
        let most = view.idle_age.iter().map(|idle| idle.entries).max().unwrap_or(0);
        let mut ages = bars();
        for idle in &view.idle_age {
            bar_row(&mut ages, holds::ages(*idle), (idle.entries, most), view.entries);
        }
        let said = view.idle_shapes.iter().map(holds::shape).chain(holds::ageless(view));
        let said = said.map(|text| Item::new("·", text.into()));
        let blocks = vec![Block::Table(ages), Block::Items(said.collect())];
        sections.push(Section::folded("How long since the last packet", blocks));
    }
    sections
}

fn bars() -> Table {
    Table::new(&[("", Kind::Key), ("entries", Kind::Number), ("share", Kind::Number), ("", Kind::Bar)])
}

fn bar_row(table: &mut Table, name: String, (entries, longest): (u64, u64), whole: u64) {
    let cells = vec![
        Cell::text(name),
        Cell::text(spell::number(entries)),
        Cell::text(words::part(entries, whole)),
        Cell::Bar(entries, longest),
    ];
    table.row(cells, None);
}
