//! The outbox: a line for each message.

use crate::model::live::message::Queued;
use crate::model::time::WallTime;

use super::columns;

/// Rows as text; the first line names the columns.
pub fn render(messages: &[Queued]) -> String {
    let at = |time: WallTime| time.rfc3339().unwrap_or_else(|| "not known".to_owned());
    let row = |queued: &Queued| {
        [
            queued.state.word().to_owned(),
            at(queued.created),
            queued.attempts.to_string(),
            queued.next_attempt.map_or_else(|| "-".to_owned(), at),
            queued.to.join(", "),
            queued.id.clone(),
            queued.last_error.clone().unwrap_or_default(),
        ]
    };
    let head = ["STATE", "SINCE", "TRIES", "NEXT TRY", "TO", "MESSAGE", "LAST ERROR"];
    columns::render(head, &messages.iter().map(row).collect::<Vec<_>>())
}
