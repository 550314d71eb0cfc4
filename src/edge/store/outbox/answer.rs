//! Keeping what an attempt came to.

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::recipients;
use crate::model::live::message::{Answered, Letter, MessageState, Next, QueuedRecipient, RecipientState};
use crate::model::time::WallTime;

/// Whether an answer that could not be kept may be kept a little later.
pub(super) fn may_pass(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
        )
    )
}

/// Keeps an answer, and says when the message is tried again.
pub(super) fn answer(db: &mut Connection, letter: &Letter, next: &Next) -> rusqlite::Result<Answered> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let begun: Option<Option<i64>> = change
        .query_row(
            "SELECT leased_us FROM message WHERE number = ?1 AND attempts = ?2 AND state = 'leased'",
            params![letter.number, letter.attempts],
            |row| row.get(0),
        )
        .optional()?;
    let Some(begun) = begun else { return Ok(Answered::Lost) };
    for (address, state, why) in &next.recipients {
        // What may have arrived stays so, whatever a later attempt met.
        change.execute(
            "UPDATE recipient SET
             last_error = CASE WHEN ?3 = 'waiting' AND state = 'possibly delivered'
                          THEN 'possibly delivered by an attempt before; the last one: ' || coalesce(?4, '') ELSE ?4 END,
             state = CASE WHEN ?3 = 'waiting' AND state = 'possibly delivered' THEN state ELSE ?3 END
             WHERE message = ?1 AND address = ?2 AND state IN ('waiting', 'possibly delivered')",
            params![letter.number, address, state.word(), why],
        )?;
    }
    let all = recipients(&change, letter.number)?;
    let state = if next.at.is_some() {
        MessageState::Waiting
    } else if all.iter().any(|recipient| recipient.state != RecipientState::Sent) {
        MessageState::Dead
    } else {
        MessageState::Sent
    };
    let at = if next.why().is_some() { hurried(&change, next.at, begun, &all)? } else { next.at };
    change.execute(
        "UPDATE message SET state = ?2, next_attempt_us = ?3, last_error = ?4 WHERE number = ?1",
        params![letter.number, state.word(), at.map(|at| at.0), next.why()],
    )?;
    if state == MessageState::Sent {
        // Nobody sends them any more: the row is enough to tell of it.
        change.execute("UPDATE message SET bytes = NULL WHERE number = ?1", [letter.number])?;
    }
    if letter.repeats && next.at.is_some() && next.why().is_none() {
        // Taken; the attempts of the next time are counted from the first.
        change.execute(
            "UPDATE message SET taken_us = next_attempt_us, attempts = 0 WHERE number = ?1",
            [letter.number],
        )?;
    }
    change.commit()?;
    Ok(Answered::Kept(at))
}

/// When it is tried again, if the table had room again after its attempt began: at once, as [`super::retry`] would have had it.
fn hurried(
    db: &Connection,
    at: Option<WallTime>,
    begun: Option<i64>,
    recipients: &[QueuedRecipient],
) -> rusqlite::Result<Option<WallTime>> {
    if recipients.iter().any(|recipient| recipient.state == RecipientState::Possibly) {
        return Ok(at);
    }
    let since: Option<i64> = db
        .query_row("SELECT since_us FROM room WHERE since_us > ?1", [begun], |row| row.get(0))
        .optional()?;
    Ok(at.map(|at| since.map_or(at, |since| at.min(WallTime(since)))))
}
