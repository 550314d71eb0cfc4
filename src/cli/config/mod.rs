//! `config.toml` → [`Config`], checked whole: every wrong key, value or line is told at once, with its place.
//!
//! [`keys`] is the table of all keys: what each is called, what it may be, and what it is without being written. Reading,
//! the template and `config show` all go by it, so that a further key is one row.

mod keys;
mod units;

use std::fmt::Write as _;
use std::ops::Range;

use toml_edit::{Document, Item, TableLike};

use crate::model::live::config::Config;
use keys::{KEYS, Key};

/// An address as the configuration takes it; else why not.
pub fn address(word: &str) -> Result<String, String> {
    keys::address(word)
}

/// A file longer than this is no configuration.
pub const BYTES_MAX: usize = 1 << 20;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Line, from 1.
    pub line: usize,
    /// The key, dotted; empty where it is no key that is wrong.
    pub key: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, into: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let between = if self.key.is_empty() { "" } else { ": " };
        write!(into, "line {}: {}{between}{}", self.line, self.key, self.what)
    }
}

/// Reads a configuration. All that is wrong with it is told, in order of lines.
pub fn read(text: &str) -> Result<Config, Vec<Wrong>> {
    let lines = Lines(text);
    if text.len() > BYTES_MAX {
        let what = format!("{} bytes: at most {BYTES_MAX} are read", text.len());
        return Err(vec![Wrong { line: 1, key: String::new(), what }]);
    }
    let document = Document::parse(text).map_err(|error| {
        let line = lines.of(error.span());
        vec![Wrong { line, key: String::new(), what: error.message().trim().to_owned() }]
    })?;
    let mut config = Config::default();
    let mut wrong = Vec::new();
    take(document.as_table(), "", lines, &mut config, &mut wrong);
    if wrong.is_empty() {
        wrong.extend(together(&config, document.as_table(), lines));
    }
    wrong.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
    if wrong.is_empty() { Ok(config) } else { Err(wrong) }
}

/// Takes what a table holds; `under` is its name, empty for the outermost.
fn take(table: &dyn TableLike, under: &str, lines: Lines<'_>, config: &mut Config, wrong: &mut Vec<Wrong>) {
    for (name, item) in table.iter() {
        let key = if under.is_empty() { name.to_owned() } else { format!("{under}.{name}") };
        let line = lines.of(table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span()));
        let mut refuse = |what: String| wrong.push(Wrong { line, key: key.clone(), what });
        if let Some(known) = KEYS.iter().find(|known| known.name == key) {
            let line = lines.of(item.span()).max(line);
            if let Err(what) = (known.take)(config, item) {
                wrong.push(Wrong { line, key, what });
            }
        } else if KEYS
            .iter()
            .any(|known| known.name.strip_prefix(&*key).is_some_and(|rest| rest.starts_with('.')))
        {
            match item.as_table_like() {
                Some(inner) => take(inner, &key, lines, config, wrong),
                None => refuse(format!("is a section: write [{key}] and its keys below it")),
            }
        } else {
            let near = nearest(&key).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            refuse(format!("no such key{near}"));
        }
    }
}

/// What is wrong only together.
fn together(config: &Config, table: &dyn TableLike, lines: Lines<'_>) -> Option<Wrong> {
    let line = lines.of(table.get("mail").and_then(Item::span));
    let wrong = |key: &str, what: &str| Some(Wrong { line, key: key.to_owned(), what: what.to_owned() });
    if let Some(key) = bare_token(&config.notify) {
        let line = lines.of(table.get("notify").and_then(Item::span));
        let what = "is http: a token is never sent without TLS, save to this machine".to_owned();
        return Some(Wrong { line, key: key.to_owned(), what });
    }
    let mail = &config.mail;
    match (&mail.from, mail.to.is_empty(), mail.transport) {
        (None, false, _) => wrong("mail.from", "is missing: mail to anybody needs the address it comes from"),
        (_, false, crate::model::live::config::Transport::Smtp) if mail.host.is_none() => {
            wrong("mail.host", "is missing: transport = \"smtp\" needs the relay's name")
        }
        _ if mail.user.is_some() && mail.tls == crate::model::live::config::Tls::None => {
            wrong("mail.tls", "is \"none\": a password is never sent without TLS")
        }
        (_, _, crate::model::live::config::Transport::Smtp) if bare_to_others(mail) => wrong(
            "mail.tls",
            "is \"none\", and the relay is not this machine (localhost, 127.0.0.1, ::1): nothing is sent elsewhere without TLS",
        ),
        _ if mail.user.is_none() && mail.password_file.is_some() => {
            wrong("mail.user", "is missing: mail.password_file is for a login")
        }
        _ => None,
    }
}

/// A token that would go over the network for all to read.
fn bare_token(notify: &crate::model::live::config::Notify) -> Option<&'static str> {
    let bare = |url: &Option<String>| {
        let host = url.as_deref()?.strip_prefix("http://")?.split(['/', '?', '#']).next()?;
        let name =
            host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(name, _)| name);
        Some(!is_own(name))
    };
    let with = |file: &Option<std::path::PathBuf>, url| file.is_some() && bare(url) == Some(true);
    if with(&notify.webhook_token_file, &notify.webhook_url) {
        return Some("notify.webhook_url");
    }
    with(&notify.alertmanager_token_file, &notify.alertmanager_url).then_some("notify.alertmanager_url")
}

/// This machine, by a name or an address that can be no other.
fn is_own(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<std::net::IpAddr>().map_or(bare == "localhost", |address| address.is_loopback())
}

