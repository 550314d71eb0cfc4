//! The messages of a state: owed, written, leased for an attempt, answered for each recipient. The watcher writes them;
//! whoever hands them over opens the same file for moments only.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::private_directory;
use super::state::{StateError, connect};
use crate::model::live::message::{
    Channel, Envelope, Letter, MessageState, Next, Owed, Queued, QueuedRecipient, RecipientState, Written,
};
use crate::model::live::numbers::Backlog;
use crate::model::time::{SECOND_US, WallTime};
use crate::wire::state;

/// Messages that were taken are shown for so long.
const SENT_KEPT_US: i64 = 30 * 86_400 * SECOND_US;
/// What a message says whose lease ended without an answer.
const UNANSWERED: &str =
    "the attempt before ended without an answer (killed, or the machine stopped): it may have been delivered";

/// A draft, with its number in the outbox.
pub type Draft = (i64, Owed);

/// Where a relay was found: its addresses, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The last that worked first.
    pub addresses: Vec<IpAddr>,
    /// When its name was resolved.
    pub resolved: WallTime,
}

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

    /// Opens it, makes it where there is no state. A watcher may be keeping the same one; root may use the state of the
    /// watcher's user.
    pub fn make(directory: &Path) -> Result<Self, StateError> {
        if let Some(outbox) = Self::open(directory)? {
            return Ok(outbox);
        }
        private_directory(directory)
            .map_err(|error| StateError::Directory { path: directory.to_owned(), error })?;
        let path = directory.join("state.db");
        let db = connect(&path)?;
        Ok(Self { path, db })
    }

    /// All messages, the oldest first.
    pub fn queue(&self) -> Result<Vec<Queued>, StateError> {
        self.wrong(queue(&self.db))
    }

    /// Keeps a message that came written, due at once. Its number is for [`Self::lease_one`].
    pub fn put(&mut self, written: &Written) -> Result<i64, StateError> {
        let put = put(&mut self.db, written);
        self.wrong(put)
    }

    /// Takes the next mail that is due for itself until `until`: nobody else gets it before.
    pub fn lease(&mut self, now: WallTime, until: WallTime) -> Result<Option<Letter>, StateError> {
        self.lease_of(Channel::Mail, now, until)
    }

    /// The same for a message of any kind.
    pub fn lease_of(
        &mut self,
        channel: Channel,
        now: WallTime,
        until: WallTime,
    ) -> Result<Option<Letter>, StateError> {
        let leased = lease(&mut self.db, (Some(channel), None), now, until);
        self.wrong(leased)
    }

    /// The same for one message alone.
    pub fn lease_one(
        &mut self,
        number: i64,
        now: WallTime,
        until: WallTime,
    ) -> Result<Option<Letter>, StateError> {
        let leased = lease(&mut self.db, (None, Some(number)), now, until);
        self.wrong(leased)
    }

    /// Keeps what an attempt came to. An answer for a lease that somebody else has taken since changes nothing.
    pub fn answer(&mut self, letter: &Letter, next: &Next) -> Result<(), StateError> {
        let answered = answer(&mut self.db, letter, next);
        self.wrong(answered)
    }

    /// Where a relay was found last.
    pub fn relay(&self, name: &str) -> Result<Option<Found>, StateError> {
        self.wrong(relay(&self.db, name))
    }

    /// Keeps where a relay was found.
    pub fn keep_relay(&self, name: &str, found: &Found) -> Result<(), StateError> {
        let addresses: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
        let kept = self.db.execute(
            "INSERT INTO relay VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET addresses = excluded.addresses, resolved_us = excluded.resolved_us",
            params![name, addresses.join("\n"), found.resolved.0],
        );
        self.wrong(kept.map(drop))
    }

    fn wrong<T>(&self, result: rusqlite::Result<T>) -> Result<T, StateError> {
        result.map_err(|error| StateError::File { path: self.path.clone(), error })
    }
}

/// Keeps a message that is owed.
pub(super) fn owe(db: &Transaction<'_>, owed: &Owed) -> rusqlite::Result<()> {
    if owed.channel == Channel::Alertmanager {
        // What is repeated ends here: each incident has one alert at a time.
        db.execute(
            "UPDATE message SET state = 'replaced', next_attempt_us = NULL
             WHERE channel = ?1 AND incident = ?2 AND state IN ('draft', 'waiting', 'leased')",
            params![owed.channel.word(), owed.incident],
        )?;
    }
    db.execute(
        "INSERT INTO message (id, incident, notice, sender, created_us, state, channel, repeats)
         VALUES (?1, ?2, ?3, ?4, ?5, 'draft', ?6, ?7)",
        params![
            owed.id,
            owed.incident,
            state::write_notice(&owed.notice),
            owed.envelope.from,
            owed.created.0,
            owed.channel.word(),
            owed.repeats()
        ],
    )?;
    address(db, db.last_insert_rowid(), &owed.envelope)?;
    forget_old(db, owed.created)
}

