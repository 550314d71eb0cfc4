//! The messages of a state: owed, written, leased for an attempt, answered for each recipient. The watcher writes them;
//! whoever hands them over opens the same file for moments only.

mod answer;
mod due;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::private_directory;
use super::state::{Examined, StateError, connect};
use crate::model::live::message::{
    Answered, Channel, Envelope, Letter, MessageState, Next, Owed, Queued, QueuedRecipient, RecipientState,
    Written,
};
use crate::model::live::numbers::Backlog;
use crate::model::time::{SECOND_US, WallTime};
use crate::wire::state;
use due::Wanted;

pub use due::Turn;

/// Messages that were taken, replaced or given up are shown for so long.
const KEPT_US: i64 = 30 * 86_400 * SECOND_US;
/// Of those that were given up the newest are kept, so many.
const DEAD_MAX: i64 = 1_000;
/// An answer that cannot be kept is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);
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
        let db = connect(&path, Examined::AsNeeded)?;
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
        let db = connect(&path, Examined::AsNeeded)?;
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
        self.lease_next(channel, &Turn { besides: &BTreeSet::new(), begun: now }, now, until)
    }

    /// The same in a run that takes one after another.
    pub fn lease_next(
        &mut self,
        channel: Channel,
        turn: &Turn<'_>,
        now: WallTime,
        until: WallTime,
    ) -> Result<Option<Letter>, StateError> {
        let wanted = Wanted { channel: Some(channel), number: None, turn };
        let leased = due::lease(&mut self.db, &wanted, now, until);
        self.wrong(leased)
    }

    /// The same for one message alone.
    pub fn lease_one(
        &mut self,
        number: i64,
        now: WallTime,
        until: WallTime,
    ) -> Result<Option<Letter>, StateError> {
        let turn = Turn { besides: &BTreeSet::new(), begun: now };
        let leased = due::lease(
            &mut self.db,
            &Wanted { channel: None, number: Some(number), turn: &turn },
            now,
            until,
        );
        self.wrong(leased)
    }

    /// Whether a message of this kind is due.
    pub fn is_due(&self, channel: Channel, now: WallTime) -> Result<bool, StateError> {
        let turn = Turn { besides: &BTreeSet::new(), begun: now };
        let wanted = Wanted { channel: Some(channel), number: None, turn: &turn };
        self.wrong(due::due(&self.db, &wanted, now).map(|due| due.is_some()))
    }

    /// Keeps what an attempt came to. An answer for a lease that somebody else has taken since changes nothing.
    pub fn answer(&mut self, letter: &Letter, next: &Next) -> Result<Answered, StateError> {
        let answered = answer::answer(&mut self.db, letter, next);
        self.wrong(answered)
    }

    /// The same, and it does not give up so soon: an answer that is not kept is a message that is sent twice. What is
    /// damaged is no matter of patience.
    pub fn answer_within(
        &mut self,
        letter: &Letter,
        next: &Next,
        patience: Duration,
    ) -> Result<Answered, StateError> {
        let deadline = Instant::now() + patience;
        loop {
            match answer::answer(&mut self.db, letter, next) {
                Err(error) if answer::may_pass(&error) && Instant::now() < deadline => {
                    std::thread::sleep(AGAIN);
                }
                answered => return self.wrong(answered),
            }
        }
    }

    /// Gives a message back that nothing was done with: it is due as before, and the attempt does not count.
    pub fn give_back(&mut self, letter: &Letter, now: WallTime) -> Result<(), StateError> {
        let given = self.db.execute(
            "UPDATE message SET state = 'waiting', attempts = attempts - 1, next_attempt_us = ?3
             WHERE number = ?1 AND attempts = ?2 AND state = 'leased'",
            params![letter.number, letter.attempts, now.0],
        );
        self.wrong(given.map(drop))
    }

    /// Ends alerts whose incident is over, and of which nobody came to say so.
    pub fn tidy(&mut self) -> Result<(), StateError> {
        let tidied = self.db.execute(
            "UPDATE message SET state = 'replaced', next_attempt_us = NULL, bytes = NULL
             WHERE state = 'waiting' AND repeats = 1
             AND (incident IS NULL OR incident NOT IN (SELECT id FROM incident WHERE closed_us IS NULL))",
            [],
        );
        self.wrong(tidied.map(drop))
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
            "UPDATE message SET state = 'replaced', next_attempt_us = NULL, bytes = NULL
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

/// Rows that nobody asks for any more. Those that were given up stay as long as the others, and there is an end to them:
/// where everything is refused for good, the file does not grow for ever.
fn forget_old(db: &Transaction<'_>, now: WallTime) -> rusqlite::Result<()> {
    let old = now.0.saturating_sub(KEPT_US);
    let gone = db.execute(
        "DELETE FROM message WHERE state IN ('sent', 'replaced', 'dead') AND created_us < ?1",
        [old],
    )?;
    let more = db.execute(
        "DELETE FROM message WHERE number IN
         (SELECT number FROM message WHERE state = 'dead' ORDER BY number DESC LIMIT -1 OFFSET ?1)",
        [DEAD_MAX],
    )?;
    if gone + more == 0 {
        return Ok(());
    }
    db.execute("DELETE FROM recipient WHERE message NOT IN (SELECT number FROM message)", []).map(drop)
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
/// a second. The moment is kept for those that are being attempted just now.
pub(super) fn retry(db: &Transaction<'_>, now: WallTime) -> rusqlite::Result<()> {
    let sql = "UPDATE message SET next_attempt_us = ?1 WHERE state = 'waiting' AND next_attempt_us > ?1
               AND number NOT IN (SELECT message FROM recipient WHERE state = 'possibly delivered')";
    db.execute(sql, [now.0])?;
    db.execute(
        "INSERT INTO room VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET since_us = excluded.since_us",
        [now.0],
    )
    .map(drop)
}

/// Messages that are not written yet. One whose notice cannot be read is given up with the reason.
pub(super) fn drafts(db: &Connection) -> rusqlite::Result<Vec<Draft>> {
    let mut all = db.prepare(
        "SELECT number, id, incident, notice, sender, created_us, channel FROM message
         WHERE state = 'draft' ORDER BY number",
    )?;
    let rows = all.query_map([], |row| {
        let notice: String = row.get(3)?;
        let number: i64 = row.get(0)?;
        let notice = match state::read_notice(notice.as_bytes()) {
            Ok(notice) => notice,
            Err(why) => return Ok(Err((number, why))),
        };
        let to = recipients(db, number)?.into_iter().map(|recipient| recipient.address).collect();
        let owed = Owed {
            channel: channel(&row.get::<_, String>(6)?),
            notice,
            id: row.get(1)?,
            incident: row.get(2)?,
            envelope: Envelope { from: row.get(4)?, to },
            created: WallTime(row.get(5)?),
        };
        Ok(Ok((number, owed)))
    })?;
    let mut drafts = Vec::new();
    for row in rows.collect::<rusqlite::Result<Vec<_>>>()? {
        match row {
            Ok(draft) => drafts.push(draft),
            Err((number, why)) => {
                let why = format!("what it was to tell cannot be read: {why}");
                written(db, number, Err(&why), WallTime(0))?;
            }
        }
    }
    Ok(drafts)
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
