//! The tables of `state.db`, and how an older file becomes a newer one.

use rusqlite::{Connection, Transaction};

/// Version of the tables (`PRAGMA user_version`). A file of a later one is refused: what is in it might be lost.
pub(super) const VERSION: i64 = 2;

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
    notice TEXT NOT NULL,       -- conntriage.state/1: what it tells
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,   -- a line each
    bytes BLOB,                 -- the same on every attempt; null: a draft
    created_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_us INTEGER,    -- of a leased one: when the lease ends
    last_error TEXT,
    state TEXT NOT NULL         -- draft, waiting, leased, sent, dead
) STRICT;
CREATE INDEX message_due ON message (state, next_attempt_us);
";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// Ours.
    Known,
    /// A later program's.
    Newer(i64),
}

/// Makes the tables where there are none, and the reserve.
pub(super) fn prepare(db: &mut Connection) -> rusqlite::Result<Is> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => {
            let change = db.transaction()?;
            change.execute_batch(TABLES)?;
            change.execute_batch(OUTBOX)?;
            change.pragma_update(None, "user_version", VERSION)?;
            change.commit()?;
            reserve(db)?;
            Ok(Is::Known)
        }
        1 => {
            let change = db.transaction()?;
            change.execute_batch("DROP TABLE message")?;
            change.execute_batch(OUTBOX)?;
            change.pragma_update(None, "user_version", VERSION)?;
            change.commit()?;
            Ok(Is::Known)
        }
        VERSION => Ok(Is::Known),
        newer => Ok(Is::Newer(newer)),
    }
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
