//! One incident, or one table that belongs to none: when, what it cost, and everything said about it.

use std::fmt::Write as _;

use crate::model::diagnosis::Body;
use crate::model::incident::{Incident, Times};
use crate::model::report::{Change, IncidentView, Role, SnapshotUse, SnapshotView};
use crate::model::sentence::noun;
use crate::model::time::{SECOND_US, WallTime};

use super::super::escape;
use super::super::scene::Scene;
use super::super::spell::{self, FIRM};
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
    set_where(incident, page);
    set_cost(scene, incident, page);
    set_counters(view, page);
    set_cause(&view.body, page);
    set_proof(view, page);
    timeline::set(scene, incident, page);
    if let Some(other) = earlier.iter().find(|other| says_the_same(&other.body, &view.body)) {
        set_reference(other, page);
    } else {
        set_body(scene, &view.body, page);
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
    if let Some(namespace) = words::namespace(&view.namespace) {
        page.labelled("Where", &namespace);
    }
    let usage = usage(&view.facts);
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
    set_body(scene, &view.body, page);
}

fn set_body(scene: &Scene<'_>, body: &Body, page: &mut Page) {
    who::set(scene, body, page);
    remedies::set(scene, &body.remedies, page);
    remedies::set_will_not_help(scene, &body.will_not_help, page);
    remedies::set_what_if(scene, &body.what_if, page);
    if let Some(view) = &body.census {
        census::set(view, page);
    }
    why::set_evidence(scene, &body.evidence, page);
    why::set_runners_up(scene, &body.runners_up, page);
}

fn set_when(scene: &Scene<'_>, incident: &Incident, page: &mut Page) {
    let times = &incident.times;
    let mut when = match (times.start, times.end) {
        (Some(start), Some(end)) => {
            let lasted = end.0.saturating_sub(start.0);
            let lasted = if lasted > 0 { format!(", {}", seconds(lasted)) } else { String::new() };
            format!("{}{lasted}", scene.clock.span(start, end))
        }
        (Some(only), None) | (None, Some(only)) => scene.clock.moment(only),
        (None, None) => since_boot(times),
    };
    if incident.ongoing {
        when.push_str("; may still be going on where the log ends");
    }
    page.labelled("When", &when);
    let doubts = doubts(times);
    if !doubts.is_empty() {
        page.aside(&doubts);
    }
}

/// `3 times in these logs: always at the same time of the day …`
fn set_recurrence(scene: &Scene<'_>, view: &IncidentView, page: &mut Page) {
    let Some(recurrence) = &view.recurrence else { return };
    let times = spell::number(recurrence.occurrences);
    page.aside(&format!("{times}{FIRM}times in these logs, {}", scene.say(&recurrence.pattern)));
}

fn since_boot(times: &Times) -> String {
    match times.since_boot_us {
        Some((from, to)) => {
            format!("{} to {} after boot; the time of day is not known", seconds(from), seconds(to))
        }
        None => "the log says neither when nor how long after boot".to_owned(),
    }
}

/// How far the times may be trusted.
fn doubts(times: &Times) -> String {
    let mut parts: Vec<String> = words::basis(times.basis).map(str::to_owned).into_iter().collect();
    if i64::from(times.precision_us) >= SECOND_US {
        parts.push("stamps to the second".to_owned());
    }
    match times.uncertainty_us {
        Some(us) if us < SECOND_US => {}
        Some(us) => parts.push(format!("off by at most {}", seconds(us))),
        None if times.start.is_some() => parts.push("how far off is not known".to_owned()),
        None => {}
    }
    parts.join("; ")
}

fn seconds(us: i64) -> String {
    spell::duration(us as f64 / SECOND_US as f64)
}

fn set_where(incident: &Incident, page: &mut Page) {
    let boot = incident.boot.map(|boot| format!("boot {}", boot.uuid()));
    let parts: Vec<String> = words::namespace(&incident.namespace).into_iter().chain(boot).collect();
    if !parts.is_empty() {
        page.labelled("Where", &parts.join(", "));
    }
}

fn set_cost(scene: &Scene<'_>, incident: &Incident, page: &mut Page) {
    let drops = &incident.drops;
    let noun = if drops.low == 1 && drops.high.is_none_or(|high| high == 1) { "packet" } else { "packets" };
    page.labelled(
        "Cost",
        &format!(
            "{}{FIRM}{noun} {} dropped ({})",
            words::drops(drops),
            words::refused(incident.table),
            words::drops_method(drops)
        ),
    );
    let mut seen = format!("{} in the log", spell::count(drops.visible, noun::LINE));
    if drops.repeated > 0 {
        let _ = write!(seen, " ({} of them as repetitions)", spell::number(drops.repeated));
    }
    let _ = write!(seen, ", {} more reported as suppressed", spell::number(drops.suppressed));
    page.aside(&seen);
    if !drops.widened_by.is_empty() {
        let why: Vec<String> = drops.widened_by.iter().map(words::widening).collect();
        page.aside(&format!("wide because {}", why.join("; ")));
    }
    if let Some((low, high)) = drops.host_total {
        let high = high.map_or_else(|| "an unknown number".to_owned(), spell::number);
        page.aside(&format!("all namespaces of the host together: {} to {high}", spell::number(low)));
    }
    if drops.streams.len() > 1 {
        for stream in &drops.streams {
            let leads = if stream.leads { " (leads)" } else { "" };
            page.aside(&format!(
                "{}: {}, {} suppressed{leads}",
                scene.input_name(&stream.input),
                spell::count(stream.visible, noun::LINE),
                spell::number(stream.suppressed)
            ));
        }
    }
}

