//! The messages of a state: owed, written, leased for an attempt, answered. The watcher writes them; whoever hands them
//! over opens the same file for moments only.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::state::{StateError, connect};
use crate::model::live::message::{Envelope, Letter, MessageState, Next, Owed, Queued};
use crate::model::time::{SECOND_US, WallTime};
use crate::wire::state;

/// Messages that were taken are shown for so long.
const SENT_KEPT_US: i64 = 30 * 86_400 * SECOND_US;

/// A draft, with its number in the outbox.
pub type Draft = (i64, Owed);

/// The outbox of a state, for handing over.
#[derive(Debug)]
pub struct Outbox {
    path: PathBuf,
    db: Connection,
}

impl Outbox {
    /// Opens it; none where there is no state.
    pub fn open(directory: &Path) -> Result<Option<Self>, StateError> {
        let path = directory.join("state.db");
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(None);
        }
        let db = connect(&path)?;
        Ok(Some(Self { path, db }))
    }

    /// All messages, the oldest first.
    pub fn queue(&self) -> Result<Vec<Queued>, StateError> {
        self.wrong(queue(&self.db))
    }

    /// Takes the next message that is due for itself until `until`: nobody else gets it before.
    pub fn lease(&mut self, now: WallTime, until: WallTime) -> Result<Option<Letter>, StateError> {
        let leased = lease(&mut self.db, now, until);
        self.wrong(leased)
    }

    /// Keeps what an attempt came to. An answer for a lease that somebody else has taken since changes nothing.
    pub fn answer(&mut self, letter: &Letter, next: &Next) -> Result<(), StateError> {
        let answered = answer(&mut self.db, letter, next);
        self.wrong(answered)
    }

    fn wrong<T>(&self, result: rusqlite::Result<T>) -> Result<T, StateError> {
        result.map_err(|error| StateError::File { path: self.path.clone(), error })
    }
}

/// Keeps a message that is owed.
pub(super) fn owe(db: &Transaction<'_>, owed: &Owed) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO message (id, incident, notice, sender, recipients, created_us, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'draft')",
        params![
            owed.id,
            owed.incident,
            state::write_notice(&owed.notice),
            owed.envelope.from,
            owed.envelope.to.join("\n"),
            owed.created.0
        ],
    )?;
    let old = owed.created.0.saturating_sub(SENT_KEPT_US);
    db.execute("DELETE FROM message WHERE state = 'sent' AND created_us < ?1", [old]).map(drop)
}

/// Messages that wait may be tried at once.
pub(super) fn retry(db: &Transaction<'_>, now: WallTime) -> rusqlite::Result<()> {
    let sql = "UPDATE message SET next_attempt_us = ?1 WHERE state = 'waiting' AND next_attempt_us > ?1";
    db.execute(sql, [now.0]).map(drop)
}

/// Messages that are not written yet. One whose notice cannot be read is left out.
pub(super) fn drafts(db: &Connection) -> rusqlite::Result<Vec<Draft>> {
    let mut all = db.prepare(
        "SELECT number, id, incident, notice, sender, recipients, created_us FROM message
         WHERE state = 'draft' ORDER BY number",
    )?;
    let rows = all.query_map([], |row| {
        let notice: String = row.get(3)?;
        let Ok(notice) = state::read_notice(notice.as_bytes()) else { return Ok(None) };
        let owed = Owed {
            notice,
            id: row.get(1)?,
            incident: row.get(2)?,
            envelope: Envelope { from: row.get(4)?, to: recipients(row, 5)? },
            created: WallTime(row.get(6)?),
        };
        Ok(Some((row.get(0)?, owed)))
    })?;
    rows.filter_map(Result::transpose).collect()
}

/// A draft is written: from now on its bytes stay as they are. A draft that could not be written is given up with the
/// reason.
pub(super) fn written(
    db: &Connection,
    number: i64,
    bytes: Result<&[u8], &str>,
    now: WallTime,
) -> rusqlite::Result<()> {
    match bytes {
        Ok(bytes) => db.execute(
            "UPDATE message SET bytes = ?2, state = 'waiting', next_attempt_us = ?3
             WHERE number = ?1 AND state = 'draft'",
            params![number, bytes, now.0],
        ),
        Err(why) => db.execute(
            "UPDATE message SET state = 'dead', last_error = ?2 WHERE number = ?1 AND state = 'draft'",
            params![number, why],
        ),
    }
    .map(drop)
}

fn queue(db: &Connection) -> rusqlite::Result<Vec<Queued>> {
    let mut all = db.prepare(
        "SELECT id, incident, recipients, created_us, attempts, next_attempt_us, last_error, state FROM message
         ORDER BY number",
    )?;
    let rows = all.query_map([], |row| {
        let word: String = row.get(7)?;
        let known = MessageState::WORDS.iter().find(|(_, known)| *known == word);
        let state = known.map_or(MessageState::Dead, |(state, _)| *state);
        let next: Option<i64> = row.get(5)?;
        Ok(Queued {
            id: row.get(0)?,
            incident: row.get(1)?,
            to: recipients(row, 2)?,
            created: WallTime(row.get(3)?),
            attempts: row.get(4)?,
            next_attempt: next.map(WallTime),
            last_error: row.get(6)?,
            state,
        })
    })?;
    rows.collect()
}

fn lease(db: &mut Connection, now: WallTime, until: WallTime) -> rusqlite::Result<Option<Letter>> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let due = change.query_row(
        "SELECT number, id, sender, recipients, bytes, created_us, attempts FROM message
         WHERE state IN ('waiting', 'leased') AND next_attempt_us <= ?1 ORDER BY next_attempt_us, number LIMIT 1",
        [now.0],
        |row| {
            Ok(Letter {
                number: row.get(0)?,
                id: row.get(1)?,
                envelope: Envelope { from: row.get(2)?, to: recipients(row, 3)? },
                bytes: row.get(4)?,
                created: WallTime(row.get(5)?),
                attempts: row.get::<_, u32>(6)?.saturating_add(1),
            })
        },
    );
    let Some(letter) = due.optional()? else { return Ok(None) };
    change.execute(
        "UPDATE message SET state = 'leased', attempts = ?2, next_attempt_us = ?3 WHERE number = ?1",
        params![letter.number, letter.attempts, until.0],
    )?;
    change.commit()?;
    Ok(Some(letter))
}

fn answer(db: &mut Connection, letter: &Letter, next: &Next) -> rusqlite::Result<()> {
    let (state, at, why) = match next {
        Next::Done => (MessageState::Sent, None, None),
        Next::Again { at, why } => (MessageState::Waiting, Some(at.0), Some(why)),
        Next::GiveUp(why) => (MessageState::Dead, None, Some(why)),
    };
    db.execute(
        "UPDATE message SET state = ?3, next_attempt_us = ?4, last_error = ?5
         WHERE number = ?1 AND attempts = ?2 AND state = 'leased'",
        params![letter.number, letter.attempts, state.word(), at, why],
    )
    .map(drop)
}

fn recipients(row: &Row<'_>, at: usize) -> rusqlite::Result<Vec<String>> {
    let all: String = row.get(at)?;
    Ok(all.lines().map(str::to_owned).collect())
}
