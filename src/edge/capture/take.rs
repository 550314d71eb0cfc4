//! One capture, in the order in which it is of use: what changes at once and costs nothing, the table, the rest.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::bundle::{Directory, Evidence};
use super::clock;
use super::facts::{self, Facts};
use super::namespaces::{self, Place};
use super::netlink::{self, DumpError, Dumped, List};
use super::{owners, procfs, reading};
use crate::model::census::Pair;
use crate::model::fold::FlowSink;
use crate::model::incident::Namespace;
use crate::model::live::clock::Now;
use crate::model::report::Role;
use crate::wire::bundle;
use crate::wire::owners::Owners;

/// The table as netlink gives it: the text of `conntrack -L -o extended,id`.
pub const TABLE: &str = "conntrack-L-extended-id.zst";
/// The table as `/proc` gives it.
pub const TABLE_OF_PROC: &str = "nf_conntrack.zst";

/// Entries that are destroyed, and wait for a listener to take the event.
const DYING: &str = "conntrack-L-dying.zst";
/// How long they may take.
const DYING_BUDGET: Duration = Duration::from_secs(5);
/// How long the search for owners may take.
const OWNERS_BUDGET: Duration = Duration::from_secs(5);

/// What is to be captured.
#[derive(Debug, Clone)]
pub struct Order {
    /// Root of the bundle.
    pub root: PathBuf,
    /// Directory of the capture in it: `capture/1-at`.
    pub directory: String,
    /// Seen from the incident.
    pub role: Option<Role>,
    /// What set it off: `kernel-line`, `near-full`, `by-hand` …
    pub trigger: String,
    /// The namespace, as the manifest names it.
    pub namespace: Namespace,
    /// How it is entered; none: it is the one that this process is in.
    pub enter: Option<Place>,
    /// How long all of it may take.
    pub budget: Duration,
    /// The table too, and what is slow to read; else only what is cheap.
    pub table: bool,
}

/// What was captured.
#[derive(Debug)]
pub struct Captured<P> {
    /// What was folded of the table; none where there is no table.
    pub part: Option<P>,
    /// The dump, without what was folded; none where there is none.
    pub dump: Option<Dumped<(), ()>>,
    /// For the manifest.
    pub record: bundle::Capture,
    /// For the manifest: paths are those in the bundle.
    pub files: Vec<bundle::File>,
    /// What this machine does not have; no gap.
    pub absent: Vec<(String, String)>,
    /// When the cheap facts had been written.
    pub cheap_after: Duration,
}

/// Captures. Fails only where nothing at all can be kept; what could not be read is in the record, with the reason.
pub fn take<S>(order: &Order, new_sink: impl FnMut() -> S + Send) -> io::Result<Captured<S::Part>>
where
    S: FlowSink + Send,
    S::Part: Send,
{
    match &order.enter {
        None => here(order, new_sink),
        Some(place) => match namespaces::inside(place, || here(order, new_sink)) {
            Ok(captured) => captured,
            Err(why) => Err(io::Error::other(why)),
        },
    }
}

/// Captures in the namespace that this thread is in.
fn here<S>(order: &Order, mut new_sink: impl FnMut() -> S) -> io::Result<Captured<S::Part>>
where
    S: FlowSink + Send,
    S::Part: Send,
{
    let (began, started) = (clock::now(), Instant::now());
    let deadline = started + order.budget;
    let mut directory = Directory::create(&order.root.join(&order.directory))?;
    let mut record = record(order, began);
    let mut absent = Vec::new();
    keep(&mut directory, &mut record, &mut absent, facts::cheap());
    let cheap_after = started.elapsed();

    if !order.table {
        record.took_seconds = Some(seconds(started.elapsed()));
        return settled(order, directory, record, absent, cheap_after);
    }
    let (part, dump) = match table(&mut directory, order.budget, &mut new_sink) {
        Ok(dumped) => {
            record.taken_at = Some(dumped.began.wall);
            tell(&mut record, &dumped);
            let (part, dump) = dumped.without_part();
            (Some(part), Some(dump))
        }
        Err(whys) => {
            record.not_read.extend(whys);
            (None, None)
        }
    };
    if let Some(dump) = &dump {
        let mut after = Facts::default();
        let text = after_text(dump);
        if !text.is_empty() {
            after.read.push(facts::Fact { name: "sysctl.after".to_owned(), bytes: text.into_bytes() });
        }
        keep(&mut directory, &mut record, &mut absent, after);
    }
    if dump.is_some() {
        dying(&mut directory, &mut record);
    }
    keep(&mut directory, &mut record, &mut absent, facts::slower(deadline));

    record.took_seconds = Some(seconds(started.elapsed()));
    Ok(Captured { part, dump, ..settled(order, directory, record, absent, cheap_after)? })
}

/// Gives what was kept its name.
fn settled<P>(
    order: &Order,
    directory: Directory,
    mut record: bundle::Capture,
    absent: Vec<(String, String)>,
    cheap_after: Duration,
) -> io::Result<Captured<P>> {
    record.complete = record.not_read.is_empty();
    let mut files = directory.settle()?;
    for file in &mut files {
        file.path = format!("{}/{}", order.directory, file.path);
    }
    Ok(Captured { part: None, dump: None, record, files, absent, cheap_after })
}