/// Recipients of a new message.
fn address(db: &Transaction<'_>, number: i64, envelope: &Envelope) -> rusqlite::Result<()> {
    for (place, to) in (0_i64..).zip(&envelope.to) {
        db.execute(
            "INSERT INTO recipient (message, place, address, state) VALUES (?1, ?2, ?3, 'waiting')",
            params![number, place, to],
        )?;
    }
    Ok(())
}

fn forget_old(db: &Transaction<'_>, now: WallTime) -> rusqlite::Result<()> {
    let old = now.0.saturating_sub(SENT_KEPT_US);
    db.execute(
        "DELETE FROM recipient WHERE message IN
         (SELECT number FROM message WHERE state IN ('sent', 'replaced') AND created_us < ?1)",
        [old],
    )?;
    db.execute("DELETE FROM message WHERE state IN ('sent', 'replaced') AND created_us < ?1", [old]).map(drop)
}

fn put(db: &mut Connection, written: &Written) -> rusqlite::Result<i64> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    change.execute(
        "INSERT INTO message (id, notice, sender, bytes, created_us, next_attempt_us, state)
         VALUES (?1, '', ?2, ?3, ?4, ?4, 'waiting')",
        params![written.id, written.envelope.from, written.bytes, written.created.0],
    )?;
    let number = change.last_insert_rowid();
    address(&change, number, &written.envelope)?;
    forget_old(&change, written.created)?;
    change.commit()?;
    Ok(number)
}

/// Messages that wait may be tried at once; not one that may have arrived: a relay that is still busy with it would get
/// a second.
pub(super) fn retry(db: &Transaction<'_>, now: WallTime) -> rusqlite::Result<()> {
    let sql = "UPDATE message SET next_attempt_us = ?1 WHERE state = 'waiting' AND next_attempt_us > ?1
               AND number NOT IN (SELECT message FROM recipient WHERE state = 'possibly delivered')";
    db.execute(sql, [now.0]).map(drop)
}