/// By how much the kernel's counters grew, those that did; a counter that fell was reset or wrapped.
fn set_counters(view: &IncidentView, page: &mut Page) {
    let Some((before, after)) = &view.counters else { return };
    let (Some(before), Some(after)) = (before.stat, after.stat) else { return };
    let grown = [
        ("drop", before.drop, after.drop),
        ("early_drop", before.early_drop, after.early_drop),
        ("insert_failed", before.insert_failed, after.insert_failed),
        ("chaintoolong", before.chain_too_long, after.chain_too_long),
        ("invalid", before.invalid, after.invalid),
    ];
    let parts: Vec<String> = grown
        .into_iter()
        .filter_map(|(name, before, after)| match after?.checked_sub(before?) {
            Some(0) => None,
            Some(growth) => Some(format!("{name}{FIRM}+{}", spell::number(growth))),
            None => Some(format!("{name}{FIRM}fell")),
        })
        .collect();
    if !parts.is_empty() {
        page.labelled("Counters", &parts.join(", "));
    }
}

fn set_cause(body: &Body, page: &mut Page) {
    let verdict = &body.verdict;
    let mut text = words::cause_and_confidence(verdict.cause, verdict.confidence);
    if let Some(rate) = verdict.rate_per_second {
        let _ = write!(text, ", new entries {}", spell::rate(rate));
    }
    page.labelled("Cause", &text);
    if !verdict.contributing.is_empty() {
        let also: Vec<&str> = verdict.contributing.iter().map(|cause| cause.0).collect();
        page.aside(&format!("contributing: {}", also.join(", ")));
    }
}

fn set_proof(view: &IncidentView, page: &mut Page) {
    let mut text = words::trust(view.incident.trust).to_owned();
    if !view.confirmed_by.is_empty() {
        let _ = write!(text, "; confirmed by {}", view.confirmed_by.join(", "));
    }
    page.labelled("Trust", &text);
}

/// `30,611 of at most 32,768 entries (93 %), 29,999 listed, 4,096 buckets`
fn usage(facts: &SnapshotUse) -> String {
    let mut parts = Vec::new();
    let held = facts.count.or(facts.listed);
    parts.extend(match (held, facts.max) {
        (Some(held), Some(max)) if held > max.saturating_add(max / 10) => {
            Some(format!("{} where at most {} fit", spell::number(held), spell::count(max, noun::ENTRY)))
        }
        (Some(held), Some(max)) => Some(format!(
            "{} of at most {} ({})",
            spell::number(held),
            spell::count(max, noun::ENTRY),
            words::part(held.min(max), max)
        )),
        (Some(held), None) => Some(format!("{}, limit not known", spell::count(held, noun::ENTRY))),
        (None, Some(max)) => Some(format!("limit {}, count not known", spell::count(max, noun::ENTRY))),
        (None, None) => None,
    });
    let listed = facts.listed.filter(|listed| facts.count.is_some_and(|count| count != *listed));
    parts.extend(listed.map(|listed| format!("{}{FIRM}listed", spell::number(listed))));
    parts.extend(facts.buckets.map(|buckets| spell::count(buckets, noun::BUCKET)));
    let duplicates = facts.duplicates_removed.filter(|n| *n > 0);
    parts.extend(duplicates.map(|n| format!("{}{FIRM}duplicates left out", spell::number(n))));
    if !facts.complete {
        parts.push("not read whole".to_owned());
    }
    parts.join(", ")
}

fn set_snapshots(scene: &Scene<'_>, uses: &[SnapshotUse], page: &mut Page) {
    if uses.is_empty() {
        return;
    }
    page.heading("Tables used");
    for facts in uses {
        let leads = if facts.leads && uses.len() > 1 { "; what is said above rests on it" } else { "" };
        let name = scene.input_name(&facts.id);
        page.item(4, "·", &format!("{name} ({}): {}{leads}", role_and_offset(facts), usage(facts)));
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

/// `at, 2 min after its first line`
fn role_and_offset(facts: &SnapshotUse) -> String {
    let role = words::role(facts.role);
    let at_start = facts.offset_seconds.filter(|seconds| *seconds != 0.0 || facts.role != Role::At);
    match at_start {
        Some(seconds) if seconds < 0.0 => {
            format!("{role}, {} before its first line", spell::duration(-seconds))
        }
        Some(seconds) => format!("{role}, {} after its first line", spell::duration(seconds)),
        None => role.to_owned(),
    }
}

fn set_around(scene: &Scene<'_>, incident: &Incident, page: &mut Page) {
    if incident.around.is_empty() {
        return;
    }
    page.heading("Around it");
    let day = |at: WallTime| scene.clock.local(at).split(FIRM).next().map(str::to_owned);
    let own = incident.times.start.and_then(day);
    for around in &incident.around {
        let at = around.at.map(|at| {
            let same = own.is_none() || day(at) == own;
            let at = if same { scene.clock.time_of_day(at) } else { scene.clock.local(at) };
            format!("{at}{FIRM}")
        });
        let at = at.unwrap_or_default();
        // A sum of packets says its number itself.
        let times = if around.count > 1 && !words::is_sum(around.kind) {
            format!(" ({} times)", spell::number(around.count))
        } else {
            String::new()
        };
        let said = scene.say(&around.fact);
        let from = scene.input_name(&around.from);
        page.item(4, "·", &format!("{at}{}: {said}{times} [{from}]", words::related(around.kind)));
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
