//! All keys of the configuration, in the order in which a person reads them.

use std::fmt::Write as _;
use std::path::PathBuf;

use toml_edit::Item;

use super::units::{duration, duration_words, percent, size, size_words};
use crate::model::live::config::{Config, Tls, Transport};
use crate::model::live::policy::{Enter, FOLLOW_UPS_MAX, FollowUp};
use crate::model::live::source::Source;

/// One key.
pub(super) struct Key {
    /// Its name, dotted.
    pub(super) name: &'static str,
    /// What it is for.
    pub(super) about: &'static str,
    /// Its default as it is written; empty where it has none.
    pub(super) default: &'static str,
    /// What might stand there, where it has no default.
    pub(super) example: &'static str,
    /// Takes what is written.
    pub(super) take: fn(&mut Config, &Item) -> Result<(), String>,
    /// What is in force, as it is written; none: nothing is.
    pub(super) show: fn(&Config) -> Option<String>,
}

/// Sources at most: each has a thread.
const SOURCES_MAX: usize = 64;
/// Recipients at most.
const RECIPIENTS_MAX: usize = 64;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "state_dir",
        about: "Where positions, incidents and evidence are kept; made with mode 0700.",
        default: "\"/var/lib/conntriage\"",
        example: "",
        take: |config, item| path(item).map(|path| config.state_dir = path),
        show: |config| Some(quoted(&config.state_dir.to_string_lossy())),
    },
    Key {
        name: "sources",
        about: "What is followed: journal, kmsg, file:PATH, journal-export:PATH (PATH may be a FIFO).",
        default: "[\"journal\"]",
        example: "",
        take: |config, item| {
            let words = words(item)?;
            if words.is_empty() || words.len() > SOURCES_MAX {
                return Err(format!("names {} sources: 1 to {SOURCES_MAX} can be followed", words.len()));
            }
            let sources = words.iter().map(|word| word.parse::<Source>().map_err(|error| error.to_string()));
            config.sources = sources.collect::<Result<_, _>>()?;
            Ok(())
        },
        show: |config| Some(list(config.sources.iter().map(ToString::to_string))),
    },
    Key {
        name: "incident.quiet",
        about: "An incident of which nothing was seen for so long is over.",
        default: "\"10m\"",
        example: "",
        take: |config, item| time(item).map(|us| config.policy.quiet_us = us),
        show: |config| Some(quoted(&duration_words(config.policy.quiet_us))),
    },
    Key {
        name: "incident.near_full",
        about: "From here on a table is nearly full, and looked at once beforehand.",
        default: "\"90%\"",
        example: "",
        take: |config, item| {
            word(item).and_then(|word| percent(word, 1..=99)).map(|n| config.policy.near_full_percent = n)
        },
        show: |config| Some(quoted(&format!("{}%", config.policy.near_full_percent))),
    },
    Key {
        name: "incident.near_full_polls",
        about: "So many looks in a row, one a second, must show it.",
        default: "3",
        example: "",
        take: |config, item| number(item, 1, 3_600).map(|n| config.policy.near_full_polls = n),
        show: |config| Some(config.policy.near_full_polls.to_string()),
    },
    Key {
        name: "capture.cooldown",
        about: "So long between two dumps of the same table as it fills up (follow-ups do not count).",
        default: "\"10m\"",
        example: "",
        take: |config, item| time(item).map(|us| config.policy.cooldown_us = us),
        show: |config| Some(quoted(&duration_words(config.policy.cooldown_us))),
    },
    Key {
        name: "capture.follow_ups",
        about: "Further looks at a table that was full, so long after the first, and at its end.",
        default: "[\"30s\", \"120s\", \"end\"]",
        example: "",
        take: |config, item| {
            let words = words(item)?;
            if words.len() > FOLLOW_UPS_MAX {
                return Err(format!("{} follow-ups: at most {FOLLOW_UPS_MAX} are made", words.len()));
            }
            let read = |word: &String| match word.as_str() {
                "end" => Ok(FollowUp::End),
                time => duration(time).map(FollowUp::After),
            };
            config.policy.follow_ups = words.iter().map(read).collect::<Result<_, _>>()?;
            Ok(())
        },
        show: |config| {
            let words = config.policy.follow_ups.iter().map(|follow_up| match follow_up {
                FollowUp::End => "end".to_owned(),
                FollowUp::After(us) => duration_words(*us),
            });
            Some(list(words))
        },
    },
    Key {
        name: "capture.time_budget",
        about: "A dump that takes longer is given up; what it gave is kept and said to be partial.",
        default: "\"60s\"",
        example: "",
        take: |config, item| time(item).map(|us| config.policy.time_budget_us = us),
        show: |config| Some(quoted(&duration_words(config.policy.time_budget_us))),
    },
    Key {
        name: "capture.enter",
        about: "The table of another network namespace: \"named-in-line\" enters the one that a line or a full count\n\
            points at, \"none\" never does.",
        default: "\"named-in-line\"",
        example: "",
        take: |config, item| {
            one_of(item, &[("named-in-line", Enter::NamedInLine), ("none", Enter::Never)])
                .map(|enter| config.policy.enter = enter)
        },
        show: |config| {
            Some(quoted(if config.policy.enter == Enter::Never { "none" } else { "named-in-line" }))
        },
    },
    Key {
        name: "evidence.max_bytes",
        about: "Of all incidents together; the oldest closed ones go first.",
        default: "\"2GiB\"",
        example: "",
        take: |config, item| word(item).and_then(size).map(|bytes| config.keep.bytes = bytes),
        show: |config| Some(quoted(&size_words(config.keep.bytes))),
    },
    Key {
        name: "evidence.max_age",
        about: "Since the incident closed.",
        default: "\"90d\"",
        example: "",
        take: |config, item| time(item).map(|us| config.keep.age_us = us),
        show: |config| Some(quoted(&duration_words(config.keep.age_us))),
    },
    Key {
        name: "evidence.max_incidents",
        about: "So many incidents with evidence.",
        default: "500",
        example: "",
        take: |config, item| number(item, 1, 100_000).map(|n| config.keep.incidents = n.into()),
        show: |config| Some(config.keep.incidents.to_string()),
    },
    Key {
        name: "evidence.keep_free",
        about: "So much of the file system is left free by evidence.",
        default: "\"5%\"",
        example: "",
        take: |config, item| {
            word(item).and_then(|word| percent(word, 0..=90)).map(|n| config.keep.free_percent = n)
        },
        show: |config| Some(quoted(&format!("{}%", config.keep.free_percent))),
    },
    Key {
        name: "mail.transport",
        about: "\"sendmail\" hands over to an MTA of this machine that queues: with the table full, even TCP to\n\
            127.0.0.1 hangs. \"smtp\" goes to a relay.",
        default: "\"sendmail\"",
        example: "",
        take: |config, item| {
            one_of(item, &[("sendmail", Transport::Sendmail), ("smtp", Transport::Smtp)])
                .map(|transport| config.mail.transport = transport)
        },
        show: |config| {
            Some(quoted(if config.mail.transport == Transport::Smtp { "smtp" } else { "sendmail" }))
        },
    },
    Key {
        name: "mail.host",
        about: "The relay, for transport = \"smtp\".",
        default: "",
        example: "\"relay.example.org\"",
        take: |config, item| line(item).map(|host| config.mail.host = Some(host)),
        show: |config| config.mail.host.as_deref().map(quoted),
    },
    Key {
        name: "mail.port",
        about: "Without it: 587 for tls = \"required\", 465 for \"wrapper\", 25 for \"none\".",
        default: "",
        example: "587",
        take: |config, item| number(item, 1, 65_535).map(|port| config.mail.port = u16::try_from(port).ok()),
        show: |config| config.mail.port.map(|port| port.to_string()),
    },
    Key {
        name: "mail.tls",
        about: "\"required\" (STARTTLS, or nothing is sent), \"wrapper\" (TLS from the first byte), \"none\".",
        default: "\"required\"",
        example: "",
        take: |config, item| {
            one_of(item, &[("required", Tls::Required), ("wrapper", Tls::Wrapper), ("none", Tls::None)])
                .map(|tls| config.mail.tls = tls)
        },
        show: |config| {
            Some(quoted(match config.mail.tls {
                Tls::Required => "required",
                Tls::Wrapper => "wrapper",
                Tls::None => "none",
            }))
        },
    },
    Key {
        name: "mail.user",
        about: "Only sent inside TLS.",
        default: "",
        example: "\"conntriage\"",
        take: |config, item| line(item).map(|user| config.mail.user = Some(user)),
        show: |config| config.mail.user.as_deref().map(quoted),
    },
    Key {
        name: "mail.password_file",
        about: "Mode 0600 or 0400; its first line is the password. Without it: the credential smtp-password of systemd.",
        default: "",
        example: "\"/etc/conntriage/smtp-password\"",
        take: |config, item| path(item).map(|path| config.mail.password_file = Some(path)),
        show: |config| config.mail.password_file.as_ref().map(|path| quoted(&path.to_string_lossy())),
    },
    Key {
        name: "mail.from",
        about: "The address that mail comes from.",
        default: "",
        example: "\"conntriage@example.org\"",
        take: |config, item| address(word(item)?).map(|from| config.mail.from = Some(from)),
        show: |config| config.mail.from.as_deref().map(quoted),
    },
    Key {
        name: "mail.to",
        about: "Who is told. None: nothing is mailed.",
        default: "[]",
        example: "",
        take: |config, item| {
            let words = words(item)?;
            if words.len() > RECIPIENTS_MAX {
                return Err(format!("{} recipients: at most {RECIPIENTS_MAX}", words.len()));
            }
            config.mail.to = words.iter().map(|word| address(word)).collect::<Result<_, _>>()?;
            Ok(())
        },
        show: |config| Some(list(config.mail.to.iter().cloned())),
    },
    Key {
        name: "mail.per_incident_per_day",
        about: "Of one incident in 24 hours; what is left out is listed in the next.",
        default: "6",
        example: "",
        take: |config, item| number(item, 1, 48).map(|n| config.policy.per_incident_per_day = n),
        show: |config| Some(config.policy.per_incident_per_day.to_string()),
    },
    Key {
        name: "mail.burst",
        about: "So many at once, of all incidents; then one every six minutes.",
        default: "10",
        example: "",
        take: |config, item| number(item, 1, 1_000).map(|n| config.policy.burst = n),
        show: |config| Some(config.policy.burst.to_string()),
    },
    Key {
        name: "mail.per_day",
        about: "So many in 24 hours, of all incidents.",
        default: "250",
        example: "",
        take: |config, item| number(item, 1, 1_000).map(|n| config.policy.per_day = n),
        show: |config| Some(config.policy.per_day.to_string()),
    },
    Key {
        name: "notify.webhook_url",
        about: "Gets the JSON of an incident when it opens and when it closes, by POST.",
        default: "",
        example: "\"https://hooks.example.org/conntrack\"",
        take: |config, item| url(item).map(|url| config.notify.webhook_url = Some(url)),
        show: |config| config.notify.webhook_url.as_deref().map(quoted),
    },
    Key {
        name: "notify.webhook_token_file",
        about: "Mode 0600 or 0400; its first line goes with it as a bearer token.",
        default: "",
        example: "\"/etc/conntriage/webhook-token\"",
        take: |config, item| path(item).map(|path| config.notify.webhook_token_file = Some(path)),
        show: |config| config.notify.webhook_token_file.as_ref().map(|path| quoted(&path.to_string_lossy())),
    },
    Key {
        name: "notify.alertmanager_url",
        about: "Gets the alert ConntrackTableFull, resolved when the incident closes.",
        default: "",
        example: "\"http://alertmanager.example.org:9093\"",
        take: |config, item| url(item).map(|url| config.notify.alertmanager_url = Some(url)),
        show: |config| config.notify.alertmanager_url.as_deref().map(quoted),
    },
    Key {
        name: "notify.alertmanager_token_file",
        about: "As for the webhook.",
        default: "",
        example: "\"/etc/conntriage/alertmanager-token\"",
        take: |config, item| path(item).map(|path| config.notify.alertmanager_token_file = Some(path)),
        show: |config| {
            config.notify.alertmanager_token_file.as_ref().map(|path| quoted(&path.to_string_lossy()))
        },
    },
    Key {
        name: "metrics.textfile",
        about: "Where node_exporter's textfile collector finds the numbers.",
        default: "",
        example: "\"/var/lib/prometheus/node-exporter/conntriage.prom\"",
        take: |config, item| path(item).map(|path| config.textfile = Some(path)),
        show: |config| config.textfile.as_ref().map(|path| quoted(&path.to_string_lossy())),
    },
];

