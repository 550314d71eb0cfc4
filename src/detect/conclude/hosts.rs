//! Step 2: which words, boots and files are one host.
//!
//! One boot is one host; equal words are, ignoring case; a short name is the first label of exactly one full name.
//! Lines that name no host belong to the machine that their bundle names, else to `--host-name`, else to the only host of
//! their stream, else of their directory, else of their bundle, else to "the host of FILE". Never by address: an address may move. Each merge is said.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::notes::{Notes, quoted};
use super::successors::{Track, is_kin};
use crate::model::incident::Host;
use crate::model::input::LogStream;
use crate::model::report::Settings;
use crate::model::run::RunKey;
use crate::model::time::BootId;
use crate::sentence;

/// Hosts, and which key of which stream means which.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// By name.
    pub(super) list: Vec<Host>,
    by_word: HashMap<String, usize>,
    by_boot: HashMap<BootId, usize>,
    /// By stream: the host of its lines that name none.
    nameless: Vec<Option<usize>>,
    /// By stream: how that was found.
    homes: Vec<Option<Home>>,
}

/// How the host of lines that name none was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Home {
    /// The machine that its bundle was saved from.
    Saved(Box<str>),
    /// `--host-name`.
    Given,
    /// The only host named beside them.
    Beside(Box<str>),
    /// None: it is called so.
    Called(Box<str>),
}

impl Hosts {
    /// The host a run of the stream belongs to.
    pub(super) fn of(&self, stream: usize, key: &RunKey) -> Option<usize> {
        match &key.host {
            Some(word) => self.of_word(word),
            None => (key.boot.and_then(|boot| self.by_boot.get(&boot).copied()))
                .or_else(|| self.nameless.get(stream).copied().flatten()),
        }
    }

    /// The lines of two streams that name no host are not known to be of different hosts.
    pub(super) fn same_nameless(&self, a: usize, b: usize) -> bool {
        let of = |stream: usize| self.nameless.get(stream).copied().flatten();
        of(a).zip(of(b)).is_none_or(|(a, b)| a == b)
    }

    /// The host that a word means.
    pub(super) fn of_word(&self, word: &str) -> Option<usize> {
        self.by_word.get(&word.to_lowercase()).copied()
    }

    /// Says of each log how the host of its lines that name none was found.
    pub(super) fn say_homes(&self, tracks: &[Track], notes: &mut Notes) {
        for track in tracks {
            let homes = track.members.iter().filter_map(|member| self.homes.get(member.stream)?.as_ref());
            for home in homes.collect::<BTreeSet<_>>() {
                let path = quoted(track.path());
                let text = match home {
                    Home::Given => continue,
                    Home::Saved(name) => sentence![
                        "lines in",
                        path,
                        "that name no host are of",
                        quoted(name),
                        ", the machine that they were saved from"
                    ],
                    Home::Beside(name) => sentence![
                        "lines in",
                        path,
                        "that name no host are of",
                        quoted(name),
                        ", the only host named beside them"
                    ],
                    Home::Called(name) => {
                        sentence!["no line in", path, "names its host; it is called", quoted(name)]
                    }
                };
                notes.assume("host", text, None);
            }
        }
    }

    /// Every host that the stream speaks of, including in lines that are no signals but were kept.
    pub(super) fn of_stream(&self, stream: usize, given: &LogStream) -> BTreeSet<usize> {
        let piece = &given.piece;
        let mut hosts: BTreeSet<usize> = keys(given).filter_map(|key| self.of(stream, key)).collect();
        let last = piece.last_record.iter().filter_map(|record| record.host.as_deref());
        let losers = piece.losses.iter().filter_map(|loss| loss.host.as_deref());
        hosts.extend(last.chain(losers).filter_map(|word| self.of_word(word)));
        hosts
    }
}

/// Keys of everything that was kept of a stream.
fn keys(stream: &LogStream) -> impl Iterator<Item = &RunKey> {
    let piece = &stream.piece;
    piece.runs.keys().chain(piece.marks.keys().map(|mark| &mark.key)).chain(piece.packets.keys())
}

/// A name of a rotated file without what rotation adds: `messages-20240107.gz`, `messages.2` → `messages`.
pub(super) fn stem(path: &str) -> &str {
    let mut rest = path;
    loop {
        let cut = [".gz", ".xz", ".bz2", ".zst", ".lz4", ".Z", ".old", ".log"]
            .iter()
            .find_map(|end| rest.strip_suffix(end))
            .or_else(|| strip_number(rest));
        match cut {
            Some(shorter) if !shorter.is_empty() && !shorter.ends_with('/') => rest = shorter,
            _ => return rest,
        }
    }
}

