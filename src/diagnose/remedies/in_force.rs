//! Making a limit run that is configured already, and keeping it from being lost the same way again.

use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::era::Names;
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::facts::Case;
use super::super::limits::memory_words;
use super::super::wanted::{Lost, Wanted, unloads};
use super::kube_proxy::kube_proxy_limit;
use super::{IPTABLES_CONFIG, here, in_file, persist};

/// The configured limit, now and after the next boot, reload or restart.
pub(crate) fn put_in_force(case: &Case<'_>, wanted: &Wanted, lost: Option<Lost<'_>>) -> Vec<Remedy> {
    let key = case.kernel.key("max");
    let undo = case.usage.max.map(|max| format!("sysctl -w {key}={max}"));
    let mut commands = vec![here(format!("sysctl -w {key}={}", wanted.max), undo)];
    let by_kube_proxy = matches!(lost, Some(Lost::Overwritten(_)));
    if !by_kube_proxy {
        commands.extend(order(case, wanted));
    }
    let room = wanted.max.saturating_sub(case.usage.held().unwrap_or(0));
    let mut out = vec![Remedy {
        id: "limit-in-force",
        title: sentence![
            "make the configured limit of",
            Word::Count(wanted.max, noun::ENTRY),
            "run now, and see to it that it is not lost again"
        ],
        commands,
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: sentence![
                "room for",
                Word::Count(room, noun::ENTRY),
                "more, at once and without losing a connection"
            ],
        },
        side_effects: side_effects(case, wanted),
        persists: !by_kube_proxy,
    }];
    if by_kube_proxy {
        out.push(kube_proxy_limit(case, wanted.max));
    }
    out
}

/// The configured limit where a container wrote over it: files and the order in which they are read change nothing there.
pub(crate) fn put_back(case: &Case<'_>, wanted: &Wanted) -> Remedy {
    let key = case.kernel.key("max");
    let undo = case.usage.max.map(|max| format!("sysctl -w {key}={max}"));
    let room = wanted.max.saturating_sub(case.usage.held().unwrap_or(0));
    Remedy {
        id: "limit-in-force",
        title: sentence![
            "for now: set the configured limit of",
            Word::Count(wanted.max, noun::ENTRY),
            "again"
        ],
        commands: vec![here(format!("sysctl -w {key}={}", wanted.max), undo)],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: sentence![
                "room for",
                Word::Count(room, noun::ENTRY),
                "more, at once and without losing a connection, until the container writes again"
            ],
        },
        side_effects: side_effects(case, wanted),
        persists: false,
    }
}

/// What keeps it from being written again.
pub(crate) fn keep_containers_off() -> Remedy {
    let look = here(
        "docker ps -q | xargs docker inspect -f '{{.Name}} {{.HostConfig.Privileged}}'".to_owned(),
        None,
    );
    Remedy {
        id: "keep-containers-off",
        title: "the cure: find the container that writes the limit, and take the write out of it, or its privileges".into(),
        commands: vec![
            Command { place: "this host: which containers are privileged, with Docker".to_owned(), ..look },
            in_file(
                "maxPerCore: 0",
                "the configuration of kube-proxy, under conntrack, if a node that is a container (kind, k3d) writes it",
            ),
        ],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "the limit then stays as the host sets it; kube-proxy leaves it alone with maxPerCore at 0".into(),
        },
        side_effects: vec!["a container without its privileges may lack others that it needs: ask who runs it".into()],
        persists: true,
    }
}

fn side_effects(case: &Case<'_>, wanted: &Wanted) -> Vec<Sentence> {
    let mut out = vec![memory_words(case, wanted.max)];
    if case.usage.buckets.is_some_and(|buckets| wanted.max / buckets.max(1) > 4) {
        out.push("chains grow with it: give it more buckets once the incident is over".into());
    }
    out
}

/// The order in which the module and its settings come.
fn order(case: &Case<'_>, wanted: &Wanted) -> Vec<Command> {
    let kernel = &case.kernel;
    let mut out = Vec::new();
    if kernel.names == Names::Ip || kernel.enterprise.is_some_and(|version| version <= 6) {
        // `max = 8 × hashsize` at every load, in every version: a reload cannot undo it.
        let place = if kernel.names == Names::Ip {
            "/etc/modprobe.conf"
        } else {
            "/etc/modprobe.d/nf_conntrack.conf"
        };
        let options = format!("options {} hashsize={}", kernel.names.module(), wanted.max.div_ceil(8));
        out.push(in_file("IPTABLES_MODULES_UNLOAD=\"no\"", IPTABLES_CONFIG));
        out.push(in_file(&options, place));
        return out;
    }
    if unloads(case) {
        out.push(in_file("IPTABLES_MODULES_UNLOAD=\"no\"", IPTABLES_CONFIG));
    }
    // systemd-sysctl comes after the modules that are listed, not after those that the firewall loads by itself.
    out.push(in_file("nf_conntrack", persist::MODULES_LOAD));
    out.push(in_file(persist::UDEV_RULE, persist::UDEV_RULES));
    out
}
