//! Raising the limit: what it costs, how long it lasts, and how it survives a reboot and a reload of the module.

use crate::model::diagnosis::{Command, Remedy};
use crate::model::era::{Era, Names, Release};
use crate::model::sentence::{Sentence, Word, noun};
use crate::sentence;

use super::super::facts::Case;
use super::super::kernel::Kernel;
use super::super::outlook::{Change, Outlook, headroom, outlook};
use super::super::platform;
use super::{in_file, persist};

/// A chain of this many entries a bucket on average costs time (each entry is in the table twice).
const ENTRIES_PER_BUCKET_MAX: u64 = 4;

/// Where settings are kept.
pub(crate) fn settings_file(kernel: &Kernel) -> &'static str {
    if systemd(kernel) { "/etc/sysctl.d/90-conntrack.conf" } else { "/etc/sysctl.conf" }
}

/// Systems of that age have systemd: `modules-load.d`, `sysctl.d`.
pub(super) fn systemd(kernel: &Kernel) -> bool {
    match (kernel.release, kernel.era) {
        (Some(release), _) => release >= Release(3, 0, 0),
        (None, Some(era)) => era > Era::B,
        (None, None) => kernel.names == Names::Nf,
    }
}

/// A limit that has room for twice what is held, kept across reboots and module reloads.
pub(crate) fn raise_limit(case: &Case<'_>) -> Option<Remedy> {
    let limit = case.larger_limit()?;
    let outlook = headroom(case, limit);
    Some(Remedy {
        id: "raise-limit",
        title: sentence!["raise the limit to", Word::Count(limit, noun::ENTRY)].with(
            if platform::of(case).kube_proxy {
                "now, and where kube-proxy reads it, which sets its own at every start"
            } else {
                "and make it survive a reload of the module, not only a reboot"
            },
        ),
        commands: persist::limit(case, limit),
        effect: outlook.effect(case, note(case, limit, &outlook)),
        side_effects: side_effects(case, limit),
        persists: true,
    })
}

/// Room and time that a limit buys, in words.
fn note(case: &Case<'_>, limit: u64, outlook: &Outlook) -> Sentence {
    let held = case.usage.held().unwrap_or(0);
    let mut out = sentence!["room for", Word::Count(limit.saturating_sub(held), noun::ENTRY), "more"];
    if let Some(seconds) = outlook.full_again_seconds {
        out = out
            .with(", which")
            .with(outlook.growth.words())
            .with("is full again after")
            .with(Word::Duration(seconds));
    }
    out
}

fn side_effects(case: &Case<'_>, limit: u64) -> Vec<Sentence> {
    let (bytes, measured) = case.entry_bytes();
    let more = limit.saturating_sub(case.usage.max.unwrap_or(0));
    let whence: &'static str = if measured {
        "more at full, as the slab cache has it; this memory is never swapped"
    } else {
        "more at full, an estimate from the kernel's era with extensions; this memory is never swapped"
    };
    let mut out = vec![sentence!["takes up to", Word::Bytes(more.saturating_mul(bytes)), whence]];
    if case.usage.buckets.is_some_and(|buckets| limit / buckets.max(1) > ENTRIES_PER_BUCKET_MAX) {
        out.push("chains grow with it: give it more buckets once the incident is over".into());
    }
    out.extend(persist::said(case, limit));
    out
}

/// More buckets for the limit, as a deed for later: the resize holds every lock of a live table.
pub(crate) fn more_buckets(case: &Case<'_>) -> Option<Remedy> {
    let limit = case.larger_limit()?;
    let buckets = case.usage.buckets?;
    let wanted = (limit / ENTRIES_PER_BUCKET_MAX).checked_next_power_of_two()?;
    // Old kernels take them at load only, which the limit's own remedy sees to.
    if buckets >= wanted || !systemd(&case.kernel) {
        return None;
    }
    Some(Remedy {
        id: "more-buckets",
        title: sentence![
            "after the incident, not in it: keep",
            Word::Count(wanted, noun::BUCKET),
            "for that limit (now",
            Word::Count(buckets, noun::BUCKET),
            ")"
        ],
        commands: vec![hashsize(case, wanted)],
        effect: outlook(case, &Change::default()).effect(
            case,
            "shortens the search of each packet; it takes effect at the next load of the module and frees no entry".into(),
        ),
        side_effects: vec![
            "a module loaded with hashsize begins with a limit of eight times that until the settings are read".into(),
            match persist::built_in(case) {
                Some(true) => "the tracker is built into this kernel: no file of modprobe.d reaches it".into(),
                _ => "has no effect where the tracker is built into the kernel (there it is nf_conntrack.hashsize on the command line) or loaded from the initial ramdisk (build that anew)".into(),
            },
        ],
        persists: true,
    })
}

/// Where the kernel reads it: as it loads the module, or as it boots.
fn hashsize(case: &Case<'_>, buckets: u64) -> Command {
    if persist::built_in(case) == Some(true) {
        return in_file(
            &format!("nf_conntrack.hashsize={buckets}"),
            "the kernel's command line (GRUB_CMDLINE_LINUX, then grub-mkconfig)",
        );
    }
    in_file(&format!("options nf_conntrack hashsize={buckets}"), "/etc/modprobe.d/nf_conntrack.conf")
}
