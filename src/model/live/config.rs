//! What a person chose in `/etc/conntriage/config.toml`; every key has a default but the mail's addresses.

use std::path::PathBuf;

use super::policy::Policy;
use super::source::Source;
use crate::model::time::{DAY_US, SECOND_US};

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `state_dir`.
    pub state_dir: PathBuf,
    /// `sources`.
    pub sources: Vec<Source>,
    /// `[incident]`, `[capture]` and the budgets of `[mail]`.
    pub policy: Policy,
    /// `[evidence]`.
    pub keep: Keep,
    /// `[mail]`.
    pub mail: Mail,
    /// `[notify]`.
    pub notify: Notify,
    /// `metrics.textfile`.
    pub textfile: Option<PathBuf>,
}

/// How much evidence is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// `evidence.max_bytes`, of all incidents together.
    pub bytes: u64,
    /// `evidence.max_age`, microseconds since an incident closed.
    pub age_us: i64,
    /// `evidence.max_incidents`.
    pub incidents: u64,
    /// `evidence.keep_free`: percent of the file system that evidence leaves free.
    pub free_percent: u8,
}

/// How mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `mail.transport`.
    pub transport: Transport,
    /// `mail.host`: the relay.
    pub host: Option<String>,
    /// `mail.port`; none: what `tls` goes with (587, 465, 25).
    pub port: Option<u16>,
    /// `mail.tls`.
    pub tls: Tls,
    /// `mail.user`.
    pub user: Option<String>,
    /// `mail.password_file`.
    pub password_file: Option<PathBuf>,
    /// `mail.from`.
    pub from: Option<String>,
    /// `mail.to`. None: nothing is mailed.
    pub to: Vec<String>,
}

impl Mail {
    /// The relay's port, where none is configured that of its lock.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Required => 587,
            Tls::Wrapper => 465,
            Tls::None => 25,
        })
    }
}

/// By which door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// A queueing MTA of this machine takes it: with the table full, even TCP to 127.0.0.1 hangs.
    #[default]
    Sendmail,
    /// A relay, over the network.
    Smtp,
}

/// How the way to the relay is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tls {
    /// STARTTLS, and nothing without it.
    #[default]
    Required,
    /// TLS from the first byte.
    Wrapper,
    /// Not at all.
    None,
}

/// Who else is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// `notify.webhook_url`.
    pub webhook_url: Option<String>,
    /// `notify.webhook_token_file`.
    pub webhook_token_file: Option<PathBuf>,
    /// `notify.alertmanager_url`.
    pub alertmanager_url: Option<String>,
    /// `notify.alertmanager_token_file`.
    pub alertmanager_token_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: PathBuf::from("/var/lib/conntriage"),
            sources: vec![Source::Journal(None)],
            policy: Policy::default(),
            keep: Keep::default(),
            mail: Mail::default(),
            notify: Notify::default(),
            textfile: None,
        }
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self { bytes: 2 << 30, age_us: 90 * DAY_US, incidents: 500, free_percent: 5 }
    }
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            transport: Transport::Sendmail,
            host: None,
            port: None,
            tls: Tls::Required,
            user: None,
            password_file: None,
            from: None,
            to: Vec::new(),
        }
    }
}

/// Shortest and longest times that may be configured.
pub const DURATIONS_US: std::ops::RangeInclusive<i64> = SECOND_US..=3_650 * DAY_US;
