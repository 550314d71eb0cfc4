//! Prose as values: causes say, `report` spells. A sentence holds typed parts, so that every format escapes, aligns
//! and rounds in its own way, and so that tests can compare what is said and not how.

use std::net::IpAddr;

use super::flow::{L4, State};
use super::time::WallTime;

/// A noun that is counted: singular and plural.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noun(pub &'static str, pub &'static str);

#[allow(missing_docs)]
pub mod noun {
    use super::Noun;
    pub const ENTRY: Noun = Noun("entry", "entries");
    pub const PACKET: Noun = Noun("packet", "packets");
    pub const LINE: Noun = Noun("line", "lines");
    pub const SOURCE: Noun = Noun("source", "sources");
    pub const PEER: Noun = Noun("peer", "peers");
    pub const INCIDENT: Noun = Noun("incident", "incidents");
    pub const CONNECTION: Noun = Noun("connection", "connections");
    pub const BUCKET: Noun = Noun("bucket", "buckets");
    pub const PORT: Noun = Noun("port", "ports");
    pub const FILE: Noun = Noun("file", "files");
    pub const HOST: Noun = Noun("host", "hosts");
    pub const NAMESPACE: Noun = Noun("namespace", "namespaces");
}

/// One part of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// Words of ours. No leading or trailing blank: the speller sets blanks, none before `, . : ; )` and none behind `(`.
    Text(&'static str),
    /// So many of something.
    Count(u64, Noun),
    /// A bare number.
    Number(u64),
    /// Something per second.
    Rate(f64),
    /// 0 to 1, printed as per cent.
    Share(f64),
    /// Bytes, printed with a binary unit.
    Bytes(u64),
    /// Seconds.
    Duration(f64),
    /// A point in time.
    Moment(WallTime),
    /// An address.
    Address(IpAddr),
    /// An address with port and protocol.
    Endpoint(IpAddr, Option<u16>, L4),
    /// A port with its protocol, and its service where one is known.
    Port(u16, L4),
    /// A protocol.
    Protocol(L4),
    /// A state of the tracker.
    State(State),
    /// A sysctl key, a command, a file name of ours: set apart (backticks, code).
    Code(String),
    /// Bytes that came from input: escaped at the door of each format.
    Untrusted(Box<[u8]>),
}

/// A sentence, or a clause. The speller adds neither capital nor full stop.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sentence(pub Vec<Word>);

impl From<&'static str> for Sentence {
    fn from(text: &'static str) -> Self {
        Self(vec![Word::Text(text)])
    }
}

impl Sentence {
    /// This sentence and one more part.
    #[must_use]
    pub fn with(mut self, word: impl Into<Word>) -> Self {
        self.0.push(word.into());
        self
    }

    /// This sentence and the parts of another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl Sentence {
    /// This sentence and the parts of another.
    #[must_use]
    pub fn with_all(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }
}

impl From<&'static str> for Word {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

impl From<IpAddr> for Word {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl From<State> for Word {
    fn from(state: State) -> Self {
        Self::State(state)
    }
}

impl From<WallTime> for Word {
    fn from(at: WallTime) -> Self {
        Self::Moment(at)
    }
}

/// `sentence!["text", Word::…, …]`: a sentence from parts.
#[macro_export]
macro_rules! sentence {
    ($($part:expr),* $(,)?) => {
        $crate::model::sentence::Sentence(vec![$($crate::model::sentence::Word::from($part)),*])
    };
}
