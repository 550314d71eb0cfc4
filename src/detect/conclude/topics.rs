//! Which table in which namespace a line is about.
//!
//! Before 6.18 the kernel does not say whose table was full. From 6.18 on it names every namespace but the initial
//! one (`nf_conntrack_core.c`, `__nf_conntrack_alloc`), so on a host that prints such lines a nameless one is of the
//! initial namespace. Expectation lines never name one.

use std::collections::BTreeSet;

use super::hosts::Hosts;
use super::notes::{Notes, quoted};
use super::place::Placed;
use crate::model::incident::Namespace;
use crate::model::signal::{NamespaceWord, Subject, Table, Wording};
use crate::sentence;

/// What an incident is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Topic {
    /// Table.
    pub(super) table: Table,
    /// Namespace.
    pub(super) namespace: Namespace,
}

/// Tells the namespace of a subject.
#[derive(Debug, Default)]
pub(super) struct Topics {
    /// Hosts whose kernel names namespaces.
    naming: BTreeSet<usize>,
}

impl Topics {
    /// Looks which hosts print lines that name a namespace, and says what follows for those that name none.
    pub(super) fn learn(runs: &[Placed], hosts: &Hosts, notes: &mut Notes) -> Self {
        let shows = |run: &Placed, wanted: fn(&Subject) -> bool| run.run.visible.keys().any(wanted);
        let naming: BTreeSet<usize> = runs
            .iter()
            .filter(|run| shows(run, |subject| subject.wording == Wording::NfDoubledNetns))
            .map(|run| run.host)
            .collect();
        for (at, host) in hosts.list.iter().enumerate().filter(|(at, _)| naming.contains(at)) {
            if runs.iter().any(|run| run.host == at && shows(run, names_none)) {
                let text = sentence![
                    "lines of",
                    quoted(&host.name),
                    "that name no namespace are about the initial one: its kernel names every other"
                ];
                notes.assume("namespace", text, None);
            }
        }
        Self { naming }
    }

    /// The topic of a subject on a host.
    pub(super) fn of(&self, host: usize, subject: &Subject) -> Topic {
        let namespace = match &subject.namespace {
            NamespaceWord::Inode(inode) => Namespace::Netns(*inode),
            NamespaceWord::Container(id) => Namespace::Container(id.clone()),
            NamespaceWord::Unnamed if names_none(subject) && self.naming.contains(&host) => {
                Namespace::Initial
            }
            NamespaceWord::Unnamed => Namespace::Unknown,
        };
        Topic { table: subject.table, namespace }
    }

    /// Table-full lines and repetitions of a topic in a run: (lines, of them repeated).
    pub(super) fn visible(&self, placed: &Placed, topic: &Topic) -> (u64, u64) {
        let mut sum = (0_u64, 0_u64);
        for (subject, visible) in &placed.run.visible {
            if self.of(placed.host, subject) == *topic {
                sum.0 = sum.0.saturating_add(visible.lines).saturating_add(visible.repeated);
                sum.1 = sum.1.saturating_add(visible.repeated);
            }
        }
        sum
    }

    /// First and last line of a topic in a run, on its scale; the ends of the run where its lines carry no time.
    pub(super) fn span(&self, placed: &Placed, topic: &Topic) -> (i64, i64) {
        let ours =
            || placed.run.visible.iter().filter(|(s, _)| self.of(placed.host, s) == *topic).map(|(_, v)| v);
        let first = ours().filter_map(|visible| visible.first).min();
        let last = ours().filter_map(|visible| visible.last).max();
        let end = |tick: Option<i64>, else_at| tick.map_or(else_at, |tick| placed.on_scale(tick));
        (end(first, placed.lo), end(last, placed.hi))
    }

    /// The topics that a run shows.
    pub(super) fn shown(&self, placed: &Placed) -> BTreeSet<Topic> {
        placed.run.visible.keys().map(|subject| self.of(placed.host, subject)).collect()
    }
}

fn names_none(subject: &Subject) -> bool {
    subject.table == Table::Conntrack && subject.namespace == NamespaceWord::Unnamed
}

#[cfg(test)]
mod tests {
    use super::super::testing::{placed, run, subject};
    use super::*;
    use crate::model::incident::Host;
    use crate::model::record::Trust;
    use crate::model::run::Visible;

    fn hosts() -> Hosts {
        let host = Host { name: "web8".into(), also_written_as: Vec::new(), boot_ids: Vec::new() };
        let mut hosts = Hosts::default();
        hosts.list.push(host);
        hosts
    }

    #[test]
    fn a_line_that_names_no_namespace_is_of_the_initial_one_only_where_others_are_named() {
        let mut runs = vec![placed(0, Trust::Unverified, run(0, 5, 3))];
        let unnamed = subject(NamespaceWord::Unnamed);
        let mut notes = Notes::default();
        let topics = Topics::learn(&runs, &hosts(), &mut notes);
        assert_eq!(topics.of(0, &unnamed).namespace, Namespace::Unknown);

        let mut naming = run(50, 55, 0);
        naming
            .visible
            .insert(subject(NamespaceWord::Inode(4_026_532_001)), Visible { lines: 1, ..Visible::default() });
        runs.push(placed(0, Trust::Unverified, naming));
        let topics = Topics::learn(&runs, &hosts(), &mut notes);
        assert_eq!(topics.of(0, &unnamed).namespace, Namespace::Initial);
        assert_eq!(topics.of(1, &unnamed).namespace, Namespace::Unknown, "another host");
        let expectation = Subject { table: Table::Expectation, wording: Wording::Expectation, ..unnamed };
        assert_eq!(topics.of(0, &expectation).namespace, Namespace::Unknown);
        assert_eq!(notes.into_lists().0.len(), 1);
    }
}
