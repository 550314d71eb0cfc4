//! The outbox as `mail queue --format json` prints it.

use serde::Serialize;

use crate::model::live::message::Queued;
use crate::model::time::WallTime;

use super::value::pretty;

#[derive(Debug, Serialize)]
struct Queue {
    messages: Vec<Message>,
}

#[derive(Debug, Serialize)]
struct Message {
    id: String,
    incident: Option<String>,
    to: Vec<String>,
    created_at: Option<String>,
    attempts: u32,
    next_attempt_at: Option<String>,
    last_error: Option<String>,
    state: &'static str,
}

/// The list as JSON, pretty-printed, with a final line end.
pub fn to_json(messages: &[Queued]) -> String {
    let message = |queued: &Queued| Message {
        id: queued.id.clone(),
        incident: queued.incident.clone(),
        to: queued.to.clone(),
        created_at: queued.created.rfc3339(),
        attempts: queued.attempts,
        next_attempt_at: queued.next_attempt.and_then(WallTime::rfc3339),
        last_error: queued.last_error.clone(),
        state: queued.state.word(),
    };
    pretty(&Queue { messages: messages.iter().map(message).collect() })
}
