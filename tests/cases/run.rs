//! Runs cases on all cores: bundle on disk, the program's own reading, its answer.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use conntriage::app::analyze;
use conntriage::cli::args::{Colour, Format};
use conntriage::cli::plan::{AnalyzePlan, QUIET_SECONDS};
use conntriage::model::report::{Report, Settings};
use conntriage::report::text;

use crate::answer::{self, answers};
use crate::case::Case;
use crate::first_lines::{self, Head};
use crate::possible;
use crate::write;

/// Threads: as many as cores, and not more than a small machine has.
const THREADS_MAX: usize = 4;

/// What became of a case under one seed.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) case: usize,
    pub(crate) seed: u64,
    pub(crate) answers: Vec<&'static str>,
    /// Place of the right answer.
    pub(crate) place: Option<usize>,
    /// What of its table no kernel could hold.
    pub(crate) impossible: Option<String>,
    /// First lines of all that it says.
    pub(crate) heads: Vec<Head>,
}

/// Runs every case under every seed. The order of the outcomes is that of cases and seeds.
pub(crate) fn all(cases: &[Case], seeds: &[u64]) -> Vec<Outcome> {
    each(cases.len() * seeds.len(), |number| {
        let (case, seed) = (number / seeds.len(), seeds[number % seeds.len()]);
        let directory = tempfile::tempdir().unwrap();
        let (report, impossible) = report(&cases[case], seed, directory.path());
        let answers = answers(&report);
        let place = answer::place(&answers, cases[case].expected);
        Outcome { case, seed, answers, place, impossible, heads: first_lines::heads(&report) }
    })
}

/// Does a number of jobs on all cores; the results stand in the order of the jobs.
pub(crate) fn each<T: Send>(jobs: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(jobs));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= jobs {
                        return;
                    }
                    let result = job(number);
                    done.lock().unwrap().push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Writes a case below a directory and reads it; with what of its table no kernel could hold.
fn report(case: &Case, seed: u64, directory: &Path) -> (Report, Option<String>) {
    let mut scene = (case.make)(case.name, seed);
    write::bundle(&mut scene, directory);
    (analyze(directory), possible::wrong(&scene))
}

/// What `analyze DIRECTORY --tz UTC --year 2026 --format json` would print, before it is printed.
pub(crate) fn analyze(directory: &Path) -> Report {
    analyze::report(&plan(directory), Some("UTC".to_owned()))
}

fn plan(directory: &Path) -> AnalyzePlan {
    AnalyzePlan {
        paths: vec![directory.to_owned()],
        settings: Settings {
            zone: Some("UTC".into()),
            year: Some(2026),
            top: 10,
            quiet_seconds: QUIET_SECONDS,
            ..Settings::default()
        },
        format: Format::Json,
        output: None,
        colour: Colour::Never,
        fail_on_incident: false,
        progress: false,
        shown_zone: "UTC".to_owned(),
        mail: None,
    }
}

/// Writes a case where it stays, and gives the place and the report as text.
pub(crate) fn shown(case: &Case, seed: u64) -> (PathBuf, String) {
    let directory = std::env::temp_dir().join(format!("conntriage-case-{}-{seed}", case.name));
    let _ = std::fs::remove_dir_all(&directory);
    let (report, _) = report(case, seed, &directory);
    (directory, text::render(&report, text::Look { width: 120, colour: false }))
}