fn word(item: &Item) -> Result<&str, String> {
    item.as_str().ok_or_else(|| format!("is {}: write it in quotes", item.type_name()))
}

fn words(item: &Item) -> Result<Vec<String>, String> {
    let wrong = || "is no list of words in quotes: write [\"…\", \"…\"]".to_owned();
    let list = item.as_array().ok_or_else(wrong)?;
    list.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

fn time(item: &Item) -> Result<i64, String> {
    word(item).and_then(duration)
}

fn number(item: &Item, least: u32, most: u32) -> Result<u32, String> {
    let number = item.as_integer().and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("is not a number from {least} to {most}"))
}

fn path(item: &Item) -> Result<PathBuf, String> {
    let path = PathBuf::from(word(item)?);
    if path.is_absolute() { Ok(path) } else { Err(format!("`{}` does not begin with /", path.display())) }
}

/// A word that goes into a protocol: no line may end in it.
fn line(item: &Item) -> Result<String, String> {
    let word = word(item)?;
    let bad = word.is_empty() || word.chars().any(char::is_control);
    if bad { Err("is empty or holds control characters".to_owned()) } else { Ok(word.to_owned()) }
}

fn url(item: &Item) -> Result<String, String> {
    let url = line(item)?;
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else {
        return Err(format!("`{url}` begins neither with http:// nor with https://"));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || !url.chars().all(|c| c.is_ascii_graphic()) {
        return Err("names no host, or holds what an address may not hold".to_owned());
    }
    if host.contains('@') {
        return Err(
            "holds a name or a password, which would be shown: use the key for a token file".to_owned()
        );
    }
    Ok(url)
}

/// `local@domain`, as plain as header and envelope can take it.
pub(super) fn address(word: &str) -> Result<String, String> {
    let parts = word.rsplit_once('@');
    let plain = |c: char| c.is_ascii_graphic() && !"<>()[]\\,;:\"".contains(c);
    let fits = parts.is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && word.chars().all(plain)
            && word.len() <= 254
            && !local.contains('@')
    });
    if fits { Ok(word.to_owned()) } else { Err(format!("{word:?} is no address such as ops@example.org")) }
}

fn one_of<T: Copy>(item: &Item, known: &[(&str, T)]) -> Result<T, String> {
    let word = word(item)?;
    known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = known.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        format!("{word:?} is none of {}", names.join(", "))
    })
}

/// As TOML writes a word.
fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.map(|word| quoted(&word)).collect();
    format!("[{}]", words.join(", "))
}
