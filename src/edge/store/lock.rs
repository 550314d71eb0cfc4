//! One watcher at a time keeps a state.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};

/// Held as long as it lives; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

/// Takes the lock of a state directory. The error names the process that has it.
pub(super) fn take(directory: &Path) -> io::Result<Lock> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::CLOEXEC).bits()).unwrap_or(0);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(directory.join("lock"))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        let _ = Read::by_ref(&mut file).take(32).read_to_string(&mut holder);
        let who = holder
            .trim()
            .parse::<u32>()
            .map_or_else(|_| "another process".to_owned(), |pid| format!("process {pid}"));
        return Err(io::Error::new(io::ErrorKind::WouldBlock, format!("is in use by {who}")));
    }
    file.rewind()?;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock(file))
}

/// Who has the lock of a state directory, as far as that can be told without touching it.
pub(super) fn holder(directory: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(directory.join("lock")).ok()?;
    let process: u32 = text.trim().parse().ok()?;
    // The number stays when the process is gone, and may be another's by then.
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    name.starts_with("conntriage").then_some(process)
}