/// Without TLS, and not to this machine.
fn bare_to_others(mail: &crate::model::live::config::Mail) -> bool {
    mail.tls == crate::model::live::config::Tls::None && !is_own(mail.host.as_deref().unwrap_or_default())
}

/// A configuration with every key, its default and what it is for: what `config template` prints.
pub fn template() -> String {
    let mut text = String::from("# conntriage: every key with its default. Delete what you do not change.\n");
    let mut section = "";
    for key in KEYS {
        let (under, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if under != section {
            section = under;
            let _ = write!(text, "\n[{section}]\n");
        }
        for line in key.about.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let without = if key.default.is_empty() { "# " } else { "" };
        let value = if key.default.is_empty() { key.example } else { key.default };
        let _ = writeln!(text, "{without}{name} = {value}");
    }
    text
}

/// What is in force, in the form of the file: what `config show` prints.
pub fn show(config: &Config) -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        let (under, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        let Some(value) = (key.show)(config) else { continue };
        if under != section {
            section = under;
            let _ = write!(text, "\n[{section}]\n");
        }
        let _ = writeln!(text, "{name} = {value}");
    }
    text
}

/// The key that was most likely meant.
fn nearest(key: &str) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let by_name = KEYS.iter().map(|known: &Key| known.name).find(|known| last(known) == last(key));
    by_name.or_else(|| {
        let near = KEYS.iter().map(|known| (distance(known.name, key), known.name)).min()?;
        (near.0 <= 2).then_some(near.1)
    })
}

/// Levenshtein's distance of two short words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let least = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}

/// Where in a text.
#[derive(Clone, Copy)]
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn of(self, span: Option<Range<usize>>) -> usize {
        let before = self.0.get(..span.map_or(0, |span| span.start)).unwrap_or(self.0);
        before.matches('\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::live::policy::FollowUp;
    use crate::model::time::SECOND_US;

    #[test]
    fn the_template_says_what_holds_without_it() {
        assert_eq!(read(&template()), Ok(Config::default()));
        assert_eq!(read(""), Ok(Config::default()));
    }

    #[test]
    fn what_is_shown_is_read_as_what_it_is() {
        let text = "sources = [\"kmsg\", \"file:/var/log/messages\"]\n[capture]\nfollow_ups = [\"5s\", \"end\"]\n\
            [evidence]\nmax_bytes = \"100MiB\"\n[mail]\nfrom = \"a@example.org\"\nto = [\"b@example.org\"]\n";
        let config = read(text).unwrap();
        assert_eq!(config.policy.follow_ups, [FollowUp::After(5 * SECOND_US), FollowUp::End]);
        assert_eq!(config.keep.bytes, 100 << 20);
        assert_eq!(read(&show(&config)), Ok(config));
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_line_and_key() {
        let text = "sources = [\"kmesg\"]\n\n[incident]\nquite = \"10m\"\nnear_full = \"190%\"\n[capture]\ncooldown = 10\n";
        let told: Vec<String> = read(text).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("line 1: sources: `kmesg` is no source"), "{told:?}");
        assert_eq!(told[1], "line 4: incident.quite: no such key; did you mean incident.quiet?");
        assert!(told[2].starts_with("line 5: incident.near_full: "), "{told:?}");
        assert!(told[3].starts_with("line 7: capture.cooldown: "), "{told:?}");
        let told = read("quiet = \"10m\"\n").unwrap_err();
        assert_eq!(told[0].to_string(), "line 1: quiet: no such key; did you mean incident.quiet?");
        assert!(read("[incident\n").unwrap_err()[0].to_string().starts_with("line 1: "));
    }

    #[test]
    fn what_cannot_be_together_is_told() {
        let to = "[mail]\nto = [\"b@example.org\"]\n";
        assert_eq!(read(to).unwrap_err()[0].key, "mail.from");
        let smtp = format!("{to}from = \"a@example.org\"\ntransport = \"smtp\"\n");
        assert_eq!(read(&smtp).unwrap_err()[0].key, "mail.host");
        let bare = format!("{smtp}host = \"relay\"\ntls = \"none\"\nuser = \"u\"\n");
        assert_eq!(read(&bare).unwrap_err()[0].key, "mail.tls");
        let elsewhere = format!("{smtp}host = \"relay\"\ntls = \"none\"\n");
        assert_eq!(read(&elsewhere).unwrap_err()[0].key, "mail.tls");
        for here in ["localhost", "127.0.0.1", "::1", "[::1]"] {
            assert!(read(&format!("{smtp}host = \"{here}\"\ntls = \"none\"\n")).is_ok(), "{here}");
        }
        let nobody = format!("{smtp}host = \"relay\"\npassword_file = \"/x\"\n");
        assert_eq!(read(&nobody).unwrap_err()[0].key, "mail.user");
        let token = "[notify]\nwebhook_url = \"http://hooks/x\"\nwebhook_token_file = \"/x\"\n";
        assert_eq!(read(token).unwrap_err()[0].key, "notify.webhook_url");
        for fine in ["https://hooks/x", "http://localhost:9/x", "http://[::1]:9", "http://127.0.0.1"] {
            assert!(read(&token.replace("http://hooks/x", fine)).is_ok(), "{fine}");
        }
        assert!(read("[notify]\nwebhook_url = \"https://user:pass@host/\"\n").is_err());
        let address = "[mail]\nto = [\"b@example.org\\nBcc: x\"]\n";
        assert!(read(address).unwrap_err()[0].what.contains("no address"));
    }
}
