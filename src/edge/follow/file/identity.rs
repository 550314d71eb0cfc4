//! What the file system says of an open file.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, fstat, open, statx};
use sha2::{Digest, Sha256};

use super::generation;
use crate::model::live::position::{BeforeHash, FileIdentity, Generation};

/// An open file, as it is now.
#[derive(Debug, Clone, Copy)]
pub(in crate::edge::follow) struct Seen {
    pub(in crate::edge::follow) identity: FileIdentity,
    pub(in crate::edge::follow) size: u64,
    /// Last written to, nanoseconds since the Unix epoch.
    pub(in crate::edge::follow) modified_ns: i64,
    pub(in crate::edge::follow) kind: FileType,
}

/// Opens a path for reading without ever hanging on it, and looks at what was opened.
pub(in crate::edge::follow) fn open_seen(path: &std::path::Path) -> io::Result<(File, Seen)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(open(path, flags, Mode::empty())?);
    let seen = seen(&file)?;
    Ok((file, seen))
}

/// Looks at an open file.
pub(in crate::edge::follow) fn seen(file: &File) -> io::Result<Seen> {
    let stat = fstat(file)?;
    let identity = FileIdentity {
        device: stat.st_dev,
        inode: stat.st_ino,
        generation: generation::of(file)
            .map(Generation::Number)
            .or_else(|| born(file).map(Generation::Born))
            .unwrap_or(Generation::Unknown),
    };
    Ok(Seen {
        identity,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified_ns: modified_ns(&stat),
        kind: FileType::from_raw_mode(stat.st_mode),
    })
}

/// Last written to.
pub(super) fn modified_ns(stat: &rustix::fs::Stat) -> i64 {
    nanoseconds(stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0))
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// When the file was made, where kernel (4.11) and file system tell.
fn born(file: &File) -> Option<i64> {
    let told = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    let made = told.stx_btime;
    (told.stx_mask & StatxFlags::BTIME.bits() != 0).then(|| nanoseconds(made.tv_sec, i64::from(made.tv_nsec)))
}

/// Device and number behind a path, links followed: while a file is held open no other can have them.
pub(in crate::edge::follow) fn number_at(path: &std::path::Path) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::stat(path)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// The hash by which a place is known again.
pub(in crate::edge::follow) fn hash(before: &[u8]) -> BeforeHash {
    let digest = Sha256::digest(before);
    let mut short = [0; 16];
    short.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    BeforeHash(short)
}
