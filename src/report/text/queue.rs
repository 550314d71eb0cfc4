//! The outbox: a line for each message.

use crate::model::live::message::{Queued, QueuedRecipient};
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
            to(queued),
            queued.id.clone(),
            queued.last_error.clone().unwrap_or_default(),
        ]
    };
    let head = ["STATE", "SINCE", "TRIES", "NEXT TRY", "TO", "MESSAGE", "LAST ERROR"];
    columns::render(head, &messages.iter().map(row).collect::<Vec<_>>())
}

/// Addresses; with the state of each where they differ, or where it is more than the message's own word says.
fn to(queued: &Queued) -> String {
    let plain = |recipient: &QueuedRecipient| {
        let word = recipient.state.word();
        word == queued.state.word() || word == "waiting" && !matches!(queued.state.word(), "sent" | "dead")
    };
    let all = queued.to.iter().map(|recipient| {
        let address = recipient.address.clone();
        if plain(recipient) { address } else { format!("{address} ({})", recipient.state.word()) }
    });
    all.collect::<Vec<_>>().join(", ")
}
