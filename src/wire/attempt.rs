//! What passes between `mail deliver` and the process that it starts for each attempt: an errand in, a line for each step and
//! outcome out. Both ends are the same program; nobody else reads it.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::live::attempt::{Errand, Job, Outcome, Post, Relay, Stage, Step, Told};
use crate::model::live::config::Tls;
use crate::model::live::message::{Envelope, Fate};

/// Bytes of an errand's head at most: 64 recipients, and what a configuration may hold.
pub const HEAD_MAX: usize = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Process that began the attempt.
    parent: u32,
    what: What,
    bytes: usize,
    smaller: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Mail { relay: Way, hello: String, from: String, to: Vec<String> },
    Post { to: String, url: String, token_file: Option<PathBuf>, id: String },
    Resolve { relay: Way },
}

#[derive(Debug, Serialize, Deserialize)]
struct Way {
    host: String,
    port: u16,
    tls: String,
    user: Option<String>,
    password_file: Option<PathBuf>,
    known: Vec<IpAddr>,
    recent: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Step { stage: String, fine: bool, said: String },
    Outcome { fates: Vec<One>, addresses: Vec<IpAddr>, resolved: bool, shut: bool },
}

#[derive(Debug, Serialize, Deserialize)]
struct One {
    to: String,
    fate: String,
    why: String,
}

const WAYS: [(Tls, &str); 3] = [(Tls::Required, "required"), (Tls::Wrapper, "wrapper"), (Tls::None, "none")];

/// An errand: one line, then the bytes. `parent`: who begins it.
pub fn write_errand(errand: &Errand, parent: u32) -> Vec<u8> {
    let (what, bytes, smaller): (_, &[u8], _) = match errand {
        Errand::Mail(job) => {
            let (from, to) = (job.envelope.from.clone(), job.envelope.to.clone());
            let what = What::Mail { relay: way(&job.relay), hello: job.hello.clone(), from, to };
            (what, &job.bytes, job.smaller.as_deref())
        }
        Errand::Post(post) => {
            let (to, url, id) = (post.to.clone(), post.url.clone(), post.id.clone());
            let what = What::Post { to, url, token_file: post.token.clone(), id };
            (what, &post.bytes, post.smaller.as_deref())
        }
        Errand::Resolve(relay) => (What::Resolve { relay: way(relay) }, &[], None),
    };
    let head = Head { parent, what, bytes: bytes.len(), smaller: smaller.map(<[u8]>::len) };
    // Only a path that is not UTF-8 cannot be written; the configuration is.
    let mut all = serde_json::to_vec(&head).unwrap_or_default();
    all.push(b'\n');
    all.extend_from_slice(bytes);
    all.extend_from_slice(smaller.unwrap_or_default());
    all
}

fn way(relay: &Relay) -> Way {
    Way {
        host: relay.host.clone(),
        port: relay.port,
        tls: WAYS.iter().find(|(tls, _)| *tls == relay.tls).map_or("", |(_, word)| word).to_owned(),
        user: relay.user.clone(),
        password_file: relay.password.clone(),
        known: relay.known.clone(),
        recent: relay.recent,
    }
}

/// The same, read: who began it, and what it is.
pub fn read_errand(all: &[u8]) -> Result<(u32, Errand), String> {
    let end = all.iter().take(HEAD_MAX).position(|byte| *byte == b'\n').ok_or("no line of an errand")?;
    let (head, bytes) = all.split_at_checked(end + 1).ok_or("no line of an errand")?;
    let head: Head = serde_json::from_slice(head).map_err(|error| error.to_string())?;
    let (bytes, rest) = bytes.split_at_checked(head.bytes).ok_or("the message is cut short")?;
    let smaller =
        head.smaller.map(|length| rest.get(..length).ok_or("the message is cut short")).transpose()?;
    let (bytes, smaller) = (bytes.to_vec(), smaller.map(<[u8]>::to_vec));
    let errand = match head.what {
        What::Mail { relay, hello, from, to } => {
            let relay = read_way(relay)?;
            Errand::Mail(Job { relay, hello, envelope: Envelope { from, to }, bytes, smaller })
        }
        What::Post { to, url, token_file: token, id } => {
            Errand::Post(Post { to, url, token, id, bytes, smaller })
        }
        What::Resolve { relay } => Errand::Resolve(read_way(relay)?),
    };
    Ok((head.parent, errand))
}

fn read_way(way: Way) -> Result<Relay, String> {
    let tls = WAYS.iter().find(|(_, word)| *word == way.tls).ok_or("no such way to lock")?.0;
    let Way { host, port, user, password_file: password, known, recent, .. } = way;
    Ok(Relay { host, port, tls, user, password, known, recent })
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
            shut: outcome.shut,
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
        Line::Outcome { fates, addresses, resolved, shut } => {
            let fates = fates.into_iter().map(|one| Some((one.to, fate(&one.fate, one.why)?)));
            let fates = fates.collect::<Option<_>>()?;
            Told::Outcome(Outcome { fates, addresses, resolved, shut, stopped: false })
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
    fn an_errand_and_its_lines_are_read_as_what_they_are() {
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
        let post = Post {
            to: "webhook".to_owned(),
            url: "https://example.org/?a".to_owned(),
            token: Some(PathBuf::from("/etc/y")),
            id: "id".to_owned(),
            bytes: b"{}".to_vec(),
            smaller: Some(b"{".to_vec()),
        };
        for errand in [Errand::Mail(job.clone()), Errand::Post(post), Errand::Resolve(job.relay.clone())] {
            let all = write_errand(&errand, 7);
            assert_eq!(read_errand(&all), Ok((7, errand)));
            for end in 0..all.len() {
                assert!(read_errand(&all[..end]).is_err(), "{end}");
            }
        }
        let fates = vec![
            ("a@x".to_owned(), Fate::Taken),
            ("b@x".to_owned(), Fate::Perhaps("\u{1b}[2J".to_owned())),
            ("c@x".to_owned(), Fate::Never(String::new())),
        ];
        let told = [
            Told::Step(Step { stage: Stage::Tls, fine: false, said: "no\nline".to_owned() }),
            Told::Outcome(Outcome {
                fates,
                addresses: job.relay.known,
                resolved: true,
                shut: true,
                stopped: false,
            }),
        ];
        for one in told {
            let line = write_told(&one);
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(read_told(&line), Some(one));
        }
        assert_eq!(read_told("{}"), None);
    }
}
