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
        title: "on the machine that became backup: let entries end that it no longer serves".into(),
        commands: vec![crate::model::diagnosis::Command {
            place: format!("{HERE}, if it is the backup now; else the backup: shortens the timers of its entries to PurgeTimeout"),
            ..here("conntrackd -t".to_owned(), None)
        }],
        effect: Effect {
            entries_freed_now: None,
            steady_state_entries: None,
            note: "takes PurgeTimeout (60 s by default); connections that this machine serves keep their entries by their own packets".into(),
        },
        side_effects: vec!["not on the machine that serves: silent connections would lose their entries".into()],
        persists: false,
    }
}
