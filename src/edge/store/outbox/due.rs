//! Which message is due, and taking it.

use std::collections::BTreeSet;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{channel, recipients};
use crate::model::live::message::{Channel, Envelope, LEASE_US, Letter, MessageState, WAIT_MAX_US};
use crate::model::time::{SECOND_US, WallTime};

/// What a message says whose lease ended without an answer.
const UNANSWERED: &str =
    "the attempt before ended without an answer (killed, or the machine stopped): it may have been delivered";

/// Between reading the clock and having the file.
const MARGIN_US: i64 = 60 * SECOND_US;

/// Which message is looked for.
pub(super) struct Wanted<'a> {
    pub(super) channel: Option<Channel>,
    pub(super) number: Option<i64>,
    pub(super) turn: &'a Turn<'a>,
}

/// A run that takes one message after another: none twice, whatever the clock does, and none that came due only since it
/// began.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// What it has had.
    pub besides: &'a BTreeSet<i64>,
    /// When it began.
    pub begun: WallTime,
}

/// The next message that is due, taken. One whose bytes are gone is given up with the reason, and holds up no other.
pub(super) fn lease(
    db: &mut Connection,
    wanted: &Wanted<'_>,
    now: WallTime,
    until: WallTime,
) -> rusqlite::Result<Option<Letter>> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let leased = loop {
        let Some((letter, state)) = due(&change, wanted, now)? else { break None };
        let bytes = change.query_row("SELECT bytes FROM message WHERE number = ?1", [letter.number], |row| {
            row.get::<_, Vec<u8>>(0)
        });
        match bytes {
            Ok(bytes) => break Some((Letter { bytes, ..letter }, state)),
            Err(error) => {
                change.execute(
                    "UPDATE message SET state = 'dead', next_attempt_us = NULL, last_error = ?2 WHERE number = ?1",
                    params![letter.number, format!("its bytes cannot be read: {error}")],
                )?;
            }
        }
    };
    if let Some((letter, state)) = &leased {
        change.execute(
            "UPDATE message SET state = 'leased', attempts = ?2, next_attempt_us = ?3, leased_us = ?4
             WHERE number = ?1",
            params![letter.number, letter.attempts, until.0, now.0],
        )?;
        if state == MessageState::Leased.word() {
            change.execute(
                "UPDATE message SET last_error = ?2 WHERE number = ?1",
                params![letter.number, UNANSWERED],
            )?;
        }
    }
    change.commit()?;
    Ok(leased.map(|(letter, _)| letter))
}

/// What is due. Nothing waits longer than [`WAIT_MAX_US`], and no lease lasts longer than [`LEASE_US`]: what seems to was
/// put off by a clock that has been put right since, and is due as well. (Four ranges of one index.)
const DUE: &str =
    "SELECT number, id, sender, max(created_us, coalesce(taken_us, created_us)), attempts, state, channel, repeats
     FROM message AS this
     WHERE (state = 'waiting' AND next_attempt_us <= ?1 OR state = 'waiting' AND next_attempt_us > ?4
            OR state = 'leased' AND next_attempt_us <= ?1 OR state = 'leased' AND next_attempt_us > ?5)
     AND number = coalesce(?2, number) AND channel = coalesce(?3, channel)
     -- What is repeated is true while its incident goes on: a watcher that did not come to say that it is over, or
     -- whose evidence is gone, has no alert kept up for ever.
     AND (repeats = 0 OR incident IN (SELECT id FROM incident WHERE closed_us IS NULL))
     -- A program hears of an incident in the order in which it happened.
     AND NOT (channel = 'webhook' AND EXISTS (
         SELECT 1 FROM message AS earlier WHERE earlier.incident = this.incident AND earlier.number < this.number
         AND earlier.channel = 'webhook' AND earlier.state IN ('draft', 'waiting', 'leased')))
     ORDER BY next_attempt_us, number";

/// What is due next, without its bytes, and its state.
pub(super) fn due(
    db: &Connection,
    wanted: &Wanted<'_>,
    now: WallTime,
) -> rusqlite::Result<Option<(Letter, String)>> {
    // Whoever reads the clock first may come to the file last.
    let too_far = |us: i64| now.0.saturating_add(us).saturating_add(MARGIN_US);
    let mut all = db.prepare(DUE)?;
    let mut rows = all.query(params![
        now.min(wanted.turn.begun).0,
        wanted.number,
        wanted.channel.map(Channel::word),
        too_far(WAIT_MAX_US),
        too_far(LEASE_US),
    ])?;
    while let Some(row) = rows.next()? {
        let mut letter = Letter {
            channel: channel(&row.get::<_, String>(6)?),
            repeats: row.get(7)?,
            number: row.get(0)?,
            id: row.get(1)?,
            envelope: Envelope { from: row.get(2)?, to: Vec::new() },
            bytes: Vec::new(),
            created: WallTime(row.get(3)?),
            attempts: row.get::<_, u32>(4)?.saturating_add(1),
        };
        if !wanted.turn.besides.contains(&letter.number) {
            let wait = recipients(db, letter.number)?.into_iter().filter(|recipient| recipient.state.waits());
            letter.envelope.to = wait.map(|recipient| recipient.address).collect();
            return Ok(Some((letter, row.get(5)?)));
        }
    }
    Ok(None)
}
