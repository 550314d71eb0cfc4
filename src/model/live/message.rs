//! Messages to people, from the moment they are owed until somebody took them: what the outbox holds, and what an attempt
//! to hand one over came to. Recipients fail one by one: each has a state of its own.

use super::intent::{About, Notice};
use crate::model::time::{SECOND_US, WallTime};

/// The longest wait between two attempts: half an hour, and a fifth of it. Whoever waits longer was put off by a clock that
/// was wrong.
pub const WAIT_MAX_US: i64 = 36 * 60 * SECOND_US;
/// How long an attempt may have a message for itself: longer than any attempt takes (15 minutes, enforced by whoever
/// started it), so that no two have it at once.
pub const LEASE_US: i64 = 20 * 60 * SECOND_US;

/// Between whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Whom it comes from.
    pub from: String,
    /// Whom it goes to.
    pub to: Vec<String>,
}

/// To whom a message speaks, and so by which door it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Channel {
    /// To people.
    #[default]
    Mail,
    /// To a program of theirs: the JSON of an incident.
    Webhook,
    /// To Alertmanager: an alert.
    Alertmanager,
}

impl Channel {
    /// All, with their words.
    pub const WORDS: [(Self, &'static str); 3] =
        [(Self::Mail, "mail"), (Self::Webhook, "webhook"), (Self::Alertmanager, "alertmanager")];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(channel, _)| *channel == self).map_or("", |(_, word)| word)
    }
}

/// A message that is owed. It is kept before it is written, so that a crash between the two loses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// To whom it speaks.
    pub channel: Channel,
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

impl Owed {
    /// It is said again and again until another takes its place: Alertmanager takes an alert that it does not hear of any
    /// more to be over.
    pub fn repeats(&self) -> bool {
        self.channel == Channel::Alertmanager && !matches!(self.notice.about, About::Closed(_))
    }
}

/// A message that is being handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// To whom it speaks.
    pub channel: Channel,
    /// It is said again until another takes its place.
    pub repeats: bool,
    /// Number in the outbox.
    pub number: i64,
    /// Message-ID, without brackets.
    pub id: String,
    /// Between whom: recipients that had it already, or never will, are not among them.
    pub envelope: Envelope,
    /// Final bytes: the same on every attempt.
    pub bytes: Vec<u8>,
    /// Since when it is owed; of one that is repeated, since it was last taken.
    pub created: WallTime,
    /// Attempts, with this one.
    pub attempts: u32,
}

/// A message that was written elsewhere and is to be kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Message-ID, without brackets.
    pub id: String,
    /// Between whom.
    pub envelope: Envelope,
    /// Final bytes.
    pub bytes: Vec<u8>,
    /// Since when it is owed.
    pub created: WallTime,
}

/// A message as the queue shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// To whom it speaks.
    pub channel: Channel,
    /// Message-ID, without brackets.
    pub id: String,
    /// Id of its incident.
    pub incident: Option<String>,
    /// Whom it goes to, and how far it is with each.
    pub to: Vec<QueuedRecipient>,
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

/// One recipient, as the queue shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedRecipient {
    /// Address.
    pub address: String,
    /// How far the message is with it.
    pub state: RecipientState,
    /// What the last attempt met.
    pub last_error: Option<String>,
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
    /// Taken, for every recipient.
    Sent,
    /// Given up, for one recipient at least; nobody waits for it any more. It stays in the list.
    Dead,
    /// Another has taken its place.
    Replaced,
}

impl MessageState {
    /// All, with their words.
    pub const WORDS: [(Self, &'static str); 6] = [
        (Self::Draft, "draft"),
        (Self::Waiting, "waiting"),
        (Self::Leased, "leased"),
        (Self::Sent, "sent"),
        (Self::Dead, "dead"),
        (Self::Replaced, "replaced"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }
}

/// How far a message is with one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecipientState {
    /// To be tried, or tried again.
    Waiting,
    /// To be tried again, though it may have arrived: the answer to the last attempt was lost.
    Possibly,
    /// Taken.
    Sent,
    /// Given up.
    Dead,
}

impl RecipientState {
    /// All, with their words.
    pub const WORDS: [(Self, &'static str); 4] = [
        (Self::Waiting, "waiting"),
        (Self::Possibly, "possibly delivered"),
        (Self::Sent, "sent"),
        (Self::Dead, "dead"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// It is tried again.
    pub fn waits(self) -> bool {
        matches!(self, Self::Waiting | Self::Possibly)
    }
}

/// What an attempt came to, for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was taken.
    Taken,
    /// Not now: why.
    NotNow(String),
    /// Not until a person has changed something: why. A password, a certificate, a setting of this machine or the relay.
    Misconfigured(String),
    /// It was sent whole, and the answer never came: why. It may have arrived.
    Perhaps(String),
    /// Never: why.
    Never(String),
}

/// Address → what became of it.
pub type Fates = Vec<(String, Fate)>;

/// What became of an answer that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is kept; the message is tried again then, or not at all.
    Kept(Option<WallTime>),
    /// The lease had ended, and somebody else has the message: what they come to counts.
    Lost,
}

/// How it goes on with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// With each recipient of the attempt: how far it is, and why it is no farther.
    pub recipients: Vec<(String, RecipientState, Option<String>)>,
    /// When those that wait are tried again; none: nobody waits.
    pub at: Option<WallTime>,
}

impl Next {
    /// What is amiss, in words: one reason where it is the same for all, else each with its address.
    pub fn why(&self) -> Option<String> {
        let mut reasons =
            self.recipients.iter().filter_map(|(address, _, why)| Some((address, why.as_ref()?)));
        let (_, first) = reasons.clone().next()?;
        let all = self.recipients.iter().all(|(_, _, why)| why.as_ref() == Some(first));
        if all {
            return Some(first.clone());
        }
        let each: Vec<String> = reasons.by_ref().map(|(address, why)| format!("{address}: {why}")).collect();
        Some(each.join("; "))
    }
}
