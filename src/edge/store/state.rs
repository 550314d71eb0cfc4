//! `state.db`: position and effect move together, in one transaction.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::lock::{self, Lock};
use super::outbox::{self, Draft};
use super::{private_directory, schema};
use crate::model::input::LogStream;
use crate::model::live::life::Memory;
use crate::model::live::message::Owed;
use crate::model::live::numbers::Backlog;
use crate::model::live::position::Position;
use crate::model::time::WallTime;
use crate::wire::{signals, state};

/// Why a state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The directory.
    #[error("{}: {error}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// A later program's.
    #[error("{}: was written by a later version of this program (its tables are of version {version}): use that one, or another --state-dir", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Their version.
        version: i64,
    },
}

/// A state, open for the one watcher that keeps it.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    db: Connection,
    _lock: Lock,
}

/// What a source left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSource {
    /// Where to go on.
    pub position: Position,
    /// What was read since the last quiet, if anything was.
    pub stream: Option<LogStream>,
}

/// One incident of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptIncident {
    /// Number in the policy.
    pub number: u64,
    /// Id.
    pub id: String,
    /// When it opened, microseconds since the epoch.
    pub opened_us: i64,
    /// When it closed.
    pub closed_us: Option<i64>,
    /// Its row, as JSON, once it was analysed.
    pub row: Option<String>,
}

/// What is committed at once.
#[derive(Debug, Default)]
pub struct Change<'a> {
    /// Sources that moved: name, where to go on, what was read since the last quiet.
    pub sources: Vec<(String, &'a Position, Option<&'a LogStream>)>,
    /// What the policy remembers.
    pub memory: Option<&'a Memory>,
    /// Incidents that are new or have changed.
    pub incidents: Vec<KeptIncident>,
    /// Messages that are owed.
    pub owed: Vec<Owed>,
    /// Messages that wait may be tried from now on.
    pub retry: Option<WallTime>,
}

impl State {
    /// Opens a state directory for keeping, makes it where it is missing. A damaged file is set aside and its new name
    /// told: it is never a reason not to start.
    pub fn open(directory: &Path) -> Result<(Self, Option<PathBuf>), StateError> {
        let wrong = |error| StateError::Directory { path: directory.to_owned(), error };
        private_directory(directory).map_err(wrong)?;
        let lock = lock::take(directory).map_err(wrong)?;
        let path = directory.join("state.db");
        match connect(&path, Examined::Whole) {
            Ok(db) => Ok((Self { path, db, _lock: lock }, None)),
            Err(StateError::File { error, .. }) if is_damage(&error) => {
                let aside = set_aside(&path).map_err(wrong)?;
                let db = connect(&path, Examined::Whole)?;
                Ok((Self { path, db, _lock: lock }, Some(aside)))
            }
            Err(error) => Err(error),
        }
    }

    /// Commits a change: all of it, or none.
    pub fn commit(&mut self, change: &Change<'_>) -> Result<(), StateError> {
        let path = &self.path;
        let wrong = |error| StateError::File { path: path.clone(), error };
        let transaction = self.db.transaction().map_err(wrong)?;
        write(&transaction, change).map_err(wrong)?;
        transaction.commit().map_err(wrong)
    }

    /// What a source left behind; none where it was never followed. What cannot be read is told in words.
    pub fn source(&self, name: &str) -> Result<Option<KeptSource>, String> {
        let row = self.db.query_row("SELECT position, piece FROM source WHERE name = ?1", [name], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
        });
        let Some((position, piece)) = row.optional().map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let position = state::read_position(position.as_bytes())?;
        let stream = piece.map(|piece| signals::read(piece.as_bytes())).transpose()?;
        Ok(Some(KeptSource { position, stream }))
    }

    /// What the policy remembers; none in a new state.
    pub fn memory(&self) -> Result<Option<Memory>, String> {
        let row = self.db.query_row("SELECT value FROM memory", [], |row| row.get::<_, String>(0));
        let text = row.optional().map_err(|error| error.to_string())?;
        text.map(|text| state::read_memory(text.as_bytes())).transpose()
    }

    /// All incidents, the oldest first.
    pub fn incidents(&self) -> Result<Vec<KeptIncident>, StateError> {
        incidents(&self.db).map_err(|error| StateError::File { path: self.path.clone(), error })
    }

    /// Messages that are owed and not written yet, the oldest first.
    pub fn drafts(&self) -> Result<Vec<Draft>, StateError> {
        outbox::drafts(&self.db).map_err(|error| StateError::File { path: self.path.clone(), error })
    }

    /// Messages that did not get through yet.
    pub fn backlog(&self) -> Result<Backlog, StateError> {
        outbox::backlog(&self.db).map_err(|error| StateError::File { path: self.path.clone(), error })
    }

    /// A draft is written, or cannot be: why.
    pub fn written(&self, number: i64, bytes: Result<&[u8], &str>, now: WallTime) -> Result<(), StateError> {
        let kept = outbox::written(&self.db, number, bytes, now);
        kept.map_err(|error| StateError::File { path: self.path.clone(), error })
    }

    /// Forgets incidents whose evidence is gone.
    pub fn forget(&mut self, ids: &[String]) -> Result<(), StateError> {
        let path = &self.path;
        let wrong = |error| StateError::File { path: path.clone(), error };
        let change = self.db.transaction().map_err(wrong)?;
        for id in ids {
            change.execute("DELETE FROM incident WHERE id = ?1", [id]).map_err(wrong)?;
        }
        change.commit().map_err(wrong)
    }
}

