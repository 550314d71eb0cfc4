//! What can be done where only the log speaks: look who fills the table while it is full, and gain time meanwhile. Every line
//! is safe to type into a full table: none makes a connection, none deletes an entry, none loads anything.

use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::incident::Namespace;
use crate::model::sentence::{Sentence, Word, noun};
use crate::model::signal::RelatedKind;
use crate::sentence;

use super::super::facts::Case;
use super::super::platform;
use super::place::Way;
use super::{HERE, here};

/// A larger limit may take this share of the machine's memory without a further look: entries are never swapped.
const MEMORY_SHARE: f64 = 0.05;
/// A limit that is raised by less than a quarter gains nothing.
const WORTH_RAISING: f64 = 1.25;
/// Memory is told for so many entries where the limit is not known.
const A_STEP: u64 = 65_536;

/// Saves the table and the sockets while it is full, and counts who leads it.
pub(crate) fn find_out(case: &Case<'_>) -> Remedy {
    let (count, max) = (case.kernel.key("count"), case.kernel.key("max"));
    let file = case.kernel.names.table_file();
    let commands = vec![
        inside(case, format!("sysctl {count} {max}")),
        saved(case, &format!("cat {file}"), Some("conntrack -L -o extended"), "table"),
        // The first source of a line is the one that opened it; the second one belongs to the answers.
        here(r"sed 's/^[^=]*src=\([^ ]*\) .*/\1/' table | sort | uniq -c | sort -rn | head".to_owned(), None),
        saved(case, "ss -tanp", None, "sockets"),
        here("conntriage analyze table sockets".to_owned(), None),
    ];
    Remedy {
        id: "find-out",
        title: "while it is full: read count and limit, save the table and the sockets, and see who leads".into(),
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "names the source with the most entries; the last line names cause and cure".into(),
        },
        side_effects: vec![
            "reading the whole table takes processor time for some seconds, and collects what has expired; a session that cannot be opened any more needs the console".into(),
        ],
        persists: false,
    }
}

/// A larger limit until it is known who fills the table; none where it cannot be had safely.
pub(crate) fn gain_time(case: &Case<'_>) -> Option<Remedy> {
    // Where memory is short already, a larger table takes more of it.
    let is_short = |kind: &RelatedKind| case.marks(*kind).next().is_some();
    if [RelatedKind::AllocationFailed, RelatedKind::TcpMemory].iter().any(is_short) {
        return None;
    }
    let key = case.kernel.key("max");
    let (title, mut commands, room) = match (wanted(case), case.usage.max) {
        (Some(wanted), None) => refused(case, &key, wanted),
        (_, Some(max)) => {
            let limit = affordable(case, max)?;
            let title = sentence![
                "gain time: raise the limit from",
                Word::Number(max),
                "to",
                Word::Count(limit, noun::ENTRY),
                "until it is known who fills the table"
            ];
            let line = format!("sysctl -w {key}={limit}");
            let undo = Some(format!("sysctl -w {key}={max}"));
            let note = sentence!["room for", Word::Count(limit - max, noun::ENTRY), "more, at once"];
            (title, vec![Command { undo, ..one(case, line) }], note)
        }
        (None, None) => doubled(case, &key),
    };
    if case.counters.memory_bytes.is_none() {
        commands.insert(0, here("grep -E '^(MemFree|MemAvailable|Cached)' /proc/meminfo".to_owned(), None));
    }
    let mut side_effects = vec![memory(case)];
    if platform::of(case).kube_proxy {
        side_effects.push("kube-proxy sets its own limit at each start".into());
    }
    side_effects.push("gains time and cures nothing: what fills it goes on".into());
    Some(Remedy {
        id: "gain-time",
        title,
        commands,
        effect: Effect { entries_freed_now: Some(0), steady_state_entries: None, note: room },
        side_effects,
        persists: false,
    })
}