/// To the millisecond: more would be noise.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

fn record(order: &Order, began: Now) -> bundle::Capture {
    bundle::Capture {
        dir: order.directory.clone(),
        role: order.role,
        trigger: Some(order.trigger.clone()),
        taken_at: Some(began.wall),
        took_seconds: None,
        namespace: order.namespace.clone(),
        complete: false,
        not_read: Vec::new(),
        entries: None,
        duplicates_removed: None,
        note: None,
    }
}

/// Keeps facts; what cannot be kept is told as what could not be read.
fn keep(
    directory: &mut Directory,
    record: &mut bundle::Capture,
    absent: &mut Vec<(String, String)>,
    facts: Facts,
) {
    for fact in facts.read {
        if let Err(error) = directory.keep(&fact.name, &fact.bytes) {
            record.not_read.push((fact.name, format!("cannot be kept: {}", reading::words(&error))));
        }
    }
    record.not_read.extend(facts.not_read);
    absent.extend(facts.absent);
}

/// A dump with its text kept: no more to be written to.
type Kept<P> = Dumped<P, ()>;

/// The table, by netlink or else from `/proc`, kept.
fn table<S>(
    directory: &mut Directory,
    budget: Duration,
    new_sink: &mut impl FnMut() -> S,
) -> Result<Kept<S::Part>, Vec<(String, String)>>
where
    S: FlowSink + Send,
    S::Part: Send,
{
    match netlink::dump(List::Table, budget, || Ok((new_sink(), directory.begin(TABLE)?))) {
        Ok(dumped) => Ok(settle(directory, TABLE, dumped)),
        Err(DumpError::Keep(error)) => Err(vec![(bare(TABLE), DumpError::Keep(error).to_string())]),
        Err(first) => {
            directory.drop_begun(TABLE);
            let why = (bare(TABLE), first.to_string());
            let opened = directory.begin(TABLE_OF_PROC).map(|out| (new_sink(), out)).map_err(DumpError::Keep);
            match opened.and_then(|open| procfs::dump(budget, facts::release(), first.to_string(), open)) {
                Ok(dumped) => Ok(settle(directory, TABLE_OF_PROC, dumped)),
                Err(second) => {
                    directory.drop_begun(TABLE_OF_PROC);
                    Err(vec![why, (bare(TABLE_OF_PROC), second.to_string())])
                }
            }
        }
    }
}

/// Entries that are destroyed and still counted, kept where there are any. (Kernels before 3.8 have no such list, and
/// nothing is missing then.)
fn dying(directory: &mut Directory, record: &mut bundle::Capture) {
    let open = || Ok((procfs::Nothing, directory.begin(DYING)?));
    let kept = match netlink::dump(List::Dying, DYING_BUDGET, open) {
        Ok(dumped) if dumped.entries > 0 => settle(directory, DYING, dumped).kept,
        Ok(_) | Err(_) => {
            directory.drop_begun(DYING);
            Ok(())
        }
    };
    if let Err(why) = kept {
        record.not_read.push((bare(DYING), format!("cannot be kept: {why}")));
    }
}

/// A name without its compression.
fn bare(name: &str) -> String {
    name.trim_end_matches(".zst").to_owned()
}

fn settle<P>(directory: &mut Directory, name: &str, dumped: Dumped<P, Evidence>) -> Kept<P> {
    let (dumped, kept) = dumped.without_kept();
    let kept = kept.and_then(|file| directory.add(name, file).map_err(|error| reading::words(&error)));
    if kept.is_err() {
        directory.drop_begun(name);
    }
    Dumped { kept, ..dumped }
}

/// What the record says of the dump.
fn tell<P>(record: &mut bundle::Capture, dumped: &Kept<P>) {
    record.entries = Some(dumped.entries);
    record.duplicates_removed = Some(dumped.duplicates);
    record.note = Some(dumped.note());
    let shortfalls = dumped.shortfalls.iter().map(|shortfall| (bare(TABLE), shortfall.words()));
    record.not_read.extend(shortfalls);
    if let Err(why) = &dumped.kept {
        record.not_read.push((bare(TABLE), format!("was counted, and cannot be kept: {why}")));
    }
}

/// The numbers that reading the table changed, as settings.
fn after_text<P, W>(dump: &Dumped<P, W>) -> String {
    let line = |name: &str, value: Option<u64>| {
        value.map(|value| format!("net.netfilter.nf_conntrack_{name} = {value}\n")).unwrap_or_default()
    };
    line("count", dump.count.after) + &line("buckets", dump.buckets.after)
}

/// Who has the sockets of the busiest pairs, in the namespace of a capture. Bounded in time on its own: it is asked when
/// the table has been dumped.
pub fn busiest_owners(order: &Order, pairs: &[Pair]) -> Owners {
    let deadline = Instant::now() + OWNERS_BUDGET.min(order.budget);
    let known = namespaces::known();
    let now = clock::now();
    let find = || owners::owners(pairs, &known, now, deadline);
    let Some(place) = &order.enter else { return find() };
    let found = namespaces::inside(place, find).unwrap_or_else(|why| Owners {
        taken_at: Some(now.wall),
        not_known: vec![("sockets".to_owned(), why)],
        ..Owners::default()
    });
    Owners { namespaces: owners::holder(place).into_iter().collect(), ..found }
}
