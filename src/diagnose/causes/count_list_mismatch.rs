//! C33: the kernel counts far more entries than it lists, and not because they have expired: a module took entries and
//! never gave them back. What must hold: most of the count is in no list, above what may have expired within a pass of
//! the garbage collector. Judged on a count taken after the list, because reading it collects the expired. Neighbours:
//! event-listener-backlog (destroyed entries wait for a listener), counter-wrap (the number itself is impossible),
//! other-namespace (the count is low).

use crate::model::machine::Module;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::arith::share;
use super::super::evidence::{Cited, contradicts, supports};
use super::super::facts::Case;
use super::super::hidden::{Hidden, grows, hidden, impossible, words};
use super::super::open::Open;
use super::super::scales::{Scales, Weight};
use super::super::{remedies, will_not_help};
use super::{Candidate, Tier};

/// Modules known to take entries of their own, and to have leaked them.
const SUSPECTS: [&str; 8] =
    ["pf_ring", "ndpi", "fullcone", "hwnat", "shortcut_fe", "sfe", "qca_nss", "fast_classifier"];
/// Memory that holds this share of the count shows that the entries exist.
const REALLY_THERE: f64 = 0.7;
/// Below this share they do not.
const NOT_THERE: f64 = 0.5;
/// From this share of what is missing on, destroyed entries explain it.
const EXPLAINED: f64 = 0.5;

pub(super) fn judge(case: &Case<'_>) -> Option<Candidate> {
    let hidden = hidden(case).filter(Hidden::is_most)?;
    if impossible(case).is_some() {
        return None;
    }
    let mut scales = Scales::default();
    scales.speaks_for(
        Weight::Strong,
        supports("count-above-list", words(hidden))
            .value("count", hidden.counted as f64)
            .value("listed", hidden.listed as f64)
            .read_in_table(case),
    );
    when(case, &mut scales, hidden);
    let module = modules(case, &mut scales);
    memory(case, &mut scales, hidden);
    dying(case, &mut scales, hidden);
    if let Some(grows) = grows(case) {
        scales.weigh(
            Weight::Strong,
            grows,
            || supports("gap-grows", "the gap has grown from one reading to the next".into()),
            || contradicts("gap-shrinks", "the gap has not grown from one reading to the next".into()),
        );
    }
    let explains = share(hidden.missing(), hidden.counted);
    Some(Candidate {
        summary: summary(hidden, module.as_deref()),
        remedies: vec![remedies::find_module(case), remedies::reboot_later()],
        will_not_help: will_not_help::for_hidden(),
        settles_doubts: true,
        ..Candidate::new(Tier::Decided, explains, scales)
    })
}

/// Whether the count is of after the list, and what may have expired.
fn when(case: &Case<'_>, scales: &mut Scales, hidden: Hidden) {
    if hidden.after {
        scales.speaks_for(
            Weight::Deciding,
            supports(
                "after-collection",
                "the count was taken after the list, whose reading collects what has expired".into(),
            ),
        );
        return;
    }
    if let Some(waiting) = hidden.waiting {
        scales.speaks_for(
            Weight::Slight,
            supports(
                "more-than-expired",
                sentence![
                    "no more than some",
                    Word::Number(waiting),
                    "can have expired and wait to be collected"
                ],
            )
            .value("waiting", waiting as f64),
        );
    }
    scales.not_known(
        Weight::Deciding,
        Open {
            what: "count after the list",
            why: "whether the count was taken before or after the list is not known; reading the list collects what has expired".into(),
            command: Some(format!(
                "cat {} > /dev/null; sysctl {}",
                case.kernel.names.table_file(),
                case.kernel.key("count")
            )),
        },
    );
}

