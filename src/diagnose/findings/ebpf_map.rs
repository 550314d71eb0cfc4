//! L6: a data path in eBPF (Cilium, Calico) keeps connections in a map of its own. A full map drops packets while the
//! kernel's table, which everybody looks at, is nearly empty.

use crate::model::diagnosis::{Command, Effect, Finding, Remedy};
use crate::model::sentence::Word;
use crate::sentence;

use super::super::causes::EBPF_MAP;
use super::super::evidence::{Cited, context, supports};
use super::super::facts::Case;

/// Above this share of its limit the kernel's table is where connections are.
const NEARLY_EMPTY: f64 = 0.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Cilium,
    Calico,
}

pub(super) fn find(case: &Case<'_>) -> Option<Finding> {
    let usage = case.usage.share().filter(|usage| *usage < NEARLY_EMPTY)?;
    let path = path(case)?;
    let (name, shown): (&'static str, &'static str) = match path {
        Path::Cilium => ("Cilium", "an interface or a rule of Cilium's stands in the inputs"),
        Path::Calico => ("Calico", "an interface of Calico's eBPF data path stands in the inputs"),
    };
    Some(Finding {
        host: None,
        cause: EBPF_MAP,
        summary: vec![
            sentence![
                Word::Text(name),
                "keeps connections in an eBPF map of its own; the kernel's table (at",
                Word::Share(usage),
                ") hardly has any"
            ],
            sentence!["look at how full that map is: when it is, packets are lost without a line in the log"],
        ],
        evidence: vec![
            supports("ebpf-data-path", shown.into()).read_in_table(case),
            context("map-not-read", "how full the map is is in none of the inputs".into()),
        ],
        remedies: vec![remedy(path)],
    })
}

fn path(case: &Case<'_>) -> Option<Path> {
    let interface = |prefix: &str| {
        case.counters
            .addresses
            .iter()
            .any(|local| local.interface.as_deref().is_some_and(|i| i.starts_with(prefix)))
    };
    let rule = |word: &str| {
        let rules = case.counters.rules.as_ref();
        rules.is_some_and(|rules| rules.untracked.iter().any(|rule| rule.to_ascii_lowercase().contains(word)))
    };
    if interface("cilium_") || rule("cilium") {
        Some(Path::Cilium)
    } else {
        (interface("bpfin.cali") || interface("bpfout.cali")).then_some(Path::Calico)
    }
}

fn remedy(path: Path) -> Remedy {
    let inside =
        |line: &str, place: &str| Command { line: line.to_owned(), place: place.to_owned(), undo: None };
    let commands = match path {
        Path::Cilium => vec![
            inside(
                "cilium-dbg bpf ct list global | wc -l",
                "the Cilium pod of this node (before 1.15: cilium)",
            ),
            inside("cilium-dbg status --verbose | grep -i -A 3 conntrack", "the Cilium pod of this node"),
            inside(
                "bpf-map-dynamic-size-ratio: \"0.005\"",
                "ConfigMap cilium-config, if the map is full: twice the usual share of memory",
            ),
        ],
        Path::Calico => {
            vec![inside("calico-node -bpf conntrack dump | wc -l", "the calico-node pod of this node")]
        }
    };
    Remedy {
        id: "ebpf-map",
        title: "see how full the map is, and give it more room or shorter timeouts if it is full".into(),
        commands,
        effect: Effect { note: "does nothing to the kernel's table".into(), ..Effect::default() },
        side_effects: vec![
            "a map of another size is made anew when the agent restarts: connections of that moment are cut"
                .into(),
        ],
        persists: true,
    }
}
