//! Two machines that stand in for one another, and the entries they hand over.

use crate::model::diagnosis::{Effect, Remedy};

use super::{HERE, here, in_file};

/// Hand over only what lasts, and let what is not taken up end soon.
pub(crate) fn commit_less() -> Remedy {
    Remedy {
        id: "commit-less",
        title: "hand over established connections only, and let those that nobody takes up end soon".into(),
        commands: vec![
            in_file("State Accept { ESTABLISHED for TCP }", "conntrackd.conf, in Filter From Kernelspace"),
            in_file("CommitTimeout 180", "conntrackd.conf, in the block of the mode"),
        ],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: None,
            note: "from the next failover on: entries of connections that are over are not committed, and others end after three minutes without a packet".into(),
        },
        side_effects: vec![
            "a connection that is silent for longer than that after a failover loses its entry".into(),
            "switching mid-stream pickup off beside a pair cuts what was not handed over in time".into(),
        ],
        persists: true,
    }
}

/// The machine that lost the role ends what it no longer serves.
pub(crate) fn purge_backup() -> Remedy {
    Remedy {
        id: "purge-backup",
        title: "on the machine that became backup, and only there: let conntrackd empty the table of what it no longer serves".into(),
        commands: vec![crate::model::diagnosis::Command {
            place: format!("{HERE}, if it is the backup now; else the backup: conntrackd flushes its whole table after PurgeTimeout"),
            ..here("conntrackd -t".to_owned(), None)
        }],
        effect: Effect {
            entries_freed_now: None,
            steady_state_entries: None,
            note: "after PurgeTimeout (60 s by default) conntrackd flushes that machine's table, but for what its own filter leaves out".into(),
        },
        side_effects: vec!["never on the machine that serves: every connection through it would lose its entry, and its translation with it".into()],
        persists: false,
    }
}
