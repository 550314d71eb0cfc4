//! One attempt to hand a message to a relay: what it is told, which steps it takes, what it comes to.

use std::net::IpAddr;
use std::path::PathBuf;

use super::config::Tls;
use super::message::{Envelope, Fate, Fates};

/// The relay, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Its name: what certificates must be made out to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is locked.
    pub tls: Tls,
    /// Who logs in; none: nobody does.
    pub user: Option<String>,
    /// The file that holds the password.
    pub password: Option<PathBuf>,
    /// Where it was found before, the last that worked first: for when its name cannot be resolved.
    pub known: Vec<IpAddr>,
    /// `known` is recent: nobody needs to be asked.
    pub recent: bool,
}

/// What an attempt is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// To whom.
    pub relay: Relay,
    /// By which name this machine greets.
    pub hello: String,
    /// Between whom.
    pub envelope: Envelope,
    /// Final bytes.
    pub bytes: Vec<u8>,
    /// The same message without what is attached, for a relay that finds it too large.
    pub smaller: Option<Vec<u8>>,
}

/// What is posted to a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The recipient's word.
    pub to: String,
    /// Where.
    pub url: String,
    /// The file whose first line is the bearer token.
    pub token: Option<PathBuf>,
    /// Id of the message, the same on every attempt.
    pub id: String,
    /// JSON.
    pub bytes: Vec<u8>,
    /// The same without the report, for a server that finds it too large.
    pub smaller: Option<Vec<u8>>,
}

/// What a process of its own is started for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// A message goes to a relay.
    Mail(Job),
    /// A message goes to a program.
    Post(Post),
    /// Nothing goes anywhere: where is the relay?
    Resolve(Relay),
}

impl Errand {
    /// Whose fates it decides.
    pub fn to(&self) -> &[String] {
        match self {
            Self::Mail(job) => &job.envelope.to,
            Self::Post(post) => std::slice::from_ref(&post.to),
            Self::Resolve(_) => &[],
        }
    }
}

/// What an attempt is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// What was configured.
    Configuration,
    /// The file with the password.
    Password,
    /// The relay's name.
    Resolve,
    /// TCP.
    Connect,
    /// The relay's first word, and what it offers.
    Greeting,
    /// STARTTLS or TLS, and the certificate.
    Tls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA and the bytes.
    Content,
    /// What the relay says at the end.
    Answer,
}

impl Stage {
    /// All, with their words.
    pub const WORDS: [(Self, &'static str); 11] = [
        (Self::Configuration, "configuration"),
        (Self::Password, "password"),
        (Self::Resolve, "resolve"),
        (Self::Connect, "connect"),
        (Self::Greeting, "greeting"),
        (Self::Tls, "tls"),
        (Self::Login, "login"),
        (Self::Sender, "sender"),
        (Self::Recipient, "recipient"),
        (Self::Content, "content"),
        (Self::Answer, "answer"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(stage, _)| *stage == self).map_or("", |(_, word)| word)
    }
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub stage: Stage,
    /// It went well.
    pub fine: bool,
    /// In words. A relay's own words may be among them.
    pub said: String,
}

/// What an attempt came to, so far: one that is cut off came to what it said last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// For each recipient.
    pub fates: Fates,
    /// Where the relay is, if its name was resolved just now or a connection to it was made: the one that worked first.
    pub addresses: Vec<IpAddr>,
    /// The addresses are a resolver's, not only remembered.
    pub resolved: bool,
    /// It failed before the message had a part in it: the next one would fare no better.
    pub shut: bool,
    /// It was told to end before anything was sent: as if it had not been made.
    pub stopped: bool,
}

impl Outcome {
    /// The same for every recipient.
    pub fn all(to: &[String], fate: &Fate) -> Self {
        Self { fates: to.iter().map(|to| (to.clone(), fate.clone())).collect(), ..Self::default() }
    }
}

/// What comes out of an attempt, one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A step was taken.
    Step(Step),
    /// What it would have come to if it ended here.
    Outcome(Outcome),
}
