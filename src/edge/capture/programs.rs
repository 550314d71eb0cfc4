//! Running the few programs that know what no file says, without ever waiting for one that hangs.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::reading;

/// Where administrators' programs are. `PATH` is not asked: this runs with capabilities.
const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Bytes of a complaint that are kept.
const COMPLAINT_BYTES: usize = 200;
/// How often a program that gave its output is asked whether it has ended.
const REAP_EVERY: Duration = Duration::from_millis(5);

/// Why there is nothing that a program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotRun {
    /// It is not there: its name.
    NotInstalled(String),
    /// In words.
    Failed(String),
}

/// What a program printed on its standard output. It runs in the namespace of the calling thread.
pub(super) fn output(
    name: &str,
    arguments: &[&str],
    patience: Duration,
    bytes_max: usize,
) -> Result<Vec<u8>, NotRun> {
    let path = DIRECTORIES.iter().map(|directory| format!("{directory}/{name}"));
    let Some(path) = path.into_iter().find(|path| Path::new(path).exists()) else {
        return Err(NotRun::NotInstalled(name.to_owned()));
    };
    run(&path, name, arguments, patience, bytes_max).map_err(NotRun::Failed)
}

fn run(
    path: &str,
    name: &str,
    arguments: &[&str],
    patience: Duration,
    bytes_max: usize,
) -> Result<Vec<u8>, String> {
    let mut child = Command::new(path)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{path} cannot be run: {}", reading::words(&error)))?;
    let deadline = Instant::now() + patience;
    let (out, complaint) = (child.stdout.take(), child.stderr.take());
    let read = match (out, complaint) {
        (Some(out), Some(complaint)) => both(out, complaint, deadline, bytes_max),
        _ => Err("its output could not be read".to_owned()),
    };
    let status = match &read {
        Ok(_) => reap(&mut child, deadline),
        Err(_) => None,
    };
    if status.is_none() {
        // It may have ended by itself in the meantime.
        let _ = child.kill();
        let _ = child.wait();
    }
    let shown = std::iter::once(name).chain(arguments.iter().copied()).collect::<Vec<_>>().join(" ");
    let (out, complaint) = read.map_err(|why| format!("`{shown}`: {why}"))?;
    match status {
        Some(status) if status.success() => Ok(out),
        Some(_) => {
            let complaint = String::from_utf8_lossy(&complaint);
            let first = complaint.lines().next().unwrap_or("it says nothing").trim();
            Err(format!("`{shown}` failed: {}", printable(first)))
        }
        None => Err(format!("`{shown}` did not end within {:.0} s", patience.as_secs_f64())),
    }
}

/// What a program said goes into a file for people.
fn printable(text: &str) -> String {
    text.chars().take(COMPLAINT_BYTES).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Reads both outputs as they come: a program that fills one pipe while the other is read would never end.
fn both(
    mut out: std::process::ChildStdout,
    mut complaint: std::process::ChildStderr,
    deadline: Instant,
    bytes_max: usize,
) -> Result<(Vec<u8>, Vec<u8>), String> {
    let (mut printed, mut said) = (Vec::new(), Vec::new());
    let (mut out_open, mut complaint_open) = (true, true);
    let mut block = vec![0; 64 * 1024];
    while out_open || complaint_open {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("did not end in time".to_owned());
        }
        let patience = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        // A pipe that its writer has closed would be ready for ever.
        let mut polled = Vec::new();
        polled.extend(out_open.then(|| PollFd::from_borrowed_fd(out.as_fd(), PollFlags::IN)));
        polled.extend(complaint_open.then(|| PollFd::from_borrowed_fd(complaint.as_fd(), PollFlags::IN)));
        match rustix::event::poll(&mut polled, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(reading::errno(error.raw_os_error())),
        }
        let mut ready = polled.iter().map(|polled| !polled.revents().is_empty());
        let readable = out_open && ready.next() == Some(true);
        let complaining = complaint_open && ready.next() == Some(true);
        drop(ready);
        drop(polled);
        if readable {
            let read = out.read(&mut block).map_err(|error| reading::words(&error))?;
            out_open = read > 0;
            if printed.len() + read > bytes_max {
                return Err(format!("prints more than the {bytes_max} bytes that are kept"));
            }
            printed.extend_from_slice(block.get(..read).unwrap_or_default());
        }
        if complaining {
            let read = complaint.read(&mut block).map_err(|error| reading::words(&error))?;
            complaint_open = read > 0;
            let room = COMPLAINT_BYTES.saturating_sub(said.len()).min(read);
            said.extend_from_slice(block.get(..room).unwrap_or_default());
        }
    }
    Ok((printed, said))
}

/// Waits for a program that has closed its outputs.
fn reap(child: &mut std::process::Child, deadline: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(REAP_EVERY),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_program_that_fails_hangs_or_says_too_much_is_told_apart_from_one_that_is_not_there() {
        let failed = |name: &str, arguments: &[&str], patience: Duration| match output(
            name, arguments, patience, 1000,
        ) {
            Err(NotRun::Failed(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            output("no-such-program", &[], SECOND, 10),
            Err(NotRun::NotInstalled("no-such-program".to_owned()))
        );
        assert_eq!(output("echo", &["three"], SECOND * 20, 10).unwrap(), b"three\n");
        let said = failed("ls", &["/no/such"], SECOND * 20);
        assert!(said.starts_with("`ls /no/such` failed: ") && said.contains("No such file"), "{said}");
        let started = Instant::now();
        let said = failed("sleep", &["60"], SECOND / 4);
        assert!(said.contains("did not end in time") && started.elapsed() < SECOND * 20, "{said}");
        let said = failed("yes", &[], SECOND * 20);
        assert!(said.contains("prints more than the 1000 bytes"), "{said}");
    }
}
