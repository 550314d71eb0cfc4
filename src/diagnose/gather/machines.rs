//! How much of a bundle is of one machine. A sos report is; an archive may hold the logs of a dozen, each in a directory of
//! its own, and what stands in one directory then says nothing of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Surroundings;
use crate::model::input::{CounterStream, Hints};

/// Directories below the root of a bundle that are tried.
const DEPTH_MAX: usize = 2;

/// The machines named below each root, and below the first directories of each.
#[derive(Debug, Default)]
pub(super) struct Machines {
    named: BTreeMap<Box<str>, BTreeSet<String>>,
}

impl Machines {
    /// By the manifests, by the logs, by `uname`.
    pub(super) fn of(around: &Surroundings<'_>, counters: &[CounterStream]) -> Self {
        let mut machines = Self::default();
        for (id, hints) in around.logs {
            let speaks = around.conclusion.stream_hosts.iter().filter(|(stream, _)| stream == id);
            let incidents = around.conclusion.incidents.iter();
            let tells = incidents.filter(|incident| incident.drops.streams.iter().any(|s| s.input == *id));
            for host in speaks.map(|(_, host)| *host).chain(tells.map(|incident| incident.host)) {
                if let Some(host) = around.conclusion.hosts.get(host) {
                    machines.add(hints, &host.name);
                }
            }
        }
        for stream in counters {
            if let Some(uname) = &stream.counters.uname {
                machines.add(&stream.hints, &uname.host);
            }
        }
        // What a manifest says holds for all of its bundle.
        for bundle in around.bundles.iter().filter(|bundle| !bundle.host_names.is_empty()) {
            machines.named.remove(&bundle.root);
        }
        machines
    }

    fn add(&mut self, hints: &Hints, name: &str) {
        for root in (0..=DEPTH_MAX).filter_map(|depth| below(hints, depth)) {
            self.named.entry(root).or_default().insert(word(name));
        }
    }

    /// The widest directory around an input, within its bundle, that is of one machine.
    pub(super) fn around(&self, hints: &Hints) -> Option<Box<str>> {
        let mut roots = (0..=DEPTH_MAX).filter_map(|depth| below(hints, depth));
        roots.find(|root| self.named.get(root).is_none_or(|names| names.len() <= 1))
    }
}

/// The root of an input's bundle with so many of the directories on the way to the input.
fn below(hints: &Hints, depth: usize) -> Option<Box<str>> {
    let root = hints.bundle.as_deref()?;
    let rest = hints.directory.as_deref()?.strip_prefix(root)?;
    let ends = rest.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([rest.len()]);
    let end = if depth == 0 { 0 } else { ends.into_iter().nth(depth - 1)? };
    Some(format!("{root}{}", rest.get(..end)?).into())
}

/// A name without domain and case, as far as it is a name.
fn word(name: &str) -> String {
    let first = name.split('.').next().unwrap_or(name);
    let word = if name.parse::<IpAddr>().is_ok() { name } else { first };
    word.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(directory: &str) -> Hints {
        Hints { bundle: Some("all.tar!".into()), directory: Some(directory.into()), ..Hints::default() }
    }

    #[test]
    fn an_archive_of_several_machines_is_taken_apart_where_they_part() {
        let mut machines = Machines::default();
        machines.add(&hints("all.tar!gw1/var/log"), "gw1");
        machines.add(&hints("all.tar!gw2/var/log"), "GW2.example.org");
        machines.add(&hints("all.tar!gw2/sos"), "gw2");
        assert_eq!(machines.around(&hints("all.tar!gw1/proc/net")).as_deref(), Some("all.tar!gw1"));
        assert_eq!(machines.around(&hints("all.tar!gw2/proc")).as_deref(), Some("all.tar!gw2"));
        assert_eq!(machines.around(&hints("all.tar!")), None, "it could be of either");
    }

    #[test]
    fn an_archive_of_one_machine_is_one_place() {
        let mut machines = Machines::default();
        machines.add(&hints("all.tar!var/log"), "gw1");
        assert_eq!(machines.around(&hints("all.tar!proc/net")).as_deref(), Some("all.tar!"));
    }
}
