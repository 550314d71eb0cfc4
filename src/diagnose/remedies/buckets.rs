//! More buckets for a table whose chains are too long. A resize holds every lock of the table, so it is for later.

use crate::model::diagnosis::{Command, Effect, Remedy};
use crate::model::era::{MAX_PER_BUCKET_GIVEN, Names};
use crate::model::sentence::{Word, noun};
use crate::sentence;

use super::super::facts::{Case, NEAR_FULL};
use super::{HERE, here, in_file};

/// Entries for each bucket that are aimed at: each is in the table twice, so chains of two to four.
const WANTED_PER_BUCKET: u64 = 2;
/// More buckets than this are not proposed: 16 Mi heads are 128 MiB.
const BUCKETS_MAX: u64 = 1 << 24;

/// Said behind the place of a line that must wait until the table is no longer full.
pub(super) const AFTERWARDS: &str = ", after the incident and not in it: once the table is far from full";

/// Buckets for the limit that runs.
pub(crate) fn enough_buckets(case: &Case<'_>) -> Option<Remedy> {
    let (max, now) = (case.usage.max?, case.usage.buckets?);
    let wanted =
        (max / WANTED_PER_BUCKET).checked_next_power_of_two().filter(|n| *n <= BUCKETS_MAX && *n > now)?;
    let names = case.kernel.names;
    let module = names.module();
    let kept_in = if names == Names::Ip { "/etc/modprobe.conf" } else { "/etc/modprobe.d/nf_conntrack.conf" };
    let resize: Command = if case.kernel.buckets_by_sysctl() {
        let key = case.kernel.key("buckets");
        here(format!("sysctl -w {key}={wanted}"), Some(format!("sysctl -w {key}={now}")))
    } else {
        let file = format!("/sys/module/{module}/parameters/hashsize");
        here(format!("echo {wanted} > {file}"), Some(format!("echo {now} > {file}")))
    };
    let full = case.usage.share().is_none_or(|usage| usage >= NEAR_FULL);
    let (when, resize): (&'static str, Command) = if full {
        (
            "after the incident, not in it: resize the hash table to",
            Command { place: format!("{HERE}{AFTERWARDS}"), ..resize },
        )
    } else {
        ("in a quiet hour: resize the hash table to", resize)
    };
    Some(Remedy {
        id: "enough-buckets",
        title: sentence![
            when,
            Word::Count(wanted, noun::BUCKET),
            "(now",
            Word::Number(now),
            ")"
        ],
        commands: vec![resize, in_file(&format!("options {module} hashsize={wanted}"), kept_in)],
        effect: Effect {
            entries_freed_now: Some(0),
            steady_state_entries: case.usage.held(),
            note: sentence![
                "chains of",
                Word::Number(case.usage.held().unwrap_or(0).saturating_mul(2) / wanted),
                "instead of",
                Word::Number(case.usage.held().unwrap_or(0).saturating_mul(2).checked_div(now).unwrap_or(0)),
                "tuples on average; no entry is freed"
            ],
        },
        side_effects: vec![
            "while the table is resized packets stand still: every lock of it is held, the longer the fuller it is".into(),
            sentence![
                "a module that is loaded with hashsize begins with a limit of",
                Word::Count(wanted.saturating_mul(MAX_PER_BUCKET_GIVEN), noun::ENTRY),
                "until the settings are read"
            ],
            "without effect where the tracker is built into the kernel or loaded from the initramfs: there it is nf_conntrack.hashsize on the kernel's command line".into(),
            "only in the initial network namespace: in a container the resize is refused".into(),
        ],
        persists: true,
    })
}
