//! What was read together: the files of one directory, of one capture of a bundle, or of a whole bundle.

use crate::model::bundle::{Bundle, Capture};
use crate::model::incident::Namespace;
use crate::model::input::Hints;

/// Where an input stands, as far as that says what it was read together with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Root of its bundle, or of the part of it that is of one machine.
    pub(super) bundle: Option<Box<str>>,
    /// Directory of the capture it is of; none: of no capture.
    pub(super) capture: Option<Box<str>>,
    /// Inode of the network namespace whose directory it stands in.
    pub(super) netns: Option<u64>,
    /// Its directory.
    pub(super) directory: Option<Box<str>>,
}

impl Place {
    /// Where its hints say that it stands; `machine` is as much of its bundle as is of one machine.
    pub(super) fn of(hints: &Hints, machine: Option<Box<str>>, bundles: &[Bundle]) -> Self {
        let directory = hints.directory.clone();
        let capture = capture_of(hints, bundles).map(|capture| capture.directory.clone());
        let netns = directory.as_deref().filter(|_| hints.bundle.is_some()).and_then(netns);
        Self { bundle: machine, capture, netns, directory }
    }

    /// What stands at `other` was read together with what stands here: in the same directory, or somewhere in the same
    /// bundle, unless one of them is of another capture or of another namespace.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        let same_bundle = self.bundle.is_some() && self.bundle == other.bundle;
        let same_capture = other.capture.is_none() || self.capture == other.capture;
        let same_netns = other.netns.is_none() || self.netns == other.netns;
        self.directory == other.directory || same_bundle && same_capture && same_netns
    }

    /// The place of counters that no table stands beside: all of a bundle (or capture) together.
    pub(super) fn without_directory(&self) -> Self {
        let directory = self.directory.clone().filter(|_| self.bundle.is_none());
        Self { directory, ..self.clone() }
    }

    /// A name for it.
    pub(super) fn name(&self) -> Option<&str> {
        let inner = self.directory.as_deref().or(self.capture.as_deref()).or(self.bundle.as_deref())?;
        Some(inner.trim_end_matches('!'))
    }

    /// The namespace it speaks of.
    pub(super) fn namespace(&self, bundles: &[Bundle]) -> Namespace {
        if let Some(inode) = self.netns {
            return Namespace::Netns(inode);
        }
        self.capture(bundles).map_or(Namespace::Unknown, |capture| capture.namespace.clone())
    }

    /// The capture it is of.
    pub(super) fn capture<'a>(&self, bundles: &'a [Bundle]) -> Option<&'a Capture> {
        let directory = self.capture.as_ref()?;
        let of = bundles.iter().find(|bundle| Some(&bundle.root) == self.bundle.as_ref())?;
        of.captures.iter().find(|capture| capture.directory == *directory)
    }

    /// The name that its bundle gives its machine.
    pub(super) fn host<'a>(&self, bundles: &'a [Bundle]) -> Option<&'a str> {
        let of = bundles.iter().find(|bundle| Some(&bundle.root) == self.bundle.as_ref())?;
        of.host_names.first().map(|name| &**name)
    }
}

/// Where the settings, counters, tables and logs of one machine stand below its root.
const BELOW_A_ROOT: [&str; 12] = [
    "proc",
    "proc/net",
    "proc/net/stat",
    "etc",
    "etc/default",
    "etc/modprobe.d",
    "etc/sysconfig",
    "etc/sysctl.d",
    "etc/ufw",
    "sys/module/nf_conntrack/parameters",
    "sys/module/ip_conntrack/parameters",
    "var/log",
];

/// The root of a machine, or of a copy of its files, that a directory belongs to: what was taken together stands in many
/// directories there.
pub(super) fn machine_root(directory: &str) -> Option<Box<str>> {
    let begins = std::iter::once(0).chain(directory.match_indices('/').map(|(at, _)| at + 1));
    let root = begins.into_iter().find_map(|at| {
        let (root, below) = directory.split_at_checked(at)?;
        let settings = below == "proc/sys" || below.starts_with("proc/sys/");
        (settings || BELOW_A_ROOT.contains(&below)).then_some(root)
    })?;
    Some(root.strip_suffix('/').unwrap_or(root).into())
}

/// The innermost capture around an input.
fn capture_of<'a>(hints: &Hints, bundles: &'a [Bundle]) -> Option<&'a Capture> {
    let root = hints.bundle.as_ref()?;
    let bundle = bundles.iter().find(|bundle| bundle.root == *root)?;
    let around = |capture: &&Capture| {
        let rest = hints.path.strip_prefix(&*capture.directory);
        rest.is_some_and(|rest| rest.starts_with('/') || capture.directory.ends_with('!'))
    };
    bundle.captures.iter().filter(around).max_by_key(|capture| capture.directory.len())
}

/// The inode in `…/netns/4026532281[/…]`.
fn netns(directory: &str) -> Option<u64> {
    let (_, behind) = directory.rsplit_once("netns/")?;
    behind.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, captures: &[&str]) -> Place {
        let capture = |directory: &&str| Capture {
            directory: (*directory).into(),
            role: None,
            taken_at: None,
            took_seconds: None,
            namespace: Namespace::Initial,
            complete: true,
            not_read: Vec::new(),
        };
        let bundle = Bundle {
            root: "b".into(),
            captures: captures.iter().map(capture).collect(),
            ..Bundle::default()
        };
        let directory = path.rsplit_once('/').map(|(directory, _)| directory.into());
        let hints = Hints { path: path.into(), directory, bundle: Some("b".into()), ..Hints::default() };
        Place::of(&hints, hints.bundle.clone(), &[bundle])
    }

    #[test]
    fn captures_of_one_bundle_are_kept_apart_and_share_what_is_of_none() {
        let captures = ["b/capture/1-before", "b/capture/2-at"];
        let table = place("b/capture/2-at/nf_conntrack", &captures);
        assert!(table.is_beside(&place("b/capture/2-at/sysctl", &captures)));
        assert!(table.is_beside(&place("b/uname", &captures)));
        assert!(!table.is_beside(&place("b/capture/1-before/sysctl", &captures)));
    }

    #[test]
    fn a_copy_of_a_machines_files_has_a_root() {
        for (directory, root) in [
            ("/var/log", Some("")),
            ("saved/gw1/proc/sys/net/netfilter", Some("saved/gw1")),
            ("proc/net", Some("")),
            ("saved/gw1", None),
            ("saved/processes", None),
            ("/var/log/remote/web8", None),
            ("cases/proc-7", None),
        ] {
            assert_eq!(machine_root(directory).as_deref(), root, "{directory}");
        }
    }

    #[test]
    fn a_namespace_within_a_capture_has_its_own_table_and_the_settings_of_the_machine() {
        let captures = ["b/capture/1-at"];
        let table = place("b/capture/1-at/netns/4026532281/nf_conntrack", &captures);
        assert_eq!(table.namespace(&[]), Namespace::Netns(4_026_532_281));
        assert!(table.is_beside(&place("b/capture/1-at/netns/4026532281/stat_nf_conntrack", &captures)));
        assert!(table.is_beside(&place("b/capture/1-at/sysctl", &captures)));
        let initial = place("b/capture/1-at/nf_conntrack", &captures);
        assert!(!initial.is_beside(&place("b/capture/1-at/netns/4026532281/sysctl", &captures)));
    }
}