fn strip_number(path: &str) -> Option<&str> {
    let shorter = path.trim_end_matches(|c: char| c.is_ascii_digit());
    (shorter.len() < path.len()).then(|| shorter.strip_suffix(['.', '-'])).flatten()
}

/// Which words, boots and files are one host.
pub(super) fn tell_apart(streams: &[LogStream], settings: &Settings, notes: &mut Notes) -> Hosts {
    let mut names = Names::collect(streams, settings);
    names.merge_boots(streams, notes);
    names.merge_short_names(notes);
    names.say_merges_by_case(notes);
    let homes = names.place_nameless(streams, settings, notes);
    names.into_hosts(homes)
}

/// Words by their lower-case form, as a forest of "the same host".
#[derive(Debug, Default)]
struct Names {
    /// Lower-case word → node.
    nodes: BTreeMap<String, usize>,
    /// Node → forms as written.
    forms: Vec<BTreeSet<Box<str>>>,
    parent: Vec<usize>,
    boots: BTreeMap<BootId, usize>,
}

impl Names {
    fn collect(streams: &[LogStream], settings: &Settings) -> Self {
        let mut names = Self::default();
        let words: BTreeSet<&str> =
            streams.iter().flat_map(keys).filter_map(|key| key.host.as_deref()).collect();
        for word in words {
            names.add(word);
        }
        let any_nameless = streams.iter().flat_map(keys).any(|key| key.host.is_none());
        if let Some(name) = settings.host_name.as_deref().filter(|_| any_nameless) {
            names.add(name);
        }
        names
    }

    fn add(&mut self, word: &str) -> usize {
        let next = self.parent.len();
        let node = *self.nodes.entry(word.to_lowercase()).or_insert(next);
        if node == next {
            self.parent.push(node);
            self.forms.push(BTreeSet::new());
        }
        if let Some(forms) = self.forms.get_mut(node) {
            forms.insert(word.into());
        }
        node
    }

    fn node(&self, word: &str) -> Option<usize> {
        self.nodes.get(&word.to_lowercase()).copied()
    }

    fn root(&self, mut node: usize) -> usize {
        while let Some(&parent) = self.parent.get(node) {
            if parent == node {
                break;
            }
            node = parent;
        }
        node
    }

    /// Makes two nodes one host; false if they were one already.
    fn unite(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        if a != b
            && let Some(parent) = self.parent.get_mut(a.max(b))
        {
            *parent = a.min(b);
        }
        a != b
    }

    fn merge_boots(&mut self, streams: &[LogStream], notes: &mut Notes) {
        let mut words_of: BTreeMap<BootId, BTreeSet<&str>> = BTreeMap::new();
        for key in streams.iter().flat_map(keys) {
            if let (Some(word), Some(boot)) = (key.host.as_deref(), key.boot) {
                words_of.entry(boot).or_default().insert(word);
            }
        }
        for (boot, words) in words_of {
            let mut words = words.into_iter();
            let Some(first) = words.next() else { continue };
            let Some(node) = self.node(first) else { continue };
            self.boots.insert(boot, node);
            for word in words {
                let Some(other) = self.node(word) else { continue };
                if self.unite(node, other) {
                    let text =
                        sentence![quoted(first), "and", quoted(word), "are one host: they share a boot id"];
                    notes.assume("host", text, None);
                }
            }
        }
    }

