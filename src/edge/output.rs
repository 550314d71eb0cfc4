//! Where reports go: standard output, or a file that is either whole or not there.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Columns where there is no terminal.
pub const COLUMNS_WITHOUT_TERMINAL: usize = 100;
/// No report is narrower: below this nothing can be aligned.
const COLUMNS_MIN: usize = 40;

/// Writes to standard output. A reader that went away (broken pipe) is success: it has read what it wanted.
pub fn to_stdout(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Hands standard output to whoever writes more than fits into memory. A reader that went away is success.
pub fn through_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    match write(&mut io::stdout().lock()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a file: under a temporary name beside it, synced, then renamed, so that no half report is ever found there.
/// A destination that is no regular file (a FIFO, `/dev/null`) is written to directly.
pub fn to_file(path: &Path, text: &str) -> io::Result<()> {
    if path.metadata().is_ok_and(|meta| !meta.is_file()) {
        let mut out = std::fs::OpenOptions::new().write(true).open(path)?;
        return out.write_all(text.as_bytes());
    }
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = write_synced(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The error of the write is the one to report; what is left of the temporary file goes if it can.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// One line on stderr, as the program's own word. Control characters must have been escaped by the caller.
pub fn complain(line: &str) {
    // Nobody can be told if even stderr is gone.
    let _ = writeln!(io::stderr().lock(), "conntriage: {line}");
}

/// Columns of the terminal on stdout, `$COLUMNS` first; 100 where there is none.
pub fn columns() -> usize {
    let from_environment = std::env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
    let from_terminal = || {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0).then(|| usize::from(size.ws_col))
    };
    let columns = if io::stdout().is_terminal() { from_environment.or_else(from_terminal) } else { None };
    columns.unwrap_or(COLUMNS_WITHOUT_TERMINAL).max(COLUMNS_MIN)
}

/// Colour is welcome on stdout: a terminal that is not dumb, and nobody said `NO_COLOR`.
pub fn colour_welcome() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stdout().is_terminal() && !refused && !dumb
}

/// What time it is: the one clock of a run, read once and handed in. `$SOURCE_DATE_EPOCH` stands for it where reports
/// are to be reproducible.
pub fn now() -> crate::model::time::WallTime {
    told_by("SOURCE_DATE_EPOCH")
}

/// What the machine's clock says: for leases and waits, which what reports are reproduced with must not steer. Tests have a
/// variable of their own for it.
pub fn clock() -> crate::model::time::WallTime {
    told_by("CONNTRIAGE_TEST_CLOCK")
}

fn told_by(variable: &str) -> crate::model::time::WallTime {
    let fixed = std::env::var(variable).ok().and_then(|text| text.trim().parse::<i64>().ok());
    let clock = || {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
    };
    crate::model::time::WallTime(fixed.map_or_else(clock, |seconds| seconds.saturating_mul(1_000_000)))
}
