//! What passes between `mail deliver` and the process that it starts for each attempt: a job in, a line for each step and
//! outcome out. Both ends are the same program; nobody else reads it.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::live::attempt::{Job, Outcome, Relay, Stage, Step, Told};
use crate::model::live::config::Tls;
use crate::model::live::message::{Envelope, Fate};

/// Bytes of a job's head at most: 64 recipients, and what a configuration may hold.
pub const HEAD_MAX: usize = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    host: String,
    port: u16,
    tls: String,
    user: Option<String>,
    password_file: Option<PathBuf>,
    known: Vec<IpAddr>,
    recent: bool,
    hello: String,
    from: String,
    to: Vec<String>,
    bytes: usize,
    smaller: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Step { stage: String, fine: bool, said: String },
    Outcome { fates: Vec<One>, addresses: Vec<IpAddr>, resolved: bool },
}

#[derive(Debug, Serialize, Deserialize)]
struct One {
    to: String,
    fate: String,
    why: String,
}

const WAYS: [(Tls, &str); 3] = [(Tls::Required, "required"), (Tls::Wrapper, "wrapper"), (Tls::None, "none")];

/// A job: one line, then the bytes.
pub fn write_job(job: &Job) -> Vec<u8> {
    let relay = &job.relay;
    let head = Head {
        host: relay.host.clone(),
        port: relay.port,
        tls: WAYS.iter().find(|(tls, _)| *tls == relay.tls).map_or("", |(_, word)| word).to_owned(),
        user: relay.user.clone(),
        password_file: relay.password.clone(),
        known: relay.known.clone(),
        recent: relay.recent,
        hello: job.hello.clone(),
        from: job.envelope.from.clone(),
        to: job.envelope.to.clone(),
        bytes: job.bytes.len(),
        smaller: job.smaller.as_ref().map(Vec::len),
    };
    // Only a path that is not UTF-8 cannot be written; the configuration is.
    let mut all = serde_json::to_vec(&head).unwrap_or_default();
    all.push(b'\n');
    all.extend_from_slice(&job.bytes);
    all.extend_from_slice(job.smaller.as_deref().unwrap_or_default());
    all
}

/// The same, read.
pub fn read_job(all: &[u8]) -> Result<Job, String> {
    let end = all.iter().take(HEAD_MAX).position(|byte| *byte == b'\n').ok_or("no line of a job")?;
    let (head, bytes) = all.split_at_checked(end + 1).ok_or("no line of a job")?;
    let head: Head = serde_json::from_slice(head).map_err(|error| error.to_string())?;
    let (bytes, rest) = bytes.split_at_checked(head.bytes).ok_or("the message is cut short")?;
    let smaller =
        head.smaller.map(|length| rest.get(..length).ok_or("the message is cut short")).transpose()?;
    let tls = WAYS.iter().find(|(_, word)| *word == head.tls).ok_or("no such way to lock")?.0;
    Ok(Job {
        relay: Relay {
            host: head.host,
            port: head.port,
            tls,
            user: head.user,
            password: head.password_file,
            known: head.known,
            recent: head.recent,
        },
        hello: head.hello,
        envelope: Envelope { from: head.from, to: head.to },
        bytes: bytes.to_vec(),
        smaller: smaller.map(<[u8]>::to_vec),
    })
}

/// A line of an attempt, with its end.
pub fn write_told(told: &Told) -> String {
    let line = match told {
        Told::Step(step) => {
            Line::Step { stage: step.stage.word().to_owned(), fine: step.fine, said: step.said.clone() }
        }
        Told::Outcome(outcome) => Line::Outcome {
            fates: outcome.fates.iter().map(|(to, fate)| one(to, fate)).collect(),
            addresses: outcome.addresses.clone(),
            resolved: outcome.resolved,
        },
    };
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

/// The same, read; none: no such line.
pub fn read_told(line: &str) -> Option<Told> {
    Some(match serde_json::from_str(line).ok()? {
        Line::Step { stage, fine, said } => {
            let stage = Stage::WORDS.iter().find(|(_, word)| *word == stage)?.0;
            Told::Step(Step { stage, fine, said })
        }
        Line::Outcome { fates, addresses, resolved } => {
            let fates = fates.into_iter().map(|one| Some((one.to, fate(&one.fate, one.why)?)));
            Told::Outcome(Outcome { fates: fates.collect::<Option<_>>()?, addresses, resolved })
        }
    })
}

fn one(to: &str, fate: &Fate) -> One {
    let (word, why) = match fate {
        Fate::Taken => ("taken", ""),
        Fate::NotNow(why) => ("not-now", &**why),
        Fate::Misconfigured(why) => ("misconfigured", &**why),
        Fate::Perhaps(why) => ("perhaps", &**why),
        Fate::Never(why) => ("never", &**why),
    };
    One { to: to.to_owned(), fate: word.to_owned(), why: why.to_owned() }
}

fn fate(word: &str, why: String) -> Option<Fate> {
    Some(match word {
        "taken" => Fate::Taken,
        "not-now" => Fate::NotNow(why),
        "misconfigured" => Fate::Misconfigured(why),
        "perhaps" => Fate::Perhaps(why),
        "never" => Fate::Never(why),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_and_its_lines_are_read_as_what_they_are() {
        let job = Job {
            relay: Relay {
                host: "relay.example.org".to_owned(),
                port: 587,
                tls: Tls::Required,
                user: Some("u\"\n".to_owned()),
                password: Some(PathBuf::from("/etc/x")),
                known: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
                recent: true,
            },
            hello: "web8.example.org".to_owned(),
            envelope: Envelope { from: "a@x".to_owned(), to: vec!["b@x".to_owned(), "c@x".to_owned()] },
            bytes: b"one\r\n\0two\r\n".to_vec(),
            smaller: Some(b"less".to_vec()),
        };
        assert_eq!(read_job(&write_job(&job)), Ok(job.clone()));
        let cut = write_job(&job);
        for end in 0..cut.len() {
            assert!(read_job(&cut[..end]).is_err(), "{end}");
        }
        let fates = vec![
            ("a@x".to_owned(), Fate::Taken),
            ("b@x".to_owned(), Fate::Perhaps("\u{1b}[2J".to_owned())),
            ("c@x".to_owned(), Fate::Never(String::new())),
        ];
        let told = [
            Told::Step(Step { stage: Stage::Tls, fine: false, said: "no\nline".to_owned() }),
            Told::Outcome(Outcome { fates, addresses: job.relay.known, resolved: true }),
        ];
        for one in told {
            let line = write_told(&one);
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(read_told(&line), Some(one));
        }
        assert_eq!(read_told("{}"), None);
    }
}
