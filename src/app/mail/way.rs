//! By which way messages go, as it is configured.

use std::path::{Path, PathBuf};

use crate::edge::capture::facts;
use crate::edge::deliver::{attempt, eml, secret, sendmail};
use crate::edge::output;
use crate::edge::store::outbox::{Found, Outbox};
use crate::model::live::attempt::{Job, Outcome, Relay, Step};
use crate::model::live::config::{Config, Mail, Transport};
use crate::model::live::message::{Fate, Fates, Letter};
use crate::model::time::{SECOND_US, WallTime};
use crate::report::{escape, mail};

/// A relay that was resolved so long ago is resolved again.
const RECENT_US: i64 = 600 * SECOND_US;

/// Where messages go.
#[derive(Debug)]
pub(super) enum Way {
    /// Into files of a directory.
    Files(PathBuf),
    /// Into the hands of a local MTA.
    Sendmail(PathBuf),
    /// To a relay.
    Relay(Mail),
}

impl Way {
    /// As configured, unless they are to be files.
    pub(super) fn of(config: &Config, files: Option<&Path>) -> anyhow::Result<Self> {
        match (files, config.mail.transport) {
            (Some(directory), _) => Ok(Self::Files(directory.to_owned())),
            (None, Transport::Smtp) if config.mail.host.is_none() => {
                anyhow::bail!("mail.host: is missing: transport = \"smtp\" needs the relay's name")
            }
            (None, Transport::Smtp) => Ok(Self::Relay(config.mail.clone())),
            (None, Transport::Sendmail) => {
                let program = sendmail::program().ok_or_else(|| {
                    anyhow::anyhow!(
                        "/usr/sbin/sendmail: is not there; install an MTA that queues (postfix, opensmtpd, dma, \
                         nullmailer), or configure mail.transport = \"smtp\""
                    )
                })?;
                Ok(Self::Sendmail(program))
            }
        }
    }

    /// Hands a message over; what became of it, for each recipient. `outbox` remembers where relays are.
    pub(super) fn hand_over(
        &self,
        letter: &Letter,
        outbox: Option<&Outbox>,
        tell: &mut dyn FnMut(&Step),
    ) -> Fates {
        let to = &letter.envelope.to;
        match self {
            Self::Files(directory) => {
                let fate = match eml::write(directory, letter) {
                    Ok(_) => Fate::Taken,
                    Err(error) => Fate::NotNow(format!("{}: {error}", directory.display())),
                };
                Outcome::all(to, &fate).fates
            }
            Self::Sendmail(program) => {
                let fate = sendmail::hand_over(program, &letter.envelope, &letter.bytes, sendmail::PATIENCE);
                Outcome::all(to, &fate).fates
            }
            Self::Relay(settings) => to_relay(settings, letter, outbox, tell),
        }
    }
}

fn to_relay(settings: &Mail, letter: &Letter, outbox: Option<&Outbox>, tell: &mut dyn FnMut(&Step)) -> Fates {
    let host = settings.host.clone().unwrap_or_default();
    let found = outbox.and_then(|outbox| outbox.relay(&host).ok().flatten());
    let now = output::now();
    let recent =
        found.as_ref().is_some_and(|found| (0..RECENT_US).contains(&now.0.saturating_sub(found.resolved.0)));
    let relay = Relay {
        port: settings.port(),
        tls: settings.tls,
        user: settings.user.clone(),
        password: secret::file(settings.password_file.as_deref()),
        known: found.as_ref().map(|found| found.addresses.clone()).unwrap_or_default(),
        recent,
        host: host.clone(),
    };
    let job = Job {
        relay,
        hello: mail::domain(&facts::host_name()),
        envelope: letter.envelope.clone(),
        bytes: letter.bytes.clone(),
        smaller: mail::without_attachments(&letter.bytes),
    };
    let outcome = attempt::run(Path::new(attempt::THIS), &job, attempt::WALL, tell);
    if let (Some(outbox), false) = (outbox, outcome.addresses.is_empty()) {
        let before = found.map_or(WallTime(0), |found| found.resolved);
        let resolved = if outcome.resolved { now } else { before };
        // A relay that is not remembered is asked for again: that is no reason to fail.
        if let Err(error) = outbox.keep_relay(&host, &Found { addresses: outcome.addresses, resolved }) {
            output::complain(&escape::text(&error.to_string()));
        }
    }
    outcome.fates
}
