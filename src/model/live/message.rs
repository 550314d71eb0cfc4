//! Messages to people, from the moment they are owed until somebody took them: what the outbox holds.

use super::intent::Notice;
use crate::model::time::WallTime;

/// Between whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Whom it comes from.
    pub from: String,
    /// Whom it goes to.
    pub to: Vec<String>,
}

/// A message that is owed. It is kept before it is written, so that a crash between the two loses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// What it is to tell.
    pub notice: Notice,
    /// Id of its incident.
    pub incident: Option<String>,
    /// Message-ID, without brackets.
    pub id: String,
    /// Between whom.
    pub envelope: Envelope,
    /// Since when it is owed.
    pub created: WallTime,
}

/// A message that is being handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Number in the outbox.
    pub number: i64,
    /// Message-ID, without brackets.
    pub id: String,
    /// Between whom.
    pub envelope: Envelope,
    /// Final bytes: the same on every attempt.
    pub bytes: Vec<u8>,
    /// Since when it is owed.
    pub created: WallTime,
    /// Attempts, with this one.
    pub attempts: u32,
}

/// A message as the queue shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Message-ID, without brackets.
    pub id: String,
    /// Id of its incident.
    pub incident: Option<String>,
    /// Whom it goes to.
    pub to: Vec<String>,
    /// Since when it is owed.
    pub created: WallTime,
    /// Attempts.
    pub attempts: u32,
    /// When it is tried next; none: it is not.
    pub next_attempt: Option<WallTime>,
    /// What the last attempt met.
    pub last_error: Option<String>,
    /// How far it is.
    pub state: MessageState,
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageState {
    /// Owed, not yet written.
    Draft,
    /// Written; waits for its next attempt.
    Waiting,
    /// Being handed over. Whoever has it must answer before the lease ends.
    Leased,
    /// Taken.
    Sent,
    /// Given up. It stays in the list.
    Dead,
}

impl MessageState {
    /// All, with their words.
    pub const WORDS: [(Self, &'static str); 5] = [
        (Self::Draft, "draft"),
        (Self::Waiting, "waiting"),
        (Self::Leased, "leased"),
        (Self::Sent, "sent"),
        (Self::Dead, "dead"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was taken.
    Taken,
    /// Not now: why.
    NotNow(String),
    /// Never: why.
    Never(String),
}

/// How it goes on with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It is done.
    Done,
    /// It is tried again.
    Again {
        /// When.
        at: WallTime,
        /// Why.
        why: String,
    },
    /// It is given up.
    GiveUp(String),
}
