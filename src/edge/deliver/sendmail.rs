//! A message is handed to `sendmail -i`, as every MTA of Unix has it. The MTA queues: it works while the table is full,
//! when not even TCP to 127.0.0.1 does.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::child::{Bound, beside, said};
use crate::model::live::attempt::Outcome;
use crate::model::live::message::{Envelope, Fate};

/// Where it may be; never searched for in PATH.
const PLACES: [&str; 2] = ["/usr/sbin/sendmail", "/usr/lib/sendmail"];
/// It has so long.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// When it has ended, what it said is waited for so long.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Codes of sysexits.h that no later attempt will change: EX_USAGE, EX_DATAERR, EX_NOUSER.
const FOR_GOOD: [i32; 3] = [64, 65, 67];

/// The program, if this machine has one.
pub fn program() -> Option<PathBuf> {
    PLACES.iter().map(PathBuf::from).find(|path| path.is_file())
}

/// Hands a message over, each time within its bound.
pub fn hand_over(program: &Path, envelope: &Envelope, bytes: &[u8], bound: &Bound<'_>) -> Outcome {
    let bytes = with_unix_ends(bytes);
    let (fate, stopped) = once(program, &envelope.from, &envelope.to, &bytes, bound);
    if envelope.to.len() < 2 || !matches!(fate, Fate::Never(_)) {
        let shut = matches!(fate, Fate::NotNow(_));
        return Outcome { shut, stopped, ..Outcome::all(&envelope.to, &fate) };
    }
    // One code for all of them: who is meant is seen when each goes alone.
    let alone =
        |to: &String| (to.clone(), once(program, &envelope.from, std::slice::from_ref(to), &bytes, bound).0);
    Outcome { fates: envelope.to.iter().map(alone).collect(), ..Outcome::default() }
}

/// Messages are kept with CRLF, as SMTP has them. What reads a program's standard input takes lines of Unix: nullmailer and
/// dma would pass on a second CR with each.
fn with_unix_ends(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
        let (line, after) = rest.split_at(at);
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = after.get(2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// What became of it, and whether it was ended before anything was done because this program is to stop.
fn once(program: &Path, from: &str, to: &[String], bytes: &[u8], bound: &Bound<'_>) -> (Fate, bool) {
    // An address that begins with a dash would be an option.
    if to.iter().map(String::as_str).chain([from]).any(|address| address.starts_with('-')) {
        return (Fate::Never("an address begins with a dash".to_owned()), false);
    }
    let mut command = Command::new(program);
    command.args(["-i", "-f"]).arg(from).arg("--").args(to);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    // A group of its own: what it starts is ended with it.
    command.process_group(0);
    match command.spawn() {
        Ok(child) => converse(child, bytes, bound),
        Err(error) => (Fate::NotNow(format!("{}: {error}", program.display())), false),
    }
}

/// Writes and listens at once: a child that fills its stderr before it reads would wait for us, and we for it.
fn converse(mut child: Child, bytes: &[u8], bound: &Bound<'_>) -> (Fate, bool) {
    let deadline = Instant::now() + bound.wall;
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let bytes = bytes.to_vec();
    let written = beside(move || input.is_some_and(|mut input| input.write_all(&bytes).is_ok()));
    let said = beside(move || errors.map(said).unwrap_or_default());
    // A delivery that goes on in the background holds the pipes open: nobody waits for it.
    let whole = || written.recv_timeout(LAST_WORDS).unwrap_or(false);
    // Whoever has read all of it may have taken it, whatever ended it then.
    let cut_off = |why: String| if whole() { Fate::Perhaps(why) } else { Fate::NotNow(why) };
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if (bound.stop)() => {
                end(&mut child);
                let fate = cut_off("sendmail was ended: this program was told to stop".to_owned());
                let stopped = matches!(fate, Fate::NotNow(_));
                return (fate, stopped);
            }
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                end(&mut child);
                return (cut_off(format!("sendmail did not end within {} s", bound.wall.as_secs())), false);
            }
            Err(error) => return (cut_off(format!("sendmail: {error}")), false),
        }
    };
    let said = said.recv_timeout(LAST_WORDS).unwrap_or_default();
    let with_words = |why: String| if said.is_empty() { why } else { format!("{why}: {said}") };
    let fate = match status.code() {
        Some(0) if whole() => Fate::Taken,
        Some(0) => Fate::NotNow("sendmail ended before it had read the message".to_owned()),
        Some(code) if FOR_GOOD.contains(&code) => {
            Fate::Never(with_words(format!("sendmail refused it with code {code}")))
        }
        Some(code) => Fate::NotNow(with_words(format!("sendmail ended with code {code}"))),
        None => cut_off(with_words("sendmail was killed".to_owned())),
    };
    (fate, false)
}

/// Kills it and all that it started. Without them the pipes close, and both threads end.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