/// Messages that are not written yet. One whose notice cannot be read is left out.
pub(super) fn drafts(db: &Connection) -> rusqlite::Result<Vec<Draft>> {
    let mut all = db.prepare(
        "SELECT number, id, incident, notice, sender, created_us, channel FROM message
         WHERE state = 'draft' ORDER BY number",
    )?;
    let rows = all.query_map([], |row| {
        let notice: String = row.get(3)?;
        let Ok(notice) = state::read_notice(notice.as_bytes()) else { return Ok(None) };
        let number: i64 = row.get(0)?;
        let to = recipients(db, number)?.into_iter().map(|recipient| recipient.address).collect();
        let owed = Owed {
            channel: channel(&row.get::<_, String>(6)?),
            notice,
            id: row.get(1)?,
            incident: row.get(2)?,
            envelope: Envelope { from: row.get(4)?, to },
            created: WallTime(row.get(5)?),
        };
        Ok(Some((number, owed)))
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
        "SELECT number, id, incident, created_us, attempts, next_attempt_us, last_error, state, channel
         FROM message ORDER BY number",
    )?;
    let rows = all.query_map([], |row| {
        let word: String = row.get(7)?;
        let known = MessageState::WORDS.iter().find(|(_, known)| *known == word);
        let next: Option<i64> = row.get(5)?;
        Ok(Queued {
            channel: channel(&row.get::<_, String>(8)?),
            id: row.get(1)?,
            incident: row.get(2)?,
            to: recipients(db, row.get(0)?)?,
            created: WallTime(row.get(3)?),
            attempts: row.get(4)?,
            next_attempt: next.map(WallTime),
            last_error: row.get(6)?,
            state: known.map_or(MessageState::Dead, |(state, _)| *state),
        })
    })?;
    rows.collect()
}

/// Of one message, in the order in which they were given.
fn recipients(db: &Connection, number: i64) -> rusqlite::Result<Vec<QueuedRecipient>> {
    let mut all =
        db.prepare("SELECT address, state, last_error FROM recipient WHERE message = ?1 ORDER BY place")?;
    let rows = all.query_map([number], |row| {
        let word: String = row.get(1)?;
        let known = RecipientState::WORDS.iter().find(|(_, known)| *known == word);
        Ok(QueuedRecipient {
            address: row.get(0)?,
            state: known.map_or(RecipientState::Dead, |(state, _)| *state),
            last_error: row.get(2)?,
        })
    })?;
    rows.collect()
}

/// The next message that is due, taken. One whose bytes are gone is given up with the reason, and holds up no other.
fn lease(
    db: &mut Connection,
    which: (Option<Channel>, Option<i64>),
    now: WallTime,
    until: WallTime,
) -> rusqlite::Result<Option<Letter>> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let leased = loop {
        let Some((letter, state)) = due(&change, which, now)? else { break None };
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
            "UPDATE message SET state = 'leased', attempts = ?2, next_attempt_us = ?3 WHERE number = ?1",
            params![letter.number, letter.attempts, until.0],
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

/// What is due next, without its bytes, and its state.
fn due(
    db: &Connection,
    (of, one): (Option<Channel>, Option<i64>),
    now: WallTime,
) -> rusqlite::Result<Option<(Letter, String)>> {
    let due = db.query_row(
        "SELECT number, id, sender, max(created_us, coalesce(taken_us, created_us)), attempts, state, channel, repeats
         FROM message
         WHERE state IN ('waiting', 'leased') AND next_attempt_us <= ?1 AND number = coalesce(?2, number)
         AND channel = coalesce(?3, channel)
         -- What is repeated is true while its incident goes on: a watcher that did not come to say that it is over, or
         -- whose evidence is gone, has no alert kept up for ever.
         AND (repeats = 0 OR incident IN (SELECT id FROM incident WHERE closed_us IS NULL))
         ORDER BY next_attempt_us, number LIMIT 1",
        params![now.0, one, of.map(Channel::word)],
        |row| {
            let letter = Letter {
                channel: channel(&row.get::<_, String>(6)?),
                repeats: row.get(7)?,
                number: row.get(0)?,
                id: row.get(1)?,
                envelope: Envelope { from: row.get(2)?, to: Vec::new() },
                bytes: Vec::new(),
                created: WallTime(row.get(3)?),
                attempts: row.get::<_, u32>(4)?.saturating_add(1),
            };
            Ok((letter, row.get::<_, String>(5)?))
        },
    );
    let Some((mut letter, state)) = due.optional()? else { return Ok(None) };
    let wait = recipients(db, letter.number)?.into_iter().filter(|recipient| recipient.state.waits());
    letter.envelope.to = wait.map(|recipient| recipient.address).collect();
    Ok(Some((letter, state)))
}

fn answer(db: &mut Connection, letter: &Letter, next: &Next) -> rusqlite::Result<()> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let held: i64 = change.query_row(
        "SELECT count(*) FROM message WHERE number = ?1 AND attempts = ?2 AND state = 'leased'",
        params![letter.number, letter.attempts],
        |row| row.get(0),
    )?;
    if held == 0 {
        return Ok(());
    }
    for (address, state, why) in &next.recipients {
        change.execute(
            "UPDATE recipient SET state = ?3, last_error = ?4
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
    change.execute(
        "UPDATE message SET state = ?2, next_attempt_us = ?3, last_error = ?4 WHERE number = ?1",
        params![letter.number, state.word(), next.at.map(|at| at.0), next.why()],
    )?;
    if letter.repeats && next.at.is_some() && next.why().is_none() {
        // Taken; the attempts of the next time are counted from the first.
        change.execute(
            "UPDATE message SET taken_us = next_attempt_us, attempts = 0 WHERE number = ?1",
            [letter.number],
        )?;
    }
    change.commit()
}

/// A word that is not known is of a later version, which this one does not open: it stands for nothing.
fn channel(word: &str) -> Channel {
    Channel::WORDS.iter().find(|(_, known)| *known == word).map_or(Channel::Mail, |(channel, _)| *channel)
}

/// Messages that did not get through. One that is repeated has, if it was taken the last time.
pub(super) fn backlog(db: &Connection) -> rusqlite::Result<Backlog> {
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok(Backlog {
        waiting: count(
            "SELECT count(*) FROM message WHERE state IN ('draft', 'waiting', 'leased')
             AND (taken_us IS NULL OR last_error IS NOT NULL)",
        )?,
        dead: count("SELECT count(*) FROM message WHERE state = 'dead'")?,
    })
}

fn relay(db: &Connection, name: &str) -> rusqlite::Result<Option<Found>> {
    db.query_row("SELECT addresses, resolved_us FROM relay WHERE name = ?1", [name], |row| {
        let addresses: String = row.get(0)?;
        let addresses = addresses.lines().filter_map(|line| line.parse().ok()).collect();
        Ok(Found { addresses, resolved: WallTime(row.get(1)?) })
    })
    .optional()
}