/// The limit that a settings file wants and that was refused when it was to be set.
fn wanted(case: &Case<'_>) -> Option<u64> {
    let refused = case.marks(RelatedKind::SettingRefused).flat_map(|around| &around.about);
    let of_limit = refused.filter(|(about, _)| {
        about
            .name
            .as_deref()
            .is_some_and(|name| crate::model::era::bare_key(&name.replace('/', ".")) == "max")
    });
    of_limit.filter_map(|(about, _)| about.value).max().filter(|value| *value > 0)
}

fn refused(case: &Case<'_>, key: &str, wanted: u64) -> (Sentence, Vec<Command>, Sentence) {
    let title = sentence![
        "gain time: set the limit of",
        Word::Count(wanted, noun::ENTRY),
        "that is configured and was refused, if it is above the one that runs"
    ];
    let lines = [format!("sysctl {key}"), format!("sysctl -w {key}={wanted}")];
    let note =
        "what the settings file asks for is in force then; the first line shows the limit to go back to";
    (title, lines.into_iter().map(|line| one(case, line)).collect(), note.into())
}

fn doubled(case: &Case<'_>, key: &str) -> (Sentence, Vec<Command>, Sentence) {
    let title =
        "gain time: double the limit, if there is memory for it, until it is known who fills the table";
    let double = format!("sysctl -w {key}=$((2 * $(sysctl -n {key})))");
    // The shell that computes must be the one inside.
    let double = match Way::into(case.namespace()) {
        Some(way @ Way::Container(_)) => {
            Command { line: way.enter_shell(&double), place: way.inside(""), undo: None }
        }
        _ => one(case, double),
    };
    let note = "room for as many entries again, at once; the line before it shows the limit to go back to";
    (title.into(), vec![one(case, format!("sysctl {key}")), double], note.into())
}

/// Twice the limit, or as much more as a small part of the memory holds.
fn affordable(case: &Case<'_>, max: u64) -> Option<u64> {
    let twice = max.checked_mul(2)?;
    let Some(memory) = case.counters.memory_bytes else { return Some(twice) };
    let (bytes, _) = case.entry_bytes();
    let room = super::super::arith::rounded(memory as f64 * MEMORY_SHARE)? / bytes.max(1);
    let limit = twice.min(max.saturating_add(room));
    (limit as f64 >= max as f64 * WORTH_RAISING).then_some(limit)
}

fn memory(case: &Case<'_>) -> Sentence {
    let (bytes, measured) = case.entry_bytes();
    let whence: &'static str = if measured {
        "as the slab cache has it"
    } else {
        "an estimate from the kernel's era with extensions"
    };
    sentence![
        "each",
        Word::Count(A_STEP, noun::ENTRY),
        "more take up to",
        Word::Bytes(A_STEP.saturating_mul(bytes)),
        "at full (",
        Word::Text(whence),
        "), which is never swapped"
    ]
}

/// A line of settings: which namespace it is typed in, [`super::place`] says.
fn one(case: &Case<'_>, line: String) -> Command {
    if line.contains(" -w ") { here(line, None) } else { inside_if_container(case, line) }
}

/// The limit is one number for the machine, but for containers that have their own.
fn inside_if_container(case: &Case<'_>, line: String) -> Command {
    if matches!(case.namespace(), Namespace::Container(_)) { inside(case, line) } else { here(line, None) }
}

/// What a command prints inside, in a file outside: the lines after it read it here. `or`: where the first one fails.
fn saved(case: &Case<'_>, line: &str, or: Option<&str>, file: &str) -> Command {
    let way = Way::into(case.namespace());
    let enter = |line: &str| way.as_ref().map_or_else(|| line.to_owned(), |way| way.enter(line));
    let first = format!("{} > {file}", enter(line));
    let line = or.map_or_else(|| first.clone(), |or| format!("{first} || {} > {file}", enter(or)));
    let place = way.as_ref().map_or_else(|| HERE.to_owned(), |way| way.inside(""));
    Command { line, place, undo: None }
}

/// A line that tells of the full namespace.
fn inside(case: &Case<'_>, line: String) -> Command {
    let place = Way::into(case.namespace()).map_or_else(|| HERE.to_owned(), |way| way.inside(""));
    Command { line: super::super::open::inside(case, line), place, undo: None }
}
