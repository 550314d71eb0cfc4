//! By which way messages go, as it is configured.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::edge::capture::facts;
use crate::edge::deliver::{Bound, attempt, eml, secret, sendmail};
use crate::edge::output;
use crate::edge::store::outbox::{Found, Outbox};
use crate::model::live::attempt::{Errand, Job, Outcome, Relay, Step};
use crate::model::live::config::{Config, Mail, Transport};
use crate::model::live::message::{Fate, Letter};
use crate::model::time::{SECOND_US, WallTime};
use crate::report::{escape, mail};

/// A relay that was resolved so long ago is resolved again.
const RECENT_US: i64 = 600 * SECOND_US;
/// Asking for it may take so long.
const ASKING: Duration = Duration::from_secs(15);

/// What came of handing a message over.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) outcome: Outcome,
    /// The relay, by its name, and where it was found.
    pub(super) found: Option<(String, Found)>,
}

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

    /// Hands a message over; what became of it, for each recipient. `outbox` remembers where relays are; `stop` says that
    /// it is to end.
    pub(super) fn hand_over(
        &self,
        letter: &Letter,
        outbox: Option<&Outbox>,
        stop: &dyn Fn() -> bool,
        tell: &mut dyn FnMut(&Step),
    ) -> Came {
        let outcome = match self {
            Self::Files(directory) => match eml::write(directory, letter) {
                Ok(_) => Outcome::all(&letter.envelope.to, &Fate::Taken),
                Err(error) => {
                    let fate = Fate::NotNow(format!("{}: {error}", directory.display()));
                    Outcome { shut: true, ..Outcome::all(&letter.envelope.to, &fate) }
                }
            },
            Self::Sendmail(program) => {
                let bound = Bound { wall: sendmail::PATIENCE, stop };
                sendmail::hand_over(program, &letter.envelope, &letter.bytes, &bound)
            }
            Self::Relay(settings) => return to_relay(settings, letter, outbox, stop, tell),
        };
        Came { outcome, found: None }
    }
}

fn to_relay(
    settings: &Mail,
    letter: &Letter,
    outbox: Option<&Outbox>,
    stop: &dyn Fn() -> bool,
    tell: &mut dyn FnMut(&Step),
) -> Came {
    let (relay, before) = relay(settings, outbox);
    let host = relay.host.clone();
    let job = Job {
        relay,
        hello: mail::domain(&facts::host_name()),
        envelope: letter.envelope.clone(),
        bytes: letter.bytes.clone(),
        smaller: mail::without_attachments(&letter.bytes),
    };
    let bound = Bound { wall: attempt::WALL, stop };
    let outcome = attempt::run(Path::new(attempt::THIS), &Errand::Mail(job), &bound, tell);
    let found = found(&outcome, before).map(|found| (host, found));
    Came { outcome, found }
}

/// The relay as configured, and when it was last asked for.
fn relay(settings: &Mail, outbox: Option<&Outbox>) -> (Relay, WallTime) {
    let host = settings.host.clone().unwrap_or_default();
    let found = outbox.and_then(|outbox| outbox.relay(&host).ok().flatten());
    let resolved = found.as_ref().map_or(WallTime(0), |found| found.resolved);
    let relay = Relay {
        port: settings.port(),
        tls: settings.tls,
        user: settings.user.clone(),
        password: secret::file(settings.password_file.as_deref()),
        known: found.map(|found| found.addresses).unwrap_or_default(),
        recent: (0..RECENT_US).contains(&output::clock().0.saturating_sub(resolved.0)),
        host,
    };
    (relay, resolved)
}

fn found(outcome: &Outcome, before: WallTime) -> Option<Found> {
    let resolved = if outcome.resolved { output::clock() } else { before };
    (!outcome.addresses.is_empty()).then(|| Found { addresses: outcome.addresses.clone(), resolved })
}

/// Asks where the relay is while there is nothing to send, if that was long ago: the first message about a full table could
/// not ask any more. Nothing is said if it fails: what is remembered holds.
pub(super) fn refresh(settings: &Mail, outbox: &Outbox, stop: &dyn Fn() -> bool) {
    let (relay, before) = relay(settings, Some(outbox));
    let host = relay.host.clone();
    let is_address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    if host.is_empty() || is_address || relay.recent {
        return;
    }
    // The one that worked last stays first where it is among them.
    let last = relay.known.first().copied();
    let bound = Bound { wall: ASKING, stop };
    let mut outcome = attempt::run(Path::new(attempt::THIS), &Errand::Resolve(relay), &bound, &mut |_| {});
    outcome.addresses.sort_by_key(|address| Some(*address) != last);
    if let Some(found) = found(&outcome, before)
        && let Err(error) = outbox.keep_relay(&host, &found)
    {
        output::complain(&escape::text(&error.to_string()));
    }
}
