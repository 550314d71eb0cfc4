//! The two tables, and what is demanded of them.

use crate::answer;
use crate::case::{Case, Kind};
use crate::run::Outcome;

/// Of the incidents from the field, so many less than all must be right first under every seed.
const FIELD_MISSES: usize = 2;
/// Share of the seeds under which the other cases must be right first.
const OTHERS_RIGHT: f64 = 0.9;
/// Cases for which there is no rule yet: they are run and shown, and nothing is demanded of them.
const NOT_YET: &str = include_str!("not-yet.txt");

/// Names of the cases without a rule.
pub(crate) fn not_yet() -> Vec<&'static str> {
    NOT_YET.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Prints the tables and gives what is wrong.
pub(crate) fn judge(cases: &[Case], seeds: &[u64], outcomes: &[Outcome]) -> Vec<String> {
    let not_yet = not_yet();
    let of = |case: usize| outcomes.iter().filter(move |outcome| outcome.case == case);
    let mut wrong = Vec::new();
    for (title, is) in [
        ("incidents from the field", (|kind| kind == Kind::Field) as fn(Kind) -> bool),
        ("causes with a case of their own", |kind| kind == Kind::Own),
        ("neighbours that differ in one fact", |kind| matches!(kind, Kind::Neighbour(_))),
    ] {
        if cases.iter().any(|case| is(case.kind)) {
            println!("\n{title}");
            println!(
                "{:<34} {:<30} {:<28} {:<28} {:>7} {:>7}",
                "case", "expected", "answered", "second", "first", "second"
            );
        }
        let mut before = "";
        for (number, case) in cases.iter().enumerate().filter(|(_, case)| is(case.kind)) {
            if let Kind::Neighbour(of) = case.kind
                && of != before
            {
                println!("  {of}");
                before = of;
            }
            let rows: Vec<&Outcome> = of(number).collect();
            println!("{}", row(case, &rows, not_yet.contains(&case.name)));
        }
    }
    for (number, case) in cases.iter().enumerate() {
        let rows: Vec<&Outcome> = of(number).collect();
        let right = first(&rows);
        if not_yet.contains(&case.name) {
            if right == rows.len() {
                wrong.push(format!("{}: right under every seed; take it off not-yet.txt", case.name));
            }
        } else {
            wrong.extend(demanded(case, &rows));
        }
    }
    wrong.extend(rounds(cases, seeds, outcomes, &not_yet));
    let unknown =
        not_yet.iter().filter(|name| cases.len() > 1 && cases.iter().all(|case| case.name != **name));
    wrong.extend(unknown.map(|name| format!("not-yet.txt lists {name}, and no case is called so")));
    wrong
}

/// Tables that no kernel could hold.
pub(crate) fn possible(cases: &[Case], outcomes: &[Outcome]) -> Vec<String> {
    let told = |outcome: &Outcome| {
        let why = outcome.impossible.as_ref()?;
        Some(format!("{} {}: {why}", cases[outcome.case].name, outcome.seed))
    };
    outcomes.iter().filter_map(told).collect()
}

fn row(case: &Case, rows: &[&Outcome], listed: bool) -> String {
    let shown = rows.first().map(|row| answer::shown(&row.answers, case.expected)).unwrap_or_default();
    let of = |place: usize| shown.get(place).copied().unwrap_or("-");
    let within = rows.iter().filter(|row| row.place.is_some_and(|place| place < 2)).count();
    format!(
        "{:<34} {:<30} {:<28} {:<28} {:>7} {:>7}{}",
        case.name,
        case.expected.right.join("|"),
        of(0),
        of(1),
        format!("{}/{}", first(rows), rows.len()),
        format!("{within}/{}", rows.len()),
        if listed { "  (no rule yet)" } else { "" }
    )
}

fn first(rows: &[&Outcome]) -> usize {
    rows.iter().filter(|row| row.place == Some(0)).count()
}

/// What is demanded of a case by itself.
fn demanded(case: &Case, rows: &[&Outcome]) -> Vec<String> {
    let right = first(rows);
    let misses = |least: usize| {
        let seeds: Vec<String> = rows
            .iter()
            .filter(|row| row.place.is_none_or(|place| place >= least))
            .map(|row| {
                let shown = answer::shown(&row.answers, case.expected);
                format!("{} ({})", row.seed, shown.first().unwrap_or(&"-"))
            })
            .take(8)
            .collect();
        seeds.join(", ")
    };
    match case.kind {
        Kind::Field if rows.iter().any(|row| row.place.is_none_or(|place| place > 1)) => {
            vec![format!("{}: not within the first two under the seeds {}", case.name, misses(2))]
        }
        Kind::Own | Kind::Neighbour(_) if (right as f64) < OTHERS_RIGHT * rows.len() as f64 => {
            vec![format!(
                "{}: right first under {right} of {} seeds; not under {}",
                case.name,
                rows.len(),
                misses(1)
            )]
        }
        _ => Vec::new(),
    }
}

/// Of the incidents from the field, all but two must be right first under each seed. Those without a rule are not asked.
fn rounds(cases: &[Case], seeds: &[u64], outcomes: &[Outcome], not_yet: &[&str]) -> Vec<String> {
    let asked = |outcome: &&Outcome| {
        let case = &cases[outcome.case];
        case.kind == Kind::Field && !not_yet.contains(&case.name)
    };
    let mut wrong = Vec::new();
    for seed in seeds {
        let missed: Vec<&str> = outcomes
            .iter()
            .filter(asked)
            .filter(|outcome| outcome.seed == *seed && outcome.place != Some(0))
            .map(|outcome| cases[outcome.case].name)
            .collect();
        if missed.len() > FIELD_MISSES {
            wrong.push(format!("seed {seed}: not right first: {}", missed.join(", ")));
        }
    }
    wrong
}
