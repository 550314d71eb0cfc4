//! Opening what a path names, without ever hanging on it: FIFOs nobody writes to, devices, vanished files.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::model::time::WallTime;

/// How long the first byte of a named FIFO may take. Pipes that a shell opened for us may take for ever.
const FIFO_PATIENCE: Duration = Duration::from_secs(10);

/// Something opened for reading.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Length of a regular file; none for pipes.
    pub length: Option<u64>,
    /// When it was last written; none for pipes.
    pub modified: Option<WallTime>,
}

impl Opened {
    /// Moves to the first byte that the file system keeps of a file that begins with a hole (lseek(2), `SEEK_DATA`), and
    /// says how many bytes lie before it. A hole of a terabyte, such as `lastlog` may have, takes no time.
    pub fn pass_hole(&self) -> u64 {
        if self.length.is_none() {
            return 0;
        }
        let seek = |to| rustix::fs::seek(&self.file, to);
        match seek(SeekFrom::Data(0)) {
            Ok(at) => at,
            // It is all hole.
            Err(Errno::NXIO) => seek(SeekFrom::End(0)).unwrap_or(0),
            // The file system knows no holes.
            Err(_) => seek(SeekFrom::Start(0)).unwrap_or(0),
        }
    }
}

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system said no.
    #[error("cannot be opened: {}", words(.0))]
    System(#[from] io::Error),
    /// A FIFO into which nobody writes.
    #[error(
        "is a FIFO into which nobody wrote for {0} s; to wait for its writer, use `conntriage analyze - < FIFO`"
    )]
    SilentFifo(u64),
    /// A device or socket.
    #[error("is a {0}, not a file; nothing of it was read")]
    NotAFile(&'static str),
}

/// The error in words, without the number.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Opens a path that names a file or a pipe.
pub fn open(path: &Path) -> Result<Opened, OpenError> {
    // Non-blocking, so that a FIFO without writer does not hold us in open(2); harmless for regular files.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let kind_before = std::fs::metadata(path)?.file_type();
    if kind_before.is_socket() {
        return Err(OpenError::NotAFile("socket"));
    }
    if kind_before.is_block_device() || kind_before.is_char_device() && !is_null(path) {
        return Err(OpenError::NotAFile("device"));
    }
    let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?;
    let file = File::from(descriptor);
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    if kind.is_fifo() {
        if !path.starts_with("/dev/fd") && !path.starts_with("/proc") {
            wait_for_a_writer(&file)?;
        }
        let flags = rustix::fs::fcntl_getfl(&file).map_err(io::Error::from)?;
        rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(io::Error::from)?;
        return Ok(Opened { file, length: None, modified: None });
    }
    let modified = metadata.modified().ok().and_then(|time| {
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        Some(WallTime(i64::try_from(since.as_micros()).ok()?))
    });
    // Files below /proc say they are empty; they are read like pipes.
    let length = (metadata.len() > 0 && kind.is_file()).then_some(metadata.len());
    Ok(Opened { file, length, modified })
}

fn is_null(path: &Path) -> bool {
    path == Path::new("/dev/null") || path == Path::new("/dev/stdin")
}

fn wait_for_a_writer(file: &File) -> Result<(), OpenError> {
    let mut polled = [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)];
    let patience = Timespec { tv_sec: i64::try_from(FIFO_PATIENCE.as_secs()).unwrap_or(10), tv_nsec: 0 };
    match rustix::event::poll(&mut polled, Some(&patience)).map_err(io::Error::from)? {
        0 => Err(OpenError::SilentFifo(FIFO_PATIENCE.as_secs())),
        _ => Ok(()),
    }
}
