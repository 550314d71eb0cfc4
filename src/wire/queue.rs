//! The outbox as `mail queue --format json` prints it.

use serde::Serialize;

use crate::model::live::message::{Queued, QueuedRecipient};
use crate::model::time::WallTime;

use super::value::pretty;

#[derive(Debug, Serialize)]
struct Queue {
    messages: Vec<Message>,
}

#[derive(Debug, Serialize)]
struct Message {
    kind: &'static str,
    id: String,
    incident: Option<String>,
    to: Vec<String>,
    recipients: Vec<Recipient>,
    created_at: Option<String>,
    attempts: u32,
    next_attempt_at: Option<String>,
    last_error: Option<String>,
    state: &'static str,
}

#[derive(Debug, Serialize)]
struct Recipient {
    address: String,
    state: &'static str,
    last_error: Option<String>,
}

/// The list as JSON, pretty-printed, with a final line end.
pub fn to_json(messages: &[Queued]) -> String {
    let recipient = |recipient: &QueuedRecipient| Recipient {
        address: recipient.address.clone(),
        state: recipient.state.word(),
        last_error: recipient.last_error.clone(),
    };
    let message = |queued: &Queued| Message {
        kind: queued.channel.word(),
        id: queued.id.clone(),
        incident: queued.incident.clone(),
        to: queued.to.iter().map(|recipient| recipient.address.clone()).collect(),
        recipients: queued.to.iter().map(recipient).collect(),
        created_at: queued.created.rfc3339(),
        attempts: queued.attempts,
        next_attempt_at: queued.next_attempt.and_then(WallTime::rfc3339),
        last_error: queued.last_error.clone(),
        state: queued.state.word(),
    };
    pretty(&Queue { messages: messages.iter().map(message).collect() })
}
