//! One incident, or one table that belongs to none: when, what it cost, and everything said about it.

use crate::model::diagnosis::Body;
use crate::model::incident::Incident;
use crate::model::report::{Change, IncidentView, SnapshotUse, SnapshotView};

use super::super::escape;
use super::super::phrase::{around, cause, cost, remedy, table, when};
use super::super::scene::Scene;
use super::super::spell;
use super::super::words;
use super::page::{Page, Style};
use super::table::{Fit, Table};
use super::wrap::Indent;
use super::{census, remedies, timeline, who, why};

/// `earlier` are the incidents above it on the page: what one table says of several is said once.
pub(super) fn set(scene: &Scene<'_>, view: &IncidentView, earlier: &[IncidentView], page: &mut Page) {
    let incident = &view.incident;
    let title = format!("{}: {}", scene.host(incident), words::table(incident.table));
    page.banner(&title, &format!("incident {}", escape::text(&incident.id)));
    page.gap();
    set_when(scene, incident, page);
    set_recurrence(scene, view, page);
    set_where(view, page);
    set_cost(scene, incident, page);
    set_counters(view, page);
    set_cause(&view.body, page);
    set_proof(view, page);
    timeline::set(scene, incident, page);
    if let Some(other) = earlier.iter().find(|other| says_the_same(&other.body, &view.body)) {
        set_reference(other, page);
    } else {
        set_body(scene, &view.body, remedy::told_above(view, earlier), page);
        set_snapshots(scene, &view.snapshots, page);
        set_changes(scene, &view.changes, page);
    }
    set_around(scene, incident, page);
    set_lines(incident, page);
}

/// Two incidents are explained by one table, in the same way.
fn says_the_same(a: &Body, b: &Body) -> bool {
    a.census.is_some()
        && a.census == b.census
        && a.verdict.cause == b.verdict.cause
        && a.remedies == b.remedies
}

fn set_reference(other: &IncidentView, page: &mut Page) {
    page.gap();
    let id = escape::text(&other.incident.id);
    let text =
        format!("Who holds the table, what to do and why: see incident {id}; one table tells of both.");
    page.paragraph(Style::Plain, Indent::all(2), &text);
}

/// A table that belongs to no incident.
pub(super) fn set_snapshot(scene: &Scene<'_>, view: &SnapshotView, page: &mut Page) {
    let host = view.host.as_deref().map_or_else(
        || "conntrack table".to_owned(),
        |host| format!("{}: conntrack table", escape::text(host)),
    );
    page.banner(&format!("{host} of no incident"), &scene.input_name(&view.id));
    page.gap();
    if let Some(at) = view.facts.taken_at {
        page.labelled("Taken", &scene.clock.moment(at));
    }
    if let Some(namespace) = words::namespace(&view.namespace, view.holder.as_ref()) {
        page.labelled("Where", &namespace);
    }
    let usage = table::usage(&view.facts);
    if !usage.is_empty() {
        page.labelled("Table", &usage);
    }
    if let Some(note) = &view.facts.note {
        page.aside(&scene.prose(note));
    }
    set_cause(&view.body, page);
    if scene.report.snapshots.len() > 1 || !scene.report.incidents.is_empty() {
        page.labelled("In short", &scene.all_prose(&view.body.verdict.summary));
    }
    set_body(scene, &view.body, None, page);
}

/// `above`: an incident above it on the page has the same remedies.
fn set_body(scene: &Scene<'_>, body: &Body, above: Option<&IncidentView>, page: &mut Page) {
    who::set(scene, body, page);
    match above {
        Some(above) => {
            page.heading(remedy::TITLE);
            page.paragraph(Style::Plain, Indent::all(4), &remedy::as_above(above));
        }
        None => remedies::set(scene, &body.remedies, page),
    }
    remedies::set_will_not_help(scene, &body.will_not_help, page);
    remedies::set_what_if(scene, &body.what_if, page);
    if let Some(view) = &body.census {
        census::set(view, page);
    }
    why::set_evidence(scene, &body.evidence, page);
    why::set_runners_up(scene, &body.runners_up, page);
}

fn set_when(scene: &Scene<'_>, incident: &Incident, page: &mut Page) {
    page.labelled("When", &when::when(scene, incident));
    let doubts = when::doubts(&incident.times);
    if !doubts.is_empty() {
        page.aside(&doubts);
    }
}

fn set_recurrence(scene: &Scene<'_>, view: &IncidentView, page: &mut Page) {
    if let Some(text) = when::recurrence(scene, view) {
        page.aside(&text.ticked());
    }
}

fn set_where(view: &IncidentView, page: &mut Page) {
    let place = when::place(view);
    if !place.is_empty() {
        page.labelled("Where", &place);
    }
}

fn set_cost(scene: &Scene<'_>, incident: &Incident, page: &mut Page) {
    page.labelled("Cost", &cost::cost(incident));
    for detail in cost::details(scene, &incident.drops) {
        page.aside(&detail.ticked());
    }
}

fn set_counters(view: &IncidentView, page: &mut Page) {
    let counters = cost::counters(view);
    if !counters.is_empty() {
        page.labelled("Counters", &counters);
    }
}

fn set_cause(body: &Body, page: &mut Page) {
    page.labelled("Cause", &cause::cause(&body.verdict));
    if let Some(also) = cause::contributing(&body.verdict) {
        page.aside(&also);
    }
}

fn set_proof(view: &IncidentView, page: &mut Page) {
    page.labelled("Trust", &cause::trust(view));
}

fn set_snapshots(scene: &Scene<'_>, uses: &[SnapshotUse], page: &mut Page) {
    let uses = table::of_tables(uses);
    if uses.is_empty() {
        return;
    }
    page.heading("Tables used");
    for facts in &uses {
        page.item(4, "·", &table::used(scene, facts, uses.len() == 1));
        if let Some(note) = &facts.note {
            page.paragraph(Style::Dim, Indent::all(6), &scene.prose(note));
        }
    }
}

fn set_changes(scene: &Scene<'_>, changes: &[Change], page: &mut Page) {
    if changes.is_empty() {
        return;
    }
    page.heading("From table to table");
    let mut table = Table::new(&[
        ("entries of", Fit::Whole),
        ("first", Fit::Number),
        ("at the incident", Fit::Number),
        ("last", Fit::Number),
    ]);
    for change in changes {
        let at = change.at.map(spell::number).unwrap_or_default();
        let key = scene.say(&change.key);
        table.row(vec![key, spell::number(change.before), at, spell::number(change.after)]);
    }
    table.set(page, 4);
}

fn set_around(scene: &Scene<'_>, incident: &Incident, page: &mut Page) {
    if incident.around.is_empty() {
        return;
    }
    page.heading("Around it");
    for line in &incident.around {
        page.item(4, "·", &around::around(scene, incident, line).ticked());
    }
}

fn set_lines(incident: &Incident, page: &mut Page) {
    if incident.lines.is_empty() {
        return;
    }
    page.heading("First and last lines");
    for line in &incident.lines {
        page.paragraph(Style::Dim, Indent { first: 4, rest: 6 }, &escape::bytes(line));
    }
}
