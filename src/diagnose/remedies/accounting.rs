//! What is done about entries that are counted and not listed, and about tables of other namespaces: first looks, then
//! the program or module that holds them.

use crate::model::diagnosis::{Effect, Remedy};
use crate::model::incident::Namespace;
use crate::model::sentence::{Sentence, Word};
use crate::sentence;

use super::super::facts::Case;
use super::super::open::inside;
use super::here;

fn look(id: &'static str, title: Sentence, lines: Vec<String>, note: &'static str) -> Remedy {
    Remedy {
        id,
        title,
        commands: lines.into_iter().map(|line| here(line, None)).collect(),
        effect: Effect { entries_freed_now: Some(0), steady_state_entries: None, note: note.into() },
        side_effects: Vec::new(),
        persists: false,
    }
}

/// The count of every namespace, by one of its processes, under its inode and the name of that process.
pub(crate) fn every_namespace(case: &Case<'_>) -> String {
    let (count, max) = (case.kernel.key("count"), case.kernel.key("max"));
    format!(
        "lsns -t net -n -o NS,PID,COMMAND | while read ns p c; do echo \"netns $ns ($p $c):\"; nsenter -n -t $p sysctl {count} {max}; done"
    )
}

/// Which namespace is full.
pub(crate) fn find_namespace(case: &Case<'_>) -> Remedy {
    let count = case.kernel.key("count");
    if let Namespace::Container(_) = case.namespace() {
        let file = case.kernel.names.table_file();
        return look(
            "find-namespace",
            "read the container's own table and count while the line is being logged".into(),
            vec![
                inside(case, format!("cat {file}")),
                inside(case, format!("sysctl {count} {}", case.kernel.key("max"))),
            ],
            "each container has a limit of its own, which is raised in the container or by its configuration",
        );
    }
    look(
        "find-namespace",
        "read the count of every network namespace while the line is being logged, and list the table of the full one".into(),
        vec![
            "lsns -t net -o NS,PID,COMMAND".to_owned(),
            every_namespace(case),
            format!("ip -all netns exec sysctl {count}"),
        ],
        "the limit is one number for all of them, and each is compared with its own count: N namespaces may hold N times the limit",
    )
}

/// Which module holds what it made.
pub(crate) fn find_module(case: &Case<'_>) -> Remedy {
    let count = case.kernel.key("count");
    let file = case.kernel.names.table_file();
    look(
        "find-module",
        "find the module that holds entries and never gives them back: unload or upgrade it".into(),
        vec![
            "grep -E ' \\([A-Z]*[OP]' /proc/modules".to_owned(),
            format!("cat {file} > /dev/null; sleep 60; sysctl {count}"),
            "conntrack -L dying | wc -l; conntrack -L unconfirmed | wc -l".to_owned(),
        ],
        "shows whether the gap stays after expired entries are collected; what has leaked is given back by a reboot only",
    )
}

/// A reboot, as what it is.
pub(crate) fn reboot_later() -> Remedy {
    Remedy {
        id: "reboot-in-a-window",
        title: "after that, in a maintenance window, reboot: entries that have leaked are in no list and cannot be deleted".into(),
        commands: Vec::new(),
        effect: Effect {
            note: "frees all of them; without the module's or kernel's cure they come again".into(),
            ..Effect::default()
        },
        side_effects: vec!["every connection through this machine ends".into()],
        persists: false,
    }
}

/// The listener that does not keep up.
pub(crate) fn wake_listener(case: &Case<'_>, listener: Option<&str>) -> Remedy {
    let restart = match listener {
        Some(name) => format!("systemctl restart {name}"),
        None => "systemctl list-units --state=running | grep -E 'conntrackd|ulogd|flow'".to_owned(),
    };
    let waiting = case.counters.dying;
    let mut freed = Effect {
        entries_freed_now: waiting,
        steady_state_entries: None,
        note: "they go as soon as their event is taken, or the listener's socket is closed".into(),
    };
    if listener.is_none() {
        freed.entries_freed_now = None;
    }
    Remedy {
        id: "restart-listener",
        title: match listener {
            Some(name) => sentence![
                "restart the listener",
                Word::Code(name.to_owned()),
                ", not the machine, and give it a larger receive buffer"
            ],
            None => "find the listener for connection events, and restart it, not the machine".into(),
        },
        commands: vec![here("cat /proc/net/netlink | awk '$2 == 12'".to_owned(), None), here(restart, None)],
        effect: freed,
        side_effects: vec![
            "events of the time in between are lost to it: a pair of gateways resynchronises (conntrackd -n)"
                .into(),
        ],
        persists: false,
    }
}

/// A counter that is wrong.
pub(crate) fn upgrade_kernel() -> Remedy {
    Remedy {
        id: "upgrade-kernel",
        title: "upgrade the kernel: the counter itself is wrong, not the traffic".into(),
        commands: vec![here("uname -r; uptime".to_owned(), None)],
        effect: Effect { note: "until then a reboot begins the count anew".into(), ..Effect::default() },
        side_effects: vec!["every connection through this machine ends with the reboot".into()],
        persists: true,
    }
}