    fn merge_short_names(&mut self, notes: &mut Notes) {
        let mut full: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for word in self.nodes.keys().filter(|word| word.parse::<IpAddr>().is_err()) {
            if let Some((label, rest)) = word.split_once('.')
                && !label.is_empty()
                && !rest.is_empty()
            {
                full.entry(label).or_default().insert(word);
            }
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for short in self.nodes.keys().filter(|word| !word.contains('.')) {
            let Some(names) = full.get(short.as_str()) else { continue };
            if let (1, Some(name)) = (names.len(), names.first()) {
                pairs.push((short.clone(), (*name).to_owned()));
            } else {
                let text = sentence![
                    quoted(short),
                    "is kept as a host of its own: several full names begin with it"
                ];
                notes.assume("host", text, None);
            }
        }
        for (short, name) in pairs {
            let (Some(a), Some(b)) = (self.node(&short), self.node(&name)) else { continue };
            if self.unite(a, b) {
                let text = sentence![quoted(&short), "is short for", quoted(&name)];
                notes.assume("host", text, None);
            }
        }
    }

    fn say_merges_by_case(&self, notes: &mut Notes) {
        for forms in &self.forms {
            if let (Some(first), Some(last), 2..) = (forms.first(), forms.last(), forms.len()) {
                let text = sentence![quoted(first), "and", quoted(last), "are one host: names ignore case"];
                notes.assume("host", text, None);
            }
        }
    }

    /// The node of lines that name no host, by stream; none where the stream has no such lines.
    fn place_nameless(
        &mut self,
        streams: &[LogStream],
        settings: &Settings,
        notes: &mut Notes,
    ) -> Vec<Option<(usize, Home)>> {
        let places = self.hosts_of_places(streams);
        let homeless = |stream: &LogStream| {
            let mut keys = keys(stream).filter(|key| key.host.is_none());
            keys.any(|key| key.boot.is_none_or(|boot| !self.boots.contains_key(&boot)))
        };
        let homeless: Vec<bool> = streams.iter().map(homeless).collect();
        let mut homes = Vec::with_capacity(streams.len());
        for (stream, homeless) in streams.iter().zip(homeless) {
            homes.push(homeless.then(|| self.home_of(stream, streams, &places, settings, notes)));
        }
        homes
    }

    /// The hosts named in each directory and each bundle.
    fn hosts_of_places(&self, streams: &[LogStream]) -> BTreeMap<Box<str>, BTreeSet<usize>> {
        let mut places: BTreeMap<Box<str>, BTreeSet<usize>> = BTreeMap::new();
        for stream in streams {
            let around = BTreeSet::from([&stream.hints.directory, &stream.hints.bundle]);
            for place in around.into_iter().flatten() {
                places.entry(place.clone()).or_default().extend(self.named_in(stream));
            }
        }
        places
    }

    fn named_in(&self, stream: &LogStream) -> BTreeSet<usize> {
        let words = keys(stream).filter_map(|key| key.host.as_deref());
        words.filter_map(|word| self.node(word)).map(|node| self.root(node)).collect()
    }

    fn home_of(
        &mut self,
        stream: &LogStream,
        streams: &[LogStream],
        places: &BTreeMap<Box<str>, BTreeSet<usize>>,
        settings: &Settings,
        notes: &mut Notes,
    ) -> (usize, Home) {
        let path = &stream.hints.path;
        if let Some(name) = &stream.hints.host {
            return (self.add(name), Home::Saved(name.clone()));
        }
        if let Some(name) = &settings.host_name {
            let text = sentence!["lines that name no host are of", quoted(name), "as --host-name says"];
            notes.assume("host", text, Some("--host-name"));
            return (self.add(name), Home::Given);
        }
        // Which lines of a log stand in which of its files says nothing of whose they are.
        let one_log = |other: &&LogStream| other.id == stream.id || is_kin(other, stream);
        let own = streams.iter().filter(one_log).flat_map(|kin| self.named_in(kin)).collect();
        let only = |hosts: &BTreeSet<usize>| hosts.first().copied().filter(|_| hosts.len() == 1);
        let around = [&stream.hints.directory, &stream.hints.bundle];
        let mut near = around.into_iter().flatten().filter_map(|place| places.get(place));
        if let Some(node) = only(&own).or_else(|| near.find_map(only)) {
            return (node, Home::Beside(self.name(node)));
        }
        let shown = if path.is_empty() { &stream.id } else { path };
        let name = format!("the host of {}", stem(shown));
        (self.add(&name), Home::Called(name.into()))
    }

    /// The name shown of a root.
    fn name(&self, root: usize) -> Box<str> {
        best_name(&self.forms_of(root))
    }

    fn forms_of(&self, root: usize) -> BTreeSet<Box<str>> {
        let same = self.forms.iter().enumerate().filter(|(node, _)| self.root(*node) == root);
        same.flat_map(|(_, forms)| forms.iter().cloned()).collect()
    }

    fn into_hosts(self, homes: Vec<Option<(usize, Home)>>) -> Hosts {
        let mut forms: BTreeMap<usize, BTreeSet<Box<str>>> = BTreeMap::new();
        for (node, written) in self.forms.iter().enumerate() {
            forms.entry(self.root(node)).or_default().extend(written.iter().cloned());
        }
        let mut boots: BTreeMap<usize, Vec<BootId>> = BTreeMap::new();
        for (boot, node) in &self.boots {
            boots.entry(self.root(*node)).or_default().push(*boot);
        }
        let mut named: Vec<(Host, usize)> = Vec::with_capacity(forms.len());
        for (root, mut words) in forms {
            let name = best_name(&words);
            words.remove(&name);
            let boot_ids = boots.remove(&root).unwrap_or_default();
            let host = Host { name, also_written_as: words.into_iter().collect(), boot_ids };
            named.push((host, root));
        }
        named.sort();
        let index: HashMap<usize, usize> =
            named.iter().enumerate().map(|(at, (_, root))| (*root, at)).collect();
        let host_of = |node: usize| index.get(&self.root(node)).copied();
        Hosts {
            by_word: self
                .nodes
                .iter()
                .filter_map(|(word, node)| Some((word.clone(), host_of(*node)?)))
                .collect(),
            by_boot: self.boots.iter().filter_map(|(boot, node)| Some((*boot, host_of(*node)?))).collect(),
            nameless: homes.iter().map(|home| host_of(home.as_ref()?.0)).collect(),
            homes: homes.into_iter().map(|home| home.map(|(_, home)| home)).collect(),
            list: named.into_iter().map(|(host, _)| host).collect(),
        }
    }
}

/// A name before an address, a full name before a short one, then what sorts first.
fn best_name(forms: &BTreeSet<Box<str>>) -> Box<str> {
    let rank = |form: &&str| (form.parse::<IpAddr>().is_ok(), !form.contains('.'));
    forms.iter().map(AsRef::as_ref).min_by_key(rank).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::super::testing::track;
    use super::*;
    use crate::model::input::Hints;
    use crate::model::piece::Piece;
    use crate::model::record::Trust;
    use crate::model::run::Ticks;
    use crate::model::time::StampKind;

    fn key(host: Option<&str>, boot: Option<u8>) -> RunKey {
        RunKey {
            host: host.map(Into::into),
            trust: Trust::Unverified,
            stamp: StampKind::Absolute,
            ticks: Ticks::Stamp,
            boot: boot.map(|b| BootId([b; 16])),
            numbered: false,
        }
    }

    fn stream(id: &str, directory: &str, keys: &[(Option<&str>, Option<u8>)]) -> LogStream {
        let mut piece = Piece::default();
        for (host, boot) in keys {
            piece.runs.insert(key(*host, *boot), Vec::new());
        }
        let hints = Hints { path: id.into(), directory: Some(directory.into()), ..Hints::default() };
        LogStream { id: id.into(), hints, dialect: "syslog", piece }
    }

    fn names(streams: &[LogStream], settings: &Settings) -> (Vec<String>, usize) {
        let mut notes = Notes::default();
        let hosts = tell_apart(streams, settings, &mut notes);
        let logs = streams.iter().enumerate().map(|(index, stream)| {
            let mut log = track(&stream.hints.path, 0, 1);
            log.members[0].stream = index;
            log
        });
        hosts.say_homes(&logs.collect::<Vec<_>>(), &mut notes);
        (hosts.list.iter().map(|h| h.name.to_string()).collect(), notes.into_lists().0.len())
    }

    #[test]
    fn names_ignore_case_and_short_names_join_their_only_full_name() {
        let streams = [stream(
            "a",
            "d",
            &[(Some("Web8"), None), (Some("web8"), None), (Some("web8.example.org"), None)],
        )];
        assert_eq!(names(&streams, &Settings::default()), (vec!["web8.example.org".into()], 2));
    }

    #[test]
    fn a_short_name_with_two_full_names_stays_alone() {
        let streams = [stream(
            "a",
            "d",
            &[(Some("web8"), None), (Some("web8.a.org"), None), (Some("web8.b.org"), None)],
        )];
        assert_eq!(names(&streams, &Settings::default()).0.len(), 3);
    }

    #[test]
    fn an_address_is_no_full_name() {
        let streams = [stream("a", "d", &[(Some("10"), None), (Some("10.0.0.1"), None)])];
        assert_eq!(names(&streams, &Settings::default()).0.len(), 2);
    }

    #[test]
    fn one_boot_is_one_host_whatever_it_calls_itself() {
        let streams = [
            stream("a", "d", &[(Some("old"), Some(7))]),
            stream("b", "e", &[(Some("new"), Some(7)), (None, Some(7))]),
        ];
        assert_eq!(names(&streams, &Settings::default()), (vec!["new".into()], 1));
    }

    #[test]
    fn nameless_lines_belong_to_the_only_host_beside_them() {
        let streams = [
            stream("m", "d", &[(Some("web8"), None)]),
            stream("dmesg", "d", &[(None, None)]),
            stream("alone/dmesg.0", "alone", &[(None, None)]),
        ];
        let (list, said) = names(&streams, &Settings::default());
        assert_eq!((list, said), (vec!["the host of alone/dmesg".into(), "web8".into()], 2));
        let given = Settings { host_name: Some("box".into()), ..Settings::default() };
        assert_eq!(names(&streams, &given).0, ["box", "web8"]);
    }

    #[test]
    fn rotation_leaves_the_stem() {
        for (path, base) in [
            ("messages.2.gz", "messages"),
            ("messages-20240107", "messages"),
            ("/var/log/kern.log.1", "/var/log/kern"),
            ("d/1", "d/1"),
            (".gz", ".gz"),
        ] {
            assert_eq!(stem(path), base, "{path}");
        }
    }
}
