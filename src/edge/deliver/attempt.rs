//! A process for each attempt: whatever a relay does to it, memory, processor and time of this machine are bounded, and the
//! message is not lost. It is this same program ([`super::inside`]), gets its errand on standard input, and tells each step
//! on standard output; the password is in neither, nor in its arguments or environment: it reads the file itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::child::{Bound, beside, look, said};
use crate::model::live::attempt::{Errand, Outcome, Step, Told};
use crate::model::live::message::Fate;
use crate::wire::attempt::{read_told, write_errand};

/// An attempt has so long; then it is killed.
pub const WALL: Duration = Duration::from_mins(15);
/// This program, as it runs: a package that is upgraded meanwhile does not matter.
pub const THIS: &str = "/proc/self/exe";
/// The hidden command.
pub const ARGUMENTS: [&str; 2] = ["mail", "attempt"];
/// Of its environment nothing is passed on but whom to trust.
const PASSED_ON: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Bytes of all that it tells.
const TOLD_MAX: u64 = 4 << 20;
/// Between its last word and its end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Makes an attempt in a process of its own, which has as long as its bound says. Each step is told as it is taken.
pub fn run(program: &Path, errand: &Errand, bound: &Bound<'_>, tell: &mut dyn FnMut(&Step)) -> Outcome {
    let mut command = Command::new(program);
    command.arg0("conntriage").args(ARGUMENTS).env_clear().current_dir("/");
    command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => listen(child, errand, bound, tell),
        Err(error) => {
            let why = format!("{}: no process could be made: {error}", program.display());
            Outcome { shut: true, ..Outcome::all(errand.to(), &Fate::NotNow(why)) }
        }
    }
}

/// Why nobody listens any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It closed its output.
    Said,
    /// Its time was up.
    Late,
    /// We are to end.
    Stopped,
}

fn listen(mut child: Child, errand: &Errand, bound: &Bound<'_>, tell: &mut dyn FnMut(&Step)) -> Outcome {
    let deadline = Instant::now() + bound.wall;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let bytes = write_errand(errand, std::process::id());
    // It may die before it has read all: then nobody needs to know how much it read.
    let _written = beside(move || input.is_some_and(|mut input| input.write_all(&bytes).is_ok()));
    let complaint = beside(move || errors.map(said).unwrap_or_default());
    let (to, lines) = channel();
    let _read = beside(move || {
        let Some(output) = output else { return };
        for line in BufReader::new(output.take(TOLD_MAX)).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
    let mut outcome = None;
    let mut hear = |line: &str| match read_told(line) {
        Some(Told::Step(step)) => tell(&step),
        Some(Told::Outcome(so_far)) => outcome = Some(so_far),
        None => {}
    };
    let end = loop {
        if (bound.stop)() {
            break End::Stopped;
        }
        match lines.recv_timeout(look(deadline)) {
            Ok(line) => hear(&line),
            Err(RecvTimeoutError::Disconnected) => break End::Said,
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(RecvTimeoutError::Timeout) => break End::Late,
        }
    };
    let ended = if end == End::Said { ended(&mut child) } else { None };
    if ended.is_none() {
        let _ = child.kill();
        let _ = child.wait();
        // What it said before it died counts: it may have sent the final dot a moment ago.
        while let Ok(line) = lines.recv_timeout(LAST_WORDS) {
            hear(&line);
        }
    }
    let how = match ended {
        Some(status) if status.success() => None,
        Some(status) => Some(death(status)),
        None if end == End::Stopped => {
            Some("the attempt was ended: this program was told to stop".to_owned())
        }
        None => Some(format!("the attempt was ended after {} s", bound.wall.as_secs())),
    };
    let complaint = complaint.recv_timeout(LAST_WORDS).unwrap_or_default();
    let how = how.map(|how| if complaint.is_empty() { how } else { format!("{how}: {complaint}") });
    let stopped = end == End::Stopped && outcome.is_none();
    Outcome { stopped, ..judged(outcome, how.as_deref(), errand.to()) }
}

/// Waits for one that has closed its output.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + LAST_WORDS;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => return None,
        }
    }
}

fn death(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("the attempt was killed by signal {signal}"),
        (None, code) => format!("the attempt died with code {}", code.unwrap_or(-1)),
    }
}

/// What an attempt came to whose process ended like this. One that said nothing came to nothing: nobody has the message,
/// since it says so before it sends the final dot.
fn judged(outcome: Option<Outcome>, death: Option<&str>, to: &[String]) -> Outcome {
    let nothing = || {
        let why = death.unwrap_or("the attempt ended without a word").to_owned();
        Outcome { shut: true, ..Outcome::all(to, &Fate::NotNow(why)) }
    };
    let mut outcome = outcome.unwrap_or_else(nothing);
    for (_, fate) in &mut outcome.fates {
        if let (Fate::Perhaps(_), Some(death)) = (&*fate, death) {
            *fate = Fate::Perhaps(format!("{death}, before the relay's answer came"));
        }
    }
    for missing in to {
        if !outcome.fates.iter().any(|(known, _)| known == missing) {
            outcome.fates.push((missing.clone(), Fate::NotNow("nothing is known of it".to_owned())));
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_dies_came_to_what_it_said_last() {
        let to = ["a@x".to_owned(), "b@x".to_owned()];
        let died = "the attempt was killed by signal 9";
        let nothing = judged(None, Some(died), &to);
        assert!(nothing.fates.iter().all(|(_, fate)| *fate == Fate::NotNow(died.to_owned())));
        assert!(nothing.shut, "the next message would fare no better");
        let before =
            Outcome { fates: vec![("a@x".to_owned(), Fate::Perhaps("?".to_owned()))], ..Outcome::default() };
        let fates = judged(Some(before), Some(died), &to).fates;
        assert!(
            matches!(&fates[0].1, Fate::Perhaps(why) if why.starts_with("the attempt was killed by signal 9")),
            "{fates:?}"
        );
        assert!(matches!(&fates[1].1, Fate::NotNow(_)), "{fates:?}");
    }
}
