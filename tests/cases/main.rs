//! Labelled cases: bundles of machines whose table is full (or seems to be) for a known cause, made from what the evidence
//! of each case says and from nothing else, read by the program as any bundle is, and the verdict held against the cause.
//!
//! What the evidence leaves open (sizes, shares, addresses, the kernel, which files are there) is drawn from the ranges at
//! the top of each case. Seed 0 has the sizes that the evidence states; the other seeds have mostly smaller ones.
//!
//! - `cargo test --test cases`: every case under 50 seeds, the tables, and an exit code.
//! - `CONNTRIAGE_SEEDS=5`: fewer of them; `CONNTRIAGE_SEED=7`: that one alone. `CONNTRIAGE_CASE=name`: that case alone, and
//!   with `CONNTRIAGE_SHOW=1` its report (under the first seed of the run), and where its bundle lies; without a case, the
//!   first lines of all that was said, by cause, to be read.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test program: it writes files and prints"
)]

mod answer;
mod case;
mod draw;
mod field;
mod flow;
mod judge;
mod kernel;
mod life;
mod lines;
mod metamorphic;
mod neighbours;
mod noise;
mod own;
mod possible;
mod run;
mod scene;
mod write;

#[path = "../first_lines/mod.rs"]
mod first_lines;
#[path = "../model/limiter.rs"]
mod limiter;
#[path = "../owned/mod.rs"]
mod owned;

use std::process::ExitCode;

use case::Case;

/// Seeds of a whole run.
const SEEDS: u64 = 50;

fn main() -> ExitCode {
    let told = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let number = |name: &str| told(name).and_then(|number| number.parse::<u64>().ok());
    let seeds: Vec<u64> = match number("CONNTRIAGE_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("CONNTRIAGE_SEEDS").unwrap_or(SEEDS).max(1)).collect(),
    };
    let mut cases = all();
    if let Some(name) = told("CONNTRIAGE_CASE") {
        cases.retain(|case| case.name == name);
        if cases.is_empty() {
            eprintln!("no case is called {name}");
            return ExitCode::from(2);
        }
        if told("CONNTRIAGE_SHOW").is_some() {
            let (directory, text) = run::shown(&cases[0], seeds[0]);
            println!("{text}\nthe bundle lies in {}", directory.display());
        }
    }
    let outcomes = run::all(&cases, &seeds);
    let mut wrong = judge::judge(&cases, &seeds, &outcomes);
    wrong.extend(lines::judge(&cases, &outcomes));
    wrong.extend(judge::possible(&cases, &outcomes));
    if told("CONNTRIAGE_CASE").is_none() && told("CONNTRIAGE_SHOW").is_some() {
        lines::show(&cases, &outcomes);
    }
    wrong.extend(metamorphic::judge(&cases, |case| !judge::not_yet().contains(&case.name)));
    for line in &wrong {
        println!("WRONG: {line}");
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every case.
fn all() -> Vec<Case> {
    [field::cases(), own::cases(), neighbours::cases()].concat()
}