/// Reads the incidents of a state that a watcher may be keeping; none where there never was one.
pub fn list(directory: &Path) -> Result<Vec<KeptIncident>, StateError> {
    let path = directory.join("state.db");
    if matches!(path.try_exists(), Ok(false)) {
        return Ok(Vec::new());
    }
    let wrong = |error| StateError::File { path: path.clone(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags).map_err(wrong)?;
    db.busy_timeout(std::time::Duration::from_secs(5)).map_err(wrong)?;
    incidents(&db).map_err(wrong)
}

fn incidents(db: &Connection) -> rusqlite::Result<Vec<KeptIncident>> {
    let mut all =
        db.prepare("SELECT number, id, opened_us, closed_us, row FROM incident ORDER BY opened_us, id")?;
    let rows = all.query_map([], |row| {
        Ok(KeptIncident {
            number: row.get::<_, i64>(0)?.unsigned_abs(),
            id: row.get(1)?,
            opened_us: row.get(2)?,
            closed_us: row.get(3)?,
            row: row.get(4)?,
        })
    })?;
    rows.collect()
}

/// How much of a file is looked at before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Examined {
    /// Every page: the watcher does so as it starts, and sets aside what is damaged.
    Whole,
    /// What is asked for: whoever comes every few seconds does not read all that is kept.
    AsNeeded,
}

pub(super) fn connect(path: &Path, examined: Examined) -> Result<Connection, StateError> {
    let wrong = |error| StateError::File { path: path.to_owned(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut db = Connection::open_with_flags(real(path), flags).map_err(wrong)?;
    let mut settle = || {
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        // A journal that keeps its length needs no new blocks: with the reserve, commits go on when the disk is full.
        db.pragma_update(None, "journal_mode", "PERSIST")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "journal_size_limit", -1)?;
        db.pragma_update(None, "trusted_schema", false)?;
        if examined == Examined::Whole {
            let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if sound != "ok" {
                let damage = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
                return Err(rusqlite::Error::SqliteFailure(damage, Some(sound)));
            }
        }
        schema::prepare(&mut db)
    };
    match settle().map_err(wrong)? {
        schema::Is::Known => Ok(db),
        schema::Is::Newer(version) => Err(StateError::Newer { path: path.to_owned(), version }),
    }
}

/// The path with the links above the state directory followed: SQLite refuses them all, and /var/lib may well be one. Whether
/// the directory itself is one is left to SQLite, and so is the file.
fn real(path: &Path) -> PathBuf {
    let parts = path.parent().and_then(|directory| {
        let above = directory.parent().map_or(Path::new("."), |above| {
            if above.as_os_str().is_empty() { Path::new(".") } else { above }
        });
        Some((std::fs::canonicalize(above).ok()?, directory.file_name()?, path.file_name()?))
    });
    parts.map_or_else(|| path.to_owned(), |(above, directory, file)| above.join(directory).join(file))
}

fn write(db: &rusqlite::Transaction<'_>, change: &Change<'_>) -> rusqlite::Result<()> {
    for (name, position, stream) in &change.sources {
        db.execute(
            "INSERT INTO source VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET position = excluded.position, piece = excluded.piece",
            params![name, state::write_position(position), stream.map(signals::write)],
        )?;
    }
    if let Some(memory) = change.memory {
        db.execute(
            "INSERT INTO memory VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET value = excluded.value",
            [state::write_memory(memory)],
        )?;
    }
    for incident in &change.incidents {
        db.execute(
            "INSERT INTO incident VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (number) DO UPDATE SET closed_us = excluded.closed_us, row = excluded.row",
            params![
                i64::try_from(incident.number).unwrap_or(i64::MAX),
                incident.id,
                incident.opened_us,
                incident.closed_us,
                incident.row
            ],
        )?;
    }
    for owed in &change.owed {
        outbox::owe(db, owed)?;
    }
    if let Some(now) = change.retry {
        outbox::retry(db, now)?;
    }
    Ok(())
}

/// The bytes of the file are not what SQLite wrote.
fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        }
        _ => false,
    }
}

/// Moves a damaged file, and its journal, out of the way: `state.db.damaged`, `state.db.damaged.2` …
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let named = |number: u32| match number {
        1 => path.with_extension("db.damaged"),
        number => path.with_extension(format!("db.damaged.{number}")),
    };
    let free = (1..1_000).map(named).find(|name| std::fs::symlink_metadata(name).is_err());
    let aside =
        free.ok_or_else(|| io::Error::other("a thousand damaged files stand beside it: remove them"))?;
    std::fs::rename(path, &aside)?;
    // Without its file the journal would be played back into the new one.
    match std::fs::remove_file(path.with_extension("db-journal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(aside),
    }
}
