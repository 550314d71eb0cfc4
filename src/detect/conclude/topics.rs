//! Which table in which namespace a line is about.
//!
//! Before 6.18 the kernel does not say whose table was full. From 6.18 on it names every namespace but the initial
//! one (`nf_conntrack_core.c`, `__nf_conntrack_alloc`), so on a host that prints such lines a nameless one is of the
//! initial namespace. Expectation lines never name one.

use std::collections::{BTreeMap, BTreeSet};

use super::hosts::Hosts;
use super::notes::{Notes, quoted};
use super::place::Placed;
use crate::model::incident::Namespace;
use crate::model::run::Visible;
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

/// What a run shows of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shown {
    /// Table-full lines, repetitions expanded.
    pub(super) visible: u64,
    /// First and last of them on the run's scale, where they carry a time.
    first: Option<i64>,
    last: Option<i64>,
}

/// Tells the topic of a subject, and what each run shows of it.
#[derive(Debug, Default)]
pub(super) struct Topics {
    /// Hosts whose kernel names namespaces.
    naming: BTreeSet<usize>,
    /// By run.
    shown: Vec<BTreeMap<Topic, Shown>>,
}

impl Topics {
    /// Looks which hosts print lines that name a namespace, says what follows for those that name none, and sorts the
    /// lines of every run by topic.
    pub(super) fn learn(runs: &[Placed], hosts: &Hosts, notes: &mut Notes) -> Self {
        let shows = |run: &Placed, wanted: fn(&Subject) -> bool| run.run.visible.keys().any(wanted);
        let naming = runs.iter().filter(|run| shows(run, |s| s.wording == Wording::NfDoubledNetns));
        let mut topics = Self { naming: naming.map(|run| run.host).collect(), shown: Vec::new() };
        let nameless: BTreeSet<usize> =
            runs.iter().filter(|run| shows(run, names_none)).map(|run| run.host).collect();
        for host in topics.naming.intersection(&nameless).filter_map(|host| hosts.list.get(*host)) {
            let text = sentence![
                "lines of",
                quoted(&host.name),
                "that name no namespace are about the initial one: its kernel names every other"
            ];
            notes.assume("namespace", text, None);
        }
        topics.shown = runs.iter().map(|run| topics.sort(run)).collect();
        topics
    }

    fn sort(&self, placed: &Placed) -> BTreeMap<Topic, Shown> {
        let mut shown: BTreeMap<Topic, Shown> = BTreeMap::new();
        for (subject, visible) in &placed.run.visible {
            let sum = shown.entry(self.of(placed.host, subject)).or_default();
            sum.visible = sum.visible.saturating_add(visible.lines).saturating_add(visible.repeated);
            let on_scale = |tick: Option<i64>| tick.map(|tick| placed.on_scale(tick));
            sum.first = [sum.first, on_scale(visible.first)].into_iter().flatten().min();
            sum.last = [sum.last, on_scale(visible.last)].into_iter().flatten().max();
        }
        shown
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

    /// Table-full lines of a topic in the run of that index, repetitions expanded.
    pub(super) fn visible(&self, run: usize, topic: &Topic) -> u64 {
        self.shown.get(run).and_then(|shown| shown.get(topic)).map_or(0, |shown| shown.visible)
    }

    /// The topics that the run of that index shows.
    pub(super) fn shown(&self, run: usize) -> impl Iterator<Item = &Topic> {
        self.shown.get(run).into_iter().flat_map(BTreeMap::keys)
    }

    /// The run of that index shows one topic and no more, so that its timeline is that topic's.
    pub(super) fn shows_one(&self, run: usize, placed: &Placed) -> bool {
        self.shown(run).count() == 1 && placed.run.other_subjects == Visible::default()
    }

    /// First and last line of a topic in a run, on its scale; the ends of the run where its lines carry no time.
    pub(super) fn span(&self, run: usize, placed: &Placed, topic: &Topic) -> (i64, i64) {
        let shown = self.shown.get(run).and_then(|shown| shown.get(topic)).copied().unwrap_or_default();
        (shown.first.unwrap_or(placed.lo), shown.last.unwrap_or(placed.hi))
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
