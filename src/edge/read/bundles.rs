//! Which inputs were saved together, and what that says of each: host, zone, the tie between its clocks.
//!
//! A bundle is the nearest of: a directory with a manifest of ours, a sos report (it has a directory `sos_commands`),
//! an archive. Files that merely stand in one directory are no bundle: they may be of many machines.

use std::collections::{BTreeMap, BTreeSet};

use super::looks::FirstLook;
use crate::model::bundle::{BootTie, Bundle, Capture};
use crate::model::input::{Hints, Input};
use crate::model::time::{SECOND_US, WallTime};
use crate::wire::bundle::{CLOSED, Manifest, OPENED};

/// The directory that only a sos report has.
const SOS_MARK: &str = "sos_commands";

/// A manifest, and the directory it stands in.
pub type Found = (Box<str>, Manifest);

/// Enters in the hints of every stream what its bundle says, and hands the bundles on.
pub fn settle<P>(look: &mut FirstLook<P>, manifests: Vec<Found>) {
    let mut bundles: BTreeMap<Box<str>, Bundle> = BTreeMap::new();
    for (root, manifest) in manifests {
        bundles.insert(root.clone(), bundle(root, manifest));
    }
    for root in roots(&look.inputs) {
        bundles.entry(root.clone()).or_insert_with(|| Bundle { root, ..Bundle::default() });
    }
    let hints = (look.logs.iter_mut().map(|log| &mut log.hints))
        .chain(look.tables.iter_mut().map(|table| &mut table.hints))
        .chain(look.counters.iter_mut().map(|stream| &mut stream.hints))
        .chain(look.samples.iter_mut().map(|stream| &mut stream.hints));
    for hints in hints {
        let stands = hints.bundle.take().unwrap_or_else(|| hints.path.clone());
        hints.bundle = root_of(&stands, &bundles).map(Into::into);
    }
    name_hosts(look, &mut bundles);
    let hints = (look.logs.iter_mut().map(|log| &mut log.hints))
        .chain(look.samples.iter_mut().map(|stream| &mut stream.hints));
    for hints in hints {
        if let Some(bundle) = hints.bundle.as_ref().and_then(|root| bundles.get(root)) {
            surround(hints, bundle);
        }
    }
    look.bundles = bundles.into_values().collect();
}

/// A bundle whose manifest names no machine has the name that its only `uname` gives.
fn name_hosts<P>(look: &FirstLook<P>, bundles: &mut BTreeMap<Box<str>, Bundle>) {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for stream in &look.counters {
        if let (Some(root), Some(uname)) = (&stream.hints.bundle, &stream.counters.uname) {
            names.entry(root).or_default().insert(&uname.host);
        }
    }
    for (root, named) in names {
        if let (Some(bundle), Some(name), 1) = (bundles.get_mut(root), named.first(), named.len())
            && bundle.host_names.is_empty()
        {
            bundle.host_names.push((*name).into());
        }
    }
}

fn surround(hints: &mut Hints, bundle: &Bundle) {
    hints.host = bundle.host_names.first().cloned();
    hints.tie = bundle.tie;
    if bundle.zone.is_some() {
        hints.reader_zone.clone_from(&bundle.zone);
    }
}

fn bundle(root: Box<str>, manifest: Manifest) -> Bundle {
    let boot = manifest.boot_id;
    let tie = manifest.clock.as_ref().and_then(|clock| {
        // Seconds since boot, to the microsecond: years of them fit.
        #[expect(clippy::cast_possible_truncation, reason = "the product is held within i64 by the clamp")]
        let since_boot_us = (clock.since_boot_seconds? * SECOND_US as f64).clamp(0.0, 1e18) as i64;
        Some(BootTie { boot, offset_us: clock.wall.0.saturating_sub(since_boot_us) })
    });
    let capture = |capture: crate::wire::bundle::Capture| Capture {
        directory: joined(&root, &capture.dir),
        role: capture.role,
        taken_at: capture.taken_at,
        took_seconds: capture.took_seconds,
        namespace: capture.namespace,
        complete: capture.complete,
        not_read: capture.not_read.into_iter().map(|(what, why)| (what.into(), why.into())).collect(),
    };
    let captures = manifest.captures.into_iter().map(capture).collect();
    let opened = manifest.settings.get(OPENED).and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
    Bundle {
        opened: opened.map(|at| WallTime(at.timestamp_micros())),
        closed: manifest.settings.contains_key(CLOSED),
        incident: manifest.incident.map(Into::into),
        host_names: manifest.host_names.into_iter().map(Into::into).collect(),
        tie,
        zone: manifest.clock.and_then(|clock| clock.zone).map(Into::into),
        captures,
        root,
    }
}

/// A directory within a bundle, as hints write it.
fn joined(root: &str, directory: &str) -> Box<str> {
    let directory = directory.trim_matches('/');
    let between = if root.ends_with(['/', '!']) || directory.is_empty() { "" } else { "/" };
    format!("{root}{between}{directory}").into()
}

/// Archives and sos reports among what was found.
fn roots(inputs: &[Input]) -> BTreeSet<Box<str>> {
    let mut roots = BTreeSet::new();
    for input in inputs {
        let place = input.place();
        if let Some((archive, _)) = place.rsplit_once('!').filter(|_| input.member.is_some()) {
            roots.insert(format!("{archive}!").into());
        }
        let parts = place.match_indices(SOS_MARK);
        for (at, _) in parts {
            let (before, behind) = place.split_at(at);
            if before.ends_with(['/', '!']) && behind.starts_with("sos_commands/") {
                roots.insert(before.trim_end_matches('/').into());
            }
        }
    }
    roots
}

/// The nearest bundle around a path: the root of an archive ends with its `!`, that of a directory without its `/`.
fn root_of<'a>(path: &str, bundles: &'a BTreeMap<Box<str>, Bundle>) -> Option<&'a str> {
    let around = path.char_indices().rev().filter_map(|(at, character)| match character {
        '/' => path.get(..at),
        '!' => path.get(..=at),
        _ => None,
    });
    // What is named without a directory stands in this one.
    let here = (!path.starts_with('/')).then_some(".");
    around.chain(here).find_map(|root| bundles.get_key_value(root)).map(|(root, _)| &**root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(roots: &[&str]) -> BTreeMap<Box<str>, Bundle> {
        roots.iter().map(|root| ((*root).into(), Bundle::default())).collect()
    }

    #[test]
    fn the_nearest_bundle_around_a_file_is_its_own() {
        let bundles = known(&["all.tar.xz!", "all.tar.xz!sosreport-gw1", "saved/gw2", "."]);
        for (path, root) in [
            ("all.tar.xz!messages", Some("all.tar.xz!")),
            ("all.tar.xz!var/log/messages", Some("all.tar.xz!")),
            ("all.tar.xz!sosreport-gw1/var/log/messages", Some("all.tar.xz!sosreport-gw1")),
            ("all.tar.xz!sosreport-gw10/var/log/messages", Some("all.tar.xz!")),
            ("saved/gw2/capture/1-at/nf_conntrack", Some("saved/gw2")),
            ("saved/gw3/messages", Some(".")),
            ("/var/log/messages", None),
        ] {
            assert_eq!(root_of(path, &bundles), root, "{path}");
        }
    }

    #[test]
    fn a_directory_within_a_bundle_is_written_as_hints_write_it() {
        assert_eq!(&*joined("saved", "capture/1-at"), "saved/capture/1-at");
        assert_eq!(&*joined("a.tar!", "capture/1-at/"), "a.tar!capture/1-at");
        assert_eq!(&*joined("saved", ""), "saved");
    }
}
