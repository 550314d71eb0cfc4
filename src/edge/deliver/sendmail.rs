//! A message is handed to `sendmail -i`, as every MTA of Unix has it. The MTA queues: it works while the table is full,
//! when not even TCP to 127.0.0.1 does.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::child::{beside, said};
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

/// Hands a message over, within [`PATIENCE`].
pub fn hand_over(program: &Path, envelope: &Envelope, bytes: &[u8], patience: Duration) -> Fate {
    // An address that begins with a dash would be an option.
    if envelope.to.iter().chain([&envelope.from]).any(|address| address.starts_with('-')) {
        return Fate::Never("an address begins with a dash".to_owned());
    }
    let mut command = Command::new(program);
    command.args(["-i", "-f"]).arg(&envelope.from).arg("--").args(&envelope.to);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => converse(child, bytes, patience),
        Err(error) => Fate::NotNow(format!("{}: {error}", program.display())),
    }
}

/// Writes and listens at once: a child that fills its stderr before it reads would wait for us, and we for it.
fn converse(mut child: Child, bytes: &[u8], patience: Duration) -> Fate {
    let deadline = Instant::now() + patience;
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let bytes = bytes.to_vec();
    let written = beside(move || input.is_some_and(|mut input| input.write_all(&bytes).is_ok()));
    let said = beside(move || errors.map(said).unwrap_or_default());
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                // Without it the pipes close, and both threads end.
                let _ = child.kill();
                let _ = child.wait();
                return Fate::NotNow(format!("sendmail did not end within {} s", patience.as_secs()));
            }
            Err(error) => return Fate::NotNow(format!("sendmail: {error}")),
        }
    };
    // A delivery that goes on in the background holds the pipes open: nobody waits for it.
    let said = said.recv_timeout(LAST_WORDS).unwrap_or_default();
    let written = written.recv_timeout(LAST_WORDS).unwrap_or(false);
    let with_words = |why: String| if said.is_empty() { why } else { format!("{why}: {said}") };
    match status.code() {
        Some(0) if written => Fate::Taken,
        Some(0) => Fate::NotNow("sendmail ended before it had read the message".to_owned()),
        Some(code) if FOR_GOOD.contains(&code) => {
            Fate::Never(with_words(format!("sendmail refused it with code {code}")))
        }
        Some(code) => Fate::NotNow(with_words(format!("sendmail ended with code {code}"))),
        None => Fate::NotNow(with_words("sendmail was killed".to_owned())),
    }
}