/// A module from outside the kernel that works on entries; its name.
fn modules(case: &Case<'_>, scales: &mut Scales) -> Option<Box<str>> {
    let Some(modules) = &case.counters.machine.modules else {
        scales.not_known(
            Weight::Strong,
            Open {
                what: "modules",
                why: "which modules are loaded was not given: one from outside the kernel may hold entries"
                    .into(),
                command: Some("lsmod; grep -E ' \\([A-Z]*[OP]' /proc/modules".to_owned()),
            },
        );
        return None;
    };
    let suspect = |module: &&Module| {
        let name = module.name.to_ascii_lowercase();
        SUSPECTS.iter().any(|suspect| name.contains(suspect))
    };
    let found = modules.iter().find(suspect);
    let foreign = found.or_else(|| modules.iter().find(|module| module.foreign));
    let Some(module) = foreign else {
        scales.speaks_against(
            Weight::Slight,
            contradicts("no-foreign-module", "no module from outside the kernel is loaded".into()),
        );
        return None;
    };
    let name = Word::Untrusted(module.name.as_bytes().into());
    let known: &'static str = if found.is_some() {
        "is loaded: modules of its kind take entries of their own, and have leaked them before"
    } else {
        "is loaded, from outside the kernel's own tree"
    };
    let weight = if found.is_some() { Weight::Strong } else { Weight::Slight };
    scales.speaks_for(
        weight,
        supports("foreign-module", sentence!["the module", name, known]).read_in_table(case),
    );
    Some(module.name.clone())
}

/// Whether memory holds what is counted.
fn memory(case: &Case<'_>, scales: &mut Scales, hidden: Hidden) {
    let Some(slab) = case.counters.slab_total() else {
        scales.not_known(
            Weight::Slight,
            Open {
                what: "slabinfo",
                why: "how many entries are in memory was not given: it tells a leak from a wrong counter"
                    .into(),
                command: Some("grep conntrack /proc/slabinfo".to_owned()),
            },
        );
        return;
    };
    let there = share(slab.active, hidden.counted);
    let said = sentence!["the kernel's memory holds", Word::Count(slab.active, noun::ENTRY)];
    if there >= REALLY_THERE {
        let evidence = supports("in-memory", said.with(": those that are counted exist"));
        scales.speaks_for(Weight::Strong, evidence.value("active", slab.active as f64).read_in_table(case));
    } else if there < NOT_THERE {
        let evidence = contradicts("not-in-memory", said.with(": those that are counted do not exist"));
        scales.speaks_against(
            Weight::Deciding,
            evidence.value("active", slab.active as f64).read_in_table(case),
        );
    }
}

/// Whether they wait for a listener.
fn dying(case: &Case<'_>, scales: &mut Scales, hidden: Hidden) {
    let Some(dying) = case.counters.dying else { return };
    let part = share(dying, hidden.missing());
    scales.weigh(
        Weight::Deciding,
        part < EXPLAINED,
        || {
            supports(
                "few-dying",
                sentence!["only", Word::Number(dying), "of them wait for a listener (dying)"],
            )
            .value("dying", dying as f64)
            .read_in_table(case)
        },
        || {
            contradicts(
                "dying",
                sentence![Word::Number(dying), "of them are destroyed and wait for a listener"],
            )
            .value("dying", dying as f64)
            .read_in_table(case)
        },
    );
}

fn summary(hidden: Hidden, module: Option<&str>) -> Vec<Sentence> {
    let who = sentence![
        "the kernel counts",
        Word::Count(hidden.counted, noun::ENTRY),
        "and lists only",
        Word::Count(hidden.listed, noun::ENTRY),
        ":",
        Word::Count(hidden.missing(), noun::ENTRY),
        "have leaked"
    ];
    let how = match module {
        Some(name) => sentence![
            "something took them and never gave them back; the foreign module",
            Word::Untrusted(name.as_bytes().into()),
            "is the first suspect"
        ],
        None => {
            sentence!["something in the kernel took them and never gave them back; no traffic holds them"]
        }
    };
    let what = match module {
        Some(_) => "unload that module, then reboot: what has leaked cannot be deleted".into(),
        None => "find the module that holds them, then reboot: what has leaked cannot be deleted".into(),
    };
    vec![who, how, what]
}
