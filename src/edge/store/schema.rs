//! The tables of `state.db`, and how an older file becomes a newer one.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

/// Version of the tables (`PRAGMA user_version`). A file of a later one is refused: what is in it might be lost.
pub(super) const VERSION: i64 = 5;

/// Bytes that are written and given back when a state is made: with them in the file's free list, and as much in the
/// rollback journal, commits go on when the disk is full.
const RESERVE_BYTES: i64 = 1 << 20;

const TABLES: &str = "
CREATE TABLE source (
    name TEXT PRIMARY KEY,      -- as in the configuration
    position TEXT NOT NULL,     -- conntriage.state/1: where to go on
    piece TEXT                  -- conntriage.signals/1: what was read since the last quiet
) STRICT;
CREATE TABLE memory (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    value TEXT NOT NULL         -- conntriage.state/1: what the policy remembers
) STRICT;
CREATE TABLE incident (
    number INTEGER PRIMARY KEY, -- of the policy
    id TEXT NOT NULL UNIQUE,    -- 12 hex digits; its directory in evidence/
    opened_us INTEGER NOT NULL,
    closed_us INTEGER,
    row TEXT                    -- a row of conntriage.incidents/1, once it was analysed
) STRICT;
";

/// The outbox. In files of version 1 the table had another form, and nothing ever stood in it.
const OUTBOX: &str = "
CREATE TABLE message (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,           -- Message-ID, without brackets
    incident TEXT,              -- id of its incident
    notice TEXT NOT NULL,       -- conntriage.state/1: what it tells; empty: it came written
    sender TEXT NOT NULL,
    bytes BLOB,                 -- the same on every attempt; null: a draft
    created_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_us INTEGER,    -- of a leased one: when the lease ends
    last_error TEXT,
    state TEXT NOT NULL         -- draft, waiting, leased, sent, dead, replaced
) STRICT;
CREATE INDEX message_due ON message (state, next_attempt_us);
";

/// Whom messages go to, and where relays were found. Of version 3.
const RECIPIENTS: &str = "
CREATE TABLE recipient (
    message INTEGER NOT NULL,   -- number of the message
    place INTEGER NOT NULL,     -- in the order in which they were given
    address TEXT NOT NULL,
    state TEXT NOT NULL,        -- waiting, possibly delivered, sent, dead
    last_error TEXT,
    PRIMARY KEY (message, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE relay (
    name TEXT PRIMARY KEY,      -- as in the configuration
    addresses TEXT NOT NULL,    -- a line each, the last that worked first
    resolved_us INTEGER NOT NULL
) STRICT;
";

/// Messages that are no mail. Of version 4.
const CHANNELS: &str = "
ALTER TABLE message ADD COLUMN channel TEXT NOT NULL DEFAULT 'mail';    -- mail, webhook, alertmanager
ALTER TABLE message ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;      -- 1: said again until another takes its place
ALTER TABLE message ADD COLUMN taken_us INTEGER;                        -- of such a one: when it was last taken
";

/// When attempts began, when the table last had room again, and a way to the messages of an incident. Of version 5, which
/// keeps no bytes that nobody will send any more.
const ROOM: &str = "
ALTER TABLE message ADD COLUMN leased_us INTEGER;   -- when its last attempt began
CREATE INDEX message_incident ON message (incident, number);
CREATE TABLE room (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    since_us INTEGER NOT NULL                       -- when the table last had room again
) STRICT;
UPDATE message SET bytes = NULL WHERE state IN ('sent', 'replaced');
";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// Ours.
    Known,
    /// A later program's.
    Newer(i64),
}

/// Makes the tables where there are none, brings older ones up to date, and makes the reserve.
pub(super) fn prepare(db: &mut Connection) -> rusqlite::Result<Is> {
    if version(db)? == VERSION {
        return Ok(Is::Known);
    }
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again inside: the watcher and the sender may both have come upon the older file.
    let found = version(&change)?;
    match found {
        VERSION => return Ok(Is::Known),
        0..VERSION => {}
        newer => return Ok(Is::Newer(newer)),
    }
    match found {
        0 => change.execute_batch(TABLES)?,
        1 => change.execute_batch("DROP TABLE message")?,
        2 => one_by_one(&change)?,
        _ => {}
    }
    if found < 2 {
        change.execute_batch(OUTBOX)?;
        change.execute_batch(RECIPIENTS)?;
    }
    if found < 4 {
        change.execute_batch(CHANNELS)?;
    }
    change.execute_batch(ROOM)?;
    change.pragma_update(None, "user_version", VERSION)?;
    change.commit()?;
    if found == 0 {
        reserve(db)?;
    }
    Ok(Is::Known)
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// In version 2 recipients were lines of their message, and shared its state.
fn one_by_one(change: &Transaction<'_>) -> rusqlite::Result<()> {
    change.execute_batch(RECIPIENTS)?;
    let mut all = change.prepare("SELECT number, recipients, state FROM message")?;
    let rows = all.query_map([], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    for row in rows {
        let (number, recipients, state) = row?;
        let state = if matches!(&*state, "sent" | "dead") { state } else { "waiting".to_owned() };
        for (place, address) in (0_i64..).zip(recipients.lines()) {
            change.execute(
                "INSERT INTO recipient (message, place, address, state) VALUES (?1, ?2, ?3, ?4)",
                params![number, place, address, state],
            )?;
        }
    }
    change.execute_batch("ALTER TABLE message DROP COLUMN recipients")
}

/// Fills the file and the journal with as much as commits may need, and gives it back to the free list.
fn reserve(db: &mut Connection) -> rusqlite::Result<()> {
    let fill = |change: &Transaction<'_>, sql: &str| change.execute(sql, [RESERVE_BYTES]).map(drop);
    let change = db.transaction()?;
    change.execute_batch("CREATE TABLE reserve (bytes BLOB) STRICT")?;
    fill(&change, "INSERT INTO reserve VALUES (zeroblob(?1))")?;
    change.commit()?;
    // Every page that is written over stands in the journal, which keeps its length (PERSIST).
    let change = db.transaction()?;
    fill(&change, "UPDATE reserve SET bytes = randomblob(?1)")?;
    change.commit()?;
    let change = db.transaction()?;
    change.execute_batch("DROP TABLE reserve")?;
    change.commit()
}
