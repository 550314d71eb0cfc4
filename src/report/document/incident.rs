//! One incident, or one table that belongs to none.

use crate::model::diagnosis::Body;
use crate::model::report::{Change, IncidentView, SnapshotUse, SnapshotView};

use super::super::escape;
use super::super::phrase::{around, cause, cost, remedy, table, when};
use super::super::scene::Scene;
use super::super::spell::{self, Rich};
use super::super::words;
use super::{Block, Cell, Fact, Item, Kind, Part, Section, Series, Table, body};

/// Where an incident stands on the page.
pub(super) fn anchor(view: &IncidentView) -> String {
    let id = view.incident.id.chars().filter(char::is_ascii_alphanumeric);
    format!("incident-{}", id.collect::<String>())
}

pub(super) fn part<'a>(scene: &Scene<'a>, view: &'a IncidentView, earlier: &[IncidentView]) -> Part<'a> {
    let incident = &view.incident;
    let mut sections = vec![Section::open("", vec![Block::Facts(facts(scene, view))])];
    let timeline = &incident.timeline;
    let (points, step_seconds) = (&*timeline.points, timeline.step_seconds);
    if points.len() > 1 {
        let series = Series { incident, points, step_seconds };
        sections.push(Section::open("Timeline", vec![Block::Timeline(series)]));
    }
    if let Some(other) = earlier.iter().find(|other| says_the_same(&other.body, &view.body)) {
        let id = escape::text(&other.incident.id);
        let text =
            format!("Who holds the table, what to do and why: see incident {id}; one table tells of both.");
        sections.push(Section::open("", vec![Block::Paragraph(text.into())]));
    } else {
        sections.extend(body::sections(scene, &view.body, remedy::told_above(view, earlier)));
        sections.extend(snapshots(scene, &view.snapshots));
        sections.extend(changes(scene, &view.changes));
    }
    if !incident.around.is_empty() {
        let items = incident
            .around
            .iter()
            .map(|line| Item::new("·", around::around(scene, incident, line)))
            .collect();
        sections.push(Section::folded("Around it", vec![Block::Items(items)]));
    }
    if !incident.lines.is_empty() {
        let lines = incident.lines.iter().map(|line| escape::bytes(line)).collect();
        sections.push(Section::folded("First and last lines", vec![Block::Lines(lines)]));
    }
    let title = format!("{}: {}", scene.host(incident), words::table(incident.table));
    let aside = format!("incident {}", escape::text(&incident.id));
    Part { anchor: anchor(view), title, aside, sections }
}

/// Two incidents are explained by one table, in the same way.
fn says_the_same(a: &Body, b: &Body) -> bool {
    a.census.is_some()
        && a.census == b.census
        && a.verdict.cause == b.verdict.cause
        && a.remedies == b.remedies
}

fn facts(scene: &Scene<'_>, view: &IncidentView) -> Vec<Fact> {
    let incident = &view.incident;
    let doubts = when::doubts(&incident.times);
    let mut details: Vec<Rich> = (!doubts.is_empty()).then(|| doubts.into()).into_iter().collect();
    details.extend(when::recurrence(scene, view));
    let facts = [
        ("When", when::when(scene, incident), details),
        ("Where", when::place(view), vec![]),
        ("Cost", cost::cost(incident), cost::details(scene, &incident.drops)),
        ("Counters", cost::counters(view), vec![]),
        cause_fact(&view.body),
        ("Trust", cause::trust(view), vec![]),
    ];
    said(facts)
}

fn cause_fact(body: &Body) -> (&'static str, String, Vec<Rich>) {
    let contributing = cause::contributing(&body.verdict).map(Rich::from);
    ("Cause", cause::cause(&body.verdict), contributing.into_iter().collect())
}

/// Facts of which something is said.
fn said(facts: impl IntoIterator<Item = (&'static str, String, Vec<Rich>)>) -> Vec<Fact> {
    let said = facts.into_iter().filter(|(_, text, _)| !text.is_empty());
    said.map(|(label, text, details)| Fact { label, text: text.into(), details }).collect()
}

pub(super) fn snapshot<'a>(scene: &Scene<'_>, view: &SnapshotView) -> Part<'a> {
    let host = view.host.as_deref().map_or_else(
        || "conntrack table".to_owned(),
        |host| format!("{}: conntrack table", escape::text(host)),
    );
    let taken = view.facts.taken_at.map(|at| scene.clock.moment(at)).unwrap_or_default();
    let note = view.facts.note.iter().map(|note| scene.rich_prose(note)).collect();
    let mut facts = said([
        ("Taken", taken, vec![]),
        ("Where", words::namespace(&view.namespace, view.holder.as_ref()).unwrap_or_default(), vec![]),
        ("Table", table::usage(&view.facts), note),
        cause_fact(&view.body),
    ]);
    if scene.report.snapshots.len() > 1 || !scene.report.incidents.is_empty() {
        let text = scene.rich_all_prose(&view.body.verdict.summary);
        facts.push(Fact { label: "In short", text, details: vec![] });
    }
    let mut sections = vec![Section::open("", vec![Block::Facts(facts)])];
    sections.extend(body::sections(scene, &view.body, None));
    let id: String = view.id.chars().filter(char::is_ascii_alphanumeric).collect();
    Part {
        anchor: format!("table-{id}"),
        title: format!("{host} of no incident"),
        aside: scene.input_name(&view.id),
        sections,
    }
}

fn snapshots<'a>(scene: &Scene<'_>, uses: &[SnapshotUse]) -> Option<Section<'a>> {
    let uses = table::of_tables(uses);
    let items = uses.iter().map(|facts| Item {
        under: facts.note.as_ref().map(|note| scene.rich_prose(note)),
        ..Item::new("·", table::used(scene, facts, uses.len() == 1).into())
    });
    (!uses.is_empty()).then(|| Section::folded("Tables used", vec![Block::Items(items.collect())]))
}

fn changes<'a>(scene: &Scene<'_>, changes: &[Change]) -> Option<Section<'a>> {
    let mut table = Table::new(&[
        ("entries of", Kind::Key),
        ("first", Kind::Number),
        ("at the incident", Kind::Number),
        ("last", Kind::Number),
    ]);
    for change in changes {
        let cells = vec![
            Cell::text(scene.say(&change.key)),
            Cell::text(spell::number(change.before)),
            Cell::text(change.at.map(spell::number).unwrap_or_default()),
            Cell::text(spell::number(change.after)),
        ];
        table.row(cells, None);
    }
    (!changes.is_empty()).then(|| Section::folded("From table to table", vec![Block::Table(table)]))
}
